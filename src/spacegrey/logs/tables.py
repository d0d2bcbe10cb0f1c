"""Logs that are tables: HWiNFO, Power Gadget, Libre- and OpenHardwareMonitor, EnergiBridge, turbostat, ours."""

from __future__ import annotations

import csv
import re
from itertools import chain, zip_longest
from typing import TYPE_CHECKING

from spacegrey.errors import InputError
from spacegrey.logs.gather import numbered
from spacegrey.logs.host import Host
from spacegrey.logs.text import NAN, Dates, Days, clock_s, day_number, moment_s, number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spacegrey.logs.gather import Gatherer

_DAY_S = 86400.0
_MOST_THREADS = 4096
_TURBOSTAT = {"Avg_MHz", "Bzy_MHz", "Busy%", "%Busy", "TSC_MHz", "CoreTmp", "PkgTmp", "PkgWatt", "CorWatt", "GFXWatt",
              "RAMWatt", "SysWatt", "Pkg_J", "Cor_J", "GFX_J", "RAM_J", "GFXMHz", "IRQ"}  # fmt: skip
"""Names that turbostat gives columns: whoever shows some has two of them, or one and no other."""
_ONE_MOMENT_S = 0.005
"""Rows for each core are told so quickly one after the other. [s]"""
# HWiNFO's time in one column has its milliseconds as they are, and then 03Z: a format that it does not fill in
_UNPADDED = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)\.(\d{1,3})03Z$")
# of HWiNFO's row of devices; behind a second colon stands a part of it
_UNIT = re.compile(r"\[[^]]{0,20}\]$")
_PROCESSOR = re.compile(r"CPU \[#0\]: ([^:]{1,80})")


def hwinfo(found: Gatherer, lines: Iterator[str]) -> None:
    """Read HWiNFO's CSV: Latin-1, names that repeat, and at the end the head again and a row of devices."""
    head, sign = _head(lines)
    rows, units = _split(lines, sign), list[str]()
    second = next(rows, list[str]())
    if any(second) and all(_UNIT.match(field) for field in second if field):
        units = second
        head = _with_units(head, units)
    else:
        rows = chain([second], rows)
    days, dates = Days(), Dates()

    unpadded = False

    def whole_clock(fields: list[str]) -> float:
        nonlocal unpadded
        text = fields[0].strip()
        odd = _UNPADDED.match(text)
        unpadded = unpadded or bool(odd and len(odd[2]) > 1)
        if unpadded and odd:
            return moment_s(odd[1]) + int(odd[2]) * 1e-3
        moment = moment_s(text)
        day_text, _, rest = text.partition(" ")
        return moment if moment == moment else clock([day_text, rest])  # noqa: PLR0124 - not NaN

    def clock(fields: list[str]) -> float:
        day = dates.at(fields[0])
        of_day = clock_s(fields[1]) if len(fields) > 1 else NAN
        return days.at(of_day) if day is None else day * _DAY_S + of_day

    def heads(fields: list[str]) -> list[str] | None:
        if units and fields == units:
            return []
        return _with_units(fields, units) if _is_head(fields, head) else None

    _rows(found, head, rows, lambda head: whole_clock if head[0] == "Date/Time" else clock, heads)


def _with_units(head: list[str], units: list[str]) -> list[str]:
    """Return names with the units of a row of their own behind them."""
    return [f"{name.strip()} {unit}".strip() for name, unit in zip_longest(head, units, fillvalue="")]


def power_gadget(found: Gatherer, lines: Iterator[str]) -> None:
    """Read Intel Power Gadget's CSV: fields padded, on a Mac quoted, and a summary after an empty line."""
    head, sign = _head(lines)
    days = Days()

    def clock(head: list[str]) -> Callable[[list[str]], float]:
        elapsed = next((place for place, name in enumerate(head) if name.startswith("Elapsed Time")), None)
        return lambda fields: days.at(clock_s(fields[0])) if elapsed is None else number(fields[elapsed])

    def table() -> Iterator[list[str]]:
        for fields in _split(lines, sign):
            if not any(fields) or "=" in fields[0]:
                return
            yield fields

    _rows(found, head, table(), clock)


