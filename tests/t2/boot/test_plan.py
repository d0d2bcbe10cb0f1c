"""The test plan: every row of plan.csv is a state of the machine, a way to start it, and the exact end."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from spacegrey.t2.boot import firmware_password
from spacegrey.t2.boot.authenticode import WindowsFault
from spacegrey.t2.boot.chain import Start, boot
from spacegrey.t2.boot.firmware import install, slot_file
from spacegrey.t2.boot.firmware_password import Mode
from spacegrey.t2.boot.policy import SecureBoot
from spacegrey.t2.boot.results import Outcome, Stop
from spacegrey.t2.boot.volumes import (
    CHUNKLIST,
    KERNEL,
    LOADER,
    OTHER_LOADER,
    RECOVERY,
    WINDOWS_LOADER,
    System,
    manifest_name,
)
from spacegrey.t2.image4.faults import Fault
from spacegrey.t2.image4.manifest import encode_manifest, read_manifest
from spacegrey.t2.image4.payload import Image, Payload, encode_image, encode_payload, read_image
from spacegrey.t2.signer.allowed import read_allowed, write_allowed
from spacegrey.t2.signer.authority import Leaf

ROWS = list(csv.DictReader((Path(__file__).parent / "plan.csv").read_text(encoding="utf-8").splitlines()))
WINDOWS = Path(__file__).parent / "windows"
PASSWORD = b"start me up"

ECID = 0x001A2B3C4D5E6F70
PERSONAL, GLOBAL = manifest_name(LOADER, "j137", ECID), manifest_name(LOADER, "j137")


def change(world, **changes):
    world.machine.state.save(replace(world.machine.state.load(), **changes))


def flip(files, name, at=-1):
    data = bytearray(files.read(name))
    data[at] ^= 1
    files.replace(name, bytes(data))


def firmware_password_in(mode):
    held = firmware_password.set_password(None, None, PASSWORD)
    return firmware_password.set_mode(held, PASSWORD, mode)


# what a manifest of the firmware is signed as, and what is changed in it
SIGNED_ANEW = {
    "other-machine": ("firmware", {"ECID": ECID + 1}),
    "everyone": ("medium", {"CPRO": True, "CSEC": True}),
    "development": ("firmware", {"CPRO": False}),
    "unsecured": ("firmware", {"CSEC": False}),
    "board": ("firmware", {"BORD": 0x0B}),
    "no-nonce": ("firmware", {"BNCH": None}),
    "internal": ("firmware", {"iuob": True}),
}


def damage_firmware(world, object_type, how, sign):
    machine, state = world.machine, world.machine.state.load()
    name = slot_file(state.slot, object_type)
    image = read_image(machine.files.read(name))
    if how == "gone":
        machine.files.remove(name)
    elif how == "flip":
        flip(machine.files, name, 1)
    elif how == "code":
        other = encode_payload(Payload(object_type, "bridge-1", b"something else"))
        machine.files.replace(name, encode_image(replace(image, payload=other)))
    elif how == "unsigned":
        machine.files.replace(name, encode_image(Image(image.payload)))
    elif how == "other-type":
        machine.files.replace(name, machine.files.read(slot_file(state.slot, "krnl")))
    elif how == "generator":
        machine.files.replace(name, encode_image(replace(image, generator=bytes(8))))
    elif how in SIGNED_ANEW:
        kind, changes = SIGNED_ANEW[how]
        manifest = sign(image.payload, kind, object_type, **{"BNCH": state.firmware_nonce, **changes})
        machine.files.replace(name, encode_image(replace(image, manifest=manifest)))
    else:
        raise AssertionError(how)


def damage_ticket(world, name, how, sign, file=LOADER):
    files = world.machine.internal.files
    image = files.read(file)
    kind = "full" if f"{ECID:X}" in name else "medium"
    changed = {
        "board": {"BORD": 0x0B},
        "chip": {"CHIP": 0x8015},
        "epoch": {"CEPO": 1},
        "domain": {"SDOM": 0},
        "development": {"mpro": False},
        "other-machine": {"ECID": ECID + 1},
        "unsecured": {"msec": False},
        "object-development": {"own": {"EPRO": False}},
        "object-unsecured": {"own": {"ESEC": False}},
        "internal": {"iuob": True},
        "everyone-too": {"xugs": 1},
        "number-too": {"ECID": ECID},
        "strange-number": {"BORD": 1 << 31},
        "other-leaf": {"leaf": Leaf.PERSONALISED if kind == "medium" else Leaf.GLOBAL},
        "only-kernel": {},
    }
    if how == "gone":
        files.remove(name)
    elif how == "global":
        files.replace(name, files.read(GLOBAL))
    elif how == "personal":
        files.replace(name, files.read(PERSONAL))
    elif how == "flip":
        ticket = bytearray(files.read(name))
        at = ticket.index(b"BORD") + 6  # its value
        ticket[at] ^= 1
        files.replace(name, bytes(ticket))
    elif how == "longer":
        files.replace(name, files.read(name) + b"\0")
    elif how == "chain":
        found = read_manifest(files.read(name))
        files.replace(name, encode_manifest(found.body, found.signature, found.certificates[:1]))
    elif how == "empty":
        files.replace(name, b"")
    else:
        own = "mkrn" if how == "only-kernel" or file == KERNEL else "efib"
        files.replace(name, sign(image, kind, own, **changed[how]))


def put_loader(volume, name, how):
    """Lay a loader on a volume; as it was signed, or damaged."""
    folder = volume.files._folder  # noqa: SLF001 - the test's own disk
    folder.mkdir(exist_ok=True)
    kind = how if how in {"third-party", "unsigned"} else "windows"
    data = bytearray((WINDOWS / f"{kind}.efi").read_bytes())
    if how == "flip":
        data[600] ^= 1
    elif how == "checksum":
        data[0x98 + 64] ^= 1
    elif how == "signature":
        data[data.rindex(b"\x04\x82\x01\x00") + 9] ^= 1  # the 256 bytes of the signature
    elif how == "certificate":
        data[data.index(b"A publisher for windows")] ^= 1
    elif how == "longer":
        data += bytes(8)
    elif how == "text":
        data = b"a loader of Windows, a model"
    volume.files.replace(name, bytes(data))


def _signed(kind, **changes):
    """Return a server's lie: another manifest for the loader that was asked for."""

    def lie(world, sign):
        image = world.machine.internal.files.read(LOADER)
        return lambda question, _: sign(image, kind, "efib", **{"BNCH": question.nonce, **changes})

    return lie


