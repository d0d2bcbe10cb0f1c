"""The AES engine between the flash and the memory: AES-XTS-128 over whole pages, outside Python's lock."""

from __future__ import annotations

import ctypes
import hashlib
import hmac
import mmap
import threading
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, cast

from spacegrey.errors import InputError
from spacegrey.t2.storage.cipher import PAGE, crypt, crypto, decrypt_each

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Buffer

KEY_BYTES = 32
"""Bytes of a volume key: 16 for the data, 16 for the tweak."""

TAG_BYTES = 16
"""Bytes of a page's authentication tag."""


_Bytes = ctypes.c_char * 0  # of any length: only where they are is asked


class KeyHandle(Protocol):
    """What the storage may do with a volume key that it never sees.

    `XtsKey` is the handle for a key in this process. Whoever keeps the key elsewhere gives an object of his own.
    """

    def room(self, length: int, *, busy: bool = False) -> memoryview:
        """Return memory of this thread that the engine reaches without a copy; it takes any other memory too.

        A busy thread does nothing but read and write: it may be kept on one processor for milliseconds at a time.
        """
        ...

    def encrypt(self, page: int, memory: Buffer) -> None:
        """Encrypt whole pages where they are; the first has this physical number."""
        ...

    def decrypt(self, page: int, memory: Buffer) -> None:
        """Decrypt whole pages where they are; the first has this physical number."""
        ...

    def decrypt_each(self, pages: NDArray[np.int64], memory: Buffer) -> None:
        """Decrypt pages where they are, side by side, each with a physical number of its own."""
        ...

    def tag(self, page: int, ciphertext: Buffer) -> bytes:
        """Return the 16-byte tag that binds the ciphertext of one page to its place."""
        ...


class _Contexts(threading.local):
    """OpenSSL's contexts of one thread, which is what a context may belong to."""

    def __init__(self) -> None:
        self.encrypt = 0
        self.decrypt = 0
        self.scratch = bytearray(32)
        self.at, _ = place_of(self.scratch)


def place_of(memory: Buffer | NDArray[Any]) -> tuple[int, int]:
    """Return the address and the length in bytes of something that stays where it is while it is used."""
    with memoryview(cast("Any", memory)) as view:
        if view.readonly:
            raise ValueError("the engine changes pages where they are: these can only be read")
        return ctypes.addressof(_Bytes.from_buffer(view)), view.nbytes


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
    >>> key.encrypt(7, page)
    >>> page[:4].hex()
    '212b8fcd'
    >>> key.decrypt(7, page)
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
        context = crypto.EVP_CIPHER_CTX_new()
        held = (ctypes.c_char * KEY_BYTES).from_buffer(material)
        if crypto.EVP_CipherInit_ex(context, crypto.EVP_aes_128_xts(), None, held, None, direction) != 1:
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
                context = crypto.EVP_CIPHER_CTX_new()
                if crypto.EVP_CIPHER_CTX_copy(context, self._masters[direction]) != 1:
                    raise MemoryError("OpenSSL gave no context")
                self._made.append(context)
            if direction:
                local.encrypt = context
            else:
                local.decrypt = context
        elif not self._masters:
            raise ValueError("the volume key was wiped")
        return context

    def contexts(self) -> tuple[int, int, int]:
        """Return for this thread the addresses of the contexts that decrypt and encrypt, and of its scratch.

        They are good until the key is wiped; compiled loops work with them.
        """
        return self._context(0), self._context(1), self._local.at

    def room(self, length: int, *, busy: bool = False) -> memoryview:  # noqa: ARG002 - as the protocol has it
        """Return memory for pages: any is as good, so this is new, and taken as it is used."""
        return memoryview(mmap.mmap(-1, length))

    def _run(self, page: int, memory: Buffer, direction: int) -> None:
        at, size = place_of(memory)
        if size % PAGE:
            raise ValueError(f"{size} bytes: the engine takes whole pages of {PAGE}")
        count = size // PAGE
        if crypt(self._context(direction), at, at, count, page, self._local.at, direction) != count:
            raise OSError("the AES engine failed")

    def encrypt(self, page: int, memory: Buffer) -> None:
        """Encrypt whole pages where they are.

        Parameters
        ----------
        page : int
            Physical number of the first page, at least 0.
        memory : bytes-like
            A multiple of 4096 bytes.

        Raises
        ------
        ValueError
            The length does not fit, or the key was wiped.
        """
        self._run(page, memory, 1)

    def decrypt(self, page: int, memory: Buffer) -> None:
        """Decrypt whole pages where they are; as `encrypt`."""
        self._run(page, memory, 0)

    def decrypt_each(self, pages: NDArray[np.int64], memory: Buffer) -> None:
        """Decrypt pages that lie side by side in memory; as `encrypt`.

        Parameters
        ----------
        pages : array of int64
            Physical number of each.
        memory : bytes-like
            As many pages.
        """
        at, size = place_of(memory)
        if size != pages.size * PAGE:
            raise ValueError(f"{size} bytes are not {pages.size} pages")
        numbers, _ = place_of(pages)
        if decrypt_each(self._context(0), at, pages.size, numbers, self._local.at) != pages.size:
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
                crypto.EVP_CIPHER_CTX_free(context)
            self._masters, self._made = [], []
            self._tag_key = b""

    def __repr__(self) -> str:
        return "<XtsKey>" if self._masters else "<XtsKey, wiped>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a volume key does not leave its process")
