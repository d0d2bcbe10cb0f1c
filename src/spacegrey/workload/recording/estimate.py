"""From samples to phases of demand: how much work, how parallel, how long it waited, and for what."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from spacegrey.workload.recording.clocks import ran_and_wanted
from spacegrey.workload.recording.instructions import cut_by_class, work_class
from spacegrey.workload.recording.phases import change_points, that_matter
from spacegrey.workload.recording.traffic import traffic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spacegrey.workload.recording.rating import Rating
    from spacegrey.workload.recording.sampling import Samples

MOSTLY = 0.5
"""A phase that waits for a drive in more of its time, after one that wrote, is the end of that writing."""

LITTLE_S = 0.05
"""Less waiting than this is not told apart from the time between two looks. [s]"""

DECADE = 0.5
"""What ten times the traffic is worth beside a thread more or less, where phases are told apart."""

FLOORS = np.array([0.05, 0.05, 0.3, 0.05])
"""Noise of the features at least: being blocked is yes or no at each look."""

CALM = (0.25, 0.5, 0.5, 0.5)
"""Of which differences of neighbours noise is told: threads' clocks take any value, the other features a few."""

MATTERS = np.array([0.3, 0.7, 0.6, 0.15])
"""Changes worth a phase: threads, decades of the drive's rate, share of waiting for it, memory traffic by a half."""

LEAST_WATCHED_S = 1e-3
"""Windows on the memory that saw less processor time than this tell nothing. [s]"""

SERIAL = 0.02
"""A smaller parallel share is the clocks' noise: one thread does it all."""

CLOCKS_S, CLOCKS_SHARE = 0.03, 0.02
"""How far the cores' clocks, which count in ticks, may lag behind the job's: ticks of two cores, and a share. [s]"""

ROUNDING = 1e-6


@dataclass(frozen=True)
class Stretch:
    """A phase as it was seen, what others took from it already put right.

    Attributes
    ----------
    begin_s, end_s : float
        From and to, in the recording. [s]
    alone_s : float
        How long it would have taken without the others on the computer. [s]
    cpu_s : float
        Processor time of all threads. [s]
    busy_s : float
        Part of ``alone_s`` in which a thread ran. [s]
    drive_s, wait_s : float
        Parts in which none ran and one waited for a drive, or none did. [s]
    parallel : float
        Share of the processor time that several threads spent at once.
    threads : int
        How many these were.
    memory_gib : float
        The most that was resident. [GiB]
    read_gb, write_gb : float
        From and to drives. [GB]
    others : float
        Mean number of cores that others kept busy.
    stolen : float
        The part of it that neighbours of a virtual machine took, as its host tells.
    looks : int
        Samples in it.
    gpu_busy : float
        Mean; NaN: not told.
    traffic_gb : float
        Moved between caches and memory, as far as misses or touched pages tell; NaN: not seen. [GB]
    watched_s : float
        Processor time in which touched pages were counted. [s]
    """

    begin_s: float
    end_s: float
    alone_s: float
    cpu_s: float
    busy_s: float
    drive_s: float
    wait_s: float
    parallel: float
    threads: int
    memory_gib: float
    read_gb: float
    write_gb: float
    others: float
    stolen: float
    looks: int
    gpu_busy: float
    traffic_gb: float
    watched_s: float

    @property
    def seen_s(self) -> float:
        """How long it took in the recording. [s]"""
        return self.end_s - self.begin_s


@dataclass(frozen=True)
class Demand:
    """What a phase asks for, in units that no machine owns.

    Attributes
    ----------
    gop : float
        Work of the recording's class. [10^9 operations]
    serial_order : float
        0: drive and processor worked side by side; 1: one after another.
    read_gb, write_gb : float
        What of the drive the job waited for or could not have been faster than, at the rated speeds. [GB]
    wait_s : float
        Time that passed with nothing to do. [s]
    stream_gb : float
        Memory traffic; 0 where it was not seen. [GB]
    memory : str
        ``unseen``; ``free``: the memory could do more; ``limits``: it holds the phase up; ``scattered``: more pages
        were touched than could have been moved.
    kind : str
        ``integer`` or ``float``: the class of its work.
    by : str
        Who says so: ``met``, threads of the phase were met at arithmetic of that kind; ``given``; ``assumed``.
    """

    stretch: Stretch
    gop: float
    serial_order: float
    read_gb: float
    write_gb: float
    wait_s: float
    stream_gb: float
    memory: Literal["unseen", "free", "limits", "scattered"] = "unseen"
    kind: str = "integer"
    by: Literal["met", "given", "assumed"] = "assumed"


