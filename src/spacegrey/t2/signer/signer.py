"""The signer's decision: only what is on its list, for the machine and the nonce of the question."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from spacegrey.errors import Refusal
from spacegrey.t2.image4.payload import NONCE_BYTES
from spacegrey.t2.signer.authority import Authority, Leaf
from spacegrey.t2.signer.exchange import ACTIVATION, COMPONENTS, PASSWORD_RESET, Question, SignerRefused, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spacegrey.t2.image4.properties import Value
    from spacegrey.t2.image4.verify import Chip
    from spacegrey.t2.signer.allowed import Allowed, Build

EPOCH = 2
"""Certificate epoch of what is signed: that of the T2."""


def ticket(question: Question, allowed: Allowed, authority: Authority) -> bytes:
    """Return a manifest for the machine and the nonce of a question.

    Raises
    ------
    SignerRefused
        The machine, the build or a digest is not on the list.
    """
    if allowed.machines is not None and question.chip.ecid not in allowed.machines:
        raise SignerRefused(Status.UNKNOWN_BUILD, "This device isn't on the list of machines")
    build = allowed.find(question.build)
    if build is None or (build.chip, build.board) != (question.chip.chip, question.chip.board):
        raise SignerRefused(Status.UNKNOWN_BUILD, "There is no such build for this device")
    if not build.signing:
        raise SignerRefused(Status.NOT_ELIGIBLE, "This device isn't eligible for the requested build")
    for name, digest in question.digests.items():
        if build.objects.get(COMPONENTS[name]) != digest.hex():
            raise SignerRefused(Status.NOT_ELIGIBLE, f"{name} isn't what the requested build holds")
    properties = _properties(question.chip, firmware=build.firmware)
    properties |= {"ECID": question.chip.ecid, "BNCH": question.nonce}
    objects = {COMPONENTS[name]: _object(digest) for name, digest in question.digests.items()}
    return authority.sign(Leaf.PERSONALISED, properties, objects)


def global_ticket(build: Build, chip: Chip, authority: Authority) -> bytes:
    """Return the manifest that a build of the Intel side carries for every machine of the model.

    Raises
    ------
    Refusal
        The build is the T2's own: that is always personalised.
    """
    if build.firmware:
        raise Refusal(f"{build.name} is the T2's own firmware, which has no global signature")
    objects = {name: _object(bytes.fromhex(digest)) for name, digest in build.objects.items()}
    return authority.sign(Leaf.GLOBAL, _properties(chip, firmware=False) | {"xugs": 1}, objects)


def activation(chip: Chip, nonce: bytes, allowed: Allowed, authority: Authority) -> tuple[bytes, bytes]:
    """Return an activation record and its manifest.

    Raises
    ------
    SignerRefused
        The machine has an Activation Lock, is not on the list, or sent no nonce.
    """
    if len(nonce) != NONCE_BYTES:
        raise SignerRefused(Status.INCOMPLETE, f"the nonce is not of {NONCE_BYTES} bytes")
    if chip.ecid in allowed.locked:
        raise SignerRefused(Status.NOT_ELIGIBLE, "This device is locked to an account")
    if allowed.machines is not None and chip.ecid not in allowed.machines:
        raise SignerRefused(Status.UNKNOWN_BUILD, "This device isn't on the list of machines")
    record = json.dumps({"ecid": f"{chip.ecid:016x}", "activated": True}, sort_keys=True).encode()
    properties = _properties(chip, firmware=True) | {"ECID": chip.ecid, "BNCH": nonce}
    objects = {ACTIVATION: _object(hashlib.sha384(record).digest())}
    return record, authority.sign(Leaf.PERSONALISED, properties, objects)


def password_reset(chip: Chip, nonce: bytes, authority: Authority) -> bytes:
    """Return the file that takes the firmware password of one machine away, once.

    Raises
    ------
    Refusal
        The nonce is not of 32 bytes.
    """
    if len(nonce) != NONCE_BYTES:
        raise Refusal(f"the nonce of a request has {NONCE_BYTES} bytes")
    shown = f"{chip.ecid:016X}-{nonce.hex().upper()}".encode()
    properties = _properties(chip, firmware=True) | {"ECID": chip.ecid, "BNCH": nonce}
    return authority.sign(Leaf.PERSONALISED, properties, {PASSWORD_RESET: _object(hashlib.sha384(shown).digest())})


def _object(digest: bytes) -> Mapping[str, Value]:
    return {"DGST": digest, "EPRO": True, "ESEC": True}


def _properties(chip: Chip, *, firmware: bool) -> dict[str, Value]:
    production, secure = ("CPRO", "CSEC") if firmware else ("mpro", "msec")
    return {
        "BORD": chip.board,
        "CHIP": chip.chip,
        "SDOM": chip.security_domain,
        "CEPO": EPOCH,
        production: chip.production,
        secure: chip.secure,
    }
