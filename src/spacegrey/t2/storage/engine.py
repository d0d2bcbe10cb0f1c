"""The AES engine between the flash and the memory: AES-XTS-128 over whole pages, outside Python's lock.

The cipher is OpenSSL's, taken from the library that Python itself is linked with; the loop over the pages is compiled,
so that a request costs one call, whatever its length.
"""

from __future__ import annotations

import ctypes
import hashlib
import hmac
import threading
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import numpy as np
from llvmlite import binding  # pyright: ignore[reportMissingTypeStubs]
from numba import types

from spacegrey.errors import InputError
from spacegrey.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Buffer

PAGE = 4096
"""Bytes of a flash page, which is the cipher's data unit."""

KEY_BYTES = 32
"""Bytes of a volume key: 16 for the data, 16 for the tweak."""

TAG_BYTES = 16
"""Bytes of a page's authentication tag."""


class KeyHandle(Protocol):
    """What the storage may do with a volume key that it never sees.

    `XtsKey` is the handle for a key in this process. Whoever keeps the key elsewhere gives an object of his own. It may
    have `XtsKey.decrypt_each` too: with it, many small reads cost one call.
    """

    def encrypt(self, page: int, source: Buffer, target: Buffer) -> None:
        """Encrypt whole pages whose first has this physical number; ``target`` may be ``source``."""
        ...

    def decrypt(self, page: int, source: Buffer, target: Buffer) -> None:
        """Decrypt whole pages whose first has this physical number; ``target`` may be ``source``."""
        ...

    def tag(self, page: int, ciphertext: Buffer) -> bytes:
        """Return the 16-byte tag that binds the ciphertext of one page to its place."""
        ...


def _library() -> Any:  # noqa: ANN401 - a ctypes library
    """Return OpenSSL's libcrypto: the one that Python's own `hashlib` stands on."""
    import _hashlib  # only its file is of interest: through it the linker finds libcrypto

    found = ctypes.CDLL(_hashlib.__file__)
    if not hasattr(found, "EVP_CipherUpdate"):
        raise InputError("this Python hides its OpenSSL: the encrypted disk needs one that is linked with libcrypto")
    return found


_crypto = _library()
_POINTER, _INT = ctypes.c_void_p, ctypes.c_int
for _name, _result, _arguments in (
    ("EVP_CIPHER_CTX_new", _POINTER, []),
    ("EVP_CIPHER_CTX_free", None, [_POINTER]),
    ("EVP_CIPHER_CTX_copy", _INT, [_POINTER, _POINTER]),
    ("EVP_aes_128_xts", _POINTER, []),
    ("EVP_CipherInit_ex", _INT, [_POINTER, _POINTER, _POINTER, _POINTER, _POINTER, _INT]),
    ("EVP_CipherUpdate", _INT, [_POINTER, _POINTER, _POINTER, _POINTER, _INT]),
):
    _function = getattr(_crypto, _name)
    _function.restype, _function.argtypes = _result, _arguments

# Compiled code finds these two by name, so that it can be kept on disk.
for _name in ("EVP_CipherInit_ex", "EVP_CipherUpdate"):
    binding.add_symbol(_name, ctypes.cast(getattr(_crypto, _name), _POINTER).value or 0)

_P: Any = types.intp
_I: Any = types.int32
_initialise: Any = types.ExternalFunction("EVP_CipherInit_ex", _I(_P, _P, _P, _P, _P, _I))
_update: Any = types.ExternalFunction("EVP_CipherUpdate", _I(_P, _P, _P, _P, _I))


