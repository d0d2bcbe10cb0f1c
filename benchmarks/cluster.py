"""Measures a sweep on a Dask cluster of this machine's own cores beside the same sweep on its threads.

``python -m benchmarks.cluster`` measures, prints, and writes ``results/cluster.json``.
"""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.batch.blocks import HALF_HOUR
from benchmarks.report import processor
from spacegrey.simulation.runfile import write_whole
from spacegrey.simulation.sweep import partitions
from spacegrey.simulation.sweep.cluster import connected
from spacegrey.simulation.sweep.file import read_sweep
from spacegrey.simulation.sweep.plan import plan

if TYPE_CHECKING:
    from collections.abc import Generator

    from spacegrey.simulation.sweep.plan import Plan

RESULTS = Path(__file__).parent / "results" / "cluster.json"
WORKERS = 2
MACHINES, IN_A_TASK = 8_000, 1_000
TURNS = 3

SWEEP = f"""
title = "half an hour in many rooms"
machines = ["imac-pro:processor=*", "imac-5k-2017", "mac-pro-2019"]
workloads = ["{HALF_HOUR}"]
sampling = "latin-hypercube"
samples = {MACHINES}
draw = ["machines"]

[vary]
ambient = {{ from = "15C", to = "35C" }}
"""


@contextmanager
def started(workers: int) -> Generator[str]:
    """Start a scheduler and workers of one thread each, processes of their own, and yield the address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
    address = f"tcp://127.0.0.1:{port}"
    words = [["dask_scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard"]]
    words += [["dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"]
              for _ in range(workers)]  # fmt: skip
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{program}", *rest],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for program, *rest in words
    ]
    try:
        yield address
    finally:
        for process in processes:
            process.kill()
            process.wait()


def swept(made: Plan, machines: int, client: Any) -> tuple[float, list[bytes]]:
    """Return how long a sweep takes from its first row to its last file, and the bytes of the files."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "runs"
        record = partitions.record_of(made, SWEEP, IN_A_TASK)
        partitions.begin(out, record, SWEEP)
        begin = time.perf_counter()
        state = partitions.fill(made, out, record, list(range(partitions.partitions(record))), WORKERS, cluster=client)
        taken = time.perf_counter() - begin
        if state.done != machines or state.given_up or state.refused:
            raise RuntimeError(f"a sweep did not end well: {state}")
        return taken, [partitions.part_path(out, number).read_bytes() for number in partitions.present(out)]


def measure() -> dict[str, Any]:
    """Return the measurements and what they were made on; both ways must write the same files."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sweep.toml"
        file.write_text(SWEEP, encoding="utf-8")
        made = plan(read_sweep(file))
    local, cluster = [], []
    load = os.getloadavg()[0]
    with started(WORKERS) as address, connected(address) as client:
        client.wait_for_workers(WORKERS, timeout=60)
        swept(made, MACHINES, client)  # each worker reads its kernels from disk
        for _ in range(TURNS):
            here, mine = swept(made, MACHINES, None)
            there, its = swept(made, MACHINES, client)
            if mine != its:
                raise RuntimeError("the cluster wrote other rows")
            local.append(here)
            cluster.append(there)
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "load_before": load,
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in ("spacegrey", "dask", "distributed", "numba")},
        "machines": MACHINES,
        "machines_in_a_task": IN_A_TASK,
        "simulated_s_each": 1800,
        "workers": WORKERS,
        "local_s": local,
        "cluster_s": cluster,
        "efficiency": min(local) / min(cluster),
    }


def main() -> int:
    """Measure, print and keep the result."""
    found = measure()
    write_whole(RESULTS, lambda path: path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8"))
    print(
        f"{found['machines']:,} machines of half an hour, {found['machines_in_a_task']:,} in a task: "
        f"{min(found['local_s']):.1f} s on {WORKERS} threads, {min(found['cluster_s']):.1f} s on {WORKERS} workers: "
        f"efficiency {found['efficiency']:.2f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
