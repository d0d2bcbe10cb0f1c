"""Many machines at once: eight abreast through the same kernel, on every core, results only.

Machines that take about as long share a block, because a block runs until its last lane is done.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from spacegrey.errors import Refusal, unknown
from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.kernel.advance import DONE, NOT_FINITE, advance, prepare
from spacegrey.simulation.kernel.observe import LIMITS, OBSERVED, TRACE_COLUMNS
from spacegrey.simulation.lowering import READS, lower
from spacegrey.simulation.parameters import lanes, no_steady_state
from spacegrey.simulation.run import (
    LONGEST_S,
    RESULT_NAMES,
    balance_error,
    check,
    held_j,
    observed,
    score_value,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from spacegrey.machine.assembly import Machine
    from spacegrey.simulation.parameters import Known
    from spacegrey.workload.library import Workload

LANES = 8
"""Machines in a block: as many float64 as a vector register of AVX-512 holds, and two of AVX2."""

WINDOW = 4096
"""Jobs that are prepared together; those of like length share a block. It bounds the memory in use."""

FIRST_WINDOW = 64
"""Jobs of the first window; each further one is twice as long, so that all cores are soon at work."""

TASK_S = 2000.0
"""Simulated time of machines, one after another, that a thread takes at once: less is mostly handing over. [s]"""

MOST_TASK = 512
"""Machines that a thread takes at once."""

CACHE_LINE = 64
"""Bytes that a core loads at once."""

DEVICES = ("cpu", "cuda")
EIGHT = tuple(range(LANES))
NO_TRACE = np.zeros((0, len(TRACE_COLUMNS)))
STATISTICS = ("min", "mean", "max", "end")

COLUMNS = (
    "duration_s",
    "score",
    "delivered",
    "energy_wh",
    "peak_cpu_temp_c",
    "peak_gpu_temp_c",
    *(f"{RESULT_NAMES.get(name, name)}_{statistic}" for name in OBSERVED for statistic in STATISTICS),
    "limit_share",
    "energy_balance_error",
)
"""Numbers of a result, one for each machine; beside them are the words ``limit`` and ``refusal``."""

Table = dict[str, "NDArray[Any]"]


_read = attrgetter(*READS)


class _Work(NamedTuple):
    """One job, ready for the kernel."""

    row: int
    workload: Workload
    machine: Machine
    phases: NDArray[np.float64]
    takes_s: float


@dataclass
class _Known:
    """What follows from workloads and parts alone, by their identities, and objects that these are of.

    A sweep names the same workload on the same parts again and again; the objects are held, so that no other takes an
    identity over.
    """

    phases: dict[tuple[int, ...], tuple[Workload, Machine, NDArray[np.float64], float]]
    lanes: Known

    def forget(self) -> None:
        """Begin anew where it has grown large: its parts are different all the time then."""
        for kept in (self.phases, self.lanes):
            if len(kept) > WINDOW:
                kept.clear()


class _Task(NamedTuple):
    """Jobs of like length, and where they start: their lanes, one in a column."""

    works: list[_Work]
    starts: NDArray[np.float64]


def simulate_batch(
    jobs: Sequence[tuple[Workload, Machine]],
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
    device: str = "cpu",
) -> Table:
    """Run many machines, each under its own workload.

    Parameters
    ----------
    jobs : sequence of (Workload, Machine)
        What runs where; in any order, of any length.
    threads : int, optional
        Cores to use; all that this process may use, if not stated.
    progress : callable, optional
        Called with the number of machines that were done since the last call.
    device : str, optional
        ``cpu``, or ``cuda`` for one NVIDIA GPU, which then takes the place of the threads.

    Returns
    -------
    dict of str to array, shape (len(jobs),)
        `COLUMNS` as float64 in the units their names end in, ``limit`` (what limited most of the time) and ``refusal``
        (why a job has no result, or an empty text; its numbers are NaN then).

    Notes
    -----
    The same kernel as `run.simulate`, eight machines abreast: energy, work and peak temperatures agree to 1e-9.

    Examples
    --------
    >>> from spacegrey.machine.assembly import machine
    >>> from spacegrey.workload.library import workload
    >>> jobs = [(workload("cinebench-r15"), machine(name)) for name in ("imac-pro", "imac-5k-2017")]
    >>> result = simulate_batch(jobs)
    >>> bool(result["score"][0] > result["score"][1])
    True
    """
    table: Table = {name: np.full(len(jobs), np.nan) for name in COLUMNS}
    table["limit"] = np.full(len(jobs), "", dtype=object)
    table["refusal"] = np.full(len(jobs), "", dtype=object)
    if device not in DEVICES:
        raise unknown("device", device, DEVICES)
    if device == "cuda":
        _on_gpu(jobs, table, progress)
        return table
    cores = threads or len(os.sched_getaffinity(0))
    waiting: deque[Future[int]] = deque()
    held = 0
    with ThreadPoolExecutor(cores) as pool:
        for task in _tasks(jobs, table):
            waiting.append(pool.submit(_run, task, table))
            held += len(task.works)
            # The queue is kept short: what waits in it holds memory.
            while waiting and (waiting[0].done() or held > WINDOW):
                held -= _taken(waiting, progress)
        while waiting:
            _taken(waiting, progress)
    return table


def _taken(waiting: deque[Future[int]], progress: Callable[[int], None] | None) -> int:
    """Wait for the first task of the queue, take it out, and return how many jobs it had."""
    count = waiting.popleft().result()
    if progress:
        progress(count)
    return count


def _on_gpu(jobs: Sequence[tuple[Workload, Machine]], table: Table, progress: Callable[[int], None] | None) -> None:
    """Run the jobs on a GPU, those of like length side by side, and write their results into their rows."""
    from spacegrey.simulation.gpu import CHUNK, run_machines

    for begin in range(0, len(jobs), CHUNK):
        works, starts = _prepared(jobs, range(begin, min(begin + CHUNK, len(jobs))), table, _Known({}, {}))
        if not works:
            continue
        finished = run_machines(starts, [work.phases for work in works], LONGEST_S)
        for work, status in zip(works, finished.status, strict=True):
            if status != DONE:
                table["refusal"][work.row] = _why(work, int(status))
        done = np.flatnonzero(finished.status == DONE)
        if done.size:
            ends = [finished.ends[i] for i in done]
            _write(table, [works[i] for i in done], starts[:, done], finished.lanes[:, done], ends)
        if progress:
            progress(len(works))


def _why(work: _Work, status: int) -> str:
    """Return why a job has no result."""
    what = "the simulation left the numbers" if status == NOT_FINITE else "not done after 30 simulated days"
    return f"{work.workload.id}: {what}"


def _tasks(jobs: Sequence[tuple[Workload, Machine]], table: Table) -> Iterator[_Task]:
    """Yield the jobs that can run, those of like length together, the longest first."""
    begin, size, known = 0, FIRST_WINDOW, _Known({}, {})
    while begin < len(jobs):
        rows = range(begin, min(begin + min(size, WINDOW), len(jobs)))
        begin, size = rows.stop, 2 * size
        known.forget()
        works, starts = _prepared(jobs, rows, table, known)
        first = 0
        while first < len(works):
            # Whole blocks, one at least; the first job is the longest.
            blocks = max(1, int(min(TASK_S / max(works[first].takes_s, 1e-9), MOST_TASK)) // LANES)
            end = min(first + blocks * LANES, len(works))
            yield _Task(works[first:end], starts[:, first:end])
            first = end


def _prepared(jobs: Sequence[tuple[Workload, Machine]], rows: range, table: Table, known: _Known) -> _Task:
    """Return the jobs of some rows that can run, the longest first; write why the others cannot."""
    works: list[_Work] = []
    for row in rows:
        workload, machine = jobs[row]
        read = (id(workload), *map(id, _read(machine)))
        try:
            if read not in known.phases:
                phases = lower(workload, machine)
                known.phases[read] = workload, machine, phases, check(workload, machine, phases)
        except Refusal as refusal:
            table["refusal"][row] = str(refusal)
            continue
        works.append(_Work(row, workload, machine, *known.phases[read][2:]))
    works.sort(key=lambda work: -work.takes_s)
    starts = lanes([work.machine for work in works], known.lanes)
    steady = np.isfinite(starts[at.T_CPU_JUNCTION])
    if not steady.all():
        for place in np.flatnonzero(~steady):
            table["refusal"][works[place].row] = no_steady_state(works[place].machine)
        works = [work for work, starts_well in zip(works, steady, strict=True) if starts_well]
        starts = starts[:, steady]
    return _Task(works, starts)


def _run(task: _Task, table: Table) -> int:
    """Run the jobs of a task, write their results into their rows, and return how many they were."""
    works, starts = task
    after = np.empty_like(starts)
    ended: list[NDArray[np.float64]] = []
    done = np.ones(len(works), np.bool_)
    for first in range(0, len(works), LANES):
        block = slice(first, min(first + LANES, len(works)))
        status, ends = _advanced([work.phases for work in works[block]], starts[:, block], after[:, block])
        ended += ends
        if status == DONE:
            continue
        for place in range(first, block.stop):
            # One of them is beyond numbers or time: alone it cannot spoil the others.
            one = slice(place, place + 1)
            status, (ended[place],) = _advanced([works[place].phases], starts[:, one], after[:, one])
            if status != DONE:
                table["refusal"][works[place].row] = _why(works[place], status)
                done[place] = False
    if done.all():
        _write(table, works, starts, after, ended)
    elif done.any():
        which = np.flatnonzero(done)
        _write(table, [works[i] for i in which], starts[:, done], after[:, done], [ended[i] for i in which])
    return len(works)


def _advanced(
    phases: list[NDArray[np.float64]], starts: NDArray[np.float64], after: NDArray[np.float64]
) -> tuple[int, list[NDArray[np.float64]]]:
    """Run up to eight machines abreast into ``after``; return the status, and the ends of each machine's phases."""
    machines = len(phases)
    # A short block is filled up with copies of its last job.
    padded = phases + phases[-1:] * (LANES - machines)
    m = _aligned(starts if machines == LANES else starts[:, [*range(machines), *[machines - 1] * (LANES - machines)]])
    lengths = [len(one) for one in padded]
    first, count = np.cumsum([0, *lengths[:-1]]), np.array(lengths)
    ends, joined = np.zeros(sum(lengths)), np.concatenate(padded)
    prepare(m, EIGHT, joined, first)
    status, _ = advance(m, EIGHT, joined, first, count, ends, NO_TRACE, LONGEST_S)
    after[:] = m.reshape(-1, LANES)[:, :machines]
    return status, [ends[begin : begin + length] for begin, length in zip(first[:machines], lengths, strict=False)]


