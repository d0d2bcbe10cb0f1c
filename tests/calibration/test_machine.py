"""A fitted machine is written, runs, and gives its own log back; a log that does not serve is refused."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from spacegrey.errors import InputError, Refusal
from spacegrey.interfaces.cli import app
from spacegrey.logs.log import Log
from spacegrey.logs.read import read_log
from spacegrey.machine.assembly import machine
from spacegrey.parts.cooling.laws import AIR_HEAT_J_PER_L_K
from spacegrey.simulation.calibration.file import check_machine, settings, write_machine
from spacegrey.simulation.calibration.fit import fit

ROOT = Path(__file__).parents[2]


def _command(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments], prog_name="spacegrey")


def _csv(log, path):
    names = list(log.columns)
    rows = zip(*(log[name] for name in names), strict=True)
    path.write_text("\n".join([",".join(names), *(",".join(f"{one:.6g}" for one in row) for row in rows)]))
    return path


WORK = """
[workload]
name = "work and rest"
stands_for = "a test"
status = "illustrative"
repeat = 4
assumed = { repeat = "a test" }

[[phase]]
name = "rest"
processor = { integer_gop = 0.1, threads = 1 }
pace = { seconds = 100 }
assumed = { processor = "a test", pace = "a test" }

[[phase]]
name = "work"
processor = { float_gop = 9000, parallel = 1.0 }
assumed = { processor = "a test" }
"""


@pytest.fixture(scope="session")
def other(tmp_path_factory):
    """Run an iMac Pro whose sink passes less heat than the catalog's, and keep its trace as a log."""
    import spacegrey

    folder = tmp_path_factory.mktemp("other")
    (folder / "work.toml").write_text(WORK)
    (folder / "other.toml").write_text(
        'extends = "imac-pro"\n[machine]\nname = "other"\ncooling = "other"\n'
        '[parts.cooling.other]\nextends = "imac-pro"\nconductances = { cpu_sink_air = 5.0, cpu_spreader_sink = 4.6 }\n'
        'assumed = { conductances = "a test" }\n'
    )
    run = spacegrey.run(str(folder / "work.toml"), on=str(folder / "other.toml") + "+fan=max")
    from spacegrey.simulation.runfile import save

    save(run, folder / "log.parquet")
    return folder, run


def test_a_machine_fitted_to_another_s_log_runs_as_that_does(other, tmp_path):
    import spacegrey

    folder, truth = other
    found = fit(read_log(folder / "log.parquet"), ambient_c=25.0)
    made = {one.key: one for one in write_machine(found, "imac-pro:8-core", tmp_path / "mine.toml")}
    sink = made["conductances.cpu_sink_air"]
    assert sink.low < sink.after < sink.high < sink.before
    mine = machine(str(tmp_path / "mine.toml"))
    assert mine.cooling.conductances.cpu_sink_air == pytest.approx(sink.after, rel=1e-4)
    assert mine.cooling.conductances.gpu_sink_air == machine("imac-pro").cooling.conductances.gpu_sink_air
    assert "90 % bands" in mine.cooling.assumed["conductances"]
    work = str(folder / "work.toml")
    fitted = spacegrey.run(work, on=f"{tmp_path / 'mine.toml'}+fan=max").summary["cpu_temp_c"].mean
    unfitted = spacegrey.run(work, on="imac-pro+fan=max").summary["cpu_temp_c"].mean
    measured = truth.summary["cpu_temp_c"].mean
    assert abs(unfitted - measured) > 3.0
    # other paths out of the machine are in the log's resistance and not in the sheet's: it cannot be exact
    assert abs(fitted - measured) < 0.5 * abs(unfitted - measured)


def test_the_part_that_follows_the_fan_is_the_sink_s(known):
    sheet = machine("imac-pro").cooling
    flow = sheet.fans.natural_flow_l_s + sheet.fans.flow_l_s
    inner = 1.0 / sheet.conductances.cpu_junction_spreader + 1.0 / sheet.conductances.cpu_spreader_sink
    last = 1.0 / 5.0 + 1.0 / (flow * AIR_HEAT_J_PER_L_K)
    log = known(r=(inner, last), c=(16.0, 120.0), fan_exponent=0.8, seconds=1800).log()
    log.columns["fan_rpm"] *= sheet.fans.maximum_rpm / log["fan_rpm"].max()
    made = {one.key: one for one in settings(fit(log, ambient_c=24.0), machine("imac-pro"))}
    assert made["conductances.cpu_sink_air"].after == pytest.approx(5.0, rel=0.15)
    assert made["conductances.cpu_spreader_sink"].after == pytest.approx(sheet.conductances.cpu_spreader_sink, rel=0.15)
    assert made["capacities.cpu_sink"].after == pytest.approx(120.0, rel=0.2)
    assert made["fans.minimum_rpm"].after == pytest.approx(1250.0, rel=0.01)


