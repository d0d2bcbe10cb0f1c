"""What a sweep will take: time, files and bytes, from a sample of its runs; and whether the disk has room."""

from __future__ import annotations

import io
import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.errors import InputError, Refusal
from spacegrey.simulation.sweep.partitions import PARQUET, part_path, present
from spacegrey.simulation.sweep.rows import run_rows

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from spacegrey.simulation.sweep.plan import Plan

CHUNK_S = 1.0
"""Seconds of work in a partition: what an interruption can cost."""
LEAST_CHUNK, MOST_CHUNK = 64, 1 << 17
"""Rows of a partition: fewer are mostly overhead, more do not go into memory with ease."""
SAMPLE_S = 0.5
"""The rate is measured over at least so long, unless the sample is the whole sweep. [s]"""
MOST_SAMPLE = 4096


@dataclass(frozen=True)
class Estimate:
    """What a sweep will take, from a sample of its rows that was run.

    Attributes
    ----------
    sample_rows : int
        Rows that were run, drawn at random from all of it.
    """

    sample_rows: int
    rows_per_s: float
    seconds: float
    chunk_rows: int
    partitions: int
    bytes: int
    free_bytes: int


def estimate(made: Plan, out: Path, threads: int | None = None, device: str = "cpu") -> Estimate:
    """Run a sample of a plan, and return what all of it will take.

    Parameters
    ----------
    made : Plan
        The sweep.
    out : Path
        Where it will go; only the free space there is looked at.
    threads : int, optional
        Cores to use; all, if not stated.
    device : str, optional
        What the sample is run on, as `simulate_batch` takes it.
    """
    generator = np.random.default_rng(0)
    run_rows(made, np.zeros(1, dtype=np.int64), threads, device)  # compiles, and reads what is read once
    count, took_s = min(16, made.rows), 0.0
    while True:
        # A random sample: rows at even steps would all have the same workload.
        rows = np.sort(generator.integers(0, made.rows, count)) if count < made.rows else np.arange(made.rows)
        began = time.perf_counter()
        table = run_rows(made, rows.astype(np.int64), threads, device)
        took_s = time.perf_counter() - began
        if took_s >= SAMPLE_S or count >= min(made.rows, MOST_SAMPLE):
            break
        count = min(count * 4, made.rows, MOST_SAMPLE)
    rate = count / max(took_s, 1e-6)
    # A GPU is full with many only, and a sample does not show its rate.
    wanted = MOST_CHUNK if device == "cuda" else rate * CHUNK_S
    chunk = int(min(max(wanted, LEAST_CHUNK), MOST_CHUNK, max(made.rows, 1)))
    partitions = -(-made.rows // chunk)
    one, all_of_it = _parquet_bytes(table.slice(0, 1)), _parquet_bytes(table)
    per_row = (all_of_it - one) / max(count - 1, 1)
    return Estimate(
        count, rate, made.rows / rate, chunk, partitions,
        int(partitions * one + made.rows * per_row), _free_bytes(out),
    )  # fmt: skip


def check_room(needed: float, out: Path) -> None:
    """Refuse to write more bytes than there is room for.

    Raises
    ------
    Refusal
        They are more than what is free.
    """
    free = _free_bytes(out)
    if needed > free:
        raise Refusal(f"{out}: the sweep would write about {size(needed)}, and {size(free)} are free there")


def still_needed(out: Path, missing: int) -> float:
    """Return the bytes that so many partitions will take, if they are like those that are there."""
    sizes = [part_path(out, number).stat().st_size for number in present(out)]
    return missing * sum(sizes) / len(sizes) if sizes else 0.0


def size(count: float) -> str:
    """Return a number of bytes as people say it.

    Examples
    --------
    >>> size(512), size(48_200_000)
    ('512 B', '48.2 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:  # noqa: PLR2004
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _parquet_bytes(table: pa.Table) -> int:
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(table, sink, **PARQUET)
    return sink.tell()


def _free_bytes(out: Path) -> int:
    place = out
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        return shutil.disk_usage(os.fspath(place)).free
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror or error}") from None
