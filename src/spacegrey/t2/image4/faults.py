"""Why a manifest is refused: one code for each reason."""

from __future__ import annotations

from enum import StrEnum

from spacegrey.errors import Refusal


class Fault(StrEnum):
    """Reason of a refusal, in the order in which they are looked for."""

    NO_MANIFEST = "no-manifest"
    MALFORMED = "malformed"
    CHAIN = "certificate-chain"
    SIGNATURE = "signature"
    CONSTRAINT = "certificate-constraint"
    NO_OBJECT = "object-not-signed"
    DIGEST = "digest"
    ECID_MISSING = "not-personalised"
    ECID = "other-machine"
    ECID_PRESENT = "personalised"
    GLOBAL_PRESENT = "global"
    GLOBAL_MISSING = "not-global"
    INTERNAL = "internal-unit"
    BOARD = "board"
    CHIP = "chip"
    DOMAIN = "security-domain"
    EPOCH = "epoch"
    PRODUCTION = "production"
    SECURITY = "security-mode"
    NONCE = "stale-nonce"


class ManifestRefused(Refusal):
    """A manifest does not allow this image on this chip.

    Attributes
    ----------
    fault : Fault
        The reason, as a code.
    """

    def __init__(self, fault: Fault, text: str) -> None:
        super().__init__(f"{text} [{fault}]")
        self.fault = fault
