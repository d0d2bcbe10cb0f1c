"""From a workload's demands and a machine's data sheets to the coefficients of each phase.

Everything that does not change during a phase is worked out here, once: how many cores work and how well together,
which turbo bin they get, how much of the time is spent waiting for memory. What depends on clock and temperature is
left to the kernel, as seconds times GHz.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.errors import Refusal
from spacegrey.parts.memory.laws import loaded_latency_ns, paged_gb, peak_bandwidth_gb_s, reachable_bandwidth_gb_s
from spacegrey.parts.network.spec import Stack, sheet
from spacegrey.parts.processor.laws import miss_ratio, turbo_bin_ghz, usl_speedup
from spacegrey.parts.storage.laws import random_rate_gb_s, sequential_rate_gb_s
from spacegrey.simulation.kernel import layout as at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spacegrey.machine.assembly import Attached, Machine
    from spacegrey.workload.library import Workload
    from spacegrey.workload.spec import NetworkDemand, Phase, ProcessorDemand, StorageDemand

REFERENCE_CACHE_MIB = 2.0
"""Cache per thread that a workload's misses and traffic are stated for. [MiB]"""

SMT_POWER = 0.12
"""Power that a core's second thread adds, as a share of the first's. Assumed: reviews see 10 to 15 %."""

GPU_MEMORY_FLOOR = 0.3
"""Share of its full power that graphics memory draws in any work. Assumed: clocks and refresh do not stop."""

SYSTEM_MEMORY_GIB = 3.0
"""Memory that the system itself holds. [GiB] Assumed: an idle desktop."""

PCIE_GB_S = 12.0
"""What a PCIe 3.0 x16 slot carries, for graphics memory that does not fit. [GB/s] 15.75 less protocol and overhead."""

ETHERNET_GOODPUT = 0.94
"""Payload over line rate of TCP over Ethernet with frames of 1500 bytes: 1448 / 1538."""


READS = ("spec", "processor", "microarchitecture", "graphics", "graphics_architecture", "memory", "memory_modules",
         "memory_gib", "storage", "storage_tb", "supply", "external")  # fmt: skip
"""What of a machine the phases follow from: the room and its settings are not among it."""


@dataclass(frozen=True)
class Workers:
    """The processor's cores as a phase uses them.

    Attributes
    ----------
    active : int
        Fast cores that are busy.
    slow : int
        Efficiency cores that are busy.
    equivalents : float
        What all of them do together, in fast cores with one thread, if they did not disturb each other.
    capacitance : float
        Switched capacitance relative to one busy fast core.
    """

    active: int
    slow: int
    equivalents: float
    capacitance: float


def lower(workload: Workload, machine: Machine) -> NDArray[np.float64]:
    """Return the phases of a workload on a machine, repeats written out.

    Parameters
    ----------
    workload : Workload
        What is asked.
    machine : Machine
        Who is asked.

    Returns
    -------
    float64, shape (phases * repeat, PHASE_FIELDS)
        Coefficients, in the order of `kernel.layout` from ``PHASE_BEGIN``.

    Raises
    ------
    Refusal
        A demand is so large or small that it cannot be computed with.
    """
    try:
        once = np.array([_phase(phase, machine) for phase in workload.phases])
    except ArithmeticError:
        raise Refusal(f"{workload.id} on {machine.selector}: its demands are too extreme to compute with") from None
    return np.tile(once, (workload.spec.repeat, 1))


def nominal_seconds(phases: NDArray[np.float64], machine: Machine) -> NDArray[np.float64]:
    """Return how long each phase takes if no limit of power or heat lowers a clock. [s], shape (phases,).

    The closed form of what the kernel integrates; used to size a run before it starts, and by fits.
    """
    columns = phases.T

    def column(field: int) -> NDArray[np.float64]:
        return columns[field - at.PHASE_BEGIN]

    serial = column(at.Q_SERIAL_GHZ_S) / column(at.Q_SERIAL_CAP_GHZ)
    parallel = column(at.Q_PARALLEL_GHZ_S) / column(at.Q_PARALLEL_CAP_GHZ)
    core = np.maximum(serial + parallel + column(at.Q_STALL_S), column(at.Q_BANDWIDTH_S))
    top_ghz = machine.graphics.dpm_states[-1][0] * 1e-3
    gpu = np.maximum(column(at.Q_GPU_GHZ_S) / top_ghz, column(at.Q_GPU_MEMORY_S))
    parts = np.array([core, gpu, column(at.Q_STORAGE_S), column(at.Q_NETWORK_S), column(at.Q_MEDIA_S)])
    longest = parts.max(axis=0)
    needed = longest + column(at.Q_SERIAL_ORDER) * (parts.sum(axis=0) - longest) + column(at.Q_PAGING_S)
    paced = np.maximum(needed, column(at.Q_PACE_S))
    return np.where(column(at.Q_REALTIME) > 0.5, column(at.Q_PACE_S), paced)  # noqa: PLR2004


