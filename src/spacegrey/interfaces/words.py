"""The words, units and roundings in which every interface speaks of a run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Quantity:
    """How a quantity is printed: its name, its unit and how many decimals mean something; and which of it is better."""

    label: str
    unit: str
    decimals: int
    better: Literal["less", "more", ""] = ""

    def format(self, value: float) -> str:
        """Return the value with the quantity's decimals."""
        return f"{value:,.{self.decimals}f}"


QUANTITIES = {
    "cpu_clock_ghz": Quantity("processor clock", "GHz", 2, "more"),
    "cpu_temp_c": Quantity("processor temperature", "°C", 1, "less"),
    "gpu_clock_ghz": Quantity("graphics clock", "GHz", 2, "more"),
    "gpu_temp_c": Quantity("graphics temperature", "°C", 1, "less"),
    "fan_rpm": Quantity("fan speed", "rpm", 0, "less"),
    "noise_dba": Quantity("noise", "dBA", 1, "less"),
    "wall_power_w": Quantity("wall power", "W", 1, "less"),
    "cpu_power_w": Quantity("processor power", "W", 1, "less"),
    "gpu_power_w": Quantity("graphics power", "W", 1, "less"),
}

OF_A_RUN = {
    "duration_s": Quantity("duration", "s", 1, "less"),
    "score": Quantity("score", "", 0),  # its workload says which is better
    "delivered": Quantity("work delivered in time", "", 3, "more"),
    "energy_wh": Quantity("energy from the wall", "Wh", 2, "less"),
    "peak_cpu_temp_c": Quantity("peak processor temperature", "°C", 1, "less"),
    "peak_gpu_temp_c": Quantity("peak graphics temperature", "°C", 1, "less"),
    "ambient_c": Quantity("room", "°C", 1),
    "price_usd": Quantity("price when new", "USD", 0, "less"),
}
"""Quantities that a run has one of, where the others have least, mean, most and last."""

STATUS = {
    "reference": "as data sheets and standards state it",
    "calibrated": "fitted to published measurements of this machine or its kind",
    "illustrative": "plausible, but not checked against measurements",
}

TINY = 1e-9
"""Smaller numbers are rounding, in every unit that is printed."""


def figures(value: float, digits: int = 4) -> str:
    """Return a number with so many significant figures, and thousands apart.

    Examples
    --------
    >>> figures(54.48241), figures(123456.7), figures(0.012345)
    ('54.48', '123,457', '0.01235')
    """
    if not math.isfinite(value):
        return "-"
    if abs(value) < TINY:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def duration(seconds: float) -> str:
    """Return a duration as people say it.

    Examples
    --------
    >>> duration(27.51), duration(213.6), duration(7384.0)
    ('27.5 s', '3 min 34 s', '2 h 03 min')
    """
    if seconds < 59.95:  # noqa: PLR2004 - what would be rounded to 60.0
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004
        return f"{minutes} min {rest:02d} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(seconds / 60.0), 60)
    return f"{hours} h {minutes:02d} min"


def percent(share: float) -> str:
    """Return a share in percent, with a decimal where it is small.

    Examples
    --------
    >>> percent(0.494), percent(0.0123)
    ('49 %', '1.2 %')
    """
    return f"{share:.0%}".replace("%", " %") if share >= 0.0995 else f"{share:.1%}".replace("%", " %")  # noqa: PLR2004


def error(percent_off: float) -> str:
    """Return an error in percent with its sign, none where it rounds to zero, and a dash for NaN.

    Examples
    --------
    >>> error(-2.36), error(-0.01)
    ('-2.4 %', '0.0 %')
    """
    if not math.isfinite(percent_off):
        return "-"
    return f"{percent_off:+.1f} %" if abs(percent_off) >= 0.05 else "0.0 %"  # noqa: PLR2004


def surroundings(record: dict[str, Any]) -> str:
    """Return the room and the settings of a run in a line."""
    room = record["environment"]
    words = [f"room {room['ambient_c']:g} °C"]
    if room["fan"] is not None:
        words.append("fans as fast as they go" if room["fan"] == "max" else f"fans at {room['fan']:g} rpm")
    if room["dust"]:
        words.append(f"dust takes {percent(room['dust'])} of the air")
    if room.get("overclock_ghz") is not None:
        words.append(f"all cores set to {room['overclock_ghz']:g} GHz")
    if room.get("fan_curve"):
        words.append(f"fan curve {room['fan_curve']}")
    if room.get("power_limit_w") is not None:
        words.append(f"processor limited to {room['power_limit_w']:g} W")
    if room.get("undervolt_mv"):
        words.append(f"processor undervolted by {room['undervolt_mv']:g} mV")
    if room["brightness"] is not None:
        words.append(f"display at {percent(room['brightness'])}")
    return ", ".join(words)
