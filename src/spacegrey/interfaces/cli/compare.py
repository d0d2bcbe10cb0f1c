"""`spacegrey compare`: several machines under the same work, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from spacegrey.decide.quote import Quote
    from spacegrey.simulation.run import Run

EXAMPLES = """
spacegrey compare cinebench-r15-loop --on imac-pro --on imac-pro+fan=max
spacegrey compare xcode-eidolon blender-gpu --on imac-pro --on mac-mini-m1
spacegrey compare office --on imac-pro --on imac-5k-2017 --plan desk.toml
"""


# What --json keeps of each run.
KEPT = ("machine_name", "score", "duration_s", "delivered", "energy_wh", "summary", "limits", "verdict", "status")


@dataclass(frozen=True)
class Compared:
    """One machine under one workload, relative to the first machine.

    Attributes
    ----------
    run : Run or None
        None where the machine refuses the work.
    refusal : str or None
        Why it does.
    speed, energy : float or None
        Relative to the first machine; more speed and less energy is better.
    noise_dba : (float, float) or None
        Mean over time and most, as `outcomes.comparable_level_dba` has them. [dBA]
    """

    machine: str
    run: Run | None
    refusal: str | None
    speed: float | None
    energy: float | None
    noise_dba: tuple[float, float] | None


def compare(
    workloads: Annotated[
        list[str], typer.Argument(metavar="WORKLOAD", help="Workloads of the library, or TOML files of your own.")
    ],
    on: Annotated[
        list[str],
        typer.Option("--on", metavar="SELECTOR", help="A machine; give one for each column. The first is the measure."),
    ],
    price_on: Annotated[
        str | None,
        typer.Option("--price-on", metavar="DATE", help="Day of the prices; left out: each when it was new."),
    ] = None,
    currency: Annotated[str, typer.Option("--currency", metavar="CODE", help="Of the prices.")] = "USD",
    rate: Annotated[
        list[str] | None, typer.Option("--rate", metavar="EUR=1.18", help="What one EUR is worth in that currency.")
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", metavar="PLAN.toml", help="What is plugged into each of them (docs/connect.md)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Compare machines under the same work.

    Side by side: speed, energy, noise (of all at the same distance, in the same room), heat and what limits each,
    relative to the first; * marks the best. Below, what each cost when it was new or on a day, and the speed for that
    price.
    """
    from spacegrey.decide.availability import parse_day
    from spacegrey.decide.prices import parse_currency, parse_rates
    from spacegrey.errors import InputError
    from spacegrey.machine.assembly import machine
    from spacegrey.workload.library import workload

    if len(on) < 2:  # noqa: PLR2004
        raise InputError("compare needs at least two machines: --on A --on B")
    day = parse_day(price_on, "--price-on") if price_on else None
    rates = parse_rates(rate or [], parse_currency(currency, "--currency"))
    for selector in on:
        machine(selector)
    for name in workloads:
        workload(name)
    compared = {name: _under(name, on, plan) for name in workloads}
    priced = [_priced(selector, day, currency, rates) for selector in on]
    if as_json:
        from spacegrey.interfaces.cli.output import write_json

        write_json(_as_json(compared, priced))
    else:
        _print(compared, on)
        _print_prices(compared, priced, day)
    if any(one.refusal for row in compared.values() for one in row):
        raise typer.Exit(1)


def _under(name: str, selectors: list[str], plan: Path | None) -> list[Compared]:
    from spacegrey.errors import Refusal
    from spacegrey.interfaces.cli.run import simulated

    found: list[tuple[str, Run | None, str | None]] = []
    for selector in selectors:
        try:
            found.append((selector, simulated(name, selector, plan), None))
        except Refusal as refusal:
            found.append((selector, None, str(refusal)))
    first = found[0][1]
    return [
        Compared(
            selector, run, refusal,
            speed(run) / speed(first) if run and first else None,
            run.energy_wh / first.energy_wh if run and first else None,
            _noise_dba(run) if run else None,
        )
        for selector, run, refusal in found
    ]  # fmt: skip


def _priced(selector: str, day: dt.date | None, currency: str, rates: Mapping[str, float]) -> Quote | str:
    """Return the bill of a machine on a day, None: the first that it could be ordered; or why it has none."""
    from spacegrey.decide.quote import quote
    from spacegrey.errors import InputError

    try:
        bill = quote(selector, day, currency=currency, rates=rates)
    except InputError as error:
        return str(error)
    return bill if bill.total > 0.0 else "no price of it is known"


