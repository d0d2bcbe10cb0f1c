"""Disks that a start can be made from, and the names of what lies on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacegrey.t2.files import Files

LOADER, KERNEL, RECOVERY, CHUNKLIST, BUILD = (
    "boot.efi",
    "immutablekernel",
    "BaseSystem.dmg",
    "BaseSystem.chunklist",
    "build",
)
"""Files of a macOS volume; the last names its build for the signing server."""

WINDOWS_LOADER, OTHER_LOADER = "bootmgfw.efi", "bootx64.efi"
"""Files of a volume with Windows, and of one with another system: its place where removable disks have theirs."""

SIGNED = {LOADER: "efib", KERNEL: "mkrn", CHUNKLIST: "rcls"}
"""Files with a manifest beside them, and their types in it."""


class System(StrEnum):
    """What is installed on a volume."""

    MACOS = "macos"
    WINDOWS = "windows"
    OTHER = "other"


@dataclass(frozen=True)
class Volume:
    """A volume.

    Attributes
    ----------
    name : str
        For the user.
    files : Files
        What lies on it.
    external : bool
        Whether it is not on the storage behind the T2.
    form : str
        ``"apfs"``, ``"hfs+"`` or ``"ntfs"``.
    system : System
        What is installed.
    administrators : bool
        Whether its macOS has an administrator whose credential the enclave holds.
    """

    name: str
    files: Files = field(repr=False)
    external: bool = False
    form: str = "apfs"
    system: System = System.MACOS
    administrators: bool = True


def system_files(model: str) -> tuple[str, ...]:
    """Return the names of all files of a macOS that is installed, without the tickets of one machine.

    Examples
    --------
    >>> len(system_files("j137")), system_files("j137")[-1]
    (8, 'BaseSystem.chunklist.j137ap.im4m')
    """
    return LOADER, KERNEL, RECOVERY, CHUNKLIST, BUILD, *(manifest_name(file, model) for file in SIGNED)


def manifest_name(file: str, model: str, ecid: int | None = None) -> str:
    """Return the name of a file's manifest: for every machine of a model, or for one.

    Examples
    --------
    >>> manifest_name("boot.efi", "j137")
    'boot.efi.j137ap.im4m'
    >>> manifest_name("boot.efi", "j137", 0x1A2B)
    'boot.efi.j137ap.1A2B.im4m'
    """
    own = "" if ecid is None else f"{ecid:X}."
    return f"{file}.{model}ap.{own}im4m"
