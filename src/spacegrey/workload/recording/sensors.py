"""What the host tells beside its processes: cores, clock, temperatures, package energy, NVIDIA graphics, network.

Each source is looked for once; one that is not there is named in `Sensors.missing` and not asked again.
"""

from __future__ import annotations

import ctypes
import math
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

POWERCAP = Path("/sys/class/powercap")
CLOCKS = Path("/sys/devices/system/cpu")
STAT = Path("/proc/stat")
NOT_TOLD = (float("nan"), float("nan"), float("nan"))
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
    """

    cores: tuple[int, ...]
    powercap: Path = POWERCAP
    missing: list[str] = field(default_factory=list[str])
    _energy: list[tuple[Path, float]] = field(default_factory=list[tuple[Path, float]])
    _energy_j: dict[Path, float] = field(default_factory=dict[Path, float])
    _package_j: float = 0.0
    _clocks: list[Path] = field(default_factory=list[Path])
    _moved_b: int = 0
    _nvml: Any = None
    _card: Any = None

    def __post_init__(self) -> None:
        """Look for every source."""
        for folder in sorted(self.powercap.glob("intel-rapl:*")):
            if folder.name.count(":") == 1 and _number(folder / "energy_uj") is not None:
                self._energy.append((folder / "energy_uj", _number(folder / "max_energy_range_uj") or 2.0**32))
        self._clocks = [
            path for core in self.cores if (path := CLOCKS / f"cpu{core}/cpufreq/scaling_cur_freq").exists()
        ]
        self._open_nvml()
        for found, words in (
            (self._energy, "package power: no energy counter of the processor can be read"),
            (self._clocks, "the clock during the job: the system does not tell it, the rated one is taken"),
            (math.isfinite(_busy_s(self.cores)[0]), "what other programs took: the cores' clocks may not be read"),
            (_temperature() is not None, "temperatures: no sensor of the processor"),
            (self._card, "graphics: no NVIDIA management library or card"),
        ):
            if not found:
                self.missing.append(words)

    def read(self, *, slow: bool) -> Reading:
        """Look once; ``slow`` sources (temperature, graphics, network) are left out of most looks."""
        gpu = self._graphics() if slow else NOT_TOLD
        temp = _temperature() if slow else None
        if slow:
            self._moved_b = _network_b()
        clocks = [value for path in self._clocks if (value := _number(path)) is not None]
        busy_s, stolen_s = _busy_s(self.cores)
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

    def _package(self) -> float:
        for path, span in self._energy:
            now = _number(path)
            if now is None:
                continue
            before = self._energy_j.get(path, now)
            # The counter starts again from zero when it is full.
            self._package_j += ((now - before) % span) * 1e-6
            self._energy_j[path] = now
        return self._package_j

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


def _busy_s(cores: tuple[int, ...]) -> tuple[float, float]:
    """Return how long cores were busy since the system started, and the part that was stolen; NaN: not told. [s]."""
    tick_s = 1.0 / os.sysconf("SC_CLK_TCK")
    wanted = {f"cpu{core}" for core in cores}
    total = stolen = 0
    try:
        with open(STAT, encoding="ascii") as lines:  # noqa: PTH123 - ten times a second
            for line in lines:
                name, *ticks = line.split()
                if name in wanted:
                    total += sum(int(ticks[place]) for place in (0, 1, 2, 5, 6, 7))
                    stolen += int(ticks[7])
                elif not name.startswith("cpu"):
                    break
    except OSError:
        return float("nan"), float("nan")
    # Some containers show the file with nothing in it.
    return (total * tick_s, stolen * tick_s) if total else (float("nan"), float("nan"))


def _network_b() -> int:
    total = 0
    with suppress(OSError), open("/proc/net/dev", encoding="ascii") as lines:  # noqa: PTH123 - ten times a second
        for line in lines:
            name, colon, rest = line.partition(":")
            if colon and name.strip() != "lo":
                numbers = rest.split()
                total += int(numbers[0]) + int(numbers[8])
    return total


def _temperature() -> float | None:
    import psutil

    try:
        told: dict[str, list[Any]] = psutil.sensors_temperatures()
    except (AttributeError, OSError):
        return None
    for name in ("coretemp", "k10temp", "zenpower", "cpu_thermal"):
        if told.get(name):
            return max(float(one.current) for one in told[name])
    return None


def _number(path: Path) -> float | None:
    try:
        return float(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def cache_mib() -> float:
    """Return the size of the largest cache of the first core; 0 where the system does not tell it. [MiB]."""
    sizes = [0.0]
    for path in (CLOCKS / "cpu0/cache").glob("index*/size"):
        with suppress(OSError, ValueError):
            text = path.read_text(encoding="ascii").strip()
            sizes.append(float(text.rstrip("KMG")) * {"K": 1 / 1024, "M": 1.0, "G": 1024.0}.get(text[-1], 2.0**-20))
    return max(sizes)
