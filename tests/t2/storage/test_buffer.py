"""Pages on their way to the flash: read from memory, written together, never dropped, gone with the key."""

import errno
import random
import threading

import numpy as np
import pytest

from spacegrey.t2.storage import buffer
from spacegrey.t2.storage.engine import PAGE, XtsKey
from spacegrey.t2.storage.folder import open_store
from spacegrey.t2.storage.layers import Fault, Log

PAGES = 96
"""Of the disk, that the threads use: more than the buffer holds."""


def _page(value):
    return memoryview(value.to_bytes(4, "little") * (PAGE // 4))


def test_pages_go_to_the_flash_together(disk, key):
    calls = []
    with open_store(disk(), key, wrap=lambda _number, module: Log(module, calls)) as store:
        calls.clear()
        for page in range(buffer.PAGES):
            store.write_pages([page * PAGE], [_page(page)])
            store.write_pages([page * PAGE], [_page(page + 1)])
        assert not calls, "a page that is written again takes no more room"
        store.write_pages([200 * PAGE], [_page(7)])
        written = [length for name, _, length in calls if name == "write"]
        assert sum(written) == buffer.PAGES * PAGE
        assert len(written) < buffer.PAGES // 4
        calls.clear()
        assert store.read(200 * PAGE, PAGE) == _page(7)
        assert not calls, "it is in memory"
        store.settle()
        assert [length for name, _, length in calls if name == "write"] == [PAGE]
        assert store.counters().pages_written == buffer.PAGES + 1


def test_zeroes_and_trims_over_waiting_pages(opened):
    opened.write_pages([page * PAGE for page in range(6)], [_page(page + 1) for page in range(6)])
    opened.zero(10, 100)
    assert opened.read(0, 2 * PAGE) == bytes(_page(1))[:10] + bytes(100) + bytes(_page(1))[110:] + bytes(_page(2))
    opened.write_pages([page * PAGE for page in range(6)], [_page(page + 11) for page in range(6)])
    opened.trim(PAGE, PAGE)
    opened.trim(3 * PAGE, PAGE)
    left = b"".join(bytes(PAGE if page in {1, 3} else _page(page + 11)) for page in range(6))
    assert opened.read(0, 6 * PAGE) == left
    opened.write_pages([3 * PAGE], [_page(77)])
    opened.flush()
    assert opened.read(0, 6 * PAGE) == left[: 3 * PAGE] + bytes(_page(77)) + left[4 * PAGE :]


def test_more_at_once_than_there_is_room_for(opened):
    pages = [page % 100 for page in range(3 * buffer.PAGES)]
    opened.write_pages([page * PAGE for page in pages], [_page(k + 1) for k in range(len(pages))])
    last = {page: k + 1 for k, page in enumerate(pages)}
    for page, value in last.items():
        assert opened.read(page * PAGE, PAGE) == _page(value)


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.ENOMEM])
def test_what_the_flash_does_not_take_stays_and_is_tried_again(disk, key, number):
    folder, failing = disk(), []
    fault = lambda call, *_place: number if failing and call == "write" else 0  # noqa: E731
    with open_store(folder, key, wrap=lambda _number, module: Fault(module, fault)) as store:
        failing.append(True)
        store.write_pages([0, PAGE], [_page(1), _page(2)])
        for call in (store.settle, store.flush, lambda: store.write_pages([2 * PAGE], [_page(3)])):
            with pytest.raises(OSError, match=r"\[Errno") as caught:
                call()
            assert caught.value.errno == number
        with pytest.raises(OSError, match=r"\[Errno"):
            store.write(PAGE, b"x")
        assert store.read(0, 3 * PAGE) == bytes(_page(1)) + bytes(_page(2)) + bytes(PAGE)
        assert store.extents(0, 3 * PAGE) == [(3 * PAGE, True)], "what is not on the flash is no hole"
        store.trim(PAGE, PAGE)
        failing.clear()
        store.flush()
    with open_store(folder, key) as store:
        assert store.read(0, 3 * PAGE) == bytes(_page(1)) + bytes(2 * PAGE)


