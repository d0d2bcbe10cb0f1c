"""Reading pages from all over the modules: a compiled loop of reads, outside Python's lock."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from spacegrey.foreign import External
from spacegrey.jit import always, early_kernel
from spacegrey.t2.storage.cipher import PAGE
from spacegrey.t2.storage.engine import place_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_pread = External("pread", ctypes.c_int64, ctypes.c_int32, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)


def fetch(files: NDArray[np.int64], unit: int, start: int, pages: NDArray[np.int64], room: memoryview) -> int:
    """Read pages of striped files into a room, side by side.

    Parameters
    ----------
    files : array of int64
        Open files; each row of the stripe holds one unit of every one.
    unit, start : int
        Bytes of one file in a row, and where the stripe begins in each.
    pages : array of int64
        Number of each page in the stripe.
    room : memoryview
        As many pages.

    Returns
    -------
    int
        How many were read before one was not read whole: reading that one again says why.
    """
    at, length = place_of(room)
    if length != pages.size * PAGE:
        raise ValueError(f"{length} bytes are not {pages.size} pages")
    return _fetch(files, unit, start, pages, at)


@early_kernel(always)
def _fetch(files: Any, unit: int, start: int, pages: Any, room: int) -> int:  # noqa: ANN401 - arrays
    for k in range(pages.size):
        offset = pages[k] * PAGE
        row = offset // unit
        begin = start + row // files.size * unit + offset % unit
        if _pread(files[row % files.size], room + k * PAGE, PAGE, begin) != PAGE:
            return k
    return pages.size
