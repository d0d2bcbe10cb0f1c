"""What an upgrade costs on a day: parts, what the opening uses up, work, risk; and from when on it pays.

Beside it stands what the same choice added to the price of the machine when it was bought.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from spacegrey.decide.items import choice_item, machine_file
from spacegrey.decide.prices import price_on
from spacegrey.decide.quote import Quote, quote
from spacegrey.decide.running import NOTHING, Band, dollar, running

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spacegrey.decide.disassembly import Way
    from spacegrey.decide.offers import Offers
    from spacegrey.machine.assembly import Machine

HORIZON_YEARS = 8
"""How far after the purchase an upgrade is looked at. [year]"""

MONTH_DAYS = 30.4375
SLOWEST, FASTEST = 1.6, 0.7
"""What somebody takes for a work at most and at least, over the usual time."""


@dataclass(frozen=True)
class Plan:
    """What every upgrade of a machine is judged by.

    Attributes
    ----------
    bought : date
        When the machine was bought.
    on : date
        When the upgrade is done.
    labour : float
        Price of an hour of work; 0: the owner's own hands. [currency/h]
    hours_per_year : float
        Hours in which somebody waits for the workload. [h]
    hour_value : float
        What one of those hours is worth. [currency/h]
    rates : mapping or None
        What a unit of another currency is worth, as the user said it; that of the dollar is needed outside of dollars.
    """

    bought: dt.date
    on: dt.date
    labour: float = 0.0
    hours_per_year: float = 2080.0
    hour_value: float = 0.0
    currency: str = "USD"
    rates: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Cost:
    """One line of a cost; what comes back is negative. Band None: not known. [currency of the bill]"""

    name: str
    band: Band | None
    words: str


def costs_of(
    built: Machine, slot: str, choice: str, way: Way, plan: Plan, offers: Offers, price_new: float
) -> tuple[Cost, ...]:
    """Return what an upgrade costs on the day of the plan: parts, what is used up, work, risk.

    Parameters
    ----------
    built : Machine
        As it is.
    slot, choice : str
        What is exchanged, and what for.
    way : Way
        The path to it.
    plan : Plan
        The day, and what work is worth.
    offers : Offers
        Prices of parts.
    price_new : float
        Of the machine: a broken board costs a share of it. [currency]
    """
    item, count = _item(built, slot, choice)
    price = price_on(item, plan.on, offers, currency=plan.currency, rates=plan.rates)
    if price.value is None or price.low is None or price.high is None:
        parts = Cost("parts", None, f"{_times(count, item)}: {price.basis}")
    else:
        parts = Cost(
            "parts",
            Band(price.value, price.low, price.high).times(count),
            f"{_times(count, item)}: {price.basis}",
        )
    worth = dollar(plan.currency, plan.rates)
    used_up = worth * sum(way.consumables.values())
    hours = way.minutes / 60.0
    labour = Band(hours, FASTEST * hours, SLOWEST * hours).times(plan.labour)
    risk = NOTHING
    for thing, chance in way.risks.items():
        risk += running().breakage[thing].cost(price_new / worth).times(chance * worth)
    broken = ", ".join(f"{thing} {chance:.1%}" for thing, chance in way.risks.items()).replace("%", " %")
    return (
        parts,
        Cost("used up", Band(used_up, 0.5 * used_up, 2.0 * used_up), ", ".join(way.consumables) or "nothing"),
        Cost(
            "work", labour, f"{hours:.1f} h at {plan.labour:g} an hour" if plan.labour else f"{hours:.1f} h, your own"
        ),
        Cost("risk", risk, f"chance times repair: {broken}" if broken else "nothing at risk"),
    )


def sum_of(costs: tuple[Cost, ...]) -> Band | None:
    """Return the sum of costs; None where one is not known.

    Examples
    --------
    >>> one = Cost("work", Band(2.0, 1.0, 3.0), "")
    >>> sum_of((one, one)), sum_of((one, Cost("parts", None, "")))
    (Band(value=4.0, low=2.0, high=6.0), None)
    """
    total = NOTHING
    for cost in costs:
        if cost.band is None:
            return None
        total += cost.band
    return total


def dates_of(
    built: Machine, slot: str, choice: str, way: Way, plan: Plan, offers: Offers, at_start: float,
    gain: float | None, price_new: float,
) -> tuple[dt.date | None, dt.date | None]:  # fmt: skip
    """Return from when on upgrading is cheaper than the choice was, and from when on waiting has cost more."""
    lost_per_year = plan.hours_per_year * plan.hour_value * (1.0 - 1.0 / gain) if gain and gain > 1.0 else 0.0
    cheaper_from = regret_from = None
    for month in range(12 * HORIZON_YEARS + 1):
        day = plan.bought + dt.timedelta(days=round(month * MONTH_DAYS))
        later = sum_of(costs_of(built, slot, choice, way, replace(plan, on=day), offers, price_new))
        if later is None:
            continue
        if cheaper_from is None and later.value < at_start:
            cheaper_from = day
        waited = lost_per_year * month / 12.0
        if later.value + waited <= at_start:
            regret_from = None
        elif regret_from is None:
            regret_from = day
    return cheaper_from, regret_from


def price_at_start(built: Machine, slot: str, choice: str, plan: Plan, offers: Offers) -> tuple[float | None, float]:
    """Return what a choice added to the price, and the price of the machine as it is.

    Of the day of purchase; of the first day of the choice, where it could not be ordered then.
    """
    price_new = quote(built, plan.bought, offers, currency=plan.currency, rates=plan.rates).total
    if not choice:
        return None, price_new
    file = machine_file(built.id)
    chosen = {**built.chosen, slot: choice}
    named = [f"{key}={name}" for key, name in chosen.items() if name != file.options[key].default]
    text = f"{built.id}:{','.join(named)}" if named else built.id
    first = quote(text, None, offers, currency=plan.currency, rates=plan.rates)
    then = quote(text, max(plan.bought, first.on), offers, currency=plan.currency, rates=plan.rates)
    then = then if then.available else first
    return _difference(quote(built, then.on, offers, currency=plan.currency, rates=plan.rates), then), price_new


def _difference(now: Quote, then: Quote) -> float | None:
    """Return how much more a bill is, None where a line that only one of them has is not known."""
    mine = {line.item: line.price for line in now.lines}
    theirs = {line.item: line.price for line in then.lines}
    changed = [mine.get(item) if item in mine else theirs[item] for item in mine.keys() ^ theirs.keys()]
    if any(price is None for price in changed) or not (now.available and then.available):
        return None
    return then.total - now.total


def _item(built: Machine, slot: str, choice: str) -> tuple[str, int]:
    """Return the part that an upgrade needs, and how many of it: modules that are there already stay."""
    file = machine_file(built.id)
    item, count = choice_item(file, slot, choice)
    mine, there = choice_item(file, slot, built.chosen[slot])
    return item, count - there if slot == "memory" and mine == item else count


def _times(count: int, item: str) -> str:
    return f"{count} x {item}" if count > 1 else item
