"""The catalog's one loader: machines, parts and a user's own files, every line checked.

A file may extend another (``extends = "imac-pro"``): tables merge key by key, the nearer file wins. A user's file may
bring parts of its own (``[parts.processors.my-chip]``), which may extend a part of the catalog in the same way.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from spacegrey import fits
from spacegrey.errors import InputError, unknown
from spacegrey.machine.spec import PART_SLOTS, MachineSpec, Option
from spacegrey.parts.cooling.spec import Cooling
from spacegrey.parts.display.spec import Panel
from spacegrey.parts.graphics.spec import Graphics, GraphicsArchitecture
from spacegrey.parts.memory.spec import Memory
from spacegrey.parts.ports.spec import PortTree
from spacegrey.parts.power.spec import PowerSupply
from spacegrey.parts.processor.spec import Microarchitecture, Processor
from spacegrey.parts.storage.spec import Storage
from spacegrey.sourced import CATALOG, Document, Spec, Table, named_file, read_spec, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PART_KINDS: dict[str, type[Spec]] = {
    "processors": Processor,
    "microarchitectures": Microarchitecture,
    "graphics": Graphics,
    "graphics-architectures": GraphicsArchitecture,
    "memory": Memory,
    "storage": Storage,
    "cooling": Cooling,
    "power": PowerSupply,
    "displays": Panel,
    "ports": PortTree,
}
_MACHINE_KEYS = {"extends", "machine", "options", "parts"}


@dataclass(frozen=True)
class Entry:
    """A table of the catalog before it is checked, and where it stands."""

    table: Table
    document: Document
    keys: tuple[str, ...]


@dataclass(frozen=True)
class MachineFile:
    """A machine's file with everything it extends merged in, checked."""

    id: str
    spec: MachineSpec
    options: dict[str, Option]
    document: Document
    parts: dict[str, dict[str, Entry]] = field(default_factory=dict[str, dict[str, Entry]])


def machine_ids() -> list[str]:
    """Return the ids of the catalog's machines, in alphabetical order."""
    return sorted(path.stem for path in (CATALOG / "machines").glob("*.toml"))


@functools.cache
def part_entries(kind: str) -> Mapping[str, Entry]:
    """Return every part of one kind in the catalog, by id."""
    entries: dict[str, Entry] = {}
    for path in sorted((CATALOG / "parts" / kind).glob("*.toml")):
        document = read_toml(path)
        for name, table in document.data.items():
            if name in entries:
                raise InputError(
                    f"{document.place([name])}: {kind} {name!r} is defined in {entries[name].document.path.name} too"
                )
            entries[name] = Entry(cast("Table", table), document, (name,))
    return entries


def part(
    kind: str, name: str, own: Mapping[str, Mapping[str, Entry]] | None = None, settings: Table | None = None
) -> Spec:
    """Return one part's data sheet.

    Parameters
    ----------
    kind : str
        A key of `PART_KINDS`.
    name : str
        The part's id.
    own : mapping, optional
        Parts that a user's file brings, by kind and id; they win over the catalog's.
    settings : dict, optional
        Keys that the machine sets differently on the part.

    Raises
    ------
    InputError
        The part is unknown, extends itself, or does not hold.
    """
    entry, table = _resolve(kind, name, own or {})
    table = _merge(table, fits.values(f"{kind}/{name}"))
    if settings:
        table = _merge(table, settings)
    return read_spec(PART_KINDS[kind], _fits_are_sourced(table, kind, name), entry.document, entry.keys)


def read_machine(reference: str) -> MachineFile:
    """Read a machine by its id in the catalog, or by the path of the user's own file.

    Raises
    ------
    InputError
        Unknown, unreadable, extends itself, or does not hold.
    """
    document, data = _extended(reference, ())
    strange = set(data) - _MACHINE_KEYS
    if strange:
        raise unknown("key", min(strange), _MACHINE_KEYS, document.place([min(strange)]))
    own: dict[str, dict[str, Entry]] = {}
    for kind, table in _tables(data.get("parts", {}), document, ["parts"]).items():
        if kind not in PART_KINDS:
            raise unknown("kind of part", kind, PART_KINDS, document.place(["parts", kind]))
        own[kind] = {
            name: Entry(content, document, ("parts", kind, name))
            for name, content in _tables(table, document, ["parts", kind]).items()
        }
    if "machine" not in data:
        raise InputError(f"{document.place()}: [machine] is missing; a machine has: {', '.join(sorted(_MACHINE_KEYS))}")
    spec = read_spec(MachineSpec, data["machine"], document, ["machine"])
    ident = document.path.stem if document.path.parent == CATALOG / "machines" else str(document.path)
    return MachineFile(ident, spec, _options(data, document), document, own)


