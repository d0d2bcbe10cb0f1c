"""Builds that a signer hands out and signs. What they hold is this project's own: text that says what it stands for."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from spacegrey.errors import InputError
from spacegrey.t2.boot.recovery import chunklist
from spacegrey.t2.boot.volumes import BUILD, CHUNKLIST, KERNEL, LOADER, RECOVERY, SIGNED, manifest_name
from spacegrey.t2.files import HostFiles
from spacegrey.t2.image4.payload import Payload, encode_payload
from spacegrey.t2.signer.allowed import Allowed, Build, read_allowed, write_allowed
from spacegrey.t2.signer.exchange import COMPONENTS, FIRMWARE
from spacegrey.t2.signer.server import CHUNK_BYTES
from spacegrey.t2.signer.signer import global_ticket

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from spacegrey.t2.image4.verify import Chip
    from spacegrey.t2.signer.authority import Authority

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def add_firmware(folder: Path, name: str, chip: Chip) -> Build:
    """Make a build of the T2's firmware, and put it on the list.

    Parameters
    ----------
    folder : Path
        The signer's.
    name : str
        The build's.
    chip : Chip
        For which chips; its own number does not count.

    Raises
    ------
    InputError
        The name cannot be used, is taken, or the folder cannot be written to.
    """
    payloads = {
        part: encode_payload(Payload(COMPONENTS[part], name, f"{part} of {name}, a model\n".encode() * 64))
        for part in FIRMWARE
    }
    objects = {COMPONENTS[part]: hashlib.sha384(payload).hexdigest() for part, payload in payloads.items()}
    build = Build(name, chip.chip, chip.board, objects, firmware=True)
    _publish(folder, build, {f"{part}.im4p": payload for part, payload in payloads.items()})
    return build


def add_system(
    folder: Path, name: str, chip: Chip, authority: Authority, model: str, files: Mapping[str, bytes] | None = None
) -> Build:
    """Make a build of a system for the Intel side with its global manifests, and put it on the list.

    Parameters
    ----------
    folder, name, chip
        As for `add_firmware`.
    authority : Authority
        Signs the global manifests.
    model : str
        The board's code name, part of the manifests' names.
    files : mapping, optional
        ``boot.efi``, ``immutablekernel`` and ``BaseSystem.dmg``; text of this project where one is missing.

    Raises
    ------
    InputError
        As for `add_firmware`.
    """
    own = {file: f"{file} of {name}, a model\n".encode() * 64 for file in (LOADER, KERNEL, RECOVERY)} | dict(
        files or {}
    )
    own[CHUNKLIST] = chunklist(own[RECOVERY], CHUNK_BYTES)
    objects = {SIGNED[file]: hashlib.sha384(own[file]).hexdigest() for file in (LOADER, KERNEL, CHUNKLIST)}
    build = Build(name, chip.chip, chip.board, objects, firmware=False)
    ticket = global_ticket(build, chip, authority)
    manifests = {manifest_name(file, model): ticket for file in SIGNED}
    _publish(folder, build, own | manifests | {BUILD: name.encode()})
    return build


def _publish(folder: Path, build: Build, files: Mapping[str, bytes]) -> None:
    if not _NAME.fullmatch(build.name):
        raise InputError(f"build {build.name!r}: letters, digits, '.', '-' and '_' only")
    allowed = read_allowed(folder).with_build(build)
    place = folder / "builds" / build.name
    try:
        place.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            HostFiles(place).replace(name, content)
    except OSError as error:
        raise InputError(f"{place}: {(error.strerror or 'cannot be written').lower()}") from None
    write_allowed(allowed, folder)


def new_list(folder: Path) -> None:
    """Write an empty list: nothing is signed.

    Raises
    ------
    InputError
        The folder cannot be written to.
    """
    write_allowed(Allowed(), folder)
