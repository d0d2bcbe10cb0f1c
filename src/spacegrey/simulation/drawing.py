"""Pictures of a run over time and of the runs of a sweep, drawn by matplotlib where it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spacegrey.errors import InputError, unknown
from spacegrey.picture import UNITS, named, over_time, panels
from spacegrey.simulation.run import simulate
from spacegrey.simulation.trace import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from matplotlib.figure import Figure

    from spacegrey.simulation.quietest import Quietest
    from spacegrey.simulation.settling import Forecast
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


def draw_forecast(forecast: Forecast, names: Sequence[str] = ()) -> Figure:
    """Return how the quantities of a forecast settle: each as it swings, its level, and when it is reached.

    Raises
    ------
    InputError
        A quantity is unknown, or matplotlib is not installed.
    """
    run, settled = forecast.run, forecast.settled
    for name in names:
        if name not in settled:
            raise unknown("quantity", name, settled, "forecast")
    trace = run.trace
    shown = trace["time_s"] <= forecast.shown_s
    by_unit: dict[str, list[str]] = {}
    for name in names or settled:
        by_unit.setdefault(COLUMNS[name][0], []).append(name)
    made, axes = over_time(len(by_unit))
    made.suptitle(f"{run.workload.name} on {run.machine.spec.name}, {run.machine.ambient_c:g} °C", fontsize=10)
    for panel, (unit, columns) in zip(axes, by_unit.items(), strict=True):
        for number, name in enumerate(columns):
            one, colour = settled[name], f"C{number}"
            label = f"{COLUMNS[name][1]}: {one.level:,.4g}"
            panel.plot(trace["time_s"][shown], trace[name][shown], color=colour, linewidth=0.8, label=label)
            panel.axhline(one.level, color=colour, linewidth=0.8, linestyle=":")
            if one.after_s is not None and 0.0 < one.after_s <= forecast.shown_s:
                panel.plot([one.after_s], [one.level], "o", color=colour, markersize=4)
        panel.set_ylabel(UNITS.get(unit, unit))
        named(panel)
    return made


def draw_quiet(found: Quietest) -> Figure:
    """Return a fan curve over temperature, and noise and the hotter chip over time with it and without."""
    asked, quieter, curve = found.asked, found.machine, found.best.curve
    made, (across, noise, heat) = panels(3, height=6.4)
    made.suptitle(f"{found.workload.name} on {asked.spec.name}: {found.best.speed:.1%} of the speed", fontsize=10)
    if curve:
        ends = min(30.0, curve.low_c), max(100.0, curve.high_c)
        places = [(ends[0], curve.low_rpm), (curve.low_c, curve.low_rpm), (curve.high_c, curve.high_rpm)]
        across.plot(*zip(*places, (ends[1], curve.high_rpm), strict=True), color="C0", linewidth=1.2)
    across.set(xlabel="hotter chip, °C", ylabel="rpm", ylim=(0.0, 1.05 * asked.cooling.fans.automatic_maximum_rpm))
    noise.sharex(heat)
    noise.tick_params(labelbottom=False)
    for machine, one, label, colour in (
        (asked, found.own, "as it is", "C1"),
        (quieter, found.best, "with the curve", "C0"),
    ):
        trace = simulate(found.workload, machine).trace
        said = f"{label}: {one.noise_dba:.1f} dBA on average"
        noise.plot(trace["time_s"], trace["noise_dba"], color=colour, linewidth=0.9, label=said)
        hotter = np.maximum(trace["cpu_temp_c"], trace["gpu_temp_c"])
        heat.plot(trace["time_s"], hotter, color=colour, linewidth=0.8)
    named(noise)
    noise.set_ylabel("dBA")
    heat.set(ylabel="hotter chip, °C", xlabel="time, s")
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
    made.suptitle(f"{title}, by {by}", fontsize=10)
    axis.set(xlabel=x, ylabel=y)
    named(axis)
    return made
