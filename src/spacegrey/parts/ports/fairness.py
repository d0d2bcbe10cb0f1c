"""Who gets what of shared links: max-min fair shares, by progressive filling.

Every flow starts at zero and all grow together. A flow stops when it has what it wants or when a link on its path is
full; the others go on. What comes out cannot be changed to give a flow more without taking from one that has no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROUNDING = 1e-12
"""Links and wishes that differ by less, relatively, are met at one time."""


@dataclass(frozen=True)
class Shares:
    """Rates of flows.

    Attributes
    ----------
    rates : dict of str to float
        By flow, in the unit of the capacities.
    limited_by : dict of str to str or None
        By flow: the link that was full when it stopped; None: it has what it wants.
    """

    rates: dict[str, float]
    limited_by: dict[str, str | None]


def max_min(capacity: Mapping[str, float], paths: Mapping[str, Sequence[str]], wanted: Mapping[str, float]) -> Shares:
    """Return the max-min fair rates of flows over links.

    Parameters
    ----------
    capacity : mapping of str to float
        Of each link, >= 0.
    paths : mapping of str to sequence of str
        The links that each flow crosses.
    wanted : mapping of str to float
        What each flow would take, >= 0.

    Returns
    -------
    Shares
        The one set of rates that is max-min fair.

    Notes
    -----
    Progressive filling ends after as many rounds as there are flows or links. Status: reference.

    Where paths are those of a tree towards its root, one more flow never raises another's rate. For a link, let its
    level be the height at which the flows below it, grown together, fill it. The level depends on what is below only
    and falls when a flow is added there; a flow's rate is the lowest level on its path, or what it wants. Two things
    that look alike do not hold, and tests/ports/test_fairness.py has an example of each: over paths that do not end at
    one root a flow can raise another's rate, and on a tree a narrower link can raise a rate beside it.

    References
    ----------
    D. Bertsekas, R. Gallager, Data Networks, 2nd ed., 1992, section 6.5.2 (source ``bertsekas-gallager``).

    Examples
    --------
    Three disks behind one link of 10; the first wants little:

    >>> max_min({"link": 10.0}, {"a": ["link"], "b": ["link"], "c": ["link"]}, {"a": 2.0, "b": 9.0, "c": 9.0}).rates
    {'a': 2.0, 'b': 4.0, 'c': 4.0}
    """
    rates = dict.fromkeys(paths, 0.0)
    limited: dict[str, str | None] = dict.fromkeys(paths)
    growing = set(paths)
    while growing:
        crossing = {link: [flow for flow in paths if link in paths[flow]] for link in capacity}
        levels: dict[str, float] = {}
        for link, flows in crossing.items():
            alive = sum(flow in growing for flow in flows)
            if alive:
                left = capacity[link] - sum(rates[flow] for flow in flows if flow not in growing)
                levels[link] = max(left, 0.0) / alive
        level = min([*levels.values(), *(wanted[flow] for flow in growing)])
        reached = level * (1.0 + ROUNDING)
        stopping: set[str] = set()
        for flow in paths:
            if flow not in growing:
                continue
            # Of links that are full at one time the first of its path is named: the one nearest to the device.
            full = next((link for link in paths[flow] if levels[link] <= reached), None)
            if wanted[flow] <= reached:
                rates[flow] = min(wanted[flow], level) if full else wanted[flow]
                stopping.add(flow)
            elif full is not None:
                rates[flow], limited[flow] = level, full
                stopping.add(flow)
        growing -= stopping
    return Shares(rates, limited)
