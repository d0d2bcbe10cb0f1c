"""Any number of a machine's data sheets or of a workload, by its name: listed, read, and set in a copy.

A machine's numbers are named by part and key (``processor.pl1_w``, ``cooling.conductances.cpu_sink_air``), points of a
list by their place from 0 (``microarchitecture.voltage_curve.3.1``). A workload's begin with ``workload`` and the phase
(``workload.render.processor.float_gop``), or with ``workload`` alone for its head data (``workload.repeat``).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, overload

from pydantic import ValidationError

from spacegrey import fits
from spacegrey.errors import InputError
from spacegrey.machine.assembly import Machine
from spacegrey.sourced import Spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from spacegrey.workload.library import Workload

Value: TypeAlias = float | str
Ground = Literal["source", "assumed", "fitted", "default"]
Tree: TypeAlias = dict[str, Any]

SHEETS = (
    "processor", "microarchitecture", "graphics", "graphics_architecture", "memory", "storage", "cooling", "supply",
    "panel",
)  # fmt: skip
"""Data sheets of a machine, as its names begin."""

PORTS = "ports"
"""Stands for the ports, whose sheet is part of the machine's own."""

NEAR_NAMES = 5
"""An error for an unknown name lists so many that are like it."""

_PROVENANCE = {"source", "assumed"}
_UNSTATED = "the data sheet's default: no file states it"


class Disagreement(InputError):  # noqa: N818 - one line for the user, as every input error
    """Numbers that may each stand alone, but not together."""


@dataclass(frozen=True)
class Named:
    """One number and where it comes from.

    Attributes
    ----------
    value : float
        In the unit that its name ends in.
    ground : {'source', 'assumed', 'fitted', 'default'}
        What it stands on.
    reason : str
        Key of sources.bib, or why it is believed without a source.
    """

    name: str
    value: float
    ground: Ground
    reason: str

    @property
    def assumed(self) -> bool:
        """Whether no source states it: it is assumed, fitted, or a default."""
        return self.ground != "source"


def names(what: Machine | Workload) -> dict[str, Named]:
    """Return every number of a machine's data sheets, or of a workload, by name.

    Examples
    --------
    >>> from spacegrey.machine.assembly import machine
    >>> found = names(machine("imac-pro"))
    >>> found["processor.cores"].value, found["processor.cores"].assumed
    (8, False)
    """
    found: dict[str, Named] = {}
    for name, sheet in _sheets(what).items():
        if sheet is not None:
            found |= {one.name: one for one in _numbers(sheet, name, None)}
    return found


def value_of(what: Machine | Workload, name: str) -> Value | None:
    """Return the value of one name.

    Raises
    ------
    InputError
        There is no such name.

    Examples
    --------
    >>> from spacegrey.machine.assembly import machine
    >>> value_of(machine("imac-pro"), "processor.turbo_bins.0.1")
    4.2
    """
    value: Any = what
    for part in _path(what, name):
        value = _inside(what, value, part, name)
    if not isinstance(value, (int, float, str)) and value is not None:
        raise _no_such(what, name)
    return value


@overload
def with_values(what: Machine, values: Mapping[str, Value]) -> Machine: ...
@overload
def with_values(what: Workload, values: Mapping[str, Value]) -> Workload: ...
def with_values(what: Machine | Workload, values: Mapping[str, Value]) -> Machine | Workload:
    """Return a copy with other values; every data sheet that changes is checked as a whole.

    Parameters
    ----------
    what : Machine or Workload
        Where the names are looked up.
    values : mapping of str to float or str
        Name to value.

    Raises
    ------
    InputError
        There is no such name, or the data sheet does not hold with the value; a `Disagreement` if each alone would do.

    Examples
    --------
    >>> from spacegrey.machine.assembly import machine
    >>> base = machine("imac-pro")
    >>> slower = with_values(base, {"processor.pl1_w": 100.0, "cooling.fans.power_w": 5.0})
    >>> slower.processor.pl1_w, slower.cooling.fans.power_w, base.processor.pl1_w == 100.0
    (100.0, 5.0, False)
    """
    tree: Tree = {}
    for name, value in values.items():
        *folders, last = _path(what, name)
        branch = tree
        for part in folders:
            branch = branch.setdefault(part, {})
        branch[last] = value
    said = ", ".join(f"{name} = {value:.6g}" if isinstance(value, float) else f"{name} = {value}"
                     for name, value in values.items())  # fmt: skip
    try:
        changes = {part: _changed(what, getattr(what, part), branch, said) for part, branch in tree.items()}
    except InputError:
        for name in values:
            value_of(what, name)
        raise
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        kind = Disagreement if first["type"] == "value_error" else InputError
        raise kind(f"{said}: {message[:1].lower()}{message[1:]}") from None
    return replace(what, **changes)


