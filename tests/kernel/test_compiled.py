"""The compiler changes nothing but the speed, and never hands out code of yesterday's laws."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

import spacegrey
from spacegrey import compiled, jit
from spacegrey.simulation.batch import EIGHT, simulate_batch
from spacegrey.simulation.kernel.advance import advance
from spacegrey.simulation.kernel.layout import FIELD_COUNT, PHASE_FIELDS
from spacegrey.simulation.kernel.observe import TRACE_COLUMNS

ROOT = Path(spacegrey.__file__).parent
PLAIN_RUN = """
import json
from spacegrey.machine.assembly import machine
from spacegrey.simulation.run import simulate
from spacegrey.workload.library import workload
run = simulate(workload("disk-sequential"), machine("imac-pro"))
print(json.dumps({
    "duration_s": run.duration_s, "energy_wh": run.energy_wh, "peak": run.peak_cpu_temp_c,
    "end": {name: float(column[-1]) for name, column in run.trace.columns.items()},
}))
"""


def test_compiled_code_agrees_with_plain_python(run_of, tmp_path):
    plain = subprocess.run(
        [sys.executable, "-c", PLAIN_RUN],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "SPACEGREY_CACHE": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
    )
    found, run = json.loads(plain.stdout), run_of("disk-sequential", "imac-pro")
    assert not list(tmp_path.rglob("*.nbc"))  # it really was not compiled
    assert found["duration_s"] == pytest.approx(run.duration_s, rel=1e-9)
    assert found["energy_wh"] == pytest.approx(run.energy_wh, rel=1e-9)
    assert found["peak"] == pytest.approx(run.peak_cpu_temp_c, rel=1e-9)
    for name, column in run.trace.columns.items():
        assert found["end"][name] == pytest.approx(column[-1], rel=1e-9, abs=1e-9), name


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """Return a copy of the sources that the cache folder's name is made from."""
    package = tmp_path / "spacegrey"
    for path in [path for pattern in compiled.SOURCES for path in ROOT.glob(pattern)]:
        target = package / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    monkeypatch.setattr(compiled, "__file__", str(package / "compiled.py"))
    return package


def test_equal_sources_share_compiled_code(copied, monkeypatch):
    beside = compiled.cache_folder()
    monkeypatch.undo()
    assert beside == compiled.cache_folder()
    assert copied.is_dir()


@pytest.mark.parametrize(
    "changed", ["parts/cooling/laws.py", "simulation/kernel/tick.py", "t2/storage/cipher.py", "jit.py"]
)
def test_a_changed_law_is_compiled_anew(copied, changed):
    before = compiled.cache_folder()
    with (copied / changed).open("a", encoding="utf-8") as file:
        file.write("\nCHANGED = 1\n")
    assert compiled.cache_folder() != before


def test_the_cache_lies_where_the_user_wants_it(monkeypatch, tmp_path):
    monkeypatch.setenv("SPACEGREY_CACHE", str(tmp_path))
    assert compiled.cache_folder().parent.parent == tmp_path
    assert not compiled.is_compiled()


def test_eight_lanes_are_computed_several_at_a_time():
    # fused multiply-adds on whole registers: what the layout of the lanes is for
    lanes, none = tuple(range(8)), np.zeros((0, len(TRACE_COLUMNS)))
    fresh = numba.njit(nogil=True, fastmath=jit.FASTMATH, error_model="numpy")(
        advance.py_func
    )  # cached code shows nothing
    number = np.zeros(8, np.int64)
    fresh(np.zeros(FIELD_COUNT * 8), lanes, np.zeros((1, PHASE_FIELDS)), number, number, np.zeros(1), none, 0)
    (code,) = fresh.inspect_asm().values()
    packed = {r"\bvfn?m(?:add|sub)\d+pd\b.*%zmm": 8, r"\bvfn?m(?:add|sub)\d+pd\b.*%ymm": 4, r"\bfml[as]\b.*\.2d": 2}
    eights = sum(len(re.findall(pattern, code)) * width / 8 for pattern, width in packed.items())
    # 171 with the whole step in vectors; 49 when the factors of the thermal matrix alone are
    assert eights > 100


def test_a_batch_runs_the_code_that_was_made_for_eight_lanes(machine_of, workload_of):
    simulate_batch([(workload_of("cinebench-r15"), machine_of("imac-pro"))])
    eight = [one for one in advance.signatures if len(one[1]) == len(EIGHT)]
    # arrays of another layout would be compiled apart, into slower code
    assert len(eight) == 1
    assert all(array.layout == "C" for array in eight[0] if hasattr(array, "layout"))
