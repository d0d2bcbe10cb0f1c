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
    return checked(answer)


def checked(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer; raise what it says where it is a refusal, as `ask` does."""
    if answer.get("ok") is True:
        return answer
    text, status = str(answer.get("text")), answer.get("status")
    if type(status) is int and status in set(smc.Status):
        raise smc.SmcRefused.told(smc.Status(status), text)
    raise InputError(text) if answer.get("kind") == "input" else Refusal(text)


def read_keys(instance: Instance, names: list[str]) -> dict[str, bytes] | None:
    """Return the bytes of keys of the machine that runs; None where none runs; as `ask`."""
    answer = ask(instance, do="read", keys=names)
    return None if answer is None else key_bytes(answer, names)


def key_bytes(answer: dict[str, Any], names: list[str]) -> dict[str, bytes]:
    """Return the bytes of keys as an answer holds them.

    Raises
    ------
    Refusal
        It holds others, or not as many as a key has.
    """
    told: Any = answer.get("bytes")
    try:
        found = {name: bytes.fromhex(told[name]) for name in names}
    except (TypeError, ValueError, KeyError):
        raise Refusal("the machine that runs gives no such answer") from None
    if any(len(raw) != smc.smc_key(name).length for name, raw in found.items()):
        raise Refusal("the machine that runs has other keys: it is of another version")
    return found