@kernel
def _crypt(context: int, source: Any, target: Any, page: int, scratch: Any, encrypt: int) -> int:  # noqa: ANN401
    """Run whole pages through a context and return how many went well.

    ``scratch`` holds the tweak (words 0 and 1: the page's number, little-endian) and the length that OpenSSL reports.
    """
    start, end, tweak = source.ctypes.data, target.ctypes.data, scratch.ctypes.data
    done = 0
    for k in range(source.size // PAGE):
        scratch[0] = page + k
        if _initialise(context, 0, 0, 0, tweak, encrypt) == 1:
            done += _update(context, end + k * PAGE, tweak + 16, start + k * PAGE, PAGE) == 1
    return done


@kernel
def _decrypt_each(context: int, target: Any, pages: Any, scratch: Any) -> int:  # noqa: ANN401
    """Decrypt pages in place, each with a number of its own, and return how many went well."""
    start, tweak = target.ctypes.data, scratch.ctypes.data
    done = 0
    for k in range(pages.size):
        scratch[0] = pages[k]
        at = start + k * PAGE
        if _initialise(context, 0, 0, 0, tweak, 0) == 1:
            done += _update(context, at, tweak + 16, at, PAGE) == 1
    return done


class _Contexts(threading.local):
    """OpenSSL's contexts of one thread, which is what a context may belong to."""

    def __init__(self) -> None:
        self.encrypt = 0
        self.decrypt = 0
        self.scratch = np.zeros(4, np.uint64)


class XtsKey:
    """A volume key that lives in OpenSSL's memory only: it can be used and wiped, not read.

    Parameters
    ----------
    key : bytes-like
        32 bytes: the data key, then the tweak key. A bytearray is overwritten with zeroes.

    Raises
    ------
    ValueError
        The key has another length, or two equal halves, which XTS must not have: draw another one.

    Notes
    -----
    XTS-AES-128 with the page's physical number as tweak. Status: reference.

    References
    ----------
    IEEE Std 1619-2018; NIST SP 800-38E (2010).

    Examples
    --------
    >>> key = XtsKey(bytes(range(32)))
    >>> page = bytearray(4096)
    >>> key.encrypt(7, page, page)
    >>> page[:4].hex()
    '212b8fcd'
    >>> key.decrypt(7, page, page)
    >>> page == bytes(4096), key
    (True, <XtsKey>)
    """

    def __init__(self, key: Buffer) -> None:
        with memoryview(key).cast("B") as view:
            material = bytearray(view)
            if not view.readonly:
                view[:] = bytes(len(view))
        try:
            if len(material) != KEY_BYTES:
                raise ValueError(f"a volume key has {KEY_BYTES} bytes, not {len(material)}")
            if hmac.compare_digest(material[:16], material[16:]):
                raise ValueError("the two halves of an XTS key must differ")
            self._tag_key = hashlib.blake2b(material, digest_size=32, person=b"page tag").digest()
            self._masters = [self._new(material, direction) for direction in (0, 1)]
        finally:
            material[:] = bytes(len(material))
        self._made: list[int] = []
        self._lock = threading.Lock()
        self._local = _Contexts()

    @staticmethod
    def _new(material: bytearray, direction: int) -> int:
        context = _crypto.EVP_CIPHER_CTX_new()
        held = (ctypes.c_char * KEY_BYTES).from_buffer(material)
        if _crypto.EVP_CipherInit_ex(context, _crypto.EVP_aes_128_xts(), None, held, None, direction) != 1:
            raise InputError("OpenSSL offers no AES-128-XTS")
        del held
        return context

    def _context(self, direction: int) -> int:
        """Return this thread's context, made from the master on its first use."""
        local = self._local
        context = local.encrypt if direction else local.decrypt
        if not context:
            with self._lock:
                if not self._masters:
                    raise ValueError("the volume key was wiped")
                context = _crypto.EVP_CIPHER_CTX_new()
                if _crypto.EVP_CIPHER_CTX_copy(context, self._masters[direction]) != 1:
                    raise MemoryError("OpenSSL gave no context")
                self._made.append(context)
            if direction:
                local.encrypt = context
            else:
                local.decrypt = context
        elif not self._masters:
            raise ValueError("the volume key was wiped")
        return context

    def _run(self, page: int, source: Buffer, target: Buffer, direction: int) -> None:
        given, wanted = np.frombuffer(memoryview(source), np.uint8), np.frombuffer(memoryview(target), np.uint8)
        if given.size != wanted.size or given.size % PAGE:
            raise ValueError(f"{given.size} bytes into {wanted.size}: the engine takes whole pages of {PAGE}")
        context = self._context(direction)
        if _crypt(context, given, wanted, page, self._local.scratch, direction) != given.size // PAGE:
            raise OSError("the AES engine failed")

    def encrypt(self, page: int, source: Buffer, target: Buffer) -> None:
        """Encrypt whole pages.

        Parameters
        ----------
        page : int
            Physical number of the first page, at least 0.
        source, target : bytes-like
            Equally long, a multiple of 4096 bytes; they may be the same.

        Raises
        ------
        ValueError
            The lengths do not fit, or the key was wiped.
        """
        self._run(page, source, target, 1)

    def decrypt(self, page: int, source: Buffer, target: Buffer) -> None:
        """Decrypt whole pages; the arguments are those of `encrypt`."""
        self._run(page, source, target, 0)

    def decrypt_each(self, pages: NDArray[np.int64], target: Buffer) -> None:
        """Decrypt pages in place that lie side by side in memory.

        Parameters
        ----------
        pages : array of int64
            Physical number of each.
        target : bytes-like
            As many pages.
        """
        room = np.frombuffer(memoryview(target), np.uint8)
        if room.size != pages.size * PAGE:
            raise ValueError(f"{room.size} bytes are not {pages.size} pages")
        if _decrypt_each(self._context(0), room, pages, self._local.scratch) != pages.size:
            raise OSError("the AES engine failed")

    def tag(self, page: int, ciphertext: Buffer) -> bytes:
        """Return the tag of one page's ciphertext: keyed BLAKE2b of 16 bytes, personalised with the page's number."""
        return hashlib.blake2b(
            ciphertext, digest_size=TAG_BYTES, key=self._tag_key, person=page.to_bytes(16, "little")
        ).digest()

    def wipe(self) -> None:
        """Forget the key: OpenSSL overwrites its contexts, and every later use is refused.

        No other thread may be inside the engine.
        """
        with self._lock:
            for context in (*self._masters, *self._made):
                _crypto.EVP_CIPHER_CTX_free(context)
            self._masters, self._made = [], []
            self._tag_key = b""

    def __repr__(self) -> str:
        return "<XtsKey>" if self._masters else "<XtsKey, wiped>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a volume key does not leave its process")
