"""What a log shows of the power limits: a short one at first, a long one after, and the time between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.simulation.calibration.numbers import Number, unknown_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spacegrey.logs.log import Log

BUSY = 0.95
LEAST_ROWS = 30
TURBO_TAIL_S = 60.0
"""After so long under full load the short power limit is over: Intel's tau is 28 s or 56 s on desktops. [s]"""
STEADY = 0.03
LEAST_EARLY_S, LEAST_LATE_S = 3.0, 15.0
LEAST_FALL = 0.04
"""Share of the power by which it must fall ..."""
CLEAN = 0.25
"""... with a scatter on both sides of less than this share of the fall."""
SLOWER = 0.99
"""A limit takes more than this off the clock."""
SHORTEST_TAU_S, LONGEST_TAU_S = 1.0, 250.0
TAUS = np.geomspace(SHORTEST_TAU_S, LONGEST_TAU_S, 140)
LEVEL_SLACK = 0.01
"""How far off a level of power may be read: power meters of processors are as good as a percent or two. Assumed."""

SHORT = ("short_power", "W", "package in the first seconds of full load, before a limit takes hold: PL2, or the load's")
TAU = ("turbo_tau", "s", "time constant of the moving average that the long limit holds")
SUSTAINED = ("sustained_power", "W", "package under full load after the short limit: PL1, or what the load takes")
HIGHEST = ("highest_clock", "GHz", "highest clock that was seen for some rows")
SET = {
    "cpu_limit_w": ("long_limit", "W", "long power limit (PL1) as the log says it is set"),
    "cpu_short_limit_w": ("short_limit", "W", "short power limit (PL2) as the log says it is set"),
}


@dataclass(frozen=True)
class Fall:
    """A run of full load whose power falls from one level to another.

    Attributes
    ----------
    at_s : float
        When it falls. [s]
    early_w, late_w : float
        Levels. [W]
    early_ghz, hottest_c : float
        Mean clock before the fall and highest temperature around it; NaN where it is not logged.
    """

    at_s: float
    early_w: float
    late_w: float
    early_ghz: float
    hottest_c: float


def turbo(log: Log) -> list[Number]:
    """Return the numbers of clock and power limits that a log shows, identified or not."""
    numbers = [_highest(log), *_set(log)]
    absent = [name for name in ("cpu_power_w", "cpu_busy") if name not in log]
    if absent:
        why = f"{' and '.join(absent)} not logged"
        return [*numbers, *(unknown_number(*about, why=why) for about in (SUSTAINED, SHORT, TAU))]
    falls = limit_falls(log)
    numbers.append(_sustained(log, falls))
    if not falls:
        why = "no full load whose power falls from one level to another"
        return [*numbers, unknown_number(*SHORT, why=why), unknown_number(*TAU, why=why)]
    early = [one.early_w for one in falls]
    slack = LEVEL_SLACK * float(np.median(early))
    numbers.append(
        Number(SHORT[0], float(np.median(early)), min(early) - slack, max(early) + slack, *SHORT[1:], identified=True)
    )
    return [*numbers, _tau(log, falls)]


def _highest(log: Log) -> Number:
    if "cpu_clock_ghz" not in log:
        return unknown_number(*HIGHEST, why="cpu_clock_ghz not logged")
    clock = log["cpu_clock_ghz"]
    clock = clock[np.isfinite(clock)]
    high = float(np.quantile(clock, 0.99))
    return Number(HIGHEST[0], high, high, float(clock.max()), *HIGHEST[1:], identified=True)


def _set(log: Log) -> list[Number]:
    """Return limits that the log itself states; one that changes on the way is none."""
    numbers: list[Number] = []
    for column, about in SET.items():
        if column not in log:
            continue
        seen = log[column][np.isfinite(log[column])]
        low, middle, high = (float(value) for value in np.quantile(seen, [0.02, 0.5, 0.98]))
        still = high - low < STEADY * middle
        why = "" if still else f"it changes on the way, between {low:.4g} and {high:.4g} W"
        numbers.append(Number(about[0], middle, low, high, about[1], about[2], identified=still, why=why))
    return numbers


