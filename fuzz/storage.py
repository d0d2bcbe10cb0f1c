"""The SSD's own data: labels and counters of a module, the pairing, and the journaled map."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from fuzz.found import expect
from fuzz.scratch import scratch
from spacegrey.errors import InputError, Refusal
from spacegrey.t2.storage import mapping
from spacegrey.t2.storage.blocks import Blocks
from spacegrey.t2.storage.device import Damaged
from spacegrey.t2.storage.folder import paired
from spacegrey.t2.storage.geometry import MAP_PAGE, Geometry, flash, plan
from spacegrey.t2.storage.health import health
from spacegrey.t2.storage.journal import Journal
from spacegrey.t2.storage.keyfile import read_key_file
from spacegrey.t2.storage.labels import Counters, read_health, read_label
from spacegrey.t2.storage.mapping import Map

if TYPE_CHECKING:
    from collections.abc import Sequence

_PAGE, _DIGEST = 4096, 16


class _Pages:
    """A device of which only some pages are there; the others hold zeroes."""

    def __init__(self, pages: dict[int, bytes]) -> None:
        self._pages = pages

    def read(self, offset: int, views: Sequence[memoryview]) -> None:
        """Read whole pages."""
        for view in views:
            for start in range(0, len(view), _PAGE):
                page = self._pages.get((offset + start) // _PAGE, b"")
                view[start : start + len(page)] = page
            offset += len(view)

    def write(self, offset: int, views: Sequence[memoryview]) -> None:
        """Fail: nothing here writes."""
        raise AssertionError

    def discard(self, offset: int, length: int) -> None:
        """Fail, as `write`."""
        raise AssertionError

    def sync(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


def _page(content: bytes, *, sealed: bool) -> bytes:
    """Return a page that holds this, with its digest where it is to be sealed: anybody can make that."""
    page = content[: _PAGE - _DIGEST].ljust(_PAGE - _DIGEST, b"\0")
    return page + hashlib.blake2b(page, digest_size=_DIGEST).digest() if sealed else content[:_PAGE].ljust(_PAGE, b"\0")


def run_module(data: bytes) -> None:
    """Read a label (first byte 0; 1 as it is, unsealed), counters (2, 3), a pairing (4) or a key file (5)."""
    which, content = data[0] if data else 0, data[1:]
    if which in {0, 1}:
        try:
            label = read_label(
                _Pages({0: _page(b"SPACEGREY FLASH MODULE\n" * (not which) + content, sealed=not which)}), "m"
            )
        except Refusal as refused:
            expect("\n" not in str(refused), "a refusal is more than a line")
            return
        texts = label.pair, label.serial, label.key_check
        expect(all(type(text) is str for text in texts) and type(label.module) is int, "a label of other types")
        layout = label.geometry
        numbers = [value for name, value in layout.as_label().items() if name != "integrity"]
        expect(all(type(number) is int and number > 0 for number in numbers), "a geometry of other types")
        expect(type(layout.integrity) is bool and layout.pages < layout.data_pages < 1 << 32, "no such geometry")
    elif which in {2, 3}:
        page = _page(b"SPACEGREY FLASH HEALTH\n" * (which == 2) + content, sealed=which == 2)
        counters = read_health(_Pages({2: page}))
        for field in fields(Counters):
            expect(isinstance(getattr(counters, field.name), (int, float)), f"counter {field.name} is no number")
        health(counters, _small())
    else:
        _read_file(which, content)


def _read_file(which: int, content: bytes) -> None:
    path = scratch("disk") / ("pairing.json" if which % 2 == 0 else "key")
    path.write_bytes(content)
    path.chmod(0o600)
    try:
        if which % 2 == 0:
            pair, serials = paired(scratch("disk"))
            expect(type(pair) is str and all(type(one) is str for one in serials), "a pairing of other types")
        else:
            read_key_file(path)
    except (InputError, Refusal) as error:
        expect("\n" not in str(error), "a refusal is more than a line")


@cache
def _small() -> Geometry:
    for loop in (mapping.replay, mapping.recount):
        loop.hurry()  # compiling in the middle of a run would look like a leak
    return plan(2 * MAP_PAGE * _PAGE, flash().model_copy(update={"stripe_kib": 16}))


_HEADER = struct.Struct("<8sQQQQ16s")
_RECORD = struct.Struct("<8sQQIIQ16s")


class _Given:
    """Takes numbers and bytes from the input, zeroes where it ends."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def bytes(self, count: int) -> bytes:
        """Return so many bytes."""
        some = self._data[self._at : self._at + count]
        self._at += count
        return some.ljust(count, b"\0")

    def number(self, count: int = 1) -> int:
        """Return a number of so many bytes."""
        return int.from_bytes(self.bytes(count), "little")

    @property
    def more(self) -> bool:
        """Whether there is anything left."""
        return self._at < len(self._data)


