"""What a fit sets of a machine's power limits, power coefficients and fan controller, and what it leaves and why."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.parts.processor.laws import (
    IDLE_LEAKAGE,
    IDLE_UNCORE,
    LEAKAGE_REFERENCE_K,
    dynamic_power_w,
    leakage_power_w,
    voltage_v,
)
from spacegrey.simulation.calibration.numbers import Z90
from spacegrey.simulation.calibration.power import IDLE, slope, warming
from spacegrey.simulation.calibration.turbo import limit_falls
from spacegrey.simulation.lowering import SMT_POWER
from spacegrey.simulation.parameters import voltage_coefficients
from spacegrey.units import ZERO_CELSIUS_K

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spacegrey.logs.log import Log
    from spacegrey.machine.assembly import Machine
    from spacegrey.simulation.calibration.numbers import Number

BELOW_TRIP_K = 2.0
"""A clock that falls this near to the trip may have fallen for the heat. [K]"""
BELOW_BIN = 0.98
"""A clock below this share of the turbo bin of all cores is held by a limit."""
ACTIVITY = 1.2
"""Wide-vector code switches so much more than ordinary code, and a log does not say which it was."""
CURVE_SLACK = 0.2
"""How far off the sheet's relative rise of leakage per kelvin may be, as a share. Assumed."""
LEAST_ROWS = 30
NAN = math.nan
_ENDS = ("value", "low", "high")


@dataclass(frozen=True)
class Written:
    """One number of the machine's file that a fit set, or the reason why it was left.

    Attributes
    ----------
    key : str
        Such as ``conductances.cpu_sink_air`` of the cooling, ``processor.pl1_w``, or
        ``microarchitecture.leakage_per_core_w``.
    before, after : float
        The catalog's value and the fitted one; ``after`` is NaN where it was left.
    why : str
        Why it was left; empty if it was set.
    """

    key: str
    before: float
    after: float
    low: float
    high: float
    why: str = ""


def _left(key: str, before: float, why: str) -> Written:
    return Written(key, before, NAN, NAN, NAN, why)


def fan_settings(log: Log, numbers: dict[str, Number], built: Machine) -> list[Written]:
    """Return what a log sets of the fan's least speed and of its controller."""
    fans, loop = built.cooling.fans, built.cooling.controller
    least, gain = numbers.get("fan_least"), numbers.get("fan_gain")
    if not fans.count or least is None or gain is None:
        return []
    keys = {
        "controller.gain_rpm_per_k": ("fan_gain", loop.gain_rpm_per_k),
        "controller.cpu_target_c": ("fan_target", loop.cpu_target_c),
        "controller.integral_rpm_per_k_s": ("fan_integral", loop.integral_rpm_per_k_s),
        "controller.filter_s": ("fan_filter", loop.filter_s),
        "controller.slew_rpm_per_s": ("fan_slew", loop.slew_rpm_per_s),
    }
    why = "" if least.identified else least.why
    if not why and "fan_rpm" in log and float(np.ptp(log["fan_rpm"][np.isfinite(log["fan_rpm"])])) == 0.0:
        why = "the fan never moves: it may be fixed"
    if not why and least.value > fans.maximum_rpm:
        why = f"{least.value:.0f} rpm is above the sheet's highest, {fans.maximum_rpm:g} rpm: another fan"
    before = fans.minimum_rpm
    made = [
        _left("fans.minimum_rpm", before, why)
        if why
        else Written("fans.minimum_rpm", before, least.value, least.low, least.high)
    ]
    # A loop is one thing: half of it from the log and half from the sheet would be nobody's.
    parts = [numbers[name] for name, _ in keys.values()]
    why = why or next((one.why for one in parts if not one.identified), "")
    for key, (name, sheet) in keys.items():
        one = numbers[name]
        value = max(one.value, 0.1) if name == "fan_filter" else one.value
        made.append(_left(key, sheet, why) if why else Written(key, sheet, value, one.low, one.high))
    return made


