/* One machine, one core, in C: the step of spacegrey.simulation.kernel as a C programmer would write it.

   The arrays are the kernel's own (layout.h is made from layout.py), elimination.h is made from generate.py's lines; all
   that stands here is written by hand. It must agree with the kernel to 1e-9, which is checked before it is timed. */

#include <math.h>
#include <stdint.h>

#include "layout.h"
#include "elimination.h"

enum { DONE, MORE, NOT_FINITE };

static inline double least(double a, double b) { return a < b ? a : b; }
static inline double most(double a, double b) { return a > b ? a : b; }
static inline double held(double x, double low, double high) { return least(most(x, low), high); }
static inline double square(double x) { return x * x; }

static inline double filtered(double before, double value, double step_s, double time_constant_s) {
    return (before * time_constant_s + value * step_s) / (time_constant_s + step_s);
}

/* Taylor polynomial of degree 11 in x/4, to the fourth power. */
static inline double exponential(double x) {
    double y = 0.25 * x;
    double p = y * (1.0 / 39916800) + 1.0 / 3628800;
    p = p * y + 1.0 / 362880;
    p = p * y + 1.0 / 40320;
    p = p * y + 1.0 / 5040;
    p = p * y + 1.0 / 720;
    p = p * y + 1.0 / 120;
    p = p * y + 1.0 / 24;
    p = p * y + 1.0 / 6;
    p = p * y + 0.5;
    p = p * y + 1.0;
    p = p * y + 1.0;
    return square(square(p));
}

static inline double leakage_w(double reference_w, double voltage, double temp_k, double per_kelvin) {
    return reference_w * square(voltage) * exponential(held(per_kelvin * (temp_k - LEAKAGE_REFERENCE_K), -2.5, 2.5));
}

/* A sum of clipped ramps: steps[0] is the value in state 0, the others are the rises to the next states. */
static inline double ladder(double level, const double *steps) {
    double value = steps[0];
    for (int i = 1; i < 8; i++) value += steps[i] * held(level - (i - 1), 0.0, 1.0);
    return value;
}

