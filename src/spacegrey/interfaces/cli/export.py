"""`spacegrey export`: the trace of a saved run for other programs."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from spacegrey.interfaces.shown import ShownRun

EXAMPLES = """
spacegrey export run.parquet --to csv --out run.csv
spacegrey export run.parquet --to csv | head -3
spacegrey export run.parquet --to json --out run.json
"""


class Format(StrEnum):
    """What a trace can be written as."""

    csv = "csv"
    json = "json"
    parquet = "parquet"


def export(
    file: Annotated[Path, typer.Argument(metavar="F.parquet", help="A run that `spacegrey run --save` kept.")],
    to: Annotated[
        Format, typer.Option("--to", help="CSV: the trace. JSON: the trace and all else. Parquet: as saved.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to; standard output if left out.")
    ] = None,
) -> None:
    """Convert a saved run to CSV, JSON or Parquet.

    Every number is written in full; the columns carry their units in their names.
    """
    from spacegrey.errors import InputError
    from spacegrey.interfaces.cli.output import writable
    from spacegrey.interfaces.shown import from_file
    from spacegrey.simulation.runfile import write_whole

    if out is None and to is Format.parquet:
        raise InputError("--to parquet needs --out FILE: a Parquet file cannot go to standard output")
    place = writable(out)
    content = _content(from_file(file), to, file)
    if place:
        write_whole(place, lambda beside: beside.write_bytes(content))
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def _content(saved: ShownRun, to: Format, file: Path) -> bytes:
    if to is Format.parquet:
        return file.read_bytes()
    if to is Format.json:
        import json

        columns = {name: values.tolist() for name, values in saved.trace.columns.items()}
        columns["limit"] = saved.trace.limit_names()
        return json.dumps({"run": saved.record, "trace": columns}, allow_nan=False).encode() + b"\n"
    import pyarrow as pa
    from pyarrow import csv

    arrow = saved.trace.to_arrow()
    limit = arrow.schema.get_field_index("limit")
    named = arrow.set_column(limit, "limit", pa.array(saved.trace.limit_names()))
    sink = pa.BufferOutputStream()
    csv.write_csv(named, sink)
    return sink.getvalue().to_pybytes()
