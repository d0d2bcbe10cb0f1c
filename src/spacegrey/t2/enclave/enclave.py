"""The Secure Enclave: what it does for a message, in the process that holds the keys and in no other.

What must last is in `Kept`, which is the old state or the new one at every moment.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import TYPE_CHECKING, Any

from spacegrey.errors import InputError, Refusal
from spacegrey.t2.enclave import keys
from spacegrey.t2.enclave.attempts import Place
from spacegrey.t2.enclave.counting import Counting
from spacegrey.t2.enclave.kept import Kept
from spacegrey.t2.enclave.keys import Mode, WrongKey, unwrap, wiped, wrap
from spacegrey.t2.enclave.login import Login
from spacegrey.t2.enclave.volumes import Volumes
from spacegrey.t2.enclave.wrapping import Wrapping, check_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from spacegrey.t2.enclave.keybag import Keybag
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
        self._uid, self.mode = uid, mode
        self.kept = Kept(uid, locker, disk)
        self._wrapping = Wrapping(uid, mode, calibrated)
        self._clock = clock
        self.volumes = Volumes()
        self.counting = Counting(locker, clock)
        self._login = Login(self.kept, self._wrapping, self.counting)

    def restarted(self, mode: Mode) -> Enclave:
        """Forget every key and start anew, in another mode: a reset of the chip."""
        self.lock()
        return Enclave(self._uid, self.kept.locker, self.kept.disk, mode, self._clock, self._wrapping.calibrated)

    # what anybody may know

    @property
    def filevault(self) -> bool:
        """Whether the disk needs a password."""
        return bool(self.kept.keybag.entries) and self.kept.keybag.find("uid") is None

    def status(self) -> dict[str, Any]:
        """Return what may be said without a password; the keys are those of `t2 status --json`."""
        return {
            "mode": str(self.mode),
            "filevault": self.filevault,
            "unlocked": bool(self.volumes.names()),
            "logged_in": self._login.user,
            "users": self.kept.keybag.users(),
            "administrators": self.kept.keybag.administrators(),
            "recovery_key": self.counting.ways > 0,
            "volumes": sorted(self.kept.keybag.volumes),
            "connections": self.volumes.connections(),
            "attempts": self.counting.status(),
        }

    def tick(self) -> None:
        """Note durably that a delay has been waited out; called now and then."""
        self.counting.tick()

    # what the messages ask for

    def unlock(self, password: bytes | bytearray | None, user: str | None = None, place: Place = Place.LOGIN) -> None:
        """Unlock the disk: with a password, or without where FileVault is off.

        Raises
        ------
        Refusal
            A password is needed, it is wrong, or no attempt may be made now.
        """
        if not self.kept.keybag.volumes:
            raise Refusal("there is no volume: it was erased; 'spacegrey t2 restore DIR' makes an empty one")
        class_key = self._without_password() if password is None else self._login.class_key(password, user, place)
        with wiped(class_key):
            self._open_volumes(class_key)

    def unlock_with_recovery_key(self, text: str) -> None:
        """Unlock the disk with the recovery key.

        Raises
        ------
        Refusal
            There is none, it is wrong, or no attempt may be made now.
        """
        entry = self.kept.keybag.find("recovery")
        if entry is None or self.kept.content["recovery_sha256"] is None:
            raise Refusal("there is no recovery key")
        secret = keys.recovery_bytes(text)
        with wiped(secret):
            class_key = self._login.attempt(secret, entry, Place.MECHANISM)
            known = bytes.fromhex(self.kept.content["recovery_sha256"])
            if not hmac.compare_digest(hashlib.sha256(secret).digest(), known):
                raise Refusal("this recovery key is not the latest")
        with wiped(class_key):
            self._open_volumes(class_key)

    def authenticate(
        self,
        password: bytes | bytearray,
        user: str | None = None,
        place: Place = Place.RECOVERY,
        *,
        admin: bool = False,
    ) -> str:
        """Return the user whose password this is; the disk stays as it is.

        Raises
        ------
        Refusal
            It is wrong, no attempt may be made now, or an administrator is asked for and this is none.
        """
        entry = self._login.entry_of(user, admin=admin)
        class_key = self._login.attempt(password, entry, place)
        keys.wipe(class_key)
        return entry.user

    def lock(self) -> None:
        """Forget the volume keys and who is logged in; every handle is worthless from here on."""
        self.volumes.lock()
        self._login.forget()

    def set_password(self, old: bytes | bytearray | None, new: bytes | bytearray, user: str | None = None) -> None:
        """Set a user's password; keys are wrapped anew, and no block of the disk changes.

        Parameters
        ----------
        old : bytes-like, optional
            The one that holds; None sets the first one of the machine, whose user is an administrator.
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
        if self.kept.keybag.users():
            if old is None:
                raise Refusal("there is a password: give it too")
            entry = self._login.entry_of(user)
            name, admin = entry.user, entry.admin
            class_key = self._login.class_key(old, name)
        else:
            name, admin = check_name(user or ADMIN), True
            class_key = self._without_password()
        with wiped(class_key):
            self.kept.replace(self._wrapping.password(new, class_key, name, admin=admin))

    def add_user(
        self, name: str, new: bytes | bytearray, password: bytes | bytearray, by: str | None = None, *, admin: bool
    ) -> None:
        """Give a further user a way to the class key: what a secure token is. The first user's came with it.

        Parameters
        ----------
        name : str
            The new user's.
        new : bytes-like
            The new user's password, 1 to 255 bytes.
        password, by
            An administrator's; by default the first one's.
        admin : bool
            Whether the new user is an administrator too.

        Raises
        ------
        InputError
            The name is taken or none, or the new password is empty or too long.
        Refusal
            The administrator's password is wrong, or there is no user yet.
        """
        keys.check_password(new)
        if check_name(name) in self.kept.keybag.users():
            raise InputError(f"there is a user {name!r} already")
        class_key = self._login.class_key(password, by, admin=True)
        with wiped(class_key):
            self.kept.replace(self._wrapping.password(new, class_key, name, admin=admin))

    def remove_user(self, name: str, password: bytes | bytearray, by: str | None = None) -> None:
        """Take a user's way to the class key away: what was wrapped under the password is dead.

        Raises
        ------
        Refusal
            There is no such user, it is the last administrator, or the administrator's password is wrong.
        """
        self._login.entry_of(by, admin=True)
        entry = self._login.entry_of(name)
        if self.kept.keybag.administrators() == [entry.user]:
            raise Refusal(f"{entry.user!r} is the last administrator and stays; no attempt is lost")
        keys.wipe(self._login.class_key(password, by, admin=True))
        self.kept.change(lambda bag, _nonce: bag.model_copy(
            update={"entries": [one for one in bag.entries if (one.kind, one.user) != ("password", entry.user)]}
        ))  # fmt: skip
        self._login.forget(entry.user)

    def set_filevault(self, *, on: bool, password: bytes | bytearray, user: str | None = None) -> str | None:
        """Turn FileVault on or off; nothing is encrypted anew, and the blob of before is dead.

        Returns
        -------
        str or None
            The new recovery key, when it is turned on.
        """
        if on == self.filevault:
            raise Refusal(f"FileVault is {'on' if on else 'off'} already")
        class_key = self._login.class_key(password, user, admin=True)
        with wiped(class_key):
            if on:
                text = keys.new_recovery_key()
                made = self._wrapping.recovery(text, class_key)
                self.kept.replace(made, drop="uid", recovery_sha256=_sha256(text))
                return text
            self.kept.replace(self._wrapping.without(class_key), drop="recovery", recovery_sha256=None)
        return None

    def new_recovery_key(self, password: bytes | bytearray, user: str | None = None) -> str:
        """Return a new recovery key; the one of before is dead, and only the SHA-256 of this one is kept."""
        if not self.filevault:
            raise Refusal("FileVault is off: there is nothing to recover")
        class_key = self._login.class_key(password, user, admin=True)
        text = keys.new_recovery_key()
        with wiped(class_key):
            self.kept.replace(self._wrapping.recovery(text, class_key), recovery_sha256=_sha256(text))
        return text

    def add_volume(self, name: str, password: bytes | bytearray | None = None) -> None:
        """Make a volume's keys, and open it."""
        if name in self.kept.keybag.volumes:
            raise InputError(f"there is a volume {name!r} already")
        if self.mode is Mode.DFU:
            raise Refusal("in DFU mode no volume is made: its keys would open nowhere else")
        if not self.kept.keybag.entries:
            class_key = keys.new_key()
        else:
            class_key = self._without_password() if password is None else self._login.class_key(password, None)
        volume_key, media_key = keys.new_volume_key(), keys.new_key()

        def change(bag: Keybag, nonce: bytes) -> Keybag:
            wrapped = wrap(media_key, wrap(class_key, volume_key)).hex()
            entries = bag.entries or [self._wrapping.without(class_key).sealed(self._uid, nonce)]
            return bag.model_copy(update={"volumes": {**bag.volumes, name: wrapped}, "entries": entries})

        with wiped(class_key, media_key):
            media = wrap(self._uid.derive("media key", mode=self.mode), media_key).hex()
            self.kept.change(change, media={**self.kept.content["media"], name: media})
        self.volumes.open(name, volume_key)

    def delete_volume(self, name: str) -> None:
        """Destroy a volume's media key; durable when this returns."""
        if name not in self.kept.keybag.volumes:
            names = ", ".join(sorted(self.kept.keybag.volumes)) or "none"
            raise InputError(f"no volume {name!r}; volumes: {names}")
        self.volumes.lock(name)
        kept = {key: value for key, value in self.kept.keybag.volumes.items() if key != name}
        self.kept.change(
            lambda bag, _nonce: bag.model_copy(update={"volumes": kept}),
            media={key: value for key, value in self.kept.content["media"].items() if key != name},
        )

    def obliterate(self) -> None:
        """Destroy every media key, password and recovery key: Erase All, remote wipe; durable when this returns.

        What is left is a chip as new, but for its UID and for the digests that it binds: an old boot state is an old
        one still. A full disk of this computer is no reason against it.
        """
        self.lock()
        try:
            self.kept.empty(media={}, recovery_sha256=None, failed=0, delay=False, exhausted=False)
        finally:
            if not self.kept.keybag.entries:  # else nothing was erased, and attempts stay counted
                self.counting.forget()

    # how

    def _without_password(self) -> bytearray:
        entry = self.kept.keybag.find("uid")
        if entry is None:
            raise Refusal("the disk is locked: FileVault is on" if self.kept.keybag.entries else "there is no volume")
        try:
            return self._wrapping.opened(entry, self._wrapping.alone(), self.kept.nonce)
        except WrongKey:
            raise Refusal("this chip does not open the disk: it is in DFU mode") from None

    def _open_volumes(self, class_key: bytearray) -> None:
        engine = self._uid.derive("media key", mode=self.mode)
        for name, wrapped in self.kept.keybag.volumes.items():
            media = self.kept.content["media"].get(name)
            if media is None:
                raise Refusal(f"the media key of volume {name!r} is destroyed: its data cannot be read any more")
            try:
                media_key = unwrap(engine, bytes.fromhex(media))
                with wiped(media_key):
                    inner = unwrap(media_key, bytes.fromhex(wrapped))
                self.volumes.open(name, unwrap(class_key, bytes(inner)))
            except WrongKey:
                raise Refusal(f"the key of volume {name!r} does not open") from None

    def close(self) -> None:
        """Let go of the locker's file."""
        self.kept.locker.close()

    def __repr__(self) -> str:
        return "<Enclave>"


def _sha256(recovery_key: str) -> str:
    return hashlib.sha256(keys.recovery_bytes(recovery_key)).hexdigest()
