"""An open disk: bytes in, bytes out, from any thread; whole pages below."""

from __future__ import annotations

import errno
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from spacegrey.errors import Refusal
from spacegrey.t2.storage.buffer import WriteBuffer
from spacegrey.t2.storage.device import Encryption, Stripe, data_layers
from spacegrey.t2.storage.engine import PAGE
from spacegrey.t2.storage.geometry import LABEL_PAGES
from spacegrey.t2.storage.labels import Counters, Label, read_health, write_health
from spacegrey.t2.storage.translation import Translation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    import numpy as np
    from numpy.typing import NDArray

    from spacegrey.t2.storage.device import Device
    from spacegrey.t2.storage.engine import KeyHandle

HEALTH_EVERY = 64
"""Flushes between two writings of the health page; closing writes it too."""

KEEP_S = 10.0
"""How much of a life's counts a cut may lose, where `keep` is called as often: a drive loses minutes. [s]"""

_IDLE_KEEP_S = 300.0  # where nothing but the hours has changed


class Store:
    """An open disk. Every method may be called from any thread; `open_store` makes it.

    Attributes
    ----------
    capacity : int
        Length. [B]
    read_only : bool
        Nothing can be changed.
    replayed : int
        Records of the journal that opening replayed.
    """

    def __init__(self, modules: Sequence[Device], key: KeyHandle, label: Label, *, read_only: bool) -> None:
        layout = label.geometry
        self.capacity = layout.capacity
        self.read_only = read_only
        self.label = label
        self._modules = tuple(modules)
        stripe = Stripe(modules, layout.stripe_pages * PAGE, LABEL_PAGES * PAGE)
        data = data_layers(stripe, key, layout.tags_at if layout.integrity else None)
        self.translation = Translation(data, Encryption(stripe, key), layout)
        self.replayed = self.translation.load()
        self._buffer = WriteBuffer(self.translation)
        before = max((read_health(module) for module in modules), key=lambda counters: counters.sequence)
        self._since = time.monotonic()
        self._base = replace(
            before,
            power_cycles=before.power_cycles + (not read_only),
            unsafe_shutdowns=before.unsafe_shutdowns + (not before.clean and not read_only),
            erasures=0,
            pages_in_use=0,
        )
        self._pages_read = 0
        self._sequence = before.sequence
        self._closed = False
        self._keeping = threading.Lock()
        self._kept, self._kept_s = 0, 0.0
        if not read_only:
            self._keep_health(clean=False)

    # health

    def counters(self) -> Counters:
        """Return the counters of the disk's life up to now."""
        base, now = self._base, self.translation
        return replace(
            base,
            sequence=self._sequence,
            pages_read=base.pages_read + self._pages_read,
            pages_written=base.pages_written + now.written,
            pages_moved=base.pages_moved + now.moved,
            erasures=now.blocks.total_erasures,
            most_erasures=now.blocks.most_erasures,
            flushes=base.flushes + now.commits,
            media_errors=base.media_errors + now.errors,
            blocks_lost=base.blocks_lost + now.lost,
            pages_in_use=now.in_use,
            seconds_on=base.seconds_on + time.monotonic() - self._since,
        )

    def keep(self) -> None:
        """Write the counters where that is due; for a thread that serves nobody, and calls now and then.

        They are not made durable by it: they outlive this process, and this computer after a flush or some seconds.
        """
        waited = time.monotonic() - self._kept_s
        if self.read_only or self._closed or waited < KEEP_S:
            return
        if self._work() != self._kept or waited >= _IDLE_KEEP_S:
            with suppress(OSError):  # a request finds out what is wrong
                self._keep_health(clean=False)

    def _work(self) -> int:
        """Return a number that grows with whatever is counted."""
        now = self.translation
        return self._pages_read + now.written + now.moved + now.commits + now.errors + now.blocks.total_erasures

    def _keep_health(self, *, clean: bool) -> None:
        with self._keeping:
            self._kept, self._kept_s = self._work(), time.monotonic()
            self._sequence += 1
            counters = replace(self.counters(), clean=clean)
            for module in self._modules:
                write_health(module, counters)

    # reading

    def room(self, length: int) -> memoryview:
        """Return memory from which and into which bytes go with the fewest copies.

        For a thread that does nothing but read and write: it may be kept on one processor for milliseconds at a time,
        and so would be what it starts.
        """
        return self.translation.data.room(length)

    def read_into(self, offset: int, view: memoryview) -> None:
        """Fill a view from an offset on.

        Raises
        ------
        OSError
            EINVAL beyond the end; EIO, or `Damaged`, where the flash fails.
        """
        length = len(view)
        self._within(offset, length, errno.EINVAL)
        self._pages_read += -(-length // PAGE)
        head, tail = offset % PAGE, (offset + length) % PAGE
        if not head and not tail:
            self._buffer.read(offset // PAGE, view)
            return
        first, last = offset // PAGE, -(-(offset + length) // PAGE)
        room = memoryview(bytearray((last - first) * PAGE))
        self._buffer.read(first, room)
        view[:] = room[head : head + length]

    def read_pages(self, numbers: NDArray[np.int64], room: memoryview) -> None:
        """Fill a room with whole pages from anywhere on the disk, side by side.

        Raises as `read_into` does, which says of one page what is wrong with it.
        """
        listed: list[int] = numbers.tolist()
        self._within(min(listed) * PAGE, PAGE, errno.EINVAL)
        self._within(max(listed) * PAGE, PAGE, errno.EINVAL)
        self._pages_read += len(listed)
        self._buffer.read_scattered(numbers, room)

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from an offset on."""
        room = bytearray(length)
        self.read_into(offset, memoryview(room))
        return bytes(room)

    def extents(self, offset: int, length: int, most: int = 8192) -> list[tuple[int, bool]]:
        """Return runs of a stretch as (bytes, whether they have data), from its start on, ``most`` at most."""
        self._within(offset, length, errno.EINVAL)
        first, last = offset // PAGE, -(-(offset + length) // PAGE)
        try:
            self._buffer.settle(first, last - first)
        except OSError:
            return [(length, True)] if length else []  # the flash does not take some of it: it has data
        found = [(pages * PAGE, used) for pages, used in self.translation.holes(first, last - first, most)]
        if found:
            found[0] = (found[0][0] - offset % PAGE, found[0][1])
            beyond = sum(run for run, _ in found) - length
            if beyond > 0:
                found[-1] = (found[-1][0] - beyond, found[-1][1])
        return found

    # writing

    def write(self, offset: int, data: bytes | bytearray | memoryview, *, spent: bool = False) -> None:
        """Write bytes at an offset.

        Parameters
        ----------
        offset : int
            Where to. [B]
        data : bytes-like
            Any length.
        spent : bool
            The data, which can be written to, may be overwritten: it spares a copy.

        Raises
        ------
        OSError
            EPERM on a read-only disk, ENOSPC beyond the end or where the flash is full, EIO where it fails.
        """
        view = memoryview(data)
        length = len(view)
        self._writable()
        self._within(offset, length, errno.ENOSPC)
        self._buffer.settle(offset // PAGE, -(-(offset + length) // PAGE) - offset // PAGE)
        head = -offset % PAGE
        if head or length % PAGE:
            if head and (piece := view[:head]):
                self._patch(offset, piece)
            whole = max(0, length - head) // PAGE * PAGE
            if whole:
                self.translation.write((offset + head) // PAGE, [view[head : head + whole]], spent=spent)
            if head + whole < length:
                self._patch(offset + head + whole, view[head + whole :])
        elif length:
            self.translation.write(offset // PAGE, [view], spent=spent)

    def write_pages(self, offsets: Sequence[int], pages: Sequence[memoryview]) -> None:
        """Take whole aligned pages from anywhere on the disk, in this order, as a drive does with its write cache.

        They go to the flash with others, when there are enough of them, or by `settle`, `flush` or `close`. Until then
        they are read from memory. Raises as `write` does, also for pages that were taken before: those stay in memory.
        """
        self._writable()
        for offset in offsets:
            self._within(offset, PAGE, errno.ENOSPC)
        self._buffer.write([offset // PAGE for offset in offsets], pages)

    def _patch(self, offset: int, piece: memoryview) -> None:
        """Write a part of one page: the page is read, changed and written elsewhere, again if it changed meanwhile."""
        number, inside = divmod(offset, PAGE)
        room = memoryview(bytearray(PAGE))
        while True:
            self._buffer.settle(number, 1)
            expected = self.translation.stand(number)
            self.translation.read(number, room)
            room[inside : inside + len(piece)] = piece
            if self.translation.write(number, [room], expected=expected):
                return

    def trim(self, offset: int, length: int) -> None:
        """Let the whole pages within a stretch have no data; they read as zeroes from here on."""
        self._writable()
        self._within(offset, length, errno.EINVAL)
        first, last = -(-offset // PAGE), (offset + length) // PAGE
        if offset + length == self.capacity:
            last = -(-self.capacity // PAGE)
        if first < last:
            self._buffer.unmap(first, last - first)

    def zero(self, offset: int, length: int, *, keep: bool = False) -> None:
        """Let a stretch read as zeroes.

        Parameters
        ----------
        offset, length : int
            The stretch. [B]
        keep : bool
            Write zeroes, so that later writes find their room taken; else give the pages back.
        """
        self._writable()
        self._within(offset, length, errno.ENOSPC)
        if keep:
            zeroes = memoryview(bytes(min(length + PAGE, 1 << 20)))
            done = 0
            while done < length:
                step = min(len(zeroes) - (offset + done) % PAGE, length - done)
                self.write(offset + done, zeroes[:step])
                done += step
            return
        end = offset + length
        if offset // PAGE == (end - 1) // PAGE and length < PAGE:
            self._patch(offset, memoryview(bytes(length)))
            return
        if head := -offset % PAGE:
            self._patch(offset, memoryview(bytes(head)))
        self.trim(offset, length)
        if (tail := end % PAGE) and end != self.capacity:
            self._patch(end - tail, memoryview(bytes(tail)))

    def settle(self) -> None:
        """Return when what was taken before has gone to the flash, durable or not, unless that failed the last time.

        Raises as `write` does.
        """
        self._buffer.drain(again=False)

    def flush(self) -> None:
        """Return when everything written before is durable."""
        if self.read_only:
            return
        self._buffer.drain()
        self.translation.commit()
        if self.translation.commits % HEALTH_EVERY == HEALTH_EVERY - 1:
            self._keep_health(clean=False)

    def close(self) -> None:
        """Flush, keep the counters, and let go of the modules."""
        if self._closed:
            return
        self._closed = True
        try:
            if not self.read_only:
                self._buffer.drain()
                self.translation.commit()
                self.translation.commit(last=True)
                self._keep_health(clean=True)
                for module in self._modules:
                    module.sync()
        finally:
            for module in self._modules:
                module.close()

    def _within(self, offset: int, length: int, number: int) -> None:
        if offset < 0 or length < 0 or offset + length > self.capacity:
            raise OSError(number, "beyond the end of the disk")

    def _writable(self) -> None:
        if self.read_only:
            raise OSError(errno.EPERM, "the disk is read-only")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        try:
            self.close()
        except OSError as error:
            if kind is None:
                reason = error.strerror or error
                raise Refusal(f"the disk could not be closed in order ({reason}); what was flushed is safe") from None
