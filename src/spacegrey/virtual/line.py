"""The line to a machine that runs: questions to its system manager, and the answers."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from spacegrey.errors import InputError, Refusal
from spacegrey.t2 import smc
from spacegrey.t2.enclave.messages import QUIET, Broken, packed, read

if TYPE_CHECKING:
    from collections.abc import Generator

    from spacegrey.virtual.instance import Instance

SOCKET = "smc.sock"


@contextlib.contextmanager
def place_of(instance: Instance) -> Generator[str]:
    """Yield the path of the socket: short, however deep the machine's folder lies."""
    if sys.platform != "linux":
        yield str(instance.folder / SOCKET)
        return
    folder = os.open(instance.folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{SOCKET}"
    finally:
        os.close(folder)


def ask(instance: Instance, **said: object) -> dict[str, Any] | None:
    """Send a message to the machine that runs; return its answer, None where none runs.

    Raises
    ------
    InputError, Refusal
        What it says; `smc.SmcRefused` where the controller has a status for it.
    """
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(60.0)
        try:
            with place_of(instance) as place:
                line.connect(place)
        except OSError:
            return None
        try:
            line.sendall(packed(dict(said)), QUIET)
            answer = read(line)
        except (Broken, OSError):
            raise Refusal(f"{instance.folder}: the machine stopped before it answered") from None
    if answer.get("ok"):
        return answer
    text = str(answer.get("text"))
    if answer.get("status") is not None:
        raise smc.SmcRefused.told(smc.Status(int(answer["status"])), text)
    raise InputError(text) if answer.get("kind") == "input" else Refusal(text)
