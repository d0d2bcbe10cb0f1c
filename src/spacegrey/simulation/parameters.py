"""From data sheets to the numbers of a lane: the last place that knows parts by name."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from spacegrey.errors import Refusal
from spacegrey.parts.cooling.laws import AIR_HEAT_J_PER_L_K, air_flow_l_s, convection_ratio
from spacegrey.parts.display.laws import panel_power_w
from spacegrey.parts.graphics.spec import DPM_STATES
from spacegrey.parts.processor.laws import IDLE_LEAKAGE, IDLE_UNCORE
from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.kernel.network import LINKS, NODES, STREAM, TO_AMBIENT, follows_flow
from spacegrey.simulation.kernel.tick import STEP_S
from spacegrey.units import ZERO_CELSIUS_K

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from spacegrey.machine.assembly import Machine

IDLE_VOLTAGE_SQUARED = 0.5
"""Square of the core voltage at the lowest clocks, about 0.7 V, for the idle that a run starts from. [V^2] Assumed."""

HOTTEST_K = 2000.0
"""A part that is hotter than the room by more at idle is a mistake in its data. [K]"""

SHEETS = ("processor", "microarchitecture", "graphics", "memory", "memory_modules", "storage", "cooling", "supply",
          "panel")  # fmt: skip
"""What a lane takes from a machine, its surroundings apart."""

THRESHOLDS = (at.TRIP_K, at.RELEASE_K, at.GPU_LIMIT_K, at.STORAGE_LIMIT_K, at.CPU_TARGET_K, at.GPU_TARGET_K)
"""Temperatures that data sheets state in degC, and a lane holds as rises over the room."""

_sheets = attrgetter(*SHEETS)

Known: TypeAlias = "dict[tuple[int, ...], tuple[Machine, NDArray[np.float64]]]"
"""What follows from data sheets, by their identities; with a machine that has them, so that these stay theirs."""


def voltage_coefficients(curve: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Return the parabola through a voltage curve: v0 + v1 f + v2 f^2, by least squares.

    Examples
    --------
    >>> [round(c, 6) for c in voltage_coefficients([(1.0, 0.65), (2.0, 0.9), (4.0, 1.7)])]
    [0.5, 0.1, 0.05]
    """
    return _parabola(tuple(curve))


@lru_cache(maxsize=256)
def _parabola(curve: tuple[tuple[float, float], ...]) -> tuple[float, float, float]:
    # Kept: the machines of a batch have few curves among them, and a fit takes half as long as all else of a lane.
    clocks, volts = zip(*curve, strict=True)
    v2, v1, v0 = np.polyfit(np.array(clocks), np.array(volts), 2)
    return float(v0), float(v1), float(v2)


def lane(machine: Machine) -> NDArray[np.float64]:
    """Return the parameters and the starting state of one machine, as `kernel.layout` lays them out.

    Raises
    ------
    Refusal
        The machine has no steady state at idle.
    """
    m = lanes([machine])[:, 0].copy()
    if np.isnan(m[at.T_CPU_JUNCTION]):
        raise Refusal(no_steady_state(machine))
    return m


def lanes(machines: Sequence[Machine], known: Known | None = None) -> NDArray[np.float64]:
    """Return the parameters and the starting states of machines, as `kernel.layout` lays them out.

    A machine starts as one that has idled in its room for hours: the temperatures are the steady state of its idle
    power at its lowest fan speed. One that has none, because its data are absurd, has NaN there.

    Parameters
    ----------
    machines : sequence of Machine
        Those that share their data sheets, which are the same objects then, cost little.
    known : dict, optional
        What earlier calls worked out, and where this one leaves what it does.

    Returns
    -------
    float64, shape (FIELD_COUNT, len(machines))
        A machine in each column. What stands in one does not depend on the others.
    """
    by_sheets: Known = {} if known is None else known
    # Rises over the room do not depend on its temperature: one column does for machines that differ in it alone.
    places: dict[tuple[object, ...], int] = {}
    distinct: list[Machine] = []
    columns: list[NDArray[np.float64]] = []
    which = np.empty(len(machines), np.int64)
    for number, one in enumerate(machines):
        sheets, room = tuple(map(id, _sheets(one))), one.environment
        key = (sheets, room.brightness, room.dust, room.fan, room.power_limit_w, room.undervolt_mv, room.fan_curve)
        place = places.setdefault(key, len(distinct))
        if place == len(distinct):
            if sheets not in by_sheets:
                by_sheets[sheets] = one, _from_sheets(one)
            distinct.append(one)
            columns.append(by_sheets[sheets][1])
        which[number] = place
    m = np.array(columns).reshape(-1, at.FIELD_COUNT).T.copy()
    with np.errstate(all="ignore"):  # what is not finite is NaN in the end
        _set(m, distinct)
        _start(m)
    m = m[:, which]
    ambient_c = np.array([one.ambient_c for one in machines])
    m[at.AMBIENT_K] += ambient_c
    m[list(THRESHOLDS)] -= ambient_c
    return m


