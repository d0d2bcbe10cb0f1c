"""Tables as files: CSV and workbooks hold the same, numbers stay numbers, and texts stay texts."""

import csv
import datetime as dt
import io
import math

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegrey.errors import InputError
from spacegrey.interfaces.table_file import TableFormat, check_out, csv_text, sheet, write_tables, xlsx_bytes

ROWS = [["imac-pro", 4999.0, dt.date(2017, 12, 14), True], ["=1+1", None, None, False], ["-x", math.inf, None, None]]
BILL = sheet("bill", ["item", "price", "date", "complete"], ROWS)

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn"]), max_size=20)
CELL = (
    st.none()
    | st.booleans()
    | TEXT
    | st.floats(-1e12, 1e12)
    | st.integers(-(10**12), 10**12)
    | st.dates(dt.date(1901, 1, 1))
)


def test_a_workbook_is_read_as_it_was_written():
    [page] = openpyxl.load_workbook(io.BytesIO(xlsx_bytes([BILL])))
    head, first, second, third = page.iter_rows(values_only=True)
    assert page.title == "bill"
    assert head == ("item", "price", "date", "complete")
    assert first == ("imac-pro", 4999, dt.datetime(2017, 12, 14), True)  # noqa: DTZ001 - as openpyxl returns days
    assert second == ("=1+1", None, None, False)
    assert third == ("-x", None, None, None)
    assert page.freeze_panes == "A2"


def test_no_text_becomes_a_formula():
    page = openpyxl.load_workbook(io.BytesIO(xlsx_bytes([BILL]))).active
    assert page["A3"].data_type == "s"
    lines = list(csv.reader(io.StringIO(csv_text(BILL))))
    assert lines[2][0] == "'=1+1"
    assert lines[3][0] == "'-x"


@given(st.lists(st.tuples(CELL, CELL), max_size=5))
def test_any_cells_are_written_and_read(rows):
    table = sheet("any", ["a", "b"], rows)
    read = list(csv.reader(io.StringIO(csv_text(table), newline="")))
    assert len(read) == 1 + len(rows)
    page = openpyxl.load_workbook(io.BytesIO(xlsx_bytes([table]))).active
    for number, row in enumerate(rows, start=2):
        for column, cell in enumerate(row, start=1):
            found = page.cell(number, column).value
            if isinstance(cell, dt.date):
                assert found == dt.datetime.combine(cell, dt.time())
            elif isinstance(cell, bool | str) or cell is None:
                assert found == cell
            else:
                assert found == pytest.approx(cell, rel=1e-14)
                assert float(read[number - 1][column - 1]) == cell


def test_rows_and_heads_must_agree():
    with pytest.raises(ValueError, match="does not have 2 cells"):
        sheet("x", ["a", "b"], [["one"]])
    with pytest.raises(ValueError, match="share a name"):
        sheet("x", ["a", "a"], [])


def test_a_workbook_needs_a_file(tmp_path):
    with pytest.raises(InputError, match="cannot go to standard output"):
        write_tables([BILL], TableFormat.xlsx, None)
    with pytest.raises(InputError, match="needs --to"):
        check_out(None, tmp_path / "x.csv")


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    out = tmp_path / "bill.csv"
    out.write_text("before", encoding="utf-8")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises((OSError, InputError)):
        write_tables([BILL], TableFormat.csv, out)
    assert out.read_text(encoding="utf-8") == "before"


def test_csv_goes_to_standard_output(capfdbinary):
    write_tables([BILL], TableFormat.csv, None)
    assert capfdbinary.readouterr().out.decode() == csv_text(BILL)


def test_without_xlsxwriter_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "xlsxwriter", None)
    with pytest.raises(InputError, match=r"pip install spacegrey\[xlsx\]"):
        xlsx_bytes([BILL])
