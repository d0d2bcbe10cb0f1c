"""Image4: the DER reader and what is read with it, a signed manifest, a certificate."""

from __future__ import annotations

import contextlib
from functools import cache, lru_cache
from pathlib import Path

from fuzz.found import expect
from spacegrey.t2.image4 import certificates, der
from spacegrey.t2.image4.certificates import encode_constraints, read_certificate, read_constraints
from spacegrey.t2.image4.der import DerError, Reader
from spacegrey.t2.image4.faults import ManifestRefused
from spacegrey.t2.image4.manifest import encode_body, encode_manifest, read_manifest
from spacegrey.t2.image4.payload import encode_image, encode_payload, read_image, read_payload, read_restore
from spacegrey.t2.image4.verify import Chip, Kind, verify

AUTHORITY = Path(__file__).parent.parent / "tests" / "t2" / "signer" / "authority-1"
CORPUS = Path(__file__).parent / "corpus"

IMAGE = b"an image that may run" * 10
CHIP = Chip(ecid=0x1122334455667788, chip=0x8012, board=0x0A, security_domain=1, certificate_epoch=2)

_DEEPEST = 32


def run_der(data: bytes) -> None:
    """Walk all elements; what is read as a payload, an image, restore information or constraints is written again."""
    with contextlib.suppress(DerError):
        _walk(Reader(data, "input"), 0)
    for read, write, exact in (
        (read_payload, encode_payload, True),
        (read_image, encode_image, False),
        (read_constraints, encode_constraints, False),
    ):
        try:
            found = read(data)
        except DerError:
            continue
        again = write(found)
        # other properties of a generator, and empty sets of rules, are read and not written
        expect(again == data if exact else read(again) == found, f"{read.__name__} is not undone by {write.__name__}")
    with contextlib.suppress(DerError):
        read_restore(data)


def _walk(reader: Reader, depth: int) -> None:
    while reader.more:
        element = reader.next()
        expect(der.encode(element.tag, element.content) == element.raw, "an element has two encodings")
        if element.tag.constructed and depth < _DEEPEST:
            _walk(Reader(element.content, "element"), depth + 1)


@cache
def _root() -> bytes:
    return (AUTHORITY / "root.der").read_bytes()


@cache
def _signed() -> frozenset[bytes]:
    """Return the signed parts of the corpus: nothing else may ever be verified."""
    return frozenset(read_manifest(path.read_bytes()).body for path in sorted((CORPUS / "manifest").glob("signed-*")))


def run_manifest(data: bytes) -> None:
    """Read a manifest and verify it: one encoding, and only what the corpus's authority signed may run."""
    try:
        found = read_manifest(data)
    except DerError:
        found = None
    else:
        expect(encode_body(found.properties, found.objects) == found.body, "a body has two encodings")
        expect(encode_manifest(found.body, found.signature, found.certificates) == data, "a manifest has two encodings")
    for kind, name in ((Kind.FULL, "efib"), (Kind.MEDIUM, "efib"), (Kind.FIRMWARE, "ibot")):
        try:
            verify(data, IMAGE, name, CHIP, _root(), kind)
        except ManifestRefused as refused:
            expect("\n" not in str(refused), "a refusal is more than a line")
            if refused.fault in {"malformed", "certificate-chain", "signature"}:
                return  # the same for every kind
        else:
            expect(found is not None and found.body in _signed(), "a manifest that nobody signed was verified")


# Most inputs carry the corpus's certificates, whose reading `run_certificate` looks at: they are read once.
certificates.read_certificate = lru_cache(maxsize=64)(read_certificate)


def run_certificate(data: bytes) -> None:
    """Read a certificate."""
    try:
        read_certificate(data)
    except ManifestRefused as refused:
        expect(refused.fault == "certificate-chain", f"a certificate is refused as {refused.fault}")
