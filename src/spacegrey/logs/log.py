"""A log that a monitoring tool kept of a real machine: columns over time under the names of a trace."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from spacegrey.errors import InputError
from spacegrey.logs.host import NOBODY, Host
from spacegrey.logs.names import quantities

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from spacegrey.logs.frames import Column

GAP_STEPS = 5.0
"""A step longer than so many usual ones is a gap ..."""
GAP_S = 3.0
"""... if it is also longer than this. [s]"""


@dataclass(frozen=True)
class Found:
    """One quantity of a log: which columns of the file it was read from.

    Attributes
    ----------
    quantity : str
        Column of the log, such as ``cpu_temp_c``.
    sources : tuple of str
        Columns of the file, as the file names them.
    how : str
        ``first``, ``max``, ``mean`` or ``sum`` of them.
    rows : int
        Rows with a value.
    """

    quantity: str
    sources: tuple[str, ...]
    how: str
    rows: int


@dataclass(frozen=True)
class Log:
    """Columns over time, as a `Trace` has them; a missing value is NaN.

    Attributes
    ----------
    name : str
        The file.
    format : str
        Which tool wrote it: a key of ``names.FORMATS``.
    columns : dict of str to float64, shape (rows,)
        ``time_s`` from the first row, strictly rising, and quantities in the units of their names.
    found : tuple of Found
        Where each quantity came from.
    unused : tuple of str
        Columns of the file that no rule names, or that a better one stands for.
    warnings : tuple of str
        What was wrong with the file, and what was done about it.
    timed : bool
        Whether the file tells when each row was taken; if not, ``time_s`` counts rows.
    machine : str
        The maker's model identifier, where the file names it.
    host : Host
        Processor, cores and threads, where the file tells them.
    """

    name: str
    format: str
    columns: dict[str, NDArray[np.float64]]
    found: tuple[Found, ...] = ()
    unused: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    timed: bool = True
    machine: str = ""
    host: Host = NOBODY

    @classmethod
    def of(
        cls,
        source: object,
        *,
        columns: Mapping[str, Column] | None = None,
        time: Column | None = None,
        period: str | float | None = None,
        format: str | None = None,  # noqa: A002 - as the command line calls it
        names: str | Path | None = None,
    ) -> Log:
        """Read a log: a file that a monitoring tool wrote, or any dataframe.

        Parameters
        ----------
        source : str, Path, dataframe or Log
            A file in one of the formats of ``names.FORMATS``; or a table of pandas, polars, pyarrow or DuckDB, anything
            with ``__arrow_c_stream__``, or a dict of columns.
        columns : mapping, optional
            For a dataframe: a quantity, and the column that it is, alone or with its unit:
            ``{"cpu_temp_c": "Tdie", "cpu_clock_ghz": ("MHz", "MHz")}``. Columns that have the name of a quantity are
            found without.
        time : str or (str, str), optional
            For a dataframe: the column that tells when: datetimes, durations, times of day, also as text, or numbers
            with their unit; left out: ``time_s``, or the only column of datetimes, or else of durations.
        period : str or float, optional
            Time between rows where there is no such column, such as ``"5s"``. [s]
        format : str, optional
            Which tool wrote it; seen in a file if left out. A dataframe then goes by the tool's names of columns.
        names : str or Path, optional
            A file with ``[[rule]]`` tables for names of columns, which come before the catalog's.

        Returns
        -------
        Log
            Quantities over time, where each was found, and what was wrong.

        Raises
        ------
        InputError
            It is no log and no dataframe, no column of it is known, or time runs backwards.

        Examples
        --------
        >>> log = Log.of(
        ...     {"s": [0, 1, 2], "Tdie": [104.0, 113.0, 122.0]}, time="s", columns={"cpu_temp_c": ("Tdie", "F")}
        ... )
        >>> log["cpu_temp_c"]
        array([40., 45., 50.])
        """
        from spacegrey.logs.frames import frame_log
        from spacegrey.logs.read import read_log
        from spacegrey.units import parse_quantity

        if isinstance(source, Log):
            return source
        period_s = parse_quantity(period, "time", "period") if isinstance(period, str) else period
        own = None if names is None else Path(names)
        if isinstance(source, str | Path):
            if columns is not None or time is not None:
                raise InputError(f"{source}: columns and time are for dataframes; a file goes by rules: names=")
            return read_log(source, format_=format, period_s=period_s, names=own)
        return frame_log(source, columns=columns, time=time, period_s=period_s, format_=format, names=own)

    def __repr__(self) -> str:
        held = ", ".join(name for name in self.columns if name != "time_s")
        return f"Log({self.name!r}, {len(self)} rows over {self.duration_s:.0f} s: {held})"

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        """Return a column."""
        return self.columns[name]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.columns["time_s"])

    def __contains__(self, name: str) -> bool:
        """Tell whether the log holds a quantity."""
        return name in self.columns

    @property
    def duration_s(self) -> float:
        """Time from the first row to the last. [s]"""
        return float(self.columns["time_s"][-1]) if len(self) else 0.0

    @property
    def period_s(self) -> float:
        """Usual time between rows: the median. [s]"""
        return float(np.median(np.diff(self.columns["time_s"]))) if len(self) > 1 else 0.0

    def gaps(self) -> list[tuple[float, float]]:
        """Return the gaps as (from, to): steps much longer than the usual one. [s]"""
        time = self.columns["time_s"]
        if len(time) < 2:  # noqa: PLR2004 - one row has no steps
            return []
        after = np.flatnonzero(np.diff(time) > max(GAP_STEPS * self.period_s, GAP_S))
        return [(float(time[one]), float(time[one + 1])) for one in after]

    def missing(self) -> list[str]:
        """Return the quantities that a log can hold and this one does not."""
        return [name for name in quantities() if name not in self.columns]

    def to_arrow(self) -> pa.Table:
        """Return the log as an Arrow table with the unit and meaning of each column in its schema; NaN is null."""
        import pyarrow as pa

        known = quantities()
        fields: list[Any] = []
        for name in self.columns:
            about = known.get(name)
            unit, meaning = (about.unit, about.meaning) if about else ("s", "time from the first row")
            fields.append(pa.field(name, pa.float64(), metadata={"unit": unit, "meaning": meaning}))
        arrays = [pa.array(values, from_pandas=True) for values in self.columns.values()]
        return pa.table(arrays, schema=pa.schema(fields))

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:  # noqa: ANN401 - a capsule of C
        """Return the log as an Arrow stream, which pandas, polars, DuckDB and others read as it is."""
        return cast("Any", self.to_arrow()).__arrow_c_stream__(requested_schema)

    def plot(self, *names: str) -> Figure:
        """Return the log drawn over time, one panel for each unit.

        Parameters
        ----------
        *names : str
            Its columns; all of them if none is named.

        Raises
        ------
        InputError
            A column is unknown, or matplotlib is not installed.
        """
        from spacegrey.logs.drawing import draw

        return draw(self, names)

    def _repr_html_(self) -> str:
        """Return what was found, what was not and what was wrong, for a notebook."""
        from spacegrey.logs.shown import log_html

        return log_html(self)