def _aligned(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a flat copy that begins with a cache line: lanes that straddle two of them load an eighth slower."""
    room = np.empty(values.size + CACHE_LINE // values.itemsize)
    begin = -room.ctypes.data % CACHE_LINE // values.itemsize
    copy = room[begin : begin + values.size]
    copy[:] = values.reshape(-1)
    return copy


def _write(
    table: Table,
    works: list[_Work],
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    ended: list[NDArray[np.float64]],
) -> None:
    """Write jobs' results into their rows of the table."""
    rows = np.array([work.row for work in works])
    ambient_c = np.array([work.machine.ambient_c for work in works])
    delivered = after[at.DELIVERED] / [len(work.phases) for work in works]
    limits = after[at.LIMIT_S : at.LIMIT_S + len(LIMITS)]
    table["duration_s"][rows] = [ends[-1] for ends in ended]
    table["score"][rows] = [
        score_value(work.workload, ends, share)
        for work, ends, share in zip(works, ended, delivered.tolist(), strict=True)
    ]
    table["delivered"][rows] = delivered
    table["energy_wh"][rows] = after[at.WALL_J] / 3600.0
    table["peak_cpu_temp_c"][rows] = after[at.PEAK_CPU_K] + ambient_c
    table["peak_gpu_temp_c"][rows] = after[at.PEAK_GPU_K] + ambient_c
    for name, values in observed(after, ambient_c).items():
        for statistic, value in zip(STATISTICS, values, strict=True):
            table[f"{name}_{statistic}"][rows] = value
    table["limit"][rows] = np.array(LIMITS, dtype=object)[limits.argmax(axis=0)]
    table["limit_share"][rows] = limits.max(axis=0) / after[at.OBSERVED_S]
    table["energy_balance_error"][rows] = balance_error(after, held_j(before))
