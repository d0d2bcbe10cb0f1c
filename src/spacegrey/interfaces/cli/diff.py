"""`spacegrey diff`: what two saved runs have in common and what not."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from spacegrey.interfaces.shown import ShownRun

EXAMPLES = """
spacegrey diff before.parquet after.parquet
spacegrey diff before.parquet after.parquet --json
"""

SAME = 1e-9
"""Numbers this close, relative to the larger, are the same: another processor may round the last bits differently."""


def diff(
    a: Annotated[Path, typer.Argument(metavar="A.parquet", help="A saved run.")],
    b: Annotated[Path, typer.Argument(metavar="B.parquet", help="Another one.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Compare two saved runs: inputs, room and results.

    Ends with status 0 where the results are the same, with 1 where they are not.
    """
    from spacegrey.interfaces.cli.output import write_json
    from spacegrey.interfaces.shown import from_file

    left, right = from_file(a), from_file(b)
    found = differences(left, right)
    same = not found["results"] and _same_trace(left, right)
    if as_json:
        write_json({"same": same, "a": str(a), "b": str(b), **found})
    else:
        _print(left, right, found, same)
    if not same:
        raise typer.Exit(1)


def differences(left: ShownRun, right: ShownRun) -> dict[str, list[dict[str, Any]]]:
    """Return what differs between two runs: ``inputs``, ``environment`` and ``results``, each a list of name, a, b."""
    parts: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        "inputs": lambda record: {key: record[key] for key in ("version", "machine", "workload", "seed", "inputs")},
        "environment": lambda record: record["environment"],
        "results": _results,
    }
    return {name: _different(part(left.record), part(right.record)) for name, part in parts.items()}


def _results(record: dict[str, Any]) -> dict[str, Any]:
    head = {key: record[key] for key in ("duration_s", "score", "delivered", "energy_wh", "summary", "status")}
    limits = {f"share of time: {limit['name']}": limit["share"] for limit in record["limits"]}
    seconds: dict[str, float] = {}
    for phase in record["phases"]:
        name = f"seconds: {phase['name']}"
        seconds[name] = seconds.get(name, 0.0) + phase["duration_s"]
    return {**head, **limits, **seconds}


def _different(left: dict[str, Any], right: dict[str, Any]) -> list[dict[str, Any]]:
    from spacegrey.interfaces.cli.output import flat

    one, other = flat(left), flat(right)
    names = list(dict.fromkeys([*one, *other]))
    return [
        {"name": name, "a": one.get(name), "b": other.get(name)}
        for name in names
        if not _same(one.get(name), other.get(name))
    ]


def _same(a: object, b: object) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=SAME, abs_tol=SAME)
    return a == b


def _same_trace(left: ShownRun, right: ShownRun) -> bool:
    import numpy as np

    if len(left.trace) != len(right.trace):
        return False
    return all(
        np.allclose(values, right.trace[name], rtol=SAME, atol=SAME) for name, values in left.trace.columns.items()
    )


def _print(left: ShownRun, right: ShownRun, found: dict[str, list[dict[str, Any]]], same: bool) -> None:
    from spacegrey.interfaces.cli.output import console, table

    out = console()
    for name, saved in (("A", left), ("B", right)):
        out.print(f"{name}  {saved.record['workload_name']} on {saved.record['machine_name']}")
    for part, rows in found.items():
        out.print()
        if not rows:
            out.print(f"{part}: the same")
            continue
        shown = table(out, part, ">A", ">B", ">B - A", ">")
        for row in rows:
            shown.add_row(row["name"], _text(row["a"]), _text(row["b"]), *_change(row))
        out.print(shown)
    out.print(f"\nresults: {'the same' if same else 'different'}")


def _text(value: object) -> str:
    from spacegrey.interfaces.words import figures

    if value is None:
        return "-"
    if isinstance(value, float):
        return figures(value)
    text = str(value)
    return text if len(text) <= 24 else text[:21] + "..."  # noqa: PLR2004 - two of them fit a line


def _change(row: dict[str, Any]) -> tuple[str, str]:
    """Return the difference, and in percent where zero of the quantity means nothing of it."""
    from spacegrey.interfaces.words import figures

    name, a, b = row["name"], row["a"], row["b"]
    if isinstance(a, bool) or not isinstance(a, (int, float)) or not isinstance(b, (int, float)):
        return "", ""
    relative = "" if not a or "temp_c" in name or "dba" in name else f"{(b - a) / abs(a):+.1%}".replace("%", " %")
    return figures(b - a, 3), relative
