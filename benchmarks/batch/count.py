"""Counts the arithmetic of the kernel: its own laws, run as plain Python on floats that count what is done to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spacegrey.simulation.kernel.advance import OBSERVATIONS_PER_SECOND, TICKS_PER_OBSERVATION
from spacegrey.simulation.kernel.observe import observe
from spacegrey.simulation.kernel.tick import fan_step, tick

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.batch.blocks import Blocks


def _counting(name: str) -> Callable[..., Any]:
    plain = getattr(float, name)

    def operation(self: Counted, *others: float) -> Counted:
        Counted.done += 1
        return Counted(plain(self, *map(float, others)))

    return operation


class Counted(float):
    """A float that counts additions, subtractions, multiplications, divisions and powers; comparisons are free."""

    done = 0
    __slots__ = ()


for _name in ("add", "sub", "mul", "truediv", "pow"):
    setattr(Counted, f"__{_name}__", _counting(f"__{_name}__"))
    setattr(Counted, f"__r{_name}__", _counting(f"__r{_name}__"))


def flop_per_step(batch: Blocks) -> float:
    """Return the arithmetic operations of a machine's second, its hundredth: fan and observation have their share."""
    m = [Counted(value) for value in batch.start[0].reshape(-1, 8)[:, 0]]
    Counted.done = 0
    fan_step(m, 0, 1)  # type: ignore[arg-type] - a list will do
    for _ in range(OBSERVATIONS_PER_SECOND):
        for _ in range(TICKS_PER_OBSERVATION):
            tick(m, 0, 1)  # type: ignore[arg-type]
        observe(m, 0, 1)  # type: ignore[arg-type]
    return Counted.done / (OBSERVATIONS_PER_SECOND * TICKS_PER_OBSERVATION)
