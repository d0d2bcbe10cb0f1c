"""`spacegrey own`: what machines cost over the years that somebody keeps them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacegrey.interfaces.table_file import TableFormat

if TYPE_CHECKING:
    from spacegrey.decide.own import Scenario
    from spacegrey.decide.owner import Use

EXAMPLES = """
spacegrey own imac-pro --years 4 --hours-per-day 8 --kwh 0.30
spacegrey own imac-pro imac-5k-2017 --workload xcode-eidolon --on 2018-06-01
spacegrey own imac-pro --years 5 --upgrade memory=64GB@2y --applecare
"""

SHADES = {"purchase": "█", "energy": "▓", "AppleCare+": "▒", "repairs": "▒", "upgrade": "░"}
"""How each cost is drawn; what has no shade is none of the bar."""
BAR = 56


def own(
    selectors: Annotated[list[str], typer.Argument(metavar="SELECTOR", help="From one to four machines.")],
    years: Annotated[float, typer.Option("--years", help="How long each is kept.")] = 4.0,
    hours_per_day: Annotated[float, typer.Option("--hours-per-day", help="Hours of work on a day of use.")] = 8.0,
    days_per_week: Annotated[float, typer.Option("--days-per-week", help="Days of use.")] = 5.0,
    workload: Annotated[
        str, typer.Option("--workload", metavar="WORKLOAD", help="What it does in those hours.")
    ] = "office",
    kwh: Annotated[float, typer.Option("--kwh", help="Price of a kWh, in the currency.")] = 0.30,
    on: Annotated[
        str | None, typer.Option("--on", metavar="DATE", help="Day of purchase; left out: the first possible.")
    ] = None,
    applecare: Annotated[bool, typer.Option("--applecare", help="Buy AppleCare+ with it.")] = False,
    upgrade: Annotated[
        str | None, typer.Option("--upgrade", metavar="OPTION=CHOICE@Ny", help="On the way: memory=128GB@2y.")
    ] = None,
    labour: Annotated[float, typer.Option("--labour", help="Price of an hour of work on it; 0: your own hands.")] = 0.0,
    resale: Annotated[
        float | None, typer.Option("--resale", help="What it brings at the end; left out: by the fitted curve.")
    ] = None,
    sell: Annotated[str, typer.Option("--sell", metavar="WAY", help="trade-in, used or refurbished.")] = "trade-in",
    currency: Annotated[str, typer.Option("--currency", metavar="CODE", help="Of all amounts.")] = "USD",
    rate: Annotated[
        list[str] | None,
        typer.Option("--rate", metavar="USD=0.85", help="What one USD is worth in that currency."),
    ] = None,
    offers: Annotated[
        Path | None, typer.Option("--offers", metavar="FILE", help="A TOML file with offers of your own.")
    ] = None,
    to: Annotated[TableFormat | None, typer.Option("--to", help="Write a table.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where --to writes; a CSV goes to the screen without.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Add up what machines cost over the years.

    Price, energy from simulated wall power, repairs or AppleCare+, an upgrade on the way beside buying it at the
    start, and what the machine brings at the end; in total, a year, and an hour of work, each with its band.
    """
    from spacegrey.decide.availability import parse_day
    from spacegrey.decide.offers import load_offers
    from spacegrey.decide.own import own as owned
    from spacegrey.decide.owner import Terms, Use, parse_upgrade
    from spacegrey.decide.prices import parse_currency, parse_rates
    from spacegrey.interfaces import owning
    from spacegrey.interfaces.cli.output import progress, say_when_compiling, write_json
    from spacegrey.interfaces.table_file import check_out, write_tables
    from spacegrey.workload.library import workload as read_workload

    check_out(to, out, as_json=as_json)
    use = Use(years, hours_per_day, days_per_week, kwh)
    terms = Terms(
        parse_day(on, "--on") if on else None, applecare, parse_upgrade(upgrade) if upgrade else None, resale, sell,
        labour, parse_currency(currency, "--currency"), parse_rates(rate or [], currency),
    )  # fmt: skip
    asked, known = read_workload(workload), load_offers(offers)
    say_when_compiling()
    with progress("simulating"):
        found = owned(selectors, use, asked, terms, known)
    if as_json:
        write_json(owning.own_json(found, use, asked.id))
    elif to:
        write_tables(owning.own_sheets(found), to, out)
    else:
        _print(found, use, asked.spec.name)


