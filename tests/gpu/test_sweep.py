"""`sweep --device`: a sweep on numba's simulated GPU has the rows that the processor's has; without one, a line."""

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from spacegrey import jit
from spacegrey.interfaces.cli import app
from spacegrey.simulation.gpu import CHUNK
from spacegrey.simulation.sweep import estimate
from spacegrey.simulation.sweep.file import read_sweep
from spacegrey.simulation.sweep.plan import plan
from spacegrey.simulation.sweep.rows import run_rows

PROGRAM = Path(sys.executable).with_name("spacegrey")
SAME = 1e-9

WORK = """
[workload]
name = "short"
stands_for = "a test"
status = "illustrative"

[[phase]]
name = "burst"
processor = { float_gop = 60, parallel = 0.9 }
assumed = { processor = "a test" }
"""
SWEEP = """
machines = ["imac-pro:processor=*"]
workloads = ["short.toml"]
[vary]
processor.pl1_w = [100.0, 1000.0]
"""


@pytest.fixture
def asked(tmp_path):
    (tmp_path / "short.toml").write_text(WORK, encoding="utf-8")
    (tmp_path / "s.toml").write_text(SWEEP, encoding="utf-8")
    return tmp_path / "s.toml"


def rows(folder):
    return [row for part in sorted(folder.glob("part-*.parquet")) for row in pq.read_table(part).to_pylist()]


def test_a_sweep_on_a_gpu_has_the_processors_rows(asked, tmp_path):
    for device, simulated in (("cpu", "0"), ("cuda", "1")):
        done = subprocess.run(
            [PROGRAM, "sweep", asked, "--out", tmp_path / device, "--device", device],
            env={**os.environ, "NUMBA_ENABLE_CUDASIM": simulated},
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    cpu, gpu = rows(tmp_path / "cpu"), rows(tmp_path / "cuda")
    assert len(cpu) == len(gpu) == 8
    for mine, its in zip(gpu, cpu, strict=True):
        for name, value in its.items():
            same = pytest.approx(value, rel=SAME, abs=SAME) if isinstance(value, float) else value
            assert mine[name] == same, name
    refused = [row["refusal"] is not None for row in cpu]
    assert any(refused)
    assert not all(refused), "both kinds of row were compared"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--device", "cuda"], "numba-cuda, which is not installed: install the extra gpu, or choose: cpu"),
        (["--device", "cuda", "--dry-run"], "choose: cpu"),
        (["--device", "gpu"], "unknown --device 'gpu'"),
        (["--device", "cuda", "--threads", "2"], "leave out --threads"),
        (["--device", "cuda", "--cluster", "tcp://127.0.0.1:1"], "leave out --cluster"),
    ],
)
def test_a_device_that_cannot_be_is_one_line_and_leaves_nothing(asked, tmp_path, monkeypatch, words, says):
    jit.device.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    done = CliRunner().invoke(app, ["sweep", str(asked), "--out", str(tmp_path / "out"), *words])
    jit.device.cache_clear()
    assert done.exit_code == 2
    assert done.stdout == ""
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_gpu_gets_as_many_runs_at_once_as_go_there(asked, tmp_path, monkeypatch):
    made = plan(read_sweep(asked))
    big = replace(made, drawn={}, groups=(1_000_000,))
    monkeypatch.setattr(estimate, "run_rows", lambda _big, rows, *_: run_rows(made, rows % made.rows, 1))
    assert estimate.estimate(big, tmp_path, device="cuda").chunk_rows == CHUNK
    assert estimate.estimate(big, tmp_path).chunk_rows < CHUNK
