"""The checks whether parts go together, each with its verdict in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from spacegrey.decide.components import Board, Card, Case, Cooler, Display, Supply, component
from spacegrey.decide.components import graphics_lengths_mm as card_lengths_mm
from spacegrey.decide.items import machine_file
from spacegrey.machine.spec import PART_SLOTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spacegrey.decide.build import Build
    from spacegrey.machine.assembly import Machine

C = TypeVar("C")
Verdict = Literal["fits", "tight", "does not fit", "not checked"]

COMFORTABLE = 0.8
"""Share of a supply's rating up to which it runs quietly and with room for spikes."""

GRAPHICS_LANES, DRIVE_LANES = 16, 4
LONG_CARD_LANES = 4
"""A card with so many lanes needs a long slot; one with fewer goes into a short one."""

LANE_GB_S = 0.985
"""Payload of a PCIe 3.0 lane: 8 GT/s, 128b/130b. [GB/s]"""

CHIPSET_LINK_LANES = 4


@dataclass(frozen=True)
class Check:
    """One question about a build, and its answer."""

    name: str
    verdict: Verdict
    words: str


def check(made: Build, peak_dc_w: float | None = None) -> tuple[Check, ...]:
    """Return the checks of a build.

    Parameters
    ----------
    made : Build
        The parts.
    peak_dc_w : float, optional
        The most that the supply delivers in the simulated worst case (`peak_dc_w`); None: this is not checked. [W]

    Returns
    -------
    tuple of Check
        Socket, memory, error correction, cooler, case, slots and lanes, and the supply's head-room.

    Examples
    --------
    >>> from spacegrey.decide.build import build
    >>> [(one.name, one.verdict) for one in check(build("pc-x299"), 400.0)][:2]
    [('socket', 'fits'), ('memory', 'fits')]
    """
    board = _only(made, Board)
    found: list[Check] = []
    if board is None:
        found.append(Check("socket", "does not fit", "no mainboard is among the components"))
    else:
        found += [_socket(made, board), _memory(made, board), _ecc(made, board)]
    found += [_cooler(made), *_case(made, board)]
    if board is not None:
        found += [_lanes(made, board), _thunderbolt(made, board)]
    found.append(_supply(made, peak_dc_w))
    return tuple(found)


def fits(checks: Iterable[Check]) -> bool:
    """Whether no check says that a build cannot be.

    Examples
    --------
    >>> from spacegrey.decide.build import build
    >>> fits(check(build("pc-x299:w-2145")))  # a Xeon W takes registered memory only
    False
    """
    return all(one.verdict != "does not fit" for one in checks)


def conflict(checks: Iterable[Check]) -> str:
    """Return why a build cannot be, in words; empty where no check says so.

    Examples
    --------
    >>> conflict([Check("socket", "fits", "LGA"), Check("memory", "does not fit", "9 modules for 8 slots")])
    '9 modules for 8 slots'
    """
    return "; ".join(one.words for one in checks if one.verdict == "does not fit")


def starts(made: Build) -> bool:
    """Whether the board starts the processor."""
    board = _only(made, Board)
    return board is not None and fits((_socket(made, board),))


def holds_together(made: Build) -> bool:
    """Whether board, processor, memory and case go together, whatever else is missing."""
    board = _only(made, Board)
    return board is not None and fits(
        (_socket(made, board), _memory(made, board), _ecc(made, board), *_case(made, board))
    )


def peak_dc_w(chosen: Machine, peak_wall_w: float) -> float:
    """Return what the supply delivers when so much is drawn from the wall. [W]

    Parameters
    ----------
    chosen : Machine
        For its supply's losses.
    peak_wall_w : float
        The highest power of a run. [W]

    Examples
    --------
    >>> from spacegrey.machine.assembly import machine
    >>> round(peak_dc_w(machine("pc-x299"), 500.0), 1)
    463.7
    """
    sheet = chosen.supply
    linear, square = 1.0 + sheet.proportional_loss, sheet.resistive_loss_per_w
    spare = peak_wall_w - sheet.standing_loss_w
    # wall = load + standing + a load + c load^2, for load; the stable form for small c.
    return 2.0 * spare / (linear + (linear * linear + 4.0 * square * spare) ** 0.5)


def _only(made: Build, sheet: type[C]) -> C | None:
    return next((one for name in made.components if isinstance(one := component(name), sheet)), None)


