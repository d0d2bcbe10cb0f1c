"""`spacegrey forecast`: where it settles when the work goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from spacegrey.simulation.settling import Forecast

EXAMPLES = """
spacegrey forecast imac-pro all-out
spacegrey forecast all-out --on imac-pro+dust=0.5
spacegrey forecast imac-pro:18-core+ambient=35C,power-limit=120W cinebench-r23
"""


def forecast(
    selector: Annotated[
        str, typer.Argument(metavar="SELECTOR", help="The machine, its options and its room; or say it with --on.")
    ],
    workload: Annotated[
        str | None, typer.Argument(metavar="WORKLOAD", help="A workload of the library, or a TOML file of your own.")
    ] = None,
    on: Annotated[
        str | None, typer.Option("--on", metavar="SELECTOR", help="The machine, as other verbs have it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Say where temperatures and fans settle, and when.

    The work is repeated for at least four simulated hours. The status is 1 if a chip's temperature still drifts then.
    """
    from dataclasses import asdict

    from spacegrey.errors import InputError
    from spacegrey.interfaces.cli.output import say_when_compiling, write_json
    from spacegrey.machine.assembly import machine
    from spacegrey.simulation.settling import BAND
    from spacegrey.simulation.settling import forecast as settle
    from spacegrey.workload.library import workload as workload_named

    if on is not None and workload is not None:
        raise InputError(f"forecast: the machine is named twice: {selector} and --on {on}")
    if on is None and workload is None:
        raise InputError(
            f"forecast: {selector} on which machine? spacegrey forecast SELECTOR WORKLOAD, or --on SELECTOR"
        )
    selector, workload = (on, selector) if on is not None else (selector, str(workload))
    built, asked = machine(selector), workload_named(workload)
    say_when_compiling()
    found = settle(asked, built)
    if as_json:
        write_json({
            "machine": selector,
            "workload": workload,
            "duration_s": found.run.duration_s,
            "rounds": found.rounds,
            "after_s": found.after_s,
            "settled": {name: {**asdict(one), "band": BAND[name]} for name, one in found.settled.items()},
            "verdict": found.run.verdict,
        })  # fmt: skip
    else:
        _print(found)
    if found.after_s is None:
        raise typer.Exit(1)


def headline(found: Forecast) -> str:
    """Return where both chips settle and when, or which of them does not, as a sentence."""
    from spacegrey.interfaces.words import duration

    chips = {"processor": found.settled["cpu_temp_c"], "graphics": found.settled["gpu_temp_c"]}
    said: list[str] = []
    for name, one in chips.items():
        if one.after_s is None:
            rises = "rises" if one.drift_per_h > 0.0 else "falls"
            said.append(f"the {name} still {rises} by {abs(one.drift_per_h):.1f} °C an hour at {one.level:.0f} °C")
        else:
            when = "from the first minute on" if one.after_s == 0.0 else f"after {duration(one.after_s)}"
            said.append(f"the {name} settles at {one.level:.0f} °C {when}")
    fan = found.settled["fan_rpm"]
    if fan.level > 0.0 and fan.after_s is not None:
        said.append(f"the fans at {fan.level:,.0f} rpm ({found.settled['noise_dba'].level:.0f} dBA)")
    *first, last = said
    text = f"{', '.join(first)}, and {last}."
    return text[:1].upper() + text[1:]


def _print(found: Forecast) -> None:
    from spacegrey.interfaces.cli.output import console, table
    from spacegrey.interfaces.words import QUANTITIES, Quantity, duration, surroundings
    from spacegrey.simulation.runfile import record

    out, run = console(), found.run
    out.print(f"{run.workload.name} on {run.machine.name}")
    out.print(surroundings(record(run)))
    often = f", {found.rounds} times the work" if found.rounds > 1 else ""
    out.print(f"{duration(run.duration_s)} simulated{often}\n")
    out.print(f"{headline(found)}\n")
    shown = table(out, "", "", ">at first", ">settles at", ">swings from", ">to", "|after")
    for name, one in found.settled.items():
        quantity = QUANTITIES.get(name, Quantity("air that leaves", "°C", 1))
        say = quantity.format
        after = "drifts on" if one.after_s is None else "at once" if one.after_s == 0.0 else duration(one.after_s)
        shown.add_row(quantity.label, quantity.unit, say(one.start), say(one.level), say(one.low), say(one.high), after)
    out.print(shown)
    out.print()
    out.print(run.verdict)
