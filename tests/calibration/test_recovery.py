"""Numbers that are known come back from a log, each to its own tolerance, and what a log cannot tell is left."""

import time

import numpy as np
import pytest

from spacegrey.simulation.calibration.drift import dust_check, since
from spacegrey.simulation.calibration.file import read_record, write_record
from spacegrey.simulation.calibration.fit import fit

# Largest error of each number over the seeds, as a share of it (of the room in K): readings of whole degrees with
# 0.3 K of noise and 0.5 W on the power. The chip's capacity rests on the seconds after a step, and is the least sure.
TOLERANCE = {
    "sensor_to_sink": 0.06,
    "sink_to_air": 0.06,
    "whole_resistance": 0.03,
    "sink_capacity": 0.12,
    "chip_capacity": 0.20,
}
ROOM_K = 1.5
TRUTH = {
    "sensor_to_sink": 0.25,
    "sink_to_air": 0.35,
    "whole_resistance": 0.60,
    "sink_capacity": 350.0,
    "chip_capacity": 20.0,
}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_known_numbers_come_back_from_whole_degrees_with_noise(known, seed):
    found = fit(known(seed=seed).log())
    assert found.shape.order == 2
    assert not found.shape.rises
    for name, truth in TRUTH.items():
        number = found.number(name)
        assert number.identified, name
        assert number.value == pytest.approx(truth, rel=TOLERANCE[name]), name
    assert found.number("room").value == pytest.approx(24.0, abs=ROOM_K)


def test_bands_hold_the_truth(known):
    inside = total = 0
    for seed in range(6):
        found = fit(known(seed=seed, seconds=900).log(), ambient_c=24.0)
        for name, truth in TRUTH.items():
            number = found.number(name)
            if number is not None:
                total += 1
                inside += number.low <= truth <= number.high
    # 90 % bands; of 30 draws 24 or more with probability 0.96
    assert total >= 25
    assert inside >= 0.8 * total


def test_exact_readings_give_exact_numbers(known):
    found = fit(known(noise_k=0.0, quantum_k=0.0, power_noise_w=0.0).log())
    for name, truth in TRUTH.items():
        # a step of the solver is second order in time: a fast lump of 5 s is a percent off
        assert found.number(name).value == pytest.approx(truth, rel=0.01), name
    assert found.judged.rmse_k < 0.05
    assert found.judged.skill > 0.99


def test_three_lumps_are_told_from_two(known):
    three = known(r=(0.15, 0.2, 0.25), c=(15.0, 150.0, 1500.0), seconds=1800, noise_k=0.1, quantum_k=0.0).log()
    found = fit(three)
    assert found.shape.order == 3
    by_order = {one.shape.order: one.left_out_rmse_k for one in found.tried if not one.shape.rises}
    assert by_order[1] > by_order[2] > by_order[3]
    assert found.number("sensor_to_spreader").value == pytest.approx(0.15, rel=0.05)
    assert found.number("whole_resistance").value == pytest.approx(0.60, rel=0.03)
    assert found.lead_s == 0.0  # a lump that is missing must not be taken for a power that comes late


def test_one_lump_stays_one(known):
    found = fit(known(r=(0.5,), c=(200.0,)).log())
    assert found.shape.order == 1
    assert found.number("sensor_to_air").value == pytest.approx(0.5, rel=0.03)
    assert found.number("heat_capacity").value == pytest.approx(200.0, rel=0.05)


def test_the_fan_s_part_comes_back(known):
    found = fit(known(fan_exponent=0.8).log())
    number = found.number("fan_exponent")
    assert number.identified
    assert number.value == pytest.approx(0.8, abs=0.1)
    assert found.number("sink_to_air").value == pytest.approx(0.35, rel=0.08)


def test_a_fan_that_is_not_logged_is_named(known):
    found = fit(known(fan_exponent=1.0, without=("fan_rpm",), seconds=1800).log())
    assert not found.number("fan_exponent").identified
    assert found.judged.rmse_k > 2.5
    assert any("the fan: none is logged" in text for text in found.missing)
    held = np.abs(found.predicted_c - found.data.temp_c)[found.data.held] <= found.judged.band_k
    assert held.mean() >= 0.9


