"""`spacegrey t2 signer`: a signing server of one's own, on this computer's loopback."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from spacegrey.errors import InputError

FIRST_BUILDS = ("bridge-1", "macos-1", "internet-recovery")
"""What a new signer signs: firmware, a system, and the recoveryOS of the network."""


class Action(StrEnum):
    """What to do with a signer."""

    CREATE = "create"
    SERVE = "serve"
    LIST = "list"
    ADD_FIRMWARE = "add-firmware"
    ADD_SYSTEM = "add-system"
    STOP = "stop"
    RESUME = "resume"
    RESET_FILE = "reset-file"


OPTIONS = {
    Action.CREATE: set[str](),
    Action.SERVE: {"--port", "--run"},
    Action.LIST: set[str](),
    Action.ADD_FIRMWARE: {"--build"},
    Action.ADD_SYSTEM: {"--build", "--from"},
    Action.STOP: {"--build"},
    Action.RESUME: {"--build"},
    Action.RESET_FILE: {"--request", "--out"},
}
"""What each action takes."""


def signer(
    action: Annotated[
        Action,
        typer.Argument(
            metavar="ACTION",
            help="create: make keys and first builds; serve: answer on 127.0.0.1; list: what is signed; add-firmware, "
            "add-system: put a build on the list; stop, resume: signing a build; reset-file: take a firmware "
            "password away.",
        ),
    ],
    folder: Annotated[Path, typer.Argument(metavar="SIGNER", help="The signer's folder.")],
    build: Annotated[str | None, typer.Option("--build", metavar="NAME", help="Which build.")] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FOLDER", help="add-system: a folder with boot.efi and immutablekernel."),
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="serve: which port (default: a free one).")
    ] = None,
    command: Annotated[
        str | None,
        typer.Option("--run", metavar="COMMAND", help="serve: run this in a shell, with the address in $url, and end."),
    ] = None,
    request: Annotated[str | None, typer.Option("--request", help="reset-file: what the machine shows.")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="reset-file: where it goes.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Make and run a signing server.

    Its root certificate goes into a machine's Boot ROM. It signs only what
    is on its list, for the machine and the nonce of the question.
    """
    given = {"--build": build, "--from": source, "--port": port, "--run": command, "--request": request, "--out": out}
    for name, value in given.items():
        if value is not None and name not in OPTIONS[action]:
            takes = ", ".join(sorted(OPTIONS[action])) or "none but --json"
            raise InputError(f"signer {action} does not take {name}; its options: {takes}")
    if action is Action.CREATE:
        _create(folder)
    elif action is Action.SERVE:
        _serve(folder, port or 0, command, as_json)
        return
    elif action is Action.RESET_FILE:
        _reset_file(folder, _needed(request, "--request"), _needed(out, "--out"), as_json)
        return
    elif action is not Action.LIST:
        _change(action, folder, _needed(build, "--build"), source)
    _list(folder, as_json)


def _needed(value: Any, name: str) -> Any:  # noqa: ANN401 - whatever the option is
    if value is None:
        raise InputError(f"{name} is missing; see 'spacegrey t2 signer --help'")
    return value


def _create(folder: Path) -> None:
    from spacegrey.t2.boot.chips import chip_sheet
    from spacegrey.t2.signer import builds
    from spacegrey.t2.signer.authority import new_authority, save_authority

    authority, sheet = new_authority(), chip_sheet()
    save_authority(authority, folder)
    builds.new_list(folder)
    chip = sheet.with_ecid(0)
    builds.add_firmware(folder, FIRST_BUILDS[0], chip)
    for name in FIRST_BUILDS[1:]:
        builds.add_system(folder, name, chip, authority, sheet.model)


