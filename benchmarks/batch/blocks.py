"""The batches that every version runs, as blocks of eight in the kernel's own arrays, and how outcomes are compared."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.machine.assembly import Machine, in_environment, machine
from spacegrey.machine.catalog import machine_ids
from spacegrey.machine.selector import Environment
from spacegrey.simulation.batch import CACHE_LINE, EIGHT, LANES, NO_TRACE
from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.kernel.advance import DONE, MORE, advance, prepare
from spacegrey.simulation.lowering import lower
from spacegrey.simulation.parameters import lane
from spacegrey.workload.library import Workload, workload

if TYPE_CHECKING:
    from numpy.typing import NDArray

HALF_HOUR = str(Path(__file__).with_name("half-hour.toml"))
BLINK = str(Path(__file__).with_name("blink.toml"))
COOLEST_C, WARMEST_C = 15.0, 35.0
MOST_SECONDS = 7200


class Configurations(Sequence[tuple[Workload, Machine]]):
    """Every machine of the catalog in rooms of 15 to 35 degC, one workload: no two alike, each made when asked for."""

    def __init__(self, count: int, work: str) -> None:
        self._count, self._work = count, workload(work)
        self._machines = [machine(name) for name in machine_ids()]

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, row: int) -> tuple[Workload, Machine]:
        if not 0 <= row < self._count:
            raise IndexError(row)
        room = Environment(ambient_c=COOLEST_C + (WARMEST_C - COOLEST_C) * row / self._count)
        return self._work, in_environment(self._machines[row % len(self._machines)], room)


@dataclass(frozen=True)
class Blocks:
    """Machines at the start of their work; ``m`` and ``ends`` are written by a run, ``first`` counts in all phases."""

    start: NDArray[np.float64]
    m: NDArray[np.float64]
    phases: NDArray[np.float64]
    first: NDArray[np.int64]
    count: NDArray[np.int64]
    ends: NDArray[np.float64]

    def reset(self) -> None:
        """Go back to the start, in the same memory."""
        self.m[:] = self.start
        self.ends[:] = 0.0

    @property
    def machines(self) -> int:
        """How many machines they hold."""
        return self.count.size

    def fields(self) -> NDArray[np.float64]:
        """Return the machines' fields, shape (FIELD_COUNT, machines)."""
        return np.concatenate([block.reshape(at.FIELD_COUNT, LANES) for block in self.m], axis=1)

    def totals(self) -> NDArray[np.float64]:
        """Return energy in J, end of the last finished phase in s, and peaks in K, of each machine: (4, machines)."""
        found = self.fields()
        last = np.maximum.reduceat(self.ends, self.first.reshape(-1))
        return np.stack([found[at.WALL_J], last, found[at.PEAK_CPU_K], found[at.PEAK_GPU_K]])

    def simulated_s(self) -> float:
        """Return the seconds that all machines worked through, what a lane waits for its neighbours not counted."""
        return float(self.fields()[at.TIME_S].sum())


def blocks(configurations: Configurations) -> Blocks:
    """Return a batch, its first phases begun; its length must be a multiple of eight."""
    jobs = list(configurations)
    lowered = [lower(work, one) for work, one in jobs]
    count = np.array([len(phases) for phases in lowered]).reshape(-1, LANES)
    first = (np.cumsum(count) - count.reshape(-1)).reshape(count.shape)
    phases = np.concatenate(lowered)
    lanes = np.stack([lane(one) for _, one in jobs], axis=1).reshape(at.FIELD_COUNT, -1, LANES)
    start = np.ascontiguousarray(lanes.transpose(1, 0, 2)).reshape(len(count), -1)
    for block, numbers in zip(start, first, strict=True):
        prepare(block, EIGHT, phases, numbers)
    return Blocks(start, _on_cache_lines(start), phases, first, count, np.zeros(len(phases)))


def _on_cache_lines(values: NDArray[np.float64]) -> NDArray[np.float64]:
    room = np.empty(values.size + CACHE_LINE)
    begin = -room.ctypes.data % CACHE_LINE // values.itemsize
    return room[begin : begin + values.size].reshape(values.shape)


class Kernel:
    """spacegrey's compiled kernel over blocks, without what `simulate_batch` does around it."""

    name = "spacegrey, kernel alone"

    def run(self, batch: Blocks, threads: int, seconds: int = MOST_SECONDS) -> float:
        """Run the blocks from their start on a number of threads, and return the seconds that it took."""
        batch.reset()

        def one(number: int) -> int:
            status, _ = advance(
                batch.m[number], EIGHT, batch.phases, batch.first[number], batch.count[number], batch.ends, NO_TRACE,
                seconds,
            )  # fmt: skip
            return int(status)

        with ThreadPoolExecutor(threads) as pool:
            begin = time.perf_counter()
            statuses = set(pool.map(one, range(len(batch.m))))
            taken = time.perf_counter() - begin
        if not statuses <= {DONE, MORE}:
            raise RuntimeError(f"the kernel returned the statuses {statuses}")
        return taken


def difference(mine: NDArray[np.float64], its: NDArray[np.float64]) -> float:
    """Return the largest difference of any number to another's, relative to it."""
    if mine.shape != its.shape or not np.isfinite(mine).all():
        return float("inf")
    return float(np.max(np.abs(mine - its) / np.maximum(np.abs(its), 1e-9), initial=0.0))
