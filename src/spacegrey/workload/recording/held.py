"""Small files of the system that are read ten times a second: kept open, as opening one costs more than reading it."""

from __future__ import annotations

import errno
import os

MOST = 400
"""Files that are kept open at once, where a process may have the usual 1,024."""

USUAL_B = 4096
"""Most such files are shorter; a read that fills the room is done again with more. [B]"""

CLOSED, GONE = -1, -2
FULL = (errno.EMFILE, errno.ENFILE)


class Held:
    """A file that the system writes anew, as one piece, whenever it is read from its beginning.

    Parameters
    ----------
    path : str
        Where it is. It is opened when it is first read. An open file of a process stays with this process: once it has
        ended it reads as nothing, whoever gets its number.

    Examples
    --------
    >>> Held("/nowhere/stat").read()
    b''
    """

    __slots__ = ("_handle", "_path", "_room_b")
    open_now = 0

    def __init__(self, path: str) -> None:
        self._path, self._handle, self._room_b = path, CLOSED, USUAL_B

    @property
    def gone(self) -> bool:
        """Whether there was nothing to read any more."""
        return self._handle == GONE

    def read(self) -> bytes:
        """Return what the file tells now; nothing where it is gone, or may not be read."""
        if self._handle >= 0:
            try:
                return self._told(self._handle)
            except OSError:
                self.close()
                self._handle = GONE
                return b""
        return b"" if self._handle == GONE else self._opened()

    def _opened(self) -> bytes:
        try:
            handle = os.open(self._path, os.O_RDONLY)
        except OSError as error:
            if error.errno not in FULL:
                self._handle = GONE
            return b""
        if Held.open_now < MOST:
            self._handle = handle
            Held.open_now += 1
            return self.read()
        try:
            return self._told(handle)
        except OSError:
            return b""
        finally:
            os.close(handle)

    def _told(self, handle: int) -> bytes:
        text = os.pread(handle, self._room_b, 0)
        while len(text) == self._room_b:
            self._room_b *= 4
            text = os.pread(handle, self._room_b, 0)
        return text

    def close(self) -> None:
        """Give the file back; the next read opens it anew."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = CLOSED
            Held.open_now -= 1

    def __del__(self) -> None:
        """Give the file back when nobody knows of it any more."""
        self.close()
