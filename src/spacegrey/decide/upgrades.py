"""The way from the machine that is there to a better one: possible or not, how, for how much, and whether it was wise.

An upgrade costs its parts on that day, what the opening uses up, the work, and the chance that the opening breaks
something. Beside it stands what the same choice would have cost with the machine: from that comes the advice to buy
enough at the start, where it is one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from spacegrey.decide.disassembly import Part, Slot, Way, inside
from spacegrey.decide.items import machine_file
from spacegrey.decide.offers import load_offers
from spacegrey.decide.outcomes import speed_value
from spacegrey.decide.running import dollar
from spacegrey.decide.upgrade_costs import Cost, Plan, costs_of, dates_of, price_at_start, sum_of
from spacegrey.errors import InputError, Refusal, unknown
from spacegrey.machine.assembly import machine
from spacegrey.machine.selector import parse_selector
from spacegrey.parts.graphics.laws import peak_tflops
from spacegrey.simulation.run import simulate
from spacegrey.sourced import read_toml

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from spacegrey.decide.offers import Offers
    from spacegrey.decide.running import Band
    from spacegrey.machine.assembly import Machine
    from spacegrey.machine.spec import Option
    from spacegrey.workload.library import Workload

SLOTS: tuple[Slot, ...] = ("memory", "storage", "processor", "graphics")
LEAST_GAIN = 1.005
"""Less than half a percent of speed is rounding."""


@dataclass(frozen=True)
class Upgrade:
    """One upgrade of one machine.

    Attributes
    ----------
    slot, choice : str
        The option, and the choice it is to have; the choice is empty where there is none beyond the machine's own.
    possible : bool
        Whether anybody can do it.
    fixed : str
        How the part sits: free, proprietary or soldered.
    why : str
        Why, or why not, and what to know first.
    way : Way
        The path through the machine, also where the part at its end does not come off.
    restore : bool
        The machine starts again only after a restore, which erases it.
    costs : tuple of Cost
        Parts, consumables, work and risk on the day.
    total : Band or None
        Their sum; None where a price is not known, or the upgrade is not possible.
    at_start : float or None
        What the choice added to the price of the machine when it was bought, or when the choice was first sold.
    gain : float or None
        Speed afterwards over speed before on the workload; None without one.
    cheaper_from : date or None
        The first month from which upgrading later costs less money than the choice did at the start.
    regret_from : date or None
        The day after which having bought enough at the start would have been cheaper: time lost by waiting included.
    advice : str
        In a sentence.
    """

    slot: str
    choice: str
    possible: bool
    fixed: str
    why: str
    way: Way
    restore: bool
    costs: tuple[Cost, ...]
    total: Band | None
    at_start: float | None
    gain: float | None
    cheaper_from: dt.date | None
    regret_from: dt.date | None
    advice: str


def base_id(selector: str) -> str:
    """Return the machine of the catalog that a selector stands on: that of a user's file is what it extends.

    Examples
    --------
    >>> base_id("imac-pro:18-core+fan=max")
    'imac-pro'
    """
    name = parse_selector(selector).machine
    while name.endswith(".toml"):
        document = read_toml(machine_file(name).document.path)
        parent = document.data.get("extends")
        if not isinstance(parent, str):
            return name
        name = str(document.path.parent / parent) if parent.endswith(".toml") else parent
    return name


def upgrades(
    selector: str,
    plan: Plan,
    offers: Offers | None = None,
    *,
    only: tuple[str, str] | None = None,
    workload: Workload | None = None,
) -> tuple[Upgrade, ...]:
    """Return the upgrades of a machine.

    Parameters
    ----------
    selector : str
        The machine as it is.
    plan : Plan
        When it was bought, when the upgrade is done, and what work and time are worth.
    offers : Offers, optional
        None: the catalog's.
    only : tuple of str, optional
        One slot and choice; None: for memory, storage, processor and graphics every choice beyond the machine's.
    workload : Workload, optional
        What the gain is simulated on.

    Raises
    ------
    InputError
        A name is unknown, the choice is the machine's own or less, or the days are out of order.
    Refusal
        Nobody has written down how the machine comes apart.

    Examples
    --------
    >>> import datetime as dt
    >>> day = dt.date(2020, 6, 1)
    >>> found = upgrades("imac-pro", Plan(dt.date(2017, 12, 14), day), only=("graphics", "vega-64"))
    >>> found[0].possible
    False
    """
    if plan.on < plan.bought:
        raise InputError(f"an upgrade on {plan.on} of a machine that is bought on {plan.bought}")
    for name, value in (
        ("labour", plan.labour),
        ("hour value", plan.hour_value),
        ("hours", plan.hours_per_year),
    ):
        if not math.isfinite(value) or value < 0.0:
            raise InputError(f"{name} {value:g}: not below 0")
    dollar(plan.currency, plan.rates)
    offers = load_offers() if offers is None else offers
    built = machine(selector)
    if only is not None:
        return (_upgrade(built, *_checked(built, only), plan, offers, workload),)
    found: list[Upgrade] = []
    for slot in SLOTS:
        if inside(base_id(selector)).part_of(slot) is None:
            continue
        targets = better(built, slot)
        found += [_upgrade(built, slot, name, plan, offers, workload) for name in targets or [""]]
    return tuple(found)


def better(built: Machine, slot: str) -> list[str]:
    """Return the choices of an option that are more than the machine's own, the least first.

    More memory or storage in bytes, more cores and then a higher clock, more arithmetic of the graphics.

    Examples
    --------
    >>> better(machine("imac-pro:64GB"), "memory")
    ['128GB', '256GB']
    """
    choices = machine_file(built.id).options[slot].choices
    sizes = {name: _size(built, slot, name) for name in choices}
    mine = sizes[built.chosen[slot]]
    return sorted((name for name in choices if sizes[name] > mine), key=lambda name: sizes[name])


def selector_with(selector: str, slot: str, choice: str) -> str:
    """Return a selector with another choice of one option.

    Examples
    --------
    >>> selector_with("imac-pro:18-core,64GB+fan=max", "memory", "128GB")
    'imac-pro:18-core,memory=128GB+fan=max'
    """
    wanted = parse_selector(selector)
    options = machine_file(wanted.machine).options
    kept = [text for text in wanted.choices if _slot_of(options, text) != slot]
    plus, tail = selector.partition("+")[1:]
    return f"{wanted.machine}:{','.join([*kept, f'{slot}={choice}'])}{plus}{tail}"


def speed_of(workload: Workload, built: Machine) -> float:
    """Return a number that grows with the speed of a machine under a workload."""
    run = simulate(workload, built)
    return speed_value(workload, run.score.value if run.score else math.nan, run.delivered, run.duration_s)


def _checked(built: Machine, only: tuple[str, str]) -> tuple[str, str]:
    slot, choice = only
    options = machine_file(built.id).options
    if slot not in SLOTS:
        raise unknown("upgrade", slot, SLOTS, built.id)
    if choice not in options[slot].choices:
        raise unknown(f"choice of {slot}", choice, options[slot].choices, built.id)
    if choice not in better(built, slot):
        raise InputError(f"{built.selector}: {slot}={choice} is not more than its {built.chosen[slot]}")
    return slot, choice


def _upgrade(built: Machine, slot: str, choice: str, plan: Plan, offers: Offers, workload: Workload | None) -> Upgrade:
    within = inside(base_id(built.selector))
    key = within.part_of(cast("Slot", slot))
    if key is None:
        raise Refusal(f"{built.spec.name}: where its {slot} sits is not in the catalog")
    part, way = within.sheet.parts[key], within.path(key)
    possible = part.fixed != "soldered" and bool(choice)
    at_start, price_new = price_at_start(built, slot, choice, plan, offers)
    gain = _gain(built, slot, choice, workload) if choice else None
    costs = costs_of(built, slot, choice, way, plan, offers, price_new) if possible else ()
    total = sum_of(costs) if possible else None
    cheaper_from = regret_from = None
    if possible and at_start is not None and total is not None:
        cheaper_from, regret_from = dates_of(built, slot, choice, way, plan, offers, at_start, gain, price_new)
    why = _why(built, slot, choice, part, way)
    draft = Upgrade(
        slot, choice, possible, part.fixed, why, way, part.restore, costs, total, at_start, gain, cheaper_from,
        regret_from, "",
    )  # fmt: skip
    return replace(draft, advice=advice(draft, plan))


def _why(built: Machine, slot: str, choice: str, part: Part, way: Way) -> str:
    words: list[str] = []
    fixed, note = part.fixed, part.note
    if not choice:
        words.append(f"{built.chosen[slot]} is the most that this machine was sold with")
    if fixed == "soldered":
        words.append("not possible: " + (note or "soldered"))
    elif choice:
        words.append("possible" if fixed == "free" else "possible with a part of its maker only")
        if slot == "memory":
            words += _slots(built, choice)
        if note:
            words.append(note)
        if part.restore:
            words.append("it starts again only after an Apple Configurator restore from a second Mac, which erases it")
            free = built.spec.memory_slots - built.memory_modules
            if free > 0:
                words.append(f"{free} of {built.spec.memory_slots} slots are free")
    if choice and fixed != "soldered" and "display" in way.risks and slot != "display":
        words.append(f"the display has to come off its adhesive: it breaks in {way.risks['display']:.1%} of cases")
    return "; ".join(words).replace("%", " %")


def advice(found: Upgrade, plan: Plan) -> str:
    """Return in a sentence what follows for somebody who buys the machine.

    Examples
    --------
    >>> import datetime as dt
    >>> day = dt.date(2020, 6, 1)
    >>> upgrades("imac-pro", Plan(dt.date(2017, 12, 14), day), only=("graphics", "vega-64"))[0].advice
    'buy enough at the start: this cannot be changed later'
    """
    first, last = found.cheaper_from, found.regret_from
    unpriced = (
        "buy enough at the start: no price of the part alone is known"
        if found.fixed == "proprietary"
        else "what the parts cost on that day is not known: say it in a file of offers"
    )
    rules = (
        (not found.choice, "nothing to buy: the machine has the most"),
        (found.gain is not None and found.gain < LEAST_GAIN, "leave it: it changes nothing on this work"),
        (not found.possible, "buy enough at the start: this cannot be changed later"),
        (found.total is None, unpriced),
        (found.at_start is None, "what it would have cost at the start is not known"),
        (first is None, "buy enough at the start: upgrading later never costs less"),
        (
            first is not None and last is not None and last <= first,
            "buy enough at the start: waiting costs more than it saves",
        ),
        (
            last is not None,
            f"upgrade between {first} and {last}; buying enough at the start would have been cheaper after that day",
        ),
        (
            first is not None and first <= plan.bought,
            "buy it elsewhere and put it in: it costs less than the maker's choice from the first day",
        ),
    )
    later = f"buy enough at the start if you need it before {first}; from then on upgrading costs less"
    return next((words for holds, words in rules if holds), later)


def _slots(built: Machine, choice: str) -> list[str]:
    """Return what is to be said of the slots: whether the old modules can stay."""
    slots, mine, channels = built.spec.memory_slots, built.memory_modules, built.processor.memory_channels
    if not slots:
        return []
    if mine < slots:
        return [f"{slots - mine} of {slots} slots are free"]
    wanted = machine_file(built.id).options["memory"].choices[choice].modules
    if wanted == mine == channels:
        return [f"{channels} equal modules for {channels} channels: all are exchanged, none of the old ones stays"]
    return []


def _gain(built: Machine, slot: str, choice: str, workload: Workload | None) -> float | None:
    if workload is None:
        return None
    return speed_of(workload, machine(selector_with(built.selector, slot, choice))) / speed_of(workload, built)


def _size(built: Machine, slot: str, name: str) -> tuple[float, float]:
    choice = machine_file(built.id).options[slot].choices[name]
    if slot == "memory":
        return float((choice.modules or 0) * (choice.gib_per_module or 0.0)), 0.0
    if slot == "storage":
        return float(choice.tb or 0.0), 0.0
    other = machine(selector_with(built.selector, slot, name))
    if slot == "processor":
        return float(other.processor.cores), other.processor.base_ghz
    card = other.graphics
    per_cycle = other.graphics_architecture.flops_per_lane_cycle
    return peak_tflops(card.lanes * card.count, card.dpm_states[-1][0], per_cycle), 0.0


def _slot_of(options: Mapping[str, Option], text: str) -> str:
    slot, equals, _ = text.partition("=")
    return slot.strip() if equals else next(key for key, option in options.items() if text in option.choices)
