"""Where it settles, and the quietest curve: both held against plain long runs."""

from dataclasses import replace

import numpy as np
import pytest

from spacegrey.errors import InputError, Refusal
from spacegrey.machine.assembly import in_environment, machine
from spacegrey.machine.selector import FanCurve
from spacegrey.simulation.batch import simulate_batch
from spacegrey.simulation.quietest import quietest
from spacegrey.simulation.run import simulate
from spacegrey.simulation.settling import BAND, _settled, forecast


def test_a_forecast_is_where_a_longer_run_is(machine_of, workload_of):
    built, work = machine_of("imac-pro"), workload_of("all-out")
    found = forecast(work, built)
    long = simulate(replace(work, spec=work.spec.model_copy(update={"repeat": 24})), built).trace  # 12 hours
    late = long["time_s"] > 8 * 3600.0
    for name, band in BAND.items():
        assert found.settled[name].level == pytest.approx(float(long[name][late].mean()), abs=band), name
        after = found.settled[name].after_s
        assert after is not None
        before = (long["time_s"] > after) & (long["time_s"] < after + 1800.0)
        assert long[name][before].mean() == pytest.approx(found.settled[name].level, abs=band), name


def test_before_it_settles_it_is_elsewhere(machine_of, workload_of):
    found = forecast(workload_of("all-out"), machine_of("imac-pro"))
    gpu = found.settled["gpu_temp_c"]
    trace = found.run.trace
    first = trace["time_s"] < min(30.0, gpu.after_s)
    assert abs(trace["gpu_temp_c"][first].mean() - gpu.level) > BAND["gpu_temp_c"]


def test_a_warmer_room_settles_warmer(machine_of, workload_of):
    work = workload_of("xcode-eidolon")
    cool, warm = (forecast(work, machine_of(f"imac-pro+ambient={room}C")) for room in (15, 30))
    rise = warm.settled["cpu_temp_c"].level - cool.settled["cpu_temp_c"].level
    assert 14.0 < rise < 18.0, "the room and a little for leakage"


@pytest.mark.parametrize("tau_s", [60.0, 600.0])
def test_the_time_is_that_of_the_exponential(tau_s):
    time_s = np.arange(0.0, 12 * tau_s, 0.1)
    found = _settled(time_s, 80.0 - 40.0 * np.exp(-time_s / tau_s), 1.0, 10.0)
    assert found.after_s == pytest.approx(tau_s * np.log(40.0), abs=15.0)
    assert found.level == pytest.approx(80.0, abs=0.05)


def test_what_drifts_on_has_no_time():
    time_s = np.arange(0.0, 3600.0, 0.1)
    found = _settled(time_s, 40.0 + time_s / 100.0, 1.0, 60.0)
    assert found.after_s is None
    assert found.drift_per_h == pytest.approx(36.0, rel=0.01)


@pytest.mark.parametrize("keep", [0.9, 0.97])
def test_the_quietest_curve_does_what_it_says(workload_of, keep):
    work, selector = workload_of("all-out"), "imac-pro"
    found = quietest(work, machine(selector), keep)
    own = simulate(work, machine(selector))
    used = simulate(work, machine(f"{selector}+fan={found.best.curve}"))
    speed = (used.delivered / used.duration_s) / (own.delivered / own.duration_s)
    assert speed >= keep
    assert speed == pytest.approx(found.best.speed, rel=1e-6)
    assert used.summary["noise_dba"].mean == pytest.approx(found.best.noise_dba, abs=1e-6)
    assert found.best.noise_dba < own.summary["noise_dba"].mean - 1.0


def test_more_speed_is_louder(workload_of):
    noise = [quietest(workload_of("all-out"), machine("imac-pro"), keep).best.noise_dba for keep in (0.85, 0.92, 0.98)]
    assert noise == sorted(noise)
    assert noise[0] < noise[-1] - 1.0


