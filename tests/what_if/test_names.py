"""Files of one's own by their names alone, and what is said where a name or a setting is none."""

import json
import shutil

import pytest
from typer.testing import CliRunner

import spacegrey
from spacegrey.errors import InputError
from spacegrey.interfaces.cli import app
from spacegrey.simulation.calibration.recovery import WORK


@pytest.fixture
def at_home(tmp_path, monkeypatch, fitted):
    """Stand in a folder with a machine and a job of one's own."""
    shutil.copy(fitted, tmp_path / "my-machine.toml")
    (tmp_path / "my-job.toml").write_text(WORK)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("at_home")
@pytest.mark.parametrize("name", ["my-machine", "./my-machine", "my-machine.toml"])
def test_a_file_of_one_s_own_is_named_with_or_without_its_ending(name):
    done = CliRunner().invoke(app, ["run", "my-job", "--on", f"{name}+fan=max,ambient=35C", "--json"])
    assert done.exit_code == 0, done.output
    whole = spacegrey.run("my-job.toml", on="my-machine.toml+fan=max,ambient=35C")
    assert json.loads(done.stdout)["duration_s"] == whole.duration_s
    assert spacegrey.Machine.of(f"{name}:18-core").processor.cores == 18
    assert spacegrey.Workload.of("my-job:repeat=2").spec.repeat == 2


def test_the_catalog_comes_first(at_home):
    shutil.copy(at_home / "my-machine.toml", at_home / "imac-pro.toml")
    shutil.copy(at_home / "my-job.toml", at_home / "idle.toml")
    assert spacegrey.Machine.of("imac-pro").id == "imac-pro"
    assert spacegrey.Machine.of("./imac-pro").id == "imac-pro.toml"
    assert spacegrey.Workload.of("idle").name != spacegrey.Workload.of("idle.toml").name


@pytest.mark.usefixtures("at_home")
@pytest.mark.parametrize("name", ["my-machin", "", ".", "..", "/", "a\0b", "x" * 5000])
def test_what_is_nowhere_is_one_line(name):
    for door, kind in ((spacegrey.Machine.of, "machine"), (spacegrey.Workload.of, "workload")):
        with pytest.raises(InputError, match=f"unknown {kind}|names no machine") as error:
            door(name)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(("selector", "says"), [
    ("imac-pro+", r"has an empty what-if: write imac-pro\+ambient=35C"),
    ("imac-pro+fan=max,,dust=0.1", "has an empty what-if"),
    ("imac-pro+fan=-5rpm", "fan=-5rpm is below 0 rpm"),
])  # fmt: skip
def test_a_setting_that_is_none_is_told(selector, says):
    with pytest.raises(InputError, match=says):
        spacegrey.Machine.of(selector)
