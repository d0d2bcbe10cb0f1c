"""The whole question: which of everything that could be bought to take for some work, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spacegrey.decide.candidates import configurations
from spacegrey.decide.gather import Gathered, Market, gather
from spacegrey.decide.reachable import check_reachable
from spacegrey.decide.recommend import Answer, recommend
from spacegrey.errors import InputError, Refusal, unknown
from spacegrey.machine.assembly import machine
from spacegrey.machine.catalog import machine_ids
from spacegrey.workload.library import workload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spacegrey.decide.limits import Limits


@dataclass(frozen=True)
class Choice:
    """A question and its answer.

    Attributes
    ----------
    workloads : mapping of str to float
        Each workload with its weight.
    among : tuple of str
        Machines and selectors whose configurations were candidates.
    named : bool
        Whether they were named; else they are the whole catalog.
    """

    workloads: Mapping[str, float]
    among: tuple[str, ...]
    named: bool
    base: str
    market: Market
    limits: Limits
    gathered: Gathered
    answer: Answer

    @property
    def when(self) -> str:
        """Which prices were taken, in words."""
        second_hand = ", used and refurbished ones too" if self.market.second_hand else ""
        if self.market.on is None:
            return f"each machine at its own price when it was new{second_hand}: give --on DATE for one day's choice"
        return f"what could be bought on {self.market.on}{second_hand or ', new'}"


def choose(
    workloads: Mapping[str, float],
    limits: Limits,
    market: Market,
    among: Sequence[str] = (),
    base: str = "imac-pro",
) -> Choice:
    """Choose among every configuration of some machines.

    Parameters
    ----------
    workloads : mapping of str to float
        Workload, by name or path, to its weight above 0: how often it is run, and how much its speed counts.
    limits : Limits
        What the buyer asks; deadlines are by the same names.
    market : Market
        Where and when things are bought.
    among : sequence of str
        Machines, or selectors whose choices are kept; all of the catalog, if empty.
    base : str
        The machine whose speed is 1.

    Raises
    ------
    InputError
        A name is unknown, a weight or a limit makes no sense, or no machine could ever meet a limit.
    Refusal
        The base cannot do the work, or nothing could be bought on that day.

    Examples
    --------
    >>> from spacegrey.decide.limits import Limits
    >>> made = choose({"cinebench-r15": 1.0}, Limits(budget=5000.0), Market(), ["imac-pro"])
    >>> made.answer.recommendation.selector
    'imac-pro'
    """
    for name, weight in workloads.items():
        if not (math.isfinite(weight) and weight > 0.0):
            raise InputError(f"weight of {name} must be a number above 0, not {weight:g}")
    for name in limits.deadlines_s:
        if name not in workloads:
            raise unknown("workload", name, workloads, "deadline")
    asked = [workload(name) for name in workloads]
    names = tuple(dict.fromkeys(among)) or tuple(machine_ids())
    measure = machine(base)
    candidates = {one.selector: one for name in names for one in configurations(name)}
    gathered = gather(asked, list(candidates.values()), measure, market, list(workloads.values()))
    if not gathered.points:
        name, (_, why) = next(iter(gathered.left_out.items()))
        when = f"could be bought on {market.on}" if market.on else "is left"
        raise Refusal(
            f"nothing of {', '.join(names) if among else 'the catalog'} {when}: {name}: {why.partition(';')[0]}"
        )
    answer = recommend(gathered.points, limits, list(workloads), market.currency)
    if answer.recommendation is None and any(
        one.name in {"max-power", "max-noise"} and not one.met.any() for one in answer.constraints
    ):
        check_reachable(limits, [candidates[point.selector] for point in gathered.points])
    return Choice(dict(workloads), names, bool(among), base, market, limits, gathered, answer)
