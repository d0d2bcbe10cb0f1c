"""The cases of `benchmarks.starting`, on a small disk where the size does not matter to what they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import starting

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

MACHINE = "imac-pro"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


@pytest.mark.benchmark(group="starting")
def test_create(benchmark: BenchmarkFixture, folder: Path) -> None:
    took = benchmark.pedantic(starting.create, args=(folder, "64MiB"), rounds=1)
    assert 0 < took.room_bytes < starting.ROOM_BYTES
    assert took.resident_bytes > 1 << 20
    assert not list(folder.iterdir())
    with pytest.raises(RuntimeError, match="ended with status 2"):
        starting.create(folder, "0")


@pytest.mark.benchmark(group="starting")
def test_new(benchmark: BenchmarkFixture, folder: Path) -> None:
    took = benchmark.pedantic(starting.new, args=(folder, MACHINE), rounds=1)
    assert 0 < took.room_bytes < starting.ROOM_BYTES


@pytest.mark.benchmark(group="starting")
def test_first_byte(benchmark: BenchmarkFixture, folder: Path) -> None:
    machine = starting.occupied(folder, "locked", starting.PASSWORD, MACHINE)
    assert benchmark.pedantic(starting.first_byte, args=(machine, 0.0), rounds=1).seconds > 0


@pytest.mark.benchmark(group="starting")
def test_serve(benchmark: BenchmarkFixture, folder: Path) -> None:
    machine = starting.occupied(folder, "open", None, MACHINE)
    assert benchmark.pedantic(starting.serve, args=(machine,), rounds=1).seconds > 0
