"""What a user waits for: whole processes, with kernels on disk and without."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks import start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_benchmark.fixture import BenchmarkFixture


@pytest.fixture(scope="module")
def cache() -> Iterator[Path]:
    with start.empty_cache() as folder:
        start.first_call_s(Path(folder))
        yield Path(folder)


@pytest.mark.benchmark(group="start")
def test_compile_the_kernels(benchmark: BenchmarkFixture) -> None:
    def compiled() -> None:
        with start.empty_cache() as folder:
            start.first_call_s(Path(folder))

    benchmark.pedantic(compiled, rounds=1)


@pytest.mark.parametrize("name", start.CASES)
@pytest.mark.benchmark(group="start")
def test_start(benchmark: BenchmarkFixture, cache: Path, name: str) -> None:
    benchmark.pedantic(start.CASES[name], args=(cache,), rounds=3)
