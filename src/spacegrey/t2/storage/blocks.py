"""Erase blocks: which are free, how worn each is, which holds the least that is still needed.

Everything here is called under the translation layer's lock.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spacegrey.t2.storage.geometry import Geometry

FREE, OPEN, CLOSED, LOST = range(4)

WARM = 8
"""Erased blocks whose bytes stay in the host's cache, to be written again soon."""


class Blocks:
    """The state of every erase block.

    Attributes
    ----------
    live : array of uint32
        Pages of a block that the map names or a write is on its way to.
    erasures : array of uint32
        How often each was erased.
    uneven : bool
        A block with data was erased so much more seldom than the most worn one that its data should rest there.
    """

    def __init__(self, geometry: Geometry) -> None:
        count = geometry.blocks
        self.geometry = geometry
        self.live: NDArray[np.uint32] = np.zeros(count, np.uint32)
        self.erasures: NDArray[np.uint32] = np.zeros(count, np.uint32)
        self.state: NDArray[np.uint8] = np.zeros(count, np.uint8)
        self.opened: NDArray[np.uint64] = np.zeros(count, np.uint64)
        self.state[0] = LOST
        self._used: list[tuple[int, int]] = []  # heap of free blocks that were written before: erasures, number
        self._warm: list[int] = []
        self._next = 1  # from here on are blocks that were never written
        self.free = count - 1
        self.total_erasures = 0
        self.most_erasures = 0
        self.uneven = False
        self.current = 0
        self.fill = geometry.block_pages

    def recover(self, highest: int) -> None:
        """Take the state from ``live`` and ``erasures``, which were read back; ``highest`` is the last block in use."""
        self.total_erasures = int(self.erasures.sum(dtype=np.uint64))
        self.most_erasures = int(self.erasures.max())
        touched = int(np.flatnonzero(self.erasures)[-1]) if self.total_erasures else 0
        self._next = max(highest, touched) + 1
        self.state[1 : self._next] = np.where(self.live[1 : self._next] > 0, CLOSED, FREE)
        empty = np.flatnonzero(self.state[1 : self._next] == FREE) + 1
        self._used = [(int(self.erasures[block]), int(block)) for block in empty]
        heapq.heapify(self._used)
        self.free = len(self._used) + self.geometry.blocks - self._next

    def _take(self) -> int:
        """Return a free block: one whose bytes the host's cache still has, unless it is much more worn than others."""
        fresh = self._next < self.geometry.blocks
        least = 0 if fresh else self._used[0][0] if self._used else self.most_erasures
        most = least + self.geometry.wear_spread_cycles
        if self._warm and self.erasures[self._warm[-1]] <= most:
            return self._warm.pop()
        if self._used and (self._used[0][0] <= most or not fresh):
            return heapq.heappop(self._used)[1]
        if fresh:
            self._next += 1
            return self._next - 1
        return self._warm.pop(0)

    def open(self, epoch: int) -> int:
        """Close the block that was being written and begin another; return the closed one if it is empty, else 0."""
        closed = self.current
        if closed:
            self.state[closed] = CLOSED
        self.current, self.fill = 0, self.geometry.block_pages
        if self.free:
            self.free -= 1
            self.current, self.fill = self._take(), 0
            self.state[self.current] = OPEN
            self.opened[self.current] = epoch
        return closed if closed and not self.live[closed] else 0

    def erase(self, block: int) -> list[int]:
        """Count an erasure and set the block free; return the blocks whose bytes the host can have back."""
        self.erasures[block] += 1
        self.total_erasures += 1
        self.most_erasures = max(self.most_erasures, int(self.erasures[block]))
        spread = self.geometry.wear_spread_cycles
        if self.erasures[block] + spread > self.most_erasures > 2 * spread:  # a hot one: is there a cold one for it?
            self.uneven = self.coldest() > 0
        self.state[block] = FREE
        self.free += 1
        self._warm.append(block)
        if len(self._warm) <= WARM:
            return []
        cold = self._warm.pop(0)
        heapq.heappush(self._used, (int(self.erasures[cold]), cold))
        return [cold]

    def coldest(self) -> int:
        """Return the block with data that was erased least, 0 where none is far behind the most worn one."""
        held = np.flatnonzero((self.state == CLOSED) & (self.live > 0))
        if not held.size:
            return 0
        least = int(held[np.argmin(self.erasures[held])])
        # Twice the spread: a block that is in use keeps within the spread by itself.
        return least if self.erasures[least] + 2 * self.geometry.wear_spread_cycles < self.most_erasures else 0

    def open_worn(self, epoch: int) -> int:
        """Take the free block that was erased most, to be filled beside the current one; 0 where none was used."""
        free = np.flatnonzero(self.state[: self._next] == FREE)
        if not free.size:
            return 0
        block = int(free[np.argmax(self.erasures[free])])
        if block in self._warm:
            self._warm.remove(block)
        else:
            self._used.remove((int(self.erasures[block]), block))
            heapq.heapify(self._used)
        self.free -= 1
        self.state[block] = OPEN
        self.opened[block] = epoch
        return block

    def victims(self, most: int) -> list[int]:
        """Return closed blocks with the fewest live pages, together at most ``most`` of these, at least one block."""
        closed = np.flatnonzero(self.state == CLOSED)
        if not closed.size:
            return []
        some = min(64, closed.size)
        few = closed[np.argpartition(self.live[closed], some - 1)[:some]]
        few = few[np.argsort(self.live[few], kind="stable")]
        total = np.cumsum(self.live[few], dtype=np.int64)
        count = max(1, int(np.searchsorted(total, most, side="right")))
        return [int(block) for block in few[:count] if self.live[block] < self.geometry.block_pages]
