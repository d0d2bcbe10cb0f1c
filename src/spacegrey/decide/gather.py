"""From names to points: what could be bought, at which price, and what each makes of the workloads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.decide.limits import FEATURES
from spacegrey.decide.outcomes import outcomes
from spacegrey.decide.points import Point
from spacegrey.decide.quote import Quote, quote
from spacegrey.errors import InputError, Refusal

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from spacegrey.decide.offers import Offers
    from spacegrey.decide.outcomes import Outcomes
    from spacegrey.machine.assembly import Machine
    from spacegrey.workload.library import Workload

SECOND_HAND = ("used", "refurbished")


@dataclass(frozen=True)
class Gathered:
    """Every candidate as a point, and what was left out.

    Attributes
    ----------
    left_out : dict of str to (int, str)
        Machine to how many of its configurations are no candidates, and why the first is none.
    distinct : int
        Runs that were simulated; the other results are the same physics.
    conflicting : int
        Configurations left out because their parts do not go together.
    """

    points: tuple[Point, ...]
    left_out: dict[str, tuple[int, str]]
    distinct: int
    conflicting: int = 0


@dataclass(frozen=True)
class Market:
    """Where and when things are bought.

    Attributes
    ----------
    on : date or None
        Only what could be bought on that day; None: each machine when it was new.
    second_hand : bool
        Used and refurbished offers count too, where they are cheaper.
    """

    on: dt.date | None = None
    offers: Offers | None = None
    second_hand: bool = False
    currency: str = "USD"
    rates: Mapping[str, float] | None = None


def gather(
    workloads: Sequence[Workload],
    machines: Sequence[Machine],
    base: Machine,
    market: Market,
    weights: Sequence[float] | None = None,
) -> Gathered:
    """Price and simulate candidates.

    Parameters
    ----------
    workloads : sequence of Workload
        What is asked of every one.
    machines : sequence of Machine
        The candidates, as `candidates.configurations` returns them.
    base : Machine
        Whose speed is 1.
    market : Market
        Where and when they are bought.
    weights : sequence of float, optional
        How much each workload counts, above 0; all the same, if not stated.

    Raises
    ------
    Refusal
        The base cannot do the work.

    Examples
    --------
    >>> from spacegrey.machine.assembly import machine
    >>> from spacegrey.workload.library import workload
    >>> both = [machine("imac-pro"), machine("imac-pro:18-core")]
    >>> found = gather([workload("cinebench-r15")], both, both[0], Market())
    >>> [round(point.speed, 1) for point in found.points]
    [1.0, 1.8]
    """
    left_out: dict[str, tuple[int, str]] = {}

    def leave_out(machine: Machine, words: str) -> None:
        count, first = left_out.get(machine.id, (0, words))
        left_out[machine.id] = (count + 1, first)

    sold: list[tuple[Machine, Quote]] = []
    conflicting = 0
    for machine in machines:
        bill = _bill(machine, market)
        if isinstance(bill, Quote) and bill.conflict:
            leave_out(machine, f"its parts do not go together: {bill.conflict}")
            conflicting += 1
        elif isinstance(bill, Quote):
            sold.append((machine, bill))
        else:
            leave_out(machine, bill)
    found = outcomes([base, *(machine for machine, _ in sold)], workloads)
    for column, workload in enumerate(workloads):
        if (0, column) in found.refusal:
            raise Refusal(f"{base.selector} is the measure and cannot do {workload.id}: {found.refusal[0, column]}")
    shares = np.array(weights or [1.0] * len(workloads))
    points: list[Point] = []
    for row, (machine, bill) in enumerate(sold, start=1):
        words = _refused(found, row, len(workloads))
        if words:
            leave_out(machine, words)
        else:
            points.append(_point(machine, bill, found, row, shares))
    return Gathered(tuple(points), left_out, found.distinct, conflicting)


def _refused(found: Outcomes, row: int, workloads: int) -> str:
    for column in range(workloads):
        if (row, column) in found.refusal:
            return found.refusal[row, column]
        if not found.speed[row, column] > 0.0:
            return "it gets nothing done in time"
    return ""


def _bill(machine: Machine, market: Market) -> Quote | str:
    """Return the cheapest bill, or why there is none; the first with a conflict, which no other would lack."""
    bills: list[Quote] = []
    why = ""
    kinds = [("list", "street"), *((kind,) for kind in SECOND_HAND if market.second_hand)]
    for kind in kinds:
        try:
            bill = quote(machine, market.on, market.offers, kinds=kind, currency=market.currency, rates=market.rates)
        except InputError as error:
            why = why or str(error)
            continue
        if bill.conflict:
            return bill
        second_hand = kind[0] in SECOND_HAND
        if bill.available and (bill.complete or not second_hand):
            bills.append(bill)
        else:
            why = why or bill.availability
    return min(bills, key=lambda one: (not one.complete, one.total), default=why)


def _point(machine: Machine, bill: Quote, found: Outcomes, row: int, weights: NDArray[np.float64]) -> Point:
    speeds = found.speed[row] / found.speed[0]
    energy_wh = float(weights @ found.energy_wh[row])
    busy_h = float(weights @ found.duration_s[row]) / 3600.0
    return Point(
        selector=machine.selector,
        machine_id=machine.id,
        name=machine.spec.name,
        speed=float(np.exp(weights @ np.log(speeds) / weights.sum())),
        speeds=tuple(map(float, speeds)),
        durations_s=tuple(map(float, found.duration_s[row])),
        price=bill.total,
        complete=bill.complete,
        noise_dba=float(found.noise_dba[row].max()),
        energy_wh=energy_wh,
        wall_power_w=float(found.wall_power_w[row].max()),
        mean_power_w=energy_wh / busy_h,
        features={name: feature.of(machine) for name, feature in FEATURES.items()},
        chosen=machine.chosen,
        price_basis=_basis(bill),
    )


def _basis(bill: Quote) -> str:
    """Return how a price is known, in words."""
    unknown = [line.item for line in bill.lines if line.price is None]
    if unknown:
        return f"at least: no price is known of {', '.join(unknown)}"
    notes = {line.note for line in bill.lines}
    return notes.pop() if len(notes) == 1 else f"prices of {bill.on}, {len(bill.lines)} lines: spacegrey quote"
