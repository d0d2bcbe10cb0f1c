"""A workload as a dataframe and back: a row for each phase, a column for each key that one of them sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from spacegrey.errors import InputError
from spacegrey.frames import as_table
from spacegrey.sourced import Document, Table
from spacegrey.workload.library import MAX_PHASES, Workload, from_document

if TYPE_CHECKING:
    import pyarrow as pa

STATED = "as the dataframe states it"
_PROVENANCE = {"source", "assumed"}


def of_frame(frame: object, name: str) -> Workload:
    """Return the workload whose phases are the rows of a dataframe.

    Raises
    ------
    InputError
        It is no dataframe, has no row, or a row is no phase; the line names the row.
    """
    rows = as_table(frame, name).to_pylist()
    if not rows:
        raise InputError(f"{name}: no rows: a workload needs at least one phase")
    if len(rows) > MAX_PHASES:
        raise InputError(f"{name}: {len(rows):,} rows: at most {MAX_PHASES:,} phases")
    phases = [_nested(row, f"row {number} of {name}") for number, row in enumerate(rows, start=1)]
    head = {"name": name, "stands_for": "the rows of a dataframe", "status": "illustrative"}
    for number, phase in enumerate(phases, start=1):
        # Alone, so that an error names its row.
        from_document(Document(Path(f"row {number} of {name}"), "", {"workload": head, "phase": [phase]}))
    return from_document(Document(Path(name), "", {"workload": head, "phase": phases}))


def _nested(row: Table, place: str) -> Table:
    """Return a row as a phase's table: ``processor.integer_gop`` becomes a key of ``processor``."""
    phase: Table = {}
    for column, value in row.items():
        # NaN is not equal to itself: the empty cell of a table without a sign for it.
        if value is None or value != value:  # noqa: PLR0124
            continue
        group, _, key = column.partition(".")
        if not key:
            phase[column] = value
            continue
        inner = phase.setdefault(group, {})
        if not isinstance(inner, dict):
            raise InputError(f"{place}: both {group!r} and {column!r} are columns")
        inner[key] = value
    return {**phase, "assumed": dict.fromkeys((key for key in phase if key != "name"), STATED)}


def as_frame(workload: Workload) -> pa.Table:
    """Return the phases of a workload as an Arrow table, a row each, with the columns that `of_frame` reads."""
    import pyarrow as pa

    rows: list[dict[str, Any]] = []
    for phase in workload.phases:
        row: dict[str, Any] = {}
        for key, value in phase.model_dump(mode="json", exclude_defaults=True, exclude=_PROVENANCE).items():
            if isinstance(value, dict):
                inner = cast("Table", value)
                row |= {f"{key}.{name}": one for name, one in inner.items() if name not in _PROVENANCE}
            else:
                row[key] = value
        rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: [row.get(name) for row in rows] for name in names}
    return pa.table({name: pa.array(_alike(values)) for name, values in columns.items()})


def _alike(values: list[Any]) -> list[Any]:
    """Return values of one type: as text where words stand among numbers (``threads``: 4 and ``all``)."""
    mixed = any(isinstance(one, str) for one in values)
    return [None if one is None else str(one) for one in values] if mixed else values
