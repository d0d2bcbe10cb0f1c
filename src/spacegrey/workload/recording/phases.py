"""Where a recording changes: phases between change points."""

from __future__ import annotations

from itertools import pairwise
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LEAST_S = 0.15
"""A phase lasts at least so long: two looks. What noise would cut off the penalty keeps together. [s]"""

MOST = 200
"""Phases of one recording."""

PENALTY = 8.0
"""What a cut must save, in noise variances times the log of the number of looks, for each feature."""

NOISE_FLOOR = 0.05
"""A feature that is steadier, in its own unit (threads, shares), is taken to be as noisy as this."""


def change_points(
    time_s: NDArray[np.float64],
    features: NDArray[np.float64],
    floor: float | NDArray[np.float64] = NOISE_FLOOR,
    calm: Sequence[float] | None = None,
) -> list[int]:
    """Return where the means of features change.

    Parameters
    ----------
    time_s : float64, shape (n,)
        End of each interval, rising. [s]
    features : float64, shape (n, k)
        One row for each interval, in units in which 0.05 is small.
    floor : float or float64, shape (k,)
        The least that a feature's noise is taken to be: more than 0.05 where it only has a few values.
    calm : sequence of float, shape (k,), optional
        The quantile of its neighbours' differences that tells each feature's noise; a half if not stated. Less suits a
        feature that takes any value: one with a few values has many differences of nothing.

    Returns
    -------
    list of int
        Rows at which phases begin, the first 0, and ``n`` at the end.

    Notes
    -----
    Binary segmentation with squared error: the cut that saves most, again and again, while it saves more than a
    penalty of 8 k log n noise variances. The noise is told by a quantile of the differences of neighbours, or by their
    median: in a short recording half of them may be changes, or parts of one. Status: reference.

    References
    ----------
    .. [1] Scott, Knott, A cluster analysis method for grouping means in the analysis of variance, Biometrics 30, 1974.

    Examples
    --------
    >>> time_s = np.arange(1, 101) * 0.1
    >>> level = np.where(time_s > 4.0, 2.0, 1.0)[:, None]
    >>> change_points(time_s, level)
    [0, 40, 100]
    """
    count, width = features.shape
    steps = np.abs(np.diff(features, axis=0)) if count > 1 else np.zeros((1, width))
    noise = [_noise(steps[:, place], share) for place, share in enumerate(calm or [0.5] * width)]
    scaled = features / np.maximum(noise, floor)
    sums = np.vstack([np.zeros(width), np.cumsum(scaled, axis=0)])
    starts = np.concatenate([[0.0], time_s[:-1]]) if count else time_s
    least = PENALTY * width * np.log(max(count, 2))
    cuts, waiting = [0, count], [(0, count)]
    while waiting and len(cuts) <= MOST:
        begin, end = waiting.pop(0)
        found = _best_cut(sums, starts, time_s, begin, end)
        if found and found[1] > least:
            cuts.append(found[0])
            waiting += [(begin, found[0]), (found[0], end)]
    return sorted(cuts)


def _noise(steps: NDArray[np.float64], share: float) -> float:
    """Return the standard deviation of normal noise of which a share of the steps is as small as it is here."""
    return float(np.quantile(steps, share)) / (2.0**0.5 * NormalDist().inv_cdf(0.5 * (1.0 + share)))


def that_matter(cuts: list[int], features: NDArray[np.float64], matters: NDArray[np.float64]) -> list[int]:
    """Return the cuts at which some feature's mean changes by as much as matters; the weakest others go first.

    Parameters
    ----------
    cuts : list of int
        As `change_points` returns them.
    features : float64, shape (n, k)
        One row for each interval.
    matters : float64, shape (k,)
        Changes of each feature that are worth a phase.

    Returns
    -------
    list of int
        A part of the cuts, with the first and the last.

    Examples
    --------
    >>> level = np.array([1.0, 1.0, 1.1, 1.1, 2.0, 2.0])[:, None]
    >>> that_matter([0, 2, 4, 6], level, np.array([0.3]))
    [0, 4, 6]
    """
    kept = list(cuts)
    while len(kept) > 2:  # noqa: PLR2004 - begin and end
        means = np.array([features[begin:end].mean(axis=0) for begin, end in pairwise(kept)])
        changes = (np.abs(np.diff(means, axis=0)) / matters).max(axis=1)
        weakest = int(np.argmin(changes))
        if changes[weakest] >= 1.0:
            break
        del kept[weakest + 1]
    return kept


def _best_cut(
    sums: NDArray[np.float64], starts: NDArray[np.float64], ends: NDArray[np.float64], begin: int, end: int
) -> tuple[int, float] | None:
    """Return the row that cuts a stretch best and how much squared error that saves, or None if it is too short."""
    places = np.arange(begin + 1, end)
    if not len(places):
        return None
    long_enough = (starts[places] - starts[begin] >= LEAST_S) & (ends[end - 1] - starts[places] >= LEAST_S)
    places = places[long_enough]
    if not len(places):
        return None
    left, right = (places - begin)[:, None], (end - places)[:, None]
    before = (sums[places] - sums[begin]) / left
    after = (sums[end] - sums[places]) / right
    saved = (left * right / (end - begin) * (before - after) ** 2).sum(axis=1)
    best = int(np.argmax(saved))
    return int(places[best]), float(saved[best])
