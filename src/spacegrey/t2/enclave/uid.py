"""Where a software chip keeps its UID: a real one has it fused, and nothing here is as good as that.

* ``file``: in the machine's folder, readable by its owner only. Who can read the folder has the chip.
* ``passphrase``: in the folder, wrapped under a passphrase (scrypt). The machine is switched on with it.
* ``keyring``: in the key ring of the user's session (package ``keyring``). A copy of the folder is worthless.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from spacegrey.errors import InputError, Refusal
from spacegrey.t2.enclave.drbg import draw
from spacegrey.t2.enclave.keys import SALT_BYTES, Uid, WrongKey, new_key, unwrap, wipe, wrap
from spacegrey.t2.files import checked, read_json

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
FILE = "uid.json"

SCRYPT = {"n": 1 << 17, "r": 8, "p": 1}
"""128 MiB and some 0.4 s for each try: OWASP's first choice of parameters (Password Storage Cheat Sheet, 2023)."""

_SCRYPT_ROOM = 192 << 20


class Protection(StrEnum):
    """Where the UID lies."""

    FILE = "file"
    PASSPHRASE = "passphrase"  # noqa: S105 - a kind, not one
    KEYRING = "keyring"


def _ring() -> Any:  # noqa: ANN401 - a package that need not be there
    try:
        return importlib.import_module("keyring")
    except ModuleNotFoundError:
        raise InputError(
            "the key ring needs the package keyring, which is not installed (pip install 'spacegrey[keyring]'); "
            "or choose: file, passphrase"
        ) from None


def _under(passphrase: bytes | bytearray, salt: bytes) -> bytes:
    return hashlib.scrypt(passphrase, salt=salt, **SCRYPT, maxmem=_SCRYPT_ROOM, dklen=32)


def make_uid(folder: Path, protection: Protection, name: str, passphrase: bytes | bytearray = b"") -> Uid:
    """Draw a UID and keep it.

    Parameters
    ----------
    folder : Path
        The enclave's own.
    protection : Protection
        Where it is kept.
    name : str
        The chip's name in the key ring.
    passphrase : bytes-like
        For ``passphrase``.

    Raises
    ------
    InputError
        There is no passphrase, or no key ring.
    """
    key = new_key()
    content: dict[str, object] = {"format": FORMAT, "protection": str(protection)}
    if protection is Protection.FILE:
        content["uid"] = key.hex()
    elif protection is Protection.PASSPHRASE:
        if not passphrase:
            raise InputError("the passphrase is empty")
        salt = draw(SALT_BYTES)
        content |= {"salt": salt.hex(), "wrapped": wrap(_under(passphrase, salt), key).hex()}
    else:
        try:
            _ring().set_password("spacegrey-t2", name, key.hex())
        except (RuntimeError, OSError) as error:  # what keyring's errors are
            raise InputError(f"the key ring takes no key: {error}; or choose: file, passphrase") from None
        content["name"] = name
    handle = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(json.dumps(content) + "\n")
        file.flush()
        os.fsync(handle)
    return Uid(key)


def protection_of(folder: Path) -> Protection:
    """Return where a chip's UID lies.

    Raises
    ------
    InputError
        The folder holds no chip.
    Refusal
        Its file is damaged or of another version.
    """
    return Protection(str(_read(folder)["protection"]))


def _read(folder: Path) -> dict[str, object]:
    path = folder / FILE
    try:
        content = read_json(path)
    except FileNotFoundError:
        raise InputError(f"{folder}: no enclave here ({FILE} is missing)") from None
    except (OSError, ValueError):
        raise Refusal(f"{path} cannot be read") from None
    checked(content, path, FORMAT)
    if content.get("protection") not in list(Protection):
        raise Refusal(f"{path} is damaged")
    return content


def open_uid(folder: Path, passphrase: bytes | bytearray = b"") -> Uid:
    """Return the UID.

    Raises
    ------
    InputError
        The folder holds no chip, or the key ring is not there.
    Refusal
        The passphrase is wrong, others may read the file, or what it names is gone.
    """
    path, content = folder / FILE, _read(folder)
    kind = Protection(str(content["protection"]))
    try:
        if kind is Protection.FILE:
            if path.stat().st_mode & 0o077:
                raise Refusal(f"{path}: others may read the chip's key; make it yours alone: chmod 600 {path}")
            return Uid(bytearray.fromhex(str(content["uid"])))
        if kind is Protection.PASSPHRASE:
            if not passphrase:
                raise Refusal("this chip is switched on with a passphrase: 'spacegrey t2 unlock DIR' asks for it")
            salt, wrapped = bytes.fromhex(str(content["salt"])), bytes.fromhex(str(content["wrapped"]))
            return Uid(unwrap(_under(passphrase, salt), wrapped))
        kept = _ring().get_password("spacegrey-t2", str(content["name"]))
    except WrongKey:
        raise Refusal("the passphrase does not open this chip") from None
    except (KeyError, ValueError):
        raise Refusal(f"{path} is damaged") from None
    except RuntimeError as error:
        raise InputError(f"the key ring cannot be asked: {error}") from None
    if kept is None:
        raise Refusal(f"the key ring holds no chip {content['name']}: this machine was made elsewhere")
    key = bytearray.fromhex(kept)
    try:
        return Uid(key)
    finally:
        wipe(key)
