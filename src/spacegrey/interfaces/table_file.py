"""A table as a file for a spreadsheet: CSV, or an Excel workbook.

Every verb that answers with a table offers it in the same two ways; numbers stay numbers, and in full.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from spacegrey.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Cell: TypeAlias = str | float | bool | dt.date | None
"""What may stand in a table; None and numbers that are not finite are left empty."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Signs that make a spreadsheet take a text for a formula."""

MOST_SHEET_NAME = 31
_NO_SHEET_NAME = str.maketrans("[]:*?/\\'", "        ")


class TableFormat(StrEnum):
    """What a table can be written as."""

    csv = "csv"
    xlsx = "xlsx"


@dataclass(frozen=True)
class Sheet:
    """A table with a name: heads of columns with their units, and rows of the same length."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def sheet(name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Sheet:
    """Return a table that is ready to be written.

    Raises
    ------
    ValueError
        A row has more or fewer cells than there are columns, or two columns share a name.

    Examples
    --------
    >>> bill = sheet("bill", ["item", "price"], [["imac-pro", 4999.0], ["applecare/imac-pro", None]])
    >>> csv_text(bill).splitlines()
    ['item,price', 'imac-pro,4999.0', 'applecare/imac-pro,']
    """
    if len(set(columns)) != len(columns):
        raise ValueError(f"two columns of {name!r} share a name")
    if any(len(row) != len(columns) for row in rows):
        raise ValueError(f"a row of {name!r} does not have {len(columns)} cells")
    return Sheet(name, tuple(columns), tuple(tuple(_cell(one) for one in row) for row in rows))


def check_out(to: TableFormat | None, out: Path | None, *, as_json: bool = False) -> None:
    """Check the options of a verb before it works: ``--to``, ``--out`` and ``--json``.

    Raises
    ------
    InputError
        ``--out`` without ``--to``, a workbook without ``--out``, ``--to`` with ``--json``, a workbook where xlsxwriter
        is not installed, or a file that cannot be written.
    """
    from spacegrey.interfaces.cli.output import writable

    if to is None:
        if out is not None:
            raise InputError("--out FILE needs --to csv or --to xlsx")
        return
    if as_json:
        raise InputError("--json and --to both write the answer: choose one")
    if to is TableFormat.xlsx:
        if out is None:
            raise InputError("--to xlsx needs --out FILE: a workbook cannot go to standard output")
        _xlsxwriter()
    writable(out)


def write_tables(sheets: Sequence[Sheet], to: TableFormat, out: Path | None) -> None:
    """Write tables to a file, whole or not at all; a CSV may go to standard output.

    Parameters
    ----------
    sheets : sequence of Sheet
        The main table first. A workbook takes all of them, a CSV the first.
    to : TableFormat
        ``csv`` (RFC 4180, UTF-8) or ``xlsx`` (Office Open XML).
    out : path or None
        Where to; None: standard output.

    Raises
    ------
    InputError
        As `check_out`.
    """
    from spacegrey.interfaces.cli.output import writable
    from spacegrey.simulation.runfile import write_whole

    check_out(to, out)
    content = csv_text(sheets[0]).encode() if to is TableFormat.csv else xlsx_bytes(sheets)
    place = writable(out)
    if place:
        write_whole(place, lambda beside: beside.write_bytes(content))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def csv_text(table: Sheet) -> str:
    """Return a table as CSV: a head, then a line for each row, each ending with CR LF.

    Notes
    -----
    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([_plain(one) for one in table.columns])
    writer.writerows([[_plain(one) for one in row] for row in table.rows])
    return text.getvalue()


def xlsx_bytes(sheets: Sequence[Sheet]) -> bytes:
    """Return tables as an Excel workbook: the head stays in view, and every column can be filtered.

    Raises
    ------
    InputError
        Xlsxwriter is not installed.
    """
    xlsxwriter = _xlsxwriter()
    memory = io.BytesIO()
    # Texts stay texts: no formulas, no links.
    settings = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(memory, settings)
    head = book.add_format({"bold": True, "bottom": 1})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    for table in sheets:
        page = book.add_worksheet(table.name.translate(_NO_SHEET_NAME).strip()[:MOST_SHEET_NAME])
        for column, name in enumerate(table.columns):
            page.write_string(0, column, name, head)
            cells = [str(row[column]) for row in table.rows if row[column] is not None]
            page.set_column(column, column, min(max(map(len, [name, *cells])) + 2, 60))
        for number, row in enumerate(table.rows, start=1):
            for column, one in enumerate(row):
                if isinstance(one, dt.date):
                    page.write_datetime(number, column, dt.datetime.combine(one, dt.time()), day)
                elif isinstance(one, bool):
                    page.write_boolean(number, column, one)
                elif isinstance(one, str):
                    page.write_string(number, column, one)
                elif one is not None:
                    page.write_number(number, column, one)
        page.freeze_panes(1, 0)
        page.autofilter(0, 0, len(table.rows), len(table.columns) - 1)
    book.close()
    return memory.getvalue()


def _xlsxwriter() -> Any:  # noqa: ANN401 - a module without types
    try:
        import xlsxwriter  # pyright: ignore[reportMissingTypeStubs]
    except ImportError:
        raise InputError("a workbook needs xlsxwriter: pip install spacegrey[xlsx]; or write --to csv") from None
    return xlsxwriter


def _cell(value: Cell) -> Cell:
    if isinstance(value, str | bool | dt.date) or value is None:
        return value
    number = float(value)
    if not math.isfinite(number):
        return None
    return value if isinstance(value, int) else number


def _plain(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    return value.isoformat() if isinstance(value, dt.date) else repr(value)
