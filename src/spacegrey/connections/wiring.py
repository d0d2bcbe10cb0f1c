"""Places to plug something in, and what passes there: protocols, cables, power."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spacegrey.errors import Refusal
from spacegrey.parts.network.ethernet import negotiate
from spacegrey.parts.network.spec import Radio, sheet
from spacegrey.parts.network.wifi import wifi_link
from spacegrey.parts.ports.laws import (
    DISPLAY_GBPS,
    SIGNALLING_GBPS,
    display_cable_gbps,
    ethernet_payload_gbps,
    pcie_payload_gbps,
    pcie_payload_share,
    thunderbolt_cable_gbps,
    usb_cable_gbps,
    usb_payload_gbps,
)
from spacegrey.parts.ports.spec import HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spacegrey.connections.plan import Planned
    from spacegrey.parts.ports.spec import Device, PortTree, Receptacle

MACHINE = ""
"""Owner of the machine's own receptacles."""

BUILT_IN = "built-in"
LINK = "@"
"""Before the id of a machine's own link: a receptacle may have the same name."""
TUNNEL_PAYLOAD_BYTES = 128
"""Data of a PCIe packet through a Thunderbolt tunnel."""


@dataclass(frozen=True)
class Site:
    """One receptacle, of the machine or of a device.

    Attributes
    ----------
    id : str
        ``thunderbolt-1``, or ``dock/usb-a-2`` on a device.
    owner : str
        Name of the device it belongs to; empty: the machine.
    above : str or None
        The link behind it; None: the host.
    """

    id: str
    owner: str
    receptacle: Receptacle
    above: str | None

    @property
    def sort(self) -> tuple[object, ...]:
        """What sites have in common that can stand in for each other."""
        one = self.receptacle
        speaks, power = tuple(one.speaks), one.power_w
        return (self.owner, self.above, one.connector, speaks, power, one.display, one.lanes, tuple(one.rates_gbps))


@dataclass(frozen=True)
class Wire:
    """A link of the tree as bytes see it.

    Attributes
    ----------
    above : str or None
        The next link towards the host.
    gbps : float
        What it carries of data in each direction where no display is. [Gb/s]
    one_way : bool
        Both directions share it, as they share the air.
    tunnel_gbps : float
        Of a Thunderbolt link: what displays and data share, away from the machine; 0: not a tunnel. [Gb/s]
    """

    id: str
    name: str
    above: str | None
    gbps: float
    tunnel_gbps: float = 0.0
    one_way: bool = False


@dataclass(frozen=True)
class Plug:
    """A device at a site: how they talk.

    Attributes
    ----------
    family : str
        thunderbolt, usb, displayport, hdmi, ethernet, wifi, sd, pcie or internal.
    wire : Wire
        The link between the two.
    note : str
        What the user should know: an adapter, a slower cable.
    """

    family: str
    wire: Wire
    note: str = ""


def family_of(protocol: str) -> str:
    """Return the family of a protocol.

    Examples
    --------
    >>> family_of("thunderbolt3"), family_of("usb3.1-gen2"), family_of("sd")
    ('thunderbolt', 'usb', 'sd')
    """
    return next((name for name in ("thunderbolt", "usb") if protocol.startswith(name)), protocol)


def machine_wires(tree: PortTree) -> dict[str, Wire]:
    """Return a machine's own links by id."""
    return {
        LINK + name: Wire(LINK + name, link.name, None if link.to == HOST else LINK + link.to, link.payload_gbps)
        for name, link in tree.links.items()
    }


def sites_of(owner: str, receptacles: Mapping[str, Receptacle], plug: str | None) -> list[Site]:
    """Return the receptacles of the machine or of a device, one by one; ``plug`` is the link that it hangs on."""
    found: list[Site] = []
    for name, one in receptacles.items():
        above = plug if one.at == HOST else f"{owner}:{one.at}" if owner else LINK + one.at
        for number in range(1, one.count + 1):
            own = f"{name}-{number}" if one.count > 1 else name
            found.append(Site(f"{owner}/{own}" if owner else own, owner, one, above))
    return found


def device_wires(name: str, one: Device, plug: str) -> dict[str, Wire]:
    """Return the links inside a device by id, below the link that it hangs on."""
    return {
        f"{name}:{key}": Wire(
            f"{name}:{key}",
            f"{link.name} in {name}",
            plug if link.to == HOST else f"{name}:{link.to}",
            link.payload_gbps,
        )
        for key, link in one.links.items()
    }


def takes(site: Site, one: Device) -> bool:
    """Tell whether a receptacle speaks what a device needs, through an adapter too."""
    family, speaks = family_of(one.link), site.receptacle.speaks
    if family in {"thunderbolt", "usb"}:
        return site.receptacle.signalling_gbps(family) > 0.0
    if family == "hdmi":
        return "hdmi" in speaks or "displayport" in speaks
    return family in speaks


def plug(site: Site, planned: Planned) -> Plug | str:
    """Return how a device and a receptacle talk, or why they cannot."""
    one = planned.device
    family = family_of(one.link)
    if not takes(site, one):
        return f"{planned.name} needs {one.link}; {site.id} speaks {', '.join(site.receptacle.speaks)}"
    cable = _cable_gbps(planned, family, site.receptacle)
    if cable <= 0.0:
        length = planned.cable.length_m if planned.cable else 0.0
        return f"{planned.name}: no {one.link} cable of {length:g} m carries anything; a shorter or optical one does"
    return _JOINED.get(family, _display)(site, planned, cable)


