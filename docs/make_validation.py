"""Write the tables of docs/validation.md from a validation run: the one place of these numbers."""

# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from math import isfinite
from statistics import mean, median
from typing import TYPE_CHECKING

from pages import fill, finish, table

from spacegrey import fits
from spacegrey.machine.catalog import read_machine
from spacegrey.simulation.validation.comparison import HELD_OUT, TARGETS, validate
from spacegrey.simulation.validation.measurements import question, read_measurements
from spacegrey.simulation.validation.throughput_rows import is_fitted
from spacegrey.sourced import read_toml

if TYPE_CHECKING:
    from spacegrey.simulation.validation.comparison import Row

UNITS = {"degC": "°C"}
WORST = 15
ROLES = ("used in a fit", "in no fit", "data sheet")
SIMULATED = {"board_power_w", "chip_power_w", "cooling_capacity_w"}


def main() -> int:
    """Write the page."""
    found = validate()
    in_fit = {one.id for one in read_measurements() if is_fitted(question(one))}
    rows = [row for row in found.rows if row.kind in TARGETS]
    regions = {
        "summary": _summary(found.summary["kinds"], rows, in_fit),
        "counts": _counts(found.summary, found.rows),
        "fits": _fits(),
        "thermal": _thermal(),
        "sizes": _sizes(rows, in_fit),
        "held-out": _held_out(),
        "repeats": _repeats(),
        "machines": _machines(rows),
        "worst": _worst(rows),
        "uncovered": _uncovered(rows),
    }
    return finish({"validation.md": fill("validation.md", regions)}, check=False)


def _role(row: Row, in_fit: set[str]) -> str:
    """Return what an agreement of this row means."""
    if row.quantity.startswith("data.") and row.quantity.rpartition(".")[2] not in SIMULATED:
        return "data sheet"
    thermal_test = row.workload == "cinebench-r15-loop" or (row.workload == "idle" and row.kind == "temperature")
    if row.id in in_fit or (row.selector.startswith("imac-pro") and thermal_test):
        return "used in a fit"
    return "in no fit"


def _error(row: Row) -> float | None:
    if not row.covered or row.predicted is None or row.measured is None or not isfinite(row.predicted):
        return None
    off = abs(row.predicted - row.measured)
    if row.kind in {"clock", "temperature", "noise"}:
        return off * 1e-3 if row.unit == "MHz" else off
    return 100.0 * off / abs(row.measured or 1.0)


def _summary(kinds: dict[str, dict[str, float]], rows: list[Row], in_fit: set[str]) -> str:
    lines = []
    for kind, numbers in kinds.items():
        unit, target = TARGETS[kind]
        mine = [row for row in rows if row.kind == kind]
        cells = [kind, len(mine), f"{100 * numbers['coverage']:.0f} %"]
        known = [error for row in mine if (error := _error(row)) is not None]
        cells += [
            _figure(mean(known), unit) if known else "",
            _figure(median(known), unit) if known else "",
            _figure(target, unit),
        ]
        for role in ROLES:
            errors = [error for row in mine if _role(row, in_fit) == role and (error := _error(row)) is not None]
            cells.append(f"{_figure(mean(errors), unit)} ({len(errors)})" if errors else "")
        lines.append(cells)
    return table(
        [*["kind", "rows", "covered", "mean error", "median error", "target"], *(f"{role} (rows)" for role in ROLES)],
        lines,
        right="bcdefghi",
    )


def _counts(summary: dict[str, float], rows: list[Row]) -> str:
    silent = [row.id for row in rows if row.covered and row.kind in TARGETS and _error(row) is None]
    unseen = f" What {', '.join(silent)} measured did not occur in the run: no error, and in no mean." if silent else ""
    return (
        f"The file holds {len(rows)} rows. {summary['rows']:.0f} of them speak of speed, clocks, heat, fans, noise, "
        f"power, storage or memory; {summary['covered']:.0f} of these ({100 * summary['coverage']:.0f} %) are covered. "
        f"The fits have {summary['parameters_fitted']:.0f} parameters and use {summary['rows_used_in_fits']:.0f} rows "
        f"or targets.{unseen}"
    )


def _fits() -> str:
    lines = []
    for name, record in fits.records().items():
        fit = record["fit"]
        lines.append((f"`catalog/fits/{name}.toml`", fit["parameters"], fit["rows"], fit["method"]))
    return table(["file", "parameters", "rows or targets", "method"], lines, right="bc")


def _thermal() -> str:
    record = fits.records().get("thermal", {})
    lines = [
        (one["name"], one["published"], f"{one['fitted']:.4g}") for one in record.get("fit", {}).get("targets", [])
    ]
    if not lines:
        return "No such fit is stored now: the numbers of the data sheet stand."
    return table(["of the published test", "published", "fitted"], lines, right="bc")


