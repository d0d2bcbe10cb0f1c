"""Whether a log can be of a machine: what of it contradicts, and what only makes one doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spacegrey.errors import InputError, Refusal
from spacegrey.logs.host import Host, contradiction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spacegrey.logs.log import Log
    from spacegrey.machine.assembly import Machine
    from spacegrey.simulation.calibration.settings_power import Written

CLOCK_SLACK = 1.05
"""A clock in the log above the processor's highest by more than this is another processor's."""
POWER_SLACK = 1.5
"""A power that lasts above the processor's short limit by more than this is another processor's."""
FAN_SLACK = 1.1
"""A fan that turns faster than the sheet's highest speed by more than this may be another's."""
LEAST_SHARE = 0.3
"""All cores at work take at least this share of a processor's rated power. Assumed: half of it is usual."""
HOTTER_K = 4.0
"""A reading that lasts so far above the trip may be another machine's. [K]"""
MORE_CHARGE = 1.6
"""Cores of one processor that switch so much more or less than the sheet's may be more or fewer cores. Assumed."""
BUSY = 0.95
LEAST_ROWS = 30


def check_machine(log: Log, built: Machine) -> list[str]:
    """Refuse a log of another machine, and return what makes it only likely that it is one.

    A model or processor that is named, a number of cores, and a clock or power that the processor has not contradict.

    Raises
    ------
    InputError
        The log is of another machine.
    """
    place, chip = log.name, built.processor
    if log.machine and built.spec.model and log.machine != built.spec.model:
        raise InputError(f"{place}: the log is of a {log.machine}, and {built.selector} is a {built.spec.model}")
    against = contradiction(log.host, host_of_machine(built))
    if against:
        here, there = against
        owner = built.selector if there == chip.name else chip.name
        raise InputError(f"{place}: the log shows {here}, and {owner} has {there}: a log of another machine")
    if "cpu_power_w" in log:
        drawn = float(np.nanquantile(log["cpu_power_w"], 0.9))
        if drawn > POWER_SLACK * chip.pl2_w:
            raise InputError(
                f"{place}: the log shows {drawn:.0f} W, and {chip.name} may draw {chip.pl2_w:g} W: "
                "a log of another machine"
            )
    if "cpu_clock_ghz" in log:
        seen = float(np.nanquantile(log["cpu_clock_ghz"], 0.99))
        highest = max(clock for _, clock in chip.turbo_bins)
        if seen > CLOCK_SLACK * highest:
            raise InputError(
                f"{place}: the log shows {seen:.2f} GHz, and {chip.name} reaches {highest:g} GHz: "
                "a log of another machine"
            )
    return _doubts(log, built)


def host_of_machine(built: Machine) -> Host:
    """Return a machine's processor as a log of it would name it."""
    chip = built.processor
    slow = chip.efficiency.cores if chip.efficiency else 0
    maker = next((one for one in ("Intel", "AMD", "Apple") if one in chip.name), "")
    return Host(chip.name, maker, chip.cores + slow, chip.threads + slow, complete=True)


def _doubts(log: Log, built: Machine) -> list[str]:
    chip, fans, host = built.processor, built.cooling.fans, host_of_machine(built)
    said: list[str] = []
    for what, here, there in (("cores", log.host.cores, host.cores), ("threads", log.host.threads, host.threads)):
        if 0 < here < there:
            said.append(f"the log shows {here} {what}, and {chip.name} has {there}")
    if "cpu_busy" in log:
        full = log["cpu_busy"] >= BUSY
        clock, power = (_middle(log, name, full) for name in ("cpu_clock_ghz", "cpu_power_w"))
        most = chip.turbo_bins[-1][1]
        if clock > CLOCK_SLACK * most:
            said.append(f"all cores work at {clock:.2f} GHz, and {chip.name} reaches {most:g} GHz then")
        rated = min(chip.tdp_w, chip.pl1_w)
        if power < LEAST_SHARE * rated:
            said.append(f"all cores at work take {power:.0f} W, and {chip.name} is one of {rated:g} W")
    if "fan_rpm" in log and fans.count:
        seen = float(np.nanquantile(log["fan_rpm"], 0.99))
        if seen > FAN_SLACK * fans.maximum_rpm:
            said.append(f"the fan turns at {seen:,.0f} rpm, and the sheet's at {fans.maximum_rpm:,.0f} at most")
    if "cpu_temp_c" in log:
        seen, trip = float(np.nanquantile(log["cpu_temp_c"], 0.95)), built.cooling.controller.trip_c
        if seen > trip + HOTTER_K:
            said.append(f"the processor stays at {seen:.0f} °C, and the machine holds it at {trip:.0f} °C")
    return said


def _middle(log: Log, name: str, rows: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    """Return the median of a column in some rows; NaN, which is neither more nor less, where they are few."""
    if name not in log:
        return float("nan")
    seen = log[name][rows & np.isfinite(log[name])]
    return float(np.median(seen)) if len(seen) >= LEAST_ROWS else float("nan")


def check_pair(before: Log, after: Log) -> None:
    """Refuse two logs that are not of one machine.

    Raises
    ------
    Refusal
        They name two models or processors, or count their cores differently.
    """
    if before.machine and after.machine and before.machine != after.machine:
        raise Refusal(f"{before.name} is of a {before.machine} and {after.name} of a {after.machine}: two machines")
    against = contradiction(after.host, before.host)
    if against:
        raise Refusal(f"{before.name} shows {against[1]} and {after.name} {against[0]}: two machines")


def doubts_of(made: Sequence[Written]) -> list[str]:
    """Return what of a fit's numbers makes it likely that the log is of another machine."""
    said: list[str] = []
    for one in made:
        if one.key != "microarchitecture.core_capacitance_nf" or one.why:
            continue
        if one.low > MORE_CHARGE * one.before or one.high < one.before / MORE_CHARGE:
            said.append(f"its cores together take {one.after / one.before:.1f} times what this processor's do")
    return said
