"""A sweep in memory: its runs as one table, for notebooks; the command writes those that are too large for that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from spacegrey.errors import InputError, unknown
from spacegrey.simulation.sweep import partitions
from spacegrey.simulation.sweep.file import question_of, read_sweep
from spacegrey.simulation.sweep.plan import FIELDS, plan
from spacegrey.simulation.sweep.rows import run_chunk
from spacegrey.sourced import Document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from matplotlib.figure import Figure

    from spacegrey.simulation.sweep.plan import Varied

MOST_ROWS = 200_000
"""Runs of a sweep in memory; more go to a folder: `spacegrey sweep`."""
CHUNK_ROWS = 20_000


@dataclass(frozen=True)
class Sweep:
    """The runs of a sweep.

    Attributes
    ----------
    title : str
        Of the sweep.
    table : pyarrow.Table
        A row for each run: machine, workload, room, what was varied, results; a run that was refused has no results
        and a ``refusal``.
    varied : tuple of str
        Columns of what was varied.
    """

    title: str
    table: pa.Table
    varied: tuple[str, ...] = ()

    @classmethod
    def of(cls, folder: str | Path) -> Sweep:
        """Read the folder of a sweep that `spacegrey sweep` filled.

        Raises
        ------
        InputError
            It is no sweep, a partition is damaged or missing, or it has too many rows for memory.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        out = Path(folder)
        record = partitions.read_record(out)
        _check_size(record.rows, str(out))
        found: list[pa.Table] = []
        for number in range(partitions.partitions(record)):
            path = partitions.part_path(out, number)
            why = partitions.fault(out, record, number, deep=False) if path.is_file() else "is not there"
            if why:
                raise InputError(f"{path}: {why}: run the sweep again with --resume")
            found.append(pq.read_table(path))
        return Sweep(record.title, pa.concat_tables(found).replace_schema_metadata(None))

    def __repr__(self) -> str:
        return f"Sweep({self.title!r}, {len(self)} run{'' if len(self) == 1 else 's'})"

    def __len__(self) -> int:
        """Return the number of runs."""
        return self.table.num_rows

    @property
    def refused(self) -> int:
        """How many runs have no result."""
        return len(self) - self.table["refusal"].null_count

    def to_arrow(self) -> pa.Table:
        """Return the runs as an Arrow table."""
        return self.table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:  # noqa: ANN401 - a capsule of C
        """Return the runs as an Arrow stream, which pandas, polars, DuckDB and others read as it is."""
        return cast("Any", self.table).__arrow_c_stream__(requested_schema)

    def plot(self, x: str, y: str, by: str = "machine") -> Figure:
        """Return one column over another, a colour for each value of a third.

        Parameters
        ----------
        x, y : str
            Columns of numbers.
        by : str
            Column whose values have a colour each; of numbers, a line is drawn through its points in the order of x.

        Raises
        ------
        InputError
            A column is unknown or holds no numbers, or matplotlib is not installed.
        """
        from spacegrey.simulation.drawing import scatter

        for name in (x, y, by):
            if name not in self.table.column_names:
                raise unknown("column", name, self.table.column_names)
        return scatter(self.table, self.title, x, y, by)

    def _repr_html_(self) -> str:
        """Return the first runs as a table, for a notebook."""
        from spacegrey.simulation.shown import sweep_html

        return sweep_html(self)


def sweep(
    question: str | Path | None = None,
    *,
    machines: str | Sequence[str] = (),
    workloads: str | Sequence[str] = (),
    vary: Mapping[str, Any] | None = None,
    threads: int | None = None,
    **more: Any,  # noqa: ANN401 - further keys of a sweep's file
) -> Sweep:
    """Run every combination of machines, workloads and what varies, on all cores, and keep the runs in memory.

    Parameters
    ----------
    question : str or Path, optional
        A sweep's file; or else:
    machines, workloads : str or sequence of str
        Selectors, also with ``*`` (``"imac-pro:processor=*"``), and workloads.
    vary : mapping, optional
        What varies, as ``[vary]`` of a sweep's file says it: ``{"ambient": ["20C", "35C"]}``,
        ``{"dust": {"from": 0, "to": 0.6, "steps": 7}}``.
    threads : int, optional
        Cores to use; all if left out.
    **more
        Further keys of a sweep's file: ``sampling``, ``samples``, ``seed``, ``draw``, ``plan``, ``title``.

    Returns
    -------
    Sweep
        A row for each run.

    Raises
    ------
    InputError
        A name is unknown, the file does not hold, or there are more than 200,000 runs.

    Examples
    --------
    >>> found = sweep(machines="imac-pro", workloads="cinebench-r15", vary={"ambient": ["20C", "40C"]})
    >>> cool, warm = found.to_arrow()["score"].to_pylist()
    >>> cool > warm
    True
    """
    import pyarrow as pa

    if question is not None:
        if machines or workloads or vary or more:
            raise InputError(f"sweep: either a file or machines and workloads, not both: {question}")
        asked = read_sweep(Path(question))
    else:
        data = {
            "title": "a sweep",
            "machines": [machines] if isinstance(machines, str) else list(machines),
            "workloads": [workloads] if isinstance(workloads, str) else list(workloads),
            "vary": dict(vary or {}),
            **more,
        }
        asked = question_of(Document(Path("sweep"), "", data))
    made = plan(asked)
    _check_size(made.rows, made.title)
    starts = range(0, made.rows, CHUNK_ROWS)
    tables = [run_chunk(made, start, min(start + CHUNK_ROWS, made.rows), threads) for start in starts]
    return Sweep(made.title, pa.concat_tables(tables), tuple(_column(one) for one in made.varied))


def _column(varied: Varied) -> str:
    """Return the column that holds what was varied."""
    if not varied.axis.what_if:
        return f"{varied.column}_scale" if varied.axis.relative else varied.column
    return "fan_set_rpm" if varied.axis.name == "fan" else FIELDS[varied.axis.name]


def _check_size(rows: int, what: str) -> None:
    if rows > MOST_ROWS:
        raise InputError(
            f"{what}: {rows:,} runs, and memory is for {MOST_ROWS:,}: run it with `spacegrey sweep`, ask it with "
            "`spacegrey ask`"
        )
