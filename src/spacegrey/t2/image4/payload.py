"""Image4 payloads (IM4P), restore information (IM4R), and both with a manifest in one file (IMG4).

References
----------
xerub, img4lib, and tihmstar, img4tool: the layout as these tools read it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from spacegrey.t2.image4 import der
from spacegrey.t2.image4.der import Reader
from spacegrey.t2.image4.properties import Properties, encode_properties, read_properties

GENERATOR_BYTES = 8
NONCE_BYTES = 32

_IV_BYTES, _KEY_BYTES = 16, 32
_CLASSES = {1, 2}  # of a wrapped key: production, development
_LZFSE = 1


@dataclass(frozen=True)
class WrappedKey:
    """A payload's key, wrapped for one class of chips: 1 production, 2 development."""

    kind: int
    iv: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True)
class Payload:
    """An image with its type.

    Attributes
    ----------
    kind : str
        Four characters: ``ibot``, ``krnl``, ...
    description : str
        Free ASCII text, as a rule the version.
    data : bytes
        The image.
    keys : tuple of WrappedKey
        For an encrypted image; this project makes none.
    unpacked_bytes : int or None
        Size of the image unpacked, where it is packed with lzfse.
    properties : mapping
        Properties of the payload itself (newer files carry them).
    """

    kind: str
    description: str
    data: bytes = field(repr=False)
    keys: tuple[WrappedKey, ...] = ()
    unpacked_bytes: int | None = None
    properties: Properties = field(default_factory=dict[str, "bool | int | bytes | str"])


@dataclass(frozen=True)
class Image:
    """An IMG4 file: a payload as it was signed, its manifest, and the generator of the manifest's nonce."""

    payload: bytes = field(repr=False)
    manifest: bytes | None = field(default=None, repr=False)
    generator: bytes | None = None


def encode_payload(payload: Payload) -> bytes:
    """Return a payload as DER.

    Raises
    ------
    DerError
        A part of it cannot be written.

    Examples
    --------
    >>> encode_payload(Payload("krnl", "1.0", b"code")).hex()
    '30171604494d345016046b726e6c1603312e300404636f6465'
    """
    der.fourcc_bytes(payload.kind)
    parts = [der.ia5("IM4P"), der.ia5(payload.kind), der.ia5(payload.description), der.octets(payload.data)]
    if payload.keys:
        keys = [der.sequence(der.integer(key.kind), der.octets(key.iv), der.octets(key.key)) for key in payload.keys]
        parts.append(der.octets(der.sequence(*keys)))
    if payload.unpacked_bytes is not None:
        parts.append(der.sequence(der.integer(_LZFSE), der.integer(payload.unpacked_bytes)))
    if payload.properties:
        inside = der.sequence(der.ia5("PAYP"), encode_properties(payload.properties))
        parts.append(der.encode(der.context(0), inside))
    return der.sequence(*parts)


def read_payload(data: bytes) -> Payload:
    """Return the payload in bytes that hold nothing else.

    Raises
    ------
    DerError
        They are no payload in its one encoding.

    Examples
    --------
    >>> read_payload(encode_payload(Payload("krnl", "1.0", b"code"))).description
    '1.0'
    """
    outside = Reader(data, "payload")
    reader = outside.inside(der.SEQUENCE, "payload")
    outside.end()
    if reader.ia5("the magic") != "IM4P":
        raise reader.fail("no payload: its magic is not IM4P")
    kind = reader.ia5("the type")
    der.fourcc_bytes(kind)
    description = reader.ia5("the description")
    content = reader.octets("the image")
    keys = _read_keys(reader.octets("wrapped keys")) if reader.peek() == der.OCTETS else ()
    unpacked = None
    if reader.peek() == der.SEQUENCE:
        packing = reader.inside(der.SEQUENCE, "packing")
        if packing.integer("the method") != _LZFSE:
            raise reader.fail("a method of packing that is not lzfse")
        unpacked = packing.integer("the size unpacked")
        packing.end()
    properties: Properties = {}
    if reader.more:
        properties = _read_own(reader.inside(der.context(0), "properties"))
    reader.end()
    return Payload(kind, description, content, keys, unpacked, properties)


