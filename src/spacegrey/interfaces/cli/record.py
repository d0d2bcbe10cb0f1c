"""`spacegrey record`: a workload from a real job."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Generator

    from spacegrey.simulation.run import Run
    from spacegrey.workload.library import Workload
    from spacegrey.workload.recording.estimate import Demand
    from spacegrey.workload.recording.sampling import Samples

EXAMPLES = """
spacegrey record --out sleep.toml -- sleep 1
spacegrey record --out pack.toml --cores 1 -- tar -czf a.tgz /usr/include
"""

LITTLE_S = 0.5
"""Before this a recording has just begun. [s]"""

MOST_PHASES = 20
"""Phases that are printed."""


class Kind(StrEnum):
    """Class of the work, which counters would tell and samples do not."""

    integer = "integer"
    float = "float"


def record(
    command: Annotated[list[str] | None, typer.Argument(metavar="-- COMMAND", help="What to run and record.")] = None,
    pid: Annotated[int | None, typer.Option("--pid", metavar="N", help="Record a process that runs already.")] = None,
    out: Annotated[Path, typer.Option("--out", metavar="F.toml", help="The workload.")] = Path("recorded.toml"),
    host: Annotated[
        Path,
        typer.Option("--host", metavar="F.toml", help="This computer as a machine; rated and written if not there."),
    ] = Path("this-computer.toml"),
    cores: Annotated[int | None, typer.Option("--cores", metavar="N", help="Cores that the job may use.")] = None,
    seconds: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="With --pid: end after so long, such as 90s or 5min.")
    ] = None,
    kind: Annotated[
        Kind | None,
        typer.Option("--class", help="Of the work, if not as it is seen: integer as of builds, float as of renderers."),
    ] = None,
    samples_to: Annotated[
        Path | None, typer.Option("--samples", metavar="F.jsonl", help="Keep the samples, one JSON object a line.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Record a real job as a workload.

    Looks ten times a second at the command and all it starts, or at a running process. Ctrl-C ends the recording and
    keeps it. The computer itself is rated once, for about ten seconds, so that the work has units; then the workload
    runs on any machine of the catalog.
    """
    import datetime as dt
    import sys

    from spacegrey.errors import InputError
    from spacegrey.interfaces.cli.output import say_when_compiling, writable
    from spacegrey.simulation.recorded import check_places, kept, rated, replayed, wanted
    from spacegrey.workload.recording.sampling import record_command

    if (pid is None) == (not command):
        raise InputError("record needs either a command after -- or --pid N: spacegrey record -- make -j8")
    if seconds is not None and pid is None:
        raise InputError("record: --for goes with --pid; a command is recorded until it ends, or until Ctrl-C")
    if cores is not None and pid is not None:
        raise InputError("record: --cores goes with a command; a running process keeps its own")
    check_places(host, out, samples_to)
    for path in (out, host, samples_to):
        writable(path)
    wanted_s = None if seconds is None else wanted(seconds, "record: --for")
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    rating = rated(host, out.parent, today, lambda: typer.echo("rating this computer, once (about 10 s)...", err=True))
    say_when_compiling()
    with _asked_to_end():
        if command:
            # What the job prints does not belong into JSON.
            taken = record_command(command, cores, stdout=sys.stderr.fileno() if as_json else None)
        else:
            taken = _attached(pid or 0, wanted_s)
        made, found = kept(taken, rating, kind.value if kind else None, today, out, samples_to)
    again = replayed(made, host, taken.cores, rating)
    if as_json:
        _write_json(out, host, taken, found, again, made)
    else:
        _print(out, host, taken, found, again, made)


@contextmanager
def _asked_to_end() -> Generator[None]:
    """Take a request to end, or a terminal that closes, for Ctrl-C: the recording is kept."""
    asked: list[int] = []
    terminals = [number for number in (1, 2) if os.isatty(number)]
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # What is ignored already, as after nohup, stays so.
    ours = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]

    def end(number: int, _: object) -> None:
        # Once is enough: the next would break what is being written.
        if asked:
            return
        asked.append(number)
        if number != signal.SIGTERM:
            # The terminal is gone, and nothing can be written to it.
            with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
                for terminal in terminals:
                    os.dup2(nowhere.fileno(), terminal)
        raise KeyboardInterrupt

    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _attached(pid: int, wanted_s: float | None) -> Samples:
    """Return the recording of a process that runs already, and say on standard error that it has begun."""
    from spacegrey.interfaces.cli.output import progress
    from spacegrey.workload.recording.sampling import record_process

    with progress(f"recording {pid}") as update:

        def show(now_s: float) -> None:
            if now_s < LITTLE_S:
                typer.echo(f"recording process {pid}; Ctrl-C ends the recording and keeps it", err=True)
            update(now_s / wanted_s if wanted_s else 0.0, f"{now_s:.0f} s")

        return record_process(pid, wanted_s, show)


