"""Written pages that have not gone to the flash yet, as a drive keeps them in its memory until it is told to flush.

A page alone costs a call of the engine and one of the flash; many together cost hardly more than one. What was answered
is never dropped: where the flash does not take it, it stays here, is read from here, and is tried again.
"""

from __future__ import annotations

import errno
import mmap
import threading
from typing import TYPE_CHECKING

from spacegrey.t2.storage.engine import PAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from spacegrey.t2.storage.translation import Translation

PAGES = 64
"""Pages that are kept at most."""


class WriteBuffer:
    """Pages on their way to the flash, and every way to read and change the disk's pages past them.

    Parameters
    ----------
    below : Translation
        Where they go.

    Notes
    -----
    Of two writes of one page the one that was answered last counts; of two that were under way at the same time,
    either. What is here is lost in a cut, like what is there and not yet committed.
    """

    def __init__(self, below: Translation) -> None:
        self.below = below
        self._room = memoryview(mmap.mmap(-1, PAGES * PAGE))
        self._places: dict[int, int] = {}  # page of the disk -> place in the room
        self._lock = threading.Lock()  # taken before those of the layer below
        self._failing = False
        self._lost = False

    def _has(self, first: int, count: int) -> bool:
        """Tell whether pages of a stretch are here; a page leaves only after it can be read below."""
        places = self._places
        if count == 1:
            return first in places
        return bool(places) and any(first <= page < first + count for page in list(places))

    def _page(self, place: int) -> memoryview:
        return self._room[place * PAGE : (place + 1) * PAGE]

    def read(self, first: int, view: memoryview) -> None:
        """Fill a view of whole pages.

        Raises
        ------
        OSError
            As `Translation.read` does. EACCES: the volume was locked, and what was here is lost.
        """
        if self._lost:
            self._refuse()
        count = len(view) // PAGE
        if not self._has(first, count):
            self.below.read(first, view)
            return
        with self._lock:
            done = 0
            for page in sorted(page for page in self._places if first <= page < first + count):
                at = (page - first) * PAGE
                if done < at:
                    self.below.read(first + done // PAGE, view[done:at])
                view[at : at + PAGE] = self._page(self._places[page])
                done = at + PAGE
            if done < len(view):
                self.below.read(first + done // PAGE, view[done:])

    def read_scattered(self, pages: NDArray[np.int64], room: memoryview) -> None:
        """Fill a room with single pages, side by side; raises as `read` does."""
        if self._lost or (self._places and not self._places.keys().isdisjoint(pages.tolist())):
            for k, page in enumerate(pages.tolist()):
                self.read(page, room[k * PAGE : (k + 1) * PAGE])
        else:
            self.below.read_scattered(pages, room)

    def write(self, firsts: Sequence[int], views: Sequence[memoryview]) -> None:
        """Take single pages, in the order in which they count; raises as `drain` does, and takes no more then."""
        with self._lock:
            self._check()
            if self._failing:
                self._drain()
            for first, view in zip(firsts, views, strict=True):
                if first not in self._places:
                    if len(self._places) == PAGES:
                        self._drain()
                    self._places[first] = len(self._places)
                self._page(self._places[first])[:] = view

    def settle(self, first: int, count: int) -> None:
        """Return when no page of a stretch is here: what goes past comes after what was answered. Raises as `drain`."""
        if self._lost or self._has(first, count):
            self.drain()

    def unmap(self, first: int, count: int) -> None:
        """Let pages have no data, here and below."""
        with self._lock:
            self._check()
            self.below.unmap(first, count)
            kept = [page for page in self._places if not first <= page < first + count]
            if len(kept) < len(self._places):
                # The room stays without gaps: pages move down, in the order in which they lie.
                for place, page in enumerate(kept):
                    self._page(place)[:] = self._page(self._places[page])
                self._places = {page: place for place, page in enumerate(kept)}

    def drain(self, *, again: bool = True) -> None:
        """Return when every page has gone to the flash.

        Parameters
        ----------
        again : bool
            Try also if it failed the last time: each try that ends in an error of the medium costs a block.

        Raises
        ------
        OSError
            The flash took not all of them: they are still here. EACCES: the volume was locked, and they are lost.
        """
        if self._lost or (self._places and (again or not self._failing)):
            with self._lock:
                self._check()
                self._drain()

    def _drain(self) -> None:
        """Write the pages below, and keep them if that fails. The lock is held."""
        if not self._places:
            return
        self._failing = True
        try:
            self.below.write_scattered(list(self._places), [self._page(place) for place in self._places.values()])
        except OSError as error:
            if error.errno == errno.EACCES:  # the key will not come back: nor may plaintext stay
                self._lost = True
                self._room[:] = bytes(len(self._room))
                self._places = {}
            raise
        self._places, self._failing = {}, False

    def _check(self) -> None:
        self.below.check()
        if self._lost:
            self._refuse()

    @staticmethod
    def _refuse() -> None:
        raise OSError(errno.EACCES, "the volume was locked before all that was written had gone to the flash")
