"""The enclave's own process, killed while it works for a client; `SPACEGREY_KILLS` sets how often."""

import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from spacegrey.errors import Refusal
from spacegrey.t2.enclave.client import is_on
from spacegrey.virtual.instance import open_disk

PROGRAM = Path(sys.executable).with_name("spacegrey")
ROUNDS = int(os.environ.get("SPACEGREY_KILLS", "2"))


def _kill(machine):
    """Kill the enclave's process, and wait until it is gone."""
    with socket.socket(socket.AF_UNIX) as line:
        before = Path.cwd()
        os.chdir(machine.chip / "run")
        try:
            line.connect("enclave.sock")
        finally:
            os.chdir(before)
        pid = struct.unpack("3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert not is_on(machine.chip)


def _until_it_is_gone(client, password, answered):
    """Change the password, guess wrong, change it again, until the process is killed."""
    try:
        while True:
            new = password + b"x"
            answered.append(("asked", new))
            client.ask("password", old=password, new=new)
            answered.append(("changed", new))
            password = new
    except Refusal as error:
        answered.append(("gone", str(error)))


def test_a_killed_process_leaves_the_last_password_that_it_answered_or_the_one_under_way(machine):
    with machine.powered() as client:
        client.ask("password", new=b"p")
        client.ask("filevault", on=True, password=b"p")
        client.ask("unlock", password=b"p")
        with open_disk(machine, client) as store:
            store.write(0, b"what was written")
    password, draw = b"p", random.Random(3)
    for _ in range(ROUNDS):
        answered = []
        client = machine.switch_on()
        worker = threading.Thread(target=_until_it_is_gone, args=(client, password, answered))
        worker.start()
        time.sleep(draw.uniform(0.1, 2.0))
        _kill(machine)
        worker.join()
        assert answered[-1] == ("gone", "the enclave is gone: switch the machine on again")
        held = [password, *(said for what, said in answered if what == "changed")][-1]
        client = machine.switch_on()
        for password in (held, held + b"x"):
            try:
                client.ask("unlock", password=password)
                break
            except Refusal as error:
                assert "wrong password" in str(error)  # noqa: PT017 - which of both holds is not known
        else:
            pytest.fail("neither opens")
        with open_disk(machine, client, read_only=True) as store:
            assert store.read(0, 16) == b"what was written"
        client.switch_off()


def _serving(machine):
    """Return a server of a machine's disk that listens, in a process of its own."""
    server = subprocess.Popen([PROGRAM, "disk", "serve", machine.folder, "--json"], stdout=subprocess.PIPE, text=True)
    assert server.stdout.readline() == "{\n"
    assert '"uri"' in server.stdout.readline()
    return server


def _killed(server):
    server.kill()
    server.stdout.close()
    server.wait()


def test_a_server_that_is_killed_takes_the_chip_that_it_switched_on_with_it(machine):
    """A power cut: nothing is unlocked behind it, and the machine can be switched on again."""
    for _ in range(2):
        server = _serving(machine)
        assert machine.connect().ask("status")["held"]
        _killed(server)
        end = time.monotonic() + 10.0
        while is_on(machine.chip) and time.monotonic() < end:
            time.sleep(0.01)
        assert not is_on(machine.chip)


def test_a_chip_that_its_owner_switched_on_stays_on_when_a_server_is_killed(machine):
    """As `t2 unlock` does it: a password was given for it, and it lasts until `t2 lock`."""
    client = machine.switch_on()
    assert not client.ask("status")["held"]
    client.ask("unlock")
    for _ in range(2):
        _killed(_serving(machine))
        time.sleep(0.5)
        state = client.ask("status")
        assert (state["on"], state["unlocked"], state["connections"]) == (True, True, 0)
    client.switch_off()
    assert not is_on(machine.chip)
