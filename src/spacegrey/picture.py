"""Empty pictures to draw into, made by matplotlib where it is installed; nothing is drawn on a screen."""

from __future__ import annotations

import functools
import io
from typing import TYPE_CHECKING, Any

from spacegrey.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UNITS = {"degC": "°C", "1": "share", "1/min": "rpm"}
"""How the unit of a column stands beside its panel."""

SCREEN_DPI = 75
_PANEL_INCHES = 1.8


@functools.cache
def _kind() -> type[Figure]:
    """Return matplotlib's figure, made so that a notebook shows it although nothing has set up a screen."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError("a picture needs matplotlib: pip install spacegrey[plot]") from None

    class Picture(Figure):
        def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
            into = io.BytesIO()
            drawn: Any = self
            drawn.savefig(into, format="png")
            wide, high = (round(inches * SCREEN_DPI) for inches in drawn.get_size_inches())
            return into.getvalue(), {"width": wide, "height": high}

    return Picture


def panels(rows: int, columns: int = 1, *, width: float = 8.0, height: float = 3.0) -> tuple[Figure, list[Any]]:
    """Return an empty picture with its panels, row by row.

    Parameters
    ----------
    rows, columns : int
        How many panels.
    width, height : float
        Of the whole picture. [inch]

    Raises
    ------
    InputError
        Matplotlib is not installed.
    """
    made: Any = _kind()(figsize=(width, height), dpi=2 * SCREEN_DPI, layout="constrained")
    return made, list(made.subplots(rows, columns, squeeze=False).ravel())


def named(axis: Any, columns: int = 4) -> None:  # noqa: ANN401 - a panel of matplotlib
    """Write the names of a panel's lines above it, where they hide nothing."""
    axis.legend(
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=columns,
        fontsize=7,
        frameon=False,
        borderaxespad=0.0,
        borderpad=0.2,
    )


def over_time(count: int) -> tuple[Figure, list[Any]]:
    """Return an empty picture with panels above each other that share their time.

    Raises
    ------
    InputError
        Matplotlib is not installed.
    """
    made, axes = panels(max(count, 1), height=1.0 + _PANEL_INCHES * max(count, 1))
    for axis in axes[:-1]:
        axis.sharex(axes[-1])
        axis.tick_params(labelbottom=False)
    axes[-1].set_xlabel("time, s")
    return made, axes
