"""What the host tells beside its processes: cores, clock, temperatures, package energy, NVIDIA graphics, network.

Each source is looked for once; one that is not there is named in `Sensors.missing` and not asked again.
"""

from __future__ import annotations

import ctypes
import math
import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spacegrey.workload.recording.held import Held

POWERCAP = Path("/sys/class/powercap")
CLOCKS = Path("/sys/devices/system/cpu")
STAT = Path("/proc/stat")
NETWORK = Path("/proc/net/dev")
HARDWARE = Path("/sys/class/hwmon")
TICK_S = 1.0 / (os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100)
NOT_TOLD = (float("nan"), float("nan"), float("nan"))
PROCESSORS = ("coretemp", "k10temp", "zenpower", "cpu_thermal")
"""Sensors of a processor, the best first."""
NVML_LIBRARY = "libnvidia-ml.so.1"


@dataclass(frozen=True)
class Reading:
    """One look at the host; NaN: not told.

    Attributes
    ----------
    core_busy_s : float
        Time that all cores that may be used were busy, with whatever, since the system started. [s]
    stolen_s : float
        The part of it in which a virtual machine's cores were lent to its neighbours. [s]
    clock_ghz : float
        Mean of the cores. [GHz]
    package_j : float
        Energy of the processor packages since the recorder started. [J]
    cpu_temp_c : float
        The hottest that the processor's sensor tells. [degC]
    network_b : int
        Bytes of all network interfaces since the system started, loopback left out.
    gpu_busy, gpu_power_w, gpu_temp_c : float
        Of the first NVIDIA card.
    """

    core_busy_s: float = float("nan")
    stolen_s: float = float("nan")
    clock_ghz: float = float("nan")
    package_j: float = float("nan")
    cpu_temp_c: float = float("nan")
    network_b: int = 0
    gpu_busy: float = float("nan")
    gpu_power_w: float = float("nan")
    gpu_temp_c: float = float("nan")


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


