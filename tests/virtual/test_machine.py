"""A machine's folder as a whole: made, switched on, locked, moved, robbed of its modules, restored."""

import fcntl
import hashlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spacegrey.errors import InputError, Refusal
from spacegrey.t2.enclave.client import is_on
from spacegrey.t2.enclave.uid import Protection
from spacegrey.virtual import instance as room
from spacegrey.virtual.instance import open_disk, open_instance, restore
from spacegrey.virtual.starting import Enclave, Modules


def _hashes(machine):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in machine.disk.glob("module-*")}


def _write(machine, text=b"hello"):
    with machine.powered() as client, open_disk(machine, client) as store:
        store.write(12345, text)


def _read(machine, count=5, password=None):
    with machine.powered() as client:
        if password:
            client.ask("unlock", password=password)
        with open_disk(machine, client, read_only=True) as store:
            return store.read(12345, count)


@pytest.mark.claims("T2", "T5", "I4")
def test_what_is_written_is_there_after_a_power_cycle_and_is_ciphertext_on_the_modules(machine):
    _write(machine, b"a sentence that nobody may read")
    assert _read(machine, 31) == b"a sentence that nobody may read"
    for path in machine.disk.glob("module-*"):
        assert b"sentence" not in path.read_bytes()


def test_a_folder_is_made_whole_or_not_at_all(tmp_path, machines, monkeypatch):
    def fails(*_arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(room, "_format", fails)
        with pytest.raises(InputError, match="no space left"):
            machines()
    assert [path.name for path in tmp_path.iterdir() if path.name != "state"] == []
    machines()
    with pytest.raises(InputError, match="there is something already"):
        machines()


def test_only_a_machine_whose_t2_is_described_can_be_made(tmp_path, monkeypatch):
    monkeypatch.undo()
    with pytest.raises(InputError, match="unknown machine with a T2 'pc-am4'"):
        room.create(tmp_path / "pc", "pc-am4")


def test_a_folder_without_a_machine_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no machine here \(instance.toml is missing\)"):
        open_instance(tmp_path)


@pytest.mark.claims("T2")
def test_password_and_filevault_change_no_block_of_the_disk(machine):
    _write(machine)
    before = _hashes(machine)
    with machine.powered() as client:
        client.ask("password", new=b"one")
        client.ask("filevault", on=True, password=b"one")
        client.ask("password", old=b"one", new=b"two")
        client.ask("recovery-key", password=b"two")
        client.ask("filevault", on=False, password=b"two")
    assert _hashes(machine) == before
    assert _read(machine) == b"hello"


def test_a_locked_disk_is_not_opened_and_a_handle_ends_with_the_lock(machine):
    with machine.powered() as client:
        client.ask("password", new=b"one")
        client.ask("filevault", on=True, password=b"one")
        client.ask("unlock", password=b"one")
        store = open_disk(machine, client)
        store.write(0, b"x" * 4096)
        store.flush()
        client.ask("lock")
        with pytest.raises(OSError, match="the volume is locked"):
            store.read(0, 4096)
        with pytest.raises(Refusal, match="is locked"):
            client.engine("data")


def test_a_handle_of_an_earlier_start_is_worthless(machine):
    with machine.powered() as client:
        client.ask("unlock")
        handle = client.engine("data")
        page = bytearray(4096)
        handle.encrypt(1, page)
    with machine.powered() as client:
        client.ask("unlock")
        with pytest.raises(OSError, match="the volume is locked"):
            handle.encrypt(1, page)


def test_the_engine_does_what_the_key_does(machine, all_keys):
    import numpy as np

    from spacegrey.t2.storage.engine import XtsKey

    key = XtsKey(all_keys(machine)["volume key"])
    plain = os.urandom(1 << 20)
    with machine.powered() as client:
        client.ask("unlock")
        far = client.engine("data")
        for there in (bytearray(1 << 20), far.room(1 << 20)):  # memory that the engine reaches, and other
            here, there[:] = bytearray(plain), plain
            key.encrypt(7, here)
            far.encrypt(7, there)
            assert there == here != plain
            far.decrypt(7, there)
            assert there == plain
        pages = np.array([5, 900, 3] * 80, np.int64)
        for there in (bytearray(len(pages) * 4096), far.room(len(pages) * 4096)):
            here, there[:] = bytearray(plain[: len(pages) * 4096]), plain[: len(pages) * 4096]
            key.decrypt_each(pages, here)
            far.decrypt_each(pages, there)
            assert here == there
        assert far.tag(9, plain[:4096]) == key.tag(9, plain[:4096])
        with pytest.raises(ValueError, match="whole pages"):
            far.encrypt(0, bytearray(100))


# modules


@pytest.mark.claims("T5")
def test_modules_of_another_machine_are_refused_and_so_are_all_its_disk_s_files(machines):
    mine, other = machines("mine"), machines("other")
    _write(mine)
    for name in ("module-0.flash", "module-1.flash"):
        shutil.copy(mine.disk / name, other.disk / name)
    with pytest.raises(Refusal, match="belongs to another machine"):
        _read(other)
    shutil.copy(mine.disk / "pairing.json", other.disk / "pairing.json")
    with pytest.raises(Refusal, match="not the ones that this machine's T2 was set up with"):
        _read(other)
    for path in other.disk.glob("keybag-*"):
        path.unlink()
    for path in mine.disk.glob("keybag-*"):
        shutil.copy(path, other.disk)
    with pytest.raises(Refusal, match="not what this chip wrote last"):
        _read(other)
    assert _read(mine) == b"hello"


@pytest.mark.claims("R2")
def test_new_modules_need_a_restore_which_erases(machines):
    mine, other = machines("mine"), machines("other")
    _write(mine)
    shutil.copy(other.disk / "module-1.flash", mine.disk / "module-1.flash")
    with pytest.raises(Refusal, match=r"belongs to another machine.*restore"):
        _read(mine)
    restore(mine)
    assert _read(mine) == bytes(5)


def test_a_restore_erases_the_keys_even_of_a_chip_that_does_not_start(machine, all_keys):
    _write(machine)
    before = {path: path.read_bytes() for path in machine.disk.iterdir()}
    key = all_keys(machine)["volume key"]
    locker = machine.chip / "locker"
    old = locker.read_bytes()
    locker.write_bytes(b"\xff" * len(old))
    with pytest.raises(Refusal, match="only a restore"):
        machine.switch_on()
    restore(machine)
    assert _read(machine) == bytes(5)
    assert all_keys(machine)["volume key"] != key
    for path, content in before.items():
        path.write_bytes(content)
    locker.write_bytes(old)
    with pytest.raises(Refusal, match="put back"):
        machine.switch_on()


@pytest.mark.claims("R2")
def test_the_boot_chain_sees_the_pair_and_may_erase_it(machine):
    _write(machine)
    flash = Modules(machine, Enclave(machine.switch_on()), None)
    before = flash.pair()
    assert flash.erase() == flash.pair() != before
    assert _read(machine) == bytes(5)


def test_after_erasing_the_disk_is_gone_for_good(machine):
    _write(machine)
    with machine.powered() as client:
        client.ask("obliterate")
        with pytest.raises(Refusal, match="there is no volume"):
            client.ask("unlock")
    with pytest.raises(Refusal, match="there is no volume"):
        _read(machine)


# the process


def test_a_killed_enclave_forgets_the_key_and_counts_on(machine):
    with machine.powered() as client:
        client.ask("password", new=b"one")
        client.ask("filevault", on=True, password=b"one")
    client = machine.switch_on()
    with pytest.raises(Refusal, match="wrong password"):
        client.ask("unlock", password=b"two")
    pid = _peer(machine)
    os.kill(pid, signal.SIGKILL)
    for _ in range(200):
        if not is_on(machine.chip):
            break
        time.sleep(0.02)
    client = machine.switch_on()
    assert client.ask("status")["attempts"]["failed"] == 1
    assert client.ask("status")["unlocked"] is False


def _peer(machine):
    with socket.socket(socket.AF_UNIX) as line:
        before = Path.cwd()
        os.chdir(machine.chip / "run")
        try:
            line.connect("enclave.sock")
        finally:
            os.chdir(before)
        return struct.unpack("3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]


def test_an_enclave_ends_when_its_folder_goes(machine):
    machine.switch_on()
    pid = _peer(machine)
    machine.folder.rename(machine.folder.with_name("elsewhere"))
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0]
        except FileNotFoundError:
            break
        if state == "Z":
            break
        time.sleep(0.02)
    else:
        pytest.fail("it runs on")


def test_two_enclaves_never_serve_one_chip(machine):
    from spacegrey.t2.enclave.client import switch_on

    machine.switch_on()
    with pytest.raises(Refusal, match="in use by another process"):
        switch_on(machine.chip, machine.disk, machine.file.ecid)
    with pytest.raises(Refusal, match="the machine is on"):
        machine.switch_on()


def test_commands_at_the_same_moment_wait_for_each_other(machine):
    with machine.powered() as client:
        client.ask("password", new=b"right")
    code = (
        "import pathlib, sys\nfrom spacegrey.virtual.instance import open_instance\n"
        "with open_instance(pathlib.Path(sys.argv[1])).powered() as client:\n"
        "    client.ask('bind', name=sys.argv[2], digest='there')\n"
    )
    names = [f"name-{number}" for number in range(4)]
    words = [sys.executable, "-c", code, str(machine.folder)]
    running = [subprocess.Popen([*words, name], stderr=subprocess.PIPE, text=True) for name in names]
    assert [one.communicate()[1] for one in running] == [""] * 4
    with machine.powered() as client:
        assert [client.bound(name) for name in names] == ["there"] * 4


def test_a_chip_that_another_process_keeps_is_refused_after_a_while(machine, monkeypatch):
    monkeypatch.setattr(room, "BUSY_S", 0.2)
    with (machine.chip / "locker").open("rb") as kept:
        fcntl.flock(kept, fcntl.LOCK_EX)
        with pytest.raises(Refusal, match="another command has this machine, and has not ended in 0 s"):
            machine.switch_on()
    machine.switch_on()


@pytest.mark.parametrize(
    "said",
    [
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x02{}",
        b"\x00\x00\x00\x01[",
        b"\x00\x00\x00\x02[]",
        struct.pack(">I", 65530) + b"[" * 65530,
        b'\x00\x00\x00\x1f{"do": "unlock", "password": 7}',
        b'\x00\x00\x00\x0f{"do": "handle"}'[:19],
    ],
)
def test_what_it_does_not_understand_does_not_harm_it(machine, said):
    client = machine.switch_on()
    with socket.socket(socket.AF_UNIX) as line:
        before = Path.cwd()
        os.chdir(machine.chip / "run")
        try:
            line.connect("enclave.sock")
        finally:
            os.chdir(before)
        line.settimeout(5)
        line.sendall(said)
        line.shutdown(socket.SHUT_WR)
        while line.recv(4096):
            pass
    assert client.ask("status")["on"] is True
    assert client.ask("status")["attempts"]["failed"] == 0


def test_a_channel_takes_no_request_beyond_its_memory(machine):
    from spacegrey.t2.enclave import wire
    from spacegrey.t2.enclave.channel import MEMORY_BYTES

    room, pages = wire.ROOM, (MEMORY_BYTES - wire.ROOM) // 4096
    with machine.powered() as client:
        client.ask("unlock")
        handle = client.engine("data")
        end = handle._end()  # noqa: SLF001 - a storage process that was broken into
        for what, number, place, count in (
            (wire.ENCRYPT, 0, room, pages + 1),
            (wire.DECRYPT, 0, room + 4096, pages),
            (wire.ENCRYPT, 0, 0, 1),
            (wire.ENCRYPT, 0, room, 0),
            (wire.ENCRYPT, 0, room, -1),
            (wire.ENCRYPT, 0, -(1 << 63), 1),
            (wire.DECRYPT, 0, room, (1 << 63) - 1),
            (wire.DECRYPT, -1, room, 1),
            (wire.DECRYPT, (1 << 63) - 1, room, 1),
            (wire.DECRYPT_EACH, 0, room, wire.MOST_NUMBERS + 1),
            (wire.TAG, 0, MEMORY_BYTES - 4095, 1),
            (99, 0, room, 1),
        ):
            with pytest.raises(OSError, match="the engine refused"):
                end.ask(what, number, place, count)
        end._here = 1 << 40  # noqa: SLF001 - a processor that no computer has
        page = bytearray(4096)
        handle.encrypt(0, page)
        handle.encrypt(0, page)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="threads cannot be kept on a processor here")