static inline void tick(double *m) {
    /* Clocks that the controllers left for this step. */
    double cut = m[TRIP_CUT_GHZ], power_clock = m[POWER_CLOCK_GHZ], lowest = m[MIN_GHZ], level = m[GPU_LEVEL];
    double serial_cap = m[Q_SERIAL_CAP_GHZ], parallel_cap = m[Q_PARALLEL_CAP_GHZ];
    double ceiling = most(least(power_clock, cut > 0.0 ? parallel_cap - cut : m[MAX_GHZ]), lowest);
    double serial_ghz = least(ceiling, serial_cap), parallel_ghz = least(ceiling, parallel_cap);
    double gpu_mhz = ladder(level, m + GPU_F0), gpu_v = 1e-3 * ladder(level, m + GPU_V0);

    /* Time of the whole phase at these clocks; the slowest resource sets the pace. */
    double serial_s = m[Q_SERIAL_GHZ_S] / serial_ghz, parallel_s = m[Q_PARALLEL_GHZ_S] / parallel_ghz;
    double core_s = most(m[Q_BANDWIDTH_S], serial_s + parallel_s + m[Q_STALL_S]);
    double gpu_clock_s = m[Q_GPU_GHZ_S] * 1e3 / gpu_mhz;
    double gpu_s = most(m[Q_GPU_MEMORY_S], gpu_clock_s);
    double storage_s = m[Q_STORAGE_S] * held(1.0 + 0.3 * (m[T_STORAGE] - m[STORAGE_LIMIT_K]), 1.0, 4.0);
    double network_s = m[Q_NETWORK_S], media_s = m[Q_MEDIA_S], paging_s = m[Q_PAGING_S], pace_s = m[Q_PACE_S];
    double together = network_s + media_s + storage_s + gpu_s + core_s;
    double longest = most(most(most(most(network_s, media_s), storage_s), gpu_s), core_s);
    double needed_s = longest + m[Q_SERIAL_ORDER] * (together - longest) + paging_s;
    double spent_s = most(most(pace_s, needed_s), 1e-9), share = 1.0 / spent_s;
    /* Parts that do not wait for each other are each as busy as their own work makes them. */
    int alone = m[Q_INDEPENDENT] > 0.5;
    double core_per_s = 1.0 / (alone ? most(pace_s, core_s) : spent_s);
    double gpu_per_s = 1.0 / (alone ? most(pace_s, gpu_s) : spent_s);
    int realtime = m[Q_REALTIME] > 0.5;
    double span_s = STEP_S + m[CARRY_S];
    double step_progress = m[LIVE] * span_s * (realtime ? 1.0 / pace_s : share);

    /* Power. */
    double cpu_k = m[T_CPU_JUNCTION], gpu_k = m[T_GPU_JUNCTION];
    double parallel_v = m[V0] + parallel_ghz * (m[V1] + parallel_ghz * m[V2]);
    double serial_v = m[V0] + serial_ghz * (m[V1] + serial_ghz * m[V2]);
    double waiting_s = core_s - serial_s - parallel_s, core_share = core_s * core_per_s;
    double switched_nf = m[Q_PARALLEL_NF] * (parallel_s + STALL_ACTIVITY * waiting_s) * core_per_s
        + m[IDLE_NF] * (1.0 - core_share);
    double cpu_w = switched_nf * square(parallel_v) * parallel_ghz
        + m[Q_SERIAL_NF] * serial_s * core_per_s * square(serial_v) * serial_ghz
        + leakage_w(m[LEAKAGE_W] * (0.25 + 0.75 * core_share), parallel_v, cpu_k + m[AMBIENT_K], m[LEAKAGE_PER_K])
        + m[UNCORE_W] * (0.5 + 0.5 * core_share);
    double gpu_share = gpu_s * gpu_per_s;
    double gpu_core_w = m[GPU_NF] * m[Q_GPU_ACTIVITY] * gpu_clock_s * gpu_per_s * square(gpu_v) * (gpu_mhz * 1e-3)
        + m[GPU_IDLE_W] + gpu_share * leakage_w(m[Q_GPU_LEAKAGE_W], gpu_v, gpu_k + m[AMBIENT_K], m[GPU_LEAKAGE_PER_K])
        + m[Q_MEDIA_W] * media_s * share;
    double gpu_memory_w = m[GPU_MEMORY_W] * m[Q_GPU_MEMORY_SHARE] * gpu_share;
    double gpu_w = gpu_core_w + gpu_memory_w;
    double memory_w = m[MEMORY_IDLE_W] + m[Q_MEMORY_J] * core_per_s;
    double storage_busy = (storage_s + paging_s) * share;
    double storage_w = m[STORAGE_IDLE_W] + m[STORAGE_ACTIVE_W] * storage_busy;
    double regulator_w = m[REGULATOR] * (cpu_w + gpu_w);
    double load_w = m[BOARD_W] + m[PANEL_W] + m[FAN_W] + m[Q_EXTERNAL_W] + storage_w + memory_w + gpu_w + cpu_w
        + regulator_w;
    double loss_w = m[STANDING_W] + load_w * (m[PROPORTIONAL] + m[RESISTIVE_PER_W] * load_w);
    double wall_w = load_w + loss_w;

    /* Heat: one backward Euler step. */
    double panel_g = m[PANEL_AMBIENT], shell_g = m[SHELL_AMBIENT], stream = m[AIR_W_PER_K];
    double t[NODE_COUNT];
    for (int i = 0; i < NODE_COUNT; i++) t[i] = m[CAPACITY + i] * m[i];
    t[T_CPU_JUNCTION] += cpu_w;
    t[T_GPU_JUNCTION] += gpu_core_w;
    t[T_GPU_MEMORY] += gpu_memory_w;
    t[T_VRM] += regulator_w;
    t[T_MEMORY] += memory_w;
    t[T_STORAGE] += storage_w;
    t[T_BOARD] += m[BOARD_W];
    t[T_SUPPLY] += loss_w;
    t[T_PANEL] += m[PANEL_W];
    t[T_INTAKE_AIR] += m[FAN_W];
    solve(m, t);
    double out_w = panel_g * t[T_PANEL] + shell_g * t[T_SHELL] + stream * t[T_SINK_AIR];

    /* What the controllers will allow next. */
    double mean_w = filtered(m[MEAN_PACKAGE_W], cpu_w, STEP_S, m[TAU_S]);
    double allowed_w = mean_w > m[PL1_W] ? m[PL1_W] : m[PL2_W];
    double system = (m[RATED_W] - load_w) / m[RATED_W];
    double headroom = held(least((allowed_w - cpu_w) / allowed_w, system), -1.0, 1.0);
    double gpu_headroom = least((m[Q_GPU_CAP_W] - gpu_w) / m[Q_GPU_CAP_W], system);
    double rate = held(least(20.0 * gpu_headroom, 0.5 * (m[GPU_LIMIT_K] - t[T_GPU_JUNCTION])), -10.0, 10.0);
    double hot = cut > 0.0 ? cut + 0.5 * STEP_S : m[TRIP_STEP_GHZ];
    double die_k = t[T_CPU_JUNCTION];
    m[MEAN_PACKAGE_W] = mean_w;
    m[POWER_CLOCK_GHZ] = held((cut > 0.0 ? ceiling : power_clock) + 30.0 * STEP_S * headroom, lowest, m[MAX_GHZ]);
    m[TRIP_CUT_GHZ] = die_k < m[RELEASE_K] ? 0.0 : die_k >= m[TRIP_K] ? hot : cut;
    m[GPU_LEVEL] = held(level + rate * STEP_S, 0.0, m[GPU_TOP]);

    /* State and counters. */
    for (int i = 0; i < NODE_COUNT; i++) m[i] = t[i];
    double counted_s = m[LIVE] * STEP_S;
    m[PROGRESS] += step_progress;
    m[STEP_PROGRESS] = step_progress;
    m[SPAN_S] = span_s;
    m[CARRY_S] = 0.0;
    m[TIME_S] += counted_s;
    m[DELIVERED] += step_progress * (realtime ? pace_s * share : 1.0);
    m[WALL_J] += wall_w * counted_s;
    m[EXTERNAL_J] += m[Q_EXTERNAL_W] * counted_s;
    m[OUT_J] += out_w * counted_s;
    m[CPU_J] += cpu_w * counted_s;
    m[GPU_J] += gpu_w * counted_s;
    if (m[LIVE] > 0.5) {
        m[PEAK_CPU_K] = most(m[PEAK_CPU_K], t[T_CPU_JUNCTION]);
        m[PEAK_GPU_K] = most(m[PEAK_GPU_K], t[T_GPU_JUNCTION]);
    }
    m[SHARE] = share;

    /* For the recorder. */
    double running_s = serial_s + parallel_s;
    m[CLOCK_GHZ] = running_s > 0.0 ? (serial_s * serial_ghz + parallel_s * parallel_ghz) / running_s : parallel_ghz;
    m[GPU_MHZ] = gpu_share > 0.0 ? gpu_mhz : m[GPU_F0];
    m[CPU_W] = cpu_w;
    m[GPU_W] = gpu_w;
    m[WALL_W] = wall_w;
    m[CPU_BUSY] = core_share;
    m[GPU_BUSY] = gpu_share;
    m[MEMORY_GB_S] = m[Q_MEMORY_GB] * core_per_s;
    m[STORAGE_BUSY] = storage_busy;
}