@dataclass
class Sensors:
    """What of the host can be read.

    Attributes
    ----------
    cores : tuple of int
        Cores that the job may use.
    powercap : Path
        Where the kernel keeps energy counters.
    begun : int or None
        How many processes and threads the system has ever begun; None as long as that was not seen to grow.
    """

    cores: tuple[int, ...]
    powercap: Path = POWERCAP
    missing: list[str] = field(default_factory=list[str])
    begun: int | None = None
    _begun_first: int = 0
    _stat: Held = field(init=False)
    _names: frozenset[bytes] = field(init=False)
    _all_cores: bool = False
    _energy: list[tuple[Held, float]] = field(default_factory=list[tuple[Held, float]])
    _energy_j: dict[int, float] = field(default_factory=dict[int, float])
    _package_j: float = 0.0
    _clocks: list[Held] = field(default_factory=list[Held])
    _degrees: list[Held] = field(default_factory=list[Held])
    _moved_b: int = 0
    _nvml: Any = None
    _card: Any = None

    def __post_init__(self) -> None:
        """Look for every source."""
        self._stat, self._names = Held(str(STAT)), frozenset(b"cpu%d" % core for core in self.cores)
        for folder in sorted(self.powercap.glob("intel-rapl:*")):
            if folder.name.count(":") == 1 and _number(Held(str(folder / "energy_uj"))) is not None:
                span = _number(Held(str(folder / "max_energy_range_uj"))) or 2.0**32
                self._energy.append((Held(str(folder / "energy_uj")), span))
        clocks = (CLOCKS / f"cpu{core}/cpufreq/scaling_cur_freq" for core in self.cores)
        self._clocks = [Held(str(path)) for path in clocks if path.exists()]
        named: list[bytes] = re.findall(rb"^cpu\d+", self._stat.read(), re.MULTILINE)
        self._all_cores = frozenset(named) == self._names
        self._degrees = _processor_temperatures()
        self._open_nvml()
        busy_s, _ = self._busy_s()
        for found, words in (
            (self._energy, "package power: no energy counter of the processor can be read"),
            (self._clocks, "the clock during the job: the system does not tell it, the rated one is taken"),
            (math.isfinite(busy_s), "what other programs took: the cores' clocks may not be read"),
            (self._temperature() is not None, "temperatures: no sensor of the processor"),
            (self._card, "graphics: no NVIDIA management library or card"),
        ):
            if not found:
                self.missing.append(words)

    def read(self, *, slow: bool) -> Reading:
        """Look once; ``slow`` sources (temperature, graphics, network) are left out of most looks."""
        gpu = self._graphics() if slow else NOT_TOLD
        temp = self._temperature() if slow else None
        if slow:
            self._moved_b = _network_b()
        clocks = [value for clock in self._clocks if (value := _number(clock)) is not None]
        busy_s, stolen_s = self._busy_s()
        return Reading(
            core_busy_s=busy_s,
            stolen_s=stolen_s,
            clock_ghz=sum(clocks) / len(clocks) * 1e-6 if clocks else float("nan"),
            package_j=self._package() if self._energy else float("nan"),
            cpu_temp_c=float("nan") if temp is None else temp,
            network_b=self._moved_b,
            gpu_busy=gpu[0],
            gpu_power_w=gpu[1],
            gpu_temp_c=gpu[2],
        )

    def _busy_s(self) -> tuple[float, float]:
        """Return how long cores were busy since the system started, and the part that was stolen; NaN: not told. [s].

        And note how many processes and threads were begun, which the same file tells.
        """
        told = self._stat.read()
        cores, _, rest = told.partition(b"\nintr ")
        _, found, begun = rest.partition(b"\nprocesses ")
        if found:
            self._note_begun(int(begun.split(None, 1)[0]))
        if self._all_cores:
            lines = [cores.partition(b"\n")[0]]
        else:
            lines = [line for line in cores.split(b"\n") if line.partition(b" ")[0] in self._names]
        total = stolen = 0
        for line in lines:
            _, user, nice, system, _, _, interrupts, soft, steal, *_ = line.split(None, 9)
            total += int(user) + int(nice) + int(system) + int(interrupts) + int(soft) + int(steal)
            stolen += int(steal)
        # Some containers show the file with nothing in it.
        return (total * TICK_S, stolen * TICK_S) if total else (float("nan"), float("nan"))

    def _note_begun(self, begun: int) -> None:
        """Believe the count once it grows: where it is made up it stays the same."""
        if self.begun is not None or 0 < self._begun_first < begun:
            self.begun = begun
        self._begun_first = self._begun_first or begun

    def _package(self) -> float:
        for number, (counter, span) in enumerate(self._energy):
            now = _number(counter)
            if now is None:
                continue
            before = self._energy_j.get(number, now)
            # The counter starts again from zero when it is full.
            self._package_j += ((now - before) % span) * 1e-6
            self._energy_j[number] = now
        return self._package_j

    def _temperature(self) -> float | None:
        """Return the hottest that the processor's sensor tells. [degC]."""
        told = [value * 1e-3 for one in self._degrees if (value := _number(one)) is not None]
        return max(told, default=None)

    def _open_nvml(self) -> None:
        with suppress(OSError, AttributeError):
            library = ctypes.CDLL(NVML_LIBRARY)
            card = ctypes.c_void_p()
            if library.nvmlInit_v2() == 0 and library.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(card)) == 0:
                self._nvml, self._card = library, card

    def _graphics(self) -> tuple[float, float, float]:
        if self._card is None:
            return NOT_TOLD
        used, milliwatts, temp = _Utilization(), ctypes.c_uint(), ctypes.c_uint()
        told = (
            (self._nvml.nvmlDeviceGetUtilizationRates(self._card, ctypes.byref(used)), lambda: used.gpu / 100.0),
            (self._nvml.nvmlDeviceGetPowerUsage(self._card, ctypes.byref(milliwatts)), lambda: milliwatts.value / 1e3),
            (self._nvml.nvmlDeviceGetTemperature(self._card, 0, ctypes.byref(temp)), lambda: float(temp.value)),
        )
        busy, power, degrees = (value() if status == 0 else float("nan") for status, value in told)
        return busy, power, degrees


def _network_b() -> int:
    total = 0
    with suppress(OSError, ValueError, IndexError):
        for line in NETWORK.read_bytes().splitlines():
            name, colon, rest = line.partition(b":")
            if colon and name.strip() != b"lo":
                numbers = rest.split(None, 9)
                total += int(numbers[0]) + int(numbers[8])
    return total


def _processor_temperatures() -> list[Held]:
    """Return the files of the best sensor of the processor, in thousandths of a degree."""
    found: dict[str, list[Held]] = {}
    # Old systems have one more folder between.
    for path in sorted((*HARDWARE.glob("hwmon*/temp*_input"), *HARDWARE.glob("hwmon*/device/temp*_input"))):
        with suppress(OSError):
            name = (path.parent / "name").read_text(encoding="ascii", errors="replace").strip()
            found.setdefault(name, []).append(Held(str(path)))
    best = [found[name] for name in PROCESSORS if name in found]
    return best[0] if best else []


def _number(file: Held) -> float | None:
    try:
        return float(file.read())
    except ValueError:
        return None


def cache_mib() -> float:
    """Return the size of the largest cache of the first core; 0 where the system does not tell it. [MiB]."""
    sizes = [0.0]
    for path in (CLOCKS / "cpu0/cache").glob("index*/size"):
        with suppress(OSError, ValueError):
            text = path.read_text(encoding="ascii").strip()
            sizes.append(float(text.rstrip("KMG")) * {"K": 1 / 1024, "M": 1.0, "G": 1024.0}.get(text[-1], 2.0**-20))
    return max(sizes)
