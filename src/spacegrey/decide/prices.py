"""What a thing cost on a day: an offer that held, or one carried along the decline of its class, or nothing."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spacegrey.decide.decline import declines, years_between
from spacegrey.decide.items import APPLECARE, MACHINES, class_of, machine_file, option_machine, whole_machine
from spacegrey.errors import InputError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from spacegrey.decide.decline import Decline
    from spacegrey.decide.offers import Offer, Offers

NEW = ("list", "street")
LEAST_RATE = 1e-6
FRESH_DAYS = 92
"""A price of the street without a fitted decline is believed for a quarter of a year."""


@dataclass(frozen=True)
class Price:
    """What a thing cost on a day.

    Attributes
    ----------
    value : float or None
        None: unknown. [currency]
    low, high : float or None
        The band in which it lies; both the value itself where somebody asked just that on that day. [currency]
    offer : Offer or None
        The offer that it rests on; the nearest one where it was carried in time.
    basis : str
        How it is known, or why it is not, in words.
    """

    value: float | None
    low: float | None
    high: float | None
    currency: str
    offer: Offer | None
    basis: str


def price_on(
    item: str,
    on: dt.date,
    offers: Offers,
    *,
    kinds: tuple[str, ...] = NEW,
    currency: str = "USD",
    rebates: bool = False,
    rates: Mapping[str, float] | None = None,
) -> Price:
    """Return what a thing cost on a day.

    Parameters
    ----------
    item : str
        Its key (`items.canonical`).
    on : date
        The day.
    offers : Offers
        As `load_offers` returns them.
    kinds : tuple of str
        Kinds of offers that count.
    currency : str
        The currency of the answer.
    rebates : bool
        Count rebates too that need an action of the buyer, or that have ended. One that runs and needs none always
        counts among new prices.
    rates : mapping, optional
        What one unit of another currency is worth in `currency`, as the user said it.

    Returns
    -------
    Price
        Of the offers that held on that day the least. Where none did, one of a part is carried along the fitted
        decline of its class, at most as far as the fit saw, or laid between two known days. Else the value is None.

    Raises
    ------
    InputError
        It was offered in other currencies only, and no rate is given.

    Examples
    --------
    >>> import datetime as dt
    >>> from spacegrey.decide.offers import load_offers
    >>> price = price_on("imac-pro", dt.date(2018, 6, 1), load_offers())
    >>> price.value, price.basis
    (4999.0, 'list price of 2017-12-14')
    """
    if not rates:
        return _price_on(item, on, offers, kinds, currency, rebates)
    price = _price_on(item, on, offers, kinds, currency, rebates) if _asked_in(item, offers, kinds, currency) else None
    if price is not None and price.value is not None:
        return price
    for other in sorted(rates):
        if _asked_in(item, offers, kinds, other):
            found = _price_on(item, on, offers, kinds, other, rebates)
            if found.value is not None:
                return _converted(found, currency, rates[other])
            price = price or _unknown(currency, found.basis)
    return price or _price_on(item, on, offers, kinds, currency, rebates)


def parse_currency(text: str, place: str) -> str:
    """Read the three letters of a currency.

    Raises
    ------
    InputError
        They are none.

    Examples
    --------
    >>> parse_currency("EUR", "--currency")
    'EUR'
    """
    if not (len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()):  # noqa: PLR2004
        raise InputError(f"{place} {text!r}: write the three letters of ISO 4217, such as USD or EUR")
    return text


def parse_rates(texts: list[str], currency: str) -> dict[str, float]:
    """Read rates of exchange as a user says them.

    Parameters
    ----------
    texts : list of str
        Each as ``EUR=1.18``: what one euro is worth in `currency`.
    currency : str
        The currency of the answer.

    Raises
    ------
    InputError
        One cannot be read, is not above 0, is of the answer's own currency, or is given twice.

    Examples
    --------
    >>> parse_rates(["EUR=1.18"], "USD")
    {'EUR': 1.18}
    """
    rates: dict[str, float] = {}
    for text in texts:
        code, equals, value = text.partition("=")
        parse_currency(code, "--rate")
        try:
            rate = float(value) if equals else math.nan
        except ValueError:
            rate = math.nan
        if not LEAST_RATE <= rate <= 1.0 / LEAST_RATE:
            raise InputError(f"--rate {text!r}: write what one {code} is worth in {currency}: {code}=1.18")
        if code == currency or code in rates:
            raise InputError(f"--rate {text!r}: {'the answer is in ' + code if code == currency else 'is given twice'}")
        rates[code] = rate
    return rates


@functools.lru_cache(maxsize=65536)
def _price_on(
    item: str,
    on: dt.date,
    offers: Offers,
    kinds: tuple[str, ...],
    currency: str,
    rebates: bool,  # noqa: FBT001 - a key of the cache
) -> Price:
    everything = offers.of(item)
    known = [offer for offer in everything if offer.currency == currency and _counts(offer, on, kinds, rebates=rebates)]
    if not known:
        others = sorted({offer.currency for offer in everything if offer.kind in kinds} - {currency})
        if others and not any(offer.currency == currency for offer in everything):
            raise InputError(
                f"{item} is offered in {', '.join(others)}, not in {currency}: ask in that currency, or say what one "
                f"{others[0]} is worth in {currency} (--rate {others[0]}=...)"
            )
        return _unknown(currency, "nobody's price of it is known")
    decline = _decline(item, offers, kinds)
    holding = [offer for offer in known if _holds(offer, on, item, known, moves=decline is not None)]
    if holding:
        best = min(holding, key=lambda offer: offer.price)
        return Price(best.price, best.price, best.price, currency, best, _words(best, on))
    return _carried(item, on, known, decline, currency)


def _counts(offer: Offer, on: dt.date, kinds: tuple[str, ...], *, rebates: bool) -> bool:
    if offer.kind != "rebate":
        return offer.kind in kinds
    if not ("rebate" in kinds or set(kinds) & set(NEW)) or offer.date > on:
        return False
    running = offer.ends is not None and on <= offer.ends
    return rebates or (running and not offer.needs_action)


def _holds(offer: Offer, on: dt.date, item: str, known: list[Offer], *, moves: bool) -> bool:
    if on < offer.date:
        return False
    if offer.kind == "rebate" or on == offer.date:
        return True
    if offer.until is not None:
        return on <= offer.until
    if offer.kind != "list" or moves:
        return False
    if any(other.kind == "list" and offer.date < other.date <= on for other in known):
        return False
    withdrawn = _withdrawn(item) if class_of(item) == MACHINES else None
    return withdrawn is None or on < withdrawn


def _decline(item: str, offers: Offers, kinds: tuple[str, ...]) -> Decline | None:
    """Return the decline that a thing's price moves with; what a machine's maker asks stands until it changes it."""
    name = class_of(item)
    old = not set(kinds) & set(NEW)
    return None if name in {MACHINES, APPLECARE} and not old else declines(offers).get(f"{name}-used" if old else name)


def _carried(item: str, on: dt.date, known: list[Offer], decline: Decline | None, currency: str) -> Price:
    """Return a price of another day, carried to the day that is asked."""
    points: dict[dt.date, Offer] = {}
    for offer in sorted((one for one in known if one.kind != "rebate"), key=lambda one: -one.price):
        points |= {offer.date: offer, (offer.until or offer.date): offer}
    days = sorted(points)
    if not days:
        return _unknown(currency, "only prices after a rebate are known")
    if on < days[0] and points[days[0]].kind == "list":
        return _unknown(currency, f"not sold before {days[0]}")
    near = min(days, key=lambda day: abs((on - day).days))
    offer = points[near]
    if decline is None:
        return _stands(item, on, near, offer, currency)
    before, after = ([day for day in days if day <= on][-1:], [day for day in days if day > on][:1])
    if before and after:
        value, low, high = _between(on, (before[0], points[before[0]]), (after[0], points[after[0]]), decline)
        return Price(value, low, high, currency, offer, f"between the prices of {before[0]} and {after[0]}")
    away = years_between(near, on)
    if abs(away) > decline.reach:
        reach = f"prices of {decline.name} were followed for {decline.reach:.1f} years at most"
        return _unknown(currency, f"the nearest price is of {near}, and {reach}")
    middle, low, high = (offer.price * factor for factor in decline.factor(away))
    words = f"{offer.kind} price of {near} carried along the decline of {decline.name} ({decline.per_year:+.0%}/year)"
    return Price(middle, low, high, currency, offer, words.replace("%", " %"))


def _stands(item: str, on: dt.date, near: dt.date, offer: Offer, currency: str) -> Price:
    """Return a price of a class without a decline: as it was, if it is of about that time."""
    name = class_of(item)
    if (name in {MACHINES, APPLECARE} and offer.kind == "list") or abs((on - near).days) > FRESH_DAYS:
        return _unknown(currency, f"the nearest price is of {near}, and no decline of {name} is fitted")
    return Price(offer.price, offer.price, offer.price, currency, offer, f"{offer.kind} price of {near}")


def _between(
    on: dt.date, before: tuple[dt.date, Offer], after: tuple[dt.date, Offer], decline: Decline
) -> tuple[float, float, float]:
    spent, left = years_between(before[0], on), years_between(on, after[0])
    share = spent / (spent + left)
    value = math.exp((1.0 - share) * math.log(before[1].price) + share * math.log(after[1].price))
    band = decline.between(spent, left)
    return value, value / band, value * band


def _words(offer: Offer, on: dt.date) -> str:
    if offer.kind != "rebate":
        return f"{offer.kind} price of {offer.date}"
    action = ", which needs an action" if offer.needs_action else ""
    return f"price after a rebate{action}, {'ended' if offer.ends and offer.ends < on else 'until'} {offer.ends}"


def _withdrawn(item: str) -> dt.date | None:
    return machine_file(whole_machine(item) or option_machine(item)).spec.withdrawn


def _asked_in(item: str, offers: Offers, kinds: tuple[str, ...], currency: str) -> bool:
    return any(
        offer.currency == currency and (offer.kind in kinds or offer.kind == "rebate") for offer in offers.of(item)
    )


def _converted(price: Price, currency: str, rate: float) -> Price:
    value, low, high = (None if one is None else one * rate for one in (price.value, price.low, price.high))
    words = f"{price.basis}; at {rate:g} {currency} for one {price.currency} as you said"
    return Price(value, low, high, currency, price.offer, words)


def _unknown(currency: str, why: str) -> Price:
    return Price(None, None, None, currency, None, why)