def _change(action: Action, folder: Path, build: str, source: Path | None) -> None:
    from spacegrey.t2.boot.chips import chip_sheet
    from spacegrey.t2.signer import builds
    from spacegrey.t2.signer.allowed import read_allowed, write_allowed
    from spacegrey.t2.signer.authority import open_authority

    authority, sheet = open_authority(folder), chip_sheet()
    if action is Action.ADD_FIRMWARE:
        builds.add_firmware(folder, build, sheet.with_ecid(0))
    elif action is Action.ADD_SYSTEM:
        files = _system_files(source) if source else None
        builds.add_system(folder, build, sheet.with_ecid(0), authority, sheet.model, files)
    else:
        write_allowed(read_allowed(folder).signing(build, now=action is Action.RESUME), folder)


def _system_files(source: Path) -> dict[str, bytes]:
    from spacegrey.t2.boot.volumes import KERNEL, LOADER, RECOVERY

    found: dict[str, bytes] = {}
    for name in (LOADER, KERNEL, RECOVERY):
        try:
            found[name] = (source / name).read_bytes()
        except FileNotFoundError:
            if name != RECOVERY:
                raise InputError(f"{source}: no {name} there") from None
        except OSError as error:
            raise InputError(f"{source / name}: {(error.strerror or 'cannot be read').lower()}") from None
    return found


def _list(folder: Path, as_json: bool) -> None:
    from spacegrey.interfaces.cli.output import console, table, write_json
    from spacegrey.t2.signer.allowed import read_allowed
    from spacegrey.t2.signer.authority import open_authority

    open_authority(folder)
    allowed = read_allowed(folder)
    if as_json:
        rows = [
            {"build": one.name, "firmware": one.firmware, "signing": one.signing, "objects": dict(one.objects)}
            for one in allowed.builds
        ]
        write_json({"builds": rows, "machines": allowed.machines and list(allowed.machines)})
        return
    out = console()
    shown = table(out, "build", "for", "objects", "signed")
    for one in allowed.builds:
        side = "the T2" if one.firmware else "the Intel side"
        shown.add_row(one.name, side, ", ".join(one.objects), "yes" if one.signing else "no longer")
    out.print(shown)


def _reset_file(folder: Path, request: str, out: Path, as_json: bool) -> None:
    from spacegrey.interfaces.cli.output import console, writable, write_json
    from spacegrey.t2.boot.chips import chip_sheet
    from spacegrey.t2.files import HostFiles
    from spacegrey.t2.signer.authority import open_authority
    from spacegrey.t2.signer.signer import password_reset

    place = writable(out) or out
    number, _, nonce = request.partition("-")
    try:
        ecid, raw = int(number, 16), bytes.fromhex(nonce)
    except ValueError:
        raise InputError(f"--request {request!r}: not what 't2 firmware-password request-reset' shows") from None
    if not 0 <= ecid < 1 << 64:
        raise InputError(f"--request {request!r}: no number of 64 bits")
    made = password_reset(chip_sheet().with_ecid(ecid), raw, open_authority(folder))
    HostFiles(place.parent).replace(place.name, made)
    if as_json:
        write_json({"ecid": f"{ecid:016X}", "file": str(out)})
    else:
        console().print(f"{out}: for the machine {ecid:016X}, once")


def _serve(folder: Path, port: int, command: str | None, as_json: bool) -> None:
    from spacegrey.interfaces.cli.output import write_json
    from spacegrey.t2.signer.allowed import read_allowed
    from spacegrey.t2.signer.authority import open_authority
    from spacegrey.t2.signer.server import Signer
    from spacegrey.virtual.serving import told, until_told

    authority = open_authority(folder)
    read_allowed(folder)
    with told() as ended:
        server = Signer(authority, folder, port, lambda line: typer.echo(line, err=True))
        try:
            if as_json:
                write_json({"url": server.url})
            elif not command:
                typer.echo(f"signing at {server.url} (Ctrl-C ends it)")
            status = until_told(ended, server, command, url=server.url)
        finally:
            server.close()
    if status:
        raise typer.Exit(status)


SUBCOMMANDS = {"signer": (signer, "spacegrey t2 signer create my-signer")}
