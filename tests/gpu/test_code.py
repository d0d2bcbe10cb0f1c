"""The code that a GPU would get, compiled without one: whole, with fused multiply-adds, in double precision throughout.

Needs the extra gpu, about 500 MB; `make gpu-check` installs it aside and runs these tests.
"""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("numba_cuda") is None, reason="numba-cuda is not installed: make gpu-check"
)

COMPILE = """
import json, sys, types
from numba import cuda
from numba.cuda import dispatcher
from numba.types import float64, int64
# Laws are compiled for the card that is there; here is none, so one is named.
card = tuple(map(int, sys.argv[1].split(".")))
dispatcher.get_current_device = lambda: types.SimpleNamespace(compute_capability=card)
from spacegrey import jit
jit.device = lambda: cuda
from spacegrey.simulation.kernel.device import begin, go_on
one, two, numbers = float64[::1], float64[:, ::1], int64[::1]
places = int64[:, ::1]
signatures = {begin: (one, two, places), go_on: (one, two, places, numbers, one, numbers, int64)}
code = {}
for kernel, signature in signatures.items():
    function, options = kernel().py_func, kernel().targetoptions
    fast = options["fastmath"]
    assert type(kernel()._cache).__name__ == "CUDACache"
    ptx, _ = cuda.compile(function, signature, device=False, fastmath=fast, abi="numba", cc=card, output="ptx")
    # The other way, which is the usual one on a computer with a card: linked as code of the compiler's own.
    lto, _ = cuda.compile(function, signature, device=False, abi="numba", cc=card, output="ltoir")
    code[function.__name__] = ptx, len(lto)
print(json.dumps(code))
"""
CARDS = ("7.5", "8.0", "9.0")


@pytest.fixture(scope="module", params=CARDS)
def compiled(request):
    done = subprocess.run([sys.executable, "-c", COMPILE, request.param], check=False, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return request.param, json.loads(done.stdout)


def instructions(ptx):
    return re.findall(r"^\s+(?:@\S+\s+)?([a-z][\w.]+)", ptx, re.MULTILINE)


def test_the_kernels_compile_for_the_card(compiled):
    card, code = compiled
    for ptx, lto in code.values():
        assert f".target sm_{card.replace('.', '')}" in ptx
        assert ".entry" in ptx
        assert lto > 0


def test_products_and_sums_are_fused(compiled):
    _, code = compiled
    assert instructions(code["go_on"][0]).count("fma.rn.f64") > 100  # a step has a few hundred


def test_no_arithmetic_is_approximate_and_nan_is_seen(compiled):
    _, code = compiled
    found = instructions(code["go_on"][0])
    # The seed of the compiler's own logarithm and powers, which they then refine.
    assert {one for one in found if ".approx" in one or ".ftz" in one or ".full" in one} <= {"rcp.approx.ftz.f64"}
    assert found.count("rcp.approx.ftz.f64") <= 5
    assert found.count("div.rn.f64") > 10
    # Comparisons that are true of a NaN: a compiler that assumes there is none has no use for them.
    assert sum(one in {"setp.geu.f64", "setp.gtu.f64", "setp.leu.f64", "setp.ltu.f64"} for one in found) > 10


def test_nothing_is_called_that_is_not_there(compiled):
    _, code = compiled
    for ptx, _ in code.values():
        assert ".extern" not in ptx
        defined = set(re.findall(r"\.func\s+(?:\([^)]*\)\s*)?(\w+)\s*\(", ptx))
        called = set(re.findall(r"^\s*call(?:\.uni)?\s+(?:\([^)]*\),\s*)?([\w$%]+)", ptx, re.MULTILINE))
        assert called == defined  # one is: powers


def test_all_arithmetic_is_double(compiled):
    # comparisons of single ones may be: the compiler's powers look at the upper half of a double
    _, code = compiled
    single = re.compile(r"(add|sub|mul|mad|fma|div|rcp|sqrt|ex2|lg2)\.[\w.]*(f32|f16)")
    for ptx, _ in code.values():
        assert not [one for one in instructions(ptx) if single.match(one)]


def test_a_step_reads_the_threads_own_copy(compiled):
    # what the kernel loads from the card's memory is at its begin and end only
    _, code = compiled
    found = instructions(code["go_on"][0])
    own = sum(one.startswith("ld.local") for one in found)
    assert own > 100
    assert sum(one.startswith("ld.global") for one in found) < own / 2


def test_the_assembler_takes_it(compiled, tmp_path):
    card, code = compiled
    assemblers = list(Path(sys.prefix).rglob("nvidia/cuda_nvcc/bin/ptxas"))
    assert assemblers, "the extra gpu brings ptxas"
    source = tmp_path / "go_on.ptx"
    source.write_text(code["go_on"][0], encoding="ascii")
    arguments = [assemblers[0], "-v", f"-arch=sm_{card.replace('.', '')}", source, "-o", tmp_path / "go_on.cubin"]
    done = subprocess.run(arguments, check=False, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    assert max(int(used) for used in re.findall(r"Used (\d+) registers", done.stderr)) <= 255