def workers(demand: ProcessorDemand, machine: Machine) -> Workers:
    """Return how a demand spreads over the cores: fast cores first, then slow ones, then second threads."""
    chip = machine.processor
    slow_cores = chip.efficiency.cores if chip.efficiency else 0
    most = {"all": chip.threads + slow_cores, "cores": chip.cores + slow_cores}
    threads = most[demand.threads] if isinstance(demand.threads, str) else demand.threads
    active = min(threads, chip.cores)
    slow = min(threads - active, slow_cores)
    second = min(threads - active - slow, chip.threads - chip.cores)
    equivalents = active + machine.microarchitecture.smt_gain * demand.smt * second
    capacitance = active + SMT_POWER * second
    if chip.efficiency:
        equivalents += slow * chip.efficiency.relative_rate
        capacitance += slow * chip.efficiency.relative_power
    return Workers(active, slow, equivalents, capacitance)


def licence_ghz(demand: ProcessorDemand, machine: Machine, active: float) -> float:
    """Return the clock that turbo bins and the vector licence allow a number of active cores. [GHz]."""
    chip = machine.processor
    offset = 0.0
    if demand.vector == "avx2" or (demand.vector == "avx512" and chip.widest_vector_bits < 512):  # noqa: PLR2004
        offset = chip.avx2_offset_ghz
    elif demand.vector == "avx512":
        offset = chip.avx512_offset_ghz
    clock = max(turbo_bin_ghz(chip.turbo_bins, active) - offset, chip.minimum_ghz)
    return min(clock, chip.base_ghz) if demand.background else clock


def memory_ceiling_gb_s(machine: Machine, cores: float) -> float:
    """Return the memory bandwidth that a number of cores reaches on a machine. [GB/s]."""
    memory = machine.memory
    peak = peak_bandwidth_gb_s(memory.transfer_mt_s, memory.bytes_per_transfer, machine.memory_channels)
    core = machine.microarchitecture
    return reachable_bandwidth_gb_s(
        peak, memory.efficiency, cores, core.bytes_in_flight, machine.processor.memory_latency_ns
    )


def _phase(phase: Phase, machine: Machine) -> NDArray[np.float64]:
    q = np.zeros(at.PHASE_FIELDS)
    frames = phase.pace.hz * phase.pace.seconds if phase.pace else 1.0
    _processor(q, phase, machine, frames)
    _graphics(q, phase, machine, frames)
    _put(q, at.Q_STORAGE_S, frames * _storage_s(phase, machine))
    _put(q, at.Q_PAGING_S, _paging_s(phase, machine))
    if phase.network:
        rate = _network_gbit_s(phase.network, machine)
        _put(q, at.Q_NETWORK_S, frames * phase.network.gb * 8.0 / rate if rate > 0.0 else 1e9)
    if phase.pace:
        _put(q, at.Q_PACE_S, phase.pace.seconds)
        _put(q, at.Q_REALTIME, 1.0 if phase.pace.drop else 0.0)
    plugged_w = machine.external.power_w if machine.external else 0.0
    _put(q, at.Q_EXTERNAL_W, min(max(phase.ports_w, plugged_w), machine.supply.port_budget_w))
    _put(q, at.Q_SERIAL_ORDER, phase.serial)
    _put(q, at.Q_INDEPENDENT, 1.0 if phase.independent else 0.0)
    return q


