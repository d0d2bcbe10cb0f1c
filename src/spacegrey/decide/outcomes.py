"""What many configurations make of some workloads: simulated once for each distinct physics, then spread out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.errors import Refusal
from spacegrey.parts.cooling.laws import fan_noise_dba
from spacegrey.simulation.batch import simulate_batch
from spacegrey.simulation.lowering import lower
from spacegrey.simulation.parameters import lanes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from spacegrey.machine.assembly import Machine
    from spacegrey.workload.library import Workload

DISTANCE_M = 0.5
"""Where the ear is: before the display. [m]"""

ROOM_DBA = 18.0
"""A quiet room, assumed: the floor of most data sheets of the catalog. [dBA]"""

Key = tuple[int, float, bytes, bytes]


@dataclass(frozen=True)
class Outcomes:
    """Results of machines (rows) under workloads (columns); NaN where a machine refuses the work.

    Attributes
    ----------
    speed : array, shape (machines, workloads)
        Grows with speed: the score, its inverse where less is better, work a second where there is none.
    duration_s, energy_wh, noise_dba, wall_power_w : array, shape (machines, workloads)
        Of one run of each workload: how long, energy from the wall, and the highest noise (as `comparable_noise_dba`
        has it) and wall power in it.
    refusal : dict of (machine, workload) to str
        Why there is no result.
    distinct : int
        Runs that were simulated; all others are the same physics.
    """

    speed: NDArray[np.float64]
    duration_s: NDArray[np.float64]
    energy_wh: NDArray[np.float64]
    noise_dba: NDArray[np.float64]
    wall_power_w: NDArray[np.float64]
    refusal: dict[tuple[int, int], str]
    distinct: int


def outcomes(machines: Sequence[Machine], workloads: Sequence[Workload]) -> Outcomes:
    """Simulate every machine under every workload.

    Examples
    --------
    >>> from spacegrey.decide.candidates import configurations
    >>> from spacegrey.workload.library import workload
    >>> found = outcomes(configurations("imac-pro"), [workload("cinebench-r15")])
    >>> found.speed.shape, found.distinct
    ((144, 1), 12)
    """
    shape = (len(machines), len(workloads))
    refusal: dict[tuple[int, int], str] = {}
    place: dict[Key, int] = {}
    jobs: list[tuple[Workload, Machine]] = []
    job_of = np.full(shape, -1, dtype=np.int64)
    starts = np.ascontiguousarray(lanes(machines).T)
    for row, machine in enumerate(machines):
        start = starts[row].tobytes()
        for column, workload in enumerate(workloads):
            try:
                key = column, machine.ambient_c, start, lower(workload, machine).tobytes()
            except Refusal as error:
                refusal[row, column] = str(error)
                continue
            if key not in place:
                place[key] = len(jobs)
                jobs.append((workload, machine))
            job_of[row, column] = place[key]
    table = simulate_batch(jobs)
    for row, column in np.argwhere(job_of >= 0):
        words = str(table["refusal"][job_of[row, column]])
        if words:
            refusal[int(row), int(column)] = words

    def spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.append(values, np.nan)[job_of]

    speed = np.array([
        speed_value(workload, float(score), float(delivered), float(duration_s))
        for (workload, _), score, delivered, duration_s in zip(
            jobs, table["score"], table["delivered"], table["duration_s"], strict=True
        )
    ])  # fmt: skip
    noise_dba = np.array([
        comparable_noise_dba(machine, float(rpm)) for (_, machine), rpm in zip(jobs, table["fan_rpm_max"], strict=True)
    ])  # fmt: skip
    return Outcomes(
        spread(speed),
        spread(table["duration_s"]),
        spread(table["energy_wh"]),
        spread(noise_dba),
        spread(table["wall_power_w_max"]),
        refusal,
        len(jobs),
    )


def speed_value(workload: Workload, score: float, delivered: float, duration_s: float) -> float:
    """Return a number that grows with the speed of a run: its score if it has one, else work per second."""
    if workload.spec.score is None:
        return delivered / duration_s
    return score if workload.spec.score.better == "higher" else 1.0 / score


def comparable_noise_dba(machine: Machine, rpm: float) -> float:
    """Return the noise of a machine at the same distance and in the same room as any other's.

    Parameters
    ----------
    machine : Machine
        Whose fans turn.
    rpm : float
        Fan speed. [1/min]

    Returns
    -------
    float
        As `comparable_level_dba` has it. [dBA]

    Examples
    --------
    >>> from spacegrey.machine.assembly import machine
    >>> (
    ...     round(comparable_noise_dba(machine("macbook-air-m1"), 0.0), 1),
    ...     round(comparable_noise_dba(machine("mac-pro-2013"), 770.0), 1),
    ... )
    (18.0, 22.2)
    """
    fans = machine.cooling.fans
    if not fans.count:
        return ROOM_DBA
    if not math.isfinite(rpm):
        return math.nan
    level_dba = fan_noise_dba(rpm, fans.noise_rpm, fans.noise_dba, fans.noise_exponent, fans.floor_dba)
    return float(comparable_level_dba(machine, np.array(level_dba)))


def comparable_level_dba(machine: Machine, level_dba: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return levels of a run as they are at the same distance and in the same room as any other machine's.

    Parameters
    ----------
    machine : Machine
        Whose levels they are.
    level_dba : array
        As a run has them: at the distance and over the floor of the machine's data sheet. [dBA]

    Returns
    -------
    array
        Levels at `DISTANCE_M` in a room of `ROOM_DBA`. [dBA]

    Notes
    -----
    The floor is taken off as a power, the fans' rest grows by 20 lg(d_sheet / d), the room is added as a power. Data
    sheets state noise at the distance and over the floor of whoever measured it, 32 dBA in the review of the Mac Pro of
    2013; a run keeps those, a comparison must not. The floor of a PC that is built from parts stays: it holds the fans
    of its card and its supply, which no law covers. Status: as the noise of the machine; the distance law is that of a
    free field, reference.

    Examples
    --------
    >>> from spacegrey.machine.assembly import machine
    >>> old = machine("mac-pro-2013")  # measured at 0.457 m in a room of 32.2 dBA
    >>> comparable_level_dba(old, np.array([32.2, 44.5])).round(1).tolist()
    [18.0, 43.5]
    """
    fans = machine.cooling.fans
    floor_dba = ROOM_DBA if machine.spec.model or not fans.count else fans.floor_dba
    nearer = (fans.noise_distance_m / DISTANCE_M) ** 2
    fans_alone = np.maximum(10.0 ** (level_dba / 10.0) - 10.0 ** (fans.floor_dba / 10.0), 0.0)
    return 10.0 * np.log10(nearer * fans_alone + 10.0 ** (floor_dba / 10.0))
