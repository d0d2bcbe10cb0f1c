"""DFU, revive, restore, activation, and what a strange pair of modules needs."""

import shutil
from dataclasses import replace

import pytest

from spacegrey.errors import Refusal
from spacegrey.t2.boot.chain import Start, boot
from spacegrey.t2.boot.factory import check_installer, install_system, install_windows
from spacegrey.t2.boot.firmware import install, slot_file
from spacegrey.t2.boot.firmware_password import Mode, set_password
from spacegrey.t2.boot.log import register
from spacegrey.t2.boot.policy import SecureBoot, Where
from spacegrey.t2.boot.repair import activate, restore, revive
from spacegrey.t2.boot.results import Outcome
from spacegrey.t2.boot.state import NAME, encode_state, read_state
from spacegrey.t2.boot.volumes import system_files
from spacegrey.t2.files import HostFiles
from spacegrey.t2.signer.allowed import read_allowed, write_allowed
from spacegrey.t2.signer.client import Unreachable
from spacegrey.t2.signer.exchange import SignerRefused


def in_dfu(world):
    assert boot(world.machine, Start("dfu")).outcome is Outcome.DFU
    return world.machine


def own_choices(world):
    held = set_password(None, None, b"firmware")
    chosen = replace(
        world.machine.state.load(), secure_boot=SecureBoot.MEDIUM, external_boot=True, firmware_password=held
    )
    world.machine.state.save(chosen)


def test_revive_keeps_data_policies_and_password(world):
    own_choices(world)
    machine = in_dfu(world)
    before = machine.state.load()
    after = revive(machine, "bridge-2")
    assert (after.secure_boot, after.external_boot, after.firmware_password) == (
        before.secure_boot, before.external_boot, before.firmware_password,
    )  # fmt: skip
    assert (after.build, after.pair, after.activated, after.dfu) == ("bridge-2", "pair-0", True, False)
    assert world.modules.erased == 0
    assert boot(world.machine).outcome is Outcome.MACOS


def test_revive_cures_a_recovery_os_that_is_damaged(world, signer):
    system = world.folder / "system"
    before = {path.name: path.read_bytes() for path in system.iterdir()}
    (system / "BaseSystem.dmg").write_bytes(b"damaged")
    assert boot(world.machine, Start("cmd-r")).asked_network
    revive(in_dfu(world), "bridge-1")
    assert not boot(world.machine, Start("cmd-r")).asked_network
    for name in set(before) - {name for name in before if name.startswith("BaseSystem")}:
        assert (system / name).read_bytes() == before[name]
    (signer / "builds" / "internet-recovery" / "BaseSystem.dmg").write_bytes(b"another")
    after = revive(in_dfu(world), "bridge-2")
    assert after.build == "bridge-2", "the network's recoveryOS is not good: the firmware is mended all the same"
    assert not boot(world.machine, Start("cmd-r")).asked_network


class Full(HostFiles):
    """A disk without room for a file."""

    def __init__(self, folder, which):
        super().__init__(folder)
        self.which = which

    def write(self, name, content):
        if name.startswith(self.which):
            raise OSError(28, "No space left on device")
        super().write(name, content)


@pytest.mark.parametrize("which", ["BaseSystem.dmg", "BaseSystem.chunklist.j137ap"])
@pytest.mark.parametrize("repair", [revive, restore])
def test_a_repair_without_room_for_recovery_os_erases_nothing_and_can_be_made_again(world, repair, which):
    system = world.folder / "system"
    installed = {path.name: path.read_bytes() for path in system.iterdir()}
    machine = in_dfu(world)
    before = machine.state.load()
    with pytest.raises(Refusal, match="the internal disk cannot be written: no space left on device"):
        repair(replace(machine, internal=replace(machine.internal, files=Full(system, which))), "bridge-2")
    assert {path.name: path.read_bytes() for path in system.iterdir()} == installed
    after = world.machine.state.load()
    assert (after.dfu, after.restoring, world.modules.erased) == (True, False, 0)
    if repair is revive:
        assert (after.slot, after.build, after.firmware_nonce) == (before.slot, before.build, before.firmware_nonce)
    assert boot(world.machine).outcome is Outcome.MACOS
    repair(in_dfu(world), "bridge-2")
    assert boot(world.machine).code == (None if repair is revive else "not-activated")


