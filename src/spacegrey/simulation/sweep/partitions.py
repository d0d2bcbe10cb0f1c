"""A sweep on disk: a folder of Parquet partitions, each whole or absent, and a record of what they belong to.

``sweep.json`` says which sweep it is; ``sweep.toml`` is the file that asked for it; ``part-000000.parquet`` and so on
hold ``chunk_rows`` rows each. What is done is read back from the partitions: there is no other book to get wrong.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spacegrey import __version__
from spacegrey.errors import InputError
from spacegrey.simulation.runfile import write_whole
from spacegrey.simulation.sources import PROGRAM
from spacegrey.simulation.sweep.plan import fingerprint
from spacegrey.simulation.sweep.rows import run_chunk

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    import pyarrow as pa

    from spacegrey.simulation.sweep.plan import Plan

FORMAT = 2
RECORD = "sweep.json"
ASKED = "sweep.toml"
PARTS = "part-*.parquet"

_META = b"spacegrey-sweep"


@dataclass(frozen=True)
class Record:
    """What stands in ``sweep.json``: which sweep the partitions are of.

    Attributes
    ----------
    asked, data, program : str
        Digests of the sweep's file, of all numbers that went in, and of the program that ran them.
    """

    format: int
    version: str
    title: str
    rows: int
    chunk_rows: int
    asked: str
    data: str
    program: str


@dataclass(frozen=True)
class Progress:
    """How far a sweep is.

    Attributes
    ----------
    done : int
        Rows on disk.
    ran : int
        Rows that this process ran, of which so many were refused.
    given_up : tuple of str
        Partitions that have no result, and why.
    """

    done: int
    rows: int
    ran: int
    refused: int
    seconds: float
    given_up: tuple[str, ...] = ()

    @property
    def rows_per_s(self) -> float:
        """Rate of this process."""
        return self.ran / self.seconds if self.seconds > 0.0 else 0.0

    @property
    def remaining_s(self) -> float:
        """Time that is left at this rate."""
        return (self.rows - self.done) / self.rows_per_s if self.ran else float("inf")


def record_of(made: Plan, text: str, chunk_rows: int) -> Record:
    """Return the record of a sweep as this version would run it."""
    asked = hashlib.sha256(text.encode()).hexdigest()
    return Record(FORMAT, __version__, made.title, made.rows, chunk_rows, asked, fingerprint(made), PROGRAM)


def is_sweep(out: Path) -> bool:
    """Return whether a folder holds a sweep."""
    return (out / RECORD).is_file()


def read_record(out: Path) -> Record:
    """Read what sweep a folder holds.

    Raises
    ------
    InputError
        It holds none, or one that another version wrote in another format.
    """
    if not out.is_dir():
        raise InputError(f"{out}: no such folder")
    if not is_sweep(out):
        raise InputError(f"{out}: not a sweep: it has no {RECORD}")
    try:
        data: dict[str, Any] = json.loads((out / RECORD).read_text(encoding="utf-8"))
        if data.get("format") == FORMAT:
            return Record(**data)
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        raise InputError(f"{out / RECORD}: cannot be read as the record of a sweep") from None
    raise InputError(f"{out}: a sweep in format {data.get('format')!r}; this version reads format {FORMAT}")


def begin(out: Path, record: Record, text: str) -> None:
    """Make a new sweep's folder.

    Raises
    ------
    InputError
        There is something at that place already.
    """
    check_place(out)
    try:
        out.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: cannot be made: {error.strerror or error}") from None
    write_whole(out / ASKED, lambda beside: beside.write_text(text, encoding="utf-8"))
    write_whole(
        out / RECORD, lambda beside: beside.write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")
    )


def check_place(out: Path) -> None:
    """Raise `InputError` where a new sweep cannot go."""
    if is_sweep(out):
        raise InputError(f"{out}: holds a sweep already: go on with it with --resume, or name another folder")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is not a folder")
    # What an interruption in the first moment leaves is no obstacle.
    if out.is_dir() and any(path.name != ASKED and not path.name.startswith(".sweep.") for path in out.iterdir()):
        raise InputError(f"{out}: is not empty and not a sweep: name a folder that is new or empty")
    if not out.parent.is_dir():
        raise InputError(f"{out}: cannot be made: no such folder: {out.parent}")


def check_same(out: Path, now: Record) -> Record:
    """Return a folder's record, if the sweep that is asked for now is the same.

    Raises
    ------
    InputError
        The file, the version, the program or the data have changed since: rows of both would not belong together.
    """
    before = read_record(out)
    changes = (
        (before.asked != now.asked, f"the sweep's file has changed; go on with the {ASKED} that lies there"),
        (
            before.version != now.version,
            f"it was begun by version {before.version}, this is {now.version}; go on with that version",
        ),
        (before.program != now.program, f"version {now.version} has other source code now; go on with that of then"),
        (before.data != now.data, "the data of its machines or workloads have changed; put them back as they were"),
    )
    for changed, why in changes:
        if changed:
            raise InputError(f"{out}: cannot be resumed: {why}, or sweep into another folder")
    return before


@contextlib.contextmanager
def only_one(out: Path) -> Generator[None]:
    """Let one process at a time write into a sweep; the system lifts the lock when a process dies.

    Raises
    ------
    InputError
        Another process is writing there.
    """
    with (out / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"{out}: another process is running this sweep") from None
        yield


def part_path(out: Path, number: int) -> Path:
    """Return where a partition stands."""
    return out / f"part-{number:06d}.parquet"


def bounds(record: Record, number: int) -> tuple[int, int]:
    """Return the first row of a partition and the first of the next."""
    return number * record.chunk_rows, min((number + 1) * record.chunk_rows, record.rows)


def partitions(record: Record) -> int:
    """Return how many partitions a whole sweep has."""
    return -(-record.rows // record.chunk_rows)


def fault(out: Path, record: Record, number: int, *, deep: bool) -> str:
    """Return what is wrong with a partition that is there; empty if nothing is.

    ``deep`` reads every page and its checksum, and not only the end of the file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = part_path(out, number)
    start, stop = bounds(record, number)
    try:
        with pq.ParquetFile(path, page_checksum_verification=deep) as file:
            kept = (file.schema_arrow.metadata or {}).get(_META, b"").decode()
            columns = _columns(file.schema_arrow)
            count = file.metadata.num_rows
            rows = np.asarray(file.read().column("row")) if deep else None
    except (pa.ArrowException, OSError, KeyError, ValueError):
        return "is damaged or cut short"
    mark, _, named = kept.rpartition(" ")
    if mark != f"{record.data} {number}" or count != stop - start:
        return "belongs to another sweep"
    if named != columns:
        return "is damaged"
    if rows is not None and not np.array_equal(rows, np.arange(start, stop)):
        return "is damaged"
    return ""


