"""Where each of several machines wins: by workload the fastest, the best for its price, quietest and thriftiest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spacegrey.decide.candidates import configurations
from spacegrey.decide.gather import Market, gather
from spacegrey.machine.assembly import machine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spacegrey.decide.points import Point
    from spacegrey.workload.library import Workload


@dataclass(frozen=True)
class Contest:
    """One workload: the winners, and the best of every machine.

    Attributes
    ----------
    fastest, thriftiest, quietest : Point
        Of all configurations with a known price; of equals the cheapest.
    best_value : Point
        The most speed for its price.
    best : mapping of str to Point
        Machine to its fastest configuration with a known price; of equals the cheapest.
    """

    workload: str
    fastest: Point
    best_value: Point
    quietest: Point
    thriftiest: Point
    best: Mapping[str, Point]


def contests(
    workloads: Sequence[Workload], machines: Sequence[str], base: str = "imac-pro", market: Market | None = None
) -> list[Contest]:
    """Return who wins, workload by workload.

    Parameters
    ----------
    workloads : sequence of Workload
        Each is a contest of its own.
    machines : sequence of str
        Machines or selectors, as `candidates.configurations` takes them.
    base : str
        The machine whose speed is 1.
    market : Market, optional
        Where and when they are bought; each at its price when it was new, if not stated.

    Examples
    --------
    >>> from spacegrey.workload.library import workload
    >>> [one] = contests([workload("geekbench-5-single")], ["imac-pro", "macbook-air-m1"])
    >>> one.fastest.machine_id, one.best_value.machine_id
    ('macbook-air-m1', 'macbook-air-m1')
    """
    candidates = [one for name in machines for one in configurations(name)]
    found: list[Contest] = []
    for asked in workloads:
        points = gather([asked], candidates, machine(base), market or Market()).points
        priced = [one for one in points if one.complete and one.price > 0.0]
        names = dict.fromkeys(one.machine_id for one in priced)
        found.append(
            Contest(
                workload=asked.id,
                fastest=min(priced, key=_fastest),
                best_value=min(priced, key=lambda one: (-one.speed / one.price, one.price)),
                quietest=min(priced, key=lambda one: (round(one.noise_dba, 1), one.price)),
                thriftiest=min(priced, key=lambda one: (one.energy_wh, one.price)),
                best={name: min((one for one in priced if one.machine_id == name), key=_fastest) for name in names},
            )
        )
    return found


def _fastest(point: Point) -> tuple[float, float, float]:
    return (-point.speed_step, point.price, -point.speed)
