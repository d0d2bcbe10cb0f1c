"""A machine that is stepped through time, second by second, while others look at it and touch its fans."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spacegrey.errors import Refusal
from spacegrey.parts.graphics.laws import ladder
from spacegrey.parts.power.laws import supply_loss_w
from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.kernel.advance import DONE, NOT_FINITE, advance, prepare
from spacegrey.simulation.kernel.network import NODES
from spacegrey.simulation.kernel.observe import TRACE_COLUMNS
from spacegrey.simulation.lowering import lower
from spacegrey.simulation.parameters import lane
from spacegrey.simulation.run import LONGEST_S, ONE_LANE, check
from spacegrey.workload.library import workload as named

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spacegrey.machine.assembly import Machine
    from spacegrey.workload.library import Workload

_AUTOMATIC = -1.0
_CHUNK_S = 600
_NO_TRACE = (0, len(TRACE_COLUMNS))


class Stepped:
    """A machine under way: it works, then idles, until nobody steps it any more.

    Parameters
    ----------
    machine : Machine
        Who works, in which room.
    work : Workload
        What it begins with, after hours of idling.

    Raises
    ------
    Refusal
        The machine cannot do the work.

    Examples
    --------
    >>> from spacegrey.machine.assembly import machine
    >>> from spacegrey.workload.library import workload
    >>> one = Stepped(machine("imac-pro"), workload("cinebench-r15-loop"))
    >>> one.step(60)
    >>> warm = one.state()["cpu_junction_c"]
    >>> one.hold_fans(2500.0)
    >>> one.step(60)
    >>> one.state()["fan_rpm"], one.state()["cpu_junction_c"] < warm
    (2500.0, True)
    """

    def __init__(self, machine: Machine, work: Workload) -> None:
        self.machine = machine
        self.seconds = 0
        """How long it has been stepped; its own clock. [s]"""
        self.ended_s: float | None = None
        """When the work was done, None while it is not. [s]"""
        self._lane = lane(machine)
        self._over = False
        self._begin(work)

    def _begin(self, work: Workload) -> None:
        self._phases = lower(work, self.machine)
        check(work, self.machine, self._phases)
        self._first, self._count = np.zeros(1, np.int64), np.array([len(self._phases)])
        self._ends = np.zeros(len(self._phases))
        self._lane[at.LIVE] = 1.0
        self._lane[at.CARRY_S] = 0.0
        prepare(self._lane, ONE_LANE, self._phases, self._first)

    def step(self, seconds: int) -> None:
        """Let time pass.

        Parameters
        ----------
        seconds : int
            How much: the fan controller decides once a second, and the sensors are read as often. [s]

        Raises
        ------
        Refusal
            The simulation left the numbers.
        """
        until = self.seconds + seconds
        while self.seconds < until:
            if self._over:
                self._over = False
                self._begin(named("idle"))
            self._advance(until - self.seconds)

    def finish(self) -> None:
        """Let time pass until the work is done, if it is not; it idles from then on.

        Raises
        ------
        Refusal
            It takes more than 30 simulated days, or the simulation left the numbers.
        """
        while self.ended_s is None:
            if self.seconds > LONGEST_S:
                raise Refusal(f"{self.machine.selector}: not done after 30 simulated days; ask for less work")
            self._advance(_CHUNK_S)

    def _advance(self, seconds: int) -> None:
        """Let time pass, at most to the end of what the machine does now."""
        before = self._lane[at.TIME_S]
        status, _ = advance(
            self._lane, ONE_LANE, self._phases, self._first, self._count, self._ends, np.zeros(_NO_TRACE),
            seconds,
        )  # fmt: skip
        if status == NOT_FINITE:
            raise Refusal(f"{self.machine.selector}: the simulation left the numbers; please report this")
        passed = self._lane[at.TIME_S] - before
        # a second in which the work ends is a whole one; the machine stands still for the rest of it
        self.seconds += max(int(np.ceil(passed - 1e-6)), 1)
        if status == DONE:
            self._over = True
            if self.ended_s is None:
                self.ended_s = float(self._ends[-1])

    @property
    def held_rpm(self) -> float | None:
        """What the fans are held at, None where their controller decides. [1/min]"""
        fixed = float(self._lane[at.FAN_FIXED])
        return None if fixed < 0.0 else fixed

    def hold_fans(self, rpm: float | None) -> None:
        """Hold the fans at a speed, which they reach at their own rate; None gives them back to their controller.

        Parameters
        ----------
        rpm : float or None
            Within their range; who calls has looked. [1/min]
        """
        self._lane[at.FAN_FIXED] = _AUTOMATIC if rpm is None else rpm

    def state(self) -> dict[str, float]:
        """Return what the machine is now.

        Returns
        -------
        dict of str to float
            ``NODE_c`` of each node of the thermal network [degC]; powers [W]; ``gpu_v`` [V]; ``fan_rpm`` [1/min];
            ``cpu_filtered_c``, ``gpu_filtered_c``: what the fan controller sees [degC]. ``system_power_w`` is what the
            supply delivers, ``wall_power_w`` what it takes.
        """
        m, room = self._lane, self.machine.ambient_c
        found = {f"{node}_c": float(m[number]) + room for number, node in enumerate(NODES)}
        found["cpu_filtered_c"] = float(m[at.FILTERED_CPU_K]) + room
        found["gpu_filtered_c"] = float(m[at.FILTERED_GPU_K]) + room
        wall = float(m[at.WALL_W])
        found |= {
            "ambient_c": room,
            "fan_rpm": float(m[at.FAN_RPM]),
            "cpu_power_w": float(m[at.CPU_W]),
            "gpu_power_w": float(m[at.GPU_W]),
            "wall_power_w": wall,
            "system_power_w": _delivered_w(m, wall),
            "gpu_v": _graphics_v(m),
            "memory_power_w": _memory_w(m),
        }
        return found


def _delivered_w(m: NDArray[np.float64], wall_w: float) -> float:
    """Return what the supply delivers when it takes ``wall_w``: its loss undone. [W]."""
    low, high = 0.0, wall_w
    for _ in range(60):  # halves: more than a double holds
        middle = 0.5 * (low + high)
        taken = middle + supply_loss_w(middle, m[at.STANDING_W], m[at.PROPORTIONAL], m[at.RESISTIVE_PER_W])
        low, high = (middle, high) if taken < wall_w else (low, middle)
    return 0.5 * (low + high)


def _graphics_v(m: NDArray[np.float64]) -> float:
    """Return the voltage of the graphics: of its level while it works, of its lowest one else. [V]."""
    level = float(m[at.GPU_LEVEL]) if m[at.GPU_BUSY] > 0.0 else 0.0
    return float(ladder(level, *m[at.GPU_V0 : at.GPU_V0 + 8])) * 1e-3


def _memory_w(m: NDArray[np.float64]) -> float:
    """Return the power of the main memory, from the traffic of the last step. [W]."""
    moved = float(m[at.Q_MEMORY_GB])
    per_s = float(m[at.MEMORY_GB_S]) / moved if moved > 0.0 else 0.0
    return float(m[at.MEMORY_IDLE_W]) + float(m[at.Q_MEMORY_J]) * per_s
