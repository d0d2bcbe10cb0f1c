"""Many machines on one GPU: what goes there, how long it works at a time, and what comes back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spacegrey.errors import InputError, Refusal
from spacegrey.jit import device, no_gpu
from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.kernel.advance import MORE
from spacegrey.simulation.kernel.device import begin, go_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

CHUNK = 1 << 17
"""Machines that are prepared and sent together: several for each thread that a large GPU runs at a time. Assumed: it
was not tried on a GPU."""

THREADS = 64
"""Threads of a block. A step needs so many registers that larger blocks would leave some unused. Assumed, as above."""

LAUNCH_S = 0.4
"""How long one launch works, about: displays' watchdogs end a kernel after some seconds. [s]"""

SPARE = 0.9
"""Share of the free memory that is used."""

# What a result needs of a lane, as ranges of fields.
KEPT = ((at.LIVE, at.HELD_J + 1), (at.OBSERVED_S, at.FIELD_COUNT))


@dataclass(frozen=True)
class Finished:
    """What machines came to."""

    lanes: NDArray[np.float64]
    """Fields of the machines, shape (FIELD_COUNT, w); those that no result needs are NaN."""
    ends: list[NDArray[np.float64]]
    """When each phase of each machine ended. [s]"""
    status: NDArray[np.int64]
    """`DONE`, `NOT_FINITE`, or `MORE` where time was over first."""


def run_machines(
    lanes: NDArray[np.float64], phases: Sequence[NDArray[np.float64]], most_s: int, launch_s: float = LAUNCH_S
) -> Finished:
    """Run machines on the GPU until each is done.

    Parameters
    ----------
    lanes : float64, shape (FIELD_COUNT, w)
        The machines, one in a column, before their first phase.
    phases : sequence of float64 arrays, shape (n, PHASE_FIELDS), ``w`` of them
        The phases of each machine; an array that stands for several machines is sent once.
    most_s : int
        Simulated seconds after which a machine is given up.
    launch_s : float, optional
        How long a launch of the kernel may take, about. [s]

    Returns
    -------
    Finished
        The lanes, the ends of the phases and the status of each machine.

    Raises
    ------
    InputError
        This computer has no GPU, or not what it needs to be used.
    Refusal
        The GPU has too little memory even for one machine.
    """
    cuda = device()
    need = (lanes.shape[0] * lanes.itemsize * lanes.shape[1]) + sum(one.nbytes + 8 * len(one) for one in phases)
    free = cuda.current_context().get_memory_info().free
    if need > SPARE * free and len(phases) > 1:
        half = len(phases) // 2
        return _joined(
            run_machines(lanes[:, :half], phases[:half], most_s, launch_s),
            run_machines(lanes[:, half:], phases[half:], most_s, launch_s),
        )
    if need > SPARE * free:
        raise Refusal(f"the GPU has {free / 1e6:.1f} MB of free memory, and one machine needs {need / 1e6:.1f} MB")
    try:
        return _run(cuda, lanes, phases, most_s, launch_s)
    except ImportError as error:  # what numba's errors about drivers and libraries are
        raise InputError(no_gpu(error)) from None


def _joined(left: Finished, right: Finished) -> Finished:
    return Finished(
        np.concatenate([left.lanes, right.lanes], axis=1),
        left.ends + right.ends,
        np.concatenate([left.status, right.status]),
    )


def _run(
    cuda: Any,  # noqa: ANN401 - a module without types
    lanes: NDArray[np.float64],
    phases: Sequence[NDArray[np.float64]],
    most_s: int,
    launch_s: float,
) -> Finished:
    shared, where = _placed(phases)
    fields, w = lanes.shape
    m = cuda.to_device(np.ascontiguousarray(lanes).reshape(-1))
    shared, places = cuda.to_device(shared), cuda.to_device(where)
    ends = cuda.to_device(np.zeros(int(where[1].sum())))
    status = cuda.to_device(np.full(w, MORE))
    begin()[_blocks(w), THREADS](m, shared, places)
    todo: NDArray[np.int64] = np.arange(w, dtype=np.int64)
    for seconds in _slices(cuda, most_s, launch_s):
        go_on()[_blocks(len(todo)), THREADS](m, shared, places, cuda.to_device(todo), ends, status, seconds)
        # Threads of machines that are done are not launched again.
        todo = np.flatnonzero(np.asarray(status.copy_to_host(), np.int64) == MORE)
        if not len(todo):
            break
    after = np.full((fields, w), np.nan)
    for first, beyond in KEPT:
        after[first:beyond] = m[first * w : beyond * w].copy_to_host().reshape(-1, w)
    ended = ends.copy_to_host()
    return Finished(after, np.split(ended, where[2, 1:]), status.copy_to_host())


def _blocks(threads: int) -> int:
    return -(-threads // THREADS)


def _placed(phases: Sequence[NDArray[np.float64]]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the phases, each array once, and where each machine finds its own; see `kernel.device.begin`."""
    distinct = {id(one): one for one in phases}
    lengths = np.array([len(one) for one in distinct.values()])
    begins = dict(zip(distinct, np.cumsum(lengths) - lengths, strict=True))
    count = np.array([len(one) for one in phases])
    first = np.array([begins[id(one)] for one in phases])
    return np.concatenate(list(distinct.values())), np.stack([first, count, np.cumsum(count) - count])


def _slices(cuda: Any, most_s: int, launch_s: float) -> Iterator[int]:  # noqa: ANN401 - a module without types
    """Yield the simulated seconds of each launch: few at first, then as many as take about ``launch_s``."""
    seconds, left = 1, most_s
    while left > 0:
        seconds = min(seconds, left)
        # The first launch of all compiles the kernel; what it took is no measure.
        cuda.synchronize()
        begun = time.perf_counter()
        yield seconds
        cuda.synchronize()
        took = time.perf_counter() - begun
        left -= seconds
        # At most twice as long, so that no launch takes much more than was seen.
        seconds = max(1, min(2 * seconds, int(seconds * launch_s / max(took, 1e-9))))