def no_steady_state(machine: Machine) -> str:
    """Return the line for a machine whose temperatures in `lanes` are NaN."""
    return f"{machine.selector}: its cooling has no steady state at idle: conductances or powers are absurd"


def _from_sheets(machine: Machine) -> NDArray[np.float64]:
    """Return what the data sheets say: a lane as in a room of 0 degC, all settings as they come."""
    m = np.zeros(at.FIELD_COUNT)
    with np.errstate(all="ignore"):
        _processor(m, machine)
        _graphics(m, machine)
        _power(m, machine)
        _cooling(m, machine)
    return m


def idle_power_w(m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the heat that each node releases at idle, the supply's loss included. [W], shape (NODE_COUNT,)."""
    cpu = m[at.UNCORE_W] * IDLE_UNCORE + IDLE_LEAKAGE * m[at.LEAKAGE_W] * IDLE_VOLTAGE_SQUARED
    gpu = m[at.GPU_IDLE_W]
    heat = dict.fromkeys(NODES, 0.0)
    heat |= {
        "cpu_junction": cpu,
        "gpu_junction": gpu,
        "vrm": m[at.REGULATOR] * (cpu + gpu),
        "memory": m[at.MEMORY_IDLE_W],
        "storage": m[at.STORAGE_IDLE_W],
        "board": m[at.BOARD_W],
        "panel": m[at.PANEL_W],
        "intake_air": m[at.FAN_W],
    }
    load = sum(heat.values())
    heat["supply"] = m[at.STANDING_W] + load * (m[at.PROPORTIONAL] + m[at.RESISTIVE_PER_W] * load)
    return np.array(np.broadcast_arrays(*(heat[node] for node in NODES)))


def thermal_matrix(m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the conductance matrix G of a lane's network, so that G times the rises over the room is heat.

    The plain form that the generated elimination is tested against. [W/K], shape (n, n); (w, n, n) for ``w`` lanes.
    """
    wide = m.reshape(len(m), -1)
    fans = wide[[at.FAN_RPM, at.FAN_FULL_RPM, at.FLOW_FULL, at.FLOW_NATURAL]].T
    flow = np.array([air_flow_l_s(*one) for one in fans])
    shapes = wide[[at.FLOW_REFERENCE, at.FLOW_EXPONENT]].T
    ratio = np.array([convection_ratio(one, *shape) for one, shape in zip(flow, shapes, strict=True)])
    links = wide[at.LINK : at.LINK + len(LINKS)] * np.where(_FOLLOWS[:, None], ratio, 1.0)
    to_room = wide[at.LINK + len(LINKS) : at.LINK + len(_CONDUCTANCES)]
    carried = flow * AIR_HEAT_J_PER_L_K
    matrix = np.zeros((len(NODES), len(NODES), wide.shape[1]))
    matrix[_A, _B] = matrix[_B, _A] = -links
    matrix[_DOWNSTREAM, _UPSTREAM] -= carried
    diagonal = np.zeros((len(NODES), wide.shape[1]))
    # One after another, in this order: the same digits for a lane in any company.
    np.add.at(diagonal, [*_A, *_B, *_OUTSIDE, _UPSTREAM, _DOWNSTREAM], [*links, *links, *to_room, carried, carried])
    matrix[range(len(NODES)), range(len(NODES))] = diagonal
    return np.ascontiguousarray(np.moveaxis(matrix, -1, 0)) if m.ndim > 1 else matrix[:, :, 0]


_CONDUCTANCES = (*LINKS, *TO_AMBIENT)
_FOLLOWS = np.array([follows_flow(link) for link in LINKS])
_A, _B = ([NODES.index(ends[side]) for ends in LINKS.values()] for side in (0, 1))
_OUTSIDE = [NODES.index(node) for node in TO_AMBIENT.values()]
_UPSTREAM, _DOWNSTREAM = (NODES.index(node) for node in STREAM)


def _processor(m: NDArray[np.float64], machine: Machine) -> None:
    chip, core = machine.processor, machine.microarchitecture
    m[[at.V0, at.V1, at.V2]] = voltage_coefficients(core.voltage_curve)
    extra = chip.efficiency.cores * chip.efficiency.relative_power if chip.efficiency else 0.0
    m[at.IDLE_NF] = core.core_capacitance_nf * core.idle_activity * (chip.cores + extra)
    m[at.UNCORE_W] = core.uncore_base_w + core.uncore_per_core_w * chip.cores
    m[at.LEAKAGE_W] = core.leakage_per_core_w * (chip.cores + extra)
    m[at.LEAKAGE_PER_K] = core.leakage_per_kelvin
    m[at.MIN_GHZ] = min(chip.minimum_ghz, chip.base_ghz)
    m[at.MAX_GHZ] = chip.turbo_bins[0][1]
    m[[at.PL1_W, at.PL2_W, at.TAU_S]] = chip.pl1_w, chip.pl2_w, chip.tau_s
    trip = machine.cooling.controller
    m[at.TRIP_K] = trip.trip_c
    m[at.RELEASE_K] = trip.release_c
    m[at.TRIP_STEP_GHZ] = trip.trip_step_ghz


def _graphics(m: NDArray[np.float64], machine: Machine) -> None:
    card = machine.graphics
    states = [*card.dpm_states, *[card.dpm_states[-1]] * (DPM_STATES - len(card.dpm_states))]
    below = [(0.0, 0.0), *states]
    m[at.GPU_F0 : at.GPU_F0 + DPM_STATES] = [upper[0] - lower[0] for lower, upper in pairwise(below)]
    m[at.GPU_V0 : at.GPU_V0 + DPM_STATES] = [upper[1] - lower[1] for lower, upper in pairwise(below)]
    m[at.GPU_TOP] = len(card.dpm_states) - 1
    m[at.GPU_NF] = card.capacitance_nf
    m[at.GPU_IDLE_W] = card.idle_w * card.count
    m[at.GPU_LEAKAGE_PER_K] = card.leakage_per_kelvin
    m[at.GPU_LIMIT_K] = card.temperature_limit_c
    m[at.GPU_MEMORY_W] = card.memory_power_w


def _power(m: NDArray[np.float64], machine: Machine) -> None:
    supply, panel, drive = machine.supply, machine.panel, machine.storage
    m[at.STANDING_W] = supply.standing_loss_w
    m[at.PROPORTIONAL] = supply.proportional_loss
    m[at.RESISTIVE_PER_W] = supply.resistive_loss_per_w
    m[at.RATED_W] = supply.rated_w
    m[at.REGULATOR] = supply.regulator_loss
    m[at.BOARD_W] = supply.board_w
    if panel:
        m[at.PANEL_W] = panel_power_w(panel.electronics_w, panel.backlight_w, panel.default_brightness)
    m[at.MEMORY_IDLE_W] = machine.memory.idle_w_per_module * machine.memory_modules
    m[at.STORAGE_IDLE_W] = drive.idle_w
    m[at.STORAGE_ACTIVE_W] = drive.active_w
    m[at.STORAGE_LIMIT_K] = drive.temperature_limit_c


def _cooling(m: NDArray[np.float64], machine: Machine) -> None:
    cooling = machine.cooling
    fans, loop = cooling.fans, cooling.controller
    m[at.AMBIENT_K] = ZERO_CELSIUS_K
    m[at.FAN_RPM] = fans.minimum_rpm
    m[at.FAN_MIN] = fans.minimum_rpm
    m[at.FAN_MAX] = fans.automatic_maximum_rpm
    m[at.FAN_FIXED] = -1.0
    m[at.FAN_FULL_RPM] = fans.maximum_rpm
    m[at.FAN_FULL_W] = fans.power_w
    m[at.FLOW_FULL] = fans.flow_l_s if fans.count else 0.0
    m[at.FLOW_NATURAL] = fans.natural_flow_l_s
    m[at.FLOW_REFERENCE] = fans.natural_flow_l_s + (fans.flow_l_s if fans.count else 0.0)
    m[at.FLOW_EXPONENT] = cooling.flow_exponent
    m[at.CPU_TARGET_K] = loop.cpu_target_c
    m[at.GPU_TARGET_K] = loop.gpu_target_c
    m[at.FILTER_S] = loop.filter_s
    m[at.GAIN] = loop.gain_rpm_per_k
    m[at.INTEGRAL_GAIN] = loop.integral_rpm_per_k_s
    m[at.THROTTLE_GAIN] = loop.throttle_rpm_per_ghz_s
    m[at.SLEW] = loop.slew_rpm_per_s
    m[at.NOISE_RPM] = fans.noise_rpm
    m[at.NOISE_REFERENCE_DBA] = fans.noise_dba if fans.count else 0.0
    m[at.NOISE_EXPONENT] = fans.noise_exponent
    m[at.NOISE_FLOOR_DBA] = fans.floor_dba
    capacities, conductances = cooling.capacities, cooling.conductances
    m[at.CAPACITY : at.CAPACITY + at.NODE_COUNT] = [getattr(capacities, node) / STEP_S for node in NODES]
    m[at.LINK : at.LINK + len(_CONDUCTANCES)] = [getattr(conductances, name) for name in _CONDUCTANCES]
    if cooling.die_mm2 and machine.processor.die_mm2:
        # Conduction through silicon and paste goes with the die's area, spreading below it with its width.
        area = machine.processor.die_mm2 / cooling.die_mm2
        m[at.LINK + _CONDUCTANCES.index("cpu_junction_spreader")] *= area
        m[at.LINK + _CONDUCTANCES.index("cpu_spreader_sink")] *= area**0.5


def _set(m: NDArray[np.float64], machines: Sequence[Machine]) -> None:
    """Set in each lane what the owner set: fan, brightness, power and voltage; and let the dust in."""
    for number, one in enumerate(machines):
        wanted, panel, fans = one.environment, one.panel, one.cooling.fans
        if wanted.brightness is not None and panel:
            m[at.PANEL_W, number] = panel_power_w(panel.electronics_w, panel.backlight_w, wanted.brightness)
        if wanted.fan is not None:
            rpm = fans.maximum_rpm if wanted.fan == float("inf") else wanted.fan
            m[[at.FAN_FIXED, at.FAN_RPM], number] = rpm
        curve = wanted.fan_curve
        if curve:
            # A curve is the machine's controller without memory: one gain, for both temperatures.
            m[[at.FAN_MIN, at.FAN_RPM], number] = curve.low_rpm
            m[at.FAN_MAX, number] = curve.high_rpm
            m[[at.CPU_TARGET_K, at.GPU_TARGET_K], number] = curve.low_c
            m[at.GAIN, number] = curve.gain_rpm_per_k
            m[[at.INTEGRAL_GAIN, at.THROTTLE_GAIN], number] = 0.0
        if wanted.power_limit_w is not None:
            m[[at.PL1_W, at.PL2_W], number] = wanted.power_limit_w
        if wanted.undervolt_mv:
            m[at.V0, number] -= 1e-3 * wanted.undervolt_mv
        if wanted.dust:
            m[at.FLOW_FULL, number] *= 1.0 - wanted.dust


def _start(m: NDArray[np.float64]) -> None:
    """Give lanes their state at the start: idle for hours."""
    rises = _solved(thermal_matrix(m), idle_power_w(m).T).T
    m[: at.NODE_COUNT] = np.where((rises < HOTTEST_K).all(axis=0), rises, np.nan)
    m[at.FILTERED_CPU_K] = m[at.T_CPU_JUNCTION]
    m[at.FILTERED_GPU_K] = m[at.T_GPU_JUNCTION]
    m[at.POWER_CLOCK_GHZ] = m[at.MAX_GHZ]
    m[at.GPU_LEVEL] = m[at.GPU_TOP]
    m[at.MEAN_PACKAGE_W] = m[at.UNCORE_W]
    m[at.LIVE] = 1.0
    m[at.PEAK_CPU_K] = m[at.T_CPU_JUNCTION]
    m[at.PEAK_GPU_K] = m[at.T_GPU_JUNCTION]
    least, end = at.EXTREMES, at.EXTREMES + at.STATISTICS * at.OBSERVED_COUNT
    m[least : end : at.STATISTICS] = np.inf
    m[least + 2 : end : at.STATISTICS] = -np.inf


def _solved(matrices: NDArray[np.float64], heats: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rises that heats lead to, NaN where there are none. [K], shape (w, n)."""
    try:
        return np.asarray(np.linalg.solve(matrices, heats[..., None])[..., 0], np.float64)
    except np.linalg.LinAlgError:
        if len(matrices) == 1:
            return np.full(heats.shape, np.nan)
        # One of them has no solution: alone it cannot spoil the others.
        halves = (slice(None, len(matrices) // 2), slice(len(matrices) // 2, None))
        return np.concatenate([_solved(matrices[half], heats[half]) for half in halves])
