"""What is kept: files of older formats are read, newer ones refused in one line, and a kill leaves old or new."""

import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from spacegrey.errors import Refusal
from spacegrey.t2.boot.firmware_password import FirmwarePassword, Mode
from spacegrey.t2.boot.policy import SecureBoot, Session, Source, Where
from spacegrey.t2.boot.recovery import read_chunklist
from spacegrey.t2.boot.state import FORMAT, BootState, StateFile, encode_state, read_state
from spacegrey.t2.files import HostFiles
from spacegrey.t2.image4.faults import Fault, ManifestRefused

FOLDER = Path(__file__).parent
KEPT = BootState(
    secure_boot=SecureBoot.MEDIUM,
    external_boot=True,
    firmware_password=FirmwarePassword(Mode.FULL, bytes(range(16)), bytes(range(32)), resettable=False),
    slot=1,
    firmware_nonce=bytes(range(32, 64)),
    build="bridge-7",
    generator=bytes(range(8)),
    activated=True,
    dfu=True,
    restoring=True,
    pair="pair-3",
    reason="uefi/digest",
    failure=0x12,
    session=Session(Where.RECOVERY_OS, Source.EXTERNAL, "hfs+", administrators=False),
)
WORKS = 12
"""Kills in a run of the tests; `SPACEGREY_KILLS` asks for more."""


def test_a_state_of_format_1_is_read_and_kept_as_the_newest_at_the_next_change(world):
    """Format 1 knew no Windows: it was not let in."""
    golden = (FOLDER / "state-1.json").read_bytes()
    assert read_state(golden) == KEPT
    assert encode_state(KEPT, 1) == golden
    (world.folder / "state.json").write_bytes(golden)
    world.locker.kept.clear()
    world.machine.state.save(world.machine.state.load())
    assert json.loads((world.folder / "state.json").read_bytes())["format"] == FORMAT
    assert world.machine.state.load() == KEPT


def test_a_state_of_format_2_is_read():
    golden = (FOLDER / "state-2.json").read_bytes()
    assert read_state(golden) == replace(KEPT, windows=True)
    assert encode_state(replace(KEPT, windows=True)) == golden


def test_every_format_has_its_golden_file():
    assert {int(path.stem.partition("-")[2]) for path in FOLDER.glob("state-*.json")} == set(range(1, FORMAT + 1))


def test_a_state_of_a_newer_format_is_refused_in_one_line():
    newer = (FOLDER / "state-2.json").read_bytes().replace(b'"format": 2', b'"format": 3')
    with pytest.raises(Refusal) as refused:
        read_state(newer)
    assert str(refused.value) == (
        "the T2's boot state is of format 3, and this program knows 1 to 2: a newer one wrote it"
    )


def test_a_list_of_chunks_of_version_1_is_read():
    assert len(read_chunklist((FOLDER / "chunklist-1").read_bytes())) == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda _: b"",
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: b"SGCL\x02" + data[5:],
        lambda data: data[:5] + (4).to_bytes(4, "big") + data[9:],
        lambda data: data[:5] + bytes(4),
        lambda data: data[:5] + b"\xff" * 4 + data[9:],
    ],
    ids=["nothing", "cut", "longer", "another version", "another count", "no chunk at all", "2^32 chunks"],
)
def test_a_list_of_chunks_that_is_not_whole_is_malformed(change):
    """One without chunks would let any image start."""
    with pytest.raises(ManifestRefused, match="list of chunks is damaged") as refused:
        read_chunklist(change((FOLDER / "chunklist-1").read_bytes()))
    assert refused.value.fault is Fault.MALFORMED


# A program that changes the policy without end, and says after each change that it is kept.
CHANGING = """
import sys
from dataclasses import replace
from pathlib import Path
from spacegrey.t2.boot.policy import SecureBoot
from spacegrey.t2.boot.state import BootState, StateFile
from spacegrey.t2.files import HostFiles

class Anchor:
    def __init__(self, folder):
        self.files = HostFiles(folder)
    def bind(self, name, digest):
        self.files.replace(name, digest.encode())
    def bound(self, name):
        found = self.files.read(name)
        return None if found is None else found.decode()

folder = Path(sys.argv[1])
kept = StateFile(HostFiles(folder / "boot"), Anchor(folder / "enclave"))
number = int(sys.argv[2])
while True:
    number += 1
    weak = number % 2 == 1
    kept.save(BootState(SecureBoot.NONE if weak else SecureBoot.FULL, weak, build=str(number)))
    print(number, flush=True)
"""


class Anchor:
    """The enclave of the killed program, opened again."""

    def __init__(self, folder):
        self.files = HostFiles(folder)

    def bind(self, name, digest):
        self.files.replace(name, digest.encode())

    def bound(self, name):
        found = self.files.read(name)
        return None if found is None else found.decode()


@pytest.mark.claims("T3")
def test_a_kill_at_any_moment_leaves_the_old_policy_or_the_new_never_half_of_each(tmp_path):
    """What was answered is kept; what was not is there whole or not at all."""
    for name in ("boot", "enclave"):
        (tmp_path / name).mkdir()
    kept = StateFile(HostFiles(tmp_path / "boot"), Anchor(tmp_path / "enclave"))
    kept.save(BootState(build="0"))
    choose, seen, number = random.Random(7), 0, 0
    for _ in range(int(os.environ.get("SPACEGREY_KILLS", WORKS))):
        with subprocess.Popen(
            [sys.executable, "-c", CHANGING, tmp_path, str(number)], stdout=subprocess.PIPE, text=True
        ) as running:
            answered = int(running.stdout.readline())
            moment = choose.uniform(0.0, 0.05)
            try:
                running.wait(moment)
            except subprocess.TimeoutExpired:
                running.send_signal(signal.SIGKILL)
            rest = running.stdout.read().split("\n")
        # the last line may be cut: only whole ones were answered
        answered = max([answered, *map(int, rest[:-1])])
        state = kept.load()
        number = int(state.build)
        assert number in {answered, answered + 1}
        assert (state.secure_boot is SecureBoot.NONE) == state.external_boot == (number % 2 == 1)
        seen += number
    assert seen > 0
