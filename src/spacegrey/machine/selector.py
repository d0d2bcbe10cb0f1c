"""The text that names a configured machine: ``imac-pro:18-core,vega-64,128GB+ambient=35C,fan=max``.

Before the colon a machine of the catalog or the path of a user's own TOML; after it choices, by name or as
``option=choice``; after a plus sign what is different about the room and the settings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spacegrey.errors import InputError, unknown
from spacegrey.units import parse_quantity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spacegrey.machine.spec import Option

WHAT_IFS = ("ambient", "brightness", "dust", "fan", "overclock")

# what-if -> least, most, unit
RANGES: dict[str, tuple[float, float, str]] = {
    "ambient": (-20, 60, " C"),
    "brightness": (0, 1, ""),
    "dust": (0, 0.9, ""),
    "fan": (0, 1e9, " rpm"),
    "overclock": (0.5, 7, " GHz"),
}


@dataclass(frozen=True)
class Environment:
    """What surrounds a machine, and how its owner set it.

    Attributes
    ----------
    ambient_c : float or None
        Room temperature; None: the machine's own default. [degC]
    brightness : float or None
        Of the built-in panel, 0 (off) to 1; None: the panel's default.
    dust : float
        Share of the air flow that dust takes away, 0 to 0.9.
    fan : float or None
        Fixed fan speed [1/min]; None: the machine's own controller; infinity: as fast as the owner may set.
    overclock_ghz : float or None
        Clock that the owner fixed for every core, in place of the turbo bins. [GHz]
    """

    ambient_c: float | None = None
    brightness: float | None = None
    dust: float = 0.0
    fan: float | None = None
    overclock_ghz: float | None = None


@dataclass(frozen=True)
class Selector:
    """A selector, read but not yet looked up."""

    text: str
    machine: str
    choices: tuple[str, ...] = ()
    environment: Environment = field(default_factory=Environment)


def parse_selector(text: str) -> Selector:
    """Read a selector.

    Parameters
    ----------
    text : str
        As the user wrote it.

    Returns
    -------
    Selector
        Its parts; names are not looked up yet.

    Raises
    ------
    InputError
        The text is empty, or a what-if is unknown or out of its range.

    Examples
    --------
    >>> selector = parse_selector("imac-pro:18-core,vega-64+ambient=35C,fan=max")
    >>> selector.machine, selector.choices, selector.environment.ambient_c
    ('imac-pro', ('18-core', 'vega-64'), 35.0)
    """
    head, plus, tail = text.partition("+")
    machine, colon, chosen = head.partition(":")
    machine = machine.strip()
    if not machine:
        raise InputError(f"selector {text!r} names no machine")
    choices = tuple(part.strip() for part in chosen.split(",")) if colon else ()
    if colon and not all(choices):
        raise InputError(f"selector {text!r} has an empty choice")
    return Selector(text, machine, choices, _environment(tail, text) if plus else Environment())


def parse_what_if(key: str, text: str, place: str) -> float:
    """Read the value of one what-if, in the unit of its field in `Environment`.

    Raises
    ------
    InputError
        It has no unit or one of another kind, or is out of its range.

    Examples
    --------
    >>> parse_what_if("ambient", "95F", "ambient"), parse_what_if("fan", "max", "fan")
    (35.0, inf)
    """
    if key == "fan":
        value = float("inf") if text == "max" else parse_quantity(text, "speed", place)
    else:
        kind = {"ambient": "temperature", "overclock": "frequency"}.get(key, "share")
        value = parse_quantity(text, kind, place)
    low, high, unit = RANGES[key]
    if not low <= value <= high and value != float("inf"):
        raise InputError(f"{place}={text} is outside {low} to {high}{unit}")
    return value


def choose(options: Mapping[str, Option], wanted: tuple[str, ...], selector: str) -> dict[str, str]:
    """Return the choice of every option: what the selector wants, defaults for the rest.

    Raises
    ------
    InputError
        A choice is unknown, ambiguous, or given twice for one option.
    """
    chosen: dict[str, str] = {}
    for text in wanted:
        slot, equals, name = text.partition("=")
        slot, name = (slot.strip(), name.strip()) if equals else ("", text)
        if equals and slot not in options:
            raise unknown("option", slot, options, f"selector {selector!r}")
        slots = [slot] if equals else [key for key, option in options.items() if name in option.choices]
        if not slots or name not in options[slots[0]].choices:
            everything = [choice for key in slots or options for choice in options[key].choices]
            raise unknown("choice", name, everything, f"selector {selector!r}")
        if len(slots) > 1:
            raise InputError(
                f"selector {selector!r}: {name!r} is a choice of {' and '.join(slots)}: write {slots[0]}={name}"
            )
        if slots[0] in chosen:
            raise InputError(f"selector {selector!r}: {slots[0]} is chosen twice: {chosen[slots[0]]} and {name}")
        chosen[slots[0]] = name
    implied: dict[str, str] = {}
    for slot, name in chosen.items():
        implied |= options[slot].choices[name].defaults
    return {slot: chosen.get(slot, implied.get(slot, option.default)) for slot, option in options.items()}


def _environment(tail: str, selector: str) -> Environment:
    values: dict[str, float] = {}
    for part in tail.replace("+", ",").split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        place = f"selector {selector!r}: {key}"
        if key not in WHAT_IFS:
            raise unknown("what-if", key, WHAT_IFS, f"selector {selector!r}")
        if key in values:
            raise InputError(f"{place} is given twice")
        if not equals or not value:
            raise InputError(f"{place} needs a value, such as +ambient=35C,fan=max,dust=0.3,brightness=0.5")
        values[key] = parse_what_if(key, value, place)
    return Environment(
        values.get("ambient"),
        values.get("brightness"),
        values.get("dust", 0.0),
        values.get("fan"),
        values.get("overclock"),
    )
