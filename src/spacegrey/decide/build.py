"""A self-built machine, put together from parts."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from spacegrey.decide.candidates import selector_text
from spacegrey.decide.checks import check, conflict, holds_together, starts
from spacegrey.decide.components import Board, component, of_kind
from spacegrey.decide.items import choice_item, machine_file
from spacegrey.errors import InputError
from spacegrey.machine.assembly import Machine, machine
from spacegrey.machine.catalog import part
from spacegrey.machine.spec import PART_SLOTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spacegrey.parts.graphics.spec import Graphics, GraphicsArchitecture
    from spacegrey.parts.memory.spec import Memory
    from spacegrey.parts.processor.spec import Microarchitecture, Processor
    from spacegrey.parts.storage.spec import Storage
    from spacegrey.sourced import Spec

DECIDING = ("processor", "memory", "graphics")
"""Options that decide which board and case do."""


@dataclass(frozen=True)
class Build:
    """A machine that is put together from parts.

    Attributes
    ----------
    machine : Machine
        What a run simulates: processor, memory, drive, graphics, cooling and supply.
    drives : int
        How many equal drives are bought; two are used as one stripe.
    components : tuple of str
        Ids of catalog/components: board, cooler, supply, case, and what stands beside them.
    """

    machine: Machine
    drives: int
    components: tuple[str, ...]

    @property
    def items(self) -> tuple[tuple[str, int], ...]:
        """What is bought: keys as `items.canonical` has them, and how many of each."""
        chosen, file = self.machine.chosen, machine_file(self.machine.id)
        parts = {slot: choice_item(file, slot, chosen[slot]) for slot in ("processor", "memory", "storage", "graphics")}
        parts["storage"] = parts["storage"][0], self.drives
        return (
            *parts.values(),
            *((f"components/{name}", self.components.count(name)) for name in dict.fromkeys(self.components)),
        )


def build(selector: str, components: Iterable[str] | None = None, drives: int = 1) -> Build:
    """Put a machine together from parts.

    Parameters
    ----------
    selector : str
        A self-built machine of the catalog or of your own, such as ``"pc-x299:w-2145,32GB-ecc"``.
    components : iterable of str, optional
        Ids of catalog/components; None: those that the machine's file names, as `components_of` has them.
    drives : int
        Equal drives, 1 or 2; two work as one stripe.

    Raises
    ------
    InputError
        A name is unknown, or there are no components.

    Examples
    --------
    >>> made = build("pc-x299:w-2145,32GB-ecc", ["asus-ws-c422-pro-se"])
    >>> made.items[0], made.items[-1]
    (('processors/w-2145', 1), ('components/asus-ws-c422-pro-se', 1))
    """
    chosen = machine(selector)
    names = components_of(chosen) if components is None else tuple(components)
    for name in names:
        component(name)
    if not names:
        raise InputError(
            f"{chosen.spec.name} is not built from components: a machine's file names them in 'components'"
        )
    if drives not in {1, 2}:
        raise InputError(f"{drives} drives: choose from 1, 2")
    return Build(striped(chosen, drives), drives, names)


def components_of(chosen: Machine) -> tuple[str, ...]:
    """Return what a self-built machine is made of: as its file says, with another board where its own does not do.

    A file names one board, and its processors may need several: Z270, Z390 and Z490 for one line of them.

    Examples
    --------
    >>> components_of(machine("pc-client:i9-9900k"))[0], components_of(machine("pc-x299:w-2145,32GB-ecc"))[0]
    ('asus-prime-z390-a', 'asus-ws-c422-pro-se')
    """
    return put_together(chosen.id, chosen.chosen, chosen)[0]


def put_together(
    machine_id: str, chosen: Mapping[str, str], made: Machine | None = None
) -> tuple[tuple[str, ...], str]:
    """Return the components of a machine with some choices, and why its parts do not go together.

    Parameters
    ----------
    machine_id : str
        A machine of the catalog or of your own.
    chosen : mapping of str to str
        Every option's choice.
    made : Machine, optional
        The machine, where it is at hand.

    Returns
    -------
    tuple of (tuple of str, str)
        Ids of catalog/components, and words; those are empty where the parts do go together, and of a machine that is
        not built from components.

    Examples
    --------
    >>> names, why = put_together("pc-x299", machine("pc-x299:w-2145").chosen)
    >>> names[0], why
    ('asus-ws-c422-pro-se', 'ASUS WS C422 PRO/SE does not take DDR4-2666 modules')
    """
    if machine_id.endswith(".toml"):
        named = ",".join(f"{slot}={name}" for slot, name in chosen.items())
        return _fitting(made or machine(f"{machine_id}:{named}"))
    return _put_together(machine_id, *(chosen.get(slot, "") for slot in DECIDING))


@functools.cache
def _put_together(machine_id: str, *names: str) -> tuple[tuple[str, ...], str]:
    if not machine_file(machine_id).spec.components:
        return (), ""
    return _fitting(of_choices(machine_id, {slot: name for slot, name in zip(DECIDING, names, strict=True) if name}))


def _fitting(chosen: Machine) -> tuple[tuple[str, ...], str]:
    """Return components with the first board on which all goes together, else with one that starts the processor."""
    own = tuple(chosen.spec.components)
    boards = [name for name in own if isinstance(component(name), Board)]
    if not boards:
        return own, ""
    made = [
        Build(chosen, 1, tuple(board if name in boards else name for name in own))
        for board in (*boards, *of_kind(Board))
    ]
    starting = next((one for one in made if starts(one)), made[0])
    taken = next((one for one in made if holds_together(one)), starting)
    return taken.components, conflict(check(taken))


def of_choices(platform: str, choices: Mapping[str, str]) -> Machine:
    """Return a machine of the catalog with some choices, put together from sheets that are read once.

    The same as `assembly.machine` of the selector, whose rules on memory `check` repeats; for many machines at a time.

    Examples
    --------
    >>> made = of_choices("pc-x299", {"processor": "w-2145", "memory": "32GB-ecc"})
    >>> made.selector, replace(made, selector="") == replace(machine(made.selector), selector="")
    ('pc-x299:w-2145,32GB-ecc', True)
    """
    file, base = machine_file(platform), _base(platform)
    chosen = {slot: choices.get(slot, option.default) for slot, option in file.options.items()}
    picked = {slot: file.options[slot].choices[name] for slot, name in chosen.items()}
    sheets = {slot: _sheet(kind, str(picked[slot].part)) for slot, kind in PART_SLOTS.items() if slot in picked}
    processor, graphics = cast("Processor", sheets["processor"]), cast("Graphics", sheets["graphics"])
    memory, drive = picked["memory"], picked["storage"]
    modules = cast("int", memory.modules)
    return replace(
        base,
        selector=selector_text(platform, file.options, chosen),
        chosen=chosen,
        processor=processor,
        microarchitecture=cast("Microarchitecture", _sheet("microarchitectures", processor.microarchitecture)),
        graphics=graphics,
        graphics_architecture=cast("GraphicsArchitecture", _sheet("graphics-architectures", graphics.architecture)),
        memory=cast("Memory", sheets["memory"]),
        memory_modules=modules,
        memory_gib=modules * cast("float", memory.gib_per_module),
        storage=cast("Storage", sheets["storage"]),
        storage_tb=cast("float", drive.tb),
    )


@functools.cache
def _base(platform: str) -> Machine:
    return machine(platform)


@functools.cache
def _sheet(kind: str, name: str) -> Spec:
    return part(kind, name)


def striped(chosen: Machine, drives: int) -> Machine:
    """Return the machine with so many of its drives side by side: rates, capacity and power are their sum.

    Examples
    --------
    >>> striped(machine("pc-x299:512GB"), 2).storage_tb
    1.024
    """
    if drives == 1:
        return chosen
    one = chosen.storage
    summed = ("link_gb_s", "read_ceiling_gb_s", "write_ceiling_gb_s", "idle_w", "active_w")
    sheet = one.model_copy(
        update={name: drives * getattr(one, name) for name in summed} | {"modules": one.modules * drives}
    )
    return replace(chosen, storage=sheet, storage_tb=drives * chosen.storage_tb)