def stretches(samples: Samples) -> list[Stretch]:
    """Return the phases of a recording.

    Parameters
    ----------
    samples : Samples
        At least two looks.

    Returns
    -------
    list of Stretch
        In order, without gaps.
    """
    c = samples.columns
    taken = {name: np.diff(values) for name, values in c.items()}
    dt = np.maximum(taken["time_s"], 1e-6)
    taken["cpu_s"], wanted = ran_and_wanted(samples)
    drive_rate = np.log10(1.0 + (taken["read_b"] + taken["write_b"]) / dt / 1e7)
    blocked = (c["blocked"][1:] > 0) & (c["runnable"][1:] == 0)
    streams = _streams(taken["touched_b"], taken["watched_s"])
    features = np.column_stack([np.minimum(wanted, 64.0), drive_rate, np.where(blocked, 1.0, 0.0), streams])
    cuts = that_matter(change_points(c["time_s"][1:], features, FLOORS, CALM), features, MATTERS)
    cuts = _with_ends_of_writing(cuts, taken["write_b"], blocked, wanted)
    cuts = cut_by_class(cuts, taken["met"], taken["floating"])
    return [_stretch(samples, taken, wanted, begin, end) for begin, end in pairwise(cuts)]


def _streams(touched_b: NDArray[np.float64], watched_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much a job streams, on a scale of decades: what the nearest window on its memory showed."""
    seen = np.flatnonzero(watched_s > 0.0)
    if not len(seen):
        return np.zeros(len(watched_s))
    rates = DECADE * np.log10(1.0 + touched_b[seen] / watched_s[seen] / 1e9)
    halfway = 0.5 * (seen[1:] + seen[:-1])
    return rates[np.searchsorted(halfway, np.arange(len(watched_s)))]


def _traffic_gb(taken: dict[str, NDArray[np.float64]], rows: slice, cpu_s: float) -> float:
    """Return what was moved between caches and memory; NaN where neither misses nor pages were counted. [GB]."""
    counted_b = float(taken["traffic_b"][rows].sum())
    if np.isfinite(counted_b):
        return counted_b / 1e9
    watched_s = float(taken["watched_s"][rows].sum())
    if watched_s < LEAST_WATCHED_S:
        return float("nan")
    return float(taken["touched_b"][rows].sum()) / watched_s * cpu_s / 1e9


def _with_ends_of_writing(
    cuts: list[int], write_b: NDArray[np.float64], blocked: NDArray[np.bool_], wanted: NDArray[np.float64]
) -> list[int]:
    """Return the cuts without those between writing into memory and waiting until it is on the drive."""
    kept = [cuts[0]]
    for number in range(1, len(cuts) - 1):
        before, after = slice(kept[-1], cuts[number]), slice(cuts[number], cuts[number + 1])
        waits = float(np.where(wanted[after] < 1.0, blocked[after], False).mean())  # noqa: FBT003 - numpy's choice
        if write_b[before].sum() > 0.0 and waits > MOSTLY and write_b[after].sum() < write_b[before].sum():
            continue
        kept.append(cuts[number])
    return [*kept, cuts[-1]]


def _threads(runnable: NDArray[np.float64], mean: float, ran: float, cores: int) -> int:
    """Return how many threads worked at once where several did.

    As many as looks met, unless so many, working so rarely as to want ``mean`` cores, could not have run on ``ran``.
    """
    several = runnable[runnable > 1]
    met = max(2, round(float(np.quantile(several, 0.9))) if len(several) else 2, round(mean), math.ceil(ran - SERIAL))
    if ran <= 1.0 or met <= cores or cores == 1:
        return met
    return max(min(met, int(1.0 + (mean - 1.0) * (cores - 1) / (ran - 1.0) + ROUNDING)), cores)


def _stretch(
    samples: Samples,
    taken: dict[str, NDArray[np.float64]],
    wanted: NDArray[np.float64],
    begin: int,
    end: int,
) -> Stretch:
    c, rows, cores = samples.columns, slice(begin, end), samples.cores
    dt, cpu_s = taken["time_s"][rows], float(taken["cpu_s"][rows].sum())
    seen_s = float(dt.sum())
    runnable = c["runnable"][begin + 1 : end + 1]
    active = np.minimum(wanted[rows], 1.0)
    active_s = float((active * dt).sum())
    mean = float((wanted[rows] * dt).sum()) / active_s if active_s > 0.0 else 1.0
    threads = _threads(runnable, mean, cpu_s / active_s if active_s > 0.0 else 0.0, cores)
    # All of them or one: the mean of the two is what was seen.
    together = min(max((mean - 1.0) / (threads - 1), 0.0), 1.0)
    pace = (1.0 - together) + together * min(threads, cores)
    parallel = together * min(threads, cores) / pace
    if parallel < SERIAL:
        threads, parallel, pace = 1, 0.0, 1.0
    busy_s = min(cpu_s / pace, seen_s) if active_s > 0.0 else 0.0
    idle = c["runnable"][begin + 1 : end + 1] == 0
    # Threads' clocks lose a little; looks that found nothing idle bound what was (the rule of three).
    met = float(idle.sum())
    most_idle_s = seen_s * min((met + 2.0 * met**0.5 + 3.0) / (end - begin), 1.0)
    all_busy_s, stolen_s = (float(np.nan_to_num(taken[name][rows]).sum()) for name in ("core_busy_s", "stolen_s"))
    # A stolen moment is in no thread's clock: of the job's cores it lost what its part of them was.
    lost_s = stolen_s * min(cpu_s / max(all_busy_s - stolen_s, 1e-9), 1.0) / pace
    idle_s = min(max(seen_s - max(active_s, busy_s) - lost_s, 0.0), most_idle_s)
    # What nobody had the cores for was not taken by others: the threads ran less side by side than looks met them.
    unexplained_s = seen_s - busy_s - idle_s - _others_s(samples, rows, all_busy_s - cpu_s, seen_s)
    if unexplained_s > 0.0:
        more_s = min(unexplained_s, max(cpu_s - busy_s, 0.0))
        busy_s, idle_s = busy_s + more_s, idle_s + unexplained_s - more_s
        parallel = _parallel(cpu_s, busy_s, min(threads, cores)) if more_s > 0.0 else parallel
    stuck = idle & (c["blocked"][begin + 1 : end + 1] > 0)
    moved = float(taken["read_b"][rows].sum() + taken["write_b"][rows].sum())
    # Looks that found it idle say for what; without one, a stretch that moved data waited for the drive.
    share = float(stuck.sum() / idle.sum()) if idle.any() else 1.0
    drive_s = idle_s * share if moved > 0.0 else 0.0
    gpu = c["gpu_busy"][begin + 1 : end + 1]
    return Stretch(
        begin_s=float(c["time_s"][begin]),
        end_s=float(c["time_s"][end]),
        alone_s=busy_s + idle_s,
        cpu_s=cpu_s,
        busy_s=busy_s,
        drive_s=drive_s,
        wait_s=idle_s - drive_s,
        parallel=parallel,
        threads=threads,
        memory_gib=float(c["memory_b"][begin : end + 1].max()) / 2**30,
        read_gb=float(taken["read_b"][rows].sum()) / 1e9,
        write_gb=float(taken["write_b"][rows].sum()) / 1e9,
        others=max(all_busy_s - cpu_s, 0.0) / max(seen_s, 1e-9),
        stolen=stolen_s / max(seen_s, 1e-9),
        looks=end - begin,
        gpu_busy=float(np.nanmean(gpu)) if np.isfinite(gpu).any() else float("nan"),
        traffic_gb=_traffic_gb(taken, rows, cpu_s),
        watched_s=float(taken["watched_s"][rows].sum()),
    )


def _others_s(samples: Samples, rows: slice, more_busy_s: float, seen_s: float) -> float:
    """Return what others can have taken of a job's time at most; without limit where the system does not tell it. [s].

    In a control group that gives less than whole cores the job waits while nobody has them.
    """
    told = np.isfinite(np.diff(samples.columns["core_busy_s"])[rows]).all()
    if samples.throttled or not told:
        return math.inf
    return max(more_busy_s, 0.0) + CLOCKS_S + CLOCKS_SHARE * seen_s


def _parallel(cpu_s: float, busy_s: float, at_once: int) -> float:
    """Return the share of processor time that several threads spent at once, from how long all of them took."""
    pace = cpu_s / busy_s if busy_s > 0.0 else 1.0
    together = min(max((pace - 1.0) / (at_once - 1), 0.0), 1.0) if at_once > 1 else 0.0
    return together * at_once / pace


def demand(stretch: Stretch, rating: Rating, cores: int, rate: float) -> Demand:
    """Return what a phase asks for, so that the rated host takes as long for it as it did.

    Parameters
    ----------
    stretch : Stretch
        The phase.
    rating : Rating
        The host that it ran on.
    cores : int
        That it was allowed to use.
    rate : float
        Work per clock of the host's core in the recording's class.

    Returns
    -------
    Demand
        Its units are those of the workload language.

    Notes
    -----
    Processor: work is processor time times clock times work per clock; a second thread of a core counts for what the
    rating found it to add. Drive: with C the time of the processor, D the time of waiting for the drive with nothing
    to compute, and S the time that the bytes take at the rated speed, the drive's own time is S held between D and
    C + D, and the part of it that did not overlap follows from max + serial * min = C + D. Memory: a roofline, whose
    ceiling for a number of cores was rated; a phase near it is taken to be at it. Status: reference.
    """
    at_once = min(stretch.threads, cores)
    clock_ghz = rating.clock_ghz if at_once <= 1 else rating.all_core_ghz
    serial_s = stretch.cpu_s * (1.0 - stretch.parallel)
    parallel_s = stretch.cpu_s * stretch.parallel
    # With more threads than cores a thread's second is worth less.
    second = max(0, min(at_once, rating.threads) - rating.cores)
    worth = (min(at_once, rating.cores) + rating.smt_gain * second) / max(at_once, 1)
    gop = (serial_s * rating.clock_ghz + parallel_s * clock_ghz * worth) * rate
    memory, stream_gb, stalled = traffic(stretch, rating, max(min(at_once, rating.cores), 1))
    gop *= stalled
    own_s = stretch.read_gb / rating.read_gb_s + stretch.write_gb / rating.write_gb_s
    if own_s <= 0.0 or stretch.drive_s + own_s < LITTLE_S:
        return Demand(stretch, gop, 0.0, 0.0, 0.0, stretch.wait_s + stretch.drive_s, stream_gb, memory)
    together_s = stretch.busy_s + stretch.drive_s
    drive_s = min(max(own_s, stretch.drive_s), together_s)
    longest, shortest = max(stretch.busy_s, drive_s), min(stretch.busy_s, drive_s)
    order = min(max((together_s - longest) / shortest, 0.0), 1.0) if shortest > 0.0 else 0.0
    scale = drive_s / own_s
    read_gb, write_gb = stretch.read_gb * scale, stretch.write_gb * scale
    return Demand(stretch, gop, order, read_gb, write_gb, stretch.wait_s, stream_gb, memory)


def demands(samples: Samples, rating: Rating, kind: str | None = None) -> list[Demand]:
    """Return what every phase of a recording asks for; phases with nothing in them go to their neighbours.

    Parameters
    ----------
    samples : Samples
        The recording.
    rating : Rating
        The host that it was made on.
    kind : str, optional
        ``integer`` or ``float``: the class of its work, if not as its threads were met.
    """
    found: list[Demand] = []
    for one in stretches(samples):
        if one.alone_s > 0.0:
            seen = work_class(samples.columns, one.begin_s, one.end_s)
            own = kind or seen or "integer"
            rate = rating.integer if own == "integer" else rating.floating
            asked = demand(one, rating, samples.cores, rate)
            found.append(replace(asked, kind=own, by="given" if kind else "met" if seen else "assumed"))
    return found


def alone_s(found: list[Demand]) -> float:
    """Return how long the job would have taken without the others on the computer. [s]."""
    return sum(one.stretch.alone_s for one in found)
