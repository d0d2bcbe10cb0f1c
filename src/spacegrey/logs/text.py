"""Bytes of a log as lines, and their fields as numbers and times, whatever country the tool thought it was in."""

from __future__ import annotations

import datetime as dt
import functools
import re
from typing import TYPE_CHECKING

from spacegrey.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_LINE = 1 << 20
"""Longest line. [bytes]"""
MOST_DOCUMENT = 64 << 20
"""Largest file of a format that has to be read whole. [bytes]"""
LONGEST_NAME = 300
"""Longest name of a column; what is longer is no column's. [characters]"""
NAN = float("nan")
_DAY_S = 86400.0
_CLOCK = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})(?:[.,:](\d{1,6}))?\s*([AaPp][Mm])?$")
_DATE = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})$")
_YEAR_DIGITS = 3
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Sun Jun 22 15:04:05 UTC 2025, or Sun 22 Jun 2025 03:04:05 PM UTC
_PRINTED = re.compile(
    r"[A-Z][a-z]{2},? +(?:(?P<month>[A-Z][a-z]{2}) +(?P<day>\d{1,2})"
    r"|(?P<day_first>\d{1,2}) +(?P<then_month>[A-Z][a-z]{2})(?: +(?P<year_first>\d{4}))?),? +"
    r"(?P<clock>\d{1,2}:\d\d:\d\d(?: [AP]M)?)(?: +[A-Z+-][A-Z\d]{1,5})?(?: +(?P<year>\d{4}))?$"
)


def encoding_of(path: Path) -> str:
    """Return how a file's text is written: UTF-16 and UTF-8 by their marks, UTF-8 where that holds, else Latin-1.

    Raises
    ------
    InputError
        The file is missing or cannot be read.
    """
    import codecs

    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            head = file.read(4)
            if head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
                return "utf-16"
            if head[:3] == codecs.BOM_UTF8:  # HWiNFO writes its names so, and yes and no as the country has them
                return "utf-8-sig"
            file.seek(0)
            while chunk := file.read(MOST_LINE):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return "utf-8-sig"


def lines(path: Path) -> Iterator[str]:
    """Yield the lines of a file without their ends, one at a time.

    Raises
    ------
    InputError
        The file cannot be read, or a line is longer than any log's.
    """
    try:
        with path.open(encoding=encoding_of(path), errors="replace", newline=None) as file:
            number = 0
            while line := file.readline(MOST_LINE):
                number += 1
                if len(line) >= MOST_LINE:
                    raise InputError(f"{path}:{number}: a line of more than {MOST_LINE:,} characters is not a log's")
                yield line.rstrip("\r\n").replace("\0", "")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None


def whole(path: Path) -> str:
    """Return a file's text, for formats that cannot be read line by line.

    Raises
    ------
    InputError
        The file cannot be read or is too large.
    """
    encoding = encoding_of(path)
    size = path.stat().st_size
    if size > MOST_DOCUMENT:
        raise InputError(
            f"{path}: {size:,} bytes; such a file is read whole, up to {MOST_DOCUMENT:,}: cut it into parts"
        )
    return path.read_text(encoding=encoding, errors="replace")


def plain(text: str) -> str:
    r"""Return a file's word fit to be shown: one line, no signs that a terminal obeys, not without end.

    Examples
    --------
    >>> plain("CPU\x1b[31m\n")
    'CPU?[31m?'
    """
    shown = "".join(sign if sign.isprintable() else "?" for sign in text[: LONGEST_NAME + 1])
    return shown if len(shown) <= LONGEST_NAME else f"{shown[:LONGEST_NAME]}…"


def number(text: str) -> float:
    """Return a field as a number; NaN where it is none. A decimal comma is one.

    Examples
    --------
    >>> number(" 45,5 "), number("Yes"), number("-1.5e3"), number("1_000")
    (45.5, nan, -1500.0, nan)
    """
    try:
        return float(text) if "_" not in text else NAN
    except ValueError:
        pass
    text = text.strip().strip('"').strip().removesuffix("%")
    lowered = text.lower()
    if lowered in {"yes", "no"}:
        return NAN
    if "," in text:
        # 1.234,5 and 1,234.5: the sign that stands last divides the whole from its part
        text = text.replace(".", "").replace(",", ".") if text.rfind(",") > text.rfind(".") else text.replace(",", "")
    try:
        return float(text)
    except ValueError:
        return NAN


