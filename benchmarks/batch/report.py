"""Measures batches of machines against their references in one process, by turns, and writes what was found.

``python -m benchmarks.batch.report`` measures, prints, and writes ``results/batch.json``; ``docs/make_speed.py`` makes
the tables of ``docs/speed.md`` from that file. With names of `PARTS` it measures these anew and keeps the rest.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.metadata
import json
import os
import platform
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import start
from benchmarks.batch import reference_arrays
from benchmarks.batch.blocks import BLINK, HALF_HOUR, Blocks, Configurations, Kernel, blocks, difference
from benchmarks.batch.count import flop_per_step
from benchmarks.batch.reference_cpp import FAST, PLAIN, CppStep, build, compiler, compiler_version, peak_flop_per_s
from benchmarks.case import case
from benchmarks.quiet import Quiet
from benchmarks.reference_scipy import solve_ivp_by_second
from benchmarks.report import SECOND_AGREES, agreed, processor, slow_error
from spacegrey.simulation.batch import simulate_batch
from spacegrey.simulation.kernel.tick import STEP_S
from spacegrey.simulation.sweep.file import read_sweep
from spacegrey.simulation.sweep.plan import plan
from spacegrey.simulation.sweep.rows import run_chunk

if TYPE_CHECKING:
    from collections.abc import Callable

RESULTS = Path(__file__).parents[1] / "results" / "batch.json"
AGREES = 1e-9
MACHINES, TURNS = 256, 5
ARRAY_MACHINES, ARRAY_SECONDS, ARRAY_TURNS = 2048, 5, 3
SCIPY = "scipy solve_ivp, RK45, one after another"
SCIPY_SECONDS = 20
BATCH = "spacegrey, `simulate_batch`"
CORES = (1, 2)
HALF_HOUR_COUNTS = (1, 10, 100, 1_000, 10_000)
BLINK_COUNTS = (1, 10, 100, 1_000, 10_000, 100_000)
MILLION = 1_000_000
SHORT_S = 5.0
"""A measurement that takes less is repeated."""

FIRST_BATCH = """
import time
begin = time.perf_counter()
from spacegrey.simulation.batch import simulate_batch
imported = time.perf_counter()
from benchmarks.batch.blocks import BLINK, Configurations
jobs = list(Configurations(8, BLINK))
ready = time.perf_counter()
simulate_batch(jobs)
print(imported - begin, time.perf_counter() - ready)
"""

LARGE_BATCH = """
import json, os, sys, time
from benchmarks.batch.blocks import BLINK, Configurations
from spacegrey.simulation.batch import simulate_batch

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

simulate_batch(Configurations(1000, BLINK))
before, calls, most = resident(), 0, 0

def progress(_):
    global calls, most
    calls += 1
    if calls % 16 == 0:
        most = max(most, resident())

begin = time.perf_counter()
table = simulate_batch(Configurations(COUNT, BLINK), progress=progress)
taken = time.perf_counter() - begin
most = max(most, resident())
results = sum(column.nbytes for column in table.values())
print(json.dumps({
    "seconds": taken, "simulated_s": float(table["duration_s"].sum()), "refused": int((table["refusal"] != "").sum()),
    "result_bytes": results / COUNT, "beyond_bytes": (most - before - results) / COUNT,
}))
"""


SWEEP = """
machines = ["imac-pro:*"]
workloads = ["{work}"]
sampling = "latin-hypercube"
samples = 4096
draw = ["machines"]

