"""When the network is needed, when not, and what a network that lies can do: nothing."""

import hashlib
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from spacegrey.errors import Refusal
from spacegrey.t2.boot.chain import Start, boot
from spacegrey.t2.boot.factory import install_system, install_windows
from spacegrey.t2.boot.firmware import install
from spacegrey.t2.boot.policy import SecureBoot
from spacegrey.t2.boot.recovery import check_local, chunklist
from spacegrey.t2.boot.repair import activate, restore, revive
from spacegrey.t2.boot.results import Outcome
from spacegrey.t2.boot.utility import set_firmware_password, set_policy, set_windows
from spacegrey.t2.boot.volumes import CHUNKLIST, LOADER, RECOVERY, manifest_name
from spacegrey.t2.files import HostFiles
from spacegrey.t2.image4.faults import Fault, ManifestRefused
from spacegrey.t2.signer.client import Unreachable
from spacegrey.t2.signer.exchange import SignerRefused

ADMIN = b"an administrator's"

pytestmark = pytest.mark.claims("T4")


def changed(world, **changes):
    world.machine.state.save(replace(world.machine.state.load(), **changes))


def goes(world, start=None, **changes):
    """Start; raise `Unreachable` where the start says that a network lacks."""
    changed(world, **changes)
    result = boot(world.machine, start)
    if result.code == "network":
        raise Unreachable(result.reason)
    assert result.code is None, result.reason


def in_dfu(world):
    boot(world.machine, Start("dfu"))
    return world.machine


def damaged_recovery(world):
    files = world.machine.internal.files
    files.replace(RECOVERY, b"something else")
    goes(world, Start("cmd-r"))


def policy(world, administrator):
    boot(world.machine, Start("cmd-r"))
    set_policy(world.machine, administrator, ADMIN, secure_boot=SecureBoot.MEDIUM)


def boot_camp(world, administrator):
    boot(world.machine)
    set_windows(world.machine, administrator, ADMIN, allowed=True)


def windows(world):
    loader = (Path(__file__).parent / "windows" / "windows.efi").read_bytes()
    install_windows(world.machine, loader)
    goes(world, Start(disk=world.machine.windows), windows=True)


def firmware_password(world):
    boot(world.machine)
    set_firmware_password(world.machine, None, b"start me up")


@dataclass
class Around:
    """A machine, a disk and a person."""

    world: object
    external: object
    administrator: object


@pytest.fixture
def around(world, external, administrator):
    return Around(world, external, administrator)


# what is done -> does it need the network
NEEDS = {
    "an update of the firmware": lambda o: install(o.world.machine, o.world.machine.state.load(), "bridge-2"),
    "an installation of a system": lambda o: install_system(
        o.world.machine, "macos-2", o.world.network.local.files("macos-2")
    ),
    "a revive": lambda o: revive(in_dfu(o.world), "bridge-1"),
    "a restore": lambda o: restore(in_dfu(o.world), "bridge-1"),
    "an activation": lambda o: activate(o.world.machine),
    "recoveryOS from the network": lambda o: goes(o.world, Start("opt-cmd-r")),
    "diagnostics from the network": lambda o: goes(o.world, Start("opt-d")),
    "recoveryOS that is damaged": lambda o: damaged_recovery(o.world),
    "the first start of an external disk at Full": lambda o: goes(o.world, Start(disk=o.external), external_boot=True),
    "a start at Full without a ticket": lambda o: (
        o.world.machine.internal.files.remove(manifest_name(LOADER, "j137", o.world.machine.chip.ecid)),
        goes(o.world),
    ),
}
DOES_NOT = {
    "a start at Full": lambda o: goes(o.world),
    "a start at Medium": lambda o: goes(o.world, secure_boot=SecureBoot.MEDIUM),
    "a start at No Security": lambda o: goes(o.world, secure_boot=SecureBoot.NONE),
    "the first start of an external disk at Medium": lambda o: goes(
        o.world, Start(disk=o.external), secure_boot=SecureBoot.MEDIUM, external_boot=True
    ),
    "recoveryOS": lambda o: goes(o.world, Start("cmd-r")),
    "diagnostics": lambda o: goes(o.world, Start("d")),
    "Startup Manager": lambda o: goes(o.world, Start("option")),
    "Target Disk Mode": lambda o: goes(o.world, Start("t")),
    "a change of policy": lambda o: policy(o.world, o.administrator),
    "Windows": lambda o: windows(o.world),
    "a change of the firmware password": lambda o: firmware_password(o.world),
    "Boot Camp Assistant's switch": lambda o: boot_camp(o.world, o.administrator),
}


