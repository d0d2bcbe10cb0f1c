"""A run, a fit and a sweep in a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spacegrey.notebook import (
    COOL,
    UNITS,
    WARM,
    Line,
    Markup,
    bar,
    card,
    drawing,
    duration,
    facts,
    folded,
    legend,
    listed,
    number,
    paragraph,
    table,
    unbroken,
)
from spacegrey.simulation.trace import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spacegrey.simulation.calibration.fit import Fit
    from spacegrey.simulation.quietest import Quietest
    from spacegrey.simulation.settling import Forecast
    from spacegrey.simulation.sweep.results import Sweep
    from spacegrey.simulation.trace import Trace

MOST_LIMITS = 5
MOST_PHASES = 12
SHOWN_ROWS = 10
INPUTS = ("machine", "workload")
ANSWERS = ("score", "duration_s", "energy_wh", "cpu_temp_c_max", "noise_dba_max", "limited_by")


def run_html(record: Mapping[str, Any], trace: Trace) -> str:
    """Return a run as a notebook shows it: its record, as `runfile.record` returns it, and its trace."""
    score, phases, limits = record["score"], record["phases"], record["limits"]
    said = f"{score['value']:,.5g} {score['unit']} ({score['better']} is better), " if score else ""
    rows: list[list[str | Markup]] = []
    for name, one in record["summary"].items():
        unit, meaning = COLUMNS[name]
        over = drawing([Line(trace[name], COOL)])
        rows.append([
            meaning, number(one["min"]), over, number(one["max"]), number(one["mean"]), number(one["end"]),
            UNITS.get(unit, unit),
        ])  # fmt: skip
    bound = [[one["name"], bar(one["share"], WARM), f"{one['share']:.1%}"] for one in limits[:MOST_LIMITS]]
    took = [
        [f"{one['name']}, time {one['repeat']}" if one["repeat"] > 1 else one["name"], duration(one["duration_s"])]
        for one in phases[:MOST_PHASES]
    ]
    if len(phases) > MOST_PHASES:
        took.append([f"and {len(phases) - MOST_PHASES} more", ""])
    return card(
        f"{record['workload_name']} on {record['machine_name']}",
        f"{record['machine']}; {record['environment']['ambient_c']:g} °C in the room",
        paragraph(f"{said}{duration(record['duration_s'])}, {number(record['energy_wh'], 3)} Wh from the wall"),
        paragraph(record["verdict"]),
        table(["", ">least", "over time", ">most", ">mean", ">end", ""], rows),
        folded("what limited it, and the phases", _beside(table(["limit", "", ">time"], bound), _phases(took))),
        paragraph(f"model: {record['status']}; spacegrey {record['version']}"),
    )


def _phases(rows: list[list[str]]) -> Markup:
    return table(["phase", ">took"], rows)


def _beside(*parts: Markup) -> Markup:
    return Markup("".join(f'<div style="display:inline-block;margin-right:2.5em">{part.html}</div>' for part in parts))


def fit_html(fit: Fit) -> str:
    """Return a fit as a notebook shows it."""
    data, judged = fit.data, fit.judged
    lines = [
        Line(data.temp_c, "currentColor", f"measured, {np.nanmin(data.temp_c):.0f} to {np.nanmax(data.temp_c):.0f} °C"),
        Line(fit.predicted_c, WARM, "predicted from power alone"),
    ]
    errors = {
        "held out": f"{judged.minutes:.1f} minutes, {judged.rows:,} rows",
        "RMSE": f"{judged.rmse_k:.2f} °C; saying that nothing changes: {judged.persistence_rmse_k:.2f} °C",
        "skill": f"{judged.skill:.2f}",
        "CV(RMSE), NMBE": f"{judged.cv_rmse:.1%}, {judged.nmbe:+.1%}",
        "90 % band": f"±{judged.foretold_k:.1f} °C, which {judged.coverage:.0%} of the rows keep",
    }
    told = [
        [one.name, number(one.value), f"{number(one.low)} to {number(one.high)}", one.unit.replace("deg", "°"),
         one.meaning]
        for one in fit.numbers
        if one.identified
    ]  # fmt: skip
    left = [f"{one.name}: {one.why}" for one in fit.numbers if not one.identified]
    on = f" of {fit.on}" if fit.on else ""
    return card(
        f"{Path(fit.log.name).name}{on}",
        f"{fit.shape.words}, driven by {data.driver}{f', with {data.fan_column}' if data.fan_column else ''}",
        drawing(lines, width=640, height=120),
        legend(lines),
        facts(errors),
        listed("missing", fit.missing),
        listed("beware", fit.cautions),
        table(["the log tells", ">value", ">90 % band", "unit", ""], told),
        listed(f"the log cannot tell {len(left)} numbers", left, closed=True),
    )


def forecast_html(forecast: Forecast) -> str:
    """Return a forecast as a notebook shows it."""
    run = forecast.run
    after = forecast.after_s
    if after is None:
        when = "a temperature still drifts at the end"
    else:
        when = "settles at once" if after == 0.0 else f"settles after {duration(after)}"
    shown = int(np.searchsorted(run.trace["time_s"], forecast.shown_s))
    rows = [
        [
            COLUMNS[name][1], number(one.start), number(one.level), drawing([Line(run.trace[name][:shown], COOL)]),
            f"{number(one.low)} to {number(one.high)}", UNITS.get(COLUMNS[name][0], COLUMNS[name][0]),
            "drifts on" if one.after_s is None else "at once" if one.after_s == 0.0 else duration(one.after_s),
        ]
        for name, one in forecast.settled.items()
    ]  # fmt: skip
    return card(
        f"{run.workload.name} on {run.machine.spec.name}",
        f"{run.machine.selector}; {duration(run.duration_s)} simulated"
        f"{f', {forecast.rounds} times the work' if forecast.rounds > 1 else ''}; {when}",
        table(["", ">at first", ">settles at", "how", ">swings", "", "after"], rows),
        paragraph(run.verdict),
    )


def quiet_html(found: Quietest) -> str:
    """Return the quietest fan curve as a notebook shows it."""
    rows = [
        [
            name, f"{one.speed:.1%}", f"{one.noise_dba:.1f}", f"{one.loudest_dba:.1f}", f"{one.fan_rpm:,.0f}",
            f"{one.cpu_temp_c:.1f}",
        ]
        for name, one in (("as it is", found.own), ("quietest curve", found.best))
    ]  # fmt: skip
    return card(
        f"{found.workload.name} on {found.asked.spec.name}",
        f"{found.machine.selector}; {found.tried} curves tried",
        table(["", ">speed", ">dBA mean", ">dBA most", ">rpm most", ">°C most"], rows),
    )


def sweep_html(sweep: Sweep) -> str:
    """Return a sweep's results as a notebook shows them: the first rows, and what is in the others."""
    columns = [name for name in (*INPUTS, *sweep.varied, *ANSWERS) if name in sweep.table.column_names]
    # What is the same in every row, or nowhere there, tells nothing.
    columns = [name for name in columns if len(set(sweep.table[name].to_pylist())) > 1 or name in sweep.varied]
    same = [str(sweep.table[name][0]) for name in INPUTS if len(sweep) and name not in columns]
    first = sweep.table.select(columns).slice(0, SHOWN_ROWS).to_pylist()
    numeric = {name for name in columns if any(isinstance(row[name], int | float) for row in first)}
    rows = [[unbroken(_cell(row[name])) for name in columns] for row in first]
    more = len(sweep) - len(rows)
    return card(
        sweep.title,
        "; ".join([*same, f"{len(sweep):,} runs, {sweep.refused:,} refused, {len(sweep.table.column_names)} columns"]),
        table([f">{name}" if name in numeric else name for name in columns], rows),
        paragraph(f"and {more:,} more rows: to_arrow() has all" if more > 0 else ""),
    )


def _cell(value: Any) -> str:  # noqa: ANN401 - what stands in a table
    if value is None:
        return "-"
    return number(float(value)) if isinstance(value, int | float) else str(value)
