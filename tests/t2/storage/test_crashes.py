"""A cut at any moment: what was flushed is there, everything else is old or new, and never anything else."""

import random

import pytest

from spacegrey.t2.storage.crashes import crash_states
from spacegrey.t2.storage.engine import PAGE
from spacegrey.t2.storage.folder import module_file, open_store
from spacegrey.t2.storage.layers import Event, Recorder

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
        if kind < 0.6:
            disk.write(offset, bytes([step % 255 + 1]) * length)
        elif kind < 0.75:
            disk.zero(offset, length)
        else:
            disk.flush()


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
