"""The free numbers of the fit of speeds: what is fitted, where it goes, where it starts.

A parameter belongs to a core design, a graphics design, a benchmark or a population of uploads, never to a row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Parameter:
    """One fitted number: where it goes, where it starts, how far it may go, and how strongly the start is believed.

    Fitted in the logarithm, but for shares (``parallel``), of which the complement is.
    """

    name: str
    places: tuple[tuple[str, str], ...]
    start: float
    low: float
    high: float
    prior_sigma: float = 0.0
    complement: bool = False

    def to_x(self, value: float) -> float:
        """Return the variable that the solver sees."""
        return float(np.log(1.0 - value if self.complement else value))

    def to_value(self, x: float) -> float:
        """Return the number."""
        return float(1.0 - np.exp(x) if self.complement else np.exp(x))


def _core(design: str, rate: str, start: float, sigma: float = 0.15, *also: tuple[str, str]) -> Parameter:
    owner = f"microarchitectures/{design}"
    return Parameter(f"{design} {rate}", ((owner, f"rate_{rate}"), *also), start, 0.2, 4.0, sigma)


def _second_threads(maker: str, designs: tuple[str, ...], start: float, high: float) -> Parameter:
    places = tuple((f"microarchitectures/{one}", "smt_gain") for one in designs)
    return Parameter(f"second threads, {maker}", places, start, 0.05, high, 0.2)


def _vector(design: str) -> tuple[str, str]:
    return (f"microarchitectures/{design}", "rate_vector")


def _constant(name: str, *others: str) -> Parameter:
    places = tuple((f"workloads/{one}", "score.constant") for one in (name, *others))
    return Parameter(f"{name} constant", places, 1e5, 1e-3, 1e12)


def _parallel(phase: str, start: float, *names: str) -> Parameter:
    places = tuple((f"workloads/{one}", f"phase.{phase}.processor.parallel") for one in names)
    return Parameter(f"{names[0]} parallel", places, start, 0.0001, 0.9999, 1.0, complement=True)


def _demand(phase: str, key: str, start: float, low: float, high: float, *names: str, sigma: float = 0.7) -> Parameter:
    places = tuple((f"workloads/{one}", f"phase.{phase}.processor.{key}") for one in names)
    return Parameter(f"{names[0]} {key}", places, start, low, high, sigma)


def _only(label: str, name: str, key: str, start: float, low: float, high: float, sigma: float = 0.0) -> Parameter:
    return Parameter(label, ((f"workloads/{name}", f"phase.{key}"),), start, low, high, sigma)


_INTEL = ("sandy-bridge", "ivy-bridge-ep", "haswell", "skylake-client")
_ZEN = ("zen1", "zen-plus", "zen2", "zen3")
_GEEKBENCH = tuple(f"geekbench-{version}{single}" for version in (4, 5, 6) for single in ("", "-single"))
_XCODE = ("xcode-eidolon", "xcode-eidolon-legacy")

PARAMETERS: tuple[Parameter, ...] = (
    _core("ivy-bridge-ep", "integer", 0.75),
    _core("ivy-bridge-ep", "float", 0.70),
    # Units half as wide and without fused multiply-add.
    _core("ivy-bridge-ep", "vector", 0.40),
    _core("haswell", "integer", 0.9, 0.1),
    _core("skylake-client", "integer", 1.0, 0.1),
    _core("skylake-client", "float", 1.0, 0.1, _vector("skylake-client")),
    _core("zen1", "integer", 0.95, 0.15, ("microarchitectures/zen-plus", "rate_integer")),
    _core(
        "zen1", "float", 0.85, 0.15,
        _vector("zen1"), ("microarchitectures/zen-plus", "rate_float"), _vector("zen-plus"),
    ),
    _core("zen2", "integer", 1.1, 0.06),
    _core("zen3", "integer", 1.3, 0.06),
    _core("firestorm", "integer", 1.9, 0.2, ("microarchitectures/avalanche", "rate_integer")),
    _core(
        "firestorm", "float", 1.8, 0.2,
        _vector("firestorm"), ("microarchitectures/avalanche", "rate_float"), _vector("avalanche"),
    ),
    _second_threads("Intel", _INTEL, 0.27, 0.5),
    _second_threads("Intel with 1 MiB of L2", ("skylake-sp",), 0.27, 0.5),
    _second_threads("AMD", _ZEN, 0.35, 0.6),
    _constant("cinebench-r15", "cinebench-r15-loop", "cinebench-r15-single"),
    _constant("cinebench-r20", "cinebench-r20-loop"),
    _constant("cinebench-r23", "cinebench-r23-single"),
    _constant("blender-cpu"),
    _parallel("render", 0.99, "blender-cpu"),
    _constant("geekbench-4", "geekbench-4-single"),
    _parallel("mix", 0.97, "geekbench-4"),
    _constant("geekbench-5", "geekbench-5-single"),
    _parallel("mix", 0.97, "geekbench-5"),
    _constant("geekbench-6", "geekbench-6-single"),
    _parallel("mix", 0.9, "geekbench-6"),
    _demand("mix", "misses_per_kop", 0.5, 0.01, 5.0, *_GEEKBENCH),
    _constant("passmark-cpu"),
    _parallel("mix", 0.99, "passmark-cpu"),
    _demand("mix", "coherence", 0.001, 1e-6, 0.02, "passmark-cpu"),
    _demand("mix", "misses_per_kop", 0.5, 0.01, 5.0, "passmark-cpu"),
    _constant("xcodebenchmark"),
    _constant("xcodebenchmark-11"),
    _parallel("build", 0.95, "xcodebenchmark", "xcodebenchmark-11"),
    _demand(
        "build", "misses_per_kop", 0.5, 0.01, 5.0,
        "xcodebenchmark", "xcodebenchmark-11", *_XCODE, "xcode-eidolon-incremental",
    ),
    _demand("build", "integer_gop", 200, 5, 2000, "xcode-eidolon"),
    _demand("build", "integer_gop", 300, 5, 2000, "xcode-eidolon-legacy"),
    Parameter(
        "xcode launch", tuple((f"workloads/{one}", "phase.launch.pace.seconds") for one in _XCODE), 5, 0.5, 20, 0.7
    ),
    _parallel("build", 0.7, *_XCODE),
    _demand("build", "integer_gop", 15, 1, 200, "xcode-eidolon-incremental"),
    _only("xcode relaunch", "xcode-eidolon-incremental", "launch.pace.seconds", 3, 0.5, 6, 0.7),
    _parallel("build", 0.3, "xcode-eidolon-incremental"),
    _constant("xmrig", "xmrig-macos"),
    _demand("hash", "coherence", 0.001, 1e-6, 0.05, "xmrig", "xmrig-macos"),
    # A hash runs 8 programs of 2048 rounds: 256 instructions, two a clock, and one read of the data set each.
    _demand("hash", "misses_per_kop", 7.8, 1.0, 40.0, "xmrig", sigma=0.3),
    # Without large pages a read costs a walk of the page table as well.
    _demand("hash", "misses_per_kop", 10.9, 1.0, 40.0, "xmrig-macos", sigma=0.3),
    Parameter("population spread", (("population", "spread"),), 0.17, 0.02, 0.5, 0.3),
    _constant("hash-scaling"),
    _parallel("count", 0.95, "hash-scaling"),
    _demand("count", "coherence", 0.001, 1e-6, 0.05, "hash-scaling", "hash-scaling-ocaml"),
    _constant("hash-scaling-ocaml"),
    _parallel("count", 0.98, "hash-scaling-ocaml"),
    _constant("hash-sustained"),
    _constant("blender-gpu"),
    *(
        Parameter(f"{d} compute", ((f"graphics-architectures/{d}", "efficiency_compute"),), start, 0.05, 2.0, 0.5)
        for d, start in (
            ("gcn1", 0.4), ("gcn4", 0.6), ("gcn5", 0.6), ("rdna1", 0.8), ("pascal", 0.7), ("apple-g13", 0.8),
        )
    ),
    _only("blender-gpu traffic", "blender-gpu", "render.graphics.traffic_gb", 40000, 500, 2e5, 1.0),
    _only("blender-gpu memory", "blender-gpu", "render.graphics.memory_gib", 5, 2, 8, 0.2),
    _constant("hashcat-wpa", "hashcat-wpa-macos"),
    _only("macOS OpenCL", "hashcat-wpa-macos", "hash.graphics.driver", 0.57, 0.2, 1.5),
    _only("witcher frame", "witcher-3-4k", "play.graphics.tflop", 0.155, 0.01, 2.0),
    _only("tomb raider frame", "tomb-raider-4k", "play.graphics.tflop", 0.113, 0.01, 2.0),
    _constant("passmark-3d"),
    _only("spherical harmonics work", "spherical-harmonics-forward", "transform.processor.fp64_gflop", 28, 1, 500),
    _only("spherical harmonics traffic", "spherical-harmonics-forward", "transform.processor.stream_gb", 3, 0.1, 100),
    _only(
        "spherical harmonics work, backward", "spherical-harmonics-backward", "transform.processor.fp64_gflop",
        20, 1, 500,
    ),
    _only(
        "spherical harmonics traffic, backward", "spherical-harmonics-backward", "transform.processor.stream_gb",
        3, 0.1, 100,
    ),
    _constant("cfd-usm3d"),
)  # fmt: skip
