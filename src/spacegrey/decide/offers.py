"""Offers: prices that somebody asked, each with its day and its source; the catalog's and the user's own.

A file of offers is a list::

    [[offer]]
    item = "imac-pro"
    price = 4999
    currency = "USD"
    date = 2017 - 12 - 14
    kind = "list"
    source = "key-of-sources.bib"

``list`` is the maker's price. It holds from its date to ``until``; left out: until the next list price of the thing,
or the end of its sale. A list price of a part without ``until`` is where its price began: later days are carried along
the decline of its class. ``street``, ``used`` and ``refurbished`` are what a shop or an owner asked on that day.
``rebate`` is the price after a rebate that ended on ``ends``.
"""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Self, cast

from pydantic import Field, model_validator

from spacegrey.decide.items import canonical, whole_machine
from spacegrey.errors import InputError, unknown
from spacegrey.sourced import CATALOG, Document, Spec, Table, read_spec, read_toml

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Kind = Literal["list", "street", "refurbished", "used", "rebate"]
FIRST_YEAR, LAST_YEAR = 1976, 2100


class Offer(Spec):
    """One price that somebody asked."""

    item: str = Field(min_length=1, max_length=200, description="what it is for; docs/prices.md has the forms")
    price: Annotated[float, Field(ge=-1e6, le=1e7)] = Field(
        description="negative only for a choice of an option that costs less than the default"
    )
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = Field(description="ISO 4217")
    date: dt.date = Field(description="first day it was asked, or the day it was seen")
    until: dt.date | None = Field(default=None, description="last day it was asked, where known")
    kind: Kind
    seller: str = Field(default="", max_length=200)
    ends: dt.date | None = Field(default=None, description="last day of a rebate")
    needs_action: bool = Field(default=False, description="the buyer must send something in to get the rebate")
    options_shown: bool = Field(
        default=True, description="false: the offer does not say the choices that its item does not name"
    )
    note: str = Field(default="", max_length=500, description="terms, in words")

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        for day in (self.date, self.until, self.ends):
            if day is not None and not FIRST_YEAR <= day.year <= LAST_YEAR:
                raise ValueError(f"the year of {day} is outside {FIRST_YEAR} to {LAST_YEAR}")
        if self.until is not None and self.until < self.date:
            raise ValueError(f"until {self.until} is before its date {self.date}")
        if (self.kind == "rebate") != (self.ends is not None):
            raise ValueError("ends is the last day of a rebate: a rebate has one, other kinds do not")
        if self.needs_action and self.kind != "rebate":
            raise ValueError("needs_action is about a rebate")
        if self.ends is not None and self.ends < self.date:
            raise ValueError(f"the rebate ends {self.ends}, before its date {self.date}")
        if self.price < 0.0 and self.item.count("/") < 2:  # noqa: PLR2004 - machine/option/choice
            raise ValueError("price is negative, which only a choice of an option may be")
        return self

    @property
    def origin(self) -> str:
        """The key of its source in sources.bib, or ``assumed``."""
        return self.source.get("price", self.source.get("default", "assumed"))

    @property
    def words(self) -> str:
        """What is said beside the price: why it is assumed, and its note."""
        reason = self.assumed.get("price", "")
        return "; ".join(part for part in (self.note, f"assumed: {reason}" if reason else "") if part)


@dataclass(frozen=True, eq=False)
class Offers:
    """Offers, by the key of the thing that they are for (`items.canonical`), each list in the order of days."""

    by_item: dict[str, tuple[Offer, ...]]

    def of(self, item: str) -> tuple[Offer, ...]:
        """Return the offers of one thing; none for a thing that nobody offered."""
        return self.by_item.get(item, ())

    @functools.cached_property
    def configurations(self) -> dict[str, dict[str, dict[str, str]]]:
        """Machines that are sold whole, by id: the key of each configuration with a price, and what it chooses."""
        found: dict[str, dict[str, dict[str, str]]] = {}
        for item in self.by_item:
            if machine_id := whole_machine(item):
                named = item.removeprefix(machine_id).removeprefix(":")
                pairs = (pair.partition("=") for pair in named.split(",") if pair)
                found.setdefault(machine_id, {machine_id: {}})[item] = {slot: name for slot, _, name in pairs}
        return found

    @property
    def all(self) -> tuple[Offer, ...]:
        """Every offer."""
        return tuple(offer for offers in self.by_item.values() for offer in offers)


def load_offers(own: Path | None = None) -> Offers:
    """Return the offers of the catalog, with those of the user's own file merged in.

    Parameters
    ----------
    own : Path, optional
        The user's file. Its offers stand beside the catalog's and win where item, kind, day and currency agree.

    Raises
    ------
    InputError
        A file does not hold, or an item does not exist; with file and line.

    Examples
    --------
    >>> [(offer.price, offer.currency) for offer in load_offers().of("imac-pro") if offer.kind == "list"]
    [(4899.0, 'GBP'), (4999.0, 'USD'), (5499.0, 'EUR')]
    """
    if own is None:
        return _catalog_offers()
    mine = _read(read_toml(own), own=True)
    replaced = {_identity(key, offer) for key, offer in mine}
    catalog = ((key, offer) for key, offers in _catalog_offers().by_item.items() for offer in offers)
    return _index([*(pair for pair in catalog if _identity(*pair) not in replaced), *mine])


@functools.cache
def _catalog_offers() -> Offers:
    pairs: list[tuple[str, Offer]] = []
    seen: set[tuple[object, ...]] = set()
    for path in sorted((CATALOG / "offers").glob("*.toml")):
        document = read_toml(path)
        for number, (key, offer) in enumerate(_read(document)):
            if offer.kind == "list" and _identity(key, offer) in seen:
                raise InputError(f"{document.place(['offer', number])}: {offer.item!r} has another list price that day")
            seen.add(_identity(key, offer))
            pairs.append((key, offer))
    return _index(pairs)


def _read(document: Document, *, own: bool = False) -> list[tuple[str, Offer]]:
    strange = set(document.data) - {"offer"}
    if strange:
        raise unknown("key", min(strange), ["offer"], document.place([min(strange)]))
    tables: object = document.data.get("offer", [])
    if not isinstance(tables, list):
        raise InputError(f"{document.place(['offer'])}: offers are a list: begin each with [[offer]]")
    folder = document.path.parent if own else None
    found: list[tuple[str, Offer]] = []
    for number, table in enumerate(cast("list[Table]", tables)):
        offer = read_spec(Offer, table, document, ["offer", number])
        try:
            found.append((canonical(offer.item, folder), offer))
        except InputError as error:
            raise InputError(f"{document.place(['offer', number, 'item'])}: {error}") from None
    return found


def _identity(key: str, offer: Offer) -> tuple[object, ...]:
    return (key, offer.kind, offer.date, offer.currency)


def _index(pairs: Iterable[tuple[str, Offer]]) -> Offers:
    found: dict[str, list[Offer]] = {}
    for key, offer in pairs:
        found.setdefault(key, []).append(offer)
    return Offers({key: tuple(sorted(offers, key=lambda one: (one.date, one.price))) for key, offers in found.items()})
