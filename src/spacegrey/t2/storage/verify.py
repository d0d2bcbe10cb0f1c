"""Reading everything that a disk holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spacegrey.t2.storage.engine import PAGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from spacegrey.t2.storage.store import Store

_STEP = 1 << 20
_AHEAD = 1 << 32


@dataclass(frozen=True)
class Verified:
    """What was read."""

    pages: int
    bad: list[int]
    """Where a page begins that cannot be read, or is not what was written. [B]"""


def verify(store: Store, update: Callable[[float], None]) -> Verified:
    """Read every page with data; opening the store has checked the map itself.

    Parameters
    ----------
    store : Store
        The disk.
    update : callable
        Is told the share that is done.
    """
    room = memoryview(bytearray(_STEP))
    pages, bad, offset = 0, list[int](), 0
    while offset < store.capacity:
        for length, used in store.extents(offset, min(_AHEAD, store.capacity - offset)):
            start, offset = offset, offset + length
            if used:
                pages += -(-length // PAGE)
                while start < offset:
                    step = min(_STEP, offset - start)
                    bad += _read(store, start, room[:step])
                    start += step
                    update(start / store.capacity)
    return Verified(pages, bad)


def _read(store: Store, start: int, room: memoryview) -> list[int]:
    try:
        store.read_into(start, room)
    except OSError:
        if len(room) <= PAGE:
            return [start]
        return [at for step in range(0, len(room), PAGE) for at in _read(store, start + step, room[step : step + PAGE])]
    return []
