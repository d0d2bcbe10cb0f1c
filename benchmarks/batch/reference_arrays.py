"""The same model over arrays: one step written once, for numpy over all machines and for jax over one, vmapped.

As a programmer of either would write it: whole arrays instead of lanes, the dense inverse of the thermal matrix made
each second, choices by ``where``. The last axis counts machines; under vmap it is not there.
"""

from __future__ import annotations

import importlib.util
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from spacegrey.parts.cooling.laws import AIR_HEAT_J_PER_L_K
from spacegrey.parts.processor.laws import LEAKAGE_REFERENCE_K, STALL_ACTIVITY
from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.kernel.network import LINKS, NODES, STREAM, TO_AMBIENT, follows_flow
from spacegrey.simulation.kernel.tick import FAN_STEP_S, STEP_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.batch.blocks import Blocks

TICKS_PER_SECOND = round(FAN_STEP_S / STEP_S)
BEGIN = at.PHASE_BEGIN


class State(NamedTuple):
    """What changes: temperatures, shape (15, n), and numbers, shape (n,); the thermal inverse of this second."""

    temps: Any
    inverse: Any
    fan_w: Any
    rpm: Any
    filtered: Any
    integrals: Any
    clock: Any
    cut: Any
    level: Any
    mean_w: Any
    phase: Any
    progress: Any
    carry_s: Any
    live: Any
    time_s: Any
    wall_j: Any
    peak_cpu_k: Any
    peak_gpu_k: Any
    end_s: Any


def begin(xp: Any, p: Any) -> State:
    """Return the state of machines at the start; ``p`` holds all their fields, shape (FIELD_COUNT, n)."""
    zero = p[at.PROGRESS]
    n = len(NODES)
    return State(
        p[:n], xp.zeros((n, n, *zero.shape)), p[at.FAN_W], p[at.FAN_RPM],
        p[at.FILTERED_CPU_K : at.FILTERED_GPU_K + 1], p[at.INTEGRAL_CPU_RPM : at.INTEGRAL_GPU_RPM + 1],
        p[at.POWER_CLOCK_GHZ], p[at.TRIP_CUT_GHZ], p[at.GPU_LEVEL], p[at.MEAN_PACKAGE_W],
        xp.zeros(zero.shape, dtype=int), zero, zero, p[at.LIVE], zero, zero, p[at.PEAK_CPU_K], p[at.PEAK_GPU_K], zero,
    )  # fmt: skip


