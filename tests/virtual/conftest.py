"""Machines of 64 MiB, whose enclave is a process of its own, and the keys that only these tests work out."""

import json

import pytest

from spacegrey.errors import Refusal
from spacegrey.t2.enclave.client import EnclaveClient
from spacegrey.t2.enclave.keybag import Keybag, unseal
from spacegrey.t2.enclave.keys import Uid, unwrap
from spacegrey.t2.enclave.locker import Locker
from spacegrey.virtual import instance as room

SIZE = 64 << 20


class _Image:
    def __init__(self, content):
        self.content = bytearray(content)

    def read(self, offset, views):
        views[0][:] = self.content[offset : offset + len(views[0])]

    def write(self, offset, views):
        self.content[offset : offset + len(views[0])] = views[0]

    def sync(self):
        pass


def _all_keys(machine):
    """Return every key of a machine whose FileVault is off, worked out from its files by name."""
    raw = bytes.fromhex(json.loads((machine.chip / "uid.json").read_text())["uid"])
    uid = Uid(raw)
    locker = Locker(_Image((machine.chip / "locker").read_bytes()), uid, lambda *_state: None)
    locker.load(lambda *_state: None)
    nonce = bytes.fromhex(locker.content["nonce"])
    content = json.loads(next(machine.disk.glob("keybag-*.json")).read_text())
    content.pop("mac")
    bag = Keybag.model_validate(content)
    class_key = unwrap(uid.derive("no password"), unseal(uid, nonce, bag.find("uid").wrapped))
    media_key = unwrap(uid.derive("media key"), bytes.fromhex(locker.content["media"]["data"]))
    volume_key = unwrap(class_key, bytes(unwrap(media_key, bytes.fromhex(bag.volumes["data"]))))
    return {
        "uid": raw,
        "class key": bytes(class_key),
        "media key": bytes(media_key),
        "volume key": bytes(volume_key),
        "key of the locker": uid.derive("locker"),
        "key without a password": uid.derive("no password"),
    }


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(room, "_capacity", lambda *_machine: SIZE)


@pytest.fixture
def machines(tmp_path):
    """Return a function that makes a machine; what is on in the end is switched off."""
    made = []

    def make(name="studio", **settings):
        made.append(room.create(tmp_path / name, "imac-pro", **settings))
        return made[-1]

    yield make
    for machine in made:
        try:
            EnclaveClient(machine.chip).switch_off()
        except Refusal:
            continue


@pytest.fixture
def all_keys():
    return _all_keys


@pytest.fixture
def machine(machines):
    return machines()
