"""Many machines at once: eight abreast through the same kernel, on every core, results only.

Machines that take about as long share a block, because a block runs until its last lane is done.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spacegrey.errors import Refusal, unknown
from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.kernel.advance import DONE, NOT_FINITE, advance, prepare
from spacegrey.simulation.kernel.observe import LIMITS, OBSERVED, TRACE_COLUMNS
from spacegrey.simulation.lowering import lower
from spacegrey.simulation.parameters import lane
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
    from spacegrey.workload.library import Workload

LANES = 8
"""Machines in a block: as many float64 as a vector register of AVX-512 holds, and two of AVX2."""

WINDOW = 4096
"""Jobs that are prepared together; those of like length share a block. It bounds the memory in use."""

FIRST_WINDOW = 64
"""Jobs of the first window; each further one is twice as long, so that all cores are soon at work."""

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


@dataclass(frozen=True)
class _Work:
    """One job, ready for the kernel."""

    row: int
    workload: Workload
    ambient_c: float
    start: NDArray[np.float64]
    phases: NDArray[np.float64]
    takes_s: float


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
    with ThreadPoolExecutor(cores) as pool:
        for block in _blocks(jobs, table):
            waiting.append(pool.submit(_run, block, table))
            # The queue is kept short: what waits in it holds memory.
            while waiting and (waiting[0].done() or len(waiting) > WINDOW // LANES):
                _done(waiting.popleft(), progress)
        while waiting:
            _done(waiting.popleft(), progress)
    return table


def _done(future: Future[int], progress: Callable[[int], None] | None) -> None:
    count = future.result()
    if progress:
        progress(count)


def _on_gpu(jobs: Sequence[tuple[Workload, Machine]], table: Table, progress: Callable[[int], None] | None) -> None:
    """Run the jobs on a GPU, those of like length side by side, and write their results into their rows."""
    from spacegrey.simulation.gpu import CHUNK, run_machines

    for begin in range(0, len(jobs), CHUNK):
        works = _prepared(jobs, range(begin, min(begin + CHUNK, len(jobs))), table)
        if not works:
            continue
        works.sort(key=lambda work: -work.takes_s)
        before = np.stack([work.start for work in works], axis=1)
        finished = run_machines(before, [work.phases for work in works], LONGEST_S)
        for work, status in zip(works, finished.status, strict=True):
            if status != DONE:
                table["refusal"][work.row] = _why(work, int(status))
        done = np.flatnonzero(finished.status == DONE)
        if done.size:
            ends = [finished.ends[i] for i in done]
            _write(table, [works[i] for i in done], before[:, done], finished.lanes[:, done], ends)
        if progress:
            progress(len(works))


def _why(work: _Work, status: int) -> str:
    """Return why a job has no result."""
    what = "the simulation left the numbers" if status == NOT_FINITE else "not done after 30 simulated days"
    return f"{work.workload.id}: {what}"


def _blocks(jobs: Sequence[tuple[Workload, Machine]], table: Table) -> Iterator[list[_Work]]:
    """Yield the jobs that can run, those of like length together, the longest first."""
    begin, size = 0, FIRST_WINDOW
    while begin < len(jobs):
        rows = range(begin, min(begin + min(size, WINDOW), len(jobs)))
        begin, size = rows.stop, 2 * size
        works = _prepared(jobs, rows, table)
        works.sort(key=lambda work: -work.takes_s)
        for first in range(0, len(works), LANES):
            yield works[first : first + LANES]


def _prepared(jobs: Sequence[tuple[Workload, Machine]], rows: range, table: Table) -> list[_Work]:
    works: list[_Work] = []
    # A sweep names the same machine and workload again and again: what follows from them alone is worked out once.
    # Both are held, so that no other object takes an identity over meanwhile.
    known: dict[tuple[int, int], tuple[Workload, Machine, NDArray[np.float64], float]] = {}
    starts: dict[int, NDArray[np.float64]] = {}
    for row in rows:
        workload, machine = jobs[row]
        pair = (id(workload), id(machine))
        try:
            if pair not in known:
                phases = lower(workload, machine)
                takes_s = check(workload, machine, phases)
                if pair[1] not in starts:
                    starts[pair[1]] = lane(machine)
                known[pair] = workload, machine, phases, takes_s
        except Refusal as refusal:
            table["refusal"][row] = str(refusal)
            continue
        works.append(_Work(row, workload, machine.ambient_c, starts[pair[1]], *known[pair][2:]))
    return works


def _run(block: list[_Work], table: Table) -> int:
    """Run up to eight jobs, write their results into their rows, and return how many they were."""
    # A short block is filled up with copies of its last job.
    works = block + block[-1:] * (LANES - len(block))
    before = np.stack([work.start for work in works], axis=1)
    m = _aligned(before)
    lengths = [len(work.phases) for work in works]
    first, count = np.cumsum([0, *lengths[:-1]]), np.array(lengths)
    ends, phases = np.zeros(sum(lengths)), np.concatenate([work.phases for work in works])
    prepare(m, EIGHT, phases, first)
    status, _ = advance(m, EIGHT, phases, first, count, ends, NO_TRACE, LONGEST_S)
    if status != DONE and len(block) > 1:
        # One of them is beyond numbers or time: alone it cannot spoil the others.
        return sum(_run([work], table) for work in block)
    if status != DONE:
        table["refusal"][block[0].row] = _why(block[0], status)
        return 1
    after = m.reshape(-1, LANES)
    ended = [ends[begin : begin + length] for begin, length in zip(first, lengths, strict=True)]
    _write(table, block, before[:, : len(block)], after[:, : len(block)], ended)
    return len(block)


def _aligned(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a flat copy that begins with a cache line: lanes that straddle two of them load an eighth slower."""
    room = np.empty(values.size + CACHE_LINE // values.itemsize)
    begin = -room.ctypes.data % CACHE_LINE // values.itemsize
    copy = room[begin : begin + values.size]
    copy[:] = values.reshape(-1)
    return copy


def _write(
    table: Table,
    block: list[_Work],
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    ended: list[NDArray[np.float64]],
) -> None:
    """Write a block's results into the rows of the table."""
    rows = np.array([work.row for work in block])
    ambient_c = np.array([work.ambient_c for work in block])
    delivered = after[at.DELIVERED] / [len(work.phases) for work in block]
    limits = after[at.LIMIT_S : at.LIMIT_S + len(LIMITS)]
    table["duration_s"][rows] = [ends[-1] for ends in ended[: len(block)]]
    table["score"][rows] = [
        score_value(work.workload, ends, float(share))
        for work, ends, share in zip(block, ended, delivered, strict=False)
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
