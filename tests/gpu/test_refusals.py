"""Who has no GPU is told so in one line, and pays nothing for the code that would use one."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spacegrey import jit
from spacegrey.errors import InputError
from spacegrey.simulation.batch import simulate_batch

ROOT = Path(__file__).parents[2]


@pytest.fixture
def asked_anew():
    jit.device.cache_clear()
    yield
    jit.device.cache_clear()


@pytest.fixture
def job(machine_of, workload_of):
    return workload_of("disk-sequential"), machine_of("imac-pro")


def test_an_unknown_device_names_the_choices(job):
    with pytest.raises(InputError, match=r"unknown device 'gpu'.* choose from: cpu, cuda$"):
        simulate_batch([job], device="gpu")


@pytest.mark.usefixtures("asked_anew")
def test_without_the_extra_the_line_names_it(job, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(InputError, match="numba-cuda, which is not installed: install the extra gpu, or choose: cpu"):
        simulate_batch([job], device="cuda")


@pytest.mark.usefixtures("asked_anew")
def test_without_a_driver_the_line_says_so(job, monkeypatch):
    class NoDriver:
        def current_context(self):
            raise ImportError("Error at driver init: \n\nCUDA driver library cannot be found.\n:")

    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: "found")
    monkeypatch.setattr(importlib, "import_module", lambda _name: NoDriver())
    with pytest.raises(InputError) as refused:
        simulate_batch([job], device="cuda")
    assert "\n" not in str(refused.value)
    assert "CUDA driver library cannot be found" in str(refused.value)


@pytest.mark.usefixtures("asked_anew")
def test_no_gpu_is_needed_for_no_jobs(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert len(simulate_batch([], device="cuda")["limit"]) == 0


def test_the_gpus_compiler_is_not_loaded_unasked():
    script = (
        "import sys, spacegrey.simulation.gpu, spacegrey.simulation.batch\n"
        "sys.exit(any(name.startswith(('numba.cuda', 'numba_cuda')) for name in sys.modules))"
    )
    assert not subprocess.run([sys.executable, "-c", script], check=False).returncode


def test_no_speed_is_reported_without_a_gpu():
    # a simulated card is none
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu"],
        cwd=ROOT,
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.strip().splitlines() == ["NUMBA_ENABLE_CUDASIM is set: a simulated GPU has no speed to measure"]
    assert not done.stdout
