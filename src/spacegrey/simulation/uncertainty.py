"""How sure an answer is: numbers without a source drawn anew, many runs, and which of them matters most.

What a data sheet or a workload assumes, and what was fitted, is drawn from a band around its value; what a source
states is kept. The bands are set here, by kind of quantity.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from spacegrey.errors import InputError
from spacegrey.simulation.batch import COLUMNS, simulate_batch
from spacegrey.simulation.named import Named, names, with_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from spacegrey.machine.assembly import Machine
    from spacegrey.workload.library import Workload

QUANTILES = {"p10": 0.1, "p50": 0.5, "p90": 0.9}

ASSUMED = 0.10
"""Standard deviation of a number that is assumed, as a share of it. Assumed: what two engineers differ by."""

FITTED = 0.04
"""Standard deviation of a number that was fitted, as a share of it: the median error of the fit that made it."""

CLOCK = 0.02
"""Standard deviation of an assumed clock or speed, as a share of it. Assumed: about half a step of 0.1 GHz."""

VOLTAGE = 0.03
"""Standard deviation of a voltage curve, as a share of it. Assumed: parts of one kind spread by as much."""

OFFSETS = {"_c": 2.0, "_dba": 1.5}
"""Standard deviation of temperatures in K and of levels in dB, by the end of their names. Assumed."""

CUT = 2.0
"""Draws are cut off at so many standard deviations."""

NEAR_ONE = 0.5
"""From here a share is drawn by what it lacks to one, which has twice the spread: 0.999 can never be 1.1."""

SIZES = ("_gop", "_gflop", "tflop", "stream_gb", "chase_g", "traffic_gb")
"""Ends of the names of amounts of work."""

MOST_REFUSED = 0.5
"""With a larger share of draws that cannot be, the bands would be those of what is left."""


@dataclass(frozen=True)
class Uncertain:
    """A number, or some that move together, with its band.

    Attributes
    ----------
    name : str
        Name of the number, or of the list that it stands in.
    members : tuple of Named
        What moves.
    spread : float
        Standard deviation: a share, or kelvin or dB if ``additive``.
    additive : bool
        Whether a draw is added, and not multiplied.
    """

    name: str
    members: tuple[Named, ...]
    spread: float
    additive: bool

    @property
    def reason(self) -> str:
        """Why there is no source."""
        return self.members[0].reason

    def moved(self, standard: float) -> dict[str, float]:
        """Return the values at so many standard deviations from the stated ones."""
        if self.additive:
            return {one.name: one.value + self.spread * standard for one in self.members}
        factor = 1.0 + self.spread * standard
        if all(NEAR_ONE < one.value < 1.0 for one in self.members):
            return {one.name: 1.0 - (1.0 - one.value) * (1.0 + 2.0 * self.spread * standard) for one in self.members}
        return {one.name: one.value * factor for one in self.members}


@dataclass(frozen=True)
class Bands:
    """What a run's quantities lie between.

    Attributes
    ----------
    quantities : dict of str to dict
        ``p10``, ``p50`` and ``p90`` of each column of a batch.
    samples, refused : int
        Draws, and those among them that cannot be (such as a release above its trip), which are left out.
    uncertain : int
        Numbers, or groups of them, that were drawn.
    """

    quantities: dict[str, dict[str, float]]
    samples: int
    refused: int
    uncertain: int


@dataclass(frozen=True)
class Share:
    """What one uncertain number contributes to the variance of an answer.

    Attributes
    ----------
    first, total : float
        Sobol indices: alone, and together with all others.
    total_low, total_high : float
        95 % confidence interval of ``total``, by bootstrap.
    """

    uncertain: Uncertain
    first: float
    total: float
    total_low: float
    total_high: float


def uncertain_numbers(machine: Machine, workload: Workload) -> list[Uncertain]:
    """Return every number of a machine and a workload that no source states, with its band.

    Examples
    --------
    >>> from spacegrey.machine.assembly import machine
    >>> from spacegrey.workload.library import workload
    >>> found = uncertain_numbers(machine("imac-pro"), workload("cinebench-r15"))
    >>> "cooling.conductances.cpu_sink_air" in {one.name for one in found}
    True
    """
    groups: dict[str, list[Named]] = {}
    of_work = names(workload)
    # The constant of a score is fitted for the work as it is stated: its own band holds what both are unsure of.
    scored = "workload.score.constant" in of_work and of_work["workload.score.constant"].ground == "fitted"
    for one in [*names(machine).values(), *of_work.values()]:
        if scored and one.name.startswith("workload.") and one.name.endswith(SIZES):
            continue
        if one.ground not in ("assumed", "fitted") or one.value == 0.0 or not isinstance(one.value, float):
            continue
        parts = one.name.split(".")
        places = [part for part in parts if part.isdigit()]
        # A point of a curve is where it is; only its value is uncertain, and that with the whole curve.
        if len(places) > 1 and places[-1] == "0":
            continue
        key = ".".join(part for part in parts if not part.isdigit()) if places else one.name
        # Temperatures of one controller are settings of one hand: they move together.
        key = key.rpartition(".")[0] + ".*_c" if key.endswith("_c") and ".controller." in key else key
        groups.setdefault(key, []).append(one)
    return [_uncertain(name, tuple(members)) for name, members in groups.items()]


def bands(
    workload: Workload,
    machine: Machine,
    samples: int = 256,
    seed: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Bands:
    """Return between which values a run's quantities lie, given what its numbers stand on.

    Parameters
    ----------
    workload, machine : Workload, Machine
        The run.
    samples : int
        Draws, from 8 to 65,536; a Latin hypercube over all uncertain numbers.
    seed : int
        Of the draws.
    progress : callable, optional
        Called with the number of runs done since the last call.

    Raises
    ------
    InputError
        Too few or too many samples, or too many draws that cannot be.

    Notes
    -----
    Status: illustrative. The bands hold what is known to be unknown: numbers without a source. They do not hold what
    the model leaves out, nor the spread from one specimen to the next beyond those numbers.

    Examples
    --------
    >>> from spacegrey.machine.assembly import machine
    >>> from spacegrey.workload.library import workload
    >>> found = bands(workload("cinebench-r15"), machine("imac-pro"), samples=32).quantities["cpu_power_w_mean"]
    >>> found["p10"] < found["p50"] < found["p90"]
    True
    """
    if not 8 <= samples <= 65_536:  # noqa: PLR2004
        raise InputError(f"bands: {samples} samples: from 8 to 65536")
    uncertain = uncertain_numbers(machine, workload)
    unit = stats.qmc.LatinHypercube(d=max(len(uncertain), 1), seed=seed).random(samples)
    table = _run(workload, machine, uncertain, _standard(unit), progress)
    ran = table["refusal"] == ""
    refused = int(samples - ran.sum())
    if refused > MOST_REFUSED * samples:
        why = next(text for text in table["refusal"] if text)
        raise InputError(f"bands: {refused} of {samples} draws cannot be, such as: {why}")
    quantities = {
        name: {label: float(np.quantile(table[name][ran], share)) for label, share in QUANTILES.items()}
        for name in COLUMNS
        if not np.isnan(table[name][ran]).any()
    }
    return Bands(quantities, samples, refused, len(uncertain))


def sensitivity(
    workload: Workload,
    machine: Machine,
    quantity: str,
    samples: int = 64,
    seed: int = 1,
    progress: Callable[[int], None] | None = None,
) -> list[Share]:
    """Return which uncertain numbers make a quantity uncertain, the largest total share first.

    Parameters
    ----------
    workload, machine : Workload, Machine
        The run.
    quantity : str
        A column of `batch.COLUMNS`, such as ``"duration_s"``.
    samples : int
        A power of two from 16 to 4,096; runs are this times the uncertain numbers and two.
    seed : int
        Of the draws.
    progress : callable, optional
        Called with the number of runs done since the last call.

    Returns
    -------
    list of Share
        First and total order; all zero if the quantity does not vary at all.

    Raises
    ------
    InputError
        An unknown quantity, or a number of samples that is not such a power of two.

    References
    ----------
    .. [1] Saltelli et al., Computer Physics Communications 181, 2010, 259 (estimators used by `scipy.stats`).
    """
    if quantity not in COLUMNS:
        raise InputError(f"sensitivity: unknown quantity {quantity!r}: {', '.join(COLUMNS)}")
    if not 16 <= samples <= 4096 or samples & (samples - 1):  # noqa: PLR2004
        raise InputError(f"sensitivity: {samples} samples: a power of two from 16 to 4096")
    uncertain = uncertain_numbers(machine, workload)
    nominal = float(simulate_batch([(workload, machine)])[quantity][0])
    if np.isnan(nominal):
        raise InputError(f"sensitivity: {workload.id} on {machine.selector} has no {quantity}")

    def answer(draws: NDArray[np.float64]) -> NDArray[np.float64]:
        values = _run(workload, machine, uncertain, draws.T, progress)[quantity]
        # A draw that cannot be says nothing: it stands where the stated numbers do.
        return np.where(np.isnan(values), nominal, values)

    free: Any = stats.truncnorm(-CUT, CUT)
    dists = [free] * len(uncertain)
    found: Any = stats.sobol_indices(func=answer, n=samples, dists=dists, rng=np.random.default_rng(seed))
    if not np.isfinite(found.total_order).all():
        return [Share(one, 0.0, 0.0, 0.0, 0.0) for one in uncertain]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a number that changes nothing has no interval
        sure = found.bootstrap(confidence_level=0.95, n_resamples=200).total_order.confidence_interval
    lows, highs = np.nan_to_num(sure.low, nan=0.0), np.nan_to_num(sure.high, nan=0.0)
    shares = [
        Share(one, float(first), float(total), float(low), float(high))
        for one, first, total, low, high in zip(
            uncertain, found.first_order, found.total_order, lows, highs, strict=True
        )
    ]
    return sorted(shares, key=lambda share: -share.total)


def _uncertain(name: str, members: tuple[Named, ...]) -> Uncertain:
    for end, spread in OFFSETS.items():
        if name.endswith(end):
            return Uncertain(name, members, spread, additive=True)
    if name.endswith("voltage_curve"):
        spread = VOLTAGE
    elif name.endswith(("_ghz", "_rpm", "turbo_bins", "dpm_states")):
        spread = CLOCK
    else:
        spread = FITTED if members[0].ground == "fitted" else ASSUMED
    return Uncertain(name, members, spread, additive=False)


def _standard(unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return draws of the cut-off normal distribution for uniform ones."""
    return np.asarray(stats.truncnorm.ppf(unit, -CUT, CUT))


def _run(
    workload: Workload,
    machine: Machine,
    uncertain: list[Uncertain],
    draws: Iterable[NDArray[np.float64]],
    progress: Callable[[int], None] | None,
) -> dict[str, NDArray[Any]]:
    """Run the machine and the workload of each row of draws; a draw that cannot be is a refusal of its row."""
    jobs: list[tuple[Workload, Machine]] = []
    impossible: dict[int, str] = {}
    for row, draw in enumerate(draws):
        values: dict[str, float] = {}
        for one, standard in zip(uncertain, draw, strict=False):
            values |= one.moved(float(standard))
        of_work = {name: value for name, value in values.items() if name.startswith("workload.")}
        of_machine = {name: value for name, value in values.items() if name not in of_work}
        try:
            jobs.append((with_values(workload, of_work), with_values(machine, of_machine)))
        except InputError as error:
            impossible[row] = str(error)
            jobs.append((workload, machine))
    table = simulate_batch(jobs, progress=progress)
    for row, why in impossible.items():
        table["refusal"][row] = why
        for name in COLUMNS:
            table[name][row] = np.nan
    return table
