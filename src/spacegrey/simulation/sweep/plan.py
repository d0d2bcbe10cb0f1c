"""A sweep as a plan: row i follows from i alone, so that ten million rows need no more memory than ten.

Rows are numbered as a number with mixed radix: the machine changes slowest, then each group of axes, the workload
fastest. Axes of one group step together: each axis of a grid is a group of its own, all axes of a list are one, and so
are all ranges that are sampled.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from spacegrey.connections.plan import read_plan
from spacegrey.connections.planner import drive_rates_gbps
from spacegrey.connections.plugged import external, fitting
from spacegrey.errors import InputError, Refusal
from spacegrey.machine.assembly import in_environment, machine
from spacegrey.machine.selector import Environment
from spacegrey.simulation.named import SHEETS, Disagreement, value_of, with_values
from spacegrey.workload.library import workload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from spacegrey.machine.assembly import External, Machine
    from spacegrey.simulation.named import Value
    from spacegrey.simulation.sweep.file import Axis, Draw, Level, Question
    from spacegrey.workload.library import Workload

MOST_ROWS = 10**9
MOST_SAMPLED_NUMBERS = 5 * 10**8
"""The matrix of a sample is held as float64: 4 GB."""
MOST_TRIED = 100
"""Of an axis with more values only the ends are tried before a sweep starts."""

# what-if -> field of the environment
FIELDS = {
    "ambient": "ambient_c",
    "brightness": "brightness",
    "dust": "dust",
    "fan": "fan",
    "overclock": "overclock_ghz",
    "power-limit": "power_limit_w",
    "undervolt": "undervolt_mv",
}

Target: TypeAlias = tuple[str, Any]  # a name and its value before


@dataclass(frozen=True)
class Configured:
    """A machine before it is put into a row's room, and the room and settings that its selector names."""

    selector: str
    bare: Machine
    environment: Environment


@dataclass(frozen=True)
class Varied:
    """One axis with its values.

    Attributes
    ----------
    levels : sequence
        Value by step of its group; a column of the sample's matrix where it is sampled.
    targets : tuple of tuple
        For each machine, or each workload, the names that it sets and what stood there.
    """

    axis: Axis
    group: int
    levels: Sequence[Level] | NDArray[np.float64]
    targets: tuple[tuple[Target, ...], ...]

    @property
    def column(self) -> str:
        """Its name as a column: letters, digits and underscores, so that SQL takes it without quotes."""
        plain = self.axis.name.replace("*", "all")
        return "".join(sign if sign.isalnum() and sign.isascii() else "_" for sign in plain)