def test_what_a_log_cannot_tell_is_left(known):
    # a row each 20 s says nothing of a lump that settles in 5 s, and without clocks and load nothing of turbo
    found = fit(known(period_s=20.0, seconds=6000).log())
    left = {one.name: one.why for one in found.numbers if not one.identified}
    assert left["highest_clock"] == "cpu_clock_ghz not logged"
    assert left["sustained_power"] == "cpu_busy not logged"
    assert left["fan_gain"] == "fan_rpm not logged"
    if found.shape.order > 1:
        assert "chip_capacity" in left


def test_power_that_is_shown_late_is_found(known):
    log = known().log()
    log.columns["cpu_power_w"] = np.concatenate([log["cpu_power_w"][:1].repeat(2), log["cpu_power_w"][:-2]])
    found = fit(log)
    assert found.lead_s == pytest.approx(2.0, abs=0.5)
    assert found.number("whole_resistance").value == pytest.approx(0.60, rel=0.05)


def test_a_gap_is_bridged_or_starts_anew(known):
    log = known(seconds=1800).log()
    kept = np.r_[0:700, 1100:1800]
    for name, values in log.columns.items():
        log.columns[name] = values[kept]
    found = fit(log)
    assert found.data.segments == 2
    assert found.number("whole_resistance").value == pytest.approx(0.60, rel=0.05)


def test_leakage_limit_and_power_of_work_come_back(known):
    log = known(seconds=1800).log()
    time_s, temp = log["time_s"], log["cpu_temp_c"]
    random = np.random.default_rng(3)
    busy = np.where((time_s // 300) % 2 == 0, 1.0, 0.02)
    power = np.where(busy > 0.5, 80.0 + 0.25 * (temp - 60.0), 9.0) + random.normal(0.0, 0.3, len(busy))
    log.columns.update({"cpu_busy": busy, "cpu_clock_ghz": np.full(len(busy), 3.5), "cpu_power_w": power})
    from spacegrey.simulation.calibration.power import findings

    numbers = {one.name: one for one in findings(log)}
    assert numbers["leakage_slope"].value == pytest.approx(0.25, rel=0.1)
    assert numbers["idle_power"].value == pytest.approx(9.0, abs=0.1)
    assert numbers["highest_clock"].value == pytest.approx(3.5)
    assert not numbers["sustained_power"].identified


def test_a_power_limit_that_holds_comes_back(known):
    from spacegrey.simulation.calibration.power import findings

    log = known().log()
    rows = len(log)
    log.columns.update({"cpu_busy": np.full(rows, 0.99), "cpu_power_w": np.where(np.arange(rows) < 28, 120.0, 95.0)})
    number = next(one for one in findings(log) if one.name == "sustained_power")
    assert number.identified
    assert number.value == pytest.approx(95.0)


def test_dust_is_found_between_two_logs(known):
    before, after = known(seed=1), known(r=(0.25, 0.35 / 0.86), seed=2)
    drift, _ = dust_check(before.log(), after.log())
    assert drift.shown
    lost = 1.0 - 0.60 / (0.25 + 0.35 / 0.86)  # of the whole way out
    assert drift.lost == pytest.approx(lost, abs=0.03)
    assert drift.low < lost < drift.high
    assert "your cooling lost" in drift.words("March")


def test_no_dust_is_said_where_there_is_none(known):
    drift, _ = dust_check(known(seed=1).log(), known(seed=2, room_c=29.0).log())
    assert drift.low < 0.0 < drift.high
    assert "no change" in drift.words("March")


def test_an_older_fit_tells_the_drift(known, tmp_path):
    import datetime as dt

    old = fit(known(seed=1).log(), ambient_c=24.0)
    write_record(old, tmp_path / "march.toml", made=dt.date(2026, 3, 1))
    kept = read_record(tmp_path / "march.toml")
    assert kept.numbers["sink_to_air"].value == old.number("sink_to_air").value
    drift = since(kept, fit(known(r=(0.25, 0.35 / 0.86), seed=2).log(), ambient_c=24.0))
    assert drift.lost == pytest.approx(1.0 - 0.60 / (0.25 + 0.35 / 0.86), abs=0.04)
    assert not since(kept, old).shown


def test_ten_minutes_fit_in_ten_seconds_of_one_core(known):
    log = known(seconds=600).log()
    fit(log)  # compiles
    began = time.process_time()
    fit(log)
    assert time.process_time() - began < 10.0
