"""Golden files of every format that the storage keeps: version 1 opens for ever, a later one is refused in one line.

The two archives were written by version 1: one disk with tags and two records in its journal, one with a checkpoint of
a used map, and a record behind it.
"""

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from spacegrey.errors import InputError, Refusal
from spacegrey.t2.storage import journal
from spacegrey.t2.storage.engine import PAGE
from spacegrey.t2.storage.folder import PAIRING, module_file, open_modules, open_store, paired
from spacegrey.t2.storage.keyfile import new_key_file, read_key_file
from spacegrey.t2.storage.labels import Counters, read_health, write_health, write_label

HERE = Path(__file__).parent


@pytest.fixture
def old(tmp_path):
    """Return a function that unpacks a disk of version 1."""

    def unpack(name):
        with tarfile.open(HERE / f"{name}.tar.xz") as archive:
            archive.extractall(tmp_path, filter="data")
        return tmp_path / "disk"

    return unpack


def _first_pages(folder, number=0):
    return module_file(folder, number).read_bytes()[: 4 * PAGE]


class _Pages:
    def __init__(self):
        self.content = bytearray(4 * PAGE)

    def write(self, offset, views):
        self.content[offset : offset + PAGE] = views[0]


def test_a_journal_of_version_1_is_replayed(old, key):
    with open_store(old("disk-format-1"), key) as store:
        assert store.replayed == 2
        assert store.read(5000, 14) == b"from version 1"
        assert store.read(900_000, 3) == b"end"
        assert store.counters().power_cycles == 2


def test_a_checkpoint_of_version_1_is_read(old, key):
    with open_store(old("disk-format-1-checkpoint"), key, read_only=True) as store:
        assert (store.translation.journal.generation, store.replayed) == (2, 1)
        assert store.read(0, PAGE) == bytes([39]) * PAGE
        assert store.read(100 * PAGE, 10) == b"checkpoint"
        assert store.read(200 * PAGE, 7) == b"journal"
        assert store.counters().pages_in_use == 3
        assert store.counters().erasures == 2


def test_a_label_of_version_1_is_read_and_written_byte_for_byte(old):
    folder = old("disk-format-1")
    modules, label = open_modules(folder, read_only=True)
    for module in modules:
        module.close()
    assert (label.format, label.module, label.serial) == (1, 0, "SG6B425B0D86")
    assert (label.geometry.capacity, label.geometry.blocks, label.geometry.integrity) == (1 << 20, 27, True)
    made = _Pages()
    write_label(made, label)
    assert made.content[:PAGE] == _first_pages(folder)[:PAGE]
    assert paired(folder) == (label.pair, ["SG6B425B0D86", "SG7D574CB41F"])


def test_health_of_version_1_is_read_and_written_byte_for_byte(old):
    folder = old("disk-format-1")
    modules, _ = open_modules(folder, read_only=True)
    found = [read_health(module) for module in modules]
    for module in modules:
        module.close()
    assert found[0] == found[1]
    assert found[0] == Counters(
        sequence=2, pages_written=2, flushes=2, power_cycles=1, pages_in_use=2, seconds_on=0.002297507999173831
    )
    made = _Pages()
    write_health(made, found[0])
    assert made.content[2 * PAGE : 3 * PAGE] == _first_pages(folder)[2 * PAGE : 3 * PAGE]


def test_a_key_file_of_version_1_is_32_bytes(tmp_path, old):
    (tmp_path / "old.key").write_bytes(bytes(range(32)))
    (tmp_path / "old.key").chmod(0o600)
    open_store(old("disk-format-1"), read_key_file(tmp_path / "old.key"), read_only=True).close()
    new_key_file(tmp_path / "new.key")
    assert (tmp_path / "new.key").stat().st_size == 32
    (tmp_path / "old.key").write_bytes(b"SPACEGREY KEY 2\n" + bytes(range(32)))
    with pytest.raises(InputError, match="no volume key: a volume key has 32 bytes, not 33"):
        read_key_file(tmp_path / "old.key")


# later versions


def _sealed_again(folder, page, old_text, new_text):
    """Change a page in the clear of both modules, with a digest that is right."""
    for number in (0, 1):
        path = module_file(folder, number)
        content = bytearray(path.read_bytes())
        body = content[page * PAGE : (page + 1) * PAGE - 16]
        assert old_text in body
        body = body.replace(old_text, new_text)[: PAGE - 16].ljust(PAGE - 16, b"\0")
        content[page * PAGE : (page + 1) * PAGE] = body + hashlib.blake2b(body, digest_size=16).digest()
        path.write_bytes(content)


def test_a_label_of_a_later_version_is_refused(old, key):
    folder = old("disk-format-1")
    _sealed_again(folder, 0, b'"format": 1', b'"format": 2')
    with pytest.raises(Refusal, match=r"module 0 \(.*\) has format 2; this version reads format 1$"):
        open_store(folder, key)


def test_a_pairing_of_a_later_version_is_refused(old, key):
    folder = old("disk-format-1")
    content = json.loads((folder / PAIRING).read_text())
    (folder / PAIRING).write_text(json.dumps({**content, "format": 2}))
    with pytest.raises(Refusal, match=r"pairing.json has format 2; this version reads format 1$"):
        open_store(folder, key)
    (folder / PAIRING).write_text(json.dumps({**content, "format": "1"}))
    with pytest.raises(Refusal, match=r"pairing.json is damaged: it does not say its format$"):
        open_store(folder, key)


def test_what_a_later_version_counts_besides_is_passed_over(old):
    """Counters may be added without a new version: an older one reads those that it knows."""
    folder = old("disk-format-1")
    for page in (2, 3):
        _sealed_again(folder, page, b'"clean"', b'"also": 5, "clean"')
    modules, _ = open_modules(folder, read_only=True)
    assert read_health(modules[0]).flushes == 2
    for module in modules:
        module.close()


@pytest.mark.parametrize("magic", ["_HEADER_MAGIC", "_RECORD_MAGIC"])
def test_a_map_of_a_later_version_is_refused(disk, key, monkeypatch, magic):
    """A checkpoint, and a record of the journal, which must not be taken for the journal's end."""
    folder = disk()
    with monkeypatch.context() as patch:
        patch.setattr(journal, magic, getattr(journal, magic).replace(b"01", b"02"))
        store = open_store(folder, key) if magic == "_RECORD_MAGIC" else None
        if store:
            store.write(0, b"x" * PAGE)
            store.close()
        else:
            from spacegrey.t2.storage.folder import create_store

            folder = folder.with_name("later")
            create_store(folder, key, 1 << 20)
    with pytest.raises(Refusal, match=r"the disk's map has version 02; this one reads 01$"):
        open_store(folder, key)
