"""`spacegrey log`: what a monitoring tool's log holds, and what it does not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from spacegrey.logs.log import Log

EXAMPLES = """
spacegrey log hwinfo.csv
spacegrey log turbostat.txt --period 5s --out log.parquet
"""

CELLS = 16
MOST_NAMES = 12
LIKELY = re.compile(r"temp|power|watt|fan|rpm|[°\[]C\b|\[W\]", re.IGNORECASE)
"""Of columns that are not used, those whose quantity a log can hold are shown first."""


def log(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A log that a monitoring tool wrote.")],
    period: Annotated[
        str | None, typer.Option("--period", metavar="TIME", help="Time between rows, for a file that tells none: 5s.")
    ] = None,
    format_: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help="Which tool wrote it; seen in the file if left out.")
    ] = None,
    names: Annotated[
        Path | None, typer.Option("--names", metavar="F.toml", help="Rules of your own for columns: docs/calibrate.md.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the log as .parquet, .csv, or a plot .png.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Show what a log holds, and what it does not.

    Reads powermetrics, turbostat, HWiNFO, Intel Power Gadget, Libre- and OpenHardwareMonitor, EnergiBridge, lm-sensors,
    psutil, Prometheus, traces of Spacegrey, and samples of `spacegrey record`.
    """
    from spacegrey.errors import InputError
    from spacegrey.interfaces.cli.output import writable, write_json

    if out is not None and out.suffix.lower() not in {".parquet", ".csv", ".png"}:
        raise InputError(f"{out}: a log is written as .parquet, .csv or .png")
    place = writable(out)
    read = read_option(file, period, format_, names)
    if place:
        _write(read, place)
    if as_json:
        write_json(as_dict(read))
        return
    _print(read)
    if out:
        typer.echo(f"saved: {out}")


def read_option(file: Path, period: str | None, format_: str | None, names: Path | None) -> Log:
    """Read a log by the options that every verb about logs has."""
    from spacegrey.logs.read import read_log
    from spacegrey.units import parse_quantity

    seconds = None if period is None else parse_quantity(period, "time", "--period")
    return read_log(file, format_=format_, period_s=seconds, names=names)


def as_dict(read: Log) -> dict[str, object]:
    """Return what a log holds, ready for JSON."""
    import numpy as np

    return {
        "file": read.name,
        "format": read.format,
        "machine": read.machine or None,
        "processor": read.host.processor or read.host.maker or None,
        "cores": read.host.cores or None,
        "threads": read.host.threads or None,
        "rows": len(read),
        "duration_s": read.duration_s,
        "period_s": read.period_s,
        "timed": read.timed,
        "gaps": [{"from_s": begin, "to_s": end} for begin, end in read.gaps()],
        "quantities": [
            {
                "name": one.quantity,
                "rows": one.rows,
                "min": float(np.nanmin(read[one.quantity])),
                "mean": float(np.nanmean(read[one.quantity])),
                "max": float(np.nanmax(read[one.quantity])),
                "sources": list(one.sources),
                "taken": one.how,
            }
            for one in read.found
        ],
        "missing": read.missing(),
        "unused": list(read.unused),
        "warnings": list(read.warnings),
    }


def _write(read: Log, place: Path) -> None:
    from spacegrey.simulation.runfile import write_whole

    if place.suffix.lower() == ".png":
        figure = read.plot()
        write_whole(place, lambda beside: figure.savefig(beside, format="png"))
    elif place.suffix.lower() == ".csv":
        from pyarrow import csv

        write_whole(place, lambda beside: csv.write_csv(read.to_arrow(), beside))
    else:
        import pyarrow.parquet as pq

        write_whole(place, lambda beside: pq.write_table(read.to_arrow(), beside, compression="zstd"))


def _print(read: Log) -> None:
    import numpy as np
    from rich.text import Text

    from spacegrey.interfaces.cli.output import console, sparkline, table
    from spacegrey.interfaces.words import duration
    from spacegrey.logs.names import FORMATS

    out = console()
    of = f" of a {read.machine}" if read.machine else ""
    out.print(Text(f"{FORMATS[read.format]}{of}{f': {read.host.words}' if read.host.words else ''}", style="bold"))
    every = f", one each {read.period_s:.3g} s" if read.timed else ", without times"
    out.print(f"{len(read):,} rows over {duration(read.duration_s)}{every}")
    out.print()
    shown = table(out, "found", ">rows", ">least", "|", ">most", "from")
    for one in read.found:
        column = read[one.quantity]
        first = f"{one.sources[0]}" + (f" ({one.how} of {len(one.sources)})" if len(one.sources) > 1 else "")
        course = [float(np.nanmean(part)) for part in np.array_split(column, CELLS) if np.isfinite(part).any()]
        low, high = float(np.nanmin(column)), float(np.nanmax(column))
        shown.add_row(one.quantity, f"{one.rows}", f"{low:.4g}", sparkline(course), f"{high:.4g}", first)
    out.print(shown)
    out.print(f"\nnot found: {', '.join(read.missing()) or 'nothing'}")
    gaps = read.gaps()
    if gaps:
        longest = max(end - begin for begin, end in gaps)
        out.print(f"{len(gaps)} gap{'s' if len(gaps) > 1 else ''}, the longest of {duration(longest)}")
    for warning in read.warnings:
        out.print(f"- {warning}")
    if read.unused:
        first = sorted(read.unused, key=lambda name: LIKELY.search(name) is None)
        listed = ", ".join(first[:MOST_NAMES])
        more = f" and {len(read.unused) - MOST_NAMES} more" if len(read.unused) > MOST_NAMES else ""
        out.print(f"\n{len(read.unused)} columns not used: {listed}{more}")
