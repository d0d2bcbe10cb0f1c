"""The search for a ladder's numbers: many starts at once through the kernel, the best of them by least squares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import qmc

from spacegrey.simulation.calibration.bands import correlated_covariance, flat
from spacegrey.simulation.calibration.ladder import COLUMNS, ladder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from spacegrey.simulation.calibration.data import Course

STARTS = 256
POLISHED = 3
SOFT_K = 1.5
"""Errors beyond it count less: a spike between two samples is no fault of a ladder. [K]"""
ROOM_C = (5.0, 60.0)
SEED = 2017
FINITE_DIFFERENCE = 1e-4

# name -> (least, most, logarithmic)
BOUNDS: dict[str, tuple[float, float, bool]] = {
    "r1": (1e-3, 30.0, True),
    "r2": (1e-3, 30.0, True),
    "r3": (1e-3, 30.0, True),
    "c1": (0.05, 3e3, True),
    "c2": (0.5, 3e4, True),
    "c3": (2.0, 3e5, True),
    "room": (*ROOM_C, False),
    "fan_exponent": (0.0, 1.5, False),
    "rise_exponent": (0.0, 2.0, False),
    "gpu_k_per_w": (0.0, 1.0, False),
    "air_above": (0.0, 25.0, False),
    "rise_lag": (0.5, 600.0, True),
    "rest_share": (0.0, 1.0, False),
    "later_room": (-15.0, 15.0, False),
    "loss": (-1.5, 1.5, False),
}
# where starts lie: the likely part of the bounds
LIKELY: dict[str, tuple[float, float]] = {
    "r1": (0.05, 2.0),
    "r2": (0.05, 2.0),
    "r3": (0.05, 5.0),
    "c1": (0.5, 50.0),
    "c2": (10.0, 600.0),
    "c3": (100.0, 8000.0),
    "room": (18.0, 45.0),
    "fan_exponent": (0.2, 1.0),
    "rise_exponent": (0.05, 0.8),
    "gpu_k_per_w": (0.0, 0.2),
    "air_above": (0.0, 10.0),
    "rise_lag": (2.0, 60.0),
    "rest_share": (0.3, 1.0),
    "later_room": (-3.0, 3.0),
    "loss": (-0.1, 0.4),
}


@dataclass(frozen=True)
class Shape:
    """Which numbers a fit may choose.

    Attributes
    ----------
    order : int
        Lumps between sensor and room, 1 to 3.
    rises : bool
        Whether the last resistance falls with the rise, perhaps late: buoyancy, or a fan that nobody logged.
    warmed : bool
        Whether the air that the cooler draws is warmer than a room that is known, the more so the slower the fan: other
        parts heat it.
    """

    order: int
    rises: bool
    warmed: bool = False

    def free(self, data: Course, fixed: Sequence[str] = ()) -> list[str]:
        """Return the names of the free numbers, segments' starts last."""
        names = [f"r{one}" for one in range(1, self.order + 1)] + [f"c{one}" for one in range(1, self.order + 1)]
        names.append("air_above" if self.warmed else "room")
        if data.fan_column:
            names.append("fan_exponent")
        if self.rises:
            names.append("rise_exponent")
            names.append("rise_lag")
        if data.has_gpu:
            names.append("gpu_k_per_w")
        if data.has_rest:
            names.append("rest_share")
        if data.later < data.segments:
            names += ["later_room", "loss"]
        if self.order > 1:
            names += [f"start{one}" for one in range(data.segments)]
        return [name for name in names if name not in fixed]

    @property
    def words(self) -> str:
        """The shape in words."""
        lumps = f"{self.order} lump{'s' if self.order > 1 else ''}"
        air = f"{lumps}, air that rises with the heat" if self.rises else lumps
        return f"{air}, warmed by other parts" if self.warmed else air


