"""Whatever bytes come in, the server neither hangs, nor grows, nor stops serving others."""

import contextlib
import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from spacegrey.virtual.nbd import protocol as p
from spacegrey.virtual.nbd.connection import Connection
from spacegrey.virtual.nbd.exports import Export
from spacegrey.virtual.nbd.negotiation import Ended, Negotiation
from spacegrey.virtual.nbd.transmission import Transmission

SIZE = 1 << 20

OPTIONS = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 12), st.binary(max_size=80)),
        st.tuples(
            st.sampled_from([p.INFO, p.GO, p.LIST_META_CONTEXT, p.SET_META_CONTEXT]),
            st.builds(
                lambda name, count, rest: struct.pack(">I", len(name)) + name + struct.pack(">H", count) + rest,
                st.sampled_from([b"disk", b"", b"x"]),
                st.integers(0, 65535),
                st.binary(max_size=40),
            ),
        ),
    ),
    max_size=12,
)
NUMBERS = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 4095, 4096, SIZE - 1, SIZE, 2**32, 2**63]))
LENGTHS = st.one_of(st.integers(0, 70000), st.sampled_from([0, 4096, SIZE, (32 << 20) + 1, 2**32 - 1]))
REQUESTS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 9), NUMBERS, LENGTHS, st.binary(max_size=40)), max_size=20
)


class Bytes:
    """A wire that gives bytes in pieces of a size and then ends."""

    def __init__(self, data, piece):
        self.data, self.piece, self.place, self.sent = data, piece, 0, 0

    def recv_into(self, buffer):
        part = self.data[self.place : self.place + min(self.piece, len(buffer))]
        buffer[: len(part)] = part
        self.place += len(part)
        return len(part)

    def sendmsg(self, buffers):
        total = sum(map(len, buffers))
        taken = max(1, total // 2) if total > 1 else total
        self.sent += taken
        return taken

    def close(self):
        pass


class Memory:
    """A disk in memory that refuses what lies beyond its end, so that a hole in the server's checks is seen."""

    capacity, read_only = SIZE, False

    def __init__(self):
        self.content = bytearray(SIZE)

    def _within(self, offset, length):
        assert 0 <= offset <= offset + length <= SIZE, "the server let it through"

    def read_into(self, offset, view):
        self._within(offset, len(view))
        view[:] = self.content[offset : offset + len(view)]

    def read_pages(self, numbers, room):
        for k, number in enumerate(numbers.tolist()):
            self.read_into(number * 4096, room[k * 4096 : (k + 1) * 4096])

    def extents(self, offset, length, most):
        self._within(offset, length)
        return [(length, True)][:most]

    def room(self, length):
        return memoryview(bytearray(length))

    def write(self, offset, data, *, spent=False):  # noqa: ARG002 - as the server calls it
        self._within(offset, len(data))
        self.content[offset : offset + len(data)] = data

    def write_pages(self, offsets, pages):
        for offset, page in zip(offsets, pages, strict=True):
            self.write(offset, page)

    def settle(self):
        pass

    def trim(self, offset, length):
        self._within(offset, length)

    def zero(self, offset, length, *, keep):  # noqa: ARG002 - as the server calls it
        self._within(offset, length)
        self.content[offset : offset + length] = bytes(length)

    def flush(self):
        pass


DISK = Memory()
EXPORTS = {"disk": Export("disk", DISK)}


@given(flags=st.integers(0, 2**32 - 1), options=OPTIONS, rest=st.binary(max_size=60), piece=st.integers(1, 4096))
def test_a_handshake_of_nonsense_ends(flags, options, rest, piece):
    for start in (struct.pack(">I", flags), struct.pack(">I", 3)):
        data = start + b"".join(p.OPTION.pack(p.OPTION_MAGIC, number, len(body)) + body for number, body in options)
        try:
            agreed = Negotiation(Connection(Bytes(data + rest, piece)), EXPORTS).run()
        except Ended:
            continue
        assert agreed.export.name == "disk"


class Eager(Connection):
    """Gets more before it answers."""

    def glance(self, room):
        return self.wire.recv_into(room)


@given(
    requests=REQUESTS,
    rest=st.binary(max_size=60),
    piece=st.integers(1, 1 << 17),
    structured=st.booleans(),
    kind=st.sampled_from([Connection, Eager]),
)
@settings(max_examples=300)
def test_requests_of_nonsense_are_answered_or_end_it(requests, rest, piece, structured, kind):
    hello = struct.pack(">I", 3)
    if structured:
        hello += p.OPTION.pack(p.OPTION_MAGIC, p.STRUCTURED_REPLY, 0)
    hello += p.OPTION.pack(p.OPTION_MAGIC, p.GO, 6) + bytes(6)
    asked = b"".join(
        p.REQUEST.pack(p.REQUEST_MAGIC, flags, command, k, offset, length)
        + (body.ljust(length, b"z")[:length] if command == p.WRITE and length <= SIZE else b"")
        for k, (flags, command, offset, length, body) in enumerate(requests)
    )
    wire = Bytes(hello + asked + rest, piece)
    connection = kind(wire)
    agreed = Negotiation(connection, EXPORTS).run()
    with contextlib.suppress(Ended):
        Transmission(connection, agreed).run()
    assert wire.sent <= sum(min(length, 32 << 20) + 4096 for *_, length, _ in requests) + 4096
