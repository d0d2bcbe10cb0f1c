"""Small files that are there as they were or as they will be, whatever happens in between.

Every change goes through the few calls of `Files`, so that tests can cut the power between any two of them.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any, Protocol, cast

from spacegrey.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_BESIDE = ".new"


def read_json(path: Path) -> dict[str, Any]:
    """Return the object that a small JSON file holds.

    Raises
    ------
    OSError
        It is missing, or cannot be read.
    ValueError
        It is not JSON, nested too deeply, or something else than an object.
    """
    try:
        found: object = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004 - of the same kind as the others
    return cast("dict[str, Any]", found)


def checked(content: dict[str, Any], path: Path, *versions: int) -> None:
    """See that a file is of a version that is read here.

    Raises
    ------
    Refusal
        It is of another one, or says none.

    Examples
    --------
    >>> from pathlib import Path
    >>> checked({"format": 3}, Path("keys.json"), 1, 2)
    Traceback (most recent call last):
    spacegrey.errors.Refusal: keys.json has format 3; this version of Spacegrey reads 1 and 2
    """
    found = content.get("format")
    if type(found) is not int:
        raise Refusal(f"{path} is damaged: it does not say its format")
    if found not in versions:
        known = " and ".join(map(str, versions))
        raise Refusal(f"{path} has format {found}; this version of Spacegrey reads {known}")


class Files(Protocol):
    """The calls that change or read a folder of small files."""

    def read(self, name: str) -> bytes | None:
        """Return a file's content, None where there is no such file."""
        ...

    def found(self, name: str) -> bytes | None:
        """Return a file's content, None where there is none that can be read."""
        ...

    def replace(self, name: str, content: bytes) -> None:
        """Write a file so that it is, durably, the old one or the new one at every moment."""
        ...

    def prepare(self, contents: Mapping[str, bytes]) -> None:
        """Write several files beside those of their names, durably: `put` has room then. All of them, or none."""
        ...

    def put(self, names: Iterable[str]) -> None:
        """Put what was prepared into its place, durably; each file is the old one or the new one at every moment."""
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

    def found(self, name: str) -> bytes | None:
        """Return a file's content, None where there is none that can be read: who starts from it is as badly off."""
        try:
            return self.read(name)
        except OSError:
            return None

    def replace(self, name: str, content: bytes) -> None:
        """Write beside the file, make that durable, rename it into place, make the name durable.

        Raises
        ------
        OSError
            It cannot be written; the file is as it was.
        """
        self.prepare({name: content})
        try:
            self.put([name])
        except BaseException:
            self._withdraw([name])
            raise

    def prepare(self, contents: Mapping[str, bytes]) -> None:
        """Write files beside those of their names, durably.

        Raises
        ------
        OSError
            One cannot be written; none is left beside.
        """
        try:
            for name, content in contents.items():
                self.write(name + _BESIDE, content)
                self.sync(name + _BESIDE)
        except BaseException:
            self._withdraw(contents)
            raise

    def put(self, names: Iterable[str]) -> None:
        """Rename what was prepared into its place, and make the names durable.

        Raises
        ------
        OSError
            A file cannot be renamed; those before it were.
        """
        for name in names:
            self.rename(name + _BESIDE, name)
        self.sync_folder()

    def _withdraw(self, names: Iterable[str]) -> None:
        for name in names:
            with contextlib.suppress(OSError):
                (self._folder / (name + _BESIDE)).unlink(missing_ok=True)

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
