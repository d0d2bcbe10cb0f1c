"""Logs that are reports, one after the other: powermetrics and lm-sensors, as text and as data."""

from __future__ import annotations

import datetime as dt
import json
import plistlib
import re
from array import array
from typing import TYPE_CHECKING, Any, cast
from xml.parsers.expat import ExpatError

from spacegrey.errors import InputError
from spacegrey.logs.gather import LATEST_S, MOST_NAMES
from spacegrey.logs.text import LONGEST_NAME, MOST_DOCUMENT, NAN, Days, clock_s, moment_s, number, whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from spacegrey.logs.gather import Gatherer

# Bounded: what may be of any length between two marks is tried from each of them, which takes the square of the time.
_SAMPLE = re.compile(r"\*\*\* Sampled system activity \((.{0,80}?)\) \(([\d.]{1,30}) ?ms elapsed\)")
_STAMP = re.compile(r"\w{3} (\w{3}) +(\d\d?) (\d\d?):(\d\d):(\d\d) (\d{4})(?: ([+-])(\d\d)(\d\d))?$")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PAIR = re.compile(r"([^:]{1,120}):\s*([-+]?[\d.]+)\s*(mW|W|Watts|MHz|Mhz|%|rpm|C|)\b(.*)$")
_CORE = re.compile(r"Core \d+ C-state residency")
_FRACTION = re.compile(r"\(([\d.]+) ?M[Hh]z\)")
_SENSOR = re.compile(r"([^:]{1,80}):\s*([-+]?[\d.]+)\s*(?:(.?.?°[CF]|[CF]|.?RPM|m?W|k?J|m?V|m?A|%)(?![A-Za-z])|)")
CHIP = re.compile(r"\S{1,120}-(isa|pci|acpi|virtual|i2c|spi|hid|mdio|scsi)(-\S{1,40}){0,3}\s*$")
"""A line that names a chip of lm-sensors."""
_RAW = re.compile(r"\s+(temp|fan|power|in|curr|energy)\d+_(\w{1,40}):\s*([-+]?[\d.]+)\s*$")
_RAW_UNITS = {"temp": "C", "fan": "RPM", "power": "W", "in": "V", "curr": "A", "energy": "J"}
_UPTIME = re.compile(r"(\d\d?:\d\d:\d\d) up ")
# what a script writes before a time, DATE:: or [, and after it
_STAMPED = re.compile(r"\D{0,40}?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.,+:-]{0,20}Z?)\D{0,40}$")
_SINCE_1970 = re.compile(r"(1\d{9})(?:\.?(\d{1,9}))?$")
_STAMP_APART_S = 2.0
_LONGEST_MOMENT = 120
_DEPTH = 24


def powermetrics(found: Gatherer, lines: Iterator[str]) -> None:
    """Read powermetrics' text: samples with the time they span; power in mW on Apple silicon, in W on Intel."""
    time_s, values, waiting = NAN, dict[str, float](), False
    for line in lines:
        header = _SAMPLE.search(line)
        if header:
            if waiting:
                found.row(time_s, _with_share(values))
            elapsed, stamp = number(header[2]) * 1e-3, _stamp_s(header[1])
            values, waiting = {}, True
            ahead = time_s + elapsed
            # The stamps are whole seconds; the spans are exact, until the tool paused.
            time_s = ahead if abs(stamp - ahead) <= _STAMP_APART_S else stamp
            if stamp != stamp:  # noqa: PLR0124 - NaN
                time_s = ahead if ahead == ahead else elapsed  # noqa: PLR0124
            continue
        if not waiting and line.startswith("Machine model:"):
            found.machine = line.partition(":")[2].strip()[:80]
        pair = _PAIR.match(line.strip()) if waiting else None
        if not pair:
            continue
        name, value, unit = pair[1].strip(), number(pair[2]), pair[3]
        if name == "System Average frequency as fraction of nominal":
            inside = _FRACTION.search(pair[4])
            name, value = "System Average frequency", number(inside[1]) if inside else NAN
        if unit == "mW":
            value *= 1e-3
        values.setdefault(name, value)
    if waiting:
        found.row(time_s, _with_share(values))


