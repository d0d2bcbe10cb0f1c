"""A log as a picture: its quantities over time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from spacegrey.errors import unknown
from spacegrey.logs.names import quantities
from spacegrey.picture import UNITS, named, over_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from spacegrey.logs.log import Log


def draw(log: Log, names: Sequence[str] = ()) -> Figure:
    """Return a log drawn over time, one panel for each unit.

    Parameters
    ----------
    log : Log
        What is drawn.
    names : sequence of str
        Its columns; all of them if empty.

    Raises
    ------
    InputError
        A column is unknown, or matplotlib is not installed.
    """
    known = [name for name in log.columns if name in quantities()]
    by_unit: dict[str, list[str]] = {}
    for name in names or known:
        if name not in known:
            raise unknown("column", name, known, log.name)
        by_unit.setdefault(quantities()[name].unit, []).append(name)
    made, axes = over_time(len(by_unit))
    made.suptitle(Path(log.name).name, fontsize=10)
    for panel, (unit, columns) in zip(axes, by_unit.items(), strict=True):
        for name in columns:
            panel.plot(log["time_s"], log[name], linewidth=0.8, label=quantities()[name].meaning)
        panel.set_ylabel(UNITS.get(unit, unit))
        named(panel)
    return made
