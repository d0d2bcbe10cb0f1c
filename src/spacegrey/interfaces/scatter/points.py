"""What a scatter of a sweep shows: two columns, a colour, and which points no other beats in both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spacegrey.errors import InputError, unknown
from spacegrey.interfaces import questions
from spacegrey.interfaces.words import QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Collection

    from spacegrey.interfaces.questions import Sweep

MOST_POINTS = 50_000
"""More are thinned out evenly, but for the front: a page with more is slow, and its points hide each other."""

_LABELS = {
    "duration_s": "duration [s]",
    "energy_wh": "energy from the wall [Wh]",
    "peak_cpu_temp_c": "peak processor temperature [°C]",
    "peak_gpu_temp_c": "peak graphics temperature [°C]",
    "ambient_c": "room [°C]",
}


@dataclass(frozen=True)
class Points:
    """Points of a scatter, in the order of the sweep.

    Attributes
    ----------
    colour : array or None
        Numbers, or words; None: all the same.
    front : array of bool
        Which points no other beats in both columns.
    total : int
        How many there are; fewer are drawn where they are too many.
    """

    title: str
    names: tuple[str, str, str | None]
    x: np.ndarray[Any, np.dtype[np.float64]]
    y: np.ndarray[Any, np.dtype[np.float64]]
    colour: np.ndarray[Any, Any] | None
    machines: list[str]
    workloads: list[str]
    front: np.ndarray[Any, np.dtype[np.bool_]]
    total: int

    @property
    def by_words(self) -> bool:
        """Whether the colour stands for words and not for numbers."""
        return self.colour is not None and self.colour.dtype == object


def points(
    sweep: Sweep,
    x: str,
    y: str,
    colour: str | None = None,
    where: str = "",
    more: Collection[str] | None = None,
    most: int = MOST_POINTS,
) -> Points:
    """Return the points of two columns.

    Parameters
    ----------
    sweep : Sweep
        Where they come from.
    x, y, colour : str
        Columns.
    where : str
        A condition in SQL.
    more : collection of str, optional
        Find the front: more of these columns is better, less of any other. None: no front.
    most : int
        Points to return, the front not counted.

    Raises
    ------
    InputError
        A column is unknown or holds no numbers, the condition does not hold, or nothing is left.
    """
    for name in (x, y, *([colour] if colour else ())):
        if name not in sweep.columns:
            raise unknown("column", name, sweep.columns)
    for name in more or ():
        if name not in {x, y}:
            raise InputError(f"--more {name}: the front is of {x} and {y}; more of one of these")
    condition = f"({where}) and " if where else ""
    chosen = f"from {questions.TABLE} where {condition}{_name(x)} is not null and {_name(y)} is not null"
    kinds = questions.ask(sweep, f"select typeof(any_value({_name(x)})), typeof(any_value({_name(y)})) {chosen}").rows
    for name, kind in zip((x, y), kinds[0], strict=True):
        if kind == "VARCHAR":
            raise InputError(f"{name} holds words; a scatter needs numbers")
    [(total,)] = questions.ask(sweep, f"select count(*) {chosen}").rows
    if not total:
        raise InputError(f"no run has both {x} and {y}" + (f" where {where}" if where else ""))
    best = _front_rows(sweep, x, y, chosen, more) if more is not None else set[int]()
    every = -(-total // most)
    listed = ", ".join(str(row) for row in sorted(best)) or "-1"
    thin = f"and (hash(row) % {every} = 0 or row in ({listed}))" if every > 1 else ""
    third = _name(colour) if colour else "null"
    rows = questions.ask(
        sweep, f"select row, {_name(x)}, {_name(y)}, {third}, machine, workload {chosen} {thin} order by row"
    ).rows
    numbers, xs, ys, colours, machines, workloads = (list(column) for column in zip(*rows, strict=True))
    return Points(
        sweep.title,
        (x, y, colour),
        np.array(xs, dtype=np.float64),
        np.array(ys, dtype=np.float64),
        _colours(colours) if colour else None,
        machines,
        workloads,
        np.array([row in best for row in numbers]),
        total,
    )


def label(name: str) -> str:
    """Return a column in words, with its unit.

    Examples
    --------
    >>> label("noise_dba_mean"), label("score"), label("energy_wh")
    ('noise, mean [dBA]', 'score', 'energy from the wall [Wh]')
    """
    base, _, statistic = name.rpartition("_")
    if base in QUANTITIES:
        return f"{QUANTITIES[base].label}, {statistic} [{QUANTITIES[base].unit}]"
    return _LABELS.get(name, name.replace("_", " "))


def _front_rows(sweep: Sweep, x: str, y: str, chosen: str, more: Collection[str]) -> set[int]:
    """Return the rows that no other beats: in the order of x, each is better in y than all before it."""
    first, second = (f"-{_name(name)}" if name in more else _name(name) for name in (x, y))
    answer = questions.ask(
        sweep,
        f"select row from (select row, b, min(b) over (order by a, b, row rows between unbounded preceding and "  # noqa: S608
        f"1 preceding) as before from (select row, {first} as a, {second} as b {chosen})) "
        "where before is null or b < before",
    )
    return {row for (row,) in answer.rows}


def _colours(values: list[Any]) -> np.ndarray[Any, Any]:
    if any(isinstance(value, str) for value in values):
        return np.array(["-" if value is None else value for value in values], dtype=object)
    return np.array([np.nan if value is None else float(value) for value in values])


def _name(column: str | None) -> str:
    return '"' + str(column).replace('"', '""') + '"'