def _cards(made: Build) -> list[Card]:
    return [one for name in made.components if isinstance(one := component(name), Card)]


def _part(made: Build, slot: str) -> str:
    return str(machine_file(made.machine.id).options[slot].choices[made.machine.chosen[slot]].part)


def _own(made: Build, slot: str) -> bool:
    """Whether a part is described in the machine's own file: no board of the catalog can name it."""
    return _part(made, slot) in machine_file(made.machine.id).parts.get(PART_SLOTS[slot], {})


def _socket(made: Build, board: Board) -> Check:
    processor = made.machine.processor
    if processor.socket != board.socket:
        return Check(
            "socket", "does not fit", f"{processor.name} needs {processor.socket}, {board.name} has {board.socket}"
        )
    if _own(made, "processor"):
        words = f"both have {processor.socket}; whether {board.name} starts your {processor.name} is not known"
        return Check("socket", "not checked", words)
    if _part(made, "processor") not in board.processors:
        words = f"{processor.name} goes into the socket, but {board.name} ({board.chipset}) does not start it"
        return Check("socket", "does not fit", words)
    return Check("socket", "fits", f"{processor.socket}, and {board.name} starts {processor.name}")


def _memory(made: Build, board: Board) -> Check:
    chosen, memory = made.machine, made.machine.memory
    if not _own(made, "memory") and _part(made, "memory") not in board.memory:
        return Check("memory", "does not fit", f"{board.name} does not take {memory.name} modules")
    if chosen.memory_modules > board.memory_slots:
        return Check("memory", "does not fit", f"{chosen.memory_modules} modules for {board.memory_slots} slots")
    if chosen.memory_gib > min(board.memory_most_gib, chosen.processor.capacity_memory_gib):
        most = min(board.memory_most_gib, chosen.processor.capacity_memory_gib)
        return Check("memory", "does not fit", f"{chosen.memory_gib:g} GiB is more than the {most:g} GiB it takes")
    channels = chosen.processor.memory_channels
    words = f"{chosen.memory_modules} x {memory.name} in {board.memory_slots} slots"
    if chosen.memory_modules % channels:
        return Check("memory", "tight", f"{words}: not a multiple of {channels} channels, so some run alone")
    return Check("memory", "fits", f"{words}, all {channels} channels")


def _ecc(made: Build, board: Board) -> Check:
    memory = made.machine.memory
    if memory.ecc and board.ecc:
        return Check("error correction", "fits", f"{memory.name} on {board.name}: single-bit errors are corrected")
    if memory.ecc:
        return Check("error correction", "does not fit", f"{board.name} has no use for the extra bits of {memory.name}")
    return Check("error correction", "fits", f"none: {memory.name} modules cannot")


def _cooler(made: Build) -> Check:
    cooler, processor = _only(made, Cooler), made.machine.processor
    if cooler is None:
        return Check("cooler", "does not fit", "no cooler is among the components")
    if processor.socket not in cooler.sockets:
        return Check("cooler", "does not fit", f"{cooler.name} has no bracket for {processor.socket}")
    if processor.pl1_w > cooler.holds_w:
        words = f"{processor.name} may draw {processor.pl1_w:g} W for long, {cooler.name} holds {cooler.holds_w:g} W"
        return Check("cooler", "tight", f"{words}: it will slow down")
    return Check(
        "cooler", "fits", f"{cooler.name} holds {cooler.holds_w:g} W; {processor.pl1_w:g} W are drawn for long"
    )


def _case(made: Build, board: Board | None) -> list[Check]:
    case, cooler = _only(made, Case), _only(made, Cooler)
    if case is None:
        return [Check("case", "does not fit", "no case is among the components")]
    if board is not None and board.form not in case.forms:
        return [
            Check("case", "does not fit", f"{board.name} is {board.form}; {case.name} takes {', '.join(case.forms)}")
        ]
    length_mm = card_lengths_mm().get(_part(made, "graphics"))
    if length_mm is not None and length_mm > case.graphics_most_mm:
        words = f"a graphics card of {length_mm:g} mm; {case.name} has room for {case.graphics_most_mm:g} mm"
        return [Check("case", "does not fit", words)]
    if cooler is not None and cooler.height_mm is not None and cooler.height_mm > case.cooler_most_mm:
        words = f"{cooler.name} is {cooler.height_mm:g} mm high; {case.name} has {case.cooler_most_mm:g} mm"
        return [Check("case", "does not fit", words)]
    if cooler is not None and cooler.radiator_mm is not None and cooler.radiator_mm > case.radiator_most_mm:
        words = f"a radiator of {cooler.radiator_mm:g} mm; {case.name} holds {case.radiator_most_mm:g} mm"
        return [Check("case", "does not fit", words)]
    known = (
        f"the card's {length_mm:g} mm of {case.graphics_most_mm:g}" if length_mm else "the card's length is not known"
    )
    verdict: Verdict = "fits" if length_mm else "not checked"
    return [Check("case", verdict, f"{board.form if board else 'board'} in {case.name}; {known}")]


