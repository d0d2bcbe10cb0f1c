"""A bill as every interface shows it: the words of its lines, its JSON, its table for a spreadsheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spacegrey.decide.decline import COVERAGE, declines
from spacegrey.decide.items import APPLECARE, PRICED_KINDS
from spacegrey.interfaces.table_file import Sheet, sheet
from spacegrey.sourced import sources

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from spacegrey.decide.decline import Decline
    from spacegrey.decide.offers import Offers
    from spacegrey.decide.quote import Line, Quote

TREND_YEARS = 5


def as_json(bill: Quote, asked: dt.date | None) -> dict[str, Any]:
    """Return a bill as `spacegrey quote --json` prints it."""
    return {
        "selector": bill.selector,
        "name": bill.name,
        "asked_on": asked.isoformat() if asked else None,
        "on": bill.on.isoformat(),
        "currency": bill.currency,
        "total": bill.total,
        "low": bill.low,
        "high": bill.high,
        "complete": bill.complete,
        "available": bill.available,
        "availability": bill.availability,
        "conflict": bill.conflict,
        "lines": [line_json(line) for line in bill.lines],
    }


def as_sheets(bill: Quote) -> list[Sheet]:
    """Return a bill as a table, its total in the last row."""
    columns = [
        "item",
        f"price_{bill.currency}",
        f"low_{bill.currency}",
        f"high_{bill.currency}",
        "date",
        "source",
        "note",
    ]
    rows = [[line.item, line.price, line.low, line.high, line.date, line.source, line.note] for line in bill.lines]
    known = "total" if bill.complete else "total at least"
    return [sheet("bill", columns, [*rows, [known, bill.total, bill.low, bill.high, bill.on, "", bill.availability]])]


def words_of(item: str, bill: Quote) -> str:
    """Return what a line of a bill is for, in words.

    Examples
    --------
    >>> from spacegrey.decide.quote import quote
    >>> bill = quote("imac-pro:18-core")
    >>> [words_of(line.item, bill) for line in bill.lines]
    ['iMac Pro (2017)', 'processor 18-core']
    """
    count, times, thing = item.rpartition(" x ")
    _, own, rest = thing.partition(".toml")
    head, *words = ["", *rest.split("/")[1:]] if own else thing.split("/")
    if not words:
        named = (rest if own else head).partition(":")[2]
        choices = ", ".join(pair.partition("=")[2] for pair in named.split(",") if pair)
        return bill.name.partition(", ")[0] + (f" with {choices}" if choices else "")
    if head == APPLECARE:
        return "AppleCare+"
    kind = {"processors": "processor", "displays": "display"}.get(head, head if head in PRICED_KINDS else "")
    return f"{count}{times}" + " ".join(part for part in (kind, *words) if part)


def trend(bill: Quote, on: Callable[[dt.date], Quote], offers: Offers) -> dict[str, Any]:
    """Return how prices move: the fitted decline of every class, and the bill's total on the same day of later years.

    ``on`` makes the same bill of another day. The totals end where the machine was no longer sold.
    """
    days: list[dict[str, Any]] = []
    for years in range(TREND_YEARS + 1):
        later = on(_years_on(bill.on, years))
        if not later.available:
            break
        days.append({"on": later.on.isoformat(), "total": later.total, "low": later.low, "high": later.high,
                     "complete": later.complete})  # fmt: skip
    return {"declines": [_decline(one) for one in declines(offers).values()], "totals": days, "coverage": COVERAGE}


def _years_on(day: dt.date, years: int) -> dt.date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # the 29th of February, where a year has none
        return day.replace(year=day.year + years, day=28)


def _decline(one: Decline) -> dict[str, Any]:
    middle, low, high = one.factor(1.0)
    return {
        "class": one.name,
        "per_year": middle - 1.0,
        "low": low - 1.0,
        "high": high - 1.0,
        "steps": one.steps,
        "items": one.items,
        "reach_years": one.reach,
    }


def line_json(line: Line) -> dict[str, Any]:
    """Return a line of a bill as every `--json` prints it."""
    entry = sources().get(line.source, {})
    return {
        "item": line.item,
        "price": line.price,
        "low": line.low,
        "high": line.high,
        "source": line.source,
        "source_title": entry.get("title", ""),
        "source_url": entry.get("url"),
        "date": line.date.isoformat() if line.date else None,
        "note": line.note,
    }
