"""The NBD server: its handshake, and its loop of requests beside a model of the disk."""

from __future__ import annotations

import contextlib
import mmap
import struct
from typing import TYPE_CHECKING

from fuzz.found import expect
from spacegrey.virtual.nbd import protocol as p
from spacegrey.virtual.nbd.connection import Connection
from spacegrey.virtual.nbd.exports import Export
from spacegrey.virtual.nbd.negotiation import Agreed, Ended, Negotiation
from spacegrey.virtual.nbd.transmission import Transmission

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

CAPACITY = (80 << 10) + 512  # room for a read that is looked at for holes, and a last page in part
_PAGE = 4096
_PIECES = (1 << 30, 1, 7, 28)  # bytes that come at once


class _Wire:
    """A client that sends what is given and keeps what comes back."""

    def __init__(self, data: bytes, piece: int) -> None:
        self._data, self._at, self._piece = memoryview(data), 0, piece
        self.sent = bytearray()

    def recv_into(self, buffer: memoryview, /) -> int:
        """Fill as much as comes at once."""
        some = self._data[self._at : self._at + min(len(buffer), self._piece)]
        buffer[: len(some)] = some
        self._at += len(some)
        return len(some)

    def sendmsg(self, buffers: Sequence[bytes | memoryview], /) -> int:
        """Keep everything."""
        for buffer in buffers:
            self.sent += buffer
        return sum(map(len, buffers))

    def close(self) -> None:
        """Nothing to do."""


class _Eager(Connection):
    """Gets more of what comes before it answers, as from a client who sends several requests at a time."""

    def glance(self, room: memoryview) -> int:
        """Receive what comes next."""
        return self.wire.recv_into(room)


class _Disk:
    """A disk in memory."""

    capacity = CAPACITY

    def __init__(self, *, read_only: bool = False) -> None:
        self.read_only = read_only
        self.bytes = bytearray(CAPACITY)

    def read_into(self, offset: int, view: memoryview) -> None:
        """Read."""
        expect(offset + len(view) <= CAPACITY, "a read beyond the end reached the disk")
        view[:] = self.bytes[offset : offset + len(view)]

    def read_pages(self, numbers: NDArray[np.int64], room: memoryview) -> None:
        """Read."""
        for k, number in enumerate(numbers.tolist()):
            self.read_into(number * _PAGE, room[k * _PAGE : (k + 1) * _PAGE])

    def extents(self, offset: int, length: int, most: int) -> list[tuple[int, bool]]:
        """Call what has a byte that is not 0 data."""
        found: list[tuple[int, bool]] = []
        end = offset + length
        expect(end <= CAPACITY, "a status beyond the end reached the disk")
        while offset < end:
            until = min(end, offset - offset % _PAGE + _PAGE)
            used = self.bytes.count(0, offset, until) < until - offset
            if found and found[-1][1] == used:
                found[-1] = (found[-1][0] + until - offset, used)
            elif len(found) == most:
                break
            else:
                found.append((until - offset, used))
            offset = until
        return found

    def room(self, length: int) -> memoryview:
        """Return memory, of which only what is used is taken."""
        return memoryview(mmap.mmap(-1, length))

    def write(self, offset: int, data: memoryview, *, spent: bool = False) -> None:
        """Write; memory that is spent holds something else then."""
        expect(not self.read_only and offset + len(data) <= CAPACITY, "a write that is not allowed reached the disk")
        self.bytes[offset : offset + len(data)] = data
        if spent:
            data[:] = b"\xee" * len(data)

    def write_pages(self, offsets: Sequence[int], pages: Sequence[memoryview]) -> None:
        """Write."""
        for offset, page in zip(offsets, pages, strict=True):
            self.write(offset, page)

    def settle(self) -> None:
        """Nothing to do."""

    def trim(self, offset: int, length: int) -> None:
        """Keep what is there: a trim need not do anything."""
        expect(not self.read_only and offset + length <= CAPACITY, "a trim that is not allowed reached the disk")

    def zero(self, offset: int, length: int, *, keep: bool) -> None:
        """Write zeroes."""
        del keep
        self.write(offset, memoryview(bytes(length)))

    def flush(self) -> None:
        """Nothing to do."""


def run_negotiation(data: bytes) -> None:
    """Shake hands; the first byte says how many exports there are, whether with TLS, and how the bytes come."""
    first = data[0] if data else 0
    wire = _Wire(data[1:], _PIECES[first >> 2 & 3])
    disk = _Disk()
    exports = {name: Export(name, disk, "a disk") for name in (("data",) if first & 1 else ("data", "päck"))}
    agreed = None
    with contextlib.suppress(Ended):
        agreed = Negotiation(Connection(wire), exports, (lambda: None) if first & 2 else None).run()
    expect(agreed is None or agreed.export in exports.values(), "an export that is not there")
    _check_replies(bytes(wire.sent))


