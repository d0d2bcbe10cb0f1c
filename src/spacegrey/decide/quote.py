"""The bill of a machine: a line for each thing that is paid for, each with its price, its source and its day."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from spacegrey.decide.availability import Availability, availability
from spacegrey.decide.build import put_together
from spacegrey.decide.components import component
from spacegrey.decide.items import APPLECARE, COMPONENTS, canonical, choice_item, machine_file, machine_key, own_id
from spacegrey.decide.offers import load_offers
from spacegrey.decide.prices import NEW, Price, price_on
from spacegrey.errors import InputError
from spacegrey.machine.selector import choose, parse_selector
from spacegrey.machine.spec import PART_SLOTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spacegrey.decide.offers import Offer, Offers
    from spacegrey.machine.assembly import Machine
    from spacegrey.machine.catalog import MachineFile


@dataclass(frozen=True)
class Line:
    """One line of a bill.

    Attributes
    ----------
    item : str
        What is paid for: a key as `items.canonical` has it, ``4 x memory/...`` where it is several.
    price, low, high : float or None
        With its band; None: unknown. [currency]
    source : str
        A key of sources.bib, or ``assumed``; empty where the price is unknown.
    date : date or None
        Of the offer that it rests on.
    note : str
        How the price is known, or why it is not.
    """

    item: str
    price: float | None
    low: float | None
    high: float | None
    source: str
    date: dt.date | None
    note: str


@dataclass(frozen=True)
class Quote:
    """The bill of one configured machine on one day.

    Attributes
    ----------
    on : date
        The day that the prices are of. Where the machine could not be ordered on the day that was asked, the nearest
        day on which it could.
    total, low, high : float
        Sum of the known lines; where `complete` is false the machine costs at least the total. [currency]
    available : bool
        Whether it could be ordered on the day that was asked.
    availability : str
        The words about it.
    conflict : str
        Why the parts of a machine that is built from parts do not go together; empty where they do.
    """

    selector: str
    name: str
    on: dt.date
    currency: str
    lines: tuple[Line, ...]
    total: float
    low: float
    high: float
    complete: bool
    available: bool
    availability: str
    conflict: str = ""


def quote(
    selector: str | Machine,
    on: dt.date | None = None,
    offers: Offers | None = None,
    *,
    extras: tuple[str, ...] = (),
    applecare: bool = False,
    kinds: tuple[str, ...] = NEW,
    rebates: bool = False,
    currency: str = "USD",
    rates: Mapping[str, float] | None = None,
) -> Quote:
    """Return the bill of a configured machine.

    Parameters
    ----------
    selector : str or Machine
        Such as ``"imac-pro:18-core,vega-64"``; what follows a plus sign costs nothing.
    on : date, optional
        The day; None: the first on which every choice could be ordered, for used ones that of the latest offer.
    offers : Offers, optional
        None: the catalog's.
    extras : tuple of str
        Components of the catalog that are bought with it.
    applecare : bool
        Add AppleCare+.
    kinds : tuple of str
        ``("list", "street")`` for a new machine; ``("used",)`` or ``("refurbished",)`` for the cheapest offer of that
        kind which the configuration fits.
    rebates, currency, rates
        As `prices.price_on` takes them.

    Returns
    -------
    Quote
        A machine that is offered whole is its base and one line for each choice that differs; another, a PC, is a
        line for each part.

    Raises
    ------
    InputError
        A name is unknown, the day is before the machine was announced, the choices were never sold together, or
        currencies differ.

    Examples
    --------
    >>> bill = quote("imac-pro", dt.date(2018, 6, 1))
    >>> bill.total, bill.complete, bill.available
    (4999.0, True, True)
    """
    offers = load_offers() if offers is None else offers
    if isinstance(selector, str):
        wanted = parse_selector(selector)
        file = machine_file(wanted.machine)
        chosen, text = choose(file.options, wanted.choices, selector), selector
    else:
        file, chosen, text = machine_file(selector.id), selector.chosen, selector.selector
    new = bool(set(kinds) & set(NEW))
    whole = bool(file.spec.model) or own_id(file.id) in offers.configurations
    components, conflict = ((), "") if whole or not new else put_together(file.id, chosen, _machine(selector))
    state = availability(file, chosen, on) if new else _secondhand(file, chosen, on, offers, kinds)
    state = _with_components(state, components, on)

    def asked(item: str, among: tuple[str, ...] = kinds) -> Price:
        return price_on(item, state.day, offers, kinds=among, currency=currency, rebates=rebates, rates=rates)

    if not new:
        lines = [line_of(machine_key(file, chosen), asked(machine_key(file, chosen)))]
    elif whole:
        lines = _whole(file, chosen, offers, asked)
    else:
        lines = _parts(file, chosen, components, asked)
    among = kinds if new else NEW
    if applecare:
        lines.append(_applecare(file, asked, among))
    lines += [line_of(item, asked(item, among)) for item in map(_component, extras)]
    return replace(_sum(file, chosen, text, state, currency, lines), conflict=conflict)


def _machine(selector: str | Machine) -> Machine | None:
    return None if isinstance(selector, str) else selector


def _with_components(state: Availability, names: tuple[str, ...], on: dt.date | None) -> Availability:
    """Return the availability of a machine whose components had to be in shops too."""
    latest = max((name for name in names if component(name).available), key=_first_day, default="")
    if not latest or _first_day(latest) <= state.day:
        return state
    first = _first_day(latest)
    if on is None:
        return Availability(first, available=True, words=f"can be ordered since {first}, when {latest} came")
    words = f"{latest} can be ordered from {first}; this is the bill of {first}"
    return Availability(first, available=False, words=words)


def _first_day(name: str) -> dt.date:
    return component(name).available or dt.date.min


def _whole(file: MachineFile, chosen: Mapping[str, str], offers: Offers, asked: Callable[[str], Price]) -> list[Line]:
    """Return the bill of a machine that is sold whole: of the configurations with a price, the one it is best built on.

    Some choices cost differently on different bases (memory of the Ultra and of the Max), so every base is tried.
    """
    machine_id = own_id(file.id)
    bills: list[list[Line]] = []
    for base, named in offers.configurations.get(machine_id, {machine_id: {}}).items():
        price = asked(base)
        if price.value is None and base != machine_id:
            continue
        lines = [line_of(base, price)]
        for slot, name in chosen.items():
            below = named.get(slot, file.options[slot].default)
            if name != below:
                lines.append(_step(machine_id, slot, name, below, file.options[slot].default, asked))
        bills.append([line for line in lines if line.price != 0.0])
    return min(bills, key=lambda lines: (sum(line.price is None for line in lines), _total(lines)))


def _step(machine_id: str, slot: str, name: str, below: str, default: str, asked: Callable[[str], Price]) -> Line:
    """Return the line of a choice: what it costs over the base's own choice."""
    item = f"{machine_id}/{slot}/{name}"
    nothing = Price(0.0, 0.0, 0.0, "", None, "comes with the base")
    line = line_of(item, nothing if name == default else asked(item))
    if below == default:
        return line
    under = asked(f"{machine_id}/{slot}/{below}")
    if line.price is None or under.value is None:
        return Line(item, None, None, None, "", None, line.note if line.price is None else under.basis)
    source, date = (line.source, line.date) if line.date else _origin(under.offer)
    value = line.price - under.value
    if value < 0.0:
        return Line(item, None, None, None, "", None, f"the base comes with {below}; its price without is not known")
    note = "; ".join(part for part in (line.note, f"over the {below} of the base") if part)
    return Line(item, value, value, value, source, date, note)


