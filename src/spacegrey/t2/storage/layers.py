"""Layers that tests put into a disk's stack: faults, delays, a log, and the recorder behind the crash tests."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spacegrey.t2.storage.device import Device


class Through:
    """A layer that passes everything on: what the others change one call of."""

    def __init__(self, below: Device) -> None:
        self.below = below

    def read(self, offset: int, views: Sequence[memoryview]) -> None:
        """Pass on."""
        self.below.read(offset, views)

    def write(self, offset: int, views: Sequence[memoryview]) -> None:
        """Pass on."""
        self.below.write(offset, views)

    def discard(self, offset: int, length: int) -> None:
        """Pass on."""
        self.below.discard(offset, length)

    def sync(self) -> None:
        """Pass on."""
        self.below.sync()

    def close(self) -> None:
        """Pass on."""
        self.below.close()


class Fault(Through):
    """Calls fail with an error number while ``fails`` says so.

    Parameters
    ----------
    below : Device
        The layer below.
    fails : callable
        Gets the call's name (``read``, ``write``, ``discard``, ``sync``), offset and length; returns an error number
        such as ``errno.EIO``, or 0.
    """

    def __init__(self, below: Device, fails: Callable[[str, int, int], int]) -> None:
        super().__init__(below)
        self._fails = fails

    def _ask(self, call: str, offset: int, length: int) -> None:
        if number := self._fails(call, offset, length):
            raise OSError(number, os.strerror(number))

    def read(self, offset: int, views: Sequence[memoryview]) -> None:
        """Fail or pass on."""
        self._ask("read", offset, sum(map(len, views)))
        self.below.read(offset, views)

    def write(self, offset: int, views: Sequence[memoryview]) -> None:
        """Fail or pass on."""
        self._ask("write", offset, sum(map(len, views)))
        self.below.write(offset, views)

    def discard(self, offset: int, length: int) -> None:
        """Fail or pass on."""
        self._ask("discard", offset, length)
        self.below.discard(offset, length)

    def sync(self) -> None:
        """Fail or pass on."""
        self._ask("sync", 0, 0)
        self.below.sync()


class Delay(Through):
    """Every read, write and sync takes at least so long. [s]"""

    def __init__(self, below: Device, read: float = 0.0, write: float = 0.0, sync: float = 0.0) -> None:
        super().__init__(below)
        self._seconds = read, write, sync

    def read(self, offset: int, views: Sequence[memoryview]) -> None:
        """Wait, then pass on."""
        time.sleep(self._seconds[0])
        self.below.read(offset, views)

    def write(self, offset: int, views: Sequence[memoryview]) -> None:
        """Wait, then pass on."""
        time.sleep(self._seconds[1])
        self.below.write(offset, views)

    def sync(self) -> None:
        """Wait, then pass on."""
        time.sleep(self._seconds[2])
        self.below.sync()


class Log(Through):
    """Writes down every call as ``(name, offset, length)``."""

    def __init__(self, below: Device, calls: list[tuple[str, int, int]]) -> None:
        super().__init__(below)
        self._calls = calls

    def read(self, offset: int, views: Sequence[memoryview]) -> None:
        """Write down, then pass on."""
        self._calls.append(("read", offset, sum(map(len, views))))
        self.below.read(offset, views)

    def write(self, offset: int, views: Sequence[memoryview]) -> None:
        """Write down, then pass on."""
        self._calls.append(("write", offset, sum(map(len, views))))
        self.below.write(offset, views)

    def discard(self, offset: int, length: int) -> None:
        """Write down, then pass on."""
        self._calls.append(("discard", offset, length))
        self.below.discard(offset, length)

    def sync(self) -> None:
        """Write down, then pass on."""
        self._calls.append(("sync", 0, 0))
        self.below.sync()


@dataclass(frozen=True)
class Event:
    """One call that changes a module, or a mark that a test set between them."""

    kind: str  # write, discard, sync, mark
    module: int = -1
    offset: int = 0
    data: bytes = b""
    length: int = 0
    mark: object = None


class Recorder(Through):
    """Keeps every change of one module with its bytes, in a list that the modules of a disk share."""

    def __init__(self, below: Device, module: int, events: list[Event]) -> None:
        super().__init__(below)
        self._module = module
        self._events = events

    def write(self, offset: int, views: Sequence[memoryview]) -> None:
        """Keep, then pass on."""
        self._events.append(Event("write", self._module, offset, b"".join(views)))
        self.below.write(offset, views)

    def discard(self, offset: int, length: int) -> None:
        """Keep, then pass on."""
        self._events.append(Event("discard", self._module, offset, length=length))
        self.below.discard(offset, length)

    def sync(self) -> None:
        """Pass on, then keep: durable is what came before a sync that returned."""
        self.below.sync()
        self._events.append(Event("sync", self._module))


def no_space(limit: int) -> Callable[[str, int, int], int]:
    """Return a fault: writes fail with ENOSPC once this many bytes were written.

    Examples
    --------
    >>> full = no_space(8192)
    >>> [full("write", 0, 4096) for _ in range(3)]
    [0, 0, 28]
    """
    left = limit

    def fails(call: str, _offset: int, length: int) -> int:
        nonlocal left
        if call != "write":
            return 0
        if length > left:
            return errno.ENOSPC
        left -= length
        return 0

    return fails
