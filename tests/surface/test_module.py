"""`python -m spacegrey`: the command where its folder is not on the path."""

import subprocess
import sys


def _module(*words):
    return subprocess.run(
        [sys.executable, "-m", "spacegrey", *words], capture_output=True, check=False, encoding="utf-8", timeout=60
    )


def test_the_module_is_the_command():
    """It says what the command says, under the command's name, and ends as the command ends."""
    said = _module("--version")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith("spacegrey ")
    wrong = _module("machines", "imac-prow")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("spacegrey: error: ")
    assert wrong.stderr.count("\n") == 1
