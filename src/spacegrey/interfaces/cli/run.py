"""`spacegrey run`: one machine under one workload."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from spacegrey.simulation.run import Run
    from spacegrey.simulation.uncertainty import Bands

EXAMPLES = """
spacegrey run cinebench-r15-loop --on imac-pro
spacegrey run all-out --on imac-pro:18-core+ambient=35C --report hot.html
spacegrey run cinebench-r15-loop --on imac-pro --bands 256
spacegrey run disk-sequential --on imac-pro --plan desk.toml
spacegrey run my-job.toml --on my-machine.toml --save job.parquet --json
"""

Selector = Annotated[str, typer.Option("--on", metavar="SELECTOR", help="The machine, its options and its room.")]


def run(
    workload: Annotated[
        str, typer.Argument(metavar="WORKLOAD", help="A workload of the library, or a TOML file of your own.")
    ],
    on: Selector,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="F.parquet", help="Keep the whole run in a Parquet file.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", metavar="F.html", help="Write a page with plots.")] = None,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", metavar="PLAN.toml", help="What is plugged in; its storage and network do the work."),
    ] = None,
    bands: Annotated[
        int | None,
        typer.Option(
            "--bands", metavar="N", help="Run N draws of what is assumed, and say what the answers lie between."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Run a workload on a machine, and see what limits it.

    The answer: speed, clocks, temperatures, fans, noise, power, what limits the work, and what would help.
    """
    from spacegrey.errors import InputError
    from spacegrey.interfaces.cli.output import writable, write_json
    from spacegrey.simulation import runfile

    if save:
        runfile.check_name(save)
    save_to, report_to = writable(save), writable(report)
    if save_to and save_to == report_to:
        raise InputError(f"{save}: --save and --report name the same file")
    finished = simulated(workload, on, plan)
    found = drawn(finished, bands) if bands is not None else None
    from dataclasses import asdict

    from spacegrey.interfaces.cli.view import print_bands, print_run
    from spacegrey.interfaces.shown import from_run

    shown = from_run(finished)
    if save_to:
        runfile.save(finished, save_to, shown.published)
    if report_to:
        from spacegrey.interfaces.report import page

        written = page.page(shown, _wiring(plan, on) if plan else "")
        runfile.write_whole(report_to, lambda beside: beside.write_text(written, encoding="utf-8"))
    if as_json:
        write_json(shown.as_json() | ({"bands": asdict(found)} if found else {}))
        return
    print_run(shown)
    if found:
        print_bands(found)
    for path, what, then in ((save, "saved", "spacegrey show"), (report, "report", "open it in any browser:")):
        if path:
            typer.echo(f"{what}: {path}" + (f" ({then} {path})" if what == "saved" else ""))


def simulated(workload_name: str, selector: str, plan: Path | None = None) -> Run:
    """Return a finished run, with a progress bar while it lasts; ``plan`` says what is plugged in."""
    from spacegrey.interfaces.cli.output import progress, say_when_compiling
    from spacegrey.interfaces.words import duration
    from spacegrey.machine.assembly import machine
    from spacegrey.workload.library import workload

    built, asked = machine(selector), workload(workload_name)
    if plan:
        from spacegrey.connections.plan import read_plan
        from spacegrey.connections.plugged import plugged

        built = plugged(read_plan(plan), built)
    from spacegrey.simulation.run import simulate

    say_when_compiling()
    with progress(f"{asked.id} on {built.id}") as update:
        return simulate(asked, built, lambda share, seconds: update(share, duration(seconds)))


def _wiring(plan: Path, selector: str) -> str:
    from spacegrey.connections.arrange import connect
    from spacegrey.connections.plan import read_plan
    from spacegrey.interfaces.wiring.svg import drawing
    from spacegrey.machine.assembly import machine

    return drawing(connect(read_plan(plan), machine(selector)))


def drawn(finished: Run, samples: int) -> Bands:
    """Return the bands of a run, with a progress bar while they are drawn."""
    from spacegrey.interfaces.cli.output import progress
    from spacegrey.simulation.uncertainty import bands

    done = 0
    with progress("drawing what is assumed") as update:

        def count(more: int) -> None:
            nonlocal done
            done += more
            update(done / samples, f"{done} of {samples}")

        return bands(finished.workload, finished.machine, samples, progress=count)
