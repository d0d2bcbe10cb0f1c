"""Every call to the flash fails once, with every number: the error is clean, and no promise is broken.

The served side of the same faults is in `tests/nbd/test_faults.py`.
"""

# ruff: noqa: SLF001 - a cut closes the files under an open disk

import errno
import random
import shutil

import pytest

from spacegrey.t2.storage.engine import PAGE
from spacegrey.t2.storage.folder import open_store
from spacegrey.t2.storage.layers import Fault
from spacegrey.t2.storage.modules import ModuleFile

PAGES = 256
NO_MEMORY = -1
"""Stands for Python's own MemoryError among the numbers."""


class Plan:
    """Which calls fail, counted from when the plan is armed: so many from one on, with this number."""

    def __init__(self, at=0, number=0, lasts=0):
        self.failing, self.number = range(at, at + lasts), number
        self.armed, self.names = False, []

    def __call__(self, call, _offset, _length):
        if not self.armed:
            return 0
        self.names.append(call)
        if len(self.names) - 1 not in self.failing:
            return 0
        if self.number == NO_MEMORY:
            raise MemoryError
        return self.number


class Promised:
    """A disk and what its client was told: what each page may hold now, and what it may hold after a cut.

    The content of a page is its first byte and the byte that fills the rest.
    """

    def __init__(self, store, content):
        self.store = store
        self.now = [{(value, value)} for value in content]
        self.kept = [{(value, value)} for value in content]
        self.errors = []

    def _try(self, call, *words):
        try:
            call(*words)
        except (OSError, MemoryError) as error:
            self.errors.append(NO_MEMORY if isinstance(error, MemoryError) else error.errno)
            return False
        return True

    def write(self, pages, value):
        views = [memoryview(bytes([value]) * PAGE)] * len(pages)
        done = self._try(self.store.write_pages, [page * PAGE for page in pages], views)
        self._changed(pages, lambda _head, _rest: (value, value), done)

    def write_parts(self, page, value):
        done = self._try(self.store.write, page * PAGE + 1, bytes([value]) * (PAGE - 1))
        self._changed([page], lambda head, _rest: (head, value), done)
        done = self._try(self.store.write, page * PAGE, bytes([value]))
        self._changed([page], lambda _head, rest: (value, rest), done)

    def zero(self, page, count):
        done = self._try(self.store.zero, page * PAGE, count * PAGE)
        self._changed(range(page, page + count), lambda _head, _rest: (0, 0), done)

    def flush(self):
        if self._try(self.store.flush):
            self.kept = [set(contents) for contents in self.now]

    def _changed(self, pages, change, done):
        for page in pages:
            new = {change(*content) for content in self.now[page]}
            self.now[page] = new if done else self.now[page] | new
            self.kept[page] |= self.now[page]

    @staticmethod
    def check(store, allowed, what):
        found = store.read(0, PAGES * PAGE)
        for page in range(PAGES):
            part = found[page * PAGE : (page + 1) * PAGE]
            assert part[1:] == part[1:2] * (PAGE - 1), f"{what}: page {page} in parts"
            assert (part[0], part[1]) in allowed[page], f"{what}: page {page} holds {part[:2]}, not {allowed[page]}"


def _workload(disk, seed, steps):
    rng = random.Random(seed)
    for step in range(steps):
        kind, value = rng.random(), step % 250 + 1
        if kind < 0.55:
            disk.write(rng.sample(range(PAGES), rng.choice([1, 1, 4, 16])), value)
        elif kind < 0.65:
            disk.write_parts(rng.randrange(PAGES), value)
        elif kind < 0.7:
            disk.zero(rng.randrange(PAGES - 8), rng.choice([1, 8]))
        else:
            disk.flush()
    disk.flush()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    """A cut here ends a process, not the computer: nothing has to reach the computer's own disk."""
    monkeypatch.setattr(ModuleFile, "sync", lambda _self: None)


@pytest.fixture(scope="module")
def full(tmp_path_factory, key):
    """Return the folders of full disks, without and with tags: every write to them collects garbage before long."""
    from spacegrey.t2.storage.folder import create_store

    from .conftest import CAPACITY, SMALL

    made = {}
    for integrity in (False, True):
        made[integrity] = tmp_path_factory.mktemp("full")
        create_store(made[integrity], key, CAPACITY, sheet=SMALL, integrity=integrity)
        with open_store(made[integrity], key) as store:
            for page in range(PAGES):
                store.write(page * PAGE, bytes([page % 250 + 1]) * PAGE)
    return made


