"""Components: what a self-built machine needs beside the parts that a run simulates, each kind in a file of its own."""

from __future__ import annotations

import datetime as dt
import functools
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import Field

from spacegrey.errors import unknown
from spacegrey.sourced import CATALOG, Spec, read_spec, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0, le=64)]

Equipment = Literal[
    "camera", "microphone", "speakers", "card-reader", "keyboard", "mouse", "assembly", "support", "macos"
]
"""What comes with a machine beside its parts and ports."""


class Component(Spec):
    """What every component has."""

    name: str
    available: dt.date | None = Field(default=None, description="first day in shops, to the month where known")
    withdrawn: dt.date | None = Field(default=None, description="first day on which it could no longer be ordered")
    provides: list[Equipment] = Field(default_factory=list[Equipment], description="equipment that it brings")

    def sold_on(self, day: dt.date) -> bool:
        """Whether it could be bought new on a day."""
        return (self.available is None or self.available <= day) and (self.withdrawn is None or day < self.withdrawn)


class Board(Component):
    """A mainboard."""

    socket: str
    chipset: str
    form: Literal["ATX", "E-ATX", "CEB", "mATX", "Mini-ITX"]
    processors: list[str] = Field(min_length=1, description="processors of the catalog that its firmware takes")
    memory: list[str] = Field(min_length=1, description="kinds of memory modules of the catalog that it takes")
    memory_slots: Count
    memory_most_gib: Positive
    ecc: bool = Field(description="corrects errors with modules that have the bits for it")
    processor_lanes_taken: Count = Field(description="of the processor's counted PCIe lanes, those to the chipset")
    chipset_lanes: Count = Field(description="PCIe lanes behind the chipset, all on its one link")
    slots: list[Count] = Field(description="lanes of the long slots when all are in use, the graphics card's first")
    second_slot_shares: bool = Field(
        default=False, description="a card in the second slot takes half of the first's lanes"
    )
    m2_slots: Count
    thunderbolt_headers: Count = Field(description="a Thunderbolt card needs one each")
    ethernet_gbit_s: NotNegative
    wifi_gbit_s: NotNegative = 0.0
    usb_a: Count
    usb_a_gbit_s: NotNegative


class Case(Component):
    """A tower, empty."""

    forms: list[str] = Field(min_length=1)
    graphics_most_mm: Positive
    cooler_most_mm: Positive
    radiator_most_mm: NotNegative


class Cooler(Component):
    """A processor's cooler: with fins on it, or with a radiator in the case."""

    sockets: list[str] = Field(min_length=1)
    holds_w: Positive = Field(description="of a processor, for hours")
    height_mm: Positive | None = None
    radiator_mm: Positive | None = None
    stands_for: list[str] = Field(min_length=1, description="cooling of the catalog that simulates a tower with it")


class Supply(Component):
    """A power supply."""

    rated_w: Positive
    efficiency: Literal["bronze", "silver", "gold", "platinum", "titanium"]
    stands_for: list[str] = Field(min_length=1, description="supplies of the catalog that simulate it")


class Display(Component):
    """A display on a cable."""

    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]
    diagonal_in: Positive
    p3_share: Annotated[float, Field(gt=0, le=1)] | None = Field(default=None, description="of the P3 gamut; unknown")
    peak_nits: Positive
    bits_per_colour: Annotated[int, Field(ge=6, le=16)]
    input: Literal["displayport", "two displayports", "thunderbolt"]
    single_stream_width: Annotated[int, Field(gt=0)] | None = Field(
        default=None, description="picture where only one DisplayPort stream reaches it"
    )
    single_stream_height: Annotated[int, Field(gt=0)] | None = None


class Card(Component):
    """A card for a PCIe slot."""

    lanes: Annotated[int, Field(ge=1, le=16)]
    ethernet_gbit_s: list[float] = Field(default_factory=list[float])
    wifi_gbit_s: NotNegative = 0.0
    thunderbolt: Count = 0
    thunderbolt_gbit_s: NotNegative = 0.0
    displayport_inputs: Count = Field(default=0, description="streams that it can lead to its Thunderbolt ports")


class Accessory(Component):
    """What stands on the desk."""


class Software(Component):
    """A licence of an operating system."""

    memory_most_gib: Positive = Field(description="that it uses")


class Service(Component):
    """Work that is paid for."""


class Furnished(Spec):
    """What comes with a machine, as ``equipment.toml`` says."""

    comes_with: list[Equipment] = Field(default_factory=list[Equipment])
    p3_share: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="of its own panel, where the panel's sheet has no primaries"
    )


class Clearance(Spec):
    """How much room a graphics card needs."""

    length_mm: Positive = Field(description="of the graphics card whose id the table has")


KINDS: dict[str, type[Component]] = {
    "boards": Board,
    "cases": Case,
    "coolers": Cooler,
    "supplies": Supply,
    "displays": Display,
    "cards": Card,
    "accessories": Accessory,
    "software": Software,
    "services": Service,
}
C = TypeVar("C", bound=Component)


@functools.cache
def components() -> Mapping[str, Component]:
    """Return every component of the catalog by id.

    Examples
    --------
    >>> components()["windows-10-home"].name
    'Windows 10 Home licence'
    """
    found: dict[str, Component] = {}
    for kind in KINDS:
        found |= read_components(kind, CATALOG / "components" / f"{kind}.toml")
    return found


def read_components(kind: str, path: Path) -> dict[str, Component]:
    """Read one file of ``catalog/components``, or a file of that form.

    Parameters
    ----------
    kind : str
        What it holds: ``boards``, ``cases`` and so on, as `KINDS` has them.
    path : Path
        The file.

    Raises
    ------
    InputError
        A key is unknown, missing or of the wrong type, or a number has no source; with file and line.
    """
    document = read_toml(path)
    return {name: read_spec(KINDS[kind], table, document, [name]) for name, table in document.data.items()}


def component(name: str) -> Component:
    """Return one component.

    Raises
    ------
    InputError
        There is none of that name.
    """
    if name not in components():
        raise unknown("component", name, components())
    return components()[name]


@functools.cache
def of_kind(sheet: type[C], on: dt.date | None = None) -> Mapping[str, C]:
    """Return the components of one kind, those in shops on a day if a day is given.

    Examples
    --------
    >>> sorted(of_kind(Display, dt.date(2020, 1, 1)))
    ['lg-ultrafine-5k-2019']
    """
    return {
        name: one for name, one in components().items() if isinstance(one, sheet) and (on is None or one.sold_on(on))
    }


@functools.cache
def _furnished() -> Mapping[str, Furnished]:
    document = read_toml(CATALOG / "equipment.toml")
    return {name: read_spec(Furnished, table, document, [name]) for name, table in document.data.items()}


def comes_with(machine_id: str, form: str) -> Furnished:
    """Return what comes with a machine: as its own entry says, else as its form has it.

    Examples
    --------
    >>> comes_with("mac-mini-2018", "desktop").comes_with
    ['assembly', 'support', 'macos']
    """
    return _furnished().get(machine_id) or _furnished().get(form) or Furnished()


@functools.cache
def graphics_lengths_mm() -> Mapping[str, float]:
    """Return the lengths of graphics cards of the catalog, where known. [mm]"""
    document = read_toml(CATALOG / "clearances.toml")
    return {name: read_spec(Clearance, table, document, [name]).length_mm for name, table in document.data.items()}
