"""Predicted beside measured, row by row: every published measurement that the simulation can answer."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from spacegrey import fits
from spacegrey.errors import Refusal, SpacegreyError
from spacegrey.machine.assembly import machine
from spacegrey.parts.cooling.laws import AIR_HEAT_J_PER_L_K
from spacegrey.parts.graphics.laws import peak_tflops
from spacegrey.simulation.kernel.observe import OBSERVE_S
from spacegrey.simulation.lowering import licence_ghz
from spacegrey.simulation.run import Run, simulate
from spacegrey.simulation.validation.measurements import (
    KINDS,
    Question,
    best_of,
    may_ask,
    population_spread,
    question,
    read_measurements,
)
from spacegrey.sourced import CATALOG, read_toml
from spacegrey.workload.library import workload
from spacegrey.workload.spec import ProcessorDemand

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from spacegrey.machine.assembly import Machine
    from spacegrey.sourced import Table

# kind -> (error is stated as, target of the mean absolute error)
TARGETS: dict[str, tuple[str, float]] = {
    "throughput": ("%", 5.0),
    "clock": ("GHz", 0.1),
    "temperature": ("degC", 3.0),
    "fan": ("%", 3.0),
    "power": ("%", 7.0),
    "storage": ("%", 4.0),
    "memory": ("%", 4.0),
    "noise": ("dBA", 1.5),
}
COVERAGE_TARGET = 0.9
HELD_OUT = CATALOG / "measurements" / "held-out.toml"

METER_ROWS = 100
"""A power meter's highest reading is a mean over about ten seconds. [rows of a trace]"""

ROOM_C, LIMIT_C = 25.0, 94.0
"""Cooling capacity is stated for chips at this temperature in this room. [degC]"""
_ABSOLUTE = {"clock", "temperature", "noise"}


@dataclass(frozen=True)
class Row:
    """One measurement with its prediction."""

    id: str
    selector: str
    workload: str
    quantity: str
    kind: str
    unit: str
    predicted: float | None
    measured: float | None
    error_percent: float | None
    covered: bool
    reason: str


@dataclass(frozen=True)
class Published:
    """A published measurement beside a run of the same test on the same machine."""

    id: str
    quantity: str
    unit: str
    measured: float
    predicted: float
    error_percent: float
    conditions: str
    source: str


@dataclass(frozen=True)
class Validation:
    """All rows, and the mean absolute error and coverage of each kind."""

    rows: list[Row]
    summary: dict[str, Any]


def validate(path: Path | None = None, progress: Callable[[float], None] | None = None) -> Validation:
    """Predict every row of a measurements file.

    Parameters
    ----------
    path : Path, optional
        CSV with the columns of `measurements.COLUMNS`; the project's own file if left out.
    progress : callable, optional
        Called with the share of rows done.

    Returns
    -------
    Validation
        Rows in the order of the file, and the summary.

    Raises
    ------
    InputError
        The file does not hold.
    """
    measurements = read_measurements(path)
    rows: list[Row] = []
    for number, measurement in enumerate(measurements, start=1):
        rows.append(answer(question(measurement)))
        if progress:
            progress(number / len(measurements))
    return Validation(rows, _summary(rows))


def answer(asked: Question) -> Row:
    """Return the prediction for one question; a machine or workload that refuses gives its reason."""
    measured = asked.measurement.value
    reason, predicted = asked.reason, None
    if asked.covered:
        try:
            predicted = predict(asked)
        except SpacegreyError as error:
            reason = str(error)
    percent = None if predicted is None or not measured else _percent(predicted, measured, asked.against)
    return Row(
        id=asked.measurement.id,
        selector=asked.selector,
        workload=asked.workload,
        quantity=asked.quantity or asked.measurement.metric,
        kind=asked.kind,
        unit=asked.measurement.unit,
        predicted=predicted,
        measured=measured,
        error_percent=percent,
        covered=not reason,
        reason=reason,
    )


def predict(asked: Question) -> float:
    """Return what the simulation says to a question, in the row's unit."""
    value = _value(asked.selector, asked.workload, asked.quantity)
    if asked.against:
        value = 100.0 * (value / _value(asked.against, asked.workload, asked.quantity) - 1.0)
    if asked.best_of:
        value *= best_of(asked.best_of, population_spread())
    return _in_unit(value, asked)


def _in_unit(value: float, asked: Question) -> float:
    """Return a prediction in the unit of its row."""
    if asked.quantity.startswith("rate.") and asked.measurement.unit == "GB/s":
        value *= 1e-3
    return value * asked.scale


