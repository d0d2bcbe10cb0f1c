"""What a notebook shows of an object: small tables and line drawings, as HTML and SVG without a style sheet.

Colours are the notebook's own (``currentColor``) or read well on white and on black, so that a dark page needs nothing
else; every text is escaped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

WARM, COOL = "#d9661f", "#3584c9"
"""Two colours that can be told apart by everybody, on white and on black."""

UNITS = {"degC": "°C", "1": "", "1/min": "rpm", "K": "K"}
"""How a unit of a column is written for people."""

STRAIGHT = 1e-6
"""A line whose values differ by a smaller share of the largest is straight."""

POINTS = 240
"""A drawing has no more columns of points than that."""

_LINE = "border-bottom:1px solid rgba(128,128,128,.35)"
_CELL = "padding:.15em .7em .15em 0;vertical-align:top"
_FAINT = "opacity:.7"


@dataclass(frozen=True)
class Markup:
    """Text that is HTML already."""

    html: str


@dataclass(frozen=True)
class Line:
    """One line of a drawing: values at even steps, NaN where there is none."""

    values: NDArray[np.float64]
    colour: str = "currentColor"
    name: str = ""


def card(title: str, under: str, *parts: Markup) -> str:
    """Return what a notebook shows: a title, a line under it, and tables or drawings.

    Examples
    --------
    >>> "A &lt;b&gt;" in card("A <b>", "", table(["x"], [["1"]]))
    True
    """
    inside = "".join(part.html for part in parts)
    line = f'<div style="{_FAINT};margin-bottom:.4em">{escape(under)}</div>' if under else ""
    return (
        '<div class="spacegrey" style="max-width:62em;line-height:1.35;font-variant-numeric:tabular-nums">'
        f'<div style="font-weight:600;font-size:1.08em">{escape(title)}</div>{line}{inside}</div>'
    )


def paragraph(text: str) -> Markup:
    """Return a paragraph; nothing for an empty text."""
    return Markup(f'<p style="margin:.4em 0">{escape(text)}</p>' if text else "")


def unbroken(text: str) -> Markup:
    """Return a text that stays on one line."""
    return Markup(f'<span style="white-space:nowrap">{escape(text)}</span>')


def listed(title: str, texts: Sequence[str], *, closed: bool = False) -> Markup:
    """Return a list under a title, folded away if it is closed; nothing for an empty list."""
    if not texts:
        return Markup("")
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    inside = f'<ul style="margin:.2em 0 .2em 1.2em;padding:0">{items}</ul>'
    return folded(title, Markup(inside)) if closed else Markup(f"<div>{escape(title)}</div>{inside}")


def folded(title: str, inside: Markup) -> Markup:
    """Return a part that a click on its title unfolds."""
    return Markup(f'<details style="margin:.3em 0"><summary>{escape(title)}</summary>{inside.html}</details>')


def table(heads: Sequence[str], rows: Sequence[Sequence[str | Markup]]) -> Markup:
    """Return a table; a head that begins with ``>`` sets its column to the right.

    Examples
    --------
    >>> table(["a", ">b"], [["x", "1"]]).html.count("text-align:right")
    2
    """
    sides = ["right" if head.startswith(">") else "left" for head in heads]
    top = "".join(
        f'<th style="text-align:{side};font-weight:600;{_CELL}">{escape(head.removeprefix(">"))}</th>'
        for head, side in zip(heads, sides, strict=True)
    )
    head_row = f'<tr style="{_LINE};background:none">{top}</tr>' if any(heads) else ""
    body = "".join(
        '<tr style="background:none">'
        + "".join(
            f'<td style="{_side(side)};{_CELL}">{cell.html if isinstance(cell, Markup) else escape(cell)}</td>'
            for cell, side in zip(row, sides, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return Markup(f'<table style="border-collapse:collapse;border:none;margin:.3em 0">{head_row}{body}</table>')


def _side(side: str) -> str:
    return f"text-align:{side}" + (";white-space:nowrap" if side == "right" else "")


def facts(pairs: Mapping[str, str]) -> Markup:
    """Return names and what they are, line by line."""
    return table(["", ""], [[Markup(f'<span style="{_FAINT}">{escape(name)}</span>'), pairs[name]] for name in pairs])


def bar(share: float, colour: str = COOL) -> Markup:
    """Return a share from 0 to 1 as a bar."""
    filled = min(max(share, 0.0), 1.0) * 60.0
    return Markup(
        '<svg width="60" height="9" style="vertical-align:middle" role="img">'
        '<rect width="60" height="9" fill="currentColor" opacity=".12"/>'
        f'<rect width="{filled:.1f}" height="9" fill="{colour}"/></svg>'
    )


def drawing(lines: Sequence[Line], *, width: int = 110, height: int = 18) -> Markup:
    """Return lines over the same even steps in one small picture; what is not known is a gap.

    Examples
    --------
    >>> drawing([Line(np.array([1.0, 2.0, np.nan, 1.0, 3.0]))]).html.count("M")
    2
    >>> drawing([]).html
    ''
    """
    thin = [_thinned(one.values) for one in lines]
    known = [one[np.isfinite(one)] for one in thin]
    every = np.concatenate(known) if known else np.empty(0)
    if not every.size:
        return Markup("")
    low, high = float(every.min()), float(every.max())
    # What differs by rounding alone is a straight line in the middle.
    flat = high - low <= STRAIGHT * max(abs(low), abs(high))
    span = 1.0 if flat else high - low
    paths = ""
    for one, values in zip(lines, thin, strict=True):
        x = np.linspace(1.0, width - 1.0, len(values)) if len(values) > 1 else np.array([width / 2.0])
        share = np.where(np.isfinite(values), 0.5, np.nan) if flat else (values - low) / span
        y = height - 1.5 - share * (height - 3.0)
        name = f"<title>{escape(one.name)}</title>" if one.name else ""
        paths += (
            f'<path d="{_path(x, y)}" fill="none" stroke="{one.colour}" stroke-width="1.2" '
            f'stroke-linejoin="round">{name}</path>'
        )
    return Markup(f'<svg width="{width}" height="{height}" style="vertical-align:middle" role="img">{paths}</svg>')


def legend(lines: Sequence[Line]) -> Markup:
    """Return the names of lines in their colours."""
    return Markup(
        '<div style="font-size:.9em">'
        + " &nbsp; ".join(f'<span style="color:{one.colour}">&#9473;</span> {escape(one.name)}' for one in lines)
        + "</div>"
    )


def number(value: float, digits: int = 4) -> str:
    """Return a number in so many digits, and a dash where there is none.

    Examples
    --------
    >>> number(1665.4), number(0.30482), number(1.23e-7), number(float("nan"))
    ('1,665', '0.3048', '1.23e-07', '-')
    """
    if not math.isfinite(value):
        return "-"
    if value and not 1e-4 <= abs(value) < 1e7:  # noqa: PLR2004 - as %g writes them
        return f"{value:.{digits}g}"
    after = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0
    text = f"{value:,.{min(after, 6)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def duration(seconds: float) -> str:
    """Return a time for people.

    Examples
    --------
    >>> duration(0.25), duration(83.0), duration(7320.0)
    ('0.25 s', '1 min 23 s', '2 h 02 min')
    """
    if seconds < 60.0:  # noqa: PLR2004 - a minute
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60 and not rest:  # noqa: PLR2004
        return f"{minutes} min"
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"  # noqa: PLR2004


def _thinned(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values with groups of neighbours by their mean, so that a drawing stays small."""
    if len(values) <= POINTS:
        return values
    edges = np.linspace(0, len(values), POINTS + 1).astype(np.int64)[:-1]
    known = np.isfinite(values)
    count = np.add.reduceat(known.astype(np.float64), edges)
    total = np.add.reduceat(np.where(known, values, 0.0), edges)
    return np.where(count > 0.0, total / np.maximum(count, 1.0), np.nan)


def _path(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    words: list[str] = []
    drawn = False
    for across, up in zip(x.tolist(), y.tolist(), strict=True):
        if math.isfinite(up):
            words.append(f"{'L' if drawn else 'M'}{across:.1f} {up:.1f}")
        drawn = math.isfinite(up)
    return "".join(words)
