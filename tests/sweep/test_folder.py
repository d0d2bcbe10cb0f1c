"""A sweep's folder: every run once, whatever interrupts it, and nothing else is ever mixed in."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from spacegrey.simulation import sources
from spacegrey.simulation.sweep import estimate, partitions
from spacegrey.simulation.sweep.file import read_sweep
from spacegrey.simulation.sweep.plan import plan
from spacegrey.simulation.sweep.rows import run_chunk

PROGRAM = Path(sys.executable).with_name("spacegrey")


def rows_of(folder):
    return [row for part in sorted(folder.glob("part-*.parquet")) for row in pq.read_table(part)["row"].to_pylist()]


def in_small_parts(file, out, chunk_rows):
    """Begin a sweep with partitions of so many rows, so that small ones have several."""
    question = read_sweep(file)
    made = plan(question)
    record = partitions.record_of(made, question.text, chunk_rows)
    partitions.begin(out, record, question.text)
    return made, record


def test_a_sweep_has_every_run_once(swept):
    assert rows_of(swept) == list(range(30))
    table = pq.read_table(swept / "part-000000.parquet")
    assert table["refusal"].null_count == 30
    assert set(table["workload"].to_pylist()) == {"cinebench-r23", "blender-gpu"}
    assert set(table["ambient_c"].to_pylist()) == {20.0, 25.0, 30.0}
    assert min(table["energy_wh"].to_pylist()) > 0.0
    assert json.loads((swept / "sweep.json").read_text())["rows"] == 30


def test_partitions_are_the_pure_function_of_the_plan(asked, tmp_path):
    made, record = in_small_parts(asked(), tmp_path / "out", 7)
    partitions.fill(made, tmp_path / "out", record, [3, 0])
    again = run_chunk(made, 21, 28)
    assert pq.read_table(partitions.part_path(tmp_path / "out", 3)).replace_schema_metadata(None).equals(again)
    assert partitions.present(tmp_path / "out") == [0, 3]


def test_resume_runs_what_is_missing_and_nothing_again(command, asked, tmp_path):
    out = tmp_path / "out"
    made, record = in_small_parts(asked(), out, 7)
    partitions.fill(made, out, record, [0, 2, 4])
    before = {path: path.stat().st_mtime_ns for path in out.glob("part-*")}
    (out / ".part-000001.parquet.killed").write_bytes(b"half")
    result = command("sweep", asked(), "--out", out, "--resume", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["run"]["ran"] == 14
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert rows_of(out) == list(range(30))
    assert not list(out.glob(".part-*"))
    assert "there already" in command("sweep", asked(), "--out", out, "--resume").stdout


def test_resume_after_a_killed_process_has_every_run_once(asked, tmp_path):
    file, out = asked(steps=600), tmp_path / "out"
    in_small_parts(file, out, 50)
    words = [PROGRAM, "sweep", file, "--out", out, "--resume"]
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(list(out.glob("part-*"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    left = sorted(out.glob("part-*"))
    assert 3 <= len(left) < 120
    before = {path: path.stat().st_mtime_ns for path in left}
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert {path: path.stat().st_mtime_ns for path in left} == before
    assert rows_of(out) == list(range(6000))


@pytest.mark.parametrize("harm", ["cut", "flip", "empty", "swap"])
def test_a_damaged_partition_is_named_and_run_again(command, asked, tmp_path, harm):
    out = tmp_path / "out"
    made, record = in_small_parts(asked(), out, 7)
    partitions.fill(made, out, record, list(range(5)))
    part = partitions.part_path(out, 1)
    whole = part.read_bytes()
    if harm == "cut":
        part.write_bytes(whole[:-100])
    elif harm == "flip":
        middle = len(whole) // 4
        part.write_bytes(
            whole[:middle] + bytes(255 - one for one in whole[middle : middle + 64]) + whole[middle + 64 :]
        )
    elif harm == "empty":
        part.write_bytes(b"")
    else:
        shutil.copy(partitions.part_path(out, 2), part)
    result = command("sweep", asked(), "--out", out, "--resume", "--json")
    assert result.exit_code == 0, result.output
    assert str(part) in result.stderr
    assert "run again" in result.stderr
    assert json.loads(result.stdout)["run"]["ran"] == 7
    assert rows_of(out) == list(range(30))


def test_resume_refuses_another_file(command, asked, swept, tmp_path):
    out = shutil.copytree(swept, tmp_path / "out")
    result = command("sweep", asked(steps=4), "--out", out, "--resume")
    assert result.exit_code == 2
    assert "file has changed" in result.stderr


@pytest.mark.parametrize(
    ("key", "says"),
    [("version", "begun by version 0.0.0"), ("data", "data of its machines"), ("program", "has other source code now")],
)
def test_resume_refuses_another_version_and_other_data(command, asked, swept, tmp_path, key, says):
    out = shutil.copytree(swept, tmp_path / "out")
    record = json.loads((out / "sweep.json").read_text())
    (out / "sweep.json").write_text(json.dumps({**record, key: "0.0.0"}))
    result = command("sweep", asked(), "--out", out, "--resume")
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr


def test_resume_notices_a_machine_that_has_changed(command, tmp_path):
    machine, file, out = tmp_path / "mine.toml", tmp_path / "s.toml", tmp_path / "out"
    text = 'extends = "imac-pro"\n[machine]\nname = "mine"\nambient_c = {room}\nassumed = {{ ambient_c = "a test" }}\n'
    machine.write_text(text.format(room=20))
    file.write_text('machines = ["mine.toml"]\nworkloads = ["disk-sequential"]\n')
    assert command("sweep", file, "--out", out).exit_code == 0
    assert command("sweep", file, "--out", out, "--resume").exit_code == 0
    machine.write_text(text.format(room=21))
    result = command("sweep", file, "--out", out, "--resume")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "data of its machines or workloads have changed; put them back as they were" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_programs_digest_changes_with_any_source_that_makes_numbers(tmp_path, monkeypatch):
    copy = shutil.copytree(sources.ROOT, tmp_path / "spacegrey", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(sources, "ROOT", copy)
    digest = sources.program_digest
    plain = digest()
    assert plain == digest()
    for name in ("parts/cooling/laws.py", "simulation/kernel/tick.py", "simulation/lowering.py", "units.py"):
        source = (copy / name).read_text(encoding="utf-8")
        (copy / name).write_text(source + "# changed\n", encoding="utf-8")
        assert digest() != plain, name
        (copy / name).write_text(source, encoding="utf-8")
    (copy / "interfaces" / "words.py").write_text("", encoding="utf-8")
    assert digest() == plain, "what only shows is none of it"


def test_a_folder_that_is_there_is_refused(command, asked, swept, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    (tmp_path / "file").write_text("x")
    for place, says in ((swept, "--resume"), (tmp_path / "mine", "not a sweep"), (tmp_path / "file", "not a folder"),
                        (tmp_path / "no" / "where", "no such folder")):  # fmt: skip
        result = command("sweep", asked(), "--out", place)
        assert result.exit_code == 2, place
        assert says in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["letter.txt"]


def test_an_empty_folder_will_do(command, asked, tmp_path):
    (tmp_path / "empty").mkdir()
    assert command("sweep", asked(), "--out", tmp_path / "empty").exit_code == 0


def test_a_dry_run_says_what_it_would_take_and_writes_nothing(command, asked, tmp_path):
    result = command("sweep", asked(), "--out", tmp_path / "out", "--dry-run", "--json")
    found = json.loads(result.stdout)
    assert (found["rows"], found["machines"], found["run"]) == (30, 5, None)
    expected = found["estimate"]
    assert expected["seconds"] == pytest.approx(30 / expected["rows_per_s"])
    assert not (tmp_path / "out").exists()
    command("sweep", asked(), "--out", tmp_path / "out")
    written = sum(path.stat().st_size for path in (tmp_path / "out").glob("part-*"))
    assert expected["bytes"] == pytest.approx(written, rel=0.05), "the sample is the whole sweep here"


def test_a_sweep_that_would_fill_the_disk_is_refused(command, asked, tmp_path, monkeypatch):
    monkeypatch.setattr(estimate.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    result = command("sweep", asked(), "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "1.0 kB are free" in result.stderr
    assert not (tmp_path / "out").exists()


def test_two_processes_do_not_write_one_sweep(command, asked, tmp_path):
    in_small_parts(asked(), tmp_path / "out", 7)
    with partitions.only_one(tmp_path / "out"):
        result = command("sweep", asked(), "--out", tmp_path / "out", "--resume")
    assert result.exit_code == 2
    assert "another process" in result.stderr


def test_a_run_that_does_not_hold_is_a_row_with_its_reason(command, tmp_path):
    file = tmp_path / "limits.toml"
    file.write_text(
        'machines = ["imac-pro"]\nworkloads = ["cinebench-r23"]\n[vary]\nprocessor.pl1_w = [100.0, 1000.0]\n'
    )
    result = command("sweep", file, "--out", tmp_path / "out", "--json")
    assert json.loads(result.stdout)["run"]["refused"] == 1
    rows = pq.read_table(tmp_path / "out" / "part-000000.parquet").to_pylist()
    assert [row["refusal"] is None for row in rows] == [True, False]
    assert "pl2_w must be at least pl1_w" in rows[1]["refusal"]
    assert rows[1]["duration_s"] is None


def test_no_bit_of_a_partition_turns_into_other_numbers(asked, tmp_path):
    out = tmp_path / "out"
    made, record = in_small_parts(asked(), out, 10)
    partitions.fill(made, out, record, [0])
    part = partitions.part_path(out, 0)
    whole, right = part.read_bytes(), pq.read_table(part)
    found = 0
    for place in range(4, len(whole) - 8, len(whole) // 150):
        part.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        if partitions.fault(out, record, 0, deep=True):
            found += 1
        else:
            assert pq.read_table(part).equals(right), place
    assert found > 20
