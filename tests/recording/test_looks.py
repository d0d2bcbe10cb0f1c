"""Looks at a job's processes: nothing that the system charges is lost, and nothing is opened without need."""

import contextlib
import ctypes
import os
import resource
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from spacegrey.workload.recording import held, processes, sampling, sensors
from spacegrey.workload.recording.clocks import ran_and_wanted
from spacegrey.workload.recording.held import Held
from spacegrey.workload.recording.processes import Tree
from spacegrey.workload.recording.sampling import record_command
from spacegrey.workload.recording.sensors import Sensors

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PROGRAMS = {
    "children of a moment": ["sh", "-c", "for i in $(seq 60); do seq 100000 | md5sum > /dev/null; done"],
    "threads of a moment": """
import hashlib, threading
def work(): hashlib.pbkdf2_hmac("sha256", b"key", b"salt", 30_000)
for _ in range(25):
    both = [threading.Thread(target=work) for _ in range(2)]
    for one in both: one.start()
    for one in both: one.join()
""",
    "orphans": """
import os, time
reads, writes = os.pipe()
for _ in range(4):
    if os.fork() == 0:
        if os.fork() == 0:
            end = time.process_time() + 0.2
            while time.process_time() < end: pass
        os._exit(0)
    os.wait()
    time.sleep(0.15)
os.close(writes)
os.read(reads, 1)  # until the last orphan has ended
time.sleep(0.3)
""",
    "children that are waited for at the end": """
import os, time
for _ in range(4):
    if os.fork() == 0:
        end = time.process_time() + 0.15
        while time.process_time() < end: pass
        os._exit(0)
    time.sleep(0.1)
for _ in range(4): os.wait()
""",
    "a job that ends between two looks": "import time\nwhile time.process_time() < 0.17: pass",
}


@linux
@pytest.mark.parametrize("beside", [0, 2])
@pytest.mark.parametrize("kind", PROGRAMS)
def test_all_that_the_system_charges_is_recorded(kind, beside):
    program = PROGRAMS[kind]
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(beside)]
    try:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken = record_command([sys.executable, "-c", program] if isinstance(program, str) else program)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:  # what the recorder left
                pass
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    finally:
        for one in others:
            one.kill()
            one.wait()
    charged = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    ran_s, _ = ran_and_wanted(taken)
    # Orphans are told in hundredths of a second, each for the user and the kernel.
    assert ran_s.sum() == pytest.approx(charged, rel=0.01, abs=0.02)
    assert taken.columns["cpu_s"][-1] == pytest.approx(charged, rel=0.01, abs=0.06)


@linux
def test_an_orphan_that_has_ended_is_no_zombie_for_as_long_as_the_job_runs():
    script = (
        "import os, time\n"
        "for _ in range(20):\n"
        "    if os.fork() == 0:\n"
        "        if os.fork() > 0: os._exit(0)\n"
        "        time.sleep(0.2); os._exit(0)\n"
        "    os.wait()\n"
        "time.sleep(1.5)\n"
    )
    taken = record_command([sys.executable, "-c", script])
    assert taken.columns["processes"].max() > 10, "they were seen"
    assert taken.columns["processes"][-3] == 1, "and waited for"


@linux
def test_a_thread_that_records_leaves_what_its_program_starts_meanwhile_alone():
    script = "import os, time\nif os.fork() == 0:\n    time.sleep(1.0); os._exit(0)\ntime.sleep(0.6)"
    with ThreadPoolExecutor(1) as threads:
        recording = threads.submit(record_command, [sys.executable, "-c", script])
        time.sleep(0.3)
        ours = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.1); exit(7)"])
        taken = recording.result()
    assert ours.wait() == 7, "the program's own wait found it"
    assert taken.columns["processes"].max() == 2
    assert processes.NO_ORPHANS in taken.unseen


@linux
def test_an_interrupted_job_ends_with_all_of_its_group_and_nobody_else(monkeypatch):
    ours, daemons = subprocess.Popen(["sleep", "60"]), []

    def running(*words):
        return [one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == [*words]]

    def interrupt(_self, _ended):
        deadline = time.monotonic() + 10.0
        while not (running("sleep", "50.25") and running("sleep", "51.25")) and time.monotonic() < deadline:
            time.sleep(0.02)
        raise KeyboardInterrupt

    monkeypatch.setattr(sampling._Recorder, "follow", interrupt)  # noqa: SLF001 - as if Ctrl-C came then
    try:
        taken = record_command(["sh", "-c", "setsid sleep 50.25 & sleep 51.25; true"])
        daemons = running("sleep", "50.25")
        assert not running("sleep", "51.25")
        assert len(daemons) == 1, "it left the group, as a daemon does"
        assert ours.poll() is None
    finally:
        for one in (ours, *daemons):
            one.kill()
            one.wait()
    assert taken.interrupted
    assert any("what 1 of the processes" in one for one in taken.unseen)


