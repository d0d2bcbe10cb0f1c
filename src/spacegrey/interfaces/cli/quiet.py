"""`spacegrey quiet`: the quietest fan curve that keeps the speed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from spacegrey.simulation.quietest import Quiet, Quietest

EXAMPLES = """
spacegrey quiet cinebench-r15-loop --on imac-pro --keep 95%
spacegrey quiet all-out --on imac-pro+ambient=30C --keep 97%
"""

POINTS = 5
"""Points of a curve that are printed."""


def quiet(
    workload: Annotated[
        str, typer.Argument(metavar="WORKLOAD", help="A workload of the library, or a TOML file of your own.")
    ],
    on: Annotated[str, typer.Option("--on", metavar="SELECTOR", help="The machine, its options and its room.")],
    keep: Annotated[
        str, typer.Option("--keep", metavar="SHARE", help="Share of the speed that must be left, such as 95%.")
    ] = "95%",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Find the quietest fan curve that keeps the speed.

    Measured against what the machine does by itself. The status is 1 if no curve is quieter.
    """
    from dataclasses import asdict

    from spacegrey.interfaces.cli.output import progress, say_when_compiling, write_json
    from spacegrey.machine.assembly import machine
    from spacegrey.machine.selector import with_settings
    from spacegrey.simulation.quietest import quietest
    from spacegrey.units import parse_quantity
    from spacegrey.workload.library import workload as workload_named

    share = parse_quantity(keep, "share", "--keep")
    built, asked = machine(on), workload_named(workload)
    say_when_compiling()
    with progress(f"fan curves for {asked.id}") as update:
        found = quietest(asked, built, share, update)
    use = with_settings(on, f"fan={found.best.curve}")
    if as_json:
        own, best = asdict(found.own), asdict(found.best)
        write_json({
            "machine": on, "workload": workload, "keep": share, "own": own, "best": best, "selector": use,
            "tried": found.tried,
        })  # fmt: skip
        return
    _print(found, asked.name, built.name, use)


def headline(own: Quiet, best: Quiet) -> str:
    """Return what the quietest curve brings and costs, as a sentence.

    Examples
    --------
    >>> from spacegrey.simulation.quietest import Quiet
    >>> own, best = Quiet(None, 1.0, 39.6, 41.1, 2811.0, 94.0), Quiet(None, 0.95, 34.3, 35.1, 2229.0, 94.0)
    >>> headline(own, best)
    'The quietest curve is 5.3 dBA quieter on average and takes 5.0 % of the speed.'
    """
    quieter = own.noise_dba - best.noise_dba
    slower = 100.0 * (1.0 - best.speed)
    cost = "takes nothing of the speed" if slower < 0.05 else f"takes {slower:.1f} % of the speed"  # noqa: PLR2004
    hotter = best.cpu_temp_c - own.cpu_temp_c
    warm = f"; the processor gets {hotter:.0f} °C hotter" if hotter >= 1.0 else ""
    return f"The quietest curve is {quieter:.1f} dBA quieter on average and {cost}{warm}."


def _print(found: Quietest, work: str, name: str, use: str) -> None:
    from spacegrey.interfaces.cli.output import console, table
    from spacegrey.interfaces.words import percent

    out = console()
    out.print(f"{work} on {name}\n")
    out.print(f"{headline(found.own, found.best)}\n")
    shown = table(out, "", ">speed", ">dBA mean", ">dBA most", ">rpm most", ">°C CPU most")
    rows: tuple[tuple[str, Quiet], ...] = (("as it is", found.own), ("quietest curve", found.best))
    for label, one in rows:
        shown.add_row(
            label,
            percent(one.speed) if one.speed < 1.0 else f"{one.speed:.1%}".replace("%", " %"),
            f"{one.noise_dba:.1f}",
            f"{one.loudest_dba:.1f}",
            f"{one.fan_rpm:,.0f}",
            f"{one.cpu_temp_c:.1f}",
        )
    out.print(shown)
    out.print()
    curve = found.best.curve
    if curve is not None and curve.low_rpm == curve.high_rpm:
        out.print(f"the fans stay at {curve.low_rpm:,.0f} rpm at every temperature")
    elif curve is not None:
        points = table(out, ">hotter chip", ">fans", "")
        # Steps of less than two degrees would be printed as the same number.
        decimals = 0 if curve.high_c - curve.low_c >= 2.0 * (POINTS - 1) else 1
        for number in range(POINTS):
            share = number / (POINTS - 1)
            temp = curve.low_c + share * (curve.high_c - curve.low_c)
            rpm = curve.low_rpm + share * (curve.high_rpm - curve.low_rpm)
            ends = {0: "and below", POINTS - 1: "and above"}
            points.add_row(f"{temp:.{decimals}f} °C", f"{rpm:,.0f} rpm", ends.get(number, ""))
        out.print(points)
    out.print(f"\n{found.tried} curves tried; to use it: --on {use}", soft_wrap=True)
