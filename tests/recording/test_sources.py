"""Where samples come from: processes, energy counters, counters of the processor; each beside another witness."""

import math
import os
import platform
import resource
import subprocess
import sys
import time

import psutil
import pytest

from spacegrey.workload.recording.anywhere import TreeAnywhere
from spacegrey.workload.recording.counters import CACHE_MISSES, TASK_CLOCK_NS, Counter
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
def test_children_that_live_for_less_than_a_look_are_counted():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = record_command(["sh", "-c", "for i in $(seq 60); do seq 300000 | md5sum > /dev/null; done"])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    charged = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert charged > 0.3
    assert taken.columns["cpu_s"][-1] == pytest.approx(charged, rel=0.1, abs=0.05)


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
    for name in ("cpu_s", "wanted_s", "read_b", "write_b", "core_busy_s"):
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
    before, begun = counter.read(), time.thread_time()
    spin(3_000_000)
    spent = time.thread_time() - begun
    assert (counter.read() - before) * 1e-9 == pytest.approx(spent, rel=0.1, abs=0.005)
    counter.close()
    assert math.isnan(counter.read())


def test_a_counter_that_may_not_be_read_is_not_a_number():
    counter = Counter((0, 2**40))
    assert not counter.follow([os.getpid()])
    assert math.isnan(counter.read())
    assert Counter(CACHE_MISSES).follow([2**22 + 1]) is False
