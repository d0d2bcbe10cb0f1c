"""The library's loader: workloads by name, or the user's own TOML file.

A workload can be varied where it is named: ``hash-scaling:threads=18``, ``cinebench-r15:repeat=20``,
``spherical-harmonics-forward:size=2047``.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from spacegrey import fits
from spacegrey.errors import InputError, unknown
from spacegrey.sourced import CATALOG, Document, Table, named_file, read_spec, read_toml
from spacegrey.workload.spec import Phase, Size, WorkloadSpec

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.figure import Figure

MAX_PHASES = 100_000
_VARIATIONS = ("repeat", "size", "threads")


@dataclass(frozen=True)
class Workload:
    """A workload: its head data and its phases in order, once through."""

    id: str
    spec: WorkloadSpec
    phases: tuple[Phase, ...]

    def __repr__(self) -> str:
        count = len(self.phases)
        return f"Workload({self.id!r}, {count} phase{'s' if count > 1 else ''})"

    @property
    def name(self) -> str:
        """What tables print."""
        return self.spec.name

    @classmethod
    def of(cls, named: object, *, name: str = "phases of a dataframe") -> Workload:
        """Return a workload of the library, of a file, or of a dataframe with a row for each phase.

        Parameters
        ----------
        named : str, Path, dataframe or Workload
            A name of the library, also with a variation (``"hash-scaling:threads=18"``); the path of a TOML file; or
            any dataframe whose columns are keys of a phase: ``name``, ``processor.integer_gop``, ``storage.read_gb``,
            ``pace.seconds`` and so on. An empty cell leaves the key out.
        name : str
            What a workload of a dataframe is called.

        Raises
        ------
        InputError
            Unknown, unreadable, or it does not hold.

        Examples
        --------
        >>> table = {"name": ["read", "work"], "storage.read_gb": [12.0, None], "processor.float_gop": [None, 900.0]}
        >>> [phase.storage.read_gb for phase in Workload.of(table).phases]
        [12.0, 0.0]
        """
        if isinstance(named, Workload):
            return named
        if isinstance(named, str | Path):
            return workload(str(named))
        from spacegrey.workload.frames import of_frame

        return of_frame(named, name)

    def to_arrow(self) -> pa.Table:
        """Return the phases as an Arrow table, a row each, with the columns that `of` reads."""
        from spacegrey.workload.frames import as_frame

        return as_frame(self)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:  # noqa: ANN401 - a capsule of C
        """Return the phases as an Arrow stream, which pandas, polars, DuckDB and others read as it is."""
        return cast("Any", self.to_arrow()).__arrow_c_stream__(requested_schema)

    def plot(self) -> Figure:
        """Return what each phase asks for, a panel for each kind of amount.

        Raises
        ------
        Refusal
            No phase asks for an amount.
        InputError
            Matplotlib is not installed.
        """
        from spacegrey.workload.shown import draw_workload

        return draw_workload(self)

    def _repr_html_(self) -> str:
        """Return its phases and what they ask for as a table, for a notebook."""
        from spacegrey.workload.shown import workload_html

        return workload_html(self)


def workload_ids() -> list[str]:
    """Return the names of the library's workloads, in alphabetical order."""
    return sorted(path.stem for path in (CATALOG / "workloads").glob("*.toml"))


def workload(reference: str) -> Workload:
    """Read a workload by its name in the library, or by the path of the user's own file.

    Parameters
    ----------
    reference : str
        Such as ``"blender-cpu"``, ``"my-job.toml"`` or ``"hash-scaling:threads=18"``.

    Returns
    -------
    Workload
        Checked, with fitted numbers filled in.

    Raises
    ------
    InputError
        Unknown, unreadable, or it does not hold.

    Examples
    --------
    >>> workload("cinebench-r15-loop").spec.repeat
    10
    """
    text, colon, variations = reference.partition(":")
    document = read_toml(named_file(text, "workload"))
    found = from_document(document)
    found = vary(found, variations, reference) if colon else found
    if found.spec.repeat * len(found.phases) > MAX_PHASES:
        raise InputError(f"{document.place(['workload', 'repeat'])}: more than {MAX_PHASES} phases in all")
    return found


