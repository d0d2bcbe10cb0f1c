"""Wear is even, also where some data never changes: cold blocks are moved on to worn ones."""

import random

import pytest

from spacegrey.t2.storage.crashes import crash_states
from spacegrey.t2.storage.engine import PAGE
from spacegrey.t2.storage.folder import create_store, module_file, open_store
from spacegrey.t2.storage.health import health
from spacegrey.t2.storage.layers import Event, Fault, Recorder
from spacegrey.t2.storage.modules import ModuleFile

from .conftest import CAPACITY, SMALL

SPREAD = 4
PAGES = CAPACITY // PAGE


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(ModuleFile, "sync", lambda _self: None)


def _cold(page):
    return (page + 1).to_bytes(4, "little") * 1024


@pytest.fixture
def aged(tmp_path, key):
    """Return a function that makes a disk with so many cold pages; a block may differ from another by `SPREAD`."""

    def make(cold, **more):
        sheet = SMALL.model_copy(update={"wear_spread_cycles": SPREAD})
        create_store(tmp_path / "disk", key, CAPACITY, sheet=sheet)
        with open_store(tmp_path / "disk", key) as store:
            for page in range(cold):
                store.write(page * PAGE, _cold(page))
        return open_store(tmp_path / "disk", key, **more)

    return make


@pytest.mark.parametrize("cold", [PAGES - 8, PAGES // 2])
def test_a_hot_corner_wears_the_whole_flash(aged, key, tmp_path, cold):
    """Eight pages are written again and again, on a full disk and on a half empty one; the rest is never touched."""
    with aged(cold) as store:
        for turn in range(1500):
            store.write((PAGES - 8) * PAGE, turn.to_bytes(4, "little") * 1024 * 8)
            if turn % 40 == 39:
                store.flush()
        erasures = store.translation.blocks.erasures[1:]
        assert erasures.mean() > 5 * SPREAD
        assert int(erasures.max()) - int(erasures.min()) <= 4 * SPREAD
        found = health(store.counters(), store.label.geometry)
        assert found.write_amplification == pytest.approx(1 + store.counters().pages_moved / (cold + 1500 * 8))
        assert 1 < found.write_amplification < 1.5
    with open_store(tmp_path / "disk", key) as store:
        assert all(store.read(page * PAGE, PAGE) == _cold(page) for page in range(cold))


def test_evenly_written_disks_move_nothing_for_the_sake_of_wear(aged):
    """Every page is written in turn: blocks empty themselves, and nothing has to be moved."""
    with aged(PAGES) as store:
        for _ in range(40):
            for page in range(PAGES):
                store.write(page * PAGE, _cold(page))
        assert store.counters().pages_moved == 0


def test_a_cut_while_a_cold_block_is_moved(aged, key, tmp_path):
    """Each state that the moves can leave has every cold page, and the hot ones as they were at a flush or later."""
    cold, events = PAGES - 8, []
    store = aged(cold, wrap=lambda number, module: Recorder(module, number, events))
    turn = 0
    while store.translation.blocks.most_erasures < 2 * SPREAD:
        turn += 1
        store.write((PAGES - 8 + turn % 8) * PAGE, turn.to_bytes(4, "little") * 1024)
    store.flush()
    events.clear()
    before = [module_file(tmp_path / "disk", number).read_bytes() for number in (0, 1)]
    places, promised = [store.translation.place(page) for page in range(16)], [(0, turn)]
    for turn in range(turn + 1, turn + 300):  # noqa: B020 - it goes on counting
        store.write((PAGES - 8 + turn % 8) * PAGE, turn.to_bytes(4, "little") * 1024)
        if turn % 5 == 0:
            store.flush()
            events.append(Event("mark"))
            promised.append((len(events), turn))
    assert [store.translation.place(page) for page in range(16)] != places, "a cold block was moved"
    store.close()
    rng = random.Random(1)
    checked = 0
    for count, images in crash_states(before, events, rng, 1, set(rng.sample(range(len(events)), 40))):
        for number, image in enumerate(images):
            module_file(tmp_path / "disk", number).write_bytes(image)
        with open_store(tmp_path / "disk", key, read_only=True) as opened:
            assert opened.read(0, cold * PAGE) == b"".join(map(_cold, range(cold)))
            newest = max(int.from_bytes(opened.read(page * PAGE, 4), "little") for page in range(cold, PAGES))
        assert newest >= max(turn for at, turn in promised if at <= count)
        checked += 1
    assert checked > 30


def test_a_cold_page_that_cannot_be_read_stays_where_it_is(aged):
    bad = {0: set(), 1: set()}
    wrap = lambda number, module: Fault(module, lambda call, at, _n: 5 if call == "read" and at in bad[number] else 0)  # noqa: E731
    with aged(PAGES // 2, wrap=wrap) as store:
        layout, place = store.label.geometry, store.translation.place(3)
        row, inside = divmod(place, layout.stripe_pages)
        bad[row % 2].add((16 + row // 2 * layout.stripe_pages + inside) * PAGE)
        for turn in range(1500):
            store.write((PAGES - 8) * PAGE, turn.to_bytes(4, "little") * 1024 * 8)
        assert store.counters().blocks_lost == 1
        assert store.read(4 * PAGE, PAGE) == _cold(4)
        bad[0].clear()
        bad[1].clear()
        assert store.read(3 * PAGE, PAGE) == _cold(3)
