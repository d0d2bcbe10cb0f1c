"""Files of version 1, as an earlier Spacegrey wrote them, open still; those of a newer one are refused in one line."""

import json
import shutil
import sys
import types
from pathlib import Path

import pytest

from spacegrey.errors import InputError, Refusal, SpacegreyError
from spacegrey.machine.assembly import machine
from spacegrey.t2.enclave.anchor import Anchor
from spacegrey.t2.enclave.enclave import Enclave
from spacegrey.t2.enclave.keybag import read_keybag
from spacegrey.t2.enclave.locker import SLOT_BYTES, Locker
from spacegrey.t2.enclave.uid import Protection, open_uid, protection_of
from spacegrey.t2.storage.modules import ModuleFile
from spacegrey.virtual.instance import open_instance
from spacegrey.virtual.management import _fans

FANS = machine("imac-pro").cooling.fans
GOLDEN = Path(__file__).parent / "golden-1"
"""A machine with FileVault on, one failure in a row, fans held at 2000 rpm; and a UID under each protection."""

NEWER = 99


@pytest.fixture
def golden(tmp_path):
    folder = shutil.copytree(GOLDEN, tmp_path / "golden")
    for path in folder.rglob("uid.json"):
        path.chmod(0o600)  # git keeps no such thing
    return folder


@pytest.fixture
def _ring(golden, monkeypatch):
    held = json.loads((golden / "uid" / "keyring" / "ring.json").read_text())
    module = types.ModuleType("keyring")
    module.get_password = lambda service, name: held.get(f"{service}/{name}")
    monkeypatch.setitem(sys.modules, "keyring", module)


def _chip(folder, anchor):
    uid = open_uid(folder / "t2")
    locker = Locker(ModuleFile(folder / "t2" / "locker"), uid, anchor.advance)
    locker.load(anchor.check)
    return Enclave(uid, locker, folder / "ssd", calibrated=lambda: 100)


@pytest.mark.parametrize("protection", Protection)
@pytest.mark.usefixtures("_ring")
def test_a_uid_of_version_1_opens(golden, protection):
    folder = golden / "uid" / protection
    assert protection_of(folder) is protection
    found = open_uid(folder, b"golden passphrase")
    assert found.derive("golden").hex() == (folder / "derived.hex").read_text().strip()


def test_a_machine_of_version_1_opens_and_is_written_on_by_this_one(golden):
    folder = golden / "machine"
    machine = open_instance(folder)
    assert (machine.file.selector, machine.file.attempts) == ("imac-pro", "2018")
    chip = _chip(folder, Anchor(folder / "anchor.json"))
    status = chip.status()
    assert (status["attempts"]["failed"], status["filevault"], status["recovery_key"]) == (1, True, True)
    assert status["users"] == status["administrators"] == ["admin"]
    assert chip.kept.bound("ssd pair") == "golden pair"
    chip.unlock(b"golden password")
    chip.set_password(b"golden password", b"silver")
    chip.close()
    chip = _chip(folder, Anchor(folder / "anchor.json"))
    chip.unlock_with_recovery_key((folder / "recovery.txt").read_text().strip())
    chip.add_user("anna", b"her own", b"silver", admin=False)
    chip.close()


def test_the_fans_of_version_1_are_held(golden):
    assert _fans(open_instance(golden / "machine"), FANS) == (True, 2000.0)


def _aged(path, version=NEWER):
    if path.suffix == ".toml":
        path.write_text(path.read_text().replace("format = 1", f"format = {version}"))
        return
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": version}))


def _keybag(folder):
    chip = _chip(folder, Anchor(folder / "anchor.json"))
    content = chip.kept.content
    chip.close()
    path = folder / "ssd" / f"keybag-{content['generation']}.json"
    _aged(path)
    return path, lambda: read_keybag(path.parent, content["generation"], open_uid(folder / "t2"), bytes(32))


def _locker(folder):
    path = folder / "t2" / "locker"
    raw = bytearray(path.read_bytes())
    for start in (0, SLOT_BYTES):
        if raw[start]:
            raw[start + 8 : start + 12] = NEWER.to_bytes(4, "big")
    path.write_bytes(raw)
    return Path("the enclave's memory"), lambda: _chip(folder, Anchor(folder / "anchor.json"))


def _small(name, opens):
    def make(folder):
        _aged(folder / name)
        return folder / name, lambda: opens(folder)

    return make


FORMATS = {
    "instance.toml": _small("instance.toml", open_instance),
    "uid.json": _small("t2/uid.json", lambda folder: open_uid(folder / "t2")),
    "anchor": _small("anchor.json", lambda folder: Anchor(folder / "anchor.json").remembered()),
    "smc.json": _small("smc.json", lambda folder: _fans(open_instance(folder), FANS)),
    "keybag": _keybag,
    "locker": _locker,
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_newer_version_is_refused_in_one_line(golden, name):
    path, opens = FORMATS[name](golden / "machine")
    with pytest.raises((Refusal, InputError)) as caught:
        opens()
    text = str(caught.value)
    assert text.startswith(str(path))
    assert f"has format {NEWER}; this version of Spacegrey reads 1" in text
    assert "\n" not in text


DEEP = "[" * 200_000
BAD = [
    "",
    "[]",
    "7",
    "{}",
    '{"format": "1"}',
    '{"format": true}',
    DEEP,
    '{"format": 1, "x": ' + DEEP,
    "\0",
    '{"format": 1}',
]


@pytest.mark.parametrize("name", ["uid.json", "anchor", "smc.json", "keybag"])
@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_a_damaged_file_is_refused_in_one_line(golden, name, text):
    path, opens = FORMATS[name](golden / "machine")
    path.write_text(text)
    with pytest.raises(SpacegreyError) as caught:
        opens()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [b"\xff", b"x = " + b"[" * 100_000, b"format = 1", b"format = 'one'"])
def test_a_damaged_instance_file_is_refused_in_one_line(golden, text):
    path = golden / "machine" / "instance.toml"
    path.write_bytes(text)
    with pytest.raises(InputError, match=r"instance\.toml") as caught:
        open_instance(golden / "machine")
    assert "\n" not in str(caught.value)


# files of other rooms that people hand to each other


def test_a_saved_run_with_nonsense_in_it_is_refused_in_one_line(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from spacegrey.simulation.runfile import load

    path = tmp_path / "run.parquet"
    pq.write_table(pa.table({"time_s": [0.0]}).replace_schema_metadata({b"spacegrey": DEEP.encode()}), path)
    with pytest.raises(InputError, match="not a saved run"):
        load(path)


def test_a_sweep_s_record_with_nonsense_in_it_is_refused_in_one_line(tmp_path):
    from spacegrey.simulation.sweep.partitions import RECORD, read_record

    (tmp_path / RECORD).write_text(DEEP)
    with pytest.raises(InputError, match="cannot be read as the record of a sweep"):
        read_record(tmp_path)


def test_a_keybag_of_version_2_knows_who_is_no_administrator(tmp_path):
    folder = shutil.copytree(GOLDEN.with_name("golden-2"), tmp_path / "golden")
    (folder / "t2" / "uid.json").chmod(0o600)
    assert json.loads(next((folder / "ssd").glob("keybag-*.json")).read_text())["format"] == 2
    chip = _chip(folder, Anchor(folder / "anchor.json"))
    assert (chip.status()["users"], chip.status()["administrators"]) == (["admin", "anna"], ["admin"])
    chip.unlock(b"her own", "anna")
    chip.close()
