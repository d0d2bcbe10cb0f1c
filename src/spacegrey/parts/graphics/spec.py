"""The graphics processor's data sheet, and that of the architecture it is made of."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import Field, model_validator

from spacegrey.sourced import Spec

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]

DPM_STATES = 8


class GraphicsArchitecture(Spec):
    """What all graphics processors of one design share.

    The efficiencies are shares of peak FP32 that real code of a kind reaches with the drivers of its day; fitted.
    """

    name: str
    efficiency_compute: Positive = Field(description="GPU renderers and other FP32 compute (Cycles)")
    efficiency_raster: Positive = Field(description="games and real-time 3D")
    bandwidth_efficiency: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.8, description="reachable share of the memory's peak"
    )
    flops_per_lane_cycle: Positive = Field(default=2.0, description="one fused multiply-add per lane and clock")
    fp16_ratio: Positive = Field(description="FP16 rate over FP32 rate")


class MediaEngine(Spec):
    """Fixed-function video, in pixels per second; what it has no codec for, the processor does."""

    decode_mpixel_s: dict[str, Positive] = Field(default_factory=dict, description="codec to 10^6 pixels per second")
    encode_mpixel_s: dict[str, Positive] = Field(default_factory=dict, description="codec to 10^6 pixels per second")
    power_w: NotNegative = 5.0


class Graphics(Spec):
    """One graphics option: one processor, or several equal ones."""

    name: str
    architecture: str
    count: Annotated[int, Field(ge=1, le=4)] = Field(
        default=1, description="equal processors; software of this library uses one for display"
    )
    lanes: Annotated[int, Field(ge=1)] = Field(description="FP32 lanes (shaders)")
    dpm_states: list[tuple[Positive, Positive]] = Field(
        min_length=2, max_length=DPM_STATES, description="[MHz, mV], rising"
    )
    memory_gib: Positive
    memory_kind: str
    memory_gb_s: Positive = Field(description="peak bandwidth")
    memory_power_w: NotNegative = Field(description="at full bandwidth")
    power_cap_w: Positive = Field(description="what the part's own controller holds")
    idle_w: NotNegative
    capacitance_nf: Positive = Field(description="switched at full load by the whole chip; W = nF V^2 GHz")
    leakage_w: NotNegative = Field(description="static power at 1 V and 60 degC")
    leakage_per_kelvin: NotNegative = 0.015
    temperature_limit_c: Positive
    board: str = Field(default="soldered", description="soldered, module, card or shared (on the processor's die)")
    media: MediaEngine = Field(default_factory=MediaEngine)

    @model_validator(mode="after")
    def _rising(self) -> Graphics:
        points = self.dpm_states
        if any(b[0] <= a[0] or b[1] < a[1] for a, b in pairwise(points)):
            raise ValueError("dpm_states must rise in MHz and not fall in mV")
        return self
