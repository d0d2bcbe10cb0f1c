"""Questions in SQL over a sweep: DuckDB on its partitions, which can read them and do nothing else."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spacegrey.errors import InputError
from spacegrey.simulation.sweep import partitions

if TYPE_CHECKING:
    from collections.abc import Generator

    from duckdb import DuckDBPyConnection

TABLE = "runs"

PRICE = "price_usd"
"""Column that no partition has: the list price of the machine when new, looked up when a question names it."""

_ROWS = "rows_of_the_sweep"

MEMORY_SHARE = 0.5
"""Of this computer's memory, so much a question may take; what it needs beyond goes to disk until it is answered."""

PUT_OFF, LOCK = ".ask-", ".lock"

# No files, no network, no extensions, nothing of this process: a question may come from anywhere.
CLOSED = (
    "SET python_enable_replacements = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


@dataclass(frozen=True)
class Sweep:
    """A sweep that is open for questions.

    Attributes
    ----------
    rows : int
        Rows that are there.
    warnings : tuple of str
        What is missing or damaged, a line each.
    """

    out: Path
    connection: DuckDBPyConnection
    title: str
    rows: int
    columns: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """The rows of an answer."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


@contextlib.contextmanager
def opened(out: Path, memory_bytes: int | None = None) -> Generator[Sweep]:
    """Open a sweep's folder for questions.

    Parameters
    ----------
    out : Path
        The folder.
    memory_bytes : int, optional
        What a question may take; half of this computer's memory, if not stated. The rest is put off to a folder beside
        the partitions, or where temporary files go if nothing can be written there, and removed in the end.

    Yields
    ------
    Sweep
        Its table is called ``runs``; damaged partitions are left out and named. Beside what the partitions hold it has
        the column ``price_usd``, NULL where a part of the price is unknown.

    Raises
    ------
    InputError
        It is no sweep, or nothing of it is there.
    """
    duckdb = _duckdb()
    import pyarrow.dataset as ds

    record = partitions.read_record(out)
    whole: list[str] = []
    warnings: list[str] = []
    rows = 0
    for number in partitions.present(out):
        why = partitions.fault(out, record, number, deep=False)
        path = partitions.part_path(out, number)
        if why:
            warnings.append(f"{path}: {why}: left out; run the sweep again with --resume")
            continue
        start, stop = partitions.bounds(record, number)
        rows += stop - start
        whole.append(str(path))
    if not whole:
        raise InputError(f"{out}: nothing of this sweep is there; run it again with --resume")
    if rows < record.rows and not warnings:
        warnings.append(f"{out}: not finished: {rows:,} of {record.rows:,} runs are there")
    # Without their checksums, pages that were damaged can be read as other numbers.
    options: Any = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    # The table is handed over open, because the connection may open no file of its own.
    dataset = ds.dataset(whole, format=ds.ParquetFileFormat(default_fragment_scan_options=options))
    memory = memory_bytes or int(MEMORY_SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with _beside(out) as put_off:
        connection = duckdb.connect(":memory:", config={"memory_limit": f"{memory}B", "temp_directory": put_off})
        try:
            connection.register(_ROWS, dataset)
            connection.execute(f"create view {TABLE} as select * from {_ROWS}")  # noqa: S608 - both are ours
            for setting in CLOSED:
                connection.execute(setting)
            columns = (*dataset.schema.names, PRICE)
            yield Sweep(out, connection, record.title, rows, columns, tuple(warnings))
        finally:
            connection.close()


@contextlib.contextmanager
def _beside(out: Path) -> Generator[str]:
    """Yield a folder for a question that is larger than the memory, and remove those that killed processes left."""
    for left in out.glob(f"{PUT_OFF}*/{LOCK}"):
        # The system lifts a lock when its process dies.
        with contextlib.suppress(OSError), left.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left.parent, ignore_errors=True)
    try:
        made = tempfile.TemporaryDirectory(prefix=PUT_OFF, dir=out, ignore_cleanup_errors=True)
    except OSError:
        made = tempfile.TemporaryDirectory(prefix="spacegrey-ask-", ignore_cleanup_errors=True)
    with made as folder, (Path(folder) / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def ask(sweep: Sweep, sql: str, most: int | None = None) -> Answer:
    """Answer one question.

    Parameters
    ----------
    sweep : Sweep
        As `opened` yields it.
    sql : str
        Such as ``select processor, avg(energy_wh) from runs group by processor``.
    most : int, optional
        Rows to return at most; all, if not stated.

    Raises
    ------
    InputError
        It is not SQL that can be answered, or a partition is damaged inside; the line says why.
    """
    duckdb = _duckdb()
    try:
        statements = duckdb.extract_statements(sql)
        if len(statements) != 1:
            raise InputError("ask takes one SQL statement")
        if PRICE in sql.lower():
            _add_prices(sweep.connection)
        answer = sweep.connection.execute(statements[0])
        names = tuple(column[0] for column in answer.description or [])
        rows = answer.fetchall() if most is None else answer.fetchmany(most)
    except duckdb.Error as error:
        if isinstance(error, (duckdb.InvalidInputException, duckdb.IOException)):
            _check_pages(sweep.out)
        # The first line says what; the rest draws the place with blanks and a caret.
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        kept = [line for line in lines if not line.startswith(("LINE ", "^"))]
        raise InputError(f"SQL: {' '.join(kept)}") from None
    except OSError as error:
        raise InputError(f"SQL: {error}") from None
    return Answer(names, rows)


def _add_prices(connection: DuckDBPyConnection) -> None:
    """Give the table its column of prices, each looked up once for a machine."""
    import pyarrow as pa

    machines = [machine for (machine,) in connection.execute(f"select distinct machine from {_ROWS}").fetchall()]  # noqa: S608
    prices = pa.table({"machine": machines, PRICE: pa.array([_price(one) for one in machines], pa.float64())})
    connection.register("prices_of_machines", prices)
    connection.execute(
        f"create or replace view {TABLE} as select a.*, b.{PRICE} "  # noqa: S608
        f"from {_ROWS} a left join prices_of_machines b on a.machine = b.machine"
    )


def _price(machine: str) -> float | None:
    from spacegrey.decide.quote import quote

    try:
        bill = quote(machine)
    except InputError:
        return None  # a file of the user's that is gone since, or is not offered in dollars
    return bill.total if bill.complete else None


def _check_pages(out: Path) -> None:
    """Raise `InputError` that names the partitions of which pages do not hold."""
    record = partitions.read_record(out)
    damaged = [
        str(partitions.part_path(out, number))
        for number in partitions.present(out)
        if not partitions.fault(out, record, number, deep=False) and partitions.fault(out, record, number, deep=True)
    ]
    if damaged:
        are = "is" if len(damaged) == 1 else "are"
        raise InputError(f"{', '.join(damaged)} {are} damaged inside: run the sweep again with --resume")


def _duckdb() -> Any:  # noqa: ANN401 - a module
    try:
        import duckdb
    except ImportError:
        raise InputError("this needs DuckDB: pip install duckdb") from None
    return duckdb
