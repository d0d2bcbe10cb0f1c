"""Like for like, both ways: the same machine out of parts at least cost, and the same price at most speed."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from spacegrey.decide.bids import Given
from spacegrey.decide.checks import Check, check, fits, peak_dc_w
from spacegrey.decide.differences import Difference, differences
from spacegrey.decide.offers import load_offers
from spacegrey.decide.outcomes import outcomes
from spacegrey.decide.quote import Line, Quote, line_of, quote
from spacegrey.decide.search import SETTLED_BY_SPEED, Candidate, Market, candidates
from spacegrey.decide.tipping import Tipping, tipping
from spacegrey.decide.wants import Want, graphics_maker, wants, without
from spacegrey.errors import InputError, Refusal
from spacegrey.machine.assembly import Machine, machine
from spacegrey.workload.library import workload

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping, Sequence

    from spacegrey.decide.offers import Offers

SPEED_OF = ("cinebench-r15", "blender-gpu")
"""What speed is measured on where the caller names nothing: all threads, and the graphics."""

Configuration = tuple[str, tuple[tuple[str, str], ...], int]

WORST_CASE = "all-out"
"""Load that a supply must carry: every core and the graphics at once for half an hour."""


@dataclass(frozen=True)
class Answer:
    """One build and its bill.

    Attributes
    ----------
    selector : str
        What a run simulates.
    drives : int
        Equal drives; two are one stripe.
    components : tuple of str
        Ids of catalog/components.
    lines : tuple of Line
        The bill.
    total, low, high : float
        Sum of the known lines, with the band of prices that were carried in time. [currency]
    complete : bool
        Whether every line has a known price; if not, it costs at least the total.
    differences : tuple of Difference
        One for each thing that the reference has.
    checks : tuple of Check
        Whether the parts go together.
    speed : dict of str to float or None
        Workload to speed relative to the reference; None where either refuses it.
    overall_speed : float or None
        Geometric mean of them.
    peak_dc_w, peak_noise_dba : float or None
        In the worst case. [W], [dBA]
    """

    selector: str
    name: str
    drives: int
    components: tuple[str, ...]
    lines: tuple[Line, ...]
    total: float
    low: float
    high: float
    complete: bool
    differences: tuple[Difference, ...]
    checks: tuple[Check, ...]
    speed: dict[str, float | None]
    overall_speed: float | None
    peak_dc_w: float | None
    peak_noise_dba: float | None

    @property
    def by_group(self) -> dict[str, float]:
        """What each group of the wants costs; board, case, cooler and supply are the tower's."""
        found: dict[str, float] = {}
        for gap in self.differences:
            if gap.price is not None:
                found[gap.group] = found.get(gap.group, 0.0) + gap.price
        rest = self.total - math.fsum(found.values())
        return {"tower": found.pop("tower", 0.0) + rest, **found}

    @property
    def unmet(self) -> tuple[Difference, ...]:
        """What it lacks of what was asked."""
        return tuple(one for one in self.differences if one.asked and not one.met)


@dataclass(frozen=True)
class Match:
    """Both answers for one machine on one day.

    Attributes
    ----------
    reference : Quote
        The machine's own bill.
    reference_noise_dba : float or None
        Its highest noise in the worst case. [dBA]
    workloads : tuple of str
        What speed was measured on.
    dropped : tuple of str
        What was given up.
    same_specification : Answer
        The cheapest equal.
    same_price : Answer or None
        The fastest for no more money; None where there is none.
    why_no_same_price : str
        In words, where there is none.
    tipping : Tipping or None
        Which way it tips; None where a price is unknown.
    """

    reference: Quote
    reference_noise_dba: float | None
    workloads: tuple[str, ...]
    dropped: tuple[str, ...]
    same_specification: Answer
    same_price: Answer | None
    why_no_same_price: str
    tipping: Tipping | None


