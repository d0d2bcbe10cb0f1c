"""How the storage asks the AES engine: a message on a socket, pages in memory that both see.

Both ends are compiled, but need not wait for that.

The engine runs on the processor of the thread that asks it: handing over is then a change of threads, no other
processor has to be woken, and the pages stay in one core's cache. Between two cores moving a page can cost ten times
its encryption.
"""

from __future__ import annotations

import ctypes
import errno

from spacegrey.foreign import External, load_word, store_word
from spacegrey.jit import always, early_kernel
from spacegrey.t2.enclave.messages import QUIET
from spacegrey.t2.storage.cipher import PAGE, crypt, decrypt_each

ENCRYPT, DECRYPT, DECRYPT_EACH, TAG = range(4)

WHAT, NUMBER, PLACE, COUNT, PROCESSOR = 0, 8, 16, 24, 32
"""Where in a message: what to do, number of the first page, where the pages are, how many, from which processor."""

MESSAGE_BYTES = 40

NUMBERS, MOST_NUMBERS = 0, 512
"""In the memory: where the numbers of scattered pages stand, or a tag; and how many they may be."""

ROOM = 4096
"""Where the pages begin."""

OTHER, MOVE, GONE, MORE = range(4)
"""Why `attend` returns: a message for Python, the asking thread is on another processor, no more messages, enough."""

ALL = 1 << 62
"""As many messages as come."""

_MOST_FAILURES = 100  # calls that a signal broke off, before a socket counts as broken

_word, _int = ctypes.c_int64, ctypes.c_int32
_recv = External("recv", _word, _int, _word, _word, _int)
_send = External("send", _word, _int, _word, _word, _int)

_EINVAL, _EIO = errno.EINVAL, errno.EIO


@early_kernel(always)
def receive(file: int, place: int, length: int) -> bool:
    """Wait for a whole message on a socket, and tell whether one came."""
    for _ in range(_MOST_FAILURES):
        got = _recv(file, place, length, 0)
        if got >= 0:
            return got == length
    return False


@early_kernel(always)
def send(file: int, place: int, length: int) -> bool:
    """Send a whole message, and tell whether it went."""
    for _ in range(_MOST_FAILURES):
        sent = _send(file, place, length, QUIET)
        if sent >= 0:
            return sent == length
    return False


@early_kernel(always)
def allowed(length: int, number: int, place: int, count: int) -> bool:
    """Tell whether a message stays within ``length`` bytes of memory and the numbers that pages can have."""
    if not 0 < count <= (length - ROOM) // PAGE or not 0 <= number <= (1 << 62):
        return False
    return ROOM <= place <= length - count * PAGE


@early_kernel(always)
def carry_out(memory: int, length: int, message: int, decrypt: int, encrypt: int, scratch: int) -> int:
    """Do what a message says and return 0 or an error number."""
    what, number = load_word(message + WHAT), load_word(message + NUMBER)
    place, count = load_word(message + PLACE), load_word(message + COUNT)
    if not allowed(length, number, place, count):
        return _EINVAL
    at = memory + place
    if what == ENCRYPT:
        done = crypt(encrypt, at, at, count, number, scratch, 1)
    elif what == DECRYPT:
        done = crypt(decrypt, at, at, count, number, scratch, 0)
    elif what == DECRYPT_EACH and count <= MOST_NUMBERS:
        # The storage may change its numbers meanwhile: each is read once.
        done = decrypt_each(decrypt, at, count, memory + NUMBERS, scratch)
    else:
        return _EINVAL
    return 0 if done == count else _EIO


@early_kernel(always)
def attend(
    file: int,
    message: int,
    memory: int,
    length: int,
    closed: int,
    decrypt: int,
    encrypt: int,
    scratch: int,
    processor: int,
    most: int,
) -> int:
    """Do what the storage says, until there is something else to see to.

    Parameters
    ----------
    file : int
        The enclave's end of the socket.
    message : int
        Address of memory of the enclave's own for a message.
    memory, length : int
        Address and bytes of the shared memory.
    closed : int
        Address of a word of the enclave's own, not 0 once the volume is locked.
    decrypt, encrypt, scratch : int
        Addresses from `XtsKey.contexts`.
    processor : int
        Where this thread runs.
    most : int
        Messages to do, at least 1.
    """
    for _ in range(most):
        if not receive(file, message, MESSAGE_BYTES) or load_word(closed) != 0:
            return GONE
        if load_word(message + WHAT) == TAG:
            return OTHER
        store_word(message, carry_out(memory, length, message, decrypt, encrypt, scratch))
        if not send(file, message, 8):
            return GONE
        if load_word(message + PROCESSOR) != processor:
            return MOVE
    return MORE


@early_kernel(always)
def ask(file: int, message: int, what: int, number: int, place: int, count: int, processor: int) -> int:
    """Send a message, written at ``message``, and return its answer: 0, an error number, or -1 if nobody answers."""
    store_word(message + WHAT, what)
    store_word(message + NUMBER, number)
    store_word(message + PLACE, place)
    store_word(message + COUNT, count)
    store_word(message + PROCESSOR, processor)
    if send(file, message, MESSAGE_BYTES) and receive(file, message, 8):
        return load_word(message)
    return -1
