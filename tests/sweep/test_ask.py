"""Questions in SQL: answered from the sweep's files, and nothing else can be reached."""

import contextlib
import json
import shutil
import tempfile

import pyarrow.parquet as pq
import pytest

from spacegrey.decide.quote import quote
from spacegrey.errors import InputError
from spacegrey.interfaces import questions


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


def test_no_bit_of_a_number_can_turn_unseen(command, swept, tmp_path):
    out = shutil.copytree(swept, tmp_path / "out")
    part = out / "part-000000.parquet"
    whole, metadata = part.read_bytes(), pq.read_metadata(part).row_group(0)
    columns = {
        metadata.column(number).path_in_schema: metadata.column(number) for number in range(metadata.num_columns)
    }
    column = columns["energy_wh"]
    # Behind the head of the page, which its checksum does not cover, to the next one.
    places = range(column.dictionary_page_offset + 40, column.data_page_offset, 19)
    assert len(places) > 8
    for place in places:
        part.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        result = command("ask", out, "select sum(energy_wh) from runs", "--json")
        assert result.exit_code == 2, place
        assert f"{part} is damaged inside" in result.stderr, place
        assert len(result.stderr.splitlines()) == 1


LARGE = "create temp table t as select hash(range) as h from range(4000000)"


def test_a_question_larger_than_the_memory_is_put_off_to_disk_and_nothing_stays(swept):
    with questions.opened(swept, memory_bytes=24_000_000) as sweep:
        questions.ask(sweep, LARGE)
        assert sum(path.stat().st_size for path in swept.glob(".ask-*/*")) > 1_000_000
        ordered = questions.ask(sweep, "select h from t order by h limit 2").rows
        assert ordered[0][0] < ordered[1][0]
    assert not list(swept.glob(".ask-*"))


def test_what_a_killed_question_left_is_removed_and_what_another_needs_is_not(swept):
    dead = swept / ".ask-dead"
    dead.mkdir()
    (dead / ".lock").touch()
    (dead / "large.tmp").write_bytes(b"0" * 1000)
    with questions.opened(swept) as sweep:
        assert not dead.exists()
        (mine,) = swept.glob(".ask-*")
        with questions.opened(swept):
            assert mine.is_dir()
        questions.ask(sweep, "select count(*) from runs")
    assert not list(swept.glob(".ask-*"))


def test_a_sweep_that_cannot_be_written_to_can_be_asked(swept, monkeypatch):
    plain = tempfile.TemporaryDirectory

    def closed(*, dir=None, **others):  # noqa: A002 - as tempfile names it
        if dir:
            raise PermissionError
        return plain(**others)

    monkeypatch.setattr(tempfile, "TemporaryDirectory", closed)
    with questions.opened(swept, memory_bytes=24_000_000) as sweep:
        questions.ask(sweep, LARGE)


def test_what_a_question_writes_where_it_is_put_off_does_not_stay(swept):
    with questions.opened(swept) as sweep:
        (folder,) = swept.glob(".ask-*")
        with pytest.raises(InputError, match="SQL: "):
            questions.ask(sweep, f"copy runs to '{folder}/../stolen.csv'")
        with contextlib.suppress(InputError):
            questions.ask(sweep, f"copy runs to '{folder}/stolen.csv'")
    assert not list(swept.rglob("stolen*"))


def test_an_unknown_column_is_one_line_with_the_near_ones(command, swept):
    result = command("ask", swept, "select scor from runs")
    assert result.exit_code == 2
    assert '"score"' in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_folder_that_is_no_sweep_is_refused(command, tmp_path):
    assert "not a sweep" in command("ask", tmp_path, "select 1").stderr
    assert "no such folder" in command("ask", tmp_path / "nowhere", "select 1").stderr


def test_a_damaged_partition_is_left_out_and_named(command, asked, tmp_path):
    from spacegrey.simulation.sweep import partitions
    from spacegrey.simulation.sweep.file import read_sweep
    from spacegrey.simulation.sweep.plan import plan

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
    said = result.stderr.splitlines()[1]
    assert f"{partitions.part_path(out, 0)} is damaged inside" in said
    assert "--resume" in said
    part.unlink()
    assert "not finished" in command("ask", out, "select 1").stderr or shutil.rmtree(out)


def test_each_run_has_the_price_of_its_machine_when_new(command, swept):
    sql = "select distinct machine, PRICE_USD from runs order by all"
    found = json.loads(command("ask", swept, sql, "--json").stdout)
    assert found["rows"] == [[name, pytest.approx(quote(name).total)] for name, _ in found["rows"]]
    assert len({price for _, price in found["rows"]}) > 1


def test_an_unknown_price_is_null_and_loses_no_run(command, tmp_path):
    file, out = tmp_path / "s.toml", tmp_path / "out"
    file.write_text('machines = ["imac-pro", "mac-pro-2019:512GB"]\nworkloads = ["cinebench-r15"]\n')
    assert not quote("mac-pro-2019:512GB").complete
    assert command("sweep", file, "--out", out).exit_code == 0
    found = json.loads(command("ask", out, "select machine, price_usd from runs order by 1", "--json").stdout)
    assert found["rows"] == [["imac-pro", 4999.0], ["mac-pro-2019:512GB", None]]
