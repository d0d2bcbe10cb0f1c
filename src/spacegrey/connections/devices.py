"""The catalog's devices and cables: displays, arrays, docks, hubs, enclosures, capture and network."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, cast

from spacegrey.errors import InputError, unknown
from spacegrey.parts.ports.spec import Cable, Device
from spacegrey.sourced import CATALOG, Document, Table, read_spec, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CABLES = "cables"


@functools.cache
def device_tables() -> Mapping[str, tuple[Table, Document]]:
    """Return the table of every device of the catalog, what it extends merged in, and where it stands."""
    found: dict[str, tuple[Table, Document]] = {}
    for path in sorted((CATALOG / "devices").glob("*.toml")):
        if path.stem != CABLES:
            tables = tables_of(path)
            twice = set(tables) & set(found)
            if twice:
                raise InputError(f"{path.name}: device {min(twice)!r} is defined twice")
            found |= tables
    return found


def tables_of(path: Path) -> dict[str, tuple[Table, Document]]:
    """Return the tables of a file of devices by name; one may extend another of the same file."""
    document = read_toml(path)
    found: dict[str, tuple[Table, Document]] = {}
    for name in document.data:
        found[name] = (_extended(name, document, ()), document)
    return found


def _extended(name: str, document: Document, seen: tuple[str, ...]) -> Table:
    if name in seen:
        raise InputError(f"{document.place([name])}: {name!r} extends itself: {' -> '.join((*seen, name))}")
    table = document.data.get(name)
    if not isinstance(table, dict):
        raise unknown("device", name, document.data, document.place([*seen[-1:], "extends"]))
    own = {key: value for key, value in cast("Table", table).items() if key != "extends"}
    parent: object = cast("Table", table).get("extends")
    return own if parent is None else merged(_extended(str(parent), document, (*seen, name)), own)


def merged(base: Table, over: Table) -> Table:
    """Return a table with another over it, key by key.

    Examples
    --------
    >>> merged({"a": 1, "t": {"x": 1}}, {"t": {"y": 2}})
    {'a': 1, 't': {'x': 1, 'y': 2}}
    """
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        result[key] = merged(cast("Table", below), cast("Table", value)) if both else value
    return result


def device(name: str) -> Device:
    """Return a device of the catalog.

    Raises
    ------
    InputError
        There is none of the name, or its data do not hold.

    Examples
    --------
    >>> device("lg-ultrafine-5k").tiles
    2
    """
    tables = device_tables()
    if name not in tables:
        raise unknown("device", name, tables)
    table, document = tables[name]
    return read_spec(Device, table, document, [name])


def device_file(path: Path) -> dict[str, Device]:
    """Return the devices of a user's own file: the form in which a device that nobody has tried yet is sent in.

    Raises
    ------
    InputError
        A key is unknown or out of range, or a number has neither source nor reason; the line says where.
    """
    return {name: read_spec(Device, table, document, [name]) for name, (table, document) in tables_of(path).items()}


@functools.cache
def cables() -> Mapping[str, Cable]:
    """Return the catalog's cables by name."""
    document = read_toml(CATALOG / "devices" / f"{CABLES}.toml")
    return {name: read_spec(Cable, table, document, [name]) for name, table in document.data.items()}
