"""Which of many points no other beats in everything: the Pareto set, where some prices are known only from below."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS = 256
"""Points that are compared with all others at once: it bounds the memory in use."""


def pareto(least: NDArray[np.float64], most: NDArray[np.float64] | None = None) -> NDArray[np.bool_]:
    """Return which points are not dominated.

    Parameters
    ----------
    least : array, shape (points, criteria)
        Costs, less is better; where a cost is not known, its lower bound.
    most : array, shape (points, criteria), optional
        Upper bounds of the same costs, infinite where there is none; the costs themselves, if not stated.

    Returns
    -------
    array of bool, shape (points,)
        True where no other point is sure to be as good in every criterion, and better in one.

    Notes
    -----
    A point dominates another where its upper bounds are at most the other's lower bounds, and one of them is less. That
    is a strict partial order, so each dominated point is dominated by one of the set. Points that are equal stay both.
    What has no upper bound dominates nothing. Status: reference.

    References
    ----------
    H. T. Kung, F. Luccio, F. P. Preparata, "On Finding the Maxima of a Set of Vectors", J. ACM 22(4), 1975,
    doi:10.1145/321906.321910.

    Examples
    --------
    >>> pareto(np.array([[1.0, 5.0], [2.0, 4.0], [3.0, 4.0]])).tolist()
    [True, True, False]
    >>> pareto(np.array([[2.0, 4.0], [3.0, 4.0]]), np.array([[np.inf, 4.0], [3.0, 4.0]])).tolist()
    [True, True]
    """
    most = least if most is None else most
    free = np.ones(len(least), dtype=np.bool_)
    for begin in range(0, len(least), ROWS):
        part = least[begin : begin + ROWS]
        free[begin : begin + ROWS] = ~dominates(most, part).any(axis=0)
    return free


def dominates(most: NDArray[np.float64], least: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which points, by their upper bounds, dominate which others, by their lower ones. Shape (others, points).

    Examples
    --------
    >>> dominates(np.array([[1.0, 1.0]]), np.array([[1.0, 1.0], [1.0, 2.0]])).tolist()
    [[False, True]]
    """
    no_worse = np.ones((len(most), len(least)), dtype=np.bool_)
    better = np.zeros_like(no_worse)
    for upper, lower in zip(most.T, least.T, strict=True):
        no_worse &= upper[:, None] <= lower[None, :]
        better |= upper[:, None] < lower[None, :]
    return no_worse & better
