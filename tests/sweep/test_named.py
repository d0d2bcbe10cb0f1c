"""Every number of a machine and of a workload can be listed, read and set by its name, and nothing else can."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegrey.errors import InputError
from spacegrey.machine.catalog import machine_ids
from spacegrey.simulation.named import Disagreement, names, value_of, with_values
from spacegrey.workload.library import workload_ids


@pytest.mark.parametrize("ident", machine_ids())
def test_every_listed_number_of_a_machine_is_what_its_name_reads_and_sets(machine_of, ident):
    machine = machine_of(ident)
    listed = names(machine)
    assert len(listed) > 100
    for name, one in listed.items():
        assert value_of(machine, name) == one.value == one.value
        assert value_of(with_values(machine, {name: one.value}), name) == one.value
        assert one.reason


@pytest.mark.parametrize("ident", workload_ids())
def test_every_listed_number_of_a_workload_is_what_its_name_reads_and_sets(workload_of, ident):
    workload = workload_of(ident)
    for name, one in names(workload).items():
        assert name.startswith("workload.")
        assert value_of(with_values(workload, {name: one.value}), name) == one.value


@given(share=st.floats(0.5, 2.0))
def test_setting_a_number_changes_it_and_nothing_else(machine_of, share):
    machine = machine_of("imac-pro")
    name = "cooling.conductances.cpu_sink_air"
    before, after = names(machine), names(with_values(machine, {name: before_value(machine, name) * share}))
    assert after[name].value == before[name].value * share
    assert {key: one.value for key, one in before.items() if key != name} == {
        key: one.value for key, one in after.items() if key != name
    }
    assert names(machine) == before


def before_value(machine, name):
    value = value_of(machine, name)
    assert isinstance(value, float)
    return value


def test_a_number_says_what_it_stands_on(machine_of):
    listed = names(machine_of("imac-pro"))
    assert listed["processor.cores"].ground == "source"
    assert listed["cooling.conductances.cpu_sink_air"].ground in {"assumed", "fitted"}
    assert listed["microarchitecture.rate_float"].ground in {"fitted", "source", "assumed", "default"}
    assert {one.ground for one in listed.values()} >= {"source", "assumed", "default"}
    assert all(one.assumed == (one.ground != "source") for one in listed.values())


def test_a_changed_number_changes_the_run(machine_of, workload_of):
    from spacegrey.simulation.run import simulate

    machine, workload = machine_of("imac-pro"), workload_of("cinebench-r15")
    more = with_values(machine, {"supply.board_w": before_value(machine, "supply.board_w") + 20.0})
    ten = with_values(workload, {"workload.repeat": 2})
    before = simulate(workload, machine)
    # 20 W more behind a supply that loses something: at least 20 W more from the wall, at most 25.
    gained = simulate(workload, more).summary["wall_power_w"].mean - before.summary["wall_power_w"].mean
    assert 20.0 < gained < 25.0
    assert simulate(ten, machine).duration_s > 1.9 * before.duration_s


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"processor.pl1_w": -1.0}, "greater than 0"),
        ({"processor.pl1_w": math.nan}, "finite"),
        ({"processor.pl1_w": 1e13}, "beyond anything real"),
        ({"processor.cores": 8.5}, "integer"),
        ({"cooling.conductances.cpu_sink_aire": 1.0}, "cooling.conductances.cpu_sink_air"),
        ({"pl1_w": 1.0}, "processor.pl1_w"),
        ({"processor.source": 1.0}, "unknown"),
        ({"processor.turbo_bins.9.1": 1.0}, "processor.turbo_bins"),
        ({"processor.__class__": 1.0}, "unknown"),
        ({"": 1.0}, "unknown"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(machine_of, values, says):
    with pytest.raises(InputError) as refused:
        with_values(machine_of("imac-pro"), values)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_numbers_that_do_not_fit_together_are_told_from_wrong_ones(machine_of):
    machine = machine_of("imac-pro")
    high = before_value(machine, "processor.pl2_w") * 2.0
    with pytest.raises(Disagreement, match="pl2_w must be at least pl1_w"):
        with_values(machine, {"processor.pl1_w": high})
    both = with_values(machine, {"processor.pl1_w": high, "processor.pl2_w": high})
    assert both.processor.pl1_w == both.processor.pl2_w == high


def test_a_machine_without_a_panel_has_no_names_of_one(machine_of):
    machine = machine_of("mac-mini-m1")
    assert not [name for name in names(machine) if name.startswith("panel")]
    with pytest.raises(InputError, match=r"panel\.backlight_w"):
        with_values(machine, {"panel.backlight_w": 10.0})
