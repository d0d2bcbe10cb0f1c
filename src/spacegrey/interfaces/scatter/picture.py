"""A scatter as a PNG, drawn by matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from spacegrey.errors import InputError
from spacegrey.interfaces.scatter.points import axis, label
from spacegrey.picture import panels

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from spacegrey.interfaces.scatter.points import Points

MOST_WORDS = 10
"""So many colours can be told apart; the words that are rarest share the last."""
OTHERS = "others"


def write_png(shown: Points, path: Path) -> None:
    """Draw points into a PNG.

    Raises
    ------
    InputError
        Matplotlib is not installed.
    """
    try:
        drawn: Any = draw(shown)
    except InputError:
        raise InputError("a PNG needs matplotlib: pip install spacegrey[plot]; or write a page: --out F.html") from None
    drawn.savefig(path, format="png")


def draw(shown: Points) -> Figure:
    """Return points as a picture.

    Raises
    ------
    InputError
        Matplotlib is not installed.
    """
    figure, (axes,) = panels(1, height=5.6)
    x, y, colour = shown.names
    drawn: dict[str, Any] = {"s": 14 if len(shown.x) < 5000 else 4, "linewidths": 0, "alpha": 0.8}  # noqa: PLR2004
    if shown.colour is None:
        axes.scatter(shown.x, shown.y, color="#0b62a8", **drawn)
    elif shown.by_words:
        known = words(shown)
        kept = np.array([str(one) if str(one) in known else OTHERS for one in shown.colour])
        for word, number in known.items():
            which = kept == word
            axes.scatter(shown.x[which], shown.y[which], color=f"C{number}", label=word, **drawn)
        axes.legend(title=label(str(colour)), loc="best", markerscale=2.0)
    else:
        mapped = axes.scatter(shown.x, shown.y, c=shown.colour, cmap="viridis", plotnonfinite=True, **drawn)
        cast("Any", figure).colorbar(mapped, ax=axes, label=label(str(colour)))
    if shown.front.any():
        order = np.lexsort((shown.y[shown.front], shown.x[shown.front]))
        across, up = shown.x[shown.front][order], shown.y[shown.front][order]
        axes.plot(across, up, color="#c2500a", linewidth=1.2, marker="o", markersize=6, markerfacecolor="none")
    if shown.by_ratio:
        from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    for number, name in shown.named:
        place = (shown.x[number], shown.y[number])
        axes.plot(*place, color="#1b1f24", marker="o", markersize=9, markerfacecolor="none")
        axes.annotate(name, place, xytext=(7, -11), textcoords="offset points", fontsize=8.5)
    axes.set_xlabel(axis(x, shown.better[0]))
    axes.set_ylabel(axis(y, shown.better[1]))
    axes.set_title(heading(shown), loc="left", fontsize=11)
    axes.grid(visible=True, color="#e9ecef", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure


def heading(shown: Points) -> str:
    """Return the title of a scatter: of what, and how many."""
    count = f"{shown.total:,} {shown.what}"
    if len(shown.x) < shown.total:
        count += f", {len(shown.x):,} of them drawn"
    return f"{shown.title}: {count}"


def words(shown: Points) -> dict[str, int]:
    """Return the words of a colour with the number of their colour, the most frequent first."""
    assert shown.colour is not None  # noqa: S101
    found, counts = np.unique(shown.colour.astype(str), return_counts=True)
    order = [str(found[place]) for place in np.argsort(-counts, kind="stable")]
    if len(order) > MOST_WORDS:
        order = [*order[: MOST_WORDS - 1], OTHERS]
    return {word: number for number, word in enumerate(order)}
