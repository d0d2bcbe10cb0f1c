"""The class of a job's work, by the instructions at which its threads are met: on known code, and on real jobs."""

import gc
import os
import platform
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from spacegrey.errors import InputError
from spacegrey.workload.recording import instructions
from spacegrey.workload.recording.estimate import demands
from spacegrey.workload.recording.instructions import Instructions, cut_by_class, is_floating, work_class
from spacegrey.workload.recording.recorded_workload import unseen
from spacegrey.workload.recording.sampling import record_command, record_process

FLOATS = """
import numpy as np, time
a = np.random.rand(700, 700)
while time.process_time() < 2.0: a @ a
"""
INTEGERS = """
import hashlib, time
while time.process_time() < 2.0: hashlib.pbkdf2_hmac("sha256", b"key", b"salt", 30_000)
"""
BOTH = """
import hashlib, numpy as np, time
a = np.random.rand(700, 700)
while time.process_time() < 1.5: hashlib.pbkdf2_hmac("sha256", b"key", b"salt", 30_000)
time.sleep({rest})
while time.process_time() < 3.0: a @ a
"""


def met():
    """Tell whether this system lets threads be met."""
    found = Instructions()
    allowed = found.follow([0], [0])
    found.close()
    return allowed


needs_meeting = pytest.mark.skipif(not met(), reason="this system does not tell where threads are")


@pytest.mark.parametrize(
    ("code", "floating"),
    [
        ("f20f59c1", True),  # mulsd xmm0, xmm1
        ("0f58c1", True),  # addps xmm0, xmm1
        ("f2480f2ac0", True),  # cvtsi2sd xmm0, rax
        ("66440f2ec1", True),  # ucomisd xmm8, xmm1
        ("c5f459c2", True),  # vmulps ymm0, ymm1, ymm2
        ("c4c17459c0", True),  # vmulps ymm0, ymm1, ymm8
        ("c4e2f5b8c2", True),  # vfmadd231pd ymm0, ymm1, ymm2
        ("62f1744858c2", True),  # vaddps zmm0, zmm1, zmm2
        ("62f2f548b8c2", True),  # vfmadd231pd zmm0, zmm1, zmm2
        ("d8c1", True),  # fadd st, st(1)
        ("4889d8", False),  # mov rax, rbx
        ("480fafc3", False),  # imul rax, rbx
        ("660ffec1", False),  # paddd xmm0, xmm1
        ("0f28c1", False),  # movaps xmm0, xmm1
        ("c5fc1000", False),  # vmovups ymm0, [rax]
        ("c4e27d18c0", False),  # vbroadcastss ymm0, xmm0
        ("c4e27540c2", False),  # vpmulld-like: of the map 0F38 and none that adds
        ("62f17c4828c1", False),  # vmovaps zmm0, zmm1
        ("f30f1efa", False),  # endbr64
        ("6666662e0f1f840000000000", False),  # a long nop
        ("e800000000", False),  # call
    ],
)
def test_arithmetic_of_floating_point_numbers_is_known(code, floating):
    assert is_floating(bytes.fromhex(code).ljust(16, b"\x90")) is floating


def test_no_bytes_are_too_strange():
    random = np.random.default_rng(1)
    for row in random.integers(0, 256, (20_000, 16), dtype=np.uint8):
        assert is_floating(row.tobytes()) in {True, False}


@needs_meeting
@pytest.mark.parametrize(("program", "kind"), [(FLOATS, "float"), (INTEGERS, "integer")])
def test_the_class_of_a_real_job_is_seen(program, kind):
    # through a shell: what the job starts is met too
    taken = record_command(["sh", "-c", f"{sys.executable} -c '{program}'; true"])
    assert taken.columns["met"][-1] > 20
    assert work_class(taken.columns, 0.0, taken.duration_s) == kind


@needs_meeting
@pytest.mark.parametrize("rest", [0.5, 0.0], ids=["after a rest", "where nothing else changes"])
def test_each_phase_has_its_own_class(host, rest):
    taken = record_command([sys.executable, "-c", BOTH.format(rest=rest)], 1)
    found = [one for one in demands(taken, host[1]) if one.stretch.cpu_s > 0.8]
    assert {one.by for one in found} == {"met"}
    assert (found[0].kind, found[-1].kind) == ("integer", "float")
    assert not any("mix of instructions" in one for one in unseen(taken, found))
    told = demands(taken, host[1], "float")
    assert {(one.kind, one.by) for one in told} == {("float", "given")}