def _parts(
    file: MachineFile, chosen: Mapping[str, str], components: tuple[str, ...], asked: Callable[[str], Price]
) -> list[Line]:
    """Return the bill of a machine that is built from parts."""
    lines: list[Line] = []
    for slot, name in chosen.items():
        item, count = choice_item(file, slot, name)
        lines.append(line_of(item, asked(item), count))
    return lines + [line_of(item, asked(item)) for item in map(_component, components)]


def _secondhand(
    file: MachineFile, chosen: Mapping[str, str], on: dt.date | None, offers: Offers, kinds: tuple[str, ...]
) -> Availability:
    key = machine_key(file, chosen)
    days = sorted(offer.date for offer in offers.of(key) if offer.kind in kinds)
    words = " or ".join(kinds)
    if on and file.spec.announced and on < file.spec.announced:
        raise InputError(f"{file.spec.name} was not announced before {file.spec.announced}: it has no price on {on}")
    if days:
        near = min(days, key=lambda day: abs((day - (on or days[-1])).days))
        return Availability(on or near, available=True, words=f"seen {words} on {near}")
    others = sorted(
        key for key in offers.configurations.get(own_id(file.id), {}) if any(o.kind in kinds for o in offers.of(key))
    )
    known = f"; known are: {', '.join(others)}" if others else ""
    day = on or file.spec.on_sale or dt.date.max
    return Availability(day, available=False, words=f"no {words} offer of this configuration is known{known}")


def _applecare(file: MachineFile, asked: Callable[..., Price], kinds: tuple[str, ...]) -> Line:
    if not file.spec.model:
        raise InputError(f"{file.spec.name}: AppleCare+ is for Apple's machines")
    item = f"{APPLECARE}/{file.id}"
    return line_of(item, asked(item, kinds))


def _component(name: str) -> str:
    item = name if name.startswith(f"{COMPONENTS}/") else f"{COMPONENTS}/{name}"
    return canonical(item)


def line_of(item: str, price: Price, count: int = 1) -> Line:
    """Return the line of a bill for so many of a thing, at the price of one."""
    source, date = _origin(price.offer)
    words = price.offer.words if price.offer else ""
    note = "; ".join(part for part in (price.basis, words) if part)
    shown = f"{count} x {item}" if count > 1 else item
    value, low, high = (None if one is None else count * one for one in (price.value, price.low, price.high))
    return Line(shown, value, low, high, source, date, note)


def _origin(offer: Offer | None) -> tuple[str, dt.date | None]:
    return (offer.origin, offer.date) if offer else ("", None)


def _total(lines: list[Line]) -> float:
    return math.fsum(line.price for line in lines if line.price is not None)


def _sum(
    file: MachineFile,
    chosen: Mapping[str, str],
    text: str,
    state: Availability,
    currency: str,
    lines: list[Line],
) -> Quote:
    return Quote(
        selector=text,
        name=f"{file.spec.name}, {', '.join(name for slot, name in chosen.items() if slot in PART_SLOTS)}",
        on=state.day,
        currency=currency,
        lines=tuple(lines),
        total=_total(lines),
        low=math.fsum(line.low for line in lines if line.low is not None),
        high=math.fsum(line.high for line in lines if line.high is not None),
        complete=all(line.price is not None for line in lines),
        available=state.available,
        availability=state.words,
    )
