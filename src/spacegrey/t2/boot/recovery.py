"""recoveryOS: a disk image whose chunks are hashed in a signed list, from the disk or from the network.

References
----------
Apple Platform Security (May 2022), recoveryOS and diagnostics environments for an Intel-based Mac. The list's layout is
this model's own: a count, and for each chunk its SHA-256.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from spacegrey.t2.boot.results import Stop
from spacegrey.t2.boot.volumes import BUILD, CHUNKLIST, RECOVERY, manifest_name
from spacegrey.t2.image4.faults import Fault, ManifestRefused
from spacegrey.t2.image4.verify import Kind, verify

if TYPE_CHECKING:
    from collections.abc import Callable

    from spacegrey.t2.boot.machine import Machine
    from spacegrey.t2.boot.volumes import Volume

_MAGIC = b"SGCL\x01"
_COUNT_BYTES, _HASH_BYTES = 4, 32
_MEGABYTE = 10**6

INTERNET = "internet-recovery"
"""Build of the recoveryOS that the network hands out."""


def chunklist(image: bytes, chunk_bytes: int) -> bytes:
    """Return the list of an image's chunks.

    Examples
    --------
    >>> len(chunklist(bytes(25), 10))
    105
    """
    hashes = [hashlib.sha256(image[at : at + chunk_bytes]).digest() for at in range(0, len(image), chunk_bytes)]
    return _MAGIC + len(hashes).to_bytes(_COUNT_BYTES, "big") + b"".join(hashes)


def read_chunklist(data: bytes) -> list[bytes]:
    """Return the hashes in a list.

    Raises
    ------
    ManifestRefused
        It is no list (``MALFORMED``).
    """
    head = len(_MAGIC) + _COUNT_BYTES
    count = int.from_bytes(data[len(_MAGIC) : head], "big")
    if not data.startswith(_MAGIC) or not count or len(data) != head + count * _HASH_BYTES:
        raise ManifestRefused(Fault.MALFORMED, "the list of chunks is damaged")
    return [data[at : at + _HASH_BYTES] for at in range(head, len(data), _HASH_BYTES)]


def _check(
    machine: Machine, listed: bytes | None, manifest: bytes | None, chunk: Callable[[int], bytes], again: int
) -> bytes:
    """Return the SHA-384 of the signed list once every chunk is what it says."""
    if listed is None:
        raise ManifestRefused(Fault.NO_MANIFEST, "there is no recoveryOS")
    verified = verify(manifest, listed, "rcls", machine.chip, machine.root, Kind.MEDIUM)
    for number, expected in enumerate(read_chunklist(listed)):
        # asked for once, and again where it is bad
        if not any(hashlib.sha256(chunk(number)).digest() == expected for _ in range(1 + again)):
            raise ManifestRefused(Fault.DIGEST, f"chunk {number} of recoveryOS is damaged [{Stop.RECOVERY_DAMAGED}]")
    return verified.digest


def check_local(machine: Machine, volume: Volume) -> bytes:
    """Return the SHA-384 of the chunk list of a volume's recoveryOS.

    Raises
    ------
    ManifestRefused
        The list is not signed, or a chunk is bad: what is local is not read again.
    """
    size = machine.sheet.chunk_mb * _MEGABYTE
    image = volume.files.read(RECOVERY) or b""
    manifest = volume.files.read(manifest_name(CHUNKLIST, machine.sheet.model))
    return _check(
        machine, volume.files.read(CHUNKLIST), manifest, lambda number: image[number * size : (number + 1) * size], 0
    )


def check_network(machine: Machine) -> bytes:
    """Return the SHA-384 of the chunk list of the network's recoveryOS.

    Raises
    ------
    Unreachable
        There is no network.
    SignerRefused
        The server has none.
    ManifestRefused
        The list is not signed, or a chunk stays bad however often it is asked for.
    """
    fetch = machine.service.fetch
    listed = fetch(INTERNET, CHUNKLIST)
    manifest = fetch(INTERNET, manifest_name(CHUNKLIST, machine.sheet.model))
    return _check(machine, listed, manifest, lambda number: fetch(INTERNET, RECOVERY, number), machine.sheet.ask_again)


def build_of(volume: Volume) -> str:
    """Return what a volume says that its build is; the signing server is who believes it or not."""
    return (volume.files.read(BUILD) or b"").decode("ascii", "replace").strip()
