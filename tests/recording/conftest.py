"""The host, rated once, and recordings of real jobs on it."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from spacegrey.machine.assembly import machine
from spacegrey.simulation.run import simulate
from spacegrey.workload.library import workload
from spacegrey.workload.recording.bandwidth import memory_gb_s
from spacegrey.workload.recording.estimate import alone_s, demands
from spacegrey.workload.recording.rated_machine import machine_text, read_rating
from spacegrey.workload.recording.rating import rate_host
from spacegrey.workload.recording.recorded_workload import workload_text
from spacegrey.workload.recording.sampling import record_command

JOBS = Path(__file__).with_name("jobs.py")
TODAY = "2026-11-21"


@pytest.fixture(scope="session")
def host(tmp_path_factory):
    """Return this computer's own machine: its file and its rating, as the command writes and reads them."""
    path = tmp_path_factory.mktemp("host") / "host.toml"
    path.write_text(machine_text(rate_host(path.parent, TODAY)), encoding="utf-8")
    return path, read_rating(path)


@pytest.fixture
def host_now(host, tmp_path):
    """Return a function that gives the host with its memory rated anew.

    A virtual machine's neighbours change what memory gives by half, for seconds at a time.
    """
    count = iter(range(1000))

    def rated():
        one, every = memory_gb_s(host[1].cores)
        path = tmp_path / f"host-{next(count)}.toml"
        path.write_text(machine_text(replace(host[1], core_gb_s=one, all_gb_s=every)), encoding="utf-8")
        return path, read_rating(path)

    return rated


@pytest.fixture(scope="session")
def record_job(host, tmp_path_factory):
    """Return a function that runs a job on some cores and gives its workload, time alone, and samples."""
    folder = tmp_path_factory.mktemp("recorded")

    def record(kind, cores, on=host):
        taken = record_command([sys.executable, str(JOBS), kind], cores)
        assert taken.status == 0
        found = demands(taken, on[1])
        path = folder / f"{kind}-{cores}-{len(list(folder.iterdir()))}.toml"
        path.write_text(workload_text(taken, found, on[1], kind, TODAY), encoding="utf-8")
        return workload(str(path)), alone_s(found), taken

    return record


@pytest.fixture(scope="session")
def predict(host):
    """Return a function from a recorded workload and a number of cores to the seconds that the host's twin takes."""

    def seconds(recorded, cores, on=host):
        path, rating = on
        selector = f"{path}:{cores}-core" if cores < rating.cores else str(path)
        return simulate(recorded, machine(selector)).duration_s

    return seconds