def test_a_restore_whose_last_step_fails_waits_in_dfu_and_can_be_made_again(world):
    class Failing(HostFiles):
        def rename(self, *_names):
            raise OSError(5, "Input/output error")

    machine = in_dfu(world)
    with pytest.raises(Refusal, match="the internal disk cannot be written: input/output error"):
        restore(
            replace(machine, internal=replace(machine.internal, files=Failing(world.folder / "system"))), "bridge-1"
        )
    assert boot(world.machine).code == "restore-unfinished"
    restore(world.machine, "bridge-1")
    assert boot(world.machine).code == "not-activated"
    assert not list(world.folder.rglob("*.new"))


@pytest.mark.parametrize("repair", [revive, restore])
def test_the_recovery_os_that_is_laid_down_is_the_one_that_was_verified(world, repair):
    """A network that sends something else when it is asked again is not believed."""
    fetch, looks = world.network.local.fetch, []

    def lies(build, name, chunk=None):
        looks.append((build, name, chunk))
        good = fetch(build, name, chunk)
        second = name.startswith("BaseSystem") and (looks.count((build, name, chunk)) > 1 or name.endswith("dmg"))
        return b"something else" if second and chunk is None else good

    world.network.local.fetch = lies
    repair(in_dfu(world), "bridge-1")
    world.network.up = False
    assert boot(world.machine, Start("cmd-r")).outcome is Outcome.RECOVERY


@pytest.mark.claims("R2")
def test_restore_erases_and_starts_over(world):
    own_choices(world)
    after = restore(in_dfu(world), "bridge-2")
    assert world.modules.erased == 1
    assert (after.secure_boot, after.external_boot, after.firmware_password) == (SecureBoot.FULL, False, None)
    assert boot(world.machine).code == "not-activated"
    with pytest.raises(Refusal, match="not activated"):
        check_installer(world.machine.state.load())
    activate(world.machine)
    reinstalled(world)


def reinstalled(world):
    """An empty disk starts nothing; recoveryOS, which the restore laid down, installs a system that starts."""
    result = boot(world.machine)
    assert (result.outcome, result.code) == (Outcome.ASSISTANT, "no-system")
    with pytest.raises(Refusal, match="from recoveryOS or macOS"):
        check_installer(world.machine.state.load())
    world.network.up = False
    assert boot(world.machine, Start("cmd-r")).outcome is Outcome.RECOVERY
    world.network.up = True
    check_installer(world.machine.state.load())
    install_system(world.machine, "macos-1", system_files("j137"))
    assert boot(world.machine).outcome is Outcome.MACOS


def test_a_restore_leaves_nothing_that_was_installed(world):
    install_windows(world.machine, b"MZ")
    kept = world.network.local.files("internet-recovery")
    restore(in_dfu(world), "bridge-1")
    names = sorted(path.name for path in (world.folder / "system").iterdir())
    assert names == sorted(name for name in kept if name.startswith("BaseSystem"))
    assert not list((world.folder / "windows").iterdir())


def test_a_restore_without_a_recovery_os_in_the_network_leaves_an_empty_disk(world, signer):
    shutil.rmtree(signer / "builds" / "internet-recovery")
    restore(in_dfu(world), "bridge-1")
    assert not list((world.folder / "system").iterdir())
    assert boot(world.machine).code == "network"


def test_a_restore_with_a_damaged_recovery_os_erases_nothing(world, signer):
    (signer / "builds" / "internet-recovery" / "BaseSystem.dmg").write_bytes(b"another")
    with pytest.raises(Refusal, match="recoveryOS"):
        restore(in_dfu(world), "bridge-1")
    assert world.modules.erased == 0
    assert (world.folder / "system" / "boot.efi").exists()


