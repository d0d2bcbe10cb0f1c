"""Every state that a cut can leave of two module files, from the calls that changed them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence

    from spacegrey.t2.storage.layers import Event

SECTOR = 512
"""Bytes that a cut leaves whole: a write can be torn between two of them."""

KEPT = 0.5
"""Chance of a loose change, or of a sector of a torn one, to be there."""

FEW = 3
"""Loose changes up to which every subset is tried."""


def _apply(images: Sequence[bytearray], event: Event) -> None:
    if event.kind == "write":
        images[event.module][event.offset : event.offset + len(event.data)] = event.data
    elif event.kind == "discard":
        images[event.module][event.offset : event.offset + event.length] = bytes(event.length)


def _torn(event: Event, rng: random.Random) -> list[tuple[int, bytes]]:
    """Return the write with some of its sectors missing."""
    data = event.data
    sectors = range(0, len(data), SECTOR)
    kept = [start for start in sectors if rng.random() < KEPT]
    return [(start, data[start : start + SECTOR]) for start in kept]


def _choices(count: int, rng: random.Random, most: int) -> set[tuple[bool, ...]]:
    """Return which of so many loose changes are there: all, none, and others."""
    if count <= FEW:
        return set(itertools.product((True, False), repeat=count))
    choices = {(True,) * count, (False,) * count}
    while len(choices) < most:
        choices.add(tuple(rng.random() < KEPT for _ in range(count)))
    return choices


def _torn_images(durable: Sequence[bytearray], loose: Sequence[Event], rng: random.Random) -> list[bytearray]:
    images = [bytearray(image) for image in durable]
    for change in loose:
        if change.kind == "write" and rng.random() < KEPT:
            for start, data in _torn(change, rng):
                images[change.module][change.offset + start : change.offset + start + len(data)] = data
    return images


def crash_states(  # noqa: C901 - one walk along the events
    before: Sequence[bytes], events: Sequence[Event], rng: random.Random, per_prefix: int
) -> Iterator[tuple[int, list[bytearray]]]:
    """Yield (number of events that had happened, images): every prefix, and subsets of what was not yet durable.

    A sync of a module makes its earlier changes durable. Of the later ones each may be there, not be there, or be
    there in part, sector by sector; those that are there come in their order.

    Parameters
    ----------
    before : sequence of bytes
        What each module held when the recording began.
    events : sequence of Event
        What `Recorder` kept.
    rng : random.Random
        Picks subsets where there are too many, and the torn sectors.
    per_prefix : int
        Subsets for each prefix; all of them where at most three changes are loose.
    """
    durable = [bytearray(image) for image in before]
    loose: list[Event] = []
    for count in range(len(events) + 1):
        if count:
            event = events[count - 1]
            if event.kind == "sync":
                for change in loose:
                    if change.module == event.module:
                        _apply(durable, change)
                loose = [change for change in loose if change.module != event.module]
            elif event.kind in {"write", "discard"}:
                loose.append(event)
        choices = _choices(len(loose), rng, per_prefix)
        for choice in sorted(choices):
            images = [bytearray(image) for image in durable]
            for kept, change in zip(choice, loose, strict=True):
                if kept:
                    _apply(images, change)
            yield count, images
        if any(change.kind == "write" for change in loose):
            yield count, _torn_images(durable, loose, rng)
