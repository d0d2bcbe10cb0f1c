"""The search for the self-built machine that equals another at least cost, or outruns it at the same cost.

A build's unmet wants and its cost are sums over dimensions that do not touch each other once platform, processor,
graphics and board are chosen, so each dimension is settled alone and the whole is exact.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from spacegrey.decide.bids import (
    Bid,
    Given,
    boards_for,
    card_bids,
    desk_bids,
    frame_bids,
    graphics_bid,
    licence_bids,
    memory_bids,
    platforms,
    processor_bid,
    season,
    sold,
    storage_bids,
)
from spacegrey.decide.build import Build, of_choices, striped
from spacegrey.decide.items import machine_file
from spacegrey.decide.prices import Price, price_on
from spacegrey.machine.catalog import part

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping

    from spacegrey.decide.offers import Offers
    from spacegrey.decide.wants import Want
    from spacegrey.parts.processor.spec import Processor

SETTLED_BY_SPEED = (
    "cores",
    "threads",
    "graphics-rate",
    "graphics-memory",
    "graphics-maker",
    "ecc",
    "storage-read",
    "storage-write",
)
"""Wants that a search for speed gives up: it measures speed instead."""

NEVER = Given(0.0, "none")

Key = tuple[int, float, int, float]
"""Unmet wants, how far they are missed, lines without a known price, sum of the known ones; the least is best."""


@dataclass(frozen=True)
class Candidate:
    """One build, and how it stands.

    Attributes
    ----------
    key : tuple
        Unmet wants, how far they are missed (1 for one that is missed wholly), unknown prices, cost.
    platform, choices
        The machine of the catalog, and the choice of each of its options.
    given : mapping
        Name of a want to what the build gives of it.
    """

    key: Key
    platform: str
    choices: tuple[tuple[str, str], ...]
    drives: int
    components: tuple[str, ...]
    given: Mapping[str, Given]

    @property
    def cost(self) -> float:
        """Sum of the known prices."""
        return self.key[3]

    @property
    def complete(self) -> bool:
        """Whether every line has a known price."""
        return self.key[2] == 0

    def build(self) -> Build:
        """Return it put together."""
        return Build(striped(of_choices(self.platform, dict(self.choices)), self.drives), self.drives, self.components)


class Market:
    """What things cost on one day; each asked once."""

    def __init__(
        self, offers: Offers, on: dt.date, currency: str = "USD", rates: Mapping[str, float] | None = None
    ) -> None:
        """Remember the day."""
        self.offers, self.on, self.currency, self.rates = offers, on, currency, rates
        self._known: dict[str, Price] = {}

    def price(self, item: str) -> Price:
        """Return what a thing costs."""
        found = self._known.get(item)
        if found is None:
            found = price_on(item, self.on, self.offers, currency=self.currency, rates=self.rates)
            self._known[item] = found
        return found

    def sells(self, bid: Bid) -> bool:
        """Whether nothing of a bid has its first price after this day: a part that has one was not yet there."""
        return all(
            not (known := self.offers.of(item)) or known[0].kind != "list" or known[0].date <= self.on
            for item, _ in bid.items
        )

    def cost(self, items: Iterable[tuple[str, int]]) -> tuple[int, float]:
        """Return how many lines have no known price, and the sum of the others."""
        unknown, total = 0, 0.0
        for item, count in items:
            value = self.price(item).value
            if value is None:
                unknown += 1
            else:
                total += count * value
        return unknown, total


def candidates(
    wanted: tuple[Want, ...],
    must: frozenset[str],
    market: Market,
    maker: str,
) -> list[Candidate]:
    """Return the best build for every platform, processor, graphics card and board of a day, the best first.

    Parameters
    ----------
    wanted : tuple of Want
        What the reference has.
    must : frozenset of str
        Names of the wants that count.
    market : Market
        The day and its prices.
    maker : str
        Of the reference's graphics.

    Notes
    -----
    Exact: `Key` is summed over dimensions that share nothing, and least in each.
    """
    on, one = season(market.on), _Sorter(wanted, must, market)
    found: list[Candidate] = []
    frames: dict[tuple[str, str], tuple[Key, Bid] | None] = {}
    never = one.unmet(("one-body",), {})
    for platform in platforms(on):
        file = machine_file(platform)
        bids = [graphics_bid(platform, name, maker) for name in sold(platform, "graphics", on)]
        cards = [one.keyed(bid, GRAPHICS) for bid in bids if market.sells(bid)]
        frames.clear()
        for processor in sold(platform, "processor", on):
            chip = processor_bid(platform, processor)
            if not market.sells(chip):
                continue
            keyed_chip = one.keyed(chip, ("cores", "threads"))
            part_id = str(file.options["processor"].choices[processor].part)
            for board_id, board in boards_for(part_id, on).items():
                most = cast("Processor", part("processors", part_id)).capacity_memory_gib
                memory = one.best(memory_bids(platform, board_id, most), ("memory", "ecc"))
                storage = one.best(
                    storage_bids(platform, board.m2_slots, on), ("storage", "storage-read", "storage-write")
                )
                around = one.around(board_id)
                if memory is None or storage is None or around is None:
                    continue
                licence = one.best(licence_bids(memory[1].gives["memory"].value, on), ("licence", "macos"))
                if licence is None:
                    continue
                for card in cards:
                    place = board_id, card[1].choices["graphics"]
                    if place not in frames:
                        frames[place] = one.best(frame_bids(platform, *place, on), ())
                    frame = frames[place]
                    if frame is not None:
                        dimensions = [keyed_chip, card, memory, storage, frame, around, licence]
                        found.append(_candidate(platform, dimensions, never))
    return sorted(found, key=lambda candidate: candidate.key)


class _Sorter:
    """Ranks the bids of one dimension."""

    def __init__(self, wanted: tuple[Want, ...], must: frozenset[str], market: Market) -> None:
        self.wants = {want.name: want for want in wanted if want.name in must}
        self.market, self.season = market, season(market.on)
        self.around = functools.cache(self._around)
        self._desk: dict[frozenset[str], tuple[Key, Bid]] = {}

    def unmet(self, names: Iterable[str], gives: Mapping[str, Given]) -> tuple[int, float]:
        """Count the wants of a dimension that a bid does not meet, and sum how far it misses them."""
        unmet, missed = 0, 0.0
        for name in names:
            want = self.wants.get(name)
            if want is not None:
                value = gives.get(name, NEVER).value
                if not want.met_by(value):
                    unmet, missed = unmet + 1, missed + 1.0 - value / want.least
        return unmet, round(missed, 9)

    def keyed(self, bid: Bid, names: Iterable[str]) -> tuple[Key, Bid]:
        """Return a bid with its key."""
        unknown, cost = self.market.cost(bid.items)
        return (*self.unmet(names, bid.gives), unknown, cost), bid

    def best(self, bids: Iterable[Bid], names: tuple[str, ...]) -> tuple[Key, Bid] | None:
        """Return the best bid of a dimension with its key; None where there is none."""
        found: tuple[Key, Bid] | None = None
        for bid in bids:
            short = self.unmet(names, bid.gives)
            # What misses more is not better at any price, so it is not priced.
            if found is None or short <= found[0][:2]:
                key = (*short, *self.market.cost(bid.items))
                if found is None or key < found[0]:
                    found = key, bid
        return found

    def _around(self, board_id: str) -> tuple[Key, Bid] | None:
        """Return cards, display, accessories and services for a board."""
        best: tuple[Key, Bid] | None = None
        for bid in card_bids(board_id, self.season):
            missing = frozenset(name for name in DESK if name in self.wants and name not in bid.gives)
            second = self.desk(missing)
            short = self.unmet(CARDS, bid.gives)
            if best is not None and _sum(((*short, 0, 0.0), second[0]))[:2] > best[0][:2]:
                continue
            key = _sum(((*short, *self.market.cost(bid.items)), second[0]))
            if best is None or key < best[0]:
                joined = Bid(
                    bid.items + second[1].items,
                    {**bid.gives, **second[1].gives},
                    components=bid.components + second[1].components,
                )
                best = key, joined
        return best

    def desk(self, missing: frozenset[str]) -> tuple[Key, Bid]:
        """Return what brings the equipment that is missing."""
        if missing not in self._desk:
            found = self.best(desk_bids(missing, self.season), tuple(sorted(missing)))
            self._desk[missing] = cast("tuple[Key, Bid]", found)
        return self._desk[missing]


GRAPHICS = ("graphics-rate", "graphics-memory", "graphics-maker")
CARDS = (
    "thunderbolt", "ethernet", "wifi", "usb-a", "display-pixels", "display-gamut", "display-nits", "display-bits",
)  # fmt: skip
DESK = ("camera", "microphone", "speakers", "card-reader", "keyboard", "mouse", "assembly", "support")


def _sum(keys: Iterable[Key]) -> Key:
    unmet, missed, unknown, cost = 0, 0.0, 0, 0.0
    for key in keys:
        unmet, missed, unknown, cost = unmet + key[0], missed + key[1], unknown + key[2], cost + key[3]
    return unmet, round(missed, 9), unknown, round(cost, 6)


def _candidate(platform: str, dimensions: list[tuple[Key, Bid]], never: tuple[int, float]) -> Candidate:
    choices: dict[str, str] = {}
    given: dict[str, Given] = {}
    components: tuple[str, ...] = ()
    drives = 1
    for _, bid in dimensions:
        choices |= bid.choices
        given |= bid.gives
        components += bid.components
        drives = max(drives, bid.drives)
    key = _sum([*(key for key, _ in dimensions), (*never, 0, 0.0)])
    return Candidate(key, platform, tuple(choices.items()), drives, components, given)
