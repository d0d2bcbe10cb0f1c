"""Which way things go: more fan is cooler, a hotter room is hotter, on every machine."""

import itertools

import pytest

from spacegrey.machine.catalog import machine_ids, read_machine
from spacegrey.simulation.run import simulate

MACHINES = machine_ids()
PANELS = [name for name in MACHINES if read_machine(name).spec.panel]
PROCESSORS = list(read_machine("imac-pro").options["processor"].choices)
PARALLEL = ["cinebench-r15", "blender-cpu", "geekbench-5", "xcodebenchmark", "passmark-cpu"]

every_machine = pytest.mark.parametrize("selector", MACHINES)


@pytest.fixture(scope="module")
def fanned(machine_of):
    """Return a function that gives a machine's fan limits, or none if it has no fan."""
    return lambda selector: machine_of(selector).cooling.fans


@every_machine
def test_more_fan_is_cooler(run_of, fanned, selector):
    fans = fanned(selector)
    if fans.count == 0:
        assert run_of("cinebench-r15", selector).summary["fan_rpm"].max == 0.0
        return
    slow = run_of("cinebench-r15", f"{selector}+fan={fans.minimum_rpm}rpm")
    fast = run_of("cinebench-r15", f"{selector}+fan=max")
    assert fast.peak_cpu_temp_c < slow.peak_cpu_temp_c
    assert fast.summary["gpu_temp_c"].mean < slow.summary["gpu_temp_c"].mean
    assert fast.summary["noise_dba"].mean > slow.summary["noise_dba"].mean


@every_machine
def test_more_fan_is_never_less_work(run_of, fanned, selector):
    fans = fanned(selector)
    slowest = f"{selector}+fan={fans.minimum_rpm}rpm" if fans.count else f"{selector}+ambient=40C"
    fastest = f"{selector}+fan=max" if fans.count else selector
    # leakage and control ripple move the last digits of a machine that no heat limits
    assert run_of("all-out", fastest).delivered >= run_of("all-out", slowest).delivered * (1 - 1e-6)


@every_machine
def test_a_hotter_room_is_hotter(run_of, selector):
    cool, hot = (run_of("cinebench-r15", f"{selector}+ambient={room}C") for room in (20, 35))
    for name in ("cpu_temp_c", "gpu_temp_c"):
        assert hot.summary[name].mean > cool.summary[name].mean
    for name in ("exhaust_temp_c", "board_temp_c", "storage_temp_c"):
        assert hot.trace[name].mean() > cool.trace[name].mean()


@every_machine
def test_dust_is_hotter(run_of, fanned, selector):
    # a fan that stands still has no stream that dust could take away
    fixed = ",fan=max" if fanned(selector).count else ""
    clean, dusty = (run_of("cinebench-r15", f"{selector}+dust={share}{fixed}") for share in (0, 0.5))
    if not fixed:
        assert dusty.peak_cpu_temp_c == clean.peak_cpu_temp_c
        return
    assert dusty.summary["cpu_temp_c"].mean > clean.summary["cpu_temp_c"].mean
    assert dusty.trace["exhaust_temp_c"].mean() > clean.trace["exhaust_temp_c"].mean()


@pytest.mark.parametrize("selector", PANELS)
def test_more_brightness_draws_more_power(run_of, selector):
    means = [
        run_of("idle", f"{selector}+brightness={share}").summary["wall_power_w"].mean for share in (0, 0.2, 0.6, 1)
    ]
    assert means == sorted(set(means))


@every_machine
def test_more_load_is_slower_or_hotter(machine_of, own_workload, selector):
    processor = 'processor = { float_gop = 300, parallel = 1.0 }\nassumed = { processor = "test", graphics = "test" }'
    light = simulate(own_workload(processor, "light"), machine_of(selector))
    both = f"{processor}\ngraphics = {{ tflop = 40 }}\nindependent = true"
    heavy = simulate(own_workload(both, "heavy"), machine_of(selector))
    assert heavy.duration_s > light.duration_s or heavy.peak_cpu_temp_c > light.peak_cpu_temp_c
    assert heavy.energy_wh > light.energy_wh


@every_machine
def test_more_work_takes_longer_and_more_energy(run_of, selector):
    once, twice = (run_of(f"cinebench-r15:repeat={count}", selector) for count in (1, 2))
    assert twice.duration_s >= 2.0 * once.duration_s * (1 - 1e-9)  # rounding of the time counter
    assert twice.energy_wh > once.energy_wh
    assert twice.peak_cpu_temp_c >= once.peak_cpu_temp_c


@every_machine
def test_more_threads_draw_more_power(run_of, machine_of, selector):
    counts = sorted({1, 2, machine_of(selector).processor.cores})
    runs = [run_of(f"cinebench-r15:threads={count}", selector) for count in counts]
    powers = [run.summary["cpu_power_w"].mean for run in runs]
    assert powers == sorted(powers)
    durations = [run.duration_s for run in runs]
    assert durations == sorted(durations, reverse=True)


@pytest.mark.parametrize("workload", PARALLEL)
def test_more_cores_are_never_slower_on_a_parallel_job(run_of, workload):
    durations = [run_of(workload, f"imac-pro:{choice}").duration_s for choice in PROCESSORS]
    for few, many in itertools.pairwise(durations):
        assert many <= few
