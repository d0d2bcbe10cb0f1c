"""The GPU's kernel in numba's simulator, which runs its threads as plain Python: the CPU's answers, in any slices."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spacegrey.simulation import batch

HERE = Path(__file__).parent
SAME = 1e-9
"""How near the plain operations come to the compiled ones, which contract products and sums; relative."""

HOT = "imac-pro:18-core+ambient=60C,dust=0.9"
SELECTORS = (
    HOT,  # throttles, and its fans rise
    "mac-mini-2018+ambient=60C,dust=0.5",  # at its power limit, and drops frames
    HOT,  # shares its phases with the first
    "macbook-air-m1",  # takes longest
    "mac-pro-2019",
)

HEAD = """
import json, sys, warnings
import numpy as np
warnings.simplefilter("ignore", RuntimeWarning)  # plain Python works out both choices, of which one may divide by zero
from spacegrey.jit import device
from spacegrey.machine.assembly import machine
from spacegrey.simulation import batch, gpu
from spacegrey.simulation.kernel import layout as at
from spacegrey.workload.library import workload
selectors, mixture = json.loads(sys.argv[1])
machines = {name: machine(name) for name in selectors}
work = workload(mixture)
jobs = [(work, machines[name]) for name in selectors]
"""


def simulated(script, *selectors):
    """Return what a script prints as JSON, in a process whose GPU is numba's simulator."""
    done = subprocess.run(
        [sys.executable, "-c", HEAD + script, json.dumps([selectors, str(HERE / "mixture.toml")])],
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def tables(machine_of, workload_of):
    """Return the same jobs' results from the CPU and from the simulated GPU."""
    work = workload_of(str(HERE / "mixture.toml"))
    found = simulated(
        "table = batch.simulate_batch(jobs, device='cuda')\n"
        "print(json.dumps({name: column.tolist() for name, column in table.items()}))",
        *SELECTORS,
    )
    return batch.simulate_batch([(work, machine_of(name)) for name in SELECTORS]), found


def test_a_gpu_gives_the_cpus_answers(tables):
    cpu, gpu = tables
    assert set(cpu) == set(gpu)
    for name in batch.COLUMNS:
        # The balance is what rounding leaves over: nothing, either way.
        assert gpu[name] == pytest.approx(list(cpu[name]), rel=SAME, abs=SAME, nan_ok=True), name
    assert gpu["limit"] == list(cpu["limit"])
    assert gpu["refusal"] == [""] * len(SELECTORS)


def test_the_jobs_differ_in_what_the_kernel_must_do(tables):
    cpu, _ = tables
    assert len(set(cpu["duration_s"])) == len(set(SELECTORS))
    assert len(set(np.ceil(cpu["duration_s"]))) > 2  # threads end in different seconds
    assert len(set(cpu["limit"])) > 1
    assert cpu["peak_cpu_temp_c"].max() > 95.0  # where processors trip
    assert (cpu["fan_rpm_max"] > cpu["fan_rpm_min"] + 100.0).any()
    assert cpu["delivered"].min() < 0.9  # late frames


SLICED = """
starts = batch.lanes([one for _, one in jobs])
phases = [batch.lower(work, one) for _, one in jobs]
def run(launch_s):
    done = gpu.run_machines(starts, phases, 3600, launch_s)
    return [array.tobytes().hex() for array in (done.lanes, *done.ends, done.status)]
launches = []
plain = gpu.go_on
def counted():
    launches.append(1)
    return plain()
gpu.go_on = counted
short = run(1e-9)
many = len(launches)
long = run(1e9)
print(json.dumps([short == long, many, len(launches) - many]))
"""


def test_the_length_of_a_launch_changes_nothing():
    same, many, few = simulated(SLICED, *SELECTORS[:2])
    assert same
    assert many > 2 * few > 0


HALVED = """
from collections import namedtuple
context = device().current_context()
plain, sent = gpu._run, []
def seen(cuda, lanes, *others):
    sent.append(lanes.shape[1])
    return plain(cuda, lanes, *others)
gpu._run = seen
whole = batch.simulate_batch(jobs, device="cuda")
Memory = namedtuple("Memory", "free")
type(context).get_memory_info = lambda self: Memory(10_000.0)
halves = batch.simulate_batch(jobs, device="cuda")
type(context).get_memory_info = lambda self: Memory(1_000.0)
try:
    batch.simulate_batch(jobs, device="cuda")
except Exception as error:
    line = [type(error).__name__, str(error)]
same = all((whole[name] == halves[name]).all() for name in ("duration_s", "energy_wh", "limit"))
print(json.dumps([bool(same), sent, *line]))
"""


def test_what_does_not_fit_the_memory_goes_in_parts():
    same, sent, kind, line = simulated(HALVED, *SELECTORS[:3])
    assert same
    assert sent[0] == 3
    assert sum(sent[1:]) == 3
    assert max(sent[1:]) < 3
    assert kind == "Refusal"
    assert "0.0 MB of free memory" in line


BROKEN = """
plain = batch.lanes
def broken(machines, known):
    m = plain(machines, known)
    m[at.UNCORE_W, [one.id == "mac-mini-2018" for one in machines]] = np.nan
    return m
batch.lanes = broken
batch.LONGEST_S = 26
seen = []
table = batch.simulate_batch(jobs, device="cuda", progress=seen.append)
print(json.dumps([table["refusal"].tolist(), table["duration_s"].tolist(), seen]))
"""


def test_a_bad_job_spoils_no_other(tables):
    refusals, durations, seen = simulated(BROKEN, *SELECTORS)
    assert seen == [len(SELECTORS)]
    for refusal, duration, selector, whole in zip(refusals, durations, SELECTORS, tables[0]["duration_s"], strict=True):
        if selector.startswith("mac-mini-2018"):
            assert "left the numbers" in refusal
        elif whole > 26.0:
            assert "not done" in refusal
            assert np.isnan(duration)
        else:
            assert not refusal
            assert duration == pytest.approx(whole, rel=SAME)
    assert any("not done" in one for one in refusals)
    assert not all(refusals)


def test_an_empty_batch_is_an_empty_table():
    assert simulated("print(json.dumps(len(batch.simulate_batch([], device='cuda')['limit'])))") == 0


def test_equal_phases_are_sent_once():
    assert simulated(
        "one, other = np.ones((2, 26)), np.zeros((3, 26))\n"
        "sent, where = gpu._placed([one, other, one])\n"
        "print(json.dumps([sent.shape, where.tolist()]))",
    ) == [[5, 26], [[0, 2, 0], [2, 3, 2], [0, 2, 5]]]
