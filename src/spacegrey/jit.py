"""The one place that knows the compiler, which is loaded when something is compiled: loading takes half a second.

`law` marks a pure function on floats: plain Python when called from Python, compiled into the kernel that calls it.
`kernel` marks a loop over laws: compiled, and kept on disk for the next process. `early_kernel` marks one that need not
wait for the compiler. `device_kernel` marks what one thread of a GPU does with the same laws.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import sys
import threading
import time
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from spacegrey.compiled import cache_folder
from spacegrey.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

P = ParamSpec("P")
R = TypeVar("R")

# Contraction and reciprocals only: no reassociation and no assumption that NaN cannot be, so that a batch gives
# the single run's answer and a NaN is seen.
FASTMATH = {"contract", "arcp", "nsz"}

# A GPU's compiler contracts by itself; its one other setting, fast or not, would assume that NaN cannot be.
ON_GPU: dict[str, Any] = {"fastmath": False}

PATIENCE_S = 0.02
"""Processor time that early kernels may take as plain Python before the compiler is loaded beside them. [s]"""

NO_ROOM = (MemoryError, ImportError, OSError)
"""What loading the compiler ends in where memory or files are short: plain Python goes on, and it is tried again."""

_SWITCH_S = 5e-4  # how long loading the compiler may hold up a thread that has something to do

_lock = threading.RLock()
_untold: list[Callable[[], None]] = []  # what the compiler is to know once it is loaded


def compiler() -> ModuleType:
    """Return numba, loaded at the first call, which knows every law that was marked."""
    with _lock:
        numba = _load()
        while _untold:
            _untold.pop(0)()
        return numba


def tell(known: Callable[[], None]) -> None:
    """Have something done before the next compilation, with numba loaded."""
    _untold.append(known)


@cache
def _load() -> ModuleType:
    before = set(sys.modules)
    try:
        numba = importlib.import_module("numba")
    except BaseException:
        for name in set(sys.modules) - before:
            if name.startswith(("numba", "llvmlite")):
                del sys.modules[name]  # half of it would stand in the way of the next try
        raise
    numba.config.CACHE_DIR = str(cache_folder())
    _teach()
    return numba


def law(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a pure function on floats as a law of physics that kernels may call."""
    # Inlined, so that the width of the lanes is a constant in every law; as calls the laws are a quarter slower.
    options: dict[str, Any] = {"fastmath": FASTMATH, "error_model": "numpy", "forceinline": True}
    tell(lambda: _offer(function, function, "cpu", options))
    tell(lambda: _offer(function, function, "cuda", {**ON_GPU, "forceinline": True}))
    return function


def _offer(name: Callable[..., Any], compiled: Callable[..., Any], target: str, options: dict[str, Any]) -> None:
    """Let compiled code of a target that calls ``name`` have ``compiled`` instead."""
    from numba import extending

    def chosen(*_arguments: Any, **_named: Any) -> Callable[..., Any]:  # noqa: ANN401 - numba's types of the arguments
        return compiled

    marked: Any = extending.overload
    marked(name, jit_options=options, strict=False, target=target)(chosen)


class Kernel(Generic[P, R]):
    """A loop that is compiled on its first call; `kernel` and `early_kernel` make it.

    Attributes
    ----------
    py_func : callable
        The loop as plain Python.
    early : bool
        Plain Python does its work for the time being.
    """

    def __init__(self, function: Callable[P, R], few: Callable[..., bool] | None = None) -> None:
        functools.update_wrapper(self, function)
        self.py_func = function
        self.early = few is not None
        self._few = few
        self._code: Callable[P, R] | None = None
        self._now: Callable[P, R] = self._compiled if few is None else self._early

    def __call__(self, *arguments: P.args, **named: P.kwargs) -> R:
        """Do the work."""
        return self._now(*arguments, **named)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - what numba's dispatcher has
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._compile(), name)

    @property
    def _numba_type_(self) -> Any:  # noqa: ANN401 - as numba asks what a name in a kernel is
        return compiler().typeof(self._compile())

    def _compile(self) -> Callable[P, R]:
        with _lock:
            code = self._code
            if code is None:
                options: dict[str, Any] = {"cache": True, "nogil": True, "fastmath": FASTMATH, "error_model": "numpy"}
                code = self._code = compiler().njit(**options)(self.py_func)
        return code

    def _compiled(self, *arguments: P.args, **named: P.kwargs) -> R:
        self._now, self.early = self._compile(), False
        return self._now(*arguments, **named)

    def _early(self, *arguments: P.args, **named: P.kwargs) -> R:
        if _own.inside:  # another kernel's, which has counted its work
            return self.py_func(*arguments, **named)
        if self._few is None or not self._few(*arguments, **named):
            try:
                self.prepare(*arguments)
            except NO_ROOM:
                return self.py_func(*arguments, **named)
            return self._now(*arguments, **named)
        begin, _own.inside = time.thread_time(), True
        try:
            return self.py_func(*arguments, **named)
        finally:
            _own.inside = False
            _soon.note(self, arguments, time.thread_time() - begin)

    def prepare(self, *arguments: Any) -> None:  # noqa: ANN401 - as the function takes them
        """Load the compiled code for arguments like these, and use it from now on."""
        code: Any = self._compile()
        if code is not self.py_func:  # as it is where numba is told to compile nothing
            kind: Any = compiler().typeof
            code.compile(tuple(kind(argument) for argument in arguments))
        self._now, self.early = code, False

    def hurry(self) -> None:
        """Compile at the next call."""
        self._now, self.early = self._compiled, False


