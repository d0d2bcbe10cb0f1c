"""What-ifs of power, voltage and fans: what they must change, and what they must leave alone."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from spacegrey.errors import InputError
from spacegrey.machine.assembly import in_environment, machine
from spacegrey.machine.catalog import machine_ids
from spacegrey.machine.selector import Environment, FanCurve, parse_selector
from spacegrey.simulation.batch import simulate_batch
from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.parameters import lanes

WORK = "cinebench-r15-loop"


def test_less_power_is_slower_cooler_and_never_above_the_limit(run_of):
    runs = [run_of(WORK, "imac-pro"), *(run_of(WORK, f"imac-pro+power-limit={watts}W") for watts in (90, 70, 50))]
    for more, less in pairwise(runs):
        assert less.score.value < more.score.value
        assert less.summary["cpu_power_w"].mean < more.summary["cpu_power_w"].mean
        assert less.peak_cpu_temp_c < more.peak_cpu_temp_c + 0.1
    for run, watts in zip(runs[1:], (90, 70, 50), strict=True):
        # the control loop needs some steps after each start of work
        assert float(np.quantile(run.trace["cpu_power_w"], 0.95)) < 1.02 * watts


def test_a_limit_that_is_never_reached_changes_nothing(run_of):
    work = "xcode-eidolon"  # neither power nor heat limits it
    free, limited = run_of(work, "imac-pro"), run_of(work, "imac-pro+power-limit=1500W")
    assert limited.duration_s == pytest.approx(free.duration_s, rel=1e-9)
    assert limited.energy_wh == pytest.approx(free.energy_wh, rel=1e-9)


def test_less_voltage_takes_less_power_for_the_same_work(run_of):
    runs = [run_of("xcode-eidolon", f"imac-pro+undervolt={mv}mV") for mv in (0, 40, 80)]
    for more, less in pairwise(runs):
        assert less.energy_wh < more.energy_wh
        assert less.score.value == pytest.approx(more.score.value, rel=1e-3), (
            "this work is not limited by power or heat"
        )
    # dynamic power goes with the square of the voltage: about 1.1 V less 0.08 V
    ratio = runs[2].summary["cpu_power_w"].mean / runs[0].summary["cpu_power_w"].mean
    assert 0.82 < ratio < 0.93


@pytest.mark.parametrize("setting", ["power-limit=20W", "undervolt=30mV"])
def test_every_machine_obeys(machine_of, workload_of, setting):
    work, jobs = workload_of("cinebench-r15"), []
    for name in machine_ids():
        changed = machine(f"{name}+{setting}")
        jobs += [(work, machine_of(name)), (work, changed)]
    power = simulate_batch(jobs)["cpu_power_w_mean"].reshape(-1, 2)
    assert len(power) > 15
    # a machine at its power limit turns lower voltage into clock and stays at the limit
    assert (power[:, 1] <= power[:, 0] * 1.001).all()
    assert (power[:, 1] < power[:, 0]).sum() > 15


def test_fans_follow_their_curve(run_of):
    curve = FanCurve(1200.0, 60.0, 2400.0, 90.0)
    run = run_of("all-out", f"imac-pro+fan={curve}")
    trace = run.trace
    late = trace["time_s"] > 600.0
    hotter = np.maximum(trace["cpu_temp_c"], trace["gpu_temp_c"])[late].mean()
    expected = np.interp(hotter, [60.0, 90.0], [1200.0, 2400.0])
    assert trace["fan_rpm"][late].mean() == pytest.approx(expected, rel=0.02)
    assert trace["fan_rpm"].min() >= 1199.0
    assert trace["fan_rpm"].max() <= 2401.0
    idle = run_of("idle", f"imac-pro+fan={curve}")
    assert idle.summary["fan_rpm"].max == pytest.approx(1200.0)


def test_a_flat_curve_is_a_fixed_speed(run_of):
    flat, fixed = run_of(WORK, "imac-pro+fan=1500rpm@50C..1500rpm@80C"), run_of(WORK, "imac-pro+fan=1500rpm")
    assert flat.score.value == pytest.approx(fixed.score.value, rel=1e-9)
    assert flat.summary["noise_dba"].mean == pytest.approx(fixed.summary["noise_dba"].mean, rel=1e-9)


def test_a_curve_means_the_same_temperatures_in_every_room(machine_of):
    bare = machine_of("imac-pro")
    curve = FanCurve(1200.0, 60.0, 2400.0, 90.0)
    rooms = [in_environment(bare, Environment(ambient_c=room, fan_curve=curve)) for room in (10.0, 35.0)]
    m = lanes(rooms)
    # lanes hold kelvin above the room
    assert (m[at.CPU_TARGET_K] + [10.0, 35.0]).tolist() == pytest.approx([60.0, 60.0])


def test_settings_share_a_batch_and_do_not_mix(machine_of, workload_of, run_of):
    wishes = ["", "+power-limit=80W", "+undervolt=50mV", "+fan=1100rpm@60C..2000rpm@95C"]
    wishes.append("+power-limit=80W,undervolt=50mV")
    table = simulate_batch([(workload_of(WORK), machine_of(f"imac-pro{wish}")) for wish in wishes])
    alone = [run_of(WORK, f"imac-pro{wish}").energy_wh for wish in wishes]
    assert table["energy_wh"].tolist() == pytest.approx(alone, rel=1e-9)
    assert len(set(alone)) == len(wishes)


def test_what_is_set_can_be_taken_back(machine_of):
    bare = machine_of("imac-pro")
    room = Environment(power_limit_w=80.0, undervolt_mv=50.0, fan_curve=FanCurve(1200.0, 60.0, 2400.0, 90.0))
    there = in_environment(bare, room)
    assert (lanes([in_environment(there, Environment())]) == lanes([bare])).all()
    assert not (lanes([there]) == lanes([bare])).all()
    assert in_environment(there, replace(room, undervolt_mv=0.0)).environment.undervolt_mv == 0.0


def test_a_curve_is_read_as_it_is_written():
    curve = parse_selector("imac-pro+fan=1100rpm@60C..2500rpm@194F,ambient=30C").environment.fan_curve
    assert curve == FanCurve(1100.0, 60.0, 2500.0, 90.0)
    assert parse_selector(f"imac-pro+fan={curve}").environment.fan_curve == curve


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ("power-limit=80", "not one of: W"),
        ("power-limit=0W", "outside 1 to 2000 W"),
        ("undervolt=50", "not one of: mV"),
        ("undervolt=300mV", "outside 0 to 200 mV"),
        ("undervolt=-5mV", "outside 0 to 200 mV"),
        ("fan=1100rpm@60C", "write two points, such as fan="),
        ("fan=1100rpm@60C..2500rpm", "write two points"),
        ("fan=1100rpm@60C..2500rpm@50C", "a curve rises"),
        ("fan=2500rpm@60C..1100rpm@90C", "a curve rises"),
        ("fan=1100rpm@60C..9000rpm@90C", "outside 0 to"),
        ("fan=1100@60C..2500rpm@90C", "not one of: rpm"),
        ("fan=max,fan=1100rpm@60C..2500rpm@90C", "given twice"),
        ("fan=1100rpm@60C..2500rpm@90C,fan=max", "given twice"),
    ],
)
def test_a_wish_that_cannot_be_is_one_line(wish, says):
    with pytest.raises(InputError, match=says) as error:
        machine(f"imac-pro+{wish}")
    assert "\n" not in str(error.value)


def test_a_machine_without_a_fan_takes_no_curve():
    with pytest.raises(InputError, match="has no fan"):
        machine("macbook-air-m1+fan=0rpm@60C..100rpm@90C")


def test_no_machine_is_left_without_voltage():
    lowest = [machine(name).microarchitecture.voltage_curve[0][1] for name in machine_ids()]
    name = machine_ids()[int(np.argmin(lowest))]
    if min(lowest) < 0.65:
        with pytest.raises(InputError, match=r"less than 0\.45 V"):
            machine(f"{name}+undervolt=200mV")
    assert machine("imac-pro+undervolt=60mV").environment.undervolt_mv == 60.0
