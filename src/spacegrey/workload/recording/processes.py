"""The processes of a job as Linux tells of them: few small reads for each, because it is done ten times a second."""

from __future__ import annotations

import ctypes
import os
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spacegrey.workload.recording.held import Held
from spacegrey.workload.recording.member import ENDED, Member, Thread

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

TICK_S = 1.0 / (os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100)
SUBREAPER, ASK_SUBREAPER = 36, 37
"""``PR_SET_CHILD_SUBREAPER``, ``PR_GET_…``: what a job leaves behind becomes the recorder's and stays in sight."""

CHILDREN = "/proc/thread-self/children"
"""Most systems tell the children of a thread there; on others all processes are listed."""

LITTLE_NS = 1_000_000
"""A process that wanted less between two looks is not called busy. [ns]"""

NO_BYTES = "bytes from and to drives: some of its processes belong to somebody else, or the system does not count them"
NO_ORPHANS = (
    "processes whose parent ended before they were seen: what records is a thread beside the first one of its program, "
    "which cannot tell them from what the program itself starts"
)
NO_CLOCKS = "how long threads waited for a core: this system does not tell it; states of threads are counted instead"


@dataclass(frozen=True)
class Seen:
    """What a look at the job showed; amounts are sums since the job began.

    Attributes
    ----------
    cpu_s : float
        Processor time of all processes, ended ones included. [s]
    wanted_s : float
        Time in which threads ran or waited for a core, also of threads that have ended. [s]
    longest_s : float
        The most of that by one thread since the last look. [s]
    runnable, blocked : int
        Threads that run or wait for a core, and that wait for a drive.
    threads, processes : int
        That live.
    memory_b : int
        Resident. [B]
    read_b, write_b : int
        Bytes from and to drives. [B]
    ran_s : float
        The part of ``wanted_s`` in which they ran, by the same clock: finer than ``cpu_s``. [s]
    """

    cpu_s: float = 0.0
    wanted_s: float = 0.0
    longest_s: float = 0.0
    runnable: int = 0
    blocked: int = 0
    threads: int = 0
    processes: int = 0
    memory_b: int = 0
    read_b: int = 0
    write_b: int = 0
    ran_s: float = 0.0


