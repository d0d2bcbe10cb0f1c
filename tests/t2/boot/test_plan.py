"""The test plan: every row of plan.csv is a state of the machine, a way to start it, and the exact end."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from spacegrey.t2.boot import firmware_password
from spacegrey.t2.boot.chain import Start, boot
from spacegrey.t2.boot.firmware import install, slot_file
from spacegrey.t2.boot.firmware_password import Mode
from spacegrey.t2.boot.policy import SecureBoot
from spacegrey.t2.boot.volumes import CHUNKLIST, KERNEL, LOADER, RECOVERY, System, manifest_name
from spacegrey.t2.image4.payload import Image, Payload, encode_image, encode_payload, read_image
from spacegrey.t2.signer.allowed import read_allowed, write_allowed

ROWS = list(csv.DictReader((Path(__file__).parent / "plan.csv").read_text(encoding="utf-8").splitlines()))
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
    elif how == "other-machine":
        manifest = sign(image.payload, "firmware", object_type, ECID=ECID + 1, BNCH=state.firmware_nonce)
        machine.files.replace(name, encode_image(replace(image, manifest=manifest)))
    else:
        raise AssertionError(how)


def damage_ticket(world, name, how, sign):
    files = world.machine.internal.files
    image = files.read(LOADER)
    changed = {
        "board": {"BORD": 0x0B},
        "chip": {"CHIP": 0x8015},
        "epoch": {"CEPO": 1},
        "domain": {"SDOM": 0},
        "development": {"mpro": False},
        "other-machine": {"ECID": ECID + 1},
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
    else:
        files.replace(name, sign(image, "full", "efib", **changed[how]))


def unlist(signer, build):
    write_allowed(read_allowed(signer).signing(build, now=False), signer)


def prepare(word, world, signer, sign):  # noqa: C901, PLR0912 - one line for each word of the plan
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
    elif word == "kernel-ticket=gone":
        files.remove(manifest_name(KERNEL, "j137", ECID))
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


def asked_for(text, external):
    given = dict(word.split("=") for word in text.split())
    disks = {
        "external": external,
        "hfs": replace(external, form="hfs+"),
        "windows": replace(external, system=System.WINDOWS),
        "other": replace(external, system=System.OTHER),
    }
    password = {"": None, "right": PASSWORD, "wrong": b"not this one"}[given.get("password", "")]
    return Start(given.get("key", "none"), password, disks.get(given.get("disk")))


@pytest.mark.claims("T3", "T4")
@pytest.mark.parametrize("row", ROWS, ids=[f"{row['state'] or 'new'}|{row['input'] or 'start'}" for row in ROWS])
def test_the_plan(world, signer, sign, external, row):
    for word in row["state"].split():
        prepare(word, world, signer, sign)
    before = len(world.network.asked)
    result = boot(world.machine, asked_for(row["input"], external))
    found = (result.outcome, result.code or "", str(result.failure), "yes" if result.asked_network else "no")
    assert found == (row["outcome"], row["code"], row["byte"], row["asked"]), result.reason
    assert (len(world.network.asked) > before) == result.asked_network
    kept = world.machine.state.load()
    assert (kept.reason or "") == ("" if row["code"] == "key-ignored" else row["code"])
    assert kept.failure == result.failure


def test_the_plan_has_each_row_once():
    keys = [(row["state"], row["input"]) for row in ROWS]
    assert len(set(keys)) == len(keys) > 100
