"""What a log does not hold and the fit still finds: a fan nobody logged, heat beside the cores, a warmer room."""

import numpy as np
import pytest

from spacegrey.logs.log import Log
from spacegrey.simulation.calibration.drift import Drift, dust_check
from spacegrey.simulation.calibration.fit import fit

ROOM_C, R, C = 24.0, (0.25, 0.35), (20.0, 350.0)


def shown(power, *, rest=None, share=1.0, exponent=0.0, lag_s=1.0, seed=1):
    """Return what a sensor shows, by small explicit steps: heat beside the cores goes to the sink, the fan is late."""
    random, steps = np.random.default_rng(seed), 20
    rest = np.zeros(len(power)) if rest is None else rest
    chip, sink = sum(R) * power[0], R[1] * power[0]
    followed, out = sink, np.empty(len(power))
    for row, watts in enumerate(power):
        other = (1.0 - share) * rest[row]
        for _ in range(steps):
            followed += (sink - followed) / lag_s / steps
            air = sink / R[1] * (max(followed, 2.0) / 30.0) ** exponent
            flow = (chip - sink) / R[0]
            chip += (watts - other - flow) / C[0] / steps
            sink += (flow + other - air) / C[1] / steps
        out[row] = ROOM_C + chip
    return np.round(out + random.normal(0.0, 0.3, len(out)))


def test_a_fan_that_nobody_logged_and_that_is_late_is_found(known):
    time = np.arange(0.0, 1800.0)
    power = known().power(time)
    temp = shown(power, exponent=0.9, lag_s=60.0)
    found = fit(Log("fan", "spacegrey", {"time_s": time, "cpu_temp_c": temp, "cpu_power_w": power}), ambient_c=ROOM_C)
    assert found.shape.rises
    assert found.judged.rmse_k < 0.7
    lag = found.number("rise_lag")
    assert lag.identified
    assert lag.value == pytest.approx(60.0, rel=0.2)
    assert lag.low < 60.0 < lag.high
    assert found.number("rise_exponent").value == pytest.approx(0.9, abs=0.1)


def _beside(time):
    # graphics on the chip, at times of its own
    rest = np.where((time // 170.0) % 2 == 0, 4.0, 30.0)
    cores = np.where((time // 110.0) % 2 == 0, 8.0, 50.0)
    return cores + rest, cores, rest


def test_heat_beside_the_cores_heats_the_sensor_less():
    time = np.arange(0.0, 1500.0)
    power, cores, rest = _beside(time)
    columns = {"time_s": time, "cpu_temp_c": shown(power, rest=rest, share=0.4), "cpu_power_w": power}
    with_cores = fit(Log("b", "spacegrey", {**columns, "cpu_cores_power_w": cores}), ambient_c=ROOM_C)
    without = fit(Log("b", "spacegrey", columns), ambient_c=ROOM_C)
    share = with_cores.number("rest_share")
    assert share.identified
    assert share.value == pytest.approx(0.4, abs=0.05)
    assert share.low < 0.4 < share.high
    assert with_cores.judged.rmse_k < 0.5
    assert with_cores.judged.rmse_k < 0.6 * without.judged.rmse_k
    assert with_cores.number("whole_resistance").value == pytest.approx(sum(R), rel=0.03)


def test_heat_beside_the_cores_that_stands_still_is_not_asked_for():
    time = np.arange(0.0, 900.0)
    _, cores, _ = _beside(time)
    columns = {"time_s": time, "cpu_temp_c": shown(cores + 6.0), "cpu_power_w": cores + 6.0, "cpu_cores_power_w": cores}
    assert fit(Log("b", "spacegrey", columns)).number("rest_share") is None


def _two(known, sinks, rooms, *, logged):
    logs = []
    for number, (sink, room) in enumerate(zip(sinks, rooms, strict=True)):
        log = known(r=(0.25, sink), seed=3 + number, seconds=900, room_c=room).log()
        if logged:
            log.columns["ambient_temp_c"] = np.full(len(log), room)
        logs.append(log)
    return logs


def test_a_warmer_room_that_is_logged_is_not_taken_for_dust(known):
    drift, _ = dust_check(*_two(known, (0.35, 0.35), (22.0, 28.0), logged=True))
    assert abs(drift.lost) < 0.02
    assert not drift.shown
    drift, _ = dust_check(*_two(known, (0.35, 0.45), (22.0, 28.0), logged=True))
    assert drift.lost == pytest.approx(1.0 - 0.60 / 0.70, abs=0.02)
    assert drift.low < 1.0 - 0.60 / 0.70 < drift.high
    assert drift.shown


def test_two_logs_that_cannot_tell_say_so():
    words = Drift("whole_resistance", 0.6, 0.7, 0.14, -0.4, 0.28).words("March")
    assert words.startswith("the logs cannot tell what changed of your cooling since March: between -28 and +40 %")
    # A band as wide as that is not "no change"; a narrow one is.
    assert Drift("whole_resistance", 0.6, 0.6, 0.0, -0.05, 0.05).words("March").startswith("no change")
