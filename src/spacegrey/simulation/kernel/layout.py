"""Where everything of a machine lies in its lane.

All values of ``w`` machines share one flat float64 array: field ``i`` of the machine in ``lane`` is
``m[i * w + lane]``. One array and constant offsets let the compiler prove that nothing overlaps, so that a loop over
machines becomes vector code. A single run is the case ``w = 1``.
"""

# Temperatures of the thermal network, in the order of network.NODES. As every temperature in a lane they are kelvin
# above the room, which keeps the digits that energy needs; the room's own is AMBIENT_K.
(
    T_CPU_JUNCTION, T_CPU_SPREADER, T_CPU_SINK, T_GPU_JUNCTION, T_GPU_MEMORY, T_GPU_SINK, T_VRM, T_MEMORY, T_STORAGE,
    T_BOARD, T_SUPPLY, T_PANEL, T_SHELL, T_INTAKE_AIR, T_SINK_AIR,
) = range(15)  # fmt: skip
NODE_COUNT = 15

# Controllers' state.
(
    FAN_RPM, FILTERED_CPU_K, FILTERED_GPU_K, INTEGRAL_CPU_RPM, INTEGRAL_GPU_RPM,
    POWER_CLOCK_GHZ, TRIP_CUT_GHZ, GPU_LEVEL, MEAN_PACKAGE_W,
) = range(15, 24)  # fmt: skip

# Progress and counters. PROGRESS runs from 0 to 1 in each phase; STEP_PROGRESS is its last step, which spans SPAN_S:
# a control step and what was left (CARRY_S) of the one in which the phase before ended.
(
    LIVE, PHASE, PROGRESS, STEP_PROGRESS, SPAN_S, CARRY_S, TIME_S, DELIVERED, WALL_J, EXTERNAL_J, OUT_J, CPU_J, GPU_J,
    PEAK_CPU_K, PEAK_GPU_K, HELD_J,
) = range(24, 40)  # fmt: skip

# What the last step came to.
(
    CLOCK_GHZ, GPU_MHZ, CPU_W, GPU_W, WALL_W, CPU_BUSY, GPU_BUSY, MEMORY_GB_S, STORAGE_BUSY, NOISE_DBA, LIMIT,
    SHARE,
) = range(40, 52)  # fmt: skip

# The machine: voltage and power of the processor.
(
    V0, V1, V2, IDLE_NF, UNCORE_W, LEAKAGE_W, LEAKAGE_PER_K, MIN_GHZ, MAX_GHZ, PL1_W, PL2_W, TAU_S, TRIP_K, RELEASE_K,
    TRIP_STEP_GHZ,
) = range(52, 67)  # fmt: skip

# Graphics: ladders of clock and voltage, power, caps.
(
    GPU_F0, GPU_F1, GPU_F2, GPU_F3, GPU_F4, GPU_F5, GPU_F6, GPU_F7,
    GPU_V0, GPU_V1, GPU_V2, GPU_V3, GPU_V4, GPU_V5, GPU_V6, GPU_V7,
    GPU_TOP, GPU_NF, GPU_IDLE_W, GPU_LEAKAGE_PER_K, GPU_LIMIT_K, GPU_MEMORY_W,
) = range(67, 89)  # fmt: skip

# Supply and steady loads.
(
    STANDING_W, PROPORTIONAL, RESISTIVE_PER_W, RATED_W, REGULATOR, BOARD_W, PANEL_W, MEMORY_IDLE_W, STORAGE_IDLE_W,
    STORAGE_ACTIVE_W, STORAGE_LIMIT_K,
) = range(89, 100)  # fmt: skip

# Cooling: fans and their controller, and the room.
(
    AMBIENT_K, FAN_MIN, FAN_MAX, FAN_FIXED, FAN_FULL_RPM, FLOW_FULL, FLOW_NATURAL, FLOW_REFERENCE, FLOW_EXPONENT,
    FAN_FULL_W, CPU_TARGET_K, GPU_TARGET_K, FILTER_S, GAIN, INTEGRAL_GAIN, SLEW, FAN_W, AIR_W_PER_K,
    NOISE_RPM, NOISE_REFERENCE_DBA, NOISE_EXPONENT, NOISE_FLOOR_DBA, THROTTLE_GAIN,
) = range(100, 123)  # fmt: skip

# Heat capacity over the step, for each node. [W/K]
CAPACITY = 123

# The phase that runs (copied in when it starts).
PHASE_BEGIN = CAPACITY + NODE_COUNT
PHASE_FIELDS = 26
(
    Q_SERIAL_GHZ_S, Q_PARALLEL_GHZ_S, Q_STALL_S, Q_BANDWIDTH_S, Q_GPU_GHZ_S, Q_GPU_MEMORY_S, Q_MEDIA_S, Q_STORAGE_S,
    Q_NETWORK_S, Q_PACE_S, Q_REALTIME, Q_SERIAL_CAP_GHZ, Q_PARALLEL_CAP_GHZ, Q_SERIAL_NF, Q_PARALLEL_NF, Q_GPU_ACTIVITY,
    Q_MEMORY_J, Q_GPU_MEMORY_SHARE, Q_MEDIA_W, Q_EXTERNAL_W, Q_MEMORY_GB, Q_SERIAL_ORDER, Q_PAGING_S, Q_INDEPENDENT,
    Q_GPU_CAP_W, Q_GPU_LEAKAGE_W,
) = range(PHASE_BEGIN, PHASE_BEGIN + PHASE_FIELDS)  # fmt: skip

# Factors of the thermal matrix: elimination.FACTOR_COUNT values, made once for each change of the air flow.
FACTORS = PHASE_BEGIN + PHASE_FIELDS
FACTOR_SPACE = 59
# Conductances between nodes, in the order of network.LINKS, as they are at the reference flow.
LINK = FACTORS + FACTOR_SPACE
LINK_SPACE = 22

# Time seen by the observer, then time under each limit, then least, sum, most and last of each observed quantity.
OBSERVED_S = LINK + LINK_SPACE
LIMIT_S = OBSERVED_S + 1
LIMIT_SPACE = 16
EXTREMES = LIMIT_S + LIMIT_SPACE
OBSERVED_COUNT = 9

STATISTICS = 4
FIELD_COUNT = EXTREMES + STATISTICS * OBSERVED_COUNT
