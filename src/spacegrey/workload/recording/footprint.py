"""Memory traffic without the processor's counters: which pages a process touches in a few milliseconds.

The processor marks every page that it touches. Linux lets the owner of a process wipe the marks and count them again,
so that a moment shows how fast the process walks over memory, whatever other programs do to the caches meanwhile.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spacegrey.workload.recording.counters import TASK_CLOCK_NS, Counter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WINDOWS_S = (0.003, 0.017, 0.04)
"""How long to wait before the marks are counted, and before they are counted once more. [s]"""

LATE_S = (sum(WINDOWS_S[:2]), *WINDOWS_S[2:])

ENOUGH_S = 0.012
"""A process that ran for so long and touched less than the caches hold is not waited for any longer. [s]"""

LEAST_S = 2e-4
"""A window in which the process ran for less tells nothing. [s]"""

PAGE_B, PAGE_S, OPENING_S = 4096.0, 300e-9, 4e-4
"""Small page, what wiping and counting its mark twice costs, and what opening a window does. [s]

On a Zen 4 core: 39 MiB, a quarter of them files that others map too, took 3.4 ms; 2 GiB of a process's own 80 ms.
"""

LEAST_COST_S = 1.5e-3
"""What a window mostly costs at least: with less to spend its price is not asked for. [s]"""

SMALL_B = 64 * 2**20
"""A process with less memory costs next to nothing. [B]"""

NOT_ALLOWED = (
    "memory traffic: neither the processor's counters nor the marks on touched pages may be read here, so the work "
    "scales with the core's speed alone"
)


@dataclass
class Footprint:
    """What the busiest process of a job was seen to fetch from memory, in windows of some milliseconds.

    Attributes
    ----------
    touched_b : float
        Bytes of pages touched beyond what the caches hold, over all windows. [B]
    watched_s : float
        Processor time of the process in these windows. [s]
    windows : int
        How many there were.
    allowed : bool
        Whether the system let the marks be read, so far.

    Notes
    -----
    The higher-order theory of locality [1]_: with fp(x) the memory touched in x seconds of processor time, a cache of
    size C misses at the slope of fp where fp = C. The slope is taken between the last count below C and the first
    above. Whole pages are counted: bytes of a page that were not touched are counted too. Marks are wiped and read as
    in [2]_. Status: reference.

    References
    ----------
    .. [1] Xiang, Ding, Luo, Bao, HOTL: a higher order theory of locality, ASPLOS 2013, doi:10.1145/2451116.2451153.
    .. [2] Gregg, Working set size estimation, 2018, https://www.brendangregg.com/wss.html.
    """

    touched_b: float = 0.0
    watched_s: float = 0.0
    windows: int = 0
    allowed: bool = True
    _refused: set[int] = field(default_factory=set[int])
    _still: int = 0

    def watch(self, pid: int, cache_b: float, pause: Callable[[float], None]) -> None:
        """Open one window on a process.

        Parameters
        ----------
        pid : int
            The process.
        cache_b : float
            What the caches hold of it. [B]
        pause : callable
            Waits for so many seconds, or until the job ends.
        """
        if pid in self._refused:
            return
        try:
            # A process that touched little in its last window is not counted early in this one.
            fetched_b, ran_s = _window(pid, cache_b, pause, LATE_S if pid == self._still else WINDOWS_S)
            if fetched_b > 0.0 and pid == self._still:
                # It streams now: so late it may have been through all of its memory, which would hide how fast.
                fetched_b, ran_s = _window(pid, cache_b, pause, WINDOWS_S)
            self._still = 0 if fetched_b > 0.0 else pid
            self._add(fetched_b, ran_s)
        except PermissionError:
            # A program that changed its user, or a system that forbids it for every one.
            self._refused.add(pid)
            self.allowed = self.windows > 0
        except FileNotFoundError:
            self.allowed = self.windows > 0 or os.path.exists("/proc/self/clear_refs")  # noqa: PTH110 - two calls a second
        except (OSError, ValueError):
            return  # it has ended

    def _add(self, touched_b: float, ran_s: float) -> None:
        if ran_s >= LEAST_S:
            self.touched_b += max(touched_b, 0.0)
            self.watched_s += ran_s
            self.windows += 1


def _window(pid: int, cache_b: float, pause: Callable[[float], None], waits_s: Sequence[float]) -> tuple[float, float]:
    """Return what a process fetched beyond what caches hold of it, and its processor time meanwhile. [B, s]."""
    clock = Counter(TASK_CLOCK_NS)
    precise = clock.follow(_threads(pid))

    def now_s() -> float:
        return clock.read() * 1e-9 if precise else _ran_s(pid)

    try:
        # Wiping and counting go through all pages: the middle of it is when a page is met.
        begun_s = now_s()
        _wipe(pid)
        begun_s = 0.5 * (begun_s + now_s())
        last_b, last_s = 0.0, 0.0
        for wait_s in waits_s:
            pause(wait_s)
            ran_s = now_s()
            touched_b = _marked_b(pid)
            ran_s = 0.5 * (ran_s + now_s()) - begun_s
            if touched_b >= cache_b:
                return touched_b - last_b, ran_s - last_s
            last_b, last_s = touched_b, ran_s
            if ran_s >= ENOUGH_S:
                break
        return 0.0, last_s
    finally:
        clock.close()


def cost_s(resident_b: float) -> float:
    """Return what a window on a process costs at most; huge pages, told only for the whole system, cost nothing. [s].

    Parameters
    ----------
    resident_b : float
        Its memory. [B]

    Examples
    --------
    >>> 2e-3 < cost_s(30e6) < 3e-3
    True
    """
    small_b = resident_b if resident_b < SMALL_B else max(resident_b - _huge_b(), 0.0)
    return OPENING_S + small_b / PAGE_B * PAGE_S


def _huge_b() -> float:
    with suppress(OSError, ValueError), open("/proc/meminfo", "rb") as file:  # noqa: PTH123 - twice a second
        _, found, rest = file.read().partition(b"AnonHugePages:")
        return float(rest.split(None, 1)[0]) * 1024.0 if found else 0.0
    return 0.0


def _wipe(pid: int) -> None:
    handle = os.open(f"/proc/{pid}/clear_refs", os.O_WRONLY)
    try:
        os.write(handle, b"1")
    finally:
        os.close(handle)


def _marked_b(pid: int) -> float:
    """Return the bytes of a process's pages that carry the mark. [B]."""
    handle = os.open(f"/proc/{pid}/smaps_rollup", os.O_RDONLY)
    try:
        told = os.read(handle, 4096)
    finally:
        os.close(handle)
    _, found, rest = told.partition(b"Referenced:")
    if not found:
        raise ValueError("the process has no memory any more")
    return float(rest.split(None, 1)[0]) * 1024.0


def _threads(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]  # noqa: PTH208 - names only
    return []


def _ran_s(pid: int) -> float:
    """Return the processor time of a process's threads as the scheduler last wrote it down. [s]."""
    total = 0
    for name in _threads(pid):
        with suppress(OSError, ValueError), open(f"/proc/{pid}/task/{name}/schedstat", "rb") as file:  # noqa: PTH123
            total += int(file.read().split()[0])
    return total * 1e-9
