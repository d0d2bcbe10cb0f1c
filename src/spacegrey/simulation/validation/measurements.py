"""Published measurements, and how each is asked of the simulation."""

from __future__ import annotations

import csv
import functools
import math
import re
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, cast

from spacegrey import fits
from spacegrey.errors import InputError
from spacegrey.machine.catalog import machine_ids, part_entries, read_machine
from spacegrey.machine.spec import PART_SLOTS
from spacegrey.sourced import CATALOG, Table, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OPEN = CATALOG / "measurements" / "open.csv"
COLUMNS = (
    "id", "machine", "cpu", "cores", "ram_gb", "gpu", "benchmark", "metric", "value", "unit", "conditions",
    "source_url", "confidence", "note",
)  # fmt: skip
KINDS = ("throughput", "clock", "temperature", "fan", "power", "storage", "memory", "noise", "other")

_MOST_ROWS = 100_000
_OVERCLOCK = re.compile(r"@ ?(\d+(?:\.\d+)?)")
_SMALL_WORDS = {
    "intel", "amd", "radeon", "core", "xeon", "ryzen", "threadripper", "geforce", "nvidia", "apple", "graphics",
    "2x", "2", "x", "dual", "gpu", "cpu", "pro", "rx", "one", "series", "duo",
}  # fmt: skip
_SMALL_COUNT = re.compile(r"\d+(?:gb|c)")


@dataclass(frozen=True)
class Measurement:
    """One row: who, what, how much."""

    id: str
    machine: str
    cpu: str
    ram_gb: str
    gpu: str
    benchmark: str
    metric: str
    value: float | None
    unit: str
    conditions: str
    source: str
    confidence: str = ""


@dataclass(frozen=True)
class Question:
    """A measurement as the simulation can answer it, or why it cannot."""

    measurement: Measurement
    kind: str
    quantity: str = ""
    selector: str = ""
    workload: str = ""
    against: str = ""
    scale: float = 1.0
    best_of: int = 0
    reason: str = ""

    @property
    def covered(self) -> bool:
        """Whether the simulation answers it."""
        return not self.reason


@dataclass(frozen=True)
class _Rule:
    patterns: dict[str, re.Pattern[str]]
    fields: Table

    def match(self, row: Measurement) -> dict[str, str] | None:
        found: dict[str, str] = {}
        for column, pattern in self.patterns.items():
            hit = pattern.search(getattr(row, column))
            if hit is None:
                return None
            found |= {name.rstrip("2"): text for name, text in hit.groupdict().items() if text}
        return found


def read_measurements(path: Path | None = None) -> list[Measurement]:
    """Read a measurements file: CSV with the columns of `COLUMNS`.

    Parameters
    ----------
    path : Path, optional
        The project's own file if left out.

    Raises
    ------
    InputError
        Missing, not text, without the columns, or with a broken row: the line says which.
    """
    file = path or OPEN
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            missing = [column for column in COLUMNS if column not in (reader.fieldnames or [])]
            if missing:
                raise InputError(f"{file}: columns are missing: {', '.join(missing)}; needed: {', '.join(COLUMNS)}")
            rows = [_row(cast("dict[str | None, Any]", row), f"{file.name}:{reader.line_num}") for row in reader]
    except FileNotFoundError:
        raise InputError(f"{file}: no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: cannot be read as CSV: {' '.join(str(error).split())}") from None
    if not rows:
        raise InputError(f"{file}: holds no rows")
    if len(rows) > _MOST_ROWS:
        raise InputError(f"{file}: holds more than {_MOST_ROWS} rows")
    seen: set[str] = set()
    for row in rows:
        if row.id in seen:
            raise InputError(f"{file}: id {row.id!r} stands twice")
        seen.add(row.id)
    return rows


