"""Questions to a signing server and its answers, in the shape of Apple's TSS.

A question is an XML property list, an answer a line of ``KEY=value`` pairs whose last value is one.

References
----------
libimobiledevice, libtatsu, src/tss.c, and idevicerestore: the keys and the status codes.
"""

from __future__ import annotations

import plistlib
import secrets
import uuid
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, cast
from xml.parsers.expat import ExpatError

from spacegrey.errors import Refusal
from spacegrey.t2.image4.payload import NONCE_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spacegrey.t2.image4.verify import Chip

LARGEST = 1 << 20
"""Bytes of a question or an answer."""

LARGEST_FILE = 64 << 20
"""Bytes of a file of a build, or of a chunk of one."""

DIGEST_BYTES = 48

COMPONENTS = {
    "iBoot": "ibot",
    "SEP": "sepi",
    "KernelCache": "krnl",
    "MacEFI": "mefi",
    "BootEFI": "efib",
    "ImmutableKernel": "mkrn",
    "RecoveryChunklist": "rcls",
}
"""What a request calls an object, and its type in a manifest."""

FIRMWARE = ("iBoot", "SEP", "KernelCache", "MacEFI")
"""The T2's own objects, in the order in which they start."""

ACTIVATION = "actv"
"""Type of an activation record in a manifest; Apple's is not published."""

PASSWORD_RESET = "fwpr"  # noqa: S105 - a type
"""Type of a reset of the firmware password in a manifest; Apple's is not published."""

_ECID_BITS, _NUMBER_BITS = 64, 31


class Status(IntEnum):
    """Statuses of an answer. Which of two codes with one meaning is sent is this model's choice."""

    SUCCESS = 0
    UNKNOWN_BUILD = 69
    """Not eligible: there is no such build for this machine."""
    NOT_ELIGIBLE = 94
    """Not eligible: the build is no longer signed, or an object is not what the list says."""
    MALFORMED = 100
    """The request cannot be read."""
    INCOMPLETE = 126
    """The request lacks a key, or one is of another type."""


