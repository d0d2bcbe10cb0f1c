"""No key leaves the enclave's process: not into a file, another process, a repr, a message or a core file."""

import json
import os
import pickle
import re
import socket
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from spacegrey.errors import Refusal
from spacegrey.t2.enclave import messages, process
from spacegrey.t2.enclave.keys import Uid
from spacegrey.virtual.instance import open_disk

SPACEGREY = Path(sys.executable).with_name("spacegrey")


def _pid(machine):
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"spacegrey.t2.enclave.process" in words and str(machine.chip).encode() in words:
                return int(entry.name)
    raise AssertionError("no enclave")


def _memory(pid):
    """Yield the private memory of a process, stretch by stretch."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for begin, end, rights, path in re.findall(r"^(\w+)-(\w+) (\S+) \S+ \S+ \S+ *(.*)$", maps, re.MULTILINE):
            if (
                "r" in rights
                and not path.startswith(("/usr", "/lib", "[v"))
                and int(end, 16) - int(begin, 16) < 1 << 28
            ):
                try:
                    memory.seek(int(begin, 16))
                    yield memory.read(int(end, 16) - int(begin, 16))
                except (OSError, ValueError):
                    continue


def _found(pid, keys):
    return {name for stretch in _memory(pid) for name, key in keys.items() if key in stretch}


@pytest.mark.claims("T2", "T5")
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_keys_are_in_the_enclave_s_memory_and_in_no_other_process(machine, tmp_path, all_keys):
    keys = all_keys(machine)
    for begin in (0, 16):
        keys[f"half of the volume key from {begin}"] = keys["volume key"][begin : begin + 16]
    client = machine.switch_on()
    words = [SPACEGREY, "disk", "serve", machine.folder, "--json", "--socket", tmp_path / "s"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as server:
        try:
            while server.stdout.readline() != b"}\n":
                pass
            with socket.socket(socket.AF_UNIX) as other:
                other.connect(str(tmp_path / "s"))
            assert client.ask("status")["connections"] > 0
            assert _found(server.pid, keys) == set()
            if os.geteuid() == 0:  # root reads even a process that may not be dumped
                assert any("volume key" in name for name in _found(_pid(machine), keys)), (
                    "the search finds what is there"
                )
            else:
                with pytest.raises(PermissionError):
                    next(_memory(_pid(machine)))
        finally:
            server.terminate()


@pytest.mark.claims("T2")
def test_no_file_holds_a_key_but_the_uid_s_own(machine, tmp_path, all_keys):
    with machine.powered() as client:
        client.ask("password", new=b"a password")
        client.ask("password", old=b"a password", new=b"another one")
        with open_disk(machine, client) as store:
            store.write(0, bytes(1 << 20))
        keys = all_keys(machine)
        keys["password"] = b"another one"
    for path in tmp_path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for name, key in keys.items():
                own = name == "uid" and path.name == "uid.json"
                assert key not in content, f"{name} in {path}"
                assert own or key.hex().encode() not in content, f"{name} in {path}"
    assert keys["uid"].hex() in (machine.chip / "uid.json").read_text(), "the search finds what is there"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_enclave_leaves_no_core_file_and_cannot_be_traced_by_its_user(machine):
    machine.switch_on()
    limits = Path(f"/proc/{_pid(machine)}/limits").read_text()
    assert re.search(r"Max core file size +0 +0 ", limits)
    code = (
        "import ctypes; from spacegrey.t2.enclave.hardening import harden; harden();"
        "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert shown.stdout == "0\n"


def test_its_file_and_its_socket_are_its_owner_s_alone(machine):
    machine.switch_on()
    run = machine.chip / "run"
    for path, mode in (
        (machine.chip, 0o700),
        (run, 0o700),
        (machine.chip / "uid.json", 0o600),
        (machine.chip / "locker", 0o600),
    ):
        assert path.stat().st_mode & 0o777 == mode, path
    assert (run / messages.SOCKET).stat().st_mode & 0o077 == 0


def test_a_uid_that_others_may_read_is_refused(machine):
    (machine.chip / "uid.json").chmod(0o644)
    with pytest.raises(Refusal, match="others may read"):
        machine.switch_on()


def test_what_holds_a_key_neither_shows_nor_pickles_it(machine):
    uid = Uid(bytes(range(32)))
    assert repr(uid) == "<Uid>"
    with pytest.raises(TypeError):
        pickle.dumps(uid)
    with machine.powered() as client:
        client.ask("unlock")
        assert repr(client.engine("data")) == "<EngineHandle>"


def test_no_answer_holds_a_key(machine, all_keys):
    keys = all_keys(machine)
    with machine.powered() as client:
        said = [
            client.ask("status"),
            client.ask("unlock"),
            client.ask("handle", volume="data"),
            client.ask("bound", name="ssd pair"),
        ]
    text = json.dumps(said)
    for name, key in keys.items():
        assert key.hex() not in text, name
        assert key[:16].hex() not in text, name


def test_another_user_who_reaches_the_socket_is_turned_away():
    """The folder keeps others out already; a line that was opened by one all the same is not answered."""
    for user, taken in ((os.geteuid(), True), (0, True), (os.geteuid() + 1, False)):
        line = SimpleNamespace(getsockopt=lambda *_what, user=user: struct.pack("3i", 1, user, user))
        assert process._own(line) is taken  # noqa: SLF001 - no other user is here to try
