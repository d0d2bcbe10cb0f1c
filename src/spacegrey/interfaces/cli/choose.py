"""`spacegrey choose`: which of everything that could be bought to take for some work, and why."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacegrey.interfaces.table_file import TableFormat

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.table import Table

    from spacegrey.decide.choose import Choice
    from spacegrey.decide.limits import Limits
    from spacegrey.decide.points import Point

EXAMPLES = """
spacegrey choose xcode-eidolon final-cut-4k --budget 8000 --on 2018-06-01
spacegrey choose blender-cpu --deadline blender-cpu=2min --max-noise 32
spacegrey choose ml-fp16 --among imac-pro --must 'port=thunderbolt>=2' --json
"""

EXAMPLE = {"deadline": "20min", "weight": "2"}
SEVERAL = 3
ROWS = 14
"""So many configurations of the Pareto set are printed, unless all are asked for."""
WIDTH = 24
"""Cells of a table for a selector."""


def choose(
    workloads: Annotated[
        list[str], typer.Argument(metavar="WORKLOAD", help="Workloads of the library, or TOML files of your own.")
    ],
    budget: Annotated[float | None, typer.Option("--budget", help="Highest price, in the currency.")] = None,
    max_noise: Annotated[float | None, typer.Option("--max-noise", metavar="DBA", help="Highest noise.")] = None,
    max_power: Annotated[float | None, typer.Option("--max-power", metavar="W", help="Highest wall power.")] = None,
    deadline: Annotated[
        list[str] | None,
        typer.Option("--deadline", metavar="WORKLOAD=TIME", help="Longest time of one run: render=20min."),
    ] = None,
    must: Annotated[
        list[str] | None,
        typer.Option("--must", metavar="FEATURE", help="What it must have: port=thunderbolt>=2, memory>=64, ecc."),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="DATE", help="Only what could be bought on that day; left out: all, when new."),
    ] = None,
    used: Annotated[bool, typer.Option("--used", help="Count used and refurbished offers too.")] = False,
    among: Annotated[
        list[str] | None,
        typer.Option(
            "--among",
            metavar="MACHINES",
            help="Only these, with commas between them; choices of one that has a colon are kept.",
        ),
    ] = None,
    weight: Annotated[
        list[str] | None,
        typer.Option("--weight", metavar="WORKLOAD=W", help="How often it is run, and counts; 1 if left out."),
    ] = None,
    base: Annotated[str, typer.Option("--base", metavar="SELECTOR", help="Whose speed is 100.")] = "imac-pro",
    currency: Annotated[str, typer.Option("--currency", metavar="CODE", help="Of prices and budget.")] = "USD",
    rate: Annotated[
        list[str] | None, typer.Option("--rate", metavar="EUR=1.18", help="What one EUR is worth in that currency.")
    ] = None,
    offers: Annotated[
        Path | None, typer.Option("--offers", metavar="FILE", help="A TOML file with offers of your own.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw speed against price into a .png or .html.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Print the whole Pareto set.")] = False,
    to: Annotated[TableFormat | None, typer.Option("--to", help="Write every candidate as a table.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where --to writes; a CSV goes to the screen without.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Choose a machine for some work, and say why.

    Simulates every configuration that could be bought, and prints the Pareto set over speed, price, noise and energy,
    the recommendation, what the next step up buys, and which cheaper machine gives most of it.
    """
    from spacegrey.decide.availability import parse_day
    from spacegrey.decide.choose import choose as chosen_from
    from spacegrey.decide.gather import Market
    from spacegrey.decide.offers import load_offers
    from spacegrey.decide.prices import parse_currency, parse_rates
    from spacegrey.interfaces import chosen
    from spacegrey.interfaces.cli.output import progress, say_when_compiling, writable, write_json
    from spacegrey.interfaces.table_file import check_out, write_tables

    check_out(to, out, as_json=as_json)
    _check_plot(plot)
    weights = _weights(workloads, weight or [])
    limits = _limits(budget, max_noise, max_power, _named(deadline or [], weights, "deadline", _seconds), must or [])
    day = parse_day(on, "--on") if on else None
    money = parse_currency(currency, "--currency")
    market = Market(day, load_offers(offers), used, money, parse_rates(rate or [], money))
    say_when_compiling()
    with progress("simulating"):
        made = chosen_from(weights, limits, market, _machines(among or []), base)
    if plot:
        _draw(made, writable(plot) or plot)
    if as_json:
        write_json(chosen.as_json(made))
    elif to:
        write_tables(chosen.as_sheets(made), to, out)
    else:
        _print(made, every=every)
        if plot:
            typer.echo(f"\nsaved: {plot}")
    if made.answer.recommendation is None:
        raise typer.Exit(1)