@pytest.mark.claims("R2")
def test_strange_modules_start_nothing_until_a_restore(world):
    world.modules.name = "pair-of-another-machine"
    for key in ("none", "cmd-r", "option", "t"):
        result = boot(world.machine, Start(key))
        assert (result.outcome, result.code) == (Outcome.T2_RECOVERY, "modules")
    revive(world.machine, "bridge-1")
    assert boot(world.machine).code == "modules"
    restore(world.machine, "bridge-1")
    activate(world.machine)
    reinstalled(world)


@pytest.mark.parametrize("repair", [revive, restore])
def test_a_repair_needs_dfu_or_the_recovery_mode_of_the_t2(world, repair):
    boot(world.machine)
    with pytest.raises(Refusal, match="neither DFU nor recovery mode"):
        repair(world.machine, "bridge-2")
    assert world.modules.erased == 0


@pytest.mark.parametrize("repair", [revive, restore])
def test_a_repair_without_network_changes_and_erases_nothing(world, repair):
    machine = in_dfu(world)
    world.network.up = False
    before = machine.state.load()
    with pytest.raises(Unreachable):
        repair(machine, "bridge-2")
    assert (machine.state.load(), world.modules.erased) == (before, 0)


@pytest.mark.parametrize("repair", [revive, restore])
def test_a_build_that_is_no_longer_signed_cannot_be_installed(world, signer, repair):
    write_allowed(read_allowed(signer).signing("bridge-1", now=False), signer)
    machine = in_dfu(world)
    with pytest.raises(SignerRefused) as refused:
        repair(machine, "bridge-1")
    assert (refused.value.status, world.modules.erased) == (94, 0)
    repair(machine, "bridge-2")


def test_a_restore_that_was_cut_waits_in_dfu_until_it_is_made_again(world):
    machine = in_dfu(world)
    machine.state.save(replace(machine.state.load(), restoring=True))
    assert boot(world.machine).code == "restore-unfinished"
    with pytest.raises(Refusal, match="restore again"):
        revive(world.machine, "bridge-1")
    restore(world.machine, "bridge-1")
    assert boot(world.machine).code == "not-activated"


def test_a_lost_state_needs_a_restore(world):
    (world.folder / NAME).write_bytes(b"{}")
    with pytest.raises(Refusal, match="put back or changed"):
        boot(world.machine)
    with pytest.raises(Refusal, match="restore, which erases"):
        revive(world.machine, "bridge-1")
    restore(world.machine, "bridge-1")
    activate(world.machine)
    reinstalled(world)


def test_damaged_firmware_is_cured_by_a_revive(world):
    state = world.machine.state.load()
    world.machine.files.remove(slot_file(state.slot, "ibot"))
    assert boot(world.machine).outcome is Outcome.DFU
    revive(world.machine, "bridge-1")
    assert boot(world.machine).outcome is Outcome.MACOS


def test_an_activation_lock_is_the_servers_no(world, signer):
    machine = in_dfu(world)
    restore(machine, "bridge-1")
    write_allowed(replace(read_allowed(signer), locked=(machine.chip.ecid,)), signer)
    with pytest.raises(SignerRefused, match="locked to an account"):
        activate(world.machine)
    assert not world.machine.state.load().activated


def test_a_new_system_needs_the_network_and_then_does_not(world):
    names = world.network.local.files("macos-2")
    world.network.up = False
    with pytest.raises(Unreachable):
        install_system(world.machine, "macos-2", names)
    world.network.up = True
    install_system(world.machine, "macos-2", names)
    world.network.up = False
    assert boot(world.machine).outcome is Outcome.MACOS


def test_the_log_names_every_stage_and_the_register_binds_it(world):
    result = boot(world.machine)
    assert [(entry.stage, entry.object_type, entry.verdict) for entry in result.entries] == [
        ("boot-rom", "ibot", "verified"), ("sep-rom", "sepi", "verified"), ("iboot", "krnl", "verified"),
        ("bridge-os", "mefi", "verified"), ("uefi", "efib", "verified"), ("boot-efi", "mkrn", "verified"),
    ]  # fmt: skip
    assert register(result.entries) == register(boot(world.machine).entries)
    install(world.machine, world.machine.state.load(), "bridge-2")
    assert register(result.entries) != register(boot(world.machine).entries)
    for at in range(6):
        assert register(result.entries[:at] + result.entries[at + 1 :]) != register(result.entries)


