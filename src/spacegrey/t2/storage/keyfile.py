"""A volume key in a file: for a disk without an enclave, and no safer than that file."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from spacegrey.errors import InputError
from spacegrey.t2.storage.engine import KEY_BYTES, XtsKey

if TYPE_CHECKING:
    from pathlib import Path


def new_key_file(path: Path) -> None:
    """Write a new random key, readable by its owner only.

    Raises
    ------
    InputError
        The file is there already, or cannot be written.
    """
    key = secrets.token_bytes(KEY_BYTES)
    while key[:16] == key[16:]:
        key = secrets.token_bytes(KEY_BYTES)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InputError(f"{path}: there is a file already; a key is never overwritten") from None
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or 'cannot be written').lower()}") from None
    with os.fdopen(handle, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(handle)


def read_key_file(path: Path) -> XtsKey:
    """Return the key in a file.

    Raises
    ------
    InputError
        The file cannot be read, others may read it, or it does not hold 32 bytes with two different halves.
    """
    try:
        with path.open("rb") as file:
            shared = os.fstat(file.fileno()).st_mode & 0o077
            content = bytearray(file.read(KEY_BYTES + 1))
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    if shared and path.is_file():
        raise InputError(f"{path}: others may read this key; make it yours alone: chmod 600 {path}")
    try:
        return XtsKey(content)
    except ValueError as error:
        raise InputError(f"{path}: no volume key: {error}") from None
