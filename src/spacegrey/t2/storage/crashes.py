"""The states that a cut can leave of two module files, from the calls that changed them.

`every_state` lists every subset of what is not durable, for workloads with few changes between two syncs;
`crash_states` picks some for the others.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import random
    from collections.abc import Container, Iterator, Sequence

    from spacegrey.t2.storage.layers import Event

SECTOR = 512
"""Bytes that a cut leaves whole: a write can be torn between two of them."""

KEPT = 0.5
"""Chance of a loose change, or of a sector of a torn one, to be there."""

FEW = 3
"""Loose changes up to which `crash_states` tries every subset."""

MOST_LOOSE = 10
"""Loose changes that `every_state` takes at a time: 1024 subsets."""


def _apply(images: Sequence[bytearray], event: Event) -> None:
    if event.kind == "write":
        images[event.module][event.offset : event.offset + len(event.data)] = event.data
    elif event.kind == "torn":
        image, mask = images[event.module], cast("tuple[bool, ...]", event.mark)
        for k, kept in enumerate(mask):
            if kept:
                part = event.data[k * SECTOR : (k + 1) * SECTOR]
                image[event.offset + k * SECTOR : event.offset + k * SECTOR + len(part)] = part
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
    before: Sequence[bytes],
    events: Sequence[Event],
    rng: random.Random,
    per_prefix: int,
    only: Container[int] | None = None,
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
    only : container of int, optional
        The numbers of events to look at; by default all. A large disk takes long to copy.
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
        if only is not None and count not in only:
            continue
        choices = _choices(len(loose), rng, per_prefix)
        for choice in sorted(choices):
            images = [bytearray(image) for image in durable]
            for kept, change in zip(choice, loose, strict=True):
                if kept:
                    _apply(images, change)
            yield count, images
        if any(change.kind == "write" for change in loose):
            yield count, _torn_images(durable, loose, rng)


def every_state(
    before: Sequence[bytes], events: Sequence[Event], most: int = MOST_LOOSE
) -> Iterator[tuple[int, list[bytearray]]]:
    r"""Yield (number of events that had happened, images) for the states that a cut can leave, all subsets of them.

    These are, after each event: every subset of the changes that are not yet durable, each change whole; and, with the
    other loose changes all there and all missing, the newest write torn between sectors of 512 bytes: each of its
    beginnings, each of its ends, and all of it but one sector.
    A state that was listed after an earlier event, with the same answers given, is not listed again. The images are
    the same objects each time: copy what is to be kept, and do not write to them.

    Parameters
    ----------
    before : sequence of bytes
        What each module held when the recording began.
    events : sequence of Event
        What `Recorder` kept.
    most : int
        Changes that may be loose at a time.

    Raises
    ------
    ValueError
        More are: the workload has to sync more often, or to be looked at with `crash_states`.

    Examples
    --------
    >>> from spacegrey.t2.storage.layers import Event
    >>> events = [Event("write", 0, place, b"x" * 512) for place in (0, 512)] + [Event("sync", 0), Event("mark")]
    >>> sorted({(count, bytes(images[0][::512])) for count, images in every_state([bytes(1024)], events)})
    [(0, b'\x00\x00'), (1, b'x\x00'), (2, b'\x00x'), (2, b'xx'), (3, b'xx'), (4, b'xx')]
    """
    durable = [bytearray(image) for image in before]
    images = [bytearray(image) for image in before]
    loose: list[Event] = []
    yield 0, images
    for count, event in enumerate(events, start=1):
        if event.kind in {"write", "discard"}:
            if len(loose) >= most:
                raise ValueError(f"more than {most} changes are loose after {count} events")
            chosen = [[*some, event] for some in _subsets(loose)]
            chosen += [[*others, part] for others in ([], loose) for part in _tearings(event)]
            loose.append(event)
        else:
            if event.kind == "sync":
                for change in loose:
                    if change.module == event.module:
                        _apply(durable, change)
                        _apply(images, change)
                loose = [change for change in loose if change.module != event.module]
            chosen = _subsets(loose)
        for some in chosen:
            for change in some:
                _apply(images, change)
            yield count, images
            for change in some:  # back to what is durable: only these stretches differ
                end = change.offset + (len(change.data) or change.length)
                images[change.module][change.offset : end] = durable[change.module][change.offset : end]


def _subsets(loose: Sequence[Event]) -> list[list[Event]]:
    """Return each subset of the loose changes, in their order."""
    return [list(itertools.compress(loose, kept)) for kept in itertools.product((False, True), repeat=len(loose))]


def _tearings(event: Event) -> Iterator[Event]:
    """Yield what can be there of a torn write: its beginning, its end, all but one sector; nothing of another event."""
    count = -(-len(event.data) // SECTOR) if event.kind == "write" else 0
    for k in range(1, count):
        yield replace(event, kind="torn", mark=tuple(sector < k for sector in range(count)))
        yield replace(event, kind="torn", mark=tuple(sector >= k for sector in range(count)))
    for k in range(1, count - 1):
        yield replace(event, kind="torn", mark=tuple(sector != k for sector in range(count)))
