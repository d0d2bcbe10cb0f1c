"""How many passwords may be tried, and when: the tables of Apple's texts as data, and the rule that they share."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from spacegrey.errors import Refusal, unknown
from spacegrey.sourced import CATALOG, Spec, read_spec, read_toml


class Place(StrEnum):
    """Where a password is given."""

    LOGIN = "login"
    """The login window, and Target Disk Mode."""
    RECOVERY = "recovery"
    """recoveryOS."""
    MECHANISM = "mechanism"
    """One of FileVault's recovery mechanisms: the recovery key."""

    @property
    def secret(self) -> str:
        """What is given there."""
        return "recovery key" if self is Place.MECHANISM else "password"


class Attempts(Spec):
    """One table of attempts and delays."""

    name: str = Field(description="the text that it stands in")
    login: int = Field(ge=1, le=1000, description="failures in a row after which the login window takes no more")
    recovery: int = Field(ge=0, le=1000, description="further ones in recoveryOS")
    per_mechanism: int = Field(ge=0, le=1000, description="further ones for each recovery mechanism that is on")
    most_by_mechanisms: int = Field(ge=0, le=1000, description="of these in all")
    delays: list[tuple[int, int, Annotated[float, Field(ge=0, le=1e6)]]] = Field(
        description="from this failure in a row to that one: the wait before the next attempt [s]"
    )
    failures_before_reset: int = Field(ge=1, le=1000, description="failures in a row that need a power cycle")
    same_wrong_password_counts: bool = Field(description="whether the same wrong password again counts again")

    def delay_s(self, failed: int) -> float:
        """Return the wait after so many failures in a row; beyond the table the last one stays. [s]

        Examples
        --------
        >>> table = attempts("2022")
        >>> [table.delay_s(failed) for failed in (4, 5, 6, 7, 8, 9, 10)]
        [0.0, 60.0, 300.0, 900.0, 900.0, 3600.0, 3600.0]
        """
        for first, last, seconds in self.delays:
            if first <= failed <= last:
                return seconds
        return self.delays[-1][2] if self.delays and failed > self.delays[-1][1] else 0.0

    def limit(self, place: Place, mechanisms: int) -> int:
        """Return the failures in a row after which a place takes no more.

        Examples
        --------
        >>> table = attempts("2018")
        >>> [table.limit(place, 1) for place in Place]
        [30, 40, 70]
        """
        if place is Place.LOGIN:
            return self.login
        more = min(mechanisms * self.per_mechanism, self.most_by_mechanisms) if place is Place.MECHANISM else 0
        return self.login + self.recovery + more

    def last(self, mechanisms: int) -> int:
        """Return the failures in a row after which nothing more is taken."""
        return self.limit(Place.MECHANISM, mechanisms)


@functools.cache
def attempts(name: str = "2022") -> Attempts:
    """Return a table.

    Raises
    ------
    InputError
        There is none of this name.
    """
    document = read_toml(CATALOG / "t2" / "attempts.toml")
    if name not in document.data:
        raise unknown("table of attempts", name, document.data, document.path.name)
    return read_spec(Attempts, document.data[name], document, [name])


@dataclass(frozen=True)
class Tries:
    """What the chip knows of attempts; times are of its own clock, which begins when it is switched on.

    Attributes
    ----------
    failed : int
        Failures in a row, kept over restarts.
    in_this_boot : int
        Those since it was switched on.
    waiting_until : float
        When the delay ends. [s]
    exhausted : bool
        The last attempt was used.
    """

    failed: int = 0
    in_this_boot: int = 0
    waiting_until: float = 0.0
    exhausted: bool = False


def check(table: Attempts, tries: Tries, place: Place, mechanisms: int, now: float) -> None:
    """Raise `Refusal` where no attempt may be made now; nothing is counted.

    Parameters
    ----------
    table : Attempts
        The rule.
    tries : Tries
        What was tried.
    place : Place
        Where the password is given.
    mechanisms : int
        Recovery mechanisms that are on.
    now : float
        The chip's clock. [s]
    """
    if tries.exhausted:
        raise Refusal("no attempts are left: the data can no longer be reached")
    if now < tries.waiting_until:
        raise Refusal(f"{times(tries.failed)} wrong: try again in {span(tries.waiting_until - now)}")
    if tries.failed >= table.limit(place, mechanisms):
        further = {
            Place.LOGIN: "go on in recovery (--place recovery)",
            Place.RECOVERY: "go on with the recovery key" if mechanisms else "nothing else is left",
            Place.MECHANISM: "nothing else is left",
        }
        raise Refusal(f"{times(tries.failed)} wrong: no further attempt here; {further[place]}")
    if tries.in_this_boot >= table.failures_before_reset:
        raise Refusal(f"{times(tries.in_this_boot)} wrong since the start: switch the machine off and on first")


def times(count: int) -> str:
    """Return a count in words.

    Examples
    --------
    >>> times(1), times(3)
    ('once', '3 times')
    """
    return "once" if count == 1 else f"{count} times"


def span(seconds: float) -> str:
    """Return a time as people say it, rounded up.

    Examples
    --------
    >>> span(59.2), span(61), span(3600)
    ('60 s', '2 min', '60 min')
    """
    whole = -int(-seconds // 1)
    return f"{whole} s" if whole <= 60 else f"{-(-whole // 60)} min"  # noqa: PLR2004 - seconds of a minute
