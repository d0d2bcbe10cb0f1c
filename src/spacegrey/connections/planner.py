"""The planner: who gets a port, which displays run, and what rate is left for everything else.

Displays reserve first, in the order of the plan, at their true rate and away from the machine only. Data shares what is
left max-min fair over every link between device and host, reads and writes each in their own direction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spacegrey.connections.displays import Picture, Screens, serve
from spacegrey.connections.wiring import (
    BUILT_IN,
    LINK,
    MACHINE,
    Plug,
    Wire,
    device_wires,
    machine_wires,
    plug,
    sites_of,
    takes,
)
from spacegrey.errors import Refusal
from spacegrey.machine.catalog import part, read_machine
from spacegrey.parts.ports.fairness import max_min
from spacegrey.parts.ports.laws import pcie_payload_share
from spacegrey.parts.ports.spec import PortTree
from spacegrey.parts.storage.laws import sequential_rate_gb_s

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spacegrey.connections.plan import Plan, Planned
    from spacegrey.connections.wiring import Site
    from spacegrey.machine.assembly import Machine

TUNNEL_SHARE = pcie_payload_share(128)
DIRECTIONS = ("read", "write")
READ, WRITE = DIRECTIONS


@dataclass(frozen=True)
class Flow:
    """Data in one direction. Rates in Gb/s of payload.

    Attributes
    ----------
    limited_by : str or None
        The link that was full, in words; None: it gets what it wants.
    """

    wanted_gbps: float
    got_gbps: float
    limited_by: str | None

    @property
    def share(self) -> float:
        """What it gets of what it wants."""
        return self.got_gbps / self.wanted_gbps if self.wanted_gbps > 0.0 else 1.0


@dataclass(frozen=True)
class Served:
    """One device of a plan and what came of it.

    Attributes
    ----------
    port : str or None
        Where it is plugged in; None: nowhere.
    refused : str
        Why it is not connected or does not run; empty: it does.
    """

    planned: Planned
    port: str | None
    refused: str
    note: str
    picture: Picture | None
    flows: dict[str, Flow]

    @property
    def name(self) -> str:
        """As the plan calls it."""
        return self.planned.name

    @property
    def fits(self) -> bool:
        """Whether it is connected and, if it is a display, runs its mode."""
        return not self.refused

    @property
    def worst(self) -> Flow | None:
        """The direction that gets the smaller share of what it wants; reads where both get the same."""
        return min(self.flows.values(), key=lambda flow: flow.share, default=None)


@dataclass(frozen=True)
class Load:
    """A link and what is on it. Rates in Gb/s.

    Attributes
    ----------
    capacity : dict
        By direction, what displays leave to data.
    data : dict
        By direction, what data takes.
    """

    wire: Wire
    displays_gbps: float
    capacity: dict[str, float]
    data: dict[str, float]


@dataclass(frozen=True)
class Outcome:
    """A plan on a machine with every device in one place."""

    devices: tuple[Served, ...]
    loads: dict[str, Load]

    @property
    def fits(self) -> bool:
        """Whether every device is connected and every display runs."""
        return all(one.fits for one in self.devices)

    @property
    def ports(self) -> dict[str, str | None]:
        """Where each device is, by name."""
        return {one.name: one.port for one in self.devices}

    def rank(self) -> tuple[int, list[bool], list[float]]:
        """Return what one arrangement is better by: more that fits, the plan's first first, then the least share."""
        shares = sorted(
            round(flow.share, 9) if one.fits else 0.0
            for one in self.devices
            for flow in (one.flows.values() or [Flow(1.0, 1.0, None)])
        )
        fits = [one.fits for one in self.devices]
        return sum(fits), fits, shares


def port_tree(machine: Machine) -> PortTree:
    """Return the I/O tree of a machine.

    Raises
    ------
    Refusal
        Its file names none.

    Examples
    --------
    >>> from spacegrey.machine.assembly import machine
    >>> port_tree(machine("imac-pro")).heads
    4
    """
    file = read_machine(machine.id)
    if machine.spec.io is None:
        raise Refusal(f"{machine.spec.name}: its file names no I/O tree: [machine] io = ... (docs/connect.md)")
    found = part("ports", machine.spec.io, file.parts)
    if not isinstance(found, PortTree):
        raise TypeError(found)
    return found


def drive_rates_gbps(machine: Machine) -> dict[str, float]:
    """Return the sequential rates of the built-in drive itself, by direction. [Gb/s]"""
    drive, tb = machine.storage, machine.storage_tb
    read = sequential_rate_gb_s(tb, drive.read_gb_s_per_tb, drive.read_ceiling_gb_s, drive.link_gb_s)
    write = sequential_rate_gb_s(tb, drive.write_gb_s_per_tb, drive.write_ceiling_gb_s, drive.link_gb_s)
    return {READ: 8.0 * read, WRITE: 8.0 * write}


