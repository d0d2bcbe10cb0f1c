"""The Startup Security Utility and the firmware password: who may change what, and from where."""

from dataclasses import replace

import pytest

from spacegrey.errors import InputError, Refusal
from spacegrey.t2.boot.boot_keys import Locked, boot_key, boot_keys
from spacegrey.t2.boot.chain import Start, boot
from spacegrey.t2.boot.firmware import slot_file
from spacegrey.t2.boot.firmware_password import FirmwarePasswordWrong, Mode
from spacegrey.t2.boot.policy import Denied, PolicyRefused, SecureBoot, Session, Source, Where
from spacegrey.t2.boot.results import Outcome
from spacegrey.t2.boot.utility import (
    forbid_firmware_reset,
    remove_firmware_password,
    reset_firmware_password,
    reset_request,
    set_firmware_mode,
    set_firmware_password,
    set_policy,
)
from spacegrey.t2.image4.faults import Fault, ManifestRefused
from spacegrey.t2.signer.signer import password_reset

ADMIN = b"an administrator's"

pytestmark = pytest.mark.claims("T3")


@pytest.fixture
def in_recovery(world):
    assert boot(world.machine, Start("cmd-r")).outcome is Outcome.RECOVERY
    return world


def denied(machine, authenticator, password=ADMIN):
    before = machine.state.load()
    with pytest.raises(PolicyRefused) as refused:
        set_policy(machine, authenticator, password, secure_boot=SecureBoot.NONE, external_boot=True)
    assert machine.state.load() == before
    return refused.value.denied


def test_an_administrator_in_recovery_changes_both_policies(in_recovery, administrator):
    set_policy(in_recovery.machine, administrator, ADMIN, secure_boot=SecureBoot.MEDIUM)
    state = in_recovery.machine.state.load()
    assert (state.secure_boot, state.external_boot) == (SecureBoot.MEDIUM, False)
    set_policy(in_recovery.machine, administrator, ADMIN, external_boot=True)
    state = in_recovery.machine.state.load()
    assert (state.secure_boot, state.external_boot) == (SecureBoot.MEDIUM, True)


@pytest.mark.parametrize("how", [Start(), Start("option"), Start("t"), Start("d"), Start("dfu")])
def test_outside_recovery_nothing_changes(world, administrator, how):
    boot(world.machine, how)
    assert denied(world.machine, administrator) is Denied.NOT_IN_RECOVERY


def test_a_machine_that_is_off_changes_nothing(world, administrator):
    assert denied(world.machine, administrator) is Denied.NOT_IN_RECOVERY


def test_recovery_from_another_disk_or_the_network_changes_nothing(world, external, administrator):
    world.machine.state.save(replace(world.machine.state.load(), external_boot=True))
    assert boot(world.machine, Start("cmd-r", disk=external)).outcome is Outcome.RECOVERY
    assert denied(world.machine, administrator) is Denied.RECOVERY_NOT_INTERNAL
    assert boot(world.machine, Start("opt-cmd-r")).outcome is Outcome.RECOVERY
    assert denied(world.machine, administrator) is Denied.RECOVERY_NOT_INTERNAL


@pytest.mark.parametrize(
    ("session", "code"),
    [
        (Session(Where.RECOVERY_OS, form="hfs+"), Denied.NOT_APFS),
        (Session(Where.RECOVERY_OS, administrators=False), Denied.NO_ADMINISTRATOR),
        (Session(Where.RECOVERY_OS, Source.EXTERNAL), Denied.RECOVERY_NOT_INTERNAL),
    ],
)
def test_each_precondition_has_its_code(world, administrator, session, code):
    world.machine.state.save(replace(world.machine.state.load(), session=session))
    assert denied(world.machine, administrator) is code


def test_a_wrong_password_changes_nothing(in_recovery, administrator):
    assert denied(in_recovery.machine, administrator, b"wrong") is Denied.WRONG_CREDENTIAL


def test_while_the_enclave_is_off_nobody_changes_a_policy(world, administrator):
    """SepOS is bad: recoveryOS starts from the internal disk, and nobody can be authenticated."""
    state = world.machine.state.load()
    world.machine.files.remove(slot_file(state.slot, "sepi"))
    result = boot(world.machine)
    assert (result.outcome, result.code) == (Outcome.RECOVERY, "enclave-disabled")
    assert denied(world.machine, administrator) is Denied.WRONG_CREDENTIAL


def test_no_security_does_not_allow_external_disks(in_recovery, external, administrator):
    set_policy(in_recovery.machine, administrator, ADMIN, secure_boot=SecureBoot.NONE)
    assert boot(in_recovery.machine, Start(disk=external)).code == "external-boot-disallowed"


