"""What this computer's cores, memory and drive do: a short measurement that gives recorded work absolute units."""

from __future__ import annotations

import functools
import mmap
import os
import platform
import socket
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from spacegrey.errors import Refusal
from spacegrey.parts.memory.laws import reachable_bandwidth_gb_s
from spacegrey.sourced import CATALOG, Spec, read_spec, read_toml
from spacegrey.workload.recording.bandwidth import memory_gb_s
from spacegrey.workload.recording.limits import limits
from spacegrey.workload.recording.loops import CLOCKS_PER_STEP, chase, float_work, integer_work, shift_chain
from spacegrey.workload.recording.sensors import cache_mib

if TYPE_CHECKING:
    from collections.abc import Callable

Positive = Annotated[float, Field(gt=0)]


class Loops(Spec):
    """What the rating's loops take on the core that they were timed on, and what that core does in a clock."""

    measured_on: str = Field(description="the core, and how it was timed")
    integer_clocks: Positive = Field(description="of a step of `loops.integer_work`")
    float_clocks: Positive = Field(description="of a step of `loops.float_work`")
    integer_rate: Positive = Field(description="work of the core's predecessor for each clock, a Skylake-SP's is 1")
    float_rate: Positive = Field(description="the same for floating point")
    newer: Positive = Field(description="times its predecessor, for each clock")
    error: Positive = Field(description="how far durations on other machines may be off, as a share")


@functools.cache
def loops() -> Loops:
    """Return what gives rated work its unit.

    Examples
    --------
    >>> loops().newer
    1.13
    """
    document = read_toml(CATALOG / "rating.toml")
    return read_spec(Loops, document.data["loops"], document, ["loops"])


def scale_in_words() -> str:
    """Return where the unit of rated work comes from, as a machine's file tells it."""
    unit = loops()
    return (
        f"the loop was timed on {unit.measured_on}, whose core is taken as {unit.newer:g} times its catalogued "
        f"predecessor for each clock; other machines' durations may be off by {100.0 * unit.error:.0f} %"
    )


REPEATS = 5
LINE = 64
CHASE_MIB = 128
DISK_MIB = 128
RANDOM_READS = 300
BLOCK = 4096
FLOOR = 1e-9


@dataclass(frozen=True)
class Rating:
    """A host in numbers.

    Attributes
    ----------
    host, processor, date : str
        Name of the computer, model of its processor, day of the measurement.
    cores, threads : int
        That this process may use; threads count second threads of cores.
    clock_ghz, all_core_ghz : float
        Measured with one core busy, and with all of them. [GHz]
    integer, floating : float
        Work per clock of one core, Skylake-SP = 1.
    smt_gain : float
        Extra work of second threads, as a share.
    core_gb_s, all_gb_s : float
        Copied through memory by one core, and by all of them; read and written bytes both count. [GB/s]
    latency_ns : float
        Of a random access beyond the caches. [ns]
    write_gb_s, read_gb_s : float
        Of the drive, made durable, and past the page cache. [GB/s]
    read_latency_us : float
        Of a random read of 4 KiB. [us]
    memory_gib, disk_tb, cache_mib : float
        Sizes; cache_mib is the last level's, 0 where it is not told.
    unseen : tuple of str
        What could not be measured, in words.
    """

    host: str
    processor: str
    date: str
    cores: int
    threads: int
    clock_ghz: float
    all_core_ghz: float
    integer: float
    floating: float
    smt_gain: float
    core_gb_s: float
    all_gb_s: float
    latency_ns: float
    write_gb_s: float
    read_gb_s: float
    read_latency_us: float
    memory_gib: float
    disk_tb: float
    cache_mib: float
    unseen: tuple[str, ...] = ()


