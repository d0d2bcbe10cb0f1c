"""What one look of the recorder costs, beside psutil's look at the same process and computer."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from spacegrey.workload.recording.anywhere import TreeAnywhere
from spacegrey.workload.recording.processes import Tree
from spacegrey.workload.recording.sensors import Sensors

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = [
    pytest.mark.benchmark(group="one look at a job"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]


@pytest.fixture(params=[0, 10], ids=["one process", "with ten children"])
def job(request: pytest.FixtureRequest) -> Generator[int]:
    script = f"import subprocess as s, time\njobs = [s.Popen(['sleep', '600']) for _ in range({request.param})]\n"
    running = subprocess.Popen(
        [sys.executable, "-c", f"{script}print(flush=True)\ntime.sleep(600)"], stdout=subprocess.PIPE
    )
    assert running.stdout
    running.stdout.readline()
    first = TreeAnywhere(running.pid)
    assert first.look().processes == 1 + request.param
    yield running.pid
    import psutil

    for one in psutil.Process(running.pid).children():
        one.kill()
    running.kill()
    running.communicate()


def test_the_recorder(benchmark: BenchmarkFixture, job: int) -> None:
    sensors = Sensors(tuple(os.sched_getaffinity(0)))
    tree = Tree(job, None, lambda: sensors.begun)

    def look() -> int:
        sensors.read(slow=False)
        return tree.look().processes

    assert benchmark(look) >= 1


def test_psutil(benchmark: BenchmarkFixture, job: int) -> None:
    import psutil

    tree = TreeAnywhere(job)

    def look() -> int:
        psutil.cpu_times(percpu=True)
        return tree.look().processes

    assert benchmark(look) >= 1