def tree(folder):
    """Return what lies in a machine's folder, but what it remembers of its starts and nonces."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "state.json"
    }


@pytest.mark.parametrize("what", NEEDS)
def test_it_needs_the_network_says_so_and_changes_nothing_without(around, what):
    world = around.world
    world.network.up = False
    if what in {"recoveryOS that is damaged", "a start at Full without a ticket"}:
        with pytest.raises(Unreachable, match="no network"):
            NEEDS[what](around)
    else:
        before = tree(world.folder)
        with pytest.raises(Unreachable, match="no network"):
            NEEDS[what](around)
        assert tree(world.folder) == before
    assert world.modules.erased == 0
    world.network.up = True
    asked = len(world.network.asked)
    NEEDS[what](around)
    assert len(world.network.asked) > asked


@pytest.mark.parametrize("what", DOES_NOT)
def test_it_needs_no_network_and_asks_for_none(around, what):
    world = around.world
    world.network.up = False
    DOES_NOT[what](around)
    assert world.network.asked == []


def test_the_second_start_of_an_external_disk_needs_none(world, external):
    goes(world, Start(disk=external), external_boot=True)
    world.network.up = False
    asked = len(world.network.asked)
    goes(world, Start(disk=external))
    assert len(world.network.asked) == asked


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


# what someone on the wire answers in place of the server, and the exact code
LIES = {
    "a ticket for another machine": ({"ECID": 0x001A2B3C4D5E6F71}, Fault.ECID),
    "a ticket of another exchange": ({"BNCH": bytes(32)}, Fault.NONCE),
    "a ticket without a nonce": ({"BNCH": None}, Fault.NONCE),
    "a ticket for another board": ({"BORD": 0x0B}, Fault.BOARD),
    "a ticket of a development signer": ({"CPRO": False}, Fault.PRODUCTION),
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("repair", [revive, restore])
def test_firmware_with_a_ticket_that_is_not_good_is_never_written(world, sign, signer, repair, lie):
    changes, fault = LIES[lie]
    payload = (signer / "builds" / "bridge-2" / "iBoot.im4p").read_bytes()
    machine = in_dfu(world)
    world.network.lie = lambda question, _: sign(payload, "firmware", "ibot", **{"BNCH": question.nonce, **changes})
    before, slot = tree(world.folder), machine.state.load().slot
    with pytest.raises(ManifestRefused) as refused:
        repair(machine, "bridge-2")
    assert refused.value.fault is fault
    assert (tree(world.folder), machine.state.load().slot, world.modules.erased) == (before, slot, 0)


def test_a_good_ticket_with_any_byte_changed_installs_nothing(world):
    before = tree(world.folder)
    for at in range(0, 3000, 211):
        world.network.lie = lambda _, answer, at=at: flipped(answer, at)
        with pytest.raises(ManifestRefused) as refused:
            install(world.machine, world.machine.state.load(), "bridge-2")
        assert refused.value.fault in {Fault.MALFORMED, Fault.SIGNATURE, Fault.CHAIN}
    assert tree(world.folder) == before


class Corrupting(HostFiles):
    """A disk that keeps something else than it was given."""

    def write(self, name, content):
        super().write(name, content if not name.startswith("firmware") else flipped(content, 100))


def test_firmware_that_the_disk_did_not_keep_as_it_was_given_never_becomes_the_one_that_starts(world):
    machine = replace(world.machine, files=Corrupting(world.folder))
    slot = world.machine.state.load().slot
    with pytest.raises(ManifestRefused):
        install(machine, machine.state.load(), "bridge-2")
    assert world.machine.state.load().slot == slot
    assert boot(world.machine).outcome is Outcome.MACOS


def test_an_image_that_is_not_on_the_list_is_not_signed(world):
    fetch = world.network.local.fetch
    world.network.local.fetch = lambda build, name, chunk=None: fetch(build, name, chunk) + b"\0"
    before = tree(world.folder)
    with pytest.raises(SignerRefused) as refused:
        install(world.machine, world.machine.state.load(), "bridge-2")
    assert (refused.value.status, tree(world.folder)) == (94, before)


@pytest.mark.parametrize(
    ("lie", "fault"),
    [
        (lambda record, manifest: (record + b" ", manifest), Fault.DIGEST),
        (lambda record, manifest: (record, manifest + b"\0"), Fault.MALFORMED),
        (lambda record, _: (record, b""), Fault.MALFORMED),
    ],
)
def test_an_activation_that_was_changed_activates_nothing(world, lie, fault):
    changed(world, activated=False)
    activation = world.network.local.activation
    world.network.local.activation = lambda chip, nonce: lie(*activation(chip, nonce))
    with pytest.raises(ManifestRefused) as refused:
        activate(world.machine)
    assert refused.value.fault is fault
    assert not world.machine.state.load().activated


def test_an_activation_of_another_machine_or_another_exchange_activates_nothing(world, other_chip):
    changed(world, activated=False)
    activation = world.network.local.activation
    for lie, fault in (
        (lambda _, nonce: activation(other_chip, nonce), Fault.ECID),
        (lambda chip, _: activation(chip, bytes(32)), Fault.NONCE),
    ):
        world.network.local.activation = lie
        with pytest.raises(ManifestRefused) as refused:
            activate(world.machine)
        assert refused.value.fault is fault
    assert not world.machine.state.load().activated


class Changing(HostFiles):
    """A disk whose loader is another one at every second look: a race that a careless reader would lose."""

    def __init__(self, folder):
        super().__init__(folder)
        self.looks = []

    def read(self, name):
        self.looks.append(name)
        good = super().read(name)
        return good if name != LOADER or self.looks.count(name) % 2 else b"what runs instead"


def test_what_was_verified_is_what_runs_however_often_the_disk_changes_its_mind(world):
    files = Changing(world.folder / "system")
    internal = replace(world.machine.internal, files=files)
    result = boot(replace(world.machine, internal=internal))
    assert result.outcome is Outcome.MACOS
    assert files.looks.count(LOADER) == 1
    loader = (world.folder / "system" / LOADER).read_bytes()
    assert result.entries[4].digest == hashlib.sha384(loader).digest()


def test_a_disk_that_changes_while_it_is_personalised_starts_only_what_was_signed(world, external, signer):
    folder = shutil.copytree(signer / "builds" / "macos-2", world.folder / "other")
    files = Changing(folder)
    changed(world, external_boot=True)
    result = boot(world.machine, Start(disk=replace(external, files=files)))
    assert result.code == "signing-refused"
    assert files.looks.count(LOADER) == 2


@pytest.mark.parametrize("more", [b"\0", b"a program behind the last chunk"])
def test_recovery_that_is_longer_than_its_list_is_damaged(world, sign, more):
    """What no chunk covers would start unverified."""
    sheet = world.machine.sheet.model_copy(update={"chunk_mb": 1})
    machine, files = replace(world.machine, sheet=sheet), world.machine.internal.files
    image = bytes(2 * 10**6)
    listed = chunklist(image, 10**6)
    files.replace(RECOVERY, image)
    files.replace(CHUNKLIST, listed)
    files.replace(manifest_name(CHUNKLIST, "j137"), sign(listed, "medium", "rcls"))
    assert check_local(machine, machine.internal).refused is None
    files.replace(RECOVERY, image + more)
    found = check_local(machine, machine.internal)
    assert found.refused.fault is Fault.DIGEST
    assert "longer than its list" in str(found.refused)
    assert found.digest == hashlib.sha384(listed).digest()


def test_a_refusal_is_one_line(world):
    world.network.up = False
    with pytest.raises(Refusal) as refused:
        install(world.machine, world.machine.state.load(), "bridge-2")
    assert "\n" not in str(refused.value)
