"""One machine: the kernel beside C, numpy and scipy. Each is checked against the kernel before it is timed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.case import Case, Kernel, case, outcome, simulated_s
from benchmarks.reference_c import FAST, PLAIN, PLAIN_O2, CStep, build
from benchmarks.report import C_AGREES, SLOW, agreed, fast_error, slow_error
from spacegrey.workload.library import workload_ids

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = 30


@pytest.fixture(scope="module")
def one() -> Case:
    return case()


def speed(benchmark: BenchmarkFixture, seconds: float) -> None:
    if benchmark.stats is not None:  # --benchmark-disable
        benchmark.extra_info["simulated_s_per_s"] = seconds / float(benchmark.stats.stats.min)


@pytest.mark.parametrize("traced", [True, False], ids=["trace-on", "trace-off"])
@pytest.mark.benchmark(group="one machine, whole workload")
def test_kernel(benchmark: BenchmarkFixture, one: Case, *, traced: bool) -> None:
    version = Kernel(one, traced=traced)
    benchmark.pedantic(version.run, rounds=ROUNDS, warmup_rounds=2)
    speed(benchmark, simulated_s(one))


@pytest.mark.parametrize("flags", [PLAIN, FAST, PLAIN_O2], ids=["O3", "O3-fast-math", "O2"])
@pytest.mark.benchmark(group="one machine, whole workload")
def test_c(benchmark: BenchmarkFixture, one: Case, flags: tuple[str, ...], tmp_path: Path) -> None:
    version = CStep(one, build(tmp_path, flags))
    fast_error(one, version)
    benchmark.pedantic(version.run, rounds=ROUNDS, warmup_rounds=2)
    speed(benchmark, simulated_s(one))


@pytest.mark.benchmark(group="C on every workload of the library, once")
def test_c_agrees_on_every_workload(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    library = build(tmp_path)
    cases = {name: case(workload_reference=name) for name in workload_ids()}
    for name, one in cases.items():
        mine = outcome(one, Kernel(one), 300)
        agreed(outcome(one, CStep(one, library), 300).difference(mine), C_AGREES, f"C on {name}")
    programs = [CStep(one, library) for one in cases.values()]
    benchmark.pedantic(lambda: [version.run(300) for version in programs], rounds=3)


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.benchmark(group="one machine, a few seconds")
def test_slow_reference(benchmark: BenchmarkFixture, one: Case, name: str) -> None:
    run, seconds, _ = SLOW[name]
    slow_error(one, name)
    benchmark.pedantic(run, args=(one, seconds), rounds=3)
    speed(benchmark, seconds)
