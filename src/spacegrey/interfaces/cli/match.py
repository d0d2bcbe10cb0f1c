"""`spacegrey match`: what an equal machine out of parts costs, and how fast one for the same price is."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacegrey.interfaces.table_file import TableFormat

if TYPE_CHECKING:
    from spacegrey.decide.differences import Difference
    from spacegrey.decide.match import Answer, Match

EXAMPLES = """
spacegrey match imac-pro
spacegrey match imac-pro --on 2019-12-01 --without ecc
spacegrey match imac-pro --without display --without ports
spacegrey match imac-pro:18-core -w blender-cpu -w final-cut-4k --json
"""


def match(
    selector: Annotated[str, typer.Argument(metavar="SELECTOR", help="The machine to match, and its options.")],
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="DATE", help="The day; left out: the first on which all of it could be ordered."),
    ] = None,
    workloads: Annotated[
        list[str] | None,
        typer.Option(
            "--workload", "-w", metavar="WORKLOAD",
            help="Equal means as fast on this, in place of cores and TFLOPS; may be given again.",
        ),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without", metavar="NAME",
            help="Give up a line (ecc, thunderbolt) or a group: ports, display, desk, software, service.",
        ),
    ] = None,
    offers: Annotated[
        Path | None, typer.Option("--offers", metavar="FILE", help="A TOML file with offers of your own.")
    ] = None,
    currency: Annotated[str, typer.Option("--currency", metavar="CODE", help="Of the bills.")] = "USD",
    rate: Annotated[
        list[str] | None,
        typer.Option("--rate", metavar="EUR=1.18", help="What one EUR is worth in the currency of the bills."),
    ] = None,
    to: Annotated[TableFormat | None, typer.Option("--to", help="Write bills and differences as tables.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where --to writes; a CSV goes to the screen without.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:  # fmt: skip
    """Match a machine with self-built ones, both ways.

    The same specification at least cost, and the same price at most speed, side by side. Every difference is a line
    with a price or a stated inability. Says which way it tips, how far prices must fall to tip it, and when they did.
    """
    from spacegrey.decide.availability import parse_day
    from spacegrey.decide.match import match as matched
    from spacegrey.decide.offers import load_offers
    from spacegrey.decide.prices import parse_currency, parse_rates
    from spacegrey.interfaces import matched as shown
    from spacegrey.interfaces.cli.output import say_when_compiling, write_json
    from spacegrey.interfaces.table_file import check_out, write_tables

    check_out(to, out, as_json=as_json)
    day = parse_day(on, "--on") if on else None
    rates = parse_rates(rate or [], parse_currency(currency, "--currency"))
    known = load_offers(offers)
    say_when_compiling()
    found = matched(
        selector, day, workloads=tuple(workloads or ()), dropped=tuple(without or ()), offers=known,
        currency=currency, rates=rates,
    )  # fmt: skip
    if as_json:
        write_json(shown.as_json(found, day))
    elif to:
        write_tables(shown.as_sheets(found), to, out)
    else:
        _print(found)


def _print(found: Match) -> None:
    from rich.text import Text

    from spacegrey.decide.money import amount
    from spacegrey.interfaces.cli.output import console
    from spacegrey.interfaces.matched import answers

    out, bill = console(), found.reference
    least = "" if bill.complete else "at least "
    out.print(Text(bill.name, style="bold"))
    out.print(f"{bill.on}: {least}{amount(bill.total)} {bill.currency}")
    for way, one in answers(found).items():
        out.print()
        if one is None:
            out.print(f"{way}: {found.why_no_same_price}")
            continue
        out.print(Text(way, style="bold"), one.selector + (", two drives as one stripe" if one.drives > 1 else ""))
        out.print(_told(one, found))
    out.print()
    _print_differences(found)
    _print_bills(found)
    _print_checks(found)
    if found.tipping:
        out.print(f"\n{found.tipping.words}")


def _told(one: Answer, found: Match) -> str:
    """Return a build in a line: price, speed, noise."""
    from spacegrey.decide.money import amount

    currency = found.reference.currency
    words = f"{'' if one.complete else 'at least '}{amount(one.total)} {currency}"
    if one.high - one.low >= 1.0:
        words += f" ({amount(one.low)} to {amount(one.high)})"
    speeds = ", ".join(f"{value:.2f}x {name}" for name, value in one.speed.items() if value is not None)
    if speeds:
        words += f"; {speeds}"
    if one.peak_noise_dba is not None and found.reference_noise_dba is not None:
        words += f"; at most {one.peak_noise_dba:.0f} dBA beside {found.reference_noise_dba:.0f}"
    parts = ", ".join(f"{name} {amount(paid)}" for name, paid in one.by_group.items() if paid)
    return f"{words}\n{parts}"


def _print_differences(found: Match) -> None:
    from spacegrey.decide.money import amount
    from spacegrey.interfaces.cli.output import console, table
    from spacegrey.interfaces.matched import answers

    out, notes = console(), dict[str, int]()
    chosen = [one for one in answers(found).values() if one is not None]
    names = [name for name, one in answers(found).items() if one is not None]
    shown = table(out, "", "the machine has", *(f">{name}" for name in names))
    for gaps in zip(*(one.differences for one in chosen), strict=True):
        shown.add_row(gaps[0].name, gaps[0].reference, *(_cell(gap, notes) for gap in gaps))
    rests = [one.total - math.fsum(gap.price for gap in one.differences if gap.price is not None) for one in chosen]
    shown.add_row("", "board, case, cooler, supply", *map(amount, rests))
    shown.add_row("", "all of it", *(("" if one.complete else "at least ") + amount(one.total) for one in chosen))
    out.print(shown)
    for note, number in notes.items():
        out.print(f"({number}) {note}")


def _cell(gap: Difference, notes: dict[str, int]) -> str:
    """Return the price of what brings a thing, and the number of the note where it is not all there."""
    from spacegrey.decide.differences import BOARD, GIVEN_UP
    from spacegrey.decide.money import amount

    if not gap.met and gap.why == GIVEN_UP:
        return gap.why
    if not gap.met:
        has = f"{gap.match}: " if gap.match != "none" else "lacks: "
        number = notes.setdefault(f"{has}{gap.why}", len(notes) + 1)
        partly = "no" if gap.price is None else amount(gap.price)
        return f"{partly if gap.asked else 'given up'} ({number})"
    if gap.shared_with:
        return "on board" if gap.shared_with == BOARD else "with it"
    return "unknown" if gap.price is None else amount(gap.price)


def _print_bills(found: Match) -> None:
    from spacegrey.decide.money import amount
    from spacegrey.interfaces.cli.output import console, table
    from spacegrey.interfaces.matched import answers, item_words

    out = console()
    there = {name: one for name, one in answers(found).items() if one is not None}
    items = dict.fromkeys(line.item for one in there.values() for line in one.lines)
    rows = table(out, "the bills", *(f">{name}" for name in there), "|asked on")
    for item in items:
        lines = [next((line for line in one.lines if line.item == item), None) for one in there.values()]
        days = {str(line.date) for line in lines if line is not None and line.date}
        cells = ["" if line is None else "unknown" if line.price is None else amount(line.price) for line in lines]
        marks = {"assumed" for line in lines if line is not None and line.source == "assumed"}
        rows.add_row(item_words(item), *cells, " ".join([*days, *("*" for _ in marks)]))
    rows.add_row("total", *(amount(one.total) for one in there.values()), "")
    out.print()
    out.print(rows)
    if any(line.source == "assumed" for one in there.values() for line in one.lines):
        out.print("* a price from memory or by analogy: --json says why, and names the other prices' sources")


def _print_checks(found: Match) -> None:
    from spacegrey.interfaces.cli.output import console
    from spacegrey.interfaces.matched import answers

    out = console()
    for name, one in answers(found).items():
        if one is not None:
            well = [done.name for done in one.checks if done.verdict == "fits"]
            out.print(f"\n{name}, checked: {', '.join(well)} fit")
            for done in one.checks:
                if done.verdict != "fits":
                    out.print(f"  {done.name} {done.verdict}: {done.words}")
