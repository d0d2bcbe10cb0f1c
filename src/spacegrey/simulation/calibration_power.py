"""What a log shows of power, turbo and fan besides the heat's way out: settled rows, plateaus and slopes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spacegrey.simulation.calibration_numbers import Z90, Number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from spacegrey.logs.log import Log

BUSY = 0.95
IDLE = 0.10
LEAST_ROWS = 30
TURBO_TAIL_S = 60.0
"""After so long under full load the short power limit is over: Intel's tau is 28 s or 56 s on desktops. [s]"""
STEADY = 0.03
LEAST_RISE_K = 8.0
SETTLED_S = 60.0
SETTLED_K = 1.5
NAN = float("nan")


def findings(log: Log) -> list[Number]:
    """Return what a log shows of power, turbo and fan, identified or not."""
    return [*_turbo(log), *_coefficients(log), _leakage(log), *_fan_curve(log), _settled(log)]


def _unknown(name: str, unit: str, meaning: str, why: str) -> Number:
    return Number(name, NAN, NAN, NAN, unit, meaning, identified=False, why=why)


def _lacks(log: Log, names: Sequence[str]) -> str:
    absent = [name for name in names if name not in log]
    return f"{' and '.join(absent)} not logged" if absent else ""


def _slope(
    x: NDArray[np.float64], others: Sequence[NDArray[np.float64]], y: NDArray[np.float64]
) -> tuple[float, float]:
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


def _turbo(log: Log) -> list[Number]:
    about = ("sustained_power", "W", "package under full load after the short limit: PL1, or what the load takes")
    top = ("highest_clock", "GHz", "highest clock that was seen for some rows")
    numbers: list[Number] = []
    if "cpu_clock_ghz" in log:
        clock = log["cpu_clock_ghz"]
        clock = clock[np.isfinite(clock)]
        high = float(np.quantile(clock, 0.99))
        numbers.append(Number(top[0], high, high, float(clock.max()), top[1], top[2], identified=True))
    else:
        numbers.append(_unknown(*top, why="cpu_clock_ghz not logged"))
    lacks = _lacks(log, ("cpu_power_w", "cpu_busy"))
    if lacks:
        return [*numbers, _unknown(*about, why=lacks)]
    time, power, busy = log["time_s"], log["cpu_power_w"], log["cpu_busy"]
    tail = _after(time, busy >= BUSY, TURBO_TAIL_S) & np.isfinite(power)
    if tail.sum() < LEAST_ROWS:
        return [*numbers, _unknown(*about, why=f"no load of all cores for more than {TURBO_TAIL_S:.0f} s")]
    low, middle, high = (float(value) for value in np.quantile(power[tail], [0.05, 0.5, 0.95]))
    steady = high - low < 2.0 * STEADY * middle
    why = "" if steady else "the power does not level off: no limit holds it"
    return [*numbers, Number(about[0], middle, low, high, about[1], about[2], identified=steady, why=why)]


def _after(time: NDArray[np.float64], on: NDArray[np.bool_], wait_s: float) -> NDArray[np.bool_]:
    """Return the rows at which a state has lasted for so long."""
    since, rows = NAN, np.zeros(len(time), dtype=bool)
    for place, (now, is_on) in enumerate(zip(time, on, strict=True)):
        since = (since if since == since else now) if is_on else NAN  # noqa: PLR0124 - not NaN
        rows[place] = bool(is_on) and now - since >= wait_s
    return rows


def _coefficients(log: Log) -> list[Number]:
    idle = ("idle_power", "W", "package with nothing to do")
    each = ("power_per_busy_ghz", "W/GHz", "package for each GHz of clock with all cores busy")
    lacks = _lacks(log, ("cpu_power_w", "cpu_busy"))
    if lacks:
        return [_unknown(*idle, why=lacks), _unknown(*each, why=lacks)]
    power, busy = log["cpu_power_w"], log["cpu_busy"]
    known = np.isfinite(power) & np.isfinite(busy)
    quiet = known & (busy <= IDLE)
    numbers: list[Number] = []
    if quiet.sum() >= LEAST_ROWS:
        low, middle, high = (float(value) for value in np.quantile(power[quiet], [0.05, 0.5, 0.95]))
        numbers.append(Number(idle[0], middle, low, high, idle[1], idle[2], identified=True))
    else:
        numbers.append(_unknown(*idle, why=f"fewer than {LEAST_ROWS} rows with less than {IDLE:.0%} busy"))
    lacks = _lacks(log, ("cpu_clock_ghz",))
    if lacks:
        return [*numbers, _unknown(*each, why=lacks)]
    known &= np.isfinite(log["cpu_clock_ghz"])
    work = (busy * log["cpu_clock_ghz"])[known]
    if known.sum() < LEAST_ROWS or float(np.ptp(work)) < 0.3 * float(work.max()):
        return [*numbers, _unknown(*each, why="busy cores times clock hardly change")]
    slope, spread = _slope(work, (), power[known])
    good = slope > 0.0 and spread < 0.15 * slope
    why = "" if good else "power does not follow busy cores times clock"
    return [*numbers, _banded(each, slope, spread, identified=good, why=why)]


