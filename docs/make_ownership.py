"""Write the tables of the pages about owning and upgrading from the catalog; with ``--check`` only compare."""

# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pages import fill, finish, table

from spacegrey.decide.disassembly import insides
from spacegrey.decide.resale import fit
from spacegrey.sourced import sources

if TYPE_CHECKING:
    from spacegrey.decide.disassembly import Inside, Slot

AGES = (0, 1, 2, 3, 4, 5, 6)


def main(arguments: list[str]) -> int:
    """Fill the pages; return 1 if only a comparison was asked for and one is out of date."""
    pages = {
        "own.md": fill("own.md", {"resale points": _points(), "resale curve": _curve()}),
        "upgrades.md": fill("upgrades.md", {"repairability": _repairability()}),
    }
    return finish(pages, check="--check" in arguments)


def _points() -> str:
    rows = [
        (one.machine, one.way, one.date, f"{one.age:.1f}", _percent(one.share), _linked(one.source))
        for one in sorted(fit().points, key=lambda one: (one.way != "trade-in", one.machine, one.date))
    ]
    return table(("machine", "way", "day", "age [years]", "share of the price when new", "source"), rows, "de")


def _curve() -> str:
    curve = fit()
    rows = [
        (age, *(f"{_percent(middle)} ({_percent(low)} to {_percent(high)})" for middle, low, high in bands))
        for age in AGES
        for bands in [[curve.share(float(age), way) for way in curve.levels]]
    ]
    words = (
        f"The fitted line: {_percent(curve.per_year)} a year, {len(curve.points)} sums, scatter of the logarithm "
        f"{curve.sigma:.2f}."
    )
    return f"{words}\n\n{table(('age [years]', *curve.levels), rows, 'a')}"


def _repairability() -> str:
    rows = [
        (
            within.sheet.name,
            f"{within.score():.1f}",
            "" if within.sheet.published_score is None else within.sheet.published_score,
            within.sheet.published_of,
            _minutes(within, "memory"),
            _minutes(within, "storage"),
            _minutes(within, "graphics"),
        )
        for within in {id(one.sheet): one for one in insides().values()}.values()
    ]
    head = ("machine", "computed", "published", "for", "memory", "storage", "graphics")
    words = "Times are there and back, in minutes."
    return f"{table(head, sorted(rows), 'bcefg')}\n\n{words}"


def _minutes(within: Inside, slot: Slot) -> str:
    key = within.part_of(slot)
    if key is None:
        return ""
    return "soldered" if within.sheet.parts[key].fixed == "soldered" else f"{within.path(key).minutes:.0f}"


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


def _linked(key: str) -> str:
    entry = sources().get(key, {})
    where = entry.get("url")
    return f"[{entry['title']}]({where})" if where else entry.get("title", key)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