class SignerRefused(Refusal):
    """The server answered that it does not sign.

    Attributes
    ----------
    status : int
        Its status.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"the signing server refused: {message} [status {status}]")
        self.status = status
        self.message = message


@dataclass(frozen=True)
class Question:
    """What a machine asks to have signed.

    Attributes
    ----------
    chip : Chip
        Who asks.
    nonce : bytes
        32 bytes: the answer is good for this exchange only.
    build : str
        Name of the build.
    digests : mapping
        For each component its SHA-384.
    """

    chip: Chip
    nonce: bytes = field(repr=False)
    build: str
    digests: Mapping[str, bytes]


def encode_question(question: Question) -> bytes:
    """Return a question as XML."""
    chip = question.chip
    content: dict[str, Any] = {
        "@HostPlatformInfo": "spacegrey",
        "@VersionInfo": "spacegrey-1",
        "@UUID": str(uuid.UUID(bytes=secrets.token_bytes(16), version=4)).upper(),
        "@ApImg4Ticket": True,
        "ApECID": chip.ecid,
        "ApChipID": chip.chip,
        "ApBoardID": chip.board,
        "ApSecurityDomain": chip.security_domain,
        "ApProductionMode": chip.production,
        "ApSecurityMode": chip.secure,
        "ApNonce": question.nonce,
        "UniqueBuildID": question.build.encode(),
    }
    for name, digest in question.digests.items():
        content[name] = {"Digest": digest, "Trusted": True, "EPRO": True, "ESEC": True}
    return plistlib.dumps(content)


def _plist(data: bytes) -> dict[str, Any]:
    """Return the dictionary in a property list.

    Raises
    ------
    ValueError
        There is none: this is no XML, too large or too deep, or something else stands in it.
    """
    if len(data) > LARGEST:
        raise ValueError("too large")
    try:
        found: object = plistlib.loads(data, fmt=plistlib.FMT_XML)
    except (ExpatError, ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError):
        raise ValueError("no property list") from None
    if not isinstance(found, dict):
        raise ValueError("no dictionary")  # noqa: TRY004 - the bytes are wrong, not a caller's type
    return cast("dict[str, Any]", found)


def read_question(data: bytes) -> Question:
    """Return the question in bytes that may come from anyone.

    Raises
    ------
    SignerRefused
        With the status that the answer has to carry.
    """
    from spacegrey.t2.image4.verify import Chip

    try:
        content = _plist(data)
    except ValueError:
        raise SignerRefused(Status.MALFORMED, "the request is no property list") from None
    if content.get("@ApImg4Ticket") is not True:
        raise SignerRefused(Status.INCOMPLETE, "@ApImg4Ticket is not true")
    chip = Chip(
        ecid=_number(content, "ApECID", _ECID_BITS),
        chip=_number(content, "ApChipID"),
        board=_number(content, "ApBoardID"),
        security_domain=_number(content, "ApSecurityDomain"),
        certificate_epoch=0,
        production=_truth(content, "ApProductionMode"),
        secure=_truth(content, "ApSecurityMode"),
    )
    nonce, build = content.get("ApNonce"), content.get("UniqueBuildID")
    if not isinstance(nonce, bytes) or len(nonce) != NONCE_BYTES:
        raise SignerRefused(Status.INCOMPLETE, f"ApNonce is not of {NONCE_BYTES} bytes")
    if not isinstance(build, bytes) or not build.isascii():
        raise SignerRefused(Status.INCOMPLETE, "UniqueBuildID is missing")
    digests: dict[str, bytes] = {}
    for name in COMPONENTS:
        if name in content:
            digests[name] = _digest(name, content[name])
    if not digests:
        raise SignerRefused(Status.INCOMPLETE, "the request names no component")
    return Question(chip, nonce, build.decode("ascii"), digests)


def _number(content: dict[str, Any], key: str, bits: int = _NUMBER_BITS) -> int:
    value = content.get(key)
    if type(value) is not int or not 0 <= value < 1 << bits:
        raise SignerRefused(Status.INCOMPLETE, f"{key} is missing or no number of {bits} bits")
    return value


def _truth(content: dict[str, Any], key: str) -> bool:
    value = content.get(key)
    if not isinstance(value, bool):
        raise SignerRefused(Status.INCOMPLETE, f"{key} is missing or no truth value")
    return value


def _digest(name: str, value: object) -> bytes:
    digest = cast("dict[str, object]", value).get("Digest") if isinstance(value, dict) else None
    if not isinstance(digest, bytes) or len(digest) != DIGEST_BYTES:
        raise SignerRefused(Status.INCOMPLETE, f"{name} has no Digest of {DIGEST_BYTES} bytes")
    return digest


def encode_answer(ticket: bytes) -> bytes:
    """Return the answer that carries a ticket."""
    return b"STATUS=0&MESSAGE=SUCCESS&REQUEST_STRING=" + plistlib.dumps({"ApImg4Ticket": ticket})


def encode_refusal(refused: SignerRefused) -> bytes:
    """Return the answer that says no."""
    return f"STATUS={int(refused.status)}&MESSAGE={refused.message}".encode()


def read_answer(data: bytes) -> bytes:
    """Return the ticket in an answer; whether it is good shows when it is verified.

    Raises
    ------
    SignerRefused
        The server said no, or what came is no answer.
    """
    status, message, ticket = _split(data[:LARGEST])
    if status != Status.SUCCESS:
        raise SignerRefused(status, message)
    try:
        found = _plist(ticket).get("ApImg4Ticket")
    except ValueError:
        found = None
    if not isinstance(found, bytes):
        raise SignerRefused(Status.MALFORMED, "the answer carries no ticket")
    return found


def _split(data: bytes) -> tuple[int, str, bytes]:
    head, _, request = data.partition(b"&REQUEST_STRING=")
    status, _, message = head.partition(b"&MESSAGE=")
    name, _, number = status.partition(b"=")
    if name != b"STATUS" or not number.isdigit() or len(number) > len("100000"):
        raise SignerRefused(Status.MALFORMED, "what came is no answer")
    return int(number), message.decode("ascii", "replace")[:200], request
