"""A chip with firmware: which policy it takes for today's after an erasure, and how it starts when sepOS is bad."""

import shutil
import subprocess
from contextlib import suppress

import pytest

from spacegrey.errors import InputError, Refusal
from spacegrey.t2.boot.chain import Start, boot
from spacegrey.t2.boot.policy import SecureBoot
from spacegrey.t2.boot.repair import restore as restore_firmware
from spacegrey.t2.boot.repair import revive
from spacegrey.t2.boot.results import Outcome, Stop
from spacegrey.t2.boot.utility import set_policy
from spacegrey.t2.enclave.client import EnclaveClient, is_on
from spacegrey.t2.signer.local import LocalService
from spacegrey.virtual import instance as room
from spacegrey.virtual.instance import open_disk
from spacegrey.virtual.starting import boot_folder, make, open_boot, settle


@pytest.fixture(autouse=True)
def _small(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "memory"))
    monkeypatch.setattr(room, "_capacity", lambda *_machine: 64 << 20)


@pytest.fixture(scope="module")
def _made(_signer, tmp_path_factory):
    """Return the folder of a machine of 64 MiB with firmware and an administrator, and of the computer's memory."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder / "memory"))
        patch.setattr(room, "_capacity", lambda *_machine: 64 << 20)
        made = room.create(folder / "studio", "imac-pro")
        with made.powered() as client:
            make(made, client, _signer, "bridge-1", "macos-1")
            client.ask("password", new=b"right")
    return folder


@pytest.fixture
def machine(_made, tmp_path):
    for name in ("studio", "memory"):
        subprocess.run(["cp", "--archive", "--sparse=always", _made / name, tmp_path], check=True)
    made = room.open_instance(tmp_path / "studio")
    yield made
    with suppress(Refusal):
        EnclaveClient(made.chip).switch_off()


@pytest.fixture
def opened(machine, _signer, authority):
    """Return a function that opens the machine for the boot chain, with the signer at hand."""

    def make_open(client):
        from dataclasses import replace

        found, enclave = open_boot(machine, client)
        return replace(found, service=LocalService(_signer, authority)), enclave

    return make_open


def _without_security(machine, opened):
    """Set the policy to No Security, as an administrator in recoveryOS does, and back; return the file in between."""
    with machine.powered() as client:
        found, enclave = opened(client)
        boot(found, Start("cmd-r"))
        set_policy(found, enclave, b"right", secure_boot=SecureBoot.NONE)
        old = (boot_folder(machine) / "state.json").read_bytes()
        set_policy(found, enclave, b"right", secure_boot=SecureBoot.FULL)
    return old


def _policy(machine, opened):
    """Return what the boot chain takes for the policy: None where it takes none of what is there."""
    with machine.powered(repair=True) as client:
        try:
            return opened(client)[0].state.load().secure_boot
        except Refusal:
            with pytest.raises(Refusal, match="put back or changed"):
                opened(client)[0].state.load()
            return None


@pytest.mark.claims("T3")
def test_an_old_policy_put_back_after_an_erasure_is_refused(machine, opened):
    old = _without_security(machine, opened)
    with machine.powered() as client:
        client.ask("obliterate")
    assert _policy(machine, opened) is SecureBoot.FULL, "an erasure leaves the policy"
    (boot_folder(machine) / "state.json").write_bytes(old)
    assert _policy(machine, opened) is None


@pytest.mark.claims("T3")
@pytest.mark.parametrize("damaged", [False, True])
def test_an_old_policy_put_back_after_or_in_a_restore_is_refused(machine, opened, damaged):
    old, folder = _without_security(machine, opened), boot_folder(machine)
    if damaged:
        (machine.chip / "locker").write_bytes(b"\xff" * 32768)
    room.restore(machine)  # as a restore of the firmware that is cut right after it erased
    today = (folder / "state.json").read_bytes()
    assert _policy(machine, opened) is (None if damaged else SecureBoot.FULL)
    (folder / "state.json").write_bytes(old)
    assert _policy(machine, opened) is None
    (folder / "state.json").write_bytes(today)
    with machine.powered(repair=True) as client:
        found, _ = opened(client)
        with suppress(Refusal):
            boot(found, Start("dfu"))
        restore_firmware(found, "bridge-1")
    assert _policy(machine, opened) is SecureBoot.FULL
    (folder / "state.json").write_bytes(old)
    assert _policy(machine, opened) is None


def test_a_boot_folder_put_back_after_a_restore_without_one_is_refused(machine, opened, tmp_path):
    _without_security(machine, opened)
    shutil.copytree(boot_folder(machine), tmp_path / "kept")
    shutil.rmtree(boot_folder(machine))
    room.restore(machine)
    with machine.powered() as client:
        assert client.ask("status")["mode"] == "normal", "it is as it comes from the factory"
    shutil.copytree(tmp_path / "kept", boot_folder(machine))
    assert _policy(machine, opened) is None


@pytest.mark.claims("R2")
@pytest.mark.parametrize("what", ["damaged", "missing", "old", "keybag"])
def test_a_chip_whose_state_is_lost_can_be_restored_with_its_firmware(machine, opened, what):
    locker = machine.chip / "locker"
    before = locker.read_bytes()
    if what == "keybag":
        next(machine.disk.glob("keybag-*.json")).unlink()
    elif what == "missing":
        locker.unlink()
    else:
        with machine.powered() as client:
            client.ask("bind", name="x", digest="y")
        locker.write_bytes(before if what == "old" else bytes(32768))
    with pytest.raises((Refusal, InputError)):
        machine.switch_on()
    with machine.powered(repair=True) as client:
        assert client.ask("status")["mode"] == "disabled"
        found, _ = opened(client)
        assert restore_firmware(found, "bridge-1").secure_boot is SecureBoot.FULL
    with machine.powered() as client:
        assert client.ask("status")["mode"] == "normal"
        assert client.ask("status")["users"] == []
        with open_disk(machine, client) as store:
            assert store.read(0, 16) == bytes(16)


def test_a_repair_that_does_not_go_on_to_erase_writes_nothing(machine):
    locker = machine.chip / "locker"
    locker.write_bytes(bytes(32768))
    keybags = {path: path.read_bytes() for path in machine.disk.glob("keybag-*")}
    with machine.powered(repair=True) as client:
        client.ask("bind", name="x", digest="y")
        assert client.ask("bound", name="x") == "y"
    assert locker.read_bytes() == bytes(32768)
    assert {path: path.read_bytes() for path in machine.disk.glob("keybag-*")} == keybags


# a bad sepOS


REFUSED = {
    "unlock": {"password": b"right"},
    "authenticate": {"password": b"right"},
    "password": {"old": b"right", "new": b"mine"},
    "add-user": {"name": "anna", "new": b"mine", "password": b"right"},
    "remove-user": {"name": "admin", "password": b"right"},
    "filevault": {"on": True, "password": b"right"},
    "recovery-key": {"password": b"right"},
    "add-volume": {"volume": "scratch"},
    "delete-volume": {"volume": "data"},
    "obliterate": {},
    "handle": {"volume": "data"},
}


def _spoil(machine):
    for path in boot_folder(machine).glob("firmware-*-sepi.img4"):
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 1
        path.write_bytes(raw)


@pytest.mark.claims("T2")
def test_with_a_bad_sepos_the_enclave_does_nothing_but_say_so(machine):
    with machine.powered() as client:
        client.ask("unlock")
    _spoil(machine)
    client = machine.switch_on()
    status = client.ask("status")
    assert (status["mode"], status["unlocked"]) == ("disabled", False)
    assert status["disabled"].startswith("sepOS is bad (the manifest's signature is wrong")
    for do, said in REFUSED.items():
        with pytest.raises(Refusal, match="the enclave is disabled until the next start"):
            client.ask(do, **said)
    assert client.ask("status")["attempts"]["failed"] == 0
    with pytest.raises(Refusal, match="disabled"):
        open_disk(machine, client)


def test_every_message_is_refused_by_a_disabled_enclave_or_is_needed_to_repair_it():
    from spacegrey.t2.enclave.process import Service

    service = Service.__new__(Service)
    service._enclave = type("Enclave", (), {"__getattr__": lambda _self, _name: None})()  # noqa: SLF001
    assert set(service._with_sepos()) == set(REFUSED)  # noqa: SLF001
    assert set(service._without_sepos()) == {"status", "start", "lock", "bind", "bound"}  # noqa: SLF001


@pytest.mark.claims("T2", "R2")
def test_a_bad_sepos_is_noticed_at_the_next_start_and_a_revive_helps(machine, opened):
    client = machine.switch_on()
    client.ask("unlock")
    with open_disk(machine, client) as store:
        store.write(0, b"kept")
    _spoil(machine)
    client.ask("unlock")
    assert client.ask("status")["mode"] == "normal", "it was good when it started"
    found, enclave = opened(client)
    assert boot(found).code == Stop.ENCLAVE_DISABLED
    settle(client)
    assert client.ask("status")["mode"] == "disabled"
    with pytest.raises(Refusal, match=r"the enclave is off|disabled"):
        set_policy(found, enclave, b"right", secure_boot=SecureBoot.NONE)
    boot(found, Start("dfu"))
    revive(found, "bridge-1")
    settle(client)
    assert client.ask("status")["mode"] == "normal"
    with open_disk(machine, client, read_only=True) as store:
        assert store.read(0, 4) == b"kept"


@pytest.mark.parametrize("name", ["state.json", "folder"])
def test_firmware_that_is_taken_away_or_put_back_disables_the_enclave(machine, opened, name):
    folder = boot_folder(machine)
    if name == "folder":
        folder.rename(folder.with_name("away"))
    else:
        old = _without_security(machine, opened)
        (folder / name).write_bytes(old)
    with machine.powered() as client:
        assert client.ask("status")["mode"] == "disabled"
        with pytest.raises(Refusal, match="firmware is gone" if name == "folder" else "put back or changed"):
            client.ask("unlock")


def test_a_provisioning_that_fails_leaves_the_chip_as_it_was(machine, _signer, tmp_path, monkeypatch):  # noqa: PT019
    assert machine.folder.name == "studio"
    other = room.create(tmp_path / "other", "imac-pro")

    def refuses(*_arguments):
        raise Refusal("not eligible")

    with other.powered() as client, monkeypatch.context() as patch:
        patch.setattr(LocalService, "activation", refuses)
        with pytest.raises(Refusal, match="not eligible"):
            make(other, client, _signer, "bridge-1", "macos-1")
    with other.powered() as client:
        assert client.ask("status")["mode"] == "normal"
        client.ask("unlock")
        make(other, client, _signer, "bridge-1", "macos-1")
        assert client.ask("status")["mode"] == "normal"


# DFU mode


@pytest.mark.claims("T2")
def test_a_start_in_dfu_mode_restarts_the_enclave_in_it_and_the_next_start_leaves_it(machine, opened):
    client = machine.switch_on()
    client.ask("filevault", on=True, password=b"right")
    client.ask("unlock", password=b"right")
    store = open_disk(machine, client)
    store.write(0, b"x" * 4096)
    store.flush()
    found, _ = opened(client)
    assert boot(found, Start("dfu")).outcome is Outcome.DFU
    settle(client)
    assert client.ask("status")["mode"] == "dfu"
    with pytest.raises(OSError, match="the volume is locked"):
        store.read(0, 4096)
    with suppress(OSError):
        store.close()
    with pytest.raises(Refusal, match="wrong password"):
        client.ask("unlock", password=b"right")
    client.switch_off()
    client = machine.switch_on()
    assert client.ask("status")["mode"] == "dfu", "it waits there, whether the chip was off in between or not"
    assert boot(opened(client)[0]).outcome is Outcome.MACOS
    settle(client)
    assert client.ask("status")["mode"] == "normal"
    client.ask("unlock", password=b"right")


def test_a_machine_whose_disk_is_in_use_is_not_started_and_its_disk_stays(machine):
    from typer.testing import CliRunner

    from spacegrey.interfaces.cli import app

    client = machine.switch_on()
    with open_disk(machine, client) as store:
        done = CliRunner().invoke(app, ["t2", "boot", str(machine.folder)], prog_name="spacegrey")
        assert (done.exit_code, done.stderr) == (1, "spacegrey: refused: the disk is in use; end 'disk serve' first\n")
        store.write(0, b"x" * 4096)
        store.flush()
        assert store.read(0, 4096) == b"x" * 4096
    assert client.ask("status")["mode"] == "normal"


@pytest.mark.claims("T2")
def test_dfu_mode_can_be_asked_for_while_the_enclave_runs(machine):
    client = machine.switch_on()
    client.ask("unlock")
    assert client.ask("start", mode="dfu") == "dfu"
    assert client.ask("status")["unlocked"] is False
    with pytest.raises(Refusal, match="DFU"):
        client.ask("unlock")
    assert client.ask("start") == "normal"
    client.ask("unlock")
    assert client.ask("start") == "normal"
    assert client.ask("status")["unlocked"] is True, "a start in the mode that it is in changes nothing"
    assert is_on(machine.chip)
