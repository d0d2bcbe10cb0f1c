"""The system management controller's keys: four signs, a type, some bytes; shown from what the machine measures.

What is measured comes as a table of numbers, so that this room knows nothing of the simulation. Keys that no model
stands behind are there as well, so that whoever counts and reads them all finds what a real machine has: they say the
same always, or cannot be read, as on the real one.

References
----------
acidanthera, VirtualSMC: the key dump of an iMac Pro (virtualsmc-imacpro1-1). acidanthera, EfiPkg, AppleSmc.h: status
codes and attributes (smc-status-codes).
"""

from __future__ import annotations

import difflib
import functools
import math
import struct
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

from pydantic import Field

from spacegrey.errors import InputError, Refusal
from spacegrey.sourced import CATALOG, Spec, read_spec, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

MISSING_CORE_C = -127.0
"""What the key of a core that the processor does not have reads: 0x8100, on two real 8-core machines. [degC]"""

WRITABLE = 0x40
"""Bit of a key's attributes (VirtualSMC, AppleSmc.h: SMC_KEY_ATTRIBUTE_WRITE)."""

_LONGEST_ASKED = 8  # signs of a name that an error repeats; a key has four
_BYTES = {"ch8*", "hex_", "{jst"}
_WHOLE = {"ui8 ": 1, "ui16": 2, "ui32": 4, "ui64": 8, "si8 ": 1, "si16": 2, "flag": 1}


class Status(IntEnum):
    """What the controller answers besides bytes."""

    SUCCESS = 0x00
    NOT_FOUND = 0x84
    NOT_READABLE = 0x85
    NOT_WRITABLE = 0x86
    SIZE_MISMATCH = 0x87
    BAD_ARGUMENT = 0x89
    INDEX_RANGE = 0xB8
    WITHOUT_NAME = 0xD7
    """What a real iMac Pro says of gP01 to gP19; no published list names it."""


class Standing(StrEnum):
    """What stands behind a key."""

    SIMULATED = "simulated"
    """What the machine measures."""
    REFERENCE = "reference"
    """Bytes that both published dumps of real machines have."""
    ILLUSTRATIVE = "illustrative"
    """Bytes that are made up: not modelled, or the number of one real machine."""
    UNREADABLE = "unreadable"
    """A status, as on the real machine."""


class SmcRefused(Refusal):
    """The controller answers with a status and no bytes.

    Attributes
    ----------
    status : Status
        Which.
    """

    def __init__(self, status: Status, text: str) -> None:
        super().__init__(f"{text} [SMC status {status:#04x}]")
        self.status = status

    @classmethod
    def told(cls, status: Status, text: str) -> SmcRefused:
        """Return a refusal of which another process said the whole text."""
        found = cls.__new__(cls)
        Refusal.__init__(found, text)
        found.status = status
        return found


class Key(Spec):
    """One key."""

    type: str = Field(
        pattern="^(flt |ch8\\*|hex_|\\{jst|flag|(ui|si)(8 |16|32|64)|[fs]p[0-9a-f]{2})$", description="of its bytes"
    )
    length: int = Field(ge=1, le=255, description="how many they are")
    attributes: int = Field(ge=0, le=255, description="as the real controller has them; 0x40: can be written")
    meaning: str = Field(description="what it shows")
    standing: Standing = Field(default=Standing.SIMULATED, description="what stands behind it")
    reads: str = Field(default="", description="the measured quantity; none where nothing is measured")
    core: int | None = Field(default=None, ge=0, description="the core whose quantity it is")
    fixed: bytes = Field(default=b"", description="what it reads always")
    refused: Status | None = Field(default=None, description="what is answered instead of bytes")


class Group(Spec):
    """Keys that show one quantity in one way."""

    keys: dict[str, str] = Field(min_length=1, description="each key's name, and what it shows")
    reads: str = Field(description="the measured quantity")
    type: str = Field(description="how the bytes are read")
    attributes: int = Field(ge=0, le=255, description="as the real controller has them")
    length: int | None = Field(default=None, description="of text, which has no length of its own")
    of_cores: bool = Field(default=False, description="the third sign of a key's name is the number of a core")