def test_a_command_is_kept_so_that_it_can_be_run_again():
    words = [sys.executable, "-c", "print('a | b', \"c\")"]
    taken = record_command(words, stdout=subprocess.DEVNULL)
    assert shlex.split(taken.command) == words


@linux
def test_whoever_records_adopts_no_orphans_afterwards():
    record_command(["true"])
    asked = ctypes.c_int(-1)
    ctypes.CDLL(None).prctl(processes.ASK_SUBREAPER, ctypes.byref(asked), 0, 0, 0)
    assert asked.value == 0


@linux
@pytest.mark.parametrize("where", [processes.CHILDREN, "/nowhere"])
def test_children_are_found_and_those_of_others_are_not(monkeypatch, where):
    monkeypatch.setattr(processes, "CHILDREN", where)
    other = subprocess.Popen(["sleep", "60"])
    job = subprocess.Popen(["sh", "-c", "sleep 60 & sh -c 'sleep 60 & sleep 60; true' & wait"])
    try:
        tree = Tree(job.pid, os.getpid())
        until = time.monotonic() + 10.0
        while tree.look().processes < 5 and time.monotonic() < until:
            time.sleep(0.02)
        family = [psutil.Process(job.pid), *psutil.Process(job.pid).children(recursive=True)]
        assert tree.look().processes == len(family) == 5
    finally:
        for one in family:
            one.kill()
        for one in (job, other):
            one.kill()
            one.wait()
    until = time.monotonic() + 10.0
    while tree.look().processes and time.monotonic() < until:
        time.sleep(0.02)
    assert tree.look().processes == 0


@linux
def test_a_look_at_a_job_that_starts_nothing_opens_no_file(monkeypatch):
    counted, opened, listed = [], os.open, os.listdir
    job = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        sensors, tree = Sensors((0,)), Tree(job.pid, None, lambda: 1)
        for _ in range(2):
            sensors.read(slow=False)
            tree.look()
        monkeypatch.setattr(os, "open", lambda *rest: counted.append(rest) or opened(*rest))
        monkeypatch.setattr(os, "listdir", lambda *rest: counted.append(rest) or listed(*rest))
        sensors.read(slow=False)
        assert tree.look().processes == 1
        assert not counted
        Tree(job.pid).look()
        assert counted, "the first look at a process opens its files"
    finally:
        job.kill()
        job.wait()


@linux
def test_the_count_of_what_was_begun_is_believed_when_it_grows(monkeypatch, tmp_path):
    path = tmp_path / "stat"
    monkeypatch.setattr(sensors, "STAT", path)
    path.write_text("cpu 1 0 0 0 0 0 0 0 0 0\nintr 5 0\nprocesses 70\n", "ascii")
    found = Sensors((0,), powercap=tmp_path)
    found.read(slow=False)
    assert found.begun is None
    path.write_text("cpu 1 0 0 0 0 0 0 0 0 0\nintr 5 0\nprocesses 71\n", "ascii")
    found.read(slow=False)
    assert found.begun == 71


@linux
def test_the_hottest_of_the_processor_s_own_sensor_is_told(monkeypatch, tmp_path):
    for number, (name, degrees) in enumerate((("nvme", (90000,)), ("k10temp", (51000, 62500)))):
        folder = tmp_path / f"hwmon{number}"
        folder.mkdir()
        (folder / "name").write_text(f"{name}\n", "ascii")
        for place, value in enumerate(degrees, 1):
            (folder / f"temp{place}_input").write_text(f"{value}\n", "ascii")
    monkeypatch.setattr(sensors, "HARDWARE", tmp_path)
    found = Sensors((0,))
    assert not [words for words in found.missing if "temperatures" in words]
    assert found.read(slow=True).cpu_temp_c == 62.5
    (tmp_path / "hwmon1" / "temp2_input").write_text("48000\n", "ascii")
    assert found.read(slow=True).cpu_temp_c == 51.0, "it is read anew"


@linux
def test_a_file_of_a_process_that_has_ended_reads_as_nothing_and_is_given_back(monkeypatch):
    job = subprocess.Popen(["sleep", "60"])
    before = Held.open_now
    kept = Held(f"/proc/{job.pid}/stat")
    monkeypatch.setattr(held, "MOST", before + 1)
    beyond = Held(f"/proc/{job.pid}/io")
    assert kept.read().startswith(f"{job.pid} (sleep)".encode())
    assert beyond.read()
    assert beyond.read(), "with too many open it is opened each time"
    assert Held.open_now == before + 1
    job.kill()
    job.wait()
    assert (kept.read(), beyond.read()) == (b"", b"")
    assert kept.gone
    assert Held.open_now == before


def test_a_file_longer_than_the_room_for_it_is_read_whole(tmp_path):
    path = tmp_path / "long"
    path.write_bytes(b"x" * 10_000)
    assert Held(str(path)).read() == b"x" * 10_000
