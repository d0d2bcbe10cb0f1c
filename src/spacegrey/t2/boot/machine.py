"""What a start needs of a machine, each part behind the smallest surface that does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from spacegrey.t2.boot.chips import ChipSheet
    from spacegrey.t2.boot.state import StateFile
    from spacegrey.t2.boot.volumes import Volume
    from spacegrey.t2.files import Files
    from spacegrey.t2.image4.verify import Chip
    from spacegrey.t2.signer.exchange import Question


class Service(Protocol):
    """A way to the signing server and what it hands out."""

    def ticket(self, question: Question) -> bytes:
        """Return a ticket; raises `Unreachable` or `SignerRefused`."""
        ...

    def activation(self, chip: Chip, nonce: bytes) -> tuple[bytes, bytes]:
        """Return an activation record and its manifest; raises as `ticket` does."""
        ...

    def fetch(self, build: str, name: str, chunk: int | None = None) -> bytes:
        """Return a file of a build, or one chunk of it; raises as `ticket` does."""
        ...


class Flash(Protocol):
    """The modules of the disk, as far as a start has to know of them."""

    def pair(self) -> str:
        """Return which pair of modules is there.

        Raises
        ------
        Refusal
            One is missing, strange, damaged or in the wrong slot.
        """
        ...

    def erase(self) -> str:
        """Destroy every key of the disk, set the modules that are there up anew, return which pair they are."""
        ...


@dataclass(frozen=True)
class Machine:
    """A machine, as the boot chain sees it.

    Attributes
    ----------
    sheet : ChipSheet
        What every such T2 is.
    chip : Chip
        What this one is.
    root : bytes
        Its root certificate, from the Boot ROM.
    files : Files
        Its firmware.
    state : StateFile
        What it remembers.
    flash : Flash
        Its modules.
    service : Service
        The network.
    internal : Volume
        The volume behind the T2.
    windows : Volume
        Boot Camp's partition beside it; it may be empty.
    """

    sheet: ChipSheet
    chip: Chip
    root: bytes = field(repr=False)
    files: Files = field(repr=False)
    state: StateFile = field(repr=False)
    flash: Flash = field(repr=False)
    service: Service = field(repr=False)
    internal: Volume = field(repr=False)
    windows: Volume = field(repr=False)
