"""`spacegrey disk`: the encrypted disk of a machine's folder, served to real clients."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from spacegrey.errors import InputError, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from spacegrey.t2.storage.engine import XtsKey
    from spacegrey.t2.storage.store import Store
    from spacegrey.virtual.nbd.server import Address

T = TypeVar("T")

LONGEST_SOCKET = 107 if sys.platform == "linux" else 103
"""Bytes of a Unix socket's path: `sun_path` of the system, less the zero that ends it."""

EXAMPLES = """
spacegrey disk create my-disk --size 1TB --key-file my-disk.key
spacegrey disk info studio
spacegrey disk health studio
spacegrey disk verify studio --key-file studio.key
spacegrey disk serve studio --key-file studio.key --run 'nbdinfo "$uri"'
spacegrey disk pull studio --module 1 --file blade
"""


class Action(StrEnum):
    """What to do with the disk."""

    CREATE = "create"
    SERVE = "serve"
    INFO = "info"
    HEALTH = "health"
    VERIFY = "verify"
    PULL = "pull"
    SWAP = "swap"


def disk(
    action: Annotated[
        Action,
        typer.Argument(
            metavar="ACTION",
            help="create: make an empty disk; serve: let NBD clients use it; info: what it is; health: how worn it is; "
            "verify: read everything; pull: take a module out; swap: exchange a module for the one in a file.",
        ),
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The machine's folder.")],
    key_file: Annotated[
        Path | None,
        typer.Option(
            "--key-file",
            metavar="FILE",
            help="The volume key, for a disk without a machine (create makes it).",
        ),
    ] = None,
    size: Annotated[str | None, typer.Option("--size", help="create: capacity, such as 1TB or 64MiB.")] = None,
    integrity: Annotated[
        bool, typer.Option("--integrity", help="create: keep a tag beside every page, so that changes are noticed.")
    ] = False,
    socket: Annotated[
        Path | None, typer.Option("--socket", metavar="PATH", help="serve: Unix socket (default: DIR/disk.sock).")
    ] = None,
    tcp: Annotated[str | None, typer.Option("--tcp", metavar="HOST:PORT", help="serve: on TCP instead.")] = None,
    psk_file: Annotated[
        Path | None,
        typer.Option(
            "--psk-file", metavar="FILE", help="serve: only over TLS, with these keys (as psktool writes them)."
        ),
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="serve: change nothing.")] = False,
    command: Annotated[
        str | None,
        typer.Option("--run", metavar="COMMAND", help="serve: run this in a shell, with the address in $uri, and end."),
    ] = None,
    module: Annotated[int | None, typer.Option("--module", help="pull, swap: which module, from 0.")] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="pull: where the module goes; swap: the module that is exchanged with the slot's."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Make and serve an encrypted disk, or open it up.

    Ends with status 1 where the disk is refused, damaged or worn.
    """
    given = {
        "--key-file": key_file, "--size": size, "--integrity": integrity, "--socket": socket, "--tcp": tcp,
        "--psk-file": psk_file, "--read-only": read_only, "--run": command, "--module": module, "--file": file,
    }  # fmt: skip
    _only_its_options(action, given)
    machine, folder = folder, _place(folder)
    if action is Action.CREATE:
        _create(folder, _needed(key_file, "--key-file"), _needed(size, "--size"), integrity, as_json)
    elif action is Action.SERVE:
        _serve(
            machine,
            key_file,
            _address(machine, socket, tcp),
            psk_file,
            read_only,
            command,
            as_json,
        )
    elif action is Action.VERIFY:
        _verify(machine, key_file, as_json)
    elif action in {Action.PULL, Action.SWAP}:
        _exchange(action, folder, _needed(module, "--module"), _needed(file, "--file"), as_json)
    elif action is Action.HEALTH:
        _health(folder, as_json)
    else:
        _info(folder, as_json)


OPTIONS = {
    Action.CREATE: {"--key-file", "--size", "--integrity"},
    Action.SERVE: {"--key-file", "--socket", "--tcp", "--psk-file", "--read-only", "--run"},
    Action.INFO: set[str](),
    Action.HEALTH: set[str](),
    Action.VERIFY: {"--key-file"},
    Action.PULL: {"--module", "--file"},
    Action.SWAP: {"--module", "--file"},
}
"""What each action takes."""


def _only_its_options(action: Action, given: Mapping[str, object]) -> None:
    for name, value in given.items():
        if value not in {None, False} and name not in OPTIONS[action]:
            takes = ", ".join(sorted(OPTIONS[action])) or "none but --json"
            raise InputError(f"disk {action} does not take {name}; its options: {takes}")


def _needed(value: T | None, name: str) -> T:
    if value is None:
        raise InputError(f"{name} is missing; see 'spacegrey disk --help'")
    return value


def _address(folder: Path, socket: Path | None, tcp: str | None) -> Address:
    from spacegrey.virtual.nbd.server import Address, parse_tcp

    if socket and tcp:
        raise InputError("choose --socket or --tcp, not both")
    if tcp:
        return parse_tcp(tcp)
    path = (socket or folder / "disk.sock").absolute()
    length = len(os.fsencode(path))
    if length > LONGEST_SOCKET:
        raise InputError(
            f"{path}: {length} bytes, and the path of a Unix socket has {LONGEST_SOCKET} at most, for clients too; "
            "name a shorter one with --socket, or choose --tcp"
        )
    return Address(path=path)


def _key(path: Path) -> XtsKey:
    from spacegrey.t2.storage.keyfile import read_key_file

    return read_key_file(path)


def _place(folder: Path) -> Path:
    """Return where a machine keeps its disk; a disk without a machine is its own folder."""
    return folder / "ssd" if (folder / "instance.toml").exists() else folder


@contextmanager
def _open(folder: Path, key_file: Path | None, *, read_only: bool) -> Generator[Store]:
    """Open a disk with the key in a file, or a machine's with the key that its enclave holds."""
    if _place(folder) == folder:
        if not (folder / "pairing.json").exists():
            raise InputError(f"{folder}: neither a machine nor a disk is here")
        with _readable(folder, lambda: _open_with(folder, _needed(key_file, "--key-file"), read_only)) as store:
            yield store
        return
    from spacegrey.virtual.instance import load_storage, open_disk, open_instance

    if key_file:
        raise InputError("--key-file is for a disk without a machine: this one's key is in its enclave")
    instance = open_instance(folder)
    with (
        instance.powered(meanwhile=load_storage) as enclave,
        _readable(folder, lambda: open_disk(instance, enclave, read_only=read_only)) as store,
    ):
        yield store


def _open_with(folder: Path, key_file: Path, read_only: bool) -> Store:
    from spacegrey.t2.storage.folder import open_store

    return open_store(folder, _key(key_file), read_only=read_only)


def _readable(folder: Path, opened: Callable[[], Store]) -> Store:
    from spacegrey.t2.storage.device import Damaged

    try:
        return opened()
    except Damaged as error:
        raise Refusal(f"{folder}: {error}") from None
    except OSError as error:
        raise Refusal(f"{folder}: the disk cannot be read: {error.strerror or error}") from None


def _create(folder: Path, key_file: Path, size: str, integrity: bool, as_json: bool) -> None:
    from spacegrey.t2.storage.folder import create_store
    from spacegrey.t2.storage.keyfile import new_key_file
    from spacegrey.units import parse_quantity

    capacity = int(parse_quantity(size, "bytes", "--size"))
    capacity -= capacity % 512 if capacity > 1 << 20 else 0
    new = not key_file.exists()
    if new:
        new_key_file(key_file)
    try:
        create_store(folder, _key(key_file), capacity, integrity=integrity)
    except BaseException:
        if new:
            key_file.unlink()
        raise
    _info(folder, as_json)


def _info(folder: Path, as_json: bool) -> None:
    from spacegrey.interfaces.cli.output import console, table, write_json
    from spacegrey.t2.storage.folder import open_modules

    modules, label = open_modules(folder, beside=True)
    layout = label.geometry
    rows: list[dict[str, Any]] = []
    for number, module in enumerate(modules):
        from spacegrey.t2.storage.labels import read_label

        own = read_label(module, str(module.path))
        on_host = module.path.stat().st_blocks * 512
        rows.append({"module": number, "serial": own.serial, "bytes": module.size, "bytes_on_host": on_host})
        module.close()
    facts = {
        "capacity_bytes": layout.capacity,
        "format": label.format,
        "cipher": "AES-XTS-128",
        "page_bytes": 4096,
        "stripe_bytes": layout.stripe_pages * 4096,
        "block_bytes": layout.block_pages * 4096,
        "spare_blocks": layout.blocks - 1 - -(-layout.pages // layout.block_pages),
        "integrity": layout.integrity,
        "modules": rows,
    }
    if as_json:
        write_json(facts)
        return
    out = console()
    shown = table(out, "fact", "")
    shown.add_row("capacity", f"{_size(layout.capacity)} ({layout.capacity:,} bytes)")
    shown.add_row("cipher", "AES-XTS-128, pages of 4096 bytes, tweak: the page's physical number")
    shown.add_row(
        "layout", f"{layout.modules} modules, {_binary(layout.stripe_pages * 4096)} of each in a row of the stripe"
    )
    shown.add_row("", f"blocks of {_binary(layout.block_pages * 4096)}, {facts['spare_blocks']:,} of them spare")
    shown.add_row("integrity", "a tag beside every page" if layout.integrity else "none: XTS alone")
    for row in rows:
        shown.add_row(
            f"module {row['module']}", f"{row['serial']}, takes {_binary(row['bytes_on_host'])} of this computer"
        )
    out.print(shown)


def _health(folder: Path, as_json: bool) -> None:
    from spacegrey.interfaces.cli.output import console, table, write_json
    from spacegrey.t2.storage.folder import open_modules
    from spacegrey.t2.storage.health import health
    from spacegrey.t2.storage.labels import read_health

    modules, label = open_modules(folder, beside=True)
    counters = max((read_health(module) for module in modules), key=lambda counters: counters.sequence)
    on = any(module.in_use for module in modules)
    for module in modules:
        module.close()
    found = health(counters, label.geometry)
    if as_json:
        write_json({"good": not found.warnings, "on": on, "closed_in_order": counters.clean, **found.as_dict()})
    else:
        out = console()
        shown = table(out, "health", "")
        shown.add_row("verdict", "; ".join(found.warnings) or "in order")
        shown.add_row(
            "spare", f"{found.available_spare_percent} % (warns below {found.available_spare_threshold_percent} %)"
        )
        shown.add_row(
            "worn", f"{found.percentage_used} %, {found.erasures:,} erasures, one block {found.most_erasures:,}"
        )
        shown.add_row("in use", _size(found.bytes_in_use))
        shown.add_row("read", f"{_size(found.data_units_read * 512_000)}")
        shown.add_row("written", f"{_size(found.data_units_written * 512_000)}, times {found.write_amplification:.2f}")
        shown.add_row("flushes", f"{found.flushes:,}")
        shown.add_row("power cycles", f"{found.power_cycles:,}, {found.unsafe_shutdowns:,} not in order")
        shown.add_row("errors", f"{found.media_errors:,}; {found.blocks_lost:,} blocks lost")
        shown.add_row("hours on", f"{found.hours_on:.2f}")
        if on:
            shown.add_row("now", "on; counted to ten seconds ago")
        out.print(shown)
    if found.warnings:
        raise typer.Exit(1)


def _verify(folder: Path, key_file: Path | None, as_json: bool) -> None:
    from spacegrey.interfaces.cli.output import console, progress, write_json
    from spacegrey.t2.storage.verify import verify

    with _open(folder, key_file, read_only=True) as store, progress("reading") as update:
        found = verify(store, update)
        integrity = store.label.geometry.integrity
    if as_json:
        write_json({"good": not found.bad, "pages": found.pages, "bad": found.bad, "tags_checked": integrity})
    else:
        checked = "every tag is right" if integrity else "no tags to check: a changed page would not be noticed"
        bad = f"{len(found.bad):,} pages are bad, the first at byte {found.bad[0]:,}" if found.bad else checked
        console().print(f"the map is whole; {found.pages:,} pages read; {bad}")
    if found.bad:
        raise typer.Exit(1)


def _exchange(action: Action, folder: Path, module: int, file: Path, as_json: bool) -> None:
    from spacegrey.interfaces.cli.output import console, write_json
    from spacegrey.virtual.modules import pull, swap

    reason = (pull if action is Action.PULL else swap)(folder, module, file)
    if as_json:
        write_json({"module": module, "file": str(file), "opens": reason is None, "reason": reason})
    elif action is Action.PULL:
        console().print(f"module {module} is in {file}; the machine now says: {reason}")
    else:
        console().print(f"module {module} exchanged with {file}; the machine now says: {reason or 'modules in order'}")


def _serve(
    folder: Path,
    key_file: Path | None,
    address: Address,
    psk_file: Path | None,
    read_only: bool,
    command: str | None,
    as_json: bool,
) -> None:
    from spacegrey.interfaces.cli.output import write_json
    from spacegrey.virtual.nbd.exports import Export
    from spacegrey.virtual.nbd.server import Server
    from spacegrey.virtual.nbd.tls import read_keys
    from spacegrey.virtual.serving import told, until_told

    keys = read_keys(psk_file) if psk_file else None
    with told() as ended, _open(folder, key_file, read_only=read_only) as store:
        server = Server([Export("disk", store, f"the disk of {folder.name}")], address, keys)
        uri = server.address.uri("disk", tls=bool(keys))
        if as_json:
            write_json({"uri": uri, "capacity_bytes": store.capacity, "read_only": read_only, "tls": bool(keys)})
        elif not command:
            typer.echo(f"serving {folder} at {uri} (Ctrl-C ends it)")
        status = until_told(ended, server, command, store.keep, uri=uri)
    if status:
        raise typer.Exit(status)


def _size(count: int) -> str:
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB")):
        if count >= unit:
            return f"{count / unit:.4g} {name}"
    return f"{count:,} bytes"


def _binary(count: int) -> str:
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit:
            return f"{count / unit:.4g} {name}"
    return f"{count:,} bytes"
