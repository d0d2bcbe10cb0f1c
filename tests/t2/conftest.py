"""A signer and a chip for every test of the security chip that needs them."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from spacegrey.t2.image4.verify import Chip
from spacegrey.t2.signer.authority import Leaf, open_authority

# An authority as format 1 wrote it; its keys are public and sign nothing that anyone trusts.
AUTHORITY = Path(__file__).parent / "signer" / "authority-1"
CHIP = Chip(ecid=0x001A2B3C4D5E6F70, chip=0x8012, board=0x0A, security_domain=1, certificate_epoch=2)


@pytest.fixture(scope="session")
def authority():
    return open_authority(AUTHORITY)


@pytest.fixture(scope="session")
def chip():
    return CHIP


@pytest.fixture(scope="session")
def other_chip():
    return replace(CHIP, ecid=CHIP.ecid + 1)


@pytest.fixture(scope="session")
def sign(authority):
    """Sign a manifest for one image; ``changes`` replace its properties, None takes one away."""

    def make(image, kind="full", object_type="efib", leaf=None, own=None, **changes):
        states = {"CPRO": True, "CSEC": True} if kind == "firmware" else {"mpro": True, "msec": True}
        owner = {"xugs": 1} if kind == "medium" else {"ECID": CHIP.ecid}
        properties = {"BORD": CHIP.board, "CHIP": CHIP.chip, "SDOM": 1, "CEPO": 2, **states, **owner, **changes}
        objects = {object_type: {"DGST": hashlib.sha384(image).digest(), "EPRO": True, "ESEC": True, **(own or {})}}
        leaf = leaf or (Leaf.GLOBAL if kind == "medium" else Leaf.PERSONALISED)
        return authority.sign(leaf, _kept(properties), {name: _kept(held) for name, held in objects.items()})

    return make


def _kept(properties):
    return {name: value for name, value in properties.items() if value is not None}


@pytest.fixture(scope="session")
def _signer(tmp_path_factory, authority):
    """Return a signer's folder with two builds of the firmware and of macOS, and the network's recoveryOS."""
    from spacegrey.t2.signer import builds

    folder = tmp_path_factory.mktemp("signers") / "signer"
    shutil.copytree(AUTHORITY, folder)
    builds.new_list(folder)
    for name in ("bridge-1", "bridge-2"):
        builds.add_firmware(folder, name, CHIP)
    for name in ("macos-1", "macos-2", "internet-recovery"):
        builds.add_system(folder, name, CHIP, authority, "j137")
    return folder


@pytest.fixture
def signer(_signer, tmp_path):
    """Return a signer's folder that a test may change."""
    return shutil.copytree(_signer, tmp_path / "signer")