def run_map(data: bytes) -> None:
    """Load the map from two slots with checkpoint and journal.

    The first byte says what gets a digest that fits, so that the rules behind the digest are reached: bits 0 and 1 the
    checkpoints, 2 the headers, 3 the records.
    """
    given, geometry = _Given(data), _small()
    seals = given.number()
    pages: dict[int, bytes] = {}
    for slot in (0, 1):
        start = geometry.data_pages + slot * geometry.slot_pages
        generation = given.number()
        touched, worn = given.number() % 4, given.number() % 8
        index = given.bytes(4 * touched)
        entries = b"".join(_entries(given) for _ in range(touched))
        table = given.bytes(8 * worn)
        length, digest = 0, hashlib.blake2b(digest_size=_DIGEST)
        for part in (index, entries, table):
            digest.update(part)
            for at in range(0, len(part), _PAGE):
                pages[start + 1 + length] = part[at : at + _PAGE]
                length += 1
        claimed = length * _PAGE if given.number() % 4 else given.number(8)
        sum_ = digest.digest() if seals >> slot & 1 else given.bytes(_DIGEST)
        head = _HEADER.pack(b"SGMAP 01", generation, touched, worn, claimed, sum_)
        sealed = hashlib.blake2b(head, digest_size=_DIGEST).digest() if seals & 4 else given.bytes(_DIGEST)
        pages[start] = head + sealed
        _records(given, pages, start + geometry.slot_pages - geometry.journal_pages, generation, sealed=bool(seals & 8))
    found, blocks = Map(geometry), Blocks(geometry)
    try:
        Journal(_Pages(pages), geometry).load(found, blocks)
    except Damaged:
        return
    used = found.forward[found.forward != 0]
    expect(bool((used < geometry.data_pages).all()) and bool((used >= geometry.block_pages).all()), "a page nowhere")
    expect(len(np.unique(used)) == len(used), "two pages of the disk share one of flash")
    expect(int(blocks.live.sum()) == len(used), "the blocks count other pages than the map")


def _entries(given: _Given) -> bytes:
    """Return a page of the map: a few entries are given, the others are 0."""
    page = np.zeros(MAP_PAGE, "<u4")
    for _ in range(given.number() % 16):
        page[given.number(2) % MAP_PAGE] = given.number(4)
    return page.tobytes()


def _records(given: _Given, pages: dict[int, bytes], place: int, generation: int, *, sealed: bool) -> None:
    used = 0
    for sequence in range(1, 1 + given.number() % 6):
        extents, worn = given.number() % 16, given.number() % 8
        payload = b"".join(_extent(given) for _ in range(extents)) + given.bytes(8 * worn)
        length = len(payload) if given.number() % 8 else given.number(8)
        claimed = extents if given.number() % 8 else given.number(4)
        head = (b"SGJRN 01", generation, sequence, claimed, worn, length)
        whole = hashlib.blake2b(_RECORD.pack(*head, bytes(_DIGEST)) + payload, digest_size=_DIGEST).digest()
        record = _RECORD.pack(*head, whole if sealed else given.bytes(_DIGEST)) + payload
        for at in range(0, len(record), _PAGE):
            pages[place + used] = record[at : at + _PAGE]
            used += 1


def _extent(given: _Given) -> bytes:
    """Return an extent: small numbers, as they are, or any."""
    if given.number() % 8:
        return struct.pack("<III", given.number(2) % 2048, given.number(2), given.number())
    return given.bytes(12)