def test_the_first_password_has_the_mode_command(in_recovery):
    machine = in_recovery.machine
    with pytest.raises(Refusal, match="no firmware password is set"):
        set_firmware_mode(machine, b"", Mode.FULL)
    set_firmware_password(machine, None, b"first")
    assert machine.state.load().firmware_password.mode is Mode.COMMAND
    set_firmware_mode(machine, b"first", Mode.FULL)
    set_firmware_password(machine, b"first", b"second")
    assert machine.state.load().firmware_password.mode is Mode.FULL
    remove_firmware_password(machine, b"second")
    assert machine.state.load().firmware_password is None


def test_the_old_password_is_needed_for_every_change(in_recovery):
    machine = in_recovery.machine
    set_firmware_password(machine, None, b"first")
    before = machine.state.load()
    for change in (
        lambda: set_firmware_password(machine, None, b"x"),
        lambda: set_firmware_password(machine, b"wrong", b"x"),
        lambda: set_firmware_mode(machine, b"wrong", Mode.FULL),
        lambda: remove_firmware_password(machine, b"wrong"),
        lambda: forbid_firmware_reset(machine, b"wrong"),
    ):
        with pytest.raises(FirmwarePasswordWrong):
            change()
    assert machine.state.load() == before


@pytest.mark.parametrize("new", [b"", b"x" * 256])
def test_a_password_has_1_to_255_bytes(in_recovery, new):
    with pytest.raises(InputError, match="1 to 255"):
        set_firmware_password(in_recovery.machine, None, new)


def test_a_machine_that_is_off_takes_no_firmware_password(world):
    with pytest.raises(Refusal, match="neither runs"):
        set_firmware_password(world.machine, None, b"x")


def test_the_password_is_in_no_file_and_no_repr(in_recovery):
    set_firmware_password(in_recovery.machine, None, b"correct horse")
    state = in_recovery.machine.state.load()
    assert b"correct horse" not in b"".join(path.read_bytes() for path in in_recovery.folder.rglob("*.json"))
    assert state.firmware_password.verifier.hex() not in repr(state)
    assert repr(state.firmware_password.verifier) not in repr(state)


def nonce_of(request):
    return bytes.fromhex(request.partition("-")[2])


def test_a_reset_file_works_once_and_for_its_machine_and_request_only(in_recovery, authority, other_chip):
    machine = in_recovery.machine
    set_firmware_password(machine, None, b"forgotten")
    asked = reset_request(machine)
    assert asked.startswith(f"{machine.chip.ecid:016X}-")
    theirs = password_reset(other_chip, nonce_of(asked), authority)
    with pytest.raises(ManifestRefused):
        reset_firmware_password(machine, theirs)
    stale = password_reset(machine.chip, nonce_of(asked), authority)
    good = password_reset(machine.chip, nonce_of(reset_request(machine)), authority)
    with pytest.raises(ManifestRefused) as refused:
        reset_firmware_password(machine, stale)
    assert refused.value.fault is Fault.DIGEST
    reset_firmware_password(machine, good)
    assert machine.state.load().firmware_password is None
    set_firmware_password(machine, None, b"another")
    with pytest.raises(ManifestRefused):
        reset_firmware_password(machine, good)


def test_a_forbidden_reset_stays_forbidden(in_recovery, authority):
    machine = in_recovery.machine
    set_firmware_password(machine, None, b"first")
    good = password_reset(machine.chip, nonce_of(reset_request(machine)), authority)
    forbid_firmware_reset(machine, b"first")
    set_firmware_password(machine, b"first", b"second")
    for refused in (lambda: reset_request(machine), lambda: reset_firmware_password(machine, good)):
        with pytest.raises(Refusal, match="forbidden for good"):
            refused()


def test_every_key_says_what_a_firmware_password_does_to_it():
    ignored = {name for name, key in boot_keys().items() if key.locked is Locked.IGNORED}
    assert ignored == {"t", "n", "d", "opt-d", "cmd-s", "cmd-v", "shift", "eject", "opt-cmd-p-r"}
    assert {name for name, key in boot_keys().items() if key.locked is Locked.ASKS} == {
        "none", "option", "cmd-r", "opt-cmd-r",
    }  # fmt: skip


def test_an_unknown_key_lists_the_choices(world):
    with pytest.raises(InputError, match="cmd-r"):
        boot(world.machine, Start("cmd-q"))
    assert boot_key("cmd-r").source
