"""The AES engine beside the data path: ciphertext and plaintext pass by shared memory, the key stays in this process.

A channel belongs to one thread of the storage process: memory that both see, where that thread has the pages it works
on, and a socket on which it says what to do with them (`wire.py`). The real engine sits between flash and memory and is
given its key over wires of its own.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import socket
import sys
import tempfile
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from spacegrey.foreign import load_word, store_word
from spacegrey.t2.enclave import wire
from spacegrey.t2.enclave.messages import QUIET
from spacegrey.t2.storage.engine import PAGE, TAG_BYTES, place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Buffer

    from spacegrey.t2.storage.engine import XtsKey

MEMORY_BYTES = 72 << 20
"""Shared memory of one channel: an NBD client's largest requests and answers. Only what is used is taken. [B]"""

TOGETHER_S = 0.01
"""How long a thread and its engine stay on one processor before the system may choose another for them. [s]"""

_KIND = socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_STREAM  # the first is a sixth quicker

_BOUNCE = 1 << 18  # for pages that lie elsewhere: what stays in a core's cache


def _processor() -> Callable[[], int] | None:
    """Return what tells a thread's processor, where threads can be kept on one."""
    found: Any = getattr(ctypes.CDLL(None), "sched_getcpu", None)
    return found if hasattr(os, "sched_setaffinity") else None