def _noise_dba(run: Run) -> tuple[float, float]:
    """Return mean and most of a run's noise, at the distance and in the room that are the same for every machine."""
    import numpy as np

    from spacegrey.decide.outcomes import comparable_level_dba

    time_s, level_dba = run.trace["time_s"], comparable_level_dba(run.machine, run.trace["noise_dba"])
    most = float(comparable_level_dba(run.machine, np.array(run.summary["noise_dba"].max)))
    span_s = time_s[-1] - time_s[0]
    return float(np.trapezoid(level_dba, time_s) / span_s) if span_s > 0.0 else most, most


def speed(run: Run) -> float:
    """Return a number that grows with the speed of a run: its score if it has one, else work per second."""
    if run.score is None:
        return run.delivered / run.duration_s
    return run.score.value if run.score.better == "higher" else 1.0 / run.score.value


def overall(compared: dict[str, list[Compared]], column: int) -> float | None:
    """Return the geometric mean of a machine's relative speeds; None where it or the first refuses one."""
    speeds = [row[column].speed for row in compared.values()]
    known = [one for one in speeds if one]
    return exp(sum(map(log, known)) / len(known)) if len(known) == len(speeds) else None


def per_price(compared: dict[str, list[Compared]], priced: list[Quote | str], column: int) -> float | None:
    """Return a machine's speed for its price, over the first's; None where one is not known or not to be had."""
    first, bill, fast = priced[0], priced[column], overall(compared, column)
    if isinstance(first, str) or isinstance(bill, str) or not fast:
        return None
    if not all(one.complete and one.available for one in (first, bill)):
        return None
    return fast * first.total / bill.total


def _as_json(compared: dict[str, list[Compared]], priced: list[Quote | str]) -> dict[str, Any]:
    from spacegrey.simulation.runfile import record

    rows: list[dict[str, Any]] = []
    for name, row in compared.items():
        runs: list[dict[str, Any]] = []
        for one in row:
            kept: dict[str, Any] = record(one.run) if one.run else {}
            mean, most = one.noise_dba or (None, None)
            relative = {"relative_speed": one.speed, "relative_energy": one.energy}
            relative |= {"noise_dba_mean": mean, "noise_dba_max": most}
            runs.append(
                {"machine": one.machine, "refusal": one.refusal, **relative, **{key: kept.get(key) for key in KEPT}}
            )
        rows.append({"workload": name, "runs": runs})
    machines = [one.machine for one in next(iter(compared.values()))]
    speeds = [overall(compared, number) for number in range(len(machines))]
    prices: list[dict[str, Any]] = [
        {
            "machine": selector,
            "price": None if isinstance(bill, str) else bill.total,
            "currency": None if isinstance(bill, str) else bill.currency,
            "complete": not isinstance(bill, str) and bill.complete,
            "on": None if isinstance(bill, str) else bill.on.isoformat(),
            "available": not isinstance(bill, str) and bill.available,
            "relative_speed_for_price": per_price(compared, priced, number),
        }
        for number, (selector, bill) in enumerate(zip(machines, priced, strict=True))
    ]
    return {"machines": machines, "workloads": rows, "overall_relative_speed": speeds, "prices": prices}


def _print(compared: dict[str, list[Compared]], selectors: list[str]) -> None:
    from rich.text import Text

    from spacegrey.interfaces.cli.output import console
    from spacegrey.machine.assembly import machine

    out = console()
    for letter, selector in zip(_letters(len(selectors)), selectors, strict=True):
        out.print(f"{letter}  {selector}: {machine(selector).name}", soft_wrap=not out.is_terminal)
    for name, row in compared.items():
        run = next((one.run for one in row if one.run), None)
        title = run.workload.name if run else name
        score = f" ({run.score.unit}, {run.score.better} is better)" if run and run.score else ""
        out.print()
        out.print(Text(f"{title}{score}", style="bold"))
        _print_row(row)
    from spacegrey.decide.outcomes import DISTANCE_M, ROOM_DBA

    out.print(f"\ndBA: of all at {DISTANCE_M:g} m in a room of {ROOM_DBA:g} dBA")
    if len(compared) > 1:
        speeds = [overall(compared, number) for number in range(len(selectors))]
        words = [f"{letter} {_ratio(one)}" for letter, one in zip(_letters(len(selectors)), speeds, strict=True)]
        out.print(f"speed over all of it (geometric mean): {', '.join(words)}")


