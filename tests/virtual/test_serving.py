"""What runs until it is told to end: a server of a disk, a signer, a machine, and the command beside each."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from spacegrey.t2.enclave.client import is_on
from spacegrey.virtual import serving as serving_room
from spacegrey.virtual.instance import open_disk
from spacegrey.virtual.serving import beside, told, until_told


def test_a_terminal_that_is_closed_ends_a_server_in_order(machine, serving):
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a server begun under nohup would go on
    try:
        server, _uri = serving(machine.folder)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert is_on(machine.chip)
    server.send_signal(signal.SIGHUP)
    assert server.wait(60) == 0
    assert not is_on(machine.chip)
    with machine.powered() as client, open_disk(machine, client, read_only=True) as store:
        assert store.counters().unsafe_shutdowns == 0


def test_under_nohup_a_closed_terminal_ends_nothing():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with told() as ended:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not ended.wait(0.1)
            os.kill(os.getpid(), signal.SIGTERM)
            assert ended.wait(10)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_command_beside_ends_with_what_it_is_beside():
    start = time.monotonic()
    with told() as ended:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
        assert beside(ended, "exec sleep 60") == -signal.SIGTERM
    assert time.monotonic() - start < 30
    with told() as ended:
        assert beside(ended, 'exit "$answer"', answer="3") == 3


def test_a_signal_at_any_moment_of_the_waiting_ends_it():
    """Also while the main thread is inside `wait`, holding whatever that takes."""
    script = """
import os, signal, sys, threading
from spacegrey.virtual.serving import told

def step(frame, event, argument):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGTERM)
    return step

for moment in range(1, 26):
    left = moment
    with told() as ended:
        threading.Timer(0.1, ended.tell).start()  # for moments after its last line
        sys.settrace(step)
        ended.wait()
        sys.settrace(None)
print("ended")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=False, timeout=30, encoding="utf-8"
    )
    assert done.stdout == "ended\n", done.stderr


class Nothing:
    """A server that has nothing to do."""

    def start(self):
        thread = threading.Thread(target=lambda: None)
        thread.start()
        return thread

    def stop(self):
        pass


@pytest.mark.parametrize("command", [None, "exec sleep 60"])
def test_while_it_serves_what_is_due_is_done_now_and_then(monkeypatch, command):
    monkeypatch.setattr(serving_room, "_TICK_S", 0.01)
    ticks = []
    with told() as ended:

        def tick():
            ticks.append(1)
            if len(ticks) == 3:
                ended.tell()

        assert until_told(ended, Nothing(), command, tick) == (0 if command is None else -signal.SIGTERM)
    assert len(ticks) == 3
