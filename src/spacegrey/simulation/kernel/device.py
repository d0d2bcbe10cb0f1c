"""The loop on a GPU: one thread for one machine, the same laws, the same steps as `advance`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spacegrey.jit import device_kernel
from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.kernel.advance import (
    DONE,
    MORE,
    NOT_FINITE,
    OBSERVATIONS_PER_SECOND,
    TICKS_PER_OBSERVATION,
    end_phase,
    start_phase,
)
from spacegrey.simulation.kernel.observe import observe
from spacegrey.simulation.kernel.tick import blow, fan_step, tick

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The compiler's module, put here when a kernel is first asked for; see `device_kernel`.
cuda: Any = None

# Where the phases of a machine begin, how many they are, and where their ends are written.
FIRST, COUNT, FIRST_END = range(3)

FIELDS = at.FIELD_COUNT  # a name of this module: the compiler takes the size of a thread's own array from no other


@device_kernel
def begin(m: NDArray[np.float64], phases: NDArray[np.float64], where: NDArray[np.int64]) -> None:
    """Begin a machine's first phase, as `advance.prepare` does.

    Parameters
    ----------
    m : float64, shape (FIELD_COUNT * w,)
        Parameters and state of ``w`` machines, laid out as `layout` says; changed in place.
    phases : float64, shape (n, PHASE_FIELDS)
        Phases; machines with equal ones share them.
    where : int64, shape (3, w)
        `FIRST`, `COUNT` and `FIRST_END` of each machine.
    """
    lane = cuda.grid(1)
    w = where.shape[1]
    if lane < w:
        blow(m, lane, w)
        start_phase(m, lane, w, phases, where[FIRST, lane])
        m[at.PHASE * w + lane] = 0.0


@device_kernel
def go_on(
    m: NDArray[np.float64],
    phases: NDArray[np.float64],
    where: NDArray[np.int64],
    todo: NDArray[np.int64],
    ends: NDArray[np.float64],
    status: NDArray[np.int64],
    seconds: int,
) -> None:
    """Advance a machine until it is done or ``seconds`` have passed.

    Parameters
    ----------
    m, phases, where
        As for `begin`.
    todo : int64, shape (threads,)
        The machines that are not done yet, one for each thread.
    ends : float64
        Written: when each phase of each machine ended. [s]
    status : int64, shape (w,)
        Written: `DONE`, `MORE` or `NOT_FINITE`.
    seconds : int
        Simulated seconds to run at most.
    """
    thread = cuda.grid(1)
    if thread >= todo.shape[0]:
        return
    lane = todo[thread]
    w = where.shape[1]
    first = where[FIRST, lane]
    count = int(where[COUNT, lane])
    mine = phases[first : first + count]
    first_end = where[FIRST_END, lane]
    my_ends = ends[first_end : first_end + count]
    # A copy of its own has constant places: half as many instructions, since none has to work out an address.
    own = cuda.local.array(FIELDS, np.float64)
    for field in range(FIELDS):
        own[field] = m[field * w + lane]
    outcome = MORE
    for _ in range(seconds):
        fan_step(own, 0, 1)
        for _ in range(OBSERVATIONS_PER_SECOND):
            for _ in range(TICKS_PER_OBSERVATION):
                tick(own, 0, 1)
                if own[at.PROGRESS] >= 1.0 and own[at.LIVE] > 0.5:
                    end_phase(own, 0, 1, mine, 0, count, my_ends)
            observe(own, 0, 1)
        if not (own[at.WALL_J] + own[at.T_CPU_JUNCTION] < 1e300):
            outcome = NOT_FINITE
            break
        if own[at.LIVE] < 0.5:
            outcome = DONE
            break
    for field in range(FIELDS):
        m[field * w + lane] = own[field]
    status[lane] = outcome
