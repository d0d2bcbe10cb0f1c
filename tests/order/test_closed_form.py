"""Progress of work over time against the closed form, where no limit of power or heat moves a clock."""

import pytest

from spacegrey.machine.catalog import machine_ids
from spacegrey.simulation.lowering import lower, nominal_seconds

every_machine = pytest.mark.parametrize("selector", machine_ids())


@every_machine
@pytest.mark.parametrize("workload", ["cinebench-r15-single", "geekbench-5-single", "memory-latency", "office"])
def test_a_run_takes_as_long_as_its_work(run_of, selector, workload):
    run = run_of(workload, selector)
    expected = nominal_seconds(lower(run.workload, run.machine), run.machine)
    found = [phase.duration_s for phase in run.phases]
    # 1e-6: an accumulated clock of 10 ms steps, and ends that are found within a step
    assert found == pytest.approx(expected, rel=1e-6)
    assert run.duration_s == pytest.approx(expected.sum(), rel=1e-6)


@every_machine
@pytest.mark.parametrize(("workload", "seconds"), [("idle", 600.0), ("all-out", 1800.0), ("vr-90hz", 600.0)])
def test_a_pace_takes_its_time(run_of, selector, workload, seconds):
    assert run_of(workload, selector).duration_s == pytest.approx(seconds, rel=1e-6)


def test_energy_is_power_over_time(run_of):
    run = run_of("all-out", "imac-pro")
    # rows see every tenth step: a tenth of a second of half an hour, where power moves by a few percent
    assert run.energy_wh * 3600.0 == pytest.approx(run.trace["wall_power_w"].mean() * run.duration_s, rel=1e-3)
