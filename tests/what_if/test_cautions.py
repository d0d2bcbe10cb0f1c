"""What no real machine would do is said, and only that."""

import re

import pytest

import spacegrey


@pytest.mark.parametrize("setting", ["fan=0rpm", "dust=0.9"])
def test_heat_that_no_chip_survives_is_said_of_both_chips(run_of, setting):
    run = run_of("all-out", f"imac-pro+{setting}")
    said = re.search(r"the processor at (\d+) °C .* and the graphics at (\d+) °C .* switched itself off", run.verdict)
    assert said, run.verdict
    assert int(said[1]) == round(run.summary["cpu_temp_c"].max)
    assert int(said[2]) == round(run.summary["gpu_temp_c"].max)


@pytest.mark.parametrize("setting", ["ambient=25C", "ambient=60C", "fan=1100rpm", "dust=0.6", "power-limit=60W"])
def test_a_machine_that_only_throttles_is_taken_at_its_word(run_of, setting):
    said = run_of("all-out", f"imac-pro+{setting}").verdict
    assert "No real machine" not in said
    assert "is not kept" not in said


@pytest.mark.parametrize("limit", [1, 10, 20])
def test_a_limit_below_what_the_lowest_clock_takes_is_said_not_to_be_kept(run_of, limit):
    run = run_of("cinebench-r15-loop", f"imac-pro+power-limit={limit}W")
    said = re.search(
        rf"limit of {limit} W is not kept in (\d+) % of the time: even at (\S+) GHz .* takes (\d+) W", run.verdict
    )
    assert said, run.verdict
    assert float(said[2]) == pytest.approx(run.summary["cpu_clock_ghz"].min, abs=0.01)
    assert int(said[3]) > limit


def test_a_forecast_says_it_too(machine_of, workload_of):
    found = spacegrey.forecast(workload_of("all-out"), on=machine_of("imac-pro+fan=0rpm"))
    assert "No real machine" in found.run.verdict
