"""Which machine a log says it is of: processor, cores and threads, out of the names of its columns and its notes."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, cast

from pydantic import Field

from spacegrey.logs.names import FILE, FORMATS, Expression
from spacegrey.sourced import Spec, read_settings, read_toml

if TYPE_CHECKING:
    from collections.abc import Iterable

MAKERS = ("Intel", "AMD", "Apple")
_FREQUENCY = re.compile(r"\s+@.*|\((R|TM|tm)\)|\bCPU\b")
_LEAST_DIGITS = 3


@dataclass(frozen=True)
class Host:
    """What a log tells of the machine that it is of; empty or 0 where it tells nothing.

    Attributes
    ----------
    processor : str
        As the log names it.
    maker : str
        The processor's maker, where sensors or columns are one's own.
    cores, threads : int
        How many the log names.
    complete : bool
        Whether the tool writes down every core, so that there are no more.
    sockets : int
        How many processors the log names.
    """

    processor: str = ""
    maker: str = ""
    cores: int = 0
    threads: int = 0
    complete: bool = False
    sockets: int = field(default=0, compare=False)

    @property
    def words(self) -> str:
        """The processor and its cores in words; empty where nothing is told.

        Examples
        --------
        >>> Host("Intel Xeon W-2140B", cores=8, threads=16).words
        'Intel Xeon W-2140B, 8 cores, 16 threads'
        """
        said = [self.processor or self.maker]
        said += [f"{count} {what}" for count, what in ((self.cores, "cores"), (self.threads, "threads")) if count]
        return ", ".join(one for one in said if one)


NOBODY = Host()
"""Of a log that tells nothing of its machine."""


class HostRule(Spec):
    """Columns of a tool that tell how many cores there are, or whose processor it is."""

    format: str
    match: Expression = Field(description="matches the whole name, in any case; its first group tells cores apart")
    counts: Literal["cores", "threads", "sockets", ""] = ""
    maker: Literal["Intel", "AMD", "Apple", ""] = ""
    complete: bool = Field(default=False, description="the tool writes down every core")


def host_of(format_: str, names: Iterable[str], processor: str = "") -> Host:
    """Return what columns' names tell of a machine.

    Examples
    --------
    >>> host_of("turbostat", []).cores
    0
    >>> host_of("hwinfo", ["Core 0 Clock [MHz]", "Core 1 Clock [MHz]", "Core 1 VID [V]"]).cores
    2
    """
    seen: dict[str, set[str]] = {"cores": set(), "threads": set(), "sockets": set()}
    rules = [rule for rule in _rules() if rule.format == format_]
    complete, maker = False, next((one for one in MAKERS if one in processor), "")
    for name in names:
        for rule in rules:
            match = re.fullmatch(rule.match, name, re.IGNORECASE)
            if match is None:
                continue
            maker = maker or rule.maker
            if rule.counts:
                seen[rule.counts].add(match[1].lower())
                complete = complete or rule.complete
    return Host(processor, maker, len(seen["cores"]), len(seen["threads"]), complete, len(seen["sockets"]))


def contradiction(log: Host, other: Host) -> tuple[str, str] | None:
    """Return what a log shows and what another log or a machine has instead; None where both can be one machine.

    Parameters
    ----------
    log : Host
        What the log tells.
    other : Host
        What the other log tells, or with ``complete`` what is known of the machine.

    Examples
    --------
    >>> contradiction(Host("Intel(R) Xeon(R) W-2191B CPU @ 2.30GHz"), Host("Intel Xeon W-2140B"))
    ('Intel(R) Xeon(R) W-2191B CPU @ 2.30GHz', 'Intel Xeon W-2140B')
    >>> contradiction(Host(cores=18), Host(cores=8, complete=True))
    ('18 cores', '8')
    >>> contradiction(Host(cores=4), Host(cores=8, complete=True))  # a tool may show some of them only
    """
    one, two = _models(log.processor), _models(other.processor)
    if one and two and not one & two:
        return log.processor, other.processor
    if log.maker and other.maker and log.maker != other.maker:
        return f"a processor of {log.maker}", f"one of {other.maker}"
    for what in ("cores", "threads"):
        here, there = cast("int", getattr(log, what)), cast("int", getattr(other, what))
        if not here or not there:
            continue
        if (here > there and other.complete) or (here < there and log.complete):
            return f"{here} {what}", f"{there}"
    return None


def _models(processor: str) -> set[str]:
    """Return the words of a processor's name that tell it from others: those with most digits."""
    words = [word.strip(",;:") for word in _FREQUENCY.sub(" ", processor).upper().split()]
    digits = {word: sum(sign.isdigit() for sign in word) for word in words}
    if any(count >= _LEAST_DIGITS for count in digits.values()):
        return {word for word, count in digits.items() if count >= _LEAST_DIGITS and set(word) != {"0"}}
    # Apple's have one digit, and what follows it tells two chips apart.
    place = next((number for number, word in enumerate(words) if digits[word]), None)
    return set() if place is None else {" ".join(words[place:])}


@functools.cache
def _rules() -> tuple[HostRule, ...]:
    document = read_toml(FILE)
    tables = cast("list[object]", document.data["host"])
    rules = tuple(read_settings(HostRule, one, document, ["host", number]) for number, one in enumerate(tables))
    assert all(rule.format in FORMATS for rule in rules)  # noqa: S101 - the catalog's own file
    return rules
