"""The body of the iMac Pro: what comes with it, and where its air goes."""

import numpy as np
import pytest

from spacegrey.machine.assembly import machine
from spacegrey.machine.catalog import read_machine
from spacegrey.parts.cooling.laws import AIR_HEAT_J_PER_L_K, air_flow_l_s
from spacegrey.simulation.validation.comparison import facts, quantity


def exhaust_share(run):
    """Return the share of a run's energy that leaves with the air of the vent."""
    fans, trace = run.machine.cooling.fans, run.trace
    flow = np.array(
        [air_flow_l_s(rpm, fans.maximum_rpm, fans.flow_l_s, fans.natural_flow_l_s) for rpm in trace["fan_rpm"]]
    )
    carried = flow * AIR_HEAT_J_PER_L_K * (trace["exhaust_temp_c"] - run.machine.ambient_c)
    return carried.sum() / trace["wall_power_w"].sum()


@pytest.mark.claims("X2")
def test_keyboard_mouse_and_trackpad_are_space_grey_options():
    options = read_machine("imac-pro").options
    assert "space-grey-keyboard" in options["keyboard"].choices
    assert {"mouse", "trackpad", "mouse-and-trackpad"} <= set(options["pointer"].choices)
    chosen = machine("imac-pro:trackpad").chosen
    assert chosen["pointer"] == "trackpad"
    assert chosen["keyboard"] == "space-grey-keyboard"


@pytest.mark.claims("X3")
def test_the_air_leaves_by_a_long_rear_vent():
    vent = read_machine("imac-pro").spec.cooling
    assert vent == "imac-pro"
    assert "rear" in machine("imac-pro").cooling.vent


@pytest.mark.claims("X3")
@pytest.mark.parametrize("workload", ["cinebench-r15-loop", "all-out"])
def test_most_heat_leaves_with_the_air(run_of, workload):
    run = run_of(workload, "imac-pro")
    assert run.trace["exhaust_temp_c"].max() > run.machine.ambient_c + 10.0  # published: 47 degC under this load
    assert 0.5 < exhaust_share(run) < 1.0


@pytest.mark.claims("X3")
def test_the_air_warms_on_its_way(run_of):
    trace = run_of("all-out", "imac-pro").trace
    assert (trace["exhaust_temp_c"] < np.maximum(trace["cpu_sink_temp_c"], trace["gpu_sink_temp_c"]) + 1e-9).all()


@pytest.mark.claims("I1")
def test_two_blowers_cool_80_percent_more_than_the_imac_before():
    new, old = machine("imac-pro"), machine("imac-5k-2017")
    assert (new.cooling.fans.count, old.cooling.fans.count) == (2, 1)
    ratio = facts(new)["cooling_capacity_w"] / facts(old)["cooling_capacity_w"]
    assert ratio == pytest.approx(1.8, abs=0.05)  # Apple says "80 %": a rounded number
    assert facts(new)["rated_w"] == 500.0


@pytest.mark.claims("I1")
def test_the_same_work_keeps_the_imac_pro_cooler_at_more_power(run_of):
    new, old = (run_of("all-out", f"{name}+fan=max") for name in ("imac-pro", "imac-5k-2017"))
    powers = [run.summary["cpu_power_w"].mean + run.summary["gpu_power_w"].mean for run in (new, old)]
    rises = [run.summary["cpu_temp_c"].mean - run.machine.ambient_c for run in (new, old)]
    assert powers[0] > 1.2 * powers[1]
    assert powers[0] / rises[0] > powers[1] / rises[1]


@pytest.mark.claims("I1")
@pytest.mark.parametrize(("workload", "measured_w"), [("apple-cpu-max", 370.0), ("idle", 64.0)], ids=["most", "idle"])
def test_the_wall_power_is_apples(run_of, workload, measured_w):
    # the highest reading of a meter, as a table of maximum power states it
    # 7 %: the target, and what two good meters and two supplies of one kind differ by
    run = run_of(workload, "imac-pro:18-core,vega-64,memory=128GB")
    assert quantity(run, "trace.wall_power_w.peak") == pytest.approx(measured_w, rel=0.07)


@pytest.mark.claims("I1")
@pytest.mark.xfail(reason="open: the 18-core throttles and settles near 250 W, a third under Apple's figure")
def test_the_wall_power_stays_apples_while_the_load_lasts(run_of):
    # a table of a maker is of a load that goes on: the last minute of fifteen; 7 % as above
    run = run_of("apple-cpu-max", "imac-pro:18-core,vega-64,memory=128GB")
    assert run.trace["wall_power_w"][-600:].mean() == pytest.approx(370.0, rel=0.07)


@pytest.mark.claims("I1", "I2")
@pytest.mark.parametrize("choice", ["8-core", "10-core", "14-core", "18-core"])
def test_the_cooling_carries_the_base_clock(run_of, choice):
    # the base clock is what Intel promises under the TDP; 2 %: dips of the thermal trip
    run = run_of("cinebench-r15:repeat=20", f"imac-pro:{choice}")
    half = run.trace["cpu_clock_ghz"][len(run.trace) // 2 :]
    assert half.mean() >= 0.98 * run.machine.processor.base_ghz
