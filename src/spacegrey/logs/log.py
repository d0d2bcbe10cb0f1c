"""A log that a monitoring tool kept of a real machine: columns over time under the names of a trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spacegrey.logs.names import quantities

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

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
    """

    name: str
    format: str
    columns: dict[str, NDArray[np.float64]]
    found: tuple[Found, ...] = ()
    unused: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    timed: bool = True
    machine: str = ""

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

    def plot(self) -> Figure:
        """Return the log drawn over time, one panel for each unit.

        Raises
        ------
        InputError
            Matplotlib is not installed.
        """
        from spacegrey.logs.drawing import draw

        return draw(self)

    def _repr_html_(self) -> str:
        """Return what was found as a table, for a notebook."""
        from html import escape

        rows = "".join(
            f"<tr><td>{one.quantity}</td><td>{one.rows}</td><td>{np.nanmin(self[one.quantity]):.4g}</td>"
            f"<td>{np.nanmax(self[one.quantity]):.4g}</td><td>{escape(', '.join(one.sources))}</td></tr>"
            for one in self.found
        )
        return (
            f"<p>{escape(self.name)}: {escape(self.format)}, {len(self)} rows over {self.duration_s:.0f} s</p><table>"
            f"<tr><th>quantity</th><th>rows</th><th>least</th><th>most</th><th>from</th></tr>{rows}</table>"
        )