def present(out: Path) -> list[int]:
    """Return the numbers of the partitions that are there, in order."""
    found = [path.stem.partition("-")[2] for path in out.glob(PARTS)]
    return sorted(int(number) for number in found if number.isascii() and number.isdigit())


def clear(out: Path) -> None:
    """Remove what a process that was killed was writing."""
    for path in out.glob(".part-*"):
        path.unlink(missing_ok=True)


def write_part(out: Path, record: Record, number: int, table: pa.Table) -> None:
    """Write a partition; it appears whole or not at all."""
    import pyarrow.parquet as pq

    marked = table.replace_schema_metadata({_META: f"{record.data} {number} {_columns(table.schema)}".encode()})
    write_whole(part_path(out, number), lambda beside: pq.write_table(marked, beside, **PARQUET))


def fill(
    made: Plan,
    out: Path,
    record: Record,
    missing: list[int],
    threads: int | None = None,
    progress: Callable[[Progress], object] | None = None,
    cluster: Any = None,  # noqa: ANN401 - a client of distributed, which may not be installed
    device: str = "cpu",
) -> Progress:
    """Run the partitions that are missing and write each when it is done.

    Parameters
    ----------
    made : Plan
        The sweep.
    out : Path
        Its folder.
    record : Record
        Its record.
    missing : list of int
        Numbers of the partitions to run.
    threads : int, optional
        Cores to use; all, if not stated.
    progress : callable, optional
        Called after each partition.
    cluster : distributed.Client, optional
        Where to run instead of here, as `cluster.connected` gives it.
    device : str, optional
        What to run on here, as `simulate_batch` takes it.
    """
    began = time.perf_counter()
    ranges = [bounds(record, number) for number in missing]
    left = sum(stop - start for start, stop in ranges)
    state = Progress(record.rows - left, record.rows, 0, 0, 0.0)
    for place, table in _tables(made, ranges, threads, cluster, device):
        if isinstance(table, str):
            state = replace(state, given_up=(*state.given_up, f"rows {ranges[place][0]:,} and on: {table}"))
            continue
        write_part(out, record, missing[place], table)
        refused = table.num_rows - table.column("refusal").null_count
        state = replace(
            state, done=state.done + table.num_rows, ran=state.ran + table.num_rows, refused=state.refused + refused,
            seconds=time.perf_counter() - began,
        )  # fmt: skip
        if progress:
            progress(state)
    return state


def _tables(
    made: Plan,
    ranges: list[tuple[int, int]],
    threads: int | None,
    cluster: Any,  # noqa: ANN401
    device: str,
) -> Iterator[tuple[int, pa.Table | str]]:
    if cluster is not None:
        from spacegrey.simulation.sweep.cluster import chunks

        yield from chunks(cluster, made, ranges)
        return
    for place, (start, stop) in enumerate(ranges):
        yield place, run_chunk(made, start, stop, threads, device)


def _columns(schema: pa.Schema) -> str:
    """Return a checksum of names and types: Parquet has one of its pages, and none of these."""
    named = "|".join(f"{name}:{kind}" for name, kind in zip(schema.names, schema.types, strict=True))
    return hashlib.sha256(named.encode()).hexdigest()[:16]


PARQUET: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}
"""How partitions are written."""
