"""`spacegrey calibrate`: a machine fitted to a log of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from spacegrey.simulation.calibration.drift import Drift
    from spacegrey.simulation.calibration.fit import Fit
    from spacegrey.simulation.calibration.settings_power import Written

EXAMPLES = """
spacegrey calibrate hwinfo.csv --on imac-pro --out fitted.toml
spacegrey calibrate hwinfo.csv --record fit.toml --plot fit.png
"""


def calibrate(
    file: Annotated[Path, typer.Argument(metavar="LOG", help="A log with power, temperature and a step in both.")],
    on: Annotated[str | None, typer.Option("--on", metavar="SELECTOR", help="The machine that it is a log of.")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="F.toml", help="Write the fitted machine.")] = None,
    record: Annotated[
        Path | None, typer.Option("--record", metavar="F.toml", help="Write the fit itself, for a later --before.")
    ] = None,
    before: Annotated[
        Path | None, typer.Option("--before", metavar="F.toml", help="An older fit: say what changed since.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="F.png", help="Draw what was measured and what is predicted.")
    ] = None,
    ambient: Annotated[
        str | None, typer.Option("--ambient", metavar="TEMP", help="The room, where you know it: 24C.")
    ] = None,
    period: Annotated[
        str | None, typer.Option("--period", metavar="TIME", help="Time between rows, for a file that tells none: 5s.")
    ] = None,
    format_: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help="Which tool wrote it; seen in the file if left out.")
    ] = None,
    names: Annotated[
        Path | None, typer.Option("--names", metavar="F.toml", help="Rules of your own for columns: docs/calibrate.md.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Fit a machine to a log of it, with bands.

    Three tenths of the log are held out and predicted from power alone. What the log cannot tell is named and left as
    it is. A log without a step is refused.
    """
    import datetime as dt

    from spacegrey.errors import InputError
    from spacegrey.interfaces.cli.log import read_option
    from spacegrey.interfaces.cli.output import progress, writable, write_json
    from spacegrey.simulation.calibration import file as fit_file
    from spacegrey.simulation.calibration import machine as fit_machine
    from spacegrey.simulation.calibration.drift import since
    from spacegrey.simulation.calibration.fit import fit

    if out is not None and on is None:
        raise InputError("--out writes a machine: say which one the log is of with --on SELECTOR")
    _check_names(out, record, plot)
    places = {path: writable(path) for path in (out, record, plot) if path is not None}
    old = fit_file.read_record(before) if before else None
    log = read_option(file, period, format_, names)
    doubts: list[str] = []
    if on is not None:
        from spacegrey.machine.assembly import machine

        doubts = fit_file.check_machine(log, machine(on))
    with progress("fitting") as update:
        found = fit(log, ambient_c=ambient_option(ambient), update=update)
    drift = since(old, found) if old else None
    made: list[Written] = []
    if out and on:
        made = fit_file.write_machine(found, on, places[out] or out)
    elif on:
        made = fit_file.settings(found, machine(on))  # pyright: ignore[reportPossiblyUnboundVariable]
    doubts += fit_machine.doubts_of(made)
    today = dt.datetime.now(tz=dt.UTC).date()
    if record:
        fit_file.write_record(found, places[record] or record, made=today, selector=on or "")
    if plot:
        _write_plot(found, places[plot] or plot)
    if as_json:
        kept = fit_file.record(found, made=today, selector=on or "")
        write_json({**_as_json(found, made, drift, kept), "doubts": [*doubts, *found.cautions]})
    else:
        _print(found, made, drift, f"{old.made.day} {old.made:%B %Y}" if old else "")
        for text in (*(f"perhaps a log of another machine: {one}" for one in doubts), *found.cautions):
            typer.echo(f"\n{text}")
        _print_saved(out, record, plot, made)
    if out and not any(not one.why for one in made):
        raise typer.Exit(1)


def _check_names(out: Path | None, record: Path | None, plot: Path | None) -> None:
    from spacegrey.errors import InputError
    from spacegrey.simulation.calibration.file import check_name

    for path in (out, record):
        if path is not None:
            check_name(path)
    if plot is not None and plot.suffix.lower() not in {".png", ".svg"}:
        raise InputError(f"{plot}: a plot is written as .png or .svg")


def ambient_option(text: str | None) -> float | None:
    """Return the room that an option names. [degC]."""
    from spacegrey.machine.selector import parse_what_if

    return None if text is None else parse_what_if("ambient", text, "--ambient")


def _write_plot(found: Fit, place: Path) -> None:
    from spacegrey.simulation.runfile import write_whole

    figure, kind = found.plot(), place.suffix.lower()[1:]
    write_whole(place, lambda beside: figure.savefig(beside, format=kind))