def _run(folder, key, plan):
    """Run the workload with a failing flash; check what the disk holds then, and what it holds after a cut."""
    store = open_store(folder, key, wrap=lambda _number, module: Fault(module, plan))
    promised = Promised(store, [page % 250 + 1 for page in range(PAGES)])
    plan.armed = True
    _workload(promised, 3, 90)
    plan.armed = False
    promised.check(store, promised.now, "at once")
    for module in store._modules:
        module.close()
    with open_store(folder, key) as again:
        promised.check(again, promised.kept, "after the cut")
        again.write(0, b"\x01" * PAGE)
    with open_store(folder, key) as again:
        assert again.read(0, PAGE) == b"\x01" * PAGE
    return promised


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "lasts", "integrity"),
    [
        (errno.EIO, 1, False), (errno.EIO, 12, True), (errno.ENOSPC, 1, True), (errno.ENOSPC, 12, False),
        (errno.EDQUOT, 12, False), (errno.ENOMEM, 1, False), (errno.EROFS, 1, True), (NO_MEMORY, 1, True),
        (NO_MEMORY, 12, False),
    ],
)  # fmt: skip
def test_whichever_call_fails_nothing_answered_is_lost(full, key, tmp_path, number, integrity, lasts):
    shutil.copytree(full[integrity], tmp_path / "counted")
    counted = Plan()
    assert not _run(tmp_path / "counted", key, counted).errors
    assert counted.names.count("write") > 200, "garbage was collected"
    for call, most in {"read": 6, "write": 12, "sync": 8, "discard": 4}.items():
        places = [at for at, name in enumerate(counted.names) if name == call]
        for at in places[number % 3 :: max(1, len(places) // most)]:
            folder = shutil.copytree(full[integrity], tmp_path / str(at))
            promised = _run(folder, key, Plan(at, number, lasts))
            shutil.rmtree(folder)
            # A block whose write fails is lost; a dozen of them are all that this small disk has to spare.
            worn_out = {errno.ENOSPC} if lasts > 1 else set()
            assert set(promised.errors) <= {number, errno.EIO} | worn_out, f"{call} {at} failed with {promised.errors}"


def _broken(call, number, *, at=None):
    """Return a fault: every call of this kind fails, or those at these places of a module."""
    return lambda name, offset, _length: number if name == call and (at is None or offset in at) else 0


def test_room_that_the_computer_does_not_take_back_is_no_error(full, key, tmp_path):
    """A hole that cannot be punched costs room on the computer, and nothing else."""
    folder = shutil.copytree(full[False], tmp_path / "disk")
    with open_store(folder, key, wrap=lambda _number, module: Fault(module, _broken("discard", errno.EIO))) as store:
        for turn in range(3):
            store.trim(0, store.capacity)
            store.flush()
            for page in range(PAGES):
                store.write(page * PAGE, bytes([turn + 1]) * PAGE)
        assert store.read(0, store.capacity) == b"\x03" * store.capacity
        assert store.translation.erasures > 2 * 16


def test_one_page_that_cannot_be_read_does_not_end_all_writing(full, key, tmp_path):
    """Collecting garbage leaves the block of a bad page alone: the page stays lost, the disk goes on."""
    folder = shutil.copytree(full[False], tmp_path / "disk")
    bad = {0: set(), 1: set()}
    wrap = lambda number, module: Fault(module, _broken("read", errno.EIO, at=bad[number]))  # noqa: E731
    with open_store(folder, key, wrap=wrap) as store:
        layout, place = store.label.geometry, store.translation.place(7)
        row, inside = divmod(place, layout.stripe_pages)
        bad[row % 2].add((16 + row // 2 * layout.stripe_pages + inside) * PAGE)
        rng = random.Random(1)
        for turn in range(1500):
            page = rng.choice([page for page in range(PAGES) if page != 7])
            store.write(page * PAGE, bytes([turn % 250 + 1]) * PAGE)
        with pytest.raises(OSError, match="Input/output"):
            store.read(7 * PAGE, PAGE)
        assert store.read(8 * PAGE, PAGE)
        found = store.counters()
        assert found.blocks_lost == 1
        assert found.media_errors >= 2
    bad[0].clear()
    bad[1].clear()
    with open_store(folder, key) as store:
        assert store.read(7 * PAGE, PAGE) == bytes([7 % 250 + 1]) * PAGE
        assert store.counters().blocks_lost == 1


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.ENOMEM, "no memory")])
def test_a_flush_without_memory_can_be_asked_for_again(disk, key, monkeypatch, error):
    """What the failed flush was to make durable is not forgotten: the next one, which succeeds, keeps all of it."""
    folder = disk()
    store = open_store(folder, key)
    store.write(0, b"a" * PAGE)
    with monkeypatch.context() as patch:
        patch.setattr(store.translation.journal, "append", lambda *_words: (_ for _ in ()).throw(error))
        with pytest.raises(type(error)):
            store.flush()
    store.write(PAGE, b"b" * PAGE)
    store.flush()
    for module in store._modules:
        module.close()
    with open_store(folder, key) as again:
        assert again.read(0, 2 * PAGE) == b"a" * PAGE + b"b" * PAGE


def test_spares_that_are_used_up_are_an_end_of_writing_and_not_of_reading(full, key, tmp_path):
    """Each block whose write fails is lost; in the end there is no room, and everything can still be read."""
    folder = shutil.copytree(full[False], tmp_path / "disk")
    fails = []
    wrap = lambda _number, module: Fault(module, lambda call, *_: errno.EIO if fails and call == "write" else 0)  # noqa: E731
    store = open_store(folder, key, wrap=wrap)
    fails.append(True)
    numbers = []
    for _ in range(40):
        with pytest.raises(OSError, match=r"Input|room|free") as caught:
            store.write(0, b"x" * PAGE)
        numbers.append(caught.value.errno)
    assert numbers[0] == errno.EIO
    assert numbers[-1] == errno.ENOSPC
    assert store.read(0, PAGE) == b"\x01" * PAGE
    assert store.counters().blocks_lost == numbers.count(errno.EIO)
    fails.clear()
    store.close()
    with open_store(folder, key, read_only=True) as store:
        assert all(store.read(page * PAGE, PAGE) == bytes([page % 250 + 1]) * PAGE for page in range(PAGES))
