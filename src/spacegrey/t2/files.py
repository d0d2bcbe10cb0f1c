"""Small files that are there as they were or as they will be, whatever happens in between.

Every change goes through the few calls of `Files`, so that tests can cut the power between any two of them.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

_BESIDE = ".new"


class Files(Protocol):
    """The calls that change or read a folder of small files."""

    def read(self, name: str) -> bytes | None:
        """Return a file's content, None where there is no such file."""
        ...

    def replace(self, name: str, content: bytes) -> None:
        """Write a file so that it is, durably, the old one or the new one at every moment."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file, durably; one that is not there is no error."""
        ...


class HostFiles:
    """A folder of this computer; its files are readable by their owner only.

    Parameters
    ----------
    folder : Path
        It must be there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes | None:
        """Return a file's content, None where there is no such file.

        Raises
        ------
        OSError
            It is there and cannot be read.
        """
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def replace(self, name: str, content: bytes) -> None:
        """Write beside the file, make that durable, rename it into place, make the name durable.

        Raises
        ------
        OSError
            It cannot be written; the file is as it was.
        """
        beside = name + _BESIDE
        try:
            self.write(beside, content)
            self.sync(beside)
            self.rename(beside, name)
            self.sync_folder()
        except BaseException:
            with contextlib.suppress(OSError):
                (self._folder / beside).unlink(missing_ok=True)
            raise

    def remove(self, name: str) -> None:
        """Remove a file, durably.

        Raises
        ------
        OSError
            It cannot be removed.
        """
        self.unlink(name)
        self.sync_folder()

    def write(self, name: str, content: bytes) -> None:
        """Write a file; nothing is durable yet."""
        handle = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)

    def sync(self, name: str) -> None:
        """Make a file's content durable."""
        handle = os.open(self._folder / name, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def rename(self, old: str, new: str) -> None:
        """Give a file another's name."""
        (self._folder / old).replace(self._folder / new)

    def unlink(self, name: str) -> None:
        """Remove a file's name."""
        (self._folder / name).unlink(missing_ok=True)

    def sync_folder(self) -> None:
        """Make the folder's names durable."""
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
