"""What has changed since the last commit: extents of the map, blocks that were emptied, blocks that were worn."""

from __future__ import annotations

import array


class Changes:
    """Changes in the order in which they were made; the translation's lock guards them.

    Attributes
    ----------
    extents : array of uint32
        Three numbers for each: first page of the disk, first page of the flash or 0, how many pages.
    emptied : list of int
        Blocks that hold nothing more, but that the durable map still names.
    worn : set of int
        Blocks that were erased.
    """

    def __init__(self) -> None:
        self.extents = array.array("I")
        self.emptied: list[int] = []
        self.worn: set[int] = set()

    def __len__(self) -> int:
        return len(self.extents) // 3

    def note(self, first: int, page: int, count: int) -> None:
        """Remember an extent; one that goes on where the last ended makes that longer.

        Examples
        --------
        >>> made = Changes()
        >>> for extent in ((0, 10, 2), (2, 12, 1), (3, 0, 4), (7, 0, 1), (8, 50, 1)):
        ...     made.note(*extent)
        >>> list(made.extents)
        [0, 10, 3, 3, 0, 5, 8, 50, 1]
        """
        extents = self.extents
        last = len(extents) - 3
        if (
            last >= 0
            and extents[last] + extents[last + 2] == first
            and page == (extents[last + 1] + extents[last + 2] if page and extents[last + 1] else extents[last + 1])
        ):
            extents[last + 2] += count
        else:
            extents.extend((first, page, count))

    def take(self) -> Changes:
        """Return what has changed, and begin anew."""
        taken = Changes()
        taken.extents, self.extents = self.extents, taken.extents
        taken.emptied, self.emptied = self.emptied, taken.emptied
        taken.worn, self.worn = self.worn, taken.worn
        return taken

    def add(self, later: Changes) -> None:
        """Put what changed later behind these."""
        self.extents = self.extents + later.extents
        self.emptied = self.emptied + later.emptied
        self.worn = self.worn | later.worn

    def put_back(self, taken: Changes) -> None:
        """Put what was taken, and is not durable yet, before what changed since."""
        taken.add(self)
        self.extents, self.emptied, self.worn = taken.extents, taken.emptied, taken.worn
