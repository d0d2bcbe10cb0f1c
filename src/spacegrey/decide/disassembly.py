"""Taking a machine apart: which part comes off before which, how long it takes, what can break on the way.

A machine's inside is a graph in ``catalog/disassembly``: parts, what holds each (so many screws, cables, strips of
adhesive), and what must come off first. ``holds.toml`` says once for all machines how long each kind of hold takes and
how often something breaks at it. Times, risks and the repairability score are computed from these, never typed.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import Field

from spacegrey.errors import InputError, Refusal, unknown
from spacegrey.machine.catalog import machine_ids
from spacegrey.sourced import CATALOG, Document, Spec, read_spec, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Slot: TypeAlias = Literal["memory", "storage", "processor", "graphics", "supply", "cooling", "display"]

HALF_EASE_MINUTES = 60.0
"""A part whose exchange takes this long is half as easy to exchange as one that takes no time. [min]"""

PROPRIETARY_WORTH = 0.5
"""What a part that only its maker has counts for, against one that every shop sells."""


class Hold(Spec):
    """One kind of hold: what a screw, a cable or a strip of adhesive costs in time and risk."""

    name: str
    off_minutes: Annotated[float, Field(ge=0)] = Field(description="to undo one")
    on_minutes: Annotated[float, Field(ge=0)] = Field(description="to do one again")
    damage: Annotated[float, Field(ge=0, lt=1)] = Field(default=0.0, description="chance that one breaks something")
    breaks: str = Field(default="", description="what then breaks: display, board, cover, case, screw")
    tool: str = ""
    consumable: str = Field(default="", description="what must be bought new, in words")
    consumable_usd: Annotated[float, Field(ge=0)] = Field(default=0.0, description="its price for one hold [USD]")


class Part(Spec):
    """One part of a machine's inside."""

    name: str
    slot: Slot | None = Field(default=None, description="the option, or the wearing part, that it is")
    after: list[str] = Field(default_factory=list[str], description="parts that must be off before")
    held: dict[str, Annotated[int, Field(ge=1, le=100)]] = Field(description="kind of hold and how many")
    fixed: Literal["free", "proprietary", "soldered"] = Field(
        default="free", description="free: shops sell it; proprietary: its maker only; soldered: does not come off"
    )
    note: str = ""

    @property
    def restore(self) -> bool:
        """Whether the machine starts again only after an Apple Configurator restore."""
        return "restore" in self.held


class DisassemblySheet(Spec):
    """The inside of one machine, or of several with the same body."""

    name: str
    machines: list[str] = Field(min_length=1, description="ids of machines of the catalog")
    published_score: Annotated[int, Field(ge=0, le=10)] | None = Field(
        default=None, description="repairability as published, 10 is easiest"
    )
    published_of: str = Field(default="", description="the model that was scored")
    published_words: str = ""
    parts: dict[str, Part] = Field(min_length=1, description="see the table of the parts")


@dataclass(frozen=True)
class Step:
    """One part to take off, or to put back.

    Attributes
    ----------
    part : str
        Its key in the graph.
    words : str
        What to do: ``"take off the display: 1 adhesive all round the display, 3 display cables"``.
    minutes : float
        How long it takes. [min]
    damage : float
        Chance that something breaks.
    tools : tuple of str
        What is needed.
    """

    part: str
    words: str
    minutes: float
    damage: float
    tools: tuple[str, ...]


@dataclass(frozen=True)
class Way:
    """The way to a part and back.

    Attributes
    ----------
    target : str
        The part's key.
    off, on : tuple of Step
        Parts in the order in which they come off, and back on.
    minutes : float
        Both ways. [min]
    risks : dict of str to float
        Chance that a thing breaks on the way, by thing: ``{"display": 0.04}``.
    consumables : dict of str to float
        What must be bought new, with its price. [USD]
    """

    target: str
    off: tuple[Step, ...]
    on: tuple[Step, ...]
    minutes: float
    risks: dict[str, float]
    consumables: dict[str, float]

    @property
    def tools(self) -> tuple[str, ...]:
        """Every tool of the way, once."""
        return tuple(dict.fromkeys(tool for step in self.off for tool in step.tools))


