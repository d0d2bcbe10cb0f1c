"""What a scatter of a sweep shows: two columns, a colour, and which points no other beats in both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spacegrey.errors import InputError, unknown
from spacegrey.interfaces import questions
from spacegrey.interfaces.words import OF_A_RUN, QUANTITIES
from spacegrey.simulation.sweep.rows import SCORE_BETTER

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from spacegrey.interfaces.questions import Sweep

MOST_POINTS = 50_000
"""More are thinned out evenly, but for the front: a page with more is slow, and its points hide each other."""

_OF_SCORES = {"higher": "more", "lower": "less"}


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
    what : str
        What a point is, in the plural.
    named : tuple of (int, str)
        Points that bear a name in the drawing.
    better : tuple of str
        Of which column the front has less, and of which more; empty words where there is no front.
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
    what: str = "runs"
    named: tuple[tuple[int, str], ...] = ()
    by_ratio: bool = False
    better: tuple[str, str] = ("", "")

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
    *,
    front: bool = False,
    more: Collection[str] = (),
    less: Collection[str] = (),
    most: int = MOST_POINTS,
) -> Points:
    """Return the points of two columns.

    Parameters
    ----------
    sweep : Sweep
        Where they come from.
    x, y, colour : str
        Columns, in full or short, as `column` has it.
    where : str
        A condition in SQL.
    front : bool
        Find the points that no other beats in both columns.
    more, less : collection of str
        In the front, more or less of these columns is better, whatever the quantity itself says.
    most : int
        Points to return, the front not counted.

    Raises
    ------
    InputError
        A column is unknown or holds no numbers, the condition does not hold, nothing is left, or a front is asked for
        and nothing says of which end of a column is better.
    """
    x, y, colour = column(x, sweep.columns), column(y, sweep.columns), column(colour, sweep.columns) if colour else None
    more, less = ({column(name, sweep.columns) for name in names} for names in (more, less))
    for word, given in (("more", more), ("less", less)):
        for name in given:
            if name not in {x, y}:
                raise InputError(f"--{word} {name}: the front is of {x} and {y}; name one of these")
            if name in more and name in less:
                raise InputError(f"{name}: --more and --less; name it once")
    condition = f"({where}) and " if where else ""
    chosen = f"from {questions.TABLE} where {condition}{_name(x)} is not null and {_name(y)} is not null"
    kinds = questions.ask(sweep, f"select typeof(any_value({_name(x)})), typeof(any_value({_name(y)})) {chosen}").rows
    for name, kind in zip((x, y), kinds[0], strict=True):
        if kind == "VARCHAR":
            raise InputError(f"{name} holds words; a scatter needs numbers")
    [(total,)] = questions.ask(sweep, f"select count(*) {chosen}").rows
    if not total:
        raise InputError(f"no run has both {x} and {y}" + (f" where {where}" if where else ""))
    directions = [_better(sweep, name, chosen, more, less) if front else "" for name in (x, y)]
    best = _front_rows(sweep, x, y, chosen, directions) if front else set[int]()
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
        better=(directions[0], directions[1]),
    )


def column(name: str, columns: Collection[str]) -> str:
    """Return the column that a name means: its own, or short without its unit; of several statistics the mean.

    Raises
    ------
    InputError
        There is none.

    Examples
    --------
    >>> column("duration", ["duration_s", "noise_dba_mean", "noise_dba_max"])
    'duration_s'
    >>> column("noise", ["duration_s", "noise_dba_mean", "noise_dba_max"])
    'noise_dba_mean'
    """
    if name in columns:
        return name
    longer = [one for one in columns if one.startswith(f"{name}_")]
    means = longer if len(longer) == 1 else [one for one in longer if one.endswith("_mean")]
    if len(means) != 1:
        raise unknown("column", name, columns)
    return means[0]


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
    one = OF_A_RUN.get(name)
    if one is None:
        return name.replace("_", " ")
    return f"{one.label} [{one.unit}]" if one.unit else one.label


def axis(name: str, better: str) -> str:
    """Return what stands on an axis: a column in words, and which end of it is better where that matters.

    Examples
    --------
    >>> axis("duration_s", "less"), axis("duration_s", "")
    ('duration [s], less is better', 'duration [s]')
    """
    return f"{label(name)}, {better} is better" if better else label(name)


def _better(sweep: Sweep, name: str, chosen: str, more: Collection[str], less: Collection[str]) -> str:
    """Return whether less or more of a column is better: as named, else as the quantity itself says."""
    if name in more or name in less:
        return "more" if name in more else "less"
    quantity = OF_A_RUN.get(name) or QUANTITIES.get(name.rpartition("_")[0])
    if quantity and quantity.better:
        return quantity.better
    words: set[str] = set()
    if name == "score" and SCORE_BETTER in sweep.columns:
        answer = questions.ask(sweep, f"select distinct {SCORE_BETTER} {chosen}")
        words = {_OF_SCORES[word] for (word,) in answer.rows}
    if len(words) == 1:
        return words.pop()
    why = "more is better in one workload, less in another" if words else "nothing says which end of it is better"
    raise InputError(f"--front: {name}: {why}: add --more {name} or --less {name}")


def _front_rows(sweep: Sweep, x: str, y: str, chosen: str, directions: Sequence[str]) -> set[int]:
    """Return the rows that no other beats: in the order of x, each is better in y than all before it."""
    first, second = (
        f"-{_name(name)}" if better == "more" else _name(name) for name, better in zip((x, y), directions, strict=True)
    )
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
