"""The same model as a numpy programmer would write it: arrays for the network, Python floats for the controllers.

`Model` holds the equations, once for the loop here and for `reference_scipy`; nothing of it is compiled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.parts.cooling.laws import AIR_HEAT_J_PER_L_K
from spacegrey.parts.processor.laws import LEAKAGE_REFERENCE_K, STALL_ACTIVITY
from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.kernel.network import LINKS, NODES, STREAM, TO_AMBIENT, follows_flow
from spacegrey.simulation.kernel.tick import FAN_STEP_S, STEP_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.case import Case

TICKS_PER_SECOND = round(FAN_STEP_S / STEP_S)
LEVELS = np.arange(8.0)


@dataclass(frozen=True)
class Totals:
    """What a run came to."""

    time_s: float
    wall_j: float
    peak_cpu_k: float


@dataclass(frozen=True)
class Load:
    """What a machine takes at one moment: power in W, heat of each node in W, progress of the phase per second."""

    cpu_w: float
    gpu_w: float
    load_w: float
    wall_w: float
    heat_w: NDArray[np.float64]
    rate: float


class Model:
    """Parameters and state of one machine at the start of a case, and the equations of its parts."""

    def __init__(self, one: Case) -> None:
        start = one.start
        self._fields = {name: value for name, value in vars(at).items() if name.isupper() and type(value) is int}
        self.p = SimpleNamespace(**{name: float(start[i]) for name, i in self._fields.items() if i < at.FIELD_COUNT})
        self._phases = one.phases
        self.temps = start[: at.NODE_COUNT].copy()
        self.per_step = start[at.CAPACITY : at.CAPACITY + at.NODE_COUNT].copy()
        self._mhz = np.cumsum(start[at.GPU_F0 : at.GPU_F0 + 8])
        self._millivolts = np.cumsum(start[at.GPU_V0 : at.GPU_V0 + 8])
        self._parts(start)
        self.power_clock, self.cut, self.level = self.p.POWER_CLOCK_GHZ, self.p.TRIP_CUT_GHZ, self.p.GPU_LEVEL
        self.mean_w = self.p.MEAN_PACKAGE_W
        self.rpm, self.integrals = self.p.FAN_RPM, [self.p.INTEGRAL_CPU_RPM, self.p.INTEGRAL_GPU_RPM]
        self.filtered = [self.p.FILTERED_CPU_K, self.p.FILTERED_GPU_K]
        self.number, self.progress = 0, 0.0
        self.begin(0)

    def _parts(self, start: NDArray[np.float64]) -> None:
        """Take the conductance matrix apart into what is fixed, what follows convection, and the air stream."""
        index = {name: i for i, name in enumerate(NODES)}
        n = len(NODES)
        self._fixed, self._convection, self._stream = np.zeros((n, n)), np.zeros((n, n)), np.zeros((n, n))
        for number, (link, (a, b)) in enumerate(LINKS.items()):
            matrix = self._convection if follows_flow(link) else self._fixed
            ends = np.zeros(n)
            ends[index[a]], ends[index[b]] = 1.0, -1.0
            matrix += start[at.LINK + number] * np.outer(ends, ends)
        for number, node in enumerate(TO_AMBIENT.values(), start=len(LINKS)):
            self._fixed[index[node], index[node]] += start[at.LINK + number]
        upstream, downstream = (index[name] for name in STREAM)
        self._stream[[upstream, downstream], [upstream, downstream]] = 1.0
        self._stream[downstream, upstream] = -1.0

    def begin(self, number: int) -> bool:
        """Begin a phase; false when there is none left."""
        if number >= len(self._phases):
            return False
        self.number, self.progress = number, 0.0
        row = self._phases[number]
        names = [name for name, i in self._fields.items() if name.startswith("Q_") and i >= at.PHASE_BEGIN]
        self.q = SimpleNamespace(**{name[2:]: float(row[self._fields[name] - at.PHASE_BEGIN]) for name in names})
        return True

    def load(self, cpu_k: float, gpu_k: float, storage_k: float, power_clock: float, level: float) -> Load:
        """Return what the machine takes at these temperatures and with what its controllers allow."""
        p, q = self.p, self.q
        ceiling = self.ceiling_ghz(power_clock)
        serial_ghz, parallel_ghz = min(ceiling, q.SERIAL_CAP_GHZ), min(ceiling, q.PARALLEL_CAP_GHZ)
        gpu_mhz = float(np.interp(level, LEVELS, self._mhz))
        gpu_v = float(np.interp(level, LEVELS, self._millivolts)) * 1e-3
        serial_s, parallel_s = q.SERIAL_GHZ_S / serial_ghz, q.PARALLEL_GHZ_S / parallel_ghz
        core_s = max(serial_s + parallel_s + q.STALL_S, q.BANDWIDTH_S)
        gpu_clock_s = q.GPU_GHZ_S * 1e3 / gpu_mhz
        gpu_s = max(gpu_clock_s, q.GPU_MEMORY_S)
        storage_s = q.STORAGE_S * min(max(1.0 + 0.3 * (storage_k - p.STORAGE_LIMIT_K), 1.0), 4.0)
        times = (core_s, gpu_s, storage_s, q.NETWORK_S, q.MEDIA_S)
        longest = max(times)
        spent_s = max(longest + q.SERIAL_ORDER * (sum(times) - longest) + q.PAGING_S, q.PACE_S, 1e-9)
        alone = q.INDEPENDENT > 0.5
        core_spent_s = max(core_s, q.PACE_S) if alone else spent_s
        gpu_spent_s = max(gpu_s, q.PACE_S) if alone else spent_s
        parallel_v = p.V0 + parallel_ghz * (p.V1 + parallel_ghz * p.V2)
        serial_v = p.V0 + serial_ghz * (p.V1 + serial_ghz * p.V2)
        busy = core_s / core_spent_s
        waiting_s = core_s - serial_s - parallel_s
        switched_nf = q.PARALLEL_NF * (parallel_s + STALL_ACTIVITY * waiting_s) / core_spent_s
        switched_nf += p.IDLE_NF * (1.0 - busy)
        cpu_w = switched_nf * parallel_v**2 * parallel_ghz
        cpu_w += q.SERIAL_NF * serial_s / core_spent_s * serial_v**2 * serial_ghz
        cpu_w += leakage_w(p.LEAKAGE_W * (0.25 + 0.75 * busy), parallel_v, cpu_k + p.AMBIENT_K, p.LEAKAGE_PER_K)
        cpu_w += p.UNCORE_W * (0.5 + 0.5 * busy)
        gpu_busy = gpu_s / gpu_spent_s
        gpu_core_w = p.GPU_NF * q.GPU_ACTIVITY * gpu_clock_s / gpu_spent_s * gpu_v**2 * gpu_mhz * 1e-3
        gpu_core_w += p.GPU_IDLE_W + gpu_busy * leakage_w(
            q.GPU_LEAKAGE_W, gpu_v, gpu_k + p.AMBIENT_K, p.GPU_LEAKAGE_PER_K
        )
        gpu_core_w += q.MEDIA_W * q.MEDIA_S / spent_s
        gpu_memory_w = p.GPU_MEMORY_W * q.GPU_MEMORY_SHARE * gpu_busy
        gpu_w = gpu_core_w + gpu_memory_w
        memory_w = p.MEMORY_IDLE_W + q.MEMORY_J / core_spent_s
        storage_w = p.STORAGE_IDLE_W + p.STORAGE_ACTIVE_W * (storage_s + q.PAGING_S) / spent_s
        regulator_w = p.REGULATOR * (cpu_w + gpu_w)
        load_w = cpu_w + gpu_w + memory_w + storage_w + regulator_w + p.BOARD_W + p.PANEL_W + p.FAN_W + q.EXTERNAL_W
        loss_w = p.STANDING_W + load_w * (p.PROPORTIONAL + p.RESISTIVE_PER_W * load_w)
        heat_w = np.zeros(at.NODE_COUNT)
        heat_w[at.T_CPU_JUNCTION] = cpu_w
        heat_w[at.T_GPU_JUNCTION] = gpu_core_w
        heat_w[at.T_GPU_MEMORY] = gpu_memory_w
        heat_w[at.T_VRM] = regulator_w
        heat_w[at.T_MEMORY] = memory_w
        heat_w[at.T_STORAGE] = storage_w
        heat_w[at.T_BOARD] = p.BOARD_W
        heat_w[at.T_SUPPLY] = loss_w
        heat_w[at.T_PANEL] = p.PANEL_W
        heat_w[at.T_INTAKE_AIR] = p.FAN_W
        return Load(cpu_w, gpu_w, load_w, load_w + loss_w, heat_w, 1.0 / (q.PACE_S if q.REALTIME > 0.5 else spent_s))

    def headrooms(self, load: Load) -> tuple[float, float]:
        """Return how far processor and graphics are from their power limits, relative to these."""
        p = self.p
        allowed_w = p.PL1_W if self.mean_w > p.PL1_W else p.PL2_W
        system = (p.RATED_W - load.load_w) / p.RATED_W
        processor = min((allowed_w - load.cpu_w) / allowed_w, system)
        return processor, min((self.q.GPU_CAP_W - load.gpu_w) / self.q.GPU_CAP_W, system)

    def ceiling_ghz(self, power_clock: float) -> float:
        """Return the clock that trip and power limit leave."""
        p, cut = self.p, self.cut
        return max(min(power_clock, self.q.PARALLEL_CAP_GHZ - cut if cut > 0.0 else p.MAX_GHZ), p.MIN_GHZ)

    def held_ghz(self) -> float:
        """Return the clock that the power limit starts from: under the trip the one in use."""
        return self.ceiling_ghz(self.power_clock) if self.cut > 0.0 else self.power_clock

    def clock_slope(self, headroom: float) -> float:
        """Return how fast the power controller moves the processor's clock. [GHz/s]."""
        return 30.0 * min(max(headroom, -1.0), 1.0)

    def level_slope(self, headroom: float, gpu_k: float) -> float:
        """Return how fast the firmware moves the graphics level. [1/s]."""
        return min(max(min(20.0 * headroom, 0.5 * (self.p.GPU_LIMIT_K - gpu_k)), -10.0), 10.0)

    def trip(self, cpu_k: float, step_s: float) -> None:
        """Let the thermal trip engage, deepen, hold or let go."""
        p = self.p
        if cpu_k < p.RELEASE_K:
            self.cut = 0.0
        elif cpu_k >= p.TRIP_K:
            self.cut = self.cut + 0.5 * step_s if self.cut > 0.0 else p.TRIP_STEP_GHZ

    def fan(self) -> NDArray[np.float64]:
        """Let the fan controller decide, and return the network's conductances. [W/K]."""
        p = self.p
        wanted, tripped = 0.0, p.THROTTLE_GAIN * (self.cut - 0.5 * p.TRIP_STEP_GHZ)
        loops = ((at.T_CPU_JUNCTION, p.CPU_TARGET_K, tripped), (at.T_GPU_JUNCTION, p.GPU_TARGET_K, 0.0))
        for i, (node, target, drift) in enumerate(loops):
            total = self.filtered[i] * p.FILTER_S + self.temps[node] * FAN_STEP_S
            self.filtered[i] = float(total / (p.FILTER_S + FAN_STEP_S))
            error = self.filtered[i] - target
            integral = self.integrals[i] + (p.INTEGRAL_GAIN * error + drift) * FAN_STEP_S
            self.integrals[i] = min(max(integral, 0.0), p.FAN_MAX - p.FAN_MIN)
            wanted = max(wanted, self.integrals[i] + p.GAIN * error)
        wanted = p.FAN_FIXED if p.FAN_FIXED >= 0.0 else min(p.FAN_MIN + wanted, p.FAN_MAX)
        self.rpm = min(max(wanted, self.rpm - p.SLEW * FAN_STEP_S), self.rpm + p.SLEW * FAN_STEP_S)
        x = self.rpm / p.FAN_FULL_RPM if p.FAN_FULL_RPM > 0.0 else 0.0
        p.FAN_W = p.FAN_FULL_W * x**3
        flow = p.FLOW_NATURAL + p.FLOW_FULL * x
        ratio, stream = (flow / p.FLOW_REFERENCE) ** p.FLOW_EXPONENT, flow * AIR_HEAT_J_PER_L_K
        return self._fixed + ratio * self._convection + stream * self._stream


