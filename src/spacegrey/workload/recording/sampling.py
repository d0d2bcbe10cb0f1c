"""Looking at a job ten times a second until it ends, for less than a hundredth of a core."""

from __future__ import annotations

import gc
import math
import os
import select
import shlex
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.errors import InputError
from spacegrey.workload.recording.anywhere import TreeAnywhere
from spacegrey.workload.recording.counters import CACHE_MISSES, Counter, threads_of
from spacegrey.workload.recording.footprint import LEAST_COST_S, NOT_ALLOWED, Footprint, cost_s
from spacegrey.workload.recording.instructions import Instructions
from spacegrey.workload.recording.job import ended, notice_of_end, stop, waited_for
from spacegrey.workload.recording.limits import Limits, limits
from spacegrey.workload.recording.processes import Seen, Tree, adopting
from spacegrey.workload.recording.sensors import Reading, Sensors, cache_mib

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from numpy.typing import NDArray

INTERVAL_S = 0.1
"""Time between looks; longer where a look costs so much that the recorder would take more than its share. [s]"""

SHARE = 0.008
"""Of a core that the recorder may take."""

LOOKS_SHARE = 0.0045
"""Of a core that the looks may take; what they leave of the recorder's share goes to windows on the memory."""

NO_COUNTERS = (
    "memory traffic: this system does not let the processor's counters be read, so the work scales with the core's "
    "speed alone"
)
BY_PAGES = (
    "memory traffic inside a page: it is told from pages that were touched, as the processor's counters cannot be "
    "read; the kernel's own copies are not in it"
)
NOT_LONG_ENOUGH = (
    "memory traffic: the job was too short, or its memory too large, for a window on it within the recorder's share of "
    "a core"
)

LONGEST_REST_S = 0.4
"""What one slow look, when the computer was busy with itself, makes the recorder look away for at most. [s]"""

SLOW_LOOKS = 10
"""Every so many looks sensors are read that answer slowly."""

CACHE_MIB = 32.0
"""Taken where the system does not tell the size of its caches: few desktop processors have more. Assumed. [MiB]"""

CACHE_LINE_B = 64
"""What a miss of the last cache brings from memory. [B]"""

SUMS = (
    "cpu_s", "wanted_s", "ran_s", "read_b", "write_b", "core_busy_s", "stolen_s", "package_j", "network_b",
    "traffic_b", "touched_b", "watched_s", "met", "floating",
)  # fmt: skip
"""Columns that grow; what a look adds is what counts."""

COLUMNS = (
    "time_s", *(one.name for one in (*fields(Seen), *fields(Reading))), "traffic_b", "touched_b", "watched_s",
    "met", "floating",
)  # fmt: skip


@dataclass(frozen=True)
class Samples:
    """A recording as it was sampled.

    Attributes
    ----------
    command : str
        What ran, in words.
    columns : dict of str to float64, shape (looks,)
        ``time_s``, the fields of `processes.Seen` and `sensors.Reading`, ``traffic_b`` [B], what
        `footprint.Footprint` saw, ``touched_b`` [B] in ``watched_s`` [s], and what `instructions.Instructions` did,
        ``met`` and ``floating``; sums start at zero.
    cores : int
        That the job was allowed to use.
    overhead : float
        Processor time of the recorder, as a share of one core.
    status : int or None
        Exit status of the job; None: it was not ours, or had not ended.
    interrupted : bool
        Whether the recording ended before the job did.
    unseen : tuple of str
        What could not be read.
    throttled : bool
        Whether a control group gave it less than whole cores.
    """

    command: str
    columns: dict[str, NDArray[np.float64]]
    cores: int
    overhead: float
    status: int | None
    interrupted: bool
    unseen: tuple[str, ...]
    throttled: bool = False

    @property
    def duration_s(self) -> float:
        """From the first look to the last. [s]"""
        return float(self.columns["time_s"][-1])


def record_command(
    command: Sequence[str],
    cores: int | None = None,
    progress: Callable[[float], None] | None = None,
    stdout: int | None = None,
) -> Samples:
    """Run a command and record it and everything that it starts.

    Parameters
    ----------
    command : sequence of str
        The program and its arguments. It has the terminal to itself.
    cores : int, optional
        Cores that it may use; all that this process may, if not stated.
    progress : callable, optional
        Called about once a second with the time since the start in s.
    stdout : int, optional
        Where the command prints to, if not where this process does.

    Returns
    -------
    Samples
        What was seen, also when the user interrupts it.

    Raises
    ------
    InputError
        The program is not there or cannot run, or there are not so many cores.
    """
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    if cores is not None and not 1 <= cores <= len(usable):
        raise InputError(f"record: --cores {cores} is outside 1 to {len(usable)}, what this computer has")
    allowed = usable[:cores] if cores else usable
    with adopting() as adopts:
        recorder = _Recorder(tuple(allowed), progress)
        recorder.begin()
        recorder.instructions.follow([0], allowed)  # what this thread starts is met too
        try:
            # A child inherits the cores of the thread that starts it.
            _pin(allowed if cores else [])
            job = subprocess.Popen(list(command), stdout=stdout, text=False)  # noqa: S603 - the user's own command
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            recorder.instructions.close()
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"record: {command[0]!r} cannot be run: {reason}") from None
        finally:
            _pin(usable if cores else [])
        recorder.watch(job.pid, os.getpid() if adopts else None)
        interrupted = False
        try:
            recorder.follow(lambda: ended(job))
        except KeyboardInterrupt:
            interrupted = True
            recorder.look()  # at what it has started since the last time
            stop(job, recorder.tree.left)
        # A zombie still tells what it took; afterwards it is gone.
        recorder.look()
        status, cpu_s = waited_for(job)
        recorder.put_right(cpu_s)
        return recorder.samples(shlex.join(command), None if interrupted else status, interrupted=interrupted)


