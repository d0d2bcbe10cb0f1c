"""The Secure Enclave: what it does for a message, in the process that holds the keys and in no other.

Every change of what must last goes through `Enclave._commit`: first the keybag of the next generation, then the locker
that names it, then the answer.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING, Any

from spacegrey.errors import InputError, Refusal
from spacegrey.t2.enclave import keys
from spacegrey.t2.enclave.attempts import Place, attempts
from spacegrey.t2.enclave.counting import Counting
from spacegrey.t2.enclave.keybag import (
    Entry,
    Keybag,
    read_keybag,
    remove_others,
    resealed,
    seal,
    unseal,
    write_keybag,
)
from spacegrey.t2.enclave.keys import Mode, WrongKey, unwrap, wiped, wrap
from spacegrey.t2.enclave.locker import NONCE_BYTES, blank
from spacegrey.t2.enclave.volumes import Volumes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from spacegrey.t2.enclave.keys import Uid
    from spacegrey.t2.enclave.locker import Locker

ADMIN = "admin"
"""The user that a new machine knows."""


class Enclave:
    """A chip that is switched on.

    Parameters
    ----------
    uid : Uid
        The chip's.
    locker : Locker
        Loaded, or new.
    disk : Path
        Folder of the disk, where the keybag lies.
    mode : Mode
        How it was started.
    clock : callable
        Seconds; never goes back.
    calibrated : callable
        Gives the rounds for a new password.
    """

    def __init__(
        self,
        uid: Uid,
        locker: Locker,
        disk: Path,
        mode: Mode = Mode.NORMAL,
        clock: Callable[[], float] = time.monotonic,
        calibrated: Callable[[], int] = keys.calibrate,
    ) -> None:
        self._uid, self._locker, self._disk, self.mode = uid, locker, disk, mode
        self._calibrated = calibrated
        self.volumes = Volumes()
        self._logged_in: str | None = None
        nonce = bytes.fromhex(locker.content["nonce"])
        self._keybag = read_keybag(disk, locker.content["generation"], uid, nonce)
        remove_others(disk, self._keybag.generation)
        self.counting = Counting(locker, clock)

    @staticmethod
    def manufacture(uid: Uid, locker: Locker, disk: Path, profile: str) -> None:
        """Give a new chip its first state: no volume, no password, FileVault off."""
        attempts(profile)
        content = blank(profile)
        write_keybag(disk, Keybag(generation=1), uid, bytes.fromhex(content["nonce"]))
        locker.commit(content)

    # what anybody may know

    @property
    def filevault(self) -> bool:
        """Whether the disk needs a password."""
        return bool(self._keybag.entries) and self._keybag.find("uid") is None

    def status(self) -> dict[str, Any]:
        """Return what may be said without a password; the keys are those of `t2 status --json`."""
        return {
            "mode": str(self.mode),
            "filevault": self.filevault,
            "unlocked": bool(self.volumes.names()),
            "logged_in": self._logged_in,
            "users": self._keybag.users(),
            "recovery_key": self.counting.ways > 0,
            "volumes": sorted(self._keybag.volumes),
            "connections": self.volumes.connections(),
            "attempts": self.counting.status(),
        }

    def tick(self) -> None:
        """Note durably that a delay has been waited out; called now and then."""
        self.counting.tick()

    # passwords

    def _kek(self, secret: bytes | bytearray, entry: Entry) -> bytearray:
        engine = self._uid.derive("password", mode=self.mode)
        return keys.entangle(engine, secret, bytes.fromhex(entry.salt), entry.rounds)

    def _opened(self, entry: Entry, under: bytes | bytearray) -> bytearray:
        """Return the class key, or raise `WrongKey`."""
        return unwrap(under, unseal(self._uid, self._nonce, entry.wrapped))

    @property
    def _nonce(self) -> bytes:
        return bytes.fromhex(self._locker.content["nonce"])

    def _entry_of(self, user: str | None) -> Entry:
        users = self._keybag.users()
        if not users:
            raise Refusal("no password is set: set one with 'spacegrey t2 passwd DIR'")
        name = user or users[0]
        entry = self._keybag.find("password", name)
        if entry is None:
            raise Refusal(f"no user {name!r}; users: {', '.join(users)}; no attempt is lost")
        return entry

    def _try(self, secret: bytes | bytearray, entry: Entry, place: Place) -> bytearray:
        """Return the class key, for an attempt that counts unless somebody is logged in."""
        if self._logged_in is None:
            return self.counting.attempt(place, lambda: self._kek(secret, entry), lambda kek: self._opened(entry, kek))
        kek = self._kek(secret, entry)
        with wiped(kek):  # limits are off, so that nobody can burn the data of a running machine
            try:
                return self._opened(entry, kek)
            except WrongKey:
                raise Refusal("wrong password; not counted, because a user is logged in") from None

    def _class_key(self, password: bytes | bytearray, user: str | None, place: Place = Place.LOGIN) -> bytearray:
        entry = self._entry_of(user)
        class_key = self._try(password, entry, place)
        self._logged_in = self._logged_in or entry.user
        return class_key

    # what the messages ask for

    def unlock(self, password: bytes | bytearray | None, user: str | None = None, place: Place = Place.LOGIN) -> None:
        """Unlock the disk: with a password, or without where FileVault is off.

        Raises
        ------
        Refusal
            A password is needed, it is wrong, or no attempt may be made now.
        """
        if not self._keybag.volumes:
            raise Refusal("there is no volume: it was erased; 'spacegrey t2 restore DIR' makes an empty one")
        class_key = self._without_password() if password is None else self._class_key(password, user, place)
        with wiped(class_key):
            self._open_volumes(class_key)

    def unlock_with_recovery_key(self, text: str) -> None:
        """Unlock the disk with the recovery key.

        Raises
        ------
        Refusal
            There is none, it is wrong, or no attempt may be made now.
        """
        entry = self._keybag.find("recovery")
        if entry is None or self._locker.content["recovery_sha256"] is None:
            raise Refusal("there is no recovery key")
        secret = keys.recovery_bytes(text)
        with wiped(secret):
            class_key = self._try(secret, entry, Place.MECHANISM)
            known = bytes.fromhex(self._locker.content["recovery_sha256"])
            if not hmac.compare_digest(hashlib.sha256(secret).digest(), known):
                raise Refusal("this recovery key is not the latest")
        with wiped(class_key):
            self._open_volumes(class_key)

    def authenticate(self, password: bytes | bytearray, user: str | None = None, place: Place = Place.RECOVERY) -> str:
        """Return the user whose password this is; the disk stays as it is.

        Raises
        ------
        Refusal
            It is wrong, or no attempt may be made now.
        """
        entry = self._entry_of(user)
        class_key = self._try(password, entry, place)
        keys.wipe(class_key)
        return entry.user

    def lock(self) -> None:
        """Forget the volume keys and who is logged in; every handle is worthless from here on."""
        self.volumes.lock()
        self._logged_in = None

    def set_password(self, old: bytes | bytearray | None, new: bytes | bytearray, user: str | None = None) -> None:
        """Set a user's password; keys are wrapped anew, and no block of the disk changes.

        Parameters
        ----------
        old : bytes-like, optional
            The one that holds; None sets the first.
        new : bytes-like
            1 to 255 bytes.
        user : str, optional
            Whose; by default the first one's.

        Raises
        ------
        InputError
            The new one is empty or too long.
        Refusal
            The old one is wrong or missing.
        """
        keys.check_password(new)
        if self._keybag.users():
            if old is None:
                raise Refusal("there is a password: give it too")
            name = self._entry_of(user).user
            class_key = self._class_key(old, name)
        else:
            name = user or ADMIN
            class_key = self._without_password()
        with wiped(class_key):
            self._replace(self._made("password", new, class_key, name))

    def set_filevault(self, *, on: bool, password: bytes | bytearray, user: str | None = None) -> str | None:
        """Turn FileVault on or off; nothing is encrypted anew, and the blob of before is dead.

        Returns
        -------
        str or None
            The new recovery key, when it is turned on.
        """
        if on == self.filevault:
            raise Refusal(f"FileVault is {'on' if on else 'off'} already")
        class_key = self._class_key(password, user)
        with wiped(class_key):
            if on:
                text = keys.new_recovery_key()
                self._replace(self._recovery(text, class_key), drop="uid", recovery_sha256=_sha256(text))
                return text
            inner = wrap(self._uid.derive("no password", mode=self.mode), class_key)
            self._replace(("uid", "", "", 0, inner), drop="recovery", recovery_sha256=None)
        return None

    def new_recovery_key(self, password: bytes | bytearray, user: str | None = None) -> str:
        """Return a new recovery key; the one of before is dead, and only the SHA-256 of this one is kept."""
        if not self.filevault:
            raise Refusal("FileVault is off: there is nothing to recover")
        class_key = self._class_key(password, user)
        text = keys.new_recovery_key()
        with wiped(class_key):
            self._replace(self._recovery(text, class_key), recovery_sha256=_sha256(text))
        return text

    def add_volume(self, name: str, password: bytes | bytearray | None = None) -> None:
        """Make a volume's keys, and open it."""
        if name in self._keybag.volumes:
            raise InputError(f"there is a volume {name!r} already")
        if self.mode is Mode.DFU:
            raise Refusal("in DFU mode no volume is made: its keys would open nowhere else")
        if not self._keybag.entries:
            class_key = keys.new_key()
        else:
            class_key = self._without_password() if password is None else self._class_key(password, None)
        volume_key, media_key, nonce = keys.new_volume_key(), keys.new_key(), secrets.token_bytes(NONCE_BYTES)

        def change(bag: Keybag) -> Keybag:
            wrapped = wrap(media_key, wrap(class_key, volume_key)).hex()
            inner = wrap(self._uid.derive("no password", mode=self.mode), class_key)
            entries = bag.entries or [Entry(kind="uid", wrapped=seal(self._uid, nonce, inner))]
            return bag.model_copy(update={"volumes": {**bag.volumes, name: wrapped}, "entries": entries})

        with wiped(class_key, media_key):
            media = wrap(self._uid.derive("media key", mode=self.mode), media_key).hex()
            self._commit(
                resealed(self._keybag, self._uid, self._nonce, nonce, change),
                nonce,
                media={**self._locker.content["media"], name: media},
            )
        self.volumes.open(name, volume_key)

    def delete_volume(self, name: str) -> None:
        """Destroy a volume's media key; durable when this returns."""
        if name not in self._keybag.volumes:
            names = ", ".join(sorted(self._keybag.volumes)) or "none"
            raise InputError(f"no volume {name!r}; volumes: {names}")
        self.volumes.lock(name)
        kept = {key: value for key, value in self._keybag.volumes.items() if key != name}
        nonce = secrets.token_bytes(NONCE_BYTES)
        self._commit(
            resealed(self._keybag, self._uid, self._nonce, nonce, lambda bag: bag.model_copy(update={"volumes": kept})),
            nonce,
            media={key: value for key, value in self._locker.content["media"].items() if key != name},
        )

    def obliterate(self) -> None:
        """Destroy every media key, password and recovery key: Erase All, remote wipe; durable when this returns.

        What is left is a chip as new, with its UID.
        """
        self.lock()
        self._commit(
            Keybag(generation=self._keybag.generation + 1), secrets.token_bytes(NONCE_BYTES),
            media={}, recovery_sha256=None, failed=0, delay=False, exhausted=False, bound={},
        )  # fmt: skip
        self.counting.forget()

    def bind(self, name: str, digest: str) -> None:
        """Keep the digest of a file of the boot policy, so that an old copy of it is noticed."""
        self._locker.commit({**self._locker.content, "bound": {**self._locker.content["bound"], name: digest}})

    def bound(self, name: str) -> str | None:
        """Return the digest that was bound last."""
        found: str | None = self._locker.content["bound"].get(name)
        return found

    # how

    def _without_password(self) -> bytearray:
        entry = self._keybag.find("uid")
        if entry is None:
            raise Refusal("the disk is locked: FileVault is on" if self._keybag.entries else "there is no volume")
        try:
            return self._opened(entry, self._uid.derive("no password", mode=self.mode))
        except WrongKey:
            raise Refusal("this chip does not open the disk: it is in DFU mode") from None

    def _open_volumes(self, class_key: bytearray) -> None:
        engine = self._uid.derive("media key", mode=self.mode)
        for name, wrapped in self._keybag.volumes.items():
            media = self._locker.content["media"].get(name)
            if media is None:
                raise Refusal(f"the media key of volume {name!r} is destroyed: its data cannot be read any more")
            try:
                media_key = unwrap(engine, bytes.fromhex(media))
                with wiped(media_key):
                    inner = unwrap(media_key, bytes.fromhex(wrapped))
                self.volumes.open(name, unwrap(class_key, bytes(inner)))
            except WrongKey:
                raise Refusal(f"the key of volume {name!r} does not open") from None

    def _made(self, kind: str, secret: bytes | bytearray, class_key: bytearray, user: str = "") -> _Wrapped:
        salt, rounds = secrets.token_bytes(keys.SALT_BYTES), self._calibrated()
        kek = keys.entangle(self._uid.derive("password", mode=self.mode), secret, salt, rounds)
        with wiped(kek):
            return kind, user, salt.hex(), rounds, wrap(kek, class_key)

    def _recovery(self, text: str, class_key: bytearray) -> _Wrapped:
        secret = keys.recovery_bytes(text)
        with wiped(secret):
            return self._made("recovery", secret, class_key)

    def _replace(self, made: _Wrapped, drop: str = "", **locked: Any) -> None:  # noqa: ANN401 - JSON
        """Put a wrapped class key in the place of the one of its kind and user; drop another kind."""
        kind, user, salt, rounds, inner = made
        gone = {(kind, user), (drop, "")}

        def change(bag: Keybag, nonce: bytes) -> Keybag:
            new = Entry(kind=kind, user=user, salt=salt, rounds=rounds, wrapped=seal(self._uid, nonce, inner))
            left = [entry for entry in bag.entries if (entry.kind, entry.user) not in gone]
            return bag.model_copy(update={"entries": [*left, new]})

        nonce = secrets.token_bytes(NONCE_BYTES)
        bag = resealed(self._keybag, self._uid, self._nonce, nonce, lambda bag: change(bag, nonce))
        self._commit(bag, nonce, **locked)

    def _commit(self, bag: Keybag, nonce: bytes, **locked: Any) -> None:  # noqa: ANN401 - JSON
        write_keybag(self._disk, bag, self._uid, nonce)
        self._locker.commit({**self._locker.content, "generation": bag.generation, "nonce": nonce.hex(), **locked})
        self._keybag = bag
        remove_others(self._disk, bag.generation)

    def close(self) -> None:
        """Let go of the locker's file."""
        self._locker.close()

    def __repr__(self) -> str:
        return "<Enclave>"


_Wrapped = tuple[str, str, str, int, bytes]


def _sha256(recovery_key: str) -> str:
    return hashlib.sha256(keys.recovery_bytes(recovery_key)).hexdigest()