def match(
    selector: str,
    on: dt.date | None = None,
    *,
    workloads: tuple[str, ...] = (),
    dropped: Iterable[str] = (),
    offers: Offers | None = None,
    currency: str = "USD",
    rates: Mapping[str, float] | None = None,
    through_time: bool = True,
) -> Match:
    """Match a machine with self-built ones.

    Parameters
    ----------
    selector : str
        The machine to match.
    on : date, optional
        The day; None: the first on which it could be ordered.
    workloads : tuple of str
        If given, an equal machine is as fast on each of these, in place of having as many cores, threads and TFLOPS;
        and speed for the same price is measured on them. Else speed is measured on `SPEED_OF`.
    dropped : iterable of str
        Wants, or groups of them, that an equal machine may lack.
    offers, currency, rates
        As `quote.quote` takes them.
    through_time : bool
        Look for the day on which the answer tips.

    Returns
    -------
    Match
        The two answers side by side.

    Raises
    ------
    InputError
        A name is unknown, the day is before the machine was announced, or currencies differ.
    Refusal
        The machine could not be ordered that day, it cannot do the work, or nothing could be built that day.

    Notes
    -----
    Equal means: of what the reference has, a build of that day meets as many things as any can, misses the others by as
    little as any can, and then costs least. What nothing can meet is named. Giving something up leaves all other
    things as they were met, so it never costs more. Status: illustrative; the bill is exact for the catalog's offers.

    Examples
    --------
    >>> found = match("imac-pro", through_time=False)
    >>> found.reference.total, found.same_specification.total > found.reference.total
    (4999.0, True)
    """
    dropped = tuple(dropped)
    reference = machine(selector)
    if reference.spec.components:
        raise InputError(f"{selector!r} is built from parts itself: match a machine that is sold whole")
    offers = load_offers() if offers is None else offers
    bill = quote(selector, on, offers, currency=currency, rates=rates)
    if not bill.available:
        raise Refusal(f"{reference.spec.name}: {bill.availability.partition('; this is')[0]}")
    finder = Finder(reference, workloads, dropped, offers, currency, rates)
    market = Market(offers, bill.on, currency, rates)
    best = finder.same_specification(market)
    if best is None:
        raise Refusal(f"no self-built machine of the catalog goes together from what was in shops on {bill.on}")
    fastest, why = finder.same_price(market, bill, best)
    equal, fast, noise = finder.answers(market, best, fastest)
    tipped = None
    if equal.complete and bill.complete:
        later = functools.partial(finder.total_on, best=best) if through_time else None
        tipped = tipping(bill, equal.lines, equal.total, later)
    return Match(bill, noise, finder.measured, dropped, equal, fast, why, tipped)