def record_process(pid: int, seconds: float | None = None, progress: Callable[[float], None] | None = None) -> Samples:
    """Record a process that runs already, with what it has started and will start, until it ends.

    Parameters
    ----------
    pid : int
        Its number.
    seconds : float, optional
        End the recording after so long. [s]
    progress : callable, optional
        As for `record_command`.

    Raises
    ------
    InputError
        There is no such process, or it may not be looked at.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        name = shlex.join(process.cmdline()) or process.name()
    except (psutil.Error, OSError, OverflowError, ValueError):
        raise InputError(f"record: no process {pid} that may be looked at") from None
    allowed = sorted(os.sched_getaffinity(pid)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    recorder = _Recorder(tuple(allowed), progress)
    begun = [pid]
    with suppress(psutil.Error, OSError):
        begun += [one.pid for one in process.children(recursive=True)]
    recorder.instructions.follow(threads_of(*begun), allowed)
    recorder.watch(pid, None, begun)
    interrupted = False
    try:
        recorder.follow(lambda: not recorder.tree.alive(), seconds)
    except KeyboardInterrupt:
        interrupted = True
    return recorder.samples(name, None, interrupted=interrupted or recorder.tree.alive())


class _Recorder:
    """Looks, and what they showed."""

    tree: Tree | TreeAnywhere

    def __init__(self, cores: tuple[int, ...], progress: Callable[[float], None] | None) -> None:
        self.sensors = Sensors(cores)
        self.cores = cores
        self._progress = progress
        self._pid = 0
        self._end: int | None = None
        self._rows: list[tuple[float, ...]] = []
        self._allowed: list[int] = []
        self._clock_s = 0.0
        self._cost_s = 0.0
        self._dearest_s = 0.0
        self._windows_cost_s = 0.0
        self._window_cost_s = 0.0
        self._footprint = Footprint()
        self._limits = Limits()
        self._cache_b = (cache_mib() or CACHE_MIB) * 2**20
        self._misses = Counter(CACHE_MISSES)
        self._counts = False
        self.instructions = Instructions()
        self._start = time.monotonic()

    def begin(self) -> None:
        """Note that nothing has been done yet: what a job does before the first look counts too."""
        self._start = time.monotonic()
        self._add(0.0, Seen(runnable=1, processes=1, threads=1), self.sensors.read(slow=True), 0.0)

    def watch(self, pid: int, parent: int | None, begun: Sequence[int] = ()) -> None:
        """Look at a process for the first time; ``parent`` inherits what it leaves behind, ``begun`` runs already."""
        self._clock_s = time.thread_time()
        if not self._rows:
            self._start = time.monotonic()
        self._pid, self._end = pid, notice_of_end(pid)
        self._limits = limits(own=Path(f"/proc/{pid}/cgroup"))
        self._counts = self._misses.follow(threads_of(*begun or [pid]))
        linux = sys.platform == "linux"
        self.tree = Tree(pid, parent, lambda: self.sensors.begun) if linux else TreeAnywhere(pid)
        self.look()

    def put_right(self, cpu_s: float) -> None:
        """Take for the last look what the job was charged with, where that is more than its files told."""
        place, last = COLUMNS.index("cpu_s"), list(self._rows[-1])
        self._rows[-1] = (*last[:place], max(last[place], cpu_s), *last[place + 1 :])

    @property
    def elapsed_s(self) -> float:
        """Time since the first look. [s]"""
        return time.monotonic() - self._start

    def look(self) -> None:
        """Look once."""
        slow = len(self._rows) % SLOW_LOOKS == 0
        now = self.elapsed_s
        told = self.sensors.read(slow=slow)
        self._add(now, self.tree.look(), told, self._misses.read() * CACHE_LINE_B)
        if slow or len(self._rows) < SLOW_LOOKS:
            with suppress(OSError, AttributeError):
                self._allowed.append(len(os.sched_getaffinity(self._pid)))
        if slow and self._progress:
            self._progress(now)
        self._charge()

    def _charge(self) -> None:
        """Put all that this thread took since the last time to the account of the looks."""
        before, self._clock_s = self._clock_s, time.thread_time()
        self._dearest_s = max(self._dearest_s, self._clock_s - before)
        self._cost_s += self._clock_s - before

    def _add(self, now: float, seen: Seen, told: Reading, traffic_b: float) -> None:
        seen_by_pages = self._footprint.touched_b, self._footprint.watched_s
        self.instructions.read()
        met = self.instructions.met, self.instructions.floating
        self._rows.append((now, *vars(seen).values(), *vars(told).values(), traffic_b, *seen_by_pages, *met))

    def follow(self, ended: Callable[[], bool], seconds: float | None = None) -> None:
        """Look until the job has ended, or for so long."""
        due, most_s = INTERVAL_S, math.inf if seconds is None else seconds
        with _without_collecting():
            while (self._end is not None or not ended()) and self.elapsed_s < most_s:  # asking costs, a notice does not
                pause = due - self.elapsed_s
                if pause > 0.0:
                    self._sleep(pause)
                self.look()
                self._watch_memory()
                due = self.elapsed_s + max(INTERVAL_S - (self.elapsed_s - due) % INTERVAL_S, self._rest_s())

    def _rest_s(self) -> float:
        """Return how long to look away, so that looks take their share; one slow look alone costs less than a phase."""
        usual_s = (self._cost_s - self._dearest_s) / len(self._rows) / LOOKS_SHARE
        return max(usual_s, min(self._cost_s / len(self._rows) / LOOKS_SHARE, LONGEST_REST_S))

    def _watch_memory(self) -> None:
        """Open a window on the memory of the job's busiest process, if the recorder's share has room for one."""
        tree = self.tree
        if self._counts or not isinstance(tree, Tree) or not tree.busiest or not self._footprint.allowed:
            return
        left_s = SHARE * self.elapsed_s - self._cost_s - self._windows_cost_s
        if max(self._window_cost_s, LEAST_COST_S) > left_s or cost_s(tree.busiest_b) > left_s:
            return
        self._charge()
        self._footprint.watch(tree.busiest, self._cache_b * tree.busiest_share, self._sleep)
        before, self._clock_s = self._clock_s, time.thread_time()
        self._window_cost_s = self._clock_s - before
        self._windows_cost_s += self._window_cost_s

    def _sleep(self, seconds: float) -> None:
        """Sleep, or wake when the job ends, so that its last moment is not counted as waiting."""
        if self._end is None:
            time.sleep(seconds)
        elif select.select([self._end], [], [], seconds)[0]:
            os.close(self._end)
            self._end = None

    def samples(self, command: str, status: int | None, *, interrupted: bool) -> Samples:
        """Return all of it."""
        self._misses.close()
        self.instructions.close()
        if self._end is not None:
            os.close(self._end)
            self._end = None
        if len(self._rows) < 2:  # noqa: PLR2004 - a difference needs two
            self.look()
        table = np.array(self._rows, dtype=np.float64)
        columns = {name: np.ascontiguousarray(table[:, number]) for number, name in enumerate(COLUMNS)}
        for name in SUMS:
            columns[name] = columns[name] - columns[name][0]
        cores = self._limits.of_cores(int(np.median(self._allowed)) if self._allowed else len(self.cores))
        share = (self._cost_s + self._windows_cost_s) / max(columns["time_s"][-1], 1e-9)
        unseen = (
            *self._traffic_unseen(), *self._limited(), *self._left(), *self.tree.missing, *self.sensors.missing,
        )  # fmt: skip
        return Samples(command, columns, cores, share, status, interrupted, unseen, bool(self._limited()))

    def _left(self) -> tuple[str, ...]:
        """Return a word on what goes on where the job itself has ended."""
        left = 0 if self.tree.alive() else len(self.tree.left())
        return (f"what {left} of the processes that it started did after it had ended",) if left else ()

    def _limited(self) -> tuple[str, ...]:
        given = self._limits.cores
        if given is None or given >= len(self.cores):
            return ()
        words = f"more than {given:g} cores: a control group gives it no more"
        return (f"{words}, and waiting for them counts as waiting for other programs",)

    def _traffic_unseen(self) -> tuple[str, ...]:
        if self._counts:
            return ()
        if not isinstance(self.tree, Tree):
            return (NO_COUNTERS,)
        if not self._footprint.allowed:
            return (NOT_ALLOWED,)
        told = (BY_PAGES,) if self._footprint.windows else (NOT_LONG_ENOUGH,)
        return told if cache_mib() else (*told, f"the size of the caches: {CACHE_MIB:.0f} MiB were taken")


@contextmanager
def _without_collecting() -> Generator[None]:
    """Keep the collector of Python from going through all that is loaded: once costs as much as fifty looks."""
    ours = gc.get_freeze_count() == 0
    if ours:
        gc.freeze()
    try:
        yield
    finally:
        if ours:
            gc.unfreeze()


def _pin(cores: Sequence[int]) -> None:
    """Keep this thread to some cores; to what it has if none are named."""
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
