"""`spacegrey show`: a saved run, as it was shown when it ran."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """
spacegrey show run.parquet
spacegrey show run.parquet --report run.html
"""


def show(
    file: Annotated[Path, typer.Argument(metavar="F.parquet", help="A run that `spacegrey run --save` kept.")],
    report: Annotated[Path | None, typer.Option("--report", metavar="F.html", help="Write a page with plots.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Show a saved run again."""
    from spacegrey.interfaces.cli.output import writable, write_json
    from spacegrey.interfaces.shown import from_file

    report_to = writable(report)
    shown = from_file(file)
    if report_to:
        from spacegrey.interfaces.report import page
        from spacegrey.simulation import runfile

        runfile.write_whole(report_to, lambda beside: beside.write_text(page.page(shown), encoding="utf-8"))
    if as_json:
        write_json(shown.as_json())
        return
    from spacegrey.interfaces.cli.view import print_run

    print_run(shown)
    if report:
        typer.echo(f"report: {report}")