def network() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what one W/K of each link adds to the thermal matrix, and of the air stream: (22, 15, 15), (15, 15)."""
    index = {name: i for i, name in enumerate(NODES)}
    each = np.zeros((len(LINKS) + len(TO_AMBIENT), len(NODES)))
    for row, (a, b) in zip(each, LINKS.values(), strict=False):
        row[index[a]], row[index[b]] = 1.0, -1.0
    for row, node in zip(each[len(LINKS) :], TO_AMBIENT.values(), strict=True):
        row[index[node]] = 1.0
    upstream, downstream = (index[name] for name in STREAM)
    stream = np.zeros((len(NODES), len(NODES)))
    stream[[upstream, downstream], [upstream, downstream]] = 1.0
    stream[downstream, upstream] = -1.0
    return np.einsum("li,lj->lij", each, each), stream


PATTERN, AIR = network()
CONVECTION = np.array([*(follows_flow(link) for link in LINKS), *(False for _ in TO_AMBIENT)])


def fan(xp: Any, p: Any, s: State) -> State:
    """Let the fan controllers decide, and invert the thermal matrix for the air flow they ask for."""
    tripped = p[at.THROTTLE_GAIN] * (s.cut - 0.5 * p[at.TRIP_STEP_GHZ])
    die_k = xp.stack([s.temps[at.T_CPU_JUNCTION], s.temps[at.T_GPU_JUNCTION]])
    filtered = (s.filtered * p[at.FILTER_S] + die_k * FAN_STEP_S) / (p[at.FILTER_S] + FAN_STEP_S)
    error = filtered - p[at.CPU_TARGET_K : at.GPU_TARGET_K + 1]
    drift = p[at.INTEGRAL_GAIN] * error + xp.stack([tripped, xp.zeros_like(tripped)])
    integrals = xp.clip(s.integrals + drift * FAN_STEP_S, 0.0, p[at.FAN_MAX] - p[at.FAN_MIN])
    rise = xp.maximum((integrals + p[at.GAIN] * error).max(axis=0), 0.0)
    wanted = xp.where(p[at.FAN_FIXED] >= 0.0, p[at.FAN_FIXED], xp.minimum(p[at.FAN_MIN] + rise, p[at.FAN_MAX]))
    rpm = xp.clip(wanted, s.rpm - p[at.SLEW] * FAN_STEP_S, s.rpm + p[at.SLEW] * FAN_STEP_S)
    x = xp.where(p[at.FAN_FULL_RPM] > 0.0, rpm / xp.where(p[at.FAN_FULL_RPM] > 0.0, p[at.FAN_FULL_RPM], 1.0), 0.0)
    flow = p[at.FLOW_NATURAL] + p[at.FLOW_FULL] * x
    ratio = (flow / p[at.FLOW_REFERENCE]) ** p[at.FLOW_EXPONENT]
    links = p[at.LINK : at.LINK + len(CONVECTION)]
    matrix = xp.einsum("lij,l...->ij...", PATTERN[CONVECTION], links[CONVECTION] * ratio)
    matrix = matrix + xp.einsum("lij,l...->ij...", PATTERN[~CONVECTION], links[~CONVECTION])
    matrix = matrix + xp.einsum("ij,...->ij...", AIR, flow * AIR_HEAT_J_PER_L_K)
    matrix = matrix + xp.einsum("ij,i...->ij...", np.eye(len(NODES)), p[at.CAPACITY : at.CAPACITY + len(NODES)])
    inverse = xp.moveaxis(xp.linalg.inv(xp.moveaxis(matrix, (0, 1), (-2, -1))), (-2, -1), (0, 1))
    return s._replace(inverse=inverse, fan_w=p[at.FAN_FULL_W] * x**3, rpm=rpm, filtered=filtered, integrals=integrals)


def ladder(xp: Any, level: Any, steps: Any) -> Any:
    """Return the value of a ladder of states: the first, and a clipped ramp to each next one."""
    value = steps[0]
    for i in range(1, 8):
        value = value + steps[i] * xp.clip(level - (i - 1), 0.0, 1.0)
    return value


def leakage_w(xp: Any, reference_w: Any, voltage: Any, temp_k: Any, per_kelvin: Any) -> Any:
    """Return the static power of powered silicon. [W]."""
    return reference_w * voltage**2 * xp.exp(xp.clip(per_kelvin * (temp_k - LEAKAGE_REFERENCE_K), -2.5, 2.5))


def tick(xp: Any, p: Any, q: Any, phase_count: Any, s: State) -> State:  # noqa: PLR0915 - one step, straight through
    """Advance machines by one control step; ``q`` holds the fields of the phases that run, shape (26, n)."""
    highest = xp.where(s.cut > 0.0, q[at.Q_PARALLEL_CAP_GHZ - BEGIN] - s.cut, p[at.MAX_GHZ])
    ceiling = xp.maximum(xp.minimum(s.clock, highest), p[at.MIN_GHZ])
    serial_ghz = xp.minimum(ceiling, q[at.Q_SERIAL_CAP_GHZ - BEGIN])
    parallel_ghz = xp.minimum(ceiling, q[at.Q_PARALLEL_CAP_GHZ - BEGIN])
    gpu_mhz = ladder(xp, s.level, p[at.GPU_F0 : at.GPU_F0 + 8])
    gpu_v = ladder(xp, s.level, p[at.GPU_V0 : at.GPU_V0 + 8]) * 1e-3
    serial_s = q[at.Q_SERIAL_GHZ_S - BEGIN] / serial_ghz
    parallel_s = q[at.Q_PARALLEL_GHZ_S - BEGIN] / parallel_ghz
    core_s = xp.maximum(serial_s + parallel_s + q[at.Q_STALL_S - BEGIN], q[at.Q_BANDWIDTH_S - BEGIN])
    gpu_clock_s = q[at.Q_GPU_GHZ_S - BEGIN] * 1e3 / gpu_mhz
    gpu_s = xp.maximum(gpu_clock_s, q[at.Q_GPU_MEMORY_S - BEGIN])
    hot = xp.clip(1.0 + 0.3 * (s.temps[at.T_STORAGE] - p[at.STORAGE_LIMIT_K]), 1.0, 4.0)
    storage_s, paging_s = q[at.Q_STORAGE_S - BEGIN] * hot, q[at.Q_PAGING_S - BEGIN]
    times = xp.stack([core_s, gpu_s, storage_s, q[at.Q_NETWORK_S - BEGIN], q[at.Q_MEDIA_S - BEGIN]])
    longest, pace_s = times.max(axis=0), q[at.Q_PACE_S - BEGIN]
    needed_s = longest + q[at.Q_SERIAL_ORDER - BEGIN] * (times.sum(axis=0) - longest) + paging_s
    spent_s = xp.maximum(xp.maximum(needed_s, pace_s), 1e-9)
    alone = q[at.Q_INDEPENDENT - BEGIN] > 0.5
    core_spent_s = xp.where(alone, xp.maximum(core_s, pace_s), spent_s)
    gpu_spent_s = xp.where(alone, xp.maximum(gpu_s, pace_s), spent_s)

    cpu_k = s.temps[at.T_CPU_JUNCTION] + p[at.AMBIENT_K]
    gpu_k = s.temps[at.T_GPU_JUNCTION] + p[at.AMBIENT_K]
    parallel_v = p[at.V0] + parallel_ghz * (p[at.V1] + parallel_ghz * p[at.V2])
    serial_v = p[at.V0] + serial_ghz * (p[at.V1] + serial_ghz * p[at.V2])
    busy, waiting_s = core_s / core_spent_s, core_s - serial_s - parallel_s
    switched_nf = q[at.Q_PARALLEL_NF - BEGIN] * (parallel_s + STALL_ACTIVITY * waiting_s) / core_spent_s
    switched_nf = switched_nf + p[at.IDLE_NF] * (1.0 - busy)
    cpu_w = switched_nf * parallel_v**2 * parallel_ghz
    cpu_w = cpu_w + q[at.Q_SERIAL_NF - BEGIN] * serial_s / core_spent_s * serial_v**2 * serial_ghz
    cpu_w = cpu_w + leakage_w(xp, p[at.LEAKAGE_W] * (0.25 + 0.75 * busy), parallel_v, cpu_k, p[at.LEAKAGE_PER_K])
    cpu_w = cpu_w + p[at.UNCORE_W] * (0.5 + 0.5 * busy)
    gpu_busy = gpu_s / gpu_spent_s
    gpu_nf = p[at.GPU_NF] * q[at.Q_GPU_ACTIVITY - BEGIN] * gpu_clock_s / gpu_spent_s
    gpu_leakage_w = leakage_w(xp, q[at.Q_GPU_LEAKAGE_W - BEGIN], gpu_v, gpu_k, p[at.GPU_LEAKAGE_PER_K])
    gpu_core_w = gpu_nf * gpu_v**2 * gpu_mhz * 1e-3 + p[at.GPU_IDLE_W] + gpu_busy * gpu_leakage_w
    gpu_core_w = gpu_core_w + q[at.Q_MEDIA_W - BEGIN] * q[at.Q_MEDIA_S - BEGIN] / spent_s
    gpu_memory_w = p[at.GPU_MEMORY_W] * q[at.Q_GPU_MEMORY_SHARE - BEGIN] * gpu_busy
    gpu_w = gpu_core_w + gpu_memory_w
    memory_w = p[at.MEMORY_IDLE_W] + q[at.Q_MEMORY_J - BEGIN] / core_spent_s
    storage_w = p[at.STORAGE_IDLE_W] + p[at.STORAGE_ACTIVE_W] * (storage_s + paging_s) / spent_s
    regulator_w = p[at.REGULATOR] * (cpu_w + gpu_w)
    steady_w = p[at.BOARD_W] + p[at.PANEL_W] + s.fan_w + q[at.Q_EXTERNAL_W - BEGIN]
    load_w = cpu_w + gpu_w + memory_w + storage_w + regulator_w + steady_w
    loss_w = p[at.STANDING_W] + load_w * (p[at.PROPORTIONAL] + p[at.RESISTIVE_PER_W] * load_w)

    none = xp.zeros_like(load_w)
    heat = {
        "cpu_junction": cpu_w, "gpu_junction": gpu_core_w, "gpu_memory": gpu_memory_w, "vrm": regulator_w,
        "memory": memory_w, "storage": storage_w, "board": p[at.BOARD_W], "supply": loss_w, "panel": p[at.PANEL_W],
        "intake_air": s.fan_w,
    }  # fmt: skip
    driven = p[at.CAPACITY : at.CAPACITY + len(NODES)] * s.temps + xp.stack([heat.get(node, none) for node in NODES])
    temps = xp.einsum("ij...,j...->i...", s.inverse, driven)

    mean_w = (s.mean_w * p[at.TAU_S] + cpu_w * STEP_S) / (p[at.TAU_S] + STEP_S)
    allowed_w = xp.where(mean_w > p[at.PL1_W], p[at.PL1_W], p[at.PL2_W])
    system = (p[at.RATED_W] - load_w) / p[at.RATED_W]
    headroom = xp.clip(xp.minimum((allowed_w - cpu_w) / allowed_w, system), -1.0, 1.0)
    gpu_cap_w = q[at.Q_GPU_CAP_W - BEGIN]
    gpu_headroom = xp.minimum((gpu_cap_w - gpu_w) / gpu_cap_w, system)
    cpu_k, gpu_k = temps[at.T_CPU_JUNCTION], temps[at.T_GPU_JUNCTION]
    held = xp.where(s.cut > 0.0, ceiling, s.clock)
    clock = xp.clip(held + 30.0 * STEP_S * headroom, p[at.MIN_GHZ], p[at.MAX_GHZ])
    slope = xp.clip(xp.minimum(20.0 * gpu_headroom, 0.5 * (p[at.GPU_LIMIT_K] - gpu_k)), -10.0, 10.0)
    level = xp.clip(s.level + STEP_S * slope, 0.0, p[at.GPU_TOP])
    deeper = xp.where(s.cut > 0.0, s.cut + 0.5 * STEP_S, p[at.TRIP_STEP_GHZ])
    cut = xp.where(cpu_k < p[at.RELEASE_K], 0.0, xp.where(cpu_k >= p[at.TRIP_K], deeper, s.cut))

    real = q[at.Q_REALTIME - BEGIN] > 0.5
    rate = 1.0 / xp.where(real, xp.where(real, pace_s, 1.0), spent_s)
    progress = s.progress + s.live * rate * (STEP_S + s.carry_s)
    time_s = s.time_s + s.live * STEP_S
    ended = (progress >= 1.0) & (s.live > 0.5)
    beyond_s = xp.where(ended, (progress - 1.0) / rate, 0.0)
    last = ended & (s.phase + 1 >= phase_count)
    onward = ended & ~last
    return s._replace(
        temps=temps, clock=clock, cut=cut, level=level, mean_w=mean_w, carry_s=beyond_s, time_s=time_s,
        phase=s.phase + onward, progress=xp.where(onward, 0.0, progress), live=xp.where(last, 0.0, s.live),
        wall_j=s.wall_j + s.live * (load_w + loss_w) * STEP_S, end_s=xp.where(ended, time_s - beyond_s, s.end_s),
        peak_cpu_k=xp.where(s.live > 0.5, xp.maximum(s.peak_cpu_k, cpu_k), s.peak_cpu_k),
        peak_gpu_k=xp.where(s.live > 0.5, xp.maximum(s.peak_gpu_k, gpu_k), s.peak_gpu_k),
    )  # fmt: skip


def totals(s: State) -> NDArray[np.float64]:
    """Return energy, duration and peaks of each machine, as `Blocks.totals` does."""
    return np.stack([np.asarray(one) for one in (s.wall_j, s.end_s, s.peak_cpu_k, s.peak_gpu_k)])


def run_numpy(batch: Blocks, seconds: int) -> tuple[float, NDArray[np.float64]]:
    """Run machines for at most ``seconds`` as numpy arrays; return the seconds that it took, and their totals."""
    batch.reset()
    p, first, count = batch.fields(), batch.first.reshape(-1), batch.count.reshape(-1)
    s = begin(np, p)
    q = np.ascontiguousarray(batch.phases[first].T)
    started = time.perf_counter()
    for _ in range(seconds):
        s = fan(np, p, s)
        for _ in range(TICKS_PER_SECOND):
            before = s.phase
            s = tick(np, p, q, count, s)
            if (s.phase != before).any():
                q = np.ascontiguousarray(batch.phases[first + s.phase].T)
        if not s.live.any():
            break
    return time.perf_counter() - started, totals(s)


def has_jax() -> bool:
    """Tell whether jax can be imported."""
    return importlib.util.find_spec("jax") is not None


class JaxRun(NamedTuple):
    """Seconds that jax took to compile, by the clock and by the cores to run, and what the machines came to."""

    compile_s: float
    wall_s: float
    work_s: float
    totals: NDArray[np.float64]


def run_jax(batch: Blocks, seconds: int, turns: int) -> JaxRun:
    """Run machines for ``seconds`` through jax on the processor, the best of a few turns."""
    import jax

    for name, setting in {"jax_enable_x64": True, "jax_platforms": "cpu"}.items():
        jax.config.update(name, setting)
    xp = jax.numpy

    def one_machine(p: Any, first: Any, phase_count: Any) -> State:
        def step(_: Any, s: State) -> State:
            return tick(xp, p, phases[first + s.phase], phase_count, s)

        def second(_: Any, s: State) -> State:
            return jax.lax.fori_loop(0, TICKS_PER_SECOND, step, fan(xp, p, s))

        return jax.lax.fori_loop(0, seconds, second, begin(xp, p))

    batch.reset()
    phases = xp.asarray(batch.phases)
    arrays = [xp.asarray(one) for one in (batch.fields(), batch.first.reshape(-1), batch.count.reshape(-1))]
    started = time.perf_counter()
    every = jax.jit(jax.vmap(one_machine, in_axes=(1, 0, 0))).lower(*arrays).compile()
    compile_s, wall_s, work_s = time.perf_counter() - started, float("inf"), float("inf")
    for _ in range(turns):
        started, worked = time.perf_counter(), time.process_time()
        s = jax.block_until_ready(every(*arrays))
        wall_s, work_s = min(wall_s, time.perf_counter() - started), min(work_s, time.process_time() - worked)
    return JaxRun(compile_s, wall_s, work_s, totals(s))
