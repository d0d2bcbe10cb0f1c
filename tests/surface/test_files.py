"""A saved run opens in other programs as it is, and comes back as it went."""

import csv
import io
import json

import numpy as np
import pytest

from spacegrey.simulation.runfile import load
from spacegrey.simulation.trace import COLUMNS


def test_pandas_reads_a_saved_run(saved):
    import pandas as pd

    frame = pd.read_parquet(saved)
    assert list(frame.columns) == list(COLUMNS)
    assert frame["time_s"].is_monotonic_increasing
    assert frame["cpu_temp_c"].between(20, 110).all()


def test_polars_reads_a_saved_run(saved):
    import polars as pl

    frame = pl.read_parquet(saved)
    assert frame.columns == list(COLUMNS)
    assert frame["wall_power_w"].min() > 0
    assert frame.null_count().to_numpy().sum() == 0


def test_duckdb_asks_a_saved_run(saved):
    import duckdb

    frame = duckdb.read_parquet(str(saved))
    rows = frame.aggregate("max(cpu_temp_c), count(*)").fetchall()
    trace = load(saved).trace
    assert rows == [(trace["cpu_temp_c"].max(), len(trace))]
    assert frame.columns == list(COLUMNS)


def test_arrow_schema_carries_units(saved):
    import pyarrow.parquet as pq

    schema = pq.read_schema(saved)
    assert schema.field("fan_rpm").metadata[b"unit"] == b"1/min"
    assert json.loads(schema.metadata[b"spacegrey"])["machine"] == "imac-pro"


def test_csv_holds_every_number_in_full(command, saved, tmp_path):
    out = tmp_path / "run.csv"
    assert command("export", saved, "--to", "csv", "--out", out).exit_code == 0
    rows = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8"))))
    trace = load(saved).trace
    assert list(rows[0]) == list(COLUMNS)
    for name in set(COLUMNS) - {"limit"}:
        assert np.array_equal([float(row[name]) for row in rows], trace[name]), name
    assert [row["limit"] for row in rows] == trace.limit_names()
    assert [path.name for path in tmp_path.iterdir()] == ["run.csv"]


def test_csv_to_a_pipe_is_the_same(installed, saved, command, tmp_path):
    out = tmp_path / "run.csv"
    command("export", saved, "--to", "csv", "--out", out)
    assert installed("export", saved, "--to", "csv").stdout == out.read_text(encoding="utf-8")


def test_exported_parquet_is_a_saved_run(command, saved, tmp_path):
    out = tmp_path / "again.parquet"
    assert command("export", saved, "--to", "parquet", "--out", out).exit_code == 0
    assert command("diff", saved, out).exit_code == 0


def test_same_run_twice_is_the_same(command, saved, tmp_path):
    again = tmp_path / "again.parquet"
    command("run", "cinebench-r15-loop", "--on", "imac-pro", "--save", again)
    result = command("diff", saved, again)
    assert result.exit_code == 0
    assert result.output.endswith("results: the same\n")


def test_diff_shows_what_differs(command, saved, saved_at_full_fan):
    result = command("diff", saved, saved_at_full_fan)
    assert result.exit_code == 1
    assert "imac-pro+fan=max" in result.output
    assert "summary.fan_rpm.mean" in result.output
    assert "results: different" in result.output


def test_diff_sees_a_trace_that_differs_alone(saved, command, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(saved)
    values = table["board_temp_c"].to_numpy().copy()
    values[7] += 0.001
    other = tmp_path / "other.parquet"
    number = table.schema.get_field_index("board_temp_c")
    pq.write_table(table.set_column(number, table.schema.field(number), pa.array(values)), other)
    assert command("diff", saved, other).exit_code == 1


def test_record_that_lacks_something_is_refused(saved, tmp_path, command):
    import pyarrow.parquet as pq

    table = pq.read_table(saved)
    other = tmp_path / "other.parquet"
    pq.write_table(table.replace_schema_metadata({b"spacegrey": b'{"format": 1}'}), other)
    result = command("show", other)
    assert result.exit_code == 2
    assert "its record lacks" in result.stderr


def test_run_replaces_a_file_and_a_link_s_target(command, short, tmp_path):
    target, link = tmp_path / "target.parquet", tmp_path / "link.parquet"
    target.write_bytes(b"old")
    link.symlink_to(target)
    assert command("run", short(), "--on", "imac-pro", "--save", link).exit_code == 0
    assert link.is_symlink()
    assert load(target).record["workload_name"] == "short"


@pytest.mark.parametrize("shown", [True, False])
def test_report_of_a_saved_run(command, saved, tmp_path, shown):
    page = tmp_path / "page.html"
    flags = ["show", saved] if shown else ["run", "cinebench-r15-loop", "--on", "imac-pro"]
    result = command(*flags, "--report", page)
    assert result.exit_code == 0
    assert result.output.endswith(f"report: {page}\n")
    assert "<canvas" not in page.read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
