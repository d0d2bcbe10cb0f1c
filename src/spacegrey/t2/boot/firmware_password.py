"""The firmware password: a lock on the choices at start, not an encryption.

References
----------
Apple Platform Security (May 2022), firmware password protection in an Intel-based Mac; the manual page of
firmwarepasswd(8): the two modes.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field, replace
from enum import StrEnum

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from spacegrey.errors import InputError, Refusal

LONGEST = 255

# Where and how Apple keeps it is not published; scrypt's cost is that of RFC 7914's interactive example.
_COST, _BLOCK, _PARALLEL, _BYTES = 1 << 14, 8, 1, 32


class Mode(StrEnum):
    """When the password is asked for."""

    COMMAND = "command"
    """When something else than the chosen disk is to start."""
    FULL = "full"
    """At every start."""


class FirmwarePasswordWrong(Refusal):
    """The firmware password is wrong."""


@dataclass(frozen=True)
class FirmwarePassword:
    """A password that was set.

    Attributes
    ----------
    resettable : bool
        Whether a file that the maker signs for this machine takes it away; False is for good.
    """

    mode: Mode
    salt: bytes = field(repr=False)
    verifier: bytes = field(repr=False)
    resettable: bool = True

    def check(self, password: bytes | bytearray) -> None:
        """Raise `FirmwarePasswordWrong` where it is another one."""
        if not hmac.compare_digest(_verifier(password, self.salt), self.verifier):
            raise FirmwarePasswordWrong("the firmware password is wrong")


def _verifier(password: bytes | bytearray, salt: bytes) -> bytes:
    return Scrypt(salt, _BYTES, _COST, _BLOCK, _PARALLEL).derive(bytes(password))


def set_password(
    held: FirmwarePassword | None, old: bytes | bytearray | None, new: bytes | bytearray
) -> FirmwarePassword:
    """Return a new password; the first one set has the mode ``command``.

    Parameters
    ----------
    held : FirmwarePassword or None
        What is set now.
    old : bytes-like or None
        What the user says is set now.
    new : bytes-like
        1 to 255 bytes.

    Raises
    ------
    FirmwarePasswordWrong
        The old one is wrong or missing.
    InputError
        The new one is empty or too long.

    Examples
    --------
    >>> first = set_password(None, None, b"apple")
    >>> first.mode
    <Mode.COMMAND: 'command'>
    >>> set_password(first, b"pear", b"plum")
    Traceback (most recent call last):
    spacegrey.t2.boot.firmware_password.FirmwarePasswordWrong: the firmware password is wrong
    """
    if not 0 < len(new) <= LONGEST:
        raise InputError(f"a firmware password has 1 to {LONGEST} bytes")
    if held is not None:
        held.check(old or b"")
    salt = secrets.token_bytes(16)
    fresh = FirmwarePassword(Mode.COMMAND, salt, _verifier(new, salt))
    return fresh if held is None else replace(held, salt=salt, verifier=fresh.verifier)


def set_mode(held: FirmwarePassword | None, password: bytes | bytearray, mode: Mode) -> FirmwarePassword:
    """Return the password with another mode.

    Raises
    ------
    Refusal
        None is set: there is no mode without a password.
    FirmwarePasswordWrong
        It is another one.
    """
    known = _set(held, "a mode")
    known.check(password)
    return replace(known, mode=mode)


def forbid_reset(held: FirmwarePassword | None, password: bytes | bytearray) -> FirmwarePassword:
    """Return the password without a way to reset it; errors as `set_mode`'s."""
    known = _set(held, "a reset")
    known.check(password)
    return replace(known, resettable=False)


def remove(held: FirmwarePassword | None, password: bytes | bytearray) -> None:
    """See that the password may be taken away; errors as `set_mode`'s."""
    _set(held, "nothing").check(password)


def _set(held: FirmwarePassword | None, what: str) -> FirmwarePassword:
    if held is None:
        raise Refusal(f"no firmware password is set, so there is {what} to change")
    return held