static double integral(double before, double drift_rpm_per_s, double span) {
    return held(before + drift_rpm_per_s * FAN_STEP_S, 0.0, span);
}

static double noise_dba(const double *m) {
    if (m[FAN_RPM] <= 0.0 || m[NOISE_REFERENCE_DBA] <= 0.0) return m[NOISE_FLOOR_DBA];
    double fans = m[NOISE_REFERENCE_DBA] + m[NOISE_EXPONENT] * log10(m[FAN_RPM] / m[NOISE_RPM]);
    return 10.0 * log10(pow(10.0, fans / 10.0) + pow(10.0, m[NOISE_FLOOR_DBA] / 10.0));
}

static void fan_step(double *m) {
    m[FILTERED_CPU_K] = filtered(m[FILTERED_CPU_K], m[T_CPU_JUNCTION], FAN_STEP_S, m[FILTER_S]);
    m[FILTERED_GPU_K] = filtered(m[FILTERED_GPU_K], m[T_GPU_JUNCTION], FAN_STEP_S, m[FILTER_S]);
    double cpu_error = m[FILTERED_CPU_K] - m[CPU_TARGET_K], gpu_error = m[FILTERED_GPU_K] - m[GPU_TARGET_K];
    double span = m[FAN_MAX] - m[FAN_MIN];
    double tripped = m[TRIP_CUT_GHZ] - 0.5 * m[TRIP_STEP_GHZ];
    double cpu_drift = m[INTEGRAL_GAIN] * cpu_error + m[THROTTLE_GAIN] * tripped;
    m[INTEGRAL_CPU_RPM] = integral(m[INTEGRAL_CPU_RPM], cpu_drift, span);
    m[INTEGRAL_GPU_RPM] = integral(m[INTEGRAL_GPU_RPM], m[INTEGRAL_GAIN] * gpu_error, span);
    double rise = most(m[INTEGRAL_CPU_RPM] + m[GAIN] * cpu_error, m[INTEGRAL_GPU_RPM] + m[GAIN] * gpu_error);
    double wanted = least(m[FAN_MIN] + most(rise, 0.0), m[FAN_MAX]);
    if (m[FAN_FIXED] >= 0.0) wanted = m[FAN_FIXED];
    double change = m[SLEW] * FAN_STEP_S, full = m[FAN_FULL_RPM];
    double rpm = held(wanted, m[FAN_RPM] - change, m[FAN_RPM] + change);
    double x = full > 0.0 ? rpm / full : 0.0;
    double flow = m[FLOW_NATURAL] + m[FLOW_FULL] * x;
    m[FAN_RPM] = rpm;
    m[FAN_W] = m[FAN_FULL_W] * x * x * x;
    m[NOISE_DBA] = noise_dba(m);
    m[AIR_W_PER_K] = flow * AIR_HEAT_J_PER_L_K;
    factor(m, pow(flow / m[FLOW_REFERENCE], m[FLOW_EXPONENT]));
}