@dataclass(frozen=True)
class _Wiring:
    """Devices at their sites, every link, and why a device is not connected."""

    at: dict[str, Site]
    plugs: dict[str, Plug]
    wires: dict[str, Wire]
    refused: dict[str, str]


@dataclass(frozen=True)
class Planner:
    """A plan and a machine, ready to be tried in any arrangement."""

    plan: Plan
    machine: Machine
    tree: PortTree

    def outcome(self, ports: Mapping[str, str | None]) -> Outcome:
        """Return what comes of a plan with its devices at these ports.

        Parameters
        ----------
        ports : mapping of str to str or None
            Site of every device, by name; None: nowhere.
        """
        wiring = self._plugged(ports)
        at, plugs, wires, refused = wiring.at, wiring.plugs, wiring.wires, wiring.refused
        self._power(at, refused)
        taken = Screens()
        pictures = self._pictures(wiring, taken)
        held = {wire: sum(users.values()) for wire, users in taken.tunnels.items()}
        held |= {
            plugs[name].wire.id: shown.gbps for name, shown in pictures.items() if not plugs[name].wire.tunnel_gbps
        }
        flows, loads = self._data(plugs, wires, held, refused)
        served = tuple(
            Served(
                one,
                plugs[one.name].wire.id if one.name in plugs else None,
                refused.get(one.name, ""),
                plugs[one.name].note if one.name in plugs else "",
                pictures.get(one.name),
                flows.get(one.name, {}),
            )
            for one in self.plan.devices
        )
        return Outcome(served, loads)

    def _plugged(self, ports: Mapping[str, str | None]) -> _Wiring:
        sites = {site.id: site for site in sites_of(MACHINE, self.tree.receptacles, None)}
        wires = machine_wires(self.tree)
        refused: dict[str, str] = {}
        at: dict[str, Site] = {}
        plugs: dict[str, Plug] = {}
        for one in _parents_first(self.plan):
            port = ports[one.name]
            if one.device.link == "internal":
                if self.tree.drive is None or one.device.kind != "storage":
                    refused[one.name] = (
                        f"{one.name}: only a built-in drive is internal, and {self.tree.name} has none here"
                    )
                else:
                    plugs[one.name] = Plug(
                        "internal", Wire(BUILT_IN, "built-in drive", LINK + self.tree.drive, float("inf"))
                    )
                    wires[BUILT_IN] = plugs[one.name].wire
                continue
            site = sites.get(port) if port else None
            joined = plug(site, one) if site else self._nowhere(one, ports)
            if isinstance(joined, str) or site is None:
                refused[one.name] = str(joined)
                continue
            at[one.name], plugs[one.name] = site, joined
            wires[joined.wire.id] = joined.wire
            wires |= device_wires(one.name, one.device, joined.wire.id)
            sites |= {inner.id: inner for inner in sites_of(one.name, one.device.receptacles, joined.wire.id)}
        return _Wiring(at, plugs, wires, refused)

    def _pictures(self, wiring: _Wiring, taken: Screens) -> dict[str, Picture]:
        """Serve the displays in the order of the plan; note what they take, and why one does not run."""
        at, plugs, refused = wiring.at, wiring.plugs, wiring.refused
        pictures: dict[str, Picture] = {}
        devices = {one.name: one for one in self.plan.devices}
        displays = [one for one in self.plan.devices if one.device.kind == "display"]
        for one in displays:
            if one.name not in refused:
                picture = serve(one, self.tree, at, plugs, devices, taken)
                if isinstance(picture, str):
                    refused[one.name] = picture
                else:
                    pictures[one.name] = picture
        inputs = sum(link.display_inputs for link in self.tree.links.values())
        if sum(map(len, taken.inputs.values())) == inputs > 0:
            for one in displays:
                if one.name not in plugs:
                    refused[one.name] += f"; a dock would not help: all {inputs} display streams are in use"
        return pictures

    def _nowhere(self, one: Planned, ports: Mapping[str, str | None]) -> str:
        if one.via is not None:
            on = f"on {one.via}" if ports.get(one.via) else f"as {one.via} is not connected"
            return f"{one.name}: no free port for {one.device.link} {on}"
        able = [site.id for site in sites_of(MACHINE, self.tree.receptacles, None) if takes(site, one.device)]
        users = [name for name, port in ports.items() if port in able]
        has = f"{', '.join(able)}, in use by {' and '.join(users)}" if able else "none"
        used = set(ports.values())
        spare = [
            other.name
            for other in self.plan.devices
            if other is not one and ports[other.name] is not None
            for site in sites_of(other.name, other.device.receptacles, None)
            if takes(site, one.device) and site.id not in used
        ]
        chain = f'; a chain would do: {spare[0]} has a port for it (via = "{spare[0]}")' if spare else ""
        if not able and one.device.link == "pcie":
            chain = "; a slot in a Thunderbolt enclosure would do" if self._has_thunderbolt() else ""
        return f"{one.name}: no free port for {one.device.link}; {self.tree.name} has: {has}{chain}"

    def _has_thunderbolt(self) -> bool:
        return any(one.signalling_gbps("thunderbolt") > 0.0 for one in self.tree.receptacles.values())

    def _power(self, at: dict[str, Site], refused: dict[str, str]) -> None:
        """Refuse what takes more than its port gives; behind a hub without a supply it counts for the hub's port."""
        devices = {one.name: one.device for one in self.plan.devices}

        def drawn(name: str) -> float:
            own = devices[name].power_w
            below = [other for other, site in at.items() if site.owner == name and other not in refused]
            return own + sum(drawn(other) for other in below) if own else 0.0

        for one in self.plan.devices:
            site = at.get(one.name)
            if site is not None and drawn(one.name) > site.receptacle.power_w:
                with_them = " with what hangs on it" if drawn(one.name) > one.device.power_w else ""
                refused[one.name] = (
                    f"{one.name} takes {drawn(one.name):g} W{with_them}; "
                    f"{site.id} gives {site.receptacle.power_w:g} W: "
                    "a supply of its own, or a hub or dock with one, would do"
                )

    def _data(
        self,
        plugs: Mapping[str, Plug],
        wires: Mapping[str, Wire],
        held: Mapping[str, float],
        refused: Mapping[str, str],
    ) -> tuple[dict[str, dict[str, Flow]], dict[str, Load]]:
        paths: dict[str, list[str]] = {}
        for name, joined in plugs.items():
            here: str | None = joined.wire.id
            paths[name] = []
            while here is not None:
                paths[name].append(here)
                here = wires[here].above
        flows: dict[str, dict[str, Flow]] = {}
        loads: dict[str, Load] = {}
        data = {direction: dict.fromkeys(wires, 0.0) for direction in DIRECTIONS}
        running = [one for one in self.plan.devices if one.name in plugs and one.name not in refused]
        wants = {
            direction: {one.name: self._wanted(one, direction, plugs[one.name]) for one in running}
            for direction in DIRECTIONS
        }
        room = {
            direction: {
                key: _room(wire, held.get(key, 0.0) if direction == WRITE else 0.0) for key, wire in wires.items()
            }
            for direction in DIRECTIONS
        }
        for one in running:
            wire = plugs[one.name].wire
            both = sum(wants[direction][one.name] for direction in DIRECTIONS)
            if wire.one_way and both > wire.gbps:
                for direction in DIRECTIONS:
                    room[direction][wire.id] *= wants[direction][one.name] / both
        for direction in DIRECTIONS:
            wanted = {name: rate for name, rate in wants[direction].items() if rate > 0.0}
            used = {name: paths[name] for name in wanted}
            shares = max_min(room[direction], used, wanted)
            for name, rate in shares.rates.items():
                for key in used[name]:
                    data[direction][key] += rate
                full = shares.limited_by[name]
                why = None if full is None else _in_words(wires[full], held.get(full, 0.0), direction, name, used)
                flows.setdefault(name, {})[direction] = Flow(wanted[name], rate, why)
        for key, wire in wires.items():
            loads[key] = Load(
                wire, held.get(key, 0.0), {d: room[d][key] for d in DIRECTIONS}, {d: data[d][key] for d in DIRECTIONS}
            )
        return flows, loads

    def _wanted(self, one: Planned, direction: str, joined: Plug) -> float:
        asked = one.device.read_gbps if direction == READ else one.device.write_gbps
        if asked is not None:
            return asked
        if one.device.link == "internal":
            return drive_rates_gbps(self.machine)[direction]
        # A network asks for the line: whatever the two sides agreed on. The air carries one direction at a time.
        if joined.family == "wifi":
            return joined.wire.gbps if direction == READ and one.device.write_gbps is None else 0.0
        return joined.wire.gbps if joined.family == "ethernet" else 0.0


def _parents_first(plan: Plan) -> list[Planned]:
    by_name = {one.name: one for one in plan.devices}

    def depth(one: Planned) -> int:
        return 0 if one.via is None else 1 + depth(by_name[one.via])

    return sorted(plan.devices, key=depth)


def _room(wire: Wire, held: float) -> float:
    """Return what a link leaves to data when displays hold some of it. [Gb/s]"""
    return max(wire.tunnel_gbps - held, 0.0) * TUNNEL_SHARE if wire.tunnel_gbps else max(wire.gbps - held, 0.0)


def _in_words(wire: Wire, held: float, direction: str, name: str, used: Mapping[str, list[str]]) -> str:
    others = [other for other, path in used.items() if wire.id in path and other != name]
    displays = f", {held:.1f} of {wire.tunnel_gbps:g} taken by displays" if held and direction == WRITE else ""
    room = _room(wire, held if displays else 0.0)
    shared = f", shared with {', '.join(others)}" if others else ""
    return f"{wire.name}: {room:.1f} Gb/s{displays}{shared}"