def _print(found: tuple[Scenario, ...], use: Use, work: str) -> None:
    from rich.table import Table
    from rich.text import Text

    from spacegrey.decide.own import verdict
    from spacegrey.interfaces.cli.output import console, table

    out = console()
    currency = found[0].currency
    letters = "ABCD"
    for letter, one in zip(letters, found, strict=False):
        out.print(Text(f"{letter}  {one.selector}: {one.name}, bought {one.on}", style="bold"))
    out.print(
        f"{use.years:g} years, {use.hours_per_day:g} h on {use.days_per_week:g} days a week: {work}; "
        f"{use.kwh:g} {currency} a kWh; {use.hours:,.0f} hours of work"
    )
    out.print()
    shown = table(out, currency, *(f">{letter}" for letter in letters[: len(found)]))
    names = list(dict.fromkeys(cost.name for one in found for cost in one.costs))
    for name in sorted(names, key=[*SHADES, "resale"].index):
        cells = [next((cost for cost in one.costs if cost.name == name), None) for one in found]
        shown.add_row(
            name, *("" if cost is None else f"{cost.band.value:,.0f}" if cost.band else "unknown" for cost in cells)
        )
    shown.add_row(Text("total", style="bold"), *(_total(one) for one in found))
    shown.add_row("  from", *(f"{one.total.low:,.0f}" for one in found))
    shown.add_row("  to", *(f"{one.total.high:,.0f}" for one in found))
    shown.add_row("a year", *(f"{one.per_year:,.0f}" for one in found))
    shown.add_row("an hour", *(f"{one.per_hour:,.2f}" for one in found))
    out.print(shown)
    if any(not one.complete for one in found):
        out.print("* without what is unknown")
    out.print()
    _print_bars(found, letters)
    if len(found) > 1:
        out.print(f"\n{verdict(found)}")
    for letter, one in zip(letters, found, strict=False):
        out.print()
        lines = Table.grid(padding=(0, 2, 0, 0))
        for head, words in _lines(one):
            lines.add_row(letter, head, words)
        out.print(lines)


def _lines(one: Scenario) -> list[tuple[str, str]]:
    """Return what is said about the costs of a machine, each with its head."""
    from spacegrey.decide.money import money

    lines = [(cost.name, cost.words) for cost in one.costs]
    if one.later:
        lines.append(("upgrade?", one.later.words))
    if one.applecare:
        asked, saved = (money(amount, one.currency) for amount in one.applecare)
        pays = "pays" if one.applecare[1] > one.applecare[0] else "does not pay"
        lines.append(("AppleCare+?", f"{pays}: {asked} against {saved} of expected repairs, accidents left out"))
    return [*lines, *(("note", note) for note in one.notes)]


def _print_bars(found: tuple[Scenario, ...], letters: str) -> None:
    """Draw what is paid, one kind of cost after the other, and what comes back as a line below."""
    from spacegrey.interfaces.cli.output import console

    out = console()
    most = max(sum(cost.band.value for cost in one.costs if cost.band and cost.name in SHADES) for one in found)
    for letter, one in zip(letters, found, strict=False):
        done, cells, bar = 0.0, 0, ""
        for name, shade in SHADES.items():
            done += sum(cost.band.value for cost in one.costs if cost.band and cost.name == name)
            upto = round(BAR * done / most) if most > 0.0 else 0
            bar += shade * (upto - cells)
            cells = upto
        back = sum(-cost.band.value for cost in one.costs if cost.band and cost.name == "resale")
        left = round(BAR * back / most) if most > 0.0 else 0
        out.print(f"{letter}  {bar}")
        if left:
            out.print(f"   {' ' * max(cells - left, 0)}{'<' * min(left, cells)} comes back")
    words = {shade: " and ".join(name for name, one in SHADES.items() if one == shade) for shade in SHADES.values()}
    out.print("   " + ", ".join(f"{shade} {name}" for shade, name in words.items()))


def _total(one: Scenario) -> str:
    return f"{one.total.value:,.0f}" + ("" if one.complete else "*")
