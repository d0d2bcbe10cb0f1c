"""The map from a disk's pages to flash pages, and its loops.

Entries are 32-bit; 0 is a page without data, which reads as zeroes. A terabyte needs a gigabyte of map, of which only
what was touched takes memory.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from spacegrey.errors import InputError
from spacegrey.jit import always, early_kernel
from spacegrey.t2.storage.geometry import MAP_PAGE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spacegrey.t2.storage.geometry import Geometry

Array: TypeAlias = Any  # typed by the compiler

_FEW = 1 << 13  # entries that plain Python may look at, in a hundredth of a second at most

_NO_RESERVE = 0x4000  # Linux's MAP_NORESERVE, which `mmap` names from Python 3.13 on


def lazy_array(count: int) -> NDArray[np.uint32]:
    """Return 32-bit zeroes that take memory only where they are written.

    Parameters
    ----------
    count : int
        How many.

    Raises
    ------
    InputError
        The system gives no such stretch of addresses.
    """
    try:
        room = mmap.mmap(-1, max(4, 4 * count), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE)
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(f"no memory for the map of {count} pages: {error}") from None
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        room.madvise(mmap.MADV_NOHUGEPAGE)  # a huge page would hold the map of 2 GiB for one write
    return np.frombuffer(room, np.uint32, count)


class Map:
    """Both directions of the map.

    Attributes
    ----------
    forward : array of uint32
        Flash page of each of the disk's pages, 0 where it has no data.
    owner : array of uint32
        The disk's page that a flash page was last written for.
    touched : array of uint8
        1 for each page of the map in which something was ever written.
    """

    def __init__(self, geometry: Geometry) -> None:
        self.forward = lazy_array(geometry.map_pages * MAP_PAGE)
        self.owner = lazy_array(geometry.data_pages)
        self.touched: NDArray[np.uint8] = np.zeros(geometry.map_pages, np.uint8)


def _few_runs(_forward: Array, _first: int, count: int, _found: Array) -> bool:
    return count <= _FEW


def _few_holes(_forward: Array, touched: Array, first: int, count: int, _found: Array) -> bool:
    """Tell whether a stretch has few entries to look at: where nothing was written, one for each page of the map."""
    group, end = first // MAP_PAGE, -(-(first + count) // MAP_PAGE)
    return count <= _FEW or end - group + int(np.count_nonzero(touched[group:end])) * MAP_PAGE <= _FEW


def _few_changes(
    forward: Array,
    _owner: Array,
    touched: Array,
    _live: Array,
    _pages: int,
    first: int,
    page: int,
    count: int,
    to: Array,
) -> bool:
    return count <= _FEW or (page == 0 and _few_holes(forward, touched, first, count, to))


def _few_scattered(
    _forward: Array, _owner: Array, _touched: Array, _live: Array, _pages: int, extents: Array, _emptied: Array
) -> bool:
    return len(extents) <= _FEW


def _few_replayed(_forward: Array, touched: Array, extents: Array) -> bool:
    count: NDArray[np.int64] = extents[:, 2].astype(np.int64)
    written = int(np.count_nonzero(touched)) * MAP_PAGE
    trimmed = np.minimum(count, count // MAP_PAGE + 1 + written)
    trims: NDArray[np.bool_] = extents[:, 1] == 0
    return len(extents) + int(np.where(trims, trimmed, count).sum()) <= _FEW


def _few_counted(_forward: Array, touched: Array, _owner: Array, _live: Array, _pages: int) -> bool:
    return int(np.count_nonzero(touched)) * MAP_PAGE <= _FEW


@early_kernel(always)
def look_up(forward: Array, firsts: Array, pages: Array) -> bool:
    """Fill in the flash page of each of the disk's pages, and tell whether all have data."""
    full = True
    for k in range(firsts.size):
        page = forward[firsts[k]]
        pages[k] = page
        full = full and page != 0
    return full


@early_kernel(_few_runs)
def runs(forward: Array, first: int, count: int, found: Array) -> int:
    """Cut a stretch of the disk into runs of adjacent flash pages or of pages without data.

    Returns how many were found; ``found`` holds flash page (0: no data) and length of each.
    """
    number = 0
    k = 0
    while k < count and number < found.shape[0]:
        page = forward[first + k]
        start = k
        k += 1
        while k < count and forward[first + k] == (page + (k - start) if page else 0):
            k += 1
        found[number, 0] = page
        found[number, 1] = k - start
        number += 1
    return number