def rate_host(folder: Path, today: str) -> Rating:
    """Measure this computer, in about ten seconds.

    Parameters
    ----------
    folder : Path
        On the drive to be rated; a file of 128 MiB is written there and removed.
    today : str
        Day of the measurement, for the record.

    Returns
    -------
    Rating
        Best of five for each number: other work can only lower one.

    Raises
    ------
    Refusal
        The clock cannot be found out, or the folder takes no file.
    """
    unseen: list[str] = []
    unit = loops()
    given = limits()
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    usable = given.of_cores(allowed)
    if given.cores is not None and given.cores < allowed:
        unseen.append(f"the other cores: a control group leaves {given.cores:g} of {allowed}")
    cores = min(usable, _physical_cores() or usable)
    clock_ghz = _clock_ghz(unseen)
    integer_s = _best(lambda: integer_work(400_000, _TABLE)) / 400_000
    float_s = _best(lambda: float_work(400_000, _POINTS)) / 400_000
    all_core_ghz = min(clock_ghz, _all_core_ghz(cores, clock_ghz))
    smt_gain = 0.0
    if usable > cores:
        each = _together(usable, lambda: integer_work(400_000, _TABLE.copy())) / 400_000
        alone = integer_s * clock_ghz / all_core_ghz
        smt_gain = min(max(usable * alone / (cores * each) - 1.0, 0.0), 1.0)
    core_gb_s, all_gb_s = memory_gb_s(cores)
    drive = _drive(folder, unseen)
    import psutil

    return Rating(
        host=socket.gethostname(),
        processor=_processor_name(),
        date=today,
        cores=cores,
        threads=usable,
        clock_ghz=clock_ghz,
        all_core_ghz=all_core_ghz,
        integer=unit.integer_rate * unit.newer * unit.integer_clocks / (integer_s * clock_ghz * 1e9),
        floating=unit.float_rate * unit.newer * unit.float_clocks / (float_s * clock_ghz * 1e9),
        smt_gain=smt_gain,
        core_gb_s=core_gb_s,
        all_gb_s=all_gb_s,
        latency_ns=_latency_ns(),
        write_gb_s=drive[0],
        read_gb_s=drive[1],
        read_latency_us=drive[2],
        memory_gib=min(psutil.virtual_memory().total / 2**30, given.memory_gib or float("inf")),
        disk_tb=psutil.disk_usage(str(folder)).total / 1e12,
        cache_mib=cache_mib(),
        unseen=tuple(unseen),
    )


def memory_limits_gb_s(rating: Rating) -> tuple[float, float]:
    """Return what one core asks for and what the memory gives at most, in the law of `parts.memory`. [GB/s].

    Notes
    -----
    The law joins the two smoothly, so that neither is what was measured: both are solved for. Where all cores together
    copy as much as they would alone, the memory's limit was not seen, and is set to three times that.
    """
    core, most = rating.core_gb_s, 3.0 * rating.all_gb_s
    for _ in range(20):
        rest = rating.all_gb_s**-4 - (rating.cores * core) ** -4
        most = min(rest**-0.25, 3.0 * rating.all_gb_s) if rest > 0.0 else 3.0 * rating.all_gb_s
        left = rating.core_gb_s**-4 - most**-4
        core = left**-0.25 if left > 0.0 else rating.core_gb_s
    return core, most


def bandwidth_gb_s(rating: Rating, cores: int) -> float:
    """Return what a number of a rated host's cores copy through memory together. [GB/s]."""
    core, most = memory_limits_gb_s(rating)
    return reachable_bandwidth_gb_s(most, 1.0, cores, core, 1.0)


_TABLE = np.arange(1, 4097, dtype=np.int64) * 2654435761 % 1_000_003
_POINTS = np.random.default_rng(1).uniform(0.1, 1.4, (512, 4))


