"""One run: a machine under a workload, from the first to the last phase."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spacegrey import __version__
from spacegrey.errors import Refusal
from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.kernel.advance import DONE, NOT_FINITE, OBSERVATIONS_PER_SECOND, advance, prepare
from spacegrey.simulation.kernel.observe import LIMITS, OBSERVED, TRACE_COLUMNS
from spacegrey.simulation.kernel.tick import STEP_S
from spacegrey.simulation.lowering import lower
from spacegrey.simulation.parameters import lane
from spacegrey.simulation.trace import Trace, from_rows
from spacegrey.simulation.verdict import verdict
from spacegrey.units import ZERO_CELSIUS_K

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from spacegrey.machine.assembly import Machine
    from spacegrey.workload.library import Workload

LONGEST_S = 30 * 24 * 3600
"""A run that takes longer is refused. [s]"""

MOST_ROWS = 400_000
"""A trace with more rows keeps every second row, again and again."""

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
    _check(workload, machine, phases)
    m = lane(machine)
    first, count = np.zeros(1, np.int64), np.array([len(phases)])
    ends = np.zeros(len(phases))
    held_before = _held_j(m)
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
    trace = from_rows(np.concatenate(pieces))
    if not all(np.isfinite(column).all() for column in trace.columns.values()):
        raise Refusal(f"{workload.id} on {machine.selector}: its numbers are too extreme to compute with")
    summary = _summary(m, trace)
    limits = _limits(m)
    results = _phases(workload, ends)
    heat_in = m[at.WALL_J] - m[at.EXTERNAL_J]
    balance = abs(heat_in - m[at.OUT_J] - (m[at.HELD_J] - held_before)) / max(heat_in, 1e-9)
    delivered = float(m[at.DELIVERED]) / len(phases)
    return Run(
        machine=machine,
        workload=workload,
        version=__version__,
        duration_s=float(ends[-1]),
        score=_score(workload, results, delivered),
        delivered=delivered,
        energy_wh=float(m[at.WALL_J]) / 3600.0,
        peak_cpu_temp_c=float(m[at.PEAK_CPU_K]) - ZERO_CELSIUS_K,
        peak_gpu_temp_c=float(m[at.PEAK_GPU_K]) - ZERO_CELSIUS_K,
        summary=summary,
        phases=results,
        limits=limits,
        verdict=verdict(machine, summary, limits, delivered),
        status=max((machine.spec.status, machine.cooling.status, workload.spec.status), key=STATUS_ORDER.index),
        energy_balance_error=float(balance),
        trace=trace,
    )


def _check(workload: Workload, machine: Machine, phases: NDArray[np.float64]) -> None:
    if not np.isfinite(phases).all():
        raise Refusal(f"{workload.id} on {machine.selector}: its demands are too large to compute with")
    for phase in workload.phases:
        if phase.network and phase.network.link == "ethernet" and not machine.spec.ports.ethernet_gbit_s:
            raise Refusal(f"{workload.id}: phase {phase.name!r} needs Ethernet, and {machine.spec.name} has none")
        if phase.network and phase.network.link == "wifi" and not machine.spec.ports.wifi_gbit_s:
            raise Refusal(f"{workload.id}: phase {phase.name!r} needs Wi-Fi, and {machine.spec.name} has none")


def _held_j(m: NDArray[np.float64]) -> float:
    """Return the heat that the nodes hold. [J]."""
    return float(np.dot(m[at.CAPACITY : at.CAPACITY + at.NODE_COUNT] * STEP_S, m[: at.NODE_COUNT]))


def _summary(m: NDArray[np.float64], trace: Trace) -> dict[str, Range]:
    names = {"cpu_temp_k": "cpu_temp_c", "gpu_temp_k": "gpu_temp_c", "gpu_clock_mhz": "gpu_clock_ghz"}
    summary: dict[str, Range] = {}
    for number, inside in enumerate(OBSERVED):
        least, total, most = m[at.EXTREMES + 3 * number : at.EXTREMES + 3 * number + 3]
        shift = ZERO_CELSIUS_K if inside.endswith("_k") else 0.0
        scale = 1e-3 if inside.endswith("_mhz") else 1.0
        name = names.get(inside, inside)
        values = (least, total / m[at.OBSERVED_S], most)
        low, mean, high = (float(value * scale - shift) for value in values)
        summary[name] = Range(low, mean, high, float(trace[name][-1]))
    return summary


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


def _score(workload: Workload, results: tuple[PhaseResult, ...], delivered: float) -> Result | None:
    score = workload.spec.score
    if score is None:
        return None
    seconds = (
        sum(one.duration_s for one in results if not score.phases or one.name in score.phases) / workload.spec.repeat
    )
    if score.kind == "time":
        value = score.constant * seconds
    elif score.kind == "rate":
        value = score.constant / seconds
    else:
        frames = sum(phase.pace.hz * phase.pace.seconds for phase in workload.phases if phase.pace)
        value = score.constant * frames * delivered / seconds
    return Result(value, score.unit, score.better)
