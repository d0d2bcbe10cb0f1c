"""Every example runs, every command of the pages does what the page says, and the pages' tables are the code's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
DOCS = ROOT / "docs"


def run(*command, cwd=ROOT):
    environment = {**os.environ, "MPLBACKEND": "agg"}
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def test_there_are_examples():
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_runs(path, tmp_path):
    done = run("-W", "error", path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_tables_of_the_pages_are_those_of_the_code():
    done = run(DOCS / "make_tables.py", "--check")
    assert done.returncode == 0, done.stderr


def test_the_drawing_is_that_of_the_kernels_network():
    done = run(DOCS / "make_drawing.py", "--check")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_every_command_of_the_pages_ends_as_the_page_says():
    done = run(DOCS / "make_outputs.py", "--check")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.stem)
def test_every_page_is_linked_from_the_index(page):
    named = (DOCS / "index.md").read_text(encoding="utf-8")
    assert page.stem == "index" or f"<{page.stem}>" in named
