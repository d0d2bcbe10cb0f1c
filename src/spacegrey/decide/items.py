"""What an offer can be for, and the one key under which each such thing is filed.

====================================  =======================================================================
``imac-pro``                          a machine in its default configuration
``imac-pro:10-core,vega-64x``         a whole configured machine
``imac-pro/processor/18-core``        what a choice adds to the base
``processors/i9-7900x``               a part alone
``memory/ddr4-2666-udimm/16GB``       a memory module of that size
``storage/samsung-960-pro/1TB``       a drive of that size
``components/NAME``                   a thing of catalog/components
``applecare/imac-pro``                AppleCare+ of a machine
====================================  =======================================================================

A machine may also be the path of the user's own file, which stands beside the file of offers: ``office-pc.toml``.
"""

from __future__ import annotations

import functools
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

from spacegrey.errors import InputError, unknown
from spacegrey.machine.catalog import PART_KINDS, machine_ids, part_entries, read_machine
from spacegrey.machine.selector import choose, parse_selector
from spacegrey.machine.spec import PART_SLOTS
from spacegrey.sourced import CATALOG, read_toml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spacegrey.machine.catalog import MachineFile

PRICED_KINDS = ("processors", "graphics", "memory", "storage", "cooling", "power", "displays")
"""Kinds of parts that can be bought alone; the others (microarchitectures) are no things."""

APPLECARE, COMPONENTS, MACHINES = "applecare", "components", "machines"
NOMINAL = 0.03
"""A size this near to a power of two is sold under its name: 500 and 512 GB, 1 TB and 1.024 TB are one size."""

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(GB|TB)")


def canonical(item: str, folder: Path | None = None) -> str:
    """Return the one key of a thing that an offer can be for.

    Parameters
    ----------
    item : str
        As a file of offers writes it.
    folder : Path, optional
        Where the user's own machines lie; None: only machines of the catalog are known.

    Raises
    ------
    InputError
        No such thing.

    Examples
    --------
    >>> canonical("imac-pro:vega-64,8-core"), canonical("storage/samsung-960-pro/1024GB")
    ('imac-pro:graphics=vega-64', 'storage/samsung-960-pro/1TB')
    """
    head, *rest = item.split("/")
    if ".toml" in item:
        return _own_machine(item, folder)
    if head == COMPONENTS and len(rest) == 1:
        _known(rest[0], components(), "component")
        return item
    if head == APPLECARE and len(rest) == 1:
        _known(rest[0], machine_ids(), "machine")
        return item
    if head in PRICED_KINDS:
        return _part(head, rest, item)
    name = head.partition(":")[0]
    if name not in machine_ids():
        known = [*machine_ids(), *PRICED_KINDS, COMPONENTS, APPLECARE]
        raise unknown("item", name, known)
    return _of_machine(machine_file(name), name, item)


def machine_key(file: MachineFile, chosen: Mapping[str, str]) -> str:
    """Return the key of a configured machine: its id and every choice that it would not have without being named.

    Examples
    --------
    >>> file = machine_file("imac-pro")
    >>> machine_key(file, choose(file.options, ("10-core", "mouse"), ""))
    'imac-pro:processor=10-core'
    """
    implied = {other for slot, name in chosen.items() for other in file.options[slot].choices[name].defaults}
    differing = [
        f"{slot}={name}" for slot, name in chosen.items() if name != file.options[slot].default or slot in implied
    ]
    return f"{own_id(file.id)}:{','.join(differing)}" if differing else own_id(file.id)


def own_id(machine_id: str) -> str:
    """Return a machine's id, that of a user's file as a path that does not depend on the current folder."""
    return str(Path(machine_id).resolve()) if machine_id.endswith(".toml") else machine_id


def whole_machine(key: str) -> str | None:
    """Return the id of the machine that a key is for, None if it is for a part or a choice.

    Examples
    --------
    >>> whole_machine("imac-pro:graphics=vega-64"), whole_machine("imac-pro/graphics/vega-64")
    ('imac-pro', None)
    """
    path, own, rest = key.partition(".toml")
    machine_id = path + own if own else key.partition(":")[0]
    return None if rest.startswith("/") or (not own and "/" in machine_id) else machine_id


def option_machine(key: str) -> str:
    """Return the id of the machine that a choice's key belongs to.

    Examples
    --------
    >>> option_machine("imac-pro/graphics/vega-64")
    'imac-pro'
    """
    path, own, _ = key.partition(".toml")
    return path + own if own else key.partition("/")[0]


