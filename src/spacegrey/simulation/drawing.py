"""Pictures of a run over time and of the runs of a sweep, drawn by matplotlib where it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spacegrey.errors import InputError, unknown
from spacegrey.picture import UNITS, named, over_time, panels
from spacegrey.simulation.trace import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from matplotlib.figure import Figure

    from spacegrey.simulation.trace import Trace

USUAL = ("cpu_clock_ghz", "cpu_temp_c", "gpu_temp_c", "fan_rpm", "noise_dba", "cpu_power_w", "gpu_power_w",
         "wall_power_w")  # fmt: skip
"""Columns that are drawn unless others are asked for."""


def draw(trace: Trace, title: str, names: Sequence[str] = ()) -> Figure:
    """Return a trace drawn over time, one panel for each unit.

    Parameters
    ----------
    trace : Trace
        The run's columns.
    title : str
        Above the picture.
    names : sequence of str
        Columns; `USUAL` if empty.

    Raises
    ------
    InputError
        A column is unknown, or matplotlib is not installed.
    """
    for name in names:
        if name not in trace.columns:
            raise unknown("column", name, trace.columns)
    by_unit: dict[str, list[str]] = {}
    for name in names or USUAL:
        by_unit.setdefault(COLUMNS[name][0], []).append(name)
    made, axes = over_time(len(by_unit))
    made.suptitle(title, fontsize=10)
    for panel, (unit, columns) in zip(axes, by_unit.items(), strict=True):
        for name in columns:
            panel.plot(trace["time_s"], trace[name], linewidth=0.8, label=COLUMNS[name][1])
        panel.set_ylabel(UNITS.get(unit, unit))
        named(panel)
    return made


MOST_COLOURS = 12
"""So many values of a column have a colour each."""
MOST_JOINED = 60
"""So few points are joined by a line, where none stands above another."""


def scatter(table: pa.Table, title: str, x: str, y: str, by: str) -> Figure:
    """Return one column of a table over another, a colour for each value of a third.

    Raises
    ------
    InputError
        A column holds no numbers, there are too many values to tell apart, or matplotlib is not installed.
    """
    groups: dict[str, list[tuple[float, float]]] = {}
    rows = zip(*(table[name].to_pylist() for name in (x, y, by)), strict=True)
    for across, up, which in rows:
        if across is None or up is None:
            continue
        for name, value in ((x, across), (y, up)):
            if isinstance(value, str):
                raise InputError(f"{title}: {name} holds words: a picture needs numbers")
        groups.setdefault(f"{which:g}" if isinstance(which, float) else str(which), []).append((across, up))
    if len(groups) > MOST_COLOURS:
        raise InputError(f"{title}: {by} has {len(groups)} values, and {MOST_COLOURS} can be told apart: take another")
    made, (axis,) = panels(1, height=4.0)
    for name, points in groups.items():
        ordered = sorted(points)
        across, up = [one for one, _ in ordered], [one for _, one in ordered]
        joined = len(across) <= MOST_JOINED and len(set(across)) == len(across)
        size = 3.5 if len(across) <= MOST_JOINED else 1.5
        axis.plot(across, up, "o-" if joined else "o", markersize=size, linewidth=1.0, alpha=0.85, label=name)
    axis.set(xlabel=x, ylabel=y, title=title)
    axis.legend(fontsize=7, title=by, title_fontsize=7)
    return made
