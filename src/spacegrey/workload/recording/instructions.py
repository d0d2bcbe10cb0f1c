"""Which class of work a job does: what stands at the places where its threads are met, some fifty times a second.

Linux interrupts a thread now and then by its own clock and tells where it was; this needs no counter of the processor,
so it works in a virtual machine. What is not x86-64 is not read.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import struct
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.workload.recording.counters import (
    CALLS,
    EXCLUDE_HYPERVISOR,
    EXCLUDE_KERNEL,
    FIRST_VERSION,
    INHERIT,
    SOFTWARE,
    system_call,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

A_SECOND = 50
"""How often threads are met in a second when all of the job's cores are busy: more would cost more than it tells."""

PERIOD_NS = 10_000_000
"""How often the system tells where a thread is: a process that ends sooner is not met. Few of the places are read."""

MOST_EVENTS = 256
"""Threads times cores that are followed, at most; of a process with more threads, its first ones."""

MOST_FILES = 64
"""Memories of processes that are held open."""

MOST_PLACES = 100_000
"""Places that are remembered."""

CPU_CLOCK, WHERE, WHO = 0, 1 << 0, 1 << 1
SAMPLE = 9
"""Type of a record that tells a place."""

ENOUGH_MET = 20.0
"""Places at which threads were met, from which on they tell the class of work."""

FLOATING = 0.05
"""Share of them with arithmetic of floating-point numbers, from which on it is that class. Assumed."""

CERTAIN = 10.0
"""By how much the logarithm of the likelihood must rise for two classes to be told apart inside a phase."""

_PAGE = mmap.PAGESIZE
_ROOM = 2 * _PAGE
_HEAD, _TAIL = 1024, 1032  # in the first page: how far the system has written, and how far it has been read
_ENDS, _RECORD, _WHERE = struct.Struct("=QQ"), struct.Struct("=IHH"), struct.Struct("=QII")
_LONGEST = 16  # bytes of an instruction, rounded up

_PREFIXES = frozenset((0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0xF0, 0xF2, 0xF3))
_ARITHMETIC = frozenset((
    0x2A, 0x2C, 0x2D, 0x2E, 0x2F, 0x51, 0x52, 0x53, 0x58, 0x59, 0x5A, 0x5B, 0x5C, 0x5D, 0x5E, 0x5F, 0x7C, 0x7D,
    0xC2, 0xD0, 0xE6,
))  # fmt: skip
"""Operations of the map 0F that convert, compare, add, multiply, divide or take roots of floating-point numbers."""

_FUSED = range(0x96, 0xC0)
"""Operations of the map 0F38 among which are those that multiply and add in one."""


def is_floating(code: bytes) -> bool:
    """Tell whether x86-64 code begins with arithmetic of floating-point numbers; moving them is none.

    Parameters
    ----------
    code : bytes
        At least 16 bytes from an instruction's first one on.

    References
    ----------
    Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, appendix A: opcode maps.

    Examples
    --------
    >>> is_floating(bytes.fromhex("f20f59c1") + bytes(12))  # mulsd xmm0, xmm1
    True
    >>> is_floating(bytes.fromhex("4801d8") + bytes(13))  # add rax, rbx
    False
    """
    at = 0
    while at < 4 and code[at] in _PREFIXES:  # noqa: PLR2004 - one of each group at most
        at += 1
    first = code[at]
    if first == 0xC5:  # noqa: PLR2004 - VEX in two bytes: the map is 0F
        return code[at + 2] in _ARITHMETIC
    if first in {0xC4, 0x62}:  # VEX in three bytes, EVEX
        table, operation = code[at + 1] & 0x07, code[at + 3 + (first == 0x62)]  # noqa: PLR2004 - as above
        return operation in _ARITHMETIC if table == 1 else table == 2 and operation in _FUSED and operation & 15 > 5  # noqa: PLR2004
    if 0x40 <= first <= 0x4F:  # noqa: PLR2004 - REX
        at += 1
        first = code[at]
    if first == 0x0F:  # noqa: PLR2004 - the map of two bytes
        return code[at + 1] in _ARITHMETIC
    return 0xD8 <= first <= 0xDF  # noqa: PLR2004 - the older unit


