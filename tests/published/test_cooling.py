"""How the iMac Pro sounds and what its clock does when Cinebench runs ten times: the published thermal test."""

import itertools

import numpy as np
import pytest

from spacegrey.simulation.validation.comparison import dips

QUIET_DBA = 30.0
"""Barely audible in a quiet room. [dBA]"""


@pytest.fixture(scope="module")
def loop(run_of):
    return run_of("cinebench-r15-loop", "imac-pro")


@pytest.fixture(scope="module")
def settled(loop):
    """Return the dips of the second half, which the report speaks of."""
    found = [dip for dip in dips(loop) if dip.start_s > 0.5 * loop.duration_s]
    assert found, "the thermal trip never comes"
    return found


def test_the_first_two_runs_keep_3_9_ghz(loop):
    second = next(phase.end_s for phase in loop.phases if phase.repeat == 2 and phase.name == "render")
    busy = (loop.trace["cpu_busy"] > 0.5) & (loop.trace["time_s"] < second)
    assert np.median(loop.trace["cpu_clock_ghz"][busy]) == pytest.approx(3.9, abs=0.05)
    assert all(dip.start_s > second for dip in dips(loop))


def test_the_first_dip_is_in_the_third_run(loop):
    ends = {phase.repeat: phase.end_s for phase in loop.phases if phase.name == "render"}
    seen = dips(loop)
    assert seen
    assert ends[2] < seen[0].start_s < ends[3]


def test_dips_begin_at_94_and_end_under_92_degrees(loop, settled):
    # 0.3 degC: a tenth of a second, in which the trace does not look, and sensors that read whole degrees
    assert loop.peak_cpu_temp_c == pytest.approx(94.0, abs=0.3)
    assert np.median([dip.end_c for dip in settled]) == pytest.approx(92.0, abs=0.3)


def test_dips_are_of_one_to_two_seconds_at_3_6_ghz(settled):
    assert 1.0 <= np.median([dip.end_s - dip.start_s for dip in settled]) <= 2.0
    assert np.median([dip.clock_ghz for dip in settled]) == pytest.approx(3.6, abs=0.05)


def test_a_dip_comes_about_every_ten_seconds(loop, settled):
    renders = [phase for phase in loop.phases if phase.name == "render"]
    since = settled[0].start_s
    rendering_s = sum(min(one.duration_s, max(0.0, one.end_s - since)) for one in renders)
    # "roughly every 10 s", read off a graph
    assert 7.0 <= rendering_s / len(settled) <= 13.0


@pytest.mark.xfail(reason="open: dips come in groups about 5 s apart, with pauses that bring the average to 10 s")
def test_one_dip_is_about_ten_seconds_after_the_other(loop, settled):
    renders = [phase for phase in loop.phases if phase.name == "render"]
    gaps = [
        after.start_s - before.start_s
        for before, after in itertools.pairwise(settled)
        if any(phase.start_s <= before.start_s and after.start_s <= phase.end_s for phase in renders)
    ]
    assert 7.0 <= np.median(gaps) <= 13.0  # "one dip roughly every 10 s"


@pytest.mark.claims("V3")
def test_ten_runs_of_cinebench_stay_quiet(loop):
    assert loop.summary["noise_dba"].max < QUIET_DBA


@pytest.mark.claims("V3")
@pytest.mark.parametrize("workload", ["office", "final-cut-4k", "playback-hevc-4k60"])
@pytest.mark.parametrize("selector", ["imac-pro", "imac-pro:18-core,vega-64"])
def test_the_fans_rarely_rise_in_daily_work(run_of, workload, selector):
    run = run_of(workload, selector)
    raised = run.trace["fan_rpm"] > 1.02 * run.machine.cooling.fans.minimum_rpm
    assert raised.mean() < 0.05
    assert run.summary["noise_dba"].max < QUIET_DBA


@pytest.mark.claims("V3")
def test_the_worst_case_is_heard(run_of):
    # so that the quiet above is a result and not a fan that cannot rise
    worst = run_of("all-out", "imac-pro").summary
    assert worst["fan_rpm"].max > 1.2 * run_of("office", "imac-pro").summary["fan_rpm"].max
    assert worst["noise_dba"].max > run_of("office", "imac-pro").summary["noise_dba"].max + 5.0