def _best(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the least processor time that a piece of work takes, its compilation left out. [s]."""
    work()
    least = float("inf")
    for _ in range(repeats):
        before = time.thread_time_ns()
        work()
        least = min(least, (time.thread_time_ns() - before) * 1e-9)
    return max(least, FLOOR)


def _together(threads: int, work: Callable[[], object]) -> float:
    """Return the processor time that each of several threads takes for the same work at once, the best of five. [s]."""
    with ThreadPoolExecutor(threads) as pool:
        least = float("inf")
        for _ in range(REPEATS):
            times = [one.result() for one in [pool.submit(_best, work, 1) for _ in range(threads)]]
            least = min(least, sum(times) / threads)
    return least


def _clock_ghz(unseen: list[str]) -> float:
    if platform.machine().lower() in {"x86_64", "amd64", "i686"}:
        return CLOCKS_PER_STEP * 2_000_000 / _best(lambda: shift_chain(2_000_000)) * 1e-9
    import psutil

    told: Any = psutil.cpu_freq()
    if not told or not (told.max or told.current):
        raise Refusal("record: this system does not tell the processor's clock, and only x86 has a loop to measure it")
    unseen.append("the clock was told by the system, not measured")
    return float(told.max or told.current) * 1e-3


def _all_core_ghz(cores: int, clock_ghz: float) -> float:
    alone = _best(lambda: shift_chain(2_000_000))
    return clock_ghz * alone / _together(cores, lambda: shift_chain(2_000_000))


def _latency_ns() -> float:
    lines = CHASE_MIB * 2**20 // LINE
    order = np.random.default_rng(2).permutation(lines).astype(np.int64) * (LINE // 8)
    links = np.zeros(lines * LINE // 8, np.int64)
    links[order] = np.roll(order, -1)
    return _best(lambda: chase(links, 200_000), 3) / 200_000 * 1e9


def _drive(folder: Path, unseen: list[str]) -> tuple[float, float, float]:
    """Return what the drive writes and reads [GB/s], and how long a small read takes [us]."""
    size = DISK_MIB * 2**20
    block = os.urandom(2**20)
    try:
        handle, name = tempfile.mkstemp(dir=folder, prefix=".rating.")
    except OSError as error:
        raise Refusal(f"record: the drive cannot be rated in {folder}: {error.strerror or error}") from None
    try:
        written = float("inf")
        for _ in range(3):
            os.lseek(handle, 0, os.SEEK_SET)
            before = time.perf_counter()
            for _ in range(DISK_MIB):
                os.write(handle, block)
            os.fsync(handle)
            written = min(written, time.perf_counter() - before)
        read_s, latency_s = _read(Path(name), unseen)
    except OSError as error:
        raise Refusal(
            f"record: the drive cannot be rated in {folder}, which takes a file of {DISK_MIB} MiB: "
            f"{error.strerror or error}"
        ) from None
    finally:
        os.close(handle)
        Path(name).unlink(missing_ok=True)
    return size / 1e9 / written, size / 1e9 / read_s, latency_s * 1e6


def _read(path: Path, unseen: list[str]) -> tuple[float, float]:
    """Return how long the file takes to read, and the median of small reads, past the page cache. [s]."""
    size = path.stat().st_size
    direct = getattr(os, "O_DIRECT", 0)
    try:
        handle = os.open(path, os.O_RDONLY | direct)
    except OSError:
        direct, handle = 0, os.open(path, os.O_RDONLY)
    if not direct:
        unseen.append("the drive's reads: this file system cannot read past the page cache, so they are too fast")
    try:
        large, small = mmap.mmap(-1, 4 * 2**20), mmap.mmap(-1, BLOCK)
        least = float("inf")
        for _ in range(2):
            before = time.perf_counter()
            for offset in range(0, size, len(large)):
                _read_at(handle, large, offset)
            least = min(least, time.perf_counter() - before)
        places = np.random.default_rng(3).integers(0, size // BLOCK, RANDOM_READS) * BLOCK
        took: list[float] = []
        for place in places:
            before = time.perf_counter()
            _read_at(handle, small, int(place))
            took.append(time.perf_counter() - before)
    finally:
        os.close(handle)
    return max(least, FLOOR), float(np.median(took))


def _read_at(handle: int, into: mmap.mmap, offset: int) -> None:
    os.lseek(handle, offset, os.SEEK_SET)
    os.readv(handle, [into])


def _physical_cores() -> int | None:
    import psutil

    return psutil.cpu_count(logical=False)


def _processor_name() -> str:
    with suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()