def _read_keys(data: bytes) -> tuple[WrappedKey, ...]:
    outside = Reader(data, "wrapped keys")
    reader = outside.inside(der.SEQUENCE, "wrapped keys")
    outside.end()
    keys: list[WrappedKey] = []
    while reader.more:
        one = reader.inside(der.SEQUENCE, "wrapped key")
        key = WrappedKey(one.integer("the class"), one.octets("the start vector"), one.octets("the key"))
        one.end()
        if key.kind not in _CLASSES or len(key.iv) != _IV_BYTES or len(key.key) != _KEY_BYTES:
            raise reader.fail("a wrapped key of another class or size")
        keys.append(key)
    if not keys or len({key.kind for key in keys}) < len(keys):
        raise reader.fail("no wrapped keys, or one class twice")
    return tuple(keys)


def _read_own(reader: Reader) -> Properties:
    inside = reader.inside(der.SEQUENCE, "properties")
    reader.end()
    if inside.ia5("the name") != "PAYP":
        raise inside.fail("no properties of a payload: their name is not PAYP")
    found = read_properties(inside, "the payload")
    inside.end()
    if not found:
        raise inside.fail("an empty set, which is left out where there is none")
    return found


def encode_image(image: Image) -> bytes:
    """Return an IMG4 file.

    Raises
    ------
    DerError
        The generator is not of 8 bytes.
    """
    parts = [der.ia5("IMG4"), image.payload]
    if image.manifest is not None:
        parts.append(der.encode(der.context(0), image.manifest))
    if image.generator is not None:
        parts.append(der.encode(der.context(1), encode_restore(image.generator)))
    return der.sequence(*parts)


def encode_restore(generator: bytes) -> bytes:
    """Return an IM4R: the generator of a nonce.

    Raises
    ------
    DerError
        It is not of 8 bytes.
    """
    if len(generator) != GENERATOR_BYTES:
        raise der.DerError("a generator has 8 bytes")
    return der.sequence(der.ia5("IM4R"), der.set_of([der.named("BNCN", der.octets(generator))]))


def read_image(data: bytes) -> Image:
    """Return what an IMG4 file holds; payload and manifest are cut out, not yet looked into.

    Raises
    ------
    DerError
        It is no IMG4 file in its one encoding.
    """
    outside = Reader(data, "image")
    reader = outside.inside(der.SEQUENCE, "image")
    outside.end()
    if reader.ia5("the magic") != "IMG4":
        raise reader.fail("no image: its magic is not IMG4")
    payload = reader.take(der.SEQUENCE, "payload").raw
    manifest = generator = None
    if reader.peek() == der.context(0):
        inside = reader.inside(der.context(0), "manifest")
        manifest = inside.take(der.SEQUENCE, "manifest").raw
        inside.end()
    if reader.peek() == der.context(1):
        generator = read_restore(reader.next().content)
    reader.end()
    return Image(payload, manifest, generator)


def read_restore(data: bytes) -> bytes:
    """Return the generator in an IM4R.

    Raises
    ------
    DerError
        It is none in its one encoding, or has no generator of 8 bytes.
    """
    outside = Reader(data, "restore information")
    reader = outside.inside(der.SEQUENCE, "restore information")
    outside.end()
    if reader.ia5("the magic") != "IM4R":
        raise reader.fail("no restore information: its magic is not IM4R")
    found = read_properties(reader, "the restore information")
    reader.end()
    generator = found.get("BNCN")
    if not isinstance(generator, bytes) or len(generator) != GENERATOR_BYTES:
        raise reader.fail("no generator of 8 bytes")
    return generator


def nonce_hash(generator: bytes) -> bytes:
    """Return the nonce that a manifest carries: the first 32 bytes of the generator's SHA-384.

    References
    ----------
    tihmstar, img4tool, isGeneratorValidForIM4M.

    Examples
    --------
    >>> nonce_hash(bytes.fromhex("1111111111111111")).hex()[:16]
    '27325c8258be46e6'
    """
    return hashlib.sha384(generator).digest()[:NONCE_BYTES]
