"""How long a user waits before the first simulated second: every case is a whole process, timed from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.case import MACHINE, WORKLOAD

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
PROGRAM = Path(sys.executable).with_name("spacegrey")
FIRST_CALL = """
import time
from benchmarks.case import Kernel, case
begin = time.perf_counter()
Kernel(case()).run()
print(time.perf_counter() - begin)
"""


def python(code: str, cache: Path) -> tuple[float, str]:
    """Run code in a fresh Python whose compiled kernels lie in ``cache``; return seconds and what it printed."""
    return _timed([sys.executable, "-c", code], cache)


def program(*arguments: str, cache: Path) -> float:
    """Run the installed program and return the seconds it took."""
    if not PROGRAM.is_file():
        raise RuntimeError(f"{PROGRAM} is missing: install the package (make setup)")
    return _timed([str(PROGRAM), *arguments], cache)[0]


def first_call_s(cache: Path) -> float:
    """Return the seconds that the first simulation of a process takes, import not counted."""
    return float(python(FIRST_CALL, cache)[1])


def empty_cache() -> tempfile.TemporaryDirectory[str]:
    """Return a folder without compiled kernels."""
    return tempfile.TemporaryDirectory(prefix="spacegrey-cache-")


CASES: dict[str, Callable[[Path], float]] = {
    "bare Python, to compare": lambda cache: python("pass", cache)[0],
    "`import spacegrey.simulation.run`": lambda cache: python("import spacegrey.simulation.run", cache)[0],
    "`spacegrey --help`": lambda cache: program("--help", cache=cache),
    "`spacegrey run`, kernels on disk": lambda cache: program("run", WORKLOAD, "--on", MACHINE, cache=cache),
    "first simulation in a process, kernels on disk": first_call_s,
}


def measure(rounds: int) -> dict[str, float]:
    """Return the best of a few rounds of each case in seconds, the rounds interleaved; and one cold compilation."""
    with empty_cache() as folder:
        cache = Path(folder)
        seconds = {"first simulation ever: compile the kernels": first_call_s(cache)}
        for _ in range(rounds):
            for name, run in CASES.items():
                seconds[name] = min(run(cache), seconds.get(name, float("inf")))
    return seconds


def _timed(command: list[str], cache: Path) -> tuple[float, str]:
    environment = {**os.environ, "SPACEGREY_CACHE": str(cache)}
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - begin
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with status {done.returncode}:\n{done.stderr}")
    return taken, done.stdout
