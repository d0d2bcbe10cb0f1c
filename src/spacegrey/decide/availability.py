"""Whether a configuration could be ordered on a day, and in words why not."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spacegrey.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spacegrey.machine.catalog import MachineFile

ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Availability:
    """Whether a configuration could be ordered.

    Attributes
    ----------
    day : date
        The day that was asked, or the nearest on which the configuration could be ordered.
    available : bool
        Whether it could be ordered on the day that was asked.
    words : str
        One sentence.
    """

    day: dt.date
    available: bool
    words: str


def parse_day(text: str, place: str) -> dt.date:
    """Read a day.

    Raises
    ------
    InputError
        It is none.

    Examples
    --------
    >>> parse_day("2018-06-01", "--on")
    datetime.date(2018, 6, 1)
    """
    try:
        return dt.datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=dt.UTC).date()
    except ValueError:
        raise InputError(f"{place} {text!r} is not a day: write it as 2018-06-01") from None


def availability(file: MachineFile, chosen: Mapping[str, str], on: dt.date | None = None) -> Availability:
    """Return whether a configuration could be ordered on a day.

    Parameters
    ----------
    file : MachineFile
        The machine.
    chosen : mapping
        The choice of each option.
    on : date, optional
        None: the first day on which every choice could be ordered.

    Raises
    ------
    InputError
        The machine does not say when it was sold, the day is before it was announced, or the choices were never sold
        together.

    Examples
    --------
    >>> from spacegrey.decide.items import machine_file
    >>> file = machine_file("imac-pro")
    >>> chosen = {slot: option.default for slot, option in file.options.items()}
    >>> availability(file, chosen, dt.date(2017, 12, 1)).words
    'announced 2017-06-05, orders from 2017-12-14; this is the bill of 2017-12-14'
    """
    spec = file.spec
    latest, first, ended, end = _season(file, chosen)
    announced = spec.announced or spec.on_sale or first
    if on is not None and on < announced:
        word = "announced" if spec.announced else "sold"
        raise InputError(f"{spec.name} was not {word} before {announced}: it has no price on {on}")
    if on is None or (first <= on and (end is None or on < end)):
        day = on or first
        words = f"can be ordered since {first}" if end is None else f"orders from {first} to {end - ONE_DAY}"
        if spec.delivered and day < spec.delivered:
            words += f", first deliveries {spec.delivered}"
        return Availability(day, available=True, words=words)
    if on < first:
        words = f"announced {announced}, orders" if latest == spec.name else f"{latest} can be ordered"
        return Availability(first, available=False, words=f"{words} from {first}; this is the bill of {first}")
    last = (end or on) - ONE_DAY
    what = "sold" if ended == spec.name else f"{ended} was sold"
    words = f"{what} until {last}{_successors(file, chosen, ended, on)}"
    if ended != spec.name and spec.withdrawn and on >= spec.withdrawn:
        words += f", {spec.name} until {spec.withdrawn - ONE_DAY}"
    words += f"; this is the bill of {last}"
    return Availability(last, available=False, words=words)


def _season(file: MachineFile, chosen: Mapping[str, str]) -> tuple[str, dt.date, str, dt.date | None]:
    """Return what came last and when, and what went first and on which day it was gone."""
    spec = file.spec
    if spec.on_sale is None:
        place = file.document.place(["machine"])
        raise InputError(f"{place}: {spec.name} does not say since when it is on sale: on_sale = DATE")
    starts = {spec.name: spec.on_sale}
    ends = {spec.name: spec.withdrawn} if spec.withdrawn else {}
    for slot, name in chosen.items():
        choice = file.options[slot].choices[name]
        if choice.available and choice.available > spec.on_sale:
            starts[f"{slot} {name}"] = choice.available
        if choice.withdrawn:
            ends[f"{slot} {name}"] = choice.withdrawn
    latest, first = max(starts.items(), key=lambda pair: pair[1])
    ended, end = min(ends.items(), key=lambda pair: pair[1]) if ends else ("", None)
    if end is not None and first >= end:
        raise InputError(f"{ended} was sold until {end - ONE_DAY}, {latest} from {first} on: never together")
    return latest, first, ended, end


def _successors(file: MachineFile, chosen: Mapping[str, str], ended: str, on: dt.date) -> str:
    """Return what one could choose instead of the choice that was withdrawn, in words."""
    slot, _, name = ended.partition(" ")
    spec = file.spec
    if slot not in file.options or chosen.get(slot) != name or (spec.withdrawn and on >= spec.withdrawn):
        return ""
    left = [
        other
        for other, choice in file.options[slot].choices.items()
        if not (choice.withdrawn and on >= choice.withdrawn) and not (choice.available and on < choice.available)
    ]
    return f" (on {on} still to be had: {', '.join(left)})" if left else ""
