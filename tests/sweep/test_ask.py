"""Questions in SQL: answered from the sweep's files, and nothing else can be reached."""

import json
import shutil

import pyarrow.parquet as pq
import pytest


def test_an_answer_is_that_of_the_files(command, swept):
    result = command("ask", swept, "select workload, count(*) n, avg(energy_wh) wh from runs group by all order by all",
                     "--json")  # fmt: skip
    found = json.loads(result.stdout)
    table = pq.read_table(swept / "part-000000.parquet").to_pandas()
    assert found["columns"] == ["workload", "n", "wh"]
    for workload, count, energy in found["rows"]:
        energies = table[table.workload == workload].energy_wh
        assert (count, energy) == (len(energies), pytest.approx(energies.mean()))


def test_an_answer_is_a_table(command, swept):
    lines = command("ask", swept, "select row, machine from runs where row < 2 order by row").stdout.splitlines()
    assert lines == ["row  machine", "  0  imac-pro:8-core", "  1  imac-pro:8-core"]


@pytest.mark.parametrize(
    "sql",
    [
        "copy runs to '{place}/stolen.csv'",
        "copy (select 1) to '{place}/stolen.parquet' (format parquet)",
        "select * from read_text('{place}/secret.txt')",
        "select * from '{place}/secret.txt'",
        "attach '{place}/stolen.db' as other",
        "export database '{place}/stolen'",
        "install httpfs",
        "set enable_external_access = true",
        "set memory_limit = '1TB'",
        "select 1; select 2",
    ],
)
def test_a_question_reads_and_writes_no_other_file(command, swept, tmp_path, sql):
    (tmp_path / "secret.txt").write_text("secret")
    result = command("ask", swept, sql.format(place=tmp_path))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret.txt"]


def test_an_unknown_column_is_one_line_with_the_near_ones(command, swept):
    result = command("ask", swept, "select scor from runs")
    assert result.exit_code == 2
    assert '"score"' in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_folder_that_is_no_sweep_is_refused(command, tmp_path):
    assert "not a sweep" in command("ask", tmp_path, "select 1").stderr
    assert "no such folder" in command("ask", tmp_path / "nowhere", "select 1").stderr


def test_a_damaged_partition_is_left_out_and_named(command, asked, tmp_path):
    from spacegrey.simulation import partitions
    from spacegrey.simulation.sweep import plan
    from spacegrey.simulation.sweep_file import read_sweep

    question = read_sweep(asked())
    made, out = plan(question), tmp_path / "out"
    record = partitions.record_of(made, question.text, 10)
    partitions.begin(out, record, question.text)
    partitions.fill(made, out, record, [0, 1, 2])
    part = partitions.part_path(out, 1)
    part.write_bytes(part.read_bytes()[:-50])
    result = command("ask", out, "select count(*) n from runs", "--json")
    assert json.loads(result.stdout)["rows"] == [[20]]
    assert str(part) in result.stderr
    whole = partitions.part_path(out, 0).read_bytes()
    middle = len(whole) // 4
    partitions.part_path(out, 0).write_bytes(whole[:middle] + b"\xff" * 64 + whole[middle + 64 :])
    result = command("ask", out, "select sum(hash(runs)) from runs", "--json")
    assert result.exit_code == 2, "pages that do not hold are no numbers"
    assert len(result.stderr.splitlines()) == 2
    part.unlink()
    assert "not finished" in command("ask", out, "select 1").stderr or shutil.rmtree(out)