def _sustained(log: Log, falls: list[Fall]) -> Number:
    if falls:
        late = [one.late_w for one in falls]
        slack, middle = LEVEL_SLACK * float(np.median(late)), float(np.median(late))
        return Number(SUSTAINED[0], middle, min(late) - slack, max(late) + slack, *SUSTAINED[1:], identified=True)
    time, power, busy = log["time_s"], log["cpu_power_w"], log["cpu_busy"]
    tail = _after(time, busy >= BUSY, TURBO_TAIL_S) & np.isfinite(power)
    if tail.sum() < LEAST_ROWS:
        return unknown_number(*SUSTAINED, why=f"no load of all cores for more than {TURBO_TAIL_S:.0f} s")
    low, middle, high = (float(value) for value in np.quantile(power[tail], [0.05, 0.5, 0.95]))
    steady = high - low < 2.0 * STEADY * middle
    why = "" if steady else "the power does not level off: no limit holds it"
    return Number(SUSTAINED[0], middle, low, high, *SUSTAINED[1:], identified=steady, why=why)


def _after(time: NDArray[np.float64], on: NDArray[np.bool_], wait_s: float) -> NDArray[np.bool_]:
    """Return the rows at which a state has lasted for so long."""
    edges = np.concatenate([[True], on[1:] != on[:-1]])
    since = time[np.maximum.accumulate(np.where(edges, np.arange(len(time)), 0))]
    return on & (time - since >= wait_s)


def limit_falls(log: Log) -> list[Fall]:
    """Return where the power of a full load falls from one steady level to another, as a limit makes it.

    Notes
    -----
    Each run of full load is split in two at the place that leaves the least squares. It counts where both sides are
    steady against the fall between them and the clock, where it is logged, falls with it: work that needs less power
    does not slow the clock. A processor that is too hot falls too: `Fall.hottest_c` tells.
    """
    time, power, busy = _seconds(log, ("cpu_power_w", "cpu_busy"))
    on = (busy >= BUSY) & np.isfinite(power)
    bounds = np.flatnonzero(np.diff(np.concatenate([[0], on.astype(np.int8), [0]])))
    found: list[Fall] = []
    for low, high in zip(bounds[::2], bounds[1::2], strict=True):
        # The first row holds some of what was before it.
        fall = _split(time[low + 1 : high], power[low + 1 : high])
        if fall is None:
            continue
        at_s, early_w, late_w = fall
        own = (log["time_s"] >= time[low + 1]) & (log["time_s"] < at_s)
        around = (log["time_s"] >= time[low + 1]) & (log["time_s"] < at_s + LEAST_LATE_S)
        clock, temp = (log.columns.get(name) for name in ("cpu_clock_ghz", "cpu_temp_c"))
        nan = float("nan")
        later = (log["time_s"] >= at_s) & (log["time_s"] <= time[high - 1])
        if clock is not None and not _slows(clock[own], clock[later]):
            continue
        found.append(
            Fall(
                at_s, early_w, late_w,
                float(np.nanmean(clock[own])) if clock is not None and np.isfinite(clock[own]).any() else nan,
                float(np.nanmax(temp[around])) if temp is not None and np.isfinite(temp[around]).any() else nan,
            )
        )  # fmt: skip
    return found


def _slows(before: NDArray[np.float64], after: NDArray[np.float64]) -> bool:
    """Tell whether a clock falls; one that was not read then tells nothing against it."""
    before, after = before[np.isfinite(before)], after[np.isfinite(after)]
    if not before.size or not after.size:
        return True
    return float(np.median(after)) < SLOWER * float(np.median(before))


