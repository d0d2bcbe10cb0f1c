"""What the T2 of a machine is: the numbers that manifests have to match."""

from __future__ import annotations

import functools

from pydantic import Field

from spacegrey.errors import unknown
from spacegrey.sourced import CATALOG, Spec, read_spec, read_toml
from spacegrey.t2.image4.verify import Chip


class ChipSheet(Spec):
    """A machine's T2, apart from its own number."""

    name: str = Field(description="what it is")
    model: str = Field(description="the board's code name, part of the names of manifests")
    chip: int = Field(ge=0, lt=1 << 31, description="CHIP: type of the chip")
    board: int = Field(ge=0, lt=1 << 31, description="BORD: the board it sits on")
    security_domain: int = Field(ge=0, lt=1 << 31, description="SDOM: who signs for it")
    certificate_epoch: int = Field(ge=0, lt=1 << 31, description="CEPO: since when")
    production: bool = Field(description="whether it left the factory")
    secure: bool = Field(description="whether it enforces signatures")
    ask_again: int = Field(
        ge=0, le=100, description="how often a bad chunk of a network's recoveryOS is asked for again"
    )
    chunk_mb: int = Field(ge=1, le=100, description="bytes that one hash of recoveryOS stands for, in 10^6")
    windows_authority: str = Field(
        pattern="^[0-9a-f]{64}$", description="SHA-256 of the one certificate under which Windows may be signed"
    )

    def with_ecid(self, ecid: int) -> Chip:
        """Return one chip of this type."""
        return Chip(
            ecid, self.chip, self.board, self.security_domain, self.certificate_epoch, self.production, self.secure
        )


@functools.cache
def chip_sheet(machine: str = "imac-pro") -> ChipSheet:
    """Return the data sheet of a machine's T2.

    Raises
    ------
    InputError
        The machine has none.

    Examples
    --------
    >>> hex(chip_sheet().chip), chip_sheet().model
    ('0x8012', 'j137')
    """
    document = read_toml(CATALOG / "t2" / "chip.toml")
    if machine not in document.data:
        raise unknown("machine with a T2", machine, document.data)
    return read_spec(ChipSheet, document.data[machine], document, [machine])
