"""What every room of the tests shares: cached machines, workloads and runs, and how hard hypothesis looks."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from spacegrey.machine.assembly import machine
from spacegrey.simulation.run import simulate
from spacegrey.workload.library import workload

# Shared and slow machines make first calls slow (compilation), so no deadline and no complaint about slow data.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50)
settings.register_profile("ci", settings.get_profile("here"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

_machine = functools.cache(machine)
_workload = functools.cache(workload)


@functools.lru_cache(maxsize=64)  # a trace of half an hour is 3 MB
def _run(workload_name, selector):
    return simulate(_workload(workload_name), _machine(selector))


@pytest.fixture(scope="session")
def machine_of():
    return _machine


@pytest.fixture(scope="session")
def workload_of():
    return _workload


@pytest.fixture(scope="session")
def run_of():
    """Return a function from workload and selector to their run; the same question is simulated once."""
    return _run


@pytest.fixture
def own_workload(tmp_path):
    """Return a function that reads a user's own workload: the text of its one phase after the name."""

    def read(phase, name="own"):
        path = tmp_path / f"{name}.toml"
        head = '[workload]\nname = "own"\nstands_for = "a test"\nstatus = "illustrative"\n\n'
        path.write_text(f'{head}[[phase]]\nname = "work"\n{phase}\n', encoding="utf-8")
        return workload(str(path))

    return read


class _Balanced(HTMLParser):
    """Sees that what is opened is closed, and keeps tags and text."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        del attrs
        self.open.append(tag)
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="session")
def balanced():
    """Return what reads a page of HTML and has its ``text`` and ``tags``."""
    return _Balanced


@pytest.fixture
def serving(tmp_path):
    """Return a function that serves a disk in a process of its own, and returns that and the address."""
    started = []

    def start(folder, *more):
        program = Path(sys.executable).with_name("spacegrey")
        words = ["disk", "serve", folder, "--json", "--socket", tmp_path / f"s{len(started)}", *more]
        child = subprocess.Popen([program, *map(str, words)], stdout=subprocess.PIPE)
        started.append(child)
        said = b""
        while not said.endswith(b"}\n"):
            line = child.stdout.readline()
            assert line, "the server ended"
            said += line
        return child, json.loads(said)["uri"]

    yield start
    for child in started:
        child.kill()
        child.wait()
        child.stdout.close()