[vary]
{axis}
"""


@dataclass(frozen=True)
class Row:
    """One version of the step on a number of cores."""

    what: str
    cores: int
    machine_s_per_s: float
    core_ns_per_step: float
    agrees_to: float


@dataclass(frozen=True)
class Size:
    """One call of `simulate_batch` on all cores."""

    workload: str
    machines: int
    seconds: float
    machine_s_per_s: float


def measure() -> dict[str, Any]:
    """Return the measurements and what they were made on."""
    quiet, left_out = Quiet(), list[str]()
    begin = time.perf_counter()
    made_on = _made_on()
    half_hours = blocks(Configurations(MACHINES, HALF_HOUR))
    with tempfile.TemporaryDirectory() as folder:
        programs: list[CppStep] = []
        peak = None
        if compiler():
            programs = [CppStep(build(Path(folder), flags)) for flags in (PLAIN, FAST)]
            quiet.wait("peak")
            peak = peak_flop_per_s(build(Path(folder), FAST, "peak.cpp"))
        else:
            left_out.append("C++ and the peak: no g++ here")
        rows = versions(half_hours, programs, quiet)
    rows += array_rows(quiet, left_out)
    results: dict[str, Any] = {
        "machines": MACHINES,
        **made_on,
        "left_out": left_out,
        "flop_per_step": flop_per_step(half_hours),
        "peak_flop_per_s_and_core": peak,
        "rows": [asdict(row) for row in rows],
        "disturbed": {"rows": quiet.disturbed} if quiet.disturbed else {},
    }
    add(results, list(PARTS))
    return results | {"took_s": round(time.perf_counter() - begin)}


def add(results: dict[str, Any], parts: list[str]) -> None:
    """Measure parts into results, in place of what stands there."""
    for name in parts:
        quiet = Quiet()
        results[name] = PARTS[name](quiet)
        results["disturbed"].pop(name, None)
        if quiet.disturbed:
            results["disturbed"][name] = quiet.disturbed


def _made_on() -> dict[str, Any]:
    used = {"spacegrey", "numba", "numpy", "scipy", *(["jax"] if reference_arrays.has_jax() else [])}
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in sorted(used)}
        | ({"g++": compiler_version()} if compiler() else {}),
    }


def versions(batch: Blocks, programs: list[CppStep], quiet: Quiet) -> list[Row]:
    """Return the rows of the kernel, of all of `simulate_batch`, and of C++, each on one core and on two."""
    kernel = Kernel()
    kernel.run(batch, CORES[-1])
    expected, simulated_s = batch.totals(), batch.simulated_s()
    errors = {kernel.name: 0.0, BATCH: checked(batch_totals(MACHINES), expected, BATCH)}
    for program in programs:
        program.run(batch, CORES[-1])
        errors[program.name] = checked(batch.totals(), expected, program.name)
    jobs = list(Configurations(MACHINES, HALF_HOUR))

    def whole(cores: int) -> float:
        begin = time.perf_counter()
        simulate_batch(jobs, threads=cores)
        return time.perf_counter() - begin

    runs: dict[str, Callable[[int], float]] = {
        kernel.name: lambda cores: kernel.run(batch, cores),
        BATCH: whole,
        **{one.name: lambda cores, one=one: one.run(batch, cores) for one in programs},
    }
    wall = {(name, cores): float("inf") for name in runs for cores in CORES}
    work = dict(wall)
    for turn in range(TURNS):
        quiet.wait(f"versions, turn {turn + 1}")
        for name, cores in list(wall):
            begin = time.process_time()
            taken = runs[name](cores)
            used = time.process_time() - begin
            wall[name, cores], work[name, cores] = min(taken, wall[name, cores]), min(used, work[name, cores])
    steps = simulated_s / STEP_S
    return [
        Row(name, cores, simulated_s / wall[name, cores], work[name, cores] / steps * 1e9, errors[name])
        for name, cores in wall
    ]


def batch_totals(count: int) -> Any:
    """Return what `simulate_batch` makes of the same machines, in the units of `Blocks.totals`."""
    jobs = list(Configurations(count, HALF_HOUR))
    table = simulate_batch(jobs)
    room = [one.ambient_c for _, one in jobs]
    peaks = [table[f"peak_{part}_temp_c"] - room for part in ("cpu", "gpu")]
    return reference_arrays.np.stack([table["energy_wh"] * 3600.0, table["duration_s"], *peaks])


def checked(mine: Any, expected: Any, name: str) -> float:
    """Return the largest relative difference in energy, duration and peaks, and refuse a large one."""
    return agreed(difference(mine, expected), AGREES, name)


def array_rows(quiet: Quiet, left_out: list[str]) -> list[Row]:
    """Return the rows of numpy, jax and scipy, timed over few simulated seconds."""
    # Long enough for a phase to end on every machine, with few machines; then many machines for a few seconds.
    few, long_s = blocks(Configurations(8, HALF_HOUR)), 61
    many = blocks(Configurations(ARRAY_MACHINES, HALF_HOUR))
    Kernel().run(few, 1, long_s)
    expected = few.totals()
    simulated_s = ARRAY_MACHINES * ARRAY_SECONDS
    steps = simulated_s / STEP_S
    error = checked(reference_arrays.run_numpy(few, long_s)[1], expected, "numpy over machines")
    quiet.wait("numpy")
    best = work = float("inf")
    for _ in range(ARRAY_TURNS):
        begin = time.process_time()
        best = min(best, reference_arrays.run_numpy(many, ARRAY_SECONDS)[0])
        work = min(work, time.process_time() - begin)
    found = [Row("numpy over machines, dense inverse", 1, simulated_s / best, work / steps * 1e9, error)]
    if reference_arrays.has_jax():
        error = checked(reference_arrays.run_jax(few, long_s, 1).totals, expected, "jax.vmap")
        quiet.wait("jax")
        run = reference_arrays.run_jax(many, ARRAY_SECONDS, ARRAY_TURNS)
        name = f"jax.vmap, jit ({run.compile_s:.1f} s to compile), dense inverse"
        found.append(Row(name, os.cpu_count() or 1, simulated_s / run.wall_s, run.work_s / steps * 1e9, error))
    else:
        left_out.append("jax: not installed")
    one = case()
    error = slow_error(one, "scipy solve_ivp, RK45 from fan second to fan second")
    quiet.wait("scipy")
    begin, begun = time.perf_counter(), time.process_time()
    solve_ivp_by_second(one, SCIPY_SECONDS)
    taken, used = time.perf_counter() - begin, time.process_time() - begun
    agreed(error, SECOND_AGREES, SCIPY)
    found.append(Row(SCIPY, 1, SCIPY_SECONDS / taken, used / SCIPY_SECONDS * STEP_S * 1e9, error))
    return found


def sizes(quiet: Quiet) -> list[Size]:
    """Return calls of `simulate_batch` for batches of many lengths."""
    found: list[Size] = []
    for work, counts in ((HALF_HOUR, HALF_HOUR_COUNTS), (BLINK, BLINK_COUNTS)):
        for count in counts:
            jobs = Configurations(count, work)
            quiet.wait(f"{Path(work).stem} x {count}")
            best, spent, simulated_s = float("inf"), 0.0, 0.0
            for _ in range(5):
                begin = time.perf_counter()
                simulated_s = float(simulate_batch(jobs)["duration_s"].sum())
                taken = time.perf_counter() - begin
                best, spent = min(best, taken), spent + taken
                if spent > SHORT_S:
                    break
            found.append(Size(Path(work).stem, count, best, simulated_s / best))
    return found


def million(quiet: Quiet) -> dict[str, float]:
    """Return how a process fares with a million machines in one call."""
    quiet.wait("a million")
    with start.empty_cache() as folder:
        start.python(FIRST_BATCH, Path(folder))
        return json.loads(start.python(LARGE_BATCH.replace("COUNT", str(MILLION)), Path(folder))[1])


def python_us(quiet: Quiet) -> float:
    """Return what `simulate_batch` does around the kernel for a machine in a room of its own. [us]."""
    jobs, batch, kernel = list(Configurations(2048, BLINK)), blocks(Configurations(2048, BLINK)), Kernel()
    quiet.wait("Python")
    whole = alone = float("inf")
    for _ in range(5):
        begin = time.process_time()
        simulate_batch(jobs, threads=1)
        whole, begin = min(whole, time.process_time() - begin), time.process_time()
        kernel.run(batch, 1)
        alone = min(alone, time.process_time() - begin)
    return (whole - alone) / len(jobs) * 1e6


def sweep_us(quiet: Quiet) -> dict[str, float]:
    """Return what a run of a sweep takes of a core when there is little to simulate, by what varies. [us]."""
    varied = {
        "the room": 'ambient = { from = "15C", to = "35C" }',
        "a data sheet": "processor.pl1_w = { scale = [0.8, 1.0] }",
    }
    found: dict[str, float] = {}
    for what, axis in varied.items():
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "sweep.toml"
            file.write_text(SWEEP.format(work=BLINK, axis=axis), encoding="utf-8")
            made = plan(read_sweep(file))
        run_chunk(made, 0, 64)
        quiet.wait(f"a sweep of {what}")
        best = float("inf")
        for _ in range(5):
            begin = time.process_time()
            run_chunk(made, 0, made.rows)
            best = min(best, time.process_time() - begin)
        found[what] = best / made.rows * 1e6
    return found


def first(quiet: Quiet) -> dict[str, float]:
    """Return the seconds of an import, and of a process's first batch with kernels on disk and without."""
    quiet.wait("first batch")
    with start.empty_cache() as folder:
        turns = [start.python(FIRST_BATCH, Path(folder))[1].split() for _ in range(4)]
    imports, calls = ([float(turn[number]) for turn in turns] for number in (0, 1))
    return {"import_s": min(imports), "first_batch_compiled_s": calls[0], "first_batch_cached_s": min(calls[1:])}


