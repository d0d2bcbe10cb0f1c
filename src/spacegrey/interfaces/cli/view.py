"""A run as text: the result, what limited it, how it went over time, and what was measured on the real machine."""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.text import Text

from spacegrey.interfaces.cli.output import bar, console, sparkline, table
from spacegrey.interfaces.words import QUANTITIES, STATUS, Quantity, duration, error, figures, percent, surroundings

if TYPE_CHECKING:
    from rich.console import Console

    from spacegrey.interfaces.shown import ShownRun
    from spacegrey.simulation.trace import Trace
    from spacegrey.simulation.uncertainty import Bands

SPARKLINES = ("cpu_clock_ghz", "cpu_temp_c", "gpu_clock_ghz", "gpu_temp_c", "fan_rpm", "wall_power_w")
SPARKLINE_CELLS = 44
WHOLE = {
    "duration_s": Quantity("duration", "s", 1),
    "score": Quantity("score", "", 0),
    "energy_wh": Quantity("energy", "Wh", 2),
}
"""Quantities of a whole run that have bands."""
MOST_PHASES = 24
"""A workload with more phases than this shows its longest."""


def print_run(shown: ShownRun) -> None:
    """Print a run."""
    out, record = console(), shown.record
    out.print(Text(f"{record['workload_name']} on {record['machine_name']}", style="bold"))
    out.print(surroundings(record))
    out.print()
    _print_result(out, record)
    out.print()
    out.print(Text(record["verdict"], style="bold" if out.is_terminal else ""))
    out.print()
    _print_summary(out, record)
    _print_phases(out, record["phases"])
    _print_limits(out, record["limits"])
    _print_time(out, shown.trace)
    _print_published(out, shown.published)
    out.print(f"\nmodel: {record['status']}: {STATUS[record['status']]}; spacegrey {record['version']}")


def print_bands(bands: Bands) -> None:
    """Print between which values the main quantities of a run lie."""
    out = console()
    shown = table(out, "", "", ">P10", ">P50", ">P90")
    for name, values in bands.quantities.items():
        quantity, statistic = _quantity_of(name)
        if quantity is None:
            continue
        label = f"{quantity.label}, {statistic}" if statistic else quantity.label
        shown.add_row(label, quantity.unit, *(quantity.format(values[key]) for key in ("p10", "p50", "p90")))
    out.print(f"\nBands over {bands.samples - bands.refused} draws of {bands.uncertain} numbers without a source:")
    out.print(shown)
    if bands.refused:
        out.print(f"{bands.refused} more draws cannot be (such as a trip below its release) and are left out")


def _quantity_of(column: str) -> tuple[Quantity | None, str]:
    """Return the quantity of a batch's column and the statistic of it that is worth printing."""
    if column in WHOLE:
        return WHOLE[column], ""
    name, _, statistic = column.rpartition("_")
    return (QUANTITIES.get(name), statistic) if statistic in ("mean", "max") else (None, "")


def score_text(score: dict[str, Any] | None) -> str:
    """Return a score with its unit, or a dash."""
    return f"{figures(score['value'])} {score['unit']}" if score else "-"


def _print_result(out: Console, record: dict[str, Any]) -> None:
    rows = [
        ("duration", duration(record["duration_s"])),
        ("energy", f"{figures(record['energy_wh'], 3)} Wh from the wall"),
    ]
    if record["score"]:
        rows.insert(0, ("score", f"{score_text(record['score'])} ({record['score']['better']} is better)"))
    if record["delivered"] < 0.9995:  # noqa: PLR2004 - what would be printed as 100.0 %
        rows.append(("on time", f"{record['delivered']:.1%} of the frames; the rest is dropped"))
    for name, value in rows:
        out.print(f"{name:<10}", Text(value, style="bold" if out.is_terminal else ""), sep="")


def _print_summary(out: Console, record: dict[str, Any]) -> None:
    shown = table(out, "", "", ">min", ">mean", ">max", ">end")
    for name, values in record["summary"].items():
        quantity = QUANTITIES[name]
        shown.add_row(
            quantity.label, quantity.unit, *(quantity.format(values[key]) for key in ("min", "mean", "max", "end"))
        )
    out.print(shown)


def _print_phases(out: Console, phases: list[dict[str, Any]]) -> None:
    by_name: dict[str, list[float]] = {}
    for phase in phases:
        by_name.setdefault(phase["name"], []).append(phase["duration_s"])
    repeats = max(len(durations) for durations in by_name.values())
    if repeats == 1 and len(by_name) == 1:
        return
    out.print()
    longest = sorted(by_name, key=lambda name: -sum(by_name[name]))[:MOST_PHASES]
    columns = (">times", ">first", ">typical", ">last") if repeats > 1 else (">time",)
    shown = table(out, "phase", *columns)
    for name, durations in by_name.items():
        if name in longest:
            times = [duration(seconds) for seconds in (durations[0], median(durations), durations[-1])]
            shown.add_row(name, *([str(len(durations)), *times] if repeats > 1 else times[:1]))
    out.print(shown)
    if len(longest) < len(by_name):
        out.print(f"and {len(by_name) - len(longest)} shorter ones")


def _print_limits(out: Console, limits: list[dict[str, Any]]) -> None:
    out.print()
    shown = table(out, "limited by", ">time", "")
    for limit in limits:
        shown.add_row(
            limit["name"], percent(limit["share"]), Text(bar(limit["share"]), style="cyan" if out.is_terminal else "")
        )
    out.print(shown)


def _print_time(out: Console, trace: Trace) -> None:
    if len(trace) < 2:  # noqa: PLR2004 - one moment has no course
        return
    out.print()
    shown = table(out, "over time", ">least", "", ">most")
    for name in SPARKLINES:
        quantity, values = QUANTITIES[name], means(trace, name, SPARKLINE_CELLS)
        course = Text(sparkline(values), style="cyan" if out.is_terminal else "")
        column = trace[name]
        shown.add_row(
            f"{quantity.label.replace('processor', 'CPU').replace('graphics', 'GPU').replace('temperature', 'temp.')}",
            quantity.format(float(column.min())), course, quantity.format(float(column.max())),
        )  # fmt: skip
    out.print(shown)


def means(trace: Trace, name: str, cells: int) -> list[float]:
    """Return the mean of a column in each of so many equal stretches of time; an empty one takes the next row."""
    time = trace["time_s"]
    edges = [int(edge) for edge in np.searchsorted(time, np.linspace(float(time[0]), float(time[-1]), cells + 1))]
    values = trace[name]
    return [float(values[a : max(b, a + 1)].mean()) for a, b in pairwise(edges)]


def _print_published(out: Console, published: list[dict[str, Any]]) -> None:
    if not published:
        return
    out.print()
    shown = table(out, "published", ">measured", ">predicted", "", ">error")
    for row in published:
        seen = row["predicted"] is not None
        predicted = (figures(row["predicted"]), error(row["error_percent"])) if seen else ("not seen", "-")
        numbers = (figures(row["measured"]), predicted[0], row["unit"].replace("degC", "°C"), predicted[1])
        shown.add_row(f"{row['conditions']} ({row['id']})", *numbers)
    out.print(shown)
