"""`spacegrey validate`: predicted against measured, row by row."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from spacegrey.simulation.validation.comparison import Row, Validation

EXAMPLES = """
spacegrey validate
spacegrey validate --kind temperature
spacegrey validate --measurements mine.csv --json
"""


def validate(
    measurements: Annotated[
        Path | None,
        typer.Option("--measurements", metavar="F.csv", help="Your own measurements instead of the project's."),
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="K", help="Only one kind: throughput, clock, power, ...")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Predict every published measurement, and show the error.

    By kind, with coverage and mean error against its target; then row by row.
    """
    from spacegrey.errors import unknown
    from spacegrey.interfaces.cli.output import progress, say_when_compiling, write_json
    from spacegrey.simulation.validation import comparison
    from spacegrey.simulation.validation.measurements import KINDS

    if kind is not None and kind not in KINDS:
        raise unknown("kind of measurement", kind, KINDS)
    say_when_compiling()
    with progress("validating") as update:
        found = comparison.validate(measurements, update)
    rows = [row for row in found.rows if kind in {None, row.kind}]
    if as_json:
        write_json({"rows": [asdict(row) for row in rows], "summary": found.summary})
    else:
        _print(found, rows, kind)


def _print(found: Validation, rows: list[Row], kind: str | None) -> None:
    from spacegrey.interfaces.cli.output import console, table
    from spacegrey.interfaces.words import figures, percent

    out, summary = console(), found.summary
    kinds: dict[str, dict[str, Any]] = {name: one for name, one in summary["kinds"].items() if kind in {None, name}}
    shown = table(out, "|kind", ">rows", ">covered", ">", ">mean error", ">median", ">target", "")
    for name, one in kinds.items():
        mean, unit = one["mean_absolute_error"], one["unit_of_error"].replace("degC", "°C")
        errors = (
            ("-", "-") if mean is None else (f"{figures(mean, 2)} {unit}", figures(one["median_absolute_error"], 2))
        )
        verdict = "" if mean is None else "met" if mean <= one["target"] else "missed"
        shown.add_row(
            name,
            str(one["rows"]),
            str(one["covered"]),
            percent(one["coverage"]),
            *errors,
            f"{one['target']:g}",
            verdict,
        )
    out.print(shown)
    if kind is None:
        covered, target = percent(summary["coverage"] or 0.0), percent(summary["coverage_target"])
        out.print(f"\n{summary['covered']} of {summary['rows']} rows covered: {covered}, target {target}")
        out.print(f"{summary['not_asked']} rows are not about a machine's speed, heat, noise or power")
        out.print(
            f"{summary['parameters_fitted']} parameters were fitted, to {summary['rows_used_in_fits']} published rows"
        )
        out.print(_held_out(summary["held_out"]))
    order = [*kinds, *sorted({row.kind for row in rows} - set(kinds))]
    for name in order:
        _print_rows(name, [row for row in rows if row.kind == name and row.covered])
    missing = sorted((row for row in rows if not row.covered), key=lambda row: (order.index(row.kind), row.id))
    if missing:
        out.print()
        rest = table(out, "row", "|kind", "not covered because")
        for row in missing:
            rest.add_row(row.id, row.kind, row.reason)
        out.print(rest)


def _held_out(record: dict[str, Any] | None) -> str:
    if record is None:
        return (
            "error of speed for a chip that the fit has not seen: unknown for these numbers; `make held-out` finds it"
        )
    mean, median = record["mean_absolute_error"], record["median_absolute_error"]
    return (
        f"error of speed for a chip that the fit has not seen: mean {mean:.1f} %, median {median:.1f} %, "
        f"{record['predicted']} rows of {record['chips']} chips"
    )


def _print_rows(kind: str, rows: list[Row]) -> None:
    from spacegrey.interfaces.cli.output import console, table
    from spacegrey.interfaces.words import error, figures

    if not rows:
        return
    out = console()
    out.print()
    listed = table(out, "row", f"{kind}: machine workload quantity", ">measured", "", ">predicted", ">error")
    for row in sorted(rows, key=lambda row: -abs(row.error_percent or 0.0)):
        what = " ".join(part for part in (row.selector, row.workload, row.quantity.removeprefix("summary.")) if part)
        predicted, measured = (figures(value) if value is not None else "-" for value in (row.predicted, row.measured))
        off = "-" if row.error_percent is None else error(row.error_percent)
        listed.add_row(row.id, what, measured, row.unit.replace("degC", "°C"), predicted, off)
    out.print(listed)
