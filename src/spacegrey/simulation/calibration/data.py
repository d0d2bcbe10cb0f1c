"""What a fit takes from a log: power in, temperature out, in segments, with the minutes that it may not see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.errors import InputError, Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spacegrey.logs.log import Log

POWERS = ("cpu_power_w", "system_power_w", "wall_power_w", "cpu_cores_power_w")
"""What may drive a fit, the best first."""
PACKAGE, CORES = "cpu_temp_c", "cpu_cores_temp_c"
"""What may be fitted: the package's reading, which is that of the hottest core, and the mean of the cores."""
FANS = ("fan_rpm", "case_fan_rpm")
BRIDGED_S = 60.0
"""Over a gap up to this long the power is taken to go straight from one end to the other. [s]"""
MOST_SEGMENTS = 6
MOST_ROWS = 1500
ENDS = (0, 2, 5)
"""Columns of which the last of a group is kept: time and temperatures."""
BLOCKS = 10
HELD_OUT = (3, 6, 9)
FOLDS = 3
LEAST_BLOCK_S = 30.0
LEAST_DURATION_S = 120.0
LEAST_ROWS = 30
LEAST_STEP_W = 0.15
"""Power moves by at least this share of its highest ..."""
LEAST_STEP_K = 4.0
"""... and the temperature by so much: less is no step. [K]"""
VARIES = 0.05
LEAST_REST = 0.1
"""What the package takes beside its cores moves by at least this share of the whole, or is not looked at."""
NEVER = 1 << 30
"""No segment is of a later log."""


@dataclass(frozen=True)
class Course:
    """A log ready to be fitted.

    Attributes
    ----------
    time_s, step_s, power_w, rest_w, gpu_w, fan, temp_c : float64, shape (rows,)
        As `ladder.ladder` takes them; ``temp_c`` is what the sensor showed, NaN where it did not.
    start : int64, shape (rows,)
        Number of the segment where one starts, else -1.
    block : int64, shape (rows,)
        Which tenth of the time a row is in.
    held : bool, shape (rows,)
        Rows that judge and are not fitted.
    driver : str
        The power that drives it.
    fan_column : str or None
        The fan that is followed; None: none is logged, or it never changes.
    fan_max_rpm : float
        Its highest speed in the log; where it never changes that speed, where none is logged 0. [1/min]
    has_gpu, has_rest : bool
        Whether the graphics' power, and what the package takes beside its cores, is an input of its own.
    sensor : str
        The reading that is followed.
    package_c : float64, shape (rows,)
        The package's reading; another than ``temp_c`` where the mean of the cores is followed. [degC]
    later : int
        First segment of a later log, where two are taken together.
    """

    time_s: NDArray[np.float64]
    step_s: NDArray[np.float64]
    power_w: NDArray[np.float64]
    rest_w: NDArray[np.float64]
    gpu_w: NDArray[np.float64]
    fan: NDArray[np.float64]
    temp_c: NDArray[np.float64]
    start: NDArray[np.int64]
    first_c: NDArray[np.float64]
    block: NDArray[np.int64]
    held: NDArray[np.bool_]
    driver: str
    fan_column: str | None
    fan_max_rpm: float
    has_gpu: bool
    has_rest: bool
    block_s: float
    dropped_s: float
    sensor: str
    package_c: NDArray[np.float64]
    later: int = NEVER

    @property
    def segments(self) -> int:
        """Number of segments."""
        return int(self.start.max()) + 1

    def folds(self) -> list[NDArray[np.int64]]:
        """Return the tenths that may be left out in turn: neither held out nor the start of a segment."""
        begun = set(self.block[self.start >= 0].tolist()) | set(self.block[self.held].tolist())
        able = np.array([one for one in np.unique(self.block) if one not in begun], dtype=np.int64)
        return [able[one::FOLDS] for one in range(FOLDS) if able[one::FOLDS].size]


