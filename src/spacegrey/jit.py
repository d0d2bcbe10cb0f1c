"""The one place that knows the compiler.

`law` marks a pure function on floats: plain Python when called from Python, compiled into the kernel that calls it.
`kernel` marks a loop over laws: compiled, and kept on disk for the next process. `device_kernel` marks what one thread
of a GPU does with the same laws.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import numba
from llvmlite import ir  # pyright: ignore[reportMissingTypeStubs]
from numba import config
from numba.core import types
from numba.extending import intrinsic, overload

from spacegrey.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

# Contraction and reciprocals only: no reassociation and no assumption that NaN cannot be, so that a batch gives
# the single run's answer and a NaN is seen.
FASTMATH = {"contract", "arcp", "nsz"}

# A GPU's compiler contracts by itself; its one other setting, fast or not, would assume that NaN cannot be.
ON_GPU: dict[str, Any] = {"fastmath": False}


def law(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a pure function on floats as a law of physics that kernels may call."""
    # Inlined, so that the width of the lanes is a constant in every law; as calls the laws are a quarter slower.
    options: dict[str, Any] = {"fastmath": FASTMATH, "error_model": "numpy", "forceinline": True}
    _offer(function, function, "cpu", options)
    _offer(function, function, "cuda", {**ON_GPU, "forceinline": True})
    return function


def _offer(name: Callable[..., Any], compiled: Callable[..., Any], target: str, options: dict[str, Any]) -> None:
    """Let compiled code of a target that calls ``name`` have ``compiled`` instead."""

    def chosen(*_arguments: Any, **_named: Any) -> Callable[..., Any]:  # noqa: ANN401 - numba's types of the arguments
        return compiled

    marked: Any = overload
    marked(name, jit_options=options, strict=False, target=target)(chosen)


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a loop over laws on its first call, and keep the code on disk."""
    options: dict[str, Any] = {"cache": True, "nogil": True, "fastmath": FASTMATH, "error_model": "numpy"}
    compiled: Callable[P, R] = numba.njit(**options)(function)
    return compiled


def device_kernel(function: Callable[..., None]) -> Callable[[], Any]:
    """Mark what one thread of a GPU does; in it, ``cuda`` is the compiler's module. The code is kept on disk.

    Returns
    -------
    callable
        Gives the kernel, to be launched as ``kernel()[blocks, threads](...)``; the first call of it needs a GPU.
    """

    @cache
    def compiled() -> Any:  # noqa: ANN401 - numba's own type
        # Here and not above the function: importing it must not need a GPU or its packages.
        function.__globals__["cuda"] = cuda = device()
        return cuda.jit(**ON_GPU, cache=True)(function)

    return compiled


@cache
def device() -> Any:  # noqa: ANN401 - a module without types
    """Return the compiler's module for CUDA GPUs, or raise InputError with what is missing on this computer."""
    settings: Any = config  # named at run time
    if not settings.ENABLE_CUDASIM and importlib.util.find_spec("numba_cuda") is None:
        raise InputError(
            "device 'cuda' needs numba-cuda, which is not installed: install the extra gpu, or choose: cpu"
        )
    cuda = importlib.import_module("numba.cuda")
    try:
        cuda.current_context()
    except ImportError as error:  # what numba's errors about drivers and libraries are
        raise InputError(no_gpu(error)) from None
    return cuda


def no_gpu(error: Exception) -> str:
    r"""Return the line that says why the GPU cannot be used.

    Examples
    --------
    >>> no_gpu(ImportError("Error at driver init: \n\nno driver\n:"))
    "device 'cuda' found no usable NVIDIA GPU (Error at driver init: no driver); choose: cpu"
    """
    return f"device 'cuda' found no usable NVIDIA GPU ({' '.join(str(error).split()).rstrip(' .:')}); choose: cpu"


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


@overload(choose, jit_options={"forceinline": True}, target="cpu")
def _choose(condition: Any, yes: Any, no: Any) -> Any:  # noqa: ANN401, ARG001
    def chosen(condition: Any, yes: Any, no: Any) -> Any:  # noqa: ANN401
        return _select(condition, yes, no)  # pyright: ignore[reportCallIssue] - numba gives the typing context

    return chosen


_offer(choose, choose, "cuda", {**ON_GPU, "forceinline": True})


@intrinsic
def _load_word(_typing: Any, _address: Any) -> Any:  # noqa: ANN401 - numba's own types
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        place = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        return builder.load_atomic(place, "seq_cst", 8)

    return types.int64(types.int64), generate


@intrinsic
def _store_word(_typing: Any, _address: Any, _value: Any) -> Any:  # noqa: ANN401 - numba's own types
    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        place = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        builder.store_atomic(arguments[1], place, "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


load_word: Callable[[int], int] = cast("Any", _load_word)
"""In compiled code: the 64 bits at an address, as another process wrote them last."""

store_word: Callable[[int, int], None] = cast("Any", _store_word)
"""In compiled code: write 64 bits at an address; who sees them sees everything that was written before."""


_SHARED = ("parts/*/laws.py", "simulation/kernel/*.py", "t2/storage/cipher.py")
"""Sources of compiled code that is part of other compiled code."""


def _fingerprint() -> str:
    """Return a hash of every source that ends in compiled code: numba itself looks at the kernel's own file only."""
    root = Path(__file__).parent
    digest = hashlib.sha256(numba.__version__.encode())
    sources = [path for pattern in _SHARED for path in root.glob(pattern)]
    for path in sorted([*sources, Path(__file__)]):
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