def _lanes(made: Build, board: Board) -> Check:
    """Place the graphics card and drives at the processor first, cards in the long slots, the rest at the chipset."""
    cards = _cards(made)
    long = sorted((card.lanes for card in cards if card.lanes >= LONG_CARD_LANES), reverse=True)
    slots = sorted(board.slots[1:], reverse=True)
    if len(long) > len(slots) or any(card > slot for card, slot in zip(long, slots, strict=False)):
        words = f"{len(long)} cards beside the graphics card; {board.name} has {len(slots)} more long slots"
        return Check("slots and lanes", "does not fit", words)
    if made.drives > board.m2_slots:
        return Check("slots and lanes", "does not fit", f"{made.drives} drives for {board.m2_slots} M.2 slots")
    free = made.machine.processor.pcie_lanes - board.processor_lanes_taken
    halved = board.second_slot_shares and len(long) > len(slots) - 1
    graphics = min(GRAPHICS_LANES, board.slots[0]) // (2 if halved else 1)
    rest = [DRIVE_LANES] * made.drives + [card.lanes for card in cards]
    at_processor, at_chipset = graphics, 0
    for lanes in rest:
        if at_processor + lanes <= free:
            at_processor += lanes
        else:
            at_chipset += lanes
    words = f"{at_processor} of {free} lanes at the processor, {at_chipset} of {board.chipset_lanes} at the chipset"
    if at_processor > free or at_chipset > board.chipset_lanes:
        return Check("slots and lanes", "does not fit", words)
    if graphics < GRAPHICS_LANES:
        return Check("slots and lanes", "tight", f"{words}; the graphics card runs with {graphics}")
    if at_chipset > CHIPSET_LINK_LANES:
        share = CHIPSET_LINK_LANES * LANE_GB_S
        return Check("slots and lanes", "tight", f"{words}, which share one link of {share:.1f} GB/s")
    return Check("slots and lanes", "fits", words)


def _thunderbolt(made: Build, board: Board) -> Check:
    cards = [card for card in _cards(made) if card.thunderbolt]
    display = _only(made, Display)
    if len(cards) > board.thunderbolt_headers:
        words = f"{len(cards)} Thunderbolt cards for {board.thunderbolt_headers} headers of {board.name}"
        return Check("thunderbolt", "does not fit", words)
    if display is None or display.input != "thunderbolt":
        ports = sum(card.thunderbolt for card in cards)
        return Check("thunderbolt", "fits", f"{ports} ports on {len(cards)} cards" if cards else "none")
    streams = max((card.displayport_inputs for card in cards), default=0)
    if not streams:
        return Check("thunderbolt", "does not fit", f"{display.name} takes its picture over Thunderbolt only")
    if streams == 1 and display.single_stream_width:
        shown = f"{display.single_stream_width} x {display.single_stream_height}"
        words = f"{cards[0].name} leads one DisplayPort stream: {display.name} shows {shown}"
        return Check("thunderbolt", "tight", words)
    return Check("thunderbolt", "fits", f"two DisplayPort streams reach {display.name}")


def _supply(made: Build, load_w: float | None) -> Check:
    supply = _only(made, Supply)
    if supply is None:
        return Check("supply", "does not fit", "no power supply is among the components")
    if load_w is None:
        return Check("supply", "not checked", f"{supply.name}: its load was not simulated")
    words = f"{load_w:.0f} W at most in the simulated worst case, of {supply.rated_w:g} W"
    if load_w > supply.rated_w:
        return Check("supply", "does not fit", words)
    return Check("supply", "fits" if load_w <= COMFORTABLE * supply.rated_w else "tight", words)