LIES = {
    "other-machine": _signed("full", ECID=ECID + 1),
    "stale": _signed("full", BNCH=bytes(32)),
    "everyone": _signed("medium"),
    "board": _signed("full", BORD=0x0B),
    "flip": lambda *_: lambda _, answer: answer[:-40] + bytes([answer[-40] ^ 1]) + answer[-39:],
    "nothing": lambda *_: lambda *_: b"",
}


def unlist(signer, build):
    write_allowed(read_allowed(signer).signing(build, now=False), signer)


def prepare(word, world, signer, sign):  # noqa: C901, PLR0912, PLR0915 - one line for each word of the plan
    name, _, how = word.partition("=")
    files = world.machine.internal.files
    if word in {"full", "medium", "none"}:
        change(world, secure_boot=SecureBoot[word.upper()])
    elif word == "external":
        change(world, external_boot=True)
    elif word == "offline":
        world.network.up = False
    elif word == "restoring":
        change(world, restoring=True)
    elif word == "not-activated":
        change(world, activated=False)
    elif name in {"password-command", "password-full"}:
        change(world, firmware_password=firmware_password_in(Mode(word.removeprefix("password-"))))
    elif word == "unlisted":
        for build in ("macos-1", "macos-2"):
            unlist(signer, build)
    elif word == "unlisted-old":
        unlist(signer, "macos-1")
    elif word == "modules=missing":
        world.modules.why = "module 1 is not in its slot"
    elif word == "modules=strange":
        world.modules.name = "pair-of-another-machine"
    elif name in {"ibot", "sepi", "krnl", "mefi"}:
        damage_firmware(world, name, how, sign)
    elif word == "firmware=old":
        put_back_old_firmware(world)
    elif name in {"efi", "kernel"}:
        file = LOADER if name == "efi" else KERNEL
        files.remove(file) if how == "gone" else files.replace(file, b"something else")
    elif name in {"efi-ticket", "efi-global"}:
        damage_ticket(world, PERSONAL if name == "efi-ticket" else GLOBAL, how, sign)
    elif name in {"kernel-ticket", "kernel-global"}:
        kernel = manifest_name(KERNEL, "j137", ECID if name == "kernel-ticket" else None)
        damage_ticket(world, kernel, how, sign, KERNEL)
    elif word == "windows":
        change(world, windows=True)
    elif name == "bootcamp":
        put_loader(world.machine.windows, WINDOWS_LOADER, how)
    elif name == "network" and how != "chunk":
        world.network.lie = LIES[how](world, sign)
    elif word == "recovery=unsigned":
        files.remove(manifest_name(CHUNKLIST, "j137"))
    elif word == "recovery=personal":
        own = sign(files.read(CHUNKLIST), "full", "rcls")
        files.replace(manifest_name(CHUNKLIST, "j137"), own)
    elif word == "recovery=gone":
        files.remove(CHUNKLIST)
    elif word == "system=old":
        # the volume of an older installation: its global manifests, no ticket for this machine
        for file in (LOADER, KERNEL):
            files.remove(manifest_name(file, "j137", ECID))
    elif word == "recovery=chunk":
        flip(files, RECOVERY)
    elif word == "recovery=list":
        flip(files, CHUNKLIST)
    elif word == "network=chunk":
        path = signer / "builds" / "internet-recovery" / RECOVERY
        path.write_bytes(b"something else")
    else:
        raise AssertionError(word)


