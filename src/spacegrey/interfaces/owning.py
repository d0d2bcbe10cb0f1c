"""What `own` and `upgrades` answer, as JSON and as tables for a spreadsheet."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from spacegrey.decide.own import verdict
from spacegrey.interfaces.table_file import Sheet, sheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spacegrey.decide.disassembly import Inside
    from spacegrey.decide.own import Scenario
    from spacegrey.decide.owner import Use
    from spacegrey.decide.running import Band
    from spacegrey.decide.upgrade_costs import Cost, Plan
    from spacegrey.decide.upgrades import Upgrade

NO_BAND = {"value": None, "low": None, "high": None}


def own_json(scenarios: Sequence[Scenario], use: Use, workload: str) -> dict[str, Any]:
    """Return what owning costs, ready for JSON: stable keys, documented in docs/json.md."""
    return {
        "years": use.years,
        "hours_per_day": use.hours_per_day,
        "days_per_week": use.days_per_week,
        "kwh": use.kwh,
        "workload": workload,
        "currency": scenarios[0].currency,
        "scenarios": [_scenario(one) for one in scenarios],
        "verdict": verdict(scenarios) or None,
    }


def own_sheets(scenarios: Sequence[Scenario]) -> list[Sheet]:
    """Return what owning costs as one table: a row for each cost of each machine, and one for its total."""
    currency = scenarios[0].currency
    rows = [
        [one.selector, name, *_cells(band), words]
        for one in scenarios
        for name, band, words in [
            *((cost.name, cost.band, cost.words) for cost in one.costs),
            ("total", one.total, "" if one.complete else "without what is unknown"),
        ]
    ]
    columns = ["machine", "cost", f"value [{currency}]", f"low [{currency}]", f"high [{currency}]", "note"]
    return [sheet("own", columns, rows)]


def upgrades_json(selector: str, name: str, within: Inside, plan: Plan, found: Sequence[Upgrade]) -> dict[str, Any]:
    """Return the upgrades of a machine, ready for JSON: stable keys, documented in docs/json.md."""
    body = within.sheet
    return {
        "selector": selector,
        "name": name,
        "bought": plan.bought.isoformat(),
        "on": plan.on.isoformat(),
        "currency": plan.currency,
        "repairability": {
            "score": within.score(),
            "status": "illustrative",
            "published": body.published_score,
            "published_of": body.published_of or None,
            "published_words": body.published_words or None,
            "source": body.source.get("published_score"),
        },
        "upgrades": [_upgrade(one) for one in found],
    }


def upgrades_sheets(found: Sequence[Upgrade], currency: str) -> list[Sheet]:
    """Return the upgrades of a machine as a table, and the steps of each way as another."""
    columns = [
        "part", "to", "possible", "minutes", "restore", f"cost [{currency}]", f"low [{currency}]",
        f"high [{currency}]", f"at the start [{currency}]", "gain", "cheaper from", "regret from", "advice", "why",
    ]  # fmt: skip
    rows = [
        [
            one.slot, one.choice, one.possible, one.way.minutes, one.restore, *_cells(one.total), one.at_start,
            one.gain, one.cheaper_from, one.regret_from, one.advice, one.why,
        ]
        for one in found
    ]  # fmt: skip
    ways = {one.slot: one.way for one in found}
    steps = [
        [slot, number, step.words, step.minutes, step.damage, ", ".join(step.tools)]
        for slot, way in ways.items()
        for number, step in enumerate((*way.off, *way.on), start=1)
    ]
    heads = ["part", "step", "what", "minutes", "damage", "tools"]
    return [sheet("upgrades", columns, rows), sheet("steps", heads, steps)]


def _scenario(one: Scenario) -> dict[str, Any]:
    later = one.later
    return {
        "selector": one.selector,
        "name": one.name,
        "on": one.on.isoformat(),
        "costs": [_cost(cost) for cost in one.costs],
        "total": asdict(one.total),
        "complete": one.complete,
        "per_year": one.per_year,
        "per_hour": one.per_hour,
        "working_w": one.working_w,
        "energy_kwh": one.energy_kwh,
        "upgrade": None
        if later is None
        else {
            "slot": later.found.slot,
            "choice": later.found.choice,
            "later": asdict(later.found.total) if later.found.total else NO_BAND,
            "at_start": later.at_start,
            "verdict": later.words,
        },
        "applecare": one.applecare and {"price": one.applecare[0], "repairs_saved": one.applecare[1]},
        "notes": list(one.notes),
    }


def _upgrade(one: Upgrade) -> dict[str, Any]:
    way = one.way
    return {
        "slot": one.slot,
        "choice": one.choice or None,
        "possible": one.possible,
        "why": one.why,
        "restore": one.restore,
        "minutes": way.minutes,
        "tools": list(way.tools),
        "risks": way.risks,
        "consumables": way.consumables,
        "steps": [
            {"part": step.part, "words": step.words, "minutes": step.minutes, "damage": step.damage}
            for step in (*way.off, *way.on)
        ],
        "costs": [_cost(cost) for cost in one.costs],
        "total": asdict(one.total) if one.total else NO_BAND,
        "at_start": one.at_start,
        "gain": one.gain,
        "cheaper_from": one.cheaper_from and one.cheaper_from.isoformat(),
        "regret_from": one.regret_from and one.regret_from.isoformat(),
        "advice": one.advice,
    }


def _cost(cost: Cost) -> dict[str, Any]:
    return {"name": cost.name, **(asdict(cost.band) if cost.band else NO_BAND), "words": cost.words}


def _cells(band: Band | None) -> list[float | None]:
    return [band.value, band.low, band.high] if band else [None, None, None]
