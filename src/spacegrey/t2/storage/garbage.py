"""Collecting garbage: what little some blocks still hold is moved, so that they can be erased."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.t2.storage.engine import PAGE

if TYPE_CHECKING:
    from spacegrey.t2.storage.translation import Translation

LOW_BLOCKS = 4
"""Free blocks below which writers collect garbage first; what collecting itself needs is below this."""


def make_room(layer: Translation) -> None:
    """Collect garbage: move what little some blocks still hold, so that they can be erased."""
    with layer.room:
        with layer.lock:
            if layer.blocks.free > LOW_BLOCKS:
                return
            waiting, victims = bool(layer.emptied), layer.blocks.victims(layer.geometry.block_pages)
        if not waiting:
            if not victims or layer.blocks.free < 1:
                raise OSError(errno.ENOSPC, "the flash has no room left")
            for block in victims:
                _move(layer, block)
        before = layer.blocks.free
        layer.commit()
        if layer.blocks.free <= before and not victims:
            raise OSError(errno.ENOSPC, "the flash has no room left")


def _move(layer: Translation, block: int) -> None:
    """Write the live pages of a block elsewhere."""
    size = layer.geometry.block_pages
    owners = layer.map.owner[block * size : (block + 1) * size].copy()
    pages = np.arange(block * size, (block + 1) * size)
    live = layer.map.forward[owners] == pages
    room = memoryview(bytearray(PAGE))
    erasures = layer.blocks.erasures[block]
    for owner, page in zip(owners[live].tolist(), pages[live].tolist(), strict=True):
        if layer.map.forward[owner] != page:
            continue
        layer.data.read(page * PAGE, [room])
        with layer.lock:
            target, _ = layer.take(1)
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
