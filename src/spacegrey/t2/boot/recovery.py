"""recoveryOS: a disk image whose chunks are hashed in a signed list, from the disk or from the network.

References
----------
Apple Platform Security (May 2022), recoveryOS and diagnostics environments for an Intel-based Mac. The list's layout is
this model's own: a count, and for each chunk its SHA-256.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spacegrey.t2.boot.results import Stop
from spacegrey.t2.boot.volumes import BUILD, CHUNKLIST, RECOVERY, manifest_name
from spacegrey.t2.image4.faults import Fault, ManifestRefused
from spacegrey.t2.image4.verify import Kind, verify
from spacegrey.t2.signer.exchange import SignerRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from spacegrey.t2.boot.machine import Machine
    from spacegrey.t2.boot.volumes import Volume

_MAGIC = b"SGCL\x01"
_COUNT_BYTES, _HASH_BYTES = 4, 32
_MEGABYTE = 10**6

INTERNET = "internet-recovery"
"""Build of the recoveryOS that the network hands out."""


@dataclass(frozen=True)
class Checked:
    """A list of chunks that was looked at, and why its recoveryOS does not start.

    Attributes
    ----------
    digest : bytes
        SHA-384 of the list, whatever it was.
    refused : ManifestRefused or None
        None where every chunk is what the signed list says.
    """

    digest: bytes
    refused: ManifestRefused | None = None

    @property
    def verdict(self) -> str:
        """What the log says of it."""
        return "verified" if self.refused is None else self.refused.fault


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
) -> Checked:
    """Return what was found of a list and its chunks."""
    digest = hashlib.sha384(listed or b"").digest()
    try:
        _check_chunks(machine, listed, manifest, chunk, again)
    except ManifestRefused as refused:
        return Checked(digest, refused)
    return Checked(digest)


def _check_chunks(
    machine: Machine, listed: bytes | None, manifest: bytes | None, chunk: Callable[[int], bytes], again: int
) -> None:
    if listed is None:
        raise ManifestRefused(Fault.NO_MANIFEST, "there is no recoveryOS")
    verify(manifest, listed, "rcls", machine.chip, machine.root, Kind.MEDIUM)
    hashes = read_chunklist(listed)
    for number, expected in enumerate(hashes):
        # asked for once, and again where it is bad
        if not any(hashlib.sha256(chunk(number)).digest() == expected for _ in range(1 + again)):
            raise ManifestRefused(Fault.DIGEST, f"chunk {number} of recoveryOS is damaged [{Stop.RECOVERY_DAMAGED}]")
    if chunk(len(hashes)):
        raise ManifestRefused(Fault.DIGEST, f"recoveryOS is longer than its list [{Stop.RECOVERY_DAMAGED}]")


def check_local(machine: Machine, volume: Volume) -> Checked:
    """Return what was found of a volume's recoveryOS; what is local is not read again."""
    size = machine.sheet.chunk_mb * _MEGABYTE
    image = volume.files.found(RECOVERY) or b""
    manifest = volume.files.found(manifest_name(CHUNKLIST, machine.sheet.model))
    return _check(
        machine, volume.files.found(CHUNKLIST), manifest, lambda number: image[number * size : (number + 1) * size], 0
    )


def check_network(machine: Machine) -> Checked:
    """Return what was found of the network's recoveryOS, each bad chunk asked for again.

    Raises
    ------
    Unreachable
        There is no network.
    SignerRefused
        The server has none.
    """
    fetch = machine.service.fetch
    listed = fetch(INTERNET, CHUNKLIST)
    manifest = fetch(INTERNET, manifest_name(CHUNKLIST, machine.sheet.model))
    return _check(machine, listed, manifest, lambda number: fetch(INTERNET, RECOVERY, number), machine.sheet.ask_again)


def fetched(machine: Machine) -> dict[str, bytes]:
    """Return the files of the network's recoveryOS, to be laid on a disk; none where the network has none.

    They are the very chunks that were verified: nothing is asked for a second time.

    Raises
    ------
    Unreachable
        There is no network.
    ManifestRefused
        It has one that is not what was signed.
    """
    fetch, name = machine.service.fetch, manifest_name(CHUNKLIST, machine.sheet.model)
    chunks: dict[int, bytes] = {}

    def chunk(number: int) -> bytes:
        chunks[number] = fetch(INTERNET, RECOVERY, number)
        return chunks[number]

    try:
        listed, manifest = fetch(INTERNET, CHUNKLIST), fetch(INTERNET, name)
        found = _check(machine, listed, manifest, chunk, machine.sheet.ask_again)
    except SignerRefused:
        return {}
    if found.refused is not None:
        raise found.refused
    return {RECOVERY: b"".join(chunks[number] for number in sorted(chunks)), CHUNKLIST: listed, name: manifest}


def build_of(volume: Volume) -> str:
    """Return what a volume says that its build is; the signing server is who believes it or not."""
    return (volume.files.found(BUILD) or b"").decode("ascii", "replace").strip()