def _with_share(values: dict[str, float]) -> dict[str, float]:
    """Return a sample with the share of Intel's cores that worked: their mean number over how many there are."""
    cores = sum(_CORE.fullmatch(name) is not None for name in values)
    if cores and "Avg Num of Cores Active" in values:
        values["Share of cores active"] = values["Avg Num of Cores Active"] / cores
    return values


def _stamp_s(text: str) -> float:
    match = _STAMP.match(text.strip())
    if not match or match[1] not in _MONTHS:
        return NAN
    try:
        moment = dt.datetime(
            int(match[6]), _MONTHS.index(match[1]) + 1, int(match[2]), int(match[3]), int(match[4]), int(match[5]),
            tzinfo=dt.UTC,
        )  # fmt: skip
    except ValueError:
        return NAN
    away = (int(match[8]) * 3600 + int(match[9]) * 60) * (-1 if match[7] == "-" else 1) if match[7] else 0
    return moment.timestamp() - away


def powermetrics_plist(found: Gatherer, path: Path) -> None:
    """Read powermetrics' property lists, one after the other with a zero byte between them."""
    time_s, broken = NAN, 0
    for piece in _pieces(path):
        if b"<plist" not in piece:
            broken += 1
            continue
        try:
            sample: Any = plistlib.loads(piece, fmt=plistlib.FMT_XML)
        except (plistlib.InvalidFileException, ExpatError, ValueError, LookupError, TypeError, AttributeError,
                OverflowError, RecursionError):  # fmt: skip
            broken += 1
            continue
        if not isinstance(sample, dict):
            broken += 1
            continue
        table = cast("dict[str, Any]", sample)
        elapsed = table.get("elapsed_ns")
        stamp = table.get("timestamp")
        elapsed_s = as_float(elapsed) * 1e-9 if isinstance(elapsed, int | float) else NAN
        stamp_s = stamp.replace(tzinfo=dt.UTC).timestamp() if isinstance(stamp, dt.datetime) else NAN
        ahead = time_s + elapsed_s
        time_s = ahead if abs(stamp_s - ahead) <= _STAMP_APART_S else stamp_s
        if time_s != time_s:  # noqa: PLR0124 - NaN
            time_s = ahead if ahead == ahead else elapsed_s  # noqa: PLR0124
        model = table.get("hw_model")
        found.machine = model[:80] if isinstance(model, str) else found.machine
        found.row(time_s, _with_derived(flattened(table), elapsed_s))
    if broken:
        found.warn(f"{broken} sample{'s are' if broken > 1 else ' is'} cut short or broken and left out")


def _with_derived(flat: dict[str, float], elapsed_s: float) -> dict[str, float]:
    """Return the numbers of a sample with what follows from them: powers of energies [mW], shares of cores."""
    for part in ("package", "cpu", "gpu", "dram"):
        energy_mj = flat.get(f"processor.{part}_energy")
        if energy_mj is not None and elapsed_s > 0.0:
            flat.setdefault(f"processor.{part}_power", energy_mj / elapsed_s)
    for name, idle in list(flat.items()):
        what, _, last = name.rpartition(".")
        if last == "idle_ratio" and f"{what}.down_ratio" in flat:  # switched off: neither idle nor active
            flat[f"{what}.active_ratio"] = 1.0 - idle - flat[f"{what}.down_ratio"]
        if last == "avg_cores_active":
            cores = sum(one.startswith(f"{what}.cores.") and one.endswith(".c_state_ratio") for one in flat)
            flat[f"{what}.active_share"] = idle / cores if cores else NAN
    return flat


