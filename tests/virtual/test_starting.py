"""A machine is there at once: neither process loads the compiler before there is work for it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spacegrey.errors import InputError
from spacegrey.t2.enclave.client import Starting
from spacegrey.t2.storage.engine import XtsKey
from spacegrey.virtual.instance import create, open_disk

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")


def _enclaves():
    """Return the enclaves of this user by what they serve."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"spacegrey.t2.enclave.process" in words:
            found[os.fsdecode(words[-3])] = int(place.name)
    return found


def _has_compiler(process):
    return "llvmlite" in Path(f"/proc/{process}/maps").read_text()


@on_linux
def test_an_enclave_loads_the_compiler_when_there_is_work_for_it(machine, all_keys):
    key = XtsKey(all_keys(machine)["volume key"])
    with machine.powered() as client:
        process = _enclaves()[str(machine.chip)]
        with open_disk(machine, client) as store:
            store.write(0, b"first")
            store.flush()
        assert not _has_compiler(process)
        far, plain = client.engine("data"), os.urandom(1 << 16)
        here = bytearray(plain)
        key.encrypt(3, here)
        until = time.monotonic() + 120
        compiled = False
        while not compiled:
            # Before, while and after the other code takes over, pages come out the same.
            there = bytearray(plain)
            far.encrypt(3, there)
            assert there == here
            far.decrypt(3, there)
            assert there == plain
            assert time.monotonic() < until
            compiled = _has_compiler(process)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            there = bytearray(plain)
            far.encrypt(3, there)
            assert there == here
        assert far.tag(3, here[:4096]) == key.tag(3, here[:4096])


@on_linux
def test_a_machine_that_cannot_be_leaves_no_process_and_no_folder(tmp_path):
    before = _enclaves()
    for selector in ("imac-prow", "imac-pro:3-core"):
        with pytest.raises(InputError):
            create(tmp_path / "studio", selector)
    assert not [name for name in _enclaves() if name not in before and str(tmp_path) in name]
    assert not list(tmp_path.glob("*studio*"))
    assert not list(tmp_path.glob(".new-*"))


@on_linux
def test_a_process_that_is_told_nothing_ends(tmp_path):
    with Starting(tmp_path / "t2", tmp_path / "ssd"):
        end = time.monotonic() + 10.0
        while str(tmp_path / "t2") not in _enclaves():  # its words are there a moment after it
            assert time.monotonic() < end
    assert str(tmp_path / "t2") not in _enclaves()
    words = [sys.executable, "-I", "-m", "spacegrey.t2.enclave.process", str(tmp_path / "t2"), str(tmp_path / "ssd")]
    told = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)
    assert told.returncode != 0
    assert b"Traceback" not in told.stderr