@dataclass(frozen=True)
class Inside:
    """A machine's inside, checked: every name is known and no part waits for itself."""

    sheet: DisassemblySheet
    holds: Mapping[str, Hold]

    def part_of(self, slot: Slot) -> str | None:
        """Return the key of the part that fills a slot; None where the machine has none."""
        return next((key for key, part in self.sheet.parts.items() if part.slot == slot), None)

    def path(self, target: str) -> Way:
        """Return the way to a part: everything that must come off first, the part, and all of it back.

        Raises
        ------
        InputError
            No such part.

        Examples
        --------
        >>> way = inside("imac-pro").path("memory")
        >>> [step.part for step in way.off]
        ['display', 'fans', 'speakers', 'supply', 'board', 'memory']
        """
        parts = self.sheet.parts
        if target not in parts:
            raise unknown("part", target, parts, self.sheet.name)
        order = [key for key in _order(parts) if key == target or key in _before(parts, target)]
        off = tuple(self._step(key, "take off") for key in order)
        on = tuple(self._step(key, "put back") for key in reversed(order))
        safe: dict[str, float] = {}
        consumables: dict[str, float] = {}
        for key in order:
            for kind, count in parts[key].held.items():
                hold = self.holds[kind]
                if hold.damage:
                    safe[hold.breaks] = safe.get(hold.breaks, 1.0) * (1.0 - hold.damage) ** count
                if hold.consumable:
                    consumables[hold.consumable] = consumables.get(hold.consumable, 0.0) + hold.consumable_usd * count
        risks = {thing: 1.0 - chance for thing, chance in safe.items()}
        return Way(target, off, on, sum(step.minutes for step in (*off, *on)), risks, consumables)

    def _step(self, key: str, doing: str) -> Step:
        part = self.sheet.parts[key]
        minutes, safe, tools = 0.0, 1.0, list[str]()
        for kind, count in part.held.items():
            hold = self.holds[kind]
            minutes += count * (hold.off_minutes if doing == "take off" else hold.on_minutes)
            if doing == "take off":  # the chance is of the whole act, and is counted once
                safe *= (1.0 - hold.damage) ** count
            if hold.tool:
                tools.append(hold.tool)
        holds = ", ".join(
            _counted(hold.name, count)
            for kind, count in part.held.items()
            if (hold := self.holds[kind]) and (hold.off_minutes if doing == "take off" else hold.on_minutes) > 0.0
        )
        words = f"{doing} the {part.name}" + (f": {holds}" if holds else "")
        return Step(key, words, minutes, 1.0 - safe, tuple(tools))

    def score(self) -> float:
        """Return a repairability score from 0 to 10, 10 is easiest.

        Returns
        -------
        float
            Ten times the mean, over the parts that wear or that one wants to exchange, of how easy each is to exchange.

        Notes
        -----
        A part that is soldered counts 0; another counts ``w / (1 + t / 60 min)``, with t the time for the way there and
        back, and w = 1, or 0.5 where only its maker sells it. Status: illustrative. The two numbers were chosen, not
        fitted; docs/upgrades.md shows the score beside the published ones.

        Examples
        --------
        >>> inside("mac-pro-2019").score() > inside("imac-5k-2017").score() > inside("imac-pro").score()
        True
        """
        eases = [
            0.0
            if part.fixed == "soldered"
            else (PROPRIETARY_WORTH if part.fixed == "proprietary" else 1.0)
            / (1.0 + self.path(key).minutes / HALF_EASE_MINUTES)
            for key, part in self.sheet.parts.items()
            if part.slot
        ]
        return 10.0 * sum(eases) / len(eases)