def _pieces(path: Path) -> Iterator[bytes]:
    """Yield the bytes between zero bytes; a piece larger than any sample is refused."""
    kept = b""
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            *ready, kept = (kept + chunk).split(b"\0")
            yield from (piece.strip() for piece in ready if piece.strip())
            if len(kept) > MOST_DOCUMENT // 4:
                raise InputError(f"{path}: a sample of more than {MOST_DOCUMENT // 4:,} bytes is not powermetrics'")
    if kept.strip():
        yield kept.strip()


def flattened(table: object, prefix: str = "", depth: int = 0) -> dict[str, float]:
    """Return the numbers of nested tables and lists by their path; an item with a name or label goes by that.

    Examples
    --------
    >>> flattened({"processor": {"clusters": [{"name": "P0", "freq_hz": 3.2e9}]}})
    {'processor.clusters.P0.freq_hz': 3200000000.0}
    >>> flattened({"coretemp": [["Package id 0", 45.0, 100.0]]})
    {'coretemp.Package id 0': 45.0}
    """
    flat: dict[str, float] = {}
    items: list[tuple[str, object]] = []
    if isinstance(table, dict):
        items = [(str(key), value) for key, value in cast("dict[object, object]", table).items()]
    elif isinstance(table, list):
        items = [_labelled(place, item) for place, item in enumerate(cast("list[object]", table))]
    for key, value in items:
        name = f"{prefix}{key}"
        # a long name would stand before each of its items: the square of the file
        if isinstance(value, bool) or len(name) > LONGEST_NAME:
            continue
        if len(flat) > MOST_NAMES:  # more than any log may have: refused by who takes them
            break
        if isinstance(value, int | float):
            flat[name] = as_float(value)
        elif depth < _DEPTH and isinstance(value, dict | list):
            flat |= flattened(cast("object", value), f"{name}.", depth + 1)
    return flat


def as_float(value: float) -> float:
    """Return a number as a float; NaN where it is a whole one too large for that."""
    try:
        return float(value)
    except OverflowError:
        return NAN


def _labelled(place: int, item: object) -> tuple[str, object]:
    if isinstance(item, list):
        row = cast("list[object]", item)
        if len(row) > 1 and isinstance(row[0], str):
            return row[0] or str(place), row[1]
    if isinstance(item, dict):
        fields = cast("dict[str, object]", item)
        label = fields.get("label", fields.get("name", fields.get("cpu", place)))
        if not isinstance(label, str):
            label = str(label if type(label) is int and abs(label) < MOST_NAMES else place)
        named = label or str(place)
        return named, fields["current"] if "label" in fields and "current" in fields else cast("object", fields)
    return str(place), cast("object", item)


def sensors(found: Gatherer, lines: Iterator[str]) -> None:  # noqa: C901 - a line is one of seven kinds
    """Read `sensors`, run again and again into one file: the first chip standing there again is the next sample.

    Also with ``-A`` (no adapters), ``-f`` (Fahrenheit) and ``-u`` (raw names below each feature).
    """
    chip, feature, seen, days = "", "", set[str](), Days()
    values: dict[str, float] = {}
    stamp = NAN
    for line in lines:
        text = line.rstrip()
        if not text or text.startswith("Adapter:"):
            continue
        reading = _SENSOR.match(text)
        moment = NAN if chip and reading and reading[3] else _moment_s(text, days)
        if moment == moment:  # noqa: PLR0124 - not NaN
            if values:
                found.row(stamp, values)
                values, seen = {}, set[str]()
            stamp = moment
            continue
        if CHIP.match(text):
            chip = text.strip()
            if chip in seen:
                found.row(stamp, values)
                values, seen, stamp = {}, set[str](), NAN
            seen.add(chip)
            continue
        if text.endswith(":"):
            feature = text[:-1].strip()[:LONGEST_NAME]
        shown = _shown(text, reading, feature) if reading and chip else None
        if not shown:
            continue
        values.setdefault(f"{chip}.{shown[0]}", shown[1])
        if len(values) > MOST_NAMES:
            break
    if values:
        found.row(stamp, values)
    told = sum(one == one for one in found.times)  # noqa: PLR0124 - not NaN
    if 0 < told < len(found.times) // 2 + 1 < len(found.times):
        found.warn(f"only {told} of {len(found.times)} samples tell a time: none is used")
        found.times[:] = array("d", [NAN] * len(found.times))


