"""The AES engine's messages: what the storage says, of memory whose every word it can write."""

from __future__ import annotations

import errno
import mmap
import struct
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from fuzz.found import expect
from spacegrey.t2.enclave import channel, wire
from spacegrey.t2.storage import cipher
from spacegrey.t2.storage.engine import PAGE, TAG_BYTES, XtsKey, place_of

PAGES = 8
LENGTH = wire.ROOM + PAGES * PAGE
MOST_MESSAGES = 8
_GUARD = bytes([0xA5]) * PAGE
_LARGEST_NUMBER = 1 << 62

channel.MEMORY_BYTES = LENGTH  # as small as the requests that are tried


class _Engine:
    """Memory between two guards, and the engine's own words and key."""

    def __init__(self) -> None:
        for loop in (wire.allowed, wire.carry_out, cipher.crypt, cipher.decrypt_each):
            loop.hurry()  # compiling in the middle of a run would look like a leak
        self.whole = memoryview(mmap.mmap(-1, PAGE + LENGTH + PAGE))
        self.whole[:PAGE] = self.whole[-PAGE:] = _GUARD
        self.room = self.whole[PAGE:-PAGE]
        self.at, _ = place_of(self.room)
        self.key = XtsKey(bytes(range(32)))
        self.contexts = self.key.contexts()
        self.words = np.zeros(1 + wire.MESSAGE_BYTES // 8, np.int64)
        self.message = place_of(self.words)[0] + 8
        self.fill = bytes(range(256)) * (PAGES * PAGE // 256)

    def answer(self, what: int, number: int, place: int, count: int) -> int:
        """Do what a message says, as the channel's thread does it."""
        self.words[1:5] = what, number, place, count
        if what == wire.TAG:
            mine = cast("Any", SimpleNamespace(_room=self.room, _key=self.key))
            return channel.Channel._tag(mine, self.message)
        return wire.carry_out(self.at, LENGTH, self.message, *self.contexts)


@cache
def _engine() -> _Engine:
    return _Engine()


class _Given:
    """Takes numbers from the input, zeroes where it ends."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def bytes(self, count: int) -> bytes:
        """Return so many bytes."""
        some = self._data[self._at : self._at + count]
        self._at += count
        return some.ljust(count, b"\0")

    def number(self) -> int:
        """Return a byte."""
        return self.bytes(1)[0]

    def word(self, near: int, step: int) -> int:
        """Return a small multiple of a step from somewhere, that and a little more, or any number."""
        form = self.number()
        if form < 160:
            return near + step * (form % 10)
        if form < 208:
            return near + int.from_bytes(self.bytes(2), "little")
        return int(struct.unpack("<q", self.bytes(8))[0])


def run_engine(data: bytes) -> None:
    """Send up to eight messages; what is allowed is done, the rest refused, and nothing else changes.

    The model holds the memory, and asks the key itself for what the engine should do.
    """
    engine, given = _engine(), _Given(data)
    engine.room[: wire.ROOM] = bytes(wire.ROOM)
    engine.room[wire.ROOM :] = engine.fill
    model = bytearray(engine.room)
    for _ in range(given.number() % (MOST_MESSAGES + 1)):
        said = given.word(0, 1), given.word(0, 1), given.word(wire.ROOM, PAGE), given.word(1, 1)
        if given.number() % 4 == 0:
            numbers = given.bytes(8 * PAGES)
            model[wire.NUMBERS : wire.NUMBERS + len(numbers)] = numbers
            engine.room[wire.NUMBERS : wire.NUMBERS + len(numbers)] = numbers
        wanted = 0 if _done(engine.key, model, *said) else errno.EINVAL
        expect(engine.answer(*said) == wanted, "another answer than the message deserves")
    expect(engine.whole[:PAGE] == _GUARD, "something before the memory was written")
    expect(engine.whole[-PAGE:] == _GUARD, "something behind the memory was written")
    expect(engine.room == model, "the memory is not what the messages make of it")


def _done(key: XtsKey, model: bytearray, what: int, number: int, place: int, count: int) -> bool:
    """Do to the model what a message asks for; return whether it may."""
    many = 1 if what == wire.TAG else count
    inside = place >= wire.ROOM and place + many * PAGE <= LENGTH
    if not (0 <= what <= wire.TAG and many > 0 and inside and 0 <= number <= _LARGEST_NUMBER):
        return False
    view = memoryview(model)[place : place + many * PAGE]
    if what == wire.TAG:
        tag = key.tag(number, bytes(view))
        model[wire.NUMBERS : wire.NUMBERS + TAG_BYTES] = tag
    elif what == wire.ENCRYPT:
        key.encrypt(number, view)
    elif what == wire.DECRYPT:
        key.decrypt(number, view)
    else:
        for page in range(many):
            own = int(struct.unpack_from("<q", model, wire.NUMBERS + 8 * page)[0])
            key.decrypt(own, view[page * PAGE : (page + 1) * PAGE])
    return True
