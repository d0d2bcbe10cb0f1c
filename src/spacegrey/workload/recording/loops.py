"""The loops that rate a host: short, compiled, each limited by one thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spacegrey.jit import kernel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CLOCKS_PER_STEP = 6
"""Clocks that a step of `shift_chain` takes on any x86 core of the last fifteen years: six dependent instructions."""


@kernel
def shift_chain(steps: int) -> int:
    """Do dependent shifts and exclusive ors, which take one clock each: it measures the clock."""
    x = 88172645463325252
    for _ in range(steps):
        x ^= x << 13
        x ^= x >> 7
        x ^= x << 17
    return x


@kernel
def integer_work(steps: int, table: NDArray[np.int64]) -> int:
    """Look up, compare, branch and change a small table, as compilers and archivers do."""
    x, found = 88172645463325252, 0
    mask = len(table) - 1
    for _ in range(steps):
        x ^= x << 13
        x ^= x >> 7
        x ^= x << 17
        place = x & mask
        value = table[place]
        if value & 1:
            found += value >> 3
            table[place] = value + x
        else:
            found ^= value
            table[(place * 31 + found) & mask] = value >> 1 | 1
    return found


@kernel
def float_work(steps: int, points: NDArray[np.float64]) -> float:
    """Intersect rays with spheres: products, sums, a root and a division, as renderers do."""
    nearest = 0.0
    count = points.shape[0]
    for step in range(steps):
        i = step % count
        x, y, z, r = points[i, 0], points[i, 1], points[i, 2], points[i, 3]
        b = x * 0.48 + y * 0.6 + z * 0.64
        inside = b * b - (x * x + y * y + z * z) + r * r
        if inside > 0.0:
            nearest += b - inside**0.5
        else:
            nearest += 1.0 / (1.0 + b * b)
    return nearest


@kernel
def chase(links: NDArray[np.int64], steps: int) -> int:
    """Follow links from line to line: the latency of memory."""
    place = 0
    for _ in range(steps):
        place = links[place]
    return place
