"""Measures one machine against its references in one process, by turns, and prints the table.

``python -m benchmarks.report`` measures, prints, and writes ``results/single-machine.json``;
``python -m benchmarks.report --markdown`` prints the page ``docs/speed.md`` from that file.
"""

from __future__ import annotations

import argparse
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
        "processor": _processor(),
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


def table(results: dict[str, Any]) -> str:
    """Return the tables of a measurement as Markdown."""
    rows = [Row(**row) for row in results["rows"]]
    lines = ["| one machine, one core | simulated s per s | ns per 10 ms step | time relative to C | agrees to |"]
    lines.append("| --- | ---: | ---: | ---: | ---: |")
    for row in rows:
        ratio = f"{row.time_relative_to_c:.2f}" if row.time_relative_to_c < 10.0 else f"{row.time_relative_to_c:,.0f}"
        agreement = f"{row.agrees_to:.0e}" if row.agrees_to else "same" if row.what == UNTRACED else "itself"
        speed = float(f"{row.simulated_s_per_s:.3g}")
        lines.append(f"| {row.what} | {speed:,.0f} | {_three_digits(row.ns_per_tick)} | {ratio} | {agreement} |")
    lines += ["", "| waiting time | s |", "| --- | ---: |"]
    lines += [f"| {name} | {seconds:.2f} |" for name, seconds in results["start_s"].items()]
    return "\n".join(lines)


def page(results: dict[str, Any]) -> str:
    """Return the page of the documentation."""
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    speeds = {row["what"]: row["simulated_s_per_s"] for row in results["rows"]}
    by_numpy = speeds[KERNEL] / speeds["numpy loop, dense inverse"]
    return f"""# Speed

A machine under load advances {float(f"{speeds[KERNEL]:.2g}"):,.0f} simulated seconds in a second on one core, with the
trace recorded: {by_numpy:.0f} times as fast as the same model in a numpy loop.

{table(results)}

{results["processor"]}, {results["cores"]} cores, load average {results["load_before"][0]} before it began,
{results["date"]}; {versions}.

## What was measured

The iMac Pro runs `benchmarks/render-loop.toml`, an all-core render and a pause, ten times over
({results["what"].partition(", ")[2]}). A step is 10 ms: clocks, power, one implicit step of the thermal network of 15
nodes, limits and counters. Each second the fan controller decides and the matrix is factored anew; each tenth of a
second the summary is brought up to date and, with the trace on, a row of 23 columns is written.

- **C** is the same step on the same arrays, in `benchmarks/single_machine/step.c`: written by hand but for the
  elimination, whose lines are translated from the kernel's generator. It is compiled when the benchmark runs, and must
  leave every field of the machine, every phase's end and every row of the trace as the kernel does, to {C_AGREES:.0e},
  before it is timed.
- **The numpy loop** keeps the dense inverse of the thermal matrix for a second and works a step through with arrays for
  the network and Python's numbers for the controllers; no trace. Its energy must agree to {NUMPY_AGREES:.0e}.
- **solve_ivp from tick to tick** calls LSODA (tolerances 1e-6) for each step of 10 ms with the power held, so that the
  controllers act as often as in the kernel. **From fan second to fan second** it is RK45 with the controllers'
  integrals as states beside the temperatures, leakage that follows the temperature all the time, and the end of a phase
  as an event: the way a user of scipy would choose. Both solve the differential equations that the 10 ms steps
  approximate, so they need agree with the kernel in energy to {TICK_AGREES:.0e} and {SECOND_AGREES:.0e} only.

The kernel and the C programs took turns, {ROUNDS} times in one process, and each row is the best of its turns, in
processor time of the one thread that works: what else runs on the machine then takes little from either. The slow
references are timed over 2 to 20 simulated seconds, best of {SLOW_ROUNDS}, and scaled. Waiting times are by the clock
and of whole processes, best of {START_ROUNDS} by turns; the two first simulations are timed inside theirs, after the
imports, and the compilation once, in an empty cache.

`make bench` measures again and prints the table; `python -m benchmarks.report --markdown` prints this page.
"""


def main() -> None:
    """Measure and print the table, or print the page of an earlier measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markdown", action="store_true", help="print docs/speed.md from the last measurement")
    if parser.parse_args().markdown:
        print(page(json.loads(RESULTS.read_text(encoding="utf-8"))), end="")
        return
    results = measure()
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(table(results))


def _row(what: str, times: list[float], c_times: list[float], error: float) -> Row:
    """Return a row from seconds per simulated second."""
    best, best_c = min(times), min(c_times)
    paired = len(times) == len(c_times)
    ratio = statistics.median(a / b for a, b in zip(times, c_times, strict=True)) if paired else best / best_c
    return Row(what, 1.0 / best, best * STEP_S * 1e9, best / best_c, ratio, error)


def _three_digits(value: float) -> str:
    return f"{value:.1f}" if value < 100.0 else f"{float(f'{value:.3g}'):,.0f}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