def _sheets(what: Machine | Workload) -> dict[str, Spec | None]:
    if isinstance(what, Machine):
        return {**{name: getattr(what, name) for name in SHEETS}, PORTS: what.spec.ports}
    return {"workload": what.spec, **{f"workload.{phase.name}": phase for phase in what.phases}}


def _path(what: Machine | Workload, name: str) -> list[str]:
    """Return the steps from a machine or a workload to a value: attribute, then keys and places."""
    if isinstance(what, Machine):
        path = name.split(".")
        if len(path) < 2 or path[0] not in (*SHEETS, PORTS):  # noqa: PLR2004 - a sheet and a key
            raise _no_such(what, name)
        return ["spec", *path] if path[0] == PORTS else path
    head, _, rest = name.partition(".")
    if head != "workload" or not rest:
        raise _no_such(what, name)
    # A phase's name may hold points and blanks, and be the beginning of another's.
    for place, phase in sorted(enumerate(what.phases), key=lambda one: -len(one[1].name)):
        if rest.startswith(f"{phase.name}."):
            return ["phases", str(place), *rest[len(phase.name) + 1 :].split(".")]
    return ["spec", *rest.split(".")]


def _inside(what: Machine | Workload, value: object, part: str, name: str) -> Any:  # noqa: ANN401 - what a sheet holds
    if isinstance(value, Spec):
        if part in type(value).model_fields and part not in _PROVENANCE:
            return getattr(value, part)
    elif isinstance(value, dict):
        if part in value:
            return cast("dict[str, object]", value)[part]
    elif isinstance(value, (list, tuple)):
        items = cast("list[object]", value)
        if part.isascii() and part.isdigit() and int(part) < len(items):
            return items[int(part)]
    elif value is what:
        return getattr(what, part)
    raise _no_such(what, name)


def _changed(what: Machine | Workload, value: object, branch: Tree, said: str) -> object:
    """Return a copy of a sheet, a list or a table with what a tree of names sets in it."""
    after: dict[str, object] = {}
    for part, change in branch.items():
        before = _inside(what, value, part, said)
        after[part] = _changed(what, before, cast("Tree", change), said) if isinstance(change, dict) else change
    if isinstance(value, Spec):
        # What is set is checked with all the rest of its sheet: limits that belong together must still do so.
        stated = {key: getattr(value, key) for key in value.model_fields_set}
        return type(value).model_validate({**stated, **after})
    if isinstance(value, dict):
        return {**cast("dict[str, object]", value), **after}
    items = list(cast("list[object]", value))
    for part, item in after.items():
        items[int(part)] = item
    return type(cast("list[object]", value))(items)


def _numbers(value: object, name: str, ground: tuple[Ground, str] | None) -> Iterator[Named]:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return
    if isinstance(value, (int, float)):
        yield Named(name, value, *(ground or ("default", _UNSTATED)))
    elif isinstance(value, Spec):
        for key in type(value).model_fields:
            if key not in _PROVENANCE:
                yield from _numbers(getattr(value, key), f"{name}.{key}", _ground(value, key, ground))
    elif isinstance(value, dict):
        for key, item in cast("dict[str, object]", value).items():
            yield from _numbers(item, f"{name}.{key}", ground)
    elif isinstance(value, (list, tuple)):
        for place, item in enumerate(cast("list[object]", value)):
            yield from _numbers(item, f"{name}.{place}", ground)


def _ground(sheet: Spec, key: str, above: tuple[Ground, str] | None) -> tuple[Ground, str]:
    """Return what a key of a sheet stands on: its own source or reason, or that of the table above it."""
    if key in sheet.assumed:
        reason = sheet.assumed[key]
        return ("fitted" if reason == fits.REASON else "assumed"), reason
    if key not in sheet.model_fields_set:
        return "default", _UNSTATED
    source = sheet.source.get(key) or sheet.source.get("default")
    return ("source", source) if source else above or ("default", _UNSTATED)


def _no_such(what: Machine | Workload, name: str) -> InputError:
    known = names(what)
    words = name.rpartition(".")[2]
    near = difflib.get_close_matches(name, known, n=NEAR_NAMES, cutoff=0.5)
    near += [one for one in known if one.rpartition(".")[2] == words and one not in near]
    whose = what.spec.name if isinstance(what, Machine) else f"workload {what.id!r}"
    hint = f"; near it: {', '.join(near[:NEAR_NAMES])}" if near else f"; names begin with: {', '.join(_sheets(what))}"
    return InputError(f"unknown parameter {name!r} of {whose}{hint}")
