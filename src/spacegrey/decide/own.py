"""What a machine costs over the years: price, energy, repairs or AppleCare+, an upgrade on the way, what it brings.

Energy is that of the simulated wall power of the owner's work, and of sleep for the rest of the day. Repairs are
expected values of published rates of failure. Amounts are not discounted: a year's money is a year's money.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from spacegrey.decide.items import APPLECARE, machine_file
from spacegrey.decide.offers import load_offers
from spacegrey.decide.owner import DAYS_PER_YEAR, Terms, Use
from spacegrey.decide.prices import price_on
from spacegrey.decide.quote import quote
from spacegrey.decide.resale import resale
from spacegrey.decide.running import NOTHING, Band, running
from spacegrey.decide.upgrade_costs import Cost, Plan
from spacegrey.decide.upgrades import Upgrade, base_id, selector_with, upgrades
from spacegrey.errors import InputError, Refusal
from spacegrey.machine.assembly import machine
from spacegrey.simulation.run import simulate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spacegrey.decide.offers import Offers
    from spacegrey.machine.spec import MachineSpec
    from spacegrey.workload.library import Workload

MOST_SCENARIOS = 4


@dataclass(frozen=True)
class Later:
    """An upgrade on the way, beside buying that choice at the start.

    Attributes
    ----------
    found : Upgrade
        The upgrade on its day.
    at_start : float or None
        What the choice would have added to the price. [currency]
    words : str
        Which costs less, in a sentence.
    """

    found: Upgrade
    at_start: float | None
    words: str


@dataclass(frozen=True)
class Scenario:
    """One machine over the years.

    Attributes
    ----------
    total : Band
        Sum of the known costs.
    complete : bool
        No cost is unknown; else the total leaves them out.
    per_year, per_hour : float
        The total over years, and over hours of work. [currency]
    working_w : float
        Mean wall power under the workload. [W]
    energy_kwh : float
        From the wall over all years. [kWh]
    applecare : tuple of float or None
        What AppleCare+ costs, and the repairs that it is expected to save; None where no price of it is known.
    """

    selector: str
    name: str
    on: dt.date
    currency: str
    costs: tuple[Cost, ...]
    total: Band
    complete: bool
    per_year: float
    per_hour: float
    working_w: float
    energy_kwh: float
    later: Later | None
    applecare: tuple[float, float] | None
    notes: tuple[str, ...]


def own(
    selectors: list[str], use: Use, workload: Workload, terms: Terms | None = None, offers: Offers | None = None
) -> tuple[Scenario, ...]:
    """Return what each of up to four machines costs over the years.

    Parameters
    ----------
    selectors : list of str
        The machines.
    use : Use
        Years, hours, price of energy.
    workload : Workload
        What it does in those hours.
    terms : Terms, optional
        Day of purchase, AppleCare+, an upgrade on the way, how it is sold.
    offers : Offers, optional
        None: the catalog's.

    Raises
    ------
    InputError
        No machine or more than four, an upgrade outside of the years, or as `quote`.
    Refusal
        The machine cannot do the work, or the upgrade cannot be done.

    Examples
    --------
    >>> from spacegrey.workload.library import workload
    >>> one = own(["imac-pro"], Use(4.0, 8.0, 5.0, 0.30), workload("idle"))[0]
    >>> one.costs[0].band.value, 120.0 < one.energy_kwh / 4.0 < 150.0
    (4999.0, True)
    """
    if not 1 <= len(selectors) <= MOST_SCENARIOS:
        raise InputError(f"{len(selectors)} machines: name from one to {MOST_SCENARIOS}")
    terms = terms or Terms()
    for name, value in (("labour", terms.labour), ("resale", terms.resale_value or 0.0)):
        if not math.isfinite(value) or value < 0.0:
            raise InputError(f"{name} {value:g}: must not be negative")
    if terms.upgrade and not 0.0 < terms.upgrade[2] < use.years:
        raise InputError(f"upgrade after {terms.upgrade[2]:g} years: the machine is kept for {use.years:g}")
    offers = load_offers() if offers is None else offers
    return tuple(_scenario(selector, use, workload, terms, offers) for selector in selectors)


def verdict(found: Sequence[Scenario]) -> str:
    """Return in a sentence which of several machines costs least, and whether the bands allow another; else nothing.

    Examples
    --------
    >>> from spacegrey.workload.library import workload
    >>> verdict(own(["imac-pro", "mac-mini-m1"], Use(4.0, 8.0, 5.0, 0.30), workload("idle")))
    'mac-mini-m1 costs least, whatever the bands'
    """
    if len(found) < 2:  # noqa: PLR2004
        return ""
    unsure = [one.selector for one in found if not one.complete]
    if unsure:
        return f"not every cost is known of {', '.join(unsure)}: nothing can be said about which costs least"
    best, *others = sorted(found, key=lambda one: one.total.value)
    near = [one.selector for one in others if one.total.low <= best.total.high]
    return f"{best.selector} costs least, " + (
        f"but the bands allow {' or '.join(near)} too" if near else "whatever the bands"
    )


def _scenario(selector: str, use: Use, workload: Workload, terms: Terms, offers: Offers) -> Scenario:
    bill = quote(selector, terms.on, offers, currency=terms.currency, rates=terms.rates)
    if not bill.available:
        raise Refusal(f"{selector}: {bill.availability}")
    spec = machine_file(selector.partition("+")[0].partition(":")[0].strip()).spec
    costs = [Cost("purchase", Band(bill.total, bill.low, bill.high), f"the bill of {bill.on}")]
    if not bill.complete:
        unknown = ", ".join(line.item for line in bill.lines if line.price is None)
        paid = costs[0].band if bill.total > 0.0 else None
        costs[0] = Cost("purchase", paid, f"{'at least: ' if paid else ''}no price of {unknown} is known")
    later = _later(selector, bill.on, use, terms, offers)
    working_w, energy_kwh, energy = _energy(selector, use, workload, terms, spec.form)
    costs.append(energy)
    costs += _repairs(spec, bill.total, use, terms, bill.on, offers, base_id(selector))
    if later and later.found.total:
        slot, choice, years = terms.upgrade or ("", "", 0.0)
        costs.append(Cost("upgrade", later.found.total, f"{slot} to {choice} after {years:g} years"))
    elif later:
        costs.append(Cost("upgrade", None, later.found.advice))
    back, note = _resale(selector, bill.on, use, terms, offers)
    costs.append(back)
    total = NOTHING
    for cost in costs:
        total += cost.band or NOTHING
    notes = [note] if note else []
    if terms.applecare and not spec.model:
        notes.append("AppleCare+ is for Apple's machines")
    if bill.conflict:
        notes.append(f"its parts do not go together: {bill.conflict}")
    if spec.form in {"tower", "desktop"}:
        notes.append("a display is counted neither in price nor in energy")
    return Scenario(
        selector, bill.name, bill.on, terms.currency, tuple(costs), total,
        bill.complete and all(cost.band for cost in costs),
        total.value / use.years, total.value / use.hours, working_w, energy_kwh, later,
        applecare_pays(selector, terms, offers), tuple(notes),
    )  # fmt: skip


def _energy(selector: str, use: Use, workload: Workload, terms: Terms, form: str) -> tuple[float, float, Cost]:
    """Return mean wall power at work, energy over all years and its price."""
    asleep_w = running().sleep_w(form)
    before = simulate(workload, machine(selector)).summary["wall_power_w"].mean
    energy = use.energy_kwh(before, asleep_w)
    if terms.upgrade:
        slot, choice, years = terms.upgrade
        after = simulate(workload, machine(selector_with(selector, slot, choice))).summary["wall_power_w"].mean
        energy = replace(use, years=years).energy_kwh(before, asleep_w)
        energy += replace(use, years=use.years - years).energy_kwh(after, asleep_w)
    off = running().sheet.energy_error
    words = f"{energy:,.0f} kWh: {before:.0f} W at work, {asleep_w:g} W asleep"
    return before, energy, Cost("energy", Band(1.0, 1.0 - off, 1.0 + off).times(energy * use.kwh), words)


def _repairs(
    spec: MachineSpec, price: float, use: Use, terms: Terms, on: dt.date, offers: Offers, machine_id: str
) -> list[Cost]:
    """Return AppleCare+, if it is bought, and the repairs that are to be expected outside of every warranty."""
    sheet, found = running().sheet, list[Cost]()
    covered = sheet.warranty_years
    if terms.applecare and spec.model:
        asked = price_on(f"{APPLECARE}/{machine_id}", on, offers, currency=terms.currency, rates=terms.rates)
        if asked.value is None or asked.low is None or asked.high is None:
            found.append(Cost("AppleCare+", None, asked.basis))
        else:
            found.append(Cost("AppleCare+", Band(asked.value, asked.low, asked.high), asked.basis))
        covered = sheet.applecare_years
    rates = running().failures_of(spec.form)
    failures = sum(
        rates.in_year(year + 1) * (min(year + 1.0, use.years) - max(float(year), covered))
        for year in range(math.ceil(use.years))
        if min(year + 1.0, use.years) > max(float(year), covered)
    )
    band = Band(
        failures * sheet.repair_share,
        failures * sheet.failure_low * sheet.repair_share_low,
        failures * sheet.failure_high * sheet.repair_share_high,
    )
    free = "year" if covered == 1.0 else f"{covered:g} years"
    words = f"{failures:.2f} failures after the first {free}, {sheet.repair_share:.0%} of the price each"
    return [*found, Cost("repairs", band.times(price) if price > 0.0 else None, words.replace("%", " %"))]


def applecare_pays(selector: str, terms: Terms, offers: Offers | None = None) -> tuple[float, float] | None:
    """Return what AppleCare+ costs, and the repairs that it is expected to save; None where there is no price of it.

    Accidents, which it covers for a fee, are not counted: nobody's rate of them is known.

    Examples
    --------
    >>> asked, saved = applecare_pays("imac-pro", Terms())
    >>> asked, 150.0 < saved < 300.0
    (169.0, True)
    """
    offers = load_offers() if offers is None else offers
    bill = quote(selector, terms.on, offers, currency=terms.currency, rates=terms.rates)
    try:
        asked = price_on(
            f"{APPLECARE}/{base_id(selector)}", bill.on, offers, currency=terms.currency, rates=terms.rates
        )
    except InputError:  # known in another currency only
        return None
    if asked.value is None or not bill.complete:
        return None
    sheet = running().sheet
    rates = running().failures_of(machine(selector).spec.form)
    years = range(round(sheet.warranty_years), round(sheet.applecare_years))
    return asked.value, sum(rates.in_year(year + 1) for year in years) * sheet.repair_share * bill.total


def _later(selector: str, on: dt.date, use: Use, terms: Terms, offers: Offers) -> Later | None:
    if not terms.upgrade:
        return None
    slot, choice, years = terms.upgrade
    day = on + dt.timedelta(days=round(years * DAYS_PER_YEAR))
    plan = Plan(on, day, terms.labour, use.hours / use.years, 0.0, terms.currency, terms.rates)
    found = upgrades(selector, plan, offers, only=(slot, choice))[0]
    if not found.possible:
        raise Refusal(f"{selector}: {slot} to {choice}: {found.why}")
    if found.total is None or found.at_start is None:
        words = found.advice
    elif found.total.low > found.at_start:
        words = f"at the start it costs {found.at_start:,.0f}: buy it then"
    elif found.total.high < found.at_start:
        words = f"at the start it costs {found.at_start:,.0f}: later is cheaper"
    else:
        words = f"at the start it costs {found.at_start:,.0f}: within the band, no clear winner"
    return Later(found, found.at_start, words)


def _resale(selector: str, on: dt.date, use: Use, terms: Terms, offers: Offers) -> tuple[Cost, str]:
    day = on + dt.timedelta(days=round(use.years * DAYS_PER_YEAR))
    if terms.resale_value is not None:
        value = -terms.resale_value
        return Cost("resale", Band(value, value, value), f"on {day}, as you say"), ""
    try:
        found = resale(selector, day, offers, way=terms.way, currency=terms.currency, rates=terms.rates)
    except Refusal as refusal:
        return Cost("resale", None, str(refusal)), "what it brings is not counted: say it with --resale"
    band = Band(found.value, found.low, found.high).times(-1.0)
    return Cost("resale", band, f"on {day}: {found.words}"), ""
