"""What the memory is to a phase of a recording: seen or not, with room left, or what holds it up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from spacegrey.workload.recording.rating import bandwidth_gb_s

if TYPE_CHECKING:
    from spacegrey.workload.recording.estimate import Stretch
    from spacegrey.workload.recording.rating import Rating

BOUND = 0.6
"""A phase that moves this share of what the memory was rated at is held up by it: no phase comes nearer by chance."""

SCATTERED = 2.0
"""More than this many times what a core can copy was not moved: pages were touched here and there."""


def traffic(
    stretch: Stretch, rating: Rating, cores: int
) -> tuple[Literal["unseen", "free", "limits", "scattered"], float, float]:
    """Return what the memory is to a phase, the traffic [GB], and the share of its clocks that were not lost to others.

    Where the memory limits a phase, it carried what it was rated at, and threads that waited for each other's traffic
    computed no more than they would have alone.
    """
    if not np.isfinite(stretch.traffic_gb) or stretch.cpu_s <= 0.0:
        return "unseen", 0.0, 1.0
    alone_gb_s = bandwidth_gb_s(rating, 1)
    if stretch.watched_s > 0.0 and stretch.traffic_gb > SCATTERED * alone_gb_s * stretch.cpu_s:
        return "scattered", 0.0, 1.0
    most_gb = stretch.busy_s * bandwidth_gb_s(rating, cores)
    if stretch.traffic_gb < BOUND * most_gb:
        return "free", stretch.traffic_gb, 1.0
    return "limits", most_gb, min(most_gb / alone_gb_s / stretch.cpu_s, 1.0)