def _processor(q: NDArray[np.float64], phase: Phase, machine: Machine, frames: float) -> None:
    demand, chip, core = phase.processor, machine.processor, machine.microarchitecture
    team = workers(demand, machine)
    serial_ghz, parallel_ghz = licence_ghz(demand, machine, 1), licence_ghz(demand, machine, team.active)
    software_gop = _software_media_gop(phase, machine) + _transport_gop(phase, machine)
    gcycles = frames * (
        (demand.integer_gop + software_gop) / core.rate_integer
        + demand.float_gop / core.rate_float
        + demand.vector_gop / core.rate_vector
        + demand.scalar_gflop / core.scalar_flops_per_cycle
        + demand.fp64_gflop / core.fp64_flops_per_cycle
    )
    gop = frames * (demand.gop + software_gop)
    speedup = usl_speedup(team.equivalents, 0.0, demand.coherence)
    serial, parallel = (1.0 - demand.parallel) * gcycles, demand.parallel * gcycles / speedup
    cache = chip.l2_mib_per_core * chip.cores + chip.l3_mib
    relative = miss_ratio(cache / max(team.active + team.slow, 1), REFERENCE_CACHE_MIB)
    missed = 1.0 - min(1.0, cache / demand.working_set_mib) if demand.working_set_mib else 1.0
    traffic_gb = gop * demand.bytes_per_op * relative + frames * demand.stream_gb * missed
    ceiling = memory_ceiling_gb_s(machine, team.active + team.slow)
    misses_g = gop * demand.misses_per_kop * 1e-3 * relative + frames * demand.chase_g
    alone = (1.0 - demand.parallel) + demand.parallel / speedup
    running_s = serial / serial_ghz + parallel / parallel_ghz
    latency = chip.memory_latency_ns
    for _ in range(3):
        stall_s = misses_g * latency * alone
        busy_s = max(running_s + stall_s, traffic_gb / ceiling, 1e-12)
        latency = loaded_latency_ns(chip.memory_latency_ns, traffic_gb / ceiling / busy_s)
    stall_s = misses_g * latency * alone
    heavy = demand.vector_gop + demand.fp64_gflop
    vector_share = heavy / (demand.gop + demand.fp64_gflop) if heavy > 0.0 else 0.0
    activity = demand.activity * (1.0 + vector_share * (core.vector_activity - 1.0))
    nf = core.core_capacitance_nf * activity
    _put(q, at.Q_SERIAL_GHZ_S, serial)
    _put(q, at.Q_PARALLEL_GHZ_S, parallel)
    _put(q, at.Q_STALL_S, stall_s)
    _put(q, at.Q_BANDWIDTH_S, traffic_gb / ceiling)
    _put(q, at.Q_SERIAL_CAP_GHZ, serial_ghz)
    _put(q, at.Q_PARALLEL_CAP_GHZ, parallel_ghz)
    _put(q, at.Q_SERIAL_NF, nf)
    _put(q, at.Q_PARALLEL_NF, nf * team.capacitance)
    _put(q, at.Q_MEMORY_J, traffic_gb * machine.memory.active_w_per_gb_s)
    _put(q, at.Q_MEMORY_GB, traffic_gb)


def _graphics(q: NDArray[np.float64], phase: Phase, machine: Machine, frames: float) -> None:
    demand, card, kind = phase.graphics, machine.graphics, machine.graphics_architecture
    devices = card.count if demand.devices == "all" else 1
    efficiency = kind.efficiency_compute if demand.kind == "compute" else kind.efficiency_raster
    per_ghz = card.lanes * devices * kind.flops_per_lane_cycle * efficiency * demand.driver * 1e-3
    tflop = demand.tflop + demand.half_tflop / kind.fp16_ratio
    # What does not fit stays in main memory, and its share of the traffic crosses the slot.
    outside = (
        max(0.0, 1.0 - card.memory_gib / demand.memory_gib) if demand.memory_gib and card.board != "shared" else 0.0
    )
    local_gb_s = card.memory_gb_s * kind.bandwidth_efficiency * devices
    memory_s = demand.traffic_gb * ((1.0 - outside) / local_gb_s + outside / PCIE_GB_S)
    _put(q, at.Q_GPU_GHZ_S, frames * tflop / per_ghz)
    _put(q, at.Q_GPU_MEMORY_S, frames * memory_s)
    _put(q, at.Q_GPU_ACTIVITY, demand.activity * devices)
    _put(q, at.Q_GPU_CAP_W, card.power_cap_w * devices + card.idle_w * (card.count - devices))
    _put(q, at.Q_GPU_LEAKAGE_W, card.leakage_w * devices)
    clock_s = tflop / per_ghz / (card.dpm_states[-1][0] * 1e-3)
    longest = max(clock_s, memory_s)
    _put(q, at.Q_GPU_MEMORY_SHARE, max(GPU_MEMORY_FLOOR, memory_s / longest) * devices if longest > 0.0 else 0.0)
    media = phase.media
    if media:
        engine = card.media
        decode, encode = engine.decode_mpixel_s.get(media.codec), engine.encode_mpixel_s.get(media.codec)
        seconds = (media.decode_mpixel / decode if decode else 0.0) + (media.encode_mpixel / encode if encode else 0.0)
        _put(q, at.Q_MEDIA_S, frames * seconds)
        _put(q, at.Q_MEDIA_W, engine.power_w)


def _software_media_gop(phase: Phase, machine: Machine) -> float:
    media = phase.media
    if media is None:
        return 0.0
    engine = machine.graphics.media
    pixels = 0.0 if media.codec in engine.decode_mpixel_s else media.decode_mpixel
    pixels += 0.0 if media.codec in engine.encode_mpixel_s else media.encode_mpixel
    return pixels * media.software_gop_per_mpixel


