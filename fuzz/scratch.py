"""Folders for readers that take a file: in memory where the system has that, gone when the program ends."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

_KEPT: list[tempfile.TemporaryDirectory[str]] = []
_MEMORY = Path("/dev/shm")  # noqa: S108 - a million files are written


@cache
def scratch(name: str) -> Path:
    """Return the folder of this name."""
    made = tempfile.TemporaryDirectory(prefix=f"spacegrey-fuzz-{name}-", dir=_MEMORY if _MEMORY.is_dir() else None)
    _KEPT.append(made)
    return Path(made.name)
