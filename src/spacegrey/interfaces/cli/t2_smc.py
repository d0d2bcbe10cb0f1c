"""Subcommands of `spacegrey t2` about the T2 as system manager: a machine that runs, and its keys."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacegrey.errors import InputError, Refusal

if TYPE_CHECKING:
    from spacegrey.virtual.instance import Instance

_WIDEST = 16
"""Signs of a key's bytes that a table shows."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")]


def live(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The machine's folder.")],
    work: Annotated[str, typer.Option("--work", metavar="WORKLOAD", help="What it does; then it idles.")] = "idle",
    speed: Annotated[
        float, typer.Option("--speed", metavar="X", help="Seconds of the machine in one of the clock, up to 1000.")
    ] = 1.0,
    command: Annotated[
        str | None, typer.Option("--run", metavar="COMMAND", help="Run this while the machine does, then end.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let the machine run, for `t2 smc` to read.

    It works, then idles; its sensors say what it is at the moment at which they are read, and a fan's target that is
    written reaches it as it runs. Ctrl-C ends it.
    """
    from spacegrey.interfaces.cli.output import say_when_compiling, write_json
    from spacegrey.virtual.instance import open_instance
    from spacegrey.virtual.live import Manager, serve
    from spacegrey.virtual.management import started
    from spacegrey.virtual.serving import beside, told

    instance = open_instance(folder)
    say_when_compiling()
    running = started(instance, work)
    running.step(1)  # compiled before the clock starts
    manager = Manager(instance, running, time.monotonic, speed)
    status: list[int] = []
    with told() as ended:

        def follow(words: str) -> None:
            status.append(beside(ended, words))
            ended.tell()

        follower = threading.Thread(target=follow, args=(command,))

        def ready() -> None:
            if as_json:
                write_json({"running": str(folder), "work": work, "speed": speed})
            if command is not None:
                follower.start()
            elif not as_json:
                what = work if work == "idle" else f"{work}, then idle"
                typer.echo(f"{folder} runs: {what} (Ctrl-C ends it)")

        try:
            serve(instance, manager, ended.over, ready)
        finally:
            if follower.ident is not None:
                ended.tell()
                follower.join()
    if status and status[0]:
        raise typer.Exit(status[0])


def smc(
    key: Annotated[str, typer.Argument(metavar="[KEY]", help="The key, such as TC0c; none lists all.")] = "",
    folder: Annotated[Path, typer.Option("--dir", metavar="DIR", help="The machine's folder.")] = Path(),
    work: Annotated[
        str | None, typer.Option("--work", metavar="WORKLOAD", help="What a machine that does not run did (idle).")
    ] = None,
    at: Annotated[
        float | None, typer.Option("--at", metavar="SECONDS", help="When, from its beginning (default: at its end).")
    ] = None,
    value: Annotated[
        float | None, typer.Option("--set", metavar="VALUE", help="Write this: a fan's target, then its mode.")
    ] = None,
    index: Annotated[int | None, typer.Option("--index", metavar="N", help="The key with this number.")] = None,
    every: Annotated[bool, typer.Option("--all", help="List those too that the model does not follow.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read the system manager's keys, or write one.

    A machine that runs (`t2 live`) answers from what it is now; of one that does not, a run is computed. A fan whose
    mode (F0Md) is 1 is held at its target (F0Tg).
    """
    from spacegrey.interfaces.cli.output import console, table, write_json
    from spacegrey.t2.smc import Standing, key_at, shown, smc_key, smc_keys
    from spacegrey.virtual.instance import open_instance

    if index is not None and key:
        raise InputError("--index names a key by its number: give no other")
    if value is not None and not key:
        raise InputError("--set needs a key, such as F0Tg")
    if every and (key or index is not None):
        raise InputError("--all lists every key: name none")
    instance = open_instance(folder)
    # a key has four signs; the last may be a space, which a shell loses
    name = key_at(index) if index is not None else key and key.ljust(4)
    names = [name] if name else [one for one, spec in smc_keys().items() if every or spec.reads]
    found = _bytes(instance, names, value, work, at)
    rows: list[dict[str, Any]] = []
    for one in names:
        spec, raw = smc_key(one), found.get(one)
        rows.append(
            {
                "key": one, "type": spec.type, "length": spec.length, "attributes": spec.attributes,
                "standing": str(spec.standing), "refused": spec.refused and int(spec.refused),
                "bytes": raw and raw.hex(), "value": None if raw is None else shown(one, raw), "meaning": spec.meaning,
            }
        )  # fmt: skip
    if as_json:
        write_json(rows)
        return
    out = console()
    listed = table(out, "|key", "|type", "|bytes", ">value", "meaning")
    for row in rows:
        said, raw = row["value"], row["bytes"]
        if raw is None:
            said, raw = f"status {row['refused']:#04x}", ""
        elif raw == said:
            said = ""
        raw = raw if len(raw) <= _WIDEST else raw[:_WIDEST] + "…"  # --json has them all
        listed.add_row(
            row["key"], row["type"], raw, f"{said:,.2f}" if isinstance(said, float) else str(said), row["meaning"]
        )
    out.print(listed)
    if not name and not every:
        left = sum(spec.standing is not Standing.SIMULATED for spec in smc_keys().values())
        out.print(f"{left} more say the same always, or cannot be read: --all lists them")


def _bytes(
    instance: Instance, names: list[str], value: float | None, work: str | None, at: float | None
) -> dict[str, bytes]:
    """Return the bytes of keys, by the machine that runs or, where none does, from a run; write one before.

    Of several, those that cannot be read are left out.
    """
    from spacegrey.interfaces.cli.output import say_when_compiling
    from spacegrey.t2.smc import checked_readable, read, smc_key
    from spacegrey.virtual.line import ask, read_keys

    if len(names) > 1:
        names = [name for name in names if smc_key(name).refused is None]
    elif value is None:
        checked_readable(names[0])
    runs = ask(instance, do="now")
    if runs is not None:
        if work is not None or at is not None:
            raise InputError("the machine runs (t2 live): --work and --at belong to one that does not")
        if value is not None:
            ask(instance, do="write", key=names[0], value=value)
        found = read_keys(instance, names)
        if found is None:
            raise Refusal(f"{instance.folder}: the machine stopped before it answered")
        return found
    from spacegrey.virtual.management import measured, write

    if value is not None:
        write(instance, names[0], value)
    say_when_compiling()
    found = measured(instance, work or "idle", at)
    return {name: read(name, found) for name in names}


SUBCOMMANDS = {
    "live": (live, "spacegrey t2 live my-mac --work cinebench-r15-loop"),
    "smc": (smc, "spacegrey t2 smc TC0c --dir my-mac --work cinebench-r15-loop --at 60"),
}
