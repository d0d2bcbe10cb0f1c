"""A dataframe as a log: its columns by the names of quantities, by a tool's rules, or as the caller says."""

from __future__ import annotations

import re
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from spacegrey.errors import InputError, unknown
from spacegrey.frames import as_table
from spacegrey.logs.gather import Gatherer
from spacegrey.logs.names import DATAFRAME, FORMATS, Rule, quantities
from spacegrey.logs.read import check_period
from spacegrey.logs.text import NAN, Days, clock_s, moment_s, number, plain
from spacegrey.units import UNITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from spacegrey.logs.log import Log

Column: TypeAlias = str | tuple[str, str]
"""A column of the caller's, or the column and its unit."""

KINDS = {"degC": "temperature", "W": "power", "GHz": "frequency", "1/min": "speed", "1": "share"}
"""Kind of quantity in `units.UNITS` for each unit that a log's columns have."""
TIME = "time_s"


def frame_log(
    frame: object,
    *,
    columns: Mapping[str, Column] | None = None,
    time: Column | None = None,
    period_s: float | None = None,
    format_: str | None = None,
    names: Path | None = None,
    name: str = DATAFRAME,
) -> Log:
    """Return a dataframe as a log; what each argument means stands at `Log.of`.

    Raises
    ------
    InputError
        It is no dataframe, a column, quantity or unit is unknown, no column is known, or time runs backwards.
    """
    table = as_table(frame, name)
    if format_ is not None and format_ not in FORMATS:
        raise unknown("format of a log", format_, FORMATS)
    check_period(period_s)
    own = _rules(columns or {}, table, format_ or DATAFRAME, name)
    found = Gatherer(Path(name), format_ or DATAFRAME, names, own)
    at = _time_column(table, time, name)
    wanted: dict[str, NDArray[np.float64]] = {}
    for column in table.column_names:
        if column != at and found.wants(column):
            wanted[column] = _numbers(table[column], f"{name}: column {column!r}")
    if at is None:
        _tell_text(found, table)
        seconds = np.full(table.num_rows, np.nan)
    else:
        unit = time[1] if isinstance(time, tuple) else "s"
        seconds = _seconds(table[at], unit, f"{name}: column {at!r}")
    found.columns(array("d", seconds.tobytes()), {key: array("d", one.tobytes()) for key, one in wanted.items()})
    return found.log(period_s=period_s)


def _rules(columns: Mapping[str, Column], table: pa.Table, format_: str, place: str) -> tuple[Rule, ...]:
    """Return the caller's mapping as rules, which come before all others."""
    made: list[Rule] = []
    seen: dict[str, str] = {}
    for quantity, given in columns.items():
        if quantity not in quantities():
            raise unknown("quantity", quantity, quantities(), f"{place}: columns")
        column, unit = given if isinstance(given, tuple) else (given, None)
        if column not in table.column_names:
            raise unknown("column", column, table.column_names, place)
        if column in seen:
            raise InputError(f"{place}: column {column!r} is given for {seen[column]} and for {quantity}")
        seen[column] = quantity
        scale, offset = _unit(quantity, unit, place) if unit is not None else (1.0, 0.0)
        made.append(Rule(format=format_, match=re.escape(column), quantity=quantity, scale=scale, offset=offset))
    return tuple(made)


def _unit(quantity: str, unit: str, place: str) -> tuple[float, float]:
    """Return factor and offset from a unit to that of a quantity."""
    known = UNITS[KINDS[quantities()[quantity].unit]]
    if unit not in known:
        raise unknown("unit", unit, known, f"{place}: {quantity}")
    return known[unit]


def _time_column(table: pa.Table, time: Column | None, place: str) -> str | None:
    """Return the column that tells the time: the one that is named, ``time_s``, the only one of dates or durations."""
    import pyarrow as pa

    if time is not None:
        column = time[0] if isinstance(time, tuple) else time
        if column not in table.column_names:
            raise unknown("column", column, table.column_names, f"{place}: time")
        return column
    if TIME in table.column_names:
        return TIME
    for is_one in (pa.types.is_timestamp, pa.types.is_duration):
        found = [name for name in table.column_names if is_one(table[name].type)]
        if len(found) > 1:
            raise InputError(f"{place}: columns {', '.join(map(repr, found))} hold times: name one with time=")
        if found:
            return found[0]
    return None


def _tell_text(found: Gatherer, table: pa.Table) -> None:
    """Warn of a column that reads as times, where none was taken: text is not guessed at."""
    for name in table.column_names:
        first = next((one for one in table[name].slice(0, 8).to_pylist() if one is not None), None)
        if _is_text(table[name].type) and np.isfinite(moment_s(str(first))):
            found.warn(f"column {plain(name)!r} holds times as text: name it with time=")
            return


def _seconds(column: pa.ChunkedArray[Any], unit: str, place: str) -> NDArray[np.float64]:
    """Return a column of times or numbers in seconds; NaN where there is none."""
    import pyarrow as pa

    kind = column.type
    if unit not in UNITS["time"]:
        raise unknown("unit", unit, UNITS["time"], place)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _numbers(column.cast(pa.timestamp("us"), safe=False).cast(pa.int64()), place) * 1e-6
    if pa.types.is_duration(kind):
        return _numbers(column.cast(pa.duration("us"), safe=False).cast(pa.int64()), place) * 1e-6
    if pa.types.is_time(kind):
        days = Days()
        clock = _numbers(column.cast(pa.time64("us"), safe=False).cast(pa.int64()), place) * 1e-6
        return np.array([days.at(float(one)) for one in clock], dtype=np.float64)
    if _is_text(kind):
        return _from_text([None if one is None else str(one) for one in column.to_pylist()], place)
    return _numbers(column, place) * UNITS["time"][unit][0]


def _from_text(column: list[str | None], place: str) -> NDArray[np.float64]:
    """Return dates with times, or times of day, that stand there as text, in seconds; NaN where there is none."""
    days = Days()
    read = np.array([NAN if one is None else moment_s(one) for one in column], dtype=np.float64)
    if not np.isfinite(read).any():
        read = np.array([NAN if one is None else days.at(clock_s(one)) for one in column], dtype=np.float64)
    first = next((one for one in column if one is not None), "")
    if first and not np.isfinite(read).any():
        raise InputError(f"{place}: times as text, and {plain(first)!r} is none: make them datetimes or seconds first")
    return read


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _numbers(column: pa.ChunkedArray[Any], place: str) -> NDArray[np.float64]:
    """Return a column's numbers, also those that stand there as text; NaN where there is none."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        # Arrow does not cast to views, which polars' categories are.
        of_views = pa.types.is_string_view(kind.value_type)
        column = column.cast(pa.dictionary(kind.index_type, pa.string())) if of_views else column
        column = column.cast(pa.string() if of_views else kind.value_type)
        kind = column.type
    if _is_text(kind):
        return np.array([np.nan if one is None else number(str(one)) for one in column.to_pylist()], dtype=np.float64)
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise InputError(f"{place}: holds {kind}, not numbers")
    return np.array(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
