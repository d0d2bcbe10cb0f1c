"""Which configuration to take, why, what the next step up buys, and which cheaper machine gives most of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.decide.limits import Constraint, Limits, constraints
from spacegrey.decide.points import Point, beside, front

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

STEP = 0.02
"""A step up is at least 2 % faster."""
MOST = 0.75
"""Most of the speed is at least so much of it."""
MORE_THAN_ITS_PRICE = 0.05
"""A cheaper machine is named where its share of the speed is above its share of the price by at least so much."""

FASTEST, CHEAPEST, BEST_VALUE = "fastest", "cheapest", "best value"


@dataclass(frozen=True)
class Relaxed:
    """One limit that, moved alone, lets something pass: to which value, and the point that passes then."""

    constraint: str
    limit: float
    to: float
    unit: str
    point: Point


@dataclass(frozen=True)
class Answer:
    """What `recommend` found.

    Attributes
    ----------
    rule : {'fastest', 'cheapest', 'best value'}
        What was looked for among those that meet every limit.
    fitting : int
        How many have a known price and meet every limit.
    front : tuple of Point
        The Pareto set of those whose price is known, the slowest first.
    recommendation : Point or None
        None where nothing fits.
    unproven : tuple of Point
        Meet every limit, and no point of the front beats them, if what is not known of their price costs little
        enough. Never recommended. The fastest first.
    step_up : Point or None
        The cheapest that is faster by `STEP` and meets every limit but the budget.
    cheaper : Point or None
        Another machine that gives most of the speed for a smaller share of the price.
    relaxed : tuple of Relaxed
        Where nothing fits: limits that could be moved, the least move first.
    nearest : tuple of (Point, tuple of Constraint)
        Where no single limit is enough: who fails the fewest, and which.
    refused : dict of str to int
        Limit to how many it refuses.
    """

    rule: str
    points: tuple[Point, ...]
    constraints: tuple[Constraint, ...]
    fitting: int
    front: tuple[Point, ...]
    recommendation: Point | None
    unproven: tuple[Point, ...] = ()
    step_up: Point | None = None
    cheaper: Point | None = None
    relaxed: tuple[Relaxed, ...] = ()
    nearest: tuple[Point, tuple[Relaxed, ...]] | None = None
    refused: dict[str, int] = field(default_factory=dict[str, int])


def recommend(points: Sequence[Point], limits: Limits, workloads: Sequence[str], currency: str = "USD") -> Answer:
    """Choose among points.

    Parameters
    ----------
    points : sequence of Point
        Every candidate.
    limits : Limits
        What the buyer asks.
    workloads : sequence of str
        Their names, in the order of `Point.durations_s`.
    currency : str
        Of all prices.

    Returns
    -------
    Answer
        With a budget the fastest that meets every limit (of those in the same step of `points.SPEED_STEP` the
        cheapest). With a deadline and no budget the cheapest that meets every limit. With neither the one with the
        most speed for its price.

    Raises
    ------
    InputError
        A limit makes no sense by itself.

    Notes
    -----
    What has a price that is known only from below is never recommended: no budget is sure to hold it, and no
    comparison of prices is fair with it.
    """
    asked = constraints(limits, points, workloads, currency)
    meets = np.ones(len(points), dtype=np.bool_)
    possible = meets.copy()
    least = np.array([one.price for one in points], dtype=np.float64)
    for one in asked:
        meets &= one.met
        possible &= least <= one.limit if one.name == "budget" else one.met
    fitting = [point for point, yes in zip(points, possible, strict=True) if yes]
    sure = [point for point, yes in zip(points, meets, strict=True) if yes and point.complete]
    rule = FASTEST if limits.budget is not None else CHEAPEST if limits.deadlines_s else BEST_VALUE
    best = _best(sure, rule)
    unproven = beside([one for one in fitting if one.complete], [one for one in fitting if not one.complete])
    return Answer(
        rule,
        tuple(points),
        tuple(asked),
        len(sure),
        tuple(front([one for one in fitting if one.complete])),
        best,
        tuple(unproven),
        _step_up(points, asked, best) if best else None,
        _cheaper(sure, best) if best else None,
        tuple(_relaxed(points, asked)) if best is None else (),
        _nearest(points, asked) if best is None else None,
        {one.name: int(len(points) - one.met.sum()) for one in asked},
    )


def _best(points: Sequence[Point], rule: str) -> Point | None:
    """Return the first in an order of all points, so that leaving out another point changes nothing."""

    def order(one: Point) -> tuple[float | str, ...]:
        first = {FASTEST: (-one.speed_step,), CHEAPEST: (), BEST_VALUE: (-one.speed / max(one.price, 1e-9),)}[rule]
        return (*first, *_cheapest_first(one))

    return min(points, key=order, default=None)


def _cheapest_first(point: Point) -> tuple[float, float, float, str]:
    return (point.price, -point.speed, point.noise_dba, point.selector)


def _step_up(points: Sequence[Point], asked: Sequence[Constraint], best: Point) -> Point | None:
    others = _all_met([one for one in asked if one.name != "budget"], len(points))
    enough = (1.0 + STEP) * best.speed
    faster = [
        point for point, yes in zip(points, others, strict=True) if yes and point.complete and point.speed >= enough
    ]
    return min(faster, key=_cheapest_first, default=None)


def _cheaper(sure: Sequence[Point], best: Point) -> Point | None:
    """Return the point of another machine whose share of the speed is most above its share of the price."""

    def gain(one: Point) -> float:
        return one.speed / best.speed - one.price / best.price

    found = [
        one
        for one in sure
        if one.machine_id != best.machine_id
        and one.price < best.price
        and one.speed >= MOST * best.speed
        and gain(one) >= MORE_THAN_ITS_PRICE
    ]
    return max(found, key=lambda one: (gain(one), -one.price), default=None)


def _all_met(asked: Sequence[Constraint], count: int) -> NDArray[np.bool_]:
    met = np.ones(count, dtype=np.bool_)
    for one in asked:
        met &= one.met
    return met


def _relaxed(points: Sequence[Point], asked: Sequence[Constraint]) -> list[Relaxed]:
    """Return the limits of which each alone, moved, lets something pass; the smallest move first."""
    complete = np.array([one.complete for one in points], dtype=np.bool_)
    found: list[Relaxed] = []
    for one in asked:
        others = _all_met([other for other in asked if other is not one], len(points)) & complete
        values = np.where(others & np.isfinite(one.values), one.values, -np.inf if one.at_least else np.inf)
        if not values.size:
            continue
        best = int(values.argmax() if one.at_least else values.argmin())
        if np.isfinite(values[best]):
            found.append(_moved(one, float(values[best]), points[best]))
    return sorted(found, key=lambda one: abs(math.log(max(one.to, 1e-9) / one.limit)))


def _moved(one: Constraint, value: float, point: Point) -> Relaxed:
    return Relaxed(one.name, one.limit, _rounded(value, at_least=one.at_least), one.unit, point)


def _rounded(value: float, *, at_least: bool) -> float:
    """Return a limit with four figures that the value meets."""
    if value <= 0.0:
        return 0.0
    grain = 10.0 ** (math.floor(math.log10(value)) - 3)
    steps = value / grain
    whole = math.floor(steps + 1e-9) if at_least else math.ceil(steps - 1e-9)
    moved = round(whole * grain, 9)
    if (moved > value) if at_least else (moved < value):
        return value
    return moved


def _nearest(points: Sequence[Point], asked: Sequence[Constraint]) -> tuple[Point, tuple[Relaxed, ...]] | None:
    """Return who fails the fewest limits, by the least in all, and what each of them would have to be."""
    complete = [number for number, one in enumerate(points) if one.complete]
    if not complete or not asked:
        return None

    def far(number: int) -> tuple[int, float]:
        failed = [one for one in asked if not one.met[number]]
        return len(failed), sum(abs(math.log(max(float(one.values[number]), 1e-9) / one.limit)) for one in failed)

    best = min(complete, key=far)
    failed = [one for one in asked if not one.met[best]]
    return points[best], tuple(_moved(one, float(one.values[best]), points[best]) for one in failed)