def from_document(document: Document) -> Workload:
    """Return the workload that a file holds, with fitted numbers filled in.

    Raises
    ------
    InputError
        It does not hold.
    """
    data = _with_fits(document, document.path.stem)
    strange = set(data) - {"workload", "phase"}
    if strange:
        raise unknown("key", min(strange), ["workload", "phase"], document.place([min(strange)]))
    if "workload" not in data:
        raise InputError(f"{document.place()}: [workload] is missing")
    spec = read_spec(WorkloadSpec, data["workload"], document, ["workload"])
    tables: object = data.get("phase", [])
    if not isinstance(tables, list) or not tables:
        raise InputError(f"{document.place()}: a workload needs at least one [[phase]]")
    phases = [read_spec(Phase, table, document, ["phase"]) for table in cast("list[object]", tables)]
    names = [phase.name for phase in phases]
    if len(set(names)) != len(names):
        raise InputError(f"{document.place(['phase'])}: two phases have the same name")
    for name in spec.score.phases if spec.score else []:
        if name not in names:
            raise unknown("phase", name, names, document.place(["workload", "score", "phases"]))
    return Workload(document.path.stem, spec, tuple(phases))


def vary(original: Workload, variations: str, place: str) -> Workload:
    """Return a workload with what a reference sets after the colon."""
    spec = original.spec
    phases: tuple[Phase, ...] = original.phases
    for part in variations.split(","):
        key, _, text = (piece.strip() for piece in part.partition("="))
        if key not in _VARIATIONS:
            raise unknown("variation", key, _VARIATIONS, f"workload {place!r}")
        if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= MAX_PHASES:
            raise InputError(f"workload {place!r}: {key} must be a whole number from 1 to {MAX_PHASES}, not {text!r}")
        if key == "repeat":
            spec = spec.model_copy(update={"repeat": int(text)})
        elif key == "size":
            if spec.size is None:
                raise InputError(f"workload {place!r}: {original.id} has one size only")
            phases = tuple(
                phase if phase.name in spec.size.fixed else _grown(phase, spec.size, int(text)) for phase in phases
            )
        else:
            phases = tuple(
                phase.model_copy(update={"processor": phase.processor.model_copy(update={"threads": int(text)})})
                for phase in phases
            )
    return replace(original, id=place, spec=spec, phases=phases)


def _grown(phase: Phase, size: Size, wanted: float) -> Phase:
    ratio = wanted / size.reference
    demand = phase.processor
    work = {
        name: getattr(demand, name) * ratio**size.work
        for name in ("integer_gop", "float_gop", "vector_gop", "scalar_gflop", "fp64_gflop")
    }
    traffic = {"stream_gb": demand.stream_gb * ratio**size.traffic}
    footprint = {"working_set_mib": demand.working_set_mib * ratio**size.footprint}
    return phase.model_copy(update={"processor": demand.model_copy(update=work | traffic | footprint)})


def _with_fits(document: Document, name: str) -> Table:
    """Fill in the numbers that were fitted: keys such as ``score.constant`` and ``phase.build.processor.parallel``."""
    values = fits.values(f"workloads/{name}") if document.path.parent == CATALOG / "workloads" else {}
    if not values:
        return document.data
    data = tomllib.loads(document.text)
    for key, value in values.items():
        table: Any = data
        parts = key.split(".")
        if parts[0] == "phase":
            table = next((one for one in data["phase"] if one["name"] == parts[1]), None)
            parts = parts[2:]
        else:
            table = data["workload"]
        for part in parts[:-1]:
            table = table.setdefault(part, {})
        table[parts[-1]] = value
        table["assumed"] = {**table.get("assumed", {}), parts[-1]: fits.REASON}
    return data
