"""The thermal ladder that a log can show: one to three lumps between the sensor and the room, many trials at once.

Heat enters at the sensor's lump and leaves from the last one into the air, whose conductance follows the fan and, for
buoyancy or a fan that nobody logged, the rise itself, perhaps late. What the package takes beside its cores may enter a
lump further on. Each trial is a row of `COLUMNS`.
"""

# ruff: noqa: PLR2004 - the order of a ladder is one, two or three

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np  # noqa: TC002 - the compiler reads no annotations

from spacegrey.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_ORDER = 3
# what a trial's row holds: K/W from each lump to the next and J/K of each, the air, the heat, what a later log may have
# of its own (a warmer room, a logarithm of the last resistance), what other parts add to the air at the fan's highest
# speed, then each segment's start
COLUMNS = (
    "r1", "r2", "r3", "c1", "c2", "c3", "room", "fan_exponent", "rise_exponent", "gpu_k_per_w", "rise_lag",
    "rest_share", "later_room", "loss", "air_above",
)  # fmt: skip
RISE_REFERENCE_K = 30.0
"""Rise at which the last resistance is stated where it depends on the rise. [K]"""
_GAMMA = 1.0 - 1.0 / math.sqrt(2.0)
_LONGEST_STEP_S = 2.0
_LEAST_FAN = 0.02
_LEAST_RISE_K = 2.0


@kernel
def ladder(
    trials: NDArray[np.float64],
    order: int,
    step_s: NDArray[np.float64],
    power_w: NDArray[np.float64],
    rest_w: NDArray[np.float64],
    gpu_w: NDArray[np.float64],
    fan: NDArray[np.float64],
    start: NDArray[np.int64],
    first_c: NDArray[np.float64],
    later: int,
    out: NDArray[np.float64],
) -> None:
    """Fill ``out`` (trials, rows) with the sensor's temperature. [degC].

    Parameters
    ----------
    trials : float64, shape (trials, 15 + segments)
        Rows as in `COLUMNS`; after them for each segment the share of the first rise that the last lump has.
    order : int
        Lumps, 1 to 3; resistances and capacities beyond are not used, and the last resistance is that to the air.
    step_s : float64, shape (rows,)
        Time since the row before. [s]
    power_w, rest_w, gpu_w : float64, shape (rows,)
        Mean over the step before a row; ``rest_w`` is what of ``power_w`` is not the cores'. [W]
    fan : float64, shape (rows,)
        Speed as a share of the highest in the log; 1 where none is logged.
    start : int64, shape (rows,)
        Number of the segment where one starts, else -1.
    first_c : float64, shape (rows,)
        First reading of a segment. [degC]
    later : int
        First segment of a later log, if there is one.
    out : float64, shape (trials, rows)
        The answer.

    Notes
    -----
    Each step is the L-stable, second-order SDIRK method with gamma = 1 - 1/sqrt(2), at most 2 s long; the air's
    conductance is held over a step.

    References
    ----------
    R. Alexander, "Diagonally implicit Runge-Kutta methods for stiff O.D.E.'s", SIAM J. Numer. Anal. 14 (1977), 1006.
    """
    rows = step_s.shape[0]
    for trial in range(trials.shape[0]):
        values = trials[trial]
        r1, r2, r3 = values[0], values[1], values[2]
        lag, beside = values[10], 1.0 - values[11]
        c1, c2, c3 = values[3], values[4], values[5]
        last = r1 if order == 1 else (r2 if order == 2 else r3)
        g12 = 1.0 / r1 if order > 1 else 0.0
        g23 = 1.0 / r2 if order > 2 else 0.0
        x1 = x2 = x3 = followed = shift = 0.0
        kept = 1.0
        for row in range(rows):
            room = values[6] + values[9] * gpu_w[row] + values[14] / max(fan[row], _LEAST_FAN)
            if start[row] >= 0:
                if start[row] >= later:
                    shift, kept = values[12], math.exp(-values[13])
                x1 = first_c[row] - values[6]
                low = shift + (x1 - shift) * values[15 + start[row]]
                followed = x1 if order == 1 else low
                if order == 1:
                    x2 = x3 = 0.0
                elif order == 2:
                    x2, x3 = low, 0.0
                else:
                    # between sensor and last lump as heat would flow: in the proportion of the resistances
                    x3 = low
                    x2 = low + (x1 - low) * r2 / (r1 + r2)
                out[trial, row] = first_c[row]
                continue
            count = math.ceil(step_s[row] / _LONGEST_STEP_S)
            h = step_s[row] / max(count, 1)
            air = room - values[6] + shift
            other = beside * rest_w[row]
            heat = power_w[row] - other
            for _ in range(count):
                edge = x1 if order == 1 else (x2 if order == 2 else x3)
                followed = edge if lag <= 0.0 else followed + (edge - followed) * h / (lag + h)
                rise = max(followed - air, _LEAST_RISE_K)
                g_air = max(fan[row], _LEAST_FAN) ** values[7] * (rise / RISE_REFERENCE_K) ** values[8] * kept / last
                gh = _GAMMA * h
                k1a, k1b, k1c = _slope(x1, x2, x3, gh, order, g12, g23, g_air, c1, c2, c3, heat, other, air)
                w = h * (1.0 - _GAMMA)
                k2a, k2b, k2c = _slope(
                    x1 + w * k1a, x2 + w * k1b, x3 + w * k1c, gh, order, g12, g23, g_air, c1, c2, c3, heat, other, air
                )
                x1 += w * k1a + gh * k2a
                x2 += w * k1b + gh * k2b
                x3 += w * k1c + gh * k2c
            out[trial, row] = x1 + values[6]


@kernel
def _slope(
    x1: float, x2: float, x3: float, gh: float, order: int, g12: float, g23: float, g_air: float,
    c1: float, c2: float, c3: float, power_w: float, other_w: float, air: float,
) -> tuple[float, float, float]:  # fmt: skip
    """Return k of one implicit stage: C k = f(x + gh k), a tridiagonal system. [K/s]."""
    if order == 1:
        return (power_w - g_air * (x1 - air)) / (c1 + gh * g_air), 0.0, 0.0
    f1 = power_w - g12 * (x1 - x2)
    if order == 2:
        f2 = other_w + g12 * (x1 - x2) - g_air * (x2 - air)
        a, b, d = c1 + gh * g12, -gh * g12, c2 + gh * (g12 + g_air)
        det = a * d - b * b
        return (f1 * d - b * f2) / det, (a * f2 - b * f1) / det, 0.0
    f2 = other_w + g12 * (x1 - x2) - g23 * (x2 - x3)
    f3 = g23 * (x2 - x3) - g_air * (x3 - air)
    a1, b1 = c1 + gh * g12, -gh * g12
    a2, b2 = c2 + gh * (g12 + g23), -gh * g23
    a3 = c3 + gh * (g23 + g_air)
    m2 = b1 / a1
    a2 -= m2 * b1
    f2 -= m2 * f1
    m3 = b2 / a2
    a3 -= m3 * b2
    f3 -= m3 * f2
    k3 = f3 / a3
    k2 = (f2 - b2 * k3) / a2
    return (f1 - b1 * k2) / a1, k2, k3
