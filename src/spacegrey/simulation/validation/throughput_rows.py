"""The published speeds as the fit sees them: what each asks, how precise it is, and a quick prediction of it.

The quick prediction is the closed form of the run (`lowering.nominal_seconds`) times how much longer the run took
when it was last simulated, so that trying a parameter costs no run.
"""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from spacegrey.machine.assembly import Machine, machine
from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.lowering import lower, nominal_seconds
from spacegrey.simulation.run import simulate
from spacegrey.simulation.validation.measurements import (
    Measurement,
    Question,
    best_of,
    population_spread,
    question,
    read_measurements,
)
from spacegrey.workload.library import Workload, vary, workload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

Values = dict[str, dict[str, float]]

CONFIDENCE_SIGMA = {"high": 0.04, "medium": 0.05, "low": 0.08}
"""Scatter that careful, ordinary and doubtful scores of one machine have among each other. [ln] Assumed: repeated
machines in the file differ by 3 to 6 %, and its doubtful rows stray about twice as far."""

UPLOAD_SIGMA = 0.17
"""Scatter of one result that a stranger uploads, with cooling and settings of their own. [ln] The fit finds it between
the mean and the best of the miners' uploads (``population.spread``)."""

STOPWATCH_S = 0.29
"""Standard deviation of a reading in whole seconds: a second over the root of twelve. [s]"""

_SUBMISSIONS = re.compile(r"(\d+) submissions|best of (\d+)")


@dataclass
class SpeedRow:
    """One measured speed, with what is needed to predict it quickly.

    Attributes
    ----------
    asked : Question
        The measurement, and how it is asked of the simulation.
    sigma : float
        Scatter that is expected of it. [ln]
    machines : tuple of Machine
        The machine, and the one it is compared with where the row is a ratio.
    slowdowns : list of float
        Of each machine: how much longer the counted phases took in a run than at the clocks of the turbo bins.
    """

    asked: Question
    sigma: float
    machines: tuple[Machine, ...]
    slowdowns: list[float] = field(default_factory=list[float])

    @property
    def workload(self) -> str:
        """The library's name of the workload, without its variation."""
        return self.asked.workload.partition(":")[0]


def speed_rows(path: Path | None = None) -> list[SpeedRow]:
    """Return every row of speed that a simulated score answers, of a measurements file or the project's own."""
    asked = [question(row) for row in read_measurements(path)]
    return [
        SpeedRow(one, sigma_ln(one.measurement), tuple(machine(name) for name in (one.selector, one.against) if name))
        for one in asked
        if is_fitted(one)
    ]


def is_fitted(asked: Question) -> bool:
    """Tell whether the fit uses a row: a score that depends on a number of the fit."""
    is_score = asked.covered and asked.kind == "throughput" and asked.quantity == "score"
    return is_score and bool(asked.measurement.value) and not asked.workload.startswith(("playback", "axpy"))


def sigma_ln(row: Measurement) -> float:
    """Return the scatter that is expected of a published speed, as a standard deviation of its logarithm.

    Parameters
    ----------
    row : Measurement
        The row: its value as printed, how many results it pools, how careful its source is.

    Returns
    -------
    float
        Standard deviation. [ln]

    Notes
    -----
    Three independent parts, added in squares: the source's care; the median of n uploads of strangers, which
    strays by 1.25 s / sqrt(n); and, for times read off a stopwatch in whole seconds, the rounding. Status:
    illustrative.

    Examples
    --------
    >>> from dataclasses import replace
    >>> row = Measurement("1", "", "", "", "", "", "", 4.0, "s", "", "", "high")
    >>> round(sigma_ln(row), 3), round(sigma_ln(replace(row, value=400.0)), 3)
    (0.083, 0.04)
    """
    parts = [CONFIDENCE_SIGMA.get(row.confidence, CONFIDENCE_SIGMA["medium"])]
    if found := _SUBMISSIONS.search(row.conditions):
        parts.append(1.25 * UPLOAD_SIGMA / math.sqrt(int(found[1] or found[2])))
    if row.unit == "s" and row.value and float(row.value).is_integer():
        parts.append(STOPWATCH_S / row.value)
    return math.hypot(*parts)


def simulate_slowdowns(rows: Sequence[SpeedRow], values: Values) -> None:
    """Run every row's workload on its machines, and keep how far limits of power and heat slowed it."""
    quick = _Quick(values)
    for row in rows:
        row.slowdowns = [_slowdown(quick.workload(row.asked.workload), quick.machine(one)) for one in row.machines]


