"""What begins as plain Python gives the same bytes as the compiled code, which takes over once there is work for it."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from spacegrey import jit
from spacegrey.foreign import load_word, store_word
from spacegrey.t2.enclave import wire
from spacegrey.t2.storage import cipher, mapping
from spacegrey.t2.storage.engine import PAGE, XtsKey, place_of
from spacegrey.t2.storage.geometry import MAP_PAGE


def both(one):
    """Return a kernel as plain Python, and compiled apart from what the other tests use."""
    return one.py_func, jit.kernel(one.py_func)


def soon(fulfilled, within_s=60.0):
    until = time.monotonic() + within_s
    while not fulfilled():
        assert time.monotonic() < until
        time.sleep(0.01)


# the engine


@pytest.mark.parametrize("pages", [1, 2, 17])
def test_plain_python_and_compiled_code_give_the_same_pages(pages):
    key = XtsKey(bytes(range(32)))
    decrypt, encrypt, scratch = key.contexts()
    plain, outcome = os.urandom(pages * PAGE), []
    for crypt in both(cipher.crypt):
        memory = bytearray(plain)
        at, _ = place_of(memory)
        assert crypt(encrypt, at, at, pages, 1 << 40, scratch, 1) == pages
        outcome.append(bytes(memory))
        assert crypt(decrypt, at, at, pages, 1 << 40, scratch, 0) == pages
        assert memory == plain
    assert outcome[0] == outcome[1] != plain
    numbers, outcome = np.random.default_rng(1).integers(0, 1 << 62, pages), []
    for decrypt_each in both(cipher.decrypt_each):
        memory = bytearray(plain)
        assert decrypt_each(decrypt, place_of(memory)[0], pages, place_of(numbers)[0], scratch) == pages
        outcome.append(bytes(memory))
    assert outcome[0] == outcome[1] != plain


def test_both_refuse_the_same_messages():
    length = wire.ROOM + 4 * PAGE
    edges = [-(1 << 63), -1, 0, 1, 4, 5, PAGE, wire.ROOM - 1, wire.ROOM, length - PAGE, length, 1 << 62, (1 << 63) - 1]
    plain, compiled = both(wire.allowed)
    found = {
        (number, place, count): [allowed(length, number, place, count) for allowed in (plain, compiled)]
        for number in edges
        for place in edges
        for count in edges
    }
    assert all(one == other for one, other in found.values())
    assert {one for one, _ in found.values()} == {False, True}


def test_a_word_is_the_same_word_for_both():
    words = np.array([0, -5, 1 << 62], np.int64)
    at = words.ctypes.data

    def swap(at):
        first = load_word(at)
        store_word(at, load_word(at + 8))
        store_word(at + 8, first)
        return first

    for exchange in (swap, jit.compiler().njit(swap)):
        before = words[:2].tolist()
        assert exchange(at) == before[0]
        assert words.tolist() == [*before[::-1], 1 << 62]


# the map


@pytest.fixture(params=range(4))
def tables(request):
    """Return a map of four pages, with some runs, holes and an untouched page, twice."""
    rng = np.random.default_rng(request.param)
    forward = np.zeros(4 * MAP_PAGE, np.uint32)
    touched = np.array([1, 0, 1, 1], np.uint8)
    for group, pages in ((0, 64 + rng.permutation(40)), (2, 1000 + np.arange(40)), (3, 2000 + np.arange(40))):
        at = group * MAP_PAGE + int(rng.integers(0, 900))
        forward[at : at + 40] = pages
    owner, live = np.zeros(8192, np.uint32), np.zeros(8192 // 64, np.uint32)
    return forward, touched, owner, live


def test_the_loops_of_the_map_agree(tables):
    def ran(kind):
        forward, touched, owner, live = (table.copy() for table in tables)
        found, said = np.zeros((300, 2), np.int64), []
        one = {name: both(getattr(mapping, name))[kind] for name in (
            "runs", "holes", "publish", "publish_scattered", "replay", "recount")}  # fmt: skip
        said.append(one["recount"](forward, touched, owner, live, 64))
        for name, more in (("runs", ()), ("holes", (touched,))):
            number = one[name](forward, *more, 100, forward.size - 300, found)
            said += [number, found[:number].tolist()]
        emptied = np.zeros(forward.size, np.int64)
        for first, page, count in ((1000, 5000, 60), (0, 0, forward.size), (5, 6000, 3), (1024, 0, 1024)):
            if page:
                np.add.at(live, np.arange(page, page + count) // 64, 1)  # as taking them does
            said.append(one["publish"](forward, owner, touched, live, 64, first, page, count, emptied))
        np.add.at(live, np.array([7000, 7001, 7002]) // 64, 1)
        scattered = np.array([[7, 7000, 1], [2000, 7001, 1], [5, 7002, 1]], np.uint32)
        said.append(one["publish_scattered"](forward, owner, touched, live, 64, scattered, emptied))
        extents = np.array([[3, 900, 5], [4, 0, 2], [900, 0, 3000], [forward.size - 1, 1, 2]], np.uint32)
        said.append(one["replay"](forward, touched, extents))
        said.append(one["recount"](forward, touched, owner, live, 64))
        arrays = [forward, touched, owner, live, emptied]
        twice = [table.copy() for table in tables]
        twice[0][-50:] = twice[0][:50].max() + np.arange(50)  # pages that stand elsewhere too, or out of range
        twice[0][-3:] = 1 << 31, 1, 9000
        said.append(one["recount"](*twice[:2], *twice[2:], 64))
        arrays += twice
        return said, [array.tolist() for array in arrays]

    plain, compiled = ran(0), ran(1)
    assert plain == compiled
    assert len(plain[0][2]) > 3
    assert plain[0][-1] >= 3


def test_a_trim_passes_over_what_was_never_written():
    count = 1 << 32
    touched = np.zeros(count // MAP_PAGE, np.uint8)
    empty = np.zeros(1, np.uint32)  # would be read outside of it
    assert mapping.publish(empty, empty, touched, empty, 64, 0, 0, count, np.zeros(1, np.int64)) == 0


@pytest.mark.parametrize(
    ("name", "little", "much"),
    [
        ("runs", (None, 0, 8192, None), (None, 0, 8193, None)),
        ("holes", (None, np.zeros(9000, np.uint8), 0, 8000 * MAP_PAGE, None),
         (None, np.ones(9000, np.uint8), 0, 9 * MAP_PAGE, None)),
        ("publish", (None, None, np.zeros(8000, np.uint8), None, 1, 0, 0, 8000 * MAP_PAGE, None),
         (None, None, np.zeros(8000, np.uint8), None, 1, 0, 1, 8000 * MAP_PAGE, None)),
        ("publish_scattered", (None, None, None, None, 1, np.zeros((8192, 3)), None),
         (None, None, None, None, 1, np.zeros((8193, 3)), None)),
        ("replay", (None, np.zeros(9, np.uint8), np.array([[0, 0, 1 << 22], [0, 1, 4000]], np.uint32)),
         (None, np.zeros(9, np.uint8), np.array([[0, 0, 1 << 22], [0, 1, 5000]], np.uint32))),
        ("recount", (None, np.ones(8, np.uint8), None, None, 1), (None, np.ones(9, np.uint8), None, None, 1)),
    ],
)  # fmt: skip
def test_much_work_is_not_for_plain_python(name, little, much):
    few = getattr(mapping, name)._few  # noqa: SLF001 - what decides
    assert few(*little) is True
    assert few(*much) is False


# when the compiler is loaded


@pytest.fixture
def kernels(monkeypatch):
    """Return a way to make early kernels that count for themselves."""
    monkeypatch.setattr(jit, "_soon", jit._Soon())  # noqa: SLF001 - the other tests have spent much already

    def made(function, few=jit.always):
        return jit.early_kernel(few)(function)

    yield made
    jit.settle()


def _spin(turns):
    total = 0
    for k in range(turns):
        total += k * k
    return total


def test_compiled_code_takes_over_beside_the_work(kernels):
    spin = kernels(_spin)
    assert spin(10) == 285
    assert spin.early
    while spin.early:  # and is never waited for
        begin = time.thread_time()
        assert spin(10_000) == 333283335000
        assert time.thread_time() - begin < 0.5
    assert spin.signatures
    assert spin(10) == 285


def test_more_than_a_few_turns_are_compiled_at_once(kernels):
    spin = kernels(_spin, lambda turns: turns < 100)
    spin(99)
    assert spin.early
    assert spin(100) == 328350
    assert not spin.early


def test_work_inside_another_kernel_is_counted_once_and_compiled_as_part_of_it(kernels):
    inner = kernels(_spin)

    def outer(turns):
        return inner(turns) + inner(turns)

    outer.__globals__.update(inner=inner)
    whole = kernels(outer)
    try:
        while whole.early:
            assert whole(20_000) == 2 * 2666466670000
    finally:
        del outer.__globals__["inner"]
    assert inner.early  # nobody called it by itself


def test_what_cannot_be_compiled_is_told_at_the_next_call(kernels):
    def refused(turns):
        for _ in range(turns):
            open("/dev/null").close()  # noqa: PTH123 - something that numba does not know
        return turns

    one = kernels(refused)
    one(20_000)
    soon(lambda: not one.early)
    with pytest.raises(jit.compiler().core.errors.NumbaError):
        one(1)


def test_where_no_thread_can_be_had_the_work_goes_on(kernels, monkeypatch):
    spin = kernels(_spin)

    def none(_thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as without:
        without.setattr(threading.Thread, "start", none)
        for _ in range(3):
            assert spin(400_000) == 21333253333400000
    assert spin.early
    spin(400_000)
    soon(lambda: not spin.early)


def test_making_and_opening_a_disk_loads_no_compiler():
    script = """
import pathlib, sys, tempfile
from spacegrey.t2.storage.engine import XtsKey
from spacegrey.t2.storage.folder import create_store, open_store
key = XtsKey(bytes(range(32)))
with tempfile.TemporaryDirectory() as name:
    create_store(pathlib.Path(name), key, 4_000_000_000_000)
    with open_store(pathlib.Path(name), key) as store:
        store.write(5000, b"hello")
        store.flush()
        store.trim(0, 1 << 32)  # as much as one request may ask for
    with open_store(pathlib.Path(name), key) as store:
        assert store.read(5000, 5) == bytes(5)
sys.exit(any(name.partition(".")[0] in {"numba", "llvmlite"} for name in sys.modules))
"""
    assert not subprocess.run([sys.executable, "-c", script], check=False).returncode


def test_without_room_for_the_compiler_plain_python_goes_on(monkeypatch):
    def total(count):
        return sum(range(count))

    def no_room(_self):
        raise MemoryError

    one = jit.early_kernel(lambda count: count < 10)(total)
    with monkeypatch.context() as patch:
        patch.setattr(jit.Kernel, "_compile", no_room)
        assert (one(3), one(100)) == (3, 4950)
        assert one.early
    assert one(100) == 4950
    assert not one.early, "there is room again"
