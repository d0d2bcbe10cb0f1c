"""`spacegrey record` as users run it: what it keeps, how it ends, what it refuses."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from spacegrey.interfaces.cli import app
from spacegrey.workload.library import workload

PROGRAM = Path(sys.executable).with_name("spacegrey")
PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
SPIN = "import time; end = time.time() + {}\nwhile time.time() < end: pass\n"


@pytest.fixture
def folder(tmp_path, host):
    (tmp_path / "this-computer.toml").write_bytes(host[0].read_bytes())
    return tmp_path


def spacegrey(folder, *words):
    return subprocess.run(
        [PROGRAM, *words], cwd=folder, capture_output=True, check=False, encoding="utf-8", timeout=120
    )


def recorded(folder, name="recorded.toml"):
    return workload(str(folder / name)).spec.recorded


def test_a_command_becomes_a_workload_that_runs(folder):
    done = spacegrey(folder, "record", "--out", "job.toml", "--", sys.executable, "-c", SPIN.format(2))
    assert (done.returncode, done.stderr) == (0, "")
    assert "replayed on this-computer.toml" in done.stdout
    assert max(map(len, done.stdout.splitlines()[:-1])) <= 80
    kept = recorded(folder, "job.toml")
    assert kept.duration_s == pytest.approx(2.0, abs=0.5)
    assert kept.exit_status == 0
    assert kept.unseen
    assert kept.confidence in {"low", "medium", "high"}
    assert kept.host == os.uname().nodename
    ran = spacegrey(folder, "run", "job.toml", "--on", "imac-pro", "--json")
    # With others on the computer the job may have got little of it in its two seconds.
    assert 0.2 * kept.alone_s < json.loads(ran.stdout)["duration_s"] < 5.0 * kept.alone_s


def test_json_has_the_keys_of_the_page(folder):
    done = spacegrey(folder, "record", "--json", "--samples", "s.jsonl", "--", "sh", "-c", "echo out; sleep 1")
    found = json.loads(done.stdout)
    section = PAGE.partition("## `spacegrey record`")[2].partition("\n## ")[0]
    assert list(found) == re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert set(found["recorded"]) | set(found["phases"][0]) <= set(re.findall(r"`(\w+)`", section))
    assert "out" in done.stderr, "what the job prints is not lost"
    lines = [json.loads(line) for line in (folder / "s.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(lines) == found["looks"]
    assert lines[-1]["time_s"] == pytest.approx(1.0, abs=0.3)


def test_the_job_s_status_is_told_and_its_recording_kept(folder):
    done = spacegrey(folder, "record", "--", "sh", "-c", "sleep 0.5; exit 3")
    assert done.returncode == 0
    assert "exit status 3" in done.stdout
    assert recorded(folder).exit_status == 3


def interrupted(folder, words, seconds):
    """Start a recording, wait until its job runs, interrupt it, and return it with its output."""
    running = subprocess.Popen(
        [PROGRAM, *words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )
    until = time.monotonic() + 60.0
    while time.monotonic() < until and "--pid" not in words and not psutil.Process(running.pid).children():
        time.sleep(0.05)
    if "--pid" in words:
        assert "Ctrl-C" in running.stderr.readline()
    time.sleep(seconds)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    return running.returncode, out, err


def test_ctrl_c_ends_the_recording_and_keeps_it(folder):
    status, out, err = interrupted(folder, ["record", "--", sys.executable, "-c", SPIN.format(60)], 2.5)
    assert status == 0, err
    assert "ended before the job did" in out
    kept = recorded(folder)
    assert 1.5 < kept.duration_s < 20.0
    assert "ended before the job did" in kept.doubts
    assert not list(folder.glob(".*")), "nothing half-written"


def test_ctrl_c_while_the_computer_is_rated_leaves_nothing(tmp_path):
    running = subprocess.Popen(
        [PROGRAM, "record", "--", "true"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert "rating this computer" in running.stderr.readline()
    time.sleep(0.7)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert err == ""
    assert not list(tmp_path.iterdir()), "no file of the rating and no half a machine"


@pytest.mark.slow
def test_a_job_that_does_not_listen_is_ended_too(folder):
    deaf = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + SPIN.format(120)
    begun = time.monotonic()
    status, out, _ = interrupted(folder, ["record", "--", sys.executable, "-c", deaf], 2.0)
    assert status == 0
    assert "ended before the job did" in out
    assert time.monotonic() - begun < 60.0


@pytest.mark.slow
def test_pid_attaches_and_lets_go(folder):
    job = subprocess.Popen([sys.executable, "-c", SPIN.format(60)])
    try:
        done = spacegrey(folder, "record", "--pid", str(job.pid), "--for", "2s", "--out", "attached.toml")
        assert done.returncode == 0, done.stderr
        kept = recorded(folder, "attached.toml")
        assert kept.duration_s == pytest.approx(2.0, abs=0.6)
        assert kept.processor_s > 0.1
        assert "ended before the job did" in kept.doubts
        assert job.poll() is None, "the process goes on"
        status, _, err = interrupted(folder, ["record", "--pid", str(job.pid), "--out", "again.toml"], 2.0)
        assert status == 0, err
        assert recorded(folder, "again.toml").duration_s > 0.5
        assert job.poll() is None
    finally:
        job.kill()
        job.wait()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "either a command after -- or --pid"),
        (["--pid", "1", "--", "true"], "either a command after -- or --pid"),
        (["--", "no-such-program"], "'no-such-program' cannot be run: No such file"),
        (["--", ""], "cannot be run"),
        (["--", "/"], "cannot be run: Permission denied"),
        (["--pid", "999999999"], "no process 999999999"),
        (["--pid", "-1"], "no process -1"),
        (["--cores", "0", "--", "true"], "--cores 0 is outside 1 to"),
        (["--cores", "9999", "--", "true"], "--cores 9999 is outside 1 to"),
        (["--for", "5s", "--", "true"], "--for goes with --pid"),
        (["--out", "job.txt", "--", "true"], "end in .toml"),
        (["--out", "none/job.toml", "--", "true"], "no such folder"),
        (["--out", "this-computer.toml", "--", "true"], "name the same file"),
        (["--host", "other.toml", "--", "true"], "other.toml: not a rated host"),
        (["--host", "elsewhere.toml", "--", "true"], "rated on 'elsewhere'"),
        (["--class", "vector", "--", "true"], "'vector' is not one of 'integer', 'float'"),
    ],
)
def test_what_cannot_be_recorded_is_one_line(folder, monkeypatch, words, says):
    monkeypatch.chdir(folder)
    host = (folder / "this-computer.toml").read_text(encoding="utf-8")
    (folder / "other.toml").write_text("[machine]\n", encoding="utf-8")
    renamed = host.replace(f'model = "{os.uname().nodename}"', 'model = "elsewhere"')
    (folder / "elsewhere.toml").write_text(renamed, encoding="utf-8")
    done = CliRunner().invoke(app, ["record", *words], prog_name="spacegrey")
    assert done.exit_code == 2, done.output
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (folder / "recorded.toml").exists()


def test_a_job_of_no_time_is_still_a_workload(folder):
    done = spacegrey(folder, "record", "--", "true")
    assert done.returncode == 0, done.stderr
    kept = recorded(folder)
    assert kept.confidence == "low"
    assert kept.duration_s < 2.0
