"""The enclave's own process, killed while it works for a client; `SPACEGREY_KILLS` sets how often."""

import os
import random
import signal
import socket
import struct
import threading
import time
from pathlib import Path

import pytest

from spacegrey.errors import Refusal
from spacegrey.t2.enclave.client import is_on
from spacegrey.virtual.instance import open_disk

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
