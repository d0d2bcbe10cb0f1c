"""The one place that knows the compiler.

`law` marks a pure function on floats: plain Python when called from Python, compiled into the kernel that calls it.
`kernel` marks a loop over laws: compiled, and kept on disk for the next process.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numba
from numba import config
from numba.core import types
from numba.extending import intrinsic, overload, register_jitable

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

# Contraction and reciprocals only: no reassociation and no assumption that NaN cannot be, so that a batch gives
# the single run's answer and a NaN is seen.
FASTMATH = {"contract", "arcp", "nsz"}


def law(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a pure function on floats as a law of physics that kernels may call."""
    # Inlined, so that the width of the lanes is a constant in every law; as calls the laws are a quarter slower.
    options: dict[str, Any] = {"fastmath": FASTMATH, "error_model": "numpy", "forceinline": True}
    marked: Callable[P, R] = register_jitable(**options)(function)
    return marked


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a loop over laws on its first call, and keep the code on disk."""
    options: dict[str, Any] = {"cache": True, "nogil": True, "fastmath": FASTMATH, "error_model": "numpy"}
    compiled: Callable[P, R] = numba.njit(**options)(function)
    return compiled


def choose(condition: bool, yes: float, no: float) -> float:  # noqa: FBT001 - as the compiler's select
    """Return one of two floats, both already worked out: a choice and not a branch, so that lanes can differ.

    Examples
    --------
    >>> choose(2.0 > 1.0, 10.0, 20.0)
    10.0
    """
    return yes if condition else no


@intrinsic
def _select(_typing: Any, _condition: Any, _yes: Any, _no: Any) -> Any:  # noqa: ANN401 - numba's own types
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        return builder.select(*arguments)

    return types.float64(types.boolean, types.float64, types.float64), generate


@overload(choose, jit_options={"forceinline": True})
def _choose(condition: Any, yes: Any, no: Any) -> Any:  # noqa: ANN401, ARG001
    def chosen(condition: Any, yes: Any, no: Any) -> Any:  # noqa: ANN401
        return _select(condition, yes, no)  # pyright: ignore[reportCallIssue] - numba gives the typing context

    return chosen


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
        Within [-2.5, 2.5]; the relative error there is below 1e-6.

    Returns
    -------
    float
        The exponential.

    Notes
    -----
    Taylor polynomial of degree 11 in x/4, then to the fourth power. Status: reference.

    Examples
    --------
    >>> round(exponential(1.0), 9)
    2.718281828
    """
    y = 0.25 * x
    p = y * (1 / 39916800) + 1 / 3628800
    p = p * y + 1 / 362880
    p = p * y + 1 / 40320
    p = p * y + 1 / 5040
    p = p * y + 1 / 720
    p = p * y + 1 / 120
    p = p * y + 1 / 24
    p = p * y + 1 / 6
    p = p * y + 0.5
    p = p * y + 1.0
    p = p * y + 1.0
    p = p * p
    return p * p