class Fixed(Spec):
    """Keys that say the same always, or cannot be read."""

    type: str = Field(description="how the bytes are read")
    length: int = Field(description="how many they are")
    attributes: int = Field(description="as the real controller has them")
    keys: dict[str, str] = Field(default_factory=dict, description="each key's name, and its bytes")
    zeros: list[str] = Field(default_factory=list, description="names of those whose bytes are all zero")
    illustrative: bool = Field(default=False, description="whether the bytes are made up")
    refused: Status | None = Field(default=None, description="the status with which they are answered, without bytes")

    def each(self) -> dict[str, Key]:
        """Return the keys by name."""
        standing = Standing.ILLUSTRATIVE if self.illustrative else Standing.REFERENCE
        if self.refused is not None:
            standing = Standing.UNREADABLE
        return {
            name: Key(
                type=self.type,
                length=self.length,
                attributes=self.attributes,
                meaning=_FIXED[standing],
                standing=standing,
                fixed=bytes.fromhex(self.keys.get(name, "00" * self.length)),
                refused=self.refused,
                source=self.source,
                assumed=self.assumed,
            )
            for name in (*self.keys, *self.zeros)
        }


_FIXED = {
    Standing.REFERENCE: "fixed: as in both dumps",
    Standing.ILLUSTRATIVE: "fixed: made up",
    Standing.UNREADABLE: "not for reading",
}


def size(kind: str) -> int:
    """Return how many bytes a type of number has.

    Examples
    --------
    >>> size("flt "), size("ui64"), size("sp78"), size("flag")
    (4, 8, 2, 1)
    """
    return 4 if kind == "flt " else _WHOLE.get(kind, 2)


@functools.cache
def smc_keys() -> dict[str, Key]:
    """Return the keys by name, in the order in which the controller counts them: that of their bytes.

    Examples
    --------
    >>> smc_keys()["TC0c"].type, smc_keys()["F0Tg"].attributes & WRITABLE > 0
    ('sp78', True)
    >>> list(smc_keys())[0], len(smc_keys())
    ('#KEY', 638)
    """
    document = read_toml(CATALOG / "t2" / "smc.toml")
    found: dict[str, Key] = {}
    for number, table in enumerate(document.data["group"]):
        group = read_spec(Group, table, document, ["group", number])
        for name, meaning in group.keys.items():
            found[name] = Key(
                type=group.type,
                length=group.length or size(group.type),
                attributes=group.attributes,
                meaning=meaning,
                reads=group.reads,
                core=int(name[2]) if group.of_cores else None,
                source=group.source,
                assumed=group.assumed,
            )
    document = read_toml(CATALOG / "t2" / "smc-fixed.toml")
    for number, table in enumerate(document.data["group"]):
        found.update(read_spec(Fixed, table, document, ["group", number]).each())
    return dict(sorted(found.items()))


def smc_key(name: str) -> Key:
    """Return what the controller says of a key: its type, length and attributes.

    Raises
    ------
    SmcRefused
        There is none of this name here, as the real one says it of a name that it does not know.
    """
    if name not in smc_keys():
        asked = name if len(name) <= _LONGEST_ASKED else name[:_LONGEST_ASKED] + "..."
        alike = [one for one in smc_keys() if one.casefold() == asked.casefold()]
        near = alike or difflib.get_close_matches(asked, smc_keys(), n=1)
        hint = f" (did you mean {near[0]}?)" if near else "; 't2 smc' lists those that there are"
        raise SmcRefused(Status.NOT_FOUND, f"no SMC key {asked!r} here{hint}")
    return smc_keys()[name]


def checked_readable(name: str) -> Key:
    """Return a key that can be read.

    Raises
    ------
    SmcRefused
        There is none of this name, or it cannot be read.
    """
    key = smc_key(name)
    if key.refused is not None:
        raise SmcRefused(key.refused, f"{name} cannot be read")
    return key


def key_at(index: int) -> str:
    """Return the name of the key with a number, from 0.

    Raises
    ------
    SmcRefused
        There are not so many.

    Examples
    --------
    >>> key_at(0)
    '#KEY'
    """
    names = list(smc_keys())
    if not 0 <= index < len(names):
        raise SmcRefused(Status.INDEX_RANGE, f"no SMC key number {index}: they go from 0 to {len(names) - 1}")
    return names[index]