def _percent(predicted: float, measured: float, against: str) -> float:
    """Return the error in percent; of the ratio itself where the row says by how many percent one beats another."""
    if against:
        return 100.0 * ((100.0 + predicted) / (100.0 + measured) - 1.0)
    return 100.0 * (predicted / measured - 1.0)


def published(run: Run) -> list[Published]:
    """Return the published measurements of the very test that a run simulated, on the same machine."""
    found: list[Published] = []
    for measurement in read_measurements():
        if not may_ask(measurement, run.workload.id, run.machine.id):
            continue
        asked = question(measurement)
        if not asked.covered or asked.against or asked.best_of or asked.workload != run.workload.id:
            continue
        other = machine(asked.selector)
        mine = (run.machine.id, run.machine.chosen, run.machine.environment)
        same = (other.id, other.chosen, other.environment) == mine
        if not same or measurement.value is None:
            continue
        try:
            predicted = _in_unit(quantity(run, asked.quantity), asked)
        except Refusal:
            continue
        percent = 100.0 * (predicted / measurement.value - 1.0) if measurement.value else 0.0
        found.append(
            Published(
                id=measurement.id,
                quantity=asked.quantity,
                unit=measurement.unit,
                measured=measurement.value,
                predicted=predicted,
                error_percent=percent,
                conditions=f"{measurement.metric}; {measurement.conditions}",
                source=measurement.source,
            )
        )
    return found


def quantity(run: Run, name: str) -> float:
    """Return a quantity of a run by its name in ``mapping.toml``, such as ``summary.fan_rpm.end``."""
    place, _, rest = name.partition(".")
    column, _, statistic = rest.partition(".")
    readers: dict[str, Callable[[], float]] = {
        "score": lambda: run.score.value if run.score else math.nan,
        "duration_s": lambda: run.duration_s,
        "summary": lambda: _summary_value(run, column, statistic),
        "trace": lambda: _trace_value(run, column, statistic),
        "rate": lambda: _storage_rate_mb_s(run, column),
        "cycle": lambda: _cycle(run, column),
        "data": lambda: _board_power_w(run) if column == "board_power_w" else _fact(run, column),
    }
    return readers[place]()


def _summary_value(run: Run, column: str, statistic: str) -> float:
    if statistic == "median":
        return float(np.median(_working(run, column)))
    return float(getattr(run.summary[column], statistic))


def _trace_value(run: Run, column: str, statistic: str) -> float:
    values = run.trace[column]
    if statistic == "peak":
        window = min(METER_ROWS, len(values))
        values = np.convolve(values, np.ones(window) / window, mode="valid")
    return float(values.mean() if statistic == "mean" else values.max())


def _board_power_w(run: Run) -> float:
    return run.summary["gpu_power_w"].end * (1.0 + run.machine.supply.regulator_loss)


def _fact(run: Run, name: str) -> float:
    if name == "chip_power_w":
        return run.summary["cpu_power_w"].end + run.summary["gpu_power_w"].end
    return facts(run.machine)[name]


def facts(built: Machine) -> dict[str, float]:
    """Return quantities that follow from the data sheets alone, by their names in ``mapping.toml``."""
    chip, card, cooling = built.processor, built.graphics, built.cooling
    top_mhz, lanes = card.dpm_states[-1][0], built.graphics_architecture.flops_per_lane_cycle
    g = cooling.conductances
    # Heat that both chips together may release with the fans at full speed.
    cpu_path = 1.0 / (1.0 / g.cpu_junction_spreader + 1.0 / g.cpu_spreader_sink + 1.0 / g.cpu_sink_air)
    gpu_path = 1.0 / (1.0 / g.gpu_junction_sink + 1.0 / g.gpu_sink_air)
    stream = (cooling.fans.flow_l_s + cooling.fans.natural_flow_l_s) * AIR_HEAT_J_PER_L_K
    # Air warms as it passes: a stream of heat capacity rate W takes up W (1 - exp(-G / W)) per kelvin at its inlet.
    carried = stream * (1.0 - math.exp(-(cpu_path + gpu_path) / stream))
    return {
        "turbo_ghz": chip.turbo_bins[0][1],
        "all_core_ghz": licence_ghz(ProcessorDemand(), built, chip.cores),
        "efficiency_ghz": chip.efficiency.clock_ghz if chip.efficiency else float("nan"),
        "fan_maximum_rpm": cooling.fans.maximum_rpm,
        "tdp_w": chip.tdp_w,
        "rated_w": built.supply.rated_w,
        "cooling_capacity_w": carried * (LIMIT_C - ROOM_C),
        "gpu_memory_gb_s": card.memory_gb_s,
        "fp32_tflops": peak_tflops(card.lanes, top_mhz, lanes),
        "fp16_tflops": peak_tflops(card.lanes, top_mhz, lanes, built.graphics_architecture.fp16_ratio),
    }


