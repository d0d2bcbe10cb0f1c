"""What the server needs of a disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


class Disk(Protocol):
    """A disk that many threads may use at once; `spacegrey.t2.storage.store.Store` is one."""

    capacity: int
    read_only: bool

    def room(self, length: int) -> memoryview:
        """Return memory of the calling thread that the disk fills, and takes from, with the fewest copies."""
        ...

    def read_into(self, offset: int, view: memoryview) -> None:
        """Fill a view from an offset on."""
        ...

    def read_pages(self, numbers: NDArray[np.int64], room: memoryview) -> None:
        """Fill a room with pages of 4096 bytes from anywhere on the disk, side by side."""
        ...

    def extents(self, offset: int, length: int, most: int) -> list[tuple[int, bool]]:
        """Return runs of a stretch as (bytes, whether they have data)."""
        ...

    def write(self, offset: int, data: memoryview, *, spent: bool) -> None:
        """Write bytes at an offset; spent ones may be overwritten."""
        ...

    def write_pages(self, offsets: Sequence[int], pages: Sequence[memoryview]) -> None:
        """Take whole aligned pages of 4096 bytes from anywhere, in this order; they may be written later."""
        ...

    def settle(self) -> None:
        """Write what was taken and not written yet."""
        ...

    def trim(self, offset: int, length: int) -> None:
        """Give a stretch back."""
        ...

    def zero(self, offset: int, length: int, *, keep: bool) -> None:
        """Let a stretch read as zeroes."""
        ...

    def flush(self) -> None:
        """Return when everything written before is durable."""
        ...


@dataclass(frozen=True)
class Export:
    """A disk under a name."""

    name: str
    disk: Disk
    description: str = ""
