"""The encrypted disk in a machine's folder: made, and opened where the modules and the key are the machine's own.

`open_store(folder, key)` is the seam to the enclave: whoever holds the volume key gives a `KeyHandle`, and the storage
never learns more.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

from spacegrey.errors import InputError, Refusal
from spacegrey.t2.storage.device import Encryption, Stripe, data_layers
from spacegrey.t2.storage.engine import PAGE
from spacegrey.t2.storage.geometry import LABEL_PAGES, Flash, flash, plan
from spacegrey.t2.storage.labels import (
    FORMAT,
    Counters,
    Label,
    read_label,
    write_health,
    write_label,
)
from spacegrey.t2.storage.modules import ModuleFile
from spacegrey.t2.storage.store import Store
from spacegrey.t2.storage.translation import Translation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spacegrey.t2.storage.device import Device
    from spacegrey.t2.storage.engine import KeyHandle

    Wrap = Callable[[int, Device], Device]

PAIRING = "pairing.json"
"""Which modules a machine was set up with."""

_CHECK_PAGE = 1 << 62  # the physical number of a page that no disk has


def module_file(folder: Path, module: int) -> Path:
    """Return where a machine's folder keeps a module."""
    return folder / f"module-{module}.flash"


def create_store(
    folder: Path, key: KeyHandle, capacity: int, *, sheet: Flash | None = None, integrity: bool = False
) -> None:
    """Make an empty disk; it appears whole or not at all.

    Parameters
    ----------
    folder : Path
        Where to; it is made, and must not hold a disk.
    key : KeyHandle
        The volume key.
    capacity : int
        Bytes that a client sees: a multiple of 512, 1 MiB at least, 15 TiB at most.
    sheet : Flash, optional
        The machine's flash; by default the iMac Pro's.
    integrity : bool
        Keep an authentication tag beside every page.

    Raises
    ------
    InputError
        The folder holds a disk already or cannot be written, or the capacity cannot be had.
    """
    layout = plan(capacity, sheet or flash(), integrity=integrity)
    if (folder / PAIRING).exists() or module_file(folder, 0).exists():
        raise InputError(f"{folder}: there is a disk already")
    pair = secrets.token_hex(16)
    serials = [f"SG{secrets.token_hex(5).upper()}" for _ in range(layout.modules)]
    check = _key_check(key, pair)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=".disk-", dir=folder))
    except OSError as error:
        raise InputError(f"{folder}: {(error.strerror or 'cannot be written').lower()}") from None
    modules: list[Device] = []
    try:
        for number, serial in enumerate(serials):
            made = ModuleFile(module_file(beside, number), size=layout.module_bytes)
            modules.append(made)
            write_label(made, Label(FORMAT, pair, number, serial, check, layout))
            write_health(made, Counters())
        stripe = Stripe(modules, layout.stripe_pages * PAGE, LABEL_PAGES * PAGE)
        Translation(
            data_layers(stripe, key, layout.tags_at if layout.integrity else None), Encryption(stripe, key), layout
        ).format()
        with (beside / PAIRING).open("w", encoding="utf-8") as file:
            file.write(json.dumps({"format": FORMAT, "pair": pair, "serials": serials}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        for path in [*(module_file(beside, number) for number in range(layout.modules)), beside / PAIRING]:
            path.rename(folder / path.name)  # the pairing last: without it there is no disk
        _sync_folder(folder)
    except OSError as error:
        raise InputError(f"{folder}: {(error.strerror or 'cannot be written').lower()}") from None
    finally:
        for module in modules:
            module.close()
        shutil.rmtree(beside, ignore_errors=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _key_check(key: KeyHandle, pair: str) -> str:
    room = memoryview(bytearray(PAGE))
    room[:32] = pair.encode()
    key.encrypt(_CHECK_PAGE, room)
    return room[:32].hex()


def paired(folder: Path) -> tuple[str, list[str]]:
    """Return the name of a machine's pair of modules, and their serials.

    Raises
    ------
    InputError
        The folder has no disk.
    Refusal
        What it has cannot be read.
    """
    try:
        found: object = json.loads((folder / PAIRING).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{folder}: no disk here ({PAIRING} is missing)") from None
    except (OSError, ValueError, RecursionError):
        raise Refusal(f"{folder / PAIRING} cannot be read") from None
    content = cast("dict[str, object]", found) if isinstance(found, dict) else {}
    pair, serials = content.get("pair"), content.get("serials")
    if type(content.get("format")) is not int:
        raise Refusal(f"{folder / PAIRING} is damaged: it does not say its format")
    if content["format"] != FORMAT:
        raise Refusal(f"{folder / PAIRING} has format {content['format']}; this version reads format {FORMAT}")
    if not isinstance(pair, str) or not isinstance(serials, list):
        raise Refusal(f"{folder / PAIRING} is damaged: it does not name the modules")
    return pair, [str(serial) for serial in cast("list[object]", serials)]


def open_modules(folder: Path, *, read_only: bool = False, beside: bool = False) -> tuple[list[ModuleFile], Label]:
    """Open a machine's modules and see that they are its own, each in its place.

    Parameters
    ----------
    folder : Path
        The disk's.
    read_only : bool
        Change nothing; several processes may.
    beside : bool
        Look at labels and counters, which hold together at any moment, also while another process has the disk.

    Returns
    -------
    tuple
        The modules, and the first one's label.

    Raises
    ------
    InputError
        The folder has no disk.
    Refusal
        A module is missing, damaged, another machine's, in the wrong place or in use: the line says which.
    """
    pair, serials = paired(folder)
    modules: list[ModuleFile] = []
    try:
        labels: list[Label] = []
        for number, serial in enumerate(serials):
            path = module_file(folder, number)
            if not path.exists():
                raise Refusal(f"module {number} ({serial}) is not in its slot: {path} is missing")  # noqa: TRY301 - what is open is closed below
            modules.append(ModuleFile(path, read_only=read_only, beside=beside))
            labels.append(read_label(modules[-1], f"module {number} ({path})"))
        _check_labels(labels, pair, serials)
        for number, module in enumerate(modules):
            if module.size < labels[number].geometry.module_bytes:
                raise Refusal(f"module {number} ({serials[number]}) is cut short: its end is missing")  # noqa: TRY301 - the modules are closed below
    except BaseException:
        for module in modules:
            module.close()
        raise
    return modules, labels[0]


def _check_labels(labels: Sequence[Label], pair: str, serials: Sequence[str]) -> None:
    """Raise `Refusal` where a module is not the one that belongs into its slot."""
    for number, (label, serial) in enumerate(zip(labels, serials, strict=True)):
        if label.pair != pair:
            raise Refusal(
                f"module {number} ({label.serial}) belongs to another machine, not to this one's {serial}: "
                "new modules need a restore, which erases them"
            )
        if label.module != number:
            raise Refusal(f"slot {number} holds module {label.module} ({label.serial}): swap the modules back")
        if label.serial != serial or label.geometry != labels[0].geometry:
            raise Refusal(f"module {number} ({label.serial}) is not the one set up here ({serial})")


def open_store(folder: Path, key: KeyHandle, *, read_only: bool = False, wrap: Wrap | None = None) -> Store:
    r"""Open the disk of a machine's folder.

    Parameters
    ----------
    folder : Path
        The machine's folder.
    key : KeyHandle
        The volume key.
    read_only : bool
        Change nothing, not even the counters of health; several processes may have it open so.
    wrap : callable, optional
        Gets each module's number and file and returns what to use instead: the layers of tests.

    Returns
    -------
    Store

    Raises
    ------
    InputError
        The folder has no disk.
    Refusal
        The modules are not this machine's, or the key does not open them.

    Examples
    --------
    >>> import tempfile
    >>> from spacegrey.t2.storage.engine import XtsKey
    >>> key = XtsKey(bytes(range(32)))
    >>> with tempfile.TemporaryDirectory() as name:
    ...     create_store(Path(name), key, 64 << 20)
    ...     with open_store(Path(name), key) as store:
    ...         store.write(1000, b"hello")
    ...         store.flush()
    ...         store.read(998, 9)
    b'\x00\x00hello\x00\x00'
    """
    modules, label = open_modules(folder, read_only=read_only)
    try:
        if _key_check(key, label.pair) != label.key_check:
            raise Refusal(f"{folder}: the key does not open this disk")  # noqa: TRY301 - what is open is closed below
        layers: list[Device] = [wrap(number, module) if wrap else module for number, module in enumerate(modules)]
        return Store(layers, key, label, read_only=read_only)
    except BaseException:
        for module in modules:
            module.close()
        raise
