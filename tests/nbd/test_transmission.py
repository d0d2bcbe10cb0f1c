"""Requests and their errors, exactly as the protocol's document has them."""

import contextlib
import errno
import os
import random
import socket
import struct
import threading

import pytest

from spacegrey.t2.storage.layers import Fault, Log
from spacegrey.virtual.nbd import protocol as p
from spacegrey.virtual.nbd.exports import Export
from spacegrey.virtual.nbd.negotiation import Agreed, Ended
from spacegrey.virtual.nbd.transmission import AHEAD, Transmission

SIZE = 64 << 20
PAGE = 4096


def test_what_is_written_is_read_at_any_offset_and_length(client):
    made, rng, expected = client().go(), random.Random(1), bytearray(1 << 20)
    for _ in range(300):
        length = rng.choice([1, 17, 512, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE, 70000])
        offset = rng.randrange(len(expected) - length)
        data = rng.randbytes(length)
        assert made.ask(p.WRITE, offset, length, data=data) == (0, b"")
        expected[offset : offset + length] = data
    assert made.ask(p.READ, 0, 1 << 20, back=1 << 20) == (0, bytes(expected))


def test_many_requests_at_once_are_all_answered(client):
    """Sixteen small writes and reads in one packet, which the server takes as a group."""
    made = client().go()
    writes = [
        p.REQUEST.pack(p.REQUEST_MAGIC, 0, p.WRITE, k, k * 8 * PAGE, PAGE) + bytes([k]) * PAGE for k in range(1, 17)
    ]
    reads = [p.REQUEST.pack(p.REQUEST_MAGIC, 0, p.READ, 100 + k, k * 8 * PAGE, PAGE) for k in range(1, 17)]
    made.socket.sendall(b"".join(writes + reads))
    answers = {}
    while len(answers) < 32:
        magic, error, cookie = p.SIMPLE_REPLY.unpack(made.take(16))
        assert (magic, error) == (p.SIMPLE_REPLY_MAGIC, 0)
        answers[cookie] = made.take(PAGE) if cookie > 100 else None
    assert all(answers[100 + k] == bytes([k]) * PAGE for k in range(1, 17))


def test_a_request_may_come_byte_by_byte(client):
    made = client().go()
    for byte in p.REQUEST.pack(p.REQUEST_MAGIC, 0, p.WRITE, 9, 5, 3) + b"abc":
        made.socket.sendall(bytes([byte]))
    assert made.simple() == (0, 9, b"")
    assert made.ask(p.READ, 4, 5, back=5) == (0, b"\0abc\0")


BEYOND = [
    (p.READ, SIZE, 1, b"", errno.EINVAL), (p.READ, SIZE - 1, 2, b"", errno.EINVAL),
    (p.READ, 2**64 - 1, 2, b"", errno.EINVAL), (p.TRIM, SIZE - 1, 2, b"", errno.EINVAL),
    (p.CACHE, SIZE, 1, b"", errno.EINVAL), (p.WRITE, SIZE - 1, 2, b"ab", errno.ENOSPC),
    (p.WRITE, 2**63, 2, b"ab", errno.ENOSPC), (p.WRITE_ZEROES, SIZE, 1, b"", errno.ENOSPC),
    (p.READ, 0, (32 << 20) + 1, b"", errno.EINVAL), (p.BLOCK_STATUS, 0, 512, b"", errno.EINVAL),
    (99, 0, 0, b"", errno.EINVAL),
]  # fmt: skip


@pytest.mark.parametrize(("command", "offset", "length", "data", "number"), BEYOND)
def test_what_is_not_allowed_has_its_error_and_the_next_is_answered(client, command, offset, length, data, number):
    made = client().go()
    assert made.ask(command, offset, length, data=data) == (number, b"")
    assert made.ask(p.READ, SIZE - 1, 1, back=1) == (0, b"\0")


@pytest.mark.parametrize(
    ("command", "flags"),
    [(p.READ, p.DF), (p.READ, p.NO_HOLE), (p.WRITE, p.NO_HOLE), (p.TRIM, p.FAST_ZERO), (p.FLUSH, 1 << 9), (p.CACHE, 4)],
)
def test_an_unknown_flag_is_invalid(client, command, flags):
    made = client().go()
    data = b"abcd" if command == p.WRITE else b""
    assert made.ask(command, 0, 4 if command != p.FLUSH else 0, flags=flags, data=data)[0] == errno.EINVAL
    assert made.ask(p.FLUSH) == (0, b"")


def test_a_write_that_is_too_long_is_read_to_its_end_and_refused(client):
    made = client().go()
    length = p.MAX_PAYLOAD + 5
    assert made.ask(p.WRITE, 0, length, data=bytes([7]) * length)[0] == errno.EINVAL
    assert made.ask(p.READ, 0, 4, back=4) == (0, bytes(4))