def _check_plot(plot: Path | None) -> None:
    from spacegrey.errors import InputError
    from spacegrey.interfaces.cli.output import writable

    if plot is not None and plot.suffix.lower() not in {".png", ".html"}:
        raise InputError(f"{plot}: a plot is written as .png or .html")
    writable(plot)


def _weights(workloads: list[str], weight: list[str]) -> dict[str, float]:
    from spacegrey.errors import InputError

    twice = [name for name in workloads if workloads.count(name) > 1]
    if twice:
        raise InputError(f"workload {twice[0]!r} is given twice: give it a weight instead, --weight {twice[0]}=2")
    weights = dict.fromkeys(workloads, 1.0)
    return weights | _named(weight, weights, "weight", _number)


def _named(
    texts: list[str], workloads: dict[str, float], what: str, read: Callable[[str, str], float]
) -> dict[str, float]:
    """Read ``WORKLOAD=VALUE``; a workload's own name may have an equals sign, its file a folder and an ending."""
    from spacegrey.errors import InputError, unknown

    short = {Path(name).stem if name.endswith(".toml") else name: name for name in workloads}
    found: dict[str, float] = {}
    for text in texts:
        name, equals, value = text.rpartition("=")
        if not equals:
            raise InputError(
                f"{what} {text!r}: write it as WORKLOAD=VALUE, such as {next(iter(workloads))}={EXAMPLE[what]}"
            )
        full = name if name in workloads else short.get(name)
        if full is None:
            raise unknown("workload", name, workloads, what)
        if full in found:
            raise InputError(f"{what} of {name} is given twice")
        found[full] = read(value, f"{what} of {name}")
    return found


def _seconds(text: str, place: str) -> float:
    from spacegrey.units import parse_quantity

    return parse_quantity(text, "time", place)


def _number(text: str, place: str) -> float:
    from spacegrey.units import parse_quantity

    return parse_quantity(text, "count", place)


def _limits(
    budget: float | None, noise: float | None, power: float | None, deadlines: dict[str, float], must: list[str]
) -> Limits:
    from spacegrey.decide.limits import Limits, parse_must
    from spacegrey.errors import InputError

    musts: dict[str, float] = {}
    for name, amount in map(parse_must, must):
        if name in musts:
            raise InputError(f"must {name} is given twice: at least {musts[name]:g} and at least {amount:g}")
        musts[name] = amount
    return Limits(budget, noise, power, deadlines, musts)


def _machines(among: list[str]) -> list[str]:
    """Return machines and selectors: commas part machines, and belong to a selector that has a colon."""
    from spacegrey.errors import InputError

    found = [name.strip() for text in among for name in ([text] if ":" in text else text.split(","))]
    if not all(found):
        raise InputError("--among has an empty name: write it as --among imac-pro,imac-5k-2020")
    return found


def _draw(made: Choice, place: Path) -> None:
    from spacegrey.errors import Refusal
    from spacegrey.interfaces.chosen import as_points
    from spacegrey.simulation.runfile import write_whole

    shown = as_points(made)
    if not shown.total:
        raise Refusal("there is nothing to draw: nothing with a known price is within the limits other than the budget")
    if place.suffix.lower() == ".png":
        from spacegrey.interfaces.scatter.picture import write_png

        write_whole(place, lambda beside: write_png(shown, beside))
    else:
        from spacegrey.interfaces.scatter.page import page

        write_whole(place, lambda beside: beside.write_text(page(shown), encoding="utf-8"))


