"""What forecast and quiet say first, and that it is what their tables hold."""

import re
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from spacegrey.errors import Refusal
from spacegrey.interfaces.cli import app
from spacegrey.interfaces.cli.forecast import headline
from spacegrey.simulation.quietest import quietest
from spacegrey.simulation.settling import forecast


def said(*arguments):
    ended = CliRunner().invoke(app, list(arguments), prog_name="spacegrey")
    assert ended.exit_code == 0, ended.output
    return " ".join(ended.output.split())


def test_forecast_says_where_both_chips_and_the_fans_settle(machine_of, workload_of):
    found = forecast(workload_of("all-out"), machine_of("imac-pro"))
    text = headline(found)
    assert f"The processor settles at {found.settled['cpu_temp_c'].level:.0f} °C" in text
    assert f"the graphics settles at {found.settled['gpu_temp_c'].level:.0f} °C" in text
    assert f"and the fans at {found.settled['fan_rpm'].level:,.0f} rpm" in text
    assert text in said("forecast", "imac-pro", "all-out")


def test_forecast_says_which_chip_drifts_on_and_how_fast(machine_of, workload_of):
    found = forecast(workload_of("all-out"), machine_of("imac-pro"))
    drifting = replace(found.settled["gpu_temp_c"], after_s=None, drift_per_h=2.5, level=70.0)
    text = headline(replace(found, settled={**found.settled, "gpu_temp_c": drifting}))
    assert "the graphics still rises by 2.5 °C an hour at 70 °C" in text


def test_a_machine_without_a_fan_has_none_in_the_sentence(machine_of, workload_of):
    text = headline(forecast(workload_of("cinebench-r15"), machine_of("macbook-air-m1")))
    assert "fan" not in text


def test_quiet_says_what_it_brings_and_costs():
    text = said("quiet", "all-out", "--on", "imac-pro", "--keep", "95%")
    own, best = (float(one) for one in re.findall(r"(?:as it is|quietest curve) [\d.]+ % ([\d.]+)", text))
    assert own - best > 1.0
    assert f"is {own - best:.1f} dBA quieter on average and takes" in text


def test_quiet_says_where_fans_cannot_turn_slower(machine_of, workload_of):
    with pytest.raises(Refusal, match=r"its fans at 1100 rpm, as slow as they go"):
        quietest(workload_of("idle"), machine_of("imac-pro"), 0.95)


def test_a_steep_curve_is_printed_with_temperatures_that_differ():
    done = CliRunner().invoke(app, ["quiet", "all-out", "--on", "imac-5k-2017", "--keep", "95%"])
    assert done.exit_code == 0, done.output
    temps = re.findall(r"^ *(\S+) °C +[\d,]+ rpm", done.stdout, re.MULTILINE)
    assert len(temps) == 5
    assert len(set(temps)) == 5, temps


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["idle", "--on", "imac-pro"], 0, "The processor settles at"),
        (["imac-pro", "idle"], 0, "The processor settles at"),
        (["idle"], 2, "forecast: idle on which machine? spacegrey forecast SELECTOR WORKLOAD, or --on SELECTOR"),
        (
            ["imac-pro", "idle", "--on", "imac-pro"],
            2,
            "forecast: the machine is named twice: imac-pro and --on imac-pro",
        ),
    ],
)
def test_forecast_takes_its_machine_as_the_other_verbs_do(words, status, says):
    done = CliRunner().invoke(app, ["forecast", *words], prog_name="spacegrey")
    assert done.exit_code == status, done.output
    assert says in done.output