@pytest.mark.parametrize(
    ("floating", "cuts"),
    [
        (np.repeat([0.0, 2.0, 0.0], 15), [0, 15, 30, 45]),
        (np.repeat([0.0, 2.0], [44, 1]), [0, 45]),  # too few places to tell
        (np.repeat([1.0, 4.0], [20, 25]), [0, 45]),  # more of it, and no other class
        (np.tile([0.0, 0.4], 23)[:45], [0, 45]),
        (np.zeros(45), [0, 45]),
    ],
)
def test_a_phase_is_cut_where_only_the_class_changes(floating, cuts):
    assert cut_by_class([0, 45], np.full(45, 5.0), floating) == cuts


def test_cuts_that_are_there_stay_and_nothing_met_is_nothing_cut():
    nothing = np.zeros(30)
    assert cut_by_class([0, 7, 30], nothing, nothing) == [0, 7, 30]


@needs_meeting
def test_a_running_process_is_met_too():
    job = subprocess.Popen([sys.executable, "-c", FLOATS])
    try:
        taken = record_process(job.pid, 60.0)  # until it ends, after two seconds of a core
    finally:
        job.kill()
        job.wait()
    assert work_class(taken.columns, 0.0, taken.duration_s) == "float"


@needs_meeting
def test_what_a_process_had_started_before_is_met_too():
    script = f"{sys.executable} -c 'print(flush=True){FLOATS}'; true"
    job = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, process_group=0)
    try:
        job.stdout.readline()  # the shell's child runs
        taken = record_process(job.pid, 60.0)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(job.pid, signal.SIGKILL)
        job.communicate()
    assert work_class(taken.columns, 0.0, taken.duration_s) == "float"


@needs_meeting
def test_who_runs_for_a_moment_is_met_on_many_cores_too(monkeypatch):
    cores = sorted(os.sched_getaffinity(0))
    monkeypatch.setattr(instructions, "A_SECOND", 2.5 * len(cores))  # a busy core has two and a half of them
    seen = Instructions()
    assert seen.follow([0], cores)
    try:
        for _ in range(8):
            job = subprocess.Popen(
                [sys.executable, "-S", "-c", "import time\nwhile time.process_time() < 0.3: sum(range(9999))"]
            )
            while job.poll() is None:
                seen.read()
                time.sleep(0.005)
    finally:
        seen.close()
    assert seen.met >= 3


@needs_meeting
def test_of_more_threads_than_can_be_followed_the_first_are(monkeypatch):
    monkeypatch.setattr(instructions, "MOST_EVENTS", 2)
    before, seen = len(list(Path("/proc/self/fd").iterdir())), Instructions()
    try:
        assert seen.follow([os.getpid()] * 5, [0])
        assert len(list(Path("/proc/self/fd").iterdir())) == before + 4, "an event has a handle, and its ring another"
    finally:
        seen.close()


@needs_meeting
def test_more_places_than_there_is_room_for_at_once_are_all_told(monkeypatch):
    monkeypatch.setattr(instructions, "PERIOD_NS", 250_000)
    monkeypatch.setattr(instructions, "A_SECOND", 10_000)
    seen = Instructions()
    assert seen.follow([0], [0, 1][: len(instructions.os.sched_getaffinity(0))])
    job = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        until = time.monotonic() + 1.0
        while time.monotonic() < until:  # each ring holds 341 of them
            time.sleep(0.02)
            seen.read()
    finally:
        job.kill()
        job.wait()
        seen.close()
    assert seen.met > 500
    assert seen.floating < 0.02 * seen.met


def test_where_nobody_is_met_the_recording_says_so(monkeypatch, host):
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    taken = record_command([sys.executable, "-c", "import time\nwhile time.process_time() < 0.5: pass"])
    assert taken.columns["met"][-1] == 0.0
    found = demands(taken, host[1])
    assert {one.by for one in found} == {"assumed"}
    assert "mix of instructions" in unseen(taken, found)[0]


@pytest.mark.skipif(sys.platform != "linux", reason="counts open files")
def test_nothing_stays_open():
    def files():
        gc.collect()
        return psutil.Process().num_fds()

    record_command(["true"])
    before = files()
    record_command([sys.executable, "-c", "import time\nwhile time.process_time() < 0.5: pass"])
    assert files() == before
    with pytest.raises(InputError, match="cannot be run"):
        record_command(["/no/such/program"])
    assert files() == before
