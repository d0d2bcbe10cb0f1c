"""The processes of a job as Linux tells of them: few small reads for each, because it is done ten times a second."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from dataclasses import dataclass, field

TICK_S = 1.0 / (os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100)
PAGE_B = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
SUBREAPER = 36
"""``PR_SET_CHILD_SUBREAPER``: what a job leaves behind becomes a child of the recorder and stays in sight."""

MOST_THREADS = 64
"""Of a process with more threads, states are read of these many, and scaled up."""

NO_BYTES = "bytes from and to drives: some of its processes belong to somebody else, or the system does not count them"
NO_CLOCKS = "how long threads waited for a core: this system does not tell it; states of threads are counted instead"


@dataclass(frozen=True)
class Seen:
    """What a look at the job showed; amounts are sums since the job began.

    Attributes
    ----------
    cpu_s : float
        Processor time of all processes, ended ones included. [s]
    wanted_s : float
        Time in which threads ran or waited for a core, of threads that still live. [s]
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
        Who inherits orphans of the job; None: nobody that is watched.
    missing : list of str
        What this system does not tell.
    busiest : int
        The process that wanted most since the last look; 0: none wanted anything.
    busiest_b : int
        Its resident memory. [B]
    busiest_share : float
        Its part of what all of the job wanted, 0 to 1.
    """

    root: int
    parent: int | None = None
    missing: list[str] = field(default_factory=list[str])
    busiest: int = 0
    busiest_b: int = 0
    busiest_share: float = 0.0
    _ours: dict[int, bool] = field(default_factory=dict[int, bool])
    _clocks_ns: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict[tuple[int, int], tuple[int, int]])
    _gone_ns: tuple[int, int] = (0, 0)
    _most: tuple[float, int, int] = (0.0, 0, 0)

    def __post_init__(self) -> None:
        """Take what runs already for others where the job has only just begun."""
        if self.parent is not None:
            self._ours = {pid: False for pid in _pids() if pid < self.root}

    def look(self) -> Seen:
        """Look at every process of the job once."""
        cpu_s, runnable, blocked, threads, longest_ns = 0.0, 0, 0, 0, 0
        reads, writes = 0, 0
        clocks_ns: dict[tuple[int, int], tuple[int, int]] = {}
        gains_ns: dict[int, int] = {}
        resident_b: dict[int, int] = {}
        members = self._members()
        for pid in members:
            fields = _stat(f"/proc/{pid}/stat")
            if fields is None:
                continue
            own_s = sum(int(fields[place]) for place in (11, 12, 13, 14)) * TICK_S
            cpu_s += own_s
            count = int(fields[17])
            resident_b[pid] = int(fields[21]) * PAGE_B
            read_b, write_b = self._io(pid)
            reads, writes = reads + read_b, writes + write_b
            names = [str(pid)] if count == 1 else _listed(f"/proc/{pid}/task")
            scale = max(1.0, len(names) / MOST_THREADS)
            ready = stuck = gain_ns = 0
            for name in names[:MOST_THREADS]:
                state = fields[0] if count == 1 else (_stat(f"/proc/{pid}/task/{name}/stat") or ["Z"])[0]
                ready += state == "R"
                stuck += state == "D"
                key = (pid, int(name))
                clocks_ns[key] = self._clock_ns(f"/proc/{pid}/task/{name}/schedstat")
                gained_ns = sum(clocks_ns[key]) - sum(self._clocks_ns.get(key, (0, 0)))
                longest_ns = max(longest_ns, gained_ns)
                gain_ns += gained_ns
            gains_ns[pid] = gain_ns
            runnable += round(ready * scale)
            blocked += round(stuck * scale)
            threads += count
        # What has ended keeps what its clocks had told, so that the sums never fall.
        ended = [told for key, told in self._clocks_ns.items() if key not in clocks_ns]
        self._gone_ns = _sums([self._gone_ns, *ended])
        self._clocks_ns = clocks_ns
        self.busiest = max(gains_ns, key=gains_ns.__getitem__, default=0)
        self.busiest_b = resident_b.get(self.busiest, 0)
        everything_ns = sum(gains_ns.values())
        self.busiest_share = gains_ns[self.busiest] / everything_ns if everything_ns > 0 else 0.0
        ran_ns, waited_ns = _sums([self._gone_ns, *clocks_ns.values()])
        # Between the end of a child and its parent's wait a sum may dip: it is held.
        most = self._most
        self._most = (max(most[0], cpu_s), max(most[1], reads), max(most[2], writes))
        return Seen(
            self._most[0], (ran_ns + waited_ns) * 1e-9, longest_ns * 1e-9, runnable, blocked, threads, len(members),
            sum(resident_b.values()), self._most[1], self._most[2], ran_ns * 1e-9,
        )  # fmt: skip

    def _io(self, pid: int) -> tuple[int, int]:
        """Return the bytes that a process and its ended children moved from and to drives."""
        text, read_b, write_b = _read(f"/proc/{pid}/io"), 0, 0
        if not text and _stat(f"/proc/{pid}/stat"):
            self._miss(NO_BYTES)
        for line in text.splitlines():
            name, _, value = line.partition(":")
            if name == "read_bytes":
                read_b = int(value)
            elif name == "write_bytes":
                write_b = int(value)
        return read_b, write_b

    def _clock_ns(self, path: str) -> tuple[int, int]:
        """Return how long a thread ran, and how long it waited for a core. [ns]"""
        text = _read(path)
        parts = text.split()
        if len(parts) > 1:
            return int(parts[0]), int(parts[1])
        if not os.path.exists("/proc/self/schedstat"):  # noqa: PTH110 - ten times a second
            self._miss(NO_CLOCKS)
        return 0, 0

    def _miss(self, words: str) -> None:
        if words not in self.missing:
            self.missing.append(words)

    def alive(self) -> bool:
        """Tell whether the first process still runs."""
        fields = _stat(f"/proc/{self.root}/stat")
        return fields is not None and fields[0] not in "ZX"

    def _members(self) -> list[int]:
        now = set(_pids())
        for pid in self._ours.keys() - now:
            del self._ours[pid]
        for pid in sorted(now - self._ours.keys()):
            self._ours[pid] = self._is_ours(pid)
        return [pid for pid, ours in self._ours.items() if ours]

    def _is_ours(self, pid: int) -> bool:
        if pid == self.root:
            return True
        fields = _stat(f"/proc/{pid}/stat")
        above = int(fields[1]) if fields else 0
        return bool(self._ours.get(above)) or above == self.root or (self.parent is not None and above == self.parent)


def adopt_orphans() -> bool:
    """Make this process the one that inherits what its children leave behind; False where Linux is not there."""
    with suppress(OSError, AttributeError):
        return ctypes.CDLL(None, use_errno=True).prctl(SUBREAPER, 1, 0, 0, 0) == 0
    return False


def _sums(pairs: list[tuple[int, int]]) -> tuple[int, int]:
    first, second = zip(*pairs, strict=True)
    return sum(first), sum(second)


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - ten times a second


def _stat(path: str) -> list[str] | None:
    """Return the fields of a stat file from the state on: the name before it may hold anything."""
    text = _read(path)
    return text.rpartition(")")[2].split() if text else None


def _listed(path: str) -> list[str]:
    try:
        return os.listdir(path)  # noqa: PTH208 - ten times a second
    except OSError:
        return []


def _read(path: str) -> str:
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return ""
    try:
        return os.read(handle, 4096).decode("ascii", "replace")
    except OSError:
        return ""
    finally:
        os.close(handle)
