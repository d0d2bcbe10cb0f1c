"""A flash module as a sparse file: the one place that touches it."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import sys
from typing import TYPE_CHECKING

from spacegrey.errors import InputError, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_KEEP_SIZE, _PUNCH_HOLE = 1, 2
_MOST_VIEWS = 512  # of one call; Linux takes 1024


class ModuleFile:
    """A module's file, opened by one process at a time.

    Parameters
    ----------
    path : Path
        The file.
    read_only : bool
        Open it for reading; several processes may.
    beside : bool
        Open it for reading also while another process has it: what it says may be of another moment.
    size : int, optional
        Make the file, which must not exist yet, with this length. [B]

    Attributes
    ----------
    in_use : bool
        Another process had it when it was opened beside it.

    Raises
    ------
    InputError
        The file is missing or cannot be opened.
    Refusal
        Another process has it open.
    """

    def __init__(self, path: Path, *, read_only: bool = False, beside: bool = False, size: int | None = None) -> None:
        self.path = path
        self.in_use = False
        mode = os.O_RDONLY if read_only or beside else os.O_RDWR
        if size is not None:
            mode |= os.O_CREAT | os.O_EXCL
        try:
            self.file = os.open(path, mode | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise InputError(f"{path}: {(error.strerror or 'cannot be opened').lower()}") from None
        try:
            if beside:
                self.in_use = _locked(self.file)
            else:
                fcntl.flock(self.file, (fcntl.LOCK_SH if read_only else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            if size is not None:
                os.ftruncate(self.file, size)
        except OSError as error:
            os.close(self.file)
            if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
                raise Refusal(f"{path}: in use by another process") from None
            raise InputError(f"{path}: {(error.strerror or 'cannot be used').lower()}") from None
        self.size = os.fstat(self.file).st_size

    def read(self, offset: int, views: Sequence[memoryview]) -> None:
        """Fill the views; raise OSError where the file is shorter."""
        for first in range(0, len(views), _MOST_VIEWS):
            some = views[first : first + _MOST_VIEWS]
            wanted = sum(map(len, some))
            got = os.preadv(self.file, some, offset)
            offset += wanted
            if got != wanted:
                self._read_rest(offset - wanted, some, got)

    def _read_rest(self, offset: int, views: Sequence[memoryview], got: int) -> None:
        for view in views:
            start = min(got, len(view))
            got -= start
            while start < len(view):
                more = os.preadv(self.file, [view[start:]], offset + start)
                if more == 0:
                    raise OSError(errno.EIO, f"{self.path.name} ends too early")
                start += more
            offset += len(view)

    def write(self, offset: int, views: Sequence[memoryview]) -> None:
        """Write the views."""
        if len(views) == 1 and os.pwrite(self.file, views[0], offset) == len(views[0]):
            return
        for first in range(0, len(views), _MOST_VIEWS):
            some = views[first : first + _MOST_VIEWS]
            wanted = sum(map(len, some))
            done = os.pwritev(self.file, some, offset)
            if done != wanted:  # a full disk, or a signal: what is left is written, or says why not
                rest = b"".join(some)[done:]
                while rest:
                    done += (more := os.pwrite(self.file, rest, offset + done))
                    rest = rest[more:]
            offset += wanted

    def discard(self, offset: int, length: int) -> None:
        """Give the stretch back to the file system, where it takes that."""
        if sys.platform == "linux":
            _fallocate(self.file, _PUNCH_HOLE | _KEEP_SIZE, offset, length)

    def sync(self) -> None:
        """Return when what was written is on the disk."""
        getattr(os, "fdatasync", os.fsync)(self.file)

    def close(self) -> None:
        """Close the file."""
        if self.file >= 0:
            os.close(self.file)
            self.file = -1


def _locked(file: int) -> bool:
    """Tell whether another process has locked a file, and leave it as it is."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def _fallocate(file: int, mode: int, offset: int, length: int) -> None:
    """Call Linux's fallocate, which `os` does not have; a file system without holes keeps the bytes."""
    call = ctypes.CDLL(None, use_errno=True).fallocate
    call.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    if call(file, mode, offset, length) != 0:
        number = ctypes.get_errno()
        if number not in {errno.EOPNOTSUPP, errno.ENOSYS}:
            raise OSError(number, os.strerror(number))
