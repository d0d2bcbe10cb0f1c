"""The T2's own firmware: two slots of four signed images, one of which starts.

An update writes the slot that does not start, reads it back, verifies it, and then moves the pointer: a cut at any
moment leaves the old firmware or the new one. (A real T2 can be left in DFU by a cut; how it lays its firmware out is
not published.)
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from spacegrey.errors import Refusal
from spacegrey.t2.image4.der import DerError
from spacegrey.t2.image4.faults import Fault, ManifestRefused
from spacegrey.t2.image4.payload import GENERATOR_BYTES, Image, encode_image, nonce_hash, read_image, read_payload
from spacegrey.t2.image4.verify import Kind, Verified, verify
from spacegrey.t2.signer.exchange import COMPONENTS, FIRMWARE, Question

if TYPE_CHECKING:
    from spacegrey.t2.boot.machine import Machine
    from spacegrey.t2.boot.state import BootState


def slot_file(slot: int, object_type: str) -> str:
    """Return the name of an image's file.

    Examples
    --------
    >>> slot_file(1, "ibot")
    'firmware-1-ibot.img4'
    """
    return f"firmware-{slot}-{object_type}.img4"


def verify_image(machine: Machine, data: bytes | None, object_type: str, nonce: bytes) -> tuple[Verified, bytes]:
    """Return that an image of the T2's firmware may run, and its code, from the one buffer that was read.

    Raises
    ------
    ManifestRefused
        It may not.
    """
    if data is None:
        raise ManifestRefused(Fault.NO_MANIFEST, f"{object_type} is missing")
    try:
        image = read_image(data)
        payload = read_payload(image.payload)
    except DerError as error:
        raise ManifestRefused(Fault.MALFORMED, str(error)) from None
    if payload.kind != object_type:
        raise ManifestRefused(Fault.NO_OBJECT, f"an image of type {payload.kind}, where {object_type} belongs")
    verified = verify(image.manifest, image.payload, object_type, machine.chip, machine.root, Kind.FIRMWARE, nonce)
    return verified, payload.data


def new_nonce(machine: Machine, state: BootState) -> tuple[BootState, bytes]:
    """Return a state with a fresh generator, kept durably, and the nonce that it gives."""
    fresh = replace(state, generator=secrets.token_bytes(GENERATOR_BYTES))
    machine.state.save(fresh)
    return fresh, nonce_hash(fresh.generator)


def install(machine: Machine, state: BootState, build: str) -> BootState:
    """Install a build of the T2's firmware; return the state as it was saved. Parameters and errors as `prepared`."""
    done = prepared(machine, state, build)
    machine.state.save(done)
    return done


def prepared(machine: Machine, state: BootState, build: str) -> BootState:
    """Lay a build of the T2's firmware into the slot that does not start.

    Parameters
    ----------
    machine : Machine
        With a way to the signing server.
    state : BootState
        As it was loaded.
    build : str
        Which.

    Returns
    -------
    BootState
        With which it starts; it counts once it is saved.

    Raises
    ------
    Unreachable
        No network, or no server; nothing has changed.
    SignerRefused
        The server does not sign this build for this machine; nothing has changed.
    ManifestRefused
        What came is not good; nothing has changed.
    Refusal
        It cannot be written; nothing has changed.
    """
    images = {name: machine.service.fetch(build, f"{name}.im4p") for name in FIRMWARE}
    state, nonce = new_nonce(machine, state)
    digests = {name: hashlib.sha384(image).digest() for name, image in images.items()}
    ticket = machine.service.ticket(Question(machine.chip, nonce, build, digests))
    slot = 1 - state.slot
    for name, payload in images.items():
        object_type = COMPONENTS[name]
        whole = encode_image(Image(payload, ticket, state.generator))
        verify_image(machine, whole, object_type, nonce)
        try:
            machine.files.replace(slot_file(slot, object_type), whole)
        except OSError as error:
            raise Refusal(f"the firmware cannot be written: {(error.strerror or str(error)).lower()}") from None
    for name in FIRMWARE:
        kept = machine.files.found(slot_file(slot, COMPONENTS[name]))
        verify_image(machine, kept, COMPONENTS[name], nonce)
    return replace(state, slot=slot, firmware_nonce=nonce, build=build)
