"""Pictures of a log, drawn by matplotlib where it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spacegrey.errors import InputError
from spacegrey.logs.names import quantities

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from spacegrey.logs.log import Log

UNITS = {"degC": "°C", "1": "share", "1/min": "rpm"}
_PANEL_INCHES = 1.8


def figure(panels: int) -> tuple[Figure, list[Any]]:
    """Return an empty picture with panels that share their time.

    Raises
    ------
    InputError
        Matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError("a picture needs matplotlib: pip install spacegrey[plot]") from None
    made: Any = Figure(figsize=(8.0, 1.0 + _PANEL_INCHES * panels), dpi=150, layout="constrained")
    axes: list[Any] = list(made.subplots(panels, 1, sharex=True, squeeze=False)[:, 0])
    axes[-1].set_xlabel("time, s")
    return made, axes


def draw(log: Log) -> Figure:
    """Return a log drawn over time, one panel for each unit."""
    by_unit: dict[str, list[str]] = {}
    for name in log.columns:
        if name in quantities():
            by_unit.setdefault(quantities()[name].unit, []).append(name)
    made, axes = figure(len(by_unit))
    for panel, (unit, names) in zip(axes, by_unit.items(), strict=True):
        for name in names:
            panel.plot(log["time_s"], log[name], linewidth=0.8, label=name)
        panel.set_ylabel(UNITS.get(unit, unit))
        panel.legend(loc="upper right", fontsize=7)
    return made
