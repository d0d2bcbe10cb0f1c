"""What a fit sets on a machine's data sheets, with bands, and what it leaves and why."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq

from spacegrey.parts.cooling.laws import AIR_HEAT_J_PER_L_K, air_flow_l_s, convection_ratio
from spacegrey.simulation.calibration.numbers import Z90
from spacegrey.simulation.calibration.settings_power import Written, fan_settings, power_settings
from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.kernel.network import LINKS, NODES
from spacegrey.simulation.parameters import idle_power_w, lane, thermal_matrix

if TYPE_CHECKING:
    from spacegrey.machine.assembly import Machine
    from spacegrey.simulation.calibration.fit import Fit
    from spacegrey.simulation.calibration.numbers import Number


def settings(fit: Fit, built: Machine) -> list[Written]:
    """Return what of a machine's sheets a fit sets, and what it leaves and why.

    Notes
    -----
    The lumps that a log shows need not be those of the sheet: a chip that settles in a tenth of a second is no lump in
    rows of a second. What is sure is the whole resistance, and of it the part that follows the fan, which is the
    sink's. Where no fan moved, all parts keep the sheet's proportion. Capacities are set only where the log's lumps are
    the sheet's: chip to sink within a factor of 2, the sink's capacity within 4.
    """
    numbers = {one.name: one for one in fit.numbers}
    why = _cannot(fit, built)
    made = [Written(key, _sheet(built, key), math.nan, math.nan, math.nan, why) for key in _CONDUCTANCES if why]
    if not why:
        made = _conductances(fit, built, numbers)
    made += _capacities(fit, built, numbers)
    return [*made, *fan_settings(fit.log, numbers, built), *power_settings(fit.log, numbers, built)]


_CONDUCTANCES = (
    "conductances.cpu_junction_spreader", "conductances.cpu_spreader_sink", "conductances.cpu_sink_air",
)  # fmt: skip
_CAPACITIES = ("capacities.cpu_junction", "capacities.cpu_spreader", "capacities.cpu_sink")
_LIKE_RESISTANCE = 2.0
_LIKE_CAPACITY = 4.0
_MOST_SCALE = 20.0
UNTOLD = 1.8
"""Times what was fitted that a sink's resistance may be where the room is not known and the fan moves: other parts warm
the air less the faster it goes, which looks like a better sink. Assumed: 1.23 and 1.76 in made logs of an iMac Pro."""
_RISES = 0.1
"""An exponent of the rise below it is small against the 0.25 of buoyancy."""


def _sheet(built: Machine, key: str) -> float:
    group, _, name = key.partition(".")
    return float(getattr(getattr(built.cooling, group), name))


def _cannot(fit: Fit, built: Machine) -> str:
    """Return why no conductance of a machine can be told from a fit; empty if they can."""
    whole = fit.number("whole_resistance") or fit.number("sensor_to_air")
    if fit.data.driver != "cpu_power_w":
        return f"fitted to {fit.data.driver}, not to the package's power: its watts are others"
    if whole is None or not whole.identified:
        return whole.why if whole else "no resistance was fitted"
    if built.cooling.fans.count and not fit.data.fan_max_rpm:
        return "the fan is not logged: the log does not tell at which flow"
    if fit.shape.rises and fit.found.values["rise_exponent"] > _RISES:
        return "the sink passes more heat the hotter it is, which the machine's sheet has no number for"
    return ""


def _parts(fit: Fit, built: Machine) -> tuple[float, float, float, float]:
    """Return the sheet's resistances at the log's flow, and how far its conductance falls there.

    Junction to spreader, spreader to sink and sink to air, and what the air takes up on its way. [K/W]
    """
    conductances, fans = built.cooling.conductances, built.cooling.fans
    reference, own = built.cooling.die_mm2, built.processor.die_mm2
    die = own / reference if reference and own else 1.0
    full = fans.natural_flow_l_s + (fans.flow_l_s if fans.count else 0.0)
    flow = full
    if fans.count:
        flow = air_flow_l_s(fit.data.fan_max_rpm, fans.maximum_rpm, fans.flow_l_s, fans.natural_flow_l_s)
    ratio = convection_ratio(flow, full, built.cooling.flow_exponent)
    return (
        1.0 / (conductances.cpu_junction_spreader * die),
        1.0 / conductances.cpu_spreader_sink,
        1.0 / (conductances.cpu_sink_air * ratio),
        1.0 / (flow * AIR_HEAT_J_PER_L_K),
    )


def _conductances(fit: Fit, built: Machine, numbers: dict[str, Number]) -> list[Written]:
    whole = numbers["whole_resistance"] if fit.shape.order > 1 else numbers["sensor_to_air"]
    if fit.hottest:
        # The sheet's junction is what the package shows: the hottest core's own share of the way out belongs to it.
        more = max(fit.hottest.per_w, 0.0)
        whole = replace(whole, value=whole.value + more, low=whole.low + more, high=whole.high + more)
    untold = UNTOLD if fit.cautions else 1.0
    chip, middle, sink, air = _parts(fit, built)
    # What other parts add to the air falls with the flow as the sink's part does: then only the whole is sure.
    moved = fit.data.fan_column and numbers["fan_exponent"].identified and "sink_to_air" in numbers
    moved = moved and not fit.shape.warmed
    if moved and numbers["sink_to_air"].identified:
        outer = numbers["sink_to_air"]
        inside = (whole.value - outer.value, whole.low - outer.value, whole.high - outer.value)
        outside = (outer.value, outer.low, max(outer.high, untold * outer.value))
        scales = [_scale(inside, 0.0, chip + middle)] * 2 + [_scale(outside, air, sink)]
    else:
        whole = _over_room(fit, whole)
        whole = replace(whole, high=max(whole.high, untold * whole.value))
        ends = [_network_scale(fit, built, one) for one in (whole.value, whole.low, whole.high)]
        scales = [None if None in ends else tuple(one for one in ends if one is not None)] * 3
    made: list[Written] = []
    for key, scale in zip(_CONDUCTANCES, scales, strict=True):
        before = _sheet(built, key)
        if scale is None:
            why = f"by the sheet's flow the air alone would take {air:.2g} K/W, and the log leaves less"
            made.append(Written(key, before, math.nan, math.nan, math.nan, why))
        else:
            value, low, high = (before / one for one in scale)
            made.append(Written(key, before, value, high, low))
    return made


def _over_room(fit: Fit, whole: Number) -> Number:
    """Return the whole resistance over a known room, with what other parts add to the air at a usual load."""
    if not fit.shape.warmed:
        return whole
    found, watts = fit.found, _usual_watts(fit)
    value = whole.value + found.values["air_above"] / watts
    free = [f"r{one}" for one in range(1, fit.shape.order + 1)] + ["air_above"]
    places = [found.names.index(name) for name in free]
    # by the logarithm of a resistance and by kelvins of air: what one gains the other loses
    slopes = np.array([found.values[name] if name != "air_above" else 1.0 / watts for name in free])
    # What the ladder misses of settled readings counts as well: the air of a real machine is no single number.
    missed = fit.judged.slow_rmse_k / watts
    spread = Z90 * float(np.sqrt(max(slopes @ found.covariance[np.ix_(places, places)] @ slopes, 0.0) + missed**2))
    return replace(whole, value=value, low=max(value - spread, 0.0), high=value + spread)


def _usual_watts(fit: Fit) -> float:
    return float(np.quantile(fit.data.power_w, 0.9))


def _scale(found: tuple[float, float, float], air: float, sheet: float) -> tuple[float, float, float] | None:
    """Return a resistance over the sheet's: best, least and most; None where the air leaves nothing of it."""
    value, low, high = (one - air for one in found)
    return None if min(value, low) <= 0.0 else (value / sheet, low / sheet, high / sheet)