PARTS: dict[str, Callable[[Quiet], Any]] = {
    "sizes": lambda quiet: [asdict(size) for size in sizes(quiet)],
    "million": million,
    "python_us_per_machine": python_us,
    "sweep_us_per_row": sweep_us,
    "first": first,
}
"""What can be measured anew by itself."""


def main() -> None:
    """Measure, print, and keep everything, or some parts of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", choices=[[], *PARTS], help="measure only these")
    parts: list[str] = parser.parse_args().parts
    if parts:
        results = json.loads(RESULTS.read_text(encoding="utf-8"))
        before, now = ({"processor": one["processor"], **one["versions"]} for one in (results, _made_on()))
        for name in sorted(set(before) & set(now)):  # jax may be missing: no part has it
            if before[name] != now[name]:
                raise SystemExit(
                    f"{RESULTS.name} was made with {name} {before[name]}, here is {now[name]}: measure all"
                )
        add(results, parts)
    else:
        results = measure()
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    for row in results["rows"]:
        print(f"{row['what']:60} {row['cores']} {row['machine_s_per_s']:12,.0f} machine-s/s"
              f" {row['core_ns_per_step']:9.1f} core-ns/step {row['agrees_to']:.0e}")  # fmt: skip
    for key in (*PARTS, "left_out", "disturbed", "took_s"):
        print(key, results[key])


if __name__ == "__main__":
    main()