def _seconds(log: Log, names: tuple[str, ...]) -> list[NDArray[np.float64]]:
    """Return time and columns, rows within a second taken together: a limit holds a mean, and dithers within."""
    time = log["time_s"]
    each = max(round(1.0 / log.period_s), 1) if log.period_s > 0.0 else 1
    rows = len(time) // each * each
    if each == 1:
        return [time, *(log[name] for name in names)]
    means = [log[name][:rows].reshape(-1, each).mean(axis=1) for name in names]
    return [time[:rows].reshape(-1, each)[:, 0], *means]


def _split(time: NDArray[np.float64], power: NDArray[np.float64]) -> tuple[float, float, float] | None:
    """Return when a power falls and its levels before and after; None where it does not.

    Examples
    --------
    >>> _split(np.arange(60.0), np.where(np.arange(60) < 28, 120.0, 95.0))
    (28.0, 120.0, 95.0)
    """
    rows = len(time)
    if rows < 6 or float(time[-1] - time[0]) < LEAST_EARLY_S + LEAST_LATE_S:  # noqa: PLR2004 - three rows a side
        return None
    sums, squares = np.cumsum(power), np.cumsum(power**2)
    count = np.arange(1, rows)
    left = squares[:-1] - sums[:-1] ** 2 / count
    right = squares[-1] - squares[:-1] - (sums[-1] - sums[:-1]) ** 2 / (rows - count)
    fits = (time[1:] - time[0] >= LEAST_EARLY_S) & (time[-1] - time[1:] >= LEAST_LATE_S)
    if not fits.any():
        return None
    place = int(np.argmin(np.where(fits, left + right, np.inf))) + 1
    early, late = float(np.mean(power[:place])), float(np.mean(power[place:]))
    scatter = max(float(np.std(power[:place])), float(np.std(power[place:])))
    if early - late < LEAST_FALL * early or scatter > CLEAN * (early - late):
        return None
    return float(time[place]), early, late


def _tau(log: Log, falls: list[Fall]) -> Number:
    time, power = _seconds(log, ("cpu_power_w",))
    known = np.isfinite(power)
    time, power = time[known], power[known]
    step = float(np.median(np.diff(time)))
    means = np.empty((len(time), len(TAUS)))
    mean = np.full(len(TAUS), power[0])
    for row, (watts, passed) in enumerate(zip(power, np.diff(time, prepend=time[0]), strict=True)):
        mean = mean + (watts - mean) * (1.0 - np.exp(-passed / TAUS))
        means[row] = mean
    found = list[float]()
    for fall in falls:
        for off_s in (0.0, -step, step):
            row = max(min(int(np.searchsorted(time, fall.at_s + off_s)) - 1, len(time) - 1), 0)
            found.extend(
                crossing
                for level in (1.0, 1.0 - LEVEL_SLACK, 1.0 + LEVEL_SLACK)
                if (crossing := _crossing(means[row], level * fall.late_w)) is not None
            )
    # A fall that no moving average explains is another limit's: the heat's, or a program's.
    if len(found) < 5 * len(falls):  # of nine each
        return unknown_number(*TAU, why="no moving average explains when the power falls")
    low, middle, high = min(found), float(np.median(found)), max(found)
    sure = high < 2.0 * low
    why = "" if sure else f"the log leaves it between {low:.3g} and {high:.3g}"
    return Number(TAU[0], middle, low, high, *TAU[1:], identified=sure, why=why)


def _crossing(means: NDArray[np.float64], level_w: float) -> float | None:
    """Return the time constant whose moving average stands at a level; None where none does, or several."""
    above = means > level_w
    turns = np.flatnonzero(above[1:] != above[:-1])
    if len(turns) != 1:
        return None
    place = int(turns[0])
    share = (means[place] - level_w) / (means[place] - means[place + 1])
    return float(np.exp(np.log(TAUS[place]) + share * np.log(TAUS[place + 1] / TAUS[place])))