def leakage_w(reference_w: float, voltage: float, temp_k: float, per_kelvin: float) -> float:
    """Return the static power of powered silicon. [W]."""
    x = min(max(per_kelvin * (temp_k - LEAKAGE_REFERENCE_K), -2.5), 2.5)
    return reference_w * voltage**2 * math.exp(x)


def numpy_loop(one: Case, seconds: int) -> Totals:
    """Run a case for a number of seconds, step by step, with the inverse of the thermal matrix made each second."""
    model = Model(one)
    p = model.p
    time_s, wall_j, peak_k, carry_s = 0.0, 0.0, p.PEAK_CPU_K, 0.0
    for _ in range(seconds):
        matrix = model.fan()
        inverse = np.linalg.inv(matrix + np.diag(model.per_step))
        for _ in range(TICKS_PER_SECOND):
            temps = model.temps
            cpu_k, gpu_k, storage_k = temps[[at.T_CPU_JUNCTION, at.T_GPU_JUNCTION, at.T_STORAGE]].tolist()
            load = model.load(cpu_k, gpu_k, storage_k, model.power_clock, model.level)
            temps = model.temps = inverse @ (model.per_step * temps + load.heat_w)
            model.mean_w = (model.mean_w * p.TAU_S + load.cpu_w * STEP_S) / (p.TAU_S + STEP_S)
            headroom, gpu_headroom = model.headrooms(load)
            cpu_k = float(temps[at.T_CPU_JUNCTION])
            clock = model.held_ghz() + STEP_S * model.clock_slope(headroom)
            model.power_clock = min(max(clock, p.MIN_GHZ), p.MAX_GHZ)
            level = model.level + STEP_S * model.level_slope(gpu_headroom, float(temps[at.T_GPU_JUNCTION]))
            model.level = min(max(level, 0.0), p.GPU_TOP)
            model.trip(cpu_k, STEP_S)
            time_s += STEP_S
            wall_j += load.wall_w * STEP_S
            peak_k = max(peak_k, cpu_k)
            model.progress += load.rate * (STEP_S + carry_s)
            carry_s = 0.0
            if model.progress >= 1.0:
                carry_s = (model.progress - 1.0) / load.rate
                if not model.begin(model.number + 1):
                    return Totals(time_s, wall_j, peak_k)
    return Totals(time_s, wall_j, peak_k)