def _shown(text: str, reading: re.Match[str], feature: str) -> tuple[str, float] | None:
    """Return a reading's name with its unit, and its value; None for a limit."""
    raw = _RAW.match(text)
    if raw and raw[2] not in {"input", "average"}:
        return None
    name = feature if raw else reading[1].strip()
    unit, value = _RAW_UNITS[raw[1]] if raw else reading[3] or "", number(reading[2])
    if unit.endswith("F"):
        unit, value = "C", (value - 32.0) / 1.8
    unit = "C" if unit.endswith("C") else unit.strip()
    if unit == "mW":
        unit, value = "W", value * 1e-3
    return f"{name} [{unit}]", value


def _moment_s(text: str, days: Days) -> float:
    """Return the time that a line tells: a date with a time, seconds since 1970, or what ``uptime`` says. [s]."""
    bare = text.strip(" \t@#=*-[]")
    if len(bare) > _LONGEST_MOMENT:
        return NAN
    since = _SINCE_1970.match(bare)  # date +%s, +%s.%N, +%s%3N, +%s%N
    if since:
        return float(f"{since[1]}.{since[2] or 0}")
    stamped = _STAMPED.match(bare)
    # behind what a script says before it: Time: ..., Every 2.0s: sensors  host: ...
    for part in (bare, bare.partition(": ")[2], bare.rpartition(": ")[2], stamped[1] if stamped else ""):
        moment = moment_s(part) if part else NAN
        if moment == moment:  # noqa: PLR0124 - not NaN
            return moment
    up = _UPTIME.match(bare)
    return days.at(clock_s(up[1] if up else bare.rpartition(": ")[2]))


def sensors_json(found: Gatherer, path: Path) -> None:
    """Read `sensors -j`, run again and again into one file, perhaps with a key ``time`` beside the chips."""
    for sample in objects(path, found):
        time_s = time_of(sample)
        chips: dict[str, Any] = {key: value for key, value in sample.items() if isinstance(value, dict)}
        found.row(time_s, flattened(chips))


def time_of(sample: dict[str, Any]) -> float:
    """Return the time of a JSON object: its key time, timestamp, ts or time_s, a number or ISO 8601. [s]."""
    for key in ("time_s", "time", "timestamp", "ts", "t", "datetime", "@timestamp"):
        value = sample.get(key)
        if isinstance(value, bool):
            continue
        if isinstance(value, int | float):
            seconds = as_float(value)
            for _ in range(3):  # perhaps milliseconds, microseconds or nanoseconds since 1970
                seconds *= 1e-3 if abs(seconds) > LATEST_S else 1.0
            return seconds
        if isinstance(value, str):
            try:
                moment = dt.datetime.fromisoformat(value)
                return moment.timestamp() if moment.tzinfo else moment.replace(tzinfo=dt.UTC).timestamp()
            except (ValueError, OverflowError):
                return number(value)
    return NAN


def objects(path: Path, found: Gatherer) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a file, one after the other or in one list; what is cut off at the end is told.

    Raises
    ------
    InputError
        The file cannot be read or is too large.
    """
    text, decoder, place = whole(path), json.JSONDecoder(), 0
    while True:
        match = re.compile(r"[\s,\[\]]*").match(text, place)
        place = match.end() if match else place
        if place >= len(text):
            return
        try:
            item, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            found.warn(f"the file is cut off or broken after {len(found.times)} samples: the rest is left out")
            return
        if isinstance(item, dict):
            yield cast("dict[str, Any]", item)
