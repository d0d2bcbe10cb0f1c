"""Builds ``step.cpp`` and ``peak.cpp`` for this processor and runs them on the kernel's own arrays."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.batch.blocks import MOST_SECONDS, Blocks
from benchmarks.reference_c import elimination_header, layout_header

if TYPE_CHECKING:
    from numpy.typing import NDArray

HERE = Path(__file__).parent
PLAIN = ("-O3", "-march=native")
FAST = (*PLAIN, "-ffast-math")
LANES, CHAINS = 8, 12
"""As in peak.cpp."""


def compiler() -> str | None:
    """Return where g++ is, if it is."""
    return shutil.which("g++")


def compiler_version() -> str:
    """Return the version of g++."""
    return subprocess.run([_needed(), "-dumpfullversion"], capture_output=True, text=True, check=True).stdout.strip()


def build(folder: Path, flags: tuple[str, ...] = PLAIN, source: str = "step.cpp") -> Path:
    """Compile one of the programs with g++, and return the shared library."""
    # The same lines as in C, on eight doubles in the place of one.
    (folder / "layout.h").write_text(layout_header(), encoding="utf-8")
    lines = elimination_header().replace("double ", "V ")
    (folder / "elimination.h").write_text(lines, encoding="utf-8")
    library = folder / f"{source.partition('.')[0]}{'_'.join(flags)}.so"
    warnings = ("-Wall", "-Wextra", "-Werror", "-Wno-psabi")  # psabi: how old compilers passed wide registers
    options = ("-std=c++17", *warnings, *flags, "-fopenmp", "-fPIC", "-shared", f"-I{folder}", "-o", str(library))
    subprocess.run([_needed(), *options, str(HERE / source)], check=True)
    return library


class CppStep:
    """The C++ step over blocks."""

    def __init__(self, library: Path) -> None:
        self.name = f"C++, g++ {library.stem.removeprefix('step').replace('_', ' ')} -fopenmp"
        self._run = ctypes.CDLL(str(library)).run_blocks
        self._run.restype = ctypes.c_int

    def run(self, batch: Blocks, threads: int, seconds: int = MOST_SECONDS) -> float:
        """Run the blocks from their start; see `blocks.Kernel`."""
        batch.reset()
        m, phases, ends = (_pointer(one, np.float64) for one in (batch.m, batch.phases, batch.ends))
        first, count = (_pointer(one, np.int64) for one in (batch.first, batch.count))
        number, most = ctypes.c_int64(len(batch.m)), ctypes.c_int64(seconds)
        begin = time.perf_counter()
        status = self._run(m, number, phases, first, count, ends, most, ctypes.c_int(threads))
        taken = time.perf_counter() - begin
        if status not in {0, 1}:
            raise RuntimeError(f"the C++ step returned status {status}")
        return taken


def peak_flop_per_s(library: Path, rounds: int = 20_000_000, turns: int = 3) -> float:
    """Return the most multiplications and additions that one core reached. [1/s]."""
    chains = ctypes.CDLL(str(library)).multiply_adds
    chains.restype = ctypes.c_double
    best = float("inf")
    for _ in range(turns):
        begin = time.thread_time()
        chains(ctypes.c_int64(rounds), ctypes.c_double(0.5), ctypes.c_double(1.0))
        best = min(best, time.thread_time() - begin)
    return 2.0 * LANES * CHAINS * rounds / best


def _needed() -> str:
    found = compiler()
    if found is None:
        raise RuntimeError("no g++ (Debian: apt install g++)")
    return found


def _pointer(array: NDArray[np.float64] | NDArray[np.int64], kind: type) -> ctypes.c_void_p:
    if not array.flags.c_contiguous or array.dtype != kind:
        raise TypeError(f"the C++ step takes contiguous arrays of {kind.__name__}")
    return ctypes.c_void_p(array.ctypes.data)
