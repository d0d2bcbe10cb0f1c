"""What a machine still brings after some years: cited sums, and one curve fitted to them, with its band.

The share of its price when new that a machine brings falls by a constant rate with the age of the *model*, counted from
its first day of sale. Every way of selling (trade-in, used, refurbished) has a level of its own; they share the rate.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, cast

import numpy as np
from pydantic import Field

from spacegrey.decide.decline import COVERAGE, years_between
from spacegrey.decide.items import machine_file, own_id, whole_machine
from spacegrey.decide.offers import load_offers
from spacegrey.decide.quote import quote
from spacegrey.errors import InputError, Refusal, unknown
from spacegrey.machine.catalog import machine_ids
from spacegrey.sourced import CATALOG, Spec, Table, read_spec, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spacegrey.decide.offers import Offers

WAYS = ("trade-in", "used", "refurbished")
"""How a machine can be sold: to its maker, to somebody, and what a dealer then asks for it."""

LEAST_POINTS = 4
"""A way of selling with fewer cited sums has no curve."""

REACH_YEARS = 1.0
"""The curve is asked at most this far beyond the oldest machine that was seen. [year]"""


class TradeIn(Spec):
    """What one owner, or any owner at most, got for a machine on a day."""

    machine: str
    value: Annotated[float, Field(gt=0)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    date: dt.date
    kind: Literal["trade-in"]


@dataclass(frozen=True)
class Point:
    """One sum, as a share of the price when new.

    Attributes
    ----------
    age : float
        Of the model: years since its first day of sale. [year]
    share : float
        The sum over the price when new: of that configuration for offers, of the cheapest one for a trade-in.
    source : str
        Key of sources.bib.
    """

    machine: str
    way: str
    age: float
    share: float
    date: dt.date
    source: str


@dataclass(frozen=True)
class Curve:
    """The fitted share of the price when new, by age and way of selling.

    Attributes
    ----------
    rate : float
        How fast the logarithm of the share falls. [1/year]
    levels : dict of str to float
        Logarithm of the share of a new model, by way of selling.
    sigma : float
        Scatter of the logarithm about the line. [1]
    points : tuple of Point
        What it was fitted to.
    covariance : ndarray
        Of levels (in their order) and rate, for a scatter of 1.
    """

    rate: float
    levels: dict[str, float]
    sigma: float
    points: tuple[Point, ...]
    covariance: np.ndarray

    @property
    def per_year(self) -> float:
        """Change of the share in a year: -0.2 for a fifth less."""
        return math.exp(-self.rate) - 1.0

    def share(self, age: float, way: str = "trade-in") -> tuple[float, float, float]:
        """Return the share of its price when new that a machine brings, with its band.

        Parameters
        ----------
        age : float
            Of the model, from 0. [year]
        way : str
            One of `WAYS`.

        Returns
        -------
        tuple of float
            The share, and the ends of the band that holds `COVERAGE` of such sums (a prediction interval).

        Raises
        ------
        Refusal
            Too few sums of that way of selling, or an age that nobody's machine had.

        Notes
        -----
        ``exp(level - rate age -+ t sigma sqrt(1 + x' C x))``, t Student's, x the row of that way and age, C the inverse
        of the normal matrix. Status: illustrative: one line for all Macs, and sums of one machine hang together.

        Examples
        --------
        >>> line = Curve(math.log(2.0), {"used": 0.0}, 0.0, (), np.zeros((2, 2)))
        >>> line.share(1.0, "used")
        (0.5, 0.5, 0.5)
        """
        if way not in WAYS:
            raise unknown("way of selling", way, WAYS)
        if not math.isfinite(age) or age < 0.0:
            raise InputError(f"age {age:g}: a machine is sold after its model is")
        if way not in self.levels:
            known = ", ".join(self.levels)
            raise Refusal(f"too few cited sums of machines sold {way} to fit a curve; there is one for: {known}")
        oldest = max((point.age for point in self.points), default=math.inf)
        if age > oldest + REACH_YEARS:
            raise Refusal(
                f"the model would be {age:.1f} years old, and cited sums end at {oldest:.1f} years: say what it brings"
            )
        row = np.array([*(float(name == way) for name in self.levels), -age])
        freedom = max(len(self.points) - len(row), 1)
        width = _student(freedom) * self.sigma * math.sqrt(1.0 + float(row @ self.covariance @ row))
        middle = self.levels[way] - self.rate * age
        # The line may begin above 1; nobody pays more than the price when new.
        return min(math.exp(middle), 1.0), min(math.exp(middle - width), 1.0), min(math.exp(middle + width), 1.0)


@dataclass(frozen=True)
class Resale:
    """What a configured machine brings on a day. [currency of its quote]"""

    value: float
    low: float
    high: float
    age: float
    words: str


def resale(
    selector: str,
    on: dt.date,
    offers: Offers | None = None,
    *,
    way: str = "trade-in",
    currency: str = "USD",
    rates: Mapping[str, float] | None = None,
) -> Resale:
    """Return what a machine brings when it is sold.

    Parameters
    ----------
    selector : str
        The configured machine.
    on : date
        The day of the sale.
    offers : Offers, optional
        None: the catalog's. Used and refurbished offers in it are points of the curve.
    way : str
        One of `WAYS`.
    currency, rates
        As `prices.price_on` takes them; shares are of prices in any currency.

    Returns
    -------
    Resale
        The value and the low end count the cheapest configuration of the machine only: Apple's highest sum for any Mac
        Pro was 1,250 USD when one of 52,199 USD brought 970. The high end counts every option.

    Raises
    ------
    InputError
        The day is before the machine was sold.
    Refusal
        No sums of such machines are known, or its price when new is not.

    Examples
    --------
    >>> base, full = (resale(text, dt.date(2021, 12, 14)) for text in ("imac-pro", "imac-pro:18-core"))
    >>> base.value == full.value and base.high < full.high
    True
    """
    offers = load_offers() if offers is None else offers
    bill = quote(selector, None, offers, currency=currency, rates=rates)
    machine_id = selector.partition("+")[0].partition(":")[0].strip()
    spec = machine_file(machine_id).spec
    if not spec.model:
        raise Refusal(f"{spec.name}: no cited sums of used ones are known; say what it brings")
    if spec.on_sale is None:
        raise Refusal(f"{spec.name}: its first day of sale is not known")
    if on < spec.on_sale:
        raise InputError(f"{spec.name} was not sold before {spec.on_sale}: it brings nothing on {on}")
    base = quote(machine_id, None, offers, currency=currency, rates=rates)
    if not base.complete:
        raise Refusal(f"{spec.name}: its price when new is not known in {currency}")
    curve = fit(offers)
    age = years_between(spec.on_sale, on)
    value, low, high = curve.share(age, way)
    beyond = [point for point in curve.points if point.way == way]
    words = (
        f"{value:.0%} of the cheapest one's price when new, by {len(beyond)} cited sums ({way}); band {low:.0%} to "
        f"{high:.0%}, the high end of the whole configuration"
    ).replace("%", " %")
    return Resale(value * base.total, low * base.total, high * bill.total, age, words)


def fit(offers: Offers | None = None) -> Curve:
    """Fit the curve to every cited sum.

    Raises
    ------
    Refusal
        There are too few.
    """
    return _fit(load_offers() if offers is None else offers)


@functools.lru_cache(maxsize=8)
def _fit(offers: Offers) -> Curve:
    return fit_points([*_trade_ins(offers), *_offered(offers)])


def fit_points(points: list[Point]) -> Curve:
    """Fit one rate, and a level for each way of selling, to shares by age (least squares of logarithms).

    Raises
    ------
    Refusal
        No way of selling has enough points, or all have one age.

    Examples
    --------
    >>> day = dt.date(2020, 1, 1)
    >>> halving = [Point("a", "used", float(age), 0.5**age, day, "") for age in range(5)]
    >>> round(fit_points(halving).per_year, 6)
    -0.5
    """
    counts = {way: sum(point.way == way for point in points) for way in WAYS}
    ways = [way for way in WAYS if counts[way] >= LEAST_POINTS]
    used = tuple(point for point in points if point.way in ways)
    if not used or len({round(point.age, 2) for point in used}) < 3:  # noqa: PLR2004 - a line, and something to judge it by
        raise Refusal("too few cited sums of used machines to fit how they fall")
    rows = np.array([[*(float(point.way == way) for way in ways), -point.age] for point in used])
    logs = np.log([point.share for point in used])
    solved = np.linalg.lstsq(rows, logs, rcond=None)[0]
    residuals = logs - rows @ solved
    freedom = max(len(used) - len(solved), 1)
    sigma = math.sqrt(float(residuals @ residuals) / freedom)
    levels = dict(zip(ways, map(float, solved[:-1]), strict=True))
    return Curve(float(solved[-1]), levels, sigma, used, np.linalg.pinv(rows.T @ rows))


def _trade_ins(offers: Offers) -> list[Point]:
    found: list[Point] = []
    for path in sorted((CATALOG / "resale").glob("*.toml")):
        document = read_toml(path)
        for number, table in enumerate(cast("list[Table]", document.data.get("point", []))):
            sum_ = read_spec(TradeIn, table, document, ["point", number])
            if sum_.machine not in machine_ids():
                raise unknown("machine", sum_.machine, machine_ids(), document.place(["point", number, "machine"]))
            new = quote(sum_.machine, None, offers, currency=sum_.currency)
            if new.complete:
                source = sum_.source.get("default", "assumed")
                found += _point(sum_.machine, "trade-in", sum_.value / new.total, sum_.date, source)
    return found


def _offered(offers: Offers) -> list[Point]:
    """Return the used and refurbished offers as points.

    Of those that do not show every option, the cheapest of a machine and a day counts, as the nearest to what its item
    says; and none that is above the price when new, for such a one holds options that nobody sees.
    """
    cheapest: dict[tuple[str, str, dt.date], Point] = {}
    found: list[Point] = []
    for key, several in offers.by_item.items():
        machine_id = whole_machine(key)
        if machine_id is None or machine_id.endswith(".toml"):
            continue
        for offer in several:
            if offer.kind not in {"used", "refurbished"}:
                continue
            new = quote(key, None, offers, currency=offer.currency)
            points = _point(machine_id, offer.kind, offer.price / new.total, offer.date, offer.origin)
            if not new.complete or not points:
                continue
            if offer.options_shown:
                found += points
                continue
            place = (machine_id, offer.kind, offer.date)
            cheapest[place] = min(points[0], cheapest.get(place, points[0]), key=lambda point: point.share)
    return [*found, *(point for point in cheapest.values() if point.share <= 1.0)]


def _point(machine_id: str, way: str, share: float, date: dt.date, source: str) -> list[Point]:
    spec = machine_file(machine_id).spec
    if spec.on_sale is None or not spec.model or date < spec.on_sale:
        return []
    return [Point(own_id(machine_id), way, years_between(spec.on_sale, date), share, date, source)]


@functools.cache
def _student(freedom: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + COVERAGE / 2.0))
