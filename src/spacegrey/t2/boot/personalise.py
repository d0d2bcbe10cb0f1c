"""Getting a ticket for the macOS on a volume, for this machine."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from spacegrey.errors import Refusal
from spacegrey.t2.boot.recovery import build_of
from spacegrey.t2.boot.volumes import KERNEL, LOADER, SIGNED, Volume, manifest_name
from spacegrey.t2.image4.faults import Fault, ManifestRefused
from spacegrey.t2.image4.payload import NONCE_BYTES
from spacegrey.t2.image4.verify import Kind, verify
from spacegrey.t2.signer.exchange import Question

if TYPE_CHECKING:
    from spacegrey.t2.boot.machine import Machine

_ASKED = {"BootEFI": LOADER, "ImmutableKernel": KERNEL}


def personalise(machine: Machine, volume: Volume) -> None:
    """Ask for a ticket for a volume's macOS, verify it, and lay it beside what it is for.

    Raises
    ------
    Unreachable
        No network, or no server.
    SignerRefused
        The server does not sign this for this machine.
    ManifestRefused
        What came is not good; nothing is written.
    Refusal
        The volume cannot be written to.
    """
    images: dict[str, bytes] = {}
    for file in _ASKED.values():
        content = volume.files.found(file)
        if content is None:
            raise ManifestRefused(Fault.NO_OBJECT, f"{volume.name} has no {file}")
        images[file] = content
    digests = {name: hashlib.sha384(images[file]).digest() for name, file in _ASKED.items()}
    nonce = secrets.token_bytes(NONCE_BYTES)
    ticket = machine.service.ticket(Question(machine.chip, nonce, build_of(volume), digests))
    for file, image in images.items():
        verify(ticket, image, SIGNED[file], machine.chip, machine.root, Kind.FULL, nonce)
    for file in images:
        try:
            volume.files.replace(manifest_name(file, machine.sheet.model, machine.chip.ecid), ticket)
        except OSError as error:
            raise Refusal(f"{volume.name} cannot be written: {(error.strerror or str(error)).lower()}") from None
