"""Everything that a self-built machine of a day could be made of: one list of bids for each dimension of a want."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from spacegrey.decide.build import of_choices, striped
from spacegrey.decide.checks import LONG_CARD_LANES
from spacegrey.decide.components import (
    Accessory,
    Board,
    Card,
    Case,
    Component,
    Cooler,
    Display,
    Service,
    Software,
    Supply,
    components,
    of_kind,
)
from spacegrey.decide.components import graphics_lengths_mm as card_lengths_mm
from spacegrey.decide.items import machine_file, size_label
from spacegrey.decide.wants import graphics_maker, graphics_tflops
from spacegrey.machine.catalog import machine_ids, part
from spacegrey.simulation.lowering import storage_rates_gb_s

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from spacegrey.machine.spec import Choice
    from spacegrey.parts.memory.spec import Memory
    from spacegrey.parts.processor.spec import Processor

MOST_DRIVES = 2
NOTHING: Mapping[str, Given] = MappingProxyType({})


@dataclass(frozen=True)
class Given:
    """What a bid gives of one want: the number, the words, and the items that bring it."""

    value: float
    words: str
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bid:
    """One way to fill a dimension.

    Attributes
    ----------
    items : tuple
        What is bought: key and count.
    gives : mapping
        Name of a want to what it gives.
    choices : mapping
        Option of the machine's file to the choice taken.
    components : tuple of str
        Ids of catalog/components.
    drives : int
        Equal drives.
    """

    items: tuple[tuple[str, int], ...] = ()
    gives: Mapping[str, Given] = field(default_factory=lambda: NOTHING)
    choices: Mapping[str, str] = field(default_factory=dict[str, str])
    components: tuple[str, ...] = ()
    drives: int = 1


def season(on: dt.date) -> dt.date:
    """Return the last day, up to a day, on which something came to the shops or left them.

    Between two such days the shelves are the same, so what they allow is worked out once.

    Examples
    --------
    >>> import datetime as dt
    >>> season(dt.date(2019, 7, 31))
    datetime.date(2019, 7, 30)
    """
    return max((day for day in _changes() if day <= on), default=dt.date.min)


@functools.cache
def _changes() -> frozenset[dt.date]:
    things: list[Component | Choice] = [*components().values()]
    for name in machine_ids():
        file = machine_file(name)
        if file.spec.components:
            things += [choice for option in file.options.values() for choice in option.choices.values()]
    days = {day for thing in things for day in (thing.available, thing.withdrawn) if day is not None}
    return frozenset(days | {day for name in machine_ids() if (day := machine_file(name).spec.on_sale)})


@functools.cache
def platforms(on: dt.date) -> list[str]:
    """Return the machines of the catalog that are built from components and could be on a day."""
    files = {name: machine_file(name) for name in machine_ids()}
    return [
        name
        for name, file in files.items()
        if file.spec.components and (file.spec.on_sale is None or file.spec.on_sale <= on)
    ]


@functools.cache
def sold(platform: str, slot: str, on: dt.date) -> Mapping[str, Choice]:
    """Return the choices of an option that a shop sold on a day: none that the owner has to set up."""
    file = machine_file(platform)
    return {
        name: choice
        for name, choice in file.options[slot].choices.items()
        if not choice.set
        and (choice.available is None or choice.available <= on)
        and (choice.withdrawn is None or on < choice.withdrawn)
    }


@functools.cache
def boards_for(part_id: str, on: dt.date) -> Mapping[str, Board]:
    """Return the boards of a day that start a processor."""
    return {name: board for name, board in of_kind(Board, on).items() if part_id in board.processors}


@functools.cache
def processor_bid(platform: str, choice: str) -> Bid:
    """Return the bid of one processor."""
    part_id = str(machine_file(platform).options["processor"].choices[choice].part)
    sheet, item = cast("Processor", part("processors", part_id)), f"processors/{part_id}"
    gives = {
        "cores": Given(sheet.cores, f"{sheet.cores} cores, {sheet.name}", (item,)),
        "threads": Given(sheet.threads, f"{sheet.threads} threads", (item,)),
    }
    return Bid(((item, 1),), gives, {"processor": choice})


@functools.cache
def graphics_bid(platform: str, choice: str, maker: str) -> Bid:
    """Return the bid of one graphics card, beside graphics of a maker."""
    part_id = str(machine_file(platform).options["graphics"].choices[choice].part)
    chosen = of_choices(platform, {"graphics": choice})
    item, rate, memory = f"graphics/{part_id}", graphics_tflops(chosen), chosen.graphics.memory_gib
    gives = {
        "graphics-rate": Given(rate, f"{rate:.1f} TFLOPS, {chosen.graphics.name}", (item,)),
        "graphics-memory": Given(memory, f"{memory:g} GiB", (item,)),
    }
    made_by = graphics_maker(chosen)
    gives["graphics-maker"] = Given(float(made_by == maker), made_by, (item,))
    return Bid(((item, 1),), gives, {"graphics": choice})


@functools.cache
def memory_bids(platform: str, board_id: str, most_gib: float) -> tuple[Bid, ...]:
    """Return the sets of modules that go into a board, of at most what the processor addresses."""
    board, found = of_kind(Board)[board_id], list[Bid]()
    for name, choice in machine_file(platform).options["memory"].choices.items():
        modules, gib = cast("int", choice.modules), cast("float", choice.gib_per_module)
        if choice.part not in board.memory or modules > board.memory_slots:
            continue
        if modules * gib > min(board.memory_most_gib, most_gib):
            continue
        sheet, item = (
            cast("Memory", part("memory", str(choice.part))),
            f"memory/{choice.part}/{size_label(f'{gib:g}GB')}",
        )
        corrects = sheet.ecc and board.ecc
        gives = {
            "memory": Given(modules * gib, f"{modules * gib:g} GiB, {modules} x {sheet.name}", (item,)),
            "ecc": Given(float(corrects), sheet.name if corrects else "no ECC", (item,)),
        }
        found.append(Bid(((item, modules),), gives, {"memory": name}))
    return tuple(found)


@functools.cache
def storage_bids(platform: str, m2_slots: int, on: dt.date) -> tuple[Bid, ...]:
    """Return one drive or two equal ones as a stripe."""
    found: list[Bid] = []
    for (name, choice), drives in itertools.product(sold(platform, "storage", on).items(), range(1, MOST_DRIVES + 1)):
        if drives > m2_slots:
            continue
        chosen = striped(of_choices(platform, {"storage": name}), drives)
        read, write = storage_rates_gb_s(chosen)
        item = f"storage/{choice.part}/{size_label(cast('float', choice.tb))}"
        words = f"{chosen.storage_tb:g} TB" + (f", {drives} drives as a stripe" if drives > 1 else "")
        gives = {
            "storage": Given(chosen.storage_tb, words, (item,)),
            "storage-read": Given(read, f"{read:.1f} GB/s", (item,)),
            "storage-write": Given(write, f"{write:.1f} GB/s", (item,)),
        }
        found.append(Bid(((item, drives),), gives, {"storage": name}, drives=drives))
    return tuple(found)


@functools.cache
def frame_bids(platform: str, board_id: str, graphics: str, on: dt.date) -> tuple[Bid, ...]:
    """Return board, cooler, supply and case that go together and that the run of this machine stands for."""
    file, board = machine_file(platform), of_kind(Board)[board_id]
    length_mm = card_lengths_mm().get(str(file.options["graphics"].choices[graphics].part), 0.0)
    coolers = {
        name: one
        for name, one in of_kind(Cooler, on).items()
        if file.spec.cooling in one.stands_for and board.socket in one.sockets
    }
    supplies = [name for name, one in of_kind(Supply, on).items() if file.spec.supply in one.stands_for]
    found: list[Bid] = []
    for (cooler_id, cooler), supply, (case_id, case) in itertools.product(
        coolers.items(), supplies, of_kind(Case, on).items()
    ):
        high, wide = cooler.height_mm or 0.0, cooler.radiator_mm or 0.0
        roomy = length_mm <= case.graphics_most_mm and high <= case.cooler_most_mm and wide <= case.radiator_most_mm
        if board.form in case.forms and roomy:
            found.append(_components(board_id, cooler_id, supply, case_id))
    return tuple(found)


@functools.cache
def card_bids(board_id: str, on: dt.date) -> tuple[Bid, ...]:
    """Return cards and display for a board: Thunderbolt, Ethernet, Wi-Fi, and the picture that reaches a display."""
    board, cards = of_kind(Board)[board_id], of_kind(Card, on)
    thunderbolt = [_group(name, board.thunderbolt_headers) for name, card in cards.items() if card.thunderbolt]
    ethernet = [[(name,)] for name, card in cards.items() if card.ethernet_gbit_s]
    wifi = [[(name,)] for name, card in cards.items() if card.wifi_gbit_s]
    lists = [[(), *itertools.chain.from_iterable(groups)] for groups in (thunderbolt, ethernet, wifi)]
    found: list[Bid] = []
    for groups in itertools.product(*lists):
        chosen = tuple(itertools.chain.from_iterable(groups))
        if not _slots_for([cards[name] for name in chosen], board):
            continue
        displays = (None, *of_kind(Display, on))
        found += [_cards_and_display(board_id, board, chosen, display, on) for display in displays]
    return tuple(found)


@functools.cache
def desk_bids(missing: frozenset[str], on: dt.date) -> tuple[Bid, ...]:
    """Return every set of accessories and services that brings something that is missing."""
    useful = [
        name
        for sheet in (Accessory, Service)
        for name, one in of_kind(sheet, on).items()
        if missing & set(one.provides)
    ]
    found: list[Bid] = []
    for count in range(len(useful) + 1):
        for names in itertools.combinations(useful, count):
            brings = {thing: name for name in names for thing in _provides(name) if thing in missing}
            gives = {thing: Given(1.0, _name(name), (f"components/{name}",)) for thing, name in brings.items()}
            found.append(Bid(_components(*names).items, gives, components=names))
    return tuple(found)


@functools.cache
def licence_bids(gib: float, on: dt.date) -> tuple[Bid, ...]:
    """Return the operating systems that use so much memory."""
    return tuple(
        Bid(_components(name).items, {"licence": Given(1.0, one.name, (f"components/{name}",))}, components=(name,))
        for name, one in of_kind(Software, on).items()
        if one.memory_most_gib >= gib
    )


def _components(*names: str) -> Bid:
    return Bid(tuple((f"components/{name}", names.count(name)) for name in dict.fromkeys(names)), components=names)


def _group(name: str, most: int) -> list[tuple[str, ...]]:
    """Return one card, two, up to as many as the board has headers for."""
    return [(name,) * count for count in range(1, most + 1)]


def _slots_for(cards: list[Card], board: Board) -> bool:
    long = sorted((card.lanes for card in cards if card.lanes >= LONG_CARD_LANES), reverse=True)
    slots = sorted(board.slots[1:], reverse=True)
    return len(long) <= len(slots) and all(card <= slot for card, slot in zip(long, slots, strict=False))


def _cards_and_display(board_id: str, board: Board, names: tuple[str, ...], display_id: str | None, on: dt.date) -> Bid:
    cards = of_kind(Card, on)
    chosen = [(name, cards[name]) for name in dict.fromkeys(names)]
    gives = dict(_ports(board_id, board, names, chosen))
    bought = names
    if display_id is not None:
        streams = max((card.displayport_inputs for _, card in chosen), default=0)
        gives |= _picture(display_id, of_kind(Display, on)[display_id], streams)
        bought = (*names, display_id)
    return Bid(_components(*bought).items, gives, components=bought)


def _ports(
    board_id: str, board: Board, names: tuple[str, ...], chosen: list[tuple[str, Card]]
) -> Iterator[tuple[str, Given]]:
    here = (f"components/{board_id}",)
    ports = sum(card.thunderbolt * names.count(name) for name, card in chosen)
    by = tuple(f"components/{name}" for name, card in chosen if card.thunderbolt)
    yield "thunderbolt", Given(ports, f"{ports} ports" if ports else "none", by)
    rate, by = board.ethernet_gbit_s, here
    for name, card in chosen:
        if max(card.ethernet_gbit_s, default=0.0) > rate:
            rate, by = max(card.ethernet_gbit_s), (f"components/{name}",)
    yield "ethernet", Given(rate, f"{rate:g} Gb/s", by)
    rate, by = board.wifi_gbit_s, here
    for name, card in chosen:
        if card.wifi_gbit_s > rate:
            rate, by = card.wifi_gbit_s, (f"components/{name}",)
    yield "wifi", Given(rate, f"{rate:g} Gb/s" if rate else "none", by)
    yield "usb-a", Given(board.usb_a, f"{board.usb_a} ports, {board.usb_a_gbit_s:g} Gb/s", here)


def _picture(name: str, display: Display, streams: int) -> dict[str, Given]:
    """Return what a display shows when so many DisplayPort streams can be led to its Thunderbolt cable."""
    by = (f"components/{name}",)
    width, height = display.width, display.height
    if display.input == "thunderbolt":
        if streams == 0:
            return {}
        if streams == 1:
            width, height = display.single_stream_width or width, display.single_stream_height or height
    share = display.p3_share
    gives = {
        "display-pixels": Given(width * height, f"{width} x {height}, {display.name}", by),
        "display-gamut": Given(share or 0.0, f"{share:.0%} of P3".replace("%", " %") if share else "not known", by),
        "display-nits": Given(display.peak_nits, f"{display.peak_nits:g} nits", by),
        "display-bits": Given(display.bits_per_colour, f"{display.bits_per_colour} bits", by),
    }
    return gives | {thing: Given(1.0, f"in {display.name}", by) for thing in display.provides}


def _provides(name: str) -> list[str]:
    return [str(thing) for thing in _component(name).provides]


def _name(name: str) -> str:
    return _component(name).name


def _component(name: str) -> Accessory | Service:
    return {**of_kind(Accessory), **of_kind(Service)}[name]
