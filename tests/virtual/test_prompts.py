"""Passwords and questions at a terminal: nothing typed is shown, and who gives up gets no traceback."""

import os
import select
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from spacegrey.t2.enclave.client import is_on

PROGRAM = Path(sys.executable).with_name("spacegrey")
CTRL_C, CTRL_D = "\x03", "\x04"

READ_S = 0.3
"""How long a person takes to read: Python forgets a Ctrl-C that comes just before it waits for a line. [s]"""

PATIENCE_S = 60


AGAIN_S = 15
"""On a busy computer it may come just before all the same: then it is typed again. [s]"""


def _more(master, again=b""):
    """Return what the terminal shows next."""
    for _ in range(PATIENCE_S // AGAIN_S):
        ready, _, _ = select.select([master], [], [], AGAIN_S)
        if ready:
            return os.read(master, 4096)
        if again:
            os.write(master, again)
    pytest.fail("the command says nothing more and does not end")


def _at_a_terminal(*words, typed):
    """Run the command at a terminal of its own; return its status and all that the terminal showed.

    `typed` pairs what has to be shown with what is typed then.
    """
    master, slave = os.openpty()
    # The shell leads a session, and the terminal that it opens becomes the session's.
    line = ["sh", "-c", 'exec "$@" <"$0" >"$0" 2>"$0"', os.ttyname(slave), PROGRAM, *map(str, words)]
    shown = b""
    with subprocess.Popen(line, start_new_session=True) as child:
        try:
            for asked, answer in typed:
                at = len(shown)
                while asked.encode() not in shown[at:]:
                    shown += _more(master)
                if slave >= 0:  # by now the command has it open
                    os.close(slave)
                    slave = -1
                time.sleep(READ_S)
                os.write(master, answer.encode())
            again = answer.encode() if answer in {CTRL_C, CTRL_D} else b""
            with suppress(OSError):  # how a terminal says that nobody is at its other end
                while more := _more(master, again):
                    shown += more
            return child.wait(PATIENCE_S), shown.decode()
        finally:
            child.kill()
            os.close(master)


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_who_gives_up_at_a_prompt_gets_no_traceback_and_leaves_the_machine_off(machine, key):
    status, shown = _at_a_terminal("t2", "passwd", machine.folder, typed=[("New password: ", key)])
    assert (status, shown.strip()) == (130, "New password:")
    assert not is_on(machine.chip)
    status, shown = _at_a_terminal("t2", "erase", machine.folder, typed=[("[y/N]: ", key)])
    assert status == 130
    assert "Traceback" not in shown
    machine.switch_on().ask("unlock")


def test_a_password_is_typed_twice_and_never_shown(machine):
    twice = [("New password: ", "s3cret\n"), ("again: ", "two\n")]
    status, shown = _at_a_terminal("t2", "passwd", machine.folder, typed=twice)
    assert (status, shown.splitlines()[-1]) == (2, "spacegrey: error: the two differ; nothing is changed")
    assert "s3cret" not in shown
    with machine.powered() as client:
        assert client.ask("status")["users"] == []
    twice = [("New password: ", "s3cret\n"), ("again: ", "s3cret\n")]
    status, shown = _at_a_terminal("t2", "passwd", machine.folder, typed=twice)
    assert (status, "s3cret" in shown) == (0, False)
    with machine.powered() as client:
        assert client.ask("authenticate", password=b"s3cret") == "admin"


def test_erasing_asks_and_a_no_is_a_no(machine):
    assert _at_a_terminal("t2", "erase", machine.folder, typed=[("[y/N]: ", "n\n")])[0] == 1
    with machine.powered() as client:
        client.ask("unlock")
    assert _at_a_terminal("t2", "erase", machine.folder, typed=[("[y/N]: ", "y\n")])[0] == 0
    with machine.powered() as client:
        assert client.ask("status")["volumes"] == []
