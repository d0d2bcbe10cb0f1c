"""What every layer of the SSD offers the layer above, and the layers that only pass on, change or combine.

A layer is addressed in bytes. The stack of a disk is, from below: module files, stripe, (integrity,) encryption;
fault, delay and log layers (`layers.py`) go anywhere between.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

import numpy as np

from spacegrey.t2.storage.engine import PAGE, TAG_BYTES
from spacegrey.t2.storage.fetch import fetch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from spacegrey.t2.storage.engine import KeyHandle


class Device(Protocol):
    """A stretch of bytes that can be read, written, emptied and made durable."""

    def read(self, offset: int, views: Sequence[memoryview]) -> None:
        """Fill the views, one behind the other, from an offset on."""
        ...

    def write(self, offset: int, views: Sequence[memoryview]) -> None:
        """Write the views, one behind the other, from an offset on."""
        ...

    def discard(self, offset: int, length: int) -> None:
        """Give a stretch back: it may read as zeroes or as before."""
        ...

    def sync(self) -> None:
        """Return when everything written before is durable."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


class Gathers(Device, Protocol):
    """A device that reads pages from all over it in one call."""

    def gather(self, pages: NDArray[np.int64], room: memoryview) -> None:
        """Fill a room with pages, side by side, each with a number of its own."""
        ...


class Damaged(OSError):  # noqa: N818 - a state of the medium
    """Stored bytes are not what was written: a flipped bit, a torn or misplaced page, or the wrong key."""


