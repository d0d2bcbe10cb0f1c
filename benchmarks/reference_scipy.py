"""The same machine through `scipy.integrate.solve_ivp`, in the two ways that its user would choose from.

By tick: the controllers act every 10 ms as in the kernel, and LSODA carries the heat from one action to the next.
By second: the controllers' integrals are states beside the temperatures, and RK45 goes from one decision of the fan to
the next without a stop but the end of a phase; leakage follows the temperature all the time.
Both solve the differential equations that the kernel's 10 ms steps approximate, so they agree with it less closely.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.integrate import solve_ivp

from benchmarks.reference_numpy import TICKS_PER_SECOND, Model, Totals
from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.kernel.tick import FAN_STEP_S, STEP_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.case import Case

RELATIVE, ABSOLUTE = 1e-6, 1e-6
CLOCK, LEVEL, MEAN, PROGRESS, WALL = range(at.NODE_COUNT, at.NODE_COUNT + 5)


def solve_ivp_by_tick(one: Case, seconds: int) -> Totals:
    """Run a case with a call of LSODA for each control step, power held within it."""
    model = Model(one)
    p, capacity = model.p, model.per_step * STEP_S
    time_s, wall_j, peak_k, carry_s = 0.0, 0.0, p.PEAK_CPU_K, 0.0
    for _ in range(seconds):
        matrix = model.fan()
        slope = -matrix / capacity[:, None]
        for _ in range(TICKS_PER_SECOND):
            cpu_k, gpu_k, storage_k = model.temps[[at.T_CPU_JUNCTION, at.T_GPU_JUNCTION, at.T_STORAGE]].tolist()
            load = model.load(cpu_k, gpu_k, storage_k, model.power_clock, model.level)
            driven = load.heat_w / capacity
            model.temps = solve_ivp(
                lambda _, y, slope, driven: slope @ y + driven, (0.0, STEP_S), model.temps, "LSODA",
                rtol=RELATIVE, atol=ABSOLUTE, args=(slope, driven),
            ).y[:, -1]  # fmt: skip
            model.mean_w += (load.cpu_w - model.mean_w) * STEP_S / (p.TAU_S + STEP_S)
            headroom, gpu_headroom = model.headrooms(load)
            clock = model.held_ghz() + STEP_S * model.clock_slope(headroom)
            level = model.level + STEP_S * model.level_slope(gpu_headroom, float(model.temps[at.T_GPU_JUNCTION]))
            model.power_clock, model.level = min(max(clock, p.MIN_GHZ), p.MAX_GHZ), min(max(level, 0.0), p.GPU_TOP)
            model.trip(float(model.temps[at.T_CPU_JUNCTION]), STEP_S)
            time_s += STEP_S
            wall_j += load.wall_w * STEP_S
            peak_k = max(peak_k, float(model.temps[at.T_CPU_JUNCTION]))
            model.progress += load.rate * (STEP_S + carry_s)
            carry_s = 0.0
            if model.progress >= 1.0:
                carry_s = (model.progress - 1.0) / load.rate
                if not model.begin(model.number + 1):
                    return Totals(time_s, wall_j, peak_k)
    return Totals(time_s, wall_j, peak_k)


def solve_ivp_by_second(one: Case, seconds: int) -> Totals:
    """Run a case with a call of RK45 for each second, or the part of it up to the end of a phase."""
    model = Model(one)
    p, capacity = model.p, model.per_step * STEP_S
    state = np.concatenate([model.temps, [model.power_clock, model.level, model.mean_w, 0.0, 0.0]])
    peak_k = p.PEAK_CPU_K

    def finished(_time_s: float, y: NDArray[np.float64], *_: object) -> float:
        return float(y[PROGRESS]) - 1.0

    finished.terminal = True  # type: ignore[attr-defined] - how solve_ivp is told
    for second in range(seconds):
        model.temps = state[: at.NODE_COUNT]
        matrix = model.fan()
        now, end = second * FAN_STEP_S, (second + 1) * FAN_STEP_S
        while now < end:
            found = solve_ivp(
                _slope, (now, end), state, "RK45", events=finished, rtol=RELATIVE, atol=ABSOLUTE,
                args=(model, matrix, capacity),
            )  # fmt: skip
            state, now = found.y[:, -1].copy(), float(found.t[-1])
            state[CLOCK] = min(max(state[CLOCK], p.MIN_GHZ), p.MAX_GHZ)
            state[LEVEL] = min(max(state[LEVEL], 0.0), p.GPU_TOP)
            peak_k = max(peak_k, float(found.y[at.T_CPU_JUNCTION].max()))
            if found.status == 1:
                state[PROGRESS] = 0.0
                if not model.begin(model.number + 1):
                    return Totals(now, float(state[WALL]), peak_k)
        model.trip(float(state[at.T_CPU_JUNCTION]), FAN_STEP_S)
    return Totals(float(seconds), float(state[WALL]), peak_k)


def _slope(
    _time_s: float,
    y: NDArray[np.float64],
    model: Model,
    matrix: NDArray[np.float64],
    capacity: NDArray[np.float64],
) -> NDArray[np.float64]:
    p = model.p
    cpu_k, gpu_k, storage_k, clock, level, model.mean_w = y[
        [at.T_CPU_JUNCTION, at.T_GPU_JUNCTION, at.T_STORAGE, CLOCK, LEVEL, MEAN]
    ].tolist()
    clock, level = min(max(clock, p.MIN_GHZ), p.MAX_GHZ), min(max(level, 0.0), p.GPU_TOP)
    load = model.load(cpu_k, gpu_k, storage_k, clock, level)
    headroom, gpu_headroom = model.headrooms(load)
    faster, higher = model.clock_slope(headroom), model.level_slope(gpu_headroom, gpu_k)
    slope = np.empty_like(y)
    slope[: at.NODE_COUNT] = (load.heat_w - matrix @ y[: at.NODE_COUNT]) / capacity
    slope[CLOCK] = _held(faster, clock, p.MIN_GHZ, p.MAX_GHZ)
    slope[LEVEL] = _held(higher, level, 0.0, p.GPU_TOP)
    slope[MEAN] = (load.cpu_w - model.mean_w) / p.TAU_S
    slope[PROGRESS] = load.rate
    slope[WALL] = load.wall_w
    return slope


def _held(slope: float, value: float, low: float, high: float) -> float:
    """Return the slope of an integral that stops at its bounds."""
    return 0.0 if (slope > 0.0 and value >= high) or (slope < 0.0 and value <= low) else slope
