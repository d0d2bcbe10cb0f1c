"""The thermal network: which lump of a machine touches which. One graph for every machine.

A machine that lacks a lump (no panel, no fan) has a conductance of zero there. Heat flows along links both ways; the
air carries heat one way, from the room through the intake and over the sinks and out.
"""

from __future__ import annotations

NODES = (
    "cpu_junction",
    "cpu_spreader",
    "cpu_sink",
    "gpu_junction",
    "gpu_memory",
    "gpu_sink",
    "vrm",
    "memory",
    "storage",
    "board",
    "supply",
    "panel",
    "shell",
    "intake_air",
    "sink_air",
)

# name of the conductance in the cooling's data sheet -> the two nodes it joins
LINKS: dict[str, tuple[str, str]] = {
    "cpu_junction_spreader": ("cpu_junction", "cpu_spreader"),
    "cpu_spreader_sink": ("cpu_spreader", "cpu_sink"),
    "gpu_junction_sink": ("gpu_junction", "gpu_sink"),
    "gpu_junction_memory": ("gpu_junction", "gpu_memory"),
    "gpu_memory_sink": ("gpu_memory", "gpu_sink"),
    "cpu_sink_gpu_sink": ("cpu_sink", "gpu_sink"),
    "cpu_sink_air": ("cpu_sink", "sink_air"),
    "gpu_sink_air": ("gpu_sink", "sink_air"),
    "vrm_board": ("vrm", "board"),
    "vrm_air": ("vrm", "intake_air"),
    "memory_board": ("memory", "board"),
    "memory_air": ("memory", "intake_air"),
    "storage_board": ("storage", "board"),
    "storage_air": ("storage", "intake_air"),
    "board_shell": ("board", "shell"),
    "board_air": ("board", "intake_air"),
    "supply_shell": ("supply", "shell"),
    "supply_air": ("supply", "intake_air"),
    "panel_shell": ("panel", "shell"),
    "cpu_sink_shell": ("cpu_sink", "shell"),
}

# conductances to the room, which is a boundary and not a node
TO_AMBIENT: dict[str, str] = {"panel_ambient": "panel", "shell_ambient": "shell"}

# the air stream: heat goes with it, never against it
STREAM = ("intake_air", "sink_air")


def follows_flow(link: str) -> bool:
    """Tell whether a conductance is convection that rises with the air flow."""
    return link.endswith("_air")
