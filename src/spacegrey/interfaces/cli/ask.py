"""`spacegrey ask`: a question in SQL over a sweep."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer

EXAMPLES = """
spacegrey ask runs "select machine, score from runs order by score desc"
spacegrey ask runs "select workload, avg(energy_wh) from runs group by all"
spacegrey ask runs "describe runs"
"""

MOST_SHOWN = 1000
"""A terminal shows so many rows; `--json` and a pipe have all."""


def ask(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `spacegrey sweep` wrote.")],
    sql: Annotated[str, typer.Argument(metavar="SQL", help="A question; the table is called runs.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Ask about the runs of a sweep, in SQL.

    The answer is DuckDB's; it reads the sweep and nothing else, and writes nothing.
    """
    from spacegrey.interfaces import questions
    from spacegrey.interfaces.cli.output import console, table, write_json

    with questions.opened(folder) as sweep:
        for warning in sweep.warnings:
            typer.echo(f"spacegrey: {warning}", err=True)
        out = console()
        most = MOST_SHOWN + 1 if out.is_terminal and not as_json else None
        answer = questions.ask(sweep, sql, most)
    if as_json:
        rows = [[_plain(value) for value in row] for row in answer.rows]
        write_json({"columns": list(answer.columns), "rows": rows})
        return
    if not answer.columns:
        return
    numeric = [
        all(isinstance(row[place], (int, float)) or row[place] is None for row in answer.rows)
        for place in range(len(answer.columns))
    ]
    heads = [f"{'>' if right else ''}{name}" for name, right in zip(answer.columns, numeric, strict=True)]
    shown = table(out, *heads)
    for row in answer.rows[:MOST_SHOWN] if most else answer.rows:
        shown.add_row(*(_cell(value) for value in row))
    out.print(shown)
    if most and len(answer.rows) == most:
        typer.echo(f"only the first {MOST_SHOWN:,} rows are shown; add a limit, or --json for all", err=True)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else "-"
    return "".join(sign if sign.isprintable() else " " for sign in str(value))


def _plain(value: Any) -> Any:  # noqa: ANN401 - what SQL returns
    """Return a value as JSON has it: dates, decimals and the like as text or number."""
    from decimal import Decimal

    if isinstance(value, Decimal):
        return float(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return str(value)
