"""The drawing of a plan: the tree of links with the load on each, as one SVG without anything from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from spacegrey.connections.planner import READ, WRITE
from spacegrey.interfaces.wiring.rows import Row, is_full, rows, words

if TYPE_CHECKING:
    from spacegrey.connections.arrange import Answer
    from spacegrey.connections.planner import Load

LINE, TOP, LEFT, STEP = 30, 64, 24, 26
WIDTH, BAR_X, BAR_WIDTH = 1160, 610, 220
STYLE = """
  .wiring .page { fill: #fff }
  .wiring text { font: 13px system-ui, sans-serif; fill: #222 }
  .wiring .title { font-size: 17px; font-weight: 600 }
  .wiring .small { font-size: 11px; fill: #555 }
  .wiring .free { fill: #888 }
  .wiring .refused { fill: #b3261e }
  .wiring .branch { stroke: #9aa5b1; fill: none; stroke-width: 1.4 }
  .wiring .room { fill: #eef2f7; stroke: #9aa5b1 }
  .wiring .full { fill: none; stroke: #b3261e; stroke-width: 2 }
  .wiring .displays { fill: #8e7cc3 }
  .wiring .read { fill: #3d85c6 }
  .wiring .write { fill: #e69138 }
"""


def drawing(answer: Answer) -> str:
    """Return a plan on a machine as an SVG document."""
    lines = rows(answer)
    height = TOP + LINE * len(lines) + 40
    verdict = "fits" if answer.fits else "unproven" if answer.unproven else "does not fit"
    title = f"{answer.plan.name} on {answer.machine.spec.name}: {verdict}"
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="wiring" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" '
            f'role="img" aria-label="{escape(title, {chr(34): "&quot;"})}">'
        ),
        f"<style>{STYLE}</style>",
        # A dark page would show dark letters on dark.
        f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="{LEFT}" y="28">{escape(title)}</text>',
        *_legend(),
    ]
    trunk: dict[int, float] = {}
    for number, row in enumerate(lines):
        y = TOP + LINE * number + 20.0
        x = LEFT + STEP * row.depth
        if row.depth:
            parts.append(f'<path class="branch" d="M{x - 16} {trunk[row.depth - 1]:g}V{y - 4:g}H{x - 4}"/>')
        trunk[row.depth] = y + 4
        parts += _line(row, x, y)
    return "\n".join([*parts, "</svg>", ""])


def _line(row: Row, x: int, y: float) -> list[str]:
    kind = {"free": ' class="free"', "refused": ' class="refused"'}.get(row.kind, "")
    text = row.text if len(row.text) <= _room(x) else f"{row.text[: _room(x) - 1]}…"
    parts = [f'<text{kind} x="{x}" y="{y:g}"><title>{escape(row.text)}</title>{escape(text)}</text>']
    if row.load is not None:
        parts += _bars(row.load, y)
    return parts


def _room(x: int) -> int:
    return (BAR_X - x - 12) // 7


def _bars(load: Load, y: float) -> list[str]:
    """Return two bars: towards the machine above, away from it below, with displays first."""
    parts: list[str] = []
    for direction, top in ((READ, y - 13), (WRITE, y - 4)):
        shown = load.displays_gbps if direction == WRITE else 0.0
        most = load.capacity[direction] + shown
        if most == float("inf"):
            continue
        parts.append(f'<rect class="room" x="{BAR_X}" y="{top:g}" width="{BAR_WIDTH}" height="8"/>')
        if most <= 0.0:
            continue
        wide = BAR_WIDTH / most
        if shown:
            parts.append(f'<rect class="displays" x="{BAR_X}" y="{top:g}" width="{shown * wide:.1f}" height="8"/>')
        if load.data[direction] > 0.0:
            start = BAR_X + shown * wide
            width = load.data[direction] * wide
            parts.append(f'<rect class="{direction}" x="{start:.1f}" y="{top:g}" width="{width:.1f}" height="8"/>')
    # Frames come last, so that no bar lies over them.
    for direction, top in ((READ, y - 13), (WRITE, y - 4)):
        if is_full(load, (direction,)):
            parts.append(f'<rect class="full" x="{BAR_X}" y="{top:g}" width="{BAR_WIDTH}" height="8"/>')
    parts.append(f'<text class="small" x="{BAR_X + BAR_WIDTH + 10}" y="{y - 1:g}">{escape(words(load))}</text>')
    return parts


def _legend() -> list[str]:
    parts: list[str] = []
    entries = (("read", "reads, towards the machine"), ("write", "writes"), ("displays", "displays"))
    for x, (name, text) in zip((BAR_X, BAR_X + 190, BAR_X + 260), entries, strict=True):
        parts.append(f'<rect class="{name}" x="{x}" y="40" width="10" height="10"/>')
        parts.append(f'<text class="small" x="{x + 14}" y="49">{text}</text>')
    parts.append(f'<text class="small" x="{BAR_X + 340}" y="49">Gb/s; red: full</text>')
    return parts
