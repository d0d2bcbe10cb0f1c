"""What a log shows of the fan's controller: its slowest speed, and the loop that follows the processor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import Bounds, differential_evolution, least_squares

from spacegrey.jit import kernel
from spacegrey.simulation.calibration.bands import correlated_covariance
from spacegrey.simulation.calibration.numbers import Z90, Number, unknown_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spacegrey.logs.log import Log

LEAST_ROWS = 30
MOST_ROWS = 1200
MOVES = 0.1
"""A fan that moves by a smaller share of its highest speed tells nothing of its loop."""
POPULATION, GENERATIONS = 16, 50
LOWEST = 0.1
"""Rows within this share of the fan's range from its slowest are at its slowest."""
CLOSE = 0.10
"""A loop must leave less than this share of the fan's range unexplained."""
BETTER = 0.9
"""A loop with memory must err by so much less than one without."""
WIDEST = 0.25
"""Deviation of a logarithm up to which gain, memory and filter are identified ..."""
WIDEST_K = 3.0
"""... and of the target. [K]"""
SOFT = 0.05
"""Errors beyond this share of the range count less."""
SEED = 2017
STEP = 1e-3

LEAST = ("fan_least", "1/min", "fan at its slowest")
GAIN = ("fan_gain", "1/min/K", "rise of the fan with the processor's filtered temperature above its target")
TARGET = ("fan_target", "degC", "temperature from which the fan rises")
MEMORY = ("fan_integral", "1/min/K/s", "rise of the fan each second for each kelvin above its target")
SLEW = ("fan_slew", "1/min/s", "steepest change of the fan's speed")
FILTER = ("fan_filter", "s", "time over which the fan's controller filters the temperature")
LOOP = (GAIN, TARGET, MEMORY, FILTER, SLEW)
_TARGET, _MEMORY = LOOP.index(TARGET), LOOP.index(MEMORY)


@kernel
def loop_rpm(
    trials: NDArray[np.float64],
    step_s: NDArray[np.float64],
    temp_c: NDArray[np.float64],
    least: float,
    most: float,
    first: float,
    out: NDArray[np.float64],
) -> None:
    """Fill ``out`` (trials, rows) with the speed that a proportional-integral loop asks for. [1/min].

    Parameters
    ----------
    trials : float64, shape (trials, 5)
        Gain [1/min/K], target [degC], integral gain [1/min/K/s], filter [s] and steepest change [1/min/s].
    step_s, temp_c : float64, shape (rows,)
        Time since the row before and the temperature that is followed. [s, degC]
    least, most, first : float
        Between which the fan stays, and where it starts. [1/min]
    out : float64, shape (trials, rows)
        The answer.

    Notes
    -----
    The loop of `parts.cooling.laws`, whose memory stays within the fan's range.
    """
    for trial in range(trials.shape[0]):
        gain, target, memory, slow, slew = trials[trial]
        smooth, kept, rpm = temp_c[0], 0.0, first
        for row in range(len(temp_c)):
            h = step_s[row]
            smooth += (temp_c[row] - smooth) * h / (slow + h) if h > 0.0 else 0.0
            error = smooth - target
            kept = min(max(kept + memory * error * h, 0.0), most - least)
            wanted = min(max(least + kept + gain * error, least), most)
            rpm = min(max(wanted, rpm - slew * h), rpm + slew * h)
            out[trial, row] = rpm