def question(row: Measurement) -> Question:
    """Return how a measurement is asked of the simulation, by the rules of ``mapping.toml``."""
    matching = next(((rule, found) for rule in _rules() if (found := rule.match(row)) is not None), None)
    if matching is None:
        kind = "other" if row.value is None else "throughput"
        return Question(row, kind, reason=f"no rule maps {row.benchmark!r}, {row.metric!r}")
    rule, found = matching
    fields = rule.fields
    kind = str(fields["kind"])
    reason = str(fields.get("reason", ""))
    if row.value is None and not reason:
        kind, reason = "other", "no number"
    if reason:
        return Question(row, kind, reason=reason)
    words = _Words({**found, "ambient": "25", "table_display": _table_display(row)})
    base = str(fields.get("machine_is", "")) or _machine_id(row)
    if not base:
        return Question(row, kind, reason=f"machine {row.machine!r} with {row.cpu or row.gpu!r} is not in the catalog")
    selector, why = _selector(row, base, str(fields.get("settings", "")).format_map(words))
    return Question(
        measurement=row,
        kind=kind,
        quantity=str(fields["quantity"]),
        selector=selector,
        workload=str(fields.get("workload", "")).format_map(words),
        against=str(fields.get("against", "")),
        scale=float(fields.get("scale", 1.0)),
        best_of=int(words["count"]) if fields.get("best_of") and words["count"] else 0,
        reason=why,
    )


def best_of(count: int, spread: float) -> float:
    """Return the expected best of a number of results over their mean, for results spread log-normally.

    Parameters
    ----------
    count : int
        Results that were pooled, >= 1.
    spread : float
        Standard deviation of the logarithm of one result.

    Notes
    -----
    exp(s z), z the expected largest of n standard normal values by Blom's formula.

    References
    ----------
    .. [1] Blom, Statistical Estimates and Transformed Beta-Variables, Wiley, 1958.

    Examples
    --------
    >>> best_of(1, 0.2)
    1.0
    """
    return math.exp(spread * NormalDist().inv_cdf((count - 0.375) / (count + 0.25)))


def population_spread() -> float:
    """Return the fitted spread of results that users upload with settings of their own."""
    return float(fits.values("population")["spread"])


def may_ask(row: Measurement, workload: str, machine: str) -> bool:
    """Tell quickly whether a row can be about a workload on a machine; `question` decides."""
    matching = next(((rule, found) for rule in _rules() if (found := rule.match(row)) is not None), None)
    if matching is None or str(matching[0].fields.get("workload", "")).format_map(_Words(matching[1])) != workload:
        return False
    return any(pattern.search(row.machine) and machine in candidates for pattern, candidates in _machine_rules())


class _Words(dict[str, str]):
    """Words of a rule's pattern; one that did not occur is empty."""

    def __missing__(self, key: str) -> str:
        return ""


def _table_display(row: Measurement) -> str:
    """Return the brightness of a maker's power table: the built-in display is on and bright."""
    ident = _machine_id(row)
    if not ident or read_machine(ident).spec.panel is None:
        return ""
    return "+brightness=1" if "iMac" in row.machine and "Pro" not in row.machine else ""


def _row(row: Mapping[str | None, Any], place: str) -> Measurement:
    if None in row or any(value is None for value in row.values()):
        raise InputError(f"{place}: the row does not have {len(COLUMNS)} fields")
    ident = str(row["id"]).strip()
    if not ident:
        raise InputError(f"{place}: the row has no id")
    text = str(row["value"]).strip()
    try:
        value: float | None = float(text)
    except ValueError:
        value = None
    if value is not None and not math.isfinite(value):
        raise InputError(f"{place}: value {text!r} is not a finite number")
    if value is None and str(row["unit"]).strip() != "text":
        raise InputError(f"{place}: value {text!r} is not a number (words need the unit 'text')")
    names = ("machine", "cpu", "ram_gb", "gpu", "benchmark", "metric", "unit", "conditions")
    texts = {name: str(row[name]).strip() for name in names}
    return Measurement(
        id=ident, value=value, source=str(row["source_url"]), confidence=str(row["confidence"]).strip(), **texts
    )


