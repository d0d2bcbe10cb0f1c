"""A scatter as one HTML file that needs nothing else: drawn on a canvas, each point says what it is."""

from __future__ import annotations

import html
import json
import math
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from spacegrey import __version__
from spacegrey.interfaces.scatter.picture import heading
from spacegrey.interfaces.scatter.points import axis, label

if TYPE_CHECKING:
    from spacegrey.interfaces.scatter.points import Points

_FOLDER = Path(__file__).parent


def page(shown: Points) -> str:
    """Return the page."""
    x, y, colour = shown.names
    machines, workloads = _numbered(shown.machines), _numbered(shown.workloads)
    data: dict[str, Any] = {
        "x": _figures(shown.x),
        "y": _figures(shown.y),
        "colour": None if shown.colour is None else _colours(shown),
        "words": sorted(set(map(str, shown.colour))) if shown.by_words and shown.colour is not None else None,
        "names": [label(x), label(y), label(colour) if colour else None],
        "axes": [axis(name, better) for name, better in zip((x, y), shown.better, strict=True)],
        "machines": list(machines),
        "machine": [machines[one] for one in shown.machines],
        "workloads": list(workloads),
        "workload": [workloads[one] for one in shown.workloads],
        "front": [number for number, best in enumerate(shown.front) if best],
        "named": [list(one) for one in shown.named],
        "byRatio": shown.by_ratio,
    }
    # A name in the data may not end the script.
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return Template((_FOLDER / "page.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(heading(shown)),
        version=__version__,
        data=text,
        js=(_FOLDER / "page.js").read_text(encoding="utf-8"),
    )


def _numbered(names: list[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


def _colours(shown: Points) -> list[Any]:
    assert shown.colour is not None  # noqa: S101
    if shown.by_words:
        known = {word: number for number, word in enumerate(sorted(set(map(str, shown.colour))))}
        return [known[str(one)] for one in shown.colour]
    return _figures(shown.colour)


def _figures(values: Any) -> list[float | None]:  # noqa: ANN401 - an array
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in values]
