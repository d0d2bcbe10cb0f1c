"""What a log shows of the power of work and of leakage besides the heat's way out: settled rows and slopes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spacegrey.simulation.calibration.fan import fan_controller
from spacegrey.simulation.calibration.numbers import Z90, Number, unknown_number
from spacegrey.simulation.calibration.turbo import turbo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from spacegrey.logs.log import Log

BUSY = 0.95
IDLE = 0.10
LEAST_ROWS = 30
LEAST_RISE_K = 8.0
SAME_CLOCK = 0.01
SETTLED_S = 60.0
SETTLED_K = 1.5


def findings(log: Log) -> list[Number]:
    """Return what a log shows of power, turbo and fan, identified or not."""
    return [*turbo(log), *_coefficients(log), _leakage(log), *fan_controller(log), _settled(log)]


def _lacks(log: Log, names: Sequence[str]) -> str:
    absent = [name for name in names if name not in log]
    return f"{' and '.join(absent)} not logged" if absent else ""


def slope(x: NDArray[np.float64], others: Sequence[NDArray[np.float64]], y: NDArray[np.float64]) -> tuple[float, float]:
    """Return the slope of y with x beside others, and its standard deviation with correlated errors."""
    matrix = np.column_stack([x, *others, np.ones(len(x))])
    solved, *_ = np.linalg.lstsq(matrix, y, rcond=None)
    error = y - matrix @ solved
    spread = float(error @ error)
    follows = float(error[1:] @ error[:-1]) / spread if spread > 0.0 else 0.0
    follows = min(max(follows, 0.0), 0.99)
    variance = spread / max(len(y) - matrix.shape[1], 1) * (1.0 + follows) / (1.0 - follows)
    covariance = variance * np.linalg.pinv(matrix.T @ matrix)
    return float(solved[0]), float(np.sqrt(max(covariance[0, 0], 0.0)))


def _coefficients(log: Log) -> list[Number]:
    idle = ("idle_power", "W", "package with nothing to do")
    each = ("power_per_busy_ghz", "W/GHz", "package for each GHz of clock with all cores busy")
    lacks = _lacks(log, ("cpu_power_w", "cpu_busy"))
    if lacks:
        return [unknown_number(*idle, why=lacks), unknown_number(*each, why=lacks)]
    power, busy = log["cpu_power_w"], log["cpu_busy"]
    known = np.isfinite(power) & np.isfinite(busy)
    quiet = known & (busy <= IDLE)
    numbers: list[Number] = []
    if quiet.sum() >= LEAST_ROWS:
        low, middle, high = (float(value) for value in np.quantile(power[quiet], [0.05, 0.5, 0.95]))
        numbers.append(Number(idle[0], middle, low, high, idle[1], idle[2], identified=True))
    else:
        numbers.append(unknown_number(*idle, why=f"fewer than {LEAST_ROWS} rows with less than {IDLE:.0%} busy"))
    lacks = _lacks(log, ("cpu_clock_ghz",))
    if lacks:
        return [*numbers, unknown_number(*each, why=lacks)]
    known &= np.isfinite(log["cpu_clock_ghz"])
    work = (busy * log["cpu_clock_ghz"])[known]
    if known.sum() < LEAST_ROWS or float(np.ptp(work)) < 0.3 * float(work.max()):
        return [*numbers, unknown_number(*each, why="busy cores times clock hardly change")]
    steep, spread = slope(work, (), power[known])
    good = steep > 0.0 and spread < 0.15 * steep
    why = "" if good else "power does not follow busy cores times clock"
    return [*numbers, _banded(each, steep, spread, identified=good, why=why)]


def _banded(about: tuple[str, str, str], value: float, spread: float, *, identified: bool, why: str) -> Number:
    return Number(
        about[0], value, value - Z90 * spread, value + Z90 * spread, about[1], about[2], identified=identified, why=why
    )


def _leakage(log: Log) -> Number:
    about = ("leakage_slope", "W/K", "rise of the package's power with its temperature at one clock and full load")
    lacks = _lacks(log, ("cpu_power_w", "cpu_busy", "cpu_clock_ghz", "cpu_temp_c"))
    if lacks:
        return unknown_number(*about, why=lacks)
    known = warming(log)
    if known.sum() < 2 * LEAST_ROWS:
        return unknown_number(*about, why="too few rows with all cores busy at one clock")
    power, temp = log["cpu_power_w"], log["cpu_temp_c"]
    if float(np.ptp(temp[known])) < LEAST_RISE_K:
        return unknown_number(*about, why=f"no {LEAST_RISE_K:.0f} K of warming at one clock with all cores busy")
    steep, spread = slope(temp[known], (), power[known])
    good = steep > 0.0 and spread < 0.3 * steep
    why = "" if good else "power does not rise with the temperature beyond what chance does"
    return _banded(about, steep, spread, identified=good, why=why)


def warming(log: Log) -> NDArray[np.bool_]:
    """Return the rows with all cores busy at the clock that is usual then; none where that is not logged."""
    names = ("cpu_power_w", "cpu_busy", "cpu_clock_ghz", "cpu_temp_c")
    if _lacks(log, names):
        return np.zeros(len(log), dtype=bool)
    power, busy, clock, temp = (log[name] for name in names)
    known = np.isfinite(power) & np.isfinite(temp) & (busy >= BUSY) & np.isfinite(clock)
    if not known.any():
        return known
    usual = float(np.median(clock[known]))
    return known & (np.abs(clock - usual) < SAME_CLOCK * usual)


def _settled(log: Log) -> Number:
    """Return the resistance that settled windows alone show: a check of the ladder that knows no ladder."""
    about = ("settled_resistance", "K/W", "from settled minutes alone, without a ladder")
    power = log.columns.get("cpu_power_w")
    if power is None or "cpu_temp_c" not in log:
        return unknown_number(*about, why="cpu_power_w or cpu_temp_c not logged")
    time, temp = log["time_s"], log["cpu_temp_c"]
    watts, kelvin = list[float](), list[float]()
    known = np.isfinite(power) & np.isfinite(temp)
    place = (time // SETTLED_S).astype(np.int64)
    for number in np.unique(place[known]):
        rows = np.flatnonzero(known & (place == number))
        third = len(rows) // 3
        if third < 3:  # noqa: PLR2004 - three rows make a mean
            continue
        begin, end = rows[:third], rows[-third:]
        even = abs(float(power[begin].mean() - power[end].mean())) < 0.1 * float(power[rows].mean())
        if even and abs(float(temp[begin].mean() - temp[end].mean())) < SETTLED_K:
            watts.append(float(power[rows].mean()))
            kelvin.append(float(temp[rows].mean()))
    x, y = np.array(watts), np.array(kelvin)
    if len(x) < 4 or float(np.ptp(x)) < 0.2 * float(x.max()):  # noqa: PLR2004 - a line needs more than its two ends
        return unknown_number(*about, why=f"{len(x)} settled minutes, not at powers far enough apart")
    steep, spread = slope(x, (), y)
    good = steep > 0.0 and spread < 0.3 * steep
    return _banded(about, steep, spread, identified=good, why="" if good else "settled minutes do not lie on a line")
