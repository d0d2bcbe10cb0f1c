"""Changes of the policies and of the firmware password, each with its preconditions, each kept at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from spacegrey.errors import Refusal
from spacegrey.t2.boot import firmware_password
from spacegrey.t2.boot.firmware import new_nonce
from spacegrey.t2.boot.policy import (
    Authenticator,
    Denied,
    PolicyRefused,
    SecureBoot,
    Where,
    authorise,
    check_macos,
    check_session,
)
from spacegrey.t2.boot.results import Stop
from spacegrey.t2.image4.payload import nonce_hash
from spacegrey.t2.image4.verify import Kind, verify
from spacegrey.t2.signer.exchange import PASSWORD_RESET

if TYPE_CHECKING:
    from spacegrey.t2.boot.firmware_password import FirmwarePassword, Mode
    from spacegrey.t2.boot.machine import Machine
    from spacegrey.t2.boot.state import BootState


def set_policy(
    machine: Machine,
    authenticator: Authenticator,
    password: bytes | bytearray,
    user: str | None = None,
    *,
    secure_boot: SecureBoot | None = None,
    external_boot: bool | None = None,
) -> BootState:
    """Change the policies, as the Startup Security Utility does.

    Parameters
    ----------
    machine : Machine
        In recoveryOS.
    authenticator : Authenticator
        The enclave.
    password, user
        An administrator's.
    secure_boot, external_boot : optional
        What changes; None leaves it.

    Raises
    ------
    PolicyRefused
        A precondition does not hold.
    """
    state = machine.state.load()
    check_session(state.session)
    if state.reason == Stop.ENCLAVE_DISABLED:
        raise PolicyRefused(Denied.WRONG_CREDENTIAL, "the enclave is off, so nobody can be authenticated")
    authorise(state.session, authenticator, password, user)
    # the enclave has just written: its copy of our digest is the one that counts
    state = machine.state.load()
    done = replace(
        state,
        secure_boot=state.secure_boot if secure_boot is None else secure_boot,
        external_boot=state.external_boot if external_boot is None else external_boot,
    )
    machine.state.save(done)
    return done


def set_windows(
    machine: Machine,
    authenticator: Authenticator,
    password: bytes | bytearray,
    user: str | None = None,
    *,
    allowed: bool,
) -> BootState:
    """Let the authority under which Windows is signed in, or out again, as Boot Camp Assistant does.

    Raises
    ------
    PolicyRefused
        macOS does not run from the internal disk, or the password is not an administrator's.
    """
    state = machine.state.load()
    check_macos(state.session)
    try:
        authenticator.authenticate(password, user)
    except Refusal as error:
        raise PolicyRefused(Denied.WRONG_CREDENTIAL, str(error)) from None
    done = replace(machine.state.load(), windows=allowed)
    machine.state.save(done)
    return done


def _running(machine: Machine) -> BootState:
    state = machine.state.load()
    if state.session.where not in {Where.MACOS, Where.RECOVERY_OS}:
        raise Refusal("the firmware password is set in macOS or recoveryOS; neither runs")
    return state


def _keep(machine: Machine, state: BootState, held: FirmwarePassword | None) -> BootState:
    done = replace(state, firmware_password=held)
    machine.state.save(done)
    return done


def set_firmware_password(machine: Machine, old: bytes | bytearray | None, new: bytes | bytearray) -> BootState:
    """Set the firmware password; errors as `firmware_password.set_password`'s."""
    state = _running(machine)
    return _keep(machine, state, firmware_password.set_password(state.firmware_password, old, new))


def set_firmware_mode(machine: Machine, password: bytes | bytearray, mode: Mode) -> BootState:
    """Set when it is asked for; errors as `firmware_password.set_mode`'s."""
    state = _running(machine)
    return _keep(machine, state, firmware_password.set_mode(state.firmware_password, password, mode))


def remove_firmware_password(machine: Machine, password: bytes | bytearray) -> BootState:
    """Take it away; errors as `firmware_password.remove`'s."""
    state = _running(machine)
    firmware_password.remove(state.firmware_password, password)
    return _keep(machine, state, None)


def forbid_firmware_reset(machine: Machine, password: bytes | bytearray) -> BootState:
    """Take away, for good, the way to reset it; errors as `firmware_password.forbid_reset`'s."""
    state = _running(machine)
    return _keep(machine, state, firmware_password.forbid_reset(state.firmware_password, password))


def _resettable(state: BootState) -> None:
    if state.firmware_password is None:
        raise Refusal("no firmware password is set")
    if not state.firmware_password.resettable:
        raise Refusal("the reset of this firmware password was forbidden for good")


def reset_request(machine: Machine) -> str:
    """Return what the machine shows for a reset: its number, and a nonce that makes an older answer worthless.

    Raises
    ------
    Refusal
        No password is set, or its reset was forbidden.
    """
    state = machine.state.load()
    _resettable(state)
    _, nonce = new_nonce(machine, state)
    return f"{machine.chip.ecid:016X}-{nonce.hex().upper()}"


def reset_firmware_password(machine: Machine, manifest: bytes) -> BootState:
    """Take the firmware password away with a file that was signed for this request.

    Raises
    ------
    Refusal
        No password is set, or its reset was forbidden.
    ManifestRefused
        The file is not for this machine and this request.
    """
    state = machine.state.load()
    _resettable(state)
    nonce = nonce_hash(state.generator)
    shown = f"{machine.chip.ecid:016X}-{nonce.hex().upper()}".encode()
    verify(manifest, shown, PASSWORD_RESET, machine.chip, machine.root, Kind.FIRMWARE, nonce)
    # a new generator: the same file does not work twice
    fresh, _ = new_nonce(machine, state)
    return _keep(machine, fresh, None)
