"""The numbers of a fitted ladder with their bands, and which of them the log identifies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.simulation.calibration.search import bounds_of

if TYPE_CHECKING:
    from spacegrey.simulation.calibration.data import Course
    from spacegrey.simulation.calibration.search import Searched

Z90 = 1.645
"""Standard deviations of a normal error within which nine of ten lie."""
WIDEST_LOG = 0.30
"""A resistance or capacity whose logarithm is surer than this is identified: 90 % within a factor of 1.6."""
WIDEST = {
    "room": 5.0,
    "air_above": 5.0,
    "fan_exponent": 0.25,
    "rise_exponent": 0.35,
    "gpu_k_per_w": 0.1,
    "rest_share": 0.25,
}
AT_BOUND = 0.01
IDLE_SHARE = 0.35

UNITS = {"r": "K/W", "c": "J/K"}
MEANINGS = {
    "room": ("room", "degC", "air that the machine seems to draw in"),
    "fan_exponent": ("fan_exponent", "1", "of the sink's conductance with the fan's speed"),
    "rise_exponent": ("rise_exponent", "1", "of the sink's conductance with its rise: buoyancy or an unlogged fan"),
    "gpu_k_per_w": ("gpu_k_per_w", "K/W", "rise of the processor's air with the graphics' power"),
    "air_above": ("air_above", "K", "of the air that the cooler draws over the room: heat of other parts"),
    "rise_lag": ("rise_lag", "s", "by which the sink's conductance follows its rise: how slow an unlogged fan is"),
    "rest_share": ("rest_share", "1", "of what the package takes beside its cores: how much of it heats the sensor"),
}
NAMES = {
    1: {"r1": "sensor_to_air", "c1": "heat_capacity"},
    2: {"r1": "sensor_to_sink", "r2": "sink_to_air", "c1": "chip_capacity", "c2": "sink_capacity"},
    3: {
        "r1": "sensor_to_spreader", "r2": "spreader_to_sink", "r3": "sink_to_air",
        "c1": "chip_capacity", "c2": "spreader_capacity", "c3": "sink_capacity",
    },
}  # fmt: skip


@dataclass(frozen=True)
class Number:
    """A number that a log was asked for.

    Attributes
    ----------
    name, unit, meaning : str
        What it is.
    value, low, high : float
        Best value and 90 % band; NaN where the log says nothing.
    identified : bool
        Whether the log tells it.
    why : str
        If not: why.
    """

    name: str
    value: float
    low: float
    high: float
    unit: str
    meaning: str
    identified: bool
    why: str = ""


def unknown_number(name: str, unit: str, meaning: str, why: str) -> Number:
    """Return a number that a log does not tell."""
    nan = float("nan")
    return Number(name, nan, nan, nan, unit, meaning, identified=False, why=why)


def ladder_numbers(found: Searched, data: Course) -> list[Number]:
    """Return every number of a ladder, and the whole resistance from sensor to air."""
    numbers = [_number(found, name) for name in found.names if not name.startswith("start")]
    least, most = (float(value) for value in np.quantile(data.power_w, [0.02, 0.98]))
    if least > IDLE_SHARE * most:
        why = f"the power never falls below {least / most:.0%} of its highest: no idling to tell the air by"
        air = {"room", "air_above"}
        numbers = [replace(one, identified=False, why=one.why or why) if one.name in air else one for one in numbers]
    numbers += [
        Number(key, value, value, value, "degC", "the room, as it was given or logged", identified=True)
        for key, value in found.values.items()
        if key == "room" and key not in found.names
    ]
    if found.shape.order > 1:
        numbers.append(_whole(found))
    if data.fan_column is None:
        numbers.append(unknown_number(*MEANINGS["fan_exponent"], why="no fan is logged, or it never changes"))
    return numbers


def _number(found: Searched, name: str) -> Number:
    low, high, logarithmic = bounds_of(name)
    value, spread = found.values[name], found.spread(name)
    if logarithmic:
        label, unit, meaning = MEANINGS.get(name) or (
            NAMES[found.shape.order][name],
            UNITS[name[0]],
            "heat resistance" if name[0] == "r" else "heat capacity",
        )
        below, above = value * float(np.exp(-Z90 * spread)), value * float(np.exp(Z90 * min(spread, 50.0)))
        place = float(np.log(value / low) / np.log(high / low))
        widest = WIDEST_LOG
    else:
        label, unit, meaning = MEANINGS[name]
        below, above = value - Z90 * spread, value + Z90 * spread
        place = (value - low) / (high - low)
        widest = WIDEST[name]
    why = ""
    if not AT_BOUND < place < 1.0 - AT_BOUND:
        why = f"the fit ends at the bound of {low:g} to {high:g}"
    elif not spread < widest:
        why = f"the log leaves it between {max(below, low):.3g} and {min(above, high):.3g}"
    return Number(label, value, max(below, low), min(above, high), unit, meaning, identified=not why, why=why)


def _whole(found: Searched) -> Number:
    names = [f"r{one}" for one in range(1, found.shape.order + 1)]
    value = sum(found.values[name] for name in names)
    free = [name for name in names if name in found.names]
    # d(sum)/d(log r) = r
    places = [found.names.index(name) for name in free]
    slopes = np.array([found.values[name] for name in free])
    part = found.covariance[np.ix_(places, places)]
    spread = float(np.sqrt(max(slopes @ part @ slopes, 0.0)))
    relative = spread / value
    why = (
        ""
        if relative < WIDEST_LOG
        else f"the log leaves it between {max(value - Z90 * spread, 0.0):.3g} and {value + Z90 * spread:.3g}"
    )
    return Number(
        "whole_resistance", value, max(value - Z90 * spread, 0.0), value + Z90 * spread, "K/W",
        "from the sensor to the air", identified=not why, why=why,
    )  # fmt: skip