def _options(data: Table, document: Document) -> dict[str, Option]:
    options: dict[str, Option] = {}
    for slot, table in _tables(data.get("options", {}), document, ["options"]).items():
        option = read_spec(Option, table, document, ["options", slot])
        if option.default not in option.choices:
            raise unknown(
                f"default of {slot}", option.default, option.choices, document.place(["options", slot, "default"])
            )
        for name, choice in option.choices.items():
            for other, implied in choice.defaults.items():
                if implied not in data["options"].get(other, {}).get("choices", {}):
                    place = document.place(["options", slot, "choices", name])
                    raise InputError(f"{place}: choice {name!r} brings {other} {implied!r}, which is no choice")
            if slot in PART_SLOTS and choice.part is None:
                raise InputError(f"{document.place(['options', slot, 'choices', name])}: choice {name!r} names no part")
        options[slot] = option
    for slot in ("processor", "graphics", "memory", "storage"):
        if slot not in options:
            raise InputError(f"{document.place()}: [options.{slot}] is missing: every machine has one")
    return options


def _extended(reference: str, seen: tuple[str, ...]) -> tuple[Document, Table]:
    path = named_file(reference, "machine")
    try:
        identity = str(path.resolve())
    except (OSError, ValueError):
        raise InputError(f"{reference!r} is not a path") from None
    if identity in seen:
        circle = " -> ".join(Path(one).stem for one in (*seen, identity))
        raise InputError(f"{path.name}: extends itself: {circle}")
    document = read_toml(path)
    parent = document.data.get("extends")
    if parent is None:
        return document, document.data
    if not isinstance(parent, str):
        raise InputError(f"{document.place(['extends'])}: extends must be the name of a machine or a path")
    if parent.endswith(".toml"):
        parent = str(path.parent / parent)
    _, base = _extended(parent, (*seen, identity))
    return document, _merge(base, {key: value for key, value in document.data.items() if key != "extends"})


def _resolve(
    kind: str,
    name: str,
    own: Mapping[str, Mapping[str, Entry]],
    seen: tuple[str, ...] = (),
    catalog_only: bool = False,  # noqa: FBT001, FBT002 - a part of the catalog extends only parts of the catalog
) -> tuple[Entry, Table]:
    mine = None if catalog_only else own.get(kind, {}).get(name)
    entry = mine or part_entries(kind).get(name)
    if entry is None:
        raise unknown(kind.removesuffix("s") + " part", name, {*part_entries(kind), *own.get(kind, {})})
    step = name if mine else f"{name} of the catalog"
    if step in seen:
        place = entry.document.place(entry.keys)
        raise InputError(f"{place}: {kind} {name!r} extends itself: {' -> '.join((*seen, step))}")
    parent = entry.table.get("extends")
    own_keys = {key: value for key, value in entry.table.items() if key != "extends"}
    if parent is None:
        return entry, own_keys
    # A user's part may extend the catalog's of the same name.
    _, base = _resolve(kind, str(parent), own, (*seen, step), catalog_only=mine is None or parent == name)
    return entry, _merge(_merge(base, fits.values(f"{kind}/{parent}")), own_keys)


def _fits_are_sourced(table: Table, kind: str, name: str) -> Table:
    """Give fitted numbers their provenance: the fit itself, which names its rows."""
    fitted = fits.values(f"{kind}/{name}")
    if not fitted:
        return table
    assumed = {**cast("Table", table.get("assumed", {})), **dict.fromkeys(fitted, fits.REASON)}
    return {**table, "assumed": assumed}


def _merge(base: Table, over: Table) -> Table:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if key == "source":
            below, value = _as_table(below), _as_table(value)  # noqa: PLW2901
        merged[key] = (
            _merge(cast("Table", below), cast("Table", value))
            if isinstance(below, dict) and isinstance(value, dict)
            else value
        )
    return merged


def _as_table(source: object) -> object:
    return {"default": source} if isinstance(source, str) else source


def _tables(value: object, document: Document, keys: Sequence[str]) -> dict[str, Table]:
    if not isinstance(value, dict):
        raise InputError(f"{document.place(keys)}: [{'.'.join(keys)}] is not a table")
    for name, table in cast("Table", value).items():
        if not isinstance(table, dict):
            raise InputError(f"{document.place([*keys, name])}: [{'.'.join([*keys, name])}] is not a table")
    return cast("dict[str, Table]", value)
