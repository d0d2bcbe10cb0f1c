"""The open disk: bytes at any place, sparse, worn evenly, refusing what is not its own."""

# ruff: noqa: SLF001 - a cut closes the files under an open disk

import errno
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from typer.testing import CliRunner

from spacegrey.errors import InputError, Refusal
from spacegrey.interfaces.cli import app
from spacegrey.t2.storage.device import Damaged
from spacegrey.t2.storage.engine import PAGE, XtsKey
from spacegrey.t2.storage.folder import PAIRING, create_store, module_file, open_modules, open_store
from spacegrey.t2.storage.geometry import flash, plan
from spacegrey.t2.storage.health import health
from spacegrey.t2.storage.labels import Counters
from spacegrey.t2.storage.layers import Delay, Fault, Log, no_space
from spacegrey.t2.storage.verify import verify

KEY = bytes(range(32))
SIZE = 1 << 20


class DiskMachine(RuleBasedStateMachine):
    """Any order of operations, closings and cuts, against a plain array of bytes."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.key = XtsKey(KEY)
        create_store(self.folder, self.key, SIZE)
        self.store = open_store(self.folder, self.key)
        self.now, self.flushed = bytearray(SIZE), bytes(SIZE)

    places = st.tuples(
        st.one_of(st.integers(0, 40).map(lambda page: page * PAGE), st.integers(0, 40 * PAGE)),
        st.sampled_from([0, 1, 511, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE, 70_000, 200_000]),
    )

    @rule(place=places, value=st.integers(1, 255))
    def write(self, place, value):
        offset, length = place
        self.store.write(offset, bytes([value]) * length)
        self.now[offset : offset + length] = bytes([value]) * length

    @rule(pages=st.lists(st.integers(0, 255), min_size=1, max_size=40), value=st.integers(1, 255))
    def write_pages(self, pages, value):
        views = [memoryview(bytes([value, k % 256]) * (PAGE // 2)) for k in range(len(pages))]
        self.store.write_pages([page * PAGE for page in pages], views)
        for page, view in zip(pages, views, strict=True):
            self.now[page * PAGE : (page + 1) * PAGE] = view

    @rule(place=places, keep=st.booleans())
    def zero(self, place, keep):
        offset, length = place
        self.store.zero(offset, length, keep=keep)
        self.now[offset : offset + length] = bytes(length)

    @rule(place=places)
    def trim(self, place):
        offset, length = place
        self.store.trim(offset, length)
        start, end = -(-offset // PAGE) * PAGE, (offset + length) // PAGE * PAGE
        if start < end:
            self.now[start:end] = bytes(end - start)

    @rule()
    def flush(self):
        self.store.flush()
        self.flushed = bytes(self.now)

    @rule()
    def close_and_open(self):
        self.store.close()
        self.store = open_store(self.folder, self.key)
        self.flushed = bytes(self.now)

    @rule()
    def cut(self):
        """The process ends without a word: the files are as they are."""
        for module in self.store._modules:
            module.close()
        self.store = open_store(self.folder, self.key)
        self.now = bytearray(self.store.read(0, SIZE))
        assert self.now == self.flushed

    @invariant()
    def reads_what_was_written(self):
        assert self.store.read(0, SIZE) == self.now

    @rule(pages=st.lists(st.integers(0, 255), min_size=1, max_size=70))
    def read_pages(self, pages):
        room = memoryview(bytearray(len(pages) * PAGE))
        self.store.read_pages(np.array(pages), room)
        assert bytes(room) == b"".join(self.now[page * PAGE : (page + 1) * PAGE] for page in pages)

    @rule(pages=st.lists(st.integers(0, 255), max_size=70))
    def settle(self, pages):
        """What is written once more afterwards, and stays in memory with what else waits, is read like the rest."""
        self.store.settle()
        self.write_pages(pages, 7)

    @rule()
    def holes_have_no_data(self):
        offset = 0
        for length, used in self.store.extents(0, SIZE):
            assert used or not any(self.now[offset : offset + length])
            offset += length
        assert offset == SIZE
        assert self.store.counters().pages_in_use == sum(n for n, used in self.store.extents(0, SIZE) if used) // PAGE

    def teardown(self):
        self.store.close()
        shutil.rmtree(self.folder)


TestDisk = DiskMachine.TestCase
TestDisk.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)


@pytest.mark.claims("I4")
def test_four_terabytes_are_made_in_no_time_and_take_no_room(tmp_path):
    script = (
        "import sys, time; from pathlib import Path\n"
        "from spacegrey.t2.storage.engine import XtsKey\n"
        "from spacegrey.t2.storage.folder import create_store, open_store\n"
        "key = XtsKey(bytes(range(32))); key.encrypt(0, bytearray(4096))\n"
        "start = time.perf_counter(); create_store(Path(sys.argv[1]), key, 4_000_000_000_000)\n"
        "took = time.perf_counter() - start\n"
        "with open_store(Path(sys.argv[1]), key) as store:\n"
        "    store.write(3_999_999_000_000, b'end'); store.flush(); assert store.read(3_999_999_000_000, 3) == b'end'\n"
        # not getrusage: what it tells a child begins with the size of its parent
        "print(took, int(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0]) / 1024)"
    )
    resident_mib = float("inf")
    for name in ("1", "2", "d"):  # the first may have to compile, which takes memory and is not the disk's
        done = subprocess.run(
            [sys.executable, "-c", script, tmp_path / name],
            capture_output=True, check=True, encoding="utf-8", timeout=120,
        )  # fmt: skip
        resident_mib = min(resident_mib, float(done.stdout.split()[1]))
    assert resident_mib < 200, "resident memory"
    taken = sum(path.stat().st_blocks * 512 for path in (tmp_path / "d").iterdir())
    assert taken < 64 << 20


@pytest.mark.parametrize(
    ("capacity", "bad"), [(1 << 20, False), ((1 << 20) - 512, True), (16 << 40, True), (SIZE + 1, True)]
)
def test_capacities(capacity, bad):
    if bad:
        with pytest.raises(InputError, match="capacity"):
            plan(capacity, flash())
    else:
        layout = plan(capacity, flash())
        assert layout.data_pages > layout.pages + layout.block_pages * flash().reserve_blocks


def test_a_capacity_that_ends_within_a_page(tmp_path, key):
    create_store(tmp_path / "d", key, SIZE + 512)
    with open_store(tmp_path / "d", key) as store:
        store.write(SIZE - 100, b"x" * 612)
        assert store.read(SIZE - 100, 612) == b"x" * 612
        with pytest.raises(OSError, match="beyond"):
            store.write(SIZE + 511, b"ab")
        assert sum(length for length, _ in store.extents(0, SIZE + 512)) == SIZE + 512
        store.trim(SIZE, 512)
        assert store.read(SIZE, 512) == bytes(512)


def test_a_disk_is_written_full_over_and_over(opened):
    """More than ten times its size in small random writes: garbage is collected, and wear stays even."""
    rng, expected = random.Random(1), {}
    for turn in range(3000):
        page = rng.randrange(256)
        expected[page] = turn.to_bytes(4, "little") * 1024
        opened.write(page * PAGE, expected[page])
    assert all(opened.read(page * PAGE, PAGE) == content for page, content in expected.items())
    counters = opened.counters()
    assert counters.pages_moved > 0
    erasures = opened.translation.blocks.erasures[1:]
    assert erasures.max() <= erasures.mean() + flash().wear_spread_cycles + 1


def test_trim_gives_room_back_to_the_computer(tmp_path, key):
    create_store(tmp_path / "d", key, 64 << 20)

    def taken():
        return sum(path.stat().st_blocks * 512 for path in (tmp_path / "d").iterdir())

    with open_store(tmp_path / "d", key) as store:
        store.write(0, os.urandom(48 << 20))
        store.flush()
        full = taken()
        store.trim(0, 64 << 20)
        store.flush()
        left = taken()
    assert full > 48 << 20
    assert left < 16 << 20


@pytest.mark.parametrize("integrity", [False, True])
def test_a_full_computer_loses_nothing_that_was_flushed(disk, key, integrity):
    folder = disk(integrity=integrity)
    with open_store(folder, key) as store:
        store.write(0, b"kept" * 1024)
    store = open_store(folder, key, wrap=lambda _number, module: Fault(module, no_space(100_000)))

    def fill():
        for page in range(1, 256):
            store.write(page * PAGE, b"x" * PAGE)
            store.flush()

    with pytest.raises(OSError, match="No space") as caught:
        fill()
    assert caught.value.errno == errno.ENOSPC
    assert store.read(0, PAGE) == b"kept" * 1024
    for module in store._modules:
        module.close()
    with open_store(folder, key) as again:
        found = again.read(0, SIZE)
    assert found[:PAGE] == b"kept" * 1024
    assert found.count(b"x" * PAGE) > 5


def test_a_disk_that_fails_when_it_is_closed_says_so(disk, key):
    failing = []
    folder = disk()

    def use():
        fault = lambda call, _offset, _length: errno.EIO if call in failing else 0  # noqa: E731
        with open_store(folder, key, wrap=lambda _number, module: Fault(module, fault)) as store:
            store.write(0, b"flushed")
            store.flush()
            store.write(0, b"not yet")
            failing.append("sync")

    with pytest.raises(Refusal, match="closed in order"):
        use()
    with open_store(folder, key) as store:
        assert store.read(0, 7) in {b"flushed", b"not yet"}


def test_a_changed_page_is_noticed_with_tags_and_only_with_tags(disk, key):
    """XTS alone turns a flipped bit into 16 bytes of garbage, silently; a tag makes it an error."""
    for integrity in (False, True):
        folder = disk(integrity=integrity)
        with open_store(folder, key) as store:
            store.write(0, b"a" * PAGE)
            layout, page = store.label.geometry, store.translation.place(0)
        row, inside = divmod(page, layout.stripe_pages)
        module, at = row % 2, (16 + row // 2 * layout.stripe_pages + inside) * PAGE
        with module_file(folder, module).open("r+b") as file:
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1]))
        with open_store(folder, key) as store:
            if integrity:
                with pytest.raises(Damaged):
                    store.read(0, PAGE)
                assert verify(store, lambda _share: None).bad == [0]
                assert store.counters().media_errors > 0
            else:
                found = store.read(0, PAGE)
                assert found[16:] == b"a" * (PAGE - 16)
                assert found[:16] != b"a" * 16
                assert verify(store, lambda _share: None).bad == []


@pytest.mark.claims("T5")
def test_another_key_opens_nothing(disk):
    folder = disk()
    with pytest.raises(Refusal, match="the key does not open this disk"):
        open_store(folder, XtsKey(bytes(range(1, 33))))


@pytest.mark.claims("T5", "R2")
def test_modules_that_are_pulled_swapped_or_of_another_machine_are_refused_each_with_its_reason(disk, key, tmp_path):
    folder = disk()
    other = tmp_path / "other"
    create_store(other, key, SIZE)
    slots = [module_file(folder, number) for number in (0, 1)]
    kept = [slot.read_bytes() for slot in slots]

    def says(text):
        with pytest.raises(Refusal, match=text):
            open_store(folder, key)
        for slot, content in zip(slots, kept, strict=True):
            slot.write_bytes(content)
        open_store(folder, key).close()
        kept[:] = [slot.read_bytes() for slot in slots]

    slots[1].unlink()
    says("module 1 .* is not in its slot")
    slots[0].write_bytes(kept[1])
    slots[1].write_bytes(kept[0])
    says("slot 0 holds module 1")
    slots[1].write_bytes(kept[0])
    says("slot 1 holds module 0")
    shutil.copy(module_file(other, 1), slots[1])
    says("module 1 .* belongs to another machine.*restore")
    for number in (0, 1):
        shutil.copy(module_file(other, number), slots[number])
    says("module 0 .* belongs to another machine.*restore")
    slots[0].write_bytes(bytes(len(kept[0])))
    says("not a flash module")
    slots[0].write_bytes(kept[0][: 100 * PAGE])
    says("cut short")
    (folder / PAIRING).unlink()
    with pytest.raises(InputError, match="no disk here"):
        open_store(folder, key)


def test_counters_and_facts_of_a_disk_are_told_while_it_is_on(disk, key):
    folder, says = disk(), CliRunner()
    with open_store(folder, key) as store:
        store.write(0, bytes(PAGE))
        store.flush()
        found = says.invoke(app, ["disk", "health", str(folder), "--json"])
        assert found.exit_code == 0, found.output
        assert json.loads(found.stdout)["on"]
        assert "counted to ten seconds ago" in says.invoke(app, ["disk", "health", str(folder)]).stdout
        assert says.invoke(app, ["disk", "info", str(folder)]).exit_code == 0
        with pytest.raises(Refusal, match="in use by another process"):
            open_modules(folder, read_only=True)
    kept = [open_modules(folder, beside=True) for _ in range(2)]
    with open_store(folder, key):
        pass  # who looks only does not keep the disk from being switched on
    for modules, _ in kept:
        for module in modules:
            assert not module.in_use
            module.close()
    assert not json.loads(says.invoke(app, ["disk", "health", str(folder), "--json"]).stdout)["on"]


def test_a_disk_is_open_once(disk, key):
    folder = disk()
    with open_store(folder, key), pytest.raises(Refusal, match="in use by another process"):
        open_store(folder, key)
    with open_store(folder, key, read_only=True), open_store(folder, key, read_only=True) as second:
        with pytest.raises(OSError, match="read-only"):
            second.write(0, b"x")
        second.flush()


def test_nothing_is_left_where_a_disk_cannot_be_made(tmp_path, key, monkeypatch):
    def fails(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("spacegrey.t2.storage.folder.write_label", fails)
    with pytest.raises(InputError, match="no space left"):
        create_store(tmp_path / "d", key, SIZE)
    assert not list((tmp_path / "d").iterdir())


def test_health_counts(disk, key):
    folder = disk()
    with open_store(folder, key) as store:
        store.write(0, b"x" * 3 * PAGE)
        store.read(0, PAGE)
        store.flush()
        layout = store.label.geometry
    store = open_store(folder, key)
    for module in store._modules:
        module.close()  # a cut
    with open_store(folder, key) as store:
        counters = store.counters()
    assert (counters.pages_written, counters.pages_read, counters.flushes) == (3, 1, 1)
    assert (counters.power_cycles, counters.unsafe_shutdowns, counters.pages_in_use) == (3, 1, 3)
    worn = Counters(erasures=layout.blocks * layout.endurance_cycles, media_errors=1, blocks_lost=layout.blocks)
    assert len(health(worn, layout).warnings) == 3


def test_readers_are_right_while_blocks_are_erased_under_them(opened):  # noqa: C901
    """Each page holds its own number; a reader that got another page's bytes would see another number."""
    wrong, ended = [], threading.Event()

    def content(page, turn):
        return (page * 65536 + turn).to_bytes(4, "little") * 1024

    def read(seed):
        rng = random.Random(seed)
        while not ended.is_set():
            page = rng.randrange(200)
            found = opened.read(page * PAGE, 4 * PAGE)
            for k in range(4):
                part = found[k * PAGE : (k + 1) * PAGE]
                own = int.from_bytes(part[:4], "little") >> 16
                if part != part[:4] * 1024 or own != page + k:
                    wrong.append(page + k)

    for page in range(256):
        opened.write(page * PAGE, content(page, 0))
    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(2)]
    for thread in threads:
        thread.start()
    rng, end, turn = random.Random(9), time.monotonic() + 2, 0
    while time.monotonic() < end:
        turn += 1
        page = rng.randrange(256)
        opened.write(page * PAGE, content(page, turn % 65536))
        if turn % 50 == 0:
            opened.flush()
    ended.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert opened.translation.erasures > 10


