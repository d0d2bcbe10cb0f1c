"""Image4 manifests (IM4M): what may run, where, and who says so.

References
----------
acidanthera, OpenCorePkg, OcAppleImg4Lib (libDERImg4): the layout, and what is signed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spacegrey.t2.image4 import der
from spacegrey.t2.image4.der import Reader
from spacegrey.t2.image4.properties import Properties, encode_properties, read_properties

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CERTIFICATES = 2
"""In a manifest: the intermediate one and the leaf. The root is the chip's own."""

LARGEST_CERTIFICATE = 0x1FFFF
"""Bytes; OpenCore's bound."""

LARGEST = 1 << 20
"""Bytes of a manifest; a bound on work, ten times what is seen."""

_MOST_OBJECTS = 512


@dataclass(frozen=True)
class Manifest:
    """A manifest that was read. Nothing in it is to be believed before `verify` has said so.

    Attributes
    ----------
    properties : mapping
        Of the whole: for which machine, at which time.
    objects : mapping
        For each object's type its properties, the digest among them.
    body : bytes
        What is signed: the whole set, tag and length included.
    """

    properties: Properties
    objects: Mapping[str, Properties]
    body: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    certificates: tuple[bytes, ...] = field(repr=False)


def encode_body(properties: Properties, objects: Mapping[str, Properties]) -> bytes:
    """Return the part of a manifest that is signed.

    Parameters
    ----------
    properties : mapping
        Of the whole.
    objects : mapping
        For each object's type its properties.

    Raises
    ------
    DerError
        A name or a value cannot be written, or an object has the name of the manifest's own properties.
    """
    if "MANP" in objects:
        raise der.DerError("no object can be named MANP")
    parts = [der.named(name, encode_properties(own)) for name, own in objects.items()]
    parts.append(der.named("MANP", encode_properties(properties)))
    return der.set_of([der.named("MANB", der.set_of(parts))])


def encode_manifest(body: bytes, signature: bytes, certificates: Sequence[bytes]) -> bytes:
    """Return a whole manifest."""
    parts = [der.ia5("IM4M"), der.integer(0), body, der.octets(signature), der.sequence(*certificates)]
    return der.sequence(*parts)


def read_manifest(data: bytes) -> Manifest:
    """Return the manifest in bytes that hold nothing else; nothing is verified.

    Raises
    ------
    DerError
        They are no manifest in its one encoding.
    """
    if len(data) > LARGEST:
        raise der.DerError(f"manifest: more than {LARGEST} bytes")
    outside = Reader(data, "manifest")
    reader = outside.inside(der.SEQUENCE, "manifest")
    outside.end()
    if reader.ia5("the magic") != "IM4M":
        raise reader.fail("no manifest: its magic is not IM4M")
    if reader.integer("the version"):
        raise reader.fail("a version that is not 0")
    body = reader.take(der.SET, "body").raw
    signature = reader.octets("the signature")
    chain = reader.inside(der.SEQUENCE, "certificates")
    reader.end()
    properties, objects = _read_body(body)
    certificates: list[bytes] = []
    while chain.more:
        certificate = chain.take(der.SEQUENCE, "certificate").raw
        if len(certificate) > LARGEST_CERTIFICATE or len(certificates) == CERTIFICATES:
            raise chain.fail(f"more than {CERTIFICATES} certificates, or one that is too large")
        certificates.append(certificate)
    return Manifest(properties, objects, body, signature, tuple(certificates))


def _read_body(body: bytes) -> tuple[Properties, dict[str, Properties]]:
    outer = Reader(body, "body").inside(der.SET, "body")
    name, inside = outer.named("body")
    outer.end()
    if name != "MANB":
        raise outer.fail(f"a body named {name}")
    content = inside.inside(der.SET, "objects")
    inside.end()
    found: dict[str, Properties] = {}
    last = ""
    while content.more:
        name, one = content.named("object")
        if name <= last or len(found) > _MOST_OBJECTS:
            raise content.fail(f"object {name} stands twice, out of order or beyond {_MOST_OBJECTS}")
        found[name] = read_properties(one, f"object {name}")
        one.end()
        last = name
    if "MANP" not in found:
        raise content.fail("no properties of the manifest (MANP)")
    return found.pop("MANP"), found