@early_kernel(_few_holes)
def holes(forward: Array, touched: Array, first: int, count: int, found: Array) -> int:
    """Cut a stretch into runs with and without data: ``found`` holds length and 1 for data; returns how many."""
    number = 0
    k = 0
    while k < count and number < found.shape[0]:
        used = forward[first + k] != 0
        start = k
        k += 1
        while k < count:
            at = first + k
            if not used and at % MAP_PAGE == 0 and touched[at // MAP_PAGE] == 0:
                k = min(k + MAP_PAGE, count)
            elif (forward[at] != 0) == used:
                k += 1
            else:
                break
        found[number, 0] = k - start
        found[number, 1] = 1 if used else 0
        number += 1
    return number


@early_kernel(_few_changes)
def publish(
    forward: Array,
    owner: Array,
    touched: Array,
    live: Array,
    block_pages: int,
    first: int,
    page: int,
    count: int,
    emptied: Array,
) -> int:
    """Let ``count`` pages of the disk stand at flash page ``page`` and on, or nowhere if it is 0.

    Returns how many entries changed from data to data or none, times 2^32, plus how many blocks lost their last live
    page; these stand in ``emptied``, which has room for ``count``.
    """
    number = 0
    replaced = 0
    k = 0
    while k < count:
        at = first + k
        if page == 0 and touched[at // MAP_PAGE] == 0:
            k += MAP_PAGE - at % MAP_PAGE
            continue
        old = forward[at]
        if old:
            block = old // block_pages
            replaced += 1
            live[block] -= 1
            if live[block] == 0:
                emptied[number] = block
                number += 1
        if page:
            forward[at] = page + k
            owner[page + k] = at
            touched[at // MAP_PAGE] = 1
        elif old:
            forward[at] = 0
        k += 1
    return (replaced << 32) + number


@early_kernel(_few_scattered)
def publish_scattered(
    forward: Array,
    owner: Array,
    touched: Array,
    live: Array,
    block_pages: int,
    extents: Array,
    emptied: Array,
) -> int:
    """Do as `publish` for many single pages: the rows of ``extents`` are a page of the disk, a flash page, and 1."""
    number = 0
    replaced = 0
    for k in range(extents.shape[0]):
        at = np.int64(extents[k, 0])
        page = np.int64(extents[k, 1])
        old = forward[at]
        if old:
            block = old // block_pages
            replaced += 1
            live[block] -= 1
            if live[block] == 0:
                emptied[number] = block
                number += 1
        forward[at] = page
        owner[page] = at
        touched[at // MAP_PAGE] = 1
    return (replaced << 32) + number


@early_kernel(_few_replayed)
def replay(forward: Array, touched: Array, extents: Array) -> int:
    """Apply journaled extents (first page, flash page or 0, count) in order; return how many lie outside the map."""
    outside = 0
    for k in range(extents.shape[0]):
        first = np.int64(extents[k, 0])
        page = np.int64(extents[k, 1])
        count = np.int64(extents[k, 2])
        if first + count > forward.size:
            outside += 1
            continue
        i = 0
        while i < count:
            at = first + i
            if page:
                forward[at] = page + i
                touched[at // MAP_PAGE] = 1
            elif touched[at // MAP_PAGE] == 0:
                i += MAP_PAGE - at % MAP_PAGE
                continue
            else:
                forward[at] = 0
            i += 1
    return outside


@early_kernel(_few_counted)
def recount(forward: Array, touched: Array, owner: Array, live: Array, block_pages: int) -> int:
    """Fill ``owner`` and ``live`` from the map; return how many entries are wrong: out of range, or named twice."""
    wrong = 0
    for group in np.flatnonzero(touched):
        for at in range(group * MAP_PAGE, (group + 1) * MAP_PAGE):
            page = forward[at]
            if page == 0:
                continue
            # An owner that points back already means that two pages of the disk share one page of flash; owners are 0
            # before, which is right only where page 0 of the disk is not there.
            if page < block_pages or page >= owner.size or (owner[page] != at and forward[owner[page]] == page):
                wrong += 1
                continue
            owner[page] = at
            live[page // block_pages] += 1
    return wrong
