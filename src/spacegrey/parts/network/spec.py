"""The network's data sheets: copper cables, radios, modulations and codecs; read from `catalog/network`."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Annotated, TypeVar, cast

from pydantic import Field

from spacegrey.errors import unknown
from spacegrey.sourced import CATALOG, Document, Spec, Table, read_spec, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Decibel = Annotated[float, Field(ge=-150, le=150)]


class Category(Spec):
    """A category of twisted pair cable: how far each rate reaches; 0 where it does not carry it."""

    name: str
    m_at_100m: NotNegative = Field(description="reach of 100 Mbit/s")
    m_at_1g: NotNegative
    m_at_2g5: NotNegative
    m_at_5g: NotNegative
    m_at_10g: NotNegative

    def reach_m(self, gbit_s: float) -> float:
        """Return how far a rate reaches; 0 for a rate that copper does not have. [m]"""
        reaches = {
            0.1: self.m_at_100m, 1.0: self.m_at_1g, 2.5: self.m_at_2g5, 5.0: self.m_at_5g, 10.0: self.m_at_10g,
        }  # fmt: skip
        return reaches.get(gbit_s, 0.0)


class Modulation(Spec):
    """One step of a standard's modulation and coding schemes."""

    bits: Annotated[int, Field(ge=1, le=8)] = Field(description="of one subcarrier")
    coded: Annotated[list[int], Field(min_length=2, max_length=2)] = Field(description="coding rate as a fraction")
    sensitivity_dbm: Decibel = Field(description="weakest signal in 20 MHz that every receiver must read")


class Radio(Spec):
    """A machine's radio, and the room around it that its numbers are for."""

    name: str
    machines: list[str] = Field(description="ids of the machines that have it")
    streams: Annotated[int, Field(ge=1, le=4)] = Field(description="spatial streams")
    widest_mhz: Annotated[int, Field(ge=20, le=80)] = Field(description="at 5 GHz")
    sent_dbm: Decibel = Field(description="all antennas together")
    antennas_db: Decibel = Field(description="gain of both ends together")
    better_db: Decibel = Field(description="how much weaker a signal it reads than it must")
    bluetooth_sent_dbm: Decibel
    bluetooth_basic_dbm: Decibel = Field(description="weakest signal that it reads at 1 Mbit/s, classic and LE")
    bluetooth_enhanced_db: Annotated[list[Decibel], Field(min_length=2, max_length=2)] = Field(
        description="how much stronger it must be at 2 and at 3 Mbit/s"
    )
    le_long_packets: bool = Field(description="low energy with 251 bytes in a packet, since Bluetooth 4.2; else 27")
    shares_antennas: bool = Field(description="Wi-Fi and Bluetooth at 2.4 GHz take turns")


class Codec(Spec):
    """A video codec's target rates."""

    name: str
    mbit_s: Positive = Field(description="at width x height and frames_hz")
    width: Annotated[int, Field(gt=0)] = 3840
    height: Annotated[int, Field(gt=0)] = 2160
    frames_hz: Positive = 29.97


class Stack(Spec):
    """What TCP costs the receiving processor."""

    name: str
    cycles_per_byte_1500: Positive = Field(description="with frames of 1500 bytes")
    cycles_per_byte_9000: Positive = Field(description="with frames of 9000 bytes")

    def cycles_per_byte(self, frame_bytes: int) -> float:
        """Return the cost with frames of a size, those above 1500 bytes being jumbo frames."""
        return self.cycles_per_byte_9000 if frame_bytes > 1500 else self.cycles_per_byte_1500  # noqa: PLR2004


S = TypeVar("S", bound=Spec)
KINDS: dict[str, type[Spec]] = {
    "cables": Category, "modulations": Modulation, "radios": Radio, "codecs": Codec, "stacks": Stack,
}  # fmt: skip


@functools.cache
def _sheets(kind: str) -> Mapping[str, Spec]:
    document = read_toml(CATALOG / "network" / f"{kind}.toml")
    return {name: read_spec(KINDS[kind], _whole(document, name), document, [name]) for name in document.data}


def _whole(document: Document, name: str) -> Table:
    """Return a table with what it extends under it, one level deep."""
    own: Table = document.data[name]
    parent: Table = document.data[own["extends"]] if "extends" in own else {}
    both = {**parent, **{key: value for key, value in own.items() if key != "extends"}}
    return both | {"assumed": {**parent.get("assumed", {}), **own.get("assumed", {})}}


def sheets(kind: type[S]) -> Mapping[str, S]:
    """Return every data sheet of a kind, by id, in the catalog's order.

    Examples
    --------
    >>> list(sheets(Category))
    ['cat5e', 'cat6', 'cat6a', 'cat7']
    """
    name = next(name for name, sheet in KINDS.items() if sheet is kind)
    return cast("Mapping[str, S]", _sheets(name))


def sheet(kind: type[S], name: str, called: str) -> S:
    """Return one data sheet.

    Raises
    ------
    InputError
        There is none of that name; the line lists the names.

    Examples
    --------
    >>> sheet(Codec, "prores-422-hq", "codec").mbit_s
    884.0
    """
    found = sheets(kind)
    if name not in found:
        raise unknown(called, name, found)
    return found[name]
