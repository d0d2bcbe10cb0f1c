"""Where compiled code is kept: a folder for each state of the sources that end in it."""

from __future__ import annotations

import hashlib
import os
from importlib.metadata import version
from pathlib import Path

SOURCES = ("jit.py", "foreign.py", "parts/*/laws.py", "simulation/kernel/*.py", "t2/storage/cipher.py")
"""What is part of other compiled code: numba itself looks at a kernel's own file only."""


def cache_folder() -> Path:
    """Return the folder of today's sources and compiler, which need not be there yet."""
    base = os.environ.get("SPACEGREY_CACHE") or os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "spacegrey" / f"compiled-{_fingerprint()}"


def _fingerprint() -> str:
    root, digest = Path(__file__).parent, hashlib.sha256(version("numba").encode())
    for path in sorted(path for pattern in SOURCES for path in root.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def is_compiled() -> bool:
    """Tell whether compiled code of this version lies on disk already."""
    folder = cache_folder()
    return folder.is_dir() and any(folder.rglob("*.nbc"))
