"""The ports' data sheets: what a machine offers to the outside, and the tree of links behind its receptacles."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from spacegrey.parts.ports.laws import SIGNALLING_GBPS, pcie_payload_gbps, usb_payload_gbps
from spacegrey.sourced import Spec

NotNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=0, le=32)]

Protocol = Literal[
    "thunderbolt1", "thunderbolt2", "thunderbolt3", "thunderbolt4",
    "usb2", "usb3", "usb3.1-gen2",
    "displayport", "hdmi", "ethernet", "wifi", "sd", "pcie", "internal",
]  # fmt: skip
Output = Literal["hbr", "hbr2", "hbr3", "hdmi1.4", "hdmi2.0", "hdmi2.1"]
HOST = "host"
"""Processor and memory: where every byte goes to or comes from."""


class Ports(Spec):
    """Counts and rates of a machine's receptacles."""

    thunderbolt: Annotated[int, Field(ge=0)] = 0
    thunderbolt_gbit_s: NotNegative = 0.0
    usb_a: Annotated[int, Field(ge=0)] = 0
    usb_a_gbit_s: NotNegative = Field(default=0.0, description="signalling rate")
    ethernet_gbit_s: list[float] = Field(
        default_factory=list[float], description="rates that the Ethernet port negotiates"
    )
    wifi_gbit_s: NotNegative = Field(default=0.0, description="best link rate")
    sd_reader: bool = False


class Link(Spec):
    """A chip or bridge, and the link that joins it to what is above: PCIe (generation, lanes), USB, or a plain rate."""

    name: str = Field(description="as reasons and drawings call it")
    to: str = Field(default=HOST, description="the link above, or host")
    generation: Annotated[int, Field(ge=1, le=5)] | None = Field(default=None, description="of PCIe")
    lanes: Literal[1, 2, 4, 8, 16] | None = Field(default=None, description="of PCIe")
    payload_bytes: Literal[128, 256, 512] = Field(default=256, description="of a PCIe packet")
    usb_gbps: Annotated[float, Field(ge=0.48, le=10)] | None = Field(default=None, description="signalling rate of USB")
    gbps: Positive | None = Field(default=None, description="payload of a link that is neither PCIe nor USB")
    at_most_gbps: Positive | None = Field(default=None, description="what the chip passes, where less than its link")
    display_inputs: Count = Field(default=0, description="display streams that a Thunderbolt controller takes in")
    display: Output | None = Field(default=None, description="best DisplayPort rate of those streams")
    dsc: bool = Field(default=False, description="carries compressed display streams")

    @model_validator(mode="after")
    def _one_kind(self) -> Link:
        pcie = self.generation is not None or self.lanes is not None
        if pcie and (self.generation is None or self.lanes is None):
            raise ValueError("a PCIe link needs generation and lanes")
        if pcie + (self.usb_gbps is not None) + (self.gbps is not None) != 1:
            raise ValueError("a link is one of: PCIe (generation, lanes), usb_gbps, gbps")
        if self.display_inputs and self.display is None:
            raise ValueError("display_inputs needs display: the rate of those streams")
        return self

    @property
    def payload_gbps(self) -> float:
        """What it carries in each direction at once. [Gb/s]"""
        if self.generation is not None and self.lanes is not None:
            rate = pcie_payload_gbps(self.generation, self.lanes, self.payload_bytes)
        elif self.usb_gbps is not None:
            rate = usb_payload_gbps(self.usb_gbps)
        else:
            rate = self.gbps or 0.0
        return min(rate, self.at_most_gbps) if self.at_most_gbps else rate


