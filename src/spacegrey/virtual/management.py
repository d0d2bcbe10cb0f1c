"""The T2 as system manager: the SMC's keys of a machine's folder, answered from a run of its simulation."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from spacegrey.errors import InputError, Refusal
from spacegrey.machine.assembly import Machine, machine
from spacegrey.machine.selector import parse_selector
from spacegrey.simulation.run import simulate
from spacegrey.simulation.runfile import write_whole
from spacegrey.t2 import smc
from spacegrey.workload.library import workload

if TYPE_CHECKING:
    from spacegrey.virtual.instance import Instance

FILE = "smc.json"
FORMAT = 1

_SHOWN = (
    "cpu_temp_c", "cpu_sink_temp_c", "gpu_temp_c", "gpu_memory_temp_c", "storage_temp_c", "board_temp_c", "fan_rpm",
    "cpu_power_w", "gpu_power_w", "wall_power_w",
)  # fmt: skip


def _fans(instance: Instance) -> tuple[bool, float | None]:
    """Return what was written: whether the fans are held, and their target."""
    path = instance.folder / FILE
    try:
        found: object = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False, None
    except (OSError, ValueError):
        raise Refusal(f"{path} cannot be read") from None
    content = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    target = content.get("target_rpm")
    if content.get("format") != FORMAT or not isinstance(target, float | int | None):
        raise Refusal(f"{path} is of another version or damaged")
    return bool(content.get("held")), None if target is None else float(target)


def _machine(instance: Instance) -> Machine:
    """Return the machine with its fans as they were set."""
    wanted = parse_selector(instance.file.selector)
    held, target = _fans(instance)
    if held and target is not None:
        wanted = replace(wanted, environment=replace(wanted.environment, fan=target))
    return machine(wanted)


def measured(instance: Instance, work: str = "idle", at_s: float | None = None) -> dict[str, float]:
    """Return what the sensors of a machine say at a moment of its work.

    Parameters
    ----------
    instance : Instance
        The machine.
    work : str
        The workload: a name of the library, or a file.
    at_s : float, optional
        The moment, from the beginning; by default the end. [s]

    Raises
    ------
    InputError
        The work is unknown, or over before that moment.
    """
    built = _machine(instance)
    held, target = _fans(instance)
    trace = simulate(workload(work), built).trace
    times = trace["time_s"]
    row = -1
    if at_s is not None:
        if not 0.0 <= at_s <= times[-1] or math.isnan(at_s):
            raise InputError(f"--at {at_s:g} s: {work} takes {times[-1]:g} s")
        row = max(int(np.searchsorted(times, at_s, side="right")) - 1, 0)
    fans = built.cooling.fans
    found = {name: float(trace[name][row]) for name in _SHOWN}
    return {
        **found,
        "ambient_c": built.ambient_c,
        "cores": float(built.processor.cores),
        "fans": float(fans.count),
        "fan_minimum_rpm": fans.minimum_rpm,
        "fan_maximum_rpm": fans.maximum_rpm,
        "fan_held": float(held),
        "fan_target_rpm": target if held and target is not None else found["fan_rpm"],
    }


def write(instance: Instance, name: str, value: float) -> None:
    """Write a key; a fan that is held turns at its target in every run of this machine from here on.

    The model has one speed for all fans, so that a write to one is a write to both.

    Raises
    ------
    InputError
        There is no such key, or it cannot have this value.
    Refusal
        The key is for reading only.
    """
    fans = _machine(instance).cooling.fans
    limits = {"fan_minimum_rpm": fans.minimum_rpm, "fan_maximum_rpm": fans.maximum_rpm}
    taken = smc.checked_write(name, value, limits)
    held, target = _fans(instance)
    if smc.smc_key(name).reads == "fan_held":
        held = bool(taken)
    else:
        target = taken
    content = json.dumps({"format": FORMAT, "held": held, "target_rpm": target}) + "\n"
    write_whole(Path(instance.folder / FILE), lambda beside: beside.write_text(content, encoding="utf-8"))
