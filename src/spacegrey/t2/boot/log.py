"""The measured log: what was started, in order, and a register that only that order can give.

As a TPM extends a register: new = SHA-384(old, digest). Who has the log can compute the register again; who changes an
entry cannot make it fit. The T2 has no such register that a user can read; this one is the model's own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

EMPTY = bytes(48)


@dataclass(frozen=True)
class Entry:
    """One image that was looked at.

    Attributes
    ----------
    stage : str
        Which step of the chain looked.
    object_type : str
        What the image is.
    digest : bytes
        Its SHA-384.
    verdict : str
        ``verified``, ``not checked``, or the code of the refusal.
    """

    stage: str
    object_type: str
    digest: bytes = field(repr=False)
    verdict: str

    def measurement(self) -> bytes:
        """Return the SHA-384 of all that the entry says."""
        parts = (self.stage.encode(), self.object_type.encode(), self.digest, self.verdict.encode())
        return hashlib.sha384(b"".join(len(part).to_bytes(2, "big") + part for part in parts)).digest()

    def as_dict(self) -> dict[str, Any]:
        """Return the entry for JSON."""
        return {
            "stage": self.stage,
            "object": self.object_type,
            "sha384": self.digest.hex(),
            "verdict": self.verdict,
        }


def register(entries: list[Entry]) -> bytes:
    """Return what the register holds after these entries.

    Examples
    --------
    >>> register([]) == bytes(48)
    True
    >>> first, second = Entry("a", "x", bytes(48), "verified"), Entry("b", "y", bytes(48), "verified")
    >>> register([first, second]) == register([second, first])
    False
    """
    held = EMPTY
    for entry in entries:
        held = hashlib.sha384(held + entry.measurement()).digest()
    return held
