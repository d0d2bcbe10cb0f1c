"""Where samples come from: processes, energy counters, counters of the processor; each beside another witness."""

import gc
import math
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from spacegrey.workload.recording import sampling, sensors
from spacegrey.workload.recording.anywhere import TreeAnywhere
from spacegrey.workload.recording.counters import CACHE_MISSES, TASK_CLOCK_NS, Counter
from spacegrey.workload.recording.limits import Limits
from spacegrey.workload.recording.processes import Tree
from spacegrey.workload.recording.sampling import record_command
from spacegrey.workload.recording.sensors import Sensors

BURN = "s = 0\nfor i in range({steps}): s += i * i % 7\n"
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def spin(steps):
    total = 0
    for step in range(steps):
        total += step * step % 7
    return total


def test_processor_time_is_what_the_system_charges():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = record_command([sys.executable, "-c", BURN.format(steps=8_000_000)])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    charged = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert taken.columns["cpu_s"][-1] == pytest.approx(charged, abs=0.03)


@linux
def test_a_thread_s_clock_tells_what_it_ran_apart_from_what_it_waited():
    taken = record_command([sys.executable, "-c", BURN.format(steps=8_000_000)], cores=1)
    c = taken.columns
    assert (np.diff(c["ran_s"]) <= np.diff(c["wanted_s"]) + 1e-9).all()
    assert c["ran_s"][-1] == pytest.approx(c["cpu_s"][-1], abs=0.04)


@linux
def test_nothing_that_is_loaded_is_gone_through_while_a_job_is_looked_at():
    # Python's collector went through it in the middle of a look, for as much as fifty looks cost.
    frozen = []
    record_command(["sleep", "0.3"], progress=lambda _now: frozen.append(gc.get_freeze_count()))
    record_command(["sleep", "1.4"], progress=lambda _now: frozen.append(gc.get_freeze_count()))
    assert max(frozen) > 10_000
    assert gc.get_freeze_count() == 0, "and afterwards it is as it was"


