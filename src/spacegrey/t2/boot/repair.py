"""DFU mode, revive, restore and activation.

References
----------
Apple Platform Security (May 2022), Apple Configurator for Mac security; eclecticlight.co, 7 July 2023, on revive and
restore: the first keeps the volumes, the second destroys their keys.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from spacegrey.errors import InputError, Refusal
from spacegrey.t2.boot.firmware import install, new_nonce
from spacegrey.t2.boot.policy import Session
from spacegrey.t2.boot.state import BootState
from spacegrey.t2.image4.verify import Kind, verify
from spacegrey.t2.signer.exchange import ACTIVATION

if TYPE_CHECKING:
    from spacegrey.t2.boot.machine import Machine


def _known(machine: Machine) -> BootState | None:
    """Return the state, None where there is none that can be used: both repairs make it anew."""
    try:
        return machine.state.load()
    except (InputError, Refusal):
        return None


def revive(machine: Machine, build: str) -> BootState:
    """Install the T2's firmware again; every volume stays as it is.

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
        The machine runs, an unfinished restore has to be ended, or its state is lost; or as `install`.
    """
    state = _known(machine)
    if state is None:
        raise Refusal("the T2's boot state is lost: a revive cannot know its policies; restore, which erases the disk")
    if state.restoring:
        raise Refusal("a restore began and did not end: restore again")
    _waiting(state)
    done = install(machine, state, build)
    done = replace(done, dfu=False, reason=None, failure=0, session=Session())
    machine.state.save(done)
    return done


def restore(machine: Machine, build: str) -> BootState:
    """Install the T2's firmware, destroy every key of the disk, and take the modules that are there.

    Policies go back to Full Security, the firmware password goes, and the machine has to be activated again. While
    keys are destroyed the state says that a restore is under way: a machine that loses power then waits in DFU.

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
        The machine runs; or as `install`, and then nothing was erased.
    """
    state = _known(machine)
    if state is None:
        state = BootState(dfu=True)
    if not state.restoring:
        _waiting(state)
    # the signed firmware first: without a network nothing is lost
    state = install(machine, state, build)
    machine.state.save(replace(state, restoring=True))
    pair = machine.flash.erase()
    done = BootState(slot=state.slot, firmware_nonce=state.firmware_nonce, build=state.build, pair=pair)
    machine.state.save(done)
    return done


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
