"""`spacegrey identify`: what is plugged into a real machine, out of its dumps, as a plan."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from spacegrey.connections.identify.found import Found, Seen

EXAMPLES = """
spacegrey identify dumps
spacegrey identify dumps --json
spacegrey identify --check my-device.toml
"""


def identify(
    folder: Annotated[Path | None, typer.Argument(metavar="DIR", help="Folder of dumps.", show_default=False)] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="PLAN.toml", help="Write the plan.", show_default=False)
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option("--check", metavar="DEVICE.toml", help="Check a device of your own.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Read what is plugged into a real machine into a plan.

    Dumps are what boltctl list, system_profiler -json and lspci -vv print, and EDID files, such as a copy of
    /sys/class/drm. With --check it checks a device that the catalog does not know, written as data.
    """
    from spacegrey.errors import InputError
    from spacegrey.interfaces.cli.output import writable, write_json

    if (folder is None) == (check is None):
        raise InputError("identify needs a folder of dumps, or --check DEVICE.toml; see 'spacegrey identify --help'")
    if check is not None:
        if out is not None:
            raise InputError("--out goes with a folder of dumps, not with --check")
        _check(check, as_json)
        return
    place = writable(out)
    from spacegrey.connections.identify.folder import identify as read

    found = read(folder or Path())
    if place is not None:
        _write(found, place)
    if as_json:
        write_json(
            {
                "machine": found.machine,
                "devices": [_record(seen) for seen in found.devices],
                "unsure": [_record(seen) for seen in found.unsure],
                "left_out": found.left_out,
                "read": found.read,
                "not_read": found.not_read,
                "out": str(out) if out else None,
            }
        )
        return
    _print(found)
    if out is not None:
        typer.echo(f"\nsaved: {out} (try: spacegrey connect {quote(str(out))} --on SELECTOR)")


def _write(found: Found, place: Path) -> None:
    from spacegrey.connections.identify.writing import plan_text
    from spacegrey.connections.plan import read_plan
    from spacegrey.errors import Refusal
    from spacegrey.simulation.runfile import write_whole

    if not found.devices:
        raise Refusal(
            f"no plan: none of {len(found.unsure)} devices is complete; leave out --out to see what is missing"
        )

    def write(beside: Path) -> None:
        beside.write_text(plan_text(found), encoding="utf-8")
        read_plan(beside)

    write_whole(place, write)


def _record(seen: Seen) -> dict[str, Any]:
    return {
        "name": seen.name, "source": seen.source, "facts": seen.facts, "missing": seen.missing, "notes": seen.notes,
    }  # fmt: skip


def _print(found: Found) -> None:
    from spacegrey.interfaces.cli.output import console

    out = console()
    out.print(f"machine: {found.machine or 'not in the dumps'}")
    for head, devices in (("devices", found.devices), ("not complete", found.unsure)):
        if devices:
            out.print(f"\n{head}")
        for seen in devices:
            out.print(f"  {seen.name}: {_facts(seen)}".rstrip(": "))
            if seen.missing:
                out.print(f"    missing: {', '.join(seen.missing)}")
            for note in (f"from {seen.source}", *seen.notes):
                out.print(f"    {note}")
    for head, lines in (("left out", found.left_out), ("not read", found.not_read)):
        if lines:
            out.print(f"\n{head}")
            for line in lines:
                out.print(f"  {line}")


def _facts(seen: Seen) -> str:
    facts = dict(seen.facts)
    size = f"{facts.pop('width')}x{facts.pop('height')}" if {"width", "height"} <= facts.keys() else ""
    kind = str(facts.pop("kind", facts.pop("model", "")))
    return " ".join(
        part for part in (kind, size, ", ".join(f"{key} {_text(value)}" for key, value in facts.items())) if part
    )


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _check(path: Path, as_json: bool) -> None:
    from spacegrey.connections.devices import device_file
    from spacegrey.interfaces.cli.output import write_json

    devices = device_file(path)
    if as_json:
        given = {name: device.model_dump(exclude_defaults=True) for name, device in devices.items()}
        write_json({"file": str(path), "devices": [{"id": name, "facts": facts} for name, facts in given.items()]})
        return
    for name, device in devices.items():
        typer.echo(f"{name}: {device.kind}, by {device.link}: every key is known, and every number has its ground")