def test_no_fixed_speed_is_quieter(workload_of):
    # the simplest curves there are: bisection over fixed speeds, done here by hand
    work, keep = workload_of("all-out"), 0.95
    found = quietest(work, machine("imac-pro"), keep)
    own = simulate(work, machine("imac-pro"))
    low, high = 1100.0, 2500.0
    for _ in range(8):
        middle = round(0.5 * (low + high))
        run = simulate(work, machine(f"imac-pro+fan={middle}rpm"))
        enough = run.delivered / run.duration_s >= keep * own.delivered / own.duration_s
        low, high = (low, middle) if enough else (middle, high)
    fixed = simulate(work, machine(f"imac-pro+fan={high:.0f}rpm"))
    assert found.best.noise_dba <= fixed.summary["noise_dba"].mean + 0.2


def bring(work, built, curves):
    """Return mean noise and speed under curves, each by its four numbers."""
    rooms = [in_environment(built, replace(built.environment, fan_curve=FanCurve(*one))) for one in curves]
    table = simulate_batch([(work, one) for one in rooms])
    return table["noise_dba_mean"], table["delivered"] / table["duration_s"]


def test_a_blind_search_over_all_curves_finds_none_that_is_quieter(workload_of):
    # also with another lower speed than the machine's least: thrown at random, then moved at random
    work, built, keep = workload_of("all-out"), machine("imac-pro"), 0.95
    found = quietest(work, built, keep)
    own = simulate(work, built)
    enough = keep * own.delivered / own.duration_s
    chance = np.random.default_rng(5)
    fans = built.cooling.fans
    least = np.array([fans.minimum_rpm, 40.0, fans.minimum_rpm, 40.0])
    most = np.array([fans.automatic_maximum_rpm, 100.0, fans.automatic_maximum_rpm, 100.0])
    thrown = chance.uniform(least, most, (400, 4))
    thrown[200:, 0] = fans.minimum_rpm
    blind, moves = 99.0, 16.0
    for _ in range(5):
        thrown = np.clip(thrown, least, most)
        thrown = thrown[(thrown[:, 3] > thrown[:, 1] + 2.0) & (thrown[:, 2] >= thrown[:, 0])]
        noise, speed = bring(work, built, thrown)
        noise = np.where(speed >= enough, noise, 99.0)
        blind = min(blind, float(noise.min()))
        few, moves = thrown[np.argsort(noise)[:8]], moves / 2
        thrown = np.vstack([few, few.repeat(20, axis=0)])
        thrown[8:] += chance.normal(size=(160, 4)) * moves * np.array([20.0, 1.0, 20.0, 1.0])
        thrown[8::2, 0] = fans.minimum_rpm
    assert found.best.noise_dba < blind + 0.1, f"blind: {blind:.2f} dBA"


def test_where_nothing_is_to_be_had_it_says_so(workload_of):
    with pytest.raises(Refusal, match="no fan curve keeps"):
        quietest(workload_of("idle"), machine("imac-pro"), 0.95)


@pytest.mark.parametrize(("selector", "keep", "says"), [
    ("macbook-air-m1", 0.95, "has no fan"), ("imac-pro", 0.0, "not a share"), ("imac-pro", 1.2, "not a share"),
])  # fmt: skip
def test_what_cannot_be_asked_is_one_line(workload_of, selector, keep, says):
    with pytest.raises(InputError, match=says):
        quietest(workload_of("cinebench-r15"), machine(selector), keep)


def test_a_level_lies_within_its_swing_and_is_reached_after_whole_windows(machine_of, workload_of):
    found = forecast(workload_of("blender-cpu"), machine_of("mac-mini-m1"))
    for name, one in found.settled.items():
        assert one.low <= one.level <= one.high, name
        assert one.after_s % 60.0 == 0.0, name
    time_s = np.arange(0.0, 3601.0, 0.1)
    assert _settled(time_s, np.full(len(time_s), 3.745), 0.05, 60.0).level == 3.745


def test_windows_are_whole_rounds_whatever_their_number():
    # Rounds of 70 s that do not fit the hour: a window across two of them would swing.
    time_s = np.arange(0.0, 3600.0, 0.1)
    found = _settled(time_s, np.where(time_s % 70.0 < 35.0, 40.0, 80.0), 1.0, 70.0)
    assert found.after_s == 0.0
    assert found.level == pytest.approx(60.0, abs=0.6)
