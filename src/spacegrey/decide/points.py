"""A configuration as a point among others: how fast, at what price, how loud, on how much energy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.decide.pareto import dominates, pareto

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SPEED_STEP = 0.01
"""Speeds and energies in the same step of 1 % are taken as equal: that is far inside the model's error."""
NOISE_STEP_DBA = 0.1


@dataclass(frozen=True)
class Point:
    """One configuration with its results.

    Attributes
    ----------
    speed : float
        Weighted geometric mean over the workloads, the base is 1.
    speeds, durations_s : tuple of float
        By workload: relative to the base, and the seconds of one run.
    price : float
        Of the whole configuration; where a part of it is unknown, the sum of the others, a lower bound. [currency]
    complete : bool
        Whether the price is known.
    noise_dba, wall_power_w : float
        The highest in any of the workloads; noise at the same distance and in the same room for all.
    energy_wh : float
        From the wall, for one run of each workload times its weight.
    mean_power_w : float
        From the wall, in the mean over the same.
    features : mapping
        What the machine has, by key of `limits.FEATURES`.
    chosen : mapping
        Option to choice.
    price_basis : str
        How the price is known, in words.
    """

    selector: str
    machine_id: str
    name: str
    speed: float
    speeds: tuple[float, ...]
    durations_s: tuple[float, ...]
    price: float
    complete: bool
    noise_dba: float
    energy_wh: float
    wall_power_w: float
    mean_power_w: float
    features: Mapping[str, float]
    chosen: Mapping[str, str]
    price_basis: str = ""

    @property
    def sure_price(self) -> float:
        """The price where it is known, else infinity."""
        return self.price if self.complete else math.inf

    @property
    def speed_step(self) -> int:
        """Its speed in steps of `SPEED_STEP`, above or below the base's."""
        return round(math.log(self.speed) / SPEED_STEP)

    @property
    def speed_per_1000(self) -> float | None:
        """Speed in percent of the base for 1,000 of the currency; None where the price is not known."""
        return 1e5 * self.speed / self.price if self.complete and self.price > 0.0 else None

    @property
    def speed_per_watt(self) -> float:
        """Speed in percent of the base for a watt of mean wall power."""
        return 100.0 * self.speed / self.mean_power_w

    @property
    def speed_per_dba(self) -> float | None:
        """Speed in percent of the base for a dBA of peak noise, which is a level and no amount; None below 1 dBA."""
        return 100.0 * self.speed / self.noise_dba if self.noise_dba >= 1.0 else None


def front(points: Sequence[Point]) -> list[Point]:
    """Return the Pareto set over speed, price, noise and energy, the slowest first.

    Parameters
    ----------
    points : sequence of Point
        All that may be chosen, with known prices.

    Returns
    -------
    list of Point
        Points that no other beats in one of the four without being worse in another. Of points that are equal in all
        four the first stands for all.

    Notes
    -----
    Speed and energy are compared in steps of 1 %, noise in steps of 0.1 dBA.
    """
    if not points:
        return []
    costs = criteria(points)
    kept: dict[tuple[float, ...], Point] = {}
    for one, cost, free in zip(points, costs.tolist(), pareto(costs), strict=True):
        if free:
            kept.setdefault(tuple(cost), one)
    return sorted(kept.values(), key=lambda one: (one.speed, one.price))


def beside(known: Sequence[Point], unknown: Sequence[Point]) -> list[Point]:
    """Return points with a price that is known only from below which no point with a known price is sure to beat.

    The fastest come first; of one machine the fastest stands for all that are not cheaper.
    """
    if not unknown:
        return []
    beaten = np.zeros(len(unknown), dtype=np.bool_)
    if known:
        beaten |= dominates(criteria(known), criteria(unknown)).any(axis=0)
    least: dict[str, float] = {}
    kept: list[Point] = []
    unbeaten = [one for one, worse in zip(unknown, beaten.tolist(), strict=True) if not worse]
    for one in sorted(unbeaten, key=lambda one: (-one.speed, one.price)):
        if one.price < least.get(one.machine_id, math.inf):
            least[one.machine_id] = one.price
            kept.append(one)
    return kept


def criteria(points: Sequence[Point]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return what points are compared by, less is better: slowness, price, noise, energy. Shape (points, 4)."""
    return np.array([
        (
            -one.speed_step,
            one.price,
            round(one.noise_dba / NOISE_STEP_DBA),
            round(math.log(one.energy_wh) / SPEED_STEP),
        )
        for one in points
    ], dtype=np.float64)  # fmt: skip