def test_any_handle_with_the_calls_of_the_protocol_will_do(disk):
    """What an enclave in another process offers."""

    class Handle:
        def __init__(self):
            own = XtsKey(KEY)
            self.encrypt, self.decrypt, self.tag, self.room = own.encrypt, own.decrypt, own.tag, own.room
            self.decrypt_each = own.decrypt_each

    for integrity in (False, True):
        with open_store(disk(integrity=integrity), Handle()) as store:
            store.write_pages([0, 8 * PAGE], [memoryview(b"a" * PAGE), memoryview(b"b" * PAGE)])
            room = memoryview(bytearray(3 * PAGE))
            store.read_pages(np.array([8, 4, 0]), room)
            assert room == b"b" * PAGE + bytes(PAGE) + b"a" * PAGE
            store.read_pages(np.array([8, 0, 8]), room)
            assert room == b"b" * PAGE + b"a" * PAGE + b"b" * PAGE


def test_layers_log_and_delay(disk, key):
    calls = []
    with open_store(disk(), key, wrap=lambda _number, module: Log(Delay(module, sync=0.02), calls)) as store:
        calls.clear()
        store.write(0, b"x" * PAGE)
        assert [name for name, _, _ in calls] == ["write"]
        start = time.perf_counter()
        store.flush()
        assert time.perf_counter() - start > 0.02
        assert [name for name, _, _ in calls[1:]] == ["sync", "sync", "write", "sync", "sync"]


def test_both_modules_carry_a_large_write(disk, key):
    calls = {0: [], 1: []}
    with open_store(disk(), key, wrap=lambda number, module: Log(module, calls[number])) as store:
        for log in calls.values():
            log.clear()
        store.write(0, b"x" * 64 * PAGE)
        written = [sum(length for name, _, length in log if name == "write") for log in calls.values()]
    assert written == [32 * PAGE, 32 * PAGE]
