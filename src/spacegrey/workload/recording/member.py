"""One process of a job as Linux tells of it: few small reads, and none of what cannot have changed."""

from __future__ import annotations

import os
from itertools import islice

from spacegrey.workload.recording.held import Held

PAGE_B = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
MOST_THREADS = 64
"""Of a process with more threads, states are read of these many, and scaled up."""

RUNS, STUCK, ENDED = b"RDZ"
OVER = b"ZX"


class Thread:
    """A thread's own clock, and its state.

    Parameters
    ----------
    folder : str
        Its folder of ``/proc``.
    """

    __slots__ = ("_children", "_clock", "_ran_ns", "_stat", "_told", "_waited_ns")

    def __init__(self, folder: str) -> None:
        self._clock, self._stat = Held(f"{folder}/schedstat"), Held(f"{folder}/stat")
        self._children = Held(f"{folder}/children")
        self._told, self._ran_ns, self._waited_ns = b"", 0, 0

    def gained_ns(self) -> tuple[int, int]:
        """Read the clock; return how long it ran since the last time, and how long it waited for a core. [ns]."""
        told = self._clock.read()
        if told == self._told or not told:
            return 0, 0
        words = told.split(None, 2)
        ran_ns, waited_ns = int(words[0]), int(words[1])
        gained_ns = ran_ns - self._ran_ns, waited_ns - self._waited_ns
        self._told, self._ran_ns, self._waited_ns = told, ran_ns, waited_ns
        return gained_ns

    def state(self) -> int:
        """Return the letter of its state."""
        return state_in(self._stat.read())

    def children(self) -> list[int]:
        """Return the processes that it started, or inherited, and did not wait for yet."""
        return [int(pid) for pid in self._children.read().split()]

    @property
    def has_clock(self) -> bool:
        """Whether it ever told a time."""
        return bool(self._told)

    @property
    def ended(self) -> bool:
        """Whether the clock is gone: a thread that is listed under its number all the same is another one."""
        return self._clock.gone


def state_in(told: bytes) -> int:
    """Return the letter of the state in a stat file: the name before it may hold anything, parentheses too.

    Examples
    --------
    >>> chr(state_in(b"42 (a) name) S 1 42"))
    'S'
    """
    return told[told.rfind(b")") + 2] if told else ENDED


class Member:
    """A process of a job.

    Parameters
    ----------
    pid : int
        Its number.

    Attributes
    ----------
    parent : int
        Who waits for it.
    state : int
        The letter of its first thread's state.
    ticks : int
        Processor time, with that of ended children that it waited for. [clock ticks]
    count : int
        Its threads.
    resident_b, read_b, write_b : int
        Resident memory; bytes from and to drives, with those of such children. [B]
    ready, stuck : int
        Threads that run or wait for a core, and that wait for a drive.
    ran_ns, waited_ns, longest_ns : int
        What its threads ran, and waited for a core, since the look before; the most of both by one of them. [ns]
    hides_bytes, hides_clocks : bool
        Whether that could not be read.
    """

    __slots__ = (
        "_io", "_stat", "_told", "count", "hides_bytes", "hides_clocks", "longest_ns", "parent", "pid", "ran_ns",
        "read_b", "ready", "resident_b", "state", "stuck", "threads", "ticks", "waited_ns", "write_b",
    )  # fmt: skip

    def __init__(self, pid: int) -> None:
        self.pid, self.parent, self.state = pid, 0, RUNS
        self.ticks = self.count = self.resident_b = self.read_b = self.write_b = 0
        self.ready = self.stuck = self.ran_ns = self.waited_ns = self.longest_ns = 0
        # Until bytes were read they are asked for.
        self.hides_bytes, self.hides_clocks = True, False
        self.threads: dict[str, Thread] = {}
        self._stat, self._io, self._told = Held(f"/proc/{pid}/stat"), Held(f"/proc/{pid}/io"), b""

    def look(self, *, began: bool) -> bool:
        """Look once; ``began``: threads may have begun since the last look. False: it has ended, and is gone."""
        told, count = self._stat.read(), self.count
        if not told:
            return False
        if told != self._told:
            self._told, self.state = told, state_in(told)
            fields = told[told.rfind(b")") + 2 :].split(None, 22)
            self.parent, self.count = int(fields[1]), int(fields[17])
            self.ticks = int(fields[11]) + int(fields[12]) + int(fields[13]) + int(fields[14])
            self.resident_b = int(fields[21]) * PAGE_B
        if began or count != self.count:
            self._list_threads()
        self._look_at_threads()
        # A process that did not run moved nothing.
        if self.ran_ns or self.hides_bytes or self.hides_clocks or len(self.threads) > MOST_THREADS:
            self._look_at_bytes()
        return True

    def alive(self) -> bool:
        """Tell whether it has not ended."""
        return state_in(self._stat.read()) not in OVER

    def children(self) -> list[int]:
        """Return processes that it may have started since the last look: none where it did not run."""
        if not (self.ran_ns or self.ready or self.hides_clocks):
            return []
        return [pid for thread in self.threads.values() for pid in thread.children()]

    def _list_threads(self) -> None:
        if self.count == 1:
            names = [str(self.pid)]
        else:
            try:
                names = os.listdir(f"/proc/{self.pid}/task")  # noqa: PTH208 - ten times a second
            except OSError:
                return
        known = self.threads
        self.threads = {
            name: known[name] if name in known and not known[name].ended else Thread(f"/proc/{self.pid}/task/{name}")
            for name in names
        }

    def _look_at_threads(self) -> None:
        self.ready = self.stuck = self.ran_ns = self.waited_ns = self.longest_ns = 0
        alone, clocked = self.count == 1, False
        for thread in islice(self.threads.values(), MOST_THREADS):
            ran_ns, waited_ns = thread.gained_ns()
            clocked = clocked or thread.has_clock
            self.ran_ns += ran_ns
            self.waited_ns += waited_ns
            self.longest_ns = max(self.longest_ns, ran_ns + waited_ns)
            state = self.state if alone else thread.state()
            self.ready += state == RUNS
            self.stuck += state == STUCK
        self.hides_clocks = not clocked
        if len(self.threads) > MOST_THREADS:
            scale = len(self.threads) / MOST_THREADS
            self.ready, self.stuck = round(self.ready * scale), round(self.stuck * scale)

    def _look_at_bytes(self) -> None:
        _, found, rest = self._io.read().partition(b"\nread_bytes: ")
        if found:
            words = rest.split(None, 3)
            self.read_b, self.write_b = int(words[0]), int(words[2])
        self.hides_bytes = not found