def _print(made: Choice, *, every: bool) -> None:
    from rich.text import Text

    from spacegrey.decide.reasons import cheaper, no_fit, reasons, step_up
    from spacegrey.interfaces.cli.output import console

    out, answer, currency = console(), made.answer, made.market.currency
    machines = len({point.machine_id for point in answer.points})
    asked = [name if weight == 1.0 else f"{name} (weight {weight:g})" for name, weight in made.workloads.items()]
    out.print(Text(", ".join(asked), style="bold"))
    counted = f"{_counted(len(answer.points), 'configuration')} of {_counted(machines, 'machine')}"
    out.print(f"{counted}; {made.when}")
    if made.gathered.conflicting:
        out.print(f"{made.gathered.conflicting:,} more are left out: their parts do not go together")
    for words in _left_out(made):
        out.print(words)
    out.print()
    if answer.recommendation is None:
        out.print(Text("nothing is recommended", style="bold"))
        out.print(_listed("-", no_fit(answer, currency)))
        return
    out.print(Text(f"take {answer.recommendation.selector}", style="bold"), f"({answer.recommendation.name})")
    out.print(_listed("-", reasons(answer, currency)))
    out.print()
    out.print(_listed("next step up:", [step_up(answer, currency)]))
    if answer.cheaper:
        out.print(_listed("most of it for less:", [cheaper(answer)]))
    out.print()
    _print_front(made, every=every)


def _counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _left_out(made: Choice) -> list[str]:
    """Return which machines are no candidates at all; why, where they were asked for by name."""
    there = {point.machine_id for point in made.answer.points}
    left_out = made.gathered.left_out
    if made.named:
        few = list(left_out.items())[:SEVERAL]
        return [f"left out: {count:,} of {name}: {why.partition(';')[0]}" for name, (count, why) in few]
    gone = [name for name in left_out if name not in there]
    return [f"left out: {', '.join(gone)}"] if gone else []


def _listed(mark: str, texts: list[str]) -> Table:
    """Return texts in a column of their own, each behind a mark."""
    from rich.table import Table

    made = Table.grid(padding=(0, 1, 0, 0))
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    for text in texts:
        made.add_row(mark, text)
    return made


def _print_front(made: Choice, *, every: bool) -> None:
    from spacegrey.decide.money import money
    from spacegrey.interfaces.cli.output import console, table
    from spacegrey.interfaces.words import figures

    out, answer = console(), made.answer
    rows = list(answer.front) if every else _worth_showing(made)
    out.print(f"Pareto set over speed, price, noise and energy: {len(answer.front)}; a speed of 100 is {made.base}")
    shown = table(out, "", "configuration", ">price", ">speed", ">dBA", ">Wh", ">W", ">per k", ">/W", ">/dBA")
    marks = {id(answer.cheaper): "-", id(answer.step_up): "+", id(answer.recommendation): ">"}
    for one in rows:
        values = (one.speed_per_1000, one.speed_per_watt, one.speed_per_dba)
        shown.add_row(
            marks.get(id(one), ""),
            _broken(one.selector),
            money(one.price, made.market.currency),
            f"{100.0 * one.speed:.0f}",
            f"{one.noise_dba:.1f}",
            figures(one.energy_wh, 3),
            f"{one.wall_power_w:.0f}",
            *("-" if value is None else figures(value, 3) for value in values),
        )
    out.print(shown)
    if len(rows) < len(answer.front):
        out.print(f"{len(answer.front) - len(rows)} more: --all")


def _worth_showing(made: Choice) -> list[Point]:
    """Return what a reader looks for in a long Pareto set: the fastest by price, the quietest, the thriftiest."""
    answer = made.answer
    if len(answer.front) <= ROWS:
        return list(answer.front)
    kept = {id(one) for one in (answer.recommendation, answer.cheaper, answer.step_up)}
    kept.add(id(min(answer.front, key=lambda one: (one.noise_dba, -one.speed))))
    kept.add(id(min(answer.front, key=lambda one: (one.energy_wh, -one.speed))))
    kept.add(id(min(answer.front, key=lambda one: (one.price, -one.speed))))
    by_price = sorted(answer.front, key=lambda one: (one.price, -one.speed))
    steps = by_price[:1]
    for one in by_price[1:]:
        if one.speed_step > steps[-1].speed_step:
            steps.append(one)
    every = -(-len(steps) // max(ROWS - len(kept), 1))
    kept |= {id(one) for one in steps[::every]}
    return [one for one in answer.front if id(one) in kept]


def _broken(selector: str) -> str:
    """Return a selector in lines of a column, broken behind its commas only."""
    lines = [""]
    for part in re.findall(r"[^,:]+[,:]?", selector):
        if lines[-1] and len(lines[-1]) + len(part) > WIDTH:
            lines.append(" ")
        lines[-1] += part
    return "\n".join(lines)