def course(log: Log, sensor: str = PACKAGE) -> Course:
    """Return what a fit takes from a log.

    Raises
    ------
    InputError
        Times that do not rise.
    Refusal
        The log has no temperature, no power, no time stamps, is too short, or holds no step.
    """
    place = log.name
    if not (np.diff(log["time_s"]) > 0.0).all() or not np.isfinite(log["time_s"]).all():
        raise InputError(f"{place}: time_s runs backwards or is not a number: a log's times rise from row to row")
    if sensor not in log:
        raise Refusal(f"{place}: no processor temperature is logged: nothing to fit to")
    driver = next((name for name in POWERS if name in log), None)
    if driver is None:
        raise Refusal(f"{place}: no power is logged ({', '.join(POWERS)}): resistances need watts")
    if not log.timed:
        raise Refusal(f"{place}: no time stamps: give the time between rows with --period")
    time, power, temp = log["time_s"], log[driver], log[sensor]
    known = np.isfinite(power) & np.isfinite(temp)
    if known.sum() < LEAST_ROWS or float(np.ptp(time[known])) < LEAST_DURATION_S:
        seconds = float(np.ptp(time[known])) if known.any() else 0.0
        raise Refusal(
            f"{place}: {int(known.sum())} rows with power and temperature over {seconds:.0f} s: "
            f"a fit needs {LEAST_ROWS} rows over {LEAST_DURATION_S:.0f} s"
        )
    refuse_without_step(place, driver, power[known], temp[known])
    fan_column = next((name for name in FANS if name in log and _varies(log[name])), None)
    gpu = driver == "cpu_power_w" and "gpu_power_w" in log and _varies(log["gpu_power_w"])
    gpu = gpu and bool(np.nanmax(log["gpu_power_w"]) > 0.1 * np.nanmax(power))
    columns = [time, power, temp, log["gpu_power_w"] if gpu else np.zeros(len(time))]
    columns.append(log[fan_column] if fan_column else np.ones(len(time)))
    columns.append(log.columns.get(PACKAGE, temp))
    columns.append(_rest(log, driver))
    kept = [column[known] for column in columns]
    for place_, column in enumerate(kept[3:], start=3):
        good = np.isfinite(column)
        kept[place_] = np.interp(kept[0], kept[0][good], column[good])
    edges = _edges(kept[0])
    kept, edges = _thinned(kept, edges)
    steady = next((float(np.nanmedian(log[name])) for name in FANS if name in log), 0.0)
    return _assembled(place, kept, edges, (driver, sensor, fan_column), has_gpu=gpu, steady_rpm=steady)


def _rest(log: Log, driver: str) -> NDArray[np.float64]:
    """Return what the package takes beside its cores, which heats the chip beside its sensors; 0 if it hardly moves."""
    power, cores = log[driver], log.columns.get("cpu_cores_power_w")
    none = np.zeros(len(power))
    if driver != "cpu_power_w" or cores is None or not _varies(power - cores):
        return none
    rest = np.clip(power - cores, 0.0, None)
    moves, whole = (float(np.ptp(np.nanpercentile(one, [5, 95]))) for one in (rest, power))
    return rest if moves > LEAST_REST * whole else none


def joined(before: Course, after: Course) -> Course:
    """Return two courses of one machine as one, whose later part may have another room and another way into the air."""

    def both(name: str) -> NDArray[np.float64]:
        return np.concatenate([getattr(before, name), getattr(after, name)])

    names = ("step_s", "power_w", "rest_w", "gpu_w", "fan", "temp_c", "first_c", "held", "package_c")
    gap = before.time_s[-1] - after.time_s[0] + BRIDGED_S
    return replace(
        before,
        **{name: both(name) for name in names},
        time_s=np.concatenate([before.time_s, after.time_s + gap]),
        start=np.concatenate([before.start, np.where(after.start >= 0, after.start + before.segments, -1)]),
        block=np.concatenate([before.block, after.block + BLOCKS]),
        has_gpu=before.has_gpu and after.has_gpu,
        has_rest=before.has_rest and after.has_rest,
        later=before.segments,
    )


def refuse_without_step(place: str, driver: str, power: NDArray[np.float64], temp: NDArray[np.float64]) -> None:
    """Raise `Refusal` where neither power nor temperature moves enough to tell a resistance."""
    low, high = (float(value) for value in np.percentile(power, [2, 98]))
    cold, hot = (float(value) for value in np.percentile(temp, [0.5, 99.5]))
    if high - low < LEAST_STEP_W * high or hot - cold < LEAST_STEP_K:
        raise Refusal(
            f"{place}: holds no step: {driver} stays within {low:.3g} to {high:.3g} W and the temperature within "
            f"{cold:.0f} to {hot:.0f} °C; log some minutes of idling, of full load, and of idling again"
        )


