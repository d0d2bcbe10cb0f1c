"""A machine with a plan's devices at its ports: what a run's drive and network are then."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from spacegrey.connections.arrange import connect
from spacegrey.connections.planner import READ, WRITE
from spacegrey.connections.wiring import family_of
from spacegrey.errors import Refusal
from spacegrey.machine.assembly import Attached, External
from spacegrey.parts.network.spec import Stack, sheet

if TYPE_CHECKING:
    from spacegrey.connections.arrange import Answer
    from spacegrey.connections.plan import Plan
    from spacegrey.connections.planner import Served
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
    return replace(machine, external=external(fitting(plan, machine)))


def fitting(plan: Plan, machine: Machine) -> Answer:
    """Return the answer of a plan that fits a machine.

    Raises
    ------
    Refusal
        It does not; the line says why.
    """
    answer = connect(plan, machine)
    if not answer.fits:
        raise Refusal(f"plan {plan.name!r} does not fit {machine.spec.name}: {'; '.join(answer.reasons)}")
    return answer


def external(answer: Answer) -> External:
    """Return what a run is to know of an answer."""
    plan = answer.plan
    devices = tuple(_attached(one) for one in answer.outcome.devices if one.flows)
    power_w = sum(one.planned.device.power_w for one in answer.outcome.devices)
    return External(plan.name, plan.storage, plan.network, devices, power_w)


def _attached(one: Served) -> Attached:
    device = one.planned.device
    read, write = (one.flows[way].got_gbps / 8.0 if way in one.flows else 0.0 for way in (READ, WRITE))
    over_network = family_of(device.link) in {"ethernet", "wifi"} or device.kind == "network"
    cost = sheet(Stack, "tcp", "network stack").cycles_per_byte(device.frame_bytes) if over_network else 0.0
    return Attached(one.name, read, write, cost, wireless=device.link == "wifi")