class Receptacle(Spec):
    """One kind of receptacle; with a count of four, ``usb-a`` stands for ``usb-a-1`` to ``usb-a-4``."""

    at: str = Field(default=HOST, description="the link behind it")
    count: Count = 1
    connector: Literal["usb-c", "usb-a", "mini-displayport", "displayport", "hdmi", "rj45", "sd", "slot", "antenna"]
    speaks: Annotated[list[Protocol], Field(min_length=1)]
    rates_gbps: list[Positive] = Field(default_factory=list[float], description="line rates of Ethernet")
    radio: str | None = Field(default=None, description="of Wi-Fi: id in catalog/network/radios.toml")
    generation: Annotated[int, Field(ge=1, le=5)] | None = Field(default=None, description="of a PCIe slot")
    lanes: Literal[1, 2, 4, 8, 16] | None = Field(default=None, description="of a PCIe slot")
    display: Output | None = Field(default=None, description="of an output that no Thunderbolt controller feeds")
    dsc: bool = False
    power_w: NotNegative = Field(default=0.0, description="what it gives to a device")

    @model_validator(mode="after")
    def _has_its_rates(self) -> Receptacle:
        if "ethernet" in self.speaks and not self.rates_gbps:
            raise ValueError("an Ethernet receptacle needs rates_gbps")
        if "pcie" in self.speaks and not (self.generation and self.lanes):
            raise ValueError("a slot needs generation and lanes")
        if "wifi" in self.speaks and self.radio is None:
            raise ValueError("an antenna needs radio")
        return self

    def signalling_gbps(self, family: str) -> float:
        """Return the best rate that it speaks of a family (``thunderbolt``, ``usb``); 0: it does not. [Gb/s]"""
        return max((SIGNALLING_GBPS[one] for one in self.speaks if one.startswith(family)), default=0.0)


class Published(Spec):
    """What a maker says about displays at one time: the planner is held against it."""

    displays: Annotated[list[str], Field(min_length=1)] = Field(description="ids of the catalog's devices")
    fits: bool
    unproven: str = Field(default="", description="why the tree cannot show it to be true")


class PortTree(Spec):
    """A machine's I/O tree: links from the host down, and the receptacles at their ends."""

    name: str
    heads: Count = Field(description="pictures that the graphics processor sends to the outside at one time")
    tiles_share_a_head: bool = Field(default=False, description="a display of two tiles takes one head and not two")
    thunderbolt_displays: Count | None = Field(default=None, description="displays over Thunderbolt, where fewer")
    large_displays: Count | None = Field(
        default=None, description="displays beyond 2560 x 2880, where the maker states fewer"
    )
    drive: str | None = Field(default=None, description="the link behind which the built-in drive is")
    links: dict[str, Link]
    receptacles: dict[str, Receptacle]
    published: list[Published] = Field(default_factory=list[Published])

    @model_validator(mode="after")
    def _is_a_tree(self) -> PortTree:
        check_links(self.links, self.receptacles)
        if self.drive is not None and self.drive not in self.links:
            raise ValueError(f"drive: there is no link {self.drive!r}")
        return self


def check_links(links: dict[str, Link], receptacles: dict[str, Receptacle]) -> None:
    """Raise `ValueError` where a link or a receptacle hangs on nothing, or links form a loop."""
    for name, link in links.items():
        seen, here = [name], link.to
        while here != HOST:
            if here in seen:
                raise ValueError(f"links form a loop: {' -> '.join([*seen, here])}")
            if here not in links:
                raise ValueError(f"link {seen[-1]!r} hangs on {here!r}, which is no link")
            seen.append(here)
            here = links[here].to
    for name, receptacle in receptacles.items():
        if receptacle.at != HOST and receptacle.at not in links:
            raise ValueError(f"receptacle {name!r} hangs on {receptacle.at!r}, which is no link")


class Cable(Spec):
    """A cable: what it carries follows from its length and its kind."""

    name: str = ""
    length_m: Annotated[float, Field(gt=0, le=1000)]
    active: bool = Field(default=False, description="amplifiers in its plugs")
    optical: bool = False
    usb_gbps: Positive | None = Field(default=None, description="what it carries of USB, where less than its kind")
    gbps: Positive | None = Field(default=None, description="what is printed on it, where less than its kind carries")
    category: Literal["cat5e", "cat6", "cat6a", "cat7"] | None = Field(
        default=None, description="of an Ethernet cable; left out: 6A, which carries every rate over 100 m"
    )


