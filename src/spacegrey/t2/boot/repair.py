"""DFU mode, revive, restore and activation.

References
----------
Apple Platform Security (May 2022), Apple Configurator for Mac security; eclecticlight.co, 7 July 2023, on revive and
restore: the first keeps the volumes, the second destroys their keys.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from spacegrey.errors import InputError, Refusal
from spacegrey.t2.boot.firmware import install, new_nonce, prepared
from spacegrey.t2.boot.policy import Session
from spacegrey.t2.boot.recovery import fetched
from spacegrey.t2.boot.state import BootState
from spacegrey.t2.boot.volumes import OTHER_LOADER, SIGNED, WINDOWS_LOADER, manifest_name, system_files
from spacegrey.t2.image4.faults import ManifestRefused
from spacegrey.t2.image4.verify import Kind, verify
from spacegrey.t2.signer.exchange import ACTIVATION

if TYPE_CHECKING:
    from collections.abc import Generator

    from spacegrey.t2.boot.machine import Machine
    from spacegrey.t2.boot.volumes import Volume


def _known(machine: Machine) -> BootState | None:
    """Return the state, None where there is none that can be used: both repairs make it anew."""
    try:
        return machine.state.load()
    except (InputError, Refusal):
        return None


def revive(machine: Machine, build: str) -> BootState:
    """Install the T2's firmware again, and recoveryOS if the network has a good one; all else stays as it is.

    Both are on the disk before either counts: where there is no room, the machine is as it was.

    Parameters
    ----------
    machine : Machine
        In DFU mode, or the T2's recovery mode.
    build : str
        Which firmware; the signing server must still sign it.

    Returns
    -------
    BootState
        As it was saved; the policies are as they were.

    Raises
    ------
    Refusal
        The machine runs, an unfinished restore has to be ended, or its state is lost; recoveryOS cannot be written; or
        as `prepared`.
    """
    state = _known(machine)
    if state is None:
        raise Refusal("the T2's boot state is lost: a revive cannot know its policies; restore, which erases the disk")
    if state.restoring:
        raise Refusal("a restore began and did not end: restore again")
    _waiting(state)
    recovery: dict[str, bytes] = {}
    with suppress(ManifestRefused):  # the firmware is what a revive is for
        recovery = fetched(machine)
    done = prepared(machine, state, build)
    with _told(machine.internal):
        machine.internal.files.prepare(recovery)
        machine.internal.files.put(recovery)
    done = replace(done, dfu=False, reason=None, failure=0, session=Session())
    machine.state.save(done)
    return done


def restore(machine: Machine, build: str) -> BootState:
    """Install the T2's firmware, destroy every key of the disk, and take the modules that are there.

    What was installed is gone with its keys, Windows too; recoveryOS comes from the network, if that has one, and macOS
    has to be installed anew. Policies go back to Full Security, the firmware password goes, and the machine has to be
    activated again. While keys are destroyed the state says that a restore is under way: a machine that loses power
    then waits in DFU.

    Parameters
    ----------
    machine : Machine
        In DFU mode, or the T2's recovery mode.
    build : str
        Which firmware.

    Returns
    -------
    BootState
        As it was saved.

    Raises
    ------
    Refusal
        The machine runs; or as `install` and `recovery.fetched`, or recoveryOS cannot be written, and then nothing was
        erased; or what was installed cannot be removed, and then the restore has to be made again.
    """
    state = _known(machine)
    if state is None:
        state = BootState(dfu=True)
    if not state.restoring:
        _waiting(state)
    # the signed firmware first: without a network nothing is lost
    state = install(machine, state, build)
    recovery = fetched(machine)
    with _told(machine.internal):
        machine.internal.files.prepare(recovery)
    machine.state.save(replace(state, restoring=True))
    pair = machine.flash.erase()
    _empty(machine)
    with _told(machine.internal):
        machine.internal.files.put(recovery)
    done = BootState(slot=state.slot, firmware_nonce=state.firmware_nonce, build=state.build, pair=pair)
    machine.state.save(done)
    return done


def _empty(machine: Machine) -> None:
    """Remove what was installed: its keys are destroyed."""
    model = machine.sheet.model
    own = [manifest_name(file, model, machine.chip.ecid) for file in SIGNED]
    for volume, names in (
        (machine.internal, [*system_files(model), *own]),
        (machine.windows, [WINDOWS_LOADER, OTHER_LOADER]),
    ):
        for name in names:
            with _told(volume):
                volume.files.remove(name)


@contextmanager
def _told(volume: Volume) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise Refusal(f"{volume.name} cannot be written: {(error.strerror or str(error)).lower()}") from None


def _waiting(state: BootState) -> None:
    if not state.dfu:
        raise Refusal(
            "the machine is in neither DFU nor recovery mode of the T2: 't2 boot DIR --hold dfu' puts it there"
        )


def activate(machine: Machine) -> BootState:
    """Ask for an activation, verify it, and keep it.

    Raises
    ------
    Unreachable
        No network, or no server.
    SignerRefused
        The machine is locked to an account.
    ManifestRefused
        What came is not good.
    """
    state, nonce = new_nonce(machine, machine.state.load())
    record, manifest = machine.service.activation(machine.chip, nonce)
    verify(manifest, record, ACTIVATION, machine.chip, machine.root, Kind.FIRMWARE, nonce)
    done = replace(state, activated=True)
    machine.state.save(done)
    return done
