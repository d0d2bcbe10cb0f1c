"""Functions of C, and memory that other processes see, for kernels: the same in plain Python and in compiled code."""

from __future__ import annotations

import ctypes
import importlib
from typing import Any

from spacegrey.jit import tell


def load_word(address: int) -> int:
    """Return the 64 bits at an address, as another process wrote them last.

    Examples
    --------
    >>> word = ctypes.c_int64(-3)
    >>> load_word(ctypes.addressof(word))
    -3
    """
    return ctypes.c_int64.from_address(address).value


def store_word(address: int, value: int) -> None:
    """Write 64 bits at an address; who sees them sees everything that was written before.

    Examples
    --------
    >>> word = ctypes.c_int64()
    >>> store_word(ctypes.addressof(word), 7)
    >>> word.value
    7
    """
    ctypes.c_int64.from_address(address).value = value


def _teach() -> None:
    """Let compiled code have instructions of its own for these two."""
    ir: Any = importlib.import_module("llvmlite.ir")
    from numba.core import types
    from numba.extending import intrinsic, overload

    @intrinsic
    def load(_typing: Any, _address: Any) -> Any:  # noqa: ANN401 - numba's own types
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
            place = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
            return builder.load_atomic(place, "seq_cst", 8)

        return types.int64(types.int64), generate

    @intrinsic
    def store(_typing: Any, _address: Any, _value: Any) -> Any:  # noqa: ANN401
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:  # noqa: ANN401
            place = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
            builder.store_atomic(arguments[1], place, "seq_cst", 8)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64), generate

    # Numba gives the typing context, which these calls lack.
    @overload(load_word, jit_options={"forceinline": True}, target="cpu")
    def _(address: Any) -> Any:  # noqa: ANN401, ARG001
        def loaded(address: Any) -> Any:  # noqa: ANN401
            return load(address)  # pyright: ignore[reportCallIssue]

        return loaded

    @overload(store_word, jit_options={"forceinline": True}, target="cpu")
    def _(address: Any, value: Any) -> Any:  # noqa: ANN401, ARG001
        def stored(address: Any, value: Any) -> Any:  # noqa: ANN401
            return store(address, value)  # pyright: ignore[reportCallIssue]

        return stored


tell(_teach)


class External:
    """A function of C for kernels, compiled or not.

    Parameters
    ----------
    name : str
        As its library has it.
    result : type
        `ctypes.c_int32` or `ctypes.c_int64`; addresses are of the latter.
    *arguments : type
        So too.
    library : ctypes.CDLL, optional
        Where it is; by default the program itself, which has the system's.

    Examples
    --------
    >>> External("labs", ctypes.c_int64, ctypes.c_int64)(-5)
    5
    """

    def __init__(self, name: str, result: Any, *arguments: Any, library: ctypes.CDLL | None = None) -> None:  # noqa: ANN401 - ctypes'
        self._name, self._result, self._arguments = name, result, arguments
        self._function = (library or ctypes.CDLL(None))[name]  # not as an attribute, which others may describe too
        self._function.restype, self._function.argtypes = result, arguments
        tell(self._link)

    def __call__(self, *arguments: int) -> int:
        """Call it: outside Python's lock, unless its library is a `ctypes.PyDLL`."""
        return self._function(*arguments)

    def _link(self) -> None:
        """Let compiled code find it by name, so that it can be kept on disk."""
        binding: Any = importlib.import_module("llvmlite.binding")
        binding.add_symbol(self._name, ctypes.cast(self._function, ctypes.c_void_p).value)

    @property
    def _numba_type_(self) -> Any:  # noqa: ANN401 - as numba asks what a name in a kernel is
        from numba.core import types

        kinds: dict[Any, Any] = {ctypes.c_int32: types.int32, ctypes.c_int64: types.int64}
        signature = kinds[self._result](*map(kinds.__getitem__, self._arguments))
        external: Any = types.ExternalFunction
        return external(self._name, signature)