def _thunderbolt(site: Site, planned: Planned, cable: float) -> Plug:
    theirs, ours = SIGNALLING_GBPS[planned.device.link], site.receptacle.signalling_gbps("thunderbolt")
    rate = min(theirs, ours, cable)
    adapter = "through a Thunderbolt adapter" if (theirs <= 20.0) != (ours <= 20.0) else ""  # noqa: PLR2004
    slow = f"its cable carries {cable:g} Gb/s" if cable < min(theirs, ours) else ""
    data = rate * pcie_payload_share(TUNNEL_PAYLOAD_BYTES)
    wire = Wire(site.id, f"Thunderbolt link of {site.id}", site.above, data, rate)
    return Plug("thunderbolt", wire, ", ".join(filter(None, (adapter, slow))))


def _usb(site: Site, planned: Planned, cable: float) -> Plug:
    theirs = SIGNALLING_GBPS[planned.device.link]
    rate = min(theirs, site.receptacle.signalling_gbps("usb"), cable)
    # A charging cable has USB 2 wires only.
    rate = max(known for known in (0.48, 5.0, 10.0) if known <= max(rate, 0.48))
    wire = Wire(site.id, f"USB link of {site.id} at {rate:g} Gb/s", site.above, usb_payload_gbps(rate))
    return Plug("usb", wire, f"USB at {rate:g} Gb/s" if rate < theirs else "")


def _pcie(site: Site, planned: Planned, _cable: float) -> Plug:
    one, slot = planned.device, site.receptacle
    lanes, generation = min(one.lanes or 1, slot.lanes or 1), min(one.generation or 1, slot.generation or 1)
    name = f"PCIe {generation}.0 x{lanes} link of {site.id}"
    return Plug("pcie", Wire(site.id, name, site.above, pcie_payload_gbps(generation, lanes, 256)))


def _ethernet(site: Site, planned: Planned, _cable: float) -> Plug | str:
    ours, cable = site.receptacle.rates_gbps, planned.cable
    category, length_m = (cable.category if cable else None) or "cat6a", cable.length_m if cable else 1.0
    try:
        agreed = negotiate(ours, planned.device.rates_gbps or ours, category, length_m)
    except Refusal as refusal:
        return f"{planned.name} at {site.id}: {refusal}"
    rate = agreed.gbit_s
    payload = ethernet_payload_gbps(rate, planned.device.frame_bytes)
    name = f"Ethernet link of {site.id} at {rate:g} Gb/s"
    return Plug("ethernet", Wire(site.id, name, site.above, payload), f"Ethernet at {rate:g} Gb/s: {agreed.reason}")


def _wifi(site: Site, planned: Planned, _cable: float) -> Plug | str:
    one = planned.device
    radio = sheet(Radio, site.receptacle.radio or "", "radio")
    try:
        found = wifi_link(radio, one.distance_m or 0.0, one.walls, room=one.room, band=one.band)
    except Refusal as refusal:
        return f"{planned.name} at {site.id}: {refusal}"
    rate = found.rate
    name = f"Wi-Fi over {one.distance_m:g} m at {rate.mbit_s:.0f} Mb/s on the air"
    note = f"Wi-Fi at {rate.mbit_s:.0f} Mb/s on the air: {found.received_dbm:.0f} dBm, {rate.scheme.upper()}"
    return Plug("wifi", Wire(site.id, name, site.above, found.goodput_mbit_s * 1e-3, one_way=True), note)


def _card(site: Site, _planned: Planned, _cable: float) -> Plug:
    return Plug("sd", Wire(site.id, f"card slot {site.id}", site.above, SIGNALLING_GBPS["sd"]))


def _display(site: Site, planned: Planned, cable: float) -> Plug:
    family = planned.device.link
    through = "through an adapter to HDMI" if family == "hdmi" and "hdmi" not in site.receptacle.speaks else ""
    output = "hdmi2.0" if through else site.receptacle.display or "hbr3"
    name = f"{'HDMI' if family == 'hdmi' else 'DisplayPort'} link of {site.id}"
    return Plug(family, Wire(site.id, name, site.above, min(cable, DISPLAY_GBPS[output])), through)


_JOINED: dict[str, Callable[[Site, Planned, float], Plug | str]] = {
    "thunderbolt": _thunderbolt,
    "usb": _usb,
    "pcie": _pcie,
    "ethernet": _ethernet,
    "wifi": _wifi,
    "sd": _card,
}


def _cable_gbps(planned: Planned, family: str, receptacle: Receptacle) -> float:
    cable = planned.cable
    if cable is None or family in {"pcie", "sd", "ethernet", "wifi"}:
        return float("inf")
    length, active, optical = cable.length_m, cable.active, cable.optical
    if family == "thunderbolt":
        old = min(SIGNALLING_GBPS[planned.device.link], receptacle.signalling_gbps(family)) <= 20.0  # noqa: PLR2004
        # Cables of Thunderbolt 1 and 2 are all active: 20 Gb/s up to 3 m of copper.
        kind = 20.0 if old and length <= 3.0 else thunderbolt_cable_gbps(length, active, optical)  # noqa: PLR2004
    elif family == "usb":
        kind = min(usb_cable_gbps(length, active or optical), cable.usb_gbps or float("inf"))
    else:
        kind = display_cable_gbps(length, active, optical)
    return min(kind, cable.gbps) if cable.gbps else kind
