"""Many machines at once: every job's answer is that of its single run, and one bad job spoils no other."""

from dataclasses import replace

import numpy as np
import pytest

from spacegrey.machine.assembly import in_environment
from spacegrey.machine.selector import Environment
from spacegrey.simulation import batch
from spacegrey.simulation.lowering import READS, lower
from spacegrey.simulation.parameters import SHEETS, _from_sheets, lane, lanes
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
    plain = batch.lanes

    def broken(machines, known):
        m = plain(machines, known)
        m[batch.at.UNCORE_W, [one.id == "mac-mini-m1" for one in machines]] = np.nan
        return m

    monkeypatch.setattr(batch, "lanes", broken)
    table = batch.simulate_batch(jobs[:5])
    assert [bool(text) for text in table["refusal"]] == [machine.id == "mac-mini-m1" for _, machine in jobs[:5]]
    assert np.isfinite(table["energy_wh"][table["refusal"] == ""]).all()


def test_an_empty_batch_is_an_empty_table():
    assert all(len(column) == 0 for column in batch.simulate_batch([]).values())


def test_progress_counts_every_job_once(jobs):
    seen = []
    batch.simulate_batch(jobs, progress=seen.append)
    assert sum(seen) == len(jobs)


class Watched:
    """A machine that notes what is asked of it."""

    def __init__(self, machine):
        self.machine, self.asked = machine, set()

    def __getattr__(self, name):
        self.asked.add(name)
        found = getattr(type(self.machine), name, None)
        return found.fget(self) if isinstance(found, property) else getattr(self.machine, name)


def test_phases_and_lanes_are_shared_by_what_they_follow_from(machine_of, workload_of):
    # a batch works both out once for machines that are alike in these
    for name in ("imac-pro", "mac-mini-m1", "pc-x299"):
        for work in WORKLOADS:
            watched = Watched(machine_of(name))
            lower(workload_of(work), watched)
            assert watched.asked <= {*READS, "memory_channels"}
        watched = Watched(machine_of(name))
        lanes([watched])
        assert watched.asked <= {*SHEETS, "environment", "ambient_c", "spec"}
        watched.asked.clear()
        _from_sheets(watched)
        assert watched.asked <= set(SHEETS)


def test_machines_that_share_their_parts_keep_their_rooms(machine_of, workload_of):
    rooms = [
        Environment(ambient_c=-5.0),
        Environment(ambient_c=35.0),
        Environment(ambient_c=35.0, fan=2000.0),
        Environment(ambient_c=35.0, dust=0.5),
        Environment(ambient_c=35.0, brightness=0.1),
        Environment(fan=float("inf")),
        Environment(overclock_ghz=4.5),
    ]
    bare, work = machine_of("imac-pro"), workload_of("cinebench-r15-loop")
    built = [in_environment(bare, room) for room in rooms]
    together = lanes(built)
    for column, one in enumerate(built):
        assert (together[:, column] == lane(one)).all(), "the same digits in any company"
    table = batch.simulate_batch([(work, one) for one in built])
    for row, one in enumerate(built):
        single = simulate(work, one)
        found = (table["energy_wh"][row], table["duration_s"][row], table["peak_cpu_temp_c"][row])
        assert found == pytest.approx((single.energy_wh, single.duration_s, single.peak_cpu_temp_c), rel=SAME)
    assert len(set(table["energy_wh"])) == len(rooms)


def test_a_machine_without_a_steady_state_is_refused_alone(machine_of, workload_of):
    sound, work = machine_of("imac-pro"), workload_of("disk-sequential")
    cut_off = dict.fromkeys(sound.cooling.conductances.model_dump(exclude={"source", "assumed"}), 0.0)
    cooling = sound.cooling.model_copy(update={"conductances": sound.cooling.conductances.model_copy(update=cut_off)})
    table = batch.simulate_batch([(work, sound), (work, replace(sound, cooling=cooling)), (work, sound)])
    assert [bool(why) for why in table["refusal"]] == [False, True, False]
    assert "no steady state" in table["refusal"][1]
    assert table["energy_wh"][0] == table["energy_wh"][2] > 0.0
