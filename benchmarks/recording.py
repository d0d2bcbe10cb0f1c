"""Which class of work the recorder sees in programs that are known, and what recording them costs.

Run as ``python -m benchmarks.recording``: prints a table and writes ``results/recording.json``. A program says when it
has compiled what it needs; then it is recorded. What that costs is the system's account of this process, everything
that is done with the samples included.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.metadata
import json
import os
import platform
import resource
import subprocess
import sys
import textwrap
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.quiet import Quiet
from benchmarks.report import processor
from spacegrey.simulation.runfile import write_whole
from spacegrey.workload.recording.instructions import work_class
from spacegrey.workload.recording.sampling import record_process

RESULTS = Path(__file__).parent / "results" / "recording.json"
AIM = 0.01
"""Of a core that a recording may take."""

SECONDS = 10.0
"""Each program is recorded for so long. [s]"""


@dataclass(frozen=True)
class Program:
    """A program of which a person would say which class it is."""

    name: str
    kind: str
    prepared: str
    """What it does once; compiling among it."""

    again: str
    """What it does again and again."""


PROGRAMS = (
    Program(
        "matrix product, numpy", "float",
        "import numpy as np\na = np.random.default_rng(1).random((500, 500))",
        "a @ a",
    ),
    Program(
        "`exp` of an array, numpy", "float",
        "import numpy as np\na = np.random.default_rng(1).random(10_000)",
        "np.exp(a)",
    ),
    Program(
        "sum of sines, numba", "float",
        """
        import math, numba
        @numba.njit
        def sines(n):
            s = 0.0
            for i in range(n):
                s += math.sin(i * 1e-3)
            return s
        """,
        "sines(1_000_000)",
    ),
    Program(
        "dot product, numba", "float",
        """
        import numba, numpy as np
        a = np.random.default_rng(1).random(2048)
        @numba.njit(fastmath=True)
        def dot(a, n):
            s = 0.0
            for r in range(n):
                for i in range(a.size):
                    s += a[i] * (a[i] + r)
            return s
        """,
        "dot(a, 1000)",
    ),
    Program(
        "bodies that attract each other, numba", "float",
        """
        import math, numba, numpy as np
        rng = np.random.default_rng(1)
        at, speed = rng.random((64, 3)), np.zeros((64, 3))
        @numba.njit
        def step(at, speed):
            for i in range(len(at)):
                for j in range(len(at)):
                    x, y, z = at[j, 0] - at[i, 0], at[j, 1] - at[i, 1], at[j, 2] - at[i, 2]
                    square = x * x + y * y + z * z + 1e-3
                    pull = 1e-6 / (square * math.sqrt(square))
                    speed[i, 0] += pull * x
                    speed[i, 1] += pull * y
                    speed[i, 2] += pull * z
            for i in range(len(at)):
                for k in range(3):
                    at[i, k] += speed[i, k]
        """,
        "step(at, speed)",
    ),
    Program(
        "sorting whole numbers, numpy", "integer",
        "import numpy as np\na = np.random.default_rng(1).integers(0, 1 << 40, 1_000_000)",
        "np.sort(a)",
    ),
    Program(
        "sieve of primes, numba", "integer",
        """
        import numba, numpy as np
        @numba.njit
        def sieve(n):
            crossed = np.zeros(n, np.uint8)
            for i in range(2, n):
                if not crossed[i]:
                    for j in range(i * i, n, i):
                        crossed[j] = 1
            return n - crossed.sum()
        """,
        "sieve(1_000_000)",
    ),
    Program(
        "key derivation, hashlib", "integer",
        "import hashlib",
        "hashlib.pbkdf2_hmac('sha256', b'key', b'salt', 30_000)",
    ),
    Program(
        "packing, lzma", "integer",
        "import lzma, random\ntext = bytes(random.Random(1).choices(b'abcdefgh    ', k=200_000))",
        "lzma.compress(text)",
    ),
    Program(
        "copying memory, numpy", "integer",
        "import numpy as np\na, b = np.ones(8_000_000), np.empty(8_000_000)",
        "np.copyto(b, a)",
    ),
    Program(
        "reading JSON", "integer",
        "import json\ntext = json.dumps([{'name': str(i), 'of': [i, None, True]} for i in range(5000)])",
        "json.loads(text)",
    ),
    Program("a loop in Python", "integer", "", "sum(i * i for i in range(100_000))"),
    Program(
        "fifty processes that wake twenty times a second", "integer",
        """
        import subprocess, sys, time
        child = "import time\\nwhile True: sum(range(20000)); time.sleep(0.05)"
        jobs = [subprocess.Popen([sys.executable, "-c", child]) for _ in range(50)]
        time.sleep(3.0)
        """,
        "time.sleep(0.1)",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What the recording of a program showed, and what it took."""

    name: str
    kind: str
    """Class that a person would call it."""

    seen: str | None
    """Class that was seen; None: too few places."""

    places: int
    floating: int
    """Places at which it was met, and those of them with arithmetic of floating-point numbers."""

    looks: int
    share: float
    """Of a core that the recorder took, by the system's account of the whole process."""

    said: float
    """Of a core that the recording says it took."""


def watch(program: Program, seconds: float) -> Seen:
    """Run a program, record it for so long, and end it; raise `RuntimeError` where it does not begin."""
    script = f"{textwrap.dedent(program.prepared)}\ndef again():\n    {program.again}\nagain()\n"
    script += "print(flush=True)\nwhile True: again()\n"
    # A group of its own: what it starts ends with it.
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, process_group=0) as job:
        try:
            if not job.stdout or not job.stdout.readline():
                raise RuntimeError(f"{program.name}: it did not begin")
            before = resource.getrusage(resource.RUSAGE_SELF)
            taken = record_process(job.pid, seconds)
            after = resource.getrusage(resource.RUSAGE_SELF)
        finally:
            os.killpg(job.pid, 9)
    spent_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    columns = taken.columns
    met, floating = int(columns["met"][-1]), int(columns["floating"][-1])
    seen = work_class(columns, 0.0, taken.duration_s)
    return Seen(
        program.name, program.kind, seen, met, floating, len(columns["time_s"]), spent_s / taken.duration_s,
        taken.overhead,
    )  # fmt: skip


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=SECONDS)
    given = parser.parse_args()
    load, quiet = os.getloadavg()[0], Quiet()
    found: list[Seen] = []
    for program in PROGRAMS:
        quiet.wait(program.name)
        one = watch(program, given.seconds)
        missed = "" if one.seen == one.kind and one.share < AIM else "MISSED"
        print(
            f"{one.name:48} {one.kind:8} seen {one.seen or '-':8} {one.floating:4} of {one.places:4} places, "
            f"{one.looks:4} looks, {one.share:6.2%} of a core {missed}"
        )
        found.append(one)
    record = {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "load_before": load,
        "seconds": given.seconds,
        "aim": AIM,
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in ("spacegrey", "numpy", "numba")},
        "rows": [asdict(one) for one in found],
        "disturbed": quiet.disturbed,
    }
    write_whole(RESULTS, lambda path: path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8"))


if __name__ == "__main__":
    main()
