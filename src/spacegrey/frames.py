"""Any dataframe as an Arrow table: pandas, polars, pyarrow, DuckDB and whatever else speaks Arrow or narwhals knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spacegrey.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa


def as_table(frame: object, place: str) -> pa.Table:
    """Return a dataframe as an Arrow table.

    Parameters
    ----------
    frame : dataframe
        A table of pandas, polars (also a lazy one) or pyarrow, a relation of DuckDB, anything with
        ``__arrow_c_stream__``, what narwhals knows, or a dict of columns.
    place : str
        What the dataframe is for, for the error line.

    Returns
    -------
    pyarrow.Table
        Its columns; an index of pandas that is more than row numbers is one of them.

    Raises
    ------
    InputError
        It is no dataframe, has a column that Arrow has no type for, or two columns of one name.

    Examples
    --------
    >>> as_table({"time_s": [0.0, 1.0]}, "log").num_rows
    2
    """
    import pyarrow as pa

    given: Any = frame
    try:
        if isinstance(frame, Mapping) or hasattr(frame, "__arrow_c_stream__"):
            table = pa.table(given)
        else:
            table = _by_narwhals(frame, place)
    except InputError:
        raise
    except (pa.ArrowException, ValueError, TypeError, AttributeError, NotImplementedError) as error:
        why = "; ".join(map(str, error.args)).partition("\n")[0][:200]
        raise InputError(f"{place}: a dataframe that does not become an Arrow table: {why}") from None
    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice:
        raise InputError(f"{place}: two columns are named {twice[0]!r}")
    return table


def _by_narwhals(frame: object, place: str) -> pa.Table:
    import narwhals as nw

    known: Any = nw.from_native(frame, pass_through=True)
    if isinstance(known, nw.LazyFrame):
        known = known.collect()
    if not isinstance(known, nw.DataFrame):
        raise InputError(
            f"{place}: {type(frame).__name__} is no dataframe: give one of pandas, polars, pyarrow or DuckDB, "
            "anything with __arrow_c_stream__, or a dict of columns"
        )
    return known.to_arrow()
