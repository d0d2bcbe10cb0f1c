"""The keybag: the wrapped keys that lie on the disk, where anybody may copy them or put old ones back.

Each wrapped key is wrapped once more under a key made of the chip's UID and of the nonce in its locker. Every change
draws a new nonce, so that a keybag of before opens nothing. The files are numbered; the locker names the one that
counts.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spacegrey.errors import Refusal
from spacegrey.t2.enclave.anchor import sync_folder
from spacegrey.t2.enclave.keys import unwrap, wiped, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from spacegrey.t2.enclave.keys import Uid

FORMAT = 1


class Entry(BaseModel):
    """The class key, wrapped for one way to open it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = Field(pattern="^(password|recovery|uid)$")
    user: str = ""
    salt: str = ""
    rounds: int = Field(default=0, ge=0)
    wrapped: str
    """Under the anti-replay key; within, under the key of a password, a recovery key, or the UID alone."""


class Keybag(BaseModel):
    """All of a disk's wrapped keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    generation: int = Field(ge=1)
    entries: list[Entry] = Field(default_factory=list[Entry])
    volumes: dict[str, str] = Field(default_factory=dict[str, str])
    """Volume key under the class key, and that under the media key."""

    def find(self, kind: str, user: str = "") -> Entry | None:
        """Return the entry of a kind and a user."""
        return next((entry for entry in self.entries if (entry.kind, entry.user) == (kind, user)), None)

    def users(self) -> list[str]:
        """Return those who have a password."""
        return [entry.user for entry in self.entries if entry.kind == "password"]


def keybag_file(folder: Path, generation: int) -> Path:
    """Return where a keybag lies."""
    return folder / f"keybag-{generation}.json"


def _mac(uid: Uid, nonce: bytes, body: str) -> str:
    return hmac.new(uid.derive("keybag", nonce), body.encode(), hashlib.sha256).hexdigest()


def _outer(uid: Uid, nonce: bytes) -> bytes:
    return uid.derive("anti-replay", nonce)


def seal(uid: Uid, nonce: bytes, inner: bytes) -> str:
    """Return a wrapped key, wrapped under the nonce as well."""
    return wrap(_outer(uid, nonce), inner).hex()


def unseal(uid: Uid, nonce: bytes, sealed: str) -> bytes:
    """Return what `seal` was given; raise `WrongKey` where the nonce is another one."""
    inner = unwrap(_outer(uid, nonce), bytes.fromhex(sealed))
    with wiped(inner):
        return bytes(inner)


def read_keybag(folder: Path, generation: int, uid: Uid, nonce: bytes) -> Keybag:
    """Return the keybag that the locker names.

    Raises
    ------
    Refusal
        It is missing, or is not the one that this chip wrote last: an older one, another machine's, or a changed one.
    """
    path = keybag_file(folder, generation)
    try:
        found: object = json.loads(path.read_text(encoding="utf-8"))
        content = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
        mac = str(content.pop("mac", ""))
        if not hmac.compare_digest(mac.encode(), _mac(uid, nonce, json.dumps(content, sort_keys=True)).encode()):
            raise Refusal(f"{path} is not what this chip wrote last: an older copy, another machine's, or changed")
        return Keybag.model_validate(content)
    except FileNotFoundError:
        raise Refusal(f"{path} is missing: the disk's wrapped keys are another state's than the chip's") from None
    except (OSError, ValueError, ValidationError, RecursionError):
        raise Refusal(f"{path} cannot be read") from None


def write_keybag(folder: Path, keybag: Keybag, uid: Uid, nonce: bytes) -> None:
    """Write a keybag durably; it counts from when the locker names it.

    Raises
    ------
    Refusal
        It cannot be written; nothing has changed.
    """
    content = keybag.model_dump()
    content["mac"] = _mac(uid, nonce, json.dumps(content, sort_keys=True))
    path = keybag_file(folder, keybag.generation)
    try:
        handle, name = tempfile.mkstemp(dir=folder, prefix=".keybag-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(json.dumps(content, sort_keys=True, indent=1) + "\n")
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
        sync_folder(folder)
    except OSError as error:
        raise Refusal(f"{path} cannot be written: {error.strerror or error}") from None


def remove_others(folder: Path, generation: int) -> None:
    """Remove the keybags that no longer count; what stays is worthless without its nonce."""
    for path in folder.glob("keybag-*.json"):
        if path != keybag_file(folder, generation):
            path.unlink(missing_ok=True)
    for path in folder.glob(".keybag-*"):
        path.unlink(missing_ok=True)


def resealed(keybag: Keybag, uid: Uid, old: bytes, new: bytes, change: Callable[[Keybag], Keybag]) -> Keybag:
    """Return the next keybag: every entry sealed under a new nonce, and a change made to it."""
    entries = [
        entry.model_copy(update={"wrapped": seal(uid, new, unseal(uid, old, entry.wrapped))})
        for entry in keybag.entries
    ]
    return change(keybag.model_copy(update={"generation": keybag.generation + 1, "entries": entries}))
