"""Counting attempts: durably, and before the password is looked at, so that a cut of the power gives none away."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from typing import TYPE_CHECKING

from spacegrey.errors import Refusal
from spacegrey.t2.enclave.attempts import Attempts, Place, Tries, attempts, check, span
from spacegrey.t2.enclave.keys import WrongKey, wiped

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from spacegrey.t2.enclave.locker import Content, Locker


class Counting:
    """The attempts at a chip's passwords.

    Parameters
    ----------
    locker : Locker
        Keeps the count over restarts.
    clock : callable
        Seconds; never goes back.
    """

    def __init__(self, locker: Locker, clock: Callable[[], float]) -> None:
        self._locker, self._clock = locker, clock
        self._last_wrong = b""
        failed = int(locker.content["failed"])
        used_up = bool(locker.content["exhausted"]) or failed >= self.table.last(self.ways)
        # A restart in a delay starts it again.
        until = clock() + self.table.delay_s(failed) if locker.content["delay"] else 0.0
        self.tries = Tries(failed, 0, until, used_up)

    @property
    def table(self) -> Attempts:
        """The rule that this chip was made with."""
        return attempts(self._locker.content["profile"])

    @property
    def ways(self) -> int:
        """Recovery mechanisms that are on."""
        return int(self._locker.content["recovery_sha256"] is not None)

    def status(self) -> dict[str, Any]:
        """Return what may be said of it."""
        return {
            "table": self._locker.content["profile"],
            "failed": self.tries.failed,
            "left": max(0, self.table.last(self.ways) - self.tries.failed),
            "wait_s": round(max(0.0, self.tries.waiting_until - self._clock()), 1),
            "exhausted": self.tries.exhausted,
        }

    def tick(self) -> None:
        """Note durably that a delay has been waited out."""
        if self._locker.content["delay"] and self._clock() >= self.tries.waiting_until:
            self._keep(delay=False)

    def attempt(
        self, place: Place, kek: Callable[[], bytearray], opened: Callable[[bytearray], bytearray]
    ) -> bytearray:
        """Count an attempt, then make it.

        Parameters
        ----------
        place : Place
            Where the password is given.
        kek : callable
            Works out the key that the password gives, which takes its time.
        opened : callable
            Returns what that key opens, or raises `WrongKey`.

        Raises
        ------
        Refusal
            No attempt may be made now, or it was wrong.
        """
        check(self.table, self.tries, place, self.ways, self._clock())
        before = self.tries
        failed = before.failed + 1
        delay = self.table.delay_s(failed)
        self._keep(failed=failed, delay=delay > 0.0)
        self.tries = replace(before, failed=failed, in_this_boot=before.in_this_boot + 1)
        key = kek()
        with wiped(key):
            try:
                found = opened(key)
            except WrongKey:
                raise self._wrong(place.secret, before, hashlib.sha256(key).digest(), delay) from None
        self._keep(failed=0, delay=False)
        self.forget()
        return found

    def _wrong(self, secret: str, before: Tries, digest: bytes, delay: float) -> Refusal:
        """Return what to say of a wrong password or recovery key, and do what it costs."""
        same, self._last_wrong = hmac.compare_digest(digest, self._last_wrong), digest
        if same and not self.table.same_wrong_password_counts:
            self._keep(failed=before.failed, delay=False)
            self.tries = before
            return Refusal(f"wrong {secret}, the same as before: not counted")
        failed = self.tries.failed
        self.tries = replace(self.tries, waiting_until=self._clock() + delay)
        if failed >= self.table.last(self.ways):
            self.tries = replace(self.tries, exhausted=True)
            self._keep(exhausted=True, media={})
            return Refusal(f"wrong {secret}; that was the last attempt: the media keys are destroyed")
        then = f"; the next attempt in {span(delay)}" if delay else ""
        left = self.table.last(self.ways) - failed
        return Refusal(f"wrong {secret}: {failed} failed in a row, {left} left{then}")

    def forget(self) -> None:
        """Begin to count anew."""
        self.tries, self._last_wrong = Tries(), b""

    def _keep(self, **changed: Any) -> None:  # noqa: ANN401 - JSON
        content: Content = {**self._locker.content, **changed}
        self._locker.commit(content)
