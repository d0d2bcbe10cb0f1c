"""Many machines at once: every job's answer is that of its single run, and one bad job spoils no other."""

import numpy as np
import pytest

from spacegrey.simulation import batch
from spacegrey.simulation.run import simulate

WORKLOADS = ("cinebench-r15-loop", "blender-gpu", "idle", "all-out", "playback-hevc-4k60", "disk-sequential")
MACHINES = ("imac-pro+ambient=35C", "imac-5k-2017", "mac-mini-m1", "mac-pro-2019", "pc-x299")
SAME = 1e-9
"""How near a batch stays to the single run, relative."""


@pytest.fixture(scope="module")
def jobs(machine_of, workload_of):
    return [(workload_of(one), machine_of(other)) for one in WORKLOADS for other in MACHINES]


def test_a_batch_gives_the_single_runs_answers(jobs):
    table = batch.simulate_batch(jobs)
    assert len(table["duration_s"]) == len(jobs)
    for row, (work, machine) in enumerate(jobs):
        single = simulate(work, machine)
        expected = {
            "duration_s": single.duration_s,
            "score": single.score.value if single.score else np.nan,
            "delivered": single.delivered,
            "energy_wh": single.energy_wh,
            "peak_cpu_temp_c": single.peak_cpu_temp_c,
            "peak_gpu_temp_c": single.peak_gpu_temp_c,
            "limit_share": single.limits[0].share,
        }
        for name, found in single.summary.items():
            expected |= {f"{name}_{statistic}": getattr(found, statistic) for statistic in batch.STATISTICS}
        assert {name: table[name][row] for name in expected} == pytest.approx(expected, rel=SAME, nan_ok=True)
        assert table["limit"][row] == single.limits[0].name
        assert table["refusal"][row] == ""
        assert table["energy_balance_error"][row] < SAME


def test_a_batch_is_the_same_on_any_number_of_threads_and_in_any_window(jobs, monkeypatch):
    one = batch.simulate_batch(jobs, threads=1)
    monkeypatch.setattr(batch, "WINDOW", 7)
    other = batch.simulate_batch(jobs[::-1], threads=3)
    for name in batch.COLUMNS:
        assert other[name][::-1] == pytest.approx(one[name], rel=1e-12, nan_ok=True), name


def test_one_bad_job_spoils_no_other(jobs, machine_of, workload_of, own_workload):
    endless = own_workload('processor = { float_gop = 1e12 }\nassumed = { processor = "test" }')
    wired = workload_of("cinebench-r15")
    bad = [(endless, machine_of("imac-pro")), (wired, machine_of("imac-pro"))]
    table = batch.simulate_batch([*jobs[:3], *bad])
    assert "30 simulated days" in table["refusal"][3]
    assert np.isnan(table["duration_s"][3])
    assert list(table["refusal"] != "") == [False, False, False, True, False]
    assert table["score"][4] > 1000.0


def test_what_overflows_in_the_kernel_is_refused_alone(jobs, monkeypatch):
    plain = batch.lane

    def broken(machine):
        m = plain(machine)
        if machine.id == "mac-mini-m1":
            m[batch.at.UNCORE_W] = np.nan
        return m

    monkeypatch.setattr(batch, "lane", broken)
    table = batch.simulate_batch(jobs[:5])
    assert [bool(text) for text in table["refusal"]] == [machine.id == "mac-mini-m1" for _, machine in jobs[:5]]
    assert np.isfinite(table["energy_wh"][table["refusal"] == ""]).all()


def test_an_empty_batch_is_an_empty_table():
    assert all(len(column) == 0 for column in batch.simulate_batch([]).values())


def test_progress_counts_every_job_once(jobs):
    seen = []
    batch.simulate_batch(jobs, progress=seen.append)
    assert sum(seen) == len(jobs)
