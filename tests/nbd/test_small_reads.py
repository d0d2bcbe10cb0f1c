"""Reads of single pages, which the server takes together: as each by itself, whatever stands between them."""

import random
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegrey.virtual.nbd import protocol as p
from spacegrey.virtual.nbd import small_reads
from spacegrey.virtual.nbd.small_reads import DATA, MOST, SmallReads

PAGE = 4096
CAPACITY = 100 * PAGE + 512
LAST = 99 * PAGE


def page_at(offsets):
    return st.tuples(
        st.just(p.REQUEST_MAGIC), st.just(0), st.just(p.READ), st.integers(0, 2**64 - 1), offsets, st.just(PAGE)
    )


PAGES = page_at(st.integers(0, 99).map(lambda page: page * PAGE))
ELSEWHERE = page_at(st.sampled_from([1, 512, LAST + 256, LAST + 512, LAST + PAGE, 2**63, 2**64 - PAGE]))
OTHERS = st.tuples(
    st.sampled_from([p.REQUEST_MAGIC, p.REQUEST_MAGIC + 1]), st.sampled_from([0, p.FUA, 1 << 8]),
    st.sampled_from([p.READ, p.WRITE, p.DISC, 256]), st.integers(0, 2**64 - 1),
    st.sampled_from([0, 512, PAGE, LAST, CAPACITY]),
    st.sampled_from([0, 512, PAGE, 2 * PAGE, PAGE + 256, 1 << 24]),
)  # fmt: skip


def is_page(magic, flags, command, _cookie, offset, length):
    return (
        (magic, flags, command, length) == (p.REQUEST_MAGIC, 0, p.READ, PAGE)
        and not offset % PAGE
        and offset + PAGE <= CAPACITY
    )


@pytest.mark.parametrize("compiled", [False, True])
@given(
    st.lists(PAGES, max_size=MOST + 3), st.lists(OTHERS | ELSEWHERE, max_size=2), st.integers(0, 27),
    st.integers(0, MOST), st.booleans(),
)  # fmt: skip
def test_exactly_the_reads_of_single_pages_are_taken(compiled, pages, others, torn, taken, structured):
    requests = [*pages, *others, *pages]
    sent = bytearray(b"".join(p.REQUEST.pack(*request) for request in requests) + bytes(torn))
    small = SmallReads(memoryview(sent), memoryview(bytearray(MOST * PAGE)), CAPACITY, structured=structured)
    small.taken = taken
    if compiled:
        count = small.scan(0, len(sent))
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(small_reads, "scan", small_reads.scan.py_func)
            count = small.scan(0, len(sent))
    expected = 0
    while expected < min(len(requests), MOST - taken) and is_page(*requests[expected]):
        expected += 1
    assert count == expected
    numbers, room = small.pages(count)
    assert numbers.tolist() == [offset // PAGE for *_, offset, _ in requests[:count]]
    assert len(room) == count * PAGE
    replies = small.replies(count)
    for k, (*_, cookie, offset, _) in enumerate(requests[:count]):
        head = p.SIMPLE_REPLY.pack(p.SIMPLE_REPLY_MAGIC, 0, cookie)
        if structured:
            head = DATA.pack(p.STRUCTURED_REPLY_MAGIC, p.CHUNK_DONE, p.CHUNK_OFFSET_DATA, cookie, 8 + PAGE, offset)
        assert bytes(replies[2 * k]) == head
        assert replies[2 * k + 1] == room[k * PAGE : (k + 1) * PAGE]
    assert small.taken == taken + count


@pytest.mark.parametrize("structured", [False, True])
@pytest.mark.parametrize("reads", [0.5, 0.95, 1.0])
def test_reads_among_anything_else_give_what_was_written_before(client, structured, reads):
    """Hundreds of requests in one packet: every answer is that of doing them one after the other."""
    made, rng, pages = client().go(structured=structured), random.Random(7), 50
    now, sent, expected = bytearray(pages * PAGE), b"", {}
    for cookie in range(600):
        page = rng.randrange(pages)
        if rng.random() < reads:
            length = PAGE if rng.random() < 0.9 else 512
            sent += p.REQUEST.pack(p.REQUEST_MAGIC, 0, p.READ, cookie, page * PAGE, length)
            expected[cookie] = bytes(now[page * PAGE : page * PAGE + length])
        else:
            data = rng.randbytes(PAGE)
            sent += p.REQUEST.pack(p.REQUEST_MAGIC, 0, p.WRITE, cookie, page * PAGE, PAGE) + data
            now[page * PAGE : (page + 1) * PAGE] = data
            expected[cookie] = b""
    made.socket.sendall(sent)
    for _ in range(600):
        (magic,) = struct.unpack(">I", head := made.take(4))
        if magic == p.SIMPLE_REPLY_MAGIC:
            _, error, cookie = p.SIMPLE_REPLY.unpack(head + made.take(12))
            assert not error
            assert made.take(len(expected[cookie])) == expected[cookie]
        else:
            _, flags, kind, cookie, length = p.CHUNK.unpack(head + made.take(16))
            assert (flags, kind, length) == (p.CHUNK_DONE, p.CHUNK_OFFSET_DATA, 8 + len(expected[cookie]))
            made.take(8)
            assert made.take(length - 8) == expected[cookie]
        del expected[cookie]
    assert not expected


def test_numbers_fit_the_largest_disk():
    """4 TB and more: the last page of 8 EiB less one page is a number that the loop keeps whole."""
    capacity = (1 << 63) - PAGE
    sent = p.REQUEST.pack(p.REQUEST_MAGIC, 0, p.READ, 1, capacity - PAGE, PAGE)
    small = SmallReads(memoryview(bytearray(sent)), memoryview(bytearray(MOST * PAGE)), capacity, structured=False)
    assert small.scan(0, len(sent)) == 1
    assert small.pages(1)[0].tolist() == [capacity // PAGE - 1]
    assert small.pages(1)[0].dtype == np.int64
