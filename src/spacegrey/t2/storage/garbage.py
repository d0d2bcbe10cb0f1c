"""Collecting garbage: what little some blocks still hold is moved, so that they can be erased; and even wear."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.t2.storage.blocks import CLOSED, LOST, OPEN
from spacegrey.t2.storage.engine import PAGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from spacegrey.t2.storage.translation import Translation

LOW_BLOCKS = 4
"""Free blocks below which writers collect garbage first; what collecting itself needs is below this."""


def make_room(layer: Translation) -> None:
    """Collect garbage: move what little some blocks still hold, so that they can be erased; then see to even wear."""
    with layer.room:
        _collect(layer)
        if layer.blocks.uneven:
            _level(layer)


def _collect(layer: Translation) -> None:
    with layer.lock:
        if layer.blocks.free > LOW_BLOCKS:
            return
        waiting, victims = bool(layer.changes.emptied), layer.blocks.victims(layer.geometry.block_pages)
    if not waiting:
        if not victims or layer.blocks.free < 1:
            raise OSError(errno.ENOSPC, "the flash has no room left")
        for block in victims:
            _move(layer, block)
    before = layer.blocks.free
    layer.commit()
    if layer.blocks.free <= before and not victims:
        raise OSError(errno.ENOSPC, "the flash has no room left")


def _level(layer: Translation) -> None:
    """Move the data of the coldest block to the most worn free one: there it rests, and the other is written again."""
    size = layer.geometry.block_pages
    with layer.lock:
        layer.blocks.uneven = False
        cold = layer.blocks.coldest()
        worn = layer.blocks.open_worn(layer.epoch) if cold and layer.blocks.free > 1 else 0
        if not worn:
            return
        layer.blocks.live[worn] += size  # for what is on its way; what is not used is given back at the end
    fill = iter(range(worn * size, (worn + 1) * size))
    try:
        _move(layer, cold, lambda: next(fill))
    finally:
        left = len(list(fill))
        with layer.lock:
            if layer.blocks.state[worn] == OPEN:
                layer.blocks.state[worn] = CLOSED
            layer.release(worn * size, left)


def _next_page(layer: Translation) -> int:
    with layer.lock:
        return layer.take(1)[0]


def _move(layer: Translation, block: int, target_page: Callable[[], int] | None = None) -> None:
    """Write the live pages of a block elsewhere; a block with a page that cannot be read is used no more."""
    size = layer.geometry.block_pages
    owners = layer.map.owner[block * size : (block + 1) * size].copy()
    pages = np.arange(block * size, (block + 1) * size)
    live = layer.map.forward[owners] == pages
    room = memoryview(bytearray(PAGE))
    erasures = layer.blocks.erasures[block]
    for owner, page in zip(owners[live].tolist(), pages[live].tolist(), strict=True):
        if layer.map.forward[owner] != page:
            continue
        try:
            layer.data.read(page * PAGE, [room])
        except OSError as error:
            if error.errno not in {errno.EIO, None}:  # `Damaged` has none
                raise
            with layer.lock:  # its other pages stay readable where they are
                layer.errors += 1
                layer.lost += 1
                layer.blocks.state[block] = LOST
            return
        target = target_page() if target_page else _next_page(layer)
        try:
            layer.data.write(target * PAGE, [room])
        except BaseException as error:
            layer.give_up(target, 1, error)
            raise
        with layer.lock:
            if layer.map.forward[owner] == page and layer.blocks.erasures[block] == erasures:
                layer.publish(owner, target, 1)
                layer.moved += 1
            else:  # the client was faster
                layer.release(target, 1)