def fan_controller(log: Log) -> list[Number]:
    """Return the numbers of the fan's controller that a log shows, identified or not."""
    rest = LOOP
    why = "fan_rpm not logged" if "fan_rpm" not in log else "too few rows"
    known = np.isfinite(log["fan_rpm"]) & np.isfinite(log["cpu_temp_c"]) if _holds(log) else np.zeros(0, dtype=bool)
    if known.sum() < LEAST_ROWS:
        return [unknown_number(*about, why=why) for about in (LEAST, *rest)]
    time, fan, temp = (log[name][known] for name in ("time_s", "fan_rpm", "cpu_temp_c"))
    low, high = (float(value) for value in np.quantile(fan, [0.02, 0.98]))
    slowest = fan[fan <= low + LOWEST * (high - low)]
    low, wide = float(np.median(slowest)), 1.25 * Z90 * float(np.std(slowest)) / float(np.sqrt(len(slowest)))
    numbers = [Number(LEAST[0], low, low - max(wide, 0.5), low + max(wide, 0.5), *LEAST[1:], identified=True)]
    moving = (fan > low + MOVES * (high - low)) & (fan < high - 0.02 * (high - low))
    if high - low < MOVES * high or moving.sum() < LEAST_ROWS:
        return [*numbers, *(unknown_number(*about, why="the fan hardly moves") for about in rest)]
    each = -(-len(time) // MOST_ROWS)
    return [*numbers, *_loop(time[::each], fan[::each], temp[::each], low, high)]


def _holds(log: Log) -> bool:
    return "fan_rpm" in log and "cpu_temp_c" in log


def _loop(
    time: NDArray[np.float64], fan: NDArray[np.float64], temp: NDArray[np.float64], low: float, high: float
) -> list[Number]:
    step, span = np.diff(time, prepend=time[0]), high - low
    hot = float(np.max(temp))
    cold = float(np.min(temp))
    # logarithms of gain, memory and filter; the target as it is
    begin = np.array([np.log(span / 60.0), cold, np.log(span * 1e-5), np.log(0.5), np.log(span / 600.0)])
    end = np.array([np.log(span * 2.0), hot, np.log(span * 0.02), np.log(90.0), np.log(span / 2.0)])

    def speeds(points: NDArray[np.float64], *, remembers: bool) -> NDArray[np.float64]:
        rows = np.exp(points)
        rows[:, 1] = points[:, 1]
        rows[:, 2] = rows[:, 2] if remembers else 0.0
        out = np.empty((len(points), len(time)))
        loop_rpm(rows, step, temp, low, high, float(fan[0]), out)
        return out / span

    def slopes(point: NDArray[np.float64], *, remembers: bool) -> NDArray[np.float64]:
        seen = speeds(np.vstack([point, point + np.diag(np.full(len(LOOP), STEP))]), remembers=remembers)
        return (seen[1:] - seen[0]).T / STEP

    found: list[tuple[float, NDArray[np.float64], bool]] = []
    for remembers in (False, True):

        def costs(points: Any, kind: bool = remembers) -> Any:  # noqa: ANN401, FBT001 - a batch
            return np.mean(np.abs(speeds(np.ascontiguousarray(points.T), remembers=kind) - fan / span), axis=1)

        rough = differential_evolution(
            costs, Bounds(begin, end), popsize=POPULATION, maxiter=GENERATIONS, vectorized=True,
            updating="deferred", polish=False, rng=np.random.default_rng(SEED), init="sobol",
        )  # fmt: skip

        def misfit(point: NDArray[np.float64], kind: bool = remembers) -> NDArray[np.float64]:  # noqa: FBT001
            return speeds(point[None, :], remembers=kind)[0] - fan / span

        def jacobian_of(point: NDArray[np.float64], kind: bool = remembers) -> NDArray[np.float64]:  # noqa: FBT001
            return slopes(point, remembers=kind)

        best = least_squares(
            misfit, rough.x, jac=jacobian_of, bounds=(begin - 2.0, end + 2.0), loss="soft_l1", f_scale=SOFT,
            x_scale="jac", max_nfev=60,
        )  # fmt: skip
        found.append((float(best.cost), best.x, remembers))
    plain, full = (min((one for one in found if one[2] is kind), key=lambda one: one[0]) for kind in (False, True))
    _, point, remembers = full if full[0] < BETTER**2 * plain[0] else plain
    error: NDArray[np.float64] = speeds(point[None, :], remembers=remembers)[0] - fan / span
    left = float(np.sqrt(np.mean(error**2)))
    if left > CLOSE:
        why = f"a loop on the processor's temperature leaves {left:.0%} of its range unexplained"
        return [unknown_number(*about, why=why) for about in LOOP]
    free = [place for place in range(len(LOOP)) if remembers or place != _MEMORY]
    jacobian = slopes(point, remembers=remembers)[:, free]
    covariance = correlated_covariance(jacobian, error, np.cumsum(step), SOFT)
    spread = dict(zip(free, np.sqrt(np.maximum(np.diag(covariance), 0.0)).tolist(), strict=True))
    numbers: list[Number] = []
    row_s = float(np.median(step[1:]))
    for place, about in enumerate(LOOP):
        if place not in spread:
            numbers.append(Number(about[0], 0.0, 0.0, 0.0, *about[1:], identified=True))
            continue
        wide = Z90 * spread[place]
        at = float(point[place])
        ends = [at, at - wide, at + min(wide, 50.0)]
        value, below, above = ends if place == _TARGET else [float(np.exp(one)) for one in ends]
        # Rows are moments: a filter is told to half a row, a ramp by two ends, each of them to a row.
        apart = row_s / 2.0 if about is FILTER else 2.0 * value**2 * row_s / span if about is SLEW else 0.0
        below, above = below - apart, above + apart
        # A number that moves nothing where the fit ends is not found: the fan hangs on another one there.
        sure = 0.0 < spread[place] < (WIDEST_K if place == _TARGET else WIDEST)
        wider = f"the log leaves it between {below:.3g} and {above:.3g}"
        why = "" if sure else wider if spread[place] > 0.0 else "the fan does not tell it where the fit ends"
        numbers.append(Number(about[0], value, below, above, *about[1:], identified=sure, why=why))
    return numbers