def test_the_longest_write_and_read(client):
    made, data = client().go(), os.urandom(p.MAX_PAYLOAD)
    assert made.ask(p.WRITE, 4096, len(data), data=data) == (0, b"")
    assert made.ask(p.READ, 4096, len(data), back=len(data)) == (0, data)


@pytest.mark.parametrize("command", [p.READ, p.WRITE, p.TRIM, p.WRITE_ZEROES, p.CACHE, p.FLUSH])
def test_no_length_is_no_reason_to_hang_up(client, command):
    made = client().go()
    assert made.ask(command, 0, 0) == (0, b"")
    assert made.ask(p.FLUSH) == (0, b"")


def test_every_command_takes_fua(client):
    made = client().go()
    for command in (p.READ, p.WRITE, p.TRIM, p.WRITE_ZEROES, p.CACHE):
        data = b"x" * PAGE if command == p.WRITE else b""
        assert made.ask(command, 0, PAGE, flags=p.FUA, data=data, back=PAGE if command == p.READ else 0)[0] == 0
    assert made.ask(p.FLUSH, flags=p.FUA) == (0, b"")


def test_a_read_only_disk_says_so_and_refuses_changes(client, served):
    made = client(served(read_only=True))
    replies = made.option(p.GO, struct.pack(">I", 4) + b"disk" + struct.pack(">H", 0))
    flags = struct.unpack(">HQH", replies[0][1])[2]
    assert flags & p.READ_ONLY
    assert not flags & (p.SEND_TRIM | p.SEND_WRITE_ZEROES)
    for command, data in ((p.WRITE, b"ab"), (p.TRIM, b""), (p.WRITE_ZEROES, b"")):
        assert made.ask(command, 0, 2, data=data)[0] == errno.EPERM
    assert made.ask(p.READ, 0, 2, back=2) == (0, b"\0\0")
    assert made.ask(p.FLUSH) == (0, b"")


def test_zeroes_read_as_zeroes_and_trim_gives_back(client):
    made = client().go(allocation=True)
    made.ask(p.WRITE, 0, 16 * PAGE, data=b"x" * 16 * PAGE)
    assert made.ask(p.WRITE_ZEROES, 100, 3 * PAGE)[0] == 0
    assert made.ask(p.WRITE_ZEROES, 5 * PAGE, PAGE, flags=p.NO_HOLE)[0] == 0
    assert made.ask(p.WRITE_ZEROES, 7 * PAGE, PAGE, flags=p.FAST_ZERO)[0] == 0
    assert made.ask(p.WRITE_ZEROES, 9 * PAGE, PAGE, flags=p.FAST_ZERO | p.NO_HOLE)[0] == errno.EOPNOTSUPP
    assert made.ask(p.TRIM, 12 * PAGE + 1, 2 * PAGE)[0] == 0
    ((_, _, payload),) = made.chunks(p.READ, 0, 16 * PAGE, flags=p.DF)
    expected = bytearray(b"x" * 16 * PAGE)
    for start, end in ((100, 100 + 3 * PAGE), (5 * PAGE, 6 * PAGE), (7 * PAGE, 8 * PAGE), (13 * PAGE, 14 * PAGE)):
        expected[start:end] = bytes(end - start)
    assert payload[8:] == expected
    ((_, _, status),) = made.chunks(p.BLOCK_STATUS, 0, 16 * PAGE)
    runs = list(struct.iter_unpack(">II", status[4:]))
    data = [0, p.STATE_HOLE | p.STATE_ZERO]
    assert runs == [(length * PAGE, data[k % 2]) for k, length in enumerate([1, 2, 4, 1, 5, 1, 2])]
    ((_, _, one),) = made.chunks(p.BLOCK_STATUS, PAGE, 16 * PAGE, flags=p.REQ_ONE)
    assert list(struct.iter_unpack(">II", one[4:])) == [(2 * PAGE, data[1])]


