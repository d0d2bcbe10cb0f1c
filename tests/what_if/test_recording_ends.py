"""How a recording ends otherwise than by its job: asked to end, or its terminal closed; and what leaves nothing."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from spacegrey.simulation.recorded import rated
from spacegrey.workload.library import workload

PROGRAM = Path(sys.executable).with_name("spacegrey")
TODAY = "2026-11-22"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with this computer, rated."""
    made = tmp_path_factory.mktemp("ends")
    rated(made / "this-computer.toml", made, TODAY)
    return made


def its_job(recorder, seconds=60.0):
    """Return the job of a recorder once it runs."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = [one for one in psutil.Process(recorder).children() if one.name() == "sleep"]
        if found:
            return found[0]
        time.sleep(0.05)
    raise AssertionError("the job never began")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_recorder_that_is_asked_to_end_keeps_the_recording_and_ends_the_job(folder, number):
    out = folder / f"{number.name}.toml"
    recorder = subprocess.Popen(
        [PROGRAM, "record", "--out", out, "--", "sleep", "300"], cwd=folder, stdout=subprocess.PIPE, encoding="utf-8"
    )
    job = its_job(recorder.pid)
    time.sleep(1.0)
    recorder.send_signal(number)
    said, _ = recorder.communicate(timeout=60)
    assert recorder.returncode == 0
    assert "ended before the job did" in said
    assert workload(str(out)).spec.recorded.duration_s > 0.5
    assert not job.is_running()


def test_a_terminal_that_closes_leaves_the_recording(folder):
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execv(PROGRAM, [PROGRAM, "record", "--out", "closed.toml", "--", "sleep", "300"])  # noqa: S606 - the program under test
    job = its_job(child)
    time.sleep(1.0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert workload(str(folder / "closed.toml")).spec.recorded.duration_s > 0.5
    assert not job.is_running()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--pid", str(os.getpid()), "--for", "0s"], "--for=0s is not longer than nothing"),
        (["--pid", str(os.getpid()), "--for", "-3s"], "--for=-3s is not longer than nothing"),
        (["--samples", "none.toml", "--", "sleep", "0.2"], "two of out, host and samples name the same file"),
        (["--samples", "this-computer.toml", "--", "sleep", "0.2"], "name the same file"),
    ],
)
def test_what_would_keep_nothing_is_one_line_and_leaves_no_file(folder, words, says):
    before = (folder / "this-computer.toml").read_bytes()
    done = subprocess.run(
        [PROGRAM, "record", "--out", "none.toml", *words], cwd=folder, capture_output=True, check=False, text=True
    )
    assert done.returncode == 2, done.stdout
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (folder / "none.toml").exists()
    assert (folder / "this-computer.toml").read_bytes() == before


def test_a_process_is_named_by_its_program(folder):
    job = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        subprocess.run(
            [PROGRAM, "record", "--out", "named.toml", "--pid", str(job.pid), "--for", "500ms"],
            cwd=folder, capture_output=True, check=True, timeout=60,
        )  # fmt: skip
    finally:
        job.kill()
        job.wait()
    assert workload(str(folder / "named.toml")).name == Path(sys.executable).name


def test_workloads_says_where_a_recording_is_from_and_how_sure_it_is(folder):
    out = folder / "fails.toml"
    subprocess.run(
        [PROGRAM, "record", "--out", out, "--", "sh", "-c", "sleep 0.4; exit 3"],
        cwd=folder, capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    kept = workload(str(out)).spec.recorded
    said = subprocess.run([PROGRAM, "workloads", out], capture_output=True, check=True, text=True, timeout=60).stdout
    assert f"of {kept.host} ({kept.processor}), exit status 3" in " ".join(said.split())
    assert f"confidence: {kept.confidence}" in said
    assert said.count("not seen: ") == len(kept.unseen) > 0
    told = subprocess.run([PROGRAM, "workloads", out, "--json"], capture_output=True, check=True, text=True, timeout=60)
    assert json.loads(told.stdout)["recorded"]["exit_status"] == 3
