"""The flash translation layer: every write goes to an unused page, and the map changes after it.

What the durable map names is never overwritten, so a cut at any moment leaves the disk as it was at its last flush.
"""

from __future__ import annotations

import errno
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.t2.storage import mapping
from spacegrey.t2.storage.blocks import CLOSED, LOST, Blocks
from spacegrey.t2.storage.changes import Changes
from spacegrey.t2.storage.device import cut
from spacegrey.t2.storage.engine import PAGE
from spacegrey.t2.storage.garbage import LOW_BLOCKS, make_room
from spacegrey.t2.storage.journal import Journal
from spacegrey.t2.storage.mapping import Map

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from spacegrey.t2.storage.device import Device, Encryption
    from spacegrey.t2.storage.geometry import Geometry

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM}
"""What the host says where it has no room: the same call may succeed later."""

MOST_PENDING = 1 << 19
"""Changes of the map that are kept in memory before they are made durable without being asked to."""


class _Found(threading.local):
    """Room for the answers of the compiled loops, one for each thread."""

    def __init__(self) -> None:
        self.runs = np.zeros((8192, 2), np.int64)


class Translation:
    """The disk's pages on the flash's.

    Parameters
    ----------
    data : Device
        Where pages go: encrypted, and with tags if the disk has them.
    meta : Device
        The encrypted stripe without tags: where the map's slots lie.
    geometry : Geometry
        The layout.
    """

    def __init__(self, data: Encryption, meta: Device, geometry: Geometry) -> None:
        self.geometry = geometry
        self.map = Map(geometry)
        self.blocks = Blocks(geometry)
        self.journal = Journal(meta, geometry)
        self.in_use = 0
        self.moved = 0
        self.written = 0
        self.commits = 0
        self.errors = 0
        self.lost = 0
        self.data = data
        self.lock = threading.Lock()  # of map, blocks and what is pending
        self._commit = threading.Lock()  # one commit at a time; taken before the other
        self.room = threading.Lock()  # one collector at a time; taken before both
        self.changes = Changes()
        self.epoch = 1
        self._erased = 0
        self._failed: BaseException | None = None
        self._found = _Found()
        self._one = np.empty(1, np.int64)

    def load(self) -> int:
        """Read the map back and return how many records of the journal were replayed."""
        replayed = self.journal.load(self.map, self.blocks)
        self.in_use = int(self.blocks.live.sum(dtype=np.uint64))
        return replayed

    def format(self) -> None:
        """Write the first checkpoint: an empty disk."""
        self.journal.checkpoint(self.map, self.blocks)

    def read(self, first: int, view: memoryview) -> None:
        """Fill a view of whole pages; pages without data read as zeroes.

        Raises
        ------
        OSError
            The flash does not give them, or gives what was not written.
        """
        erased = self._erased
        try:
            self._read(first, view)
        except OSError as error:
            if erased == self._erased:
                self.errors += error.errno in {errno.EIO, None}  # not a lock; `Damaged` has no number
                raise
        if erased != self._erased:
            # A block that was read from may have been erased meanwhile: once more, with no erasure between.
            with self.lock:
                self._read(first, view)

    def _read(self, first: int, view: memoryview) -> None:
        forward = self.map.forward
        if len(view) == PAGE:
            page = int(forward[first])
            if page:
                self.data.read(page * PAGE, [view])
            else:
                view[:] = bytes(PAGE)
            return
        found, done, count = self._found.runs, 0, len(view) // PAGE
        while done < count:
            for k in range(mapping.runs(forward, first + done, count - done, found)):
                page, length = int(found[k, 0]), int(found[k, 1])
                part = view[done * PAGE : (done + length) * PAGE]
                if page:
                    self.data.read(page * PAGE, [part])
                else:
                    part[:] = bytes(len(part))
                done += length

    def read_scattered(self, firsts: NDArray[np.int64], room: memoryview) -> None:
        """Fill a room with single pages from anywhere on the disk, side by side.

        Raises as `read` does, which is to be asked then: it says, and counts, which of them failed.
        """
        erased = self._erased
        pages = np.empty_like(firsts)
        if mapping.look_up(self.map.forward, firsts, pages):
            try:
                self.data.gather(pages, room)
            except OSError:
                if erased == self._erased:
                    raise
            else:
                if erased == self._erased:
                    return
        for k, first in enumerate(firsts.tolist()):
            self.read(first, room[k * PAGE : (k + 1) * PAGE])

    def holes(self, first: int, count: int, most: int = 8192) -> list[tuple[int, bool]]:
        """Return the runs of a stretch as (pages, whether they have data), ``most`` at most."""
        found = self._found.runs[: min(most, 8192)]
        number = mapping.holes(self.map.forward, self.map.touched, first, count, found)
        return [(int(length), bool(used)) for length, used in found[:number]]

    def place(self, first: int) -> int:
        """Return the flash page of a page, 0 if it has no data."""
        return int(self.map.forward[first])

    def stand(self, first: int) -> tuple[int, int]:
        """Return where a page stands and how often its block was erased: while both stay, its content does."""
        page = self.place(first)
        return page, int(self.blocks.erasures[page // self.geometry.block_pages])

    def write(
        self, first: int, views: Sequence[memoryview], *, expected: tuple[int, int] | None = None, spent: bool = False
    ) -> bool:
        """Write whole pages that follow one another on the disk.

        Parameters
        ----------
        first : int
            Number of the first page.
        views : sequence of memoryview
            Their bytes; each view holds whole pages.
        expected : tuple of int, optional
            For a single page that was put together from an old one: what `stand` said before that was read. Nothing
            is written if it is no longer so.
        spent : bool
            The views may be overwritten.

        Returns
        -------
        bool
            False if it was not as expected.

        Raises
        ------
        OSError
            The flash took it not, or has no room.
        """
        self.check()
        count = sum(map(len, views)) // PAGE
        offset = 0
        while count:
            page, got = self._allocate(count)
            parts = cut(views, offset, got * PAGE)
            try:
                self.data.write(page * PAGE, parts, spent=spent)
            except BaseException as error:
                self.give_up(page, got, error)
                raise
            with self.lock:
                if expected and self.stand(first) != expected:
                    self.release(page, got)
                    return False
                self.publish(first, page, got)
                self.written += got
            first += got
            count -= got
            offset += got * PAGE
        if len(self.changes) > MOST_PENDING:
            self.commit()
        return True

    def write_scattered(self, firsts: Sequence[int], views: Sequence[memoryview]) -> None:
        """Write single pages from anywhere on the disk in one stretch of the flash.

        Parameters
        ----------
        firsts : sequence of int
            Number of each page on the disk, in the order in which they count.
        views : sequence of memoryview
            One page each.
        """
        self.check()
        done = 0
        while done < len(firsts):
            page, got = self._allocate(len(firsts) - done)
            try:
                self.data.write(page * PAGE, views[done : done + got])
            except BaseException as error:
                self.give_up(page, got, error)
                raise
            extents = np.ones((got, 3), np.uint32)
            extents[:, 0] = firsts[done : done + got]
            extents[:, 1] = np.arange(page, page + got)
            with self.lock:
                self._publish_scattered(extents)
                self.written += got
            done += got
        if len(self.changes) > MOST_PENDING:
            self.commit()

    def unmap(self, first: int, count: int) -> None:
        """Let pages have no data: they read as zeroes from here on."""
        self.check()
        with self.lock:
            self.publish(first, 0, count)

    @property
    def erasures(self) -> int:
        """Blocks erased since the disk was opened."""
        return self._erased

    def check(self) -> None:
        """Raise the error that ended all writing, if one has."""
        if self._failed:
            raise OSError(errno.EIO, f"the flash failed before: {self._failed}")

    def _allocate(self, count: int) -> tuple[int, int]:
        """Return the first of at most ``count`` adjacent unused pages, and how many they are."""
        while True:
            with self.lock:
                blocks = self.blocks
                if blocks.fill < self.geometry.block_pages or (blocks.free > LOW_BLOCKS and not blocks.uneven):
                    return self.take(count)
            make_room(self)

    def take(self, count: int) -> tuple[int, int]:
        """Take pages of the open block, or of the next. The lock is held."""
        blocks, size = self.blocks, self.geometry.block_pages
        if blocks.fill == size:
            closed = blocks.open(self.epoch)
            if closed:
                self._empty(closed)
            if not blocks.current:
                raise OSError(errno.ENOSPC, "no block of the flash is free")
        got = min(count, size - blocks.fill)
        page = blocks.current * size + blocks.fill
        blocks.fill += got
        blocks.live[blocks.current] += got
        return page, got

    def give_up(self, page: int, count: int, error: BaseException) -> None:
        """Take back pages whose write failed; after an error of the medium their block is written no more."""
        with self.lock:
            block = page // self.geometry.block_pages
            if isinstance(error, OSError) and error.errno == errno.EIO:
                self.errors += 1
                self.lost += int(self.blocks.state[block] != LOST)
                if block == self.blocks.current:
                    self.blocks.current, self.blocks.fill = 0, self.geometry.block_pages
                self.blocks.state[block] = LOST
            self.release(page, count)

    def release(self, page: int, count: int) -> None:
        """Take back pages that nothing names. The lock is held."""
        block = page // self.geometry.block_pages
        self.blocks.live[block] -= count
        if self.blocks.state[block] == CLOSED and not self.blocks.live[block]:
            self._empty(block)

    def publish(self, first: int, page: int, count: int) -> None:
        """Change the map and remember the change. The lock is held."""
        emptied, tables = self._one if count == 1 else np.empty(min(count, self.geometry.blocks), np.int64), self.map
        answer = mapping.publish(
            tables.forward, tables.owner, tables.touched, self.blocks.live, self.geometry.block_pages,
            first, page, count, emptied,
        )  # fmt: skip
        if page or answer:
            self.changes.note(first, page, count)
        self._published(count if page else 0, answer, emptied)

    def _publish_scattered(self, extents: NDArray[np.uint32]) -> None:
        """Change the map for many single pages at once. The lock is held."""
        emptied, tables = np.empty(len(extents), np.int64), self.map
        answer = mapping.publish_scattered(
            tables.forward, tables.owner, tables.touched, self.blocks.live, self.geometry.block_pages, extents, emptied
        )
        self.changes.extents.frombytes(extents.tobytes())
        self._published(len(extents), answer, emptied)

    def _published(self, count: int, answer: int, emptied: NDArray[np.int64]) -> None:
        """Count what a loop answered, and see to the blocks that it emptied. The lock is held."""
        self.in_use += count - (answer >> 32)
        for block in emptied[: answer & 0xFFFFFFFF]:
            if self.blocks.state[block] == CLOSED:
                self._empty(int(block))

    def _empty(self, block: int) -> None:
        """Erase a closed block that holds nothing more, once no durable map names it. The lock is held."""
        if self.blocks.opened[block] == self.epoch:
            self._erase(block)
        else:
            self.changes.emptied.append(block)

    def _erase(self, block: int) -> None:
        self._erased += 1
        self.changes.worn.add(block)
        for cold in self.blocks.erase(block):
            size = self.geometry.block_pages * PAGE
            with suppress(OSError):  # a hole that cannot be punched costs the host room, and nothing else
                self.data.discard(cold * size, size)

    def commit(self, *, last: bool = False) -> None:
        """Return when every write, trim and zero that was answered before is durable; the last one keeps the wear too.

        Raises
        ------
        OSError
            It could not be made so. After a failed sync the disk takes nothing more until it is opened again, because
            what the system's cache lost is not known.
        """
        with self._commit:
            with self.lock:
                self.check()
                if not (len(self.changes) or (last and self.changes.worn)):
                    return
                taken = self.changes.take()
                self.epoch += 1
                checkpoint = self.journal.must_checkpoint(len(taken), len(taken.worn))
            self._sync()
            try:
                if checkpoint:
                    # Pages that came since must be durable too before a checkpoint names them.
                    with self.lock:
                        taken.add(self.changes.take())
                        self.epoch += 1
                        self._sync()
                        self.journal.checkpoint(self.map, self.blocks)
                else:
                    extents = np.frombuffer(taken.extents, np.uint32).reshape(-1, 3)
                    self.journal.append(extents, taken.worn, self.blocks)
            except BaseException as error:
                self._failed = error  # for good, unless all that was pending is so again
                if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in NO_ROOM):
                    with self.lock:  # nothing of it counts yet; the next commit says it all again
                        self.changes.put_back(taken)
                        self._failed = None
                raise
            with self.lock:
                self.commits += 1
                for block in taken.emptied:
                    if self.blocks.state[block] == CLOSED:
                        self._erase(block)

    def _sync(self) -> None:
        try:
            self.data.sync()
        except (OSError, MemoryError) as error:
            self._failed = error
            raise OSError(errno.EIO, f"a sync failed: {error}") from error