def _value(selector: str, workload_name: str, name: str) -> float:
    place, _, fact = name.partition(".")
    if place == "data" and fact not in {"board_power_w", "chip_power_w"}:
        return facts(machine(selector))[fact]
    run = _run(selector, workload_name)
    return quantity(run, name)


@functools.lru_cache(maxsize=256)
def _run(selector: str, workload_name: str) -> Run:
    return simulate(workload(workload_name), machine(selector))


def _working(run: Run, column: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the rows of a column in which the processor is more than half busy."""
    values = run.trace[column]
    busy = run.trace["cpu_busy"] > 0.5  # noqa: PLR2004
    return values[busy] if busy.any() else values


def _storage_rate_mb_s(run: Run, direction: str) -> float:
    moved = seconds = 0.0
    demands = {phase.name: phase.storage for phase in run.workload.phases}
    for phase in run.phases:
        gb = getattr(demands[phase.name], f"{direction}_gb")
        if gb > 0.0:
            moved, seconds = moved + gb, seconds + phase.duration_s
    return 1e3 * moved / seconds


@dataclass(frozen=True)
class Dip:
    """One dip of the processor's clock under its thermal trip. Times in s."""

    start_s: float
    end_s: float
    clock_ghz: float
    end_c: float


def dips(run: Run) -> list[Dip]:
    """Return the times in which the thermal trip held the clock down."""
    trace = run.trace
    cut = np.array([name == "processor temperature" for name in trace.limit_names()])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], cut, [False]]).astype(int)))
    found: list[Dip] = []
    for first, last in zip(edges[::2], edges[1::2] - 1, strict=True):
        clock = float(np.median(trace["cpu_clock_ghz"][first : last + 1]))
        start_s, end_s = float(trace["time_s"][first]), float(trace["time_s"][last]) + OBSERVE_S
        found.append(Dip(start_s, end_s, clock, float(trace["cpu_temp_c"][last])))
    return found


def _cycle(run: Run, name: str) -> float:
    seen = dips(run)
    if not seen:
        raise Refusal(f"{run.workload.id} on {run.machine.selector}: the clock never dips, so there is no cycle")
    if name == "dip_clock_ghz":
        return float(np.median([dip.clock_ghz for dip in seen]))
    if name == "release_c":
        return float(np.median([dip.end_c for dip in seen]))
    raise KeyError(name)


def _summary(rows: list[Row]) -> dict[str, Any]:
    summary: dict[str, Any] = {"kinds": {}}
    asked = [row for row in rows if row.kind in TARGETS]
    for kind in (kind for kind in KINDS if kind in TARGETS):
        mine = [row for row in asked if row.kind == kind]
        if not mine:
            continue
        errors = [_error(row) for row in mine if row.covered]
        unit, target = TARGETS[kind]
        summary["kinds"][kind] = {
            "rows": len(mine),
            "covered": len(errors),
            "coverage": len(errors) / len(mine),
            "mean_absolute_error": float(np.mean(errors)) if errors else None,
            "median_absolute_error": float(np.median(errors)) if errors else None,
            "unit_of_error": unit,
            "target": target,
        }
    covered = sum(row.covered for row in asked)
    summary["rows"] = len(asked)
    summary["covered"] = covered
    summary["coverage"] = covered / len(asked) if asked else None
    summary["coverage_target"] = COVERAGE_TARGET
    summary["not_asked"] = len(rows) - len(asked)
    records = [cast("Table", record["fit"]) for record in fits.records().values()]
    summary["parameters_fitted"] = sum(record["parameters"] for record in records)
    summary["rows_used_in_fits"] = sum(record["rows"] for record in records)
    summary["held_out"] = held_out_record()
    return summary


def held_out_record() -> dict[str, Any] | None:
    """Return the errors of speeds predicted without their chip, as `make held-out` found them; None if outdated."""
    if not HELD_OUT.exists():
        return None
    record = read_toml(HELD_OUT).data
    if record["fit"] != fits.digest("throughput"):
        return None
    return {
        name: record[name] for name in ("rows", "predicted", "chips", "mean_absolute_error", "median_absolute_error")
    }


def _error(row: Row) -> float:
    predicted, measured = cast("float", row.predicted), cast("float", row.measured)
    if row.unit == "MHz":
        return abs(predicted - measured) * 1e-3
    if row.kind in _ABSOLUTE or row.error_percent is None:
        return abs(predicted - measured)
    return abs(row.error_percent)
