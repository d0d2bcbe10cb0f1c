"""A machine in a notebook: its parts as a table, its turbo clocks and its noise as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spacegrey.notebook import WARM, Line, card, drawing, facts, number, table
from spacegrey.parts.processor.laws import turbo_bin_ghz
from spacegrey.picture import named, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from spacegrey.machine.assembly import Machine


def machine_html(machine: Machine) -> str:
    """Return a machine as a notebook shows it."""
    chip, card_, drive, fans = machine.processor, machine.graphics, machine.storage, machine.cooling.fans
    fan = "no fan"
    if fans.count:
        fan = f"{fans.count} fan{'s' if fans.count > 1 else ''}, {fans.minimum_rpm:,.0f} to {fans.maximum_rpm:,.0f} rpm"
    clocks = f"{chip.base_ghz:g} GHz, turbo {chip.turbo_bins[0][1]:g}, all cores {chip.turbo_bins[-1][1]:g}"
    pairs = {
        "processor": f"{chip.name}: {chip.cores} cores, {chip.threads} threads; {clocks}; {chip.tdp_w:g} W",
        "memory": f"{machine.memory_gib:.4g} GiB {machine.memory.kind} in {machine.memory_channels} channels",
        "graphics": f"{card_.name}, {card_.memory_gib:g} GiB",
        "storage": f"{drive.name}, {machine.storage_tb:.4g} TB",
        "cooling": f"{machine.cooling.name}; {fan}",
        "room": f"{machine.ambient_c:g} °C",
        "model": machine.spec.status,
    }
    settings = _settings(machine)
    if settings:
        pairs["settings"] = settings
    cores, clock = _clocks(machine)
    picture = drawing([Line(clock, WARM, "turbo clock by busy cores")], width=160, height=28)
    ends = f"{number(clock[0])} GHz on one core, {number(clock[-1])} on {int(cores[-1])}"
    return card(machine.spec.name, machine.selector, facts(pairs), table(["", ""], [[picture, ends]]))


def _settings(machine: Machine) -> str:
    room = machine.environment
    words = {
        "brightness": None if room.brightness is None else f"{room.brightness:.0%}",
        "dust": f"{room.dust:.0%} of the air flow" if room.dust else None,
        "fans": None if room.fan is None else "as fast as they go" if room.fan == float("inf") else f"{room.fan:g} rpm",
        "fan curve": str(room.fan_curve) if room.fan_curve else None,
        "clock fixed at": f"{room.overclock_ghz:g} GHz" if room.overclock_ghz else None,
        "power limit": f"{room.power_limit_w:g} W" if room.power_limit_w else None,
        "undervolted by": f"{room.undervolt_mv:g} mV" if room.undervolt_mv else None,
        "plan": machine.external.plan if machine.external else None,
    }
    return "; ".join(f"{name} {text}" for name, text in words.items() if text)


def _clocks(machine: Machine) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return numbers of busy cores and the turbo bin of each. [1, GHz]."""
    chip = machine.processor
    cores = np.arange(1.0, chip.cores + 1.0)
    return cores, np.array([turbo_bin_ghz(chip.turbo_bins, count) for count in cores])


def draw_machine(machine: Machine) -> Figure:
    """Return a machine's turbo clocks by busy cores and, where it has fans, their noise by speed.

    Raises
    ------
    InputError
        Matplotlib is not installed.
    """
    chip, fans = machine.processor, machine.cooling.fans
    made, axes = panels(1, 2 if fans.count else 1, width=8.0 if fans.count else 4.5)
    made.suptitle(machine.name, fontsize=9)
    cores, clock = _clocks(machine)
    licences = {"ordinary code": 0.0, "heavy AVX2": chip.avx2_offset_ghz, "heavy AVX-512": chip.avx512_offset_ghz}
    for name, offset in licences.items():
        if offset or name == "ordinary code":
            axes[0].step(cores, clock - offset, where="mid", label=name, linewidth=1.4)
    axes[0].axhline(chip.base_ghz, color="0.6", linewidth=0.8, linestyle=":", label="base clock")
    axes[0].set(xlabel="busy cores", ylabel="GHz")
    named(axes[0], columns=2)
    if fans.count:
        from spacegrey.parts.cooling.laws import fan_noise_dba

        speeds = np.linspace(fans.minimum_rpm, fans.automatic_maximum_rpm, 60)
        levels = [
            fan_noise_dba(rpm, fans.noise_rpm, fans.noise_dba, fans.noise_exponent, fans.floor_dba) for rpm in speeds
        ]
        axes[1].plot(speeds, levels, color=WARM, linewidth=1.4)
        axes[1].axvline(fans.maximum_rpm, color="0.6", linewidth=0.8, linestyle=":")
        axes[1].set(xlabel="fans, rpm", ylabel=f"dBA at {fans.noise_distance_m:g} m")
    return made