def _check_replies(sent: bytes) -> None:
    """Read the server's side as a client would."""
    expect(sent[:16] == p.GREETING and len(sent) >= 18, "no greeting")
    at = 18
    while at < len(sent):
        if len(sent) - at in {10, 134} and int.from_bytes(sent[at : at + 8], "big") == CAPACITY:
            return  # the answer to EXPORT_NAME
        expect(len(sent) - at >= p.OPTION_REPLY.size, "half a reply")
        magic, _, _, length = p.OPTION_REPLY.unpack_from(sent, at)
        expect(magic == p.OPTION_REPLY_MAGIC and length <= p.MAX_OPTION, "a reply that is none")
        at += p.OPTION_REPLY.size + length
    expect(at == len(sent), "a reply is cut short")


def run_transmission(data: bytes) -> None:
    """Send requests; what is answered must be what a simple model of a disk answers.

    The first byte says which features were agreed on, whether the disk is read-only, how the bytes come, and whether
    more are taken before an answer. Cookies are numbered, so that each reply is known.
    """
    first = data[0] if data else 0
    disk = _Disk(read_only=bool(first & 4))
    agreed = Agreed(Export("data", disk), structured=bool(first & 1), allocation=first & 3 == 3)
    stream, requests, whole = _numbered(data[1:])
    wire = _Wire(stream, _PIECES[first >> 3 & 3])
    with contextlib.suppress(Ended):
        Transmission((_Eager if first & 32 else Connection)(wire), agreed).run()
    replies = _replies(bytes(wire.sent), requests)
    expect(len(replies) == len(requests) if whole else len(replies) <= len(requests), "requests without a reply")
    model = bytearray(CAPACITY)
    for cookie, (command, flags, offset, length, body) in enumerate(requests):
        if cookie not in replies:
            continue
        error, answer = replies[cookie]
        beyond = offset + length > CAPACITY and command != p.FLUSH
        writes = command in {p.WRITE, p.TRIM, p.WRITE_ZEROES}
        refused = beyond or (writes and disk.read_only) or flags & ~p.ALLOWED_FLAGS.get(command, 0)
        expect(not refused or bool(error), "a request that is not allowed was done")
        if error:
            continue
        if command == p.READ:
            expect(answer == model[offset : offset + length], "a read returned other bytes than were written")
        elif command == p.WRITE:
            model[offset : offset + length] = body
        elif command == p.WRITE_ZEROES:
            model[offset : offset + length] = bytes(length)
    if whole:
        expect(model == disk.bytes, "the disk holds other bytes than were written")


_Request = tuple[int, int, int, int, bytes]


def _numbered(stream: bytes) -> tuple[bytes, list[_Request], bool]:
    """Return a stream with its cookies numbered, its whole requests, and whether each of them gets a reply."""
    made, requests, at = bytearray(stream), list[_Request](), 0
    while len(stream) - at >= p.REQUEST.size:
        magic, flags, command, _, offset, length = p.REQUEST.unpack_from(stream, at)
        if magic != p.REQUEST_MAGIC:
            return bytes(made), requests, False  # the server need not answer what came before
        if command == p.DISC:
            break
        struct.pack_into(">Q", made, at + 8, len(requests))
        at += p.REQUEST.size
        body = stream[at : at + length] if command == p.WRITE else b""
        if command == p.WRITE:
            if len(body) < length:
                break
            at += length
        requests.append((command, flags, offset, length, body))
    return bytes(made), requests, True


def _replies(sent: bytes, requests: list[_Request]) -> dict[int, tuple[int, bytes]]:
    """Take the server's replies apart: for each cookie the error and what was read."""
    found: dict[int, tuple[int, bytes]] = {}
    parts: dict[int, bytearray] = {}
    at = 0
    while at < len(sent):
        if sent[at : at + 4] == p.SIMPLE_REPLY_MAGIC.to_bytes(4, "big"):
            _, error, cookie = p.SIMPLE_REPLY.unpack_from(sent, at)
            at += p.SIMPLE_REPLY.size
            expect(cookie < len(requests) and cookie not in found, "a reply that nobody asked for")
            command, _, _, length, _ = requests[cookie]
            size = length if command == p.READ and not error else 0
            found[cookie] = error, sent[at : at + size]
            at += size
            continue
        magic, flags, kind, cookie, length = p.CHUNK.unpack_from(sent, at)
        expect(magic == p.STRUCTURED_REPLY_MAGIC and cookie < len(requests), "a chunk that is none")
        expect(cookie not in found, "a chunk behind the last one")
        at += p.CHUNK.size
        content = sent[at : at + length]
        expect(len(content) == length, "a chunk is cut short")
        at += length
        asked = requests[cookie][3] if requests[cookie][0] == p.READ else 0
        room = parts.setdefault(cookie, bytearray(asked if asked <= CAPACITY else 0))
        error = 0
        if kind == p.CHUNK_OFFSET_DATA:
            start = int.from_bytes(content[:8], "big") - requests[cookie][2]
            room[start : start + length - 8] = content[8:]
        elif kind == p.CHUNK_ERROR:
            error = int.from_bytes(content[:4], "big")
        elif kind == p.CHUNK_BLOCK_STATUS:
            expect(length >= 12 and length % 8 == 4, "a block status without an extent")
        if flags & p.CHUNK_DONE:
            found[cookie] = error, bytes(room)
    expect(at == len(sent), "a reply is cut short")
    return found
