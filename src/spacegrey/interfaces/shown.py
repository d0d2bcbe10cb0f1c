"""What every view of a run is made from, whether the run has just ended or comes out of a file."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from spacegrey.errors import InputError
from spacegrey.simulation.runfile import load, record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from spacegrey.simulation.run import Run
    from spacegrey.simulation.trace import Trace


_NEEDED = {
    "delivered", "duration_s", "energy_balance_error", "energy_wh", "environment", "format", "inputs", "limits",
    "machine", "machine_name", "phases", "score", "seed", "sources", "status", "summary", "verdict", "version",
    "workload", "workload_name",
}  # fmt: skip


@dataclass(frozen=True)
class ShownRun:
    """A run as views see it.

    Attributes
    ----------
    record : dict
        As `runfile.record` returns it.
    trace : Trace
        Columns over time.
    published : list of dict
        Published measurements of this machine under this work, beside the prediction: the
        fields of `validation.Published`, with None for what the run did not show.
    """

    record: dict[str, Any]
    trace: Trace
    published: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints: the record and the published measurements."""
        return {**self.record, "published": self.published}


def from_run(run: Run) -> ShownRun:
    """Return a run that has just ended, with the published measurements that it can be held against."""
    from spacegrey.simulation.validation.comparison import published

    return ShownRun(record(run), run.trace, _tables(published(run)))


def from_file(path: Path) -> ShownRun:
    """Return a run out of a file.

    Raises
    ------
    InputError
        The file is missing, empty, cut short, or not a run.
    """
    saved = load(path)
    missing = _NEEDED - set(saved.record)
    if missing:
        raise InputError(f"{path}: not a whole run: its record lacks {', '.join(sorted(missing))}")
    return ShownRun(saved.record, saved.trace, saved.record.get("published", []))


def _tables(found: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the rows as tables; what the run did not show (a dip that never came) is None and not NaN."""
    return [{key: _finite(value) for key, value in asdict(one).items()} for one in found]


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
