"""A machine with a plan's devices at its ports: what a run's drive and network are then."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from spacegrey.connections.arrange import connect
from spacegrey.connections.planner import READ, WRITE
from spacegrey.errors import Refusal
from spacegrey.machine.assembly import External

if TYPE_CHECKING:
    from spacegrey.connections.arrange import Answer
    from spacegrey.connections.plan import Plan
    from spacegrey.machine.assembly import Machine


def plugged(plan: Plan, machine: Machine) -> Machine:
    """Return a machine whose runs use the plan's storage and network, at the rates that the planner gives them.

    Parameters
    ----------
    plan : Plan
        Its ``storage`` and ``network`` say which devices a run's bytes go to; everything else of it is load beside.
    machine : Machine
        As the catalog has it.

    Returns
    -------
    Machine
        The same, with `External`.

    Raises
    ------
    Refusal
        The plan does not fit the machine; the line says why.
    """
    answer = connect(plan, machine)
    if not answer.fits:
        raise Refusal(f"plan {plan.name!r} does not fit {machine.spec.name}: {'; '.join(answer.reasons)}")
    return replace(machine, external=external(answer))


def external(answer: Answer) -> External:
    """Return what a run is to know of an answer."""
    plan = answer.plan
    flows = {one.name: one.flows for one in answer.outcome.devices}

    def rate(name: str | None, direction: str) -> float:
        return flows[name][direction].got_gbps if name is not None and direction in flows[name] else 0.0

    return External(
        plan.name,
        plan.storage,
        rate(plan.storage, READ) / 8.0,
        rate(plan.storage, WRITE) / 8.0,
        plan.network,
        rate(plan.network, READ),
        sum(one.planned.device.power_w for one in answer.outcome.devices),
    )