class Device(Spec):
    """A thing that is plugged in; what does not belong to its kind is left out."""

    name: str = ""
    kind: Literal["display", "storage", "network", "capture", "dock", "hub", "enclosure", "card"]
    link: Protocol = Field(description="how it is plugged in")
    power_w: Annotated[float, Field(ge=0, le=1000)] = Field(default=0.0, description="what it takes from the port")
    width: Annotated[int, Field(gt=0, le=16384)] | None = None
    height: Annotated[int, Field(gt=0, le=16384)] | None = None
    refresh_hz: Annotated[float, Field(ge=1, le=1000)] = 60.0
    bits_per_colour: Literal[6, 8, 10, 12, 16] | None = None
    pixel_clock_mhz: Annotated[float, Field(gt=0, le=10_000)] | None = Field(
        default=None, description="of each tile; left out: VESA's reduced blanking"
    )
    tiles: Literal[1, 2] = Field(default=1, description="halves of the picture, side by side, each a stream")
    mst: bool = Field(default=False, description="its tiles share one DisplayPort link")
    dsc_bits_per_pixel: Annotated[float, Field(ge=6, le=36)] | None = Field(
        default=None, description="of a compressed stream, where source and display can"
    )
    read_gbps: Annotated[float, Field(ge=0, le=1000)] | None = Field(default=None, description="towards the machine")
    write_gbps: Annotated[float, Field(ge=0, le=1000)] | None = Field(default=None, description="away from it")
    rates_gbps: list[Positive] = Field(default_factory=list[float], description="line rates of an Ethernet partner")
    frame_bytes: Literal[1500, 9000] = Field(default=1500, description="largest Ethernet frame")
    distance_m: Annotated[float, Field(ge=0, le=1000)] | None = Field(
        default=None, description="to the access point of Wi-Fi"
    )
    walls: Annotated[int, Field(ge=0, le=50)] = Field(default=0, description="in between")
    room: Literal["office", "home"] = "office"
    band: Literal["5", "2.4"] = Field(default="5", description="of Wi-Fi, GHz")
    lanes: Literal[1, 2, 4, 8, 16] | None = Field(default=None, description="of a PCIe card")
    generation: Annotated[int, Field(ge=1, le=5)] | None = Field(default=None, description="of a PCIe card")
    display_outputs: Count = Field(default=0, description="display streams that a dock passes on")
    links: dict[str, Link] = Field(default_factory=dict[str, Link], description="inside; host is its own plug")
    receptacles: dict[str, Receptacle] = Field(default_factory=dict[str, Receptacle], description="for more devices")

    @model_validator(mode="after")
    def _belongs_together(self) -> Device:
        if self.kind == "display":
            if self.width is None or self.height is None:
                raise ValueError("a display needs model, or width and height")
        elif self.width is not None or self.height is not None or self.tiles > 1 or self.bits_per_colour is not None:
            raise ValueError(f"width, height, tiles and bits_per_colour belong to a display, not to a {self.kind}")
        if self.kind in {"storage", "capture"} and self.link != "internal" and not (self.read_gbps or self.write_gbps):
            raise ValueError(f"a {self.kind} device needs model, or read_gbps and write_gbps")
        if self.link == "pcie" and not (self.lanes and self.generation):
            raise ValueError("a PCIe card needs model, or generation and lanes")
        if (self.link == "wifi") != (self.distance_m is not None):
            raise ValueError("link wifi and distance_m go together: metres to the access point")
        if self.link == "wifi" and self.kind not in {"network", "storage"}:
            raise ValueError(f"over wifi go a network and its storage, not a {self.kind}")
        check_links(self.links, self.receptacles)
        return self