def test_a_structured_read_has_data_and_holes(client):
    made = client().go(structured=True)
    made.ask(p.WRITE, 32 * PAGE, PAGE, data=b"y" * PAGE)
    chunks = made.chunks(p.READ, 0, 64 * PAGE)
    assert [kind for kind, _, _ in chunks] == [p.CHUNK_OFFSET_HOLE, p.CHUNK_OFFSET_DATA, p.CHUNK_OFFSET_HOLE]
    assert struct.unpack(">QI", chunks[0][2]) == (0, 32 * PAGE)
    assert chunks[1][2] == struct.pack(">Q", 32 * PAGE) + b"y" * PAGE
    assert [marks for _, marks, _ in chunks] == [0, 0, p.CHUNK_DONE]
    ((kind, _, payload),) = made.chunks(p.READ, 0, 64 * PAGE, flags=p.DF)
    assert (kind, len(payload)) == (p.CHUNK_OFFSET_DATA, 8 + 64 * PAGE)
    assert made.chunks(p.READ, 0, 0) == [(p.CHUNK_NONE, p.CHUNK_DONE, b"")]
    ((kind, _, payload),) = made.chunks(p.READ, SIZE, 1)
    assert (kind, struct.unpack(">IH", payload)) == (p.CHUNK_ERROR, (errno.EINVAL, 0))


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_an_error_of_the_flash_reaches_the_client_and_the_server_goes_on(client, served, number):
    failing = []
    fault = lambda call, _offset, _length: number if call in failing else 0  # noqa: E731
    made = client(served(wrap=lambda _number, module: Fault(module, fault))).go()
    assert made.ask(p.WRITE, 0, PAGE, data=b"a" * PAGE, flags=p.FUA)[0] == 0
    failing[:] = ["write"]
    assert made.ask(p.WRITE, 0, PAGE, data=b"b" * PAGE, flags=p.FUA)[0] == number
    assert made.ask(p.WRITE, 8, 3, data=b"bbb")[0] == number
    failing[:] = ["read"]
    assert made.ask(p.READ, 0, PAGE, back=PAGE)[0] == number
    failing.clear()
    assert made.ask(p.READ, 0, PAGE, back=PAGE) == (0, b"a" * PAGE)
    assert made.ask(p.WRITE, 0, PAGE, data=b"c" * PAGE)[0] == 0
    assert made.ask(p.FLUSH)[0] == 0


def test_after_a_failed_sync_no_flush_succeeds(client, served):
    """What the system's cache lost is not known: an answer of success would be a lie."""
    failing = []
    fault = lambda call, _offset, _length: errno.EIO if call in failing else 0  # noqa: E731
    server = served(wrap=lambda _number, module: Fault(module, fault))
    made = client(server).go()
    made.ask(p.WRITE, 0, PAGE, data=b"a" * PAGE)
    failing[:] = ["sync"]
    assert made.ask(p.FLUSH)[0] == errno.EIO
    failing.clear()
    assert made.ask(p.FLUSH)[0] == errno.EIO
    assert made.ask(p.WRITE, 0, PAGE, data=b"a" * PAGE)[0] == errno.EIO
    with pytest.raises(OSError, match="failed before"):
        server.store.close()


@pytest.mark.parametrize(
    ("command", "flags", "syncs"), [(p.WRITE, 0, False), (p.WRITE, p.FUA, True), (p.TRIM, p.FUA, True)]
)
def test_fua_is_durable_before_its_answer(client, served, command, flags, syncs):
    calls = []
    made = client(served(wrap=lambda _number, module: Log(module, calls))).go()
    made.ask(p.WRITE, 0, PAGE, data=b"a" * PAGE, flags=p.FUA)
    calls.clear()
    made.ask(command, 0, PAGE, flags=flags, data=b"b" * PAGE if command == p.WRITE else b"")
    assert ("sync" in {name for name, _, _ in calls}) == syncs


def test_a_flush_on_one_connection_covers_the_other(client, served, monkeypatch):
    calls = []
    server = served(wrap=lambda _number, module: Log(module, calls))
    one, other = client(server).go(), client(server).go()
    monkeypatch.setattr(server.store, "settle", lambda: None)
    calls.clear()
    one.ask(p.WRITE, 0, PAGE, data=b"a" * PAGE)
    assert not calls, "it waits for others"
    assert other.ask(p.READ, 0, PAGE, back=PAGE) == (0, b"a" * PAGE)
    assert other.ask(p.FLUSH)[0] == 0
    assert [name for name, _, _ in calls][:3] == ["write", "sync", "sync"]
    assert other.ask(p.READ, 0, PAGE, back=PAGE) == (0, b"a" * PAGE)


def test_parts_of_one_page_written_by_two_clients_are_both_kept(client, served):
    server = served()
    clients = [client(server).go() for _ in range(4)]

    def work(number, made):
        for turn in range(100):
            made.ask(p.WRITE, number * 1024, 1024, data=bytes([turn + 1]) * 1024)

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clients[0].ask(p.READ, 0, PAGE, back=PAGE) == (0, bytes([100]) * PAGE)


def test_disconnect_and_nonsense_end_one_client_only(client, served):
    server = served()
    one, two, three = client(server).go(), client(server).go(), client(server).go()
    one.send(p.DISC)
    assert one.ended()
    two.send(p.READ, 0, 1, magic=0xDEADBEEF)
    assert two.ended()
    assert three.ask(p.READ, 0, 1, back=1) == (0, b"\0")


