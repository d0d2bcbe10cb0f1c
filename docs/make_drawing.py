"""Draw the thermal network as docs/thermal-network.svg, from the kernel's own list of nodes and links."""

# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import sys
from pathlib import Path

from spacegrey.simulation.kernel.network import LINKS, NODES, STREAM, TO_AMBIENT, follows_flow

PLACES = {
    "cpu_junction": (110, 50),
    "cpu_spreader": (110, 140),
    "cpu_sink": (110, 235),
    "gpu_junction": (290, 50),
    "gpu_memory": (430, 140),
    "gpu_sink": (330, 235),
    "vrm": (510, 235),
    "memory": (620, 235),
    "storage": (780, 235),
    "supply": (900, 235),
    "board": (660, 120),
    "shell": (940, 120),
    "panel": (940, 40),
    "intake_air": (700, 360),
    "sink_air": (220, 360),
}
HEATED = {
    "cpu_junction",
    "gpu_junction",
    "gpu_memory",
    "vrm",
    "memory",
    "storage",
    "board",
    "supply",
    "panel",
    "intake_air",
}
NAMES = {
    "cpu_junction": "processor die",
    "cpu_spreader": "heat spreader",
    "cpu_sink": "processor sink",
    "gpu_junction": "graphics die",
    "gpu_memory": "graphics memory",
    "gpu_sink": "graphics sink",
    "vrm": "regulators",
    "intake_air": "air at boards",
    "sink_air": "air at sinks",
    "supply": "supply",
}
HALF_WIDTH, HALF_HEIGHT = 53, 17
DETOUR_Y, RIGHT_X = 480, 1075

STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #222; text-anchor: middle }
  .node { fill: #eef2f7; stroke: #6b7785; stroke-width: 1.3 }
  .heated { fill: #fde9e1; stroke: #c4512d }
  .air { fill: #e2f2fb; stroke: #2f7ea8 }
  .fixed, .flow { stroke: #6b7785; stroke-width: 1.8; fill: none }
  .flow { stroke: #2f7ea8; stroke-dasharray: 6 4 }
  .stream { stroke: #2f7ea8; stroke-width: 5; fill: none; marker-end: url(#arrow) }
"""
ARROW = """<defs>
<marker id="arrow" viewBox="0 0 10 10" refX="7" refY="5" markerWidth="3" markerHeight="3" orient="auto">
<path d="M0 0 L10 5 L0 10 z" fill="#2f7ea8"/>
</marker>
</defs>"""


def drawing() -> str:
    """Return the drawing as SVG."""
    missing = set(NODES) ^ set(PLACES)
    if missing:
        raise SystemExit(f"docs/make_drawing.py: give a place to {', '.join(sorted(missing))}")
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1150 510" role="img" aria-label="The thermal network">',
        f"<style>{STYLE}</style>",
        ARROW,
        '<rect width="1150" height="510" fill="#fff"/>',
    ]
    parts += [_link(name, *ends) for name, ends in LINKS.items()]
    for node in TO_AMBIENT.values():
        x, y = PLACES[node]
        parts.append(f'<path class="fixed" d="M{x} {y} H{RIGHT_X - 15}"/>{_text(RIGHT_X + 10, y, "room")}')
    (x1, y), (x2, _) = (PLACES[name] for name in STREAM)
    parts += [
        f'<path class="stream" d="M{x1 - HALF_WIDTH} {y} H{x2 + HALF_WIDTH + 12}"/>',
        f'<path class="stream" d="M{x1} {y + 70} V{y + HALF_HEIGHT + 12}"/>{_text(x1, y + 86, "room")}',
        f'<path class="stream" d="M{x2} {y + HALF_HEIGHT} V{y + 62}"/>{_text(x2, y + 86, "out of the machine")}',
    ]
    for node, (x, y) in PLACES.items():
        look = "node" + (" air" if node in STREAM else " heated" if node in HEATED else "")
        parts.append(
            f'<rect class="{look}" x="{x - HALF_WIDTH}" y="{y - HALF_HEIGHT}" width="{2 * HALF_WIDTH}" '
            f'height="{2 * HALF_HEIGHT}" rx="5"/>{_text(x, y, NAMES.get(node, node))}'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _link(name: str, a: str, b: str) -> str:
    (x1, y1), (x2, y2) = PLACES[a], PLACES[b]
    look = "flow" if follows_flow(name) else "fixed"
    if name == "cpu_sink_shell":  # around all the others
        return f'<path class="{look}" d="M{x1 - 30} {y1} V{DETOUR_Y} H1010 V{y2} H{x2}"/>'
    return f'<path class="{look}" d="M{x1} {y1} L{x2} {y2}"/>'


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x}" y="{y + 4.5}">{text}</text>'


def main(arguments: list[str]) -> int:
    """Write the drawing, or with ``--check`` compare it."""
    path = Path(__file__).with_name("thermal-network.svg")
    if "--check" not in arguments:
        path.write_text(drawing(), encoding="utf-8")
    elif path.read_text(encoding="utf-8") != drawing():
        sys.stderr.write(f"{path.name} is out of date: run `make docs`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
