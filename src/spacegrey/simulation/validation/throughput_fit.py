"""Fit of speeds: rates of core designs, sizes and scaling of benchmarks, on all published rows of speed at once.

The clocks come from the simulation: the fit alternates between running every machine and solving for the
parameters with the clocks held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import least_squares

from spacegrey import fits
from spacegrey.simulation.validation.throughput_parameters import PARAMETERS, Parameter
from spacegrey.simulation.validation.throughput_rows import SpeedRow, Values, errors_ln, simulate_slowdowns, speed_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

STEP = 1e-3
"""Step of a variable for the slope of the rows with it."""

ENOUGH = 3e-5
"""A fit ends when a step lowers the loss by less than this share of it."""


@dataclass(frozen=True)
class Fitted:
    """The outcome of a fit."""

    values: Values
    rows: int
    parameters: int
    mean_absolute_percent: float
    by_workload: dict[str, float]


def fit(rounds: int = 3) -> Fitted:
    """Fit every parameter on every row of speed that a simulated score answers.

    Parameters
    ----------
    rounds : int
        How often the clocks are simulated anew.

    Returns
    -------
    Fitted
        Values by owner and key, and how well they do.
    """
    rows = speed_rows()
    free = free_parameters(rows)
    x = np.array([p.to_x(p.start) for p in free])
    for turn in range(rounds):
        simulate_slowdowns(rows, overlay(free, x))
        if turn == 0:
            x = _scale_constants(free, x, rows)
        x = solve(free, x, rows)
    values = overlay(free, x)
    percent = 100.0 * np.abs(np.expm1(errors_ln(rows, values)))
    by: dict[str, list[float]] = {}
    for row, error in zip(rows, percent, strict=True):
        by.setdefault(row.workload, []).append(float(error))
    return Fitted(values, len(rows), len(free), float(percent.mean()), {k: float(np.mean(v)) for k, v in by.items()})


def free_parameters(rows: Sequence[SpeedRow]) -> list[Parameter]:
    """Return the parameters that some row can tell something about."""
    used = {f"workloads/{row.workload}" for row in rows}
    return [p for p in PARAMETERS if any(owner in used or "workloads/" not in owner for owner, _ in p.places)]


def stored(free: Sequence[Parameter]) -> NDArray[np.float64]:
    """Return the variables of the values that stand in ``catalog/fits``.

    Raises
    ------
    KeyError
        A parameter was never fitted.
    """
    return np.array([p.to_x(float(fits.values(p.places[0][0])[p.places[0][1]])) for p in free])


def overlay(free: Sequence[Parameter], x: NDArray[np.float64]) -> Values:
    """Return the values of the variables, by owner and key."""
    values: Values = {}
    for parameter, value in zip(free, x, strict=True):
        for owner, key in parameter.places:
            values.setdefault(owner, {})[key] = parameter.to_value(float(value))
    return values


def touched(parameter: Parameter, rows: Sequence[SpeedRow]) -> list[int]:
    """Return the rows that a parameter can change."""
    owners = {owner for owner, _ in parameter.places}
    return [
        number
        for number, row in enumerate(rows)
        if f"workloads/{row.workload}" in owners
        or any(f"microarchitectures/{one.processor.microarchitecture}" in owners for one in row.machines)
        or any(f"graphics-architectures/{one.graphics.architecture}" in owners for one in row.machines)
        or ("population" in owners and row.asked.best_of)
    ]


def sensitivity(free: Sequence[Parameter], x: NDArray[np.float64], rows: Sequence[SpeedRow]) -> NDArray[np.float64]:
    """Return by how much each row's logarithm moves with each variable, by a forward difference: (rows, variables)."""
    base = errors_ln(rows, overlay(free, x))
    matrix = np.zeros((len(rows), len(free)))
    for n, parameter in enumerate(free):
        if mine := touched(parameter, rows):
            moved = x.copy()
            moved[n] += STEP
            matrix[mine, n] = (errors_ln([rows[k] for k in mine], overlay(free, moved)) - base[mine]) / STEP
    return matrix


def solve(
    free: Sequence[Parameter], x: NDArray[np.float64], rows: Sequence[SpeedRow], *, most: int = 40
) -> NDArray[np.float64]:
    """Return the variables that agree best with some rows and with what is believed of the parameters beforehand."""
    starts = np.array([p.to_x(p.start) for p in free])
    believed = [(n, p.prior_sigma) for n, p in enumerate(free) if p.prior_sigma]
    sigma = np.array([row.sigma for row in rows])

    def residuals(x: NDArray[np.float64]) -> NDArray[np.float64]:
        prior = [(x[n] - starts[n]) / s for n, s in believed]
        return np.concatenate([np.expm1(errors_ln(rows, overlay(free, x))) / sigma, prior])

    def jacobian(x: NDArray[np.float64]) -> NDArray[np.float64]:
        matrix = np.zeros((len(rows) + len(believed), len(free)))
        ratio = np.exp(errors_ln(rows, overlay(free, x)))
        matrix[: len(rows)] = sensitivity(free, x, rows) * (ratio / sigma)[:, np.newaxis]
        for k, (n, s) in enumerate(believed):
            matrix[len(rows) + k, n] = 1.0 / s
        return matrix

    ends = np.array([sorted((p.to_x(p.low), p.to_x(p.high))) for p in free])
    inside = np.clip(x, ends[:, 0] + 1e-9, ends[:, 1] - 1e-9)
    solved = least_squares(
        residuals,
        inside,
        jac=jacobian,
        bounds=(ends[:, 0], ends[:, 1]),
        loss="soft_l1",
        x_scale="jac",
        ftol=ENOUGH,
        max_nfev=most,
    )
    return np.asarray(solved.x)


def _scale_constants(free: Sequence[Parameter], x: NDArray[np.float64], rows: list[SpeedRow]) -> NDArray[np.float64]:
    """Start every constant where its rows come out right on average."""
    errors = errors_ln(rows, overlay(free, x))
    x = x.copy()
    for number, parameter in enumerate(free):
        if parameter.name.endswith(" constant"):
            mine = [k for k in touched(parameter, rows) if not rows[k].asked.against]
            x[number] -= float(np.median(errors[mine])) if mine else 0.0
    return x
