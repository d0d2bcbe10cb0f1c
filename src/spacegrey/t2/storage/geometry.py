"""How a disk is laid out: from its capacity to the place of every page, map and label."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from spacegrey.errors import InputError, unknown
from spacegrey.sourced import CATALOG, Spec, read_spec, read_toml
from spacegrey.t2.storage.engine import PAGE, TAG_BYTES

if TYPE_CHECKING:
    from typing import Any

MAP_PAGE = 1024
"""Entries of a page of the map: four bytes each."""

LABEL_PAGES = 16
"""Pages at the start of each module that hold its label and its health, and are not encrypted."""

LARGEST_BYTES = 15 << 40
"""The largest disk: its pages are numbered with 32 bits."""


class Flash(Spec):
    """The data sheet of a machine's flash and of the controller's layout."""

    name: str = Field(description="what it is")
    modules: int = Field(ge=1, le=8, description="modules, striped together")
    page_bytes: Literal[4096] = Field(description="bytes of a page: the unit of the map and of the cipher")
    stripe_kib: int = Field(ge=4, le=4096, multiple_of=4, description="what one module holds of a row of the stripe")
    block_mib: int = Field(ge=1, le=64, description="what is erased at once, over all modules")
    spare_percent: float = Field(ge=1, le=50, description="flash beyond the capacity")
    reserve_blocks: int = Field(ge=8, le=64, description="blocks beyond the spare ones, for collecting garbage")
    endurance_cycles: int = Field(ge=100, le=100_000, description="erasures that a block stands")
    spare_threshold_percent: int = Field(ge=1, le=50, description="spare left below which health warns")
    wear_spread_cycles: int = Field(
        ge=1, le=1000, description="erasures that a block may be ahead of a free one; at twice this, data is moved"
    )


@functools.cache
def flash(name: str = "imac-pro") -> Flash:
    """Return the data sheet of a machine's flash.

    Examples
    --------
    >>> flash().modules
    2
    """
    document = read_toml(CATALOG / "t2" / "flash.toml")
    if name not in document.data:
        raise unknown("flash", name, document.data, document.path.name)
    return read_spec(Flash, document.data[name], document, [name])


@dataclass(frozen=True)
class Geometry:
    """Where everything lies. Pages are counted over the stripe; block 0 is never used, so that 0 means 'nowhere'.

    Behind the data blocks come two slots, each a checkpoint of the map and a journal, and then the tags of the
    integrity layer.
    """

    capacity: int
    """Bytes that a client sees."""
    modules: int
    stripe_pages: int
    block_pages: int
    blocks: int
    """Erase blocks of data, with block 0."""
    endurance_cycles: int
    spare_threshold_percent: int
    wear_spread_cycles: int
    integrity: bool

    @property
    def pages(self) -> int:
        """Pages that a client sees; the last may be used in part."""
        return -(-self.capacity // PAGE)

    @property
    def map_pages(self) -> int:
        """Pages of the map."""
        return -(-self.pages // MAP_PAGE)

    @property
    def data_pages(self) -> int:
        """Physical pages that can hold data."""
        return self.blocks * self.block_pages

    @property
    def journal_pages(self) -> int:
        """Pages of a journal: 64 MiB, less on a small disk."""
        return min(16384, max(64, self.pages // 64))

    @property
    def slot_pages(self) -> int:
        """Pages of a slot: its header, the largest checkpoint, its journal."""
        payload = 4 * self.map_pages + PAGE * self.map_pages + 8 * self.blocks
        return 1 + -(-payload // PAGE) + 1 + self.journal_pages

    @property
    def tags_at(self) -> int:
        """Where the tags begin. [B]"""
        return (self.data_pages + 2 * self.slot_pages) * PAGE

    @property
    def module_bytes(self) -> int:
        """Length of a module's file."""
        whole = self.tags_at + (self.data_pages * TAG_BYTES if self.integrity else 0)
        row = self.stripe_pages * PAGE * self.modules
        return LABEL_PAGES * PAGE + -(-whole // row) * self.stripe_pages * PAGE

    def as_label(self) -> dict[str, Any]:
        """Return what a label keeps of it."""
        return dict(self.__dict__)


def plan(capacity: int, sheet: Flash, *, integrity: bool = False, block_pages: int | None = None) -> Geometry:
    """Lay out a disk.

    Parameters
    ----------
    capacity : int
        Bytes that a client sees: a multiple of 512, 1 MiB at least, 15 TiB at most.
    sheet : Flash
        The machine's flash.
    integrity : bool
        Keep a tag beside every page.
    block_pages : int, optional
        Pages of an erase block; by default the sheet's, and less on a disk of few blocks.

    Returns
    -------
    Geometry

    Raises
    ------
    InputError
        The capacity cannot be had.

    Examples
    --------
    >>> layout = plan(1_000_000_000_000, flash())
    >>> layout.pages, layout.block_pages
    (244140625, 1024)
    >>> round(layout.data_pages / layout.pages - 1, 3)  # spare
    0.07
    """
    if capacity % 512 or not 1 << 20 <= capacity <= LARGEST_BYTES:
        raise InputError(f"capacity {capacity}: choose a multiple of 512 bytes from 1 MiB to 15 TiB")
    block = block_pages or min(sheet.block_mib * (1 << 20) // PAGE, max(16, capacity // PAGE // 64))
    stripe = min(sheet.stripe_kib * 1024 // PAGE, max(1, block // sheet.modules))
    row = stripe * sheet.modules
    block = -(-block // row) * row  # an erase block fills whole rows
    spared = -(-capacity // PAGE) * (100 + sheet.spare_percent) / 100
    return Geometry(
        capacity=capacity,
        modules=sheet.modules,
        stripe_pages=stripe,
        block_pages=block,
        blocks=int(-(-spared // block)) + sheet.reserve_blocks + 1,
        endurance_cycles=sheet.endurance_cycles,
        spare_threshold_percent=sheet.spare_threshold_percent,
        wear_spread_cycles=sheet.wear_spread_cycles,
        integrity=integrity,
    )