class Finder:
    """One reference and what an equal must have; answers for any day."""

    def __init__(
        self,
        reference: Machine,
        workloads: tuple[str, ...],
        dropped: tuple[str, ...],
        offers: Offers,
        currency: str,
        rates: Mapping[str, float] | None,
    ) -> None:
        """Read what is asked, and simulate the reference."""
        self.reference, self.maker = reference, graphics_maker(reference)
        self.workloads, self.measured = workloads, workloads or SPEED_OF
        self.asked_works = [workload(name) for name in self.measured]
        self.wanted = wants(reference, workloads)
        self.everything = frozenset(want.name for want in self.wanted)
        self.left = without(self.wanted, dropped)
        self.offers, self.currency, self.rates = offers, currency, rates
        self._speeds: dict[Configuration, dict[str, float]] = {}
        own = outcomes([reference], self.asked_works)
        if own.refusal:
            raise Refusal(f"{reference.spec.name}: {next(iter(own.refusal.values()))}")
        self._own = {name: float(value) for name, value in zip(self.measured, own.speed[0], strict=True)}

    def same_specification(self, market: Market) -> Candidate | None:
        """Return the cheapest build that equals the reference as far as one can."""
        best = self._first(self.wanted, self.everything, market)
        if best is None or self.left == self.everything:
            return best
        return self._first(self._reached(best), self.left, market)

    def same_price(self, market: Market, bill: Quote, best: Candidate) -> tuple[Candidate | None, str]:
        """Return the fastest build that costs no more than the reference and keeps what is beside the tower."""
        if not bill.complete:
            return None, "not every price of the machine itself is known"
        keep = frozenset(name for name in self.left if not _settled(name))
        found = self._ranked(self._reached(best), keep, market, sped=False)
        payable = [one for one in found if one.complete and one.cost <= bill.total]
        if not payable:
            least = min((one.cost for one in found if one.complete), default=None)
            cheapest = f"the cheapest costs {least:,.0f} {bill.currency}" if least else "none has all prices known"
            money = f"{bill.total:,.0f} {bill.currency}"
            return None, f"no build with its display, ports and equipment costs {money} or less: {cheapest}"
        kept = min(one.key[:2] for one in payable)
        payable = [one for one in payable if one.key[:2] == kept]
        self._simulate(payable)
        return max(payable, key=lambda one: (self.overall_speed(one) or 0.0, -one.cost)), ""

    def total_on(self, day: dt.date, best: Candidate) -> tuple[float, float] | None:
        """Return what the reference and its cheapest equal cost on a day; None where either is not known.

        A day on which no build is as good as `best` was has no equal: displays were out of shops for months.
        """
        try:
            bill = quote(self.reference.selector, day, self.offers, currency=self.currency, rates=self.rates)
        except InputError:
            return None
        if not bill.available or not bill.complete:
            return None
        found = self.same_specification(Market(self.offers, day, self.currency, self.rates))
        if found is None or not found.complete or found.key[:2] > best.key[:2]:
            return None
        return bill.total, found.cost

    def answers(
        self, market: Market, best: Candidate, fastest: Candidate | None
    ) -> tuple[Answer, Answer | None, float | None]:
        """Return the two answers with bills, checks and what the worst case draws and sounds like."""
        chosen = [best, fastest] if fastest is not None else [best]
        self._simulate(chosen)
        builds = [one.build() for one in chosen]
        worst = outcomes([self.reference, *(made.machine for made in builds)], [workload(WORST_CASE)])
        noise, power = worst.noise_dba[:, 0], worst.wall_power_w[:, 0]
        answers: dict[int, Answer] = {}
        for row, (one, made) in enumerate(zip(chosen, builds, strict=True), start=1):
            for_speed = frozenset(filter(_settled, self.left)) if one is fastest else frozenset[str]()
            load_w = peak_dc_w(made.machine, float(power[row])) if math.isfinite(power[row]) else None
            lines = [line_of(item, market.price(item), count) for item, count in made.items]
            speeds = {name: self._relative(one).get(name) for name in self.measured}
            given = {**one.given, **self._speed_given(one)}
            answers[id(one)] = Answer(
                selector=made.machine.selector,
                name=made.machine.name,
                drives=one.drives,
                components=one.components,
                lines=tuple(lines),
                total=math.fsum(line.price for line in lines if line.price is not None),
                low=math.fsum(line.low for line in lines if line.low is not None),
                high=math.fsum(line.high for line in lines if line.high is not None),
                complete=all(line.price is not None for line in lines),
                differences=differences(self.wanted, self.left, given, made, market, for_speed),
                checks=check(made, load_w),
                speed=speeds,
                overall_speed=self.overall_speed(one),
                peak_dc_w=load_w,
                peak_noise_dba=_finite(float(noise[row])),
            )
        return answers[id(best)], answers[id(fastest)] if fastest is not None else None, _finite(float(noise[0]))

    def _first(self, wanted: tuple[Want, ...], must: frozenset[str], market: Market) -> Candidate | None:
        """Return the best build whose parts go together, the supply's load included."""
        for one in self._ranked(wanted, must, market, sped=bool(self.workloads)):
            if fits(check(one.build())):
                return one
        return None

    def _ranked(self, wanted: tuple[Want, ...], must: frozenset[str], market: Market, *, sped: bool) -> list[Candidate]:
        found = candidates(wanted, must, market, self.maker)
        if not sped:
            return found
        self._simulate(found)
        speeds = [want for want in wanted if want.name in must and want.name.startswith("speed:")]
        return sorted((self._with_speed(one, speeds) for one in found), key=lambda one: one.key)

    def _with_speed(self, one: Candidate, speeds: Sequence[Want]) -> Candidate:
        unmet, missed, unknown, cost = one.key
        given = self._speed_given(one)
        for want in speeds:
            value = given[want.name].value if want.name in given else 0.0
            if not want.met_by(value):
                unmet, missed = unmet + 1, round(missed + 1.0 - value / want.least, 9)
        return replace(one, key=(unmet, missed, unknown, cost))

    def _reached(self, best: Candidate) -> tuple[Want, ...]:
        """Return the wants, each asking for no more than the best equal reaches."""
        given = {**best.given, **self._speed_given(best)}
        lowered: list[Want] = []
        for want in self.wanted:
            value = given[want.name].value if want.name in given else 0.0
            lowered.append(want if want.met_by(value) else replace(want, least=value))
        return tuple(lowered)

    def _simulate(self, several: Sequence[Candidate]) -> None:
        new = {_configuration(one): one for one in several if _configuration(one) not in self._speeds}
        if not new:
            return
        found = outcomes([one.build().machine for one in new.values()], self.asked_works)
        for row, key in enumerate(new):
            known = zip(self.measured, found.speed[row], strict=True)
            self._speeds[key] = {name: float(value) for name, value in known if math.isfinite(value)}

    def _relative(self, one: Candidate) -> dict[str, float]:
        own = self._own
        return {name: value / own[name] for name, value in self._speeds.get(_configuration(one), {}).items()}

    def overall_speed(self, one: Candidate) -> float | None:
        """Return the geometric mean of a build's speeds relative to the reference; None where one is refused."""
        speeds = self._relative(one)
        if len(speeds) < len(self.measured):
            return None
        return math.exp(math.fsum(map(math.log, speeds.values())) / len(speeds))

    def _speed_given(self, one: Candidate) -> dict[str, Given]:
        chip = (*one.given["cores"].by, *one.given["graphics-rate"].by)
        return {f"speed:{name}": Given(value, f"{value:.2f}x", chip) for name, value in self._relative(one).items()}


def _configuration(one: Candidate) -> Configuration:
    return one.platform, one.choices, one.drives


def _settled(name: str) -> bool:
    return name in SETTLED_BY_SPEED or name.startswith("speed:")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
