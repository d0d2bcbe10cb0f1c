"""Memory traffic told from touched pages: real jobs of one kind each, with other programs beside them."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from spacegrey.workload.recording import footprint, sampling
from spacegrey.workload.recording.footprint import Footprint

JOBS = Path(__file__).with_name("jobs.py")
CACHE_B = 32 * 2**20
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def after(job, begun_s):
    """Wait until a job has used so much processor time: others may have the cores."""
    until = time.monotonic() + 60.0
    while sum(psutil.Process(job.pid).cpu_times()[:2]) < begun_s and time.monotonic() < until:
        time.sleep(0.02)


def watched(command, times=12):
    """Return what windows on a process that has begun showed."""
    job = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    seen = Footprint()
    try:
        after(job, 1.4)  # memory that is touched for the first time costs the kernel that long
        for _ in range(times):
            seen.watch(job.pid, CACHE_B, time.sleep)
            time.sleep(0.05)
        assert job.poll() is None, "it ran for as long as it was looked at"
    finally:
        job.kill()
        job.wait()
    if not seen.allowed:
        pytest.skip("this system does not let marks on pages be read")
    return seen


def walks(mib):
    """Return a program that reads memory from end to end, again and again."""
    return [sys.executable, "-c", f"import numpy as np; a = np.ones({mib} * 2**17)\nwhile True: a.sum()"]


@linux
@pytest.mark.parametrize("neighbours", [0, 2])
def test_a_job_that_streams_is_told_from_one_that_computes(neighbours):
    # the neighbours stream too: what they do to the memory is not the job's
    others = [subprocess.Popen(walks(96)) for _ in range(neighbours)]
    try:
        streams, computes = (watched([sys.executable, JOBS, f"long-{kind}"]) for kind in ("memory", "compute"))
    finally:
        for one in others:
            one.kill()
            one.wait()
    assert streams.touched_b / streams.watched_s > 4e9
    assert computes.touched_b / computes.watched_s < 0.5e9
    assert computes.watched_s > 0.02


@linux
def test_what_fits_into_the_caches_is_no_traffic():
    small, large = watched(walks(8)), watched(walks(128))
    assert small.touched_b == 0.0
    assert small.watched_s > 0.02
    assert large.touched_b / large.watched_s > 4e9


def agree(measure, rel):
    """Hold two measures of a rate against each other; neighbours on the memory may upset some tries."""
    off = []
    for _ in range(4):
        one, other = measure()
        off.append(one / other - 1.0)
        if abs(off[-1]) <= rel:
            return
    pytest.fail(f"off by {off}")


def copied():
    """Return the rate of a program that copies, as windows on it show it and as it says itself."""
    # the program tells its own processor time and rounds: another witness than the marks
    script = (
        "import numpy as np, time, sys\n"
        "a, b = np.ones(12_000_000), np.ones(12_000_000)\n"
        "print(flush=True)\n"
        "rounds, begun = 0, time.process_time()\n"
        "while time.process_time() - begun < 1.5: np.copyto(b, a); rounds += 1\n"
        "print(rounds * 2 * a.nbytes / (time.process_time() - begun))\n"
    )
    job = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    seen = Footprint()
    job.stdout.readline()  # it copies
    while job.poll() is None and seen.windows < 15:
        seen.watch(job.pid, CACHE_B, time.sleep)
        time.sleep(0.02)
    said = float(job.communicate()[0])
    if not seen.allowed:
        pytest.skip("this system does not let marks on pages be read")
    return seen.touched_b / seen.watched_s, said


@linux
def test_the_rate_is_what_a_program_says_it_copies():
    agree(copied, 0.3)  # marks and clocks are read a moment apart, and pages are whole


@linux
def test_a_process_that_may_not_be_watched_is_left_alone(monkeypatch):
    def refused(path, *_arguments):
        raise PermissionError(path)

    seen = Footprint()
    monkeypatch.setattr(os, "open", refused)
    seen.watch(os.getpid(), CACHE_B, time.sleep)
    assert not seen.allowed
    monkeypatch.undo()
    seen.watch(os.getpid(), CACHE_B, time.sleep)
    assert seen.windows == 0, "it is not asked again"


@linux
def test_a_process_that_has_ended_changes_nothing():
    job = subprocess.Popen(["true"])
    job.wait()
    seen = Footprint()
    seen.watch(job.pid, CACHE_B, time.sleep)
    assert (seen.windows, seen.touched_b, seen.allowed) == (0, 0.0, True)
    assert np.isfinite(seen.watched_s)


@linux
def test_a_process_too_large_to_look_at_cheaply_is_not_looked_at(monkeypatch):
    monkeypatch.setattr(footprint, "_huge_b", lambda: 0.0)
    assert footprint.cost_s(8 * 2**30) > 0.2
    monkeypatch.setattr(sampling, "cost_s", lambda _resident_b: 60.0)
    taken = sampling.record_command([sys.executable, str(JOBS), "serial"])
    assert taken.columns["watched_s"][-1] == 0.0
    assert [words for words in taken.unseen if "its memory too large" in words]
    monkeypatch.setattr(sampling, "cost_s", footprint.cost_s)
    taken = sampling.record_command([sys.executable, str(JOBS), "serial"])
    assert taken.columns["watched_s"][-1] > 0.0


def streamed_late():
    """Return the rate of a program that begins to stream, in a window after a still one and after others."""
    # It computes first, so that the recorder counts late; its memory is small enough to be gone through by then.
    script = (
        "import numpy as np, time\n"
        "a = np.ones(16_000_000); end = time.process_time() + 1.0\n"
        "while time.process_time() < end: sum(range(1000))\n"
        "while True: a.sum()\n"
    )
    job = subprocess.Popen([sys.executable, "-c", script])
    late, steady = [], []
    try:
        after(job, 0.6)
        seen = Footprint()
        seen.watch(job.pid, CACHE_B, time.sleep)
        if not seen.allowed:
            pytest.skip("this system does not let marks on pages be read")
        assert seen.touched_b == 0.0
        after(job, 1.8)
        for _ in range(9):
            # As after a window in which it computed, and as after one in which it streamed.
            for rates, still in ((late, job.pid), (steady, 0)):
                window = Footprint(_still=still)
                window.watch(job.pid, CACHE_B, time.sleep)
                rates.append(window.touched_b / window.watched_s)
    finally:
        job.kill()
        job.wait()
    # The middle one: where other work makes a wait longer, the whole memory is gone through in it.
    return np.median(late), np.median(steady)


@linux
def test_a_job_that_begins_to_stream_late_is_seen_at_its_full_rate():
    agree(streamed_late, 0.35)
