"""Which port for which device: every arrangement that differs is tried, and the best is kept.

Ports that can stand in for each other count as one. Better is: more devices fit; then the device that gets the smallest
share of what it wants gets more; then the next.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from spacegrey.connections.planner import Outcome, Planner, Served, port_tree
from spacegrey.connections.wiring import BUILT_IN, MACHINE, family_of, sites_of, takes
from spacegrey.errors import InputError, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spacegrey.connections.plan import Plan, Planned
    from spacegrey.connections.wiring import Site
    from spacegrey.machine.assembly import Machine
    from spacegrey.parts.ports.spec import PortTree, Published

MOST_TRIED = 2000
"""A search ends after so many arrangements, and says so."""

_CONNECTORS = {"usb": "usb-a", "hdmi": "hdmi", "displayport": "displayport", "thunderbolt": "usb-c"}


@dataclass(frozen=True)
class Gain:
    """What a device gets more (or less) in the better arrangement. Rates in Gb/s; ``fits`` tells if it does then."""

    name: str
    fits: bool
    gain_gbps: dict[str, float]


@dataclass(frozen=True)
class Better:
    """A better arrangement of the same devices and cables.

    Attributes
    ----------
    moves : dict
        New port by name, of the devices that move.
    """

    moves: dict[str, tuple[str | None, str | None]]
    gains: tuple[Gain, ...]
    outcome: Outcome


@dataclass(frozen=True)
class Answer:
    """What the planner says of a plan on a machine.

    Attributes
    ----------
    chosen : tuple of str
        What the plan left open and how it was filled, in words.
    unproven : str
        Why a combination that the maker publishes cannot be shown; empty otherwise.
    complete : bool
        Every arrangement was tried; False: the search ended after `MOST_TRIED`.
    """

    plan: Plan
    machine: Machine
    planner: Planner
    outcome: Outcome
    reasons: tuple[str, ...]
    chosen: tuple[str, ...]
    unproven: str
    better: Better | None
    complete: bool

    @property
    def fits(self) -> bool:
        """Whether every device is connected and every display runs its mode."""
        return self.outcome.fits


def connect(plan: Plan, machine: Machine) -> Answer:
    """Return whether a plan works on a machine, what each device gets, and a better arrangement if there is one.

    Parameters
    ----------
    plan : Plan
        What is to be plugged in.
    machine : Machine
        Into what.

    Returns
    -------
    Answer
        The best arrangement of what the plan leaves open, with the reasons of what does not fit.

    Raises
    ------
    InputError
        The plan names a port that is not there, or one port twice.
    Refusal
        The machine's file has no I/O tree.
    """
    tree = port_tree(machine)
    planner = Planner(_without_thunderbolt(plan, tree), machine, tree)
    fixed = _fixed(planner)
    outcome, complete = _best(planner, fixed)
    chained = any(one.via is not None for one in plan.devices)
    free, all_tried = _best(planner, {}, unchain=True) if fixed or chained else (outcome, complete)
    better = _better(outcome, _fewest_moves(planner, outcome, free)) if free.rank() > outcome.rank() else None
    reasons = [_everywhere(planner, outcome, one, fixed) for one in outcome.devices if one.refused]
    unproven = "" if outcome.fits else _unproven(plan, planner.tree.published)
    if unproven:
        reasons.insert(0, f"unproven: {unproven}")
    chosen = tuple(_chosen(outcome, fixed))
    return Answer(plan, machine, planner, outcome, tuple(reasons), chosen, unproven, better, complete and all_tried)


def _without_thunderbolt(plan: Plan, tree: PortTree) -> Plan:
    """Return a plan as a machine without Thunderbolt takes it: a display that names no link is one stream."""
    if any(one.signalling_gbps("thunderbolt") for one in tree.receptacles.values()):
        return plan
    one_stream = {"link": "displayport", "tiles": 1}
    return replace(
        plan,
        devices=tuple(
            replace(one, device=one.device.model_copy(update=one_stream), filled=("link displayport",))
            if one.device.kind == "display" and "link thunderbolt3" in one.filled and one.via is None
            else one
            for one in plan.devices
        ),
    )


def _fixed(planner: Planner) -> dict[str, str]:
    """Return the sites that a plan names, checked."""
    own = {site.id: site for site in sites_of(MACHINE, planner.tree.receptacles, None)}
    by_name = {one.name: one for one in planner.plan.devices}
    found: dict[str, str] = {}
    for one in planner.plan.devices:
        if one.port is None:
            continue
        if one.via is not None:
            there = [site.id.partition("/")[2] for site in sites_of(one.via, by_name[one.via].device.receptacles, None)]
            if one.port not in there:
                raise unknown(f"port of {one.via!r}", one.port, there, one.place)
            site = f"{one.via}/{one.port}"
        else:
            if one.port not in own:
                raise unknown(f"port of {planner.machine.id}", one.port, own, one.place)
            site = one.port
        if site in found.values():
            other = next(name for name, port in found.items() if port == site)
            raise InputError(f"{one.place}: {one.name!r} and {other!r} are both at {site}")
        found[one.name] = site
    return found


def _best(planner: Planner, fixed: dict[str, str], *, unchain: bool = False) -> tuple[Outcome, bool]:
    best: Outcome | None = None
    tried = 0
    for ports in _arrangements(planner, fixed, unchain=unchain):
        if tried == MOST_TRIED:
            break
        tried += 1
        found = planner.outcome(ports)
        if best is None or found.rank() > best.rank():
            best = found
    if best is None:
        raise AssertionError("there is always an arrangement: nothing is plugged in")
    return best, tried < MOST_TRIED


def _arrangements(planner: Planner, fixed: dict[str, str], *, unchain: bool) -> Iterator[dict[str, str | None]]:
    """Give every arrangement that differs; with ``unchain`` a Thunderbolt device may leave the chain that it is in."""
    own = sites_of(MACHINE, planner.tree.receptacles, None)
    inner = {one.name: sites_of(one.name, one.device.receptacles, f"{one.name}>") for one in planner.plan.devices}
    waiting = [one for one in planner.plan.devices if one.name not in fixed and one.device.link != "internal"]
    placed: dict[str, str | None] = {
        **{one.name: BUILT_IN for one in planner.plan.devices if one.device.link == "internal"}, **fixed
    }  # fmt: skip
    # A device that others hang on comes before them, so that its own ports can be counted.
    waiting.sort(key=lambda one: one.via is not None)

    def options(one: Planned, placed: dict[str, str | None]) -> list[str]:
        sites = own if one.via is None else inner[one.via]
        if unchain and one.via is not None and family_of(one.device.link) == "thunderbolt":
            sites = [*sites, *own]
        used = set(placed.values())
        seen: set[tuple[object, ...]] = set()
        found: list[tuple[bool, str]] = []
        for site in sites:
            if site.id in used or site.sort in seen or not takes(site, one.device):
                continue
            seen.add(site.sort)
            found.append((not _natural(site, one), site.id))
        return [ident for _, ident in sorted(found, key=lambda pair: pair[0])]

    def place(number: int) -> Iterator[dict[str, str | None]]:
        if number == len(waiting):
            yield dict(placed)
            return
        one = waiting[number]
        for site in options(one, placed) or [None]:
            placed[one.name] = site
            yield from place(number + 1)
            del placed[one.name]

    yield from place(0)


def _everywhere(planner: Planner, outcome: Outcome, one: Served, fixed: dict[str, str]) -> str:
    """Return why a device does not fit where it is, and why not at any other free port either."""
    own = sites_of(MACHINE, planner.tree.receptacles, None)
    if one.name in fixed or one.planned.via is not None or one.port is None:
        return one.refused
    used, said = set(outcome.ports.values()), {one.refused.replace(one.port, ""): one.refused}
    seen = {site.sort for site in own if site.id == one.port}
    for site in own:
        if site.id not in used and site.sort not in seen and takes(site, one.planned.device):
            seen.add(site.sort)
            tried = planner.outcome({**outcome.ports, one.name: site.id})
            why = next(other.refused for other in tried.devices if other.name == one.name)
            if why:
                said.setdefault(why.replace(site.id, ""), why)
    first, *others = said.values()
    return "; and: ".join([first, *(why.removeprefix(one.name).lstrip(": ") for why in others)])


def _natural(site: Site, one: Planned) -> bool:
    """Tell whether a device's usual plug goes in, without an adapter."""
    return site.receptacle.connector == _CONNECTORS.get(family_of(one.device.link), site.receptacle.connector)


