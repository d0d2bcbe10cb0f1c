"""Whether something else keeps the cores busy while something is measured."""

from __future__ import annotations

import sys
import time
from pathlib import Path

QUIET, PATIENCE_S = 0.1, 60.0
"""Share of the cores that may be busy with something else, and how long to wait for that in all. [1, s]"""

GLANCE_S = 0.5
"""How long the cores are watched to see whether they are busy. [s]"""


class Quiet:
    """Waits until nothing else keeps the cores busy, and remembers where that was in vain."""

    def __init__(self) -> None:
        self.disturbed: dict[str, float] = {}
        self._waited_s = 0.0

    def wait(self, what: str) -> None:
        """Wait for idle cores before ``what`` is measured."""
        while (busy := _busy_share()) > QUIET:
            self._waited_s += GLANCE_S
            if self._waited_s > PATIENCE_S:
                self.disturbed[what] = round(busy, 2)
                print(f"{what}: {busy:.0%} of the cores are busy with something else", file=sys.stderr)
                return


def _busy_share() -> float:
    """Return the share of all cores that was busy in the last moment."""

    def ticks() -> tuple[int, int]:
        line = Path("/proc/stat").read_text(encoding="utf-8").partition("\n")[0]
        numbers = [int(number) for number in line.split()[1:9]]
        return sum(numbers), numbers[3] + numbers[4]

    (total, idle), _ = ticks(), time.sleep(GLANCE_S)
    total_after, idle_after = ticks()
    return 1.0 - (idle_after - idle) / max(total_after - total, 1)