class Instructions:
    """Where the threads of a job are met.

    Attributes
    ----------
    met, floating : int
        How often a thread was met outside the kernel so far, and at how many of these places stood arithmetic of
        floating-point numbers.
    """

    def __init__(self) -> None:
        self.met = self.floating = 0
        self._handles: list[int] = []
        self._rings: list[mmap.mmap] = []
        self._memories: dict[int, int] = {}
        self._known: dict[tuple[int, int], bool | None] = {}
        self._told, self._each = 0, 1

    def follow(self, threads: Iterable[int], cores: Iterable[int]) -> bool:
        """Begin to meet threads, 0 for this one, and all that they start from now on. False: the system forbids it."""
        call, cores = CALLS.get(platform.machine()), list(cores)
        threads = list(threads)
        if platform.machine() != "x86_64" or call is None or not cores:
            return False
        self._each = max(len(cores) * 10**9 // (PERIOD_NS * A_SECOND), 1)
        flags = INHERIT | EXCLUDE_KERNEL | EXCLUDE_HYPERVISOR
        asked = FIRST_VERSION.pack(
            SOFTWARE, FIRST_VERSION.size, CPU_CLOCK, PERIOD_NS, WHERE | WHO, 0, flags, 0, 0, 0
        )  # fmt: skip
        buffer = ctypes.create_string_buffer(asked, len(asked))
        for thread in threads[: MOST_EVENTS // len(cores)]:
            for core in cores:
                handle = system_call(call, buffer, thread, core, -1, 8)  # closed when another program is started
                if handle < 0:
                    continue
                try:
                    self._rings.append(mmap.mmap(handle, _PAGE + _ROOM))
                    self._handles.append(handle)
                except (OSError, ValueError):
                    os.close(handle)
        return bool(self._rings)

    def read(self) -> None:
        """Look at all places at which threads were met since the last time."""
        own = os.getpid()
        for ring in self._rings:
            end, at = _ENDS.unpack_from(ring, _HEAD)
            while at < end:
                place = _PAGE + at % _ROOM
                kind, _, size = _RECORD.unpack_from(ring, place)
                if not size:
                    break
                self._told += kind == SAMPLE
                if kind == SAMPLE and self._told % self._each == 0:
                    body = place + _RECORD.size
                    told = ring[body : min(body + _WHERE.size, _PAGE + _ROOM)]
                    told += ring[_PAGE : _PAGE + _WHERE.size - len(told)]
                    where, process, _ = _WHERE.unpack(told)
                    if process != own:
                        self._meet(process, where)
                at += size
            struct.pack_into("=Q", ring, _TAIL, end)

    def _meet(self, process: int, where: int) -> None:
        if (process, where) not in self._known:
            if len(self._known) >= MOST_PLACES:
                self._known.clear()
            code = self._code(process, where)
            self._known[process, where] = is_floating(code) if len(code) == _LONGEST else None
        found = self._known[process, where]
        if found is not None:
            self.met += 1
            self.floating += found

    def _code(self, process: int, where: int) -> bytes:
        """Return what stands at a place; nothing where it may not be read or is gone."""
        with suppress(OSError, OverflowError):
            if process not in self._memories:
                while len(self._memories) >= MOST_FILES:
                    os.close(self._memories.pop(next(iter(self._memories))))
                self._memories[process] = os.open(f"/proc/{process}/mem", os.O_RDONLY | os.O_CLOEXEC)
            return os.pread(self._memories[process], _LONGEST, where)
        return b""

    def close(self) -> None:
        """Meet nobody any more."""
        for ring in self._rings:
            ring.close()
        for handle in (*self._handles, *self._memories.values()):
            os.close(handle)
        self._rings, self._handles, self._memories = [], [], {}


def work_class(columns: Mapping[str, NDArray[np.float64]], begin_s: float, end_s: float) -> str | None:
    """Return the class of a stretch's work: of the whole recording where the stretch is short; None: not seen.

    Parameters
    ----------
    columns : mapping of str to float64, shape (looks,)
        ``time_s``, and the sums ``met`` and ``floating``.
    begin_s, end_s : float
        The stretch. [s]

    Returns
    -------
    str or None
        ``integer`` or ``float``.

    Notes
    -----
    Programs of integers were met at arithmetic of floating-point numbers at none of some hundred places, those of
    floating-point numbers at 10 to 44 %: the rest is loads, stores, counters and jumps. Status: illustrative.

    Examples
    --------
    >>> time_s = np.array([0.0, 1.0, 2.0])
    >>> columns = {"time_s": time_s, "met": 50 * time_s, "floating": np.array([0.0, 0.0, 15.0])}
    >>> work_class(columns, 0.0, 1.0), work_class(columns, 1.0, 2.0), work_class(columns, 1.0, 1.1)
    ('integer', 'float', 'float')
    """
    time_s = columns["time_s"]
    for ends in ((begin_s, end_s), (float(time_s[0]), float(time_s[-1]))):
        met, floating = (float(np.diff(np.interp(ends, time_s, columns[name]))[0]) for name in ("met", "floating"))
        if met >= ENOUGH_MET:
            return "float" if floating > FLOATING * met else "integer"
    return None


def cut_by_class(cuts: Sequence[int], met: NDArray[np.float64], floating: NDArray[np.float64]) -> list[int]:
    """Return the cuts between phases, with those where nothing changes but the class of work.

    Parameters
    ----------
    cuts : sequence of int
        Rows at which phases begin, the first 0, and ``n`` at the end.
    met, floating : float64, shape (n,)
        What each interval between looks adds to ``met`` and ``floating``.

    Notes
    -----
    The likelihood of two binomial shares against one, at the place where their ratio is largest, again and again.

    Examples
    --------
    >>> met, floating = np.full(40, 5.0), np.repeat([0.0, 2.0], 20)
    >>> cut_by_class([0, 40], met, floating), cut_by_class([0, 40], met, np.full(40, 2.0))
    ([0, 20, 40], [0, 40])
    """
    sums = np.concatenate([[0.0], np.cumsum(met)]), np.concatenate([[0.0], np.cumsum(floating)])
    found, waiting = set(cuts), list(pairwise(cuts))
    while waiting:
        begin, end = waiting.pop()
        place = _change_of_class(*sums, begin, end)
        if place is not None:
            found.add(place)
            waiting += [(begin, place), (place, end)]
    return sorted(found)


def _change_of_class(met: NDArray[np.float64], floating: NDArray[np.float64], begin: int, end: int) -> int | None:
    """Return the row at which a stretch is best parted into two classes; None: it is of one."""
    places = np.arange(begin + 1, end)
    sides = [(met[places] - met[begin], floating[places] - floating[begin])]
    sides.append((met[end] - met[places], floating[end] - floating[places]))
    enough = np.logical_and(*(seen >= ENOUGH_MET for seen, _ in sides))
    apart = enough & np.logical_xor(*(found > FLOATING * seen for seen, found in sides))
    if not apart.any():
        return None
    as_one = _likelihood(met[end] - met[begin], floating[end] - floating[begin])
    risen = sum(_likelihood(*side) for side in sides) - as_one
    best = int(np.argmax(np.where(apart, risen, -np.inf)))
    return int(places[best]) if risen[best] > CERTAIN else None


def _likelihood(met: NDArray[np.float64], floating: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithm of the likelihood of a share, where it is what was seen."""
    total = np.zeros(np.shape(met))
    for part in (floating, met - floating):
        total += part * np.log(np.where(part > 0.0, part, 1.0) / np.maximum(met, 1.0))
    return total
