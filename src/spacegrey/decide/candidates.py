"""Every configuration of a machine that could be bought: each option that the simulation knows, multiplied out."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from spacegrey.decide.items import machine_file
from spacegrey.errors import InputError
from spacegrey.machine.assembly import in_environment, machine
from spacegrey.machine.selector import Selector, choose, parse_selector

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spacegrey.machine.assembly import Machine
    from spacegrey.machine.spec import Option

SLOTS = ("processor", "memory", "storage", "graphics")
"""Options that are multiplied out. Others (a mouse, a stand) change no result and stay at what costs nothing more."""


def configurations(reference: str) -> tuple[Machine, ...]:
    """Return every configuration that a selector leaves open.

    Parameters
    ----------
    reference : str
        A machine, such as ``"imac-pro"``; choices and a room that it names hold for every configuration:
        ``"imac-pro:18-core+ambient=30C"`` varies memory, storage and graphics only.

    Returns
    -------
    tuple of Machine
        With the shortest selectors that name them. Those whose parts do not go together are left out.

    Raises
    ------
    InputError
        The selector does not hold, or none of its configurations goes together.

    Examples
    --------
    >>> found = configurations("imac-pro")
    >>> len(found), found[0].selector, found[-1].selector
    (144, 'imac-pro', 'imac-pro:18-core,256GB,4TB,vega-64x')
    """
    wanted = parse_selector(reference)
    options = machine_file(wanted.machine).options
    chosen = choose(options, wanted.choices, reference)
    named = {_slot(options, text) for text in wanted.choices}
    open_ = {slot: [chosen[slot]] if slot in named else list(options[slot].choices) for slot in SLOTS}
    _, plus, room = reference.partition("+")
    made: list[Machine] = []
    first_error: InputError | None = None
    # What a drive or a card brings does not depend on the other choices, so each is built once.
    drives: dict[str, Machine] = {}
    cards: dict[str, Machine] = {}
    for processor, memory in product(open_["processor"], open_["memory"]):
        together = chosen | {"processor": processor, "memory": memory}
        try:
            base = _built(wanted.machine, together)
        except InputError as error:
            first_error = first_error or error
            continue
        drives = drives or {name: _built(wanted.machine, together | {"storage": name}) for name in open_["storage"]}
        cards = cards or {name: _built(wanted.machine, together | {"graphics": name}) for name in open_["graphics"]}
        for storage, graphics in product(open_["storage"], open_["graphics"]):
            drive, card = drives[storage], cards[graphics]
            exactly = base.chosen | {"storage": storage, "graphics": graphics}
            built = replace(
                base,
                selector=selector_text(wanted.machine, options, exactly) + plus + room,
                chosen=exactly,
                storage=drive.storage,
                storage_tb=drive.storage_tb,
                graphics=card.graphics,
                graphics_architecture=card.graphics_architecture,
            )
            made.append(in_environment(built, wanted.environment) if plus else built)
    if not made:
        raise InputError(f"no configuration of {reference} fits together: {first_error}")
    return tuple(made)


def selector_text(machine_id: str, options: Mapping[str, Option], chosen: Mapping[str, str]) -> str:
    """Return the shortest selector of a configuration: its choices that do not come by themselves.

    Examples
    --------
    >>> options = machine_file("imac-pro").options
    >>> selector_text("imac-pro", options, choose(options, ("18-core", "1TB"), ""))
    'imac-pro:18-core'
    """
    implied: dict[str, str] = {}
    for slot, name in chosen.items():
        implied |= options[slot].choices[name].defaults
    texts = [
        name if sum(name in option.choices for option in options.values()) == 1 else f"{slot}={name}"
        for slot, name in chosen.items()
        if name != implied.get(slot, options[slot].default)
    ]
    return f"{machine_id}:{','.join(texts)}" if texts else machine_id


def _slot(options: Mapping[str, Option], text: str) -> str:
    slot, equals, _ = text.partition("=")
    return slot.strip() if equals else next(key for key, option in options.items() if text in option.choices)


def _built(machine_id: str, chosen: Mapping[str, str]) -> Machine:
    return machine(Selector(machine_id, machine_id, tuple(f"{slot}={name}" for slot, name in chosen.items())))
