"""The error of speeds for chips that the fit has not seen: it leaves out what it says, and its record is current."""

from dataclasses import replace
from math import isnan

import pytest

from spacegrey import fits
from spacegrey.simulation.validation.held_out import FILE, chip, errors, held_out, repeats
from spacegrey.simulation.validation.measurements import Measurement
from spacegrey.simulation.validation.throughput_rows import sigma_ln, speed_rows
from spacegrey.sourced import read_toml

# What is reached, so that it cannot get worse unseen. [%]
REACHED_MEAN, REACHED_MEDIAN = 12.0, 8.5
LEFT_OUT = "Intel Core i9-7920X"


def _rows(workload):
    return [row for row in speed_rows() if row.workload == workload]


def _with_measured(row, factor):
    measurement = row.asked.measurement
    return replace(row, asked=replace(row.asked, measurement=replace(measurement, value=measurement.value * factor)))


@pytest.fixture(scope="module")
def record():
    return read_toml(FILE).data


def test_a_chips_own_rows_do_not_change_its_prediction():
    rows = _rows("geekbench-5-single")
    changed = [_with_measured(row, 1.5) if chip(row) == LEFT_OUT else row for row in rows]
    assert changed != rows
    before, after = ({one.id: one for one in held_out(some, workers=1)} for some in (rows, changed))
    for ident, one in before.items():
        ratio = (1.0 + after[ident].held_out_percent / 100.0) / (1.0 + one.held_out_percent / 100.0)
        if one.chip == LEFT_OUT:
            assert ratio == pytest.approx(1.0 / 1.5, rel=1e-12)
    others = [one for one in before.values() if one.chip != LEFT_OUT]
    # The changed rows do move the predictions of the others: the test sees them.
    assert max(abs(after[one.id].held_out_percent - one.held_out_percent) for one in others) > 0.1


def test_a_row_that_compares_two_chips_is_left_out_with_both():
    rows = _rows("cinebench-r15")
    assert {len(row.machines) for row in rows} == {1, 2}
    score, ratio = held_out(rows, workers=1)
    assert isnan(score.held_out_percent)
    assert "cinebench-r15 constant" in score.unseen
    # The size of the test cancels in the ratio.
    assert not isnan(ratio.held_out_percent)
    assert "cinebench-r15 constant" not in ratio.unseen


def test_a_benchmark_that_one_chip_ran_is_not_predicted():
    (one,) = held_out(_rows("cfd-usm3d"), workers=1)
    assert isnan(one.held_out_percent)
    assert one.unseen == ("cfd-usm3d constant",)
    assert errors([one])["predicted"] == 0


def test_a_test_of_graphics_leaves_out_the_graphics_part():
    assert {chip(row) for row in _rows("witcher-3-4k")} == {"AMD Radeon RX Vega 56"}
    assert chip(_rows("cfd-usm3d")[0]) == "Intel Xeon W-2150B"


def test_the_record_is_of_the_fit_that_stands(record):
    assert record["fit"] == fits.digest("throughput"), "run `make held-out`"


def test_the_record_accounts_for_every_row(record):
    assert record["rows"] == len(speed_rows()) == record["predicted"] + len(record["not_predicted"])
    for table in ("workloads", "chip_errors"):
        assert sum(one["rows"] for one in record[table].values()) == record["rows"]


def test_an_unseen_chip_is_predicted_as_well_as_before(record):
    assert record["fitted_mean_absolute_error"] < record["mean_absolute_error"] <= REACHED_MEAN
    assert record["median_absolute_error"] <= REACHED_MEDIAN


def test_repeats_are_of_one_chip_in_one_test():
    found = {(name, work): (count, percent) for name, work, count, percent in repeats(speed_rows())}
    # One card with three settings of its power is not measured three times.
    assert not [work for _, work in found if work == "witcher-3-4k"]
    # 145 and 167 s about their mean of 156 s: 7.6 and 6.6 %.
    assert found["Intel Core i9-9900K", "xcodebenchmark"] == (2, pytest.approx((156 / 145 - 156 / 167) * 50, rel=1e-9))


def test_what_is_less_precise_strays_further():
    row = Measurement("1", "", "", "", "", "", "", 3.0, "s", "", "", "medium")
    assert sigma_ln(row) > sigma_ln(replace(row, value=3.25)) == sigma_ln(replace(row, value=40.5))
    few, many = (replace(row, value=3.5, conditions=f"{count} submissions") for count in (2, 200))
    assert sigma_ln(few) > sigma_ln(many) > sigma_ln(replace(row, value=3.5, confidence="high"))
