"""The AES engine beside the data path: ciphertext and plaintext pass by shared memory, the key stays in this process.

A channel belongs to one thread of the storage process: a stretch of shared memory of 256 KiB, and a socket on which it
says what to do with it. The real engine sits between flash and memory and is given its key over wires of its own.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import socket
import struct
import tempfile
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from spacegrey.t2.enclave.messages import QUIET

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Buffer

    from spacegrey.t2.storage.engine import XtsKey

ROOM_BYTES = 1 << 18
"""Shared memory of one channel: what stays in a core's cache. [B]"""

REQUEST = struct.Struct("<QII")
"""Physical number of the first page, bytes, what to do."""

ENCRYPT, DECRYPT, DECRYPT_EACH, TAG = range(4)

_PAGE = 4096
_MEMORY_BYTES = ROOM_BYTES + ROOM_BYTES // _PAGE * 8  # behind the pages the numbers of those that are scattered
_REPLY = struct.Struct("<I")
_TAG_BYTES = 16


def shared_memory() -> int:
    """Return a file in memory of `ROOM_BYTES` whose length nobody can change."""
    if hasattr(os, "memfd_create"):
        made = os.memfd_create("enclave", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(made, _MEMORY_BYTES)
        fcntl.fcntl(made, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        return made
    with tempfile.TemporaryFile() as file:
        file.truncate(_MEMORY_BYTES)
        return os.dup(file.fileno())


class Channel:
    """The enclave's end: a thread that does what the storage asks, as long as the volume is open."""

    def __init__(self, key: XtsKey, ended: Callable[[Channel], None]) -> None:
        self._key, self._ended = key, ended
        self._busy = threading.Lock()
        self._open = True
        self._memory = shared_memory()
        self._room = mmap.mmap(self._memory, _MEMORY_BYTES)
        self._socket, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        threading.Thread(target=self._serve, daemon=True, name="engine").start()

    def files(self) -> list[int]:
        """Return what the storage gets: the shared memory and its end of the socket."""
        return [self._memory, self._theirs.fileno()]

    def given(self) -> None:
        """Let go of what the storage has now."""
        self._theirs.close()
        os.close(self._memory)

    def revoke(self) -> None:
        """Return when no page is in the engine, and let none in any more."""
        with self._busy:
            self._open = False
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        room = memoryview(self._room)
        try:
            while len(request := self._socket.recv(REQUEST.size, socket.MSG_WAITALL)) == REQUEST.size:
                self._socket.sendall(_REPLY.pack(self._do(room, *REQUEST.unpack(request))))
        except OSError:
            pass  # the storage has gone, or the volume was locked
        finally:
            self._socket.close()
            self._ended(self)

    def _do(self, room: memoryview, page: int, length: int, what: int) -> int:
        if length > ROOM_BYTES or length % _PAGE or page + max(1, length // _PAGE) > 1 << 63:
            return errno.EINVAL
        view = room[:length]
        with self._busy:
            if not self._open:
                return errno.EKEYREVOKED
            if what == DECRYPT:
                self._key.decrypt(page, view, view)
            elif what == ENCRYPT:
                self._key.encrypt(page, view, view)
            elif what == DECRYPT_EACH:
                import numpy as np  # the engine has it already

                # A copy: the storage may change its numbers while the engine reads them.
                pages = np.frombuffer(room, np.int64, length // _PAGE, ROOM_BYTES).copy()
                self._key.decrypt_each(pages, view)
            elif what == TAG:
                room[:_TAG_BYTES] = self._key.tag(page, view)
            else:
                return errno.EINVAL
        return 0


class _Ends(threading.local):
    """A thread's own channel."""

    def __init__(self) -> None:
        self.end: End | None = None


class End:
    """The storage's end of a channel."""

    def __init__(self, memory: int, made: socket.socket) -> None:
        self.room = memoryview(mmap.mmap(memory, _MEMORY_BYTES))
        os.close(memory)
        self.socket = made

    def ask(self, page: int, length: int, what: int) -> None:
        """Have the engine do something with the room's first bytes.

        Raises
        ------
        OSError
            EIO: the volume was locked, or the enclave is gone.
        """
        try:
            self.socket.sendall(REQUEST.pack(page, length, what), QUIET)
            reply = self.socket.recv(_REPLY.size, socket.MSG_WAITALL)
        except OSError:
            reply = b""
        if len(reply) != _REPLY.size or _REPLY.unpack(reply)[0]:
            raise OSError(errno.EIO, "the volume is locked: its key is gone")

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

    def _run(self, page: int, source: Buffer, target: Buffer, what: int) -> None:
        end = self._end()
        room = end.room
        given, wanted = memoryview(source).cast("B"), memoryview(target).cast("B")
        if len(given) != len(wanted) or len(given) % _PAGE:
            raise ValueError(f"{len(given)} bytes into {len(wanted)}: the engine takes whole pages of {_PAGE}")
        for start in range(0, len(given), ROOM_BYTES):
            length = min(ROOM_BYTES, len(given) - start)
            room[:length] = given[start : start + length]
            end.ask(page + start // _PAGE, length, what)
            wanted[start : start + length] = room[:length]

    def encrypt(self, page: int, source: Buffer, target: Buffer) -> None:
        """Encrypt whole pages; as `XtsKey.encrypt`.

        Raises
        ------
        OSError
            EIO: the volume was locked.
        """
        self._run(page, source, target, ENCRYPT)

    def decrypt(self, page: int, source: Buffer, target: Buffer) -> None:
        """Decrypt whole pages; as `encrypt`."""
        self._run(page, source, target, DECRYPT)

    def decrypt_each(self, pages: NDArray[np.int64], target: Buffer) -> None:
        """Decrypt pages in place that lie side by side in memory and have these physical numbers."""
        end, wanted = self._end(), memoryview(target).cast("B")
        if len(wanted) != pages.size * _PAGE:
            raise ValueError(f"{len(wanted)} bytes are not {pages.size} pages")
        most = ROOM_BYTES // _PAGE
        for first in range(0, pages.size, most):
            some = memoryview(pages[first : first + most].tobytes())
            start, length = first * _PAGE, len(some) // 8 * _PAGE
            end.room[:length] = wanted[start : start + length]
            end.room[ROOM_BYTES : ROOM_BYTES + len(some)] = some
            end.ask(0, length, DECRYPT_EACH)
            wanted[start : start + length] = end.room[:length]

    def tag(self, page: int, ciphertext: Buffer) -> bytes:
        """Return the tag of one page's ciphertext."""
        end, view = self._end(), memoryview(ciphertext).cast("B")
        end.room[: len(view)] = view
        end.ask(page, len(view), TAG)
        return bytes(end.room[:_TAG_BYTES])

    def __repr__(self) -> str:
        return "<EngineHandle>"


def received(files: list[int]) -> End:
    """Return the storage's end of a channel from the two files that the enclave sent."""
    memory, made = files
    return End(memory, socket.socket(fileno=made))