def test_a_read_beside_a_waiting_page_has_only_its_own_errors(disk, key):
    """A page of the flash that cannot be read is no fault of the new one that waits to take its place."""
    folder, failing = disk(), []
    fault = lambda call, *_place: errno.EIO if failing and call == "read" else 0  # noqa: E731
    with open_store(folder, key, wrap=lambda _number, module: Fault(module, fault)) as store:
        store.write(0, bytes(_page(1)) * 2)
        store.write_pages([0], [_page(2)])
        failing.append(True)
        assert store.read(0, PAGE) == _page(2)
        with pytest.raises(OSError, match=r"\[Errno 5\]"):
            store.read(0, 2 * PAGE)
        failing.clear()
        assert store.read(0, 2 * PAGE) == bytes(_page(2)) + bytes(_page(1))


class Lockable(XtsKey):
    """A key that goes while the disk is open, as the enclave's does."""

    locked = False

    def encrypt(self, page, memory):
        if self.locked:
            raise OSError(errno.EACCES, "the volume is locked")
        super().encrypt(page, memory)

    def decrypt(self, page, memory):
        if self.locked:
            raise OSError(errno.EACCES, "the volume is locked")
        super().decrypt(page, memory)


def test_with_the_key_goes_the_plaintext(disk):
    folder, key = disk(), Lockable(bytes(range(32)))
    store = open_store(folder, key)
    store.write(0, bytes(_page(1)))
    store.flush()
    store.write_pages([PAGE], [_page(0xABCD)])
    waiting = store._buffer._room  # noqa: SLF001 - is the plaintext in this memory?
    assert _page(0xABCD)[:64] in bytes(waiting)
    key.locked = True
    with pytest.raises(OSError, match="locked"):
        store.settle()
    assert not any(waiting)
    for call in (
        store.flush,
        lambda: store.write_pages([0], [_page(2)]),
        lambda: store.read(PAGE, PAGE),
        lambda: store.read_pages(np.array([0, 2]), memoryview(bytearray(2 * PAGE))),
        lambda: store.trim(0, PAGE),
        store.close,
    ):
        with pytest.raises(OSError, match="locked"):
            call()
    with open_store(folder, XtsKey(bytes(range(32)))) as again:
        assert again.read(0, 2 * PAGE) == bytes(_page(1)) + bytes(PAGE)


def test_no_reader_sees_a_page_go_back(opened):  # noqa: C901 - three kinds of thread
    """Writers that own a page each count up, in every way in which a page can be written; others read all the time."""
    stop, wrong = threading.Event(), []
    answered = [0] * PAGES

    def guard(work, seed):
        try:
            work(random.Random(seed))
        except BaseException as error:  # noqa: BLE001 - in a thread, it would be lost
            wrong.append(error)
            stop.set()

    def write(rng, mine):
        value = 0
        while not stop.is_set():
            value += 1
            page, way = rng.choice(mine), rng.random()
            if way < 0.6:
                opened.write_pages([page * PAGE], [_page(value)])
            elif way < 0.75:
                opened.write(page * PAGE, bytes(_page(value)))
            elif way < 0.9:
                opened.write(page * PAGE + 4, bytes(_page(value))[4:])
                opened.write(page * PAGE, bytes(_page(value))[:4])
            elif way < 0.95:
                opened.settle()
                continue
            else:
                opened.flush()
                continue
            answered[page] = value

    def read(rng):
        room = memoryview(bytearray(8 * PAGE))
        while not stop.is_set():
            first, least = rng.randrange(PAGES - 8), list(answered)
            if rng.random() < 0.5:
                pages = list(range(first, first + 8))
                opened.read_into(first * PAGE, room)
            else:
                pages = rng.sample(range(PAGES), 8)
                opened.read_pages(np.array(pages), room)
            for k, page in enumerate(pages):
                found = int.from_bytes(room[k * PAGE + 4 : k * PAGE + 8], "little")
                assert found >= least[page], f"page {page} went back from {least[page]} to {found}"

    threads = [
        threading.Thread(target=guard, args=(lambda rng, k=k: write(rng, list(range(k, PAGES, 3))), k))
        for k in range(3)
    ] + [threading.Thread(target=guard, args=(read, 10 + k)) for k in range(2)]
    for thread in threads:
        thread.start()
    stop.wait(2.0)
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert min(answered) > 0
