"""Measures one machine against its references in one process, by turns, and prints the table.

``python -m benchmarks.report`` measures, prints, and writes ``results/single-machine.json``; ``docs/make_speed.py``
makes the tables of ``docs/speed.md`` from that file.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import scipy

from benchmarks import start
from benchmarks.case import Case, Kernel, Version, case, outcome, simulated_s
from benchmarks.reference_c import FAST, PLAIN, PLAIN_O2, CStep, build, compiler_version
from benchmarks.reference_numpy import Totals, numpy_loop
from benchmarks.reference_scipy import solve_ivp_by_second, solve_ivp_by_tick
from spacegrey import __version__
from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.kernel.tick import STEP_S

if TYPE_CHECKING:
    from collections.abc import Callable

RESULTS = Path(__file__).parent / "results" / "single-machine.json"
ROUNDS = 300
SLOW_ROUNDS = 15
START_ROUNDS = 5

# How closely each reference must agree, in energy for those that solve other equations than the kernel.
C_AGREES = 1e-9
NUMPY_AGREES = 1e-6
TICK_AGREES = 1e-4
SECOND_AGREES = 1e-3

# What is timed for few simulated seconds, because it is slow.
SLOW: dict[str, tuple[Callable[[Case, int], Totals], int, float]] = {
    "numpy loop, dense inverse": (numpy_loop, 10, NUMPY_AGREES),
    "scipy solve_ivp, RK45 from fan second to fan second": (solve_ivp_by_second, 20, SECOND_AGREES),
    "scipy solve_ivp, LSODA from tick to tick": (solve_ivp_by_tick, 2, TICK_AGREES),
}
KERNEL, UNTRACED, C = "spacegrey, trace on", "spacegrey, trace off", "C, gcc -O3 -march=native"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    simulated_s_per_s: float
    ns_per_tick: float
    time_relative_to_c: float
    median_of_ratios: float
    agrees_to: float


def slow_error(one: Case, name: str) -> float:
    """Return the relative difference in wall energy of a slow reference to the kernel's, and refuse a large one."""
    run, seconds, allowed = SLOW[name]
    Kernel(one).run(seconds)
    expected = float(one.m[at.WALL_J])
    error = abs(run(one, seconds).wall_j - expected) / expected
    return agreed(error, allowed, name)


def fast_error(one: Case, version: Version) -> float:
    """Return the largest relative difference of a version of the step to the kernel, and refuse a large one."""
    return agreed(outcome(one, version).difference(outcome(one, Kernel(one))), C_AGREES, version.name)


def agreed(error: float, allowed: float, name: str) -> float:
    """Return an error that is small enough; a reference that computes something else is none."""
    if not error <= allowed:
        raise RuntimeError(f"{name} differs from the kernel by {error:.1e}, more than {allowed:.0e}")
    return error


def measure() -> dict[str, Any]:
    """Return the measurements and what they were made on."""
    one = case()
    load_before = os.getloadavg()
    with tempfile.TemporaryDirectory() as folder:
        versions: dict[str, Version] = {KERNEL: Kernel(one), UNTRACED: Kernel(one, traced=False)}
        for flags in (PLAIN, FAST, PLAIN_O2):
            version = CStep(one, build(Path(folder), flags))
            versions[version.name] = version
        errors = {name: fast_error(one, version) for name, version in versions.items() if name != UNTRACED}
        times: dict[str, list[float]] = {name: [] for name in versions}
        for _ in range(ROUNDS):
            for name, version in versions.items():
                begin = time.thread_time()
                version.run()
                times[name].append(time.thread_time() - begin)
    seconds = simulated_s(one)
    c_times = [taken / seconds for taken in times[C]]
    rows: list[Row] = []
    for name, taken in times.items():
        rows.append(_row(name, [turn / seconds for turn in taken], c_times, errors.get(name, 0.0)))
    for name, (run, few, _) in SLOW.items():
        error, taken = slow_error(one, name), []
        for _ in range(SLOW_ROUNDS):
            begin = time.thread_time()
            run(one, few)
            taken.append((time.thread_time() - begin) / few)
        rows.append(_row(name, taken, c_times, error))
    return {
        "what": f"one machine, {seconds:.0f} simulated s",
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "load_before": [round(load, 2) for load in load_before],
        "versions": {
            "spacegrey": __version__,
            "python": platform.python_version(),
            "numba": numba.__version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "gcc": compiler_version(),
        },
        "rows": [asdict(row) for row in rows],
        "start_s": start.measure(START_ROUNDS),
    }


def main() -> None:
    """Measure, print the rows, and keep everything."""
    results = measure()
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    for row in results["rows"]:
        print(f"{row['what']:52} {row['simulated_s_per_s']:10,.0f} simulated s/s {row['ns_per_tick']:10.1f} ns/step")
    for name, seconds in results["start_s"].items():
        print(f"{name:52} {seconds:10.2f} s")


def _row(what: str, times: list[float], c_times: list[float], error: float) -> Row:
    """Return a row from seconds per simulated second."""
    best, best_c = min(times), min(c_times)
    paired = len(times) == len(c_times)
    ratio = statistics.median(a / b for a, b in zip(times, c_times, strict=True)) if paired else best / best_c
    return Row(what, 1.0 / best, best * STEP_S * 1e9, best / best_c, ratio, error)


def processor() -> str:
    """Return what the processor calls itself."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
