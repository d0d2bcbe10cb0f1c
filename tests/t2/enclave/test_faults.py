"""A medium that fails: one clear line, no attempt for nothing, and what was answered is there after the next start."""

import errno
import os
import re
import resource
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from spacegrey.errors import Refusal
from spacegrey.t2.enclave import keybag, keys
from spacegrey.t2.enclave.client import EnclaveClient
from spacegrey.t2.storage.layers import Fault
from spacegrey.virtual import instance as room

NUMBERS = [errno.EIO, errno.EROFS, errno.ENOSPC]
NAMES = [errno.errorcode[number] for number in NUMBERS]


def _acts(chip):
    """Return everything that writes, by name; each returns what it said, for a chip with FileVault on."""
    return {
        "password": lambda: chip.on.set_password(b"right", b"left"),
        "user": lambda: chip.on.add_user("anna", b"hers", b"right", admin=False),
        "filevault": lambda: chip.on.set_filevault(on=False, password=b"right"),
        "recovery key": lambda: chip.on.new_recovery_key(b"right"),
        "volume": lambda: chip.on.add_volume("scratch", b"right"),
        "delete": lambda: chip.on.delete_volume("data"),
        "erase": chip.on.obliterate,
        "bind": lambda: chip.on.kept.bind("policy", "new"),
    }


ACTS = ["password", "user", "filevault", "recovery key", "volume", "delete", "erase", "bind"]


def _as_before(chip, recovery):
    """See that a chip is in the state that was answered last."""
    chip.restart()
    status = chip.on.status()
    assert (status["users"], status["filevault"], status["volumes"]) == (["admin"], True, ["data"])
    assert chip.on.kept.bound("policy") == "old"
    chip.on.unlock_with_recovery_key(recovery)
    chip.restart().unlock(b"right")


@pytest.fixture
def failing(locked):
    """Return a chip, and a list of the calls of its locker's file that fail: (call, error number)."""
    fails = []

    def number(call, *_where):
        return next((number for name, number in fails if name == call), 0)

    locked.on.kept.bind("policy", "old")
    locked.cut()
    locked.wrap = lambda device: Fault(device, number)
    locked.start().unlock(b"right")
    return locked, fails


@pytest.mark.parametrize("number", NUMBERS, ids=NAMES)
@pytest.mark.parametrize("act", ACTS)
def test_a_locker_that_cannot_be_written_leaves_what_was_answered(failing, act, number):
    chip, fails = failing
    fails.append(("write", number))
    with pytest.raises(Refusal, match=f"the enclave's memory cannot be written: {os.strerror(number)}") as caught:
        _acts(chip)[act]()
    assert "\n" not in str(caught.value)
    fails.clear()
    with pytest.raises(Refusal, match="failed before: switch the machine off and on"):
        chip.on.kept.bind("policy", "new")
    _as_before(chip, chip.recovery_key)


@pytest.mark.parametrize("act", ACTS)
def test_a_locker_that_cannot_be_made_durable_is_an_error_and_leaves_the_old_or_the_new_state(failing, act):
    chip, fails = failing
    fails.append(("sync", errno.EIO))
    with pytest.raises(Refusal, match="cannot be written: Input/output error"):
        _acts(chip)[act]()
    fails.clear()
    status = chip.restart().status()
    if act == "erase" and not status["volumes"]:
        return
    if status["volumes"] != [] and "data" in status["volumes"]:
        opened = 0
        for password in (b"right", b"left"):
            try:
                chip.on.unlock(password)
            except Refusal:
                continue
            opened += 1
            chip.on.lock()
        assert opened == 1


@pytest.mark.parametrize("call", ["write", "sync"])
def test_an_attempt_that_cannot_be_counted_is_not_made(failing, call, monkeypatch):
    chip, fails = failing
    chip.restart()
    monkeypatch.setattr(keys, "entangle", lambda *_all: pytest.fail("the password is looked at"))
    fails.append((call, errno.EIO))
    with pytest.raises(Refusal, match="cannot be written"):
        chip.on.unlock(b"right")
    assert chip.on.volumes.names() == []


