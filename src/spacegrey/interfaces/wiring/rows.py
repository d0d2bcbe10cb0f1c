"""A plan as lines of a tree, from the host down to what is plugged in: what the terminal and the drawing show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spacegrey.connections.planner import READ, WRITE
from spacegrey.connections.wiring import MACHINE, sites_of

if TYPE_CHECKING:
    from spacegrey.connections.arrange import Answer
    from spacegrey.connections.planner import Load, Served


@dataclass(frozen=True)
class Row:
    """One line: a link, a port with what is in it, or a free port.

    Attributes
    ----------
    depth : int
        From 0 for the machine.
    kind : str
        machine, link, device, refused or free.
    text : str
        What it is.
    load : Load or None
        What is on its link; None for the machine and free ports.
    """

    depth: int
    kind: str
    text: str
    load: Load | None
    last: bool = True


def rows(answer: Answer) -> list[Row]:
    """Return a plan's tree, line by line, parents before children."""
    outcome, tree = answer.outcome, answer.planner.tree
    at = {one.port: one for one in outcome.devices if one.port}
    found = [Row(0, "machine", answer.machine.spec.name, None)]
    below: dict[str | None, list[str]] = {}
    for key, load in outcome.loads.items():
        below.setdefault(load.wire.above, []).append(key)
    free: dict[str | None, dict[str, list[str]]] = {}
    sites = sites_of(MACHINE, tree.receptacles, None)
    for one in outcome.devices:
        if one.port:
            sites += sites_of(one.name, one.planned.device.receptacles, one.port)
    for site in sites:
        if site.id not in at:
            family = site.id.rpartition("/")[2].rstrip("-0123456789") or site.id
            free.setdefault(site.above, {}).setdefault(family, []).append(site.id.rpartition("/")[2])

    nowhere = [one.name for one in outcome.devices if not one.port]

    def walk(key: str | None, depth: int) -> None:
        inner = below.get(key, [])
        spare = [", ".join(names) for names in free.get(key, {}).values()]
        more = bool(nowhere) and depth == 1
        for number, child in enumerate(inner):
            load = outcome.loads[child]
            last = number == len(inner) - 1 and not spare and not more
            one = at.get(child)
            kind = "link" if one is None else "device" if one.fits else "refused"
            found.append(Row(depth, kind, load.wire.name if one is None else _named(one), load, last))
            walk(child, depth + 1)
        if spare:
            found.append(Row(depth, "free", f"free: {', '.join(spare)}", None, not more))

    walk(None, 1)
    if nowhere:
        found.append(Row(1, "refused", f"no port: {', '.join(nowhere)}", None))
    return found


def _named(one: Served) -> str:
    model = f" ({one.planned.device.name})" if one.planned.device.name else ""
    return f"{one.port}: {one.name}{model}"


def words(load: Load) -> str:
    """Return what is on a link, in words; empty where nothing is."""
    said: list[str] = []
    if load.displays_gbps:
        said.append(f"displays {load.displays_gbps:.1f}")
    for direction, name in ((READ, "reads"), (WRITE, "writes")):
        if load.data[direction] > 0.0:
            room = load.capacity[direction]
            said.append(f"{name} {load.data[direction]:.1f}" + (f" of {room:.1f}" if room < float("inf") else ""))
    return ", ".join(said)


def is_full(load: Load, ways: tuple[str, ...] = (READ, WRITE)) -> bool:
    """Tell whether data fills a link in one of these directions."""
    return any(load.data[way] > 0.0 and load.data[way] >= load.capacity[way] * (1.0 - 1e-9) for way in ways)