def shared_memory() -> int:
    """Return a file in memory of `MEMORY_BYTES` whose length nobody can change."""
    if hasattr(os, "memfd_create"):
        made = os.memfd_create("enclave", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(made, MEMORY_BYTES)
        fcntl.fcntl(made, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        return made
    with tempfile.TemporaryFile() as file:
        file.truncate(MEMORY_BYTES)
        return os.dup(file.fileno())


class Channel:
    """The enclave's end: a thread that does what the storage asks, as long as the volume is open."""

    def __init__(self, key: XtsKey, ended: Callable[[Channel], None]) -> None:
        self._key, self._ended = key, ended
        self._words = bytearray(8 + wire.MESSAGE_BYTES)
        self._closed, _ = place_of(self._words)
        self._memory = shared_memory()
        self._room = memoryview(mmap.mmap(self._memory, MEMORY_BYTES))
        self._socket, self._theirs = socket.socketpair(socket.AF_UNIX, _KIND)
        self._thread = threading.Thread(target=self._serve, daemon=True, name="engine")
        self._thread.start()

    def files(self) -> list[int]:
        """Return what the storage gets: the shared memory and its end of the socket."""
        return [self._memory, self._theirs.fileno()]

    def given(self) -> None:
        """Let go of what the storage has now."""
        self._theirs.close()
        os.close(self._memory)

    def revoke(self) -> None:
        """Return when no page is in the engine, and let none in any more."""
        store_word(self._closed, 1)
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _serve(self) -> None:
        memory, _ = place_of(self._room)
        file, message, closed = self._socket.fileno(), self._closed + 8, self._closed
        processor = -1
        try:
            engine = self._key.contexts()
            while True:
                most = 1 if wire.attend.early else wire.ALL  # one after the other until the loop is compiled
                why = wire.attend(file, message, memory, MEMORY_BYTES, closed, *engine, processor, most)
                if why == wire.OTHER:
                    store_word(message, self._tag(message))
                    self._socket.sendall(self._words[8:16], QUIET)
                elif why == wire.MOVE:
                    processor = load_word(message + wire.PROCESSOR)
                    with suppress(OSError, ValueError, OverflowError, AttributeError):  # the storage may say anything
                        os.sched_setaffinity(0, {processor})
                elif why == wire.GONE:
                    return
        except (OSError, ValueError):
            pass  # the storage has gone, or the volume was locked
        finally:
            self._socket.close()
            self._ended(self)

    def _tag(self, message: int) -> int:
        """Make the tag of one page, which goes where numbers of pages would stand."""
        number, place = load_word(message + wire.NUMBER), load_word(message + wire.PLACE)
        if not wire.allowed(MEMORY_BYTES, number, place, 1):
            return errno.EINVAL
        self._room[wire.NUMBERS : wire.NUMBERS + TAG_BYTES] = self._key.tag(number, self._room[place : place + PAGE])
        return 0


class _Ends(threading.local):
    """A thread's own channel."""

    def __init__(self) -> None:
        self.end: End | None = None


class End:
    """The storage's end of a channel.

    Parameters
    ----------
    memory : int
        The shared memory's file, which is closed.
    made : socket
        Its end of the socket.
    """

    def __init__(self, memory: int, made: socket.socket) -> None:
        self.room = memoryview(mmap.mmap(memory, MEMORY_BYTES))
        os.close(memory)
        self.socket, self._file = made, made.fileno()
        self._at, _ = place_of(self.room)
        self._message = bytearray(wire.MESSAGE_BYTES)
        self._message_at, _ = place_of(self._message)
        self._taken = wire.ROOM + _BOUNCE
        self.processor: Callable[[], int] | None = None
        self._until, self._here = 0.0, -1
        self._everywhere: set[int] = set()

    def take(self, length: int) -> memoryview | None:
        """Return memory for pages that the engine reaches, if there is so much of it left."""
        start = self._taken
        if start + length > MEMORY_BYTES:
            return None
        self._taken += -(-length // PAGE) * PAGE
        return self.room[start : start + length]

    def inside(self, place: int, length: int) -> int:
        """Return where an address is in the memory, or 0 if it is not."""
        offset = place - self._at
        return offset if wire.ROOM <= offset <= MEMORY_BYTES - length else 0

    def ask(self, what: int, number: int, place: int, count: int) -> None:
        """Have the engine do something with pages in the memory.

        Raises
        ------
        OSError
            EACCES: the volume was locked, or the enclave is gone.
        """
        if self.processor and time.monotonic() > self._until:
            self._stay(self.processor)
        answer = wire.ask(self._file, self._message_at, what, number, place, count, self._here)
        if answer:
            if answer < 0:
                self.socket.close()  # so that no later answer is taken for this one
                self._file = -1
                raise OSError(errno.EACCES, "the volume is locked: its key is gone")  # no fault of the flash
            raise OSError(errno.EIO, "the engine refused")

    def _stay(self, processor: Callable[[], int]) -> None:
        """Keep this thread where it is for a while; every other time let the system choose."""
        with suppress(OSError):
            if self._everywhere:
                os.sched_setaffinity(0, self._everywhere)
                self._everywhere = set()
            else:
                self._everywhere, self._here = os.sched_getaffinity(0), processor()
                os.sched_setaffinity(0, {self._here})
                self._until = time.monotonic() + TOGETHER_S

    def __del__(self) -> None:
        with suppress(OSError):
            self.socket.close()


class EngineHandle:
    """A volume key that is somewhere else: a `KeyHandle` for the storage, good until the enclave locks or restarts.

    Parameters
    ----------
    connect : callable
        Makes a channel: returns its memory and its socket.
    """

    def __init__(self, connect: Callable[[], End]) -> None:
        self._connect = connect
        self._ends = _Ends()

    def _end(self) -> End:
        end = self._ends.end
        if end is None:
            end = self._ends.end = self._connect()
        return end

    def room(self, length: int, *, busy: bool = False) -> memoryview:
        """Return memory of this thread that the engine reaches without a copy, as long as there is some."""
        end = self._end()
        if busy:
            end.processor = _processor()
        taken = end.take(length)
        return memoryview(mmap.mmap(-1, length)) if taken is None else taken

    def _run(self, what: int, page: int, memory: Buffer, numbers: NDArray[np.int64] | None = None) -> None:
        end = self._end()
        address, size = place_of(memory)
        if size % PAGE or (numbers is not None and size != numbers.size * PAGE):
            raise ValueError(f"{size} bytes: the engine takes whole pages of {PAGE}")
        inside = end.inside(address, size)
        step = size if inside and numbers is None else _BOUNCE
        for start in range(0, size, step):
            length, first, place = min(step, size - start), page + start // PAGE, inside + start
            if numbers is not None:
                some = numbers[start // PAGE : (start + length) // PAGE].tobytes()
                end.room[wire.NUMBERS : wire.NUMBERS + len(some)], first = some, 0
            if inside:
                end.ask(what, first, place, length // PAGE)
            else:
                view = memoryview(memory).cast("B")[start : start + length]
                bounce = end.room[wire.ROOM : wire.ROOM + length]
                bounce[:] = view
                end.ask(what, first, wire.ROOM, length // PAGE)
                view[:] = bounce

    def encrypt(self, page: int, memory: Buffer) -> None:
        """Encrypt whole pages where they are; as `XtsKey.encrypt`.

        Raises
        ------
        OSError
            EACCES: the volume was locked.
        """
        self._run(wire.ENCRYPT, page, memory)

    def decrypt(self, page: int, memory: Buffer) -> None:
        """Decrypt whole pages where they are; as `encrypt`."""
        self._run(wire.DECRYPT, page, memory)

    def decrypt_each(self, pages: NDArray[np.int64], memory: Buffer) -> None:
        """Decrypt pages that lie side by side in memory and have these physical numbers; as `encrypt`."""
        self._run(wire.DECRYPT_EACH, 0, memory, pages)

    def tag(self, page: int, ciphertext: Buffer) -> bytes:
        """Return the tag of one page's ciphertext."""
        end = self._end()
        end.room[wire.ROOM : wire.ROOM + PAGE] = memoryview(ciphertext).cast("B")
        end.ask(wire.TAG, page, wire.ROOM, 1)
        return bytes(end.room[wire.NUMBERS : wire.NUMBERS + TAG_BYTES])

    def __repr__(self) -> str:
        return "<EngineHandle>"


def received(files: list[int]) -> End:
    """Return the storage's end of a channel from the two files that the enclave sent."""
    memory, made = files
    return End(memory, socket.socket(fileno=made))
