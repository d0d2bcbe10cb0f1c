"""`spacegrey upgrades`: the way from a machine to a better one, and whether buying enough at the start was cheaper."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacegrey.interfaces.table_file import TableFormat

if TYPE_CHECKING:
    from spacegrey.decide.disassembly import Inside
    from spacegrey.decide.offers import Offers
    from spacegrey.decide.upgrade_costs import Plan
    from spacegrey.decide.upgrades import Upgrade

EXAMPLES = """
spacegrey upgrades imac-pro --on 2020-06-01
spacegrey upgrades imac-pro memory=128GB --on 2020-06-01 --steps
spacegrey upgrades mac-mini-2018 memory=32GB --workload xcode-eidolon --json
"""

WEEKS = 365.25 / 7.0
TWO_YEARS = 730


def upgrades(
    selector: Annotated[str, typer.Argument(metavar="SELECTOR", help="The machine as it is.")],
    wanted: Annotated[
        str | None, typer.Argument(metavar="OPTION=CHOICE", help="One upgrade, such as memory=128GB.")
    ] = None,
    on: Annotated[
        str | None, typer.Option("--on", metavar="DATE", help="Day of the upgrade; left out: two years on.")
    ] = None,
    bought: Annotated[
        str | None, typer.Option("--bought", metavar="DATE", help="Day of purchase; left out: the first possible.")
    ] = None,
    workload: Annotated[
        str | None, typer.Option("--workload", metavar="WORKLOAD", help="Simulate what the upgrade gains.")
    ] = None,
    hours_per_day: Annotated[float, typer.Option("--hours-per-day", help="Hours spent on that work a day.")] = 2.0,
    days_per_week: Annotated[float, typer.Option("--days-per-week", help="Days a week.")] = 5.0,
    hour_value: Annotated[
        float | None, typer.Option("--hour-value", help="What an hour of waiting is worth; 50 US dollars if left out.")
    ] = None,
    labour: Annotated[float, typer.Option("--labour", help="Price of an hour of work on it; 0: your own hands.")] = 0.0,
    steps: Annotated[bool, typer.Option("--steps", help="Print every step of the way.")] = False,
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
    """Show the way to more memory, storage, cores or graphics.

    Possible or not and why, the parts that must come off, time, tools, what may break, what it costs on a day, and
    from when on that is less, or more, than buying enough at the start.
    """
    from spacegrey.decide.disassembly import inside
    from spacegrey.decide.offers import load_offers
    from spacegrey.decide.prices import parse_currency, parse_rates
    from spacegrey.decide.quote import quote
    from spacegrey.decide.running import dollar, running
    from spacegrey.decide.upgrade_costs import Plan
    from spacegrey.decide.upgrades import base_id
    from spacegrey.decide.upgrades import upgrades as found_for
    from spacegrey.interfaces import owning
    from spacegrey.interfaces.cli.output import progress, say_when_compiling, write_json
    from spacegrey.interfaces.table_file import check_out, write_tables
    from spacegrey.workload.library import workload as read_workload

    check_out(to, out, as_json=as_json)
    only, known = _only(wanted), load_offers(offers)
    _check_hours(hours_per_day, days_per_week)
    rates = parse_rates(rate or [], parse_currency(currency, "--currency"))
    worth = running().sheet.hour_value_usd * dollar(currency, rates) if hour_value is None else hour_value
    first, day = _days(selector, bought, on, currency, rates, known)
    plan = Plan(first, day, labour, hours_per_day * days_per_week * WEEKS, worth, currency, rates)
    asked = read_workload(workload) if workload else None
    if asked:
        say_when_compiling()
    with progress("looking inside"):
        found = found_for(selector, plan, known, only=only, workload=asked)
    within = inside(base_id(selector))
    if as_json:
        name = quote(selector, first, known, currency=currency, rates=rates).name
        write_json(owning.upgrades_json(selector, name, within, plan, found))
    elif to:
        write_tables(owning.upgrades_sheets(found, currency), to, out)
    else:
        _print(selector, within, plan, found, steps=steps)
    if only and not found[0].possible:
        raise typer.Exit(1)


def _only(wanted: str | None) -> tuple[str, str] | None:
    from spacegrey.errors import InputError

    if wanted is None:
        return None
    slot, equals, choice = (part.strip() for part in wanted.partition("="))
    if not equals or not slot or not choice:
        raise InputError(f"upgrade {wanted!r}: write it as memory=128GB")
    return slot, choice


def _check_hours(hours_per_day: float, days_per_week: float) -> None:
    from spacegrey.errors import InputError

    for name, value, most in (("--hours-per-day", hours_per_day, 24.0), ("--days-per-week", days_per_week, 7.0)):
        if not 0.0 < value <= most:
            raise InputError(f"{name} {value:g}: must be above 0, at most {most:g}")


def _days(
    selector: str, bought: str | None, on: str | None, currency: str, rates: dict[str, float], offers: Offers
) -> tuple[dt.date, dt.date]:
    """Return the days of purchase and upgrade; a day on which it could not be bought is refused."""
    from spacegrey.decide.availability import parse_day
    from spacegrey.decide.quote import quote
    from spacegrey.errors import Refusal

    bill = quote(selector, parse_day(bought, "--bought") if bought else None, offers, currency=currency, rates=rates)
    if not bill.available:
        raise Refusal(f"{selector}: {bill.availability}")
    return bill.on, parse_day(on, "--on") if on else bill.on + dt.timedelta(days=TWO_YEARS)


def _print(selector: str, within: Inside, plan: Plan, found: tuple[Upgrade, ...], *, steps: bool) -> None:
    from rich.text import Text

    from spacegrey.interfaces.cli.output import console

    out = console()
    out.print(Text(f"{selector}, bought {plan.bought}; upgraded {plan.on}", style="bold"))
    body = within.sheet
    out.print(f"repairability {within.score():.1f} of 10, computed from the parts below (illustrative)")
    if body.published_score is not None:
        out.print(f"published     {body.published_score} of 10 for {body.published_of}: {body.published_words}")
    for slot in dict.fromkeys(one.slot for one in found):
        _print_slot([one for one in found if one.slot == slot], within, plan, steps=steps)


def _print_slot(found: list[Upgrade], within: Inside, plan: Plan, *, steps: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from spacegrey.interfaces.cli.output import console, table
    from spacegrey.interfaces.words import duration, figures

    out, way, parts = console(), found[0].way, within.sheet.parts
    out.print()
    out.print(Text(f"{found[0].slot}: {found[0].why}", style="bold" if found[0].possible else ""))
    about = Table.grid(padding=(0, 2, 0, 0))
    about.add_row("  way", " > ".join(parts[step.part].name for step in way.off))
    if found[0].possible:
        broken = ", ".join(f"{thing} {chance:.1%}" for thing, chance in way.risks.items())
        about.add_row("  time", f"{duration(60.0 * way.minutes)}, there and back")
        about.add_row("  tools", "; ".join(way.tools) or "none")
        about.add_row("  breaks", broken.replace("%", " %") or "nothing")
    for cost in found[0].costs if len(found) == 1 else ():
        band = f"{cost.band.value:,.0f} {plan.currency}" if cost.band else "unknown"
        about.add_row(f"  {cost.name}", f"{band}: {cost.words}")
    out.print(about)
    if found[0].choice:
        shown = table(out, "  to", ">cost", ">band", ">at start", ">gain", "advice")
        for one in found:
            total = one.total
            shown.add_row(
                f"  {one.choice}",
                f"{total.value:,.0f}" if total else "-",
                f"{total.low:,.0f}-{total.high:,.0f}" if total else "",
                f"{one.at_start:,.0f}" if one.at_start is not None else "-",
                f"{figures(one.gain, 3)}x" if one.gain is not None else "",
                one.advice,
            )
        out.print(shown)
    if steps and found[0].possible:
        listed = Table.grid(padding=(0, 2, 0, 0))
        for number, step in enumerate((*way.off, *way.on), start=1):
            listed.add_row(f"  {number:2d}", step.words, f"{step.minutes:.0f} min")
        out.print(listed)
