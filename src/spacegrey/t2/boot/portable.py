"""What a signature of a PE file is over: all of it, but its checksum and the place of the signature itself.

References
----------
Microsoft, PE Format; Windows Authenticode Portable Executable Signature Format (2008), calculating the hash.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

LARGEST = 64 << 20
"""Bytes; a bound on work, many times what a loader has."""

_MOST_SIGNATURES = 16
_PKCS, _REVISION = 0x0002, 0x0200
_ENTRY = struct.Struct("<IHH")  # length, revision, kind of a signature
_MAGIC_32, _MAGIC_64 = 0x10B, 0x20B
_CHECKSUM, _CERTIFICATES = 64, 4  # offset in the optional header; number of the directory


class PortableError(ValueError):
    """These bytes are no PE file that a signature can be over."""


@dataclass(frozen=True)
class Portable:
    """A PE file, as far as its signature goes."""

    hashed: bytes = field(repr=False)
    """What a digest is over."""
    signatures: tuple[bytes, ...] = field(repr=False)


def read_portable(data: bytes) -> Portable:
    """Return what of a PE file is hashed, and its signatures.

    Every byte but three fields is hashed, in the order of the file: a file whose sections do not follow each other so
    has another digest here than where it was signed, and is refused.

    Raises
    ------
    PortableError
        It is no PE file, cut short, or bytes follow its signatures, which nothing would cover.

    Examples
    --------
    >>> read_portable(b"MZ")
    Traceback (most recent call last):
    spacegrey.t2.boot.portable.PortableError: no PE file: cut short
    """
    if data[:2] != b"MZ":
        raise PortableError("no PE file: its magic is not MZ")
    if len(data) > LARGEST:
        raise PortableError(f"no loader: more than {LARGEST} bytes")
    try:
        (header,) = struct.unpack_from("<I", data, 0x3C)
        if data[header : header + 4] != b"PE\0\0":
            raise PortableError("no PE file: its second magic is not PE")
        optional = header + 24
        (magic,) = struct.unpack_from("<H", data, optional)
        if magic not in {_MAGIC_32, _MAGIC_64}:
            raise PortableError("no PE file: its optional header is of another kind")
        directories = optional + (112 if magic == _MAGIC_64 else 96)
        (count,) = struct.unpack_from("<I", data, directories - 4)
        if count <= _CERTIFICATES:
            return Portable(_without(data, (optional + _CHECKSUM, 4)), ())
        entry = directories + 8 * _CERTIFICATES
        start, size = struct.unpack_from("<II", data, entry)
    except struct.error:
        raise PortableError("no PE file: cut short") from None
    holes = ((optional + _CHECKSUM, 4), (entry, 8))
    if not size:
        return Portable(_without(data, *holes), ())
    if start < entry + 8 or start % 8 or start + size != len(data):
        raise PortableError("its signatures do not end the file")
    return Portable(_without(data[:start], *holes), _signatures(data[start:]))


def _without(data: bytes, *holes: tuple[int, int]) -> bytes:
    pieces, at = list[bytes](), 0
    for start, size in holes:
        pieces.append(data[at:start])
        at = start + size
    return b"".join([*pieces, data[at:]])


def _signatures(table: bytes) -> tuple[bytes, ...]:
    """Return the PKCS #7 signatures of the table; each ends where its own length says, behind it zeros to 8 bytes."""
    found: list[bytes] = []
    at = 0
    while at < len(table):
        if len(table) - at < _ENTRY.size or len(found) == _MOST_SIGNATURES:
            raise PortableError(f"a signature is cut short, or there are more than {_MOST_SIGNATURES}")
        length, revision, kind = _ENTRY.unpack_from(table, at)
        if length <= _ENTRY.size or length > len(table) - at:
            raise PortableError("a signature is cut short")
        if (revision, kind) == (_REVISION, _PKCS):
            found.append(_trimmed(table[at + _ENTRY.size : at + length]))
        at += (length + 7) // 8 * 8
    return tuple(found)


def _trimmed(data: bytes) -> bytes:
    """Return a DER element without the zeros that fill it up to 8 bytes."""
    if len(data) > 4 and data[0] == 0x30 and data[1] == 0x82:  # noqa: PLR2004 - tag, and a length of two bytes
        size = 4 + int.from_bytes(data[2:4], "big")
        if len(data) - size < 8 and not any(data[size:]):  # noqa: PLR2004 - the alignment
            return data[:size]
    return data