def _varies(column: NDArray[np.float64]) -> bool:
    known = column[np.isfinite(column)]
    if known.size < LEAST_ROWS or known.size < len(column) // 2:
        return False
    low, high = (float(value) for value in np.percentile(known, [5, 95]))
    return high > 0.0 and high - low > VARIES * high


def _edges(time: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return where segments start: at the first row, and after gaps too long to bridge."""
    return np.concatenate([[0], np.flatnonzero(np.diff(time) > BRIDGED_S) + 1]).astype(np.int64)


def _thinned(
    columns: list[NDArray[np.float64]], edges: NDArray[np.int64]
) -> tuple[list[NDArray[np.float64]], NDArray[np.int64]]:
    """Return neighbours taken together where a log has more rows than a fit needs, segment by segment."""
    rows = len(columns[0])
    each = -(-rows // MOST_ROWS)
    if each == 1:
        return columns, edges
    pieces: list[list[NDArray[np.float64]]] = []
    starts, total = list[int](), 0
    for low, high in zip(edges, [*edges[1:], rows], strict=True):
        count = int(high - low) // each
        if count:
            starts.append(total)
            total += count
            grouped = [column[low : low + count * each].reshape(count, each) for column in columns]
            # A power is the mean over its step; time and temperature are those of the step's end.
            pieces.append([one[:, -1] if at in ENDS else one.mean(axis=1) for at, one in enumerate(grouped)])
    return [np.concatenate(parts) for parts in zip(*pieces, strict=True)], np.array(starts, dtype=np.int64)


def _assembled(
    name: str,
    columns: list[NDArray[np.float64]],
    edges: NDArray[np.int64],
    followed: tuple[str, str, str | None],
    *,
    has_gpu: bool,
    steady_rpm: float,
) -> Course:
    (driver, sensor, fan_column), time = followed, columns[0]
    bounds = list(zip(edges, [*edges[1:], len(time)], strict=True))
    longest = sorted(bounds, key=lambda pair: -(time[pair[1] - 1] - time[pair[0]]))[:MOST_SEGMENTS]
    chosen = sorted(pair for pair in longest if pair[1] - pair[0] >= LEAST_ROWS // 3) or sorted(longest[:1])
    rows: NDArray[np.int64] = np.concatenate([np.arange(int(low), int(high)) for low, high in chosen])
    lost = float(sum(time[high - 1] - time[low] for low, high in bounds if (low, high) not in chosen))
    time, power, temp, gpu, fan, package, rest = (column[rows] for column in columns)
    start = np.full(len(rows), -1, dtype=np.int64)
    first = np.zeros(len(rows))
    step = np.diff(time, prepend=time[0])
    place = 0
    for number, (low, high) in enumerate(chosen):
        start[place], step[place] = number, 0.0
        first[place] = float(np.median(temp[place : place + 3]))
        place += int(high - low)
    bridged = step > 5.0 * float(np.median(step[step > 0.0]))
    before = np.concatenate([[0], np.arange(len(rows) - 1)])
    # A logged power is the mean since the row before; over a gap nobody logged it: the mean of both ends.
    power = np.where(bridged, 0.5 * (power + power[before]), power)
    # Time that counts: the gaps between segments are cut out.
    worked = np.cumsum(step)
    block_s = max(float(worked[-1]) / BLOCKS, LEAST_BLOCK_S)
    block = np.minimum(worked // block_s, BLOCKS - 1).astype(np.int64)
    held = np.isin(block, _held_out(block, start))
    if not held.any():
        raise Refusal(f"{name}: too short between its gaps: no stretch is left to judge a fit by")
    top = float(np.max(fan))
    return Course(
        time, step, power, np.minimum(rest, power), gpu, fan / top, temp, start, first, block, held, driver, fan_column,
        top if fan_column else steady_rpm, has_gpu, bool(np.any(rest > 0.0)), block_s, lost, sensor, package,
    )  # fmt: skip


def _held_out(block: NDArray[np.int64], start: NDArray[np.int64]) -> list[int]:
    """Return which tenths judge: the usual ones, and where a segment starts in one, the last others that may."""
    begun = set(block[start >= 0].tolist())
    able = [one for one in np.unique(block).tolist() if one not in begun]
    usual = [one for one in HELD_OUT if one in able]
    others = [one for one in reversed(able) if one not in usual]
    return (usual + others)[: max(min(len(HELD_OUT), len(able) // 2), len(usual))]
