"""The processor's data sheet, and that of the microarchitecture it is made of."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import Field, model_validator

from spacegrey.sourced import Spec

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
TurboBin = tuple[Annotated[int, Field(ge=1)], Positive]


class EfficiencyCores(Spec):
    """A second cluster of slower cores beside the fast ones (Apple's M series)."""

    cores: Annotated[int, Field(ge=1)]
    clock_ghz: Positive = Field(description="clock of the cluster when every core of the chip is busy")
    relative_rate: Positive = Field(
        description="work per second of one such core over that of a fast core, both at full clock"
    )
    relative_power: Positive = Field(description="power of one such core over that of a fast core, both at full clock")


class Microarchitecture(Spec):
    """What all processors of one core design share: rates per clock, voltage by clock, charge moved per clock.

    The three rates are in operations per clock relative to Skylake-SP = 1; they are fitted (``catalog/fits``).
    """

    name: str
    rate_integer: Positive = Field(default=1.0, description="integer and branch-heavy code, per clock, Skylake-SP = 1")
    rate_float: Positive = Field(
        default=1.0, description="scalar and short-vector floating point, per clock, Skylake-SP = 1"
    )
    rate_vector: Positive = Field(
        default=1.0, description="wide-vector code with the best licence the chip has, Skylake-SP = 1"
    )
    smt_gain: NotNegative = Field(
        default=0.0, description="extra work of a core's second thread, as a share of the first's"
    )
    fp64_flops_per_cycle: Positive = Field(description="peak, with the widest vectors and fused multiply-add")
    scalar_flops_per_cycle: Positive = Field(description="what compiled code without explicit vectors reaches in L1")
    bytes_in_flight: Positive = Field(
        description="cache lines a core keeps outstanding to memory, prefetch included, in bytes"
    )
    voltage_curve: list[tuple[Positive, Positive]] = Field(min_length=3, description="[GHz, V] points, rising")
    core_capacitance_nf: Positive = Field(description="effective switched capacitance of a busy core; W = nF V^2 GHz")
    vector_activity: Positive = Field(
        default=1.2, description="switched capacitance of wide-vector code over that of ordinary code"
    )
    idle_activity: NotNegative = Field(
        default=0.04, description="share of a busy core's dynamic power that a halted core keeps"
    )
    uncore_base_w: NotNegative
    uncore_per_core_w: NotNegative
    leakage_per_core_w: NotNegative = Field(description="static power of a powered core at 1 V and 60 degC")
    leakage_per_kelvin: NotNegative = Field(default=0.015, description="relative rise of leakage per kelvin")

    @model_validator(mode="after")
    def _rising(self) -> Microarchitecture:
        points = self.voltage_curve
        if any(b[0] <= a[0] or b[1] < a[1] for a, b in pairwise(points)):
            raise ValueError("voltage_curve must rise in GHz and not fall in V")
        return self


class Processor(Spec):
    """One processor model."""

    name: str
    microarchitecture: str
    socket: str
    cores: Annotated[int, Field(ge=1, le=256)]
    threads: Annotated[int, Field(ge=1, le=512)]
    base_ghz: Positive
    minimum_ghz: Positive = 1.2
    turbo_bins: list[TurboBin] = Field(min_length=1, description="[active cores, GHz], ordinary code; rising, falling")
    avx2_offset_ghz: NotNegative = Field(default=0.0, description="taken off the bin by heavy 256-bit code")
    avx512_offset_ghz: NotNegative = Field(default=0.0, description="taken off the bin by heavy 512-bit code")
    widest_vector_bits: Annotated[int, Field(ge=128, le=512)] = 256
    l2_mib_per_core: Positive
    l3_mib: NotNegative = Field(description="last-level cache shared by the cores")
    tdp_w: Positive
    pl1_w: Positive = Field(description="sustained package power limit")
    pl2_w: Positive = Field(description="short-term package power limit")
    tau_s: Positive = Field(default=28.0, description="time constant of the moving average that PL1 limits")
    tj_max_c: Positive
    die_mm2: Positive | None = Field(default=None, description="area of the die that the heat leaves")
    memory_channels: Annotated[int, Field(ge=1, le=12)]
    memory_latency_ns: Positive = Field(description="idle load-to-use latency of a random access far beyond the caches")
    capacity_memory_gib: Positive = Field(default=1024.0, description="most memory the part can address")
    pcie_lanes: Annotated[int, Field(ge=0)] = 0
    efficiency: EfficiencyCores | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Processor:
        counts = [count for count, _ in self.turbo_bins]
        clocks = [clock for _, clock in self.turbo_bins]
        if counts != sorted(set(counts)) or counts[-1] != self.cores:
            raise ValueError(f"turbo_bins must name rising core counts and end at {self.cores}, the number of cores")
        if clocks != sorted(clocks, reverse=True):
            raise ValueError("turbo_bins must not rise with the number of active cores")
        if self.threads < self.cores:
            raise ValueError("threads must be at least the number of cores")
        if not self.minimum_ghz <= self.base_ghz <= clocks[0]:
            raise ValueError("clocks must order as minimum_ghz <= base_ghz <= highest turbo bin")
        if self.pl2_w < self.pl1_w:
            raise ValueError("pl2_w must be at least pl1_w")
        return self