def power_settings(log: Log, numbers: dict[str, Number], built: Machine) -> list[Written]:
    """Return what a log sets of the processor's power limits and of its power coefficients."""
    return [*_limits(log, numbers, built), *_coefficients(log, numbers, built)]


def _limits(log: Log, numbers: dict[str, Number], built: Machine) -> list[Written]:
    chip = built.processor
    keys = {"processor.pl1_w": chip.pl1_w, "processor.pl2_w": chip.pl2_w, "processor.tau_s": chip.tau_s}
    falls = limit_falls(log) if "cpu_power_w" in log and "cpu_busy" in log else []
    trip = built.cooling.controller.trip_c
    hot = bool(falls) and max(one.hottest_c for one in falls) > trip - BELOW_TRIP_K
    bin_ghz = chip.turbo_bins[-1][1]
    held = bool(falls) and max(one.early_ghz for one in falls) < BELOW_BIN * bin_ghz
    found: dict[str, tuple[Number | None, str]] = {
        "processor.pl1_w": (numbers.get("sustained_power"), "" if falls else "no limit is seen at work in the log"),
        "processor.pl2_w": (
            numbers.get("short_power"), "" if held else "at first the clock is what holds the load, not the power",
        ),
        "processor.tau_s": (numbers.get("turbo_tau"), ""),
    }  # fmt: skip
    made: list[Written] = []
    for key, before in keys.items():
        number, why = found[key]
        stated = numbers.get({"processor.pl1_w": "long_limit", "processor.pl2_w": "short_limit"}.get(key, ""))
        if stated is not None and stated.identified:
            number, why = stated, ""
        elif hot:
            why = f"the power falls at {max(one.hottest_c for one in falls):.0f} °C: that may be the heat"
        elif number is None or not number.identified:
            why = number.why if number else "not fitted"
        if why or number is None:
            made.append(_left(key, before, why))
        else:
            made.append(Written(key, before, number.value, number.low, number.high))
    return _ordered(made)


def _ordered(made: list[Written]) -> list[Written]:
    """Return limits as a sheet takes them: the short one is never below the long one."""
    long, short, tau = made
    standing = short.before if short.why else short.after
    if not long.why and long.after > standing:
        return [long, Written(short.key, short.before, long.after, long.low, long.high), tau]
    if long.why and not short.why and short.after < long.before:
        return [long, _left(short.key, short.before, f"{short.after:.4g} W is below the sheet's long limit"), tau]
    return made


def _coefficients(log: Log, numbers: dict[str, Number], built: Machine) -> list[Written]:
    core = built.microarchitecture
    keys = {
        "microarchitecture.leakage_per_core_w": core.leakage_per_core_w,
        "microarchitecture.core_capacitance_nf": core.core_capacitance_nf,
        "microarchitecture.uncore_base_w": core.uncore_base_w,
    }
    busy = warming(log)
    if busy.sum() < LEAST_ROWS:
        why = "no full load at one clock with power, clock, load and temperature logged"
        return [_left(key, before, why) for key, before in keys.items()]
    leak = numbers["leakage_slope"]
    why = leak.why if not leak.identified else ""
    values = dict.fromkeys(_ENDS, core.leakage_per_core_w)
    if not why:
        values = dict(zip(_ENDS, _leakage_per_core(log, busy, built), strict=True))
        if values["low"] <= 0.0:
            why = "the slope with temperature may be none"
            values = dict.fromkeys(values, core.leakage_per_core_w)
    name, *others = keys
    set_ = Written(name, keys[name], values["value"], values["low"], values["high"])
    made = [_left(name, keys[name], why) if why else set_]
    idle = (log["cpu_busy"] <= IDLE) & np.isfinite(log["cpu_power_w"]) & np.isfinite(log["cpu_clock_ghz"])
    if idle.sum() < LEAST_ROWS:
        why = f"fewer than {LEAST_ROWS} rows with less than {IDLE:.0%} busy, to tell the cores from the rest"
        return [*made, *(_left(key, keys[key], why) for key in others)]
    # Levels of a power meter scatter, and the leak is as sure as its band: the ends of both give the ends here.
    ends = [
        _cores_and_rest(log, busy, idle, leak_w, built, quantile)
        for leak_w in values.values()
        for quantile in (0.25, 0.5, 0.75)
    ]
    middle = _cores_and_rest(log, busy, idle, values["value"], built, 0.5)
    for place, key in enumerate(others):
        low, high = min(one[place] for one in ends), max(one[place] for one in ends)
        if low <= 0.0:
            made.append(_left(key, keys[key], f"idle and full load together leave it between {low:.3g} and {high:.3g}"))
            continue
        if key.endswith("capacitance_nf"):
            low /= ACTIVITY
        made.append(Written(key, keys[key], middle[place], low, high))
    return made


