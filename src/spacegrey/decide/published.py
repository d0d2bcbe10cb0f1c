"""What others said that an equal machine costs, beside what the search finds."""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from spacegrey.decide.match import match
from spacegrey.sourced import CATALOG, Spec, read_spec, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping


class PublishedMatch(Spec):
    """What somebody said."""

    said_by: str
    selector: str
    on: dt.date
    without: list[str]
    total_usd: Annotated[float, Field(gt=0)]


@dataclass(frozen=True)
class Beside:
    """A published price of an equal, and ours.

    Attributes
    ----------
    published_usd, found_usd : float
    error : float
        Ours over theirs, less 1.
    """

    said: PublishedMatch
    published_usd: float
    found_usd: float

    @property
    def error(self) -> float:
        """Ours over theirs, less 1."""
        return self.found_usd / self.published_usd - 1.0


@functools.cache
def published_matches() -> Mapping[str, PublishedMatch]:
    """Return the published prices of equals, by id.

    Examples
    --------
    >>> sorted(published_matches())
    ['apple-2017', 'slrlounge-2018']
    """
    document = read_toml(CATALOG / "published-matches.toml")
    return {name: read_spec(PublishedMatch, table, document, [name]) for name, table in document.data.items()}


def beside(said: PublishedMatch) -> Beside | None:
    """Return a published price beside ours; None where ours has a line without a price.

    Notes
    -----
    A shop's price holds its margin and its warranty on the whole, which parts do not: ours is expected below, by about
    the 20 to 35 % that such shops take. Status: illustrative.

    Examples
    --------
    >>> beside(published_matches()["apple-2017"]).error < 0.0
    True
    """
    found = match(said.selector, said.on, dropped=said.without, through_time=False).same_specification
    return Beside(said, said.total_usd, found.total) if found.complete else None