@functools.lru_cache(maxsize=64)
def day_number(text: str, *, month_first: bool = False) -> int | None:
    """Return a date as a count of days; None where it is no date.

    Examples
    --------
    >>> day_number("21.2.2017") - day_number("20.2.2017"), day_number("2017-02-20") == day_number("20.2.2017")
    (1, True)
    """
    match = _DATE.match(text.strip())
    if not match:
        return None
    one, sign, two, three = int(match[1]), match[2], int(match[3]), int(match[4])
    if len(match[1]) > _YEAR_DIGITS:
        year, month, day = one, two, three
    else:
        day, month, year = (two, one, three) if month_first or (sign == "/" and two > 12) else (one, two, three)  # noqa: PLR2004
        year += 2000 if year < 100 else 0  # noqa: PLR2004
    for given_month, given_day in ((month, day), (day, month)):
        try:
            return dt.date(year, given_month, given_day).toordinal()
        except ValueError:
            continue
    return None


class Dates:
    """Days since the first date of a file, whose order of day and month nobody tells.

    Where the two orders differ, the one of the shorter step forward is right: 3/5 is followed by 3/6 the next day.

    Examples
    --------
    >>> dates = Dates()
    >>> [dates.at(text) for text in ("3/5/2024", "3/6/2024", "4/1/2024")]
    [0, 1, 27]
    """

    def __init__(self) -> None:
        self._first: tuple[int, int] | None = None
        self._month_first: bool | None = None
        self._last = 0

    def at(self, text: str) -> int | None:
        """Return the days from the first date to this; None where it is no date."""
        one, other = day_number(text), day_number(text, month_first=True)
        if one is None or other is None:
            return None
        first = self._first = self._first or (one, other)
        steps = one - first[0], other - first[1]
        if self._month_first is None and steps[0] != steps[1]:
            self._month_first = steps[0] < self._last or self._last <= steps[1] < steps[0]
        self._last = steps[bool(self._month_first)]
        return self._last


def moment_s(text: str) -> float:
    """Return a date with a time of day, as ISO 8601 has them or as ``date`` prints them; NaN where it is neither. [s].

    Examples
    --------
    >>> round(moment_s("2025-06-05 20:17:36.40103Z") - moment_s("2025-06-05T20:17:36"), 3)
    0.401
    >>> moment_s("Thu Jun  5 20:17:37 UTC 2025") - moment_s("Thu 05 Jun 2025 08:17:36 PM UTC")
    1.0
    """
    text = text.strip()
    try:
        moment = dt.datetime.fromisoformat(text)
        return moment.timestamp() if moment.tzinfo else moment.replace(tzinfo=dt.UTC).timestamp()
    except (ValueError, OverflowError):
        pass
    match = _PRINTED.match(text)
    if not match:
        return NAN
    try:
        month = 1 + _MONTHS.index(match["month"] or match["then_month"])
        day, year = int(match["day"] or match["day_first"]), int(match["year"] or match["year_first"] or 0)
        moment = dt.datetime(year, month, day, tzinfo=dt.UTC)
    except ValueError:
        return NAN
    return moment.timestamp() + clock_s(match["clock"])


def clock_s(text: str) -> float:
    """Return a time of day in seconds from midnight; NaN where it is none.

    Examples
    --------
    >>> clock_s("17:49:33.588"), clock_s("11:37:21:324"), clock_s("1:00:00 PM")
    (64173.588, 41841.324, 46800.0)
    """
    match = _CLOCK.match(text.strip())
    if not match:
        return NAN
    hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3])
    if hours > 24 or minutes > 59 or seconds > 60:  # noqa: PLR2004 - clocks
        return NAN
    if match[5]:
        hours = hours % 12 + (12 if match[5].lower() == "pm" else 0)
    part = float(f"0.{match[4]}") if match[4] else 0.0
    return hours * 3600.0 + minutes * 60.0 + seconds + part


class Days:
    """Times of day without a date: a jump back by more than half a day is midnight."""

    def __init__(self) -> None:
        self.last = NAN
        self.days = 0

    def at(self, of_day_s: float) -> float:
        """Return seconds since the first midnight. [s]."""
        if of_day_s < self.last - _DAY_S / 2.0:
            self.days += 1
        if of_day_s == of_day_s:  # noqa: PLR0124 - not NaN
            self.last = of_day_s
        return of_day_s + self.days * _DAY_S
