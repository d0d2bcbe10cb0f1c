"""The loop: seconds of fan control, tenths of a second of observation, hundredths of clocks, power and heat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spacegrey.jit import kernel, law
from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.kernel.observe import observe, record
from spacegrey.simulation.kernel.tick import STEP_S, blow, fan_step, tick

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TICKS_PER_OBSERVATION = 10
OBSERVATIONS_PER_SECOND = 10

# Why `advance` returned.
DONE, MORE, NOT_FINITE = range(3)


@law
def start_phase(m: NDArray[np.float64], lane: int, w: int, phases: NDArray[np.float64], number: int) -> None:
    """Copy phase ``number`` into a lane and begin it."""
    m[at.PHASE * w + lane] = number
    m[at.PROGRESS * w + lane] = 0.0
    for i in range(at.PHASE_FIELDS):
        m[(at.PHASE_BEGIN + i) * w + lane] = phases[number, i]


@law
def end_phase(
    m: NDArray[np.float64],
    lane: int,
    w: int,
    phases: NDArray[np.float64],
    first: int,
    count: int,
    ends: NDArray[np.float64],
) -> None:
    """Close the phase that a lane has finished: note when, and begin the next one or rest."""
    number = int(m[at.PHASE * w + lane])
    beyond_s = (m[at.PROGRESS * w + lane] - 1.0) / m[at.STEP_PROGRESS * w + lane] * m[at.SPAN_S * w + lane]
    ends[first + number] = m[at.TIME_S * w + lane] - beyond_s
    m[at.CARRY_S * w + lane] = beyond_s
    # The last step went beyond the end; take back the share of it that it delivered.
    pace_s = m[at.Q_PACE_S * w + lane]
    late = m[at.Q_REALTIME * w + lane] > 0.5
    m[at.DELIVERED * w + lane] -= (m[at.PROGRESS * w + lane] - 1.0) * (pace_s * m[at.SHARE * w + lane] if late else 1.0)
    if number + 1 < count:
        start_phase(m, lane, w, phases, first + number + 1)
        m[at.PHASE * w + lane] = number + 1
        return
    m[at.LIVE * w + lane] = 0.0
    held = 0.0
    for i in range(at.NODE_COUNT):
        held += m[(at.CAPACITY + i) * w + lane] * m[i * w + lane]
    m[at.HELD_J * w + lane] = held * STEP_S


@kernel
def prepare(
    m: NDArray[np.float64], lanes: tuple[int, ...], phases: NDArray[np.float64], first: NDArray[np.int64]
) -> None:
    """Begin every lane's first phase, with the air flow of the fan speed it starts with."""
    w = len(lanes)
    for lane in range(w):
        blow(m, lane, w)
        start_phase(m, lane, w, phases, first[lane])
        m[at.PHASE * w + lane] = 0.0


@kernel
def advance(
    m: NDArray[np.float64],
    lanes: tuple[int, ...],
    phases: NDArray[np.float64],
    first: NDArray[np.int64],
    count: NDArray[np.int64],
    ends: NDArray[np.float64],
    trace: NDArray[np.float64],
    seconds: int,
) -> tuple[int, int]:
    """Advance the machines of a lane array, until all are done or ``seconds`` have passed.

    Parameters
    ----------
    m : float64, shape (FIELD_COUNT * w,)
        Parameters and state of ``w`` machines, laid out as `layout` says; changed in place.
    lanes : tuple of int
        Its length is ``w``: the compiler sees a constant.
    phases : float64, shape (n, PHASE_FIELDS)
        Phases of all machines, one after another.
    first, count : int64, shape (w,)
        Where each machine's phases begin, and how many they are.
    ends : float64, shape (n,)
        Written: when each phase ended. [s]
    trace : float64, shape (rows, columns)
        Written for the first machine, a row for each tenth of a second; no rows: no trace.
    seconds : int
        Simulated seconds to run at most.

    Returns
    -------
    int, int
        `DONE`, `MORE` (time is over, continue with the same arrays) or `NOT_FINITE`; and rows written to ``trace``.
    """
    w = len(lanes)
    # The same number, but not known when compiled: a loop of known length would be unrolled before laws are inlined,
    # and never become vector code.
    count_of_lanes = first.shape[0]
    row = 0
    for _ in range(seconds):
        for lane in range(count_of_lanes):
            fan_step(m, lane, w)
        for _ in range(OBSERVATIONS_PER_SECOND):
            for _ in range(TICKS_PER_OBSERVATION):
                for lane in range(count_of_lanes):
                    tick(m, lane, w)
                for lane in range(count_of_lanes):
                    if m[at.PROGRESS * w + lane] >= 1.0 and m[at.LIVE * w + lane] > 0.5:
                        end_phase(m, lane, w, phases, first[lane], int(count[lane]), ends)
            if row < trace.shape[0] and (m[at.LIVE * w] > 0.5 or (row == 0 and m[at.OBSERVED_S * w] == 0.0)):
                observe(m, 0, w)
                record(m, 0, w, trace[row])
                row += 1
                for lane in range(1, count_of_lanes):
                    observe(m, lane, w)
            else:
                for lane in range(count_of_lanes):
                    observe(m, lane, w)
        live = 0.0
        total = 0.0
        for lane in range(count_of_lanes):
            live += m[at.LIVE * w + lane]
            total += m[at.WALL_J * w + lane] + m[at.T_CPU_JUNCTION * w + lane]
        if not (total < 1e300):
            return NOT_FINITE, row
        if live < 0.5:
            return DONE, row
    return MORE, row
