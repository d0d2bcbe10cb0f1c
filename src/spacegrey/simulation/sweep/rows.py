"""The rows of a sweep: built from the plan by their numbers, run together, and returned as a table."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spacegrey.errors import InputError
from spacegrey.machine.assembly import in_environment
from spacegrey.simulation.named import with_values
from spacegrey.simulation.sweep.plan import FIELDS, level_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from spacegrey.machine.assembly import Machine
    from spacegrey.machine.selector import Environment
    from spacegrey.simulation.named import Value
    from spacegrey.simulation.sweep.plan import Configured, Plan
    from spacegrey.workload.library import Workload

SURROUNDINGS = (
    "ambient_c", "fan_set_rpm", "dust", "brightness", "overclock_ghz", "power_limit_w", "undervolt_mv",
)  # fmt: skip
"""Columns of the room and the settings; NULL: the machine's own."""

OPTIONS = ("processor", "graphics", "memory", "storage")
"""Options that every machine has, each a column."""


SCORE_BETTER = "score_better"
"""Column that says whether a higher or a lower score is better; NULL: the workload has none."""


@dataclass
class _Builder:
    """Builds what rows need, and keeps it for the rows beside: most share their machine or their workload."""

    made: Plan
    machines: dict[tuple[int, ...], Machine | str] = field(default_factory=dict[tuple[int, ...], Any])
    workloads: dict[tuple[int, ...], Workload | str] = field(default_factory=dict[tuple[int, ...], Any])

    def settings(self, index: tuple[int, ...], which: int, *, of_workload: bool) -> dict[str, Value]:
        """Return the numbers that a row sets in its machine, or in its workload."""
        found: dict[str, Value] = {}
        for varied in self.made.varied:
            if varied.axis.what_if or varied.axis.of_workload != of_workload:
                continue
            level: Any = varied.levels[index[varied.group + 1]]
            for name, before in varied.targets[which]:
                found[name] = level_value(level, before, relative=varied.axis.relative)
        return found

    def environment(self, index: tuple[int, ...]) -> Environment:
        """Return a row's room and settings."""
        swept: dict[str, Any] = {
            FIELDS[varied.axis.name]: varied.levels[index[varied.group + 1]]
            for varied in self.made.varied
            if varied.axis.what_if
        }
        return replace(self.made.machines[index[0]].environment, **swept)

    def groups(self, *, of_workload: bool) -> list[int]:
        """Return the groups that a workload depends on, or a machine."""
        return sorted({one.group for one in self.made.varied if one.axis.of_workload == of_workload})

    def machine(self, index: tuple[int, ...], groups: Sequence[int]) -> Machine | str:
        """Return a row's machine, or why there is none."""
        key = (index[0], *(index[group + 1] for group in groups))
        if key not in self.machines:
            configured = self.made.machines[index[0]]
            try:
                built = in_environment(configured.bare, self.environment(index))
                settings = self.settings(index, index[0], of_workload=False)
                self.machines[key] = with_values(built, settings) if settings else built
            except InputError as error:
                self.machines[key] = str(error)
        return self.machines[key]

    def workload(self, index: tuple[int, ...], groups: Sequence[int]) -> Workload | str:
        """Return a row's workload, or why there is none."""
        key = (index[-1], *(index[group + 1] for group in groups))
        if key not in self.workloads:
            asked = self.made.workloads[index[-1]]
            try:
                settings = self.settings(index, index[-1], of_workload=True)
                self.workloads[key] = with_values(asked, settings) if settings else asked
            except InputError as error:
                self.workloads[key] = str(error)
        return self.workloads[key]


def run_rows(made: Plan, rows: NDArray[np.int64], threads: int | None = None, device: str = "cpu") -> pa.Table:
    """Run some rows of a plan, whichever they are, and return them in their order."""
    import pyarrow as pa

    from spacegrey.simulation.batch import COLUMNS, simulate_batch

    steps = made.steps(rows)
    indices = [tuple(one) for one in steps.tolist()]
    builder = _Builder(made)
    for_machine, for_workload = builder.groups(of_workload=False), builder.groups(of_workload=True)
    refusals = np.full(len(rows), "", dtype=object)
    jobs: list[tuple[Workload, Machine]] = []
    runs: list[int] = []
    for row, index in enumerate(indices):
        pair = builder.workload(index, for_workload), builder.machine(index, for_machine)
        if isinstance(pair[0], str) or isinstance(pair[1], str):
            refusals[row] = pair[0] if isinstance(pair[0], str) else pair[1]
            continue
        jobs.append((pair[0], pair[1]))
        runs.append(row)
    results = simulate_batch(jobs, threads, device=device)
    columns: dict[str, Any] = {"row": rows, **_inputs(made, steps), **_parameters(made, steps)}
    for name in COLUMNS:
        values = np.full(len(rows), np.nan)
        values[runs] = results[name]
        columns[name] = pa.array(values, from_pandas=True)
        if name == "score":
            scores = [one.spec.score for one in made.workloads]
            better = np.array([score.better if score else None for score in scores], dtype=object)
            columns[SCORE_BETTER] = pa.array(better[steps[:, -1]], pa.string())
    limits = np.full(len(rows), "", dtype=object)
    limits[runs] = results["limit"]
    refusals[runs] = results["refusal"]
    columns["limited_by"] = pa.array([name or None for name in limits], pa.string())
    columns["refusal"] = pa.array([why or None for why in refusals], pa.string())
    return pa.table(columns)