def _print_prices(compared: dict[str, list[Compared]], priced: list[Quote | str], day: dt.date | None) -> None:
    from rich.text import Text

    from spacegrey.decide.money import money
    from spacegrey.interfaces.cli.output import console, table

    out = console()
    shown = table(out, "", ">price", ">speed for it", "known from")
    for number, (letter, bill) in enumerate(zip(_letters(len(priced)), priced, strict=True)):
        if isinstance(bill, str):
            shown.add_row(letter, "-", "-", bill)
            continue
        least = "" if bill.complete else "at least "
        unknown = [line.item for line in bill.lines if line.price is None]
        known = f"no price is known of {', '.join(unknown)}" if unknown else f"bill of {bill.on}"
        if not bill.available:
            known = f"not to be had: {bill.availability}"
        if bill.conflict:
            known += f"; its parts do not go together: {bill.conflict}"
        value = _ratio(per_price(compared, priced, number))
        shown.add_row(letter, f"{least}{money(bill.total, bill.currency)}", value, known)
    out.print()
    out.print(Text(f"price on {day}" if day else "price when it was new", style="bold"))
    out.print(shown)


def _print_row(row: list[Compared]) -> None:
    from spacegrey.interfaces.cli.output import console, table
    from spacegrey.interfaces.words import figures, percent

    out = console()
    shown = table(out, "", ">score", ">speed", ">time", ">Wh", ">dBA mean", ">max", ">°C CPU", ">GPU")
    best = _best(row)
    for number, (letter, one) in enumerate(zip(_letters(len(row)), row, strict=True)):
        run = one.run
        if run is None:
            shown.add_row(letter, *["-"] * 8)
            continue
        summary, (noise, loudest) = run.summary, one.noise_dba or (0.0, 0.0)
        cells = {
            "score": figures(run.score.value) if run.score else "-",
            "speed": _ratio(one.speed),
            "time": _clock(run.duration_s),
            "energy": figures(run.energy_wh, 3),
            "noise": f"{noise:.1f}",
            "loudest": f"{loudest:.1f}",
            "cpu": f"{summary['cpu_temp_c'].max:.0f}",
            "gpu": f"{summary['gpu_temp_c'].max:.0f}",
        }
        marked = [text + ("*" if number in best[name] else " ") for name, text in cells.items()]
        shown.add_row(letter, *marked)
    out.print(shown)
    for letter, one in zip(_letters(len(row)), row, strict=True):
        if one.run:
            most = [
                f"{percent(limit.share)} {limit.name.partition(' for ')[0]}"
                for limit in one.run.limits
                if limit.share >= 0.01  # noqa: PLR2004
            ]
            out.print(f"{letter}  {', '.join(most)}")
        else:
            out.print(f"{letter}  refused: {one.refusal}")


def _best(row: list[Compared]) -> dict[str, set[int]]:
    """Return which machines are best by each column; where all are equal, none is."""
    runs = [(number, one.run) for number, one in enumerate(row) if one.run]
    values = {
        "score": [(number, speed(run)) for number, run in runs if run.score],
        "speed": [(number, speed(run)) for number, run in runs],
        "time": [(number, -run.duration_s) for number, run in runs],
        "energy": [(number, -run.energy_wh) for number, run in runs],
        "noise": [(number, -one.noise_dba[0]) for number, one in enumerate(row) if one.noise_dba],
        "loudest": [(number, -one.noise_dba[1]) for number, one in enumerate(row) if one.noise_dba],
        "cpu": [(number, -run.summary["cpu_temp_c"].max) for number, run in runs],
        "gpu": [(number, -run.summary["gpu_temp_c"].max) for number, run in runs],
    }
    found: dict[str, set[int]] = {}
    for name, column in values.items():
        most = max((value for _, value in column), default=0.0)
        winners = {number for number, value in column if value >= most - 1e-3 * abs(most)}
        found[name] = winners if len(winners) < len(column) else set()
    return found


def _clock(seconds: float) -> str:
    from spacegrey.interfaces.words import duration

    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02}" if 60.0 <= seconds < 3600.0 else duration(seconds)  # noqa: PLR2004


def _ratio(value: float | None) -> str:
    return f"{value:.2f}x" if value else "-"


def _letters(count: int) -> list[str]:
    return [chr(ord("A") + number % 26) + (str(number // 26) if number >= 26 else "") for number in range(count)]  # noqa: PLR2004
