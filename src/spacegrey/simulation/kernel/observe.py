"""What is kept of a run: every tenth of a second, which limit binds, and the extremes and means of a summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spacegrey.jit import law
from spacegrey.parts.storage.laws import hot_slowdown
from spacegrey.simulation.kernel import layout as at

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OBSERVE_S = 0.1
"""How often a run is looked at. [s]"""

# Names of limits, by their code.
LIMITS = (
    "nothing: waiting for the next frame or for time to pass",
    "processor clock: turbo bin",
    "processor power limit",
    "processor temperature",
    "memory latency",
    "memory bandwidth",
    "graphics clock",
    "graphics power cap",
    "graphics temperature",
    "graphics memory bandwidth",
    "video engine",
    "storage",
    "network",
    "memory capacity: paging",
)
(
    WAITING, TURBO_BIN, POWER_LIMIT, TEMPERATURE, LATENCY, BANDWIDTH, GPU_CLOCK, GPU_POWER, GPU_TEMPERATURE,
    GPU_BANDWIDTH, MEDIA, STORAGE, NETWORK, PAGING,
) = range(len(LIMITS))  # fmt: skip

# Names of the observed quantities, in the order of their extremes; temperatures are kept in kelvin above the room.
OBSERVED = (
    "cpu_clock_ghz",
    "cpu_temp_k",
    "gpu_clock_mhz",
    "gpu_temp_k",
    "fan_rpm",
    "noise_dba",
    "wall_power_w",
    "cpu_power_w",
    "gpu_power_w",
)

# Columns of a trace: name, unit. The first of them are the observed quantities.
TRACE_COLUMNS = (
    "time_s",
    "phase",
    "progress",
    "cpu_clock_ghz",
    "cpu_temp_k",
    "gpu_clock_mhz",
    "gpu_temp_k",
    "fan_rpm",
    "noise_dba",
    "wall_power_w",
    "cpu_power_w",
    "gpu_power_w",
    "cpu_busy",
    "gpu_busy",
    "memory_gb_s",
    "storage_busy",
    "limit",
    "cpu_sink_temp_k",
    "gpu_sink_temp_k",
    "gpu_memory_temp_k",
    "storage_temp_k",
    "board_temp_k",
    "exhaust_temp_k",
)


@law
def binding_limit(m: NDArray[np.float64], lane: int, w: int) -> int:
    """Return the code of what limits a lane's machine now: the slowest resource, and for a clock what holds it."""
    cap = m[at.Q_PARALLEL_CAP_GHZ * w + lane]
    cut = m[at.TRIP_CUT_GHZ * w + lane]
    power_clock = m[at.POWER_CLOCK_GHZ * w + lane]
    clock = min(cap, max(min(power_clock, cap - cut), m[at.MIN_GHZ * w + lane]))
    mhz = m[at.GPU_MHZ * w + lane]
    serial_clock = max(min(m[at.Q_SERIAL_CAP_GHZ * w + lane], power_clock), m[at.MIN_GHZ * w + lane])
    running = m[at.Q_SERIAL_GHZ_S * w + lane] / serial_clock + m[at.Q_PARALLEL_GHZ_S * w + lane] / clock
    stall = m[at.Q_STALL_S * w + lane]
    bandwidth = m[at.Q_BANDWIDTH_S * w + lane]
    gpu_clock = m[at.Q_GPU_GHZ_S * w + lane] * 1e3 / mhz
    gpu_memory = m[at.Q_GPU_MEMORY_S * w + lane]
    storage = m[at.Q_STORAGE_S * w + lane] * hot_slowdown(m[at.T_STORAGE * w + lane], m[at.STORAGE_LIMIT_K * w + lane])
    network = m[at.Q_NETWORK_S * w + lane]
    media = m[at.Q_MEDIA_S * w + lane]
    core = max(running + stall, bandwidth)
    gpu = max(gpu_clock, gpu_memory)
    longest = max(core, gpu, storage, network, media)
    paging = m[at.Q_PAGING_S * w + lane]
    if m[at.Q_PACE_S * w + lane] * m[at.SHARE * w + lane] > 1.0 - 1e-9:
        return WAITING
    if paging > longest:
        return PAGING
    if core >= longest:
        if bandwidth > running + stall:
            return BANDWIDTH
        if cut > 0.0:
            return TEMPERATURE
        if power_clock < cap - 0.05:
            return POWER_LIMIT
        return LATENCY if stall > running else TURBO_BIN
    if gpu >= longest:
        if gpu_memory > gpu_clock:
            return GPU_BANDWIDTH
        if m[at.GPU_LEVEL * w + lane] > m[at.GPU_TOP * w + lane] - 0.05:
            return GPU_CLOCK
        return GPU_TEMPERATURE if m[at.GPU_LIMIT_K * w + lane] - m[at.T_GPU_JUNCTION * w + lane] < 1.0 else GPU_POWER
    if storage >= longest:
        return STORAGE
    return NETWORK if network >= longest else MEDIA


