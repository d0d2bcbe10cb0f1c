"""The workload language: phases of demand on the parts of a machine.

Work is stated in units that no machine owns: operations, bytes, pixels, frames. What a machine makes of it is the
simulation's business.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from spacegrey.sourced import Spec

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class ProcessorDemand(Spec):
    """Work for the processor, in 10^9 operations; one is what a Skylake-SP core does in a clock of that class."""

    integer_gop: NotNegative = 0.0
    float_gop: NotNegative = 0.0
    vector_gop: NotNegative = 0.0
    scalar_gflop: NotNegative = Field(default=0.0, description="compiled scalar arithmetic in cache, 10^9 operations")
    fp64_gflop: NotNegative = Field(
        default=0.0, description="dense double precision with the widest vectors, 10^9 operations"
    )
    stream_gb: NotNegative = Field(default=0.0, description="bytes streamed through memory whatever the caches")
    working_set_mib: NotNegative = Field(
        default=0.0, description="what the stream walks over; the part that caches hold is not traffic; 0: all of it is"
    )
    chase_g: NotNegative = Field(default=0.0, description="dependent random reads far beyond the caches, 10^9")
    threads: Annotated[int, Field(ge=1)] | Literal["all", "cores"] = Field(
        default="all", description="threads it can use"
    )
    parallel: Share = Field(default=1.0, description="share of the work that runs on all its threads at once (Amdahl)")
    coherence: NotNegative = Field(default=0.0, description="loss for each pair of workers (universal scalability law)")
    smt: NotNegative = Field(default=1.0, description="how much of the chip's gain by second threads this work gets")
    vector: Literal["none", "avx2", "avx512"] = Field(
        default="none", description="heaviest vector code, for the clock's licence"
    )
    activity: Positive = Field(default=1.0, description="switching activity; a renderer is 1")
    misses_per_kop: NotNegative = Field(
        default=0.0, description="dependent misses to memory per 1000 operations, 2 MiB cache a thread"
    )
    bytes_per_op: NotNegative = Field(
        default=0.0, description="memory traffic per operation, with 2 MiB of cache a thread"
    )
    background: bool = Field(default=False, description="may run at the base clock: the system saves energy on it")

    @property
    def gop(self) -> float:
        """Work of the three classes. [10^9 operations]"""
        return self.integer_gop + self.float_gop + self.vector_gop

    @property
    def asks(self) -> bool:
        """Whether there is anything to do."""
        return self.gop + self.scalar_gflop + self.fp64_gflop + self.stream_gb + self.chase_g > 0.0


class GraphicsDemand(Spec):
    """Work for the graphics processor."""

    tflop: NotNegative = Field(default=0.0, description="FP32 work, 10^12 operations")
    half_tflop: NotNegative = Field(default=0.0, description="FP16 work, 10^12 operations")
    kind: Literal["compute", "raster"] = "compute"
    traffic_gb: NotNegative = Field(default=0.0, description="bytes moved to and from graphics memory")
    memory_gib: NotNegative = Field(default=0.0, description="graphics memory that it touches")
    devices: Literal["one", "all"] = "one"
    activity: Positive = Field(default=1.0, description="switching activity; a game at full clock is 1")
    driver: Positive = Field(
        default=1.0, description="share of the architecture's usual efficiency that this system's driver gives"
    )


class MediaDemand(Spec):
    """Video for the fixed-function engine; a processor does what the engine cannot."""

    codec: str
    decode_mpixel: NotNegative = 0.0
    encode_mpixel: NotNegative = 0.0
    software_gop_per_mpixel: NotNegative = Field(description="processor work where no engine knows the codec")


class StorageDemand(Spec):
    """Bytes for the drive."""

    read_gb: NotNegative = 0.0
    write_gb: NotNegative = 0.0
    random_reads: NotNegative = Field(default=0.0, description="number of random reads")
    block_kib: Positive = 4.0
    queue_depth: Annotated[float, Field(ge=1)] = 1.0
    read_from: str | None = Field(default=None, description="device of the run's plan; left out: as the plan says")
    write_to: str | None = Field(default=None, description="the same; two devices work side by side")


class NetworkDemand(Spec):
    """Bytes for the wire."""

    gb: NotNegative
    link: Literal["ethernet", "wifi"] = Field(
        default="ethernet", description="what it goes over where the run's plan names no network"
    )
    partner_gbit_s: Positive = Field(default=10.0, description="what the other side offers")


class Pace(Spec):
    """A phase that keeps time: its demands are those of one frame (or of one second with hz = 1)."""

    hz: Positive = 1.0
    seconds: Positive
    drop: bool = Field(
        default=True, description="late frames are dropped and time goes on; else the phase takes longer"
    )


class Phase(Spec):
    """Demands that are worked on together."""

    name: str
    processor: ProcessorDemand = Field(default_factory=ProcessorDemand)
    graphics: GraphicsDemand = Field(default_factory=GraphicsDemand)
    media: MediaDemand | None = None
    storage: StorageDemand = Field(default_factory=StorageDemand)
    network: NetworkDemand | None = None
    pace: Pace | None = None
    memory_gib: NotNegative = Field(default=0.5, description="memory footprint")
    memory_touches: NotNegative = Field(default=1.0, description="how often it walks over its footprint")
    serial: Share = Field(default=0.0, description="0: parts work side by side; 1: one after another")
    independent: bool = Field(
        default=False, description="processor and graphics work on jobs of their own and never wait for each other"
    )
    ports_w: NotNegative = Field(default=0.0, description="power that devices take from the ports")

    @model_validator(mode="after")
    def _asks_for_something(self) -> Phase:
        p, g, s = self.processor, self.graphics, self.storage
        asked = float(p.asks) + g.tflop + g.half_tflop + g.traffic_gb + s.read_gb + s.write_gb + s.random_reads
        asked += self.network.gb if self.network else 0.0
        asked += self.media.decode_mpixel + self.media.encode_mpixel if self.media else 0.0
        if asked <= 0.0 and self.pace is None:
            raise ValueError(f"phase {self.name!r} asks for nothing: give it work, or a pace with seconds")
        return self


class Score(Spec):
    """How the result is stated: constant / seconds (rate), constant * seconds (time), or delivered frames / second."""

    unit: str
    kind: Literal["rate", "time", "frames"]
    constant: Positive = 1.0
    phases: list[str] = Field(default_factory=list[str], description="phases that count; all of them if empty")
    better: Literal["higher", "lower"] = "higher"


class Size(Spec):
    """How a workload grows with its problem size: exponents on its work, its traffic and its working set."""

    reference: Positive = Field(description="the size that the phases are stated for")
    work: NotNegative
    traffic: NotNegative
    footprint: NotNegative
    fixed: list[str] = Field(default_factory=list[str], description="phases that do not grow")


class Recorded(Spec):
    """Where a recorded workload comes from, and how sure it is."""

    command: str = Field(description="what ran")
    host: str = Field(description="computer that it ran on")
    processor: str = Field(description="its processor")
    cores: Annotated[int, Field(ge=1)] = Field(description="cores that the job was allowed to use")
    date: str = Field(description="day of the recording")
    duration_s: NotNegative = Field(description="from its start to its end")
    alone_s: NotNegative = Field(description="how long it would have taken with nothing else on the computer")
    processor_s: NotNegative = Field(description="processor time of all its processes")
    confidence: Literal["high", "medium", "low"] = Field(description="how sure the recording is")
    doubts: list[str] = Field(default_factory=list[str], description="what speaks against it")
    unseen: list[str] = Field(default_factory=list[str], description="what could not be seen")
    exit_status: int | None = Field(default=None, description="of the job, where it was known")


class WorkloadSpec(Spec):
    """Head data of a workload."""

    name: str
    stands_for: str = Field(description="what of real life it represents, and on what ground")
    status: Literal["reference", "calibrated", "illustrative"]
    repeat: Annotated[int, Field(ge=1, le=100_000)] = 1
    size: Size | None = Field(default=None, description="lets the workload be named with :size=N")
    score: Score | None = None
    recorded: Recorded | None = Field(default=None, description="where a recorded workload comes from")
