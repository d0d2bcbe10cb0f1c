"""How the map survives: a checkpoint of it, and behind that a journal of what changed since, in one of two slots.

A record holds everything between two flushes and counts only if it is whole, so that after a cut the disk is as it
was at a flush. A checkpoint goes to the other slot and counts from its header on, which is written last.
"""

from __future__ import annotations

import errno
import hashlib
import struct
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.errors import Refusal
from spacegrey.t2.storage import mapping
from spacegrey.t2.storage.device import Damaged
from spacegrey.t2.storage.engine import PAGE
from spacegrey.t2.storage.geometry import MAP_PAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from spacegrey.t2.storage.blocks import Blocks
    from spacegrey.t2.storage.device import Device
    from spacegrey.t2.storage.geometry import Geometry
    from spacegrey.t2.storage.mapping import Map

_HEADER = struct.Struct("<8sQQQQ16s")  # magic, generation, map pages, worn blocks, payload bytes, digest of the payload
_RECORD = struct.Struct("<8sQQIIQ16s")  # magic, generation, sequence, extents, worn blocks, payload bytes, digest
_HEADER_MAGIC, _RECORD_MAGIC = b"SGMAP 01", b"SGJRN 01"
_DIGEST = 16
_CHUNK = 256  # pages of the map that are written or read at once


def _digest(*parts: bytes | memoryview) -> bytes:
    hasher = hashlib.blake2b(digest_size=_DIGEST)
    for part in parts:
        hasher.update(part)
    return hasher.digest()


def _padded(*parts: bytes) -> memoryview:
    whole = b"".join(parts)
    return memoryview(whole + bytes(-len(whole) % PAGE))


def _read_here(magic: bytes, own: bytes) -> bool:
    """Tell whether what is whole is of this version; raise `Refusal` where it is of another one."""
    if magic != own and magic.startswith(own[:6]):
        found = magic[6:].decode(errors="replace")
        raise Refusal(f"the disk's map has version {found}; this one reads {own[6:].decode()}")
    return magic == own


def _count_erasures(blocks: Blocks, table: NDArray[np.uint32]) -> None:
    """Take over how worn these blocks are; raise `Damaged` where one is not there."""
    if table.size and table[:, 0].max() >= blocks.erasures.size:
        raise Damaged("the journal names blocks beyond the disk")
    blocks.erasures[table[:, 0]] = table[:, 1]


