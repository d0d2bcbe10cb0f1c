"""The class key, wrapped for each way to open it: a user's password, the recovery key, or the chip alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spacegrey.errors import InputError
from spacegrey.t2.enclave import keys
from spacegrey.t2.enclave.drbg import draw
from spacegrey.t2.enclave.keybag import Entry, seal, unseal
from spacegrey.t2.enclave.keys import unwrap, wiped, wrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from spacegrey.t2.enclave.keys import Mode, Uid

LONGEST_NAME = 64
"""Characters of a user's name at most: ours."""


@dataclass(frozen=True)
class Wrapped:
    """A class key under one secret, not yet sealed under the nonce of the day.

    Attributes
    ----------
    kind, user, admin, salt, rounds
        As in `Entry`.
    inner : bytes
        The wrapped key.
    """

    kind: str
    inner: bytes = field(repr=False)
    user: str = ""
    admin: bool = False
    salt: str = ""
    rounds: int = 0

    def sealed(self, uid: Uid, nonce: bytes) -> Entry:
        """Return it as the keybag holds it."""
        return Entry(
            kind=self.kind, user=self.user, admin=self.admin, salt=self.salt, rounds=self.rounds,
            wrapped=seal(uid, nonce, self.inner),
        )  # fmt: skip


@dataclass(frozen=True)
class Wrapping:
    """How a chip wraps in the mode that it was started in.

    Attributes
    ----------
    uid : Uid
        The chip's.
    mode : Mode
        Seed bits of the keys under a secret.
    calibrated : callable
        Gives the rounds for a new secret.
    """

    uid: Uid
    mode: Mode
    calibrated: Callable[[], int]

    def kek(self, secret: bytes | bytearray, entry: Entry) -> bytearray:
        """Return the key that a secret gives for an entry; takes its rounds' time."""
        return keys.entangle(self._engine(), secret, bytes.fromhex(entry.salt), entry.rounds)

    def opened(self, entry: Entry, under: bytes | bytearray, nonce: bytes) -> bytearray:
        """Return the class key, or raise `WrongKey`."""
        return unwrap(under, unseal(self.uid, nonce, entry.wrapped))

    def alone(self) -> bytes:
        """Return the key that the chip needs no secret for."""
        return self.uid.derive("no password", mode=self.mode)

    def without(self, class_key: bytearray) -> Wrapped:
        """Return the class key under the chip alone."""
        return Wrapped("uid", wrap(self.alone(), class_key))

    def password(self, secret: bytes | bytearray, class_key: bytearray, user: str, *, admin: bool) -> Wrapped:
        """Return the class key under a user's password."""
        return self._made("password", secret, class_key, user, admin=admin)

    def recovery(self, text: str, class_key: bytearray) -> Wrapped:
        """Return the class key under a recovery key."""
        secret = keys.recovery_bytes(text)
        with wiped(secret):
            return self._made("recovery", secret, class_key)

    def _made(
        self, kind: str, secret: bytes | bytearray, class_key: bytearray, user: str = "", *, admin: bool = False
    ) -> Wrapped:
        salt, rounds = draw(keys.SALT_BYTES), self.calibrated()
        kek = keys.entangle(self._engine(), secret, salt, rounds)
        with wiped(kek):
            return Wrapped(kind, wrap(kek, class_key), user, admin, salt.hex(), rounds)

    def _engine(self) -> bytes:
        return self.uid.derive("password", mode=self.mode)


def check_name(user: str) -> str:
    """Return a new user's name, or raise `InputError` where it is none.

    Examples
    --------
    >>> check_name("anna")
    'anna'
    >>> check_name("")
    Traceback (most recent call last):
    spacegrey.errors.InputError: '' is no user's name: 1 to 64 characters that print, none of them a space at an end
    """
    if not 1 <= len(user) <= LONGEST_NAME or not user.isprintable() or user != user.strip():
        raise InputError(
            f"{user[:LONGEST_NAME]!r} is no user's name: 1 to {LONGEST_NAME} characters that print, "
            "none of them a space at an end"
        )
    return user
