"""The decision whether an image may run on a chip. It can read and refuse; nothing here can sign.

It takes the buffer that will run, never a path: what is read twice can differ the second time.

References
----------
acidanthera, OpenCorePkg, OcAppleImg4Verify: the tests and their order. Apple Platform Security (May 2022), boot process
for Intel-based Mac computers: the two kinds of manifest.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from spacegrey.t2.image4.certificates import obey, verify_chain
from spacegrey.t2.image4.der import DerError
from spacegrey.t2.image4.faults import Fault, ManifestRefused
from spacegrey.t2.image4.manifest import Manifest, read_manifest

if TYPE_CHECKING:
    from spacegrey.t2.image4.properties import Properties

T = TypeVar("T", bool, int, bytes)

_LARGEST_NUMBER = 1 << 31  # 32-bit properties hold 31 bits


class Kind(StrEnum):
    """How strictly a manifest is tied to one machine."""

    FIRMWARE = "firmware"
    """The T2's own objects: always personalised, with a nonce."""
    FULL = "full"
    """An object of the Intel side at Full Security: personalised."""
    MEDIUM = "medium"
    """An object of the Intel side at Medium Security: signed for every machine of the model."""


@dataclass(frozen=True)
class Chip:
    """What a chip knows of itself.

    Attributes
    ----------
    ecid : int
        Number of this one chip, 64 bits.
    chip, board, security_domain, certificate_epoch : int
        Its type, its board's, who may sign for it, and since when.
    production, secure : bool
        Whether it left the factory, and whether it enforces signatures.
    internal : bool
        Whether objects for internal units may run.
    """

    ecid: int
    chip: int
    board: int
    security_domain: int
    certificate_epoch: int
    production: bool = True
    secure: bool = True
    internal: bool = False


@dataclass(frozen=True)
class Verified:
    """An image that may run: its SHA-384, and its manifest."""

    digest: bytes
    manifest: Manifest


def verify(
    data: bytes | None, image: bytes, object_type: str, chip: Chip, root: bytes, kind: Kind, nonce: bytes | None = None
) -> Verified:
    """Return that an image may run, or raise why not.

    Parameters
    ----------
    data : bytes or None
        The manifest, DER; None where there is none.
    image : bytes
        What is to run: a whole IM4P, or a raw file where the manifest lies beside it.
    object_type : str
        What it is to run as: ``ibot``, ``efib``, ...
    chip : Chip
        On which chip.
    root : bytes
        The chip's own root certificate, DER.
    kind : Kind
        How strictly.
    nonce : bytes, optional
        What the manifest's nonce must be, where one is expected.

    Raises
    ------
    ManifestRefused
        With the first `Fault` of the list that is found.
    """
    if data is None:
        raise ManifestRefused(Fault.NO_MANIFEST, f"{object_type} has no manifest")
    try:
        manifest = read_manifest(data)
    except DerError as error:
        raise ManifestRefused(Fault.MALFORMED, str(error)) from None
    constraints = verify_chain(manifest, root)
    own = manifest.objects.get(object_type)
    obey(constraints, manifest.properties, own or {})
    if own is None:
        raise ManifestRefused(Fault.NO_OBJECT, f"the manifest has no object {object_type}")
    digest = hashlib.sha384(image).digest()
    if not hmac.compare_digest(_get(own, "DGST", bytes) or b"", digest):
        raise ManifestRefused(Fault.DIGEST, f"{object_type} is not the image that was signed")
    _check_owner(manifest.properties, chip, kind)
    _check_environment(manifest.properties, own, chip, kind)
    if nonce is not None and _get(manifest.properties, "BNCH", bytes) != nonce:
        raise ManifestRefused(Fault.NONCE, "the manifest was made for another nonce")
    return Verified(digest, manifest)


def _get(properties: Properties, name: str, kind: type[T]) -> T | None:
    """Return a property that may be missing, but not be of another type."""
    value = properties.get(name)
    if value is None:
        return None
    # a truth value is a number to Python, not here
    if not isinstance(value, kind) or type(value) is not kind or _too_large(name, value):
        raise ManifestRefused(Fault.MALFORMED, f"property {name} is of another type or too large")
    return value


def _too_large(name: str, value: bool | bytes | int) -> bool:  # noqa: FBT001 - a property's value
    return name != "ECID" and isinstance(value, int) and value >= _LARGEST_NUMBER


def _check_owner(properties: Properties, chip: Chip, kind: Kind) -> None:
    """Check who a manifest is for: this machine, or every machine of the model."""
    ecid, everyone = _get(properties, "ECID", int), _get(properties, "xugs", int)
    internal = _get(properties, "iuob", bool)
    if kind is Kind.MEDIUM:
        if ecid is not None:
            raise ManifestRefused(Fault.ECID_PRESENT, "a personalised manifest; Medium Security wants a global one")
        if everyone != 1:
            raise ManifestRefused(Fault.GLOBAL_MISSING, "the manifest has no global signature")
        if internal and not chip.internal:
            raise ManifestRefused(Fault.INTERNAL, "the manifest is for internal units")
        return
    if ecid is None:
        raise ManifestRefused(Fault.ECID_MISSING, "the manifest is not personalised for any machine")
    if ecid != chip.ecid:
        raise ManifestRefused(Fault.ECID, "the manifest is personalised for another machine")
    if everyone is not None:
        raise ManifestRefused(Fault.GLOBAL_PRESENT, "the manifest carries a global signature")
    if internal:
        raise ManifestRefused(Fault.INTERNAL, "the manifest is for internal units")


def _check_environment(properties: Properties, own: Properties, chip: Chip, kind: Kind) -> None:
    """Check the model, the epoch and the state of the chip."""
    for name, value, fault in (
        ("BORD", chip.board, Fault.BOARD),
        ("CHIP", chip.chip, Fault.CHIP),
        ("SDOM", chip.security_domain, Fault.DOMAIN),
    ):
        found = _get(properties, name, int)
        if found != value:
            raise ManifestRefused(fault, f"{name} is {_shown(found)}, this chip's is {value:#x}")
    epoch = _get(properties, "CEPO", int)
    if epoch is None or epoch < chip.certificate_epoch:
        raise ManifestRefused(Fault.EPOCH, f"CEPO is {_shown(epoch)}, below this chip's {chip.certificate_epoch:#x}")
    exact = kind is Kind.FIRMWARE
    production, secure = ("CPRO", "CSEC") if exact else ("mpro", "msec")
    for name, state, fault in (
        (production, chip.production, Fault.PRODUCTION),
        (secure, chip.secure, Fault.SECURITY),
    ):
        found = _get(properties, name, bool)
        if found is None or (found != state if exact else found < state):
            raise ManifestRefused(fault, f"{name} does not fit this chip's state")
    for name, state, fault in (
        ("EPRO", chip.production, Fault.PRODUCTION),
        ("ESEC", chip.secure, Fault.SECURITY),
    ):
        found = _get(own, name, bool)
        if found is not None and found < state:
            raise ManifestRefused(fault, f"{name} of the object is lower than this chip's state")


def _shown(value: int | None) -> str:
    return "missing" if value is None else f"{value:#x}"
