"""Modules are exchanged wholly or not at all, whatever name they are given."""

from pathlib import Path

import pytest

from spacegrey.errors import InputError
from spacegrey.t2.storage.engine import XtsKey
from spacegrey.t2.storage.folder import create_store, module_file
from spacegrey.virtual.modules import refusal, swap


@pytest.fixture
def disk(tmp_path):
    create_store(tmp_path / "disk", XtsKey(bytes(range(32))), 64 << 20)
    return tmp_path / "disk"


@pytest.fixture
def blade(tmp_path):
    """Return a module of another disk."""
    create_store(tmp_path / "other", XtsKey(bytes(range(32))), 64 << 20)
    module_file(tmp_path / "other", 0).rename(tmp_path / "blade")
    return tmp_path / "blade"


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["disk/module-0.flash", "disk/../disk/module-0.flash", "by another name"])
def test_a_module_is_not_exchanged_for_itself(disk, tmp_path, name):
    (tmp_path / "by another name").symlink_to(module_file(disk, 0))
    before = _names(disk)
    with pytest.raises(InputError, match="the module that is in slot 0 already"):
        swap(disk, 0, tmp_path / name)
    assert _names(disk) == before
    assert refusal(disk) is None


def test_behind_a_name_it_is_the_module_that_is_exchanged(disk, blade, tmp_path):
    (tmp_path / "name").symlink_to("blade")
    own, strange = (path.stat().st_ino for path in (module_file(disk, 0), blade))
    assert "belongs to another machine" in str(swap(disk, 0, tmp_path / "name"))
    assert not module_file(disk, 0).is_symlink()
    assert (module_file(disk, 0).stat().st_ino, blade.stat().st_ino) == (strange, own)
    assert swap(disk, 0, tmp_path / "name") is None


@pytest.mark.parametrize("step", [1, 2, 3])
def test_where_a_step_fails_each_module_is_where_it_was(disk, blade, monkeypatch, step):
    before = [path.stat().st_ino for path in (module_file(disk, 0), blade)]
    rename, done = Path.rename, []

    def fails_once(path, to):
        done.append(path)
        if len(done) == step:
            raise OSError(5, "Input/output error")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", fails_once)
    with pytest.raises(InputError, match=r"cannot be moved to .*: input/output error"):
        swap(disk, 0, blade)
    assert [path.stat().st_ino for path in (module_file(disk, 0), blade)] == before
    assert not list(disk.glob("*.pulled"))
    assert refusal(disk) is None


def test_what_an_exchange_left_that_was_cut_short_is_named_with_what_to_do(disk, blade):
    slot = module_file(disk, 0)
    aside = slot.rename(slot.with_suffix(".pulled"))
    with pytest.raises(InputError, match=f"cut short; put it back: mv {aside} {slot}$"):
        swap(disk, 0, blade)
    blade.rename(slot)
    blade.write_bytes(b"")
    with pytest.raises(InputError, match="cut short; it is the module that was in slot 0; move it to where"):
        swap(disk, 0, blade)
