"""What program gives an answer: a digest of its own sources, for what outlives one state of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

ROOT = Path(__file__).parents[1]

ROOMS = ("machine", "parts", "simulation", "workload")
"""Folders whose code makes numbers; beside them are the modules of the package itself. What only shows is none."""


def program_digest() -> str:
    """Return what changes when a source does that an answer may follow from: laws, kernel, and all that leads there.

    The catalog is not part of it: what a sweep takes from it has a fingerprint of its own, and the rest is free to
    change.

    Examples
    --------
    >>> len(program_digest())
    16
    """
    digest = hashlib.sha256()
    for path in sorted([*ROOT.glob("*.py"), *(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))]):
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


PROGRAM = program_digest()
"""The digest as this process began: its code stays what it was then."""
