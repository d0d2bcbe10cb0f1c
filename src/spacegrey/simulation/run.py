"""One run: a machine under a workload, from the first to the last phase."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spacegrey import __version__
from spacegrey.errors import Refusal
from spacegrey.simulation.cautions import cautions
from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.kernel.advance import DONE, NOT_FINITE, OBSERVATIONS_PER_SECOND, advance, prepare
from spacegrey.simulation.kernel.observe import LIMITS, OBSERVED, TRACE_COLUMNS
from spacegrey.simulation.kernel.tick import STEP_S
from spacegrey.simulation.lowering import lower, nominal_seconds
from spacegrey.simulation.parameters import lane
from spacegrey.simulation.trace import Trace, from_rows
from spacegrey.simulation.verdict import verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow as pa
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from spacegrey.machine.assembly import Machine
    from spacegrey.workload.library import Workload

LONGEST_S = 30 * 24 * 3600
"""A run that takes longer is refused. [s]"""

MOST_ROWS = 400_000
"""A trace with more rows keeps every second row, again and again."""

RESULT_NAMES = {"cpu_temp_k": "cpu_temp_c", "gpu_temp_k": "gpu_temp_c", "gpu_clock_mhz": "gpu_clock_ghz"}
"""Names of observed quantities in results, where they differ from those inside the kernel."""

STATUS_ORDER = ("reference", "calibrated", "illustrative")
ONE_LANE = (0,)


@dataclass(frozen=True)
class Range:
    """Least, mean over time, most and last value of a quantity in a run."""

    min: float
    mean: float
    max: float
    end: float


@dataclass(frozen=True)
class PhaseResult:
    """One phase as it ran. Times in s from the start of the run."""

    name: str
    repeat: int
    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """How long it took. [s]"""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class Limit:
    """What limited the work, and in which share of the time."""

    name: str
    share: float


@dataclass(frozen=True)
class Result:
    """The score of a run, if its workload states one."""

    value: float
    unit: str
    better: str


@dataclass(frozen=True)
class Run:
    """A finished run: a pure function of machine, workload, environment and version, all of them kept in it."""

    machine: Machine
    workload: Workload
    version: str
    duration_s: float
    score: Result | None
    delivered: float
    energy_wh: float
    peak_cpu_temp_c: float
    peak_gpu_temp_c: float
    summary: dict[str, Range]
    phases: tuple[PhaseResult, ...]
    limits: tuple[Limit, ...]
    verdict: str
    status: str
    energy_balance_error: float
    trace: Trace

    def __repr__(self) -> str:
        score = f"{self.score.value:.5g} {self.score.unit}, " if self.score else ""
        return f"Run({self.workload.id!r} on {self.machine.selector!r}: {score}{self.duration_s:.1f} s)"

    def plot(self, *names: str) -> Figure:
        """Return the run drawn over time, one panel for each unit.

        Parameters
        ----------
        *names : str
            Columns of the trace; the usual ones if none is named.

        Returns
        -------
        matplotlib.figure.Figure
            A notebook shows it; ``savefig`` writes it.

        Raises
        ------
        InputError
            A column is unknown, or matplotlib is not installed.
        """
        from spacegrey.simulation.drawing import draw

        return draw(self.trace, f"{self.workload.name} on {self.machine.spec.name}", names)

    def to_arrow(self) -> pa.Table:
        """Return the trace as an Arrow table with the unit and meaning of each column in its schema."""
        return self.trace.to_arrow()

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:  # noqa: ANN401 - a capsule of C
        """Return the trace as an Arrow stream, which pandas, polars, DuckDB and others read as it is."""
        return self.trace.__arrow_c_stream__(requested_schema)

    def write(self, path: str | Path) -> None:
        """Write the run as one Parquet file, whole or not at all; any dataframe library opens it.

        Raises
        ------
        InputError
            The path cannot be written.
        """
        from pathlib import Path

        from spacegrey.simulation.runfile import save

        save(self, Path(path))

    def _repr_html_(self) -> str:
        """Return the answers as tables and small drawings, for a notebook."""
        from spacegrey.simulation.runfile import record
        from spacegrey.simulation.shown import run_html

        return run_html(record(self), self.trace)


def simulate(workload: Workload, machine: Machine, progress: Callable[[float, float], None] | None = None) -> Run:
    """Run a workload on a machine.

    Parameters
    ----------
    workload : Workload
        What is asked.
    machine : Machine
        Who is asked, in which room and with which settings.
    progress : callable, optional
        Called about once for each ten simulated minutes with the share of phases done and the simulated time in s.

    Returns
    -------
    Run
        Result, limits, verdict, and the trace.

    Raises
    ------
    Refusal
        The machine cannot do the work, or not within 30 simulated days.

    Examples
    --------
    >>> from spacegrey.machine.assembly import machine
    >>> from spacegrey.workload.library import workload
    >>> run = simulate(workload("cinebench-r15"), machine("imac-pro"))
    >>> round(run.summary["cpu_clock_ghz"].max, 1)
    3.9
    """
    phases = lower(workload, machine)
    check(workload, machine, phases)
    m = lane(machine)
    first, count = np.zeros(1, np.int64), np.array([len(phases)])
    ends = np.zeros(len(phases))
    held_before = held_j(m)
    prepare(m, ONE_LANE, phases, first)
    pieces: list[NDArray[np.float64]] = []
    chunk_s, status, rows, stride = 600, -1, 0, 1
    while status != DONE:
        recorded = np.zeros((chunk_s * OBSERVATIONS_PER_SECOND, len(TRACE_COLUMNS)))
        status, written = advance(m, ONE_LANE, phases, first, count, ends, recorded, chunk_s)
        if status == NOT_FINITE:
            raise Refusal(f"{workload.id} on {machine.selector}: the simulation left the numbers; please report this")
        # A strided view would keep the whole chunk in memory.
        pieces.append(np.ascontiguousarray(recorded[:written:stride]))
        rows += len(pieces[-1])
        if rows > MOST_ROWS:
            pieces, stride = [np.concatenate(pieces)[::2]], stride * 2
            rows = len(pieces[0])
        if status != DONE and m[at.TIME_S] > LONGEST_S:
            raise Refusal(f"{workload.id} on {machine.selector}: not done after 30 simulated days; ask for less work")
        if progress:
            progress((m[at.PHASE] + min(m[at.PROGRESS], 1.0)) / len(phases), m[at.TIME_S])
    trace = from_rows(np.concatenate(pieces), machine.ambient_c)
    if not all(np.isfinite(column).all() for column in trace.columns.values()):
        raise Refusal(f"{workload.id} on {machine.selector}: its numbers are too extreme to compute with")
    summary = {name: Range(*map(float, values)) for name, values in observed(m, machine.ambient_c).items()}
    limits = _limits(m)
    results = _phases(workload, ends)
    delivered = float(m[at.DELIVERED]) / len(phases)
    return Run(
        machine=machine,
        workload=workload,
        version=__version__,
        duration_s=float(ends[-1]),
        score=None
        if workload.spec.score is None
        else Result(score_value(workload, ends, delivered), workload.spec.score.unit, workload.spec.score.better),
        delivered=delivered,
        energy_wh=float(m[at.WALL_J]) / 3600.0,
        peak_cpu_temp_c=float(m[at.PEAK_CPU_K]) + machine.ambient_c,
        peak_gpu_temp_c=float(m[at.PEAK_GPU_K]) + machine.ambient_c,
        summary=summary,
        phases=results,
        limits=limits,
        verdict=f"{verdict(machine, workload, summary, limits, delivered)} {cautions(machine, trace)}".rstrip(),
        status=max((machine.spec.status, machine.cooling.status, workload.spec.status), key=STATUS_ORDER.index),
        energy_balance_error=float(balance_error(m, held_before)),
        trace=trace,
    )


def check(workload: Workload, machine: Machine, phases: NDArray[np.float64]) -> float:
    """Refuse work that cannot be computed, would never end, or has no port; return its nominal duration. [s]."""
    if not np.isfinite(phases).all():
        raise Refusal(f"{workload.id} on {machine.selector}: its demands are too large to compute with")
    for phase in workload.phases:
        wired = machine.spec.ports.ethernet_gbit_s or (machine.external and machine.external.network)
        if phase.network and phase.network.link == "ethernet" and not wired:
            raise Refusal(f"{workload.id}: phase {phase.name!r} needs Ethernet, and {machine.spec.name} has none")
        if phase.network and phase.network.link == "wifi" and not machine.spec.ports.wifi_gbit_s:
            raise Refusal(f"{workload.id}: phase {phase.name!r} needs Wi-Fi, and {machine.spec.name} has none")
    takes_s = float(nominal_seconds(phases, machine).sum())
    if takes_s > LONGEST_S:
        raise Refusal(f"{workload.id} on {machine.selector}: takes more than 30 simulated days; ask for less work")
    return takes_s


def held_j(m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the heat that the nodes hold over that of the room, lane by lane. [J]."""
    capacity = m[at.CAPACITY : at.CAPACITY + at.NODE_COUNT] * STEP_S
    return np.asarray((capacity * m[: at.NODE_COUNT]).sum(axis=0))


