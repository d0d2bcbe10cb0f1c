"""Measures batches of machines on a GPU, and says how near they come to the card's published limits.

``python -m benchmarks.gpu`` measures, prints, and writes ``results/gpu.json``. It needs a GPU, and says so without one.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from benchmarks.batch.count import Counted
from benchmarks.case import case
from spacegrey import __version__, jit
from spacegrey.errors import InputError, SpacegreyError
from spacegrey.simulation.gpu import CHUNK, THREADS, run_machines
from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.kernel.advance import (
    DONE,
    OBSERVATIONS_PER_SECOND,
    TICKS_PER_OBSERVATION,
    advance,
    prepare,
)
from spacegrey.simulation.kernel.observe import TRACE_COLUMNS, observe
from spacegrey.simulation.kernel.tick import STEP_S, fan_step, tick
from spacegrey.simulation.runfile import write_whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESULTS = Path(__file__).parent / "results" / "gpu.json"
COUNTS = (1_000, 10_000, 100_000, 1_000_000)
TURNS = 3
MOST_S = 3600
CHECKED = 64
AGREES = 1e-9
STEPS_PER_S = OBSERVATIONS_PER_SECOND * TICKS_PER_OBSERVATION

# Vector FP64 rate [FLOP/s] and memory bandwidth [B/s] by the name that the driver gives: NVIDIA's data sheets "H100
# Tensor Core GPU", "H200 Tensor Core GPU" and "A100 Tensor Core GPU".
PUBLISHED = {
    "NVIDIA H200": (34e12, 4.8e12),
    "NVIDIA H100 80GB HBM3": (34e12, 3.35e12),
    "NVIDIA H100 PCIe": (26e12, 2.0e12),
    "NVIDIA A100-SXM4-80GB": (9.7e12, 2.039e12),
    "NVIDIA A100-SXM4-40GB": (9.7e12, 1.555e12),
}


@dataclass(frozen=True)
class Demand:
    """What a step of a machine asks of any processor, on average over a second."""

    flop: float
    touched_bytes: float


@dataclass(frozen=True)
class Row:
    """One line of the table; the best of the turns. Shares are of the published limits, None for an unknown card."""

    machines: int
    wall_s: float
    machine_s_per_s: float
    ns_per_machine_step: float
    share_of_arithmetic: float | None
    share_of_bandwidth_if_nothing_is_cached: float | None


class _Touched(list[float]):
    """A lane that notes which of its fields a step reads and writes."""

    def __init__(self, values: list[float]) -> None:
        super().__init__(values)
        self.read: set[int] = set()
        self.written: set[int] = set()

    def __getitem__(self, field: Any) -> Any:
        self.read.add(field)
        return super().__getitem__(field)

    def __setitem__(self, field: Any, value: Any) -> None:
        self.written.add(field)
        super().__setitem__(field, value)


def demand() -> Demand:
    """Return the arithmetic of a step, and the bytes that each step would load and store if no cache held them."""
    m = _Touched([Counted(value) for value in case().start])
    m[at.Q_PACE_S] = Counted(1.0)  # plain Python would stop at the division that a phase without a pace throws away
    fields = 0
    Counted.done = 0
    fan_step(m, 0, 1)  # type: ignore[arg-type] - a list will do
    for _ in range(OBSERVATIONS_PER_SECOND):
        for _ in range(TICKS_PER_OBSERVATION):
            m.read, m.written = set(), set()
            tick(m, 0, 1)  # type: ignore[arg-type]
            fields += len(m.read) + len(m.written)
        observe(m, 0, 1)  # type: ignore[arg-type]
    return Demand(Counted.done / STEPS_PER_S, fields * 8 / STEPS_PER_S)


def machines(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return machines in rooms from 15 to 35 °C, shape (FIELD_COUNT, count), and the phases of each."""
    one = case()
    lanes = np.repeat(one.start[:, None], count, axis=1)
    lanes[at.AMBIENT_K] += np.linspace(-10.0, 10.0, count)
    return lanes, one.phases