static int binding_limit(const double *m) {
    double cap = m[Q_PARALLEL_CAP_GHZ], cut = m[TRIP_CUT_GHZ], power_clock = m[POWER_CLOCK_GHZ];
    double clock = least(cap, most(least(power_clock, cap - cut), m[MIN_GHZ]));
    double serial_clock = most(least(m[Q_SERIAL_CAP_GHZ], power_clock), m[MIN_GHZ]);
    double running = m[Q_SERIAL_GHZ_S] / serial_clock + m[Q_PARALLEL_GHZ_S] / clock;
    double storage = m[Q_STORAGE_S] * held(1.0 + 0.3 * (m[T_STORAGE] - m[STORAGE_LIMIT_K]), 1.0, 4.0);
    double stall = m[Q_STALL_S], bandwidth = m[Q_BANDWIDTH_S];
    double gpu_clock = m[Q_GPU_GHZ_S] * 1e3 / m[GPU_MHZ], gpu_memory = m[Q_GPU_MEMORY_S];
    double core = most(running + stall, bandwidth), gpu = most(gpu_clock, gpu_memory);
    double longest = most(most(most(core, gpu), most(storage, m[Q_NETWORK_S])), m[Q_MEDIA_S]);
    if (m[Q_PACE_S] * m[SHARE] > 1.0 - 1e-9) return WAITING;
    if (m[Q_PAGING_S] > longest) return PAGING;
    if (core >= longest) {
        if (bandwidth > running + stall) return BANDWIDTH;
        if (cut > 0.0) return TEMPERATURE;
        if (power_clock < cap - 0.05) return POWER_LIMIT;
        return stall > running ? LATENCY : TURBO_BIN;
    }
    if (gpu >= longest) {
        if (gpu_memory > gpu_clock) return GPU_BANDWIDTH;
        if (m[GPU_LEVEL] > m[GPU_TOP] - 0.05) return GPU_CLOCK;
        return m[GPU_LIMIT_K] - m[T_GPU_JUNCTION] < 1.0 ? GPU_TEMPERATURE : GPU_POWER;
    }
    if (storage >= longest) return STORAGE;
    return m[Q_NETWORK_S] >= longest ? NETWORK : MEDIA;
}