def hardware_monitor(found: Gatherer, lines: Iterator[str]) -> None:
    """Read Libre- or OpenHardwareMonitor's CSV: a line of identifiers, a line of names, then rows."""
    idents, sign = _head(lines)
    names = next(_split(lines, sign), list[str]())
    if not names or names[0].strip().lower() != "time":
        raise InputError(f"{found.path}:2: the line with the names of the sensors is missing")
    if len(names) != len(idents):
        found.warn(f"{len(idents)} identifiers and {len(names)} names in the head: only the first of both are read")
    head = _joined(idents, names)

    def heads(fields: list[str]) -> list[str] | None:
        if not fields[0] and any(field.startswith("/") for field in fields[1:]):
            idents[:] = fields
            return []
        return _joined(idents, fields) if fields[0].strip().lower() == "time" else None

    def clock(fields: list[str]) -> float:
        day_text, _, rest = fields[0].strip().partition(" ")
        day = day_number(day_text, month_first=True)
        return NAN if day is None else day * _DAY_S + clock_s(rest)

    _rows(found, head, _split(lines, sign), lambda _head: clock, heads)


def _joined(idents: list[str], names: list[str]) -> list[str]:
    return ["Time", *(f"{ident} {name}" for ident, name in zip(idents[1:], names[1:], strict=False))]


def energibridge(found: Gatherer, lines: Iterator[str]) -> None:
    """Read EnergiBridge's CSV: milliseconds since 1970."""
    head, sign = _head(lines)
    _rows(found, head, _split(lines, sign), _column(found, "Time", 1e-3))


def own_csv(found: Gatherer, lines: Iterator[str]) -> None:
    """Read what `spacegrey export --to csv` wrote."""
    head, sign = _head(lines)
    _rows(found, head, _split(lines, sign), _column(found, "time_s"))


def _column(found: Gatherer, name: str, scale: float = 1.0) -> Callable[[list[str]], Callable[[list[str]], float]]:
    """Return what finds the column of times in a head."""

    def clock(head: list[str]) -> Callable[[list[str]], float]:
        if name not in head:
            raise InputError(f"{found.path}: no column {name} in the head")
        place = head.index(name)
        return lambda fields: number(fields[place]) * scale

    return clock


def turbostat(found: Gatherer, lines: Iterator[str]) -> None:
    """Read turbostat: perhaps a report on the processor, then tables whose line for all cores is marked with dashes."""
    tables = _Turbostat(found)
    for line in lines:
        fields = line.split()
        if is_turbostat_head(fields):
            tables.begin(numbered(fields))
        elif fields and tables.head:
            tables.line(fields)
    tables.end()


class _Turbostat:
    """Takes of each table the line for all cores: that with dashes, or the first where cores have no numbers."""

    def __init__(self, found: Gatherer) -> None:
        self.head: list[str] = []
        self._found = found
        self._numbers: list[str] = []
        self._cores, self._threads, self._sockets = set[tuple[str, ...]](), set[str](), set[str]()
        # the first table's lines, while nobody knows whether there is one for each core
        self._waiting: list[list[str]] | None = []
        self._only_first = self._taken = False
        self._cut = 0

    def begin(self, head: list[str]) -> None:
        if self._waiting:
            self._settle()
        self.head, self._taken = head, False
        self._numbers = [name for name in ("Package", "Node", "Die", "Core", "CPU") if name in head]

    def line(self, fields: list[str]) -> None:
        values = dict(zip(self.head, fields, strict=False))
        if any(values.get(name) != "-" for name in self._numbers):
            if len(self._threads) < _MOST_THREADS:
                self._cores.add(tuple(values.get(name, "") for name in self._numbers if name != "CPU"))
                self._threads.add(values.get("CPU", ""))
                self._sockets.add(values.get("Package", ""))
        elif self._numbers or self._waiting is None:
            if not (self._only_first and self._taken):
                self._take(fields)
            self._taken = True
        else:
            self._waiting.append(fields)
            if len(self._waiting) > _MOST_THREADS:
                self._settle()

    def end(self) -> None:
        self._settle()
        if {"Core", "CPU"} <= set(self.head) and self._cores:
            self._found.told = Host(
                cores=len(self._cores), threads=len(self._threads), complete=True, sockets=len(self._sockets)
            )
        if self._cut:
            self._found.warn(f"{self._cut} rows are cut short and left out")

    def _settle(self) -> None:
        waiting, self._waiting = self._waiting or [], None
        self._only_first = _of_cores(waiting, self.head)
        for fields in waiting[: 1 if self._only_first else None]:
            self._take(fields)

    def _take(self, fields: list[str]) -> None:
        if len(fields) < len(self.head):
            self._cut += 1
            return
        values = dict(zip(self.head, fields, strict=False))
        time_s = number(values.get("Time_Of_Day_Seconds", ""))
        self._found.row(time_s, {name: number(text) for name, text in values.items() if self._found.wants(name)})