def encode(kind: str, value: float) -> bytes:
    """Return a value as a key's bytes.

    Parameters
    ----------
    kind : str
        ``flt ``: IEEE 754 single, little-endian. All others big-endian: ``ui8 ``, ``ui16``, ``ui32``, ``ui64`` and
        ``flag`` unsigned, ``si8 `` and ``si16`` signed; ``fpXY`` unsigned and ``spXY`` signed with X bits before the
        point and Y behind it, in hexadecimal (``sp78``, ``fpe2``, ``spa5``).
    value : float
        Held at the ends of the type's range.

    Examples
    --------
    >>> encode("sp78", 34.0).hex(), encode("sp78", -127.0).hex(), encode("flt ", 1100.0).hex()
    ('2200', '8100', '00808944')
    >>> encode("spa5", 120.0).hex(), encode("fpe2", 2500.0).hex()
    ('0f00', '2710')
    """
    if kind == "flt ":
        return struct.pack("<f", value)
    signed = kind[0] == "s"
    length = size(kind)
    scaled = round(value * 2.0 ** _behind_point(kind))
    least, most = (-(1 << 8 * length - 1), (1 << 8 * length - 1) - 1) if signed else (0, (1 << 8 * length) - 1)
    return max(least, min(most, scaled)).to_bytes(length, "big", signed=signed)


def decode(kind: str, raw: bytes) -> float:
    """Return the value of a key's bytes; the reverse of `encode`.

    Examples
    --------
    >>> decode("sp78", bytes.fromhex("1210")), round(decode("flt ", bytes.fromhex("f7c78944")), 4)
    (18.0625, 1102.2489)
    """
    if kind == "flt ":
        return float(struct.unpack("<f", raw)[0])
    return int.from_bytes(raw, "big", signed=kind[0] == "s") / 2.0 ** _behind_point(kind)


def _behind_point(kind: str) -> int:
    return 0 if kind in _WHOLE else int(kind[3], 16)


def read(name: str, measured: Mapping[str, float | str | int]) -> bytes:
    """Return the bytes of a key.

    Parameters
    ----------
    name : str
        The key.
    measured : mapping of str to number or text
        Quantity to value; ``cores`` says how many there are.

    Raises
    ------
    SmcRefused
        There is no such key, or it is not for reading.

    Examples
    --------
    >>> read("TC9c", {"cpu_junction_c": 60.0, "cores": 8}).hex()
    '8100'
    """
    key = checked_readable(name)
    if not key.reads:
        return key.fixed
    if key.core is not None and key.core >= int(measured["cores"]):
        return encode(key.type, MISSING_CORE_C)
    if key.reads == "key_count":
        return encode(key.type, len(smc_keys()))
    value = measured[key.reads]
    if isinstance(value, str):
        return value.encode("ascii").ljust(key.length, b"\0")[: key.length]
    if isinstance(value, int):
        return value.to_bytes(key.length, "big")  # a number of 64 bits is more than a float holds
    return encode(key.type, value)


def shown(name: str, raw: bytes) -> float | int | str:
    r"""Return what a key's bytes say: text, a whole number where the type has no point, else a number.

    Examples
    --------
    >>> shown("RPlt", b"j137\0\0\0\0"), shown("FNum", b"\x02")
    ('j137', 2)
    >>> shown("KINX", b"MSDW")
    '4d534457'
    """
    key = smc_key(name)
    text = raw.rstrip(b"\0").decode("latin-1")
    if key.type == "ch8*" and text.isascii() and (text.isprintable() or not text):
        return text
    if key.type in _BYTES:
        return raw.hex()
    whole = key.type in _WHOLE
    return int.from_bytes(raw, "big", signed=key.type[0] == "s") if whole else decode(key.type, raw)


def checked_write(name: str, value: float, measured: Mapping[str, float | str | int]) -> float:
    """Return what the controller takes of a value that is written to a key.

    Raises
    ------
    InputError
        The value cannot be.
    SmcRefused
        There is no such key, or it is for reading only.
    """
    key = smc_key(name)
    if not key.reads or not key.attributes & WRITABLE:
        writable = ", ".join(one for one, spec in smc_keys().items() if spec.reads and spec.attributes & WRITABLE)
        why = "is not modelled" if key.attributes & WRITABLE else "is for reading only"
        raise SmcRefused(Status.NOT_WRITABLE, f"{name} {why}; these can be written: {writable}")
    if not math.isfinite(value):
        raise InputError(f"{name}: {value} is no number")
    if key.reads == "fan_held":
        if value not in {0.0, 1.0}:
            raise InputError(f"{name}: {value:g}; choose from: 0 (automatic), 1 (held)")
        return value
    low, high = float(measured["fan_minimum_rpm"]), float(measured["fan_maximum_rpm"])
    if not low <= value <= high:
        raise InputError(f"{name}: {value:g} rpm; the fan turns at {low:g} to {high:g}")
    return value