def _fewest_moves(planner: Planner, outcome: Outcome, free: Outcome) -> Outcome:
    """Return an arrangement as good as the free one, with a device left where it is if its port is as good."""
    sorts = {site.id: site.sort for site in sites_of(MACHINE, planner.tree.receptacles, None)}
    for one in planner.plan.devices:
        sorts |= {site.id: site.sort for site in sites_of(one.name, one.device.receptacles, one.name)}
    ports = free.ports
    for name, old in outcome.ports.items():
        new = ports[name]
        if old is None or new is None or old == new or sorts.get(old) != sorts.get(new):
            continue
        holder = next((other for other, port in ports.items() if port == old), None)
        if holder is None or outcome.ports[holder] != old:
            ports[name] = old
            if holder is not None:
                ports[holder] = new
    return planner.outcome(ports)


def _better(outcome: Outcome, free: Outcome) -> Better:
    moves = {name: (outcome.ports[name], port) for name, port in free.ports.items() if port != outcome.ports[name]}
    gains: list[Gain] = []
    for before, after in zip(outcome.devices, free.devices, strict=True):
        rates = {
            direction: (after.flows[direction].got_gbps if direction in after.flows else 0.0)
            - (before.flows[direction].got_gbps if direction in before.flows else 0.0)
            for direction in {**before.flows, **after.flows}
        }
        rates = {direction: rate for direction, rate in rates.items() if abs(rate) > 1e-9}  # noqa: PLR2004
        if rates or before.fits != after.fits:
            gains.append(Gain(before.name, after.fits, rates))
    return Better(moves, tuple(gains), free)


def _chosen(outcome: Outcome, fixed: dict[str, str]) -> Iterator[str]:
    for one in outcome.devices:
        for words in one.planned.filled:
            yield f"{one.name}: {words}"
        if one.port and one.name not in fixed and one.port != BUILT_IN:
            yield f"{one.name}: port {one.port}"
        if one.picture and not one.planned.strict_bits:
            yield f"{one.name}: {one.picture.bits} bits per colour" + (", compressed" if one.picture.compressed else "")
        if one.note:
            yield f"{one.name}: {one.note}"


def _unproven(plan: Plan, published: list[Published]) -> str:
    """Return the doubt about what the maker publishes, if the plan's displays are just these."""
    from spacegrey.connections.devices import device

    def size(width: int | None, height: int | None, refresh_hz: float) -> tuple[int, int, int]:
        return (width or 0, height or 0, round(refresh_hz))

    asked = Counter(
        size(one.device.width, one.device.height, one.device.refresh_hz)
        for one in plan.devices
        if one.device.kind == "display"
    )
    for case in published:
        if case.unproven:
            shown = Counter(size(one.width, one.height, one.refresh_hz) for one in map(device, case.displays))
            if shown == asked:
                return case.unproven
    return ""