def storage_rates_gb_s(machine: Machine) -> tuple[float, float]:
    """Return the sequential read and write rates of a machine's drive. [GB/s]."""
    drive, tb = machine.storage, machine.storage_tb
    read = sequential_rate_gb_s(tb, drive.read_gb_s_per_tb, drive.read_ceiling_gb_s, drive.link_gb_s)
    write = sequential_rate_gb_s(tb, drive.write_gb_s_per_tb, drive.write_ceiling_gb_s, drive.link_gb_s)
    return read, write


def _network_gbit_s(demand: NetworkDemand, machine: Machine) -> float:
    network = _network(demand, machine)
    if network:
        return min(network.read_gb_s * 8.0, demand.partner_gbit_s * ETHERNET_GOODPUT)
    ports = machine.spec.ports
    offers = ports.ethernet_gbit_s if demand.link == "ethernet" else [ports.wifi_gbit_s]
    return min(max(offers, default=0.0), demand.partner_gbit_s) * ETHERNET_GOODPUT


def _network(demand: NetworkDemand, machine: Machine) -> Attached | None:
    """Return the plan's network that a demand goes over; None: the machine's own port."""
    external = machine.external
    network = external.device(external.network) if external else None
    # Who asks for the air is not given a wire; who asks for the wire takes what the plan has.
    return network if network and (network.wireless or demand.link == "ethernet") else None


def _transport_gop(phase: Phase, machine: Machine) -> float:
    """Return what TCP costs the processor for the bytes of a phase. [10^9 operations]

    Measured in cycles for a byte on a core of the reference design, which does one operation in each.
    """
    gop = 0.0
    if phase.network:
        network = _network(phase.network, machine)
        usual = sheet(Stack, "tcp", "network stack").cycles_per_byte(1500)
        gop += phase.network.gb * (network.cycles_per_byte if network else usual)
    demand = phase.storage
    source, target = (_drive(machine, name, phase) for name in (demand.read_from, demand.write_to))
    random_gb = demand.random_reads * demand.block_kib * 1024.0 / 1e9
    gop += (demand.read_gb + random_gb) * source.cycles_per_byte if source else 0.0
    return gop + (demand.write_gb * target.cycles_per_byte if target else 0.0)


def _drive(machine: Machine, name: str | None, phase: Phase) -> Attached | None:
    """Return the plan's device that a phase names, or else the plan's storage; None: the machine's own drive."""
    external = machine.external
    found = external.device(name or external.storage) if external else None
    if name is not None and found is None:
        known = ", ".join(one.name for one in external.devices) if external else ""
        has = f"plan {external.plan!r} has: {known or 'none'}" if external else "nothing is plugged in: name a plan"
        raise Refusal(f"phase {phase.name!r} needs a storage device {name!r}; {has}")
    return found


def _storage_s(phase: Phase, machine: Machine) -> float:
    demand = phase.storage
    source, target = (_drive(machine, name, phase) for name in (demand.read_from, demand.write_to))
    read_s, write_s = _read_s(demand, machine, source), _write_s(demand, machine, target)
    return read_s + write_s if source == target else max(read_s, write_s)


def _read_s(demand: StorageDemand, machine: Machine, source: Attached | None) -> float:
    drive = machine.storage
    read = source.read_gb_s if source else storage_rates_gb_s(machine)[0]
    seconds = _seconds(demand.read_gb, read)
    if demand.random_reads:
        # A device at a port answers no sooner than the machine's own drive; its queue is the same.
        rate = random_rate_gb_s(drive.latency_us, demand.queue_depth, demand.block_kib, read) if read else 0.0
        seconds += _seconds(demand.random_reads * demand.block_kib * 1024.0 / 1e9, rate)
    return seconds


def _write_s(demand: StorageDemand, machine: Machine, target: Attached | None) -> float:
    if target:
        return _seconds(demand.write_gb, target.write_gb_s)
    drive, write = machine.storage, storage_rates_gb_s(machine)[1]
    cached = (
        min(demand.write_gb, drive.cache_share * machine.storage_tb * 1e3) if drive.cache_share else demand.write_gb
    )
    return cached / write + (demand.write_gb - cached) / (write * drive.folded_write_ratio)


def _seconds(amount: float, rate: float) -> float:
    """Return how long an amount takes; without a rate it never ends, which `run.check` refuses."""
    return 0.0 if amount == 0.0 else amount / rate if rate > 0.0 else 1e9


def _paging_s(phase: Phase, machine: Machine) -> float:
    room = max(machine.memory_gib - SYSTEM_MEMORY_GIB, 0.1)
    moved = paged_gb(phase.memory_gib, room, phase.memory_touches)
    read, write = storage_rates_gb_s(machine)
    return moved / read + moved / write


def _put(q: NDArray[np.float64], field: int, value: float) -> None:
    q[field - at.PHASE_BEGIN] = value
