"""One control step of one machine: 10 ms. State in, state out, straight through.

The order is that of cause and effect: clocks allowed by the controllers, time that the work needs at those clocks,
power that this takes, heat, and what the controllers will allow next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spacegrey.jit import choose, law
from spacegrey.parts.cooling.laws import (
    AIR_HEAT_J_PER_L_K,
    air_flow_l_s,
    convection_ratio,
    fan_noise_dba,
    fan_power_w,
    filtered,
    integral_rpm,
)
from spacegrey.parts.graphics.laws import ladder, next_level
from spacegrey.parts.power.laws import supply_loss_w
from spacegrey.parts.processor.laws import (
    IDLE_LEAKAGE,
    IDLE_UNCORE,
    STALL_ACTIVITY,
    dynamic_power_w,
    leakage_power_w,
    power_limited_clock_ghz,
    trip_cut_ghz,
    voltage_v,
)
from spacegrey.parts.storage.laws import hot_slowdown
from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.kernel.elimination import factor, solve
from spacegrey.simulation.kernel.network import LINKS, TO_AMBIENT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PANEL_LINK, SHELL_LINK = (
    at.LINK + len(LINKS) + list(TO_AMBIENT).index(name) for name in ("panel_ambient", "shell_ambient")
)
"""Where the conductances to the room lie."""

STEP_S = 0.01
"""Control step: how often clocks and limits are decided. [s]"""

FAN_STEP_S = 1.0
"""How often the fan controller decides; the air flow is constant in between. [s]"""


@law
def tick(m: NDArray[np.float64], lane: int, w: int) -> None:
    """Advance the machine in ``lane`` of ``m``, which is ``w`` lanes wide, by one control step."""
    h = STEP_S
    live = m[at.LIVE * w + lane]

    # Clocks that the controllers left for this step.
    lowest = m[at.MIN_GHZ * w + lane]
    cut = m[at.TRIP_CUT_GHZ * w + lane]
    power_clock = m[at.POWER_CLOCK_GHZ * w + lane]
    parallel_cap = m[at.Q_PARALLEL_CAP_GHZ * w + lane]
    highest = m[at.MAX_GHZ * w + lane]
    ceiling = choose(cut > 0.0, parallel_cap - cut, highest)
    ceiling = min(ceiling, power_clock)
    ceiling = max(ceiling, lowest)
    serial_cap = m[at.Q_SERIAL_CAP_GHZ * w + lane]
    serial_ghz = min(serial_cap, ceiling)
    parallel_ghz = min(parallel_cap, ceiling)
    level = m[at.GPU_LEVEL * w + lane]
    gpu_mhz = ladder(
        level, m[at.GPU_F0 * w + lane], m[at.GPU_F1 * w + lane], m[at.GPU_F2 * w + lane], m[at.GPU_F3 * w + lane],
        m[at.GPU_F4 * w + lane], m[at.GPU_F5 * w + lane], m[at.GPU_F6 * w + lane], m[at.GPU_F7 * w + lane],
    )  # fmt: skip
    gpu_v = ladder(
        level, m[at.GPU_V0 * w + lane], m[at.GPU_V1 * w + lane], m[at.GPU_V2 * w + lane], m[at.GPU_V3 * w + lane],
        m[at.GPU_V4 * w + lane], m[at.GPU_V5 * w + lane], m[at.GPU_V6 * w + lane], m[at.GPU_V7 * w + lane],
    )  # fmt: skip

    # Time that the whole phase would take at these clocks, resource by resource; the slowest sets the pace.
    serial_s = m[at.Q_SERIAL_GHZ_S * w + lane] / serial_ghz
    parallel_s = m[at.Q_PARALLEL_GHZ_S * w + lane] / parallel_ghz
    stall_s = m[at.Q_STALL_S * w + lane]
    cpu_s = serial_s + parallel_s + stall_s
    bandwidth_s = m[at.Q_BANDWIDTH_S * w + lane]
    core_s = max(cpu_s, bandwidth_s)
    gpu_clock_s = m[at.Q_GPU_GHZ_S * w + lane] * 1e3 / gpu_mhz
    gpu_memory_s = m[at.Q_GPU_MEMORY_S * w + lane]
    gpu_s = max(gpu_clock_s, gpu_memory_s)
    storage_s = m[at.Q_STORAGE_S * w + lane] * hot_slowdown(
        m[at.T_STORAGE * w + lane], m[at.STORAGE_LIMIT_K * w + lane]
    )
    network_s = m[at.Q_NETWORK_S * w + lane]
    media_s = m[at.Q_MEDIA_S * w + lane]
    paging_s = m[at.Q_PAGING_S * w + lane]
    # In sums and maxima what the controllers change comes last: the rest is known before.
    together = network_s + media_s + storage_s + gpu_s + core_s
    longest = max(network_s, media_s, storage_s, gpu_s, core_s)
    needed_s = longest + m[at.Q_SERIAL_ORDER * w + lane] * (together - longest) + paging_s
    pace_s = m[at.Q_PACE_S * w + lane]
    spent_s = max(needed_s, pace_s)
    spent_s = max(spent_s, 1e-9)
    share = 1.0 / spent_s
    # Parts that do not wait for each other are each as busy as their own work makes them.
    alone = m[at.Q_INDEPENDENT * w + lane]
    core_spent_s = choose(alone > 0.5, max(core_s, pace_s), spent_s)
    gpu_spent_s = choose(alone > 0.5, max(gpu_s, pace_s), spent_s)
    core_per_s = 1.0 / core_spent_s
    gpu_per_s = 1.0 / gpu_spent_s
    realtime = m[at.Q_REALTIME * w + lane]
    span_s = h + m[at.CARRY_S * w + lane]
    step_progress = live * span_s * choose(realtime < 0.5, share, 1.0 / pace_s)

    # Power.
    ambient_k = m[at.AMBIENT_K * w + lane]
    cpu_k = m[at.T_CPU_JUNCTION * w + lane]
    v0 = m[at.V0 * w + lane]
    v1 = m[at.V1 * w + lane]
    v2 = m[at.V2 * w + lane]
    parallel_v = voltage_v(parallel_ghz, v0, v1, v2)
    serial_v = voltage_v(serial_ghz, v0, v1, v2)
    parallel_nf = m[at.Q_PARALLEL_NF * w + lane]
    waiting_s = core_s - serial_s - parallel_s
    core_share = core_s * core_per_s
    switched_nf = parallel_nf * (parallel_s + STALL_ACTIVITY * waiting_s) * core_per_s + m[at.IDLE_NF * w + lane] * (
        1.0 - core_share
    )
    cpu_dynamic_w = dynamic_power_w(switched_nf, parallel_v, parallel_ghz)
    cpu_dynamic_w += dynamic_power_w(m[at.Q_SERIAL_NF * w + lane] * serial_s * core_per_s, serial_v, serial_ghz)
    powered = IDLE_LEAKAGE + (1.0 - IDLE_LEAKAGE) * core_share
    cpu_leakage_w = leakage_power_w(
        m[at.LEAKAGE_W * w + lane] * powered, parallel_v, cpu_k + ambient_k, m[at.LEAKAGE_PER_K * w + lane]
    )
    cpu_w = cpu_dynamic_w + cpu_leakage_w + m[at.UNCORE_W * w + lane] * (IDLE_UNCORE + (1.0 - IDLE_UNCORE) * core_share)

    gpu_k = m[at.T_GPU_JUNCTION * w + lane]
    volt = gpu_v * 1e-3
    gpu_share = gpu_s * gpu_per_s
    gpu_nf = m[at.GPU_NF * w + lane] * m[at.Q_GPU_ACTIVITY * w + lane] * gpu_clock_s * gpu_per_s
    gpu_core_w = dynamic_power_w(gpu_nf, volt, gpu_mhz * 1e-3)
    gpu_core_w += m[at.GPU_IDLE_W * w + lane]
    gpu_core_w += gpu_share * leakage_power_w(
        m[at.Q_GPU_LEAKAGE_W * w + lane], volt, gpu_k + ambient_k, m[at.GPU_LEAKAGE_PER_K * w + lane]
    )
    media_w = m[at.Q_MEDIA_W * w + lane] * media_s * share
    gpu_core_w += media_w
    gpu_memory_w = m[at.GPU_MEMORY_W * w + lane] * m[at.Q_GPU_MEMORY_SHARE * w + lane] * gpu_share
    gpu_w = gpu_core_w + gpu_memory_w

    memory_w = m[at.MEMORY_IDLE_W * w + lane] + m[at.Q_MEMORY_J * w + lane] * core_per_s
    storage_busy = (storage_s + paging_s) * share
    storage_w = m[at.STORAGE_IDLE_W * w + lane] + m[at.STORAGE_ACTIVE_W * w + lane] * storage_busy
    regulator_w = m[at.REGULATOR * w + lane] * (cpu_w + gpu_w)
    board_w = m[at.BOARD_W * w + lane]
    panel_w = m[at.PANEL_W * w + lane]
    fan_w = m[at.FAN_W * w + lane]
    external_w = m[at.Q_EXTERNAL_W * w + lane]
    load_w = board_w + panel_w + fan_w + external_w + storage_w + memory_w + gpu_w + cpu_w + regulator_w
    loss_w = supply_loss_w(
        load_w, m[at.STANDING_W * w + lane], m[at.PROPORTIONAL * w + lane], m[at.RESISTIVE_PER_W * w + lane]
    )
    wall_w = load_w + loss_w

    # Heat: one backward Euler step with the factors of this second's air flow.
    panel_g = m[PANEL_LINK * w + lane]
    shell_g = m[SHELL_LINK * w + lane]
    stream = m[at.AIR_W_PER_K * w + lane]
    c = at.CAPACITY
    (
        t_cpu, t_spreader, t_cpu_sink, t_gpu, t_gpu_memory, t_gpu_sink, t_vrm, t_memory, t_storage, t_board, t_supply,
        t_panel, t_shell, t_intake, t_sink_air,
    ) = solve(
        m, lane, w,
        m[(c + 0) * w + lane] * cpu_k + cpu_w,
        m[(c + 1) * w + lane] * m[at.T_CPU_SPREADER * w + lane],
        m[(c + 2) * w + lane] * m[at.T_CPU_SINK * w + lane],
        m[(c + 3) * w + lane] * gpu_k + gpu_core_w,
        m[(c + 4) * w + lane] * m[at.T_GPU_MEMORY * w + lane] + gpu_memory_w,
        m[(c + 5) * w + lane] * m[at.T_GPU_SINK * w + lane],
        m[(c + 6) * w + lane] * m[at.T_VRM * w + lane] + regulator_w,
        m[(c + 7) * w + lane] * m[at.T_MEMORY * w + lane] + memory_w,
        m[(c + 8) * w + lane] * m[at.T_STORAGE * w + lane] + storage_w,
        m[(c + 9) * w + lane] * m[at.T_BOARD * w + lane] + board_w,
        m[(c + 10) * w + lane] * m[at.T_SUPPLY * w + lane] + loss_w,
        m[(c + 11) * w + lane] * m[at.T_PANEL * w + lane] + panel_w,
        m[(c + 12) * w + lane] * m[at.T_SHELL * w + lane],
        m[(c + 13) * w + lane] * m[at.T_INTAKE_AIR * w + lane] + fan_w,
        m[(c + 14) * w + lane] * m[at.T_SINK_AIR * w + lane],
    )  # fmt: skip
    out_w = panel_g * t_panel + shell_g * t_shell + stream * t_sink_air

    # What the controllers will allow next.
    mean_w = filtered(m[at.MEAN_PACKAGE_W * w + lane], cpu_w, h, m[at.TAU_S * w + lane])
    pl1 = m[at.PL1_W * w + lane]
    pl2 = m[at.PL2_W * w + lane]
    allowed_w = choose(mean_w > pl1, pl1, pl2)
    rated_w = m[at.RATED_W * w + lane]
    system = (rated_w - load_w) / rated_w
    headroom = (allowed_w - cpu_w) / allowed_w
    headroom = min(headroom, system)
    gpu_cap_w = m[at.Q_GPU_CAP_W * w + lane]
    gpu_headroom = (gpu_cap_w - gpu_w) / gpu_cap_w
    gpu_headroom = min(gpu_headroom, system)
    m[at.MEAN_PACKAGE_W * w + lane] = mean_w
    # Under the trip the power limit follows the clock in use, or it would let go of everything afterwards.
    held_ghz = choose(cut > 0.0, ceiling, power_clock)
    m[at.POWER_CLOCK_GHZ * w + lane] = power_limited_clock_ghz(held_ghz, headroom, h, lowest, highest)
    m[at.TRIP_CUT_GHZ * w + lane] = trip_cut_ghz(
        cut, t_cpu, m[at.TRIP_K * w + lane], m[at.RELEASE_K * w + lane], m[at.TRIP_STEP_GHZ * w + lane], h
    )
    m[at.GPU_LEVEL * w + lane] = next_level(
        level, gpu_headroom, m[at.GPU_LIMIT_K * w + lane] - t_gpu, h, m[at.GPU_TOP * w + lane]
    )

    # State and counters.
    m[at.T_CPU_JUNCTION * w + lane] = t_cpu
    m[at.T_CPU_SPREADER * w + lane] = t_spreader
    m[at.T_CPU_SINK * w + lane] = t_cpu_sink
    m[at.T_GPU_JUNCTION * w + lane] = t_gpu
    m[at.T_GPU_MEMORY * w + lane] = t_gpu_memory
    m[at.T_GPU_SINK * w + lane] = t_gpu_sink
    m[at.T_VRM * w + lane] = t_vrm
    m[at.T_MEMORY * w + lane] = t_memory
    m[at.T_STORAGE * w + lane] = t_storage
    m[at.T_BOARD * w + lane] = t_board
    m[at.T_SUPPLY * w + lane] = t_supply
    m[at.T_PANEL * w + lane] = t_panel
    m[at.T_SHELL * w + lane] = t_shell
    m[at.T_INTAKE_AIR * w + lane] = t_intake
    m[at.T_SINK_AIR * w + lane] = t_sink_air
    m[at.PROGRESS * w + lane] += step_progress
    m[at.STEP_PROGRESS * w + lane] = step_progress
    m[at.SPAN_S * w + lane] = span_s
    m[at.CARRY_S * w + lane] = 0.0
    counted_s = live * h
    m[at.TIME_S * w + lane] += counted_s
    # A paced phase that cannot keep up delivers only a share of its frames.
    m[at.DELIVERED * w + lane] += step_progress * choose(realtime > 0.5, pace_s * share, 1.0)
    m[at.WALL_J * w + lane] += wall_w * counted_s
    m[at.EXTERNAL_J * w + lane] += external_w * counted_s
    m[at.OUT_J * w + lane] += out_w * counted_s
    m[at.CPU_J * w + lane] += cpu_w * counted_s
    m[at.GPU_J * w + lane] += gpu_w * counted_s
    peak = m[at.PEAK_CPU_K * w + lane]
    m[at.PEAK_CPU_K * w + lane] = choose(live > 0.5, max(peak, t_cpu), peak)
    peak = m[at.PEAK_GPU_K * w + lane]
    m[at.PEAK_GPU_K * w + lane] = choose(live > 0.5, max(peak, t_gpu), peak)
    m[at.SHARE * w + lane] = share

    # For the recorder.
    running_s = serial_s + parallel_s
    mean_ghz = (serial_s * serial_ghz + parallel_s * parallel_ghz) / running_s
    m[at.CLOCK_GHZ * w + lane] = choose(running_s > 0.0, mean_ghz, parallel_ghz)
    m[at.GPU_MHZ * w + lane] = choose(gpu_share > 0.0, gpu_mhz, m[at.GPU_F0 * w + lane])
    m[at.CPU_W * w + lane] = cpu_w
    m[at.GPU_W * w + lane] = gpu_w
    m[at.WALL_W * w + lane] = wall_w
    m[at.CPU_BUSY * w + lane] = core_share
    m[at.GPU_BUSY * w + lane] = gpu_share
    m[at.MEMORY_GB_S * w + lane] = m[at.Q_MEMORY_GB * w + lane] * core_per_s
    m[at.STORAGE_BUSY * w + lane] = storage_busy


@law
def fan_step(m: NDArray[np.float64], lane: int, w: int) -> None:
    """Let the lane's fan controller decide, and make the thermal factors for the air flow it asks for."""
    h = FAN_STEP_S
    slow = m[at.FILTER_S * w + lane]
    cpu_k = filtered(m[at.FILTERED_CPU_K * w + lane], m[at.T_CPU_JUNCTION * w + lane], h, slow)
    gpu_k = filtered(m[at.FILTERED_GPU_K * w + lane], m[at.T_GPU_JUNCTION * w + lane], h, slow)
    m[at.FILTERED_CPU_K * w + lane] = cpu_k
    m[at.FILTERED_GPU_K * w + lane] = gpu_k
    cpu_error = cpu_k - m[at.CPU_TARGET_K * w + lane]
    gpu_error = gpu_k - m[at.GPU_TARGET_K * w + lane]
    least = m[at.FAN_MIN * w + lane]
    span = m[at.FAN_MAX * w + lane] - least
    gain = m[at.GAIN * w + lane]
    slow_gain = m[at.INTEGRAL_GAIN * w + lane]
    # A trip that holds for more than half of the time asks for more air until it does not.
    tripped = m[at.TRIP_CUT_GHZ * w + lane] - 0.5 * m[at.TRIP_STEP_GHZ * w + lane]
    cpu_drift = slow_gain * cpu_error + m[at.THROTTLE_GAIN * w + lane] * tripped
    cpu_rpm = integral_rpm(m[at.INTEGRAL_CPU_RPM * w + lane], cpu_drift, h, span)
    gpu_rpm = integral_rpm(m[at.INTEGRAL_GPU_RPM * w + lane], slow_gain * gpu_error, h, span)
    m[at.INTEGRAL_CPU_RPM * w + lane] = cpu_rpm
    m[at.INTEGRAL_GPU_RPM * w + lane] = gpu_rpm
    wanted = least + max(cpu_rpm + gain * cpu_error, gpu_rpm + gain * gpu_error, 0.0)
    wanted = min(wanted, m[at.FAN_MAX * w + lane])
    fixed = m[at.FAN_FIXED * w + lane]
    wanted = fixed if fixed >= 0.0 else wanted
    now = m[at.FAN_RPM * w + lane]
    most = m[at.SLEW * w + lane] * h
    rpm = min(max(wanted, now - most), now + most)
    m[at.FAN_RPM * w + lane] = rpm
    blow(m, lane, w)


@law
def blow(m: NDArray[np.float64], lane: int, w: int) -> None:
    """Put the air flow of the lane's fan speed, the fans' power and the thermal factors into the lane."""
    rpm = m[at.FAN_RPM * w + lane]
    full = m[at.FAN_FULL_RPM * w + lane]
    flow = air_flow_l_s(rpm, full, m[at.FLOW_FULL * w + lane], m[at.FLOW_NATURAL * w + lane])
    m[at.FAN_W * w + lane] = fan_power_w(rpm, full, m[at.FAN_FULL_W * w + lane])
    m[at.NOISE_DBA * w + lane] = fan_noise_dba(
        rpm,
        m[at.NOISE_RPM * w + lane],
        m[at.NOISE_REFERENCE_DBA * w + lane],
        m[at.NOISE_EXPONENT * w + lane],
        m[at.NOISE_FLOOR_DBA * w + lane],
    )
    m[at.AIR_W_PER_K * w + lane] = flow * AIR_HEAT_J_PER_L_K
    factor(m, lane, w, convection_ratio(flow, m[at.FLOW_REFERENCE * w + lane], m[at.FLOW_EXPONENT * w + lane]))
