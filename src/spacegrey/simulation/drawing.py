"""Pictures of a run over time, drawn by matplotlib where it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spacegrey.errors import unknown
from spacegrey.logs.drawing import UNITS, figure
from spacegrey.simulation.trace import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    made, axes = figure(len(by_unit))
    made.suptitle(title, fontsize=10)
    for panel, (unit, columns) in zip(axes, by_unit.items(), strict=True):
        for name in columns:
            panel.plot(trace["time_s"], trace[name], linewidth=0.8, label=COLUMNS[name][1])
        panel.set_ylabel(UNITS.get(unit, unit))
        panel.legend(loc="upper right", fontsize=7)
    return made