@dataclass(frozen=True)
class Searched:
    """Numbers that were found.

    Attributes
    ----------
    values : dict of str to float
        By name, in K/W, J/K, degC and 1.
    cost : float
        Mean loss. [K²]
    covariance : float64, shape (free, free)
        Of the free numbers as the search sees them (logarithms of resistances and capacities); NaN where no bands were
        asked for.
    """

    shape: Shape
    names: tuple[str, ...]
    values: dict[str, float]
    cost: float
    covariance: NDArray[np.float64]

    def spread(self, name: str) -> float:
        """Return one standard deviation of a number as the search sees it; infinite if it was not free."""
        if name not in self.names:
            return float("inf")
        place = self.names.index(name)
        return float(np.sqrt(max(self.covariance[place, place], 0.0)))


def bounds_of(name: str) -> tuple[float, float, bool]:
    """Return least, most, and whether a number is searched by its logarithm."""
    return (0.0, 1.0, False) if name.startswith("start") else BOUNDS[name]


def _from(near: Searched, name: str) -> float:
    """Return a number to start from, for a shape that may have a lump more than the one that is near."""
    low, high, _ = bounds_of(name)
    last = near.shape.order
    if name in near.values and name != f"r{last}":
        return near.values[name]
    if name.startswith("r") and name[1:].isdigit():
        return near.values[f"r{last}"] * (1.0 if int(name[1:]) == last else 0.1)
    if name.startswith("c") and name[1:].isdigit():
        return min(near.values[f"c{last}"] * 10.0, high)
    usual = {"rest_share": 0.9, "rise_lag": 2.0, "later_room": 0.0, "loss": 0.0}
    return 0.5 if name.startswith("start") else usual.get(name, low + 0.02 * (high - low))


def _inner(name: str, value: float) -> float:
    return float(np.log(value)) if bounds_of(name)[2] else value


def predicted(found: Searched, data: Course) -> NDArray[np.float64]:
    """Return the temperature that found numbers give at every row. [degC]."""
    point = np.array([[_inner(name, found.values[name]) for name in found.names]])
    rest = {name: value for name, value in found.values.items() if name not in found.names}
    return simulated(trials(point, found.names, data, rest), found.shape.order, data)[0]


def trials(
    points: NDArray[np.float64], names: Sequence[str], data: Course, fixed: dict[str, float]
) -> NDArray[np.float64]:
    """Return the kernel's rows for points of a search."""
    rows = np.zeros((len(points), len(COLUMNS) + data.segments))
    rows[:, :6] = 1.0
    rows[:, COLUMNS.index("rest_share")] = 1.0
    rows[:, COLUMNS.index("air_above")] = 0.0
    rows[:, len(COLUMNS) :] = 0.8
    place = {name: number for number, name in enumerate(COLUMNS)}
    for name, value in fixed.items():
        rows[:, _column(name, place)] = value
    for number, name in enumerate(names):
        rows[:, _column(name, place)] = np.exp(points[:, number]) if bounds_of(name)[2] else points[:, number]
    return rows


def _column(name: str, place: dict[str, int]) -> int:
    return len(COLUMNS) + int(name[5:]) if name.startswith("start") else place[name]


def simulated(rows: NDArray[np.float64], order: int, data: Course) -> NDArray[np.float64]:
    """Return the temperature of every trial at every row. [degC]."""
    out = np.empty((len(rows), len(data.time_s)))
    ladder(
        rows,
        order,
        data.step_s,
        data.power_w,
        data.rest_w,
        data.gpu_w,
        data.fan,
        data.start,
        data.first_c,
        data.later,
        out,
    )
    return out


