"""`spacegrey quote`: the bill of a machine on a day, each line with its source."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacegrey.interfaces.table_file import TableFormat

if TYPE_CHECKING:
    import datetime as dt

    from spacegrey.decide.quote import Quote

EXAMPLES = """
spacegrey quote imac-pro:18-core,128GB,4TB,vega-64 --applecare
spacegrey quote pc-x299 --on 2018-06-01 --trend
spacegrey quote imac-pro --on 2018-06-01 --currency EUR --json
spacegrey quote imac-pro:18-core --refurbished
"""


def quote(
    selector: Annotated[str, typer.Argument(metavar="SELECTOR", help="The machine and its options.")],
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="DATE", help="The day; left out: the first on which all of it could be ordered."),
    ] = None,
    extras: Annotated[
        list[str] | None, typer.Option("--with", metavar="COMPONENT", help="Bought with it; may be given again.")
    ] = None,
    applecare: Annotated[bool, typer.Option("--applecare", help="Add AppleCare+.")] = False,
    used: Annotated[bool, typer.Option("--used", help="The cheapest used one that is known.")] = False,
    refurbished: Annotated[bool, typer.Option("--refurbished", help="The cheapest that Apple refurbished.")] = False,
    rebates: Annotated[
        bool, typer.Option("--rebates", help="Count rebates too that need an action, or have ended.")
    ] = False,
    offers: Annotated[
        Path | None, typer.Option("--offers", metavar="FILE", help="A TOML file with offers of your own.")
    ] = None,
    currency: Annotated[str, typer.Option("--currency", metavar="CODE", help="Of the bill.")] = "USD",
    rate: Annotated[
        list[str] | None,
        typer.Option("--rate", metavar="EUR=1.18", help="What one EUR is worth in the currency of the bill."),
    ] = None,
    trend: Annotated[bool, typer.Option("--trend", help="Show how such prices move, and the total later.")] = False,
    to: Annotated[TableFormat | None, typer.Option("--to", help="Write the bill as a table.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where --to writes; a CSV goes to the screen without.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Print what a machine cost on a day, with sources.

    A price that nobody knows is left open, and the total is then a lower bound. Ends with status 1 if the machine could
    not be ordered on that day, or its parts do not go together.
    """
    from spacegrey.decide.availability import parse_day
    from spacegrey.decide.offers import load_offers
    from spacegrey.decide.prices import NEW, parse_currency, parse_rates
    from spacegrey.decide.quote import quote as bill_of
    from spacegrey.errors import InputError
    from spacegrey.interfaces import bill as shown
    from spacegrey.interfaces.cli.output import write_json
    from spacegrey.interfaces.table_file import check_out, write_tables

    check_out(to, out, as_json=as_json)
    if trend and (used or refurbished):
        raise InputError("--trend is about new machines: leave out --used and --refurbished")
    if trend and to:
        raise InputError("--to writes the bill: leave out --trend")
    kinds = tuple(kind for kind, wanted in (("used", used), ("refurbished", refurbished)) if wanted) or NEW
    day = parse_day(on, "--on") if on else None
    rates = parse_rates(rate or [], parse_currency(currency, "--currency"))
    known, more = load_offers(offers), tuple(extras or ())

    def on_day(asked: dt.date | None) -> Quote:
        return bill_of(
            selector, asked, known, extras=more, applecare=applecare, kinds=kinds, rebates=rebates, currency=currency,
            rates=rates,
        )  # fmt: skip

    bill = on_day(day)
    moves = shown.trend(bill, on_day, known) if trend else None
    if as_json:
        write_json(shown.as_json(bill, day) | ({"trend": moves} if moves else {}))
    elif to:
        write_tables(shown.as_sheets(bill), to, out)
    else:
        _print(bill)
        if moves:
            _print_trend(moves, bill.currency)
    if not bill.available or bill.conflict:
        raise typer.Exit(1)


def _print(bill: Quote) -> None:
    from rich.text import Text

    from spacegrey.decide.money import amount
    from spacegrey.interfaces.bill import words_of
    from spacegrey.interfaces.cli.output import console, table

    out = console()
    out.print(Text(bill.name, style="bold"))
    out.print(f"{bill.on}: {bill.availability}\n" if bill.available else f"not to be had: {bill.availability}\n")
    if bill.conflict:
        out.print(f"these parts do not go together: {bill.conflict}\n")
    banded = any(line.low != line.high for line in bill.lines)
    heads = ["item", f">{bill.currency}", *([">between", ">and"] if banded else []), "|asked on"]
    rows, notes = table(out, *heads, *([] if banded else ["source"]), ">note"), dict[str, int]()
    for line in bill.lines:
        # The band takes the place of the source, which then opens the note.
        note = "; ".join(
            part for part in (line.source if banded and line.source != "assumed" else "", _news(line.note)) if part
        )
        number = notes.setdefault(note, len(notes) + 1) if note else ""
        carried = line.low != line.high
        cells = [amount(line.price, cents=not carried) if line.price is not None else "unknown"]
        if banded:
            cells += [amount(line.low), amount(line.high)] if carried else ["", ""]
        cells += [str(line.date or ""), *([] if banded else [line.source]), str(number)]
        rows.add_row(words_of(line.item, bill), *cells)
    total = ["total" if bill.complete else "total, at least", amount(bill.total, cents=not banded)]
    rows.add_row(*total, *([amount(bill.low), amount(bill.high)] if banded else [""]), "", "")
    out.print(rows)
    if notes:
        out.print()
    for note, number in notes.items():
        out.print(f"{number}  {note}")


def _print_trend(moves: dict[str, Any], currency: str) -> None:
    from spacegrey.decide.money import amount
    from spacegrey.interfaces.cli.output import console, table

    out = console()
    later = table(out, "on", f">{currency}", ">between", ">and", "")
    for day in moves["totals"]:
        open_ = "" if day["complete"] else "at least"
        later.add_row(day["on"], *[amount(day[key]) for key in ("total", "low", "high")], open_)
    out.print()
    out.print(later)
    classes = table(out, "prices of", ">in a year", ">between", ">and", ">steps", ">things", ">seen for years")
    for one in moves["declines"]:
        changes = [f"{one[key]:+.0%}".replace("%", " %") for key in ("per_year", "low", "high")]
        classes.add_row(one["class"], *changes, str(one["steps"]), str(one["items"]), f"{one['reach_years']:.1f}")
    out.print()
    out.print(classes)


def _news(note: str) -> str:
    """Return a note without what the day beside it says already.

    Examples
    --------
    >>> _news("list price of 2017-12-14"), _news("list price of 2017-12-14; three years")
    ('', 'three years')
    >>> _news("list price of 2017-12-14 carried along ...")
    'list price of 2017-12-14 carried along ...'
    """
    first, _, rest = note.partition("; ")
    return rest if re.fullmatch(r"list price of \d{4}-\d\d-\d\d", first) else note