def test_a_right_password_whose_count_cannot_be_cleared_opens_nothing_and_the_count_stays(failing, monkeypatch):
    chip, fails = failing
    chip.restart()
    entangle = keys.entangle

    def then_fails(*given):
        fails.append(("write", errno.EIO))
        return entangle(*given)

    monkeypatch.setattr(keys, "entangle", then_fails)
    with pytest.raises(Refusal, match="cannot be written"):
        chip.on.unlock(b"right")
    assert chip.on.volumes.names() == []
    monkeypatch.undo()
    fails.clear()
    assert chip.restart().status()["attempts"]["failed"] == 1


@pytest.mark.parametrize("call", ["read", "write", "sync"])
def test_a_locker_that_fails_at_the_start_keeps_the_chip_off(failing, call):
    chip, fails = failing
    chip.cut()
    raw = bytearray(chip.locker_file.read_bytes())
    half = len(raw) // 2
    if any(raw[:half]):
        raw[half:] = raw[:half][::-1]  # the other slot is to be erased
    else:
        raw[:half] = raw[half:][::-1]
    chip.locker_file.write_bytes(raw)
    fails.append((call, errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        chip.start()
    fails.clear()
    chip.start().unlock(b"right")


# the keybag, in the disk's folder


@pytest.mark.parametrize("number", NUMBERS, ids=NAMES)
@pytest.mark.parametrize("call", ["mkstemp", "fsync", "replace", "folder"])
def test_a_keybag_that_cannot_be_written_changes_nothing(locked, call, number, monkeypatch):
    locked.on.kept.bind("policy", "old")
    locked.on.unlock(b"right")

    def fails(*_given, **_how):
        raise OSError(number, os.strerror(number))

    target = {
        "mkstemp": (tempfile, "mkstemp"), "fsync": (keybag.os, "fsync"), "replace": (Path, "replace"),
        "folder": (keybag, "sync_folder"),
    }[call]  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(*target, fails)
        with pytest.raises(Refusal, match=f"keybag.*cannot be written: {os.strerror(number)}"):
            locked.on.set_password(b"right", b"left")
    assert not list(locked.disk.glob(".keybag-*"))
    _as_before(locked, locked.recovery_key)
    locked.on.set_password(b"right", b"left")
    locked.restart().unlock(b"left")


def test_an_old_keybag_that_cannot_be_removed_does_not_undo_what_was_done(locked, monkeypatch):
    unlink = Path.unlink

    def fails(path, **how):
        if path.suffix == ".json":
            raise OSError(errno.EIO, "Input/output error")
        unlink(path, **how)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", fails)
        locked.on.set_password(b"right", b"left")
        locked.restart()
    assert len(list(locked.disk.glob("keybag-*.json"))) == 2
    locked.restart().unlock(b"left")
    assert len(list(locked.disk.glob("keybag-*.json"))) == 1


@pytest.mark.parametrize("number", NUMBERS, ids=NAMES)
@pytest.mark.parametrize("room", ["the old one's", "none"])
def test_on_a_full_disk_everything_is_erased_all_the_same(locked, number, room, monkeypatch):
    """What is destroyed lies in the locker, which has its room: a wiped machine must not wait for a new keybag's."""
    locked.on.kept.bind("policy", "old")
    locked.on.unlock(b"right")
    before = {**locked.files(), **{file.relative_to(locked.folder): file.read_bytes() for file in [locked.anchor.path]}}
    make = tempfile.mkstemp

    def fails(*given, **how):
        if how.get("dir") == locked.disk and (room == "none" or list(locked.disk.glob("keybag-*.json"))):
            raise OSError(number, os.strerror(number))
        return make(*given, **how)

    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "mkstemp", fails)
        if room == "none":
            with pytest.raises(Refusal, match=r"every key of the disk is destroyed.*t2 restore DIR") as caught:
                locked.on.obliterate()
            assert "\n" not in str(caught.value)
        else:
            locked.on.obliterate()
    assert locked.content()["media"] == {}
    assert locked.content()["recovery_sha256"] is None
    assert locked.content()["bound"] == {"policy": "old"}
    assert locked.on.volumes.names() == []
    locked.cut()
    for name, old in before.items():
        if name.name.startswith("keybag"):
            (locked.folder / name).write_bytes(old)
    try:
        locked.start()
    except Refusal as error:
        assert room == "none"
        assert "is missing: the disk's wrapped keys are another state's" in str(error)  # noqa: PT017 - one of two ends
        return
    with pytest.raises(Refusal, match="there is no volume"):
        locked.on.unlock(b"right")


# this computer's memory of it


@pytest.mark.parametrize("number", NUMBERS, ids=NAMES)
def test_a_memory_of_this_computer_that_cannot_be_written_is_an_error_and_the_next_start_takes_the_new_state(
    locked, number, monkeypatch
):
    from spacegrey.t2.enclave import anchor

    def fails(*_given, **_how):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(anchor.tempfile, "mkstemp", fails)
        with pytest.raises(Refusal, match=f"cannot be written: {os.strerror(number)}"):
            locked.on.kept.bind("policy", "new")
    assert locked.restart().kept.bound("policy") == "new"


def test_where_this_computer_s_memory_of_a_chip_cannot_be_is_named(locked, monkeypatch):
    folder = locked.anchor.path.parent
    monkeypatch.setattr(type(locked.anchor), "remembered", lambda _self: None)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    folder.touch()
    with pytest.raises(Refusal, match=f"cannot be written: {folder}: File exists"):
        locked.on.kept.bind("policy", "new")


# no memory


@pytest.mark.parametrize(
    "place", ["keys.entangle", "kept.write_keybag", "locker.AESGCM", "keybag.json.dumps", "wrapping.seal"]
)
def test_without_memory_a_change_is_not_half_done(locked, place, monkeypatch):
    locked.on.kept.bind("policy", "old")
    locked.on.unlock(b"right")

    def fails(*_given, **_how):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(f"spacegrey.t2.enclave.{place}", fails)
        with pytest.raises(MemoryError):
            locked.on.set_password(b"right", b"left")
    _as_before(locked, locked.recovery_key)


# the process, with real limits


def _soft(kind, value):
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (value, hard))


