/* Many machines, eight abreast, on every core: the step of ../single_machine/step.c with eight doubles for each of its
   numbers, in gcc's vector extensions, and OpenMP over blocks of eight.

   The arrays are the kernel's own (layout.h is made from layout.py), elimination.h is made from generate.py's lines; all
   that stands here is written by hand. It must agree with the kernel to 1e-9, which is checked before it is timed. */

#include <cmath>
#include <cstdint>
#include <cstring>

enum { LANES = 8 };
typedef double V __attribute__((vector_size(LANES * sizeof(double))));

#include "layout.h"
#include "elimination.h"

enum { DONE, MORE, NOT_FINITE };

static inline V all(double x) { return V{} + x; }
static inline V least(V a, V b) { return a < b ? a : b; }
static inline V most(V a, V b) { return a > b ? a : b; }
static inline double least(double a, double b) { return a < b ? a : b; }
static inline double most(double a, double b) { return a > b ? a : b; }
static inline V held(V x, V low, V high) { return least(most(x, low), high); }
static inline V held(V x, double low, double high) { return held(x, all(low), all(high)); }
static inline V square(V x) { return x * x; }

static inline V filtered(V before, V value, double step_s, V time_constant_s) {
    return (before * time_constant_s + value * step_s) / (time_constant_s + step_s);
}

