"""What passes between the enclave and its clients: JSON behind its length. Passwords go in; no key comes out."""

from __future__ import annotations

import json
import socket
import struct
import time
from typing import TYPE_CHECKING, Any, cast

from spacegrey.errors import Refusal

if TYPE_CHECKING:
    from pathlib import Path

LARGEST = 1 << 16
"""Bytes of a message at most."""

_LENGTH = struct.Struct(">I")
SOCKET = "enclave.sock"

QUIET: int = getattr(socket, "MSG_NOSIGNAL", 0)
"""Flag of a send to one who may be gone: an error, and no signal that ends the command."""

Message = dict[str, Any]


class Busy(Refusal):
    """Another process has the chip: it is on, or is being switched on or off at this moment."""


class Broken(Exception):  # noqa: N818 - a state of the line
    """The other side is gone, or does not speak this language."""


def packed(message: Message) -> bytes:
    """Return a message as it goes over the socket."""
    body = json.dumps(message).encode()
    return _LENGTH.pack(len(body)) + body


def read(line: socket.socket, head: bytes = b"", until: float | None = None) -> Message:
    """Read a message; ``head`` is what was read of its length already, ``until`` when it must be there (monotonic).

    Raises
    ------
    Broken
        There is none, or it is none.
    """
    (length,) = _LENGTH.unpack(head + _take(line, _LENGTH.size - len(head), until))
    if length > LARGEST:
        raise Broken("a message is too long")
    try:
        found: object = json.loads(_take(line, length, until))
    except (ValueError, RecursionError):
        raise Broken("a message is not JSON") from None
    if not isinstance(found, dict):
        raise Broken("a message is not an object")
    return cast("Message", found)


def _take(line: socket.socket, length: int, until: float | None) -> bytes:
    got = bytearray()
    while len(got) < length:
        try:
            if until is not None:
                line.settimeout(max(until - time.monotonic(), 1e-3))
            more = line.recv(length - len(got))
        except OSError as error:
            raise Broken(str(error)) from None
        if not more:
            raise Broken("the other side is gone")
        got += more
    return bytes(got)


def run_folder(folder: Path) -> Path:
    """Return the folder of the enclave's socket."""
    return folder / "run"
