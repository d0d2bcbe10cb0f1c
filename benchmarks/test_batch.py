"""Many machines: the kernel, and all of a batch, beside C++ and arrays. Each is checked against the kernel before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.batch.blocks import HALF_HOUR, Blocks, Configurations, Kernel, blocks
from benchmarks.batch.reference_arrays import has_jax, run_jax, run_numpy
from benchmarks.batch.reference_cpp import FAST, PLAIN, CppStep, build
from benchmarks.batch.report import AGREES, batch_totals, checked
from spacegrey.simulation.batch import simulate_batch
from spacegrey.simulation.kernel import layout as at

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

MACHINES, ARRAY_MACHINES = 64, 8
ROUNDS = 3
ARRAY_SECONDS = 61
"""A phase ends in this time."""


@pytest.fixture(scope="module")
def batch() -> Blocks:
    return blocks(Configurations(MACHINES, HALF_HOUR))


@pytest.mark.parametrize("cores", [1, 2])
@pytest.mark.benchmark(group="64 machines, half an hour")
def test_kernel(benchmark: BenchmarkFixture, batch: Blocks, cores: int) -> None:
    benchmark.pedantic(Kernel().run, args=(batch, cores), rounds=ROUNDS)
    assert not batch.fields()[at.LIVE].any()  # every machine is done


@pytest.mark.parametrize("cores", [1, 2])
@pytest.mark.benchmark(group="64 machines, half an hour")
def test_simulate_batch(benchmark: BenchmarkFixture, batch: Blocks, cores: int) -> None:
    Kernel().run(batch, cores)
    checked(batch_totals(MACHINES), batch.totals(), "simulate_batch")
    benchmark.pedantic(simulate_batch, args=(Configurations(MACHINES, HALF_HOUR), cores), rounds=ROUNDS)


@pytest.mark.parametrize("flags", [PLAIN, FAST], ids=["O3", "O3-fast-math"])
@pytest.mark.parametrize("cores", [1, 2])
@pytest.mark.benchmark(group="64 machines, half an hour")
def test_cpp(benchmark: BenchmarkFixture, batch: Blocks, flags: tuple[str, ...], cores: int, tmp_path: Path) -> None:
    program = CppStep(build(tmp_path, flags))
    Kernel().run(batch, cores)
    expected = batch.totals()
    benchmark.pedantic(program.run, args=(batch, cores), rounds=ROUNDS)
    checked(batch.totals(), expected, program.name)


@pytest.mark.parametrize("name", ["numpy", "jax"])
@pytest.mark.benchmark(group="8 machines, a minute")
def test_arrays(benchmark: BenchmarkFixture, name: str) -> None:
    if name == "jax" and not has_jax():
        pytest.skip("jax is not installed: an optional reference")
    few = blocks(Configurations(ARRAY_MACHINES, HALF_HOUR))
    Kernel().run(few, 1, ARRAY_SECONDS)
    expected = few.totals()
    run = run_numpy if name == "numpy" else lambda batch, seconds: run_jax(batch, seconds, 1)
    *_, totals = benchmark.pedantic(run, args=(few, ARRAY_SECONDS), rounds=1)
    checked(totals, expected, name)


def test_a_reference_that_computes_something_else_is_refused(batch: Blocks) -> None:
    Kernel().run(batch, 1, 10)
    expected = batch.totals()
    with pytest.raises(RuntimeError, match="another step differs"):
        checked(expected * (1.0 + 2.0 * AGREES), expected, "another step")