def test_a_start_is_kept_as_the_session(world):
    boot(world.machine)
    assert world.machine.state.load().session.where is Where.MACOS
    boot(world.machine, Start("t"))
    assert world.machine.state.load().session.where is Where.OFF


def test_states_go_around(world):
    own_choices(world)
    state = world.machine.state.load()
    assert read_state(encode_state(state)) == state
    assert read_state(encode_state(state)).firmware_password.mode is Mode.COMMAND


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b'"format": 2', b'"format": 1'),
        lambda data: data.replace(b'"format": 2', b'"format": 0'),
        lambda data: data.replace(b'"format": 2', b'"format": true'),
        lambda data: data.replace(b'"format": 2', b'"format": "2"'),
        lambda data: data.replace(b'"windows": false', b'"windows": 0'),
        lambda data: data.replace(b'"secure_boot": 2', b'"secure_boot": 3'),
        lambda data: data.replace(b'"activated": true', b'"activated": 1'),
        lambda data: data.replace(b'"slot": 1', b'"slot": 2'),
        lambda data: data.replace(b'"slot": 1', b'"slot": true'),
        lambda data: data.replace(b'"build": "bridge-1"', b'"build": 7'),
        lambda data: data.replace(b'"pair": "pair-0"', b'"pair": 7'),
        lambda data: data.replace(b'"reason": null', b'"reason": 7'),
        lambda data: data.replace(b'"failure": 0', b'"failure": false'),
        lambda data: data.replace(b'"form": "apfs"', b'"form": null'),
        lambda data: data.replace(b'"reason": null', b'"reason": null,\n "more": 1'),
        lambda data: data[:-10],
        lambda data: data + b"\n",
        lambda _: b"[" * 100_000,
        lambda _: b"",
    ],
)
def test_a_state_that_is_damaged_is_refused(world, change):
    data = (world.folder / NAME).read_bytes()
    changed = change(data)
    assert changed != data
    with pytest.raises(Refusal, match="is damaged; a restore makes it anew"):
        read_state(changed)


@pytest.mark.parametrize(
    ("name", "key", "outcome"),
    [
        ("firmware-{slot}-ibot.img4", "none", Outcome.DFU),
        ("firmware-{slot}-sepi.img4", "none", Outcome.RECOVERY),
        ("firmware-{slot}-mefi.img4", "none", Outcome.T2_RECOVERY),
        ("system/boot.efi", "none", Outcome.ASSISTANT),
        ("system/immutablekernel", "none", Outcome.ASSISTANT),
        ("system/BaseSystem.dmg", "cmd-r", Outcome.RECOVERY),  # from the network
        ("system/BaseSystem.chunklist", "cmd-r", Outcome.RECOVERY),
    ],
)
def test_a_file_that_cannot_be_read_is_as_good_as_gone(world, monkeypatch, name, key, outcome):
    """EIO, a folder in its place, no right to it: where the machine goes is not a matter of the reason."""
    path = world.folder / name.format(slot=world.machine.state.load().slot)
    content = path.read_bytes()
    read = type(path).read_bytes

    def fails(asked):
        if asked == path:
            raise OSError(5, "Input/output error")
        return read(asked)

    path.unlink()
    expected = boot(world.machine, Start(key))
    path.write_bytes(content)
    world.machine.state.save(replace(world.machine.state.load(), dfu=False))
    monkeypatch.setattr(type(path), "read_bytes", fails)
    found = boot(world.machine, Start(key))
    assert (found.outcome, found.code, found.asked_network) == (expected.outcome, expected.code, expected.asked_network)
    assert found.outcome is outcome


def test_a_state_that_cannot_be_read_is_refused_in_one_line(world, monkeypatch):
    def fails(_path):
        raise OSError(5, "Input/output error")

    machine = world.machine
    monkeypatch.setattr("pathlib.Path.read_bytes", fails)
    with pytest.raises(Refusal, match=r"^the T2's boot state cannot be used: input/output error$"):
        machine.state.load()
