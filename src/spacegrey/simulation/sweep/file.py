"""The file that asks for a sweep: which machines, which workloads, what varies and how it is sampled."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, cast

from pydantic import Field

from spacegrey.errors import InputError
from spacegrey.machine.catalog import machine_ids, read_machine
from spacegrey.machine.selector import RANGES, WHAT_IFS, Selector, parse_selector, parse_what_if
from spacegrey.sourced import Document, Spec, Table, read_settings, read_toml

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from spacegrey.machine.catalog import MachineFile

Sampling = Literal["grid", "list", "latin-hypercube", "sobol"]
Draw = Literal["machines", "workloads"]
Level: TypeAlias = float | str | None

MOST_SAMPLES = 10**8
AUTOMATIC = "auto"
_AXIS_KEYS = {"values", "from", "to", "steps", "scale"}


class SweepFile(Spec):
    """The whole file."""

    title: str = ""
    machines: list[str] = Field(min_length=1)
    workloads: list[str] = Field(min_length=1)
    plan: str | None = Field(default=None, description="file of what is plugged into each machine")
    sampling: Sampling = "grid"
    samples: Annotated[int, Field(ge=1, le=MOST_SAMPLES)] | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    draw: list[Draw] = Field(
        default_factory=list[Draw], description="what each sample draws one of; the rest runs with every sample"
    )
    vary: dict[str, Any] = Field(default_factory=dict)


class _AxisTable(Spec):
    values: Annotated[list[float | str], Field(min_length=1)] | None = None
    begin: float | str | None = Field(default=None, alias="from")
    to: float | str | None = None
    steps: Annotated[int, Field(ge=2, le=1_000_000)] | None = None
    scale: Annotated[list[float], Field(min_length=1)] | None = None


@dataclass(frozen=True)
class Axis:
    """One thing that varies.

    Attributes
    ----------
    name : str
        A what-if of selectors, or a name of `simulation.named`.
    place : str
        File and line, for errors.
    levels : tuple
        Its values, one after another; empty for a range that is sampled. None: the machine's own (``fan = "auto"``).
    low, high : float
        Ends of the range where it is sampled.
    relative : bool
        Its values are factors on the number that is there.
    """

    name: str
    place: str
    levels: tuple[Level, ...] = ()
    low: float = 0.0
    high: float = 0.0
    relative: bool = False

    @property
    def what_if(self) -> bool:
        """Whether it is about the room or a setting, and not about a number of a data sheet."""
        return self.name in WHAT_IFS

    @property
    def of_workload(self) -> bool:
        """Whether it is a number of the workload."""
        return self.name.startswith("workload.")


@dataclass(frozen=True)
class Question:
    """A sweep file, read: names of machines written out, nothing built yet.

    Attributes
    ----------
    starred : frozenset of str
        Selectors that a ``*`` stands for: those whose parts do not fit together are left out.
    plan : Path or None
        What is plugged into each machine.
    """

    title: str
    text: str
    document: Document
    selectors: tuple[Selector, ...]
    starred: frozenset[str]
    workloads: tuple[str, ...]
    sampling: Sampling
    samples: int
    seed: int
    draw: frozenset[Draw]
    axes: tuple[Axis, ...]
    plan: Path | None = None


def read_sweep(path: Path) -> Question:
    """Read a sweep's file.

    Raises
    ------
    InputError
        It is missing or does not hold; the line says where.
    """
    return question_of(read_toml(path))


def question_of(document: Document) -> Question:
    """Return what a sweep's file asks.

    Raises
    ------
    InputError
        It does not hold; the line says where.
    """
    path = document.path
    file = read_settings(SweepFile, document.data, document, [])
    axes = tuple(_axis(keys, table, file.sampling, document) for keys, table in _flat(file.vary, ()))
    _check_axes(axes, file, document)
    selectors: dict[str, Selector] = {}
    starred: set[str] = set()
    for text in file.machines:
        wanted = parse_selector(_beside(text, path))
        for one in written_out(wanted):
            selectors.setdefault(one.text, one)
            if one.text != wanted.text:
                starred.add(one.text)
    workloads = tuple(dict.fromkeys(_beside(text, path) for text in file.workloads))
    return Question(
        file.title or path.stem, document.text, document, tuple(selectors.values()), frozenset(starred), workloads,
        file.sampling, file.samples or 0, file.seed, frozenset(file.draw), axes,
        None if file.plan is None else path.parent / file.plan,
    )  # fmt: skip


def _check_axes(axes: Sequence[Axis], file: SweepFile, document: Document) -> None:
    """Raise `InputError` where what varies does not go with how it is sampled."""
    names = [axis.name for axis in axes]
    for axis in axes:
        if names.count(axis.name) > 1:
            raise InputError(f"{axis.place}: {axis.name} is varied twice")
    if file.sampling in {"grid", "list"}:
        if file.samples is not None:
            raise InputError(f'{document.place(["samples"])}: samples is for sampling = "latin-hypercube" or "sobol"')
        if file.draw:
            raise InputError(f'{document.place(["draw"])}: draw is for sampling = "latin-hypercube" or "sobol"')
    elif file.samples is None:
        raise InputError(f"{document.place(['sampling'])}: {file.sampling} needs samples = how many")
    elif all(axis.levels for axis in axes) and not file.draw:
        raise InputError(f"{document.place(['sampling'])}: {file.sampling} needs a range: from and to, or scale")
    if file.sampling == "list" and len({len(axis.levels) for axis in axes}) > 1:
        lengths = ", ".join(f"{axis.name} {len(axis.levels)}" for axis in axes)
        raise InputError(f"{document.place(['vary'])}: a list takes as many values of each: {lengths}")


def written_out(wanted: Selector) -> list[Selector]:
    """Return every configuration that a selector with stars stands for; itself, if it has none.

    ``imac-pro:*`` is every combination of the options that choose a part, ``imac-pro:processor=*,vega-64`` every
    processor with one graphics card, and ``*`` every machine of the catalog.

    Examples
    --------
    >>> len(written_out(parse_selector("imac-pro:*")))
    144
    >>> [one.text for one in written_out(parse_selector("imac-pro:graphics=*,18-core+fan=max"))][0]
    'imac-pro:18-core,vega-56+fan=max'
    """
    if wanted.machine == "*":
        inner = [Selector(wanted.text, one, wanted.choices, wanted.environment) for one in machine_ids()]
        return [found for one in inner for found in _combinations(one)]
    return _combinations(wanted) if any("*" in choice for choice in wanted.choices) else [wanted]


def _combinations(wanted: Selector) -> list[Selector]:
    file = read_machine(wanted.machine)
    fixed = [choice for choice in wanted.choices if "*" not in choice]
    stars: list[str] = []
    for choice in wanted.choices:
        slot, equals, star = (part.strip() for part in choice.partition("="))
        if choice == "*":
            stars += _part_slots(file, fixed)
        elif equals and star == "*" and slot in file.options:
            stars.append(slot)
        elif "*" in choice:
            known = ", ".join(sorted(file.options))
            raise InputError(f"selector {wanted.text!r}: {choice!r}: write * alone or OPTION=*; options: {known}")
    slots = list(dict.fromkeys(stars))
    tail = "".join(wanted.text.partition("+")[1:])
    found: list[Selector] = []
    for combination in itertools.product(*(file.options[slot].choices for slot in slots)):
        chosen = [_unambiguous(file, slot, name) for slot, name in zip(slots, combination, strict=True)]
        choices = (*fixed, *chosen)
        text = wanted.machine + (":" + ",".join(choices) if choices else "") + tail
        found.append(Selector(text, wanted.machine, choices, wanted.environment))
    return found


def _part_slots(file: MachineFile, fixed: Sequence[str]) -> list[str]:
    """Return the options that choose a part and that nothing else in the selector chooses."""
    named = {choice.partition("=")[0].strip() for choice in fixed}
    return [
        slot
        for slot, option in file.options.items()
        if any(choice.part for choice in option.choices.values())
        and slot not in named
        and not named & set(option.choices)
    ]


def _unambiguous(file: MachineFile, slot: str, name: str) -> str:
    shared = sum(name in option.choices for option in file.options.values()) > 1
    return f"{slot}={name}" if shared else name


def _beside(reference: str, path: Path) -> str:
    """Return a reference to a user's own file as seen from here: it is written as seen from the sweep's file."""
    head, colon, rest = reference.partition(":")
    own, plus, tail = head.partition("+")
    return f"{path.parent / own}{plus}{tail}{colon}{rest}" if own.strip().endswith(".toml") else reference


def _flat(table: Table, above: tuple[str, ...]) -> list[tuple[tuple[str, ...], object]]:
    """Return the tables of axes in nested ones: ``processor.pl1_w = ...`` without quotes is a table in a table."""
    found: list[tuple[tuple[str, ...], object]] = []
    for key, value in table.items():
        inner = cast("Table", value) if isinstance(value, dict) else {}
        nested = inner and not set(inner) & _AXIS_KEYS and all(isinstance(one, (dict, list)) for one in inner.values())
        found += _flat(inner, (*above, key)) if nested else [((*above, key), value)]
    return found


def _axis(keys: tuple[str, ...], given: object, sampling: Sampling, document: Document) -> Axis:
    where, name = ["vary", *keys], ".".join(keys)
    place = document.place(where)
    table: object = {"values": cast("list[object]", given)} if isinstance(given, list) else given
    asked = read_settings(_AxisTable, table, document, where)
    if name not in WHAT_IFS and "." not in name:
        raise InputError(
            f"{place}: unknown {name!r}: vary one of {', '.join(WHAT_IFS)}, or a parameter such as processor.pl1_w or "
            "workload.PHASE.processor.activity"
        )
    is_range = asked.begin is not None or asked.to is not None
    if (asked.values is not None) + is_range + (asked.scale is not None) != 1:
        raise InputError(f"{place}: {name} takes one of: values, from and to, scale")
    if asked.scale is not None and name in WHAT_IFS:
        raise InputError(f"{place}: {name} is not scaled: give values, or from and to")
    if asked.values is not None:
        if asked.steps:
            raise InputError(f"{place}: steps goes with from and to, or with two numbers of scale")
        return Axis(name, place, tuple(_level(name, value, place) for value in asked.values))
    if asked.scale is not None:
        ends: Sequence[Level] = asked.scale
    else:
        ends = [_level(name, end, place) if end is not None else None for end in (asked.begin, asked.to)]
    return _range(name, place, ends, asked.steps, sampling, relative=asked.scale is not None)


def _range(
    name: str, place: str, ends: Sequence[Level], steps: int | None, sampling: Sampling, *, relative: bool
) -> Axis:
    sampled = sampling in {"latin-hypercube", "sobol"}
    numbers = [end for end in ends if isinstance(end, (int, float)) and abs(end) != float("inf")]
    if len(numbers) != len(ends):
        raise InputError(f"{place}: {name} needs a number for both from and to")
    if relative and not steps and not (sampled and len(numbers) == 2):  # noqa: PLR2004 - two ends
        return Axis(name, place, tuple(numbers), relative=True)
    if len(numbers) != 2 or not numbers[0] < numbers[1]:  # noqa: PLR2004
        raise InputError(f"{place}: {name}: a range goes from a smaller to a larger number")
    low, high = numbers
    if steps:
        if sampled:
            raise InputError(f"{place}: {name}: {sampling} samples the whole range: leave steps out")
        levels = tuple(low + (high - low) * number / (steps - 1) for number in range(steps))
        return Axis(name, place, levels, relative=relative)
    if not sampled:
        raise InputError(f"{place}: {name}: say into how many steps the range is cut: steps = 5")
    return Axis(name, place, (), low, high, relative)


def _level(name: str, value: float | str, place: str) -> Level:
    if name not in WHAT_IFS:
        return value
    if name == "fan" and value == AUTOMATIC:
        return None
    if isinstance(value, str):
        return parse_what_if(name, value, f"{place}: {name}")
    # A plain number is in the unit of the what-if.
    unit = RANGES[name][2].strip()
    return parse_what_if(name, f"{value:.17g}{unit}", f"{place}: {name}")