def inside(machine_id: str) -> Inside:
    """Return the inside of a machine of the catalog.

    Raises
    ------
    InputError
        No such machine.
    Refusal
        Nobody has written down how it comes apart.

    Examples
    --------
    >>> inside("imac-pro").sheet.published_score
    3
    """
    found = insides().get(machine_id)
    if found is None:
        if machine_id not in machine_ids():
            raise unknown("machine", machine_id, machine_ids())
        raise Refusal(f"{machine_id}: how it comes apart is not in the catalog; known are: {', '.join(insides())}")
    return found


@functools.cache
def insides() -> Mapping[str, Inside]:
    """Return the inside of every machine that the catalog knows from within, by machine."""
    found: dict[str, Inside] = {}
    for path in sorted((CATALOG / "disassembly").glob("*.toml")):
        if path.stem == "holds":
            continue
        read = read_inside(path)
        for machine_id in read.sheet.machines:
            if machine_id not in machine_ids():
                raise unknown("machine", machine_id, machine_ids(), path.name)
            if machine_id in found:
                raise InputError(f"{path.name}: {machine_id} comes apart in two files")
            found[machine_id] = read
    return found


def read_inside(path: Path) -> Inside:
    """Read one file of ``catalog/disassembly``, or a file of that form.

    Raises
    ------
    InputError
        A name is unknown, a number has no source, a slot is filled twice, or parts wait for each other in a circle.
    """
    document = read_toml(path)
    sheet = read_spec(DisassemblySheet, document.data, document, ())
    for key, part in sheet.parts.items():
        for before in part.after:
            if before not in sheet.parts:
                raise unknown("part", before, sheet.parts, document.place(["parts", key, "after"]))
        for kind in part.held:
            if kind not in holds():
                raise unknown("hold", kind, holds(), document.place(["parts", key, "held"]))
    _check_slots(sheet, document)
    circle = _circle(sheet.parts)
    if circle:
        raise InputError(f"{document.place(['parts', circle[0]])}: parts wait for each other: {' -> '.join(circle)}")
    return Inside(sheet, holds())


@functools.cache
def holds() -> Mapping[str, Hold]:
    """Return every kind of hold, by name."""
    return read_holds(CATALOG / "disassembly" / "holds.toml")


def read_holds(path: Path) -> dict[str, Hold]:
    """Read a file of kinds of holds.

    Raises
    ------
    InputError
        It does not hold; with file and line.
    """
    document = read_toml(path)
    return {name: read_spec(Hold, table, document, (name,)) for name, table in document.data.items()}


def _check_slots(sheet: DisassemblySheet, document: Document) -> None:
    filled: dict[str, str] = {}
    for key, part in sheet.parts.items():
        if part.slot and part.slot in filled:
            raise InputError(
                f"{document.place(['parts', key, 'slot'])}: {key} and {filled[part.slot]} both are the {part.slot}"
            )
        if part.slot:
            filled[part.slot] = key


def _before(parts: Mapping[str, Part], target: str) -> set[str]:
    """Return every part that must be off before the target is."""
    found: set[str] = set()
    waiting = list(parts[target].after)
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting.extend(parts[key].after)
    return found


def _order(parts: Mapping[str, Part]) -> list[str]:
    """Return the parts so that each stands after all that must be off before it, as near to the file as can be."""
    order: list[str] = []
    done: set[str] = set()
    while len(order) < len(parts):
        ready = next((key for key, part in parts.items() if key not in done and done.issuperset(part.after)), None)
        if ready is None:
            return order
        order.append(ready)
        done.add(ready)
    return order


def _circle(parts: Mapping[str, Part]) -> list[str]:
    """Return parts that wait for each other, the first one again at the end; an empty list where there are none."""
    stuck = set(parts) - set(_order(parts))
    if not stuck:
        return []
    key = next(name for name in parts if name in stuck)
    walk: list[str] = []
    while key not in walk:
        walk.append(key)
        key = next(before for before in parts[key].after if before in stuck)
    return [*walk[walk.index(key) :], key]


def _counted(name: str, count: int) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"