@functools.cache
def _rules() -> tuple[_Rule, ...]:
    document = read_toml(CATALOG / "measurements" / "mapping.toml")
    rules: list[_Rule] = []
    for table in cast("list[Table]", document.data["rule"]):
        columns = ("benchmark", "metric", "machine", "cpu", "conditions")
        patterns = {name: re.compile(str(table[name]), re.IGNORECASE) for name in columns if name in table}
        rules.append(_Rule(patterns, {name: value for name, value in table.items() if name not in patterns}))
        if table["kind"] not in KINDS:
            raise InputError(f"{document.path.name}: kind {table['kind']!r} is not one of {', '.join(KINDS)}")
    return tuple(rules)


@functools.cache
def _machine_rules() -> tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]:
    document = read_toml(CATALOG / "measurements" / "mapping.toml")
    return tuple(
        (re.compile(str(table["match"])), tuple(str(table["id"]).split()))
        for table in cast("list[Table]", document.data["machine"])
    )


def _machine_id(row: Measurement) -> str:
    """Return the catalog's machine that a row speaks of; empty if there is none."""
    for pattern, candidates in _machine_rules():
        if pattern.search(row.machine):
            known = [name for name in candidates if name in machine_ids()]
            if len(candidates) == 1:
                return known[0] if known else ""
            for name in known:
                slot, text = ("processor", row.cpu) if row.cpu else ("graphics", row.gpu)
                if text and _choice(name, slot, text):
                    return name
            return ""
    return ""


def _selector(row: Measurement, base: str, settings: str) -> tuple[str, str]:
    """Return the selector of a row on a machine, and why it cannot be asked (empty if it can)."""
    ident, _, fixed = base.partition(":")
    machine = read_machine(ident)
    choices = [fixed] if fixed else []
    extra, plus, what_if = settings.partition("+")
    capacity = extra.strip().replace(" ", "")
    given = (*choices, capacity)
    slots = {slot for slot, option in machine.options.items() if any(choice in option.choices for choice in given)}
    for slot, text in (("processor", row.cpu), ("graphics", row.gpu)):
        if text and slot not in slots:
            found = _choice(ident, slot, text)
            if not found and slot == "processor":
                return "", f"{machine.spec.name} with {text} is not in the catalog"
            if not found:
                return "", f"{machine.spec.name} with graphics {text} is not in the catalog"
            choices.append(found)
    if row.ram_gb:
        wanted = f"{row.ram_gb}GB"
        if wanted in machine.options["memory"].choices:
            choices.append(f"memory={wanted}")
    if capacity:
        if not any(capacity in option.choices for option in machine.options.values()):
            return "", f"{machine.spec.name} has no choice {capacity!r} in the catalog"
        choices.append(capacity)
    if clock := _OVERCLOCK.search(row.cpu):
        what_if = ",".join(part for part in (what_if, f"overclock={clock[1]}GHz") if part)
        plus = "+"
    defaults = {option.default for option in machine.options.values()}
    named = [choice for choice in choices if choice.removeprefix("memory=") not in defaults]
    return ident + (f":{','.join(named)}" if named else "") + (plus + what_if if what_if else ""), ""


@functools.cache
def _choice(ident: str, slot: str, text: str) -> str:
    """Return the choice of an option whose part a free text names: the one with the most telling words in common."""
    machine = read_machine(ident)
    said = _words(text)
    best, most = "", 0
    for name, choice in machine.options[slot].choices.items():
        if choice.part is None or name.endswith(("-saver", "-overclocked")):
            continue
        kind = PART_SLOTS[slot]
        table = machine.parts.get(kind, {}).get(choice.part) or part_entries(kind).get(choice.part)
        telling = _words(str(table.table.get("name", "")) if table else "")
        if telling and telling <= said and len(telling) > most:
            best, most = name, len(telling)
    return best


def _words(text: str) -> frozenset[str]:
    plain = re.sub(r"\(.*?\)|@.*", " ", text.lower().replace("(r)", ""))
    words = re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", plain)
    telling = [word for word in words if word not in _SMALL_WORDS and not _SMALL_COUNT.fullmatch(word)]
    return frozenset(word.removesuffix("-core") for word in telling)
