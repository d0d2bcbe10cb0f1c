"""A run as one Parquet file that any dataframe library opens as it is: the trace, and everything else beside it."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from spacegrey.errors import InputError
from spacegrey.simulation.trace import COLUMNS, Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa
    from matplotlib.figure import Figure

    from spacegrey.simulation.run import Run
    from spacegrey.sourced import Spec

FORMAT = 1
_KEY = b"spacegrey"


@dataclass(frozen=True)
class SavedRun:
    """A run that was read from a file: its record, as `record` returns it, and its trace."""

    record: dict[str, Any]
    trace: Trace

    def __repr__(self) -> str:
        kept = self.record
        return f"SavedRun({kept['workload']!r} on {kept['machine']!r}: {kept['duration_s']:.1f} s)"

    @classmethod
    def of(cls, path: str | Path) -> SavedRun:
        """Read the file that `Run.write` or `spacegrey run --save` wrote.

        Raises
        ------
        InputError
            Missing, empty, cut short, or not a run of this version's format.
        """
        return load(Path(path))

    def to_arrow(self) -> pa.Table:
        """Return the trace as an Arrow table with the unit and meaning of each column in its schema."""
        return self.trace.to_arrow()

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:  # noqa: ANN401 - a capsule of C
        """Return the trace as an Arrow stream, which pandas, polars, DuckDB and others read as it is."""
        return self.trace.__arrow_c_stream__(requested_schema)

    def plot(self, *names: str) -> Figure:
        """Return the run drawn over time, as `Run.plot` does.

        Raises
        ------
        InputError
            A column is unknown, or matplotlib is not installed.
        """
        from spacegrey.simulation.drawing import draw

        return draw(self.trace, f"{self.record['workload_name']} on {self.record['machine_name']}", names)

    def _repr_html_(self) -> str:
        """Return the answers as tables and small drawings, for a notebook."""
        from spacegrey.simulation.shown import run_html

        return run_html(self.record, self.trace)


def record(run: Run) -> dict[str, Any]:
    """Return everything of a run but its trace, ready for JSON: stable keys, documented in docs/json.md."""
    machine, workload = run.machine, run.workload
    sheets: dict[str, Spec | None] = {
        "processor": machine.processor,
        "microarchitecture": machine.microarchitecture,
        "graphics": machine.graphics,
        "graphics_architecture": machine.graphics_architecture,
        "memory": machine.memory,
        "storage": machine.storage,
        "cooling": machine.cooling,
        "supply": machine.supply,
        "panel": machine.panel,
    }
    return {
        "format": FORMAT,
        "version": run.version,
        "machine": machine.selector,
        "machine_name": machine.name,
        "workload": workload.id,
        "workload_name": workload.name,
        "duration_s": run.duration_s,
        "score": None if run.score is None else asdict(run.score),
        "delivered": run.delivered,
        "energy_wh": run.energy_wh,
        "summary": {name: asdict(values) for name, values in run.summary.items()},
        "phases": [{**asdict(phase), "duration_s": phase.duration_s} for phase in run.phases],
        "limits": [asdict(limit) for limit in run.limits],
        "verdict": run.verdict,
        "status": run.status,
        "energy_balance_error": run.energy_balance_error,
        "environment": {
            "ambient_c": machine.ambient_c,
            "brightness": machine.environment.brightness,
            "dust": machine.environment.dust,
            "fan": _fan(machine.environment.fan),
            "overclock_ghz": machine.environment.overclock_ghz,
            "power_limit_w": machine.environment.power_limit_w,
            "undervolt_mv": machine.environment.undervolt_mv,
            "fan_curve": str(machine.environment.fan_curve) if machine.environment.fan_curve else None,
        },
        "plan": None if machine.external is None else asdict(machine.external),
        "inputs": {
            "choices": machine.chosen,
            "memory_gib": machine.memory_gib,
            "storage_tb": machine.storage_tb,
            **{name: _sheet(sheet) for name, sheet in sheets.items() if sheet is not None},
            "workload": _sheet(workload.spec),
            "phases": [
                phase.model_dump(mode="json", exclude_defaults=True, exclude={"source", "assumed"})
                for phase in workload.phases
            ],
        },
        "sources": sources_used(run),
        "seed": None,
    }


def _sheet(sheet: Spec) -> dict[str, Any]:
    return sheet.model_dump(mode="json", exclude={"source", "assumed"})


def sources_used(run: Run) -> list[str]:
    """Return the keys of sources.bib that the numbers of a run came from."""
    machine = run.machine
    sheets: list[Spec] = [
        machine.spec, machine.processor, machine.microarchitecture, machine.graphics, machine.graphics_architecture,
        machine.memory, machine.storage, machine.cooling, machine.supply, run.workload.spec, *run.workload.phases,
    ]  # fmt: skip
    if machine.panel:
        sheets.append(machine.panel)
    return sorted({key for sheet in sheets for key in sheet.source.values()})


def check_name(path: Path) -> None:
    """Refuse a name that says another kind of file than a run is: it may be one that is needed.

    Raises
    ------
    InputError
        The name ends otherwise than in .parquet, or not at all.
    """
    if path.suffix.lower() not in {"", ".parquet"}:
        raise InputError(f"{path}: a run is written as .parquet")


def save(run: Run, path: Path, published: Sequence[Mapping[str, Any]] = ()) -> None:
    """Write a run; the file appears whole or not at all.

    Parameters
    ----------
    run : Run
        What to write.
    path : Path
        Where to.
    published : sequence of mapping, optional
        Measurements of the same test, kept in the record under ``published``.

    Raises
    ------
    InputError
        The path cannot be written, or has the name of another kind of file.
    """
    import pyarrow.parquet as pq

    check_name(path)
    table = run.trace.to_arrow()
    kept = {**record(run), "published": list(published)}
    metadata = {**(table.schema.metadata or {}), _KEY: json.dumps(kept, allow_nan=False).encode()}
    write_whole(
        path, lambda beside: pq.write_table(table.replace_schema_metadata(metadata), beside, compression="zstd")
    )


def load(path: Path) -> SavedRun:
    """Read a saved run.

    Raises
    ------
    InputError
        Missing, empty, cut short, or not a run of this version's format.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise InputError(f"{path}: a folder, not a file" if path.is_dir() else f"{path}: no such file")
    try:
        table = pq.read_table(path)
        text = (table.schema.metadata or {})[_KEY]
        kept = cast("dict[str, Any]", json.loads(text))
        columns = {name: np.asarray(table[name].to_numpy()) for name in COLUMNS}
    except (pa.ArrowException, OSError, KeyError, ValueError, RecursionError):
        raise InputError(f"{path}: not a saved run (empty, cut short, or another kind of file)") from None
    if kept.get("format") != FORMAT:
        raise InputError(f"{path}: saved in format {kept.get('format')!r}; this version reads format {FORMAT}")
    return SavedRun(kept, Trace(columns))


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Call ``write`` with a path beside ``path`` and then move it there, so that no half file is ever seen.

    Raises
    ------
    InputError
        The folder is missing or cannot be written to.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        beside = Path(name)
        try:
            write(beside)
            beside.chmod(0o644)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None


def _fan(rpm: float | None) -> float | str | None:
    return "max" if rpm == float("inf") else rpm
