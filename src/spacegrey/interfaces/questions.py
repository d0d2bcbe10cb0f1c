"""Questions in SQL over a sweep: DuckDB on its partitions, which can read them and do nothing else."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spacegrey.errors import InputError
from spacegrey.simulation import partitions

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from duckdb import DuckDBPyConnection

TABLE = "runs"

# No files, no network, no extensions, nothing of this process: a question may come from anywhere.
CLOSED = (
    "SET temp_directory = ''",
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
def opened(out: Path) -> Generator[Sweep]:
    """Open a sweep's folder for questions.

    Yields
    ------
    Sweep
        Its table is called ``runs``; damaged partitions are left out and named.

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
    # The table is handed over open, because the connection may open no file of its own.
    dataset = ds.dataset(whole, format="parquet")
    connection = duckdb.connect(":memory:")
    try:
        connection.register(TABLE, dataset)
        for setting in CLOSED:
            connection.execute(setting)
        yield Sweep(connection, record.title, rows, tuple(dataset.schema.names), tuple(warnings))
    finally:
        connection.close()


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
        It is not SQL that can be answered; the line says why.
    """
    duckdb = _duckdb()
    try:
        statements = duckdb.extract_statements(sql)
        if len(statements) != 1:
            raise InputError("ask takes one SQL statement")
        answer = sweep.connection.execute(statements[0])
        names = tuple(column[0] for column in answer.description or [])
        rows = answer.fetchall() if most is None else answer.fetchmany(most)
    except duckdb.Error as error:
        # The first line says what; the rest draws the place with blanks and a caret.
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        kept = [line for line in lines if not line.startswith(("LINE ", "^"))]
        raise InputError(f"SQL: {' '.join(kept)}") from None
    except OSError as error:
        raise InputError(f"SQL: {error}") from None
    return Answer(names, rows)


def _duckdb() -> Any:  # noqa: ANN401 - a module
    try:
        import duckdb
    except ImportError:
        raise InputError("this needs DuckDB: pip install duckdb") from None
    return duckdb