/* Fields of the least, sum, most and last of each observed quantity, and of a trace's columns. */
static const int OBSERVED[OBSERVED_COUNT] = {
    CLOCK_GHZ, T_CPU_JUNCTION, GPU_MHZ, T_GPU_JUNCTION, FAN_RPM, NOISE_DBA, WALL_W, CPU_W, GPU_W,
};
static const int RECORDED[TRACE_COLUMN_COUNT] = {
    TIME_S, PHASE, PROGRESS, CLOCK_GHZ, T_CPU_JUNCTION, GPU_MHZ, T_GPU_JUNCTION, FAN_RPM, NOISE_DBA, WALL_W, CPU_W,
    GPU_W, CPU_BUSY, GPU_BUSY, MEMORY_GB_S, STORAGE_BUSY, LIMIT, T_CPU_SINK, T_GPU_SINK, T_GPU_MEMORY, T_STORAGE,
    T_BOARD, T_SINK_AIR,
};

static void observe(double *m) {
    if (m[LIVE] < 0.5 && m[OBSERVED_S] > 0.0) return;
    int code = binding_limit(m);
    m[LIMIT] = code;
    m[OBSERVED_S] += OBSERVE_S;
    m[LIMIT_S + code] += OBSERVE_S;
    for (int i = 0; i < OBSERVED_COUNT; i++) {
        double *extremes = m + EXTREMES + STATISTICS * i, value = m[OBSERVED[i]];
        extremes[0] = least(extremes[0], value);
        extremes[1] += value * OBSERVE_S;
        extremes[2] = most(extremes[2], value);
        extremes[3] = value;
    }
}

static void start_phase(double *m, const double *phases, int64_t number) {
    m[PHASE] = (double)number;
    m[PROGRESS] = 0.0;
    for (int i = 0; i < PHASE_FIELDS; i++) m[PHASE_BEGIN + i] = phases[number * PHASE_FIELDS + i];
}

static void end_phase(double *m, const double *phases, int64_t count, double *ends) {
    int64_t number = (int64_t)m[PHASE];
    m[CARRY_S] = (m[PROGRESS] - 1.0) / m[STEP_PROGRESS] * m[SPAN_S];
    ends[number] = m[TIME_S] - m[CARRY_S];
    m[DELIVERED] -= (m[PROGRESS] - 1.0) * (m[Q_REALTIME] > 0.5 ? m[Q_PACE_S] * m[SHARE] : 1.0);
    if (number + 1 < count) {
        start_phase(m, phases, number + 1);
        return;
    }
    m[LIVE] = 0.0;
    m[HELD_J] = 0.0;
    for (int i = 0; i < NODE_COUNT; i++) m[HELD_J] += m[CAPACITY + i] * m[i] * STEP_S;
}

/* Run at most `seconds`; `rows` is the room of the trace on entry and what was written on return. */
int advance(double *restrict m, const double *restrict phases, int64_t count, double *restrict ends,
            double *restrict trace, int64_t *rows, int64_t seconds) {
    int64_t row = 0, room = *rows;
    int status = MORE;
    for (int64_t second = 0; second < seconds && status == MORE; second++) {
        fan_step(m);
        for (int tenth = 0; tenth < 10; tenth++) {
            for (int hundredth = 0; hundredth < 10; hundredth++) {
                tick(m);
                if (m[PROGRESS] >= 1.0 && m[LIVE] > 0.5) end_phase(m, phases, count, ends);
            }
            int recorded = row < room && (m[LIVE] > 0.5 || (row == 0 && m[OBSERVED_S] == 0.0));
            observe(m);
            if (recorded) {
                for (int i = 0; i < TRACE_COLUMN_COUNT; i++) trace[row * TRACE_COLUMN_COUNT + i] = m[RECORDED[i]];
                row++;
            }
        }
        if (!(m[WALL_J] + m[T_CPU_JUNCTION] < 1e300)) status = NOT_FINITE;
        else if (m[LIVE] < 0.5) status = DONE;
    }
    *rows = row;
    return status;
}
