"""`spacegrey plot`: two columns of a sweep as a picture or a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """
spacegrey plot runs --x energy_wh --y duration_s --front --out runs.html
spacegrey plot runs --x price --y duration --colour noise --out runs.png
"""


def plot(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `spacegrey sweep` wrote.")],
    x: Annotated[str, typer.Option("--x", metavar="COLUMN", help="Across.")],
    y: Annotated[str, typer.Option("--y", metavar="COLUMN", help="Up.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="A .png or .html file.")] = Path("plot.html"),
    colour: Annotated[str | None, typer.Option("--colour", metavar="COLUMN", help="What the colour says.")] = None,
    where: Annotated[str, typer.Option("--where", metavar="SQL", help="Only the runs of which this is true.")] = "",
    front: Annotated[bool, typer.Option("--front", help="Mark the runs that no other beats in both.")] = False,
    more: Annotated[
        list[str] | None,
        typer.Option("--more", metavar="COLUMN", help="In the front, more of it is better, whatever it is."),
    ] = None,
    less: Annotated[
        list[str] | None,
        typer.Option("--less", metavar="COLUMN", help="In the front, less of it is better, whatever it is."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Draw two columns of a sweep against each other.

    A page tells of each point which machine and which workload it is. The front knows of each result whether less or
    more of it is better, and the axes say so.
    """
    import numpy as np

    from spacegrey.errors import InputError
    from spacegrey.interfaces import questions
    from spacegrey.interfaces.cli.output import writable
    from spacegrey.interfaces.scatter.points import points
    from spacegrey.simulation.runfile import write_whole

    kind = out.suffix.lower()
    if kind not in {".png", ".html"}:
        raise InputError(f"{out}: a plot is written as .png or .html")
    if (more or less) and not front:
        raise InputError(f"{'--more' if more else '--less'} is about the front: add --front")
    place = writable(out) or out
    with questions.opened(folder) as sweep:
        for warning in sweep.warnings:
            typer.echo(f"spacegrey: {warning}", err=True)
        shown = points(sweep, x, y, colour, where, front=front, more=more or (), less=less or ())
    if kind == ".png":
        from spacegrey.interfaces.scatter.picture import write_png

        write_whole(place, lambda beside: write_png(shown, beside))
    else:
        from spacegrey.interfaces.scatter.page import page

        write_whole(place, lambda beside: beside.write_text(page(shown), encoding="utf-8"))
    if as_json:
        from spacegrey.interfaces.cli.output import write_json

        best_runs = [
            {"machine": shown.machines[one], "workload": shown.workloads[one], shown.names[0]: float(shown.x[one]),
             shown.names[1]: float(shown.y[one])}
            for one in np.flatnonzero(shown.front)
        ]  # fmt: skip
        better = dict(zip(shown.names[:2], shown.better, strict=True)) if front else None
        write_json({"out": str(out), "runs": shown.total, "drawn": len(shown.x), "better": better, "front": best_runs})
        return
    best = f", {int(shown.front.sum()):,} on the front" if front else ""
    typer.echo(f"saved: {out} ({shown.total:,} runs{best})")
