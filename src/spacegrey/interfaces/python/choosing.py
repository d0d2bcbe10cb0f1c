"""`spacegrey.choose` and what it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from spacegrey.decide.availability import parse_day
from spacegrey.decide.choose import choose as chosen_from
from spacegrey.decide.gather import Market
from spacegrey.decide.limits import Limits, parse_must
from spacegrey.decide.money import money
from spacegrey.decide.offers import load_offers
from spacegrey.decide.prices import parse_currency, parse_rates
from spacegrey.decide.reasons import cheaper, no_fit, reasons, step_up
from spacegrey.errors import InputError, Refusal
from spacegrey.interfaces.chosen import as_points, as_sheets
from spacegrey.interfaces.python.tables import arrow
from spacegrey.machine.assembly import Machine
from spacegrey.notebook import card, listed, number, paragraph, table
from spacegrey.units import parse_quantity

if TYPE_CHECKING:
    import datetime as dt

    import pyarrow as pa
    from matplotlib.figure import Figure

    from spacegrey.decide.choose import Choice
    from spacegrey.decide.points import Point

SHOWN = 20
"""So many of a long Pareto set are shown; ``to_arrow()`` has all."""


@dataclass(frozen=True)
class Chosen:
    """Which configuration to take for some work, and why.

    Attributes
    ----------
    made : Choice
        The question, every candidate and the answer, as `spacegrey.decide.choose` has them.
    """

    made: Choice

    def __repr__(self) -> str:
        best = self.recommendation
        return f"Chosen({best.selector if best else 'nothing'!r} of {len(self.made.answer.points):,} for {self._work})"

    @property
    def recommendation(self) -> Point | None:
        """The configuration to take, with its price, speed, noise and energy; None where nothing fits."""
        return self.made.answer.recommendation

    @property
    def machine(self) -> Machine:
        """The machine to take.

        Raises
        ------
        Refusal
            Nothing fits.
        """
        if self.recommendation is None:
            raise Refusal(f"nothing fits: {'; '.join(self.reasons)}")
        return Machine.of(self.recommendation.selector)

    @property
    def reasons(self) -> list[str]:
        """Why it is taken, or what stands in the way, a sentence each."""
        answer, currency = self.made.answer, self.made.market.currency
        return reasons(answer, currency) if answer.recommendation else no_fit(answer, currency)

    @property
    def front(self) -> tuple[Point, ...]:
        """The Pareto set over speed, price, noise and energy, the slowest first."""
        return self.made.answer.front

    def to_arrow(self) -> pa.Table:
        """Return every candidate as an Arrow table, a row each: speed, price, noise, energy, whether it fits."""
        return arrow(as_sheets(self.made)[0])

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:  # noqa: ANN401 - a capsule of C
        """Return the candidates as an Arrow stream, which pandas, polars, DuckDB and others read as it is."""
        return cast("Any", self.to_arrow()).__arrow_c_stream__(requested_schema)

    def plot(self) -> Figure:
        """Return speed over price, a colour for each machine and a line along the best.

        Raises
        ------
        Refusal
            No candidate with a known price is within the limits.
        InputError
            Matplotlib is not installed.
        """
        from spacegrey.interfaces.scatter.picture import draw

        shown = as_points(self.made)
        if not shown.total:
            raise Refusal("nothing to draw: nothing with a known price is within the limits other than the budget")
        return draw(shown)

    def _repr_html_(self) -> str:
        """Return the answer, its reasons and the Pareto set, for a notebook."""
        answer, currency, best = self.made.answer, self.made.market.currency, self.recommendation
        rows = [
            [
                f"{'> ' if one is best else ''}{one.selector}", money(one.price, currency), f"{100.0 * one.speed:.0f}",
                f"{one.noise_dba:.1f}", number(one.energy_wh, 3), f"{one.wall_power_w:.0f}",
            ]
            for one in answer.front[:SHOWN]
        ]  # fmt: skip
        said = [*([f"next step up: {step_up(answer, currency)}"] if best else []),
                *([f"most of it for less: {cheaper(answer)}"] if answer.cheaper else [])]  # fmt: skip
        more = len(answer.front) - len(rows)
        return card(
            f"take {best.selector} ({best.name})" if best else "nothing is recommended",
            f"{self._work}; {len(answer.points):,} configurations; {self.made.when}",
            listed("", [*self.reasons, *said]),
            table(["configuration", ">price", f">speed, {self.made.base} is 100", ">dBA", ">Wh", ">W"], rows),
            paragraph(f"and {more:,} more of the Pareto set" if more > 0 else ""),
        )

    @property
    def _work(self) -> str:
        weights = self.made.workloads.items()
        return ", ".join(name if weight == 1.0 else f"{name} (weight {weight:g})" for name, weight in weights)


def choose(
    workloads: str | Path | Sequence[str | Path] | Mapping[str, float],
    *,
    budget: float | None = None,
    max_noise: float | None = None,
    max_power: float | None = None,
    deadlines: Mapping[str, str | float] | None = None,
    must: str | Sequence[str] = (),
    on: str | dt.date | None = None,
    used: bool = False,
    among: str | Sequence[str] = (),
    base: str = "imac-pro",
    currency: str = "USD",
    rates: Mapping[str, float] | None = None,
    offers: str | Path | None = None,
) -> Chosen:
    """Choose a machine for some work among every configuration that could be bought, and say why.

    Parameters
    ----------
    workloads : str, Path, sequence of them, or mapping of str to float
        Names or files of workloads; with weights, how often each is run and how much its speed counts.
    budget : float, optional
        Highest price. [currency]
    max_noise, max_power : float, optional
        Highest noise and wall power at any moment. [dBA, W]
    deadlines : mapping, optional
        Workload to the longest that one run may take: ``{"xcode-eidolon": "5min"}``. [s]
    must : str or sequence of str
        What it must have: ``"ecc"``, ``"memory>=64GB"``.
    on : str or date, optional
        Only what could be bought on that day; left out: each machine when it was new.
    used : bool
        Used and refurbished offers count too.
    among : str or sequence of str
        Only these machines or selectors.
    base : str
        Whose speed is 100.
    currency : str
        Of prices and budget.
    rates : mapping, optional
        What one unit of other currencies is worth in that one: ``{"EUR": 1.18}``.
    offers : str or Path, optional
        A TOML file with offers of your own.

    Returns
    -------
    Chosen
        ``recommendation``, ``reasons``, ``machine``, ``front``; every candidate as a dataframe.

    Raises
    ------
    InputError
        A name is unknown, or a limit makes no sense or could never be met.
    Refusal
        The base cannot do the work, or nothing could be bought on that day.

    Examples
    --------
    >>> choose("cinebench-r15", budget=5000, among="imac-pro").recommendation.selector
    'imac-pro'
    """
    single = isinstance(workloads, str | Path)
    weights = dict(workloads) if isinstance(workloads, Mapping) else _each(_names(workloads, single=single))
    needs: dict[str, float] = {}
    for name, amount in map(parse_must, _names(must, single=isinstance(must, str))):
        if name in needs:
            raise InputError(f"must {name} is given twice: at least {needs[name]:g} and at least {amount:g}")
        needs[name] = amount
    longest = {
        name: parse_quantity(one, "time", f"deadline of {name}") if isinstance(one, str) else float(one)
        for name, one in (deadlines or {}).items()
    }
    exchange = parse_rates([f"{code}={worth}" for code, worth in (rates or {}).items()], currency)
    market = Market(
        parse_day(on, "on") if isinstance(on, str) else on, load_offers(Path(offers) if offers else None), used,
        parse_currency(currency, "currency"), exchange,
    )  # fmt: skip
    limits = Limits(budget, max_noise, max_power, longest, needs)
    return Chosen(chosen_from(weights, limits, market, _names(among, single=isinstance(among, str)), base))


def _names(given: object, *, single: bool) -> list[str]:
    return [str(given)] if single else [str(one) for one in cast("Sequence[object]", given)]


def _each(names: list[str]) -> dict[str, float]:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"workload {twice[0]!r} is given twice: give it a weight instead, {{{twice[0]!r}: 2}}")
    return dict.fromkeys(names, 1.0)