def test_stopping_finishes_what_was_asked(client, served):
    server = served()
    made = client(server).go()
    made.ask(p.WRITE, 0, PAGE, data=b"z" * PAGE)
    server.stop()
    assert made.ended()
    assert not server.address.path.exists()


def test_a_quick_client_is_looked_for_and_a_slow_one_is_not(monkeypatch):
    from spacegrey.virtual.nbd import connection as wires

    ours, theirs = socket.socketpair()
    looked, idles = [], []
    idle = lambda: idles.append(len(looked))  # noqa: E731

    def look(file, room, *looks):
        looked.append(file)
        return found(file, room, *looks)

    found = wires.look
    monkeypatch.setattr(wires, "look", look)
    monkeypatch.setattr(wires, "can_look", lambda: True)
    connection, room = wires.Connection(ours), memoryview(bytearray(100))
    with ours, theirs:
        theirs.sendall(b"first")
        assert connection.receive_some(room, idle) == 5
        assert not looked
        theirs.sendall(b"second")
        assert connection.receive_some(room, idle) == 6
        assert bytes(room[:6]) == b"second"
        assert looked == [ours.fileno()]
        threading.Timer(0.05, theirs.sendall, [b"late"]).start()
        assert connection.receive_some(room, idle) == 4  # looked in vain, and slept
        assert len(looked) == 2
        theirs.sendall(b"x")
        assert connection.receive_some(room, idle) == 1
        assert len(looked) == 2
        theirs.close()
        assert connection.receive_some(room, idle) == 0
    assert idles == [0, 2, 2, 3], "before it sleeps, and not where it looked and found"


def test_a_glance_receives_from_a_quick_client_only(monkeypatch):
    from spacegrey.virtual.nbd import connection as wires

    monkeypatch.setattr(wires, "can_look", lambda: True)
    ours, theirs = socket.socketpair()
    connection, room = wires.Connection(ours), memoryview(bytearray(100))
    with ours, theirs:
        theirs.sendall(b"ab")
        assert connection.glance(room) == 0, "not known yet"
        assert connection.receive_some(room, lambda: None) == 2
        assert connection.glance(room) == 0, "nothing came"
        theirs.sendall(b"cde")
        assert connection.glance(room) == 3


class Coming:
    """A client's bytes, a piece for each receive, and what was answered."""

    def __init__(self, pieces, glances):
        self.pieces, self.glances, self.looked, self.sent = list(pieces), glances, 0, []

    def receive_some(self, room, _idle=None):
        piece = self.pieces.pop(0) if self.pieces else b""
        room[: len(piece)] = piece
        return len(piece)

    def glance(self, room):
        self.looked += 1
        return self.receive_some(room) if self.glances else 0

    def send(self, parts):
        self.sent.append(b"".join(parts))


def answered(disk, pieces, *, glances):
    coming = Coming(pieces, glances)
    with contextlib.suppress(Ended):
        Transmission(coming, Agreed(Export("disk", disk), structured=False, allocation=False)).run()
    return coming


def write(number, length=PAGE):
    head = p.REQUEST.pack(p.REQUEST_MAGIC, 0, p.WRITE, number, number * PAGE, length)
    return head, bytes([number % 255 + 1]) * length


def test_answers_wait_a_moment_for_more_requests_and_no_longer(store):
    heads_and_pages = [part for k in range(8) for part in write(k)]
    coming = answered(store, heads_and_pages, glances=True)
    assert [len(sent) // 16 for sent in coming.sent] == [4, 4], "four at a time"
    for k in range(8):
        page = memoryview(bytearray(PAGE))
        store.read_into(k * PAGE, page)
        assert page == write(k)[1]


def test_a_client_that_waits_for_each_answer_is_looked_for_ever_less_often(store):
    coming = answered(store, [b"".join(write(k)) for k in range(1000)], glances=False)
    assert len(coming.sent) == 1000
    assert 5 < coming.looked < 15
    again = answered(store, [b"".join(write(k)) for k in range(1000)], glances=True)
    assert len(again.sent) == 250, "another client, who sends more, is looked for at once"


def test_a_long_write_is_answered_before_anything_is_looked_for(store):
    coming = answered(store, [b"".join(write(k, AHEAD)) for k in range(3)], glances=True)
    assert [len(sent) for sent in coming.sent] == [16, 16, 16]
    assert coming.looked == 0


def test_a_client_is_not_looked_for_where_there_is_one_processor(monkeypatch):
    from spacegrey.virtual.nbd import looking

    monkeypatch.setattr(looking.os, "sched_getaffinity", lambda _thread: {3}, raising=False)
    assert not looking.can_look()
    monkeypatch.setattr(looking.os, "sched_getaffinity", lambda _thread: {3, 4}, raising=False)
    assert looking.can_look() == hasattr(socket, "MSG_DONTWAIT")
