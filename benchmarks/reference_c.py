"""Builds ``single_machine/step.c`` for this processor and runs it on the kernel's own arrays.

Layout, constants and the straight-line elimination are made from the package's sources, so that the C program cannot
fall behind them unseen; the step itself is written by hand.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.case import MOST_SECONDS, Case
from spacegrey.parts.cooling.laws import AIR_HEAT_J_PER_L_K
from spacegrey.parts.processor.laws import LEAKAGE_REFERENCE_K, STALL_ACTIVITY
from spacegrey.simulation.kernel import layout, observe
from spacegrey.simulation.kernel.generate import source
from spacegrey.simulation.kernel.network import LINKS, TO_AMBIENT
from spacegrey.simulation.kernel.tick import FAN_STEP_S, STEP_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP = Path(__file__).parent / "single_machine" / "step.c"
PLAIN = ("-O3", "-march=native")
FAST = (*PLAIN, "-ffast-math")
PLAIN_O2 = ("-O2", "-march=native")


def layout_header() -> str:
    """Return the fields of a lane, the codes of limits and the model's constants as C."""
    constants = {
        "STEP_S": STEP_S,
        "FAN_STEP_S": FAN_STEP_S,
        "OBSERVE_S": observe.OBSERVE_S,
        "AIR_HEAT_J_PER_L_K": AIR_HEAT_J_PER_L_K,
        "LEAKAGE_REFERENCE_K": LEAKAGE_REFERENCE_K,
        "STALL_ACTIVITY": STALL_ACTIVITY,
    }
    numbers = {name: value for module in (layout, observe) for name, value in vars(module).items()}
    fields = {name: value for name, value in numbers.items() if name.isupper() and type(value) is int}
    fields["TRACE_COLUMN_COUNT"] = len(observe.TRACE_COLUMNS)
    fields |= {link.upper(): layout.LINK + number for number, link in enumerate([*LINKS, *TO_AMBIENT])}
    lines = [f"#define {name} {value!r}" for name, value in constants.items()]
    return "\n".join([*lines, "enum {", *(f"    {name} = {value}," for name, value in fields.items()), "};", ""])


def elimination_header() -> str:
    """Return the generated Python lines of `factor` and `solve` as C."""
    heads = {
        "factor": "static inline void factor(double *m, double ratio) {",
        "solve": "static inline void solve(const double *m, double *x) {",
    }
    lines: list[str] = []
    for text in re.split(r"^@law\n", source(), flags=re.MULTILINE)[1:]:
        head, *body = text.strip().splitlines()
        name = head.removeprefix("def ").partition("(")[0]
        lines.append(heads[name])
        known: set[str] = set()
        for raw in body:
            line = raw.strip()
            if line.startswith(('"', "return")):
                continue
            line = re.sub(r"\bm\[\(at\.(\w+) \+ (\d+)\) \* w \+ \w+\]", r"m[\1 + \2]", line)
            line = re.sub(r"\bm\[at\.(\w+) \* w \+ \w+\]", r"m[\1]", line)
            line = re.sub(r"\bx(\d+)", r"x[\1]", line)
            target = line.split()[0]
            declared = "[" in target or target in known
            known.add(target)
            lines.append(f"    {'' if declared else 'double '}{line};")
        lines.append("}")
    return "\n".join([*lines, ""])


def build(folder: Path, flags: tuple[str, ...] = PLAIN) -> Path:
    """Compile the step with gcc, and return the shared library."""
    (folder / "layout.h").write_text(layout_header(), encoding="utf-8")
    (folder / "elimination.h").write_text(elimination_header(), encoding="utf-8")
    library = folder / f"step{'_'.join(flags)}.so"
    warnings = ("-Wall", "-Wextra", "-Werror")
    options = ("-std=c11", *warnings, *flags, "-fPIC", "-shared", f"-I{folder}", "-o", str(library))
    subprocess.run([_compiler(), *options, str(STEP), "-lm"], check=True)
    return library


def compiler_version() -> str:
    """Return the version of gcc."""
    return subprocess.run([_compiler(), "-dumpfullversion"], capture_output=True, text=True, check=True).stdout.strip()


class CStep:
    """The C step on one machine."""

    def __init__(self, one: Case, library: Path, *, traced: bool = True) -> None:
        self.name = f"C, gcc {library.stem.removeprefix('step').replace('_', ' ')}"
        self._case = one
        self._rows = ctypes.c_int64()
        self._room = len(one.trace) if traced else 0
        self._advance = ctypes.CDLL(str(library)).advance
        self._advance.restype = ctypes.c_int
        # Made once: `ndarray.ctypes` costs microseconds.
        self._arrays = [_pointer(array) for array in (one.m, one.phases, one.ends, one.trace)]

    def run(self, seconds: int = MOST_SECONDS) -> int:
        """Run the case from its start; see `case.Version`."""
        self._case.reset()
        self._rows.value = self._room
        m, phases, ends, trace = self._arrays
        count = ctypes.c_int64(len(self._case.phases))
        status = self._advance(m, phases, count, ends, trace, ctypes.byref(self._rows), ctypes.c_int64(seconds))
        if status not in {0, 1}:
            raise RuntimeError(f"the C step returned status {status}")
        return self._rows.value


def _compiler() -> str:
    compiler = shutil.which("gcc")
    if compiler is None:
        raise RuntimeError("the benchmarks compare with C and need gcc (Debian: apt install gcc)")
    return compiler


def _pointer(array: NDArray[np.float64]) -> ctypes.c_void_p:
    if not array.flags.c_contiguous or array.dtype != np.float64:
        raise TypeError("the C step takes contiguous float64 arrays")
    return ctypes.c_void_p(array.ctypes.data)
