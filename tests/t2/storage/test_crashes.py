"""A cut at any moment: what was flushed is there, everything else is old or new, and never anything else."""

import itertools
import random

import pytest

from spacegrey.t2.storage.crashes import crash_states, every_state
from spacegrey.t2.storage.engine import PAGE
from spacegrey.t2.storage.folder import module_file, open_store
from spacegrey.t2.storage.labels import read_label
from spacegrey.t2.storage.layers import Event, Recorder
from spacegrey.t2.storage.modules import ModuleFile
from spacegrey.t2.storage.store import Store


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    """What is durable is the recorder's to say: nothing has to reach this computer's own disk."""
    monkeypatch.setattr(ModuleFile, "sync", lambda _self: None)


PAGES = 24
"""Of the disk that the workloads use: few, so that they are written again and again."""


class Recorded:
    """A disk under a recorder, and what its client was told."""

    def __init__(self, folder, key):
        self.events = []
        self.before = [module_file(folder, number).read_bytes() for number in (0, 1)]
        self.store = open_store(folder, key, wrap=lambda number, module: Recorder(module, number, self.events))
        self.history = {page: [(0, bytes(PAGE))] for page in range(PAGES)}  # page -> (answered at event, content)
        self.flushed = [(0, 0)]  # event count at which a flush was answered, and at which it had been asked for

    def _done(self, pages):
        self.events.append(Event("mark"))
        for page in pages:
            self.history[page].append((len(self.events), self.store.read(page * PAGE, PAGE)))

    def write(self, offset, data):
        first, last = offset // PAGE, (offset + len(data) - 1) // PAGE
        self._begin(range(first, last + 1), offset, data)
        self.store.write(offset, data)
        self._done(range(first, last + 1))

    def take(self, page, value):
        """Write a page that waits in memory for others."""
        self._begin([page], page * PAGE, bytes([value]) * PAGE)
        self.store.write_pages([page * PAGE], [memoryview(bytes([value]) * PAGE)])
        self._done([page])

    def zero(self, offset, length):
        self._begin(range(offset // PAGE, (offset + length - 1) // PAGE + 1), offset, bytes(length))
        self.store.zero(offset, length)
        self._done(range(offset // PAGE, (offset + length - 1) // PAGE + 1))

    def _begin(self, pages, offset, data):
        """From now on the new content may be seen, before it is answered."""
        for page in pages:
            content = bytearray(self.store.read(page * PAGE, PAGE))
            start = max(offset, page * PAGE)
            end = min(offset + len(data), (page + 1) * PAGE)
            content[start - page * PAGE : end - page * PAGE] = data[start - offset : end - offset]
            self.history[page].append((len(self.events), bytes(content)))

    def flush(self):
        asked = len(self.events)
        self.store.flush()
        self.events.append(Event("mark"))
        self.flushed.append((len(self.events), asked))

    def allowed(self, page, count):
        """Return what a page may hold after a cut when ``count`` events had happened."""
        asked = max(asked for answered, asked in self.flushed if answered <= count)
        contents = [content for at, content in self.history[page] if at <= count]
        settled = max(k for k, (at, _) in enumerate(self.history[page]) if at <= asked)
        return contents[settled:]


def _workload(disk, seed, steps):
    rng = random.Random(seed)
    for step in range(steps):
        length = rng.choice([1, 700, PAGE, PAGE, 2 * PAGE, 3 * PAGE + 5])
        offset = rng.randrange(PAGES * PAGE - length)
        if length % PAGE == 0:
            offset -= offset % PAGE
        kind = rng.random()
        if kind < 0.2:
            disk.take(offset // PAGE, step % 255 + 1)
        elif kind < 0.6:
            disk.write(offset, bytes([step % 255 + 1]) * length)
        elif kind < 0.75:
            disk.zero(offset, length)
        else:
            disk.flush()


class Memory:
    """A module that is only in memory: a thousand states are opened in the time of a hundred."""

    def __init__(self, content):
        self.content = content

    def read(self, offset, views):
        for view in views:
            view[:] = self.content[offset : offset + len(view)]
            offset += len(view)

    def close(self):
        pass


def _found(images, key):
    """Open a state and return what its first pages hold."""
    modules = [Memory(image) for image in images]
    with Store(modules, key, read_label(modules[0], "module 0"), read_only=True) as store:
        return store.read(0, PAGES * PAGE)


def _check(recorded, key, states):
    """See that each state opens and that each page holds what it may; return how many states there were."""
    checked = 0
    for count, images in states:
        found = _found(images, key)
        for page in range(PAGES):
            content = found[page * PAGE : (page + 1) * PAGE]
            assert content in recorded.allowed(page, count), f"page {page} after {count} events"
        checked += 1
    return checked


def _write_and_flush(disk):
    for page in range(6):
        disk.write(page * PAGE, bytes([page + 1]) * PAGE)
    disk.flush()
    disk.write(0, b"n" * PAGE)
    disk.write(PAGE + 100, b"part")
    disk.zero(2 * PAGE, PAGE)
    disk.write(3 * PAGE, b"m" * 3 * PAGE)
    disk.flush()


def _fua_writes(disk):
    """Write as the server does with FUA: write, flush, answer."""
    for page in (0, 1, 0, 7):
        disk.write(page * PAGE, bytes([len(disk.events) % 255 + 1]) * PAGE)
        disk.flush()
    disk.write(8 * PAGE, b"not flushed" * 512)


def _the_same_pages_again(disk):
    for turn in range(1, 4):
        for page in (3, 4, 3):
            disk.write(page * PAGE, bytes([turn * 16 + page]) * PAGE)
        disk.flush()


def _trims(disk):
    disk.write(0, b"a" * 8 * PAGE)
    disk.flush()
    disk.zero(PAGE, 2 * PAGE)
    disk.write(5 * PAGE, b"b" * PAGE)
    disk.zero(6 * PAGE + 10, 20)
    disk.flush()
    disk.zero(0, 8 * PAGE)
    disk.flush()


def _parts_of_pages(disk):
    for k in range(4):
        disk.write(k * 1500, bytes([k + 1]) * 1600)
    disk.flush()
    disk.write(10, b"x" * 5000)
    disk.flush()


def _waiting_pages(disk):
    for page in (0, 4, 1, 0):
        disk.take(page, len(disk.events) % 255 + 1)
    disk.write(4 * PAGE + 100, b"over one that waits")
    disk.take(2, 7)
    disk.flush()
    for page in (4, 5, 6):
        disk.take(page, 9)
    disk.zero(5 * PAGE, PAGE)
    disk.store.settle()
    disk.take(4, 10)
    disk.flush()
    disk.take(7, 11)


BOUNDED = [
    (_write_and_flush, False), (_fua_writes, False), (_fua_writes, True), (_the_same_pages_again, True),
    (_trims, False), (_trims, True), (_parts_of_pages, False), (_waiting_pages, False), (_waiting_pages, True),
]  # fmt: skip
"""Workloads with ten loose changes at most, and whether they have tags, whose writing counts as a change too."""


@pytest.mark.slow
@pytest.mark.claims("I4")
@pytest.mark.parametrize(("workload", "integrity"), BOUNDED)
def test_invariants_1_and_2_in_every_state_of_a_bounded_workload(disk, key, workload, integrity):
    """1: what was answered before an answered flush is exact. 2: everything else is old or new, never another's."""
    recorded = Recorded(disk(integrity=integrity), key)
    workload(recorded)
    recorded.store.close()
    assert _check(recorded, key, every_state(recorded.before, recorded.events)) > 300


@pytest.mark.slow
def test_invariants_1_and_2_in_every_state_while_the_map_moves_to_its_other_slot(disk, key):
    folder = disk()
    recorded = Recorded(folder, key)
    while not recorded.store.translation.journal.must_checkpoint(2, 0):
        recorded.write(0, bytes([len(recorded.events) % 255]) * PAGE)
        recorded.flush()
    generation = recorded.store.translation.journal.generation
    start, now = len(recorded.events), [module_file(folder, number).read_bytes() for number in (0, 1)]
    for page in range(3):
        recorded.write(page * PAGE, bytes([page + 7]) * PAGE)
    recorded.flush()
    assert recorded.store.translation.journal.generation == generation + 1
    recorded.store.close()
    states = every_state(now, recorded.events[start:])
    assert _check(recorded, key, ((count + start, images) for count, images in states)) > 300


def test_invariant_1_every_tearing_of_a_journal_record_is_noticed(disk, key):
    """All 256 ways in which some of its sectors are there and some are not: it counts whole, or not at all."""
    folder = disk()
    recorded = Recorded(folder, key)
    pages = random.Random(1).sample(range(256), 256)
    recorded.store.write_pages([page * PAGE for page in pages], [memoryview(b"x" * PAGE)] * len(pages))
    recorded.flush()
    recorded.store.close()
    sectors = -(-(56 + 12 * len(pages)) // 512)  # that hold something: the record's head and its extents
    assert sectors == 7
    (record,) = [k for k, event in enumerate(recorded.events) if event.kind == "write" and k > 0
                 and recorded.events[k - 1].kind == "sync" and recorded.events[k + 1].kind == "sync"][:1]  # fmt: skip
    event = recorded.events[record]
    durable = [bytearray(image) for image in recorded.before]
    for change in recorded.events[:record]:
        if change.kind == "write":
            durable[change.module][change.offset : change.offset + len(change.data)] = change.data
    for there in itertools.product((False, True), repeat=8):
        images = [bytearray(image) for image in durable]
        for k, kept in enumerate(there):
            if kept:
                place = event.offset + 512 * k
                images[event.module][place : place + 512] = event.data[512 * k : 512 * (k + 1)]
        assert _found(images, key) == (b"x" if all(there[:sectors]) else b"\0") * PAGES * PAGE


def test_every_state_is_listed():
    """Against the definition: all subsets of what is loose; and a tearing of the newest write."""
    events = [Event("write", k % 2, 512 * k, bytes([k + 1]) * 1024) for k in range(4)] + [Event("sync", 0)]
    found = {(count, *map(bytes, images)) for count, images in every_state([bytes(4096)] * 2, events)}
    expected = set()
    for count in range(5):
        for choice in itertools.product((False, True), repeat=count):
            images = [bytearray(4096), bytearray(4096)]
            for kept, event in zip(choice, events, strict=False):
                if kept:
                    images[event.module][event.offset : event.offset + 1024] = event.data
            expected.add(tuple(map(bytes, images)))
    assert expected <= {tuple(images) for _, *images in found}
    torn = bytes(512) + b"\x01" * 512 + bytes(3072)
    assert (1, torn, bytes(4096)) in found
    assert {images[0][:1024] for count, *images in found if count == 5} == {b"\x01" * 1024}, "synced is durable"
    with pytest.raises(ValueError, match="more than 3 changes are loose after 4 events"):
        list(every_state([bytes(4096)] * 2, events, 3))


def _restored(folder, images):
    for number, image in enumerate(images):
        module_file(folder, number).write_bytes(image)


@pytest.mark.slow
@pytest.mark.claims("I4")
@pytest.mark.parametrize(("integrity", "seed"), [(False, 1), (True, 2), (False, 3)])
def test_every_crash_state_of_a_workload_is_old_or_new(disk, key, integrity, seed):
    folder = disk(integrity=integrity)
    recorded = Recorded(folder, key)
    _workload(recorded, seed, 24)
    recorded.store.close()
    checked = 0
    for count, images in crash_states(recorded.before, recorded.events, random.Random(seed), 3):
        _restored(folder, images)
        with open_store(folder, key, read_only=True) as store:
            found = store.read(0, PAGES * PAGE)
        for page in range(PAGES):
            content = found[page * PAGE : (page + 1) * PAGE]
            assert content in recorded.allowed(page, count), f"page {page} after {count} events"
        checked += 1
    assert checked > 200


def test_a_flushed_snapshot_comes_back_as_one(disk, key):
    """Stronger than the protocol asks: what a cut leaves is the disk as it was at one moment, not a mixture."""
    folder = disk()
    recorded = Recorded(folder, key)
    moments = []
    for step in range(1, 5):
        for page in (0, 3, 5):
            recorded.write(page * PAGE, bytes([step]) * PAGE)
        recorded.flush()
        moments.append(bytes([step]))
    recorded.store.close()
    for _count, images in crash_states(recorded.before, recorded.events, random.Random(1), 2):
        _restored(folder, images)
        with open_store(folder, key, read_only=True) as store:
            values = {store.read(page * PAGE, 1) for page in (0, 3, 5)}
        assert len(values) == 1
        assert values <= {b"\0", *moments}


def test_a_torn_record_does_not_count(disk, key):
    """One flush of so many changes that its record fills several sectors; any of them may be missing."""
    folder = disk()
    pages = [page * 2 for page in random.Random(1).sample(range(120), 120)]
    events = []
    before = [module_file(folder, number).read_bytes() for number in (0, 1)]
    store = open_store(folder, key, wrap=lambda number, module: Recorder(module, number, events))
    for turn in (1, 2):
        store.write_pages([page * PAGE for page in pages], [memoryview(bytes([turn]) * PAGE)] * len(pages))
        store.flush()
    store.close()
    torn = 0
    for seed in range(6):
        for count, images in crash_states(before, events, random.Random(seed), 2):
            if seed and not (count and events[count - 1].kind == "write"):
                continue
            _restored(folder, images)
            with open_store(folder, key, read_only=True) as opened:
                found = opened.read(0, 240 * PAGE)
            assert len({found[page * PAGE : (page + 1) * PAGE] for page in pages}) == 1
            torn += 1
    assert torn > 50


def test_a_cut_while_the_whole_map_is_written_anew(disk, key):
    """The map moves to its other slot, twice, and every state around that opens and is right."""
    folder = disk()
    recorded = Recorded(folder, key)
    generation = recorded.store.translation.journal.generation
    while recorded.store.translation.journal.generation < generation + 2:
        page = len(recorded.flushed) % PAGES
        recorded.write(page * PAGE, bytes([len(recorded.flushed)]) * PAGE)
        recorded.flush()
    recorded.store.close()
    rng, opened = random.Random(3), 0
    for count, images in crash_states(recorded.before, recorded.events, rng, 4):
        if rng.random() > 250 / len(recorded.events):
            continue
        _restored(folder, images)
        with open_store(folder, key, read_only=True) as store:
            for page in range(PAGES):
                assert store.read(page * PAGE, PAGE) in recorded.allowed(page, count)
        opened += 1
    assert opened > 100


def test_the_check_sees_a_lost_flush(disk, key, monkeypatch):
    """The same check with a flash that forgets to sync: it must fail."""
    folder = disk()
    recorded = Recorded(folder, key)
    monkeypatch.setattr(Recorder, "sync", lambda _self: None)
    recorded.write(0, b"x" * PAGE)
    recorded.flush()
    events = list(recorded.events)
    recorded.store.close()
    lost = False
    for count, images in crash_states(recorded.before, events, random.Random(1), 3):
        _restored(folder, images)
        with open_store(folder, key, read_only=True) as store:
            lost = lost or store.read(0, PAGE) not in recorded.allowed(0, count)
    assert lost


def test_garbage_is_collected_safely_at_a_cut(disk, key):
    """Blocks are moved and erased while the disk is written over and over; every state opens and is right."""
    folder = disk()
    with open_store(folder, key) as store:
        for page in range(PAGES, 256):
            store.write(page * PAGE, bytes([page % 251 + 1]) * PAGE)
        store.flush()
    recorded = Recorded(folder, key)
    rng = random.Random(5)
    before = recorded.store.translation.moved
    while recorded.store.translation.moved - before < 24:
        recorded.store.write(rng.randrange(PAGES, 256) * PAGE, b"\xff" * PAGE)
        if rng.random() < 0.1:
            page = rng.randrange(PAGES)
            recorded.write(page * PAGE, bytes([rng.randrange(1, 250)]) * PAGE)
    recorded.flush()
    recorded.store.close()
    events = recorded.events
    rng = random.Random(9)
    for count, images in crash_states(recorded.before, events, rng, 1):
        if rng.random() > 150 / len(events):
            continue
        _restored(folder, images)
        with open_store(folder, key, read_only=True) as store:
            for page in range(PAGES):
                assert store.read(page * PAGE, PAGE) in recorded.allowed(page, count)
            for page in range(PAGES, 256):
                assert store.read(page * PAGE, PAGE) in {bytes([page % 251 + 1]) * PAGE, b"\xff" * PAGE}