def _sizes(rows: list[Row], in_fit: set[str]) -> str:
    """Return error by benchmark, with what is free in it: a benchmark with a constant for its one row says nothing."""
    by: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.kind == "throughput" and row.id in in_fit and row.covered:
            by[row.workload.partition(":")[0]].append(row)
    lines = []
    for name, mine in sorted(by.items(), key=lambda pair: -len(pair[1])):
        free = len(fits.values(f"workloads/{name}"))
        errors = [error for row in mine if (error := _error(row)) is not None]
        machines = len({row.selector for row in mine})
        says = "nothing: a number for each row" if len(mine) <= free else ""
        lines.append(
            (f"`{name}`", len(mine), machines, free, _figure(mean(errors), "%"), _figure(max(errors), "%"), says)
        )
    return table(
        ["workload", "rows", "machines", "fitted numbers", "mean error", "largest", "what it shows"],
        lines,
        right="bcdef",
    )


def _held_out() -> str:
    """Return the errors of speeds that were predicted without their chip."""
    record = read_toml(HELD_OUT).data
    if record["fit"] != fits.digest("throughput"):
        raise SystemExit(f"{HELD_OUT.name} is of an older fit: run `make held-out`")
    lines = [
        (
            f"`{name}`",
            one["rows"],
            one["predicted"],
            one["on_beliefs"] or "",
            *(_figure(one[key], "%") for key in ("fitted_mean", "held_out_mean", "held_out_median")),
        )
        for name, one in sorted(record["workloads"].items(), key=lambda pair: -pair[1]["predicted"])
        if one["predicted"]
    ]
    whole = (
        f"Over the {record['predicted']} rows of {record['chips']} chips that can be predicted so, the mean error is "
        f"{record['mean_absolute_error']:.3g} % and the median {record['median_absolute_error']:.3g} %; with the rows "
        f"in the fit the mean is {record['fitted_mean_absolute_error']:.3g} %."
    )
    blind = Counter(one["workload"] for one in record["not_predicted"])
    rest = ", ".join(f"`{name}` ({count})" for name, count in blind.most_common())
    head = ["workload", "rows", "predicted", "on beliefs", "mean, in the fit", "mean, left out", "median, left out"]
    shown = table(head, lines, right="bcdefg")
    return f"{whole}\n\n{shown}\n\nNot predicted, because one chip alone tells their size: {rest}."


def _repeats() -> str:
    """Return how far published speeds of one chip in one test lie from each other."""
    record = read_toml(HELD_OUT).data
    lines = [
        (one["chip"], f"`{one['workload']}`", one["rows"], _figure(one["percent"], "%")) for one in record["repeats"]
    ]
    shown = table(["chip", "workload", "rows", "mean distance from their median"], lines, right="cd")
    return (
        f"{shown}\n\nExpected of a perfect model over all rows: {_figure(record['expected_of_a_perfect_model'], '%')}."
    )


def _machines(rows: list[Row]) -> str:
    by: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.covered and row.selector:
            by[row.selector.partition(":")[0].partition("+")[0]].append(row)
    lines = []
    for name, mine in sorted(by.items(), key=lambda pair: -len(pair[1])):
        cells = [f"`{name}`", read_machine(name).spec.status]
        for kind in ("throughput", "power", "temperature", "clock"):
            errors = [error for row in mine if row.kind == kind and (error := _error(row)) is not None]
            cells.append(f"{_figure(mean(errors), TARGETS[kind][0])} ({len(errors)})" if errors else "")
        lines.append(cells)
    return table(
        ["machine", "status", "speed (rows)", "power (rows)", "temperature (rows)", "clock (rows)"], lines, right="cdef"
    )


def _worst(rows: list[Row]) -> str:
    known = [row for row in rows if _error(row) is not None and row.error_percent is not None]
    lines = [
        (
            row.id,
            row.kind,
            f"`{row.selector}`",
            f"`{row.workload}`" if row.workload else "",
            f"{row.measured:.4g}",
            f"{row.predicted:.4g}",
            row.unit,
            f"{row.error_percent:+.0f} %",
        )
        for row in sorted(known, key=lambda row: -abs(row.error_percent or 0.0))[:WORST]
    ]
    return table(["row", "kind", "machine", "workload", "measured", "predicted", "unit", "error"], lines, right="efh")


def _uncovered(rows: list[Row]) -> str:
    reasons = Counter((row.kind, row.reason) for row in rows if not row.covered)
    return table(
        ["rows", "kind", "why"], [(count, kind, reason) for (kind, reason), count in reasons.most_common()], right="a"
    )


def _figure(value: float, unit: str) -> str:
    return f"{value:.2g} {UNITS.get(unit, unit)}"


if __name__ == "__main__":
    sys.exit(main())