def put_back_old_firmware(world):
    machine = world.machine
    old = {name: machine.files.read(slot_file(1, name)) for name in ("ibot", "sepi", "krnl", "mefi")}
    assert all(old.values())
    state = install(machine, machine.state.load(), "bridge-2")
    assert state.slot == 0
    for name, data in old.items():
        machine.files.replace(slot_file(0, name), data)


def asked_for(world, text, external):
    given = dict(word.split("=") for word in text.split())
    disks = {
        "external": external,
        "hfs": replace(external, form="hfs+"),
        "windows": replace(external, system=System.WINDOWS),
        "other": replace(external, system=System.OTHER),
        "linux": replace(external, system=System.OTHER),
        "bootcamp": world.machine.windows,
    }
    if given.get("disk") == "linux":
        put_loader(external, OTHER_LOADER, "third-party")
    password = {"": None, "right": PASSWORD, "wrong": b"not this one"}[given.get("password", "")]
    return Start(given.get("key", "none"), password, disks.get(given.get("disk")))


@pytest.mark.claims("T3", "T4")
@pytest.mark.parametrize("row", ROWS, ids=[f"{row['state'] or 'new'}|{row['input'] or 'start'}" for row in ROWS])
def test_the_plan(world, signer, sign, external, row):
    for word in row["state"].split():
        prepare(word, world, signer, sign)
    before = len(world.network.asked)
    result = boot(world.machine, asked_for(world, row["input"], external))
    found = (result.outcome, result.code or "", str(result.failure), "yes" if result.asked_network else "no")
    assert found == (row["outcome"], row["code"], row["byte"], row["asked"]), result.reason
    assert (len(world.network.asked) > before) == result.asked_network
    kept = world.machine.state.load()
    assert (kept.reason or "") == ("" if row["code"] == "key-ignored" else row["code"])
    assert kept.failure == result.failure
    check_log(result)


T2_STAGES = [("boot-rom", "ibot"), ("sep-rom", "sepi"), ("iboot", "krnl"), ("bridge-os", "mefi")]
MACOS_STAGES = [("uefi", "efib"), ("boot-efi", "mkrn")]
GOOD = {"verified", "not checked"}
IN_MACOS = {Outcome.MACOS, Outcome.VERBOSE, Outcome.SAFE, Outcome.SINGLE_USER}


def check_log(result):
    """Check that the log names every image that was looked at, in order, up to the one at which the start ended."""
    seen = [(entry.stage, entry.object_type) for entry in result.entries]
    verdicts = [entry.verdict for entry in result.entries]
    if result.code in {"forced-dfu", "restore-unfinished"}:
        assert not seen
        return
    assert seen[:4] == T2_STAGES[: len(seen[:4])]
    if result.outcome in {Outcome.DFU, Outcome.T2_RECOVERY} and result.code != "modules":
        assert (seen[-1][0], verdicts[-1]) == tuple(result.code.split("/"))
        assert set(verdicts[:-1]) <= GOOD
        return
    assert len(seen) >= len(T2_STAGES)
    if result.outcome in IN_MACOS:
        assert set(verdicts[:4]) == {"verified"}
    later = list(zip(seen[4:], verdicts[4:], strict=True))
    if result.outcome in IN_MACOS:
        assert [one for one, verdict in later if verdict in GOOD] == MACOS_STAGES
    elif result.outcome is Outcome.OTHER:
        assert [(one, verdict in GOOD) for one, verdict in later] in ([], [(("uefi", "pe"), True)])
    elif result.outcome in {Outcome.RECOVERY, Outcome.DIAGNOSTICS}:
        assert later[-1] == (("uefi", "rcls"), "verified")
    elif result.outcome in {Outcome.STARTUP_MANAGER, Outcome.TARGET_DISK, Outcome.PASSWORD, Outcome.T2_RECOVERY}:
        assert not later
    elif "/" in result.code and not result.asked_network:
        (stage, _), verdict = later[-1]
        assert result.code == f"{stage}/{verdict}"
    assert all(len(entry.digest) == 48 for entry in result.entries)


def test_every_reason_of_a_refusal_ends_a_start_of_the_plan():
    """Two cannot: a leaf's constraints stop them before; test_verify.py shows them under a leaf without any."""
    seen = {row["code"].rpartition("/")[2] for row in ROWS}
    unreachable = {Fault.GLOBAL_PRESENT, Fault.GLOBAL_MISSING}
    assert {*Fault, *WindowsFault} - seen == unreachable
    assert set(Stop) <= seen


def test_the_plan_has_each_row_once():
    keys = [(row["state"], row["input"]) for row in ROWS]
    assert len(set(keys)) == len(keys) > 100
