"""Which way a match tips, how far prices must move to tip it, and when they did."""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spacegrey.decide.items import class_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from spacegrey.decide.quote import Line, Quote

STEP_DAYS, HORIZON_DAYS = 92, 4 * 365
EVEN = 0.005
"""Two bills that differ by less than this share are even."""


@dataclass(frozen=True)
class Share:
    """How far the prices of one class of things must fall, with all others as they are, to tip the match.

    Attributes
    ----------
    name : str
        The class: ``memory``, ``displays``.
    total : float
        What the match pays for it. [currency]
    fall : float or None
        Share of it, 0 to 1; None where it is not enough even for nothing.
    """

    name: str
    total: float
    fall: float | None


@dataclass(frozen=True)
class Tipping:
    """Which way the same specification tips.

    Attributes
    ----------
    cheaper : str
        ``match``, ``reference`` or ``even``.
    difference : float
        Match less reference. [currency]
    fall : float
        Share by which all prices of the match must fall to be even; negative: by which they may rise.
    classes : tuple of Share
        The same for one class alone, the largest first; empty where the match is cheaper.
    tips_on : date or None
        First day, to the month, on which the other one is cheaper; None: on no day that prices are known for.
    looked_until : date or None
        The last day that was looked at with both prices known.
    course : tuple of (date, float, float)
        Days, price of the reference, price of its cheapest match.
    words : str
        All of it in a sentence or two.
    """

    cheaper: str
    difference: float
    fall: float
    classes: tuple[Share, ...]
    tips_on: dt.date | None
    looked_until: dt.date | None
    course: tuple[tuple[dt.date, float, float], ...]
    words: str


def tipping(
    bill: Quote,
    lines: tuple[Line, ...],
    total: float,
    total_on: Callable[[dt.date], tuple[float, float] | None] | None,
) -> Tipping:
    """Return which way two bills tip.

    Parameters
    ----------
    bill : Quote
        Of the reference.
    lines : tuple of Line
        Of the match, every one with a price.
    total : float
        Their sum. [currency]
    total_on : callable, optional
        Both totals on another day, None where one is not known; left out: no look through time.
    """
    difference = total - bill.total
    state = _state(bill.total, total)
    sums: defaultdict[str, float] = defaultdict(float)
    for line in lines:
        sums[class_of(line.item.rpartition(" x ")[2])] += line.price or 0.0
    classes = [
        Share(name, paid, difference / paid if 0.0 < difference <= paid else None)
        for name, paid in sorted(sums.items(), key=lambda pair: -pair[1])
        if paid > 0.0
    ]
    course = _course(bill.on, total_on, (bill.total, total)) if total_on else []
    tips_on = None
    if total_on and state != "even":
        tips_on = _crossing(course, state, total_on)
    return Tipping(
        cheaper=state,
        difference=difference,
        fall=difference / total if total else 0.0,
        classes=tuple(classes) if difference > 0.0 else (),
        tips_on=tips_on,
        looked_until=course[-1][0] if len(course) > 1 else None,
        course=tuple(course),
        words=_words(bill, state, difference, total, classes, tips_on, course),
    )


def _state(reference: float, match: float) -> str:
    if abs(match - reference) <= EVEN * max(reference, match):
        return "even"
    return "match" if match < reference else "reference"


def _course(
    start: dt.date, total_on: Callable[[dt.date], tuple[float, float] | None], now: tuple[float, float]
) -> list[tuple[dt.date, float, float]]:
    """Return the totals every quarter from a day on, for as long as both are known."""
    found = [(start, *now)]
    for days in range(STEP_DAYS, HORIZON_DAYS, STEP_DAYS):
        day = start + dt.timedelta(days=days)
        both = total_on(day)
        if both is not None:
            found.append((day, *both))
    return found


def _crossing(
    course: list[tuple[dt.date, float, float]],
    state: str,
    total_on: Callable[[dt.date], tuple[float, float] | None],
) -> dt.date | None:
    """Return the first day on which the other one is cheaper, to the month."""
    other = "match" if state == "reference" else "reference"
    after = next((day for day, *both in course if _state(both[0], both[1]) == other), None)
    if after is None:
        return None
    low, high = max(day for day, *_ in course if day < after), after
    while (high - low).days > 30:  # noqa: PLR2004 - a month
        middle = low + (high - low) // 2
        both = total_on(middle)
        if both is not None and _state(*both) == other:
            high = middle
        else:
            low = middle
    return high


def _words(
    bill: Quote,
    state: str,
    difference: float,
    total: float,
    classes: list[Share],
    tips_on: dt.date | None,
    course: list[tuple[dt.date, float, float]],
) -> str:
    money = f"{abs(difference):,.0f} {bill.currency}"
    if state == "even":
        return f"The two cost the same within {EVEN:.1%}.".replace("%", " %")
    share = math.fabs(difference) / total
    if state == "match":
        said = f"The match costs {money} less; all its prices could rise by {share:.0%} before the machine is cheaper"
    else:
        alone = [f"{one.name} by {one.fall:.0%}" for one in classes if one.fall is not None]
        said = f"The match costs {money} more; all its prices must fall by {share:.0%} to tip it"
        said += f", or those of one class alone: {', '.join(alone)}" if alone else "; no class alone is enough"
    said = said.replace("%", " %") + "."
    if tips_on is not None:
        return f"{said} By prices on record and their fitted decline it tips about {tips_on:%B %Y}."
    if len(course) > 1:
        return f"{said} It does not tip by {course[-1][0]:%B %Y}, the last month with all prices known."
    return said
