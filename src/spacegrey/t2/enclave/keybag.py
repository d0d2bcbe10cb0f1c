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
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from spacegrey.errors import Refusal
from spacegrey.t2.enclave.anchor import sync_folder
from spacegrey.t2.enclave.keys import unwrap, wiped, wrap
from spacegrey.t2.files import checked, read_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from spacegrey.t2.enclave.keys import Uid

FORMAT = 2
"""What is written. Version 1 knew no users but administrators; it is read."""

_READ = (1, 2)


class Unwritten(Refusal):
    """The keybag cannot be written: the disk of this computer is full, or fails."""


class Entry(BaseModel):
    """The class key, wrapped for one way to open it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = Field(pattern="^(password|recovery|uid)$")
    user: str = ""
    admin: bool = False
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

    def administrators(self) -> list[str]:
        """Return those of them who are administrators."""
        return [entry.user for entry in self.entries if entry.kind == "password" and entry.admin]

    def replaced(self, new: Entry, drop: str = "") -> Keybag:
        """Return the keybag with an entry in the place of the one of its kind and user, and without another kind."""
        kept = [entry for entry in self.entries if entry.kind != drop]
        places = [place for place, entry in enumerate(kept) if (entry.kind, entry.user) == (new.kind, new.user)]
        kept[slice(places[0], places[0] + 1) if places else slice(len(kept), None)] = [new]
        return self.model_copy(update={"entries": kept})


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
        content = read_json(path)
        checked(content, path, *_READ)
        mac = str(content.pop("mac", ""))
        if not hmac.compare_digest(mac.encode(), _mac(uid, nonce, json.dumps(content, sort_keys=True)).encode()):
            raise Refusal(f"{path} is not what this chip wrote last: an older copy, another machine's, or changed")
        return Keybag.model_validate(_today(content))
    except FileNotFoundError:
        raise Refusal(
            f"{path} is missing: the disk's wrapped keys are another state's than the chip's; "
            "put it back, or 'spacegrey t2 restore DIR' makes an empty disk"
        ) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise Refusal(f"{path} cannot be read") from None


def _today(content: dict[str, Any]) -> dict[str, Any]:
    """Return what a keybag of any version that is read says, as this one says it."""
    if content["format"] == FORMAT:
        return content
    entries = [{**entry, "admin": entry["kind"] == "password"} for entry in content["entries"]]
    return {**content, "format": FORMAT, "entries": entries}


def write_keybag(folder: Path, keybag: Keybag, uid: Uid, nonce: bytes) -> None:
    """Write a keybag durably; it counts from when the locker names it.

    Raises
    ------
    Unwritten
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
        raise Unwritten(f"{path} cannot be written: {error.strerror or error}") from None


def remove_others(folder: Path, generation: int) -> None:
    """Remove the keybags that do not count; what cannot be removed is worthless without its nonce."""
    old = (path for path in folder.glob("keybag-*.json") if path != keybag_file(folder, generation))
    for path in [*old, *folder.glob(".keybag-*")]:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def resealed(keybag: Keybag, uid: Uid, old: bytes, new: bytes, change: Callable[[Keybag], Keybag]) -> Keybag:
    """Return the next keybag: every entry sealed under a new nonce, and a change made to it."""
    entries = [
        entry.model_copy(update={"wrapped": seal(uid, new, unseal(uid, old, entry.wrapped))})
        for entry in keybag.entries
    ]
    return change(keybag.model_copy(update={"generation": keybag.generation + 1, "entries": entries}))
