"""What is kept of a run: every tenth of a second, which limit binds, and the extremes and means of a summary."""

from __future__ import annotations

from spacegrey.jit import law
from spacegrey.simulation.kernel import layout as at

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

# Names of the observed quantities, in the order of their extremes; temperatures are kept in kelvin.
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
def binding_limit(m, l, w):
    """Return the code of what limits machine ``l`` now: the slowest resource, and for a clock what holds it."""
    cap = m[at.Q_PARALLEL_CAP_GHZ * w + l]
    cut = m[at.TRIP_CUT_GHZ * w + l]
    power_clock = m[at.POWER_CLOCK_GHZ * w + l]
    clock = min(cap, max(min(power_clock, cap - cut), m[at.MIN_GHZ * w + l]))
    mhz = m[at.GPU_MHZ * w + l]
    running = m[at.Q_SERIAL_GHZ_S * w + l] / clock + m[at.Q_PARALLEL_GHZ_S * w + l] / clock
    stall = m[at.Q_STALL_S * w + l]
    bandwidth = m[at.Q_BANDWIDTH_S * w + l]
    gpu_clock = m[at.Q_GPU_GHZ_S * w + l] * 1e3 / mhz
    gpu_memory = m[at.Q_GPU_MEMORY_S * w + l]
    storage = m[at.Q_STORAGE_S * w + l]
    network = m[at.Q_NETWORK_S * w + l]
    media = m[at.Q_MEDIA_S * w + l]
    core = max(running + stall, bandwidth)
    gpu = max(gpu_clock, gpu_memory)
    longest = max(core, gpu, storage, network, media)
    if m[at.Q_PACE_S * w + l] > longest:
        return WAITING
    if m[at.Q_PAGING_S * w + l] > longest:
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
        if m[at.GPU_LEVEL * w + l] > m[at.GPU_TOP * w + l] - 0.05:
            return GPU_CLOCK
        return GPU_TEMPERATURE if m[at.GPU_LIMIT_K * w + l] - m[at.T_GPU_JUNCTION * w + l] < 1.0 else GPU_POWER
    if storage >= longest:
        return STORAGE
    return NETWORK if network >= longest else MEDIA


@law
def observe(m, l, w):
    """Add what machine ``l`` shows now to its summary; a run of less than a tenth of a second is seen once."""
    if m[at.LIVE * w + l] < 0.5 and m[at.OBSERVED_S * w + l] > 0.0:
        return
    code = binding_limit(m, l, w)
    m[at.LIMIT * w + l] = code
    m[at.OBSERVED_S * w + l] += OBSERVE_S
    m[(at.LIMIT_S + code) * w + l] += OBSERVE_S
    _extreme(m, l, w, 0, m[at.CLOCK_GHZ * w + l])
    _extreme(m, l, w, 1, m[at.T_CPU_JUNCTION * w + l])
    _extreme(m, l, w, 2, m[at.GPU_MHZ * w + l])
    _extreme(m, l, w, 3, m[at.T_GPU_JUNCTION * w + l])
    _extreme(m, l, w, 4, m[at.FAN_RPM * w + l])
    _extreme(m, l, w, 5, m[at.NOISE_DBA * w + l])
    _extreme(m, l, w, 6, m[at.WALL_W * w + l])
    _extreme(m, l, w, 7, m[at.CPU_W * w + l])
    _extreme(m, l, w, 8, m[at.GPU_W * w + l])


@law
def record(m, l, w, row):
    """Write what machine ``l`` shows now into a row of a trace."""
    row[0] = m[at.TIME_S * w + l]
    row[1] = m[at.PHASE * w + l]
    row[2] = m[at.PROGRESS * w + l]
    row[3] = m[at.CLOCK_GHZ * w + l]
    row[4] = m[at.T_CPU_JUNCTION * w + l]
    row[5] = m[at.GPU_MHZ * w + l]
    row[6] = m[at.T_GPU_JUNCTION * w + l]
    row[7] = m[at.FAN_RPM * w + l]
    row[8] = m[at.NOISE_DBA * w + l]
    row[9] = m[at.WALL_W * w + l]
    row[10] = m[at.CPU_W * w + l]
    row[11] = m[at.GPU_W * w + l]
    row[12] = m[at.CPU_BUSY * w + l]
    row[13] = m[at.GPU_BUSY * w + l]
    row[14] = m[at.MEMORY_GB_S * w + l]
    row[15] = m[at.STORAGE_BUSY * w + l]
    row[16] = m[at.LIMIT * w + l]
    row[17] = m[at.T_CPU_SINK * w + l]
    row[18] = m[at.T_GPU_SINK * w + l]
    row[19] = m[at.T_GPU_MEMORY * w + l]
    row[20] = m[at.T_STORAGE * w + l]
    row[21] = m[at.T_BOARD * w + l]
    row[22] = m[at.T_SINK_AIR * w + l]


@law
def _extreme(m, l, w, number, value):
    least = (at.EXTREMES + 3 * number) * w + l
    m[least] = min(m[least], value)
    m[least + w] += value * OBSERVE_S
    m[least + 2 * w] = max(m[least + 2 * w], value)
