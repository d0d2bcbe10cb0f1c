"""The ports' data sheet: what a machine offers to the outside, as limits and loads."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from spacegrey.sourced import Spec

NotNegative = Annotated[float, Field(ge=0)]


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
