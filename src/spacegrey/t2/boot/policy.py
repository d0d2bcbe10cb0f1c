"""The Startup Security Utility: what may be set, by whom, and from where.

References
----------
Apple Platform Security (May 2022), Startup Security Utility on a Mac with an Apple T2 Security Chip. Apple T2 Security
Chip Overview (October 2018), page 11.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Protocol

from spacegrey.errors import Refusal


class SecureBoot(IntEnum):
    """Policy for what the Intel processor runs; the numbers are those of the variable AppleSecureBootPolicy."""

    NONE = 0
    MEDIUM = 1
    FULL = 2

    @property
    def word(self) -> str:
        """Its name on the command line."""
        return self.name.lower()


class Denied(StrEnum):
    """Why a policy is not changed."""

    NOT_IN_RECOVERY = "not-in-recovery"
    NOT_IN_MACOS = "not-in-macos"
    RECOVERY_NOT_INTERNAL = "recovery-not-internal"
    NOT_APFS = "not-apfs"
    NO_ADMINISTRATOR = "no-administrator"
    WRONG_CREDENTIAL = "wrong-credential"


class PolicyRefused(Refusal):
    """A change of policy is refused.

    Attributes
    ----------
    denied : Denied
        The reason, as a code.
    """

    def __init__(self, denied: Denied, text: str) -> None:
        super().__init__(f"{text} [{denied}]")
        self.denied = denied


class Authenticator(Protocol):
    """Who can tell whether a password is an administrator's: the enclave."""

    def authenticate(self, password: bytes | bytearray, user: str | None = None) -> str:
        """Return the user's name.

        Raises
        ------
        Refusal
            The password is wrong, or no attempt may be made now.
        """
        ...


class Where(StrEnum):
    """What runs on the machine."""

    OFF = "off"
    MACOS = "macos"
    RECOVERY_OS = "recovery-os"
    OTHER = "other"


class Source(StrEnum):
    """Where what runs came from."""

    INTERNAL = "internal"
    EXTERNAL = "external"
    INTERNET = "internet"


@dataclass(frozen=True)
class Session:
    """What runs now.

    Attributes
    ----------
    where : Where
        macOS, recoveryOS, or nothing.
    source : Source
        The storage behind the T2, another disk, or the network.
    form : str
        File system of the volume: ``"apfs"``, ``"hfs+"`` or ``"ntfs"``.
    administrators : bool
        Whether the macOS of the volume has an administrator whose credential the enclave holds.
    """

    where: Where = Where.OFF
    source: Source = Source.INTERNAL
    form: str = "apfs"
    administrators: bool = True


def check_session(session: Session) -> None:
    """Raise `PolicyRefused` where the utility does not run: each precondition in turn, with its own code.

    Examples
    --------
    >>> check_session(Session(Where.RECOVERY_OS))
    >>> check_session(Session(Where.MACOS))
    Traceback (most recent call last):
    spacegrey.t2.boot.policy.PolicyRefused: the Startup Security Utility runs in recoveryOS only [not-in-recovery]
    """
    if session.where is not Where.RECOVERY_OS:
        raise PolicyRefused(Denied.NOT_IN_RECOVERY, "the Startup Security Utility runs in recoveryOS only")
    if session.source is not Source.INTERNAL:
        raise PolicyRefused(
            Denied.RECOVERY_NOT_INTERNAL, f"this recoveryOS came from {session.source} storage, not from behind the T2"
        )
    if session.form != "apfs":
        raise PolicyRefused(Denied.NOT_APFS, f"the volume is {session.form}; credentials are kept on APFS only")
    if not session.administrators:
        raise PolicyRefused(Denied.NO_ADMINISTRATOR, "no macOS here has an administrator; make one first")


def check_macos(session: Session) -> None:
    """Raise `PolicyRefused` where Boot Camp Assistant does not run: it is a program of macOS.

    Examples
    --------
    >>> check_macos(Session(Where.RECOVERY_OS))
    Traceback (most recent call last):
    spacegrey.t2.boot.policy.PolicyRefused: Boot Camp Assistant runs in macOS only [not-in-macos]
    """
    if session.where is not Where.MACOS:
        raise PolicyRefused(Denied.NOT_IN_MACOS, "Boot Camp Assistant runs in macOS only")
    if session.source is not Source.INTERNAL:
        raise PolicyRefused(
            Denied.NOT_IN_MACOS, f"this macOS came from {session.source} storage, not from behind the T2"
        )
    if not session.administrators:
        raise PolicyRefused(Denied.NO_ADMINISTRATOR, "this macOS has no administrator; make one first")


def authorise(session: Session, authenticator: Authenticator, password: bytes | bytearray, user: str | None) -> str:
    """Return the administrator who may change the policy now.

    Raises
    ------
    PolicyRefused
        The utility does not run here, or the password is not an administrator's.
    """
    check_session(session)
    try:
        return authenticator.authenticate(password, user)
    except Refusal as error:
        raise PolicyRefused(Denied.WRONG_CREDENTIAL, str(error)) from None
