"""A machine that starts, and its surroundings: modules, network, enclave, each of which can be taken away."""

import hashlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from spacegrey.errors import Refusal
from spacegrey.t2.boot.chips import chip_sheet
from spacegrey.t2.boot.factory import open_machine, provision
from spacegrey.t2.boot.volumes import Volume
from spacegrey.t2.files import HostFiles
from spacegrey.t2.signer.client import Unreachable
from spacegrey.t2.signer.local import LocalService

ECID = 0x001A2B3C4D5E6F70
# Loaders signed by osslsigncode 2.9, an independent maker, under two authorities that stand in for Microsoft's.
WINDOWS = Path(__file__).parent / "windows"
SHEET = chip_sheet().model_copy(
    update={"windows_authority": hashlib.sha256((WINDOWS / "windows.der").read_bytes()).hexdigest()}
)
ADMIN = b"an administrator's"


class Network:
    """The signer, reachable or not; ``asked`` counts what went over the wire."""

    def __init__(self, folder, authority):
        self.local = LocalService(folder, authority)
        self.up = True
        self.asked = []
        self.lie = None

    def _through(self, what):
        self.asked.append(what)
        if not self.up:
            raise Unreachable("no network: the signing server cannot be asked")

    def ticket(self, question):
        self._through("ticket")
        answer = self.local.ticket(question)
        return self.lie(question, answer) if self.lie else answer

    def activation(self, chip, nonce):
        self._through("activation")
        return self.local.activation(chip, nonce)

    def fetch(self, build, name, chunk=None):
        self._through("fetch")
        return self.local.fetch(build, name, chunk)


@dataclass
class Modules:
    """Flash that says which pair it is, or why not."""

    name: str = "pair-0"
    why: str | None = None
    erased: int = 0

    def pair(self):
        if self.why:
            raise Refusal(self.why)
        return self.name

    def erase(self):
        self.erased += 1
        self.why = None
        return self.name


@dataclass
class Locker:
    """The enclave's memory of digests, which nobody can put back."""

    kept: dict = field(default_factory=dict)

    def bind(self, name, digest):
        self.kept[name] = digest

    def bound(self, name):
        return self.kept.get(name)


class Administrator:
    """An enclave with one administrator."""

    def authenticate(self, password, user=None):
        if bytes(password) != ADMIN:
            raise Refusal("the password is wrong")
        return user or "anna"


@dataclass
class World:
    """A machine and what is around it."""

    folder: object
    network: Network
    modules: Modules
    locker: Locker

    @property
    def machine(self):
        """Open the folder as a start does: nothing survives in memory."""
        return open_machine(self.folder, SHEET, ECID, self.modules, self.network, self.locker)


@pytest.fixture(scope="session")
def _made(_signer, authority, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "boot"
    network, locker = Network(_signer, authority), Locker()
    names = network.local.files("macos-1")
    provision(folder, chip_sheet(), ECID, network.local.root, Modules(), network, locker, "bridge-1", "macos-1", names)
    return folder, locker


@pytest.fixture
def world(_made, signer, authority, tmp_path):
    folder, locker = _made
    shutil.copytree(folder, tmp_path / "boot")
    return World(tmp_path / "boot", Network(signer, authority), Modules(), Locker(dict(locker.kept)))


@pytest.fixture
def external(signer, tmp_path):
    """Return a disk with macOS as it comes from the installer: no ticket for this machine."""
    return Volume(
        "the external disk", HostFiles(shutil.copytree(signer / "builds" / "macos-2", tmp_path / "disk")), external=True
    )


@pytest.fixture
def administrator():
    return Administrator()