@law
def observe(m: NDArray[np.float64], lane: int, w: int) -> None:
    """Add what a lane's machine shows now to its summary; a run of less than a tenth of a second is seen once."""
    if m[at.LIVE * w + lane] < 0.5 and m[at.OBSERVED_S * w + lane] > 0.0:
        return
    code = binding_limit(m, lane, w)
    m[at.LIMIT * w + lane] = code
    m[at.OBSERVED_S * w + lane] += OBSERVE_S
    m[(at.LIMIT_S + code) * w + lane] += OBSERVE_S
    _extreme(m, lane, w, 0, m[at.CLOCK_GHZ * w + lane])
    _extreme(m, lane, w, 1, m[at.T_CPU_JUNCTION * w + lane])
    _extreme(m, lane, w, 2, m[at.GPU_MHZ * w + lane])
    _extreme(m, lane, w, 3, m[at.T_GPU_JUNCTION * w + lane])
    _extreme(m, lane, w, 4, m[at.FAN_RPM * w + lane])
    _extreme(m, lane, w, 5, m[at.NOISE_DBA * w + lane])
    _extreme(m, lane, w, 6, m[at.WALL_W * w + lane])
    _extreme(m, lane, w, 7, m[at.CPU_W * w + lane])
    _extreme(m, lane, w, 8, m[at.GPU_W * w + lane])


@law
def record(m: NDArray[np.float64], lane: int, w: int, row: NDArray[np.float64]) -> None:
    """Write what a lane's machine shows now into a row of a trace."""
    row[0] = m[at.TIME_S * w + lane]
    row[1] = m[at.PHASE * w + lane]
    row[2] = m[at.PROGRESS * w + lane]
    row[3] = m[at.CLOCK_GHZ * w + lane]
    row[4] = m[at.T_CPU_JUNCTION * w + lane]
    row[5] = m[at.GPU_MHZ * w + lane]
    row[6] = m[at.T_GPU_JUNCTION * w + lane]
    row[7] = m[at.FAN_RPM * w + lane]
    row[8] = m[at.NOISE_DBA * w + lane]
    row[9] = m[at.WALL_W * w + lane]
    row[10] = m[at.CPU_W * w + lane]
    row[11] = m[at.GPU_W * w + lane]
    row[12] = m[at.CPU_BUSY * w + lane]
    row[13] = m[at.GPU_BUSY * w + lane]
    row[14] = m[at.MEMORY_GB_S * w + lane]
    row[15] = m[at.STORAGE_BUSY * w + lane]
    row[16] = m[at.LIMIT * w + lane]
    row[17] = m[at.T_CPU_SINK * w + lane]
    row[18] = m[at.T_GPU_SINK * w + lane]
    row[19] = m[at.T_GPU_MEMORY * w + lane]
    row[20] = m[at.T_STORAGE * w + lane]
    row[21] = m[at.T_BOARD * w + lane]
    row[22] = m[at.T_SINK_AIR * w + lane]


@law
def _extreme(m: NDArray[np.float64], lane: int, w: int, number: int, value: float) -> None:
    least = (at.EXTREMES + at.STATISTICS * number) * w + lane
    m[least] = min(m[least], value)
    m[least + w] += value * OBSERVE_S
    m[least + 2 * w] = max(m[least + 2 * w], value)
    m[least + 3 * w] = value