def _write_json(out: Path, host: Path, taken: Samples, found: list[Demand], replayed: Run, made: Workload) -> None:
    from dataclasses import asdict

    from spacegrey.interfaces.cli.output import write_json

    kept = made.spec.recorded
    write_json({
        "workload": str(out),
        "machine": str(host),
        "recorded": kept.model_dump(mode="json", exclude={"source", "assumed"}) if kept else None,
        "looks": len(taken.columns["time_s"]),
        "overhead": taken.overhead,
        "interrupted": taken.interrupted,
        "phases": [
            {**asdict(one.stretch), "class": one.kind, "class_by": one.by, "gop": one.gop, "memory": one.memory,
             "stream_gb": one.stream_gb,
             "serial": one.serial_order, "drive_read_gb": one.read_gb, "drive_write_gb": one.write_gb}
            for one in found
        ],
        "replay_s": replayed.duration_s,
    })  # fmt: skip


def _print(out: Path, host: Path, taken: Samples, found: list[Demand], replayed: Run, made: Workload) -> None:
    from spacegrey.interfaces.cli.output import console, table
    from spacegrey.interfaces.words import duration, error, percent

    shown, kept = console(), made.spec.recorded
    if kept is None:
        return
    shown.print(f"{kept.command}")
    ended = ", ended before the job did" if taken.interrupted else ""
    with_status = f", exit status {kept.exit_status}" if kept.exit_status else ""
    shown.print(
        f"{duration(taken.duration_s)} on {taken.cores} core{'s' if taken.cores > 1 else ''} of {kept.host}{ended}"
        f"{with_status}; {len(taken.columns['time_s'])} looks for {percent(taken.overhead)} of a core\n"
    )
    rows = table(shown, "phase", ">from", ">alone", ">busy", ">drive", ">waits", ">parallel", ">threads", ">GB moved")
    for number, one in enumerate(found[:MOST_PHASES], 1):
        seen = one.stretch
        rows.add_row(
            str(number), f"{seen.begin_s:.1f} s", f"{seen.alone_s:.2f} s", f"{seen.busy_s:.2f} s",
            f"{seen.drive_s:.2f} s", f"{seen.wait_s:.2f} s", percent(seen.parallel), str(seen.threads),
            f"{seen.read_gb + seen.write_gb:.2f}",
        )  # fmt: skip
    shown.print(rows)
    if len(found) > MOST_PHASES:
        shown.print(f"and {len(found) - MOST_PHASES} more phases")
    floating = [str(number) for number, one in enumerate(found, 1) if one.kind == "float" and one.gop > 0.0]
    if floating:
        shown.print(f"of floating-point numbers: phase {', '.join(floating[:MOST_PHASES])}")
    limited = [str(number) for number, one in enumerate(found, 1) if one.memory == "limits"]
    if limited:
        moved_gb = sum(one.stream_gb for one in found if one.memory == "limits")
        shown.print(f"memory holds up phase {', '.join(limited[:MOST_PHASES])}: {moved_gb:.0f} GB through it")
    shown.print()
    if kept.duration_s > 1.02 * kept.alone_s:
        shown.print(f"with nothing else on the computer: {duration(kept.alone_s)}")
    off = error(100.0 * (replayed.duration_s / kept.alone_s - 1.0)) if kept.alone_s > 0.0 else "-"
    shown.print(f"replayed on {host}: {duration(replayed.duration_s)} ({off})")
    shown.print(f"confidence: {'; '.join([kept.confidence, *kept.doubts])}")
    for words in kept.unseen:
        shown.print(f"not seen: {words}")
    shown.print(f"\nworkload: {out} (spacegrey run {quote(str(out))} --on imac-pro)", soft_wrap=True)
