"""A plan: what somebody wants to plug in, read from TOML and checked.

What a plan leaves out is looked up in the catalog of devices (``model``) or chosen by the planner (``port``).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, cast

from pydantic import Field

from spacegrey.connections.devices import cables, device_tables, merged
from spacegrey.errors import InputError, unknown
from spacegrey.parts.display.timing import reduced_blanking
from spacegrey.parts.network.ethernet import COPPER_GBIT_S
from spacegrey.parts.ports.laws import DISPLAY_GBPS
from spacegrey.parts.ports.spec import Cable, Device
from spacegrey.sourced import Document, Spec, Table, read_settings, read_toml

if TYPE_CHECKING:
    from pathlib import Path

MOST_DEVICES = 64
LONGEST_CHAIN = 6
"""Thunderbolt devices in a row; USB allows five hubs."""

_PLACE_KEYS = ("name", "model", "port", "via", "cable")
_PLAN_KEYS = ("name", "storage", "network", "device")


class Place(Spec):
    """Where a device of a plan goes: what is left out is chosen."""

    name: str = Field(min_length=1, max_length=60, pattern=r"^[^/\x00-\x1f\x7f]+$")
    model: str | None = Field(default=None, description="of the catalog")
    port: str | None = Field(default=None, description="of the machine, or of the device that 'via' names")
    via: str | None = Field(default=None, description="name of the device that it hangs on")


@dataclass(frozen=True)
class Planned:
    """One device of a plan.

    Attributes
    ----------
    device : Device
        Its facts: the catalog's with the plan's own over them.
    filled : tuple of str
        What the plan leaves out and no model states, as it was chosen.
    strict_bits : bool
        The plan itself asks for the colour depth; else the planner may take fewer bits where all do not fit.
    place : str
        File and line.
    """

    name: str
    device: Device
    model: str | None
    port: str | None
    via: str | None
    cable: Cable | None
    strict_bits: bool
    place: str
    filled: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What is to be plugged in, in the order of the file, which is the order in which displays are served.

    Attributes
    ----------
    storage, network : str or None
        The device that a run's bytes for the drive, or for the network, go to.
    """

    name: str
    devices: tuple[Planned, ...]
    storage: str | None = None
    network: str | None = None


def read_plan(path: Path) -> Plan:
    """Read a plan.

    Parameters
    ----------
    path : Path
        A TOML file with a ``[[device]]`` for each thing.

    Returns
    -------
    Plan
        Checked for itself; a machine's ports are not looked at yet.

    Raises
    ------
    InputError
        Not TOML, a key or a model is unknown, a number is out of its range, a timing cannot be, two devices have one
        name, or chains are too long or form a loop.
    """
    document = read_toml(path)
    data = document.data
    strange = set(data) - set(_PLAN_KEYS)
    if strange:
        raise unknown("key", min(strange), _PLAN_KEYS, document.place([min(strange)]))
    tables: object = data.get("device")
    if not isinstance(tables, list) or not tables:
        raise InputError(f"{document.place()}: a plan needs at least one [[device]]")
    if len(cast("list[object]", tables)) > MOST_DEVICES:
        raise InputError(f"{document.place(['device'])}: more than {MOST_DEVICES} devices")
    devices = [_planned(table, number, document) for number, table in enumerate(cast("list[object]", tables))]
    names = [one.name for one in devices]
    for number, one in enumerate(devices):
        if one.name in names[:number]:
            raise InputError(f"{one.place}: two devices are called {one.name!r}")
    _check_chains(devices)
    return Plan(
        _text(data, "name", document) or path.stem,
        tuple(devices),
        _role("storage", {"storage"}, devices, document),
        _role("network", {"network"}, devices, document),
    )


def _planned(table: object, number: int, document: Document) -> Planned:
    keys: list[str | int] = ["device", number]
    if not isinstance(table, dict):
        raise InputError(f"{document.place(keys)}: [[device]] is not a table")
    given = cast("Table", table)
    where = read_settings(
        Place, {key: given[key] for key in _PLACE_KEYS if key in given and key != "cable"}, document, keys
    )
    facts = {key: value for key, value in given.items() if key not in _PLACE_KEYS}
    if where.model is not None:
        known = device_tables()
        if where.model not in known:
            raise unknown("model", where.model, known, document.place([*keys, "model"]))
        facts = merged(known[where.model][0], facts)
    filled = _filled(facts)
    found = read_settings(Device, facts | filled, document, keys)
    place = document.place(keys)
    strange = [rate for rate in found.rates_gbps if rate not in COPPER_GBIT_S]
    if strange:
        choices = ", ".join(f"{rate:g}" for rate in COPPER_GBIT_S)
        raise InputError(
            f"{document.place([*keys, 'rates_gbps'])}: {strange[0]:g} is no Ethernet rate; choose from: {choices}"
        )
    if found.width is not None and found.height is not None:
        _check_timing(found, f"{place}: {where.name}")
    return Planned(
        where.name,
        found,
        where.model,
        where.port,
        where.via,
        _cable(given, document, keys),
        "bits_per_colour" in given,
        place,
        tuple(f"{key} {value}" for key, value in filled.items()),
    )