@pytest.fixture
def machine(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "memory"))
    monkeypatch.setattr(room, "_capacity", lambda *_machine: 64 << 20)
    made = room.create(tmp_path / "studio", "imac-pro")
    yield made
    with suppress(Refusal):
        EnclaveClient(made.chip).switch_off()


def test_a_process_that_may_write_no_more_says_so_and_loses_nothing(machine):
    """RLIMIT_FSIZE stands for a full disk: the system refuses real writes of a real process."""
    with machine.powered() as client:
        client.ask("password", new=b"right")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        _soft(resource.RLIMIT_FSIZE, 64)
        client = machine.switch_on()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with pytest.raises(Refusal, match=r"cannot be written: File too large"):
        client.ask("filevault", on=True, password=b"right")
    assert client.ask("status")["filevault"] is False
    client.switch_off()
    with machine.powered() as client:
        assert client.ask("status")["attempts"]["failed"] <= 1
        client.ask("filevault", on=True, password=b"right")


def _in_a_process(machine, limit):
    """Return what a process that switches the machine on prints; a limit on it is set after its imports."""
    code = (
        "import os, pathlib, resource, sys\n"
        "from spacegrey.virtual.instance import open_instance\n"
        f"{limit}\n"
        "try:\n    open_instance(pathlib.Path(sys.argv[1])).switch_on()\n    print('on')\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )
    words = [sys.executable, "-I", "-c", code, str(machine.folder)]
    shown = subprocess.run(words, capture_output=True, check=False, text=True)
    assert shown.stderr == ""
    assert len(shown.stdout.splitlines()) == 1
    return shown.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="root takes rights from a folder by giving it to another user")
def test_a_folder_that_is_not_its_own_is_refused_at_the_start(machine):
    for folder in [machine.folder, *machine.folder.parents]:
        if folder.stat().st_uid == os.geteuid() and folder.name.startswith(("test_", "pytest-", "studio")):
            folder.chmod(stat.S_IMODE(folder.stat().st_mode) | 0o055)
    (machine.folder / "instance.toml").chmod(0o644)
    shown = _in_a_process(machine, "os.setgroups([]); os.setgid(65534); os.setuid(65534)")
    assert "permission denied" in shown.lower(), shown


def test_a_process_without_memory_says_so_and_starts_when_there_is_some(machine):
    for limit_mib in (6, 30, 60, 90):
        shown = _in_a_process(machine, f"resource.setrlimit(resource.RLIMIT_AS, ({limit_mib} << 20,) * 2)")
        assert re.match(r"(Refusal the enclave|on)", shown), (limit_mib, shown)
        if limit_mib == 6:
            assert shown.startswith("Refusal")
        with suppress(Refusal):
            EnclaveClient(machine.chip).switch_off()
    machine.switch_on().ask("unlock")
