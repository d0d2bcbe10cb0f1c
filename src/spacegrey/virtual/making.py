"""A folder that is made whole or not at all, also where its maker is killed."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from spacegrey.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

_BESIDE = ".new-"


@contextmanager
def whole(folder: Path, names: Sequence[str]) -> Generator[Path]:
    """Yield a folder to make something in; in the end it is there under its name, or nothing is.

    An empty folder stays the one that it is, for whoever stands in it or mounted it there.

    Parameters
    ----------
    folder : Path
        Where to; nothing may be there, or an empty folder.
    names : sequence of str
        What is made in it. The last one is what tells that it is whole.

    Raises
    ------
    InputError
        The folder is taken or cannot be written.
    """
    try:
        there = folder.is_dir()
        _sweep(folder if there else folder.parent, names)
        if any(folder.iterdir()) if there else folder.exists() or folder.is_symlink():
            raise _taken(folder)
        beside, lock = _locked(folder if there else folder.parent)
        try:
            yield beside
            if there:
                _move(beside, folder, names)
            else:
                beside.rename(folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
            os.close(lock)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:  # somebody was quicker
            raise _taken(folder) from None
        raise InputError(f"{folder}: cannot be made: {(error.strerror or str(error)).lower()}") from None


def _taken(folder: Path) -> InputError:
    return InputError(f"{folder}: there is something already; name a new folder")


def _locked(parent: Path) -> tuple[Path, int]:
    """Make a folder that is locked as long as this process is there; return it and its lock."""
    while True:
        made = Path(tempfile.mkdtemp(prefix=_BESIDE, dir=parent))
        with suppress(FileNotFoundError):  # swept away before it was locked
            lock = os.open(made, os.O_RDONLY | os.O_DIRECTORY)
            with suppress(OSError):  # a file system without locks: nothing is swept there
                fcntl.flock(lock, fcntl.LOCK_EX)
            if made.exists():
                return made, lock
            os.close(lock)


def _sweep(parent: Path, names: Sequence[str]) -> None:
    """Remove what a maker left that was killed: it is not whole, and nobody has its lock."""
    for left in parent.glob(f"{_BESIDE}{'?' * 8}"):
        with suppress(OSError):
            lock = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(lock).st_uid == os.geteuid() and {part.name for part in left.iterdir()} <= set(names[:-1]):
                    shutil.rmtree(left)
            finally:
                os.close(lock)


def _move(beside: Path, folder: Path, names: Sequence[str]) -> None:
    """Move everything up into the folder, all or nothing."""
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        folder.chmod(0o700)
    moved: list[str] = []
    try:
        for name in names:
            (beside / name).rename(folder / name)
            moved.append(name)
    except BaseException:
        for name in moved:
            with suppress(OSError):
                (folder / name).rename(beside / name)
        raise