def kernel(function: Callable[P, R]) -> Kernel[P, R]:
    """Compile a loop over laws on its first call, and keep the code on disk."""
    return Kernel(function)


def early_kernel(few: Callable[..., bool]) -> Callable[[Callable[P, R]], Kernel[P, R]]:
    """Mark a loop that may begin as plain Python: the same rules, without waiting for the compiler.

    It is compiled beside the work once `PATIENCE_S` has gone into such loops, and at once for more than a few turns.

    Parameters
    ----------
    few : callable
        Gets the arguments, and tells whether they ask for so little that plain Python may do it.
    """
    return lambda function: Kernel(function, few)


def always(*_arguments: Any) -> bool:  # noqa: ANN401 - whatever the kernel takes
    """Tell of any arguments that they ask for little."""
    return True


class _Own(threading.local):
    """Whether this thread is inside an early kernel."""

    inside = False


_own = _Own()


class _Soon:
    """The early kernels that have work for the compiler, and the thread that loads it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # not the compiler's, which is held as long as loading it takes
        self._spent_s = 0.0
        self._asked = set[Kernel[..., Any]]()
        self._waiting: list[tuple[Kernel[..., Any], tuple[Any, ...]]] = []
        self._thread: threading.Thread | None = None

    def note(self, one: Kernel[..., Any], arguments: tuple[Any, ...], seconds: float) -> None:
        """Count what a call took, and have the kernel compiled once all took too much."""
        self._spent_s += seconds
        if self._spent_s < PATIENCE_S or one in self._asked:
            return
        with self._lock, suppress(RuntimeError):  # where no thread can be had now, perhaps at the next call
            if self._thread is None:
                thread = threading.Thread(target=self._work, name="compiler")
                thread.start()
                self._thread = thread
            self._asked.add(one)
            self._waiting.append((one, arguments))

    def _work(self) -> None:
        with suppress(OSError, AttributeError):  # who asked may be kept on one processor
            os.sched_setaffinity(0, os.sched_getaffinity(os.getpid()))
        before = sys.getswitchinterval()
        sys.setswitchinterval(min(before, _SWITCH_S))
        while True:
            with self._lock:
                if not self._waiting:
                    sys.setswitchinterval(before)
                    self._thread = None
                    return
                one, arguments = self._waiting.pop()
            try:
                one.prepare(*arguments)
            except NO_ROOM:
                with self._lock:
                    self._asked.discard(one)
                    self._spent_s = 0.0
            except Exception:  # noqa: BLE001 - of any kind: the next call compiles, and says what is wrong
                one.hurry()

    def wait(self) -> None:
        """Return when nothing is being compiled."""
        if thread := self._thread:
            thread.join()


_soon = _Soon()


def settle() -> None:
    """Return when no kernel is being compiled beside the work."""
    _soon.wait()


def device_kernel(function: Callable[..., None]) -> Callable[[], Any]:
    """Mark what one thread of a GPU does; in it, ``cuda`` is the compiler's module. The code is kept on disk.

    Returns
    -------
    callable
        Gives the kernel, to be launched as ``kernel()[blocks, threads](...)``; the first call of it needs a GPU.
    """

    @cache
    def compiled() -> Any:  # noqa: ANN401 - numba's own type
        compiler()
        # Here and not above the function: importing it must not need a GPU or its packages.
        function.__globals__["cuda"] = cuda = device()
        return cuda.jit(**ON_GPU, cache=True)(function)

    return compiled


@cache
def device() -> Any:  # noqa: ANN401 - a module without types
    """Return the compiler's module for CUDA GPUs, or raise InputError with what is missing on this computer."""
    if not compiler().config.ENABLE_CUDASIM and importlib.util.find_spec("numba_cuda") is None:
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


def _teach() -> None:
    """Let compiled code have an instruction of its own for `choose`."""
    from numba.core import types
    from numba.extending import intrinsic, overload

    @intrinsic
    def select(_typing: Any, _condition: Any, _yes: Any, _no: Any) -> Any:  # noqa: ANN401 - numba's own types
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
            return builder.select(*arguments)

        return types.float64(types.boolean, types.float64, types.float64), generate

    @overload(choose, jit_options={"forceinline": True}, target="cpu")
    def _(condition: Any, yes: Any, no: Any) -> Any:  # noqa: ANN401, ARG001
        def chosen(condition: Any, yes: Any, no: Any) -> Any:  # noqa: ANN401
            return select(condition, yes, no)  # pyright: ignore[reportCallIssue] - numba gives the typing context

        return chosen

    _offer(choose, choose, "cuda", {**ON_GPU, "forceinline": True})


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
