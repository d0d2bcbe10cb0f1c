"""The loop behind the handshake: requests are taken as they come in, done, and answered many at a time."""

from __future__ import annotations

import errno
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

from spacegrey.virtual.nbd import protocol as p
from spacegrey.virtual.nbd.negotiation import PREFERRED_BLOCK, Ended
from spacegrey.virtual.nbd.small_reads import MOST, SmallReads

if TYPE_CHECKING:
    from spacegrey.virtual.nbd.connection import Connection
    from spacegrey.virtual.nbd.negotiation import Agreed

AHEAD = 1 << 17
"""Bytes that are received beyond the request at hand: many small requests come with one call."""

ANSWER = 1 << 20
"""Bytes of read data after which the answers are sent."""

GROUP = 64
"""Small writes that go to the disk together, at most."""

FEW = 4
"""Before fewer answers are sent, more requests are looked for."""

LONGEST_PAUSE = 512
"""How often nothing is looked for after nothing came, at most."""

SPARSE = 1 << 16
"""A read at least this long is looked at for holes."""

_PAGE = PREFERRED_BLOCK
_HEADER = p.REQUEST.size


class Transmission:
    """The requests of one client, one after the other.

    Parameters
    ----------
    connection : Connection
        The client.
    agreed : Agreed
        What the handshake ended with.
    """

    def __init__(self, connection: Connection, agreed: Agreed) -> None:
        self._connection = connection
        self._agreed = agreed
        self._disk = agreed.export.disk
        # Only what a client uses of them takes memory.
        self._input = self._disk.room(_HEADER + p.MAX_PAYLOAD + AHEAD)
        output = self._disk.room(MOST * _PAGE + p.MAX_PAYLOAD + ANSWER)
        self._small = SmallReads(self._input, output[: MOST * _PAGE], self._disk.capacity, structured=agreed.structured)
        self._output = output[MOST * _PAGE :]
        self._filled = 0
        self._answers: list[bytes | memoryview] = []
        self._group: tuple[list[int], list[memoryview], list[int]] = ([], [], [])
        self._over = False
        self._taken = 0  # requests since answers were sent
        self._unasked, self._pause = 0, 1
        self._alone = 0  # up to where in the input no requests are taken together

    def run(self) -> None:
        """Serve until the client is done; raises `Ended` where it goes or talks nonsense."""
        try:
            self._serve()
        finally:
            self._settle()

    def _settle(self) -> None:
        """Use the time while the client says nothing; what goes wrong is said at its next write or flush."""
        with suppress(OSError, MemoryError):
            self._disk.settle()

    def _serve(self) -> None:
        room, receive = self._input, self._connection.receive_some
        start, end, wanted = 0, 0, _HEADER
        while not self._over:
            while end < wanted:
                got = receive(room[end : wanted + AHEAD], self._settle)
                if not got:
                    raise Ended("the client is gone")
                end += got
            self._alone = self._taken = 0
            start, wanted = self._take(0, end)
            while 0 < self._taken < FEW and end < AHEAD and (got := self._more(end)):
                end += got
                start, wanted = self._take(start, end)
            self._answer_all()
            if start:
                room[: end - start] = room[start:end]
                end -= start

    def _more(self, end: int) -> int:
        """Look a moment for more requests before the answers go: one at a time costs both ends twice the time.

        Of a client that waits for each answer nothing comes: it is looked for ever less often.
        """
        if self._unasked:
            self._unasked -= 1
            return 0
        got = self._connection.glance(self._input[end : end + AHEAD])
        self._pause = 1 if got else min(2 * self._pause, LONGEST_PAUSE)
        self._unasked = 0 if got else self._pause
        return got

    def _take(self, start: int, end: int) -> tuple[int, int]:
        """Do the whole requests that stand there; return where the next one begins, and its bytes as far as known."""
        room, unpack = self._input, p.REQUEST.unpack_from
        while end - start >= _HEADER:
            magic, flags, command, cookie, offset, length = unpack(room, start)
            if magic != p.REQUEST_MAGIC:
                raise Ended("not a request")
            body = start + _HEADER
            # Of many requests each is found for less than of one.
            if command == p.READ and length == _PAGE and start >= self._alone and end - body >= _HEADER:
                after = self._read_small(start, end)
                if after > start:
                    self._taken += (after - start) // _HEADER
                    start = after
                    continue
            if command == p.WRITE and length:
                if length > p.MAX_PAYLOAD:
                    self._answer_all()
                    self._connection.drain(max(0, length - (end - body)))
                    start = min(end, body + length)
                    self._refuse(command, cookie, errno.EINVAL)
                    continue
                if end - body < length:
                    return start, _HEADER + length
            if command == p.DISC:
                self._over = True
                break
            start = body + length if command == p.WRITE else body
            self._taken += 1
            self._do(command, flags, cookie, offset, length, body)
        return start, _HEADER

    def _answer_all(self) -> None:
        self._write_group()
        if self._answers:
            self._send()

    def _send(self) -> None:
        self._connection.send(self._answers)
        self._answers, self._filled, self._small.taken = [], 0, 0

    def _refuse(self, command: int, cookie: int, number: int) -> None:
        if self._agreed.structured and command in {p.READ, p.BLOCK_STATUS}:
            self._answers.append(
                p.CHUNK.pack(p.STRUCTURED_REPLY_MAGIC, p.CHUNK_DONE, p.CHUNK_ERROR, cookie, 6)
                + struct.pack(">IH", number, 0)
            )
        else:
            self._answers.append(p.SIMPLE_REPLY.pack(p.SIMPLE_REPLY_MAGIC, number, cookie))

    def _do(self, command: int, flags: int, cookie: int, offset: int, length: int, body: int) -> None:
        """Carry out one request and put its answer with the others."""
        if self._group[0] and command != p.WRITE:
            self._write_group()
        try:
            self._check(command, flags, offset, length)
            if command == p.WRITE and length == _PAGE and not flags and not offset % _PAGE:
                offsets, pages, cookies = self._group
                offsets.append(offset)
                pages.append(self._input[body : body + length])
                cookies.append(cookie)
                if len(offsets) >= GROUP:
                    self._write_group()
                return
            if command == p.READ:
                self._read(flags, cookie, offset, length)
                return
            self._write_group()
            if command == p.BLOCK_STATUS:
                self._status(flags, cookie, offset, length)
                return
            self._change(command, flags, offset, length, body)
        except (OSError, MemoryError) as error:
            if isinstance(error, ConnectionError):
                raise
            self._refuse(command, cookie, p.wire_error(error))
            return
        self._answers.append(p.SIMPLE_REPLY.pack(p.SIMPLE_REPLY_MAGIC, 0, cookie))

    def _check(self, command: int, flags: int, offset: int, length: int) -> None:
        """Raise the error that the protocol asks for where a request is not allowed."""
        allowed = p.ALLOWED_FLAGS.get(command)
        if allowed is None or flags & ~allowed or (flags & p.DF and not self._agreed.structured):
            raise OSError(errno.EINVAL, "unknown command or flag")
        if command == p.FLUSH:
            return
        writes = command in {p.WRITE, p.WRITE_ZEROES}
        if self._disk.read_only and (writes or command == p.TRIM):
            raise OSError(errno.EPERM, "read-only")
        if offset + length > self._disk.capacity:
            raise OSError(errno.ENOSPC if writes else errno.EINVAL, "beyond the end")
        if command == p.READ and length > p.MAX_PAYLOAD:
            raise OSError(errno.EINVAL, "too long")
        if command == p.BLOCK_STATUS and not (length and self._agreed.allocation):
            raise OSError(errno.EINVAL, "no such context, or no length")

    def _write_group(self) -> None:
        offsets, pages, cookies = self._group
        if not offsets:
            return
        number = 0
        try:
            self._disk.write_pages(offsets, pages)
        except (OSError, MemoryError) as error:
            number = p.wire_error(error)
        pack = p.SIMPLE_REPLY.pack
        self._answers.append(b"".join([pack(p.SIMPLE_REPLY_MAGIC, number, cookie) for cookie in cookies]))
        self._group = ([], [], [])

    def _read_small(self, start: int, end: int) -> int:
        """Answer the reads of single pages that stand here, and return where the next request begins."""
        small = self._small
        if small.taken == MOST:
            self._send()
        count = small.scan(start, end)
        if count:
            self._write_group()
            after = start + count * _HEADER
            try:
                self._disk.read_pages(*small.pages(count))
            except (OSError, MemoryError):
                self._alone = after  # one by one, so that each has its own error
            else:
                self._answers += small.replies(count)
                return after
        return start

    def _change(self, command: int, flags: int, offset: int, length: int, body: int) -> None:
        disk = self._disk
        if command == p.WRITE:
            if length:
                disk.write(offset, self._input[body : body + length], spent=True)
        elif command == p.TRIM:
            disk.trim(offset, length)
        elif command == p.WRITE_ZEROES:
            if flags & p.FAST_ZERO and flags & p.NO_HOLE:
                raise OSError(errno.EOPNOTSUPP, "zeroes that keep their room are no faster than data")
            if length:
                disk.zero(offset, length, keep=bool(flags & p.NO_HOLE))
        elif command == p.FLUSH:
            disk.flush()
        if flags & p.FUA and command in {p.WRITE, p.TRIM, p.WRITE_ZEROES}:
            disk.flush()

    def _read(self, flags: int, cookie: int, offset: int, length: int) -> None:
        if self._filled >= ANSWER or len(self._output) - self._filled < length:
            self._send()
        view = self._output[self._filled : self._filled + length]
        if self._agreed.structured:
            self._read_structured(view, flags, cookie, offset, length)
        else:
            self._disk.read_into(offset, view)
            self._answers.append(p.SIMPLE_REPLY.pack(p.SIMPLE_REPLY_MAGIC, 0, cookie))
            self._answers.append(view)
        self._filled += length

    def _read_structured(self, view: memoryview, flags: int, cookie: int, offset: int, length: int) -> None:
        """Answer a read with a chunk for each run of data and of holes, all read before the first is sent."""
        if not length:
            self._answers.append(p.CHUNK.pack(p.STRUCTURED_REPLY_MAGIC, p.CHUNK_DONE, p.CHUNK_NONE, cookie, 0))
            return
        runs = [(length, True)]
        if length >= SPARSE and not flags & p.DF:
            found = self._disk.extents(offset, length, 32)
            if len(found) < 32:  # noqa: PLR2004 - else there may be more of them, and chunks would not pay
                runs = found
        made: list[bytes | memoryview] = []
        done = 0
        for run, used in runs:
            last = p.CHUNK_DONE if done + run == length else 0
            if used:
                part = view[done : done + run]
                self._disk.read_into(offset + done, part)
                head = p.CHUNK.pack(p.STRUCTURED_REPLY_MAGIC, last, p.CHUNK_OFFSET_DATA, cookie, 8 + run)
                made += [head + struct.pack(">Q", offset + done), part]
            else:
                head = p.CHUNK.pack(p.STRUCTURED_REPLY_MAGIC, last, p.CHUNK_OFFSET_HOLE, cookie, 12)
                made.append(head + struct.pack(">QI", offset + done, run))
            done += run
        self._answers += made

    def _status(self, flags: int, cookie: int, offset: int, length: int) -> None:
        runs = self._disk.extents(offset, length, 1 if flags & p.REQ_ONE else 8192)
        body = b"".join([struct.pack(">II", run, 0 if used else p.STATE_HOLE | p.STATE_ZERO) for run, used in runs])
        head = p.CHUNK.pack(p.STRUCTURED_REPLY_MAGIC, p.CHUNK_DONE, p.CHUNK_BLOCK_STATUS, cookie, 4 + len(body))
        self._answers.append(head + struct.pack(">I", p.CONTEXT_ID) + body)