def _as_json(found: Fit, made: list[Written], drift: Drift | None, record: dict[str, Any]) -> dict[str, Any]:
    from dataclasses import asdict

    judged = found.judged
    return {
        **record,
        "made": record["made"].isoformat(),
        "lead_s": found.lead_s,
        "numbers": [
            {
                "name": one.name, "value": one.value, "low": one.low, "high": one.high, "unit": one.unit,
                "meaning": one.meaning, "identified": one.identified, "why": one.why or None,
            }
            for one in found.numbers
        ],
        "hottest": None if found.hottest is None else asdict(found.hottest),
        "held_out_minutes": judged.minutes,
        "slow_rmse_k": judged.slow_rmse_k,
        "tried": [{"shape": one.shape.words, "left_out_rmse_k": one.left_out_rmse_k} for one in found.tried],
        "set": [
            {"key": one.key, "before": one.before, "after": one.after, "low": one.low, "high": one.high,
             "why": one.why or None}
            for one in made
        ],
        "drift": None if drift is None else {
            "what": drift.what, "before": drift.before, "after": drift.after, "lost": drift.lost, "low": drift.low,
            "high": drift.high, "shown": drift.shown,
        },
    }  # fmt: skip


def _print(found: Fit, made: list[Written], drift: Drift | None, since: str) -> None:
    from rich.text import Text

    from spacegrey.interfaces.cli.output import console, table

    out, judged = console(), found.judged
    fan = f", with {found.data.fan_column}" if found.data.fan_column else ""
    mean = ", follows the mean of the cores" if found.hottest else ""
    late = f", shown {found.lead_s:g} s late" if found.lead_s else ""
    out.print(
        Text(
            f"{Path(found.log.name).name}: {found.shape.words}{mean}, driven by {found.data.driver}{late}{fan}",
            style="bold",
        )
    )
    out.print()
    print_judged(found)
    out.print()
    shown = table(out, "shape tried", ">error on left-out tenths")
    for one in found.tried:
        chosen = " *" if one.shape == found.shape else ""
        shown.add_row(one.shape.words, f"{one.left_out_rmse_k:.2f} °C{chosen or '  '}")
    out.print(shown)
    out.print()
    shown = table(out, "the log tells", ">value", ">90 % band", "unit")
    for one in found.numbers:
        if one.identified:
            shown.add_row(
                one.name, f"{one.value:.3g}", f"{one.low:.3g} to {one.high:.3g}", one.unit.replace("deg", "°")
            )
    out.print(shown)
    unknown = [one for one in found.numbers if not one.identified]
    if unknown:
        out.print()
        shown = table(out, "the log cannot tell", "because")
        for why in dict.fromkeys(one.why for one in unknown):
            shown.add_row(", ".join(one.name for one in unknown if one.why == why), why)
        out.print(shown)
    if made:
        _print_made(made)
    if drift:
        out.print(f"\n{drift.words(since)}")
    if judged.skill < 0.0:
        out.print("\nThis fit foretells less than saying that nothing changes: do not rely on it.")


def print_judged(found: Fit) -> None:
    """Print how a fit did on its held-out minutes."""
    from spacegrey.interfaces.cli.output import console

    out, judged = console(), found.judged
    out.print(f"held out      {judged.minutes:.1f} minutes, {judged.rows:,} rows, from power alone")
    out.print(f"RMSE          {judged.rmse_k:.2f} °C (over half minutes {judged.slow_rmse_k:.2f} °C)")
    out.print(f"persistence   {judged.persistence_rmse_k:.2f} °C: skill {judged.skill:.2f}")
    out.print(f"CV(RMSE)      {judged.cv_rmse:.1%}, NMBE {judged.nmbe:+.1%}")
    wider = f", now ±{judged.band_k:.1f} °C" if judged.band_k > judged.foretold_k else ""
    out.print(f"90 % band     ±{judged.foretold_k:.1f} °C held for {judged.coverage:.0%} of the rows{wider}")
    hot = found.hottest
    if hot:
        wider = f", now ±{hot.band_k:.1f} °C" if hot.band_k > hot.foretold_k else ""
        out.print(
            f"package       {hot.above_k:.1f} °C above, RMSE {hot.rmse_k:.2f} °C; ±{hot.foretold_k:.1f} °C held for "
            f"{hot.coverage:.0%}{wider}: its hottest core of a moment"
        )
    for text in found.missing:
        out.print(f"missing       {text}")


def _print_made(made: list[Written]) -> None:
    from spacegrey.interfaces.cli.output import console, table

    out = console()
    out.print()
    shown = table(out, "|of the machine", ">before", ">fitted", "")
    for one in made:
        after = "-" if one.why else f"{one.after:.4g}"
        shown.add_row(one.key, f"{one.before:.4g}", after, one.why or f"{one.low:.3g} to {one.high:.3g}")
    out.print(shown)


def _print_saved(out: Path | None, record: Path | None, plot: Path | None, made: list[Written]) -> None:
    if out and not any(not one.why for one in made):
        typer.echo(f"\nnot saved: {out}: the log identifies no number of the machine")
    elif out:
        typer.echo(f"\nsaved: {out}; run it with --on {out}")
    for path in (record, plot):
        if path:
            typer.echo(f"saved: {path}")
