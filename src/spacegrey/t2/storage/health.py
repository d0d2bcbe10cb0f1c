"""How worn a disk is, in the terms of the NVMe health log.

References
----------
NVM Express Base Specification 1.4 (2019), 5.14.1.2 SMART / Health Information.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spacegrey.t2.storage.geometry import Geometry
    from spacegrey.t2.storage.labels import Counters

_PAGES_PER_UNIT = 125  # a data unit is 1000 times 512 bytes


@dataclass(frozen=True)
class Health:
    """What the counters of a disk say.

    Attributes
    ----------
    warnings : list of str
        What is wrong, in words; empty for a disk in order.
    available_spare_percent : int
        Of the blocks beyond the capacity, how many still work.
    percentage_used : int
        Of the erasures that all blocks stand, how many were made; may pass 100.
    write_amplification : float
        Pages written to the flash for each page that a client wrote; 1 before anything was written.
    """

    warnings: list[str]
    available_spare_percent: int
    available_spare_threshold_percent: int
    percentage_used: int
    data_units_read: int
    data_units_written: int
    write_amplification: float
    bytes_in_use: int
    erasures: int
    most_erasures: int
    flushes: int
    power_cycles: int
    unsafe_shutdowns: int
    media_errors: int
    blocks_lost: int
    hours_on: float

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name."""
        return asdict(self)


def health(counters: Counters, layout: Geometry) -> Health:
    """Return the health of a disk.

    Parameters
    ----------
    counters : Counters
        What its controller counted.
    layout : Geometry
        Its layout, with the endurance of its blocks.

    Examples
    --------
    >>> from spacegrey.t2.storage.geometry import flash, plan
    >>> from spacegrey.t2.storage.labels import Counters
    >>> layout = plan(1_000_000_000_000, flash())
    >>> found = health(Counters(erasures=layout.blocks * 1500, pages_written=250), layout)
    >>> found.percentage_used, found.data_units_written, found.available_spare_percent, found.warnings
    (50, 2, 100, [])
    """
    spare_blocks = layout.blocks - 1 - -(-layout.pages // layout.block_pages)
    spare = max(0, 100 * (spare_blocks - counters.blocks_lost) // spare_blocks)
    used = 100 * counters.erasures // (layout.blocks * layout.endurance_cycles)
    written = counters.pages_written
    warnings: list[str] = []
    if spare < layout.spare_threshold_percent:
        warnings.append(f"spare blocks are down to {spare} %")
    if used >= 100:  # noqa: PLR2004 - percent
        warnings.append(f"the flash is worn: {used} % of its erasures are used")
    if counters.media_errors:
        warnings.append(f"{counters.media_errors} reads or writes of the flash failed")
    return Health(
        warnings=warnings,
        available_spare_percent=spare,
        available_spare_threshold_percent=layout.spare_threshold_percent,
        percentage_used=used,
        data_units_read=-(-counters.pages_read // _PAGES_PER_UNIT),
        data_units_written=-(-written // _PAGES_PER_UNIT),
        write_amplification=(written + counters.pages_moved) / written if written else 1.0,
        bytes_in_use=counters.pages_in_use * 4096,
        erasures=counters.erasures,
        most_erasures=counters.most_erasures,
        flushes=counters.flushes,
        power_cycles=counters.power_cycles,
        unsafe_shutdowns=counters.unsafe_shutdowns,
        media_errors=counters.media_errors,
        blocks_lost=counters.blocks_lost,
        hours_on=counters.seconds_on / 3600.0,
    )
