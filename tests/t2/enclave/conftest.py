"""A chip in this process, with a clock that tests turn, and the keys that it must never show."""

import shutil

import pytest

from spacegrey.t2.enclave.anchor import Anchor
from spacegrey.t2.enclave.enclave import Enclave
from spacegrey.t2.enclave.kept import manufacture
from spacegrey.t2.enclave.keys import Mode, Uid
from spacegrey.t2.enclave.locker import LOCKER_BYTES, Locker
from spacegrey.t2.storage.modules import ModuleFile

UID = bytes(range(100, 132))
ROUNDS = 100


class Clock:
    """Seconds since the start of the world."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Image:
    """A locker's bytes, apart from its file."""

    def __init__(self, content):
        self.content = bytearray(content)

    def read(self, offset, views):
        views[0][:] = self.content[offset : offset + len(views[0])]

    def write(self, offset, views):
        self.content[offset : offset + len(views[0])] = views[0]

    def sync(self):
        pass


class Chip:
    """A chip's folders, and the chip while it is on."""

    def __init__(self, folder, *, uid=UID, profile="2022", wrap=None):
        self.folder, self.uid, self.profile, self.wrap = folder, uid, profile, wrap or (lambda device: device)
        self.disk, self.locker_file = folder / "ssd", folder / "locker"
        self.anchor = Anchor(folder / "state" / "anchor.json")
        self.clock = Clock()
        self.on = None

    def make(self):
        self.disk.mkdir(parents=True)
        device = ModuleFile(self.locker_file, size=LOCKER_BYTES)
        locker = Locker(self.wrap(device), Uid(self.uid), self.anchor.advance)
        manufacture(Uid(self.uid), locker, self.disk, self.profile)
        locker.close()
        return self

    def start(self, mode=Mode.NORMAL, *, adopt=False):
        assert self.on is None
        device = ModuleFile(self.locker_file)
        try:
            locker = Locker(self.wrap(device), Uid(self.uid), self.anchor.advance)
            locker.load((lambda _sequence, _digest: None) if adopt else self.anchor.check)
            self.on = Enclave(Uid(self.uid), locker, self.disk, mode, self.clock, lambda: ROUNDS)
        except BaseException:
            device.close()
            raise
        return self.on

    def cut(self):
        """Take the power away."""
        if self.on is not None:
            self.on.close()
            self.on = None

    def restart(self, mode=Mode.NORMAL):
        self.cut()
        return self.start(mode)

    def files(self):
        """Return every persistent file with its bytes, but the anchor's."""
        return {
            path.relative_to(self.folder): path.read_bytes()
            for path in [self.locker_file, *self.disk.glob("keybag-*.json")]
        }

    def put_back(self, files):
        """Restore a snapshot of some files."""
        for name, content in files.items():
            (self.folder / name).write_bytes(content)

    def volume_key(self, name="data"):
        """Return the key of an open volume: only a test that shares the process can."""
        return bytes(self.on.volumes._open[name].key)  # noqa: SLF001 - nobody else may

    def content(self):
        """Return what the locker's file holds, as its chip reads it."""
        locker = Locker(Image(self.locker_file.read_bytes()), Uid(self.uid), lambda *_state: None)
        locker.load(lambda *_state: None)
        return locker.content


@pytest.fixture
def chip_in():
    made = []

    def make(folder, **settings):
        made.append(Chip(folder, **settings))
        return made[-1]

    yield make
    for chip in made:
        chip.cut()


@pytest.fixture
def chip(tmp_path, chip_in):
    """Return a new chip with a volume and no password, switched on."""
    made = chip_in(tmp_path / "chip").make()
    made.start().add_volume("data")
    return made


@pytest.fixture
def locked(chip):
    """Return a chip with FileVault on and the password 'right', switched on anew."""
    chip.on.set_password(None, b"right")
    chip.recovery_key = chip.on.set_filevault(on=True, password=b"right")
    chip.restart()
    return chip


@pytest.fixture
def copied(tmp_path):
    """Return a function that copies a chip's folder."""

    def copy(chip, name):
        return shutil.copytree(chip.folder, tmp_path / name)

    return copy
