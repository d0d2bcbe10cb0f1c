"""Which column of which tool is which quantity: rules of ``catalog/logs/names.toml``, a user's own before them."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, cast

from pydantic import AfterValidator, Field

from spacegrey.errors import InputError, unknown
from spacegrey.sourced import CATALOG, Spec, read_settings, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMATS = {
    "powermetrics": "powermetrics of macOS, text",
    "powermetrics-plist": "powermetrics of macOS, property lists",
    "turbostat": "turbostat of Linux",
    "hwinfo": "HWiNFO, CSV",
    "power-gadget": "Intel Power Gadget, CSV",
    "hardware-monitor": "LibreHardwareMonitor or OpenHardwareMonitor, CSV",
    "energibridge": "EnergiBridge, CSV",
    "sensors": "sensors of lm-sensors, text",
    "sensors-json": "sensors -j of lm-sensors",
    "psutil": "psutil, a JSON object on each line",
    "prometheus": "Prometheus, text",
    "prometheus-json": "Prometheus, answer to a query",
    "spacegrey": "a trace of Spacegrey",
    "recording": "samples of spacegrey record",
}
"""Tools that write files, and how each is called."""
DATAFRAME = "dataframe"
"""What stands for a tool where the log was no file."""
_PLAIN = ("spacegrey", DATAFRAME)
"""Where a column that has the name of a quantity is that quantity."""
FILE = CATALOG / "logs" / "names.toml"
CELSIUS = r"\[°?C\]"
"""What a rule writes for a unit that files write in many ways, and some in Fahrenheit."""
_ANY_CELSIUS, _ANY_FAHRENHEIT = r"\[(.{0,3}C|℃)\]", r"\[(.{0,3}F|℉)\]"


def _compiles(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    return text


Expression: TypeAlias = Annotated[str, AfterValidator(_compiles)]
"""A regular expression; what is none is refused."""


class Quantity(Spec):
    """A quantity that a log may hold."""

    unit: str
    meaning: str
    low: float = Field(description="a reading at or below it is a sensor that is dead or absent")
    high: float = Field(description="a reading above it is one too")
    still_above: float | None = Field(
        default=None, description="a reading between this and still_below that stands still for long is dead"
    )
    still_below: float = 1e12


class Rule(Spec):
    """A column's name in a tool's file, and the quantity that it is."""

    format: str
    match: Expression = Field(description="regular expression that the whole name matches, in any case")
    quantity: str
    take: Literal["first", "max", "mean", "sum"] = "first"
    scale: Annotated[float, Field(gt=0)] = 1.0
    offset: float = 0.0
    counter: bool = Field(default=False, description="the column counts up; its rise each second is the quantity")
    each_step: bool = Field(default=False, description="the column is what came together over the step before a row")
    idle: bool = Field(default=False, description="the column is the share that does not work")
    near: str = Field(default="", description="of columns of one name, that which stands nearest to this quantity's")
    beside: bool = Field(default=False, description="takes columns that another rule has, and leaves them to it too")

    def fits(self, name: str) -> bool:
        """Tell whether a column's name is this rule's."""
        return re.fullmatch(self.match, name, re.IGNORECASE) is not None


@functools.cache
def quantities() -> Mapping[str, Quantity]:
    """Return the quantities that a log may hold, by name."""
    document = read_toml(FILE)
    table = cast("dict[str, object]", document.data["quantities"])
    return {name: read_settings(Quantity, one, document, ["quantities", name]) for name, one in table.items()}


def rules(format_: str, own: Path | None = None) -> tuple[Rule, ...]:
    """Return the rules of a format, the first of which wins; a user's own come before the catalog's.

    Parameters
    ----------
    format_ : str
        A key of `FORMATS`, or `DATAFRAME`.
    own : Path, optional
        A file of the user's with ``[[rule]]`` tables as in ``catalog/logs/names.toml``.

    Raises
    ------
    InputError
        The user's file does not hold.

    Examples
    --------
    >>> next(rule.quantity for rule in rules("turbostat") if rule.fits("PkgTmp"))
    'cpu_temp_c'
    """
    every = (*(_read(own) if own else ()), *_catalog())
    plain = _by_name(format_) if format_ in _PLAIN else ()
    return (*(rule for rule in every if rule.format == format_), *plain)


def words(format_: str) -> str:
    """Return what a log is, in words."""
    return {**FORMATS, DATAFRAME: "a dataframe"}[format_]


def _by_name(format_: str) -> tuple[Rule, ...]:
    return tuple(Rule(format=format_, match=re.escape(name), quantity=name) for name in quantities())


@functools.cache
def _catalog() -> tuple[Rule, ...]:
    return _read(FILE)


def _read(path: Path) -> tuple[Rule, ...]:
    document = read_toml(path)
    tables = document.data.get("rule", [])
    if not isinstance(tables, list):
        raise InputError(f"{document.place(['rule'])}: rules are written as [[rule]] tables")
    found: list[Rule] = []
    for number, table in enumerate(cast("list[object]", tables)):
        rule = read_settings(Rule, table, document, ["rule", number])
        if rule.format not in {*FORMATS, DATAFRAME}:
            raise unknown("format", rule.format, FORMATS, document.place(["rule", number, "format"]))
        if rule.quantity not in quantities():
            raise unknown("quantity", rule.quantity, quantities(), document.place(["rule", number, "quantity"]))
        found += _in_any_degrees(rule)
    return tuple(found)


def _in_any_degrees(rule: Rule) -> list[Rule]:
    """Return a rule, and where its column is in degrees one for Celsius however it is written, and for Fahrenheit."""
    if CELSIUS not in rule.match:
        return [rule]
    celsius, fahrenheit = (rule.match.replace(CELSIUS, unit) for unit in (_ANY_CELSIUS, _ANY_FAHRENHEIT))
    scale = rule.scale * 5.0 / 9.0
    return [
        rule.model_copy(update={"match": celsius}),
        rule.model_copy(update={"match": fahrenheit, "scale": scale, "offset": rule.offset - 32.0 * scale}),
    ]
