"""How prices fall with time: one rate per class of parts, fitted to the offers that show one thing at two days.

The logarithm of a thing's price moves as a random walk with a drift that its class shares: between two of its offers
that lie T years apart it changes by ``-rate T`` and a normal error of variance ``sigma^2 T``.
"""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spacegrey.decide.items import class_of

if TYPE_CHECKING:
    import datetime as dt

    from spacegrey.decide.offers import Offer, Offers

LEAST_STEPS, LEAST_ITEMS = 4, 2
"""A rate is fitted from at least so many steps, of at least so many things."""

COVERAGE = 0.8
"""Share of later prices that a band is meant to hold."""

YEAR_DAYS = 365.25
SHORTEST_DAYS = 20
"""Two offers nearer to each other show the scatter between shops, not time."""


@dataclass(frozen=True)
class Decline:
    """The fitted decline of one class of parts.

    Attributes
    ----------
    rate : float
        Drift of the logarithm of the price, positive for falling prices. [1/year]
    sigma : float
        Scatter of the logarithm after one year. [1]
    steps, items : int
        How many pairs of neighbouring offers were fitted, of how many things.
    years : float
        The time that all steps cover together. [year]
    reach : float
        The longest time over which one thing was followed: a price is not carried further. [year]
    """

    name: str
    rate: float
    sigma: float
    steps: int
    items: int
    years: float
    reach: float

    @property
    def per_year(self) -> float:
        """Change of a price in a year as a share: -0.2 for a fifth less."""
        return math.exp(-self.rate) - 1.0

    def factor(self, years: float) -> tuple[float, float, float]:
        """Return what a price is multiplied by after some years, with its band.

        Parameters
        ----------
        years : float
            Time to go; negative: back in time. [year]

        Returns
        -------
        tuple of float
            The factor, and the ends of the band that holds it with `COVERAGE` (a prediction interval).

        Notes
        -----
        ``exp(-rate T -+ t sqrt(sigma^2 |T| + sigma^2 T^2 / years))``: the walk's own scatter, and that of the rate. t
        is Student's, with one degree of freedom less than steps. Status: illustrative; steps are taken as independent.

        Examples
        --------
        >>> halving = Decline("x", math.log(2.0), 0.0, 4, 2, 4.0, 2.0)
        >>> halving.factor(1.0)
        (0.5, 0.5, 0.5)
        """
        width = _student(self.steps - 1) * self.sigma * math.sqrt(abs(years) + years * years / self.years)
        middle = -self.rate * years
        return math.exp(middle), math.exp(middle - width), math.exp(middle + width)

    def between(self, before: float, after: float) -> float:
        """Return the factor of the band's half width between two known prices, so many years from each.

        Examples
        --------
        >>> Decline("x", 0.1, 0.2, 40, 2, 4.0, 2.0).between(0.0, 1.0)
        1.0
        """
        free = before * after / (before + after) if before + after > 0.0 else 0.0
        return math.exp(_student(self.steps - 1) * self.sigma * math.sqrt(free))


def fit(name: str, steps: list[tuple[str, float, float]]) -> Decline | None:
    """Fit the decline of a class to steps between offers.

    Parameters
    ----------
    name : str
        The class.
    steps : list of tuple
        The thing, the years between two of its offers (more than 0), the logarithm of later price over earlier.

    Returns
    -------
    Decline or None
        None where there are too few steps or things: no rate is better than a wrong one.

    Notes
    -----
    Most likely drift of a random walk: all changes over all years. The variance is that of the steps about it, each
    divided by its length.

    Examples
    --------
    >>> half, quarter = math.log(0.5), math.log(0.25)
    >>> fit("x", [("a", 1.0, half), ("a", 1.0, half), ("b", 2.0, quarter), ("b", 1.0, half)]).per_year
    -0.5
    >>> fit("x", [("a", 1.0, half)]) is None
    True
    """
    items = {item for item, _, _ in steps}
    if len(steps) < LEAST_STEPS or len(items) < LEAST_ITEMS:
        return None
    years = sum(length for _, length, _ in steps)
    rate = -sum(change for _, _, change in steps) / years
    variance = sum((change + rate * length) ** 2 / length for _, length, change in steps) / (len(steps) - 1)
    reach = max(sum(length for item, length, _ in steps if item == one) for one in items)
    return Decline(name, rate, math.sqrt(variance), len(steps), len(items), years, reach)


@functools.lru_cache(maxsize=8)
def declines(offers: Offers) -> dict[str, Decline]:
    """Return the fitted decline of every class that the offers support.

    Offers of one currency are compared, new things with new ones (list and street) and used with used: the class
    ``machines-used`` is of whole machines, used and refurbished.
    """
    steps: defaultdict[str, list[tuple[str, float, float]]] = defaultdict(list)
    for item, several in offers.by_item.items():
        name = class_of(item)
        groups: defaultdict[tuple[str, str], list[Offer]] = defaultdict(list)
        for offer in several:
            if name == "machines" and offer.kind not in {"used", "refurbished"}:
                continue
            if offer.price > 0.0 and offer.kind != "rebate":
                old = offer.kind in {"used", "refurbished"}
                groups[f"{name}-used" if old else name, f"{offer.currency} {offer.kind if old else ''}"].append(offer)
        for (group, _), known in groups.items():
            points = by_day(known)
            steps[group] += [
                (item, years_between(first[0], second[0]), math.log(second[1] / first[1]))
                for first, second in _apart(points)
            ]
    fitted = {name: fit(name, found) for name, found in sorted(steps.items())}
    return {name: found for name, found in fitted.items() if found}


def by_day(offers: list[Offer]) -> list[tuple[dt.date, float]]:
    """Return days and prices of offers: of one day the least, as a buyer pays it.

    Only their first days count: that a maker's list stood until later does not say what shops asked meanwhile.
    """
    least: dict[dt.date, float] = {}
    for offer in offers:
        least[offer.date] = min(least.get(offer.date, math.inf), offer.price)
    return sorted(least.items())


def years_between(first: dt.date, second: dt.date) -> float:
    """Return the time from one day to another, negative for the past. [year]"""
    return (second - first).days / YEAR_DAYS


def _apart(points: list[tuple[dt.date, float]]) -> list[tuple[tuple[dt.date, float], tuple[dt.date, float]]]:
    found: list[tuple[tuple[dt.date, float], tuple[dt.date, float]]] = []
    last = points[0] if points else None
    for point in points[1:]:
        if last is not None and (point[0] - last[0]).days >= SHORTEST_DAYS:
            found.append((last, point))
            last = point
    return found


@functools.cache
def _student(freedom: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + COVERAGE / 2.0))