def size_label(size: str | float) -> str:
    """Return the nominal size of a drive or a module: the power of two, if one is near.

    Parameters
    ----------
    size : str or float
        Text such as ``"500GB"``, or a number of TB.

    Raises
    ------
    InputError
        The text is no size.

    Examples
    --------
    >>> size_label("500GB"), size_label(1.024), size_label(0.25), size_label("16GB"), size_label("480GB")
    ('512GB', '1TB', '256GB', '16GB', '480GB')
    """
    if isinstance(size, str):
        found = _SIZE.fullmatch(size)
        amount = float(found[1]) if found else 0.0
        if found is None or not amount > 0:
            raise InputError(f"{size!r} is no size: write it as 16GB or 1TB")
        size = amount if found[2] == "TB" else amount / 1000.0
    power = round(math.log2(size))
    if abs(size / 2.0**power - 1.0) > NOMINAL:
        return f"{size:g}TB" if size >= 1.0 else f"{1000.0 * size:g}GB"
    return f"{2**power}TB" if power >= 0 else f"{2 ** (10 + power)}GB"


def choice_item(file: MachineFile, slot: str, name: str) -> tuple[str, int]:
    """Return the key of what a choice of an option buys, and how many of it.

    A part of the catalog is bought alone; a part of the machine's own file, or a choice without one, as that choice.

    Examples
    --------
    >>> choice_item(machine_file("pc-x299"), "memory", "64GB")
    ('memory/ddr4-2666-udimm/16GB', 4)
    >>> choice_item(machine_file("imac-pro"), "mount", "vesa")
    ('imac-pro/mount/vesa', 1)
    """
    choice = file.options[slot].choices[name]
    kind = PART_SLOTS.get(slot, "")
    if choice.part is None or choice.part in file.parts.get(kind, {}):
        return f"{own_id(file.id)}/{slot}/{name}", 1
    if slot == "memory" and choice.gib_per_module:
        return f"{kind}/{choice.part}/{size_label(f'{choice.gib_per_module:g}GB')}", choice.modules or 1
    if slot == "storage" and choice.tb:
        return f"{kind}/{choice.part}/{size_label(choice.tb)}", 1
    return f"{kind}/{choice.part}", 1


def machine_file(machine_id: str) -> MachineFile:
    """Return a machine's file, read once for as long as it does not change.

    Raises
    ------
    InputError
        As `read_machine`.
    """
    if not machine_id.endswith(".toml"):
        return _machine_file(machine_id, 0)
    path = Path(machine_id)
    return _machine_file(machine_id, path.stat().st_mtime_ns) if path.is_file() else read_machine(machine_id)


@functools.cache
def components() -> Mapping[str, str]:
    """Return every component of the catalog and the class it belongs to: the name of the file it stands in."""
    found: dict[str, str] = {}
    for path in sorted((CATALOG / "components").glob("*.toml")):
        for name in read_toml(path).data:
            if name in found:
                raise InputError(f"{path.name}: component {name!r} is defined in {found[name]}.toml too")
            found[name] = path.stem
    return found


def class_of(item: str) -> str:
    """Return the class that a thing's price moves with.

    Examples
    --------
    >>> class_of("graphics/gtx-1080"), class_of("imac-pro/processor/18-core")
    ('graphics', 'machines')
    """
    head, _, rest = item.partition("/")
    if head == COMPONENTS:
        return components().get(rest, COMPONENTS)
    return head if head in PRICED_KINDS or head == APPLECARE else MACHINES


@functools.lru_cache(maxsize=256)
def _machine_file(machine_id: str, _changed_ns: int) -> MachineFile:
    return read_machine(machine_id)


def _part(kind: str, rest: list[str], item: str) -> str:
    sized = kind in {"memory", "storage"}
    wanted = f"{kind}/NAME/SIZE" if sized else f"{kind}/NAME"
    if len(rest) != 1 + sized:
        raise InputError(f"item {item!r}: write {wanted}")
    _known(rest[0], part_entries(kind), PART_KINDS[kind].__name__.lower())
    return f"{kind}/{rest[0]}/{size_label(rest[1])}" if sized else item


def _of_machine(file: MachineFile, name: str, item: str) -> str:
    rest = item.removeprefix(name)
    if rest.startswith("/"):
        slot, _, choice = rest[1:].partition("/")
        if slot not in file.options:
            raise unknown("option", slot, file.options, name)
        if choice not in file.options[slot].choices:
            raise unknown(f"choice of {slot}", choice, file.options[slot].choices, name)
        return f"{own_id(file.id)}/{slot}/{choice}"
    if "+" in rest:
        raise InputError(f"{item!r}: an offer is for a machine, not for its room: leave out the plus sign")
    wanted = parse_selector(f"machine{rest}")
    return machine_key(file, choose(file.options, wanted.choices, item))


def _own_machine(item: str, folder: Path | None) -> str:
    name = item[: item.index(".toml") + len(".toml")]
    if folder is None:
        raise unknown("item", name, machine_ids())
    return _of_machine(machine_file(str((folder / name).resolve())), name, item)


def _known(name: str, names: Iterable[str], kind: str) -> None:
    choices = list(names)
    if name not in choices:
        raise unknown(kind, name, choices)