@dataclass
class Tree:
    """A process and everything that came from it.

    Attributes
    ----------
    root : int
        The job's first process.
    parent : int or None
        Who inherits orphans of the job, and waits for them here; None: nobody that is watched.
    begun : callable
        Gives how many processes and threads the system has ever begun, or None where it does not tell: new ones are
        only looked for where there are some.
    missing : list of str
        What this system does not tell.
    busiest : int
        The process that wanted most since the last look; 0: none wanted anything that matters.
    busiest_b : int
        Its resident memory. [B]
    busiest_share : float
        Its part of what all of the job wanted, 0 to 1.
    """

    root: int
    parent: int | None = None
    begun: Callable[[], int | None] = lambda: None
    missing: list[str] = field(default_factory=list[str])
    busiest: int = 0
    busiest_b: int = 0
    busiest_share: float = 0.0
    _members: dict[int, Member] = field(default_factory=dict[int, Member])
    _known: set[int] = field(default_factory=set[int])
    _own: Thread | None = None
    _inherits: bool = False
    _begun: int | None = None
    _clocks_ns: tuple[int, int] = (0, 0)
    _reaped: tuple[float, int, int] = (0.0, 0, 0)
    _most: tuple[float, int, int] = (0.0, 0, 0)

    def __post_init__(self) -> None:
        """Take what runs already for others where the job has only just begun."""
        self._members[self.root] = Member(self.root)
        # The first thread of a program gets the orphans; if another one records, the first may start what it likes.
        self._inherits = self.parent is not None and threading.get_native_id() == os.getpid()
        if self.parent is not None and not self._inherits:
            self.missing.append(NO_ORPHANS)
        if os.path.exists(CHILDREN):  # noqa: PTH110 - as in what follows
            self._own = Thread(f"/proc/self/task/{os.getpid()}")
            self._known = set(self._own.children())
        elif self.parent is not None:
            self._known = {pid for pid in _listed() if pid < self.root}

    def look(self) -> Seen:
        """Look at every process of the job once."""
        begun = self.begun()
        began = begun is None or begun != self._begun
        self._begun = begun
        if began:
            self._meet(self._orphans() if self._own else self._started())
        # Parents come before their children: one that ends meanwhile is missed for now, and never counted twice.
        waiting = list(self._members.values())
        for one in waiting:
            if not one.look(began=began):
                self._forget(one)
            elif began and self._own:
                waiting += self._meet(one.children())
        seen = self._summed(list(self._members.values()))
        for one in waiting:
            if one.state == ENDED and one.parent == self.parent and one.pid != self.root:
                self._reap(one)
        return seen

    def alive(self) -> bool:
        """Tell whether the first process still runs."""
        first = self._members.get(self.root)
        return first is not None and first.alive()

    def left(self) -> list[int]:
        """Return the processes beside the first one that have not ended."""
        return [pid for pid, one in self._members.items() if pid != self.root and one.alive()]

    def _summed(self, members: list[Member]) -> Seen:
        cpu_s, read_b, write_b = self._reaped
        ran_ns, waited_ns = self._clocks_ns
        ticks = runnable = blocked = threads = memory_b = wanted_ns = longest_ns = 0
        busiest, most_ns = None, LITTLE_NS
        for one in members:
            ticks += one.ticks
            read_b += one.read_b
            write_b += one.write_b
            ran_ns += one.ran_ns
            waited_ns += one.waited_ns
            runnable += one.ready
            blocked += one.stuck
            threads += one.count
            memory_b += one.resident_b
            own_ns = one.ran_ns + one.waited_ns
            wanted_ns += own_ns
            longest_ns = max(longest_ns, one.longest_ns)
            if own_ns > most_ns:
                busiest, most_ns = one, own_ns
            if one.hides_bytes or one.hides_clocks:
                self._miss(one)
        self._clocks_ns = ran_ns, waited_ns
        self.busiest = busiest.pid if busiest else 0
        self.busiest_b = busiest.resident_b if busiest else 0
        self.busiest_share = most_ns / wanted_ns if busiest else 0.0
        # Between the end of a child and its parent's wait a sum may dip: it is held.
        most = self._most
        self._most = max(most[0], cpu_s + ticks * TICK_S), max(most[1], read_b), max(most[2], write_b)
        return Seen(
            self._most[0], (ran_ns + waited_ns) * 1e-9, longest_ns * 1e-9, runnable, blocked, threads, len(members),
            memory_b, self._most[1], self._most[2], ran_ns * 1e-9,
        )  # fmt: skip

    def _miss(self, one: Member) -> None:
        """Name what a process hides, unless it hides it because it is ending."""
        if one.hides_bytes and NO_BYTES not in self.missing and one.alive():
            self.missing.append(NO_BYTES)
        if one.hides_clocks and NO_CLOCKS not in self.missing and not os.path.exists("/proc/self/schedstat"):  # noqa: PTH110
            self.missing.append(NO_CLOCKS)

    def _meet(self, pids: list[int]) -> list[Member]:
        """Take in processes that were not known, and return them."""
        met = {pid: Member(pid) for pid in pids if pid not in self._members}
        self._members |= met
        return list(met.values())

    def _orphans(self) -> list[int]:
        """Return what processes left behind that ended before they were seen."""
        if not self._inherits or self._own is None:
            return []
        return [pid for pid in self._own.children() if pid not in self._known]

    def _started(self) -> list[int]:
        """Return what the job has started since the last time, where the system does not tell children of a process."""
        now = set(_listed())
        new = sorted(now - self._known - self._members.keys())
        self._known = now
        parents = {pid: above for pid in new if (above := _parent(pid))}
        return [pid for pid in new if self._came_from_the_job(pid, parents)]

    def _came_from_the_job(self, pid: int, parents: dict[int, int]) -> bool:
        for _ in parents:  # numbers start again: a child may have a lower one than its parent
            pid = parents.get(pid, 0)
            if pid in self._members or (pid and self._inherits and pid == self.parent):
                return True
        return False

    def _forget(self, one: Member) -> None:
        del self._members[one.pid]
        # Who has its number next is somebody else.
        self._known.discard(one.pid)

    def _reap(self, one: Member) -> None:
        """Wait for an orphan that has ended, as its parent would have done."""
        with suppress(OSError):
            _, _, used = os.wait4(one.pid, os.WNOHANG)
            cpu_s, read_b, write_b = self._reaped
            self._reaped = cpu_s + used.ru_utime + used.ru_stime, read_b + one.read_b, write_b + one.write_b
            self._forget(one)


@contextmanager
def adopting() -> Generator[bool]:
    """Make this process the one that inherits what its children leave behind; False where Linux is not there."""
    control = None
    before = ctypes.c_int(0)
    with suppress(OSError, AttributeError):
        control = ctypes.CDLL(None, use_errno=True).prctl
        control(ASK_SUBREAPER, ctypes.byref(before), 0, 0, 0)
    adopts = control is not None and control(SUBREAPER, 1, 0, 0, 0) == 0
    try:
        yield adopts
    finally:
        if control is not None and adopts:
            control(SUBREAPER, before.value, 0, 0, 0)


def _listed() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - ten times a second


def _parent(pid: int) -> int:
    """Return who a process came from; 0: it has ended."""
    told = Held(f"/proc/{pid}/stat").read()
    return int(told[told.rfind(b")") + 2 :].split(None, 2)[1]) if told else 0
