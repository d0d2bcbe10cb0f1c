"""Logs of machines whose numbers are known, made by an integrator that the fit does not use."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy.linalg import expm

from spacegrey.logs.log import Log


@dataclass
class Known:
    """A ladder of two lumps (or three) in a room, under a load with steps."""

    r: tuple[float, ...] = (0.25, 0.35)
    c: tuple[float, ...] = (20.0, 350.0)
    room_c: float = 24.0
    fan_exponent: float = 0.0
    seconds: int = 1200
    period_s: float = 1.0
    noise_k: float = 0.3
    quantum_k: float = 1.0
    power_noise_w: float = 0.5
    without: tuple[str, ...] = ()
    seed: int = 1
    extra: dict = field(default_factory=dict)

    def power(self, time):
        # idle and load in turns of different length, so that every time constant is seen
        pattern = [(60, 12), (150, 95), (90, 12), (60, 60), (40, 95), (100, 30), (220, 80), (180, 12)]
        edges = np.cumsum([length for length, _ in pattern])
        watts = np.array([watt for _, watt in pattern])
        return watts[np.searchsorted(edges, time % edges[-1], side="right")].astype(float)

    def log(self):
        random = np.random.default_rng(self.seed)
        time = np.arange(0.0, self.seconds, self.period_s)
        power = self.power(time) + random.normal(0.0, self.power_noise_w, len(time))
        fan = np.ones(len(time)) if not self.fan_exponent else 0.5 + 0.5 * ((time // 130) % 2)
        order = len(self.r)
        state = np.cumsum(np.array(self.r[::-1]))[::-1] * power[0]
        shown = np.empty(len(time))
        for row, watts in enumerate(power):
            if row:
                g = [1.0 / one for one in self.r]
                g[-1] *= fan[row] ** self.fan_exponent
                flow = np.zeros((order, order))
                for lump in range(order):
                    flow[lump, lump] -= g[lump] / self.c[lump]
                    if lump + 1 < order:
                        flow[lump, lump + 1] += g[lump] / self.c[lump]
                        flow[lump + 1, lump] += g[lump] / self.c[lump + 1]
                        flow[lump + 1, lump + 1] -= g[lump] / self.c[lump + 1]
                settled = np.linalg.solve(-flow, np.eye(order)[0] * watts / self.c[0])
                state = settled + expm(flow * self.period_s) @ (state - settled)
            shown[row] = self.room_c + state[0]
        temp = shown + random.normal(0.0, self.noise_k, len(time))
        if self.quantum_k:
            temp = np.round(temp / self.quantum_k) * self.quantum_k
        columns = {"time_s": time, "cpu_temp_c": temp, "cpu_power_w": power, **self.extra}
        if self.fan_exponent:
            columns["fan_rpm"] = 2400.0 * fan
        for name in self.without:
            columns.pop(name, None)
        return Log("known.csv", "spacegrey", columns)


@pytest.fixture
def known():
    return Known
