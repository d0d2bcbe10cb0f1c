"""The enclosure's data sheet: thermal network, fans, their controller and their noise."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from spacegrey.sourced import Spec

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
# Wide enough for any desk-side machine, narrow enough that the network can be solved.
HeatCapacity = Annotated[float, Field(ge=1e-3, le=1e6)]
Conductance = Annotated[float, Field(ge=1e-6, le=1e4)]
Level = Annotated[float, Field(ge=0, le=150)]
Speed = Annotated[float, Field(ge=0, le=1e5)]
ConductanceOrNone = Annotated[float, Field(ge=0, le=1e4)]


class Capacities(Spec):
    """Heat capacities of the nodes. [J/K]"""

    cpu_junction: HeatCapacity
    cpu_spreader: HeatCapacity
    cpu_sink: HeatCapacity
    gpu_junction: HeatCapacity
    gpu_memory: HeatCapacity
    gpu_sink: HeatCapacity
    vrm: HeatCapacity
    memory: HeatCapacity
    storage: HeatCapacity
    board: HeatCapacity
    supply: HeatCapacity
    panel: HeatCapacity
    shell: HeatCapacity
    intake_air: HeatCapacity
    sink_air: HeatCapacity


class Conductances(Spec):
    """Heat conductances between nodes; those that end in ``_air`` are at full air flow and fall with it. [W/K]"""

    cpu_junction_spreader: Conductance
    cpu_spreader_sink: Conductance
    gpu_junction_sink: Conductance
    gpu_junction_memory: Conductance
    gpu_memory_sink: Conductance
    cpu_sink_gpu_sink: ConductanceOrNone = Field(description="0 for separate sinks, large for one shared radiator")
    cpu_sink_air: Conductance
    gpu_sink_air: Conductance
    vrm_board: ConductanceOrNone
    vrm_air: ConductanceOrNone
    memory_board: ConductanceOrNone
    memory_air: ConductanceOrNone
    storage_board: ConductanceOrNone
    storage_air: ConductanceOrNone
    board_shell: ConductanceOrNone
    board_air: ConductanceOrNone
    supply_shell: ConductanceOrNone
    supply_air: ConductanceOrNone
    panel_shell: ConductanceOrNone
    cpu_sink_shell: ConductanceOrNone = 0.0
    panel_ambient: ConductanceOrNone = Field(description="natural convection and radiation, whatever the fans do")
    shell_ambient: Conductance = Field(description="natural convection and radiation, whatever the fans do")


class Fans(Spec):
    """The fans, as one: they run in step on one duct."""

    count: Annotated[int, Field(ge=0, le=12)]
    minimum_rpm: Speed
    maximum_rpm: Speed = Field(description="the highest that the owner may set")
    automatic_maximum_rpm: Speed = Field(description="the highest that the machine's own controller reaches")
    flow_l_s: NotNegative = Field(description="air through the case at maximum_rpm, all fans, no dust")
    natural_flow_l_s: Positive = Field(description="air that moves by buoyancy with the fans off")
    power_w: NotNegative = Field(description="all fans at maximum_rpm; falls with the cube of the speed")
    noise_dba: Level = Field(description="sound pressure of the fans alone at noise_rpm and noise_distance_m")
    noise_rpm: Annotated[float, Field(ge=1, le=1e5)] = 1.0
    noise_distance_m: Positive = 0.5
    noise_exponent: Positive = Field(default=60.0, description="dB per decade of speed; 50 to 60 by the fan laws")
    floor_dba: Level = Field(description="the room and the machine's other noises, at the same distance")

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