def search(
    data: Course, shape: Shape, use: NDArray[np.bool_], *, fixed: dict[str, float] | None = None,
    near: Sequence[Searched] = (), starts: int = STARTS, polished: int = POLISHED,
    most_steps: int = 40, banded: bool = False,
) -> Searched:  # fmt: skip
    """Return the best numbers of a shape for the rows that may be used.

    Parameters
    ----------
    use : bool, shape (rows,)
        Rows whose temperature is fitted; the power of the others still drives the ladder.
    fixed : dict, optional
        Numbers that are known, by name.
    near : sequence of Searched
        Fits of this shape to other rows or of smaller shapes, to start from besides.
    starts : int
        Points of a Sobol sequence that are tried at once.
    polished : int
        How many of the best go on to least squares.
    most_steps : int
        Steps of each of them.
    banded : bool
        Whether to work out how sure the numbers are.
    """
    known = fixed or {}
    names = shape.free(data, tuple(known))
    low = np.array([_inner(name, bounds_of(name)[0]) for name in names])
    high = np.array([_inner(name, bounds_of(name)[1]) for name in names])
    likely = [LIKELY.get(name, (0.3, 1.0)) for name in names]
    coldest = float(np.nanmin(data.temp_c))
    high = np.where([name == "room" for name in names], min(ROOM_C[1], coldest + 3.0), high)
    warmest = max(coldest + 3.0 - known.get("room", 0.0), 1.0)
    high = np.where([name == "air_above" for name in names], np.minimum(high, warmest), high)
    begin = np.array([_inner(name, pair[0]) for name, pair in zip(names, likely, strict=True)])
    end = np.minimum([_inner(name, pair[1]) for name, pair in zip(names, likely, strict=True)], high)
    begin = np.minimum(begin, end - 1e-3)
    sampler = qmc.Sobol(len(names), seed=SEED)
    points = begin + sampler.random(starts) * (end - begin)
    for one in near:
        points = np.vstack([points, [_inner(name, _from(one, name)) for name in names]])
    points = np.clip(points, low + 1e-9, high - 1e-9)
    target = data.temp_c[use]

    def misfit(batch: NDArray[np.float64]) -> NDArray[np.float64]:
        return simulated(trials(batch, names, data, known), shape.order, data)[:, use] - target

    def jacobian(point: NDArray[np.float64]) -> NDArray[np.float64]:
        step = np.where(point + FINITE_DIFFERENCE > high, -FINITE_DIFFERENCE, FINITE_DIFFERENCE)
        batch = np.vstack([point, point + np.diag(step)])
        errors = misfit(batch)
        return (errors[1:] - errors[0]).T / step

    errors = np.concatenate([misfit(part) for part in np.array_split(points, max(len(points) // 64, 1))])
    rough = np.mean(2.0 * SOFT_K**2 * (np.sqrt(1.0 + (errors / SOFT_K) ** 2) - 1.0), axis=1)
    rough = np.where(np.isfinite(rough), rough, np.inf)
    best = None
    # Besides the best of all starts, every fit that is near goes on: a larger shape must not miss the smaller one.
    chosen = [*_apart(points, rough, high - low, polished), *points[len(points) - len(near) :]]
    for start in chosen:
        found = least_squares(
            lambda point: misfit(point[None, :])[0], start, jac=jacobian, bounds=(low, high), loss="soft_l1",
            f_scale=SOFT_K, x_scale="jac", max_nfev=most_steps, ftol=1e-6, xtol=1e-6, gtol=1e-8,
        )  # fmt: skip
        if best is None or found.cost < best.cost:
            best = found
    assert best is not None  # noqa: S101 - POLISHED is at least 1
    values = {
        name: float(np.exp(value) if bounds_of(name)[2] else value) for name, value in zip(names, best.x, strict=True)
    }
    covariance = np.full((len(names), len(names)), np.nan)
    if banded:
        residual, worked_s = misfit(best.x[None, :])[0], np.cumsum(data.step_s)[use]
        covariance = correlated_covariance(jacobian(best.x), residual, worked_s, SOFT_K, flat(target))
    return Searched(shape, tuple(names), {**known, **values}, float(2.0 * best.cost / len(target)), covariance)


def _apart(
    points: NDArray[np.float64], cost: NDArray[np.float64], span: NDArray[np.float64], most: int
) -> list[NDArray[np.float64]]:
    """Return the best starts that do not lie beside each other."""
    chosen: list[NDArray[np.float64]] = []
    for place in np.argsort(cost):
        if all(np.linalg.norm((points[place] - other) / span) > 0.1 * np.sqrt(len(span)) for other in chosen):
            chosen.append(points[place])
        if len(chosen) == most:
            break
    return chosen
