"""What one core and all cores copy through memory, also while other programs take the cores from time to time."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEW_CORES = 16
ARRAY_MIB = 64
CHUNK_B = 2**20
LEAST_S, MOST_S = 0.15, 1.0
"""How long is copied: at least, and at most while too few chunks were left alone. [s]"""

ENOUGH = 50
"""Chunks of each core that nobody disturbed are enough."""

SLACK, CLOCK_S = 1.1, 2e-6
"""A chunk whose wall time is longer than its processor time by more was interrupted. Assumed."""

ROUNDS = 5

Log = list[tuple[float, float, float]]
"""Begin, end and processor time of each chunk. [s]"""


def memory_gb_s(cores: int) -> tuple[float, float]:
    """Return what one core and what all cores copy: the medians of five measurements in turn. [GB/s].

    Parameters
    ----------
    cores : int
        How many there are.

    Returns
    -------
    float, float
        One core, and all of them together, which is never less. [GB/s]

    Examples
    --------
    >>> one, every = memory_gb_s(1)
    >>> one == every
    True
    """
    if cores <= 1:
        alone = copied_gb_s(1)
        return alone, alone
    rounds = [(copied_gb_s(1), copied_gb_s(cores)) for _ in range(ROUNDS)]
    alone, every = (float(np.median(column)) for column in zip(*rounds, strict=True))
    return alone, max(alone, every)


def copied_gb_s(cores: int) -> float:
    """Return what a number of cores copies together, each between arrays of its own far beyond the caches.

    Parameters
    ----------
    cores : int
        Threads that copy at the same time, at least 1.

    Returns
    -------
    float
        Bytes read and written, each counted once. [GB/s]

    Notes
    -----
    The kernel Copy of STREAM [1]_, by the system's own routine. Only chunks count that ran without interruption while
    every other thread did too: so others on the computer leave few chunks, and not wrong ones. Status: reference.

    References
    ----------
    .. [1] McCalpin, Memory bandwidth and machine balance in current high performance computers, IEEE TCCA Newsletter,
       December 1995, https://www.cs.virginia.edu/stream/.

    Examples
    --------
    >>> copied_gb_s(1) > 0.1
    True
    """
    mib = ARRAY_MIB if cores <= FEW_CORES else ARRAY_MIB // 4
    arrays = [np.ones((2, mib * 2**20), np.uint8) for _ in range(cores)]
    logs: list[Log] = [[] for _ in range(cores)]
    together, stop = threading.Barrier(cores), threading.Event()
    threads = [
        threading.Thread(target=_copy, args=(arrays[number], logs[number], together, stop), daemon=True)
        for number in range(cores)
    ]
    for one in threads:
        one.start()
    begun = time.perf_counter()
    try:
        while time.perf_counter() - begun < MOST_S:
            time.sleep(LEAST_S)
            if len(undisturbed_s([list(log) for log in logs])) >= ENOUGH * cores:
                break
    finally:
        stop.set()
        for one in threads:
            one.join()
    return cores * 2.0 * CHUNK_B / float(np.median(undisturbed_s(logs))) / 1e9


def undisturbed_s(logs: list[Log]) -> NDArray[np.float64]:
    """Return how long chunks took that nobody interrupted, at times when as many as possible were copied. [s].

    Parameters
    ----------
    logs : list of Log
        One for each thread.

    Returns
    -------
    float64, shape (chunks,)
        At least one: the shortest, where every chunk was interrupted.

    Examples
    --------
    Two threads; the second waits for a core while the first copies its second chunk.

    >>> one = [(0.0, 1e-4, 1e-4), (1e-4, 2e-4, 1e-4)]
    >>> other = [(0.0, 1e-4, 1e-4), (1e-4, 5e-4, 1e-4)]
    >>> undisturbed_s([one, other]).tolist()
    [0.0001, 0.0001]
    """
    tables = [np.array(log, dtype=np.float64).reshape(-1, 3) for log in logs]
    took = [table[:, 1] - table[:, 0] for table in tables]
    whole = [wall <= SLACK * table[:, 2] + CLOCK_S for wall, table in zip(took, tables, strict=True)]
    beside = [np.zeros(len(wall), np.int64) for wall in took]
    for here, table in enumerate(tables):
        middle = 0.5 * (table[:, 0] + table[:, 1])
        for there, other in enumerate(tables):
            if there == here or not len(other):
                continue
            place = np.maximum(np.searchsorted(other[:, 0], middle) - 1, 0)
            beside[here] += (middle < other[place, 1]) & (middle >= other[place, 0]) & whole[there][place]
    every_s, fit, count = np.concatenate(took), np.concatenate(whole), np.concatenate(beside)
    if not fit.any():
        return np.array([every_s.min()]) if len(every_s) else np.array([np.inf])
    return every_s[fit & (count == count[fit].max())]


def _copy(arrays: NDArray[np.uint8], log: Log, together: threading.Barrier, stop: threading.Event) -> None:
    source, target = arrays
    np.copyto(target, source)
    together.wait()
    place = 0
    while not stop.is_set():
        part = slice(place, place + CHUNK_B)
        begin, spent = time.perf_counter(), time.thread_time()
        np.copyto(target[part], source[part])
        spent = time.thread_time() - spent
        log.append((begin, time.perf_counter(), spent))
        place = (place + CHUNK_B) % len(source)
