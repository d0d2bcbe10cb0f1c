"""The enclave's files and its messages."""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from fuzz.found import expect
from fuzz.scratch import scratch
from spacegrey.errors import InputError, Refusal
from spacegrey.t2.enclave import keybag, uid
from spacegrey.t2.enclave.anchor import Anchor
from spacegrey.t2.enclave.keys import Uid
from spacegrey.t2.enclave.locker import SLOT_BYTES, Locker
from spacegrey.t2.enclave.messages import Broken, packed, read

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence
    from pathlib import Path

sys.modules["keyring"] = cast("Any", None)  # the user's own key ring is never asked

UID = Uid(bytes(range(32)))
NONCE = bytes(16)


@cache
def _folder() -> Path:
    folder = scratch("chip")
    (folder / uid.FILE).touch(0o600)
    return folder


class _Line:
    """A socket that gives what is there."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def recv(self, count: int) -> bytes:
        """Give some."""
        some = self._data[self._at : self._at + min(count, 1000)]
        self._at += len(some)
        return some


class _Slots:
    """The locker's file, in memory."""

    def __init__(self, data: bytes) -> None:
        self.bytes = bytearray(data.ljust(2 * SLOT_BYTES, b"\0"))

    def read(self, offset: int, views: Sequence[memoryview]) -> None:
        """Read."""
        for view in views:
            view[:] = self.bytes[offset : offset + len(view)]
            offset += len(view)

    def write(self, offset: int, views: Sequence[memoryview]) -> None:
        """Write."""
        for view in views:
            self.bytes[offset : offset + len(view)] = view
            offset += len(view)

    def sync(self) -> None:
        """Nothing to do."""


def run_enclave(data: bytes) -> None:
    """Read what the first byte says.

    0 the file of the UID, 1 the anchor, 2 a keybag, 3 one with a code that fits, 4 a locker (two slots, the second at
    the byte that is given), 5 messages.
    """
    which, content = data[0] % len(_READERS) if data else 0, data[1:]
    try:
        _READERS[which](content)
    except (InputError, Refusal) as error:
        expect("\n" not in str(error), "a refusal is more than a line")


def _uid(content: bytes) -> None:
    (_folder() / uid.FILE).write_bytes(content)
    expect(isinstance(uid.protection_of(_folder()), uid.Protection), "a UID kept nowhere")
    uid.open_uid(_folder())


def _anchor(content: bytes) -> None:
    path = _folder() / "anchor.json"
    path.write_bytes(content)
    known = Anchor(path).remembered()
    expect(known is not None and type(known[0]) is int and type(known[1]) is str, "an anchor of other types")


def _keybag(content: bytes) -> None:
    keybag.keybag_file(_folder(), 1).write_bytes(content)
    found = keybag.read_keybag(_folder(), 1, UID, NONCE)
    expect(all(type(entry.wrapped) is str for entry in found.entries), "a keybag of other types")


def _keybag_sealed(content: bytes) -> None:
    try:
        found: object = json.loads(content)
        if not isinstance(found, dict):
            return
        found.pop("mac", None)
        text = json.dumps(found, sort_keys=True)
    except (ValueError, RecursionError):
        return
    key = UID.derive("keybag", NONCE)
    _keybag(json.dumps({**found, "mac": hmac.new(key, text.encode(), hashlib.sha256).hexdigest()}).encode())


def _locker(content: bytes) -> None:
    first = int.from_bytes(content[:2], "big")
    head, rest = content[2 : 2 + first], content[2 + first :]
    slots = _Slots(head[:SLOT_BYTES].ljust(SLOT_BYTES, b"\0") + rest[:SLOT_BYTES])
    locker = Locker(cast("Any", slots), UID, lambda _sequence, _digest: None)
    locker.load(lambda _sequence, _digest: None)
    expect(type(locker.content) is dict and locker.sequence > 0, "a locker of other types")


def _messages(content: bytes) -> None:
    line = cast("socket.socket", _Line(content))
    try:
        while True:
            packed(read(line))
    except Broken:
        pass


_READERS = (_uid, _anchor, _keybag, _keybag_sealed, _locker, _messages)
