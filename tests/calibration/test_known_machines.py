"""Machines that are known work in the simulation; a fit to what a tool would have shown finds their numbers."""

import numpy as np
import pytest

from spacegrey.logs.log import Log
from spacegrey.machine.assembly import machine
from spacegrey.simulation.calibration.fan import fan_controller
from spacegrey.simulation.calibration.recovery import MACHINES, SHEET, known_log, recovered
from spacegrey.simulation.calibration.turbo import limit_falls, turbo
from spacegrey.simulation.named import value_of, with_values

# Largest error as a share of the truth. Limits are read from levels and edges; resistances and the leak from slopes.
# The uncore takes what idling's little work draws besides.
TOLERANCE = {
    "processor.pl1_w": 0.02, "processor.pl2_w": 0.02, "processor.tau_s": 0.1,
    "cooling.conductances.cpu_sink_air": 0.04, "cooling.conductances.cpu_spreader_sink": 0.04,
    "cooling.conductances.cpu_junction_spreader": 0.04, "microarchitecture.leakage_per_core_w": 0.05,
    "microarchitecture.core_capacitance_nf": 0.05, "microarchitecture.uncore_base_w": 0.15,
    "cooling.fans.minimum_rpm": 0.005, "cooling.controller.cpu_target_c": 0.02,
    "cooling.controller.gain_rpm_per_k": 0.06, "cooling.controller.filter_s": 0.1,
}  # fmt: skip
NEEDS = {
    "processor.pl1_w": {"cpu_busy"}, "processor.tau_s": {"cpu_busy"},
    "cooling.conductances.cpu_sink_air": {"fan_rpm"}, "cooling.controller.cpu_target_c": {"fan_rpm"},
    "microarchitecture.leakage_per_core_w": {"cpu_clock_ghz", "cpu_busy"},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", list(MACHINES))
def test_what_was_changed_comes_back_and_what_it_needs_is_known(name):
    rows = recovered(MACHINES[name], seeds=(1,))
    assert {row.key for row in rows} == set(MACHINES[name])
    for row in rows:
        assert row.sheet != row.truth
        (found,) = row.found
        assert not found.why, (row.key, found.why)
        assert found.after == pytest.approx(row.truth, rel=TOLERANCE[row.key]), row.key
        if row.key != "microarchitecture.uncore_base_w":  # whose sheet is near
            assert abs(found.after - row.truth) < 0.4 * abs(row.sheet - row.truth), row.key
        assert found.low <= row.truth * 1.001, row.key
        assert found.high >= row.truth * 0.999, row.key
        assert set(row.lost_without) >= NEEDS.get(row.key, set())


@pytest.fixture(scope="module")
def limited():
    return known_log(with_values(machine(SHEET), MACHINES["limited"]), 1)


@pytest.fixture(scope="module")
def warm():
    return known_log(with_values(machine(SHEET), MACHINES["warm"]), 1)


def test_limits_and_time_constant_are_seen_at_every_onset(limited):
    falls = limit_falls(limited)
    assert len(falls) == 4
    numbers = {one.name: one for one in turbo(limited)}
    for name, key in {"sustained_power": "pl1_w", "short_power": "pl2_w", "turbo_tau": "tau_s"}.items():
        truth = MACHINES["limited"][f"processor.{key}"]
        assert numbers[name].identified
        assert numbers[name].low < truth < numbers[name].high


def test_limits_that_the_log_states_are_taken_and_one_that_changes_is_not(limited):
    rows = len(limited)
    stated = {"cpu_limit_w": np.full(rows, 88.0), "cpu_short_limit_w": np.linspace(90.0, 120.0, rows)}
    numbers = {one.name: one for one in turbo(Log("x", "hwinfo", {**limited.columns, **stated}))}
    assert numbers["long_limit"].identified
    assert numbers["long_limit"].value == 88.0
    assert not numbers["short_limit"].identified
    assert "changes on the way" in numbers["short_limit"].why


def test_work_that_needs_less_power_is_no_limit(limited):
    steady = Log("x", "hwinfo", {**limited.columns, "cpu_clock_ghz": np.full(len(limited), 3.5)})
    assert limit_falls(steady) == []
    unread = {name: values for name, values in limited.columns.items() if name != "cpu_clock_ghz"}
    assert len(limit_falls(Log("x", "hwinfo", unread))) == 4


def test_a_load_that_no_limit_holds_shows_none(warm):
    numbers = {one.name: one for one in turbo(warm)}
    assert not numbers["short_power"].identified
    assert not numbers["turbo_tau"].identified


def test_the_fan_s_loop_comes_back(warm):
    numbers = {one.name: one for one in fan_controller(warm)}
    for name, key in {"fan_gain": "gain_rpm_per_k", "fan_target": "cpu_target_c", "fan_filter": "filter_s"}.items():
        truth = MACHINES["warm"][f"cooling.controller.{key}"]
        assert numbers[name].identified
        assert numbers[name].value == pytest.approx(truth, rel=0.06)
    assert numbers["fan_least"].value == pytest.approx(1250.0, abs=3.0)


def test_a_fan_that_follows_something_else_is_left(warm):
    random = np.random.default_rng(1)
    other = np.repeat(random.uniform(1200.0, 2600.0, len(warm) // 40 + 1), 40)[: len(warm)]
    numbers = {one.name: one for one in fan_controller(Log("x", "hwinfo", {**warm.columns, "fan_rpm": other}))}
    assert numbers["fan_least"].identified
    assert "unexplained" in numbers["fan_gain"].why


def test_a_known_machine_differs_from_the_sheet():
    for values in MACHINES.values():
        for name, value in values.items():
            assert value_of(machine(SHEET), name) != value
