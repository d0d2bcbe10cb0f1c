"""Reads of single pages, of which there are many: a compiled look at the requests, and replies that lie ready."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from spacegrey.jit import always, early_kernel
from spacegrey.virtual.nbd import protocol as p
from spacegrey.virtual.nbd.negotiation import PREFERRED_BLOCK

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array: TypeAlias = Any  # typed by the compiler

MOST = 64
"""Pages that go from the disk to the client together, at most."""

DATA = struct.Struct(">IHHQIQ")
"""Head of a chunk of data: magic, flags, type, cookie, length, offset."""

_PAGE, _HEADER = PREFERRED_BLOCK, p.REQUEST.size
_START = np.frombuffer(p.REQUEST.pack(p.REQUEST_MAGIC, 0, p.READ, 0, 0, 0)[:8], np.uint8)
_COOKIE, _OFFSET, _LENGTH = 8, 16, 24  # where they are in a request
_HEAD_COOKIE, _HEAD_OFFSET = 8, 20  # and in the head of a chunk; a simple reply has the cookie in the same place


@early_kernel(always)
def scan(
    requests: Array, start: int, end: int, capacity: int, like: Array, heads: Array, numbers: Array, first: int
) -> int:
    """Take the reads of one whole page each with which some requests begin.

    Parameters
    ----------
    requests : array of uint8
        What a client sent.
    start, end : int
        Where in it whole requests may stand.
    capacity : int
        Of the disk. [B]
    like : array of uint8
        How the request for a page begins.
    heads : array of uint8, shape (n, 16 or 28)
        Heads of replies, complete but for cookie and offset, which are put in.
    numbers : array of int64, shape (n,)
        Gets the number of each page.
    first : int
        Which head and number the first one gets.

    Returns
    -------
    int
        How many there are before the first request of another kind, or as many as there is room for.
    """
    count = first
    while count < numbers.size and end - start >= _HEADER:
        for k in range(8):
            if requests[start + k] != like[k]:
                return count - first
        offset, length = 0, 0
        for k in range(_OFFSET, _LENGTH):
            offset = offset << 8 | np.int64(requests[start + k])
        for k in range(_LENGTH, _HEADER):
            length = length << 8 | np.int64(requests[start + k])
        if length != _PAGE or offset % _PAGE != 0 or not 0 <= offset <= capacity - _PAGE:
            return count - first
        for k in range(8):
            heads[count, _HEAD_COOKIE + k] = requests[start + _COOKIE + k]
        if heads.shape[1] > _HEAD_OFFSET:
            for k in range(8):
                heads[count, _HEAD_OFFSET + k] = requests[start + _OFFSET + k]
        numbers[count] = offset // _PAGE
        count += 1
        start += _HEADER
    return count - first


class SmallReads:
    """The requests of one client for single pages, and room for `MOST` replies.

    Parameters
    ----------
    requests : memoryview
        Where the client's requests come in.
    room : memoryview
        Where the pages go: `MOST` of them.
    capacity : int
        Of the disk. [B]
    structured : bool
        The client wants structured replies.
    """

    def __init__(self, requests: memoryview, room: memoryview, capacity: int, *, structured: bool) -> None:
        self._requests: NDArray[np.uint8] = np.frombuffer(requests, np.uint8)
        self._room, self._capacity = room, capacity
        head = p.SIMPLE_REPLY.pack(p.SIMPLE_REPLY_MAGIC, 0, 0)
        if structured:
            head = DATA.pack(p.STRUCTURED_REPLY_MAGIC, p.CHUNK_DONE, p.CHUNK_OFFSET_DATA, 0, 8 + _PAGE, 0)
        self._heads: NDArray[np.uint8] = np.tile(np.frombuffer(head, np.uint8), (MOST, 1))
        self._numbers = np.empty(MOST, np.int64)
        self._parts: list[memoryview] = []  # made when a client reads so
        self.taken = 0

    def scan(self, start: int, end: int) -> int:
        """Return with how many reads of single pages the requests begin: no more than there is room for."""
        return scan(self._requests, start, end, self._capacity, _START, self._heads, self._numbers, self.taken)

    def pages(self, count: int) -> tuple[NDArray[np.int64], memoryview]:
        """Return the numbers of the pages that were found last, and where they go."""
        taken = self.taken
        return self._numbers[taken : taken + count], self._room[taken * _PAGE : (taken + count) * _PAGE]

    def replies(self, count: int) -> list[memoryview]:
        """Return the replies to the reads that were found last; their room is taken until `taken` is 0 again."""
        if not self._parts:
            for k in range(MOST):
                self._parts += [memoryview(self._heads[k]), self._room[k * _PAGE : (k + 1) * _PAGE]]
        first, self.taken = self.taken, self.taken + count
        return self._parts[2 * first : 2 * self.taken]
