"""Measures how long a buyer waits: whole processes of `quote`, `match` and `choose`, and what shared physics saves.

``python -m benchmarks.decide`` measures, prints, and writes ``results/decide.json``.
"""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
import os
import platform
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.quiet import Quiet
from benchmarks.report import processor
from benchmarks.start import empty_cache, program
from spacegrey.decide.candidates import configurations
from spacegrey.decide.outcomes import outcomes
from spacegrey.decide.quote import quote
from spacegrey.machine.catalog import machine_ids
from spacegrey.simulation.batch import simulate_batch
from spacegrey.simulation.runfile import write_whole
from spacegrey.workload.library import workload

if TYPE_CHECKING:
    from spacegrey.machine.assembly import Machine

RESULTS = Path(__file__).parent / "results" / "decide.json"
WORKLOADS = ("xcode-eidolon", "blender-cpu", "cinebench-r15-loop")
TURNS = 3
MOST_MACHINES = 10


def ten_machines() -> list[str]:
    """Return the iMac Pro and the nine machines of the catalog with the most configurations."""
    others = sorted((name for name in machine_ids() if name != "imac-pro"), key=lambda name: -len(configurations(name)))
    return ["imac-pro", *others[: MOST_MACHINES - 1]]


def cases(ten: list[str]) -> dict[str, list[str]]:
    """Return what is asked, by the words of the table, as arguments of the program."""
    on = ["--on", "2018-06-01"]
    return {
        "`quote imac-pro:18-core,128GB`": ["quote", "imac-pro:18-core,128GB"],
        "`match imac-pro`": ["match", "imac-pro"],
        "`choose` of the iMac Pro, one workload": ["choose", WORKLOADS[0], "--among", "imac-pro"],
        "`choose` of ten machines, three workloads": ["choose", *WORKLOADS, "--among", ",".join(ten)],
        "`choose` of all that was sold on a day, three workloads": ["choose", *WORKLOADS, *on],
    }


def waiting(ten: list[str], quiet: Quiet) -> dict[str, dict[str, list[float]]]:
    """Return the seconds of every turn of each case, and of processor time: whole processes, kernels on disk."""
    found: dict[str, dict[str, list[float]]] = {name: {"wall_s": [], "processor_s": []} for name in cases(ten)}
    with empty_cache() as folder:
        program("choose", WORKLOADS[0], "--among", "imac-pro", cache=Path(folder))  # compiles the kernels
        for _ in range(TURNS):
            for name, arguments in cases(ten).items():
                quiet.wait(name)
                before = _children_s()
                found[name]["wall_s"].append(program(*arguments, cache=Path(folder)))
                found[name]["processor_s"].append(_children_s() - before)
    return found


def _children_s() -> float:
    """Return the processor time of all ended processes that this one started. [s]"""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def shared(machines: list[Machine], quiet: Quiet) -> dict[str, Any]:
    """Return what it saves to simulate equal physics once, beside every configuration on its own; both must agree."""
    works = [workload(name) for name in WORKLOADS]
    jobs = [(work, one) for one in machines for work in works]
    once = outcomes(machines, works)
    simulate_batch(jobs[:2])
    quiet.wait("shared physics")
    begin = time.process_time()
    outcomes(machines, works)
    shared_s = time.process_time() - begin
    begin = time.process_time()
    alone = simulate_batch(jobs)
    alone_s = time.process_time() - begin
    energy_wh = np.asarray(alone["energy_wh"]).reshape(once.energy_wh.shape)
    refused = np.isnan(once.energy_wh)
    difference = np.abs(energy_wh[~refused] / once.energy_wh[~refused] - 1.0).max()
    if difference > 1e-9:  # the same physics in another lane of the batch
        raise RuntimeError(f"a configuration on its own uses another energy: {difference:g}")
    return {
        "configurations": len(machines),
        "jobs": len(jobs),
        "distinct": once.distinct,
        "shared_processor_s": shared_s,
        "alone_processor_s": alone_s,
        "agrees_to": float(difference),
    }


def quote_us(machines: list[Machine]) -> float:
    """Return the microseconds of one bill, its prices known from a round before."""
    best = float("inf")
    for _ in range(TURNS + 1):
        begin = time.process_time()
        for one in machines:
            quote(one)
        best = min(best, time.process_time() - begin)
    return 1e6 * best / len(machines)


def measure() -> dict[str, Any]:
    """Return the measurements and what they were made on."""
    load, quiet, ten = os.getloadavg()[0], Quiet(), ten_machines()
    machines = [one for name in ten for one in configurations(name)]
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "load_before": load,
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in ("spacegrey", "numba")},
        "machines": ten,
        "workloads": list(WORKLOADS),
        "waiting": waiting(ten, quiet),
        "shared": shared(machines, quiet),
        "quote_us": quote_us([one for name in ("imac-pro", "pc-client") for one in configurations(name)]),
        "disturbed": quiet.disturbed,
    }


def main() -> int:
    """Measure, print and keep the result."""
    found = measure()
    write_whole(RESULTS, lambda path: path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8"))
    for name, one in found["waiting"].items():
        print(f"{name:60} {min(one['wall_s']):6.2f} s, {min(one['processor_s']):.2f} s of processor time")
    one = found["shared"]
    print(
        f"{one['configurations']:,} configurations: {one['distinct']:,} of {one['jobs']:,} runs take "
        f"{one['shared_processor_s']:.2f} s of processor time, all of them {one['alone_processor_s']:.2f} s; "
        f"a bill takes {found['quote_us']:.0f} us"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