def _network_scale(fit: Fit, built: Machine, whole_k_per_w: float) -> float | None:
    """Return by how much the sheet's three resistances must grow for the whole network to have a resistance.

    Heat also leaves through the board and the shell, and other parts warm the air: the network of the run is solved.
    None where no factor between a twentieth and twenty does.
    """
    base = lane(built)
    if built.cooling.fans.count:
        base[at.FAN_RPM] = fit.data.fan_max_rpm
    links = [at.LINK + list(LINKS).index(key.partition(".")[2]) for key in _CONDUCTANCES]
    cpu, supply = NODES.index("cpu_junction"), NODES.index("vrm")
    heat, watts = np.zeros(len(NODES)), 1.0
    if "room" in fit.found.values and "room" not in fit.found.names:
        # The rise over a known room holds what the other parts add to the air; a slope with power does not.
        heat, watts = idle_power_w(base), _usual_watts(fit)
    heat[supply] += base[at.REGULATOR] * (watts - heat[cpu])
    heat[cpu] = watts

    def apart(log_scale: float) -> float:
        changed = base.copy()
        changed[links] /= np.exp(log_scale)
        rise = np.linalg.solve(thermal_matrix(changed), heat)
        return float(rise[cpu]) - whole_k_per_w * watts

    most = float(np.log(_MOST_SCALE))
    if apart(-most) * apart(most) > 0.0:
        return None
    return float(np.exp(brentq(apart, -most, most, xtol=1e-4)))


def _capacities(fit: Fit, built: Machine, numbers: dict[str, Number]) -> list[Written]:
    sheet = built.cooling.capacities
    made: list[Written] = []
    alike = ""
    if fit.shape.order != 2:  # noqa: PLR2004 - chip and sink
        alike = f"the log shows {replace(fit.shape, warmed=False).words}, and the sheet's are chip, spreader and sink"
    elif not _cannot(fit, built):
        chip, middle, _, _ = _parts(fit, built)
        apart = numbers["sensor_to_sink"].value / (chip + middle)
        mass = numbers["sink_capacity"].value / sheet.cpu_sink
        like = 1.0 / _LIKE_RESISTANCE < apart < _LIKE_RESISTANCE and 1.0 / _LIKE_CAPACITY < mass < _LIKE_CAPACITY
        alike = "" if like else "the log's lumps are others than the sheet's"
    else:
        alike = _cannot(fit, built)
    for key in _CAPACITIES:
        before = _sheet(built, key)
        number = numbers.get("sink_capacity" if key.endswith("sink") else "chip_capacity")
        why = alike or (number.why if number else "not fitted")
        if why or number is None:
            made.append(Written(key, before, math.nan, math.nan, math.nan, why))
            continue
        share = 1.0 if key.endswith("sink") else before / (sheet.cpu_junction + sheet.cpu_spreader)
        made.append(Written(key, before, number.value * share, number.low * share, number.high * share))
    return made
