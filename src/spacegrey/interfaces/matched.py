"""A match as every interface shows it: the words of its lines, its JSON, its tables for a spreadsheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spacegrey.decide.components import component
from spacegrey.interfaces.bill import line_json
from spacegrey.interfaces.table_file import Sheet, sheet
from spacegrey.machine.catalog import part

if TYPE_CHECKING:
    import datetime as dt

    from spacegrey.decide.differences import Difference
    from spacegrey.decide.match import Answer, Match
    from spacegrey.decide.tipping import Tipping

WAYS = ("same specification", "same price")


def answers(found: Match) -> dict[str, Answer | None]:
    """Return the two answers by their names in words."""
    return dict(zip(WAYS, (found.same_specification, found.same_price), strict=True))


def as_json(found: Match, asked: dt.date | None) -> dict[str, Any]:
    """Return a match with the keys that docs/json.md names."""
    bill = found.reference
    return {
        "selector": bill.selector,
        "name": bill.name,
        "asked_on": asked.isoformat() if asked else None,
        "on": bill.on.isoformat(),
        "currency": bill.currency,
        "total": bill.total,
        "complete": bill.complete,
        "peak_noise_dba": found.reference_noise_dba,
        "workloads": list(found.workloads),
        "without": list(found.dropped),
        "same_specification": _answer(found.same_specification),
        "same_price": _answer(found.same_price),
        "why_no_same_price": found.why_no_same_price,
        "tipping": _tipping(found.tipping),
    }


def as_sheets(found: Match) -> list[Sheet]:
    """Return a match as tables: both bills, and both lists of differences."""
    money = found.reference.currency
    bills: list[list[Any]] = []
    told: list[list[Any]] = []
    for way, one in answers(found).items():
        if one is None:
            continue
        bills += [
            [way, line.item, line.price, line.low, line.high, line.date, line.source, line.note] for line in one.lines
        ]
        bills.append(
            [
                way,
                "total" if one.complete else "total at least",
                one.total,
                one.low,
                one.high,
                found.reference.on,
                "",
                "",
            ]
        )
        told += [
            [
                way,
                gap.name,
                gap.group,
                gap.reference,
                gap.match,
                gap.asked,
                gap.met,
                gap.price,
                gap.shared_with,
                gap.why,
            ]
            for gap in one.differences
        ]
    prices = [f"{name}_{money}" for name in ("price", "low", "high")]
    return [
        sheet("bills", ["answer", "item", *prices, "date", "source", "note"], bills),
        sheet(
            "differences",
            ["answer", "name", "group", "machine", "match", "asked", "met", f"price_{money}", "shared_with", "why"],
            told,
        ),
    ]


def item_words(item: str) -> str:
    """Return what a line of a match's bill is for, in words.

    Examples
    --------
    >>> item_words("4 x memory/ddr4-2666-ecc/8GB"), item_words("components/corsair-ax860")
    ('4 x 8GB DDR4-2666 ECC registered', 'Corsair AX860, 80 PLUS Platinum')
    """
    count, times, thing = item.rpartition(" x ")
    kind, name, *size = thing.split("/")
    named = component(name).name if kind == "components" else str(getattr(part(kind, name), "name", name))
    return count + times + " ".join([*size, named])


def _answer(one: Answer | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "selector": one.selector,
        "name": one.name,
        "drives": one.drives,
        "components": list(one.components),
        "total": one.total,
        "low": one.low,
        "high": one.high,
        "complete": one.complete,
        "by_group": one.by_group,
        "lines": [line_json(line) for line in one.lines],
        "differences": [_difference(gap) for gap in one.differences],
        "checks": [{"name": done.name, "verdict": done.verdict, "words": done.words} for done in one.checks],
        "speed": [{"workload": name, "relative_speed": value} for name, value in one.speed.items()],
        "overall_relative_speed": one.overall_speed,
        "peak_dc_w": one.peak_dc_w,
        "peak_noise_dba": one.peak_noise_dba,
    }


def _difference(gap: Difference) -> dict[str, Any]:
    return {
        "name": gap.name,
        "group": gap.group,
        "machine": gap.reference,
        "match": gap.match,
        "asked": gap.asked,
        "met": gap.met,
        "items": list(gap.items),
        "price": gap.price,
        "shared_with": gap.shared_with or None,
        "why": gap.why,
    }


def _tipping(one: Tipping | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "cheaper": one.cheaper,
        "difference": one.difference,
        "fall": one.fall,
        "classes": [{"class": share.name, "total": share.total, "fall": share.fall} for share in one.classes],
        "tips_on": one.tips_on.isoformat() if one.tips_on else None,
        "looked_until": one.looked_until.isoformat() if one.looked_until else None,
        "course": [{"on": day.isoformat(), "machine": own, "match": other} for day, own, other in one.course],
        "words": one.words,
    }
