"""What a job's threads ran and what they wanted, between one look and the next: two clocks of the system made one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spacegrey.workload.recording.sampling import Samples

KNOWN_SHARE = 0.8
"""Threads' own clocks are believed where they saw this share of the processor time; else states are counted."""


def ran_and_wanted(samples: Samples) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the processor time of a job in each interval, and how many threads ran or waited for a core in it.

    Parameters
    ----------
    samples : Samples
        At least two looks.

    Returns
    -------
    ran_s : float64, shape (looks - 1,)
        Processor time. [s]
    wanted : float64, shape (looks - 1,)
        Threads, on average over the interval; never less than ran.

    Notes
    -----
    A process's clock is told in hundredths of a second, cut off, and ends with everything in it that has ended. A
    thread's clock is told in nanoseconds, and is gone with the thread. So threads' clocks are taken, and what the
    process's clock has ever been ahead of them is what ended threads took unseen. Where processes live for less than a
    look there are no clocks of threads; then the process's clock is taken, and threads' states are counted. Status:
    reference.

    Examples
    --------
    Half a core for 0.3 s, as the process's clock tells it and as the thread's does.

    >>> from spacegrey.workload.recording.sampling import Samples
    >>> columns = {
    ...     "time_s": [0.0, 0.1, 0.2, 0.3],
    ...     "cpu_s": [0.0, 0.04, 0.09, 0.15],
    ...     "ran_s": [0.0, 0.05, 0.1, 0.15],
    ...     "wanted_s": [0.0, 0.05, 0.1, 0.15],
    ...     "runnable": [1.0, 1.0, 1.0, 1.0],
    ... }
    >>> taken = Samples("job", {name: np.array(column) for name, column in columns.items()}, 1, 0.0, 0, False, ())
    >>> ran_s, wanted = ran_and_wanted(taken)
    >>> ran_s.round(3).tolist(), wanted.round(3).tolist()
    ([0.05, 0.05, 0.05], [0.5, 0.5, 0.5])
    """
    c = samples.columns
    dt = np.maximum(np.diff(c["time_s"]), 1e-6)
    spent = float(c["cpu_s"][-1])
    # What an interval cannot have held, with so many cores or threads, is from the intervals before.
    most_s = samples.cores * dt
    if spent <= 0.0 or c["wanted_s"][-1] < KNOWN_SHARE * spent:
        coarse_s = _where_it_was(np.diff(c["cpu_s"]), most_s)
        counted = 0.5 * (c["runnable"][1:] + c["runnable"][:-1])
        return coarse_s, np.maximum(counted, coarse_s / dt)
    unseen_s = np.maximum.accumulate(np.maximum(c["cpu_s"] - c["ran_s"], 0.0))
    ran_s = _where_it_was(np.diff(c["ran_s"] + unseen_s), most_s)
    threads = np.maximum(np.maximum(c["runnable"][1:], c["runnable"][:-1]), 1.0)
    wanted_s = _where_it_was(np.diff(c["wanted_s"] + unseen_s), np.maximum(threads * dt, ran_s))
    return ran_s, np.maximum(wanted_s, ran_s) / dt


def _where_it_was(told_s: NDArray[np.float64], most_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what clocks told of each interval, with lumps spread over the time before them.

    Linux adds how long a thread waited for a core when it gets one, and what a child ran when its parent hears of it.
    """
    placed = told_s.copy()
    for here in range(len(placed) - 1, 0, -1):
        over_s = placed[here] - most_s[here]
        if over_s > 0.0:
            placed[here] -= over_s
            placed[here - 1] += over_s
    return placed
