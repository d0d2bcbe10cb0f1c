"""The case that every version of the single-machine benchmark runs, and how two versions are compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from spacegrey.machine.assembly import machine
from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.kernel.advance import DONE, MORE, advance, prepare
from spacegrey.simulation.kernel.observe import TRACE_COLUMNS
from spacegrey.simulation.kernel.tick import STEP_S
from spacegrey.simulation.lowering import lower
from spacegrey.simulation.parameters import lane
from spacegrey.workload.library import workload

if TYPE_CHECKING:
    from numpy.typing import NDArray

MACHINE = "imac-pro"
WORKLOAD = str(Path(__file__).with_name("render-loop.toml"))
MOST_SECONDS = 3600
ROWS_PER_SECOND = 10


@dataclass(frozen=True)
class Case:
    """One machine at the start of a workload, in the kernel's own arrays."""

    start: NDArray[np.float64]
    phases: NDArray[np.float64]
    m: NDArray[np.float64]
    ends: NDArray[np.float64]
    trace: NDArray[np.float64]

    def reset(self) -> None:
        """Go back to the start, in the same memory."""
        self.m[:] = self.start
        self.ends[:] = 0.0


@dataclass(frozen=True)
class Outcome:
    """All that a run leaves behind: every field of the lane, the ends of the phases, the rows of the trace."""

    lane: NDArray[np.float64]
    ends: NDArray[np.float64]
    trace: NDArray[np.float64]

    def difference(self, other: Outcome) -> float:
        """Return the largest difference of any number to another outcome's, relative to it or to 1."""
        worst = 0.0
        for mine, its in ((self.lane, other.lane), (self.ends, other.ends), (self.trace, other.trace)):
            if mine.shape != its.shape:
                return float("inf")
            same = (mine == its) | (np.isnan(mine) & np.isnan(its))
            with np.errstate(invalid="ignore"):
                error = np.where(same, 0.0, np.abs(mine - its) / np.maximum(np.abs(its), 1.0))
            worst = max(worst, float(np.max(error, initial=0.0)))
        return worst


class Version(Protocol):
    """One way to run a case."""

    name: str

    def run(self, seconds: int = MOST_SECONDS) -> int:
        """Run the case from its start for at most ``seconds``, and return how many rows of the trace were written."""
        ...


class Kernel:
    """spacegrey's compiled kernel on one machine."""

    name = "spacegrey"

    def __init__(self, one: Case, *, traced: bool = True) -> None:
        self._case = one
        self._trace = one.trace if traced else one.trace[:0]
        self._first, self._count = np.zeros(1, dtype=np.int64), np.array([len(one.phases)])

    def run(self, seconds: int = MOST_SECONDS) -> int:
        """Run the case from its start; see `Version`."""
        one = self._case
        one.reset()
        status, rows = advance(one.m, (0,), one.phases, self._first, self._count, one.ends, self._trace, seconds)
        if status not in {DONE, MORE}:
            raise RuntimeError(f"the kernel returned status {status}")
        return int(rows)


def case(machine_reference: str = MACHINE, workload_reference: str = WORKLOAD) -> Case:
    """Return a machine at the start of a workload, its first phase begun."""
    computer = machine(machine_reference)
    phases = lower(workload(workload_reference), computer)
    start = lane(computer)
    prepare(start, (0,), phases, np.zeros(1, dtype=np.int64))
    trace = np.zeros((MOST_SECONDS * ROWS_PER_SECOND, len(TRACE_COLUMNS)))
    return Case(start, phases, start.copy(), np.zeros(len(phases)), trace)


def outcome(one: Case, version: Version, seconds: int = MOST_SECONDS) -> Outcome:
    """Run a version of the step on a case and return what it came to."""
    rows = version.run(seconds)
    return Outcome(one.m.copy(), one.ends.copy(), one.trace[:rows].copy())


def simulated_s(one: Case) -> float:
    """Return the seconds that a run worked through: it ends with the second in which the work is done."""
    return float(np.ceil(one.m[at.TIME_S] - 0.5 * STEP_S))
