"""A machine's boot folder: made as a factory would, and opened again.

The folder holds the root certificate of the Boot ROM, the firmware's two slots, the state, and the internal volume.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from spacegrey.errors import InputError, Refusal
from spacegrey.t2.boot.firmware import install
from spacegrey.t2.boot.machine import Machine
from spacegrey.t2.boot.personalise import personalise
from spacegrey.t2.boot.policy import Where
from spacegrey.t2.boot.repair import activate
from spacegrey.t2.boot.state import BootState, StateFile
from spacegrey.t2.boot.volumes import WINDOWS_LOADER, System, Volume
from spacegrey.t2.files import HostFiles

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from spacegrey.t2.boot.chips import ChipSheet
    from spacegrey.t2.boot.machine import Flash, Service
    from spacegrey.t2.boot.state import Anchor

ROOT = "root.der"
VOLUME, WINDOWS = "system", "windows"


def open_machine(folder: Path, sheet: ChipSheet, ecid: int, flash: Flash, service: Service, anchor: Anchor) -> Machine:
    """Return the machine whose boot folder this is.

    Parameters
    ----------
    folder : Path
        The boot folder.
    sheet : ChipSheet
        What every such T2 is.
    ecid : int
        Number of this one.
    flash, service, anchor
        The modules, the network, and where the digest of the state is kept.

    Raises
    ------
    InputError
        There is no boot folder.
    """
    files = HostFiles(folder)
    root = files.found(ROOT)
    if root is None:
        raise InputError(f"{folder}: no boot folder here ({ROOT} is missing)")
    state = StateFile(files, anchor)
    internal = Volume("the internal disk", HostFiles(folder / VOLUME))
    with contextlib.suppress(OSError):  # a folder that an older version made has none yet
        (folder / WINDOWS).mkdir(mode=0o700, exist_ok=True)
    windows = Volume("the Windows partition", HostFiles(folder / WINDOWS), form="ntfs", system=System.WINDOWS)
    return Machine(sheet, sheet.with_ecid(ecid), root, files, state, flash, service, internal, windows)


def check_installer(state: BootState) -> None:
    """Raise `Refusal` where no installer of macOS runs, or the machine is not activated."""
    if state.session.where not in {Where.RECOVERY_OS, Where.MACOS}:
        raise Refusal("macOS is installed from recoveryOS or macOS: 't2 boot DIR --hold cmd-r' starts recoveryOS")
    if not state.activated:
        raise Refusal("this machine is not activated: 't2 activate DIR --network URL' asks for it")


def install_system(machine: Machine, build: str, names: Iterable[str]) -> None:
    """Install a system on the internal volume: copy a build's files, and get a ticket for them.

    Raises
    ------
    Refusal
        As `personalise`, or the volume cannot be written to.
    """
    try:
        for name in names:
            machine.internal.files.replace(name, machine.service.fetch(build, name))
    except OSError as error:
        raise Refusal(f"the internal volume cannot be written: {(error.strerror or str(error)).lower()}") from None
    personalise(machine, machine.internal)


def install_windows(machine: Machine, loader: bytes) -> None:
    """Lay a loader of Windows on Boot Camp's partition; whether it may start shows when it starts.

    Raises
    ------
    Refusal
        The partition cannot be written to.
    """
    try:
        machine.windows.files.replace(WINDOWS_LOADER, loader)
    except OSError as error:
        raise Refusal(f"the Windows partition cannot be written: {(error.strerror or str(error)).lower()}") from None


def provision(
    folder: Path,
    sheet: ChipSheet,
    ecid: int,
    root: bytes,
    flash: Flash,
    service: Service,
    anchor: Anchor,
    firmware: str,
    system: str,
    names: Iterable[str],
) -> Machine:
    """Make a boot folder as a factory does: root certificate, firmware, an activated machine, a system.

    Parameters
    ----------
    folder : Path
        It is made, and must not be there.
    sheet, ecid, flash, service, anchor
        As for `open_machine`.
    root : bytes
        The root certificate for the Boot ROM, DER.
    firmware, system : str
        Names of the builds.
    names : iterable of str
        The files of the system's build.

    Returns
    -------
    Machine

    Raises
    ------
    InputError
        The folder is there, or cannot be made.
    Refusal
        The signer does not sign.
    """
    try:
        folder.mkdir(mode=0o700)
        for volume in (VOLUME, WINDOWS):
            (folder / volume).mkdir(mode=0o700)
        HostFiles(folder).replace(ROOT, root)
    except OSError as error:
        raise InputError(f"{folder}: {(error.strerror or os.strerror(5)).lower()}") from None
    machine = open_machine(folder, sheet, ecid, flash, service, anchor)
    state = BootState(pair=flash.pair())
    machine.state.save(state)
    install(machine, state, firmware)
    activate(machine)
    install_system(machine, system, names)
    return machine