def spins(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


@linux
def test_one_slow_look_does_not_blind_the_recorder(monkeypatch):
    looked, look = [], Tree.look

    def slow_once(tree):
        looked.append(0)
        if len(looked) == 2:
            spins(0.03)
        return look(tree)

    monkeypatch.setattr(Tree, "look", slow_once)
    taken = record_command(["sleep", "1.5"])
    assert np.diff(taken.columns["time_s"]).max() < 0.7, "and not for a second and more"


@linux
def test_dear_looks_are_rare(monkeypatch):
    look = Tree.look

    def dear(tree):
        until = time.thread_time() + 0.005
        while time.thread_time() < until:
            pass
        return look(tree)

    monkeypatch.setattr(Tree, "look", dear)
    taken = record_command(["sleep", "3"])
    assert 3 < len(taken.columns["time_s"]) < 15, "thirty would take a twentieth of a core"


@linux
def test_what_a_job_leaves_behind_is_still_seen():
    # the middle process ends at once; the first waits for the orphan by the pipe that only this one still holds
    script = (
        "import os, time\n"
        "reads, writes = os.pipe()\n"
        "if os.fork() == 0:\n"
        "    if os.fork() == 0:\n"
        "        end = time.process_time() + 0.6\n"
        "        while time.process_time() < end: pass\n"
        "        time.sleep(0.5)\n"
        "    os._exit(0)\n"
        "os.close(writes)\n"
        "os.read(reads, 1)\n"
    )
    taken = record_command([sys.executable, "-c", script])
    assert float(taken.columns["cpu_s"].max()) > 0.55


@linux
def test_sums_never_fall(tmp_path):
    taken = record_command(["sh", "-c", f"for i in $(seq 30); do dd if=/dev/zero of={tmp_path}/f bs=1M count=3; done"])
    for name in ("cpu_s", "wanted_s", "ran_s", "read_b", "write_b", "core_busy_s", "stolen_s"):
        steps = taken.columns[name][1:] - taken.columns[name][:-1]
        assert (steps >= 0.0).all(), name


@linux
def test_bytes_to_the_drive_are_counted(tmp_path):
    taken = record_command(["dd", "if=/dev/zero", f"of={tmp_path}/f", "bs=1M", "count=64", "conv=fsync"])
    moved = 64 * 2**20
    if taken.columns["write_b"][-1] == 0.0:
        pytest.skip("this file system keeps files in memory")
    assert taken.columns["write_b"][-1] == pytest.approx(moved, rel=0.05)


@linux
def test_both_ways_to_look_at_processes_agree():
    job = subprocess.Popen([sys.executable, "-c", BURN.format(steps=40_000_000)])
    try:
        fine, coarse = Tree(job.pid), TreeAnywhere(job.pid)
        coarse.look()
        time.sleep(0.5)
        one, other = fine.look(), coarse.look()
        assert one.cpu_s == pytest.approx(other.cpu_s, abs=0.03)
        assert one.memory_b == pytest.approx(other.memory_b, rel=0.05)
        assert (one.processes, one.threads) == (other.processes, other.threads)
        assert fine.alive()
        assert coarse.alive()
        assert other.cpu_s == pytest.approx(sum(psutil.Process(job.pid).cpu_times()[:2]), abs=0.1)
    finally:
        job.kill()
        job.wait()
    assert not fine.alive()
    assert not coarse.alive()


def test_package_energy_goes_on_when_its_counter_starts_again(tmp_path):
    package = tmp_path / "intel-rapl:0"
    (tmp_path / "intel-rapl:0:0").mkdir()
    (tmp_path / "intel-rapl:0:0" / "energy_uj").write_text("5\n", encoding="ascii")  # a part of the package
    package.mkdir()
    (package / "max_energy_range_uj").write_text("10000000\n", encoding="ascii")
    seen = []
    (package / "energy_uj").write_text("8000000\n", encoding="ascii")
    sensors = Sensors((0,), powercap=tmp_path)
    for count in (8_000_000, 9_500_000, 1_000_000):
        (package / "energy_uj").write_text(f"{count}\n", encoding="ascii")
        seen.append(sensors.read(slow=False).package_j)
    assert seen == pytest.approx([0.0, 1.5, 3.0])
    assert not [words for words in sensors.missing if "energy" in words]


def test_a_sensor_that_is_not_there_is_named(tmp_path):
    sensors = Sensors((0,), powercap=tmp_path)
    assert [words for words in sensors.missing if "energy counter" in words]
    assert math.isnan(sensors.read(slow=True).package_j)


@linux
@pytest.mark.skipif(platform.machine() not in {"x86_64", "aarch64"}, reason="the call's number is not known")
def test_a_counter_follows_a_thread_and_agrees_with_its_clock():
    # the clock of a task is counted by the same call as cache misses, and every kernel with perf events has it
    counter = Counter(TASK_CLOCK_NS)
    if not counter.follow([os.getpid()]):
        pytest.skip("perf events are not allowed here")
    pairs = []
    for _ in range(4):  # a virtual machine's neighbours may come between the two clocks
        before, begun = counter.read(), time.thread_time()
        spin(3_000_000)
        spent = time.thread_time() - begun
        pairs.append(((counter.read() - before) * 1e-9, pytest.approx(spent, rel=0.1, abs=0.005)))
        if pairs[-1][0] == pairs[-1][1]:
            break
    else:
        pytest.fail(f"{pairs}")
    counter.close()
    assert math.isnan(counter.read())


def test_a_counter_of_some_threads_only_is_none():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    counter = Counter(TASK_CLOCK_NS)
    if not counter.follow([os.getpid()]):
        pytest.skip("this system lets nobody count")
    counter.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 20, hard))
    try:
        assert not counter.follow([os.getpid()] * 100)
        assert math.isnan(counter.read())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        counter.close()


def test_a_counter_that_may_not_be_read_is_not_a_number():
    counter = Counter((0, 2**40))
    assert not counter.follow([os.getpid()])
    assert math.isnan(counter.read())
    assert Counter(CACHE_MISSES).follow([2**22 + 1]) is False


NVML = """
#include <stdlib.h>
typedef struct { unsigned gpu, memory; } use;
static int card;
int nvmlInit_v2(void) { return atoi(getenv("FAKE_NVML_INIT")); }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) { *handle = &card; return index; }
int nvmlDeviceGetUtilizationRates(void *handle, use *told) {
    if (handle != &card) return 2;
    told->gpu = 73; told->memory = 20; return 0;
}
int nvmlDeviceGetPowerUsage(void *handle, unsigned *told) { if (handle != &card) return 2; *told = 212500; return 0; }
int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned *told) {
    if (handle != &card || sensor) return 2;
    *told = 64; return atoi(getenv("FAKE_NVML_TEMPERATURE"));
}
"""


