"""Fit of speeds: rates of core designs, sizes and scaling of benchmarks, on all published rows of speed at once.

A parameter belongs to a core design, a graphics design or a benchmark, never to a row. The clocks come from the
simulation: the fit alternates between running every machine and solving for the parameters with the clocks held.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import least_squares

from spacegrey import fits
from spacegrey.machine.assembly import Machine, machine
from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.lowering import lower, nominal_seconds
from spacegrey.simulation.measurements import Question, question, read_measurements
from spacegrey.simulation.run import simulate
from spacegrey.simulation.validation import best_of, population_spread
from spacegrey.workload.library import Workload, workload

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROW_SIGMA = 0.04
"""Scatter that published scores of one machine have among each other. Rows far outside count less. [ln]"""


@dataclass(frozen=True)
class Parameter:
    """One fitted number: where it goes, where it starts, how far it may go, and how strongly the start is believed.

    Fitted in the logarithm, but for shares (``parallel``), of which the complement is.
    """

    name: str
    places: tuple[tuple[str, str], ...]
    start: float
    low: float
    high: float
    prior_sigma: float = 0.0
    complement: bool = False

    def to_x(self, value: float) -> float:
        """Return the variable that the solver sees."""
        return float(np.log(1.0 - value if self.complement else value))

    def to_value(self, x: float) -> float:
        """Return the number."""
        return float(1.0 - np.exp(x) if self.complement else np.exp(x))


def _core(design: str, rate: str, start: float, sigma: float = 0.15, *also: tuple[str, str]) -> Parameter:
    owner = f"microarchitectures/{design}"
    return Parameter(f"{design} {rate}", ((owner, f"rate_{rate}"), *also), start, 0.2, 4.0, sigma)


def _second_threads(maker: str, designs: tuple[str, ...], start: float, high: float) -> Parameter:
    places = tuple((f"microarchitectures/{one}", "smt_gain") for one in designs)
    return Parameter(f"second threads, {maker}", places, start, 0.05, high, 0.2)


def _vector(design: str) -> tuple[str, str]:
    return (f"microarchitectures/{design}", "rate_vector")


def _constant(name: str, *others: str) -> Parameter:
    places = tuple((f"workloads/{one}", "score.constant") for one in (name, *others))
    return Parameter(f"{name} constant", places, 1e5, 1e-3, 1e12)


def _parallel(phase: str, start: float, *names: str) -> Parameter:
    places = tuple((f"workloads/{one}", f"phase.{phase}.processor.parallel") for one in names)
    return Parameter(f"{names[0]} parallel", places, start, 0.0001, 0.9999, 1.0, complement=True)


def _demand(phase: str, key: str, start: float, low: float, high: float, *names: str) -> Parameter:
    places = tuple((f"workloads/{one}", f"phase.{phase}.processor.{key}") for one in names)
    return Parameter(f"{names[0]} {key}", places, start, low, high, 0.7)


def _only(label: str, name: str, key: str, start: float, low: float, high: float, sigma: float = 0.0) -> Parameter:
    return Parameter(label, ((f"workloads/{name}", f"phase.{key}"),), start, low, high, sigma)


_INTEL = ("sandy-bridge", "ivy-bridge-ep", "haswell", "skylake-client", "skylake-sp")
_ZEN = ("zen1", "zen-plus", "zen2", "zen3")
_GEEKBENCH = tuple(f"geekbench-{version}{single}" for version in (4, 5, 6) for single in ("", "-single"))
_XCODE = ("xcode-eidolon", "xcode-eidolon-legacy")

PARAMETERS: tuple[Parameter, ...] = (
    _core("ivy-bridge-ep", "integer", 0.75),
    _core("ivy-bridge-ep", "float", 0.70, 0.15, _vector("ivy-bridge-ep")),
    _core("haswell", "integer", 0.9, 0.1),
    _core("skylake-client", "integer", 1.0, 0.1),
    _core("skylake-client", "float", 1.0, 0.1, _vector("skylake-client")),
    _core("zen1", "integer", 0.95, 0.15, ("microarchitectures/zen-plus", "rate_integer")),
    _core(
        "zen1", "float", 0.85, 0.15,
        _vector("zen1"), ("microarchitectures/zen-plus", "rate_float"), _vector("zen-plus"),
    ),
    _core("zen2", "integer", 1.1, 0.06),
    _core("zen3", "integer", 1.3, 0.06),
    _core("firestorm", "integer", 1.9, 0.2, ("microarchitectures/avalanche", "rate_integer")),
    _core(
        "firestorm", "float", 1.8, 0.2,
        _vector("firestorm"), ("microarchitectures/avalanche", "rate_float"), _vector("avalanche"),
    ),
    _second_threads("Intel", _INTEL, 0.27, 0.5),
    _second_threads("AMD", _ZEN, 0.35, 0.6),
    _constant("cinebench-r15", "cinebench-r15-loop"),
    _constant("cinebench-r20", "cinebench-r20-loop"),
    _constant("cinebench-r23"),
    _constant("cinebench-r23-single"),
    _constant("blender-cpu"),
    _parallel("render", 0.99, "blender-cpu"),
    _constant("geekbench-4"),
    _constant("geekbench-4-single"),
    _parallel("mix", 0.97, "geekbench-4"),
    _constant("geekbench-5"),
    _constant("geekbench-5-single"),
    _parallel("mix", 0.97, "geekbench-5"),
    _constant("geekbench-6"),
    _parallel("mix", 0.9, "geekbench-6"),
    _demand("mix", "misses_per_kop", 0.5, 0.01, 5.0, *_GEEKBENCH),
    _constant("passmark-cpu"),
    _parallel("mix", 0.99, "passmark-cpu"),
    _demand("mix", "coherence", 0.001, 1e-6, 0.02, "passmark-cpu"),
    _demand("mix", "misses_per_kop", 0.5, 0.01, 5.0, "passmark-cpu"),
    _constant("xcodebenchmark"),
    _constant("xcodebenchmark-11"),
    _parallel("build", 0.95, "xcodebenchmark", "xcodebenchmark-11"),
    _demand(
        "build", "misses_per_kop", 0.5, 0.01, 5.0,
        "xcodebenchmark", "xcodebenchmark-11", *_XCODE, "xcode-eidolon-incremental",
    ),
    _demand("build", "integer_gop", 200, 5, 2000, "xcode-eidolon"),
    _demand("build", "integer_gop", 300, 5, 2000, "xcode-eidolon-legacy"),
    Parameter(
        "xcode launch", tuple((f"workloads/{one}", "phase.launch.pace.seconds") for one in _XCODE), 5, 0.5, 20, 0.7
    ),
    _parallel("build", 0.7, *_XCODE),
    _demand("build", "integer_gop", 15, 1, 200, "xcode-eidolon-incremental"),
    _only("xcode relaunch", "xcode-eidolon-incremental", "launch.pace.seconds", 3, 0.5, 6, 0.7),
    _parallel("build", 0.3, "xcode-eidolon-incremental"),
    _constant("xmrig"),
    _demand("hash", "coherence", 0.001, 1e-6, 0.05, "xmrig"),
    _demand("hash", "misses_per_kop", 0.5, 0.01, 20.0, "xmrig"),
    Parameter("population spread", (("population", "spread"),), 0.17, 0.02, 0.5, 0.3),
    _constant("hash-scaling"),
    _parallel("count", 0.95, "hash-scaling"),
    _demand("count", "coherence", 0.001, 1e-6, 0.05, "hash-scaling"),
    _constant("hash-scaling-ocaml"),
    _parallel("count", 0.98, "hash-scaling-ocaml"),
    _constant("hash-sustained"),
    _constant("blender-gpu"),
    *(
        Parameter(f"{d} compute", ((f"graphics-architectures/{d}", "efficiency_compute"),), start, 0.05, 2.0, 0.5)
        for d, start in (
            ("gcn1", 0.4), ("gcn4", 0.6), ("gcn5", 0.6), ("rdna1", 0.8), ("pascal", 0.7), ("apple-g13", 0.8),
        )
    ),
    _only("blender-gpu traffic", "blender-gpu", "render.graphics.traffic_gb", 20000, 500, 2e5, 1.0),
    _constant("hashcat-wpa", "hashcat-wpa-macos"),
    _only("macOS OpenCL", "hashcat-wpa-macos", "hash.graphics.driver", 0.57, 0.2, 1.5),
    _only("witcher frame", "witcher-3-4k", "play.graphics.tflop", 0.155, 0.01, 2.0),
    _only("tomb raider frame", "tomb-raider-4k", "play.graphics.tflop", 0.113, 0.01, 2.0),
    _constant("passmark-3d"),
    _only("spherical harmonics work", "spherical-harmonics-forward", "transform.processor.fp64_gflop", 28, 1, 500),
    _only("spherical harmonics traffic", "spherical-harmonics-forward", "transform.processor.stream_gb", 3, 0.1, 100),
    _only(
        "spherical harmonics work, backward", "spherical-harmonics-backward", "transform.processor.fp64_gflop",
        20, 1, 500,
    ),
    _only(
        "spherical harmonics traffic, backward", "spherical-harmonics-backward", "transform.processor.stream_gb",
        3, 0.1, 100,
    ),
    _constant("cfd-usm3d"),
)  # fmt: skip


@dataclass
class _Row:
    """One measured score, with what is needed to predict it quickly."""

    asked: Question
    machine: Machine
    slowdown: float = 1.0


@dataclass(frozen=True)
class Fitted:
    """The outcome of a fit."""

    values: dict[str, dict[str, float]]
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
    rows = _rows()
    used = {row.asked.workload.partition(":")[0] for row in rows}
    free = [p for p in PARAMETERS if any(_is_used(owner, used) for owner, _ in p.places)]
    x = np.array([p.to_x(p.start) for p in free])
    for turn in range(rounds):
        overlay = _overlay(free, x)
        if turn == 0:
            x = _scale_constants(free, x, rows)
            overlay = _overlay(free, x)
        with fits.trial(overlay):
            for row in rows:
                row.slowdown = _slowdown(row)
        x = _solve(free, x, rows)
    overlay = _overlay(free, x)
    percent = 100.0 * np.abs(np.expm1(_errors(free, x, rows)))
    by: dict[str, list[float]] = {}
    for row, error in zip(rows, percent, strict=True):
        by.setdefault(row.asked.workload.partition(":")[0], []).append(float(error))
    return Fitted(overlay, len(rows), len(free), float(percent.mean()), {k: float(np.mean(v)) for k, v in by.items()})


def _is_used(owner: str, workloads: set[str]) -> bool:
    return not owner.startswith("workloads/") or owner.removeprefix("workloads/") in workloads


def _rows() -> list[_Row]:
    asked = [question(row) for row in read_measurements()]
    return [_Row(one, machine(one.selector)) for one in asked if _is_fitted(one)]


def _is_fitted(asked: Question) -> bool:
    is_score = asked.covered and asked.kind == "throughput" and asked.quantity == "score" and not asked.against
    return is_score and bool(asked.measurement.value) and not asked.workload.startswith(("playback", "axpy"))


def _overlay(free: list[Parameter], x: NDArray[np.float64]) -> dict[str, dict[str, float]]:
    values: dict[str, dict[str, float]] = {}
    for parameter, value in zip(free, x, strict=True):
        for owner, key in parameter.places:
            values.setdefault(owner, {})[key] = parameter.to_value(float(value))
    return values


def _slowdown(row: _Row) -> float:
    """Return how much longer the counted phases take in a run than at the clocks of the turbo bins."""
    work = workload(row.asked.workload)
    built = machine(row.asked.selector)
    run = simulate(work, built)
    if work.spec.score and work.spec.score.kind == "frames":
        return 1.0 / max(run.delivered, 1e-9) / _nominal(work, built)
    counted_s = sum(one.duration_s for one in run.phases if _counts(work, one.name))
    return counted_s / work.spec.repeat / _nominal(work, built)


def _counts(work: Workload, phase: str) -> bool:
    return not work.spec.score or not work.spec.score.phases or phase in work.spec.score.phases


def _nominal(work: Workload, built: Machine) -> float:
    phases = lower(work, built)[: len(work.phases)]
    if work.spec.score and work.spec.score.kind == "frames":
        # Late frames: time needed over time there is.
        unpaced = phases.copy()
        unpaced[:, at.Q_REALTIME - at.PHASE_BEGIN] = 0.0
        return float(nominal_seconds(unpaced, built).sum() / phases[:, at.Q_PACE_S - at.PHASE_BEGIN].sum())
    counted = np.array([_counts(work, phase.name) for phase in work.phases])
    return float(nominal_seconds(phases, built)[counted].sum())


def _predict(rows: list[_Row]) -> NDArray[np.float64]:
    """Return the predictions of some rows with the values that stand now."""
    works: dict[str, Workload] = {}
    sheets: dict[str, Any] = {}
    out = np.empty(len(rows))
    for number, row in enumerate(rows):
        name = row.asked.workload
        work = works[name] if name in works else works.setdefault(name, workload(name))
        built = _with_rates(row.machine, sheets)
        seconds = _nominal(work, built) * row.slowdown
        score = work.spec.score
        assert score is not None  # noqa: S101 - rows without a score are not taken
        if score.kind == "frames":
            value = score.constant * sum(p.pace.hz for p in work.phases if p.pace) / seconds
        else:
            value = score.constant * seconds if score.kind == "time" else score.constant / seconds
        if row.asked.best_of:
            value *= best_of(row.asked.best_of, population_spread())
        out[number] = value * row.asked.scale
    return out


def _with_rates(built: Machine, sheets: dict[str, Any]) -> Machine:
    core, kind = built.processor.microarchitecture, built.graphics.architecture
    if core not in sheets:
        sheets[core] = built.microarchitecture.model_copy(update=fits.values(f"microarchitectures/{core}"))
    if kind not in sheets:
        sheets[kind] = built.graphics_architecture.model_copy(update=fits.values(f"graphics-architectures/{kind}"))
    return replace(built, microarchitecture=sheets[core], graphics_architecture=sheets[kind])


def _errors(free: list[Parameter], x: NDArray[np.float64], rows: list[_Row]) -> NDArray[np.float64]:
    """Return ln(predicted / measured) of each row."""
    with fits.trial(_overlay(free, x)):
        predicted = _predict(rows)
    measured = np.array([row.asked.measurement.value for row in rows], dtype=np.float64)
    return np.log(predicted / measured)


def _touched(parameter: Parameter, rows: list[_Row]) -> list[int]:
    """Return the rows that a parameter can change."""
    owners = {owner for owner, _ in parameter.places}
    return [
        number
        for number, row in enumerate(rows)
        if f"workloads/{row.asked.workload.partition(':')[0]}" in owners
        or f"microarchitectures/{row.machine.processor.microarchitecture}" in owners
        or f"graphics-architectures/{row.machine.graphics.architecture}" in owners
        or ("population" in owners and row.asked.best_of)
    ]


def _scale_constants(free: list[Parameter], x: NDArray[np.float64], rows: list[_Row]) -> NDArray[np.float64]:
    """Start every constant where its rows come out right on average."""
    errors = _errors(free, x, rows)
    x = x.copy()
    for number, parameter in enumerate(free):
        if parameter.name.endswith(" constant"):
            mine = _touched(parameter, rows)
            x[number] -= float(np.median(errors[mine])) if mine else 0.0
    return x


def _solve(free: list[Parameter], x: NDArray[np.float64], rows: list[_Row]) -> NDArray[np.float64]:
    touched = [_touched(parameter, rows) for parameter in free]
    starts = np.array([p.to_x(p.start) for p in free])
    believed = [(n, p.prior_sigma) for n, p in enumerate(free) if p.prior_sigma]

    def residuals(x: NDArray[np.float64]) -> NDArray[np.float64]:
        prior = [(x[n] - starts[n]) / sigma for n, sigma in believed]
        return np.concatenate([_errors(free, x, rows) / ROW_SIGMA, prior])

    def jacobian(x: NDArray[np.float64]) -> NDArray[np.float64]:
        base = _errors(free, x, rows)
        matrix = np.zeros((len(rows) + len(believed), len(free)))
        for n, mine in enumerate(touched):
            if mine:
                moved = x.copy()
                moved[n] += 1e-3
                matrix[mine, n] = (_errors(free, moved, [rows[k] for k in mine]) - base[mine]) / 1e-3 / ROW_SIGMA
        for k, (n, sigma) in enumerate(believed):
            matrix[len(rows) + k, n] = 1.0 / sigma
        return matrix

    ends = np.array([sorted((p.to_x(p.low), p.to_x(p.high))) for p in free])
    inside = np.clip(x, ends[:, 0] + 1e-9, ends[:, 1] - 1e-9)
    solved = least_squares(
        residuals, inside, jac=jacobian, bounds=(ends[:, 0], ends[:, 1]), loss="soft_l1", x_scale="jac", max_nfev=40
    )
    return np.asarray(solved.x)
