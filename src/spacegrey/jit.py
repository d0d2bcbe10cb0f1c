"""The one place that knows the compiler.

`law` marks a pure function on floats: plain Python when called from Python, compiled when called from a kernel.
`kernel` marks a loop over laws: compiled, and kept on disk for the next process.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numba
from numba import config
from numba.extending import register_jitable

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

# Contraction and reciprocals only: no reassociation and no assumption that NaN cannot be, so that a batch gives
# the single run's answer and a NaN is seen.
FASTMATH = {"contract", "arcp", "nsz"}


def law(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a pure function on floats as a law of physics that kernels may call."""
    marked: Callable[P, R] = register_jitable(fastmath=FASTMATH, error_model="numpy")(function)
    return marked


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a loop over laws on its first call, and keep the code on disk."""
    options: dict[str, Any] = {"cache": True, "nogil": True, "fastmath": FASTMATH, "error_model": "numpy"}
    compiled: Callable[P, R] = numba.njit(**options)(function)
    return compiled


def _fingerprint() -> str:
    """Return a hash of every source that ends in compiled code: numba itself looks at the kernel's own file only."""
    root = Path(__file__).parent
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted([*root.glob("parts/*/laws.py"), *root.glob("simulation/kernel/*.py"), Path(__file__)]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Return the folder where compiled code is kept: one for each state of the laws' sources."""
    base = os.environ.get("SPACEGREY_CACHE") or os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "spacegrey" / f"compiled-{_fingerprint()}"


def is_compiled() -> bool:
    """Tell whether compiled code of this version lies on disk already."""
    folder = cache_folder()
    return folder.is_dir() and any(folder.rglob("*.nbc"))


# numba gives `config` its names at run time.
config.CACHE_DIR = str(cache_folder())  # pyright: ignore[reportAttributeAccessIssue]


@law
def exponential(x: float) -> float:
    """Return e to the power of x without a branch or a call, so that a loop over machines becomes vector code.

    Parameters
    ----------
    x : float
        Within [-2.5, 2.5]; the relative error there is below 1e-9.

    Returns
    -------
    float
        The exponential.

    Notes
    -----
    Taylor polynomial of degree 8 in x/4, then to the fourth power. Status: reference.

    Examples
    --------
    >>> round(exponential(1.0), 9)
    2.718281828
    """
    y = 0.25 * x
    p = y * (1 / 40320) + 1 / 5040
    p = p * y + 1 / 720
    p = p * y + 1 / 120
    p = p * y + 1 / 24
    p = p * y + 1 / 6
    p = p * y + 0.5
    p = p * y + 1.0
    p = p * y + 1.0
    p = p * p
    return p * p
