"""From data sheets to the numbers of a lane: the last place that knows parts by name."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

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
    from numpy.typing import NDArray

    from spacegrey.machine.assembly import Machine

IDLE_VOLTAGE_SQUARED = 0.5
"""Square of the core voltage at the lowest clocks, about 0.7 V, for the idle that a run starts from. [V^2] Assumed."""

HOTTEST_K = 2000.0
"""A part that is hotter than the room by more at idle is a mistake in its data. [K]"""


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

    The machine starts as one that has idled in its room for hours: the temperatures are the steady state of its idle
    power at its lowest fan speed.
    """
    m = np.zeros(at.FIELD_COUNT)
    with np.errstate(all="ignore"):  # what is not finite is refused in _start
        _processor(m, machine)
        _graphics(m, machine)
        _power(m, machine)
        _cooling(m, machine)
        _start(m, machine)
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
    return np.array([heat[node] for node in NODES])


def thermal_matrix(m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the conductance matrix G of a lane's network, so that G times the rises over the room is heat.

    The plain form that the generated elimination is tested against. [W/K], shape (n, n).
    """
    flow = air_flow_l_s(m[at.FAN_RPM], m[at.FAN_FULL_RPM], m[at.FLOW_FULL], m[at.FLOW_NATURAL])
    ratio = convection_ratio(flow, m[at.FLOW_REFERENCE], m[at.FLOW_EXPONENT])
    conductances = np.empty(len(_CONDUCTANCES) + 1)
    conductances[:-1] = m[at.LINK : at.LINK + len(_CONDUCTANCES)] * np.where(_FOLLOWS, ratio, 1.0)
    conductances[-1] = flow * AIR_HEAT_J_PER_L_K
    matrix = conductances @ _PATTERN
    return matrix.reshape(len(NODES), len(NODES))


def _pattern() -> NDArray[np.float64]:
    """Return what one W/K of each link, of each way to the room and of the air stream adds to the matrix, flat."""
    index = {name: i for i, name in enumerate(NODES)}
    pattern = np.zeros((len(LINKS) + len(TO_AMBIENT) + 1, len(NODES), len(NODES)))
    for number, (a, b) in enumerate(LINKS.values()):
        i, j = index[a], index[b]
        pattern[number, [i, j], [i, j]] = 1.0
        pattern[number, [i, j], [j, i]] = -1.0
    for number, node in enumerate(TO_AMBIENT.values(), start=len(LINKS)):
        pattern[number, index[node], index[node]] = 1.0
    upstream, downstream = (index[name] for name in STREAM)
    pattern[-1, [upstream, downstream], [upstream, downstream]] = 1.0
    pattern[-1, downstream, upstream] = -1.0
    return pattern.reshape(len(pattern), -1)


_CONDUCTANCES = (*LINKS, *TO_AMBIENT)
_PATTERN = _pattern()
_FOLLOWS = np.array([*(follows_flow(link) for link in LINKS), *(False for _ in TO_AMBIENT)])


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
    m[at.TRIP_K] = trip.trip_c - machine.ambient_c
    m[at.RELEASE_K] = trip.release_c - machine.ambient_c
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
    m[at.GPU_LIMIT_K] = card.temperature_limit_c - machine.ambient_c
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
        wanted = machine.environment.brightness
        brightness = panel.default_brightness if wanted is None else wanted
        m[at.PANEL_W] = panel_power_w(panel.electronics_w, panel.backlight_w, brightness)
    m[at.MEMORY_IDLE_W] = machine.memory.idle_w_per_module * machine.memory_modules
    m[at.STORAGE_IDLE_W] = drive.idle_w
    m[at.STORAGE_ACTIVE_W] = drive.active_w
    m[at.STORAGE_LIMIT_K] = drive.temperature_limit_c - machine.ambient_c


def _cooling(m: NDArray[np.float64], machine: Machine) -> None:
    cooling = machine.cooling
    fans, loop, wanted = cooling.fans, cooling.controller, machine.environment.fan
    m[at.AMBIENT_K] = machine.ambient_c + ZERO_CELSIUS_K
    m[at.FAN_MIN] = fans.minimum_rpm
    m[at.FAN_MAX] = fans.automatic_maximum_rpm
    m[at.FAN_FIXED] = -1.0 if wanted is None else fans.maximum_rpm if wanted == float("inf") else wanted
    m[at.FAN_FULL_RPM] = fans.maximum_rpm
    m[at.FAN_FULL_W] = fans.power_w
    m[at.FLOW_FULL] = fans.flow_l_s * (1.0 - machine.environment.dust) if fans.count else 0.0
    m[at.FLOW_NATURAL] = fans.natural_flow_l_s
    m[at.FLOW_REFERENCE] = fans.natural_flow_l_s + (fans.flow_l_s if fans.count else 0.0)
    m[at.FLOW_EXPONENT] = cooling.flow_exponent
    m[at.CPU_TARGET_K] = loop.cpu_target_c - machine.ambient_c
    m[at.GPU_TARGET_K] = loop.gpu_target_c - machine.ambient_c
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


def _start(m: NDArray[np.float64], machine: Machine) -> None:
    fixed = m[at.FAN_FIXED]
    m[at.FAN_RPM] = fixed if fixed >= 0.0 else machine.cooling.fans.minimum_rpm
    try:
        m[: at.NODE_COUNT] = np.linalg.solve(thermal_matrix(m), idle_power_w(m))
    except np.linalg.LinAlgError:
        m[: at.NODE_COUNT] = np.nan
    if not (m[: at.NODE_COUNT] < HOTTEST_K).all():
        raise Refusal(f"{machine.selector}: its cooling has no steady state at idle: conductances or powers are absurd")
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