class Stripe:
    """Modules side by side: each row holds one unit of every module.

    Parameters
    ----------
    modules : sequence of Device
        As many as the machine has.
    unit : int
        Bytes of one module in a row.
    start : int
        Where the striped part of each module begins; before it stands the label.
    """

    def __init__(self, modules: Sequence[Device], unit: int, start: int) -> None:
        self.modules = tuple(modules)
        self._unit = unit
        self._start = start
        files = [getattr(module, "file", None) for module in modules]  # where no layer is between
        self._files = None if None in files else np.array(files, np.int64)

    def _parts(self, offset: int, views: Sequence[memoryview]) -> list[tuple[int, list[memoryview]]]:
        """Return for each module where it begins and the pieces it holds: a run is in one piece on every module."""
        unit, count = self._unit, len(self.modules)
        parts: list[tuple[int, list[memoryview]]] = [(-1, []) for _ in range(count)]
        for view in views:
            done = 0
            while done < len(view):
                row, inside = divmod(offset, unit)
                length = min(unit - inside, len(view) - done)
                which = row % count
                begin, pieces = parts[which]
                if begin < 0:
                    parts[which] = (self._start + row // count * unit + inside, pieces)
                pieces.append(view[done : done + length])
                done += length
                offset += length
        return parts

    def _only(self, offset: int, views: Sequence[memoryview]) -> tuple[int, int] | None:
        """Return module and place of a request that lies in one unit, as small ones do."""
        row, inside = divmod(offset, self._unit)
        if len(views) != 1 or inside + len(views[0]) > self._unit:
            return None
        return row % len(self.modules), self._start + row // len(self.modules) * self._unit + inside

    def read(self, offset: int, views: Sequence[memoryview]) -> None:
        """Read from every module that holds a part."""
        if only := self._only(offset, views):
            self.modules[only[0]].read(only[1], views)
            return
        for module, (begin, pieces) in zip(self.modules, self._parts(offset, views), strict=True):
            if pieces:
                module.read(begin, pieces)

    def gather(self, pages: NDArray[np.int64], room: memoryview) -> None:
        """Read from every module that holds a page; a page lies in one unit."""
        done = 0 if self._files is None else fetch(self._files, self._unit, self._start, pages, room)
        for k, page in enumerate(pages[done:].tolist(), done):
            self.read(page * PAGE, [room[k * PAGE : (k + 1) * PAGE]])

    def write(self, offset: int, views: Sequence[memoryview]) -> None:
        """Write to every module that holds a part."""
        if only := self._only(offset, views):
            self.modules[only[0]].write(only[1], views)
            return
        for module, (begin, pieces) in zip(self.modules, self._parts(offset, views), strict=True):
            if pieces:
                module.write(begin, pieces)

    def discard(self, offset: int, length: int) -> None:
        """Give back whole rows; the rest of the stretch stays."""
        row = self._unit * len(self.modules)
        first, last = -(-offset // row), (offset + length) // row
        if first < last:
            for module in self.modules:
                module.discard(self._start + first * self._unit, (last - first) * self._unit)

    def sync(self) -> None:
        """Make every module durable."""
        for module in self.modules:
            module.sync()

    def close(self) -> None:
        """Close every module, also when one fails."""
        self._files = None
        for module in self.modules:
            module.close()


class _Scratch(threading.local):
    """One thread's room for ciphertext: the caller's plaintext is never overwritten."""

    def __init__(self) -> None:
        self.room: memoryview | None = None


class Encryption:
    """Whole pages on their way through the AES engine, with their physical number as tweak."""

    LARGEST = 1 << 20
    """Bytes that are copied before they are encrypted and written: what stays in a core's cache."""

    PART = 1 << 18
    """Bytes that are encrypted or decrypted next to being written or read: what stays in a core's cache."""

    def __init__(self, below: Gathers, key: KeyHandle) -> None:
        self.below = below
        self._key = key
        self._own = _Scratch()

    def room(self, length: int) -> memoryview:
        """Return memory that the engine reaches without a copy, for a thread that does nothing but read and write."""
        return self._key.room(length, busy=True)

    def _scratch(self) -> memoryview:
        room = self._own.room
        if room is None:
            room = self._own.room = self._key.room(self.LARGEST)
        return room

    def read(self, offset: int, views: Sequence[memoryview]) -> None:
        """Read ciphertext, and decrypt it where it lies."""
        for view in views:
            for start in range(0, len(view), self.PART):
                part = view[start : start + self.PART]
                self.below.read(offset, [part])
                self._key.decrypt(offset // PAGE, part)
                offset += len(part)

    def gather(self, pages: NDArray[np.int64], room: memoryview) -> None:
        """Fill a room with pages from all over: one call of the engine for all of them."""
        self.below.gather(pages, room)
        self._key.decrypt_each(pages, room)

    def write(self, offset: int, views: Sequence[memoryview], *, spent: bool = False) -> None:
        """Encrypt and write.

        Parameters
        ----------
        offset : int
            Where to. [B]
        views : sequence of memoryview
            Whole pages.
        spent : bool
            They may be encrypted where they lie; else they are copied before.
        """
        if spent:
            for view in views:
                self._write_over(offset, view)
                offset += len(view)
            return
        room, filled = self._scratch(), 0
        for view in views:
            done = 0
            while done < len(view):
                length = min(len(view) - done, len(room) - filled)
                room[filled : filled + length] = view[done : done + length]
                done += length
                filled += length
                if filled == len(room):
                    self._write_over(offset, room)
                    offset += filled
                    filled = 0
        if filled:
            self._write_over(offset, room[:filled])

    def _write_over(self, offset: int, view: memoryview) -> None:
        """Encrypt pages where they lie, and write them."""
        for start in range(0, len(view), self.PART):
            part = view[start : start + self.PART]
            self._key.encrypt(offset // PAGE, part)
            self.below.write(offset, [part])
            offset += len(part)

    def discard(self, offset: int, length: int) -> None:
        """Pass on."""
        self.below.discard(offset, length)

    def sync(self) -> None:
        """Pass on."""
        self.below.sync()

    def close(self) -> None:
        """Pass on."""
        self.below.close()


def data_layers(stripe: Gathers, key: KeyHandle, tags: int | None) -> Encryption:
    """Return the stack above a stripe that data goes through: encryption, and tags that begin at ``tags`` if any."""
    return Encryption(stripe if tags is None else Integrity(stripe, key, tags), key)


class Integrity:
    """A tag beside every page, so that changed ciphertext is an error and not 16 bytes of garbage.

    Parameters
    ----------
    below : Device
        Holds the pages and, from ``tags`` on, 16 bytes for each.
    key : KeyHandle
        Makes the tags.
    tags : int
        Where they begin. [B]

    Notes
    -----
    A page is written once between two erasures of its block, so page and tag need not be written as one: the map
    names a page only after both are durable. An old page put back together with its old tag is not noticed.
    """

    def __init__(self, below: Device, key: KeyHandle, tags: int) -> None:
        self.below = below
        self._key = key
        self._tags = tags

    def read(self, offset: int, views: Sequence[memoryview]) -> None:
        """Read, and raise `Damaged` where a page is not what was written."""
        self.below.read(offset, views)
        page = offset // PAGE
        kept = memoryview(bytearray(sum(map(len, views)) // PAGE * TAG_BYTES))
        self.below.read(self._tags + page * TAG_BYTES, [kept])
        place = 0
        for view in views:
            for start in range(0, len(view), PAGE):
                if self._key.tag(page, view[start : start + PAGE]) != bytes(kept[place : place + TAG_BYTES]):
                    raise Damaged(f"page {page} is not what was written")
                page += 1
                place += TAG_BYTES

    def gather(self, pages: NDArray[np.int64], room: memoryview) -> None:
        """Read and check each page."""
        for k, page in enumerate(pages.tolist()):
            self.read(page * PAGE, [room[k * PAGE : (k + 1) * PAGE]])

    def write(self, offset: int, views: Sequence[memoryview]) -> None:
        """Write the pages and their tags."""
        page = offset // PAGE
        made = bytearray()
        for view in views:
            for start in range(0, len(view), PAGE):
                made += self._key.tag(page + len(made) // TAG_BYTES, view[start : start + PAGE])
        self.below.write(offset, views)
        self.below.write(self._tags + page * TAG_BYTES, [memoryview(made)])

    def discard(self, offset: int, length: int) -> None:
        """Pass on; the tags of an emptied page are never looked at."""
        self.below.discard(offset, length)

    def sync(self) -> None:
        """Pass on."""
        self.below.sync()

    def close(self) -> None:
        """Pass on."""
        self.below.close()


def cut(views: Sequence[memoryview], offset: int, length: int) -> Sequence[memoryview]:
    """Return ``length`` bytes of the views from ``offset`` on, without copying."""
    if offset == 0 and sum(map(len, views)) == length:
        return views
    parts: list[memoryview] = []
    for view in views:
        if offset < len(view) and length:
            part = view[offset : offset + length]
            parts.append(part)
            length -= len(part)
        offset = max(0, offset - len(view))
    return parts
