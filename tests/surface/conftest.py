"""What the tests of commands and pages share: a command in this process, the installed one, and saved runs."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spacegrey.interfaces.cli import app

# A workload of the user's own: two phases, twice, in a few simulated seconds.
SHORT = """
[workload]
name = '''{name}'''
stands_for = "a test"
status = "illustrative"
repeat = 2
assumed = {{ repeat = "a test" }}

[[phase]]
name = '''{phase}'''
processor = {{ float_gop = {gop}, parallel = 0.9 }}
assumed = {{ processor = "a test" }}

[[phase]]
name = "rest"
processor = {{ integer_gop = 0.1, threads = 1 }}
pace = {{ seconds = 2 }}
assumed = {{ processor = "a test", pace = "a test" }}
"""


def _command(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="spacegrey")


@pytest.fixture(scope="session")
def command():
    """Run a command in this process."""
    return _command


@pytest.fixture(scope="session")
def program():
    """Name the installed command."""
    return Path(sys.executable).with_name("spacegrey")


@pytest.fixture(scope="session")
def installed(program):
    """Run the installed command with its output in pipes."""

    def run(*arguments, **settings):
        words = [program, *map(str, arguments)]
        return subprocess.run(words, capture_output=True, check=False, encoding="utf-8", timeout=120, **settings)

    return run


@pytest.fixture
def short(tmp_path):
    """Write a short workload and return its path."""

    def write(name="short", gop="100", phase="work"):
        path = tmp_path / "short.toml"
        path.write_text(SHORT.format(name=name, gop=gop, phase=phase), encoding="utf-8")
        return path

    return write


def _saved(folder, selector):
    path = folder / "run.parquet"
    result = _command("run", "cinebench-r15-loop", "--on", selector, "--save", path)
    assert result.exit_code == 0, result.output
    return path


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """Keep a run of Cinebench in a loop in a file."""
    return _saved(tmp_path_factory.mktemp("saved"), "imac-pro")


@pytest.fixture(scope="session")
def saved_at_full_fan(tmp_path_factory):
    """Keep the same with the fans as fast as they go."""
    return _saved(tmp_path_factory.mktemp("fans"), "imac-pro+fan=max")


@pytest.fixture(scope="session")
def swept(tmp_path_factory):
    """Keep a sweep of four processors."""
    folder = tmp_path_factory.mktemp("swept")
    (folder / "asked.toml").write_text('machines = ["imac-pro:processor=*"]\nworkloads = ["cinebench-r23"]\n')
    result = _command("sweep", folder / "asked.toml", "--out", folder / "runs")
    assert result.exit_code == 0, result.output
    return folder / "runs"
