"""The machines that the iMac Pro is compared with, on the same work: each wins somewhere."""

import pytest

RIVALS = [
    "imac-pro",
    "imac-pro:18-core,vega-64",
    "mac-pro-2013",
    "mac-pro-2019",
    "imac-5k-2017",
    "imac-5k-2020",
    "macbook-air-m1",
]
LARGE_MAC_PRO = "mac-pro-2019:w-3275m"


@pytest.mark.claims("V1")
@pytest.mark.parametrize("selector", RIVALS)
@pytest.mark.parametrize(
    "workload", ["cinebench-r15", "geekbench-5-single", "xcodebenchmark", "hevc-to-prores", "ml-fp16"]
)
def test_all_rivals_do_the_same_work(run_of, workload, selector):
    run = run_of(workload, selector)
    assert run.score.value > 0.0
    assert run.workload.id == workload


@pytest.mark.claims("V1")
@pytest.mark.parametrize("rival", ["imac-pro", "imac-pro:10-core", "mac-pro-2019", "mac-pro-2013", "imac-5k-2020"])
def test_the_macbook_air_wins_with_one_thread(run_of, rival):
    assert run_of("geekbench-5-single", "macbook-air-m1").score.value > run_of("geekbench-5-single", rival).score.value


@pytest.mark.claims("V1")
def test_the_macbook_air_builds_faster_than_the_base_imac_pro(run_of):
    air, base = (run_of("xcodebenchmark", name) for name in ("macbook-air-m1", "imac-pro"))
    assert air.score.better == "lower"
    assert air.score.value < base.score.value
    assert air.energy_wh < 0.2 * base.energy_wh


@pytest.mark.claims("V1")
@pytest.mark.parametrize("rival", ["imac-pro:18-core,vega-64", "mac-pro-2013", "imac-5k-2020", "macbook-air-m1"])
def test_the_large_mac_pro_wins_with_all_threads(run_of, rival):
    assert run_of("cinebench-r15", LARGE_MAC_PRO).score.value > run_of("cinebench-r15", rival).score.value


@pytest.mark.claims("V1")
@pytest.mark.parametrize("rival", ["mac-pro-2013", "mac-pro-2019", "imac-5k-2017", "imac-5k-2020", "macbook-air-m1"])
@pytest.mark.parametrize("workload", ["ml-fp16", "blender-gpu", "disk-sequential"])
def test_the_full_imac_pro_wins_by_graphics_and_flash(run_of, workload, rival):
    assert run_of(workload, "imac-pro:18-core,vega-64").score.value > run_of(workload, rival).score.value


@pytest.mark.claims("V1")
def test_memory_speed_follows_the_channels(run_of):
    # enough memory for each, so that nobody pages
    names = ["imac-5k-2020:64GB", "imac-pro", "mac-pro-2019:96GB"]
    runs = [run_of("memory-stream", name) for name in names]
    assert [run.machine.memory_channels for run in runs] == [2, 4, 6]
    scores = [run.score.value for run in runs]
    assert scores == sorted(scores)


@pytest.mark.claims("V1")
def test_the_imac_2020_beats_the_base_imac_pro_for_less(run_of):
    for workload in ("cinebench-r15", "geekbench-5-single"):
        assert run_of(workload, "imac-5k-2020").score.value > run_of(workload, "imac-pro").score.value


@pytest.mark.claims("V1")
def test_two_graphics_processors_in_little_cooling_run_hot(run_of):
    # the Mac Pro of 2013 shares one heat sink: both chips warm each other
    run = run_of("all-out", "mac-pro-2013:e5-2697v2,d700")
    assert run.machine.graphics.count == 2
    assert run.machine.cooling.conductances.cpu_sink_gpu_sink > 0.0
    trace = run.trace
    assert abs(trace["cpu_sink_temp_c"][-1] - trace["gpu_sink_temp_c"][-1]) < 15.0
    assert run.summary["fan_rpm"].max > run_of("all-out", "mac-pro-2019").summary["fan_rpm"].max
