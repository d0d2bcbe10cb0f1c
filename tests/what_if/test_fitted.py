"""Every what-if on a machine that was fitted to a log: from the command line, start to end."""

import json

import pytest
from typer.testing import CliRunner

from spacegrey.errors import InputError
from spacegrey.interfaces.cli import app
from spacegrey.machine.assembly import machine
from spacegrey.machine.selector import parse_selector
from spacegrey.simulation.calibration.file import write_machine
from spacegrey.simulation.calibration.fit import fit
from spacegrey.simulation.calibration.recovery import MACHINES, SHEET, WORK, known_log
from spacegrey.simulation.named import with_values
from spacegrey.workload.library import workload


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """Fit a machine to the log of a known one; return its path, the job and the known machine."""
    folder = tmp_path_factory.mktemp("mine")
    known = with_values(machine(SHEET), MACHINES["warm"])
    write_machine(fit(known_log(known, 1), ambient_c=25.0), SHEET, folder / "mine.toml")
    (folder / "job.toml").write_text(WORK)
    return str(folder / "mine.toml"), str(folder / "job.toml"), known


def command(*arguments, status=0):
    ended = CliRunner().invoke(app, list(arguments), prog_name="spacegrey")
    assert ended.exit_code == status, ended.output
    return ended.output


def run(mine, what_if=""):
    path, job, _ = mine
    answer = json.loads(command("run", job, "--on", f"{path}{what_if}", "--json"))
    return answer["summary"] | {"duration_s": answer["duration_s"]}


def test_the_fitted_machine_does_what_the_known_one_does(mine):
    from spacegrey.simulation.run import simulate

    path, job, known = mine
    truth, fitted, sheet = (simulate(workload(job), one) for one in (known, machine(path), machine(SHEET)))
    for name, most in {"cpu_power_w": 0.02, "cpu_temp_c": 0.02, "fan_rpm": 0.05}.items():
        there, found = truth.summary[name].mean, fitted.summary[name].mean
        assert found == pytest.approx(there, rel=most), name
        assert abs(sheet.summary[name].mean - there) > abs(found - there), name
    core = machine(path).microarchitecture
    assert "90 % bands" in core.assumed["leakage_per_core_w"]


@pytest.mark.parametrize(
    ("what_if", "name", "sign"),
    [
        ("+ambient=35C", "cpu_temp_c", 1),
        ("+fan=max", "cpu_temp_c", -1),
        ("+fan=1100rpm", "cpu_temp_c", 1),
        ("+fan=1500rpm@50C..2600rpm@75C", "fan_rpm", 1),
        ("+dust=0.5", "cpu_temp_c", 1),
        ("+power-limit=70W", "cpu_power_w", -1),
        ("+undervolt=60mV", "cpu_power_w", -1),
        ("+brightness=0", "wall_power_w", -1),
        ("+processor=18-core", "duration_s", -1),
        (":18-core", "duration_s", -1),
        ("+processor=18-core,ambient=30C,fan=max", "duration_s", -1),
    ],
)
def test_each_what_if_moves_what_it_should(mine, what_if, name, sign):
    one, other = (run(mine, wish)[name] for wish in ("", what_if))
    if isinstance(one, dict):
        one, other = one["mean"], other["mean"]
    assert sign * (other - one) > 0.002 * abs(one)


def test_a_swapped_processor_keeps_the_fitted_cooling_and_brings_its_own_sheet(mine):
    path = mine[0]
    swapped, other = machine(f"{path}+processor=18-core"), machine(f"{SHEET}:18-core")
    assert swapped.processor == other.processor
    assert swapped.cooling == machine(path).cooling
    assert swapped.cooling != other.cooling
    assert machine(f"{path}:18-core").processor == swapped.processor
    assert machine(SHEET).at("processor=18-core").processor == other.processor
    assert parse_selector("imac-pro+processor=18-core,fan=max").environment.fan == float("inf")


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ("imac-pro:8-core+processor=18-core", "processor is chosen twice: 8-core and 18-core"),
        ("imac-pro+processor=19-core", "19-core"),
        ("imac-pro+processor=", "needs a value"),
        ("imac-pro+keyboard=us", "unknown what-if 'keyboard'"),
    ],
)
def test_a_swap_that_cannot_be_is_one_line(wish, says):
    with pytest.raises(InputError, match=says) as error:
        machine(wish)
    assert "\n" not in str(error.value)


def test_forecast_and_quiet_take_the_fitted_machine(mine):
    path, job, _ = mine
    cool, warm = (
        json.loads(command("forecast", f"{path}{wish}", "xcode-eidolon", "--json"))["settled"]["cpu_temp_c"]["level"]
        for wish in ("", "+ambient=32C")
    )
    assert warm > cool + 1.0
    found = json.loads(command("quiet", job, "--on", path, "--keep", "97%", "--json"))
    assert found["best"]["speed"] >= 0.97
    assert found["best"]["noise_dba"] < found["own"]["noise_dba"]
    again = run(mine, found["selector"].removeprefix(path))
    assert again["noise_dba"]["mean"] == pytest.approx(found["best"]["noise_dba"], abs=1e-6)


def test_a_fitted_machine_can_be_fitted_again(mine, tmp_path):
    path, _, known = mine
    made = write_machine(fit(known_log(known, 2), ambient_c=25.0), path, tmp_path / "again.toml")
    again = machine(str(tmp_path / "again.toml"))
    assert again.spec.name == machine(path).spec.name
    for one in made:
        if not one.why and one.key.startswith("conductances."):
            assert one.after == pytest.approx(one.before, rel=0.03), one.key
    assert again.processor.name == machine(SHEET).processor.name
