"""The system management controller's keys: four signs, a type, some bytes; shown from what the machine measures.

What is measured comes as a table of numbers, so that this room knows nothing of the simulation.
"""

from __future__ import annotations

import functools
import math
import struct
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from spacegrey.errors import InputError, Refusal, unknown
from spacegrey.sourced import CATALOG, Spec, read_spec, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

MISSING_CORE_C = -127.0
"""What the key of a core that the processor does not have reads: 0x8100, on two real 8-core machines. [degC]"""

WRITABLE = 0x40
"""Bit of a key's attributes (VirtualSMC, AppleSmc.h: SMC_KEY_ATTRIBUTE_WRITE)."""


class Key(Spec):
    """One key."""

    type: Literal["sp78", "flt ", "ui8 ", "ui32"] = Field(description="how its bytes are read")
    length: int = Field(ge=1, le=32, description="how many they are")
    attributes: int = Field(ge=0, le=255, description="as the real controller has them; 0x40: can be written")
    meaning: str = Field(description="what it shows")
    reads: str = Field(description="the measured quantity")
    core: int | None = Field(default=None, ge=0, description="the core whose quantity it is")


@functools.cache
def smc_keys() -> dict[str, Key]:
    """Return the keys by name.

    Examples
    --------
    >>> smc_keys()["TC0c"].type, smc_keys()["F0Tg"].attributes & WRITABLE > 0
    ('sp78', True)
    """
    document = read_toml(CATALOG / "t2" / "smc.toml")
    return {name: read_spec(Key, table, document, [name]) for name, table in document.data.items()}


def smc_key(name: str) -> Key:
    """Return a key.

    Raises
    ------
    InputError
        There is none of this name.
    """
    if name not in smc_keys():
        raise unknown("SMC key", name, smc_keys())
    return smc_keys()[name]


def encode(kind: str, value: float) -> bytes:
    """Return a value as a key's bytes.

    Parameters
    ----------
    kind : str
        ``sp78``: signed, 8 bits behind the point, big-endian; ``flt ``: IEEE 754 single, little-endian; ``ui8 ``,
        ``ui32``: unsigned, big-endian.
    value : float
        Held at the ends of the type's range.

    Examples
    --------
    >>> encode("sp78", 34.0).hex(), encode("sp78", -127.0).hex(), encode("flt ", 1100.0).hex()
    ('2200', '8100', '00808944')
    """
    if kind == "flt ":
        return struct.pack("<f", value)
    if kind == "sp78":
        return struct.pack(">h", max(-32768, min(32767, round(value * 256.0))))
    length = {"ui8 ": 1, "ui32": 4}[kind]
    return max(0, min((1 << 8 * length) - 1, round(value))).to_bytes(length, "big")


def decode(kind: str, raw: bytes) -> float:
    """Return the value of a key's bytes; the reverse of `encode`.

    Examples
    --------
    >>> decode("sp78", bytes.fromhex("1210")), round(decode("flt ", bytes.fromhex("f7c78944")), 4)
    (18.0625, 1102.2489)
    """
    if kind == "flt ":
        return float(struct.unpack("<f", raw)[0])
    return struct.unpack(">h", raw)[0] / 256.0 if kind == "sp78" else float(int.from_bytes(raw, "big"))


def read(name: str, measured: Mapping[str, float]) -> bytes:
    """Return the bytes of a key.

    Parameters
    ----------
    name : str
        The key.
    measured : mapping of str to float
        Quantity to value; ``cores`` says how many there are.

    Raises
    ------
    InputError
        There is no such key.

    Examples
    --------
    >>> read("TC9c", {"cpu_temp_c": 60.0, "cores": 8}).hex()
    '8100'
    """
    key = smc_key(name)
    if key.core is not None and key.core >= measured["cores"]:
        return encode(key.type, MISSING_CORE_C)
    if key.reads == "key_count":
        return encode(key.type, len(smc_keys()))
    return encode(key.type, measured[key.reads])


def checked_write(name: str, value: float, measured: Mapping[str, float]) -> float:
    """Return what the controller takes of a value that is written to a key.

    Raises
    ------
    InputError
        There is no such key, or the value cannot be.
    Refusal
        The key is for reading only.
    """
    key = smc_key(name)
    if not key.attributes & WRITABLE:
        writable = ", ".join(sorted(one for one, spec in smc_keys().items() if spec.attributes & WRITABLE))
        raise Refusal(f"{name} is for reading only; these can be written: {writable}")
    if not math.isfinite(value):
        raise InputError(f"{name}: {value} is no number")
    if key.reads == "fan_held":
        if value not in {0.0, 1.0}:
            raise InputError(f"{name}: {value:g}; choose from: 0 (automatic), 1 (held)")
        return value
    low, high = measured["fan_minimum_rpm"], measured["fan_maximum_rpm"]
    if not low <= value <= high:
        raise InputError(f"{name}: {value:g} rpm; the fan turns at {low:g} to {high:g}")
    return value