def test_only_a_busy_thread_is_kept_on_a_processor_and_only_for_a_while(machine):
    import threading
    import time

    before, seen = os.sched_getaffinity(0), []

    def work(handle):
        room = handle.room(4096, busy=True)
        for _ in range(3):
            handle.encrypt(0, room)
            seen.append(os.sched_getaffinity(0))
            time.sleep(0.03)

    with machine.powered() as client:
        client.ask("unlock")
        handle = client.engine("data")
        handle.encrypt(0, handle.room(4096))
        assert os.sched_getaffinity(0) == before
        thread = threading.Thread(target=work, args=(handle,))
        thread.start()
        thread.join()
    assert [len(processors) for processors in seen] == [1, len(before), 1]
    assert seen[0] <= before
    assert seen[1] == before
    assert os.sched_getaffinity(0) == before


# where the UID is


def test_a_chip_under_a_passphrase_starts_with_it_only(machines):
    machine = machines(protection=Protection.PASSPHRASE, passphrase=b"open sesame")
    assert b"uid" not in (machine.chip / "uid.json").read_bytes()
    for given in (None, b"open"):
        with pytest.raises(Refusal, match="passphrase"):
            machine.switch_on(passphrase=given)
    with machine.powered(passphrase=b"open sesame") as client:
        assert client.ask("status")["uid"] == "passphrase"


def test_without_the_package_the_key_ring_is_refused_in_one_line(machines):
    with pytest.raises(InputError, match=r"needs the package keyring.*or choose: file, passphrase"):
        machines(protection=Protection.KEYRING)
