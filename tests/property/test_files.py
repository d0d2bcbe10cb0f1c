"""Files that come from outside: whole, or refused in one line; and what we write is what we read."""

import csv
import io
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacegrey.errors import InputError
from spacegrey.simulation.run import simulate
from spacegrey.simulation.runfile import load, record, save
from spacegrey.simulation.validation.measurements import COLUMNS, OPEN, Measurement, question, read_measurements
from spacegrey.workload.library import workload

ROWS = list(csv.DictReader(io.StringIO(OPEN.read_text(encoding="utf-8"))))


@pytest.fixture(scope="module")
def short(machine_of):
    return simulate(workload("disk-sequential"), machine_of("imac-pro"))


@pytest.fixture(scope="module")
def saved(short, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run.parquet"
    save(short, path)
    return path


def attempt(content, read):
    """Return what a reader makes of a file's bytes; none if it refuses them in one line."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        try:
            return read(path)
        except InputError as error:
            assert len(str(error).splitlines()) == 1  # noqa: PT017 - a refusal is one of two right answers
            return None


# --- saved runs ------------------------------------------------------------


def test_a_saved_run_is_the_run(short, saved):
    again = load(saved)
    assert again.record == {**json.loads(json.dumps(record(short))), "published": []}
    assert list(again.trace.columns) == list(short.trace.columns)
    for name, column in short.trace.columns.items():
        np.testing.assert_array_equal(again.trace[name], column)


def test_equal_runs_are_equal_files(saved, tmp_path, machine_of):
    save(simulate(workload("disk-sequential"), machine_of("imac-pro")), tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == saved.read_bytes()


@given(st.data())
def test_a_run_file_that_is_cut_short_is_refused(saved, data):
    whole = saved.read_bytes()
    assert attempt(whole[: data.draw(st.integers(0, len(whole) - 1))], load) is None


@given(st.data())
def test_a_run_file_with_a_broken_byte_is_refused_or_read(saved, data):
    broken = bytearray(saved.read_bytes())
    broken[data.draw(st.integers(0, len(broken) - 1))] ^= data.draw(st.integers(1, 255))
    attempt(bytes(broken), load)


@given(st.binary())
def test_bytes_that_are_no_run_are_refused(content):
    assert attempt(content, load) is None


def test_a_file_of_another_format_is_refused(short, saved, tmp_path):
    import pyarrow.parquet as pq

    table = pq.read_table(saved)
    other = {**table.schema.metadata, b"spacegrey": json.dumps({**record(short), "format": 99}).encode()}
    pq.write_table(table.replace_schema_metadata(other), tmp_path / "other.parquet")
    with pytest.raises(InputError, match="saved in format 99"):
        load(tmp_path / "other.parquet")


def test_a_table_of_someone_else_is_refused(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"x": [1, 2]}), tmp_path / "else.parquet")
    with pytest.raises(InputError, match="not a saved run"):
        load(tmp_path / "else.parquet")


def test_a_run_that_cannot_be_written_leaves_nothing(short, tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        save(short, tmp_path / "no" / "run.parquet")
    (tmp_path / "taken").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        save(short, tmp_path / "taken")
    assert [path.name for path in tmp_path.rglob("*")] == ["taken"]


def test_dataframe_libraries_open_a_run_as_it_is(short, saved):
    import duckdb
    import pandas as pd
    import polars as pl

    power = short.trace["wall_power_w"]
    np.testing.assert_array_equal(pd.read_parquet(saved)["wall_power_w"].to_numpy(), power)
    np.testing.assert_array_equal(pl.read_parquet(saved)["wall_power_w"].to_numpy(), power)
    with duckdb.connect() as database:
        found = database.execute("select max(wall_power_w), count(*) from read_parquet(?)", [str(saved)]).fetchone()
    assert found == (power.max(), len(power))


# --- measurements ----------------------------------------------------------


def written(rows):
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode("utf-8", "replace")


def asked(path):
    """Read measurements, and ask each: a question is answered or has a reason."""
    rows = read_measurements(path)
    for row in rows:
        assert isinstance(row, Measurement)
        found = question(row)
        assert found.reason or found.selector
    return rows


def test_the_files_own_rows_come_back(tmp_path):
    (tmp_path / "copy.csv").write_bytes(written(ROWS))
    assert read_measurements(tmp_path / "copy.csv") == read_measurements()


@given(st.binary())
def test_bytes_that_are_no_measurements_are_refused(content):
    assert attempt(content, asked) is None


@settings(max_examples=100)
@given(
    st.lists(st.dictionaries(st.sampled_from(COLUMNS), st.text(max_size=30), max_size=4), min_size=1, max_size=5),
    st.data(),
)
def test_rows_with_any_text_are_read_or_refused(changes, data):
    rows = [{**data.draw(st.sampled_from(ROWS)), "id": f"X{number}"} for number in range(len(changes))]
    attempt(written([row | change for row, change in zip(rows, changes, strict=True)]), asked)


@given(st.integers(0, 3000))
def test_measurements_that_are_cut_short_are_read_or_refused(length):
    attempt(OPEN.read_bytes()[:length], asked)


@given(st.sampled_from(COLUMNS), st.sampled_from(ROWS), st.sampled_from(ROWS))
def test_columns_of_other_rows_are_answered_or_have_a_reason(column, row, other):
    attempt(written([{**row, column: other[column]}]), asked)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "columns are missing"),
        ("id,machine\n", "columns are missing: cpu"),
        (",".join(COLUMNS) + "\n", "holds no rows"),
        (",".join(COLUMNS) + "\nX1,iMac\n", "measurements.csv:2: the row does not have 14 fields"),
        (",".join(COLUMNS) + "\nX1" + "," * 14 + "\n", "measurements.csv:2: the row does not have 14 fields"),
        (",".join(COLUMNS) + "\n" + "," * 13 + "\n", "measurements.csv:2: the row has no id"),
        (",".join(COLUMNS) + "\nX1,,,,,,,,nan,W,,,,\n", "measurements.csv:2: value 'nan' is not a finite number"),
        (",".join(COLUMNS) + "\nX1,,,,,,,,many,W,,,,\n", "measurements.csv:2: value 'many' is not a number"),
        (",".join(COLUMNS) + "\nX1,,,,,,,,1,W,,,,\nX1,,,,,,,,1,W,,,,\n", "id 'X1' stands twice"),
        (",".join(COLUMNS) + '\n"X1', "cannot be read as CSV"),
    ],
)
def test_a_broken_row_is_named_with_its_line(tmp_path, text, says):
    path = tmp_path / "measurements.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_measurements(path)
    assert says in str(caught.value)
