"""The data that a page's plots are drawn from: few enough points, and nothing that stands out is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spacegrey.simulation.kernel.observe import LIMITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spacegrey.interfaces.shown import ShownRun
    from spacegrey.simulation.trace import Trace

MOST_POINTS = 4000
"""A series with more points is drawn from the least and the most of each of half as many stretches."""

# plot -> its columns, in the order of the page
PLOTS = {
    "clock": ("cpu_clock_ghz", "gpu_clock_ghz"),
    "temperature": ("cpu_temp_c", "gpu_temp_c", "cpu_sink_temp_c", "gpu_sink_temp_c", "exhaust_temp_c"),
    "fan": ("fan_rpm", "noise_dba"),
    "power": ("wall_power_w", "cpu_power_w", "gpu_power_w"),
    "busy": ("cpu_busy", "gpu_busy", "storage_busy", "progress"),
}
_DECIMALS = {"clock": 3, "temperature": 2, "fan": 2, "power": 1, "busy": 3}

# How a published quantity names what a plot shows, and a published unit in terms of the plot's.
_CYCLE = {"dip_clock_ghz": "cpu_clock_ghz", "release_c": "cpu_temp_c"}
_UNITS = {
    ("GHz", "clock_ghz"): 1.0,
    ("MHz", "clock_ghz"): 1e-3,
    ("degC", "temp_c"): 1.0,
    ("W", "power_w"): 1.0,
    ("rpm", "rpm"): 1.0,
    ("dBA", "dba"): 1.0,
}


def plot_data(shown: ShownRun) -> dict[str, Any]:
    """Return what the page's script draws, ready for JSON."""
    trace = shown.trace
    columns = {name: _compact(thinned(trace[name]), _DECIMALS[plot]) for plot, names in PLOTS.items() for name in names}
    return {
        "time": _compact(thinned_time(trace["time_s"]), 2),
        "columns": columns,
        "limits": list(LIMITS),
        "limit": segments(trace),
        "phases": _phases(shown.record["phases"]),
        "measured": measured_lines(shown.published),
    }


def thinned(values: NDArray[np.float64], most: int = MOST_POINTS) -> NDArray[np.float64]:
    """Return a series of at most so many points with the least and the most of every stretch in their order.

    Examples
    --------
    >>> thinned(np.array([0.0, 9.0, 1.0, 2.0, -5.0, 3.0]), most=4).tolist()
    [0.0, 9.0, -5.0, 3.0]
    """
    if len(values) <= most:
        return values
    kept: list[float] = []
    for stretch in np.array_split(values, most // 2):
        low, high = int(stretch.argmin()), int(stretch.argmax())
        kept += [float(stretch[min(low, high)]), float(stretch[max(low, high)])]
    return np.array(kept)


def thinned_time(time: NDArray[np.float64], most: int = MOST_POINTS) -> NDArray[np.float64]:
    """Return the times that belong to `thinned` series: the first and the middle of every stretch."""
    if len(time) <= most:
        return time
    return np.array(
        [time_s for stretch in np.array_split(time, most // 2) for time_s in (stretch[0], stretch[len(stretch) // 2])]
    )


def segments(trace: Trace) -> list[list[float]]:
    """Return what limited the work as [from, to, code of the limit], where it changes. [s]."""
    codes, time = trace["limit"], trace["time_s"]
    if np.count_nonzero(np.diff(codes)) > MOST_POINTS:
        every = -(-len(codes) // MOST_POINTS)
        codes, time = codes[::every], time[::every]
    starts = np.concatenate([[0], np.flatnonzero(np.diff(codes)) + 1])
    edges = np.concatenate([[0.0], time[starts[1:] - 1], [float(trace["time_s"][-1])]])
    return [
        [round(float(a), 2), round(float(b), 2), int(codes[start])]
        for a, b, start in zip(edges[:-1], edges[1:], starts, strict=True)
    ]


def measured_lines(published: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the published measurements that a plot can show: column, value in its unit, words."""
    lines: list[dict[str, Any]] = []
    for row in published:
        place, _, rest = row["quantity"].partition(".")
        column, _, statistic = rest.partition(".")
        if place == "cycle":
            column, statistic = _CYCLE.get(column, ""), "dip"
        scale = next(
            (scale for (unit, end), scale in _UNITS.items() if unit == row["unit"] and column.endswith(end)), None
        )
        if (
            scale is not None
            and place in {"summary", "trace", "cycle"}
            and any(column in names for names in PLOTS.values())
        ):
            lines.append({"column": column, "value": row["measured"] * scale, "what": statistic, "id": row["id"]})
    return lines


def _phases(phases: list[dict[str, Any]]) -> list[list[Any]]:
    """Return [from, to, name] of the phases; of very many only the rounds."""
    if len(phases) <= MOST_POINTS // 4:
        return [[round(phase["start_s"], 2), round(phase["end_s"], 2), phase["name"]] for phase in phases]
    rounds: dict[int, list[Any]] = {}
    for phase in phases:
        one = rounds.setdefault(phase["repeat"], [round(phase["start_s"], 2), 0.0, f"round {phase['repeat']}"])
        one[1] = round(phase["end_s"], 2)
    return list(rounds.values()) if len(rounds) <= MOST_POINTS // 4 else []


def _compact(values: NDArray[np.float64], decimals: int) -> list[float] | float:
    """Return values rounded, whole numbers without a point, and a column that never changes as one number."""
    rounded = np.round(values, decimals)
    short = [int(value) if value == int(value) else float(value) for value in rounded]
    return short[0] if len(set(short)) == 1 else short
