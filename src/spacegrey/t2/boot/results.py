"""How a start ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from spacegrey.t2.boot.log import Entry, register

if TYPE_CHECKING:
    from spacegrey.t2.image4.faults import Fault


class Outcome(StrEnum):
    """What the machine is in when the start has ended."""

    MACOS = "macos"
    VERBOSE = "macos-verbose"
    SAFE = "macos-safe"
    SINGLE_USER = "single-user"
    OTHER = "other-system"
    STARTUP_MANAGER = "startup-manager"
    TARGET_DISK = "target-disk-mode"
    DIAGNOSTICS = "diagnostics"
    RECOVERY = "recovery-os"
    ASSISTANT = "boot-recovery-assistant"
    PASSWORD = "firmware-password-prompt"  # noqa: S105 - the name of a screen
    T2_RECOVERY = "t2-recovery"
    DFU = "dfu"


class Stop(StrEnum):
    """Why a start did not lead where it should have, besides the refusals of a manifest."""

    FORCED_DFU = "forced-dfu"
    RESTORE_UNFINISHED = "restore-unfinished"
    MODULES = "modules"
    NOT_ACTIVATED = "not-activated"
    ENCLAVE_DISABLED = "enclave-disabled"
    EXTERNAL = "external-boot-disallowed"
    NOT_APPLE = "not-apple"
    WINDOWS = "windows-authority-not-enabled"
    NOT_APFS = "not-apfs"
    NO_SYSTEM = "no-system"
    PASSWORD_NEEDED = "firmware-password-needed"  # noqa: S105 - the name of a reason
    PASSWORD_WRONG = "firmware-password-wrong"  # noqa: S105 - the name of a reason
    KEY_IGNORED = "key-ignored"
    NETWORK = "network"
    NOT_SIGNED = "signing-refused"
    RECOVERY_DAMAGED = "recovery-damaged"


OTHER_FAILURE = 0xFF
_NO_MANIFEST, _BAD, _FULL = 1, 2, 0x10


def failure_byte(fault: Fault, *, full: bool) -> int:
    """Return the byte in which the firmware keeps a refusal: 1 no manifest, 2 bad, 0x10 more at Full Security.

    References
    ----------
    acidanthera, OpenCorePkg: AppleSecureBootPolicy and its failure variable.

    Examples
    --------
    >>> from spacegrey.t2.image4.faults import Fault
    >>> hex(failure_byte(Fault.DIGEST, full=True)), failure_byte(Fault.NO_MANIFEST, full=False)
    ('0x12', 1)
    """
    from spacegrey.t2.image4.faults import Fault

    return (_NO_MANIFEST if fault is Fault.NO_MANIFEST else _BAD) | (_FULL if full else 0)


@dataclass(frozen=True)
class BootResult:
    """How a start ended.

    Attributes
    ----------
    outcome : Outcome
        What the machine is in.
    code : str or None
        Why it is not where it should be: ``STAGE/REASON`` for an image, else a `Stop`; None where all went well.
    reason : str or None
        The same in words.
    failure : int
        The byte that the firmware keeps.
    asked_network : bool
        Whether a server was asked.
    entries : list of Entry
        The measured log.
    """

    outcome: Outcome
    code: str | None = None
    reason: str | None = None
    failure: int = 0
    asked_network: bool = False
    entries: list[Entry] = field(default_factory=list[Entry])

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return {
            "outcome": self.outcome,
            "code": self.code,
            "reason": self.reason,
            "failure": self.failure,
            "asked_network": self.asked_network,
            "log": [entry.as_dict() for entry in self.entries],
            "register": register(self.entries).hex(),
        }