def _of_cores(block: list[list[str]], head: list[str]) -> bool:
    """Tell whether the rows below a head without numbers of cores are one for all of them, and one for each."""
    after = block[1:]
    if not after:
        return False
    if 2 * sum(len(fields) < len(head) for fields in after) >= len(after) > 1:
        return True  # what is told once for a package is not there for its other cores
    if "Time_Of_Day_Seconds" not in head:
        return False
    place = head.index("Time_Of_Day_Seconds")
    times = [number(fields[place]) for fields in block if len(fields) > place]
    return bool(times) and max(times) - min(times) < _ONE_MOMENT_S * len(times)


def is_turbostat_head(fields: list[str]) -> bool:
    """Tell whether a line is the head of turbostat's table."""
    names = _TURBOSTAT.intersection(fields)
    return bool(names) and (len(names) > 1 or names <= {"Avg_MHz", "Bzy_MHz"} or len(fields) == 1)


def _head(lines: Iterator[str]) -> tuple[list[str], str]:
    """Return the names of the first line that is not empty, and the sign between them."""
    line = next((one for one in lines if one.strip()), "")
    sign = max((",", ";", "\t"), key=line.count)
    return [name.strip() for name in next(_split(iter([line]), sign))], sign


def _split(lines: Iterator[str], sign: str) -> Iterator[list[str]]:
    for line in lines:
        try:
            yield next(csv.reader([line], delimiter=sign), list[str]())
        except csv.Error:
            yield []


def _rows(
    found: Gatherer,
    head: list[str],
    rows: Iterator[list[str]],
    clock: Callable[[list[str]], Callable[[list[str]], float]],
    heads: Callable[[list[str]], list[str] | None] | None = None,
) -> None:
    """Add every row.

    ``clock`` returns of a head what reads the time of its rows; ``heads`` returns the names of a row that is a head,
    empty ones for a part of one.
    """
    wanted, time_of = _wanted(found, head), clock(head)
    cut = again = 0
    for line, fields in enumerate(rows):
        if not any(fields):
            continue
        other = heads(fields) if heads else (fields if _is_head(fields, head) else None)
        if other is not None:
            again += 1
            if other and [name.strip() for name in other if name] != [name for name in head if name]:
                found.warn(f"the head changes after {line} rows: read by its new names from there")
                head = [name.strip() for name in other]
                wanted, time_of = _wanted(found, head), clock(head)
            continue
        if len(fields) < len(head) - (not head[-1]):
            cut += 1
            continue
        if len(fields) > len(head) + 2 and line == 0:
            # 45,5 without quotes between commas: fields and halves of fields cannot be told apart.
            raise InputError(
                f"{found.path}: the head has {len(head)} columns and its first row {len(fields)}: if these are decimal "
                "commas between commas, let the tool write points or another sign between fields"
            )
        time_s = time_of(fields)
        if time_s != time_s and again:  # noqa: PLR0124 - NaN: what follows the head at the end is a row of devices
            chip = next((device[1] for device in map(_PROCESSOR.match, fields) if device), "")
            found.processor = found.processor or chip
            continue
        found.row(time_s, {name: number(fields[place]) for place, name in wanted if place < len(fields)})
    if again:
        found.warn(f"the head stands there {again} more time{'s' if again > 1 else ''}: left out")
    if cut:
        found.warn(f"{cut} row{'s are' if cut > 1 else ' is'} cut short and left out")


def _wanted(found: Gatherer, head: list[str]) -> list[tuple[int, str]]:
    return [(place, name) for place, name in enumerate(numbered(head)) if place and name and found.wants(name)]


def _is_head(fields: list[str], head: list[str]) -> bool:
    return bool(head[0]) and fields[0].strip() == head[0]
