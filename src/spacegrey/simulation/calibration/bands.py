"""How sure fitted numbers are when errors follow each other: warm spells, a room that drifts, a sensor that lags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_GROUPS = 240
TIMES = 9
"""Correlation times that are weighed against each other, evenly on a logarithmic scale ..."""
LONGEST = 1.0 / 3.0
"""... from one group of rows to this share of the log: a slower error is a level of its own. Assumed."""
LEAST_FLAT = 0.15
"""A reading that so much of a log stays at ..."""
STILL = 0.9
"""... and that is followed by itself so often, is rounded alike."""
SHARES = np.array([0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98])
"""Shares of the variance that follow, of which the likelihood chooses."""


def flat(temp_c: NDArray[np.float64]) -> tuple[NDArray[np.bool_], float]:
    """Return the rows of the reading that a log stays at, and the standard deviation of the rounding they share. [K].

    A processor that throttles is held at one temperature: the same rounded reading for minutes, whose rounding no
    number of rows averages out. None where no reading is that frequent and that still.

    Examples
    --------
    >>> rows, common_k = flat(np.array([40.0, 70.0, 90.0, *[100.0] * 17]))
    >>> int(rows.sum()), round(common_k, 2)
    (17, 2.89)
    """
    levels, count = np.unique(temp_c, return_counts=True)
    rows = temp_c == levels[int(np.argmax(count))]
    before = int(rows[:-1].sum())
    stays = int((rows[1:] & rows[:-1]).sum()) / before if before else 0.0
    if len(levels) < 2 or rows.mean() < LEAST_FLAT or stays < STILL:  # noqa: PLR2004 - one level has no distance
        return np.zeros(len(temp_c), dtype=bool), 0.0
    return rows, float(np.diff(levels).min()) / float(np.sqrt(12.0))


def correlated_covariance(
    jacobian: NDArray[np.float64],
    residual: NDArray[np.float64],
    worked_s: NDArray[np.float64],
    soft_k: float,
    common: tuple[NDArray[np.bool_], float] | None = None,
) -> NDArray[np.float64]:
    """Return the covariance of numbers that were fitted with a soft loss to errors that follow each other.

    Parameters
    ----------
    jacobian : float64, shape (rows, free)
        Of the prediction by the free numbers. [K]
    residual : float64, shape (rows,)
        Prediction less reading. [K]
    worked_s : float64, shape (rows,)
        Time without the gaps between segments. [s]
    soft_k : float
        Error beyond which the loss grows less than its square. [K]
    common : (bool array, float), optional
        Rows that share one error besides, and its standard deviation, as `flat` returns them. [K]

    Returns
    -------
    float64, shape (free, free)
        B M B, with B the inverse of the curvature and M the scatter of the score.

    Notes
    -----
    The error is taken as white noise plus an Ornstein-Uhlenbeck process of unknown share and correlation time. Each
    pair on a grid is weighed by its restricted likelihood, which accounts for what the fit itself has taken out of the
    residuals; M is the weighted mean. Rows are taken together in at most 240 groups. Status: reference.

    References
    ----------
    H. D. Patterson, R. Thompson, "Recovery of inter-block information when block sizes are unequal", Biometrika 58
    (1971), 545, doi:10.1093/biomet/58.3.545. P. J. Huber, "The behavior of maximum likelihood estimates under
    nonstandard conditions", Proc. 5th Berkeley Symp. (1967), 221.

    Examples
    --------
    >>> random = np.random.default_rng(1)
    >>> slope = np.linspace(-1.0, 1.0, 1000)[:, None]
    >>> white = random.normal(0.0, 0.1, 1000)
    >>> spread = float(np.sqrt(correlated_covariance(slope, white, np.arange(1000.0), 10.0)[0, 0]))
    >>> 0.0055 < spread < 0.01  # 0.1 over the root of the sum of squares is 0.0055; some memory cannot be ruled out
    True
    """
    scaled = 1.0 + (residual / soft_k) ** 2
    score, weight = residual / np.sqrt(scaled), scaled**-1.5
    bread = np.linalg.pinv(jacobian.T @ (jacobian * weight[:, None]), rcond=1e-12)
    each = -(-len(score) // MOST_GROUPS)
    edges = np.arange(0, len(score), each)
    size = np.diff(np.append(edges, len(score))).astype(np.float64)
    mean = np.add.reduceat(score, edges) / size
    summed = np.add.reduceat(jacobian, edges)
    place = np.add.reduceat(worked_s, edges) / size
    design = np.linalg.qr(summed / size[:, None])[0]
    apart = np.abs(place[:, None] - place[None, :])
    span = max(float(place[-1] - place[0]), 1e-6)
    times = np.geomspace(max(span / len(place), 1e-9), LONGEST * span, TIMES)
    followed = np.array([summed.T @ np.exp(-apart / one) @ summed for one in times])
    # White noise of a row is that of a group's mean times the rows of a group.
    alone = (jacobian.T @ jacobian) * each
    logs: list[float] = []
    scatters: list[NDArray[np.float64]] = []
    for number, one in enumerate(times):
        values, vectors = np.linalg.eigh(np.exp(-apart / one))
        turned_mean, turned = vectors.T @ mean, vectors.T @ design
        for share in SHARES:
            variance = share * np.maximum(values, 0.0) + (1.0 - share)
            inverse = 1.0 / variance
            curvature = turned.T @ (turned * inverse[:, None])
            pull = turned.T @ (turned_mean * inverse)
            solved = np.asarray(np.linalg.solve(curvature, pull), dtype=np.float64)
            left = float(turned_mean @ (turned_mean * inverse)) - float(pull @ solved)
            free = len(mean) - design.shape[1]
            level = max(left, 1e-30) / free
            logs.append(
                -0.5 * (float(np.log(variance).sum()) + float(np.linalg.slogdet(curvature)[1]) + free * np.log(level))
            )
            scatters.append(level * (share * followed[number] + (1.0 - share) * alone))
    chance: NDArray[np.float64] = np.exp(np.array(logs) - max(logs))
    middle = sum((part * one for part, one in zip(chance, scatters, strict=True)), np.zeros_like(alone))
    middle /= chance.sum()
    if common is not None and common[0].any():
        shared = (jacobian * weight[:, None])[common[0]].sum(axis=0) * common[1]
        middle = middle + np.outer(shared, shared)
    return bread @ middle @ bread