/* Taylor polynomial of degree 11 in x/4, to the fourth power. */
static inline V exponential(V x) {
    V y = 0.25 * x;
    V p = y * (1.0 / 39916800) + 1.0 / 3628800;
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

static inline V leakage_w(V reference_w, V voltage, V temp_k, V per_kelvin) {
    return reference_w * square(voltage) * exponential(held(per_kelvin * (temp_k - LEAKAGE_REFERENCE_K), -2.5, 2.5));
}

/* A sum of clipped ramps: steps[0] is the value in state 0, the others are the rises to the next states. */
static inline V ladder(V level, const V *steps) {
    V value = steps[0];
    for (int i = 1; i < 8; i++) value += steps[i] * held(level - double(i - 1), 0.0, 1.0);
    return value;
}

static inline void tick(V *m) {
    /* Clocks that the controllers left for this step. */
    V cut = m[TRIP_CUT_GHZ], power_clock = m[POWER_CLOCK_GHZ], lowest = m[MIN_GHZ], level = m[GPU_LEVEL];
    V serial_cap = m[Q_SERIAL_CAP_GHZ], parallel_cap = m[Q_PARALLEL_CAP_GHZ];
    V ceiling = most(least(power_clock, cut > 0.0 ? parallel_cap - cut : m[MAX_GHZ]), lowest);
    V serial_ghz = least(ceiling, serial_cap), parallel_ghz = least(ceiling, parallel_cap);
    V gpu_mhz = ladder(level, m + GPU_F0), gpu_v = 1e-3 * ladder(level, m + GPU_V0);

    /* Time of the whole phase at these clocks; the slowest resource sets the pace. */
    V serial_s = m[Q_SERIAL_GHZ_S] / serial_ghz, parallel_s = m[Q_PARALLEL_GHZ_S] / parallel_ghz;
    V core_s = most(m[Q_BANDWIDTH_S], serial_s + parallel_s + m[Q_STALL_S]);
    V gpu_clock_s = m[Q_GPU_GHZ_S] * 1e3 / gpu_mhz;
    V gpu_s = most(m[Q_GPU_MEMORY_S], gpu_clock_s);
    V storage_s = m[Q_STORAGE_S] * held(1.0 + 0.3 * (m[T_STORAGE] - m[STORAGE_LIMIT_K]), 1.0, 4.0);
    V network_s = m[Q_NETWORK_S], media_s = m[Q_MEDIA_S], paging_s = m[Q_PAGING_S], pace_s = m[Q_PACE_S];
    V together = network_s + media_s + storage_s + gpu_s + core_s;
    V longest = most(most(most(most(network_s, media_s), storage_s), gpu_s), core_s);
    V needed_s = longest + m[Q_SERIAL_ORDER] * (together - longest) + paging_s;
    V spent_s = most(most(pace_s, needed_s), all(1e-9)), share = 1.0 / spent_s;
    /* Parts that do not wait for each other are each as busy as their own work makes them. */
    auto alone = m[Q_INDEPENDENT] > 0.5;
    V core_per_s = 1.0 / (alone ? most(pace_s, core_s) : spent_s);
    V gpu_per_s = 1.0 / (alone ? most(pace_s, gpu_s) : spent_s);
    auto realtime = m[Q_REALTIME] > 0.5;
    V span_s = STEP_S + m[CARRY_S];
    V step_progress = m[LIVE] * span_s * (realtime ? 1.0 / pace_s : share);

    /* Power. */
    V cpu_k = m[T_CPU_JUNCTION], gpu_k = m[T_GPU_JUNCTION];
    V parallel_v = m[V0] + parallel_ghz * (m[V1] + parallel_ghz * m[V2]);
    V serial_v = m[V0] + serial_ghz * (m[V1] + serial_ghz * m[V2]);
    V waiting_s = core_s - serial_s - parallel_s, core_share = core_s * core_per_s;
    V switched_nf = m[Q_PARALLEL_NF] * (parallel_s + STALL_ACTIVITY * waiting_s) * core_per_s
        + m[IDLE_NF] * (1.0 - core_share);
    V cpu_w = switched_nf * square(parallel_v) * parallel_ghz
        + m[Q_SERIAL_NF] * serial_s * core_per_s * square(serial_v) * serial_ghz
        + leakage_w(m[LEAKAGE_W] * (0.25 + 0.75 * core_share), parallel_v, cpu_k + m[AMBIENT_K], m[LEAKAGE_PER_K])
        + m[UNCORE_W] * (0.5 + 0.5 * core_share);
    V gpu_share = gpu_s * gpu_per_s;
    V gpu_core_w = m[GPU_NF] * m[Q_GPU_ACTIVITY] * gpu_clock_s * gpu_per_s * square(gpu_v) * (gpu_mhz * 1e-3)
        + m[GPU_IDLE_W] + gpu_share * leakage_w(m[Q_GPU_LEAKAGE_W], gpu_v, gpu_k + m[AMBIENT_K], m[GPU_LEAKAGE_PER_K])
        + m[Q_MEDIA_W] * media_s * share;
    V gpu_memory_w = m[GPU_MEMORY_W] * m[Q_GPU_MEMORY_SHARE] * gpu_share;
    V gpu_w = gpu_core_w + gpu_memory_w;
    V memory_w = m[MEMORY_IDLE_W] + m[Q_MEMORY_J] * core_per_s;
    V storage_busy = (storage_s + paging_s) * share;
    V storage_w = m[STORAGE_IDLE_W] + m[STORAGE_ACTIVE_W] * storage_busy;
    V regulator_w = m[REGULATOR] * (cpu_w + gpu_w);
    V load_w = m[BOARD_W] + m[PANEL_W] + m[FAN_W] + m[Q_EXTERNAL_W] + storage_w + memory_w + gpu_w + cpu_w
        + regulator_w;
    V loss_w = m[STANDING_W] + load_w * (m[PROPORTIONAL] + m[RESISTIVE_PER_W] * load_w);
    V wall_w = load_w + loss_w;

    /* Heat: one backward Euler step. */
    V panel_g = m[PANEL_AMBIENT], shell_g = m[SHELL_AMBIENT], stream = m[AIR_W_PER_K];
    V t[NODE_COUNT];
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
    V out_w = panel_g * t[T_PANEL] + shell_g * t[T_SHELL] + stream * t[T_SINK_AIR];

    /* What the controllers will allow next. */
    V mean_w = filtered(m[MEAN_PACKAGE_W], cpu_w, STEP_S, m[TAU_S]);
    V allowed_w = mean_w > m[PL1_W] ? m[PL1_W] : m[PL2_W];
    V system = (m[RATED_W] - load_w) / m[RATED_W];
    V headroom = held(least((allowed_w - cpu_w) / allowed_w, system), -1.0, 1.0);
    V gpu_headroom = least((m[Q_GPU_CAP_W] - gpu_w) / m[Q_GPU_CAP_W], system);
    V rate = held(least(20.0 * gpu_headroom, 0.5 * (m[GPU_LIMIT_K] - t[T_GPU_JUNCTION])), -10.0, 10.0);
    V hot = cut > 0.0 ? cut + 0.5 * STEP_S : m[TRIP_STEP_GHZ];
    V die_k = t[T_CPU_JUNCTION], nothing = V{};
    m[MEAN_PACKAGE_W] = mean_w;
    m[POWER_CLOCK_GHZ] = held((cut > 0.0 ? ceiling : power_clock) + 30.0 * STEP_S * headroom, lowest, m[MAX_GHZ]);
    V kept = die_k >= m[TRIP_K] ? hot : cut;
    m[TRIP_CUT_GHZ] = die_k < m[RELEASE_K] ? nothing : kept;
    m[GPU_LEVEL] = held(level + rate * STEP_S, nothing, m[GPU_TOP]);

    /* State and counters. */
    for (int i = 0; i < NODE_COUNT; i++) m[i] = t[i];
    V counted_s = m[LIVE] * STEP_S;
    auto live = m[LIVE] > 0.5;
    m[PROGRESS] += step_progress;
    m[STEP_PROGRESS] = step_progress;
    m[SPAN_S] = span_s;
    m[CARRY_S] = nothing;
    m[TIME_S] += counted_s;
    m[DELIVERED] += step_progress * (realtime ? pace_s * share : all(1.0));
    m[WALL_J] += wall_w * counted_s;
    m[EXTERNAL_J] += m[Q_EXTERNAL_W] * counted_s;
    m[OUT_J] += out_w * counted_s;
    m[CPU_J] += cpu_w * counted_s;
    m[GPU_J] += gpu_w * counted_s;
    m[PEAK_CPU_K] = live ? most(m[PEAK_CPU_K], t[T_CPU_JUNCTION]) : m[PEAK_CPU_K];
    m[PEAK_GPU_K] = live ? most(m[PEAK_GPU_K], t[T_GPU_JUNCTION]) : m[PEAK_GPU_K];
    m[SHARE] = share;

    /* For the summary. */
    V running_s = serial_s + parallel_s;
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

static V noise_dba(const V *m) {
    V noise = m[NOISE_FLOOR_DBA];
    for (int lane = 0; lane < LANES; lane++) {
        if (m[FAN_RPM][lane] <= 0.0 || m[NOISE_REFERENCE_DBA][lane] <= 0.0) continue;
        double fans = m[NOISE_REFERENCE_DBA][lane]
            + m[NOISE_EXPONENT][lane] * std::log10(m[FAN_RPM][lane] / m[NOISE_RPM][lane]);
        noise[lane] = 10.0 * std::log10(std::pow(10.0, fans / 10.0) + std::pow(10.0, noise[lane] / 10.0));
    }
    return noise;
}

static void fan_step(V *m) {
    V nothing = V{};
    m[FILTERED_CPU_K] = filtered(m[FILTERED_CPU_K], m[T_CPU_JUNCTION], FAN_STEP_S, m[FILTER_S]);
    m[FILTERED_GPU_K] = filtered(m[FILTERED_GPU_K], m[T_GPU_JUNCTION], FAN_STEP_S, m[FILTER_S]);
    V cpu_error = m[FILTERED_CPU_K] - m[CPU_TARGET_K], gpu_error = m[FILTERED_GPU_K] - m[GPU_TARGET_K];
    V span = m[FAN_MAX] - m[FAN_MIN];
    V tripped = m[TRIP_CUT_GHZ] - 0.5 * m[TRIP_STEP_GHZ];
    V cpu_drift = m[INTEGRAL_GAIN] * cpu_error + m[THROTTLE_GAIN] * tripped;
    m[INTEGRAL_CPU_RPM] = held(m[INTEGRAL_CPU_RPM] + cpu_drift * FAN_STEP_S, nothing, span);
    m[INTEGRAL_GPU_RPM] = held(m[INTEGRAL_GPU_RPM] + m[INTEGRAL_GAIN] * gpu_error * FAN_STEP_S, nothing, span);
    V rise = most(m[INTEGRAL_CPU_RPM] + m[GAIN] * cpu_error, m[INTEGRAL_GPU_RPM] + m[GAIN] * gpu_error);
    V wanted = least(m[FAN_MIN] + most(rise, nothing), m[FAN_MAX]);
    wanted = m[FAN_FIXED] >= 0.0 ? m[FAN_FIXED] : wanted;
    V change = m[SLEW] * FAN_STEP_S, full = m[FAN_FULL_RPM];
    V rpm = held(wanted, m[FAN_RPM] - change, m[FAN_RPM] + change);
    V x = full > 0.0 ? rpm / full : nothing;
    V flow = m[FLOW_NATURAL] + m[FLOW_FULL] * x, ratio;
    for (int lane = 0; lane < LANES; lane++)
        ratio[lane] = std::pow(flow[lane] / m[FLOW_REFERENCE][lane], m[FLOW_EXPONENT][lane]);
    m[FAN_RPM] = rpm;
    m[FAN_W] = m[FAN_FULL_W] * x * x * x;
    m[NOISE_DBA] = noise_dba(m);
    m[AIR_W_PER_K] = flow * AIR_HEAT_J_PER_L_K;
    factor(m, ratio);
}

static int binding_limit(const V *v, int lane) {
#define m(field) v[field][lane]
    double cap = m(Q_PARALLEL_CAP_GHZ), cut = m(TRIP_CUT_GHZ), power_clock = m(POWER_CLOCK_GHZ);
    double clock = least(cap, most(least(power_clock, cap - cut), m(MIN_GHZ)));
    double serial_clock = most(least(m(Q_SERIAL_CAP_GHZ), power_clock), m(MIN_GHZ));
    double running = m(Q_SERIAL_GHZ_S) / serial_clock + m(Q_PARALLEL_GHZ_S) / clock;
    double hot = least(most(1.0 + 0.3 * (m(T_STORAGE) - m(STORAGE_LIMIT_K)), 1.0), 4.0);
    double storage = m(Q_STORAGE_S) * hot, stall = m(Q_STALL_S), bandwidth = m(Q_BANDWIDTH_S);
    double gpu_clock = m(Q_GPU_GHZ_S) * 1e3 / m(GPU_MHZ), gpu_memory = m(Q_GPU_MEMORY_S);
    double core = most(running + stall, bandwidth), gpu = most(gpu_clock, gpu_memory);
    double longest = most(most(most(core, gpu), most(storage, m(Q_NETWORK_S))), m(Q_MEDIA_S));
    if (m(Q_PACE_S) * m(SHARE) > 1.0 - 1e-9) return WAITING;
    if (m(Q_PAGING_S) > longest) return PAGING;
    if (core >= longest) {
        if (bandwidth > running + stall) return BANDWIDTH;
        if (cut > 0.0) return TEMPERATURE;
        if (power_clock < cap - 0.05) return POWER_LIMIT;
        return stall > running ? LATENCY : TURBO_BIN;
    }
    if (gpu >= longest) {
        if (gpu_memory > gpu_clock) return GPU_BANDWIDTH;
        if (m(GPU_LEVEL) > m(GPU_TOP) - 0.05) return GPU_CLOCK;
        return m(GPU_LIMIT_K) - m(T_GPU_JUNCTION) < 1.0 ? GPU_TEMPERATURE : GPU_POWER;
    }
    if (storage >= longest) return STORAGE;
    return m(Q_NETWORK_S) >= longest ? NETWORK : MEDIA;
#undef m
}

/* Fields of the least, sum, most and last of each observed quantity. */
static const int OBSERVED[OBSERVED_COUNT] = {
    CLOCK_GHZ, T_CPU_JUNCTION, GPU_MHZ, T_GPU_JUNCTION, FAN_RPM, NOISE_DBA, WALL_W, CPU_W, GPU_W,
};

static void observe(V *m) {
    auto seen = (m[LIVE] >= 0.5) | (m[OBSERVED_S] <= 0.0);
    V counted_s = seen ? all(OBSERVE_S) : V{};
    for (int lane = 0; lane < LANES; lane++) {
        if (!seen[lane]) continue;
        int code = binding_limit(m, lane);
        m[LIMIT][lane] = code;
        m[LIMIT_S + code][lane] += OBSERVE_S;
    }
    m[OBSERVED_S] += counted_s;
    for (int i = 0; i < OBSERVED_COUNT; i++) {
        V *extremes = m + EXTREMES + STATISTICS * i, value = m[OBSERVED[i]];
        extremes[0] = seen ? least(extremes[0], value) : extremes[0];
        extremes[1] += value * counted_s;
        extremes[2] = seen ? most(extremes[2], value) : extremes[2];
        extremes[3] = seen ? value : extremes[3];
    }
}

static void start_phase(V *m, int lane, const double *phases, int64_t number) {
    m[PHASE][lane] = double(number);
    m[PROGRESS][lane] = 0.0;
    for (int i = 0; i < PHASE_FIELDS; i++) m[PHASE_BEGIN + i][lane] = phases[number * PHASE_FIELDS + i];
}

static void end_phase(V *m, int lane, const double *phases, int64_t count, double *ends) {
    int64_t number = int64_t(m[PHASE][lane]);
    double beyond = m[PROGRESS][lane] - 1.0;
    m[CARRY_S][lane] = beyond / m[STEP_PROGRESS][lane] * m[SPAN_S][lane];
    ends[number] = m[TIME_S][lane] - m[CARRY_S][lane];
    m[DELIVERED][lane] -= beyond * (m[Q_REALTIME][lane] > 0.5 ? m[Q_PACE_S][lane] * m[SHARE][lane] : 1.0);
    if (number + 1 < count) {
        start_phase(m, lane, phases, number + 1);
        return;
    }
    m[LIVE][lane] = 0.0;
    m[HELD_J][lane] = 0.0;
    for (int i = 0; i < NODE_COUNT; i++) m[HELD_J][lane] += m[CAPACITY + i][lane] * m[i][lane] * STEP_S;
}

static int run_block(V *m, const double *phases, const int64_t *first, const int64_t *count, double *ends,
                     int64_t seconds) {
    for (int64_t second = 0; second < seconds; second++) {
        fan_step(m);
        for (int tenth = 0; tenth < 10; tenth++) {
            for (int hundredth = 0; hundredth < 10; hundredth++) {
                tick(m);
                auto ended = (m[PROGRESS] >= 1.0) & (m[LIVE] > 0.5);
                for (int lane = 0; lane < LANES; lane++) {
                    if (!ended[lane]) continue;
                    end_phase(m, lane, phases + first[lane] * PHASE_FIELDS, count[lane], ends + first[lane]);
                }
            }
            observe(m);
        }
        double live = 0.0, total = 0.0;
        for (int lane = 0; lane < LANES; lane++) {
            live += m[LIVE][lane];
            total += m[WALL_J][lane] + m[T_CPU_JUNCTION][lane];
        }
        if (!(total < 1e300)) return NOT_FINITE;
        if (live < 0.5) return DONE;
    }
    return MORE;
}

/* Run blocks of eight machines on a number of threads; return the worst status of a block. */
extern "C" int run_blocks(double *m, int64_t blocks, const double *phases, const int64_t *first, const int64_t *count,
                          double *ends, int64_t seconds, int threads) {
    int worst = DONE;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads) reduction(max : worst)
    for (int64_t block = 0; block < blocks; block++) {
        V mine[FIELD_COUNT]; /* begins with a cache line, as numpy's arrays need not */
        double *its = m + block * FIELD_COUNT * LANES;
        std::memcpy(mine, its, sizeof mine);
        int status = run_block(mine, phases, first + block * LANES, count + block * LANES, ends, seconds);
        std::memcpy(its, mine, sizeof mine);
        worst = status > worst ? status : worst;
    }
    return worst;
}
