"""The host, rated once, and recordings of real jobs on it."""

import sys
from pathlib import Path

import pytest

from spacegrey.machine.assembly import machine
from spacegrey.simulation.run import simulate
from spacegrey.workload.library import workload
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


@pytest.fixture(scope="session")
def record_job(host, tmp_path_factory):
    """Return a function that runs a job on some cores and gives its workload, time alone, and samples."""
    folder, rating = tmp_path_factory.mktemp("recorded"), host[1]

    def record(kind, cores):
        taken = record_command([sys.executable, str(JOBS), kind], cores)
        assert taken.status == 0
        found = demands(taken, rating, "integer")
        path = folder / f"{kind}-{cores}-{len(list(folder.iterdir()))}.toml"
        path.write_text(workload_text(taken, found, rating, "integer", kind, TODAY), encoding="utf-8")
        return workload(str(path)), alone_s(found), taken

    return record


@pytest.fixture(scope="session")
def predict(host):
    """Return a function from a recorded workload and a number of cores to the seconds that the host's twin takes."""
    path, rating = host

    def seconds(recorded, cores):
        selector = f"{path}:{cores}-core" if cores < rating.cores else str(path)
        return simulate(recorded, machine(selector)).duration_s

    return seconds