def difference(lanes: NDArray[np.float64], phases: NDArray[np.float64]) -> float:
    """Return by how much energy and ends of phases of the first machines differ from the CPU's, relative."""
    lanes = np.ascontiguousarray(lanes[:, :CHECKED])
    found = run_machines(lanes, [phases] * lanes.shape[1], MOST_S)
    worst = 0.0
    none = np.zeros((0, len(TRACE_COLUMNS)))
    for i in range(lanes.shape[1]):
        m, ends = lanes[:, i].copy(), np.zeros(len(phases))
        first, count = np.zeros(1, np.int64), np.array([len(phases)])
        prepare(m, (0,), phases, first)
        advance(m, (0,), phases, first, count, ends, none, MOST_S)
        mine = np.array([*found.ends[i], found.lanes[at.WALL_J, i], found.lanes[at.PEAK_CPU_K, i]])
        its = np.array([*ends, m[at.WALL_J], m[at.PEAK_CPU_K]])
        worst = max(worst, float(np.max(np.abs(mine - its) / np.maximum(np.abs(its), 1e-9))))
    return worst


def row(count: int, asked: Demand, limits: tuple[float, float] | None) -> Row:
    """Return the measurement of a number of machines, from their arrays on the CPU to their results there."""
    lanes, phases = machines(min(count, CHUNK))
    best, simulated_s = float("inf"), 0.0
    for _ in range(TURNS):
        taken = simulated_s = 0.0
        for begin in range(0, count, CHUNK):
            size = min(CHUNK, count - begin)
            part, each = lanes[:, :size], [phases] * size
            begun = time.perf_counter()
            found = run_machines(part, each, MOST_S)
            taken += time.perf_counter() - begun
            if not (found.status == DONE).all():
                raise InputError("a machine of the benchmark did not end")
            # Whole seconds: what the last one begins it also works through.
            simulated_s += float(np.ceil(found.lanes[at.TIME_S] - 0.5 * STEP_S).sum())
        best = min(best, taken)
    step_s = best / simulated_s / STEPS_PER_S
    arithmetic = bandwidth = None
    if limits:
        arithmetic, bandwidth = asked.flop / step_s / limits[0], asked.touched_bytes / step_s / limits[1]
    return Row(count, best, simulated_s / best, step_s * 1e9, arithmetic, bandwidth)


def measure(counts: tuple[int, ...]) -> dict[str, Any]:
    """Return the measurements and what they were made on."""
    if os.environ.get("NUMBA_ENABLE_CUDASIM", "0") != "0":
        raise InputError("NUMBA_ENABLE_CUDASIM is set: a simulated GPU has no speed to measure")
    cuda = jit.device()
    card = cuda.get_current_device()
    name = card.name.decode() if isinstance(card.name, bytes) else str(card.name)
    error = difference(*machines(CHECKED))
    if not error <= AGREES:
        raise InputError(f"{name}: differs from the CPU by {error:.1e}, more than {AGREES:.0e}; nothing was timed")
    asked = demand()
    limits = PUBLISHED.get(name)
    return {
        "what": "render-loop on imac-pro in rooms of 15 to 35 °C, copies to and from the card included",
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "card": name,
        "compute_capability": ".".join(map(str, card.compute_capability)),
        "threads_in_a_block": THREADS,
        "machines_sent_together": CHUNK,
        "versions": {"spacegrey": __version__, "numba": numba.__version__, "numba-cuda": cuda.__version__},
        "agrees_to": error,
        "step": asdict(asked),
        "published": dict(zip(("fp64_flop_per_s", "bytes_per_s"), limits, strict=True)) if limits else None,
        "rows": [asdict(row(count, asked, limits)) for count in counts],
    }


def table(results: dict[str, Any]) -> str:
    """Return a measurement as Markdown."""
    names = (
        "machines",
        "machine-seconds per s",
        "ns per machine-step",
        "of the arithmetic",
        "of the bandwidth, uncached",
    )
    lines = [f"| {' | '.join(names)} |", "| ---: | ---: | ---: | ---: | ---: |"]
    for one in (Row(**each) for each in results["rows"]):
        shares = (one.share_of_arithmetic, one.share_of_bandwidth_if_nothing_is_cached)
        said = " | ".join("not published here" if share is None else f"{share:.1%}" for share in shares)
        lines.append(f"| {one.machines:,} | {one.machine_s_per_s:.3g} | {one.ns_per_machine_step:.3g} | {said} |")
    return "\n".join(lines)


def main() -> int:
    """Measure, print the table and keep the results; say in one line why, where it cannot be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=COUNTS[-1], help="largest number of machines")
    most = parser.parse_args().most
    try:
        counts = tuple(count for count in COUNTS if count <= most)
        if not counts:
            raise InputError(f"--most {most} is less than the fewest machines that are measured, {COUNTS[0]}")
        results = measure(counts)
        write_whole(RESULTS, lambda path: path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8"))
    except SpacegreyError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{results['card']}, agrees with the CPU to {results['agrees_to']:.0e}\n\n{table(results)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
