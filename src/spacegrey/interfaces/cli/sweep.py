"""`spacegrey sweep`: thousands to millions of runs into a folder of Parquet files."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from spacegrey.simulation.sweep.estimate import Estimate
    from spacegrey.simulation.sweep.partitions import Progress, Record
    from spacegrey.simulation.sweep.plan import Plan

EXAMPLES = """
spacegrey sweep my-sweep.toml --out answers --dry-run
spacegrey sweep my-sweep.toml --out answers
spacegrey sweep my-sweep.toml --out answers --resume
"""


def sweep(
    file: Annotated[Path, typer.Argument(metavar="SWEEP.toml", help="What to run: see docs/sweep.md.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder for the results.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would take.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a sweep that was interrupted.")] = False,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, metavar="N", help="Cores to use; all if left out.")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option("--cluster", metavar="ADDRESS", help="Run on this Dask scheduler (tcp://host:8786), not here."),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", metavar="cpu|cuda", help="Run on the processor, or on one NVIDIA GPU.")
    ] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Run thousands to millions of machines under work.

    Every result is a row; ask about them with `spacegrey ask`, draw them with `spacegrey plot`.
    """
    from spacegrey.interfaces.cli.output import say_when_compiling
    from spacegrey.simulation.sweep.file import read_sweep
    from spacegrey.simulation.sweep.plan import plan

    _check_device(device, threads, cluster)
    question = read_sweep(file)
    from spacegrey.simulation.sweep import estimate, partitions

    going_on = resume and partitions.is_sweep(out)
    if not going_on:
        partitions.check_place(out)
    made = plan(question)
    before = partitions.check_same(out, partitions.record_of(made, question.text, 0)) if going_on else None
    say_when_compiling()
    # Who goes on knows already what it takes, and repeats nothing.
    expected = None if before and not dry_run else estimate.estimate(made, out, threads, device)
    if expected and not before:
        estimate.check_room(expected.bytes, out)
    done = None
    if not dry_run:
        record = before or partitions.record_of(made, question.text, expected.chunk_rows if expected else 0)
        with _cluster(cluster) as client:
            # The folder appears when there is somebody to fill it.
            if not before:
                partitions.begin(out, record, question.text)
            done = _run(made, out, record, threads, client, device)
    if as_json:
        from spacegrey.interfaces.cli.output import write_json

        write_json(_as_json(made, out, device, expected, done))
    else:
        _print(made, out, expected, done)


def _check_device(device: str, threads: int | None, cluster: str | None) -> None:
    """Raise `InputError` where the device is not there, or does not go with the other options."""
    from spacegrey import jit
    from spacegrey.errors import InputError, unknown
    from spacegrey.simulation.batch import DEVICES

    if device not in DEVICES:
        raise unknown("--device", device, DEVICES)
    if device == "cuda":
        for name, given in (("--threads", threads), ("--cluster", cluster)):
            if given:
                raise InputError(f"--device cuda is one GPU of this computer: leave out {name}")
        jit.device()


def _cluster(address: str | None) -> AbstractContextManager[Any]:
    """Return the connection to the cluster, if there is to be one."""
    if address is None:
        return nullcontext()
    from spacegrey.simulation.sweep.cluster import connected

    return connected(address)


def _run(
    made: Plan,
    out: Path,
    record: Record,
    threads: int | None,
    client: Any,  # noqa: ANN401
    device: str,
) -> Progress:
    from spacegrey.interfaces.cli.output import progress
    from spacegrey.interfaces.words import duration
    from spacegrey.simulation.sweep import estimate, partitions

    with partitions.only_one(out):
        partitions.clear(out)
        missing = _missing(out, record)
        estimate.check_room(estimate.still_needed(out, len(missing)), out)
        with progress(f"{record.rows:,} runs") as update:

            def show(state: Progress) -> None:
                update(state.done / state.rows, f"{state.rows_per_s:,.0f} runs/s, {duration(state.remaining_s)} left")

            try:
                return partitions.fill(made, out, record, missing, threads, show, client, device)
            except KeyboardInterrupt:
                typer.echo("spacegrey: stopped; what is done is kept: go on with --resume", err=True)
                raise


def _missing(out: Path, record: Record) -> list[int]:
    """Return the partitions that are still to be run; those that are damaged are named, and run again."""
    from spacegrey.simulation.sweep import partitions

    missing = set(range(partitions.partitions(record)))
    for number in partitions.present(out):
        path = partitions.part_path(out, number)
        why = "belongs to no row of this sweep" if number not in missing else ""
        why = why or partitions.fault(out, record, number, deep=True)
        if why:
            typer.echo(f"spacegrey: {path}: {why}: it is run again", err=True)
            path.unlink()
        else:
            missing.discard(number)
    return sorted(missing)


def _as_json(made: Plan, out: Path, device: str, expected: Estimate | None, done: Progress | None) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "title": made.title,
        "out": str(out),
        "device": device,
        "rows": made.rows,
        "machines": len(made.machines),
        "workloads": len(made.workloads),
        "varied": [one.axis.name for one in made.varied],
        "left_out": list(made.left_out),
        "estimate": asdict(expected) if expected else None,
        "run": asdict(done) if done else None,
    }


def _print(made: Plan, out: Path, expected: Estimate | None, done: Progress | None) -> None:
    from spacegrey.interfaces.cli.output import console
    from spacegrey.interfaces.words import duration
    from spacegrey.simulation.sweep.estimate import size

    shown = console()
    wrap = not shown.is_terminal
    parts = [_count(len(made.machines), "machine"), _count(len(made.workloads), "workload")]
    parts += [_count(count, "step" if count > 1 else "value") for count in made.groups]
    shown.print(f"{made.title}: {made.rows:,} runs ({' x '.join(parts)})", soft_wrap=wrap)
    if made.left_out:
        shown.print(
            f"left out, because parts or what is plugged in do not fit: {_count(len(made.left_out), 'machine')}",
            soft_wrap=wrap,
        )
    if expected and not done:
        shown.print(
            f"would take about {duration(expected.seconds)} at {expected.rows_per_s:,.0f} runs/s "
            f"(measured on {expected.sample_rows:,})",
            soft_wrap=wrap,
        )
        shown.print(
            f"would write about {size(expected.bytes)} in {_count(expected.partitions, 'file')} to {out}; "
            f"{size(expected.free_bytes)} are free",
            soft_wrap=wrap,
        )
    if not done:
        return
    if done.ran == 0:
        shown.print("every run is there already", soft_wrap=wrap)
    else:
        before = f", {done.rows - done.ran:,} were there already" if done.ran < done.rows else ""
        for lost in done.given_up:
            shown.print(f"given up: {lost}; --resume tries it again", soft_wrap=wrap)
        shown.print(
            f"{done.ran:,} runs in {duration(done.seconds)}, {done.rows_per_s:,.0f} runs/s{before}; "
            f"{done.refused:,} refused",
            soft_wrap=wrap,
        )
    shown.print(f"saved: {out} (spacegrey ask {quote(str(out))} SQL)", soft_wrap=wrap)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
