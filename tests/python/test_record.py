"""A job recorded from Python: the workload that it becomes, the files it leaves, and what cannot be recorded."""

import shutil
import subprocess
import sys
import tomllib

import pytest

import spacegrey
from spacegrey.errors import InputError

BUSY = f"{sys.executable} -c 'import time; e = time.process_time() + 0.5\nwhile time.process_time() < e: pass'"


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    """Rate this computer once; return the file."""
    folder = tmp_path_factory.mktemp("host")
    spacegrey.record("sleep 0.3", host=folder / "here.toml")
    return folder / "here.toml"


def test_a_recorded_job_runs_on_every_machine(tmp_path, rated):
    made = spacegrey.record(BUSY, host=rated)
    kept = made.spec.recorded
    assert kept.processor_s == pytest.approx(0.5, abs=0.2)
    assert spacegrey.run(made, on=rated).duration_s == pytest.approx(kept.alone_s, rel=0.1, abs=0.1)
    assert spacegrey.run(made, on="imac-pro:18-core").duration_s > 0.05
    assert not list(tmp_path.iterdir()), "nothing is written that was not asked for"


def test_files_that_are_asked_for_are_written(tmp_path, rated):
    made = spacegrey.record(
        ["sleep", "0.4"], host=rated, out=tmp_path / "nap.toml", samples=tmp_path / "s.jsonl", cores=1
    )
    assert made.id == "nap"
    assert spacegrey.Workload.of(tmp_path / "nap.toml").phases == made.phases
    assert tomllib.loads((tmp_path / "nap.toml").read_text())["workload"]["recorded"]["cores"] == 1
    assert "cpu_busy" in spacegrey.Log.of(tmp_path / "s.jsonl").columns


def test_a_running_process_is_recorded_and_goes_on(rated):
    with subprocess.Popen(["sleep", "30"]) as job:
        made = spacegrey.record(pid=job.pid, seconds="400ms", host=rated)
        assert job.poll() is None
        job.kill()
    assert made.spec.recorded.duration_s == pytest.approx(0.4, abs=0.3)


@pytest.mark.parametrize(("command", "given", "says"), [
    (None, {}, "give either a command or pid="),
    ("", {}, "give either a command or pid="),
    ("sleep 1", {"pid": 1}, "give either a command or pid="),
    ("no-such-program", {}, "'no-such-program' cannot be run"),
    ("sleep 1", {"seconds": "1s"}, "seconds goes with pid"),
    (None, {"pid": 1, "cores": 1}, "cores goes with a command"),
    (None, {"pid": 1, "seconds": "1"}, "seconds: unit ''"),
    ("sleep 1", {"kind": "vector"}, "unknown kind of work 'vector'"),
    ("sleep 1", {"cores": 10_000}, "10000 is outside 1 to"),
    ("sleep 1", {"out": "job.csv"}, "job.csv: record: a machine and a workload are written to files that end in .toml"),
    ("sleep 1", {"out": "nowhere/job.toml"}, "no such folder"),
    ("sleep 1", {"samples": "folder"}, "cannot be written: it is a folder"),
    ("sleep 1", {"out": "here.toml"}, "two of out, host and samples name the same file"),
    ("sleep 1", {"out": "job.toml", "samples": "job.toml"}, "two of out, host and samples name the same file"),
    ("sh -c 'x", {}, "is no command: No closing quotation"),
    (3, {}, "3 is no command"),
    (None, {"pid": "a"}, "pid is a whole number, not 'a'"),
    ("sleep 1", {"cores": "2"}, "cores is a whole number, not '2'"),
    ("sleep 1", {"out": 3}, "out is a path, not 3"),
    (None, {"pid": 1, "seconds": -1}, "seconds=-1 is not longer than nothing"),
    (None, {"pid": 1, "seconds": "0s"}, "seconds=0s is not longer than nothing"),
    (None, {"pid": 1, "seconds": float("nan")}, "seconds=nan is not longer than nothing"),
    (None, {"pid": 1, "seconds": [1]}, "is no time"),
])  # fmt: skip
def test_what_cannot_be_recorded_is_one_line_and_leaves_nothing(tmp_path, monkeypatch, rated, command, given, says):
    monkeypatch.chdir(tmp_path)
    shutil.copy(rated, tmp_path / "here.toml")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=says) as error:
        spacegrey.record(command, host="here.toml", **given)
    assert "\n" not in str(error.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "here.toml"]


def test_the_rating_of_another_computer_is_told(tmp_path, rated):
    text = rated.read_text()
    other = tmp_path / "other.toml"
    host = tomllib.loads(text)["machine"].get("name", "")
    assert host
    import socket

    other.write_text(text.replace(socket.gethostname(), "elsewhere"))
    with pytest.raises(InputError, match="rated on 'elsewhere'"):
        spacegrey.record("sleep 1", host=other)
