"""Every difference between a machine and its match: a line with a price, or a stated inability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spacegrey.decide.components import Board, Card, component

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spacegrey.decide.bids import Given
    from spacegrey.decide.build import Build
    from spacegrey.decide.search import Market
    from spacegrey.decide.wants import Want

NEVER_SOLD = {
    "macos": "Apple licenses macOS for machines that Apple sold",
    "one-body": "no shop sells the body: a tower stands beside a display",
}

BOARD = "board"
GIVEN_UP, FOR_SPEED = "given up", "given up for speed"


@dataclass(frozen=True)
class Difference:
    """One thing that the reference has, and what the match has of it.

    Attributes
    ----------
    name, group : str
        As in `wants.Want`.
    reference, match : str
        What each has, in words.
    asked : bool
        False where it was given up.
    met : bool
        Whether the match is as good.
    items : tuple of str
        Lines of the bill that bring it.
    price : float or None
        What these lines cost together; None where nothing brings it or a price is unknown. [currency]
    shared_with : str
        The first difference that the same line brings, whose price counts there; or ``board``.
    why : str
        Why it is not met, or why it has no price of its own; empty otherwise.
    """

    name: str
    group: str
    reference: str
    match: str
    asked: bool
    met: bool
    items: tuple[str, ...]
    price: float | None
    shared_with: str
    why: str


def differences(
    wanted: tuple[Want, ...],
    left: frozenset[str],
    given: Mapping[str, Given],
    made: Build,
    market: Market,
    for_speed: frozenset[str] = frozenset(),
) -> tuple[Difference, ...]:
    """Return one difference for each want, in the order of the wants.

    Parameters
    ----------
    left : frozenset of str
        Names of the wants that were asked for.
    given : mapping
        What the build gives of each.
    for_speed : frozenset of str
        Those of them that a search for speed gave up.
    """
    counts = dict(made.items)
    # Whatever a build does, it needs a board: what is on it costs nothing of its own.
    first = {f"components/{name}": BOARD for name in made.components if isinstance(component(name), Board)}
    found: list[Difference] = []
    for want in wanted:
        got = given.get(want.name)
        items = tuple(item for item in (got.by if got else ()) if item in counts)
        met = got is not None and want.met_by(got.value)
        owner = first.get(items[0], "") if items else ""
        unknown, price = market.cost((item, counts[item]) for item in items if item not in first)
        for item in items:
            first.setdefault(item, want.name)
        why = (
            ""
            if met
            else _why(
                want, got, made, GIVEN_UP if want.name not in left else FOR_SPEED if want.name in for_speed else ""
            )
        )
        if met and owner:
            why = "on the board" if owner == BOARD else f"with {owner}"
        elif met and unknown:
            why = "a price is unknown"
        found.append(
            Difference(
                name=want.name,
                group=want.group,
                reference=want.words,
                match=got.words if got else "none",
                asked=want.name in left - for_speed,
                met=met,
                items=items,
                price=price if items and not owner and not unknown else None,
                shared_with=owner,
                why=why,
            )
        )
    return tuple(found)


def _why(want: Want, got: Given | None, made: Build, given_up: str) -> str:
    if want.name in NEVER_SOLD or given_up:
        return NEVER_SOLD.get(want.name, given_up)
    parts = [component(name) for name in made.components]
    board = next(one for one in parts if isinstance(one, Board))
    cards = [one for one in parts if isinstance(one, Card) and one.thunderbolt]
    streams = max((card.displayport_inputs for card in cards), default=0)
    why = "nothing in shops that day brings it"
    if got is not None:
        why = "with all else that is met, no part in shops that day reaches it"
    if want.name == "thunderbolt" and not board.thunderbolt_headers:
        why = f"{board.name} has no header for a Thunderbolt card"
    elif want.name == "thunderbolt" and cards:
        ports = max(card.thunderbolt for card in cards)
        why = f"{board.name} has {board.thunderbolt_headers} header, and a card has {ports} ports"
    elif want.name == "display-pixels" and streams == 1:
        why = f"{cards[0].name} leads one DisplayPort stream, and a full picture needs two"
    elif want.group == "display":
        why = "no display in shops that day, with the cards for it, has more of what the machine's has"
    return why