def balance_error(m: NDArray[np.float64], held_before_j: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what of the energy is not accounted for, as a share of what came in, lane by lane."""
    heat_in = m[at.WALL_J] - m[at.EXTERNAL_J]
    return np.abs(heat_in - m[at.OUT_J] - (m[at.HELD_J] - held_before_j)) / np.maximum(heat_in, 1e-9)


def observed(m: NDArray[np.float64], ambient_c: NDArray[np.float64] | float) -> dict[str, NDArray[np.float64]]:
    """Return least, mean, most and last of each observed quantity, by its name in results, lane by lane."""
    found: dict[str, NDArray[np.float64]] = {}
    for number, inside in enumerate(OBSERVED):
        first = at.EXTREMES + at.STATISTICS * number
        values = m[first : first + at.STATISTICS].copy()
        values[1] /= m[at.OBSERVED_S]
        if inside.endswith("_k"):
            values += ambient_c
        elif inside.endswith("_mhz"):
            values *= 1e-3
        found[RESULT_NAMES.get(inside, inside)] = values
    return found


def _limits(m: NDArray[np.float64]) -> tuple[Limit, ...]:
    seen = m[at.LIMIT_S : at.LIMIT_S + len(LIMITS)] / m[at.OBSERVED_S]
    found = [Limit(name, float(share)) for name, share in zip(LIMITS, seen, strict=True) if share > 0.0]
    return tuple(sorted(found, key=lambda limit: -limit.share))


def _phases(workload: Workload, ends: NDArray[np.float64]) -> tuple[PhaseResult, ...]:
    starts = [0.0, *ends[:-1]]
    names = [phase.name for phase in workload.phases]
    return tuple(
        PhaseResult(names[i % len(names)], i // len(names) + 1, float(start), float(end))
        for i, (start, end) in enumerate(zip(starts, ends, strict=True))
    )


def score_value(workload: Workload, ends: NDArray[np.float64], delivered: float) -> float:
    """Return the score of a run whose phases ended at these times, or NaN if its workload states none."""
    score = workload.spec.score
    if score is None:
        return float("nan")
    took = np.diff(ends, prepend=0.0).reshape(workload.spec.repeat, len(workload.phases)).sum(axis=0)
    counts = [not score.phases or phase.name in score.phases for phase in workload.phases]
    seconds = float(took[counts].sum()) / workload.spec.repeat
    if score.kind == "time":
        return score.constant * seconds
    if score.kind == "rate":
        return score.constant / seconds
    frames = sum(phase.pace.hz * phase.pace.seconds for phase in workload.phases if phase.pace)
    return score.constant * frames * delivered / seconds
