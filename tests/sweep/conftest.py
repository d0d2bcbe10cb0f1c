"""What the tests of sweeps share: the command in this process, small questions, and a sweep that is there."""

import pytest
from typer.testing import CliRunner

from spacegrey.interfaces.cli import app

ASKED = """
title = "small"
machines = ["imac-pro:processor=*", "mac-mini-m1"]
workloads = ["cinebench-r23", "blender-gpu"]

[vary]
ambient = {{ from = 20, to = "30C", steps = {steps} }}
"""


def _command(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="spacegrey")


@pytest.fixture(scope="session")
def command():
    """Run a command in this process."""
    return _command


@pytest.fixture
def asked(tmp_path):
    """Write a sweep's file of 10 runs for each step, and return its path."""

    def write(steps=3, text=ASKED, name="small.toml"):
        path = tmp_path / name
        path.write_text(text.format(steps=steps), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def swept(tmp_path_factory):
    """Return the folder of a sweep of 30 runs; look, and do not touch."""
    folder = tmp_path_factory.mktemp("swept")
    file = folder / "small.toml"
    file.write_text(ASKED.format(steps=3), encoding="utf-8")
    result = _command("sweep", file, "--out", folder / "runs")
    assert result.exit_code == 0, result.output
    return folder / "runs"