def run_chunk(made: Plan, start: int, stop: int, threads: int | None = None, device: str = "cpu") -> pa.Table:
    """Run the rows from ``start`` up to ``stop``: a pure function of the plan and the two numbers.

    Parameters
    ----------
    made : Plan
        The sweep.
    start, stop : int
        The first row, and the one after the last.
    threads, device
        Where to run, as `simulate_batch` takes them.

    Returns
    -------
    pyarrow.Table
        One row for each run: ``row``, what it was, and its results; NULL where it has none, ``refusal`` says why.
    """
    return run_rows(made, np.arange(start, stop, dtype=np.int64), threads, device)


def _inputs(made: Plan, steps: NDArray[np.int64]) -> dict[str, Any]:
    """Return the columns that say which machine, under which workload, in which room."""
    import pyarrow as pa

    def words(texts: Sequence[str], which: NDArray[np.int64]) -> Any:  # noqa: ANN401 - an array of pyarrow
        return pa.array(np.array(texts, dtype=object)[which], pa.string())

    which, asked = steps[:, 0], steps[:, -1]
    columns: dict[str, Any] = {
        "machine": words([one.selector for one in made.machines], which),
        "workload": words([one.id for one in made.workloads], asked),
    }
    for option in OPTIONS:
        columns[option] = words([one.bare.chosen[option] for one in made.machines], which)
    rooms = np.array([_room(one, one.environment) for one in made.machines], dtype=np.float64)[which]
    for varied in made.varied:
        if varied.axis.what_if:
            column = "fan_set_rpm" if varied.axis.name == "fan" else FIELDS[varied.axis.name]
            levels = np.array([np.nan if one is None else one for one in varied.levels], dtype=np.float64)
            rooms[:, SURROUNDINGS.index(column)] = levels[steps[:, varied.group + 1]]
    fastest = np.array([one.bare.cooling.fans.maximum_rpm for one in made.machines])[which]
    fan = SURROUNDINGS.index("fan_set_rpm")
    rooms[:, fan] = np.where(np.isinf(rooms[:, fan]), fastest, rooms[:, fan])
    return columns | {name: pa.array(rooms[:, number], from_pandas=True) for number, name in enumerate(SURROUNDINGS)}


def _room(one: Configured, room: Environment) -> tuple[float, ...]:
    ambient = one.bare.spec.ambient_c if room.ambient_c is None else room.ambient_c
    wanted = (
        ambient, room.fan, room.dust, room.brightness, room.overclock_ghz, room.power_limit_w, room.undervolt_mv,
    )  # fmt: skip
    return tuple(float("nan") if value is None else value for value in wanted)


def _parameters(made: Plan, steps: NDArray[np.int64]) -> dict[str, Any]:
    """Return the columns of the parameters: what stands in each row, and the factor where they are scaled."""
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for varied in made.varied:
        if varied.axis.what_if:
            continue
        step, which = steps[:, varied.group + 1], steps[:, -1 if varied.axis.of_workload else 0]
        levels = varied.levels
        numeric = isinstance(levels, np.ndarray) or not any(isinstance(one, str) for one in levels)
        if not numeric:
            columns[varied.column] = pa.array([str(levels[int(one)]) for one in step], pa.string())
            continue
        factors = np.asarray(levels, dtype=np.float64)[step]
        if varied.axis.relative:
            columns[f"{varied.column}_scale"] = pa.array(factors)
        if "*" in varied.axis.name:
            if not varied.axis.relative:
                columns[varied.column] = pa.array(factors)
            continue
        before = [targets[0][1] for targets in varied.targets]
        known = np.array([float(one) if isinstance(one, (int, float)) else np.nan for one in before])[which]
        values = known * factors if varied.axis.relative else factors
        whole = np.array([isinstance(one, int) and not isinstance(one, bool) for one in before])[which]
        columns[varied.column] = pa.array(np.where(whole, np.round(values), values))
    return columns