def _banded(about: tuple[str, str, str], value: float, spread: float, *, identified: bool, why: str) -> Number:
    return Number(
        about[0], value, value - Z90 * spread, value + Z90 * spread, about[1], about[2], identified=identified, why=why
    )


def _leakage(log: Log) -> Number:
    about = ("leakage_slope", "W/K", "rise of the package's power with its temperature at one clock and full load")
    lacks = _lacks(log, ("cpu_power_w", "cpu_busy", "cpu_clock_ghz", "cpu_temp_c"))
    if lacks:
        return _unknown(*about, why=lacks)
    power, busy, clock, temp = (log[name] for name in ("cpu_power_w", "cpu_busy", "cpu_clock_ghz", "cpu_temp_c"))
    known = np.isfinite(power) & np.isfinite(temp) & (busy >= BUSY) & np.isfinite(clock)
    if known.sum() < 2 * LEAST_ROWS:
        return _unknown(*about, why="too few rows with all cores busy")
    usual = float(np.median(clock[known]))
    known &= np.abs(clock - usual) < 0.01 * usual
    if known.sum() < 2 * LEAST_ROWS or float(np.ptp(temp[known])) < LEAST_RISE_K:
        return _unknown(*about, why=f"no {LEAST_RISE_K:.0f} K of warming at one clock with all cores busy")
    slope, spread = _slope(temp[known], (), power[known])
    good = slope > 0.0 and spread < 0.3 * slope
    why = "" if good else "power does not rise with the temperature beyond what chance does"
    return _banded(about, slope, spread, identified=good, why=why)


def _fan_curve(log: Log) -> list[Number]:
    least = ("fan_least", "1/min", "fan at its slowest")
    gain = ("fan_gain", "1/min/K", "rise of the fan with the processor's temperature, above its slowest")
    if "fan_rpm" not in log:
        return [_unknown(*least, why="fan_rpm not logged"), _unknown(*gain, why="fan_rpm not logged")]
    fan, temp = log["fan_rpm"], log["cpu_temp_c"] if "cpu_temp_c" in log else np.full(len(log), NAN)
    known = np.isfinite(fan) & np.isfinite(temp)
    if known.sum() < LEAST_ROWS:
        return [_unknown(*least, why="too few rows"), _unknown(*gain, why="too few rows")]
    low, high = (float(value) for value in np.quantile(fan[known], [0.02, 0.98]))
    numbers = [Number(least[0], low, low, low, least[1], least[2], identified=True)]
    moving = known & (fan > low + 0.1 * (high - low)) & (fan < high - 0.02 * (high - low))
    if high - low < 0.1 * high or moving.sum() < LEAST_ROWS:
        return [*numbers, _unknown(*gain, why="the fan hardly moves")]
    time = log["time_s"]
    best: tuple[float, float, float] | None = None
    for filter_s in (0.0, 5.0, 15.0, 30.0, 60.0):
        smooth = _smoothed(time[known], temp[known], filter_s)[moving[known]]
        slope, spread = _slope(smooth, (), fan[moving])
        if best is None or spread / max(abs(slope), 1e-9) < best[1] / max(abs(best[0]), 1e-9):
            best = (slope, spread, filter_s)
    slope, spread, filter_s = best or (0.0, 1.0, 0.0)
    good = slope > 0.0 and spread < 0.2 * slope
    about = (gain[0], gain[1], f"{gain[2]}; filtered over {filter_s:.0f} s")
    why = "" if good else "the fan does not follow the processor's temperature"
    return [*numbers, _banded(about, slope, spread, identified=good, why=why)]


def _smoothed(time: NDArray[np.float64], values: NDArray[np.float64], filter_s: float) -> NDArray[np.float64]:
    if filter_s == 0.0:
        return values
    smooth = values.copy()
    for row in range(1, len(values)):
        step = time[row] - time[row - 1]
        smooth[row] = (smooth[row - 1] * filter_s + values[row] * step) / (filter_s + step)
    return smooth


def _settled(log: Log) -> Number:
    """Return the resistance that settled windows alone show: a check of the ladder that knows no ladder."""
    about = ("settled_resistance", "K/W", "from settled minutes alone, without a ladder")
    power = log.columns.get("cpu_power_w")
    if power is None or "cpu_temp_c" not in log:
        return _unknown(*about, why="cpu_power_w or cpu_temp_c not logged")
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
        return _unknown(*about, why=f"{len(x)} settled minutes, not at powers far enough apart")
    slope, spread = _slope(x, (), y)
    good = slope > 0.0 and spread < 0.3 * slope
    return _banded(about, slope, spread, identified=good, why="" if good else "settled minutes do not lie on a line")
