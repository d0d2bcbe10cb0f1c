"""The enclosure's data sheet: thermal network, fans, their controller and their noise."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from spacegrey.sourced import Spec

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class Capacities(Spec):
    """Heat capacities of the nodes. [J/K]"""

    cpu_junction: Positive
    cpu_spreader: Positive
    cpu_sink: Positive
    gpu_junction: Positive
    gpu_memory: Positive
    gpu_sink: Positive
    vrm: Positive
    memory: Positive
    storage: Positive
    board: Positive
    supply: Positive
    panel: Positive
    shell: Positive
    intake_air: Positive
    sink_air: Positive


class Conductances(Spec):
    """Heat conductances between nodes; those that end in ``_air`` are at full air flow and fall with it. [W/K]"""

    cpu_junction_spreader: Positive
    cpu_spreader_sink: Positive
    gpu_junction_sink: Positive
    gpu_junction_memory: Positive
    gpu_memory_sink: Positive
    cpu_sink_gpu_sink: NotNegative = Field(description="0 for separate sinks, large for one shared radiator")
    cpu_sink_air: Positive
    gpu_sink_air: Positive
    vrm_board: NotNegative
    vrm_air: NotNegative
    memory_board: NotNegative
    memory_air: NotNegative
    storage_board: NotNegative
    storage_air: NotNegative
    board_shell: NotNegative
    board_air: NotNegative
    supply_shell: NotNegative
    supply_air: NotNegative
    panel_shell: NotNegative
    cpu_sink_shell: NotNegative = 0.0
    panel_ambient: NotNegative = Field(description="natural convection and radiation; does not change with the fans")
    shell_ambient: Positive = Field(description="natural convection and radiation; does not change with the fans")


class Fans(Spec):
    """The fans, as one: they run in step on one duct."""

    count: Annotated[int, Field(ge=0, le=12)]
    minimum_rpm: NotNegative
    maximum_rpm: NotNegative = Field(description="the highest that the owner may set")
    automatic_maximum_rpm: NotNegative = Field(description="the highest that the machine's own controller reaches")
    flow_l_s: NotNegative = Field(description="air through the case at maximum_rpm, all fans, no dust")
    natural_flow_l_s: Positive = Field(description="air that moves by buoyancy with the fans off")
    power_w: NotNegative = Field(description="all fans at maximum_rpm; falls with the cube of the speed")
    noise_dba: NotNegative = Field(description="sound pressure of the fans alone at noise_rpm and noise_distance_m")
    noise_rpm: Positive = 1.0
    noise_distance_m: Positive = 0.5
    noise_exponent: Positive = Field(default=60.0, description="dB per decade of speed; 50 to 60 by the fan laws")
    floor_dba: NotNegative = Field(description="the room and the machine's other noises, at the same distance")

    @model_validator(mode="after")
    def _ordered(self) -> Fans:
        if not self.minimum_rpm <= self.maximum_rpm <= self.automatic_maximum_rpm:
            raise ValueError("fan speeds must order as minimum_rpm <= maximum_rpm <= automatic_maximum_rpm")
        return self


class Controller(Spec):
    """The fan controller: one PI loop per sensor, the highest wins, once a second; and the processor's thermal trip."""

    cpu_target_c: Positive
    gpu_target_c: Positive
    filter_s: Positive = Field(description="time constant of the temperature filter before the loops")
    gain_rpm_per_k: NotNegative
    integral_rpm_per_k_s: NotNegative
    throttle_rpm_per_ghz_s: NotNegative = Field(
        default=40.0, description="rise of the fan for each GHz that the trip takes off beyond half of its first cut"
    )
    slew_rpm_per_s: Positive
    trip_c: Positive = Field(description="the processor's clock is cut above it")
    release_c: Positive = Field(description="and given back below it")
    trip_step_ghz: Positive = Field(description="how much the first cut takes off the clock")

    @model_validator(mode="after")
    def _ordered(self) -> Controller:
        if self.release_c >= self.trip_c:
            raise ValueError("release_c must be below trip_c")
        return self


class Cooling(Spec):
    """An enclosure with its cooling."""

    name: str
    status: Literal["reference", "calibrated", "illustrative"]
    vent: str = Field(description="where the air leaves")
    capacities: Capacities
    conductances: Conductances
    fans: Fans
    controller: Controller
    die_mm2: Positive | None = Field(
        default=None, description="die that cpu_junction_spreader is stated for; a larger one passes more heat"
    )
    flow_exponent: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.8, description="of convection with flow; 0.8 is turbulent"
    )
