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

WHAT_IFS = ("ambient", "brightness", "dust", "fan", "overclock", "power-limit", "undervolt")

SWAPS = ("processor", "graphics", "memory", "storage")
"""Options that may be chosen after the plus sign too, as what-ifs."""

FAN_CURVE_FORM = "1100rpm@60C..2500rpm@90C"

KINDS = {
    "ambient": "temperature",
    "fan": "speed",
    "overclock": "frequency",
    "power-limit": "power",
    "undervolt": "voltage",
}
"""What-ifs that carry a unit, and what kind of quantity each is; the others are shares."""

# what-if -> least, most, unit
RANGES: dict[str, tuple[float, float, str]] = {
    "ambient": (-20, 60, " C"),
    "brightness": (0, 1, ""),
    "dust": (0, 0.9, ""),
    "fan": (0, float("inf"), " rpm"),
    "overclock": (0.5, 7, " GHz"),
    "power-limit": (1, 2000, " W"),
    "undervolt": (0, 200, " mV"),
}


@dataclass(frozen=True)
class FanCurve:
    """A fan speed that follows the hotter of processor and graphics along a straight line, and is flat outside it.

    Attributes
    ----------
    low_rpm, high_rpm : float
        Speed up to ``low_c`` and from ``high_c`` on. [1/min]
    low_c, high_c : float
        The temperatures between which it rises. [degC]
    """

    low_rpm: float
    low_c: float
    high_rpm: float
    high_c: float

    def __str__(self) -> str:
        """Return the curve as a selector has it."""
        return f"{self.low_rpm:g}rpm@{self.low_c:g}C..{self.high_rpm:g}rpm@{self.high_c:g}C"

    @property
    def gain_rpm_per_k(self) -> float:
        """How steep it is."""
        return (self.high_rpm - self.low_rpm) / (self.high_c - self.low_c)


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
    power_limit_w : float or None
        Package power that the owner allows the processor, for seconds and for hours; None: the part's own limits. [W]
    undervolt_mv : float
        Taken off the processor's voltage at every clock, 0 to 200. Whether it runs stably so is not modelled. [mV]
    fan_curve : FanCurve or None
        Fan speed by temperature, in place of the machine's own controller.
    """

    ambient_c: float | None = None
    brightness: float | None = None
    dust: float = 0.0
    fan: float | None = None
    overclock_ghz: float | None = None
    power_limit_w: float | None = None
    undervolt_mv: float = 0.0
    fan_curve: FanCurve | None = None


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
    >>> parse_selector("my-machine.toml+processor=18-core,fan=max").choices
    ('processor=18-core',)
    """
    head, plus, tail = text.partition("+")
    machine, colon, chosen = head.partition(":")
    machine = machine.strip()
    if not machine:
        raise InputError(f"selector {text!r} names no machine")
    choices = tuple(part.strip() for part in chosen.split(",")) if colon else ()
    if colon and not all(choices):
        raise InputError(f"selector {text!r} has an empty choice")
    parts = [part.strip() for part in tail.replace("+", ",").split(",")]
    if plus and not all(parts):
        raise InputError(f"selector {text!r} has an empty what-if: write {head}+ambient=35C, or no plus sign")
    swaps = tuple(part for part in parts if part.partition("=")[0].strip() in SWAPS and part.partition("=")[2].strip())
    settings = ",".join(part for part in parts if part not in swaps)
    environment = _environment(settings, text) if plus and (settings or not swaps) else Environment()
    return Selector(text, machine, (*choices, *swaps), environment)


def with_settings(text: str, settings: str) -> str:
    """Return a selector with some what-ifs in place of what it says of the same, and all others as they are.

    Examples
    --------
    >>> with_settings("imac-pro:18-core+fan=max,ambient=30C", "fan=2000rpm")
    'imac-pro:18-core+ambient=30C,fan=2000rpm'
    """
    head, _, tail = text.partition("+")
    new = [part for part in settings.lstrip("+").replace("+", ",").split(",") if part.strip()]
    keys = {part.partition("=")[0].strip() for part in new}
    old = [part for part in tail.replace("+", ",").split(",") if part.strip()]
    kept = [part for part in old if part.partition("=")[0].strip() not in keys]
    return f"{head}+{','.join([*kept, *new])}" if kept or new else head


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
    try:
        value = float("inf") if (key, text) == ("fan", "max") else parse_quantity(text, KINDS.get(key, "share"), place)
    except InputError as error:
        if key != "fan":
            raise
        choices = f"'max', a speed such as 2000rpm, or a curve such as {FAN_CURVE_FORM}"
        raise InputError(f"{error}; a fan is {choices}") from None
    low, high, unit = RANGES[key]
    if not low <= value <= high and value != float("inf"):
        outside = f"outside {low} to {high}{unit}" if high != float("inf") else f"below {low}{unit}"
        raise InputError(f"{place}={text} is {outside}")
    return value


def parse_fan_curve(text: str, place: str) -> FanCurve:
    """Read a fan curve: two points of speed and temperature.

    Raises
    ------
    InputError
        It is not of that form, or falls.

    Examples
    --------
    >>> parse_fan_curve("1100rpm@60C..2500rpm@90C", "fan").gain_rpm_per_k
    46.666666666666664
    """
    points: list[float] = []
    for point in text.split(".."):
        rpm, sign, temp = point.partition("@")
        if not sign:
            raise InputError(f"{place}={text} is not a curve: write two points, such as fan={FAN_CURVE_FORM}")
        points += [parse_quantity(rpm, "speed", place), parse_quantity(temp, "temperature", place)]
    if len(points) != 4:  # noqa: PLR2004 - two points of two numbers
        raise InputError(f"{place}={text} is not a curve: write two points, such as fan={FAN_CURVE_FORM}")
    curve = FanCurve(*points)
    if not (0.0 <= curve.low_rpm <= curve.high_rpm and 0.0 <= curve.low_c < curve.high_c <= 150.0):  # noqa: PLR2004
        raise InputError(f"{place}={text}: a curve rises in speed and in temperature, from 0 C to 150 C")
    return curve


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
    curve: FanCurve | None = None
    for part in tail.replace("+", ",").split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        place = f"selector {selector!r}: {key}"
        if key not in WHAT_IFS and key not in SWAPS:
            raise unknown("what-if", key, (*WHAT_IFS, *SWAPS), f"selector {selector!r}")
        if key in values or (key == "fan" and curve):
            raise InputError(f"{place} is given twice")
        if not equals or not value:
            raise InputError(f"{place} needs a value, such as +ambient=35C,fan=max,dust=0.3,brightness=0.5")
        if key == "fan" and "@" in value:
            curve = parse_fan_curve(value, place)
        else:
            values[key] = parse_what_if(key, value, place)
    return Environment(
        values.get("ambient"),
        values.get("brightness"),
        values.get("dust", 0.0),
        values.get("fan"),
        values.get("overclock"),
        values.get("power-limit"),
        values.get("undervolt", 0.0),
        curve,
    )
