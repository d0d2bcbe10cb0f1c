"""The T2 as system manager: the SMC's keys of a machine's folder, answered from a run of its simulation."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from spacegrey.errors import InputError, Refusal
from spacegrey.machine.assembly import Machine, machine
from spacegrey.machine.selector import parse_selector
from spacegrey.simulation.run import LONGEST_S
from spacegrey.simulation.runfile import write_whole
from spacegrey.simulation.stepping import Stepped
from spacegrey.t2 import smc
from spacegrey.t2.boot.chips import chip_sheet
from spacegrey.t2.files import checked, read_json
from spacegrey.workload.library import workload

if TYPE_CHECKING:
    from spacegrey.parts.cooling.spec import Fans
    from spacegrey.virtual.instance import Instance

FILE = "smc.json"
FORMAT = 1

RAIL_V = 12.0
"""What the supply delivers, nominal. [V]"""

GENERATION = 3.0
"""Of the controller in a T2: what the key RGEN of a real iMac Pro says."""


def _fans(instance: Instance, fans: Fans) -> tuple[bool, float | None]:
    """Return what was written: whether the fans are held, and their target."""
    path = instance.folder / FILE
    try:
        content = read_json(path)
    except FileNotFoundError:
        return False, None
    except (OSError, ValueError):
        raise Refusal(f"{path} cannot be read") from None
    checked(content, path, FORMAT)
    held, target = content.get("held"), content.get("target_rpm")
    if not isinstance(held, bool) or isinstance(target, bool) or not isinstance(target, float | int | None):
        raise Refusal(f"{path} is damaged")
    if target is None:
        return held, None
    if not fans.minimum_rpm <= target <= fans.maximum_rpm:
        raise Refusal(f"{path} is damaged: it holds the fans where they cannot turn")
    return held, float(target)


def held_rpm(instance: Instance, fans: Fans) -> float | None:
    """Return the speed at which the fans were told to be held, None where they were not. [1/min]."""
    held, target = _fans(instance, fans)
    return target if held else None


def _machine(instance: Instance) -> Machine:
    """Return the machine with its fans as they were set."""
    wanted = parse_selector(instance.file.selector)
    found = machine(wanted)
    target = held_rpm(instance, found.cooling.fans)
    if target is None:
        return found
    return machine(replace(wanted, environment=replace(wanted.environment, fan=target)))


def started(instance: Instance, work: str = "idle") -> Stepped:
    """Return the machine at the beginning of a work, its fans as they were set.

    Raises
    ------
    InputError
        The work is unknown.
    Refusal
        The machine cannot do it.
    """
    return Stepped(_machine(instance), workload(work))


def sensors(instance: Instance, running: Stepped) -> dict[str, float | str | int]:
    """Return what the sensors of a machine under way say now, and what its controller knows.

    Parameters
    ----------
    instance : Instance
        The folder: the chip's number, and what was written to the fans.
    running : Stepped
        The machine.

    Returns
    -------
    dict
        Quantities as `smc.Group.reads` names them.
    """
    built, state = running.machine, running.state()
    fans, loop, chip = built.cooling.fans, built.cooling.controller, built.processor
    held, target = _fans(instance, fans)
    sheet = chip_sheet(built.id)
    return {
        **state,
        "cpu_limit_c": chip.tj_max_c,
        "cpu_below_limit_c": state["cpu_junction_c"] - chip.tj_max_c,
        "cpu_filtered_below_limit_c": state["cpu_filtered_c"] - chip.tj_max_c,
        "filter_s": loop.filter_s,
        "cpu_rated_w": chip.tdp_w,
        "memory_half_power_w": state["memory_power_w"] / 2.0,
        "cpu_and_gpu_power_w": state["cpu_power_w"] + state["gpu_power_w"],
        "filter_error_k": 0.0,
        "supply_v": RAIL_V,
        "supply_current_a": state["system_power_w"] / RAIL_V,
        "cores": float(chip.cores),
        "fans": float(fans.count),
        "fan_minimum_rpm": fans.minimum_rpm,
        "fan_maximum_rpm": fans.maximum_rpm,
        "fan_held": float(held and target is not None),
        "fan_target_rpm": state["fan_rpm"] if target is None else target,
        "batteries": 0.0,
        "board_id": float(sheet.board),
        "chip_id": float(sheet.chip),
        "ecid": int(instance.file.ecid, 16),
        "generation": GENERATION,
        "platform": sheet.model,
    }


def measured(instance: Instance, work: str = "idle", at_s: float | None = None) -> dict[str, float | str | int]:
    """Return what the sensors of a machine say at a moment of its work.

    Parameters
    ----------
    instance : Instance
        The machine.
    work : str
        The workload: a name of the library, or a file.
    at_s : float, optional
        The moment, from the beginning, in whole seconds as the controller looks; by default the end. [s]

    Raises
    ------
    InputError
        The work is unknown, or over before that moment.
    """
    running = started(instance, work)
    if at_s is None:
        running.finish()
        return sensors(instance, running)
    if at_s >= 0.0:
        while running.ended_s is None and running.seconds < int(min(at_s, LONGEST_S)):
            running.step(min(600, int(at_s) - running.seconds))
    if not at_s >= 0.0 or at_s > (LONGEST_S if running.ended_s is None else running.ended_s):
        running.finish()
        raise InputError(f"--at {at_s:g} s: {work} takes {running.ended_s:g} s")
    return sensors(instance, running)


def write(instance: Instance, name: str, value: float, fans: Fans | None = None) -> None:
    """Write a key; a fan that is held turns at its target in every run of this machine from here on.

    The model has one speed for all fans, so that a write to one is a write to both.

    Parameters
    ----------
    instance : Instance
        The machine.
    name : str
        The key.
    value : float
        What is written.
    fans : Fans, optional
        Of the machine, where it is put together already.

    Raises
    ------
    InputError
        There is no such key, or it cannot have this value.
    Refusal
        The key is for reading only.
    """
    fans = fans or machine(instance.file.selector).cooling.fans
    limits = {"fan_minimum_rpm": fans.minimum_rpm, "fan_maximum_rpm": fans.maximum_rpm}
    taken = smc.checked_write(name, value, limits)
    held, target = _fans(instance, fans)
    if smc.smc_key(name).reads == "fan_held":
        # given back to its controller, a fan has the controller's target
        held, target = bool(taken), target if taken else None
    else:
        target = taken
    content = json.dumps({"format": FORMAT, "held": held, "target_rpm": target}) + "\n"
    write_whole(Path(instance.folder / FILE), lambda beside: beside.write_text(content, encoding="utf-8"))