class Journal:
    """The two slots of a disk.

    Parameters
    ----------
    device : Device
        The encrypted stripe, which the slots lie on behind the data.
    geometry : Geometry
        Where they lie.
    """

    def __init__(self, device: Device, geometry: Geometry) -> None:
        self._device = device
        self._geometry = geometry
        self._slot = 0
        self.generation = 0
        self._sequence = 0
        self._used = 0  # pages of the journal
        self._checkpoint_pages = 0

    def _at(self, slot: int) -> int:
        return (self._geometry.data_pages + slot * self._geometry.slot_pages) * PAGE

    def _journal_at(self, slot: int) -> int:
        return self._at(slot) + (self._geometry.slot_pages - self._geometry.journal_pages) * PAGE

    def must_checkpoint(self, extents: int, worn: int) -> bool:
        """Tell whether a record of this size no longer fits, or the journal has outgrown its checkpoint."""
        pages = -(-(_RECORD.size + 12 * extents + 8 * worn) // PAGE)
        limit = self._geometry.journal_pages
        return self._used + pages > limit or self._used > max(limit // 4, self._checkpoint_pages)

    def append(self, extents: NDArray[np.uint32], worn: set[int], blocks: Blocks) -> None:
        """Make a record durable: extents (first page, flash page, count) in order, and how worn these blocks are."""
        table = np.array(sorted(worn), "<u4")
        payload = extents.tobytes() + np.stack([table, blocks.erasures[table]], axis=1).astype("<u4").tobytes()
        head = (_RECORD_MAGIC, self.generation, self._sequence + 1, len(extents), len(worn), len(payload))
        digest = _digest(_RECORD.pack(*head, bytes(_DIGEST)), payload)
        whole = _padded(_RECORD.pack(*head, digest), payload)
        self._device.write(self._journal_at(self._slot) + self._used * PAGE, [whole])
        self._sync()
        self._used += len(whole) // PAGE
        self._sequence += 1

    def checkpoint(self, pages: Map, blocks: Blocks) -> None:
        """Write the whole map into the other slot, and let it count."""
        slot = 1 - self._slot
        touched = np.flatnonzero(pages.touched).astype("<u4")
        worn = np.flatnonzero(blocks.erasures).astype("<u4")
        table = np.stack([worn, blocks.erasures[worn]], axis=1).astype("<u4") if len(worn) else worn
        place = self._at(slot) + PAGE
        hasher = hashlib.blake2b(digest_size=_DIGEST)
        length = 0
        for part in self._payload(touched, pages, table):
            hasher.update(part)
            self._device.write(place + length, [_padded(part)])
            length += -(-len(part) // PAGE) * PAGE
        self._sync()
        head = (_HEADER_MAGIC, self.generation + 1, len(touched), len(worn), length)
        sealed = hashlib.blake2b(_HEADER.pack(*head, hasher.digest()), digest_size=_DIGEST).digest()
        self._device.write(self._at(slot), [_padded(_HEADER.pack(*head, hasher.digest()), sealed)])
        self._sync()
        self._slot, self._used, self._sequence = slot, 0, 0
        self.generation += 1
        self._checkpoint_pages = length // PAGE

    @staticmethod
    def _payload(touched: NDArray[np.uint32], pages: Map, table: NDArray[np.uint32]) -> Iterator[bytes]:
        yield touched.tobytes()
        entries = pages.forward.reshape(-1, MAP_PAGE)
        for first in range(0, len(touched), _CHUNK):
            yield entries[touched[first : first + _CHUNK]].tobytes()
        yield table.tobytes()

    def _header(self, slot: int) -> tuple[int, int, int, int, bytes] | None:
        page = memoryview(bytearray(PAGE))
        self._device.read(self._at(slot), [page])
        magic, generation, touched, worn, length, digest = _HEADER.unpack_from(page)
        sealed = hashlib.blake2b(page[: _HEADER.size], digest_size=_DIGEST).digest()
        if sealed != bytes(page[_HEADER.size : _HEADER.size + _DIGEST]) or not _read_here(magic, _HEADER_MAGIC):
            return None
        return generation, touched, worn, length, digest

    def _sync(self) -> None:
        """Sync; whatever the reason of a failure, it is one of the medium: what else was lost with it is not known."""
        try:
            self._device.sync()
        except (OSError, MemoryError) as error:
            raise OSError(errno.EIO, f"a sync failed: {error}") from error

    def load(self, pages: Map, blocks: Blocks) -> int:
        """Read the map back: the newest checkpoint, and every whole record behind it.

        Returns
        -------
        int
            Records that were replayed.

        Raises
        ------
        Damaged
            No checkpoint is whole, or the newest one, or the map that results, contradicts itself.
        """
        headers = {slot: header for slot in (0, 1) if (header := self._header(slot))}
        if not headers:
            raise Damaged("the map has no checkpoint")
        self._slot = max(headers, key=lambda slot: headers[slot][0])
        self.generation, touched, worn, length, digest = headers[self._slot]
        self._load_checkpoint(pages, blocks, touched, worn, digest)
        self._checkpoint_pages = length // PAGE
        replayed = 0
        while record := self._record():
            extents, table, used = record
            if mapping.replay(pages.forward, pages.touched, extents):
                raise Damaged("the journal names pages beyond the disk")
            _count_erasures(blocks, table)
            self._used += used
            self._sequence += 1
            replayed += 1
        wrong = mapping.recount(pages.forward, pages.touched, pages.owner, blocks.live, self._geometry.block_pages)
        if wrong:
            raise Damaged(f"the map contradicts itself in {wrong} places")
        in_use = np.flatnonzero(blocks.live)
        blocks.recover(int(in_use[-1]) if in_use.size else 0)
        return replayed

    def _load_checkpoint(self, pages: Map, blocks: Blocks, touched: int, worn: int, digest: bytes) -> None:
        place = self._at(self._slot) + PAGE
        hasher = hashlib.blake2b(digest_size=_DIGEST)

        def part(length: int) -> memoryview:
            nonlocal place
            room = memoryview(bytearray(-(-length // PAGE) * PAGE))
            if length:
                self._device.read(place, [room])
            place += len(room)
            hasher.update(room[:length])
            return room[:length]

        if touched > self._geometry.map_pages or worn > self._geometry.blocks:
            raise Damaged("the checkpoint is larger than the map")
        index = np.frombuffer(part(4 * touched), "<u4")
        entries = pages.forward.reshape(-1, MAP_PAGE)
        for first in range(0, touched, _CHUNK):
            some = index[first : first + _CHUNK]
            if some.max() >= self._geometry.map_pages:
                raise Damaged("the checkpoint names pages beyond the map")
            entries[some] = np.frombuffer(part(PAGE * len(some)), "<u4").reshape(-1, MAP_PAGE)
            pages.touched[some] = 1
        table = np.frombuffer(part(8 * worn), "<u4").reshape(-1, 2)
        if hasher.digest() != digest:
            raise Damaged("the checkpoint of the map is damaged")
        _count_erasures(blocks, table)

    def _record(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32], int] | None:
        """Return the next record of the journal, if one is whole, and its length in pages."""
        left = self._geometry.journal_pages - self._used
        if left <= 0:
            return None
        place = self._journal_at(self._slot) + self._used * PAGE
        page = memoryview(bytearray(PAGE))
        self._device.read(place, [page])
        magic, generation, sequence, extents, worn, length, digest = _RECORD.unpack_from(page)
        used = -(-(_RECORD.size + length) // PAGE)
        if (generation, sequence) != (self.generation, self._sequence + 1) or used > left:
            return None
        whole = memoryview(bytearray(used * PAGE))
        self._device.read(place, [whole])
        payload = whole[_RECORD.size : _RECORD.size + length]
        head = (magic, generation, sequence, extents, worn, length)
        if _digest(_RECORD.pack(*head, bytes(_DIGEST)), payload) != digest or not _read_here(magic, _RECORD_MAGIC):
            return None
        if length != 12 * extents + 8 * worn:
            return None
        table = np.frombuffer(payload, "<u4")
        return table[: 3 * extents].reshape(-1, 3), table[3 * extents :].reshape(-1, 2), used