def test_what_the_log_does_not_identify_is_left(known, tmp_path):
    found = fit(known().log())
    made = {one.key: one for one in settings(found, machine("imac-pro"))}
    assert "fan is not logged" in made["conductances.cpu_sink_air"].why
    assert np.isnan(made["conductances.cpu_sink_air"].after)
    cores = replace(found, data=replace(found.data, driver="cpu_cores_power_w"))
    cooling = [one for one in settings(cores, machine("imac-pro")) if one.key.startswith(("conduct", "capac"))]
    assert len(cooling) == 6
    assert all("not to the package's power" in one.why for one in cooling)
    assert not any(one.key.startswith("processor") and not one.why for one in settings(cores, machine("imac-pro")))
    assert write_machine(cores, "imac-pro", tmp_path / "none.toml")
    assert not (tmp_path / "none.toml").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cpu_temp_c": None}, "no processor temperature is logged"),
        ({"cpu_power_w": None}, "no power is logged"),
        ({"cpu_temp_c": 55.0}, "holds no step: cpu_power_w stays within"),
        ({"cpu_power_w": 30.0}, "holds no step"),
        ({"cpu_temp_c": float("nan")}, "0 rows with power and temperature over 0 s"),
    ],
)
def test_a_log_that_cannot_be_fitted_is_refused(known, change, said):
    log = known().log()
    columns = {name: values for name, values in log.columns.items() if change.get(name, 0.0) is not None}
    for name, value in change.items():
        if value is not None:
            columns[name] = np.full(len(log), value)
    with pytest.raises(Refusal, match=said):
        fit(replace(log, columns=columns))


def test_a_short_log_and_one_without_times_are_refused(known):
    with pytest.raises(Refusal, match="a fit needs 30 rows over 120 s"):
        fit(known(seconds=100).log())
    with pytest.raises(Refusal, match="--period"):
        fit(replace(known().log(), timed=False))


def test_a_log_of_another_machine_is_told():
    columns = {"time_s": np.arange(40.0), "cpu_clock_ghz": np.full(40, 5.3)}
    with pytest.raises(InputError, match=r"shows 5.30 GHz, and Intel Xeon W-2140B reaches 4.2 GHz"):
        check_machine(Log("x", "hwinfo", columns), machine("imac-pro"))
    with pytest.raises(InputError, match="the log is of a Macmini9,1, and imac-pro is a iMacPro1,1"):
        check_machine(Log("x", "powermetrics", {}, machine="Macmini9,1"), machine("imac-pro"))


def test_the_command_fits_writes_and_says_what_changed(known, tmp_path):
    log = _csv(known().log(), tmp_path / "log.csv")
    said = _command("calibrate", log, "--record", tmp_path / "fit.toml", "--plot", tmp_path / "fit.png")
    assert said.exit_code == 0, said.output
    assert max(map(len, said.output.replace(str(tmp_path), "").splitlines())) <= 80
    assert "skill" in said.output
    assert (tmp_path / "fit.png").read_bytes().startswith(b"\x89PNG")
    dusty = _csv(known(r=(0.25, 0.42), seed=5).log(), tmp_path / "later.csv")
    answer = json.loads(_command("calibrate", dusty, "--before", tmp_path / "fit.toml", "--json").output)
    assert answer["drift"]["lost"] == pytest.approx(1.0 - 0.60 / 0.67, abs=0.06)
    checked = json.loads(_command("dust-check", log, dusty, "--json").output)
    assert checked["shown"]
    assert checked["lost"] == pytest.approx(1.0 - 0.60 / 0.67, abs=0.03)


def test_the_command_ends_as_promised(known, tmp_path):
    flat = known().log()
    flat.columns["cpu_power_w"][:] = 30.0
    refused = _command("calibrate", _csv(flat, tmp_path / "flat.csv"))
    assert refused.exit_code == 1
    assert "holds no step" in refused.output
    log = _csv(known().log(), tmp_path / "log.csv")
    for wrong in (
        ("--out", tmp_path / "x.toml"),
        ("--plot", tmp_path / "x.gif"),
        ("--before", log),
        ("--on", "imac-por"),
    ):
        ended = _command("calibrate", log, *wrong)
        assert ended.exit_code == 2, wrong
        assert ended.output.count("\n") == 1


def test_the_log_command_shows_saves_and_draws(known, tmp_path):
    log = _csv(known().log(), tmp_path / "log.csv")
    said = _command("log", log)
    assert re.search(r"^cpu_temp_c +1200 ", said.output, re.MULTILINE)
    assert "not found: " in said.output
    for name in ("a.parquet", "a.csv", "a.png"):
        assert _command("log", log, "--out", tmp_path / name).exit_code == 0
        assert (tmp_path / name).stat().st_size > 1000
    again = json.loads(_command("log", tmp_path / "a.csv", "--json").output)
    assert again["rows"] == 1200


def test_the_keys_of_json_stand_in_the_documentation(known, tmp_path):
    text = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    log = _csv(known().log(), tmp_path / "log.csv")
    for verb, arguments in (("log", [log]), ("calibrate", [log, "--on", "imac-pro"]), ("dust-check", [log, log])):
        section = text.partition(f"## `spacegrey {verb}`")[2].partition("\n## ")[0]
        ended = _command(verb, *arguments, "--json")
        assert ended.exit_code == 0, ended.output
        answer = json.loads(ended.output)
        inner = [
            one for value in answer.values() if isinstance(value, list) for one in value[:1] if isinstance(one, dict)
        ]
        for key in {*answer, *(key for one in inner for key in one)}:
            assert f"`{key}`" in section, (verb, key)
