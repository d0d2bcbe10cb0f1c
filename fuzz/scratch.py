"""Folders for readers that take a file: in memory where the system has that, gone when the program ends."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

_KEPT: list[tempfile.TemporaryDirectory[str]] = []
_MEMORY = Path("/dev/shm")  # noqa: S108 - a million files are written
PLACE = "SPACEGREY_FUZZ_SCRATCH"
"""Variable that names where folders are made: atheris ends without a word, so that nobody else would remove them."""


def place() -> str | None:
    """Return where folders are made; None where the system chooses."""
    return os.environ.get(PLACE) or (str(_MEMORY) if _MEMORY.is_dir() else None)


@cache
def scratch(name: str) -> Path:
    """Return the folder of this name."""
    made = tempfile.TemporaryDirectory(prefix=f"spacegrey-fuzz-{name}-", dir=place())
    _KEPT.append(made)
    return Path(made.name)