_LINKS = {"network": "ethernet", "hub": "usb3", "dock": "thunderbolt3", "enclosure": "thunderbolt3", "card": "pcie"}


def _filled(facts: Table) -> Table:
    """Return what a device that names no link is taken to be; a drive or a capture box has to name one."""
    if "link" in facts:
        return {}
    kind = str(facts.get("kind"))
    if kind != "display":
        return {"link": _LINKS[kind]} if kind in _LINKS else {}
    sides = facts.get("width"), facts.get("height"), facts.get("refresh_hz", 60)
    pixels = prod(min(side, 1e6) for side in sides if isinstance(side, (int, float)))
    # More than one DisplayPort 1.2 link carries at 8 bits per colour: two tiles, as 5K displays have.
    if pixels * 24e-9 <= DISPLAY_GBPS["hbr2"] or "tiles" in facts:
        return {"link": "displayport" if facts.get("tiles", 1) == 1 else "thunderbolt3"}
    return {"link": "thunderbolt3", "tiles": 2}


def _cable(given: Table, document: Document, keys: list[str | int]) -> Cable | None:
    value: Any = given.get("cable")
    if value is None:
        return None
    if isinstance(value, str):
        if value not in cables():
            raise unknown("cable", value, cables(), document.place([*keys, "cable"]))
        return cables()[value]
    return read_settings(Cable, value, document, [*keys, "cable"])


def pixel_clock_mhz(one: Device) -> float:
    """Return the pixel clock of each tile of a display: its own, or that of VESA's reduced blanking. [MHz]

    Examples
    --------
    >>> pixel_clock_mhz(Device(kind="display", link="displayport", width=3840, height=2160))
    533.25
    """
    if one.pixel_clock_mhz is not None:
        return one.pixel_clock_mhz
    width = cast("int", one.width) // one.tiles
    timing = reduced_blanking(width, cast("int", one.height), one.refresh_hz, 2 if width % 8 else 1)
    return timing.pixel_clock_khz * 1e-3


def _check_timing(one: Device, place: str) -> None:
    try:
        clock = pixel_clock_mhz(one)
    except InputError as error:
        raise InputError(f"{place}: impossible timing: {error}") from None
    shown = cast("int", one.width) / one.tiles * cast("int", one.height) * one.refresh_hz * 1e-6
    # A tenth of a percent: modes of 59.94 Hz are called 60 Hz.
    if clock < 0.998 * shown:
        raise InputError(
            f"{place}: impossible timing: {one.width}x{one.height} at {one.refresh_hz:g} Hz shows {shown:.0f} "
            f"million pixels a second, more than the pixel clock of {clock:g} MHz"
        )


def _check_chains(devices: list[Planned]) -> None:
    by_name = {one.name: one for one in devices}
    for one in devices:
        chain, here = [one.name], one
        while here.via is not None:
            if here.via not in by_name:
                raise unknown("device to go via", here.via, set(by_name) - {one.name}, here.place)
            if here.via in chain:
                raise InputError(f"{one.place}: devices form a loop: {' -> '.join([*chain, here.via])}")
            here = by_name[here.via]
            if not here.device.receptacles:
                raise InputError(f"{one.place}: {chain[-1]!r} cannot go via {here.name!r}, which has no port for it")
            chain.append(here.name)
        if len(chain) > LONGEST_CHAIN:
            row = " -> ".join(reversed(chain))
            raise InputError(f"{one.place}: {len(chain)} devices in a chain ({row}): at most {LONGEST_CHAIN}")


def _text(data: Table, key: str, document: Document) -> str | None:
    value: object = data.get(key)
    if value is not None and not (isinstance(value, str) and 0 < len(value) <= 100):  # noqa: PLR2004
        raise InputError(f"{document.place([key])}: {key} must be a text of 1 to 100 characters")
    return value


def _role(key: str, kinds: set[str], devices: list[Planned], document: Document) -> str | None:
    name = _text(document.data, key, document)
    if name is not None and name not in {one.name for one in devices if one.device.kind in kinds}:
        able = [one.name for one in devices if one.device.kind in kinds]
        raise unknown(f"{key} device", name, able, document.place([key]))
    return name