@pytest.fixture(scope="module")
def nvml(tmp_path_factory):
    """Return a library with NVML's functions, as its header declares them, and a card that it makes up."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("nvml")
    (folder / "nvml.c").write_text(NVML, encoding="ascii")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "nvml.so", folder / "nvml.c"], check=True)
    return str(folder / "nvml.so")


@pytest.mark.parametrize(("status", "temp_c"), [(0, 64.0), (3, math.nan)])
def test_a_card_is_read_through_its_library(monkeypatch, tmp_path, nvml, status, temp_c):
    monkeypatch.setattr(sensors, "NVML_LIBRARY", nvml)
    monkeypatch.setenv("FAKE_NVML_INIT", "0")
    monkeypatch.setenv("FAKE_NVML_TEMPERATURE", str(status))
    found = Sensors((0,), powercap=tmp_path)
    assert not [words for words in found.missing if "graphics" in words]
    told = found.read(slow=True)
    assert (told.gpu_busy, told.gpu_power_w) == (0.73, 212.5)
    assert told.gpu_temp_c == pytest.approx(temp_c, nan_ok=True)
    assert math.isnan(found.read(slow=False).gpu_busy), "it answers slowly and is left out of most looks"


def test_a_library_without_a_driver_is_no_card(monkeypatch, tmp_path, nvml):
    monkeypatch.setattr(sensors, "NVML_LIBRARY", nvml)
    monkeypatch.setenv("FAKE_NVML_INIT", "9")
    assert [words for words in Sensors((0,), powercap=tmp_path).missing if "graphics" in words]


@pytest.mark.parametrize("text", [None, "intr 0\n", "cpu0 0 0 0 0 0 0 0 0 0 0\n"])
def test_cores_whose_clocks_may_not_be_read_are_named(monkeypatch, tmp_path, text):
    path = tmp_path / "stat"
    if text is not None:
        path.write_text(text, encoding="ascii")
    monkeypatch.setattr(sensors, "STAT", path)
    found = Sensors((0,), powercap=tmp_path)
    assert [words for words in found.missing if "what other programs took" in words]
    assert math.isnan(found.read(slow=False).core_busy_s)


def test_what_a_neighbour_stole_is_a_part_of_what_the_cores_were_busy(monkeypatch, tmp_path):
    path = tmp_path / "stat"
    path.write_text("cpu 0 0 0 0 0 0 0 0 0 0\ncpu0 300 0 100 900 50 0 0 70 0 0\ncpu1 9 9 9 9 9 9 9 9 9 9\n", "ascii")
    monkeypatch.setattr(sensors, "STAT", path)
    tick_s = 1.0 / os.sysconf("SC_CLK_TCK")
    told = Sensors((0,), powercap=tmp_path).read(slow=False)
    assert (told.core_busy_s, told.stolen_s) == (pytest.approx(470 * tick_s), pytest.approx(70 * tick_s))


@linux
@pytest.mark.parametrize(("hidden", "says"), [("/io", "bytes from and to drives"), ("/schedstat", "waited for a core")])
def test_what_may_not_be_read_of_a_process_is_named_once(monkeypatch, hidden, says):
    opened, exists = os.open, os.path.exists

    def allowed(path, *rest):
        if str(path).endswith(hidden):
            raise PermissionError(path)
        return opened(path, *rest)

    monkeypatch.setattr(os, "open", allowed)
    monkeypatch.setattr(os.path, "exists", lambda path: not str(path).endswith(hidden) and exists(path))
    tree = Tree(os.getpid())
    for _ in range(2):
        assert tree.look().cpu_s > 0.0
    assert len([words for words in tree.missing if says in words]) == 1


@linux
def test_a_limit_of_the_control_group_counts_and_is_named(monkeypatch):
    monkeypatch.setattr(sampling, "limits", lambda **_where: Limits(cores=0.5))
    taken = record_command(["sleep", "0.3"])
    assert taken.cores == 1
    assert [words for words in taken.unseen if "a control group gives it no more" in words]
