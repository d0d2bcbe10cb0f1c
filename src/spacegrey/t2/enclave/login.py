"""Who gives which password: attempts that count until somebody is logged in, and who that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spacegrey.errors import InputError, Refusal
from spacegrey.t2.enclave.attempts import Place
from spacegrey.t2.enclave.keys import Mode, WrongKey, wiped

if TYPE_CHECKING:
    from spacegrey.t2.enclave.counting import Counting
    from spacegrey.t2.enclave.kept import Kept
    from spacegrey.t2.enclave.keybag import Entry
    from spacegrey.t2.enclave.wrapping import Wrapping


class Login:
    """The way from a password, or a recovery key, to the class key.

    Parameters
    ----------
    kept, wrapping, counting
        The chip's.

    Attributes
    ----------
    user : str or None
        Who is logged in.
    """

    def __init__(self, kept: Kept, wrapping: Wrapping, counting: Counting) -> None:
        self._kept, self._wrapping, self._counting = kept, wrapping, counting
        self.user: str | None = None

    def forget(self, user: str | None = None) -> None:
        """Log out whoever is logged in, or one user only."""
        if user in {None, self.user}:
            self.user = None

    def entry_of(self, user: str | None, *, admin: bool = False) -> Entry:
        """Return the wrapped class key of a user, or of the first one.

        Raises
        ------
        Refusal
            There is no such user, or an administrator is asked for and this is none; no attempt is lost.
        """
        users, administrators = self._kept.keybag.users(), self._kept.keybag.administrators()
        if not users:
            raise Refusal("no password is set: set one with 'spacegrey t2 passwd DIR'")
        name = user or (administrators if admin else users)[0]
        entry = self._kept.keybag.find("password", name)
        if entry is None:
            raise Refusal(f"no user {name!r}; users: {', '.join(users)}; no attempt is lost")
        if admin and not entry.admin:
            raise Refusal(f"{name!r} is no administrator; those are: {', '.join(administrators)}; no attempt is lost")
        return entry

    def attempt(self, secret: bytes | bytearray, entry: Entry, place: Place) -> bytearray:
        """Return the class key, for an attempt that counts unless somebody is logged in.

        Raises
        ------
        InputError
            A password is given where the recovery key is: those attempts are not for it.
        Refusal
            The secret is wrong, or no attempt may be made now.
        """
        if (entry.kind == "recovery") != (place is Place.MECHANISM):
            raise InputError("a password is given at login or in recovery, the recovery key in a place of its own")
        if self.user is None:
            try:
                return self._counting.attempt(
                    place,
                    lambda: self._wrapping.kek(secret, entry),
                    lambda kek: self._wrapping.opened(entry, kek, self._kept.nonce),
                )
            except Refusal as error:
                if self._wrapping.mode is Mode.DFU:
                    raise Refusal(f"{error}; the chip is in DFU mode, where no password opens the disk") from None
                raise
        kek = self._wrapping.kek(secret, entry)
        with wiped(kek):  # limits are off, so that nobody can burn the data of a running machine
            try:
                return self._wrapping.opened(entry, kek, self._kept.nonce)
            except WrongKey:
                raise Refusal(f"wrong {place.secret}; not counted, because a user is logged in") from None

    def class_key(
        self, password: bytes | bytearray, user: str | None, place: Place = Place.LOGIN, *, admin: bool = False
    ) -> bytearray:
        """Return the class key for a user's password, who is logged in from here on; raises as the others do."""
        entry = self.entry_of(user, admin=admin)
        class_key = self.attempt(password, entry, place)
        self.user = self.user or entry.user
        return class_key
