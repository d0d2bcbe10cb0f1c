"""The SEP's Boot ROM: how the enclave starts, by what its firmware is and by what the machine waits for.

References
----------
Apple Platform Security (May 2022), Secure Enclave: the Boot ROM checks sepOS, and a bad one disables the enclave until
the next reset of the chip; keys derived in DFU mode are other ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from spacegrey.errors import InputError, Refusal
from spacegrey.t2.enclave.keys import Mode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from spacegrey.t2.boot.machine import Flash, Service

BOUND = "boot "
"""How the digests of the boot folder's files are called in the locker."""

FOLDER = "boot"

_STATE, _SEPOS = "state.json", "sepi"


@dataclass(frozen=True)
class _Digests:
    """What the locker binds, for reading: a state that it does not know is an old one."""

    known: Callable[[str], str | None]

    def bind(self, name: str, digest: str) -> None:
        """Keep nothing: who reads the state does not change it."""

    def bound(self, name: str) -> str:
        """Return the digest that was bound last; an empty one, which fits no file, where there is none."""
        return self.known(BOUND + name) or ""


def start_mode(chip: Path, model: str, ecid: int, asked: Mode, bound: Callable[[str], str | None]) -> tuple[Mode, str]:
    """Return how the enclave starts, and why it is disabled where it is.

    Parameters
    ----------
    chip : Path
        Folder of the T2.
    model, ecid : str, int
        The machine, and the chip's number.
    asked : Mode
        DFU mode can be asked for; else the machine's state says.
    bound : callable
        What the locker binds.

    Returns
    -------
    tuple of Mode and str
        A machine that has no firmware yet starts normally: it was just made.
    """
    folder = chip / FOLDER
    if asked is Mode.DFU:
        return Mode.DFU, ""
    if not folder.is_dir():
        if not bound(BOUND + _STATE):
            return Mode.NORMAL, ""
        return Mode.DISABLED, "its firmware is gone: put it back, provision it anew, or restore"
    return _verified(folder, model, ecid, bound)


def _verified(folder: Path, model: str, ecid: int, bound: Callable[[str], str | None]) -> tuple[Mode, str]:
    # here, and not above: a machine without firmware needs none of it
    from spacegrey.t2.boot.chips import chip_sheet
    from spacegrey.t2.boot.factory import open_machine
    from spacegrey.t2.boot.firmware import slot_file, verify_image
    from spacegrey.t2.image4.faults import ManifestRefused

    nothing = None  # the Boot ROM has neither modules nor a network
    try:
        machine = open_machine(
            folder, chip_sheet(model), ecid, cast("Flash", nothing), cast("Service", nothing), _Digests(bound)
        )
        state = machine.state.load()
        if state.dfu or state.restoring:
            return Mode.DFU, ""
        verify_image(machine, machine.files.found(slot_file(state.slot, _SEPOS)), _SEPOS, state.firmware_nonce)
    except ManifestRefused as error:
        return Mode.DISABLED, f"sepOS is bad ({error}); 't2 boot DIR --hold dfu' and then 't2 revive DIR' mend it"
    except (Refusal, InputError, OSError) as error:
        return Mode.DISABLED, str(error)
    return Mode.NORMAL, ""
