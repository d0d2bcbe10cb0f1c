"""Talking to a machine's enclave from another process, and switching it on."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from spacegrey.errors import InputError, Refusal
from spacegrey.t2.enclave.channel import EngineHandle, received
from spacegrey.t2.enclave.messages import SOCKET, Broken, Message, packed, read, run_folder

if TYPE_CHECKING:
    from pathlib import Path

    from spacegrey.t2.enclave.channel import End

SLOWEST_S = 60.0
"""How long an answer may take: a password, on a computer that has much else to do. [s]"""


class EnclaveClient:
    """A way to an enclave that is on: each message has a line of its own.

    Parameters
    ----------
    chip : Path
        The enclave's folder.

    Raises
    ------
    Refusal
        It is off.
    """

    def __init__(self, chip: Path) -> None:
        self._chip = chip
        _connected(chip).close()

    def ask(self, do: str, **said: object) -> Any:  # noqa: ANN401 - JSON
        """Send a message and return the answer; bytes go as hexadecimal, None goes not at all.

        Raises
        ------
        InputError, Refusal
            What the enclave says.
        """
        try:
            with _connected(self._chip) as line:
                line.sendall(packed(_as_json({"do": do, **said})))
                return _checked(read(line))
        except (Broken, OSError):
            raise Refusal("the enclave is gone: switch the machine on again") from None

    def engine(self, volume: str) -> EngineHandle:
        """Return the handle of an open volume's key, for `open_store`.

        Raises
        ------
        Refusal
            The volume is locked.
        """
        handle = str(self.ask("handle", volume=volume))
        return EngineHandle(lambda: _channel(self._chip, handle))

    def switch_off(self) -> None:
        """Switch the enclave off: it forgets every key. Returns when its process has let go of its files."""
        self.ask("off")
        for _ in range(1000):
            if not (run_folder(self._chip) / SOCKET).exists():
                return
            time.sleep(0.005)
        raise Refusal("the enclave does not end")


def _as_json(said: Message) -> Message:
    shown = {key: value.hex() if isinstance(value, (bytes, bytearray)) else value for key, value in said.items()}
    return {key: value for key, value in shown.items() if value is not None}


def _checked(answer: Message) -> Any:  # noqa: ANN401 - JSON
    if answer.get("ok"):
        return answer.get("answer")
    text = str(answer.get("text"))
    raise InputError(text) if answer.get("kind") == "input" else Refusal(text)


def _connected(chip: Path) -> socket.socket:
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(SLOWEST_S)
    folder = -1
    try:
        folder = os.open(run_folder(chip), os.O_RDONLY | os.O_DIRECTORY)
        # The path of a socket is short, and a machine's folder may lie deep.
        place = f"/proc/self/fd/{folder}/{SOCKET}" if sys.platform == "linux" else str(run_folder(chip) / SOCKET)
        line.connect(place)
    except OSError:
        line.close()
        raise Refusal("the machine's enclave is off") from None
    finally:
        if folder >= 0:
            os.close(folder)
    return line


def _channel(chip: Path, handle: str) -> End:
    try:
        with _connected(chip) as line:
            line.sendall(packed({"do": "channel", "handle": handle}))
            head, files, _, _ = socket.recv_fds(line, 4, 2)
            _checked(read(line, head))
            return received(files)
    except (Refusal, Broken) as error:
        raise OSError(5, f"the volume is locked: {error}") from None


def is_on(chip: Path) -> bool:
    """Tell whether an enclave answers."""
    try:
        _connected(chip).close()
    except Refusal:
        return False
    return True


def switch_on(chip: Path, disk: Path, name: str, **how: object) -> EnclaveClient:
    """Start the enclave's process, and return a line to it.

    Parameters
    ----------
    chip, disk : Path
        Folders of the enclave and of the disk.
    name : str
        The chip's.
    how : object
        What `process.power` takes.

    Raises
    ------
    InputError, Refusal
        It does not start; the line says why.
    """
    words = [sys.executable, "-I", "-m", "spacegrey.t2.enclave.process", str(chip), str(disk)]
    started = subprocess.Popen(  # noqa: S603 - this very program
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert started.stdin is not None  # noqa: S101 - they were asked for
    assert started.stdout is not None  # noqa: S101
    with suppress(BrokenPipeError):
        started.stdin.write(json.dumps(_as_json({"name": name, **how})).encode() + b"\n")
        started.stdin.close()
    said = started.stdout.readline()
    started.stdout.close()
    if not said:
        raise Refusal(f"the enclave's process ended at its start (status {started.wait()})")
    _checked(json.loads(said))
    _children.append(started)
    return EnclaveClient(chip)


_children: list[subprocess.Popen[bytes]] = []  # a process that is off is buried when Python ends, or a Popen is made
