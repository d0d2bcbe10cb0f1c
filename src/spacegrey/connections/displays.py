"""Displays reserve first: which way a picture takes, what it needs there, and why it does not fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spacegrey.connections.plan import pixel_clock_mhz
from spacegrey.connections.wiring import LINK, MACHINE
from spacegrey.parts.ports.laws import DISPLAY_GBPS, display_stream_gbps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spacegrey.connections.plan import Planned
    from spacegrey.connections.wiring import Plug, Site
    from spacegrey.parts.ports.spec import PortTree

MST_SHARE = 63.0 / 64.0
"""One of the 64 time slots of a DisplayPort link in multi-stream transport is its header."""

LARGE = 2560 * 2880
"""Pixels beyond which makers count displays apart: half a 5K display is not, 4K is."""

DEPTHS = (12, 10, 8)
NAMES = {
    "hbr": "HBR",
    "hbr2": "HBR2",
    "hbr3": "HBR3",
    "hdmi1.4": "HDMI 1.4",
    "hdmi2.0": "HDMI 2.0",
    "hdmi2.1": "HDMI 2.1",
}


@dataclass(frozen=True)
class Picture:
    """A display that runs.

    Attributes
    ----------
    bits : int
        Per colour.
    streams : tuple of float
        What each of its streams takes. [Gb/s]
    wires : tuple of str
        The Thunderbolt links that it crosses.
    """

    bits: int
    streams: tuple[float, ...]
    wires: tuple[str, ...]
    compressed: bool = False

    @property
    def gbps(self) -> float:
        """What it takes in all. [Gb/s]"""
        return sum(self.streams)


@dataclass
class Screens:
    """What the displays that were served so far have taken.

    Attributes
    ----------
    inputs : dict
        Display that holds it, by controller, once for each input taken.
    heads : list
        Display, once for each head taken.
    tunnels : dict
        Displays and their rates, by Thunderbolt link.
    """

    inputs: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    heads: list[str] = field(default_factory=list[str])
    thunderbolt: list[str] = field(default_factory=list[str])
    large: list[str] = field(default_factory=list[str])
    passing: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    tunnels: dict[str, dict[str, float]] = field(default_factory=dict[str, dict[str, float]])


@dataclass(frozen=True)
class _Way:
    """From a display up to where its picture is made."""

    controller: str | None
    output: str
    dsc: bool
    tunnels: tuple[str, ...]
    docks: tuple[tuple[str, int], ...]
    last_gbps: float


def serve(
    planned: Planned, tree: PortTree, sites: Mapping[str, Site], plugs: Mapping[str, Plug],
    devices: Mapping[str, Planned], taken: Screens,
) -> Picture | str:  # fmt: skip
    """Return a display as it runs and note what it takes, or return why it does not fit.

    Parameters
    ----------
    planned : Planned
        The display, which is plugged in.
    sites, plugs, devices : mapping
        Of every device that is plugged in, by its name.
    taken : Screens
        What displays before it took; changed where this one fits.
    """
    way = _way(planned, tree, sites, plugs, devices)
    if isinstance(way, str):
        return way
    bits = planned.device.bits_per_colour or 8
    depths = [bits] if planned.strict_bits else [bits, *([8] if bits > 8 else [])]  # noqa: PLR2004
    why = ""
    for depth in depths:
        refused, picture = _try(planned, way, tree, plugs, taken, depth)
        if not refused:
            _take(planned, way, tree, picture, taken)
            return picture
        why = why or refused
    lower = [depth for depth in DEPTHS if depth < min(depths) and not _try(planned, way, tree, plugs, taken, depth)[0]]
    if lower:
        picture = _try(planned, way, tree, plugs, taken, lower[0])[1]
        return f"{why}; {lower[0]} bits per colour would fit ({max(picture.streams):.1f} Gb/s a stream)"
    return why


def _way(
    planned: Planned,
    tree: PortTree,
    sites: Mapping[str, Site],
    plugs: Mapping[str, Plug],
    devices: Mapping[str, Planned],
) -> _Way | str:
    tunnels: list[str] = []
    docks: list[tuple[str, int]] = []
    here = planned.name
    last_gbps = float("inf") if plugs[here].family == "thunderbolt" else plugs[here].wire.gbps
    while True:
        site, joined = sites[here], plugs[here]
        if joined.family == "thunderbolt":
            tunnels.append(joined.wire.id)
        elif here != planned.name:
            return f"{planned.name} hangs on {here}, whose {joined.family.upper()} link carries no display"
        if site.owner == MACHINE:
            break
        here = site.owner
        # A Thunderbolt display takes its tunnels through; another needs an output of what it is plugged into.
        outputs = devices[here].device.display_outputs
        if not docks and plugs[planned.name].family != "thunderbolt":
            docks.append((here, outputs))
            if not outputs:
                return f"{planned.name} hangs on {here}, which has no output for a display"
    direct = site.receptacle.display
    if direct is not None:
        return _Way(None, direct, site.receptacle.dsc, (), tuple(docks), last_gbps)
    link = (site.above or "").removeprefix(LINK)
    while link in tree.links and not tree.links[link].display_inputs:
        link = tree.links[link].to
    if link not in tree.links:
        return f"{planned.name}: no graphics processor feeds {site.id}"
    found = tree.links[link]
    return _Way(link, found.display or "hbr2", found.dsc, tuple(tunnels), tuple(docks), last_gbps)


def _streams(planned: Planned, way: _Way, bits: int) -> tuple[tuple[float, ...], bool]:
    one, clock = planned.device, pixel_clock_mhz(planned.device)
    if way.dsc and one.dsc_bits_per_pixel is not None:
        return (display_stream_gbps(clock * one.tiles, one.dsc_bits_per_pixel),), True
    return (display_stream_gbps(clock, 3 * bits),) * one.tiles, False


def _try(
    planned: Planned, way: _Way, tree: PortTree, plugs: Mapping[str, Plug], taken: Screens, bits: int
) -> tuple[str, Picture]:
    """Return why a display does not fit (empty: it does), and the picture."""
    streams, compressed = _streams(planned, way, bits)
    picture = Picture(bits, streams, way.tunnels, compressed)
    need = _Need(planned, way, picture)
    whys = (
        _link_is_too_slow(need),
        _tunnel_is_full(need, plugs, taken),
        _inputs_are_taken(need, tree, taken),
        _heads_are_taken(need, tree, taken),
    )
    return next(filter(None, whys), ""), picture


@dataclass(frozen=True)
class _Need:
    """What a display asks of its way."""

    planned: Planned
    way: _Way
    picture: Picture

    @property
    def name(self) -> str:
        return self.planned.name

    @property
    def shared(self) -> bool:
        """Its streams share one DisplayPort link."""
        return self.planned.device.mst and len(self.picture.streams) > 1

    @property
    def inputs(self) -> int:
        """DisplayPort links that it takes."""
        return 1 if self.shared else len(self.picture.streams)

    @property
    def mode(self) -> str:
        one = self.planned.device
        return f"{one.width}x{one.height} at {one.refresh_hz:g} Hz with {self.picture.bits} bits per colour"


def _link_is_too_slow(need: _Need) -> str:
    streams, way = need.picture.streams, need.way
    if need.inputs > 1 and way.last_gbps < float("inf"):
        link = need.planned.device.link
        return f"{need.name}: its two tiles need a Thunderbolt cable, or MST; one {link} cable carries one stream"
    needed = need.picture.gbps if need.shared else max(streams)
    last = min(DISPLAY_GBPS[way.output], way.last_gbps) * (MST_SHARE if need.shared else 1.0)
    if needed <= last:
        return ""
    kind = "in two MST streams" if need.shared else "a stream"
    return f"{need.name}: {need.mode} is {needed:.1f} Gb/s {kind}; one {NAMES[way.output]} link carries {last:.1f}"


def _tunnel_is_full(need: _Need, plugs: Mapping[str, Plug], taken: Screens) -> str:
    gbps = need.picture.gbps
    for wire in need.way.tunnels:
        users = taken.tunnels.get(wire, {})
        plug = next(one for one in plugs.values() if one.wire.id == wire)
        capacity = plug.wire.tunnel_gbps
        if gbps + sum(users.values()) > capacity:
            used = _used([f"{other} ({rate:.1f})" for other, rate in users.items()])
            return (
                f"{need.name}: {need.mode} is {gbps:.1f} Gb/s; the link of {wire} carries {capacity:g}{used}"
                + _what_would_do(gbps, capacity, users, plug)
            )
    return ""


def _inputs_are_taken(need: _Need, tree: PortTree, taken: Screens) -> str:
    for dock, most in need.way.docks:
        passing = taken.passing.get(dock, [])
        if len(passing) + need.inputs > most:
            return f"{need.name} needs {_count(need.inputs, 'stream')}; {dock} puts out {most}{_used(passing)}"
    if need.way.controller is None:
        return ""
    controller, holders = tree.links[need.way.controller], taken.inputs.get(need.way.controller, [])
    free = controller.display_inputs - len(holders)
    if need.inputs <= free:
        return ""
    would = "one is free, for a display of one stream such as 3840x2160 at 60 Hz" if free == 1 else "none is free"
    return (
        f"{need.name} needs {_count(need.inputs, 'display stream')}; the {controller.name} takes in "
        f"{controller.display_inputs}{_used(holders)}: {would}"
    )


def _heads_are_taken(need: _Need, tree: PortTree, taken: Screens) -> str:
    heads = 1 if tree.tiles_share_a_head else len(need.picture.streams)
    if len(taken.heads) + heads > tree.heads:
        return (
            f"{need.name} needs {_count(heads, 'picture')} of the graphics processor, which sends {tree.heads} "
            f"outside{_used(taken.heads)}"
        )
    most = tree.thunderbolt_displays
    if need.way.controller is not None and most is not None and len(taken.thunderbolt) + 1 > most:
        return f"{need.name}: {tree.name} drives {_count(most, 'display')} over Thunderbolt{_used(taken.thunderbolt)}"
    most = tree.large_displays
    if most is not None and _is_large(need.planned) and len(taken.large) + 1 > most:
        return (
            f"{need.name}: {tree.name} drives {_count(most, 'display')} beyond 2560x2880, as its maker "
            f"states{_used(taken.large)}"
        )
    return ""


def _is_large(planned: Planned) -> bool:
    one = planned.device
    return (one.width or 0) * (one.height or 0) > LARGE


def _take(planned: Planned, way: _Way, tree: PortTree, picture: Picture, taken: Screens) -> None:
    name, streams = planned.name, len(picture.streams)
    inputs = _Need(planned, way, picture).inputs
    taken.heads += [name] * (1 if tree.tiles_share_a_head else streams)
    if _is_large(planned):
        taken.large.append(name)
    if way.controller is not None:
        taken.inputs.setdefault(way.controller, []).extend([name] * inputs)
        taken.thunderbolt.append(name)
    for dock, _ in way.docks:
        taken.passing.setdefault(dock, []).extend([name] * inputs)
    for wire in way.tunnels:
        taken.tunnels.setdefault(wire, {})[name] = picture.gbps


def _what_would_do(gbps: float, capacity: float, users: Mapping[str, float], plug: Plug) -> str:
    if "cable" in plug.note and gbps + sum(users.values()) <= 40.0:  # noqa: PLR2004
        return "; a 40 Gb/s cable would do: passive up to 0.8 m, active up to 2 m"
    if gbps <= capacity:
        return f"; without {' and '.join(users)} on that link it would fit"
    return f"; no display beyond {capacity:g} Gb/s fits there, one of 3840x2160 at 60 Hz (12.8 Gb/s) does"


def _used(users: list[str]) -> str:
    """Return who uses a thing already, in words."""
    return f", in use by {' and '.join(dict.fromkeys(users))}" if users else ""


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' if number > 1 else ''}"