def errors_ln(rows: Sequence[SpeedRow], values: Values) -> NDArray[np.float64]:
    """Return ln(predicted / measured) of each row with some values of the parameters; of the ratio for ratios."""
    quick = _Quick(values)
    spread = values.get("population", {}).get("spread")
    out = np.empty(len(rows))
    for number, row in enumerate(rows):
        measured = cast("float", row.asked.measurement.value)
        work = quick.workload(row.asked.workload)
        got = [
            _score(work, quick.machine(one), slowdown)
            for one, slowdown in zip(row.machines, row.slowdowns, strict=True)
        ]
        if row.asked.against:
            percent = 100.0 * (got[0] / got[1] - 1.0) * row.asked.scale
            out[number] = math.log((100.0 + percent) / (100.0 + measured))
            continue
        if row.asked.best_of:
            got[0] *= best_of(row.asked.best_of, spread or population_spread())
        out[number] = math.log(got[0] * row.asked.scale / measured)
    return out


class _Quick:
    """Workloads and machines with the values of one trial filled in, each made once."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._works: dict[str, Workload] = {}
        self._sheets: dict[str, object] = {}

    def workload(self, reference: str) -> Workload:
        if reference not in self._works:
            name, colon, variation = reference.partition(":")
            filled = _filled(library(name), self._values.get(f"workloads/{name}", {}))
            self._works[reference] = vary(filled, variation, reference) if colon else filled
        return self._works[reference]

    def machine(self, built: Machine) -> Machine:
        core, kind = built.processor.microarchitecture, built.graphics.architecture
        sheets = self._sheets
        if core not in sheets:
            update = self._values.get(f"microarchitectures/{core}", {})
            sheets[core] = built.microarchitecture.model_copy(update=update)
        if kind not in sheets:
            update = self._values.get(f"graphics-architectures/{kind}", {})
            sheets[kind] = built.graphics_architecture.model_copy(update=update)
        return replace(built, microarchitecture=sheets[core], graphics_architecture=sheets[kind])


@functools.cache
def library(name: str) -> Workload:
    """Return a workload of the library; read once."""
    return workload(name)


def _filled(work: Workload, values: Mapping[str, float]) -> Workload:
    """Return a workload with fitted numbers in it: keys such as ``phase.build.processor.parallel``."""
    spec, phases = work.spec, {phase.name: phase for phase in work.phases}
    for key, value in values.items():
        place, _, rest = key.partition(".")
        if place == "score":
            spec = spec.model_copy(update={"score": spec.score.model_copy(update={rest: value})})  # pyright: ignore[reportOptionalMemberAccess]
            continue
        name, room, demand = rest.split(".")
        part = getattr(phases[name], room).model_copy(update={demand: value})
        phases[name] = phases[name].model_copy(update={room: part})
    return replace(work, spec=spec, phases=tuple(phases.values()))


def _score(work: Workload, built: Machine, slowdown: float) -> float:
    seconds = _nominal_s(work, built) * slowdown
    score = work.spec.score
    assert score is not None  # noqa: S101 - rows without a score are not taken
    if score.kind == "frames":
        return score.constant * sum(phase.pace.hz for phase in work.phases if phase.pace) / seconds
    return score.constant * seconds if score.kind == "time" else score.constant / seconds


def _slowdown(work: Workload, built: Machine) -> float:
    run = simulate(work, built)
    if work.spec.score and work.spec.score.kind == "frames":
        return 1.0 / max(run.delivered, 1e-9) / _nominal_s(work, built)
    counted_s = sum(one.duration_s for one in run.phases if _counts(work, one.name))
    return counted_s / work.spec.repeat / _nominal_s(work, built)


def _counts(work: Workload, phase: str) -> bool:
    return not work.spec.score or not work.spec.score.phases or phase in work.spec.score.phases


def _nominal_s(work: Workload, built: Machine) -> float:
    phases = lower(work, built)[: len(work.phases)]
    if work.spec.score and work.spec.score.kind == "frames":
        # Late frames: time needed over time there is.
        unpaced = phases.copy()
        unpaced[:, at.Q_REALTIME - at.PHASE_BEGIN] = 0.0
        return float(nominal_seconds(unpaced, built).sum() / phases[:, at.Q_PACE_S - at.PHASE_BEGIN].sum())
    counted = np.array([_counts(work, phase.name) for phase in work.phases])
    return float(nominal_seconds(phases, built)[counted].sum())