@dataclass(frozen=True)
class Plan:
    """Everything that a sweep runs, worked out row by row when asked."""

    title: str
    machines: tuple[Configured, ...]
    workloads: tuple[Workload, ...]
    varied: tuple[Varied, ...]
    groups: tuple[int, ...]
    left_out: tuple[str, ...] = field(default=(), compare=False)
    drawn: dict[Draw, NDArray[np.int64]] = field(default_factory=dict["Draw", "NDArray[np.int64]"])

    @property
    def shape(self) -> tuple[int, ...]:
        """Steps of the machine, of each group of axes, and of the workload; one where a sample draws it."""
        machines = 1 if "machines" in self.drawn else len(self.machines)
        return (machines, *self.groups, 1 if "workloads" in self.drawn else len(self.workloads))

    @property
    def rows(self) -> int:
        """How many runs it has."""
        return math.prod(self.shape)

    def steps(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return machine, step of each group, and workload of some rows. Shape (rows, 2 + groups)."""
        steps = np.stack(np.unravel_index(rows, self.shape), axis=1)
        places: dict[Draw, int] = {"machines": 0, "workloads": -1}
        for what, place in places.items():
            if what in self.drawn:
                steps[:, place] = self.drawn[what][steps[:, 1]]  # the samples are the first group
        return steps


def plan(question: Question) -> Plan:
    """Look up and check all that a sweep file names.

    Raises
    ------
    InputError
        A machine, a workload or a parameter is unknown.
    Refusal
        What is plugged in does not fit a machine that the file names without a star.
    """
    machines, left_out = _machines(question)
    place = question.document.place(["workloads"])
    workloads = tuple(_at(place, workload, reference) for reference in question.workloads)
    groups: list[int] = []
    sampled = [axis for axis in question.axes if not axis.levels]
    matrix, drawn = _sample(question, sampled, len(machines), len(workloads))
    if len(matrix):
        groups.append(len(matrix))
    if question.sampling == "list" and question.axes:
        groups.append(len(question.axes[0].levels))
    varied: list[Varied] = []
    for axis in question.axes:
        levels: Sequence[Level] | NDArray[np.float64] = axis.levels
        group = 0
        if not axis.levels:
            levels = matrix[:, sampled.index(axis)]
        elif question.sampling != "list":
            group = len(groups)
            groups.append(len(axis.levels))
        varied.append(Varied(axis, group, levels, _targets(axis, machines, workloads)))
        _check_ends(axis, machines, workloads)
    columns = [one.column for one in varied if not one.axis.what_if]
    for name in columns:
        if columns.count(name) > 1:
            raise InputError(f"{question.document.place(['vary'])}: two parameters would share the column {name!r}")
    made = Plan(question.title, machines, workloads, tuple(varied), tuple(groups), left_out, drawn)
    if made.rows > MOST_ROWS:
        raise InputError(f"{question.document.path.name}: {made.rows:,} rows; a sweep has at most {MOST_ROWS:,}")
    return made


def _machines(question: Question) -> tuple[tuple[Configured, ...], tuple[str, ...]]:
    place = question.document.place(["machines"])
    desk = read_plan(question.plan) if question.plan else None
    externals: dict[tuple[Any, ...], External] = {}
    found: list[Configured] = []
    left_out: list[str] = []
    for selector in question.selectors:
        try:
            bare = _at(place, machine, replace(selector, environment=Environment()))
            _at(place, in_environment, bare, selector.environment)
            if desk:
                # Of a machine's options only the drive changes what devices get.
                key = (bare.id, *drive_rates_gbps(bare).values())
                if key not in externals:
                    externals[key] = external(fitting(desk, bare))
                bare = replace(bare, external=externals[key])
        except (InputError, Refusal):
            if selector.text not in question.starred:
                raise
            left_out.append(selector.text)
            continue
        found.append(Configured(selector.text, bare, selector.environment))
    if not found:
        raise InputError(f"{place}: none of the {len(left_out)} configurations fits together")
    return tuple(found), tuple(left_out)


def _at(place: str, look_up: Any, *given: Any) -> Any:  # noqa: ANN401 - the function's own
    """Call a function; its error says where in the sweep's file the name stands."""
    try:
        return look_up(*given)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None


def _sample(
    question: Question, sampled: Sequence[Axis], machines: int, workloads: int
) -> tuple[NDArray[np.float64], dict[Draw, NDArray[np.int64]]]:
    """Return the samples of the ranges, one column for each axis, and which machine and workload each sample draws."""
    counts: dict[Draw, int] = {"machines": machines, "workloads": workloads}
    draws: list[Draw] = [what for what in counts if what in question.draw]
    dimensions = len(draws) + len(sampled)
    if not dimensions:
        return np.zeros((0, 0)), {}
    if question.samples * dimensions > MOST_SAMPLED_NUMBERS:
        place = question.document.place(["samples"])
        raise InputError(f"{place}: {question.samples:,} samples of {dimensions} numbers do not go into memory")
    from scipy.stats import qmc

    if question.sampling == "sobol":
        # Its points are balanced at powers of two only; the first of a larger set are the same points.
        sobol = qmc.Sobol(dimensions, rng=np.random.default_rng(question.seed))
        unit = sobol.random_base2(max(0, (question.samples - 1).bit_length()))[: question.samples]
    else:
        unit = qmc.LatinHypercube(dimensions, rng=np.random.default_rng(question.seed)).random(question.samples)
    unit = np.asarray(unit, dtype=np.float64)
    # A place below 1 is always below the count, as both are exact.
    drawn: dict[Draw, NDArray[np.int64]] = {
        what: (unit[:, column] * counts[what]).astype(np.int64) for column, what in enumerate(draws)
    }
    low, high = (np.array([getattr(axis, end) for axis in sampled]) for end in ("low", "high"))
    return low + unit[:, len(draws) :] * (high - low), drawn


def _targets(
    axis: Axis, machines: Sequence[Configured], workloads: Sequence[Workload]
) -> tuple[tuple[Target, ...], ...]:
    """Return the names that an axis sets in each machine or workload, with the values before; check each."""
    if axis.what_if:
        return ()
    if axis.of_workload:
        wholes: list[Machine | Workload] = list(workloads)
    else:
        wholes = [in_environment(one.bare, one.environment) for one in machines]
    found: list[tuple[Target, ...]] = []
    for whole in wholes:
        targets = tuple((name, _at(axis.place, value_of, whole, name)) for name in _concrete(axis.name, whole))
        for name, before in targets:
            if axis.relative and (isinstance(before, str) or before is None):
                raise InputError(f"{axis.place}: {name} is {before!r}: that is not scaled; give values")
        found.append(targets)
    return tuple(found)


def _check_ends(axis: Axis, machines: Sequence[Configured], workloads: Sequence[Workload]) -> None:
    """Raise `InputError` where a value of an axis is impossible for one kind of machine or for a workload.

    Values that only disagree with other numbers may be right in some rows, and are refused in the rest.
    """
    levels: Sequence[Level] = axis.levels or (axis.low, axis.high)
    levels = levels if len(levels) <= MOST_TRIED else (levels[0], levels[-1])
    kinds = {one.bare.id: one for one in reversed(machines)}.values()
    for whole in workloads if axis.of_workload else kinds:
        refused: list[InputError] = []
        for level in levels:
            try:
                _try(axis, whole, level)
            except Disagreement as error:
                refused.append(error)
            except InputError as error:
                raise InputError(f"{axis.place}: {error}") from None
        if len(refused) == len(levels):
            raise InputError(f"{axis.place}: {refused[0]}")


def _try(axis: Axis, whole: Configured | Workload, level: Level) -> None:
    if isinstance(whole, Configured):
        if axis.what_if:
            in_environment(whole.bare, replace(whole.environment, **{FIELDS[axis.name]: level}))
            return
        built: Machine | Workload = in_environment(whole.bare, whole.environment)
    else:
        built = whole
    for name in _concrete(axis.name, built):
        with_values(built, {name: level_value(level, value_of(built, name), relative=axis.relative)})


def level_value(level: Any, before: Any, *, relative: bool) -> Value:  # noqa: ANN401 - number or word
    """Return what a level of an axis comes to where ``before`` stands: a count stays a count.

    Examples
    --------
    >>> level_value(1.1, 140.0, relative=True), level_value(1.1, 8, relative=True)
    (154.0, 9)
    """
    if isinstance(level, str):
        return level
    value = float(level) * float(before) if relative else float(level)
    return round(value) if isinstance(before, int) and not isinstance(before, bool) else value


def _concrete(name: str, whole: Machine | Workload) -> list[str]:
    """Return the names that one with a star stands for: ``workload.*.processor.activity`` is about every phase."""
    head, star, rest = name.partition("workload.*.")
    phases = getattr(whole, "phases", ())
    if head or not star or not phases:
        return [name]
    # A phase without this kind of demand has nothing to vary.
    kind = rest.partition(".")[0]
    concrete = [f"workload.{phase.name}.{rest}" for phase in phases if getattr(phase, kind, 0) is not None]
    return concrete or [f"workload.{phases[0].name}.{rest}"]


def fingerprint(made: Plan) -> str:
    """Return what changes when any number that goes into a run does: the data sheets, the values, their order."""
    digest = hashlib.sha256(repr(made.shape).encode())
    for one in made.machines:
        digest.update(f"{one.selector}|{one.environment}|{one.bare.memory_gib}|{one.bare.storage_tb}".encode())
        if one.bare.external:
            digest.update(repr(one.bare.external).encode())
        for name in ("spec", *SHEETS):
            sheet = getattr(one.bare, name)
            digest.update(sheet.model_dump_json(exclude={"source", "assumed"}).encode() if sheet else b"-")
    for asked in made.workloads:
        for sheet in (asked.spec, *asked.phases):
            digest.update(f"{asked.id}{sheet.model_dump_json(exclude={'source', 'assumed'})}".encode())
    for varied in made.varied:
        levels = varied.levels
        digest.update(f"{varied.axis.name}|{varied.axis.relative}|{varied.group}".encode())
        digest.update(levels.tobytes() if isinstance(levels, np.ndarray) else repr(levels).encode())
    for what, which in sorted(made.drawn.items()):
        digest.update(what.encode() + which.tobytes())
    return digest.hexdigest()
