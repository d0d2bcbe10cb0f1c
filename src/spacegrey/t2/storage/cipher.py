"""The loops around the cipher: whole pages of AES-XTS-128 through OpenSSL, outside Python's lock.

The cipher is that of the library which Python itself is linked with; a compiled loop costs one call, whatever its
length.
"""

from __future__ import annotations

import ctypes
from typing import Any

from spacegrey.errors import InputError
from spacegrey.foreign import External, load_word, store_word
from spacegrey.jit import always, early_kernel

PAGE = 4096
"""Bytes of a flash page, which is the cipher's data unit."""


def _library() -> Any:  # noqa: ANN401 - a ctypes library
    """Return OpenSSL's libcrypto: the one that Python's own `hashlib` stands on."""
    import _hashlib  # only its file is of interest: through it the linker finds libcrypto

    found = ctypes.PyDLL(_hashlib.__file__)  # a call takes a microsecond: less than letting go of Python's lock
    if not hasattr(found, "EVP_CipherUpdate"):
        raise InputError("this Python hides its OpenSSL: the encrypted disk needs one that is linked with libcrypto")
    return found


crypto = _library()
_POINTER, _INT = ctypes.c_void_p, ctypes.c_int
for _name, _result, _arguments in (
    ("EVP_CIPHER_CTX_new", _POINTER, []),
    ("EVP_CIPHER_CTX_free", None, [_POINTER]),
    ("EVP_CIPHER_CTX_copy", _INT, [_POINTER, _POINTER]),
    ("EVP_aes_128_xts", _POINTER, []),
    ("EVP_CipherInit_ex", _INT, [_POINTER, _POINTER, _POINTER, _POINTER, _POINTER, _INT]),
    ("EVP_CipherUpdate", _INT, [_POINTER, _POINTER, _POINTER, _POINTER, _INT]),
):
    _function = getattr(crypto, _name)
    _function.restype, _function.argtypes = _result, _arguments

_P, _I = ctypes.c_int64, ctypes.c_int32
_initialise = External("EVP_CipherInit_ex", _I, _P, _P, _P, _P, _P, _I, library=crypto)
_update = External("EVP_CipherUpdate", _I, _P, _P, _P, _P, _I, library=crypto)


@early_kernel(always)
def crypt(context: int, source: int, target: int, count: int, page: int, scratch: int, encrypt: int) -> int:
    """Run whole pages that follow one another through a context, and return how many went well.

    ``source``, ``target`` and ``scratch`` are addresses; the scratch holds the tweak (16 bytes: the page's number,
    little-endian) and the length that OpenSSL reports.
    """
    done = 0
    for k in range(count):
        store_word(scratch, page + k)
        if _initialise(context, 0, 0, 0, scratch, encrypt) == 1:
            done += _update(context, target + k * PAGE, scratch + 16, source + k * PAGE, PAGE) == 1
    return done


@early_kernel(always)
def decrypt_each(context: int, target: int, count: int, numbers: int, scratch: int) -> int:
    """Decrypt pages where they lie, each with a number of its own, and return how many went well."""
    done = 0
    for k in range(count):
        store_word(scratch, load_word(numbers + 8 * k))
        at = target + k * PAGE
        if _initialise(context, 0, 0, 0, scratch, 0) == 1:
            done += _update(context, at, scratch + 16, at, PAGE) == 1
    return done