def _cores(built: Machine) -> float:
    more = built.processor.efficiency
    return built.processor.cores + (more.cores * more.relative_power if more else 0.0)


def _switching(built: Machine) -> float:
    """Return the cores' worth of switching with every thread at work, as the run counts it."""
    chip = built.processor
    return _cores(built) + SMT_POWER * max(
        chip.threads - chip.cores - (chip.efficiency.cores if chip.efficiency else 0), 0
    )


def _leakage_per_core(log: Log, rows: NDArray[np.bool_], built: Machine) -> tuple[float, float, float]:
    """Return the leakage of a core at 1 V and 60 degC from power against temperature, and its 90 % band. [W].

    The law's own curve is what power is held against: a straight line would be steeper where it is hot. How steep that
    curve is stands on the sheet as assumed, and widens the band.
    """
    core, curve = built.microarchitecture, voltage_coefficients(built.microarchitecture.voltage_curve)
    volts = voltage_v(float(np.median(log["cpu_clock_ghz"][rows])), *curve)
    over_k = log["cpu_temp_c"][rows] + ZERO_CELSIUS_K - LEAKAGE_REFERENCE_K
    found: list[tuple[float, float]] = []
    for steeper in (1.0, 1.0 - CURVE_SLACK, 1.0 + CURVE_SLACK):
        rise = np.clip(steeper * core.leakage_per_kelvin * over_k, -2.5, 2.5)
        found.append(slope(_cores(built) * volts**2 * np.exp(rise), (), log["cpu_power_w"][rows]))
    return (
        found[0][0],
        min(value - Z90 * spread for value, spread in found),
        max(value + Z90 * spread for value, spread in found),
    )


def _cores_and_rest(
    log: Log, busy: NDArray[np.bool_], idle: NDArray[np.bool_], leakage_w: float, built: Machine, quantile: float
) -> tuple[float, float]:
    """Return capacitance of a core and base power of the uncore from idle and full load. [nF, W]."""
    core, cores = built.microarchitecture, _cores(built)
    curve = voltage_coefficients(core.voltage_curve)
    levels: list[tuple[float, float, float]] = []
    for rows, powered, switched, uncore in (
        (busy, 1.0, _switching(built), 1.0),
        (idle, IDLE_LEAKAGE, cores * core.idle_activity, IDLE_UNCORE),
    ):
        clock, temp = float(np.median(log["cpu_clock_ghz"][rows])), float(np.nanmean(log["cpu_temp_c"][rows]))
        volts = voltage_v(clock, *curve)
        leak_w = leakage_power_w(leakage_w * cores * powered, volts, temp + ZERO_CELSIUS_K, core.leakage_per_kelvin)
        power = float(np.quantile(log["cpu_power_w"][rows], quantile))
        levels.append((dynamic_power_w(switched, volts, clock), uncore, power - leak_w))
    (a, b, full), (c, d, rest) = levels
    whole = a * d - b * c
    capacitance, uncore_w = (full * d - b * rest) / whole, (a * rest - c * full) / whole
    return capacitance, uncore_w - core.uncore_per_core_w * built.processor.cores
