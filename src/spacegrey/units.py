"""Quantities with units, read once at the border; inside, everything is SI and float64.

A quantity is a number and a unit without a space between them being required: ``35C``, ``128 GB``, ``20min``.
Prefixes are strict: kB is 1000 bytes, KiB is 1024. A small closed table and not a units library, because a
selector is parsed at every start of the command, and the start has 0.3 s.
"""

from __future__ import annotations

import math
import re

from spacegrey.errors import InputError

_QUANTITY = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\s\d]*)\s*")

# unit -> (factor to the base unit, offset added after it); the first unit of each kind is the base unit
UNITS: dict[str, dict[str, tuple[float, float]]] = {
    "temperature": {"C": (1.0, 0.0), "degC": (1.0, 0.0), "K": (1.0, -273.15), "F": (5 / 9, -160 / 9)},
    "time": {
        "s": (1.0, 0.0),
        "ms": (1e-3, 0.0),
        "min": (60.0, 0.0),
        "h": (3600.0, 0.0),
    },
    "speed": {"rpm": (1.0, 0.0)},
    "power": {"W": (1.0, 0.0), "mW": (1e-3, 0.0), "kW": (1e3, 0.0)},
    "frequency": {"GHz": (1.0, 0.0), "MHz": (1e-3, 0.0)},
    "voltage": {"mV": (1.0, 0.0), "V": (1e3, 0.0)},
    "bytes": {
        "B": (1.0, 0.0),
        "kB": (1e3, 0.0),
        "MB": (1e6, 0.0),
        "GB": (1e9, 0.0),
        "TB": (1e12, 0.0),
        "KiB": (2.0**10, 0.0),
        "MiB": (2.0**20, 0.0),
        "GiB": (2.0**30, 0.0),
        "TiB": (2.0**40, 0.0),
    },
    "share": {"": (1.0, 0.0), "%": (0.01, 0.0)},
    "count": {"": (1.0, 0.0)},
}

ZERO_CELSIUS_K = 273.15


def parse_quantity(text: str, kind: str, place: str) -> float:
    """Read a quantity of one kind and return it in the kind's base unit.

    Parameters
    ----------
    text : str
        Number and unit, such as ``"35C"`` or ``"20 min"``.
    kind : str
        A key of `UNITS`.
    place : str
        What is being set, for the error line.

    Returns
    -------
    float
        The value in the base unit: degC, s, rpm, W, GHz, bytes, or a plain number.

    Raises
    ------
    InputError
        No number, a number that is not finite, or a unit of another kind.

    Examples
    --------
    >>> parse_quantity("95F", "temperature", "ambient")
    35.0
    >>> parse_quantity("128GB", "bytes", "memory")
    128000000000.0
    """
    units = UNITS[kind]
    found = _QUANTITY.fullmatch(text)
    if not found:
        raise InputError(f"{place}: {text!r} is not a number with a unit ({_choices(units)})")
    number, unit = float(found[1]), found[2]
    if unit not in units:
        raise InputError(f"{place}: unit {unit!r} in {text!r} is not one of: {_choices(units)}")
    factor, offset = units[unit]
    value = round(number * factor + offset, 12)
    if not math.isfinite(value):
        raise InputError(f"{place}: {text!r} is not a finite number")
    return value


def _choices(units: dict[str, tuple[float, float]]) -> str:
    return ", ".join(unit or "none" for unit in units)
