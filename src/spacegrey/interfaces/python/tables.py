"""A table of an answer as an Arrow table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from spacegrey.interfaces.table_file import Sheet


def arrow(sheet: Sheet) -> pa.Table:
    """Return a table as Arrow: numbers as numbers, days as days, empty where there is none.

    Examples
    --------
    >>> from spacegrey.interfaces.table_file import sheet
    >>> arrow(sheet("bill", ["item", "price"], [["imac-pro", 4999], ["care", None]]))["price"].to_pylist()
    [4999.0, None]
    """
    import pyarrow as pa

    columns = {name: [row[place] for row in sheet.rows] for place, name in enumerate(sheet.columns)}
    return pa.table(
        {
            name: [float(one) if isinstance(one, int) and not isinstance(one, bool) else one for one in cells]
            for name, cells in columns.items()
        }
    )
