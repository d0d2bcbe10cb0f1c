"""A whole machine: the parts that a selector chose, put together and checked once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from os import PathLike
from typing import TYPE_CHECKING, cast

from spacegrey.errors import InputError
from spacegrey.machine.catalog import MachineFile, part, read_machine
from spacegrey.machine.selector import Environment, Selector, choose, parse_selector, with_settings
from spacegrey.machine.spec import PART_SLOTS, Choice, MachineSpec

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from spacegrey.parts.cooling.spec import Cooling
    from spacegrey.parts.display.spec import Panel
    from spacegrey.parts.graphics.spec import Graphics, GraphicsArchitecture
    from spacegrey.parts.memory.spec import Memory
    from spacegrey.parts.power.spec import PowerSupply
    from spacegrey.parts.processor.spec import Microarchitecture, Processor
    from spacegrey.parts.storage.spec import Storage
    from spacegrey.sourced import Spec


LEAST_V = 0.45
"""Logic of these processors does not switch below. [V] Assumed: the least that data sheets of the kind state."""


@dataclass(frozen=True)
class Attached:
    """A device of a plan that carries bytes, at what it gets under everything else of the plan.

    Attributes
    ----------
    name : str
        In the plan.
    read_gb_s, write_gb_s : float
        Payload in each direction. [GB/s]
    cycles_per_byte : float
        What its bytes cost the processor: those of a network; 0 for a drive.
    wireless : bool
        Its bytes go through the air.
    """

    name: str
    read_gb_s: float
    write_gb_s: float
    cycles_per_byte: float = 0.0
    wireless: bool = False


@dataclass(frozen=True)
class External:
    """Devices at the ports that a run uses in place of the machine's own drive and network.

    Attributes
    ----------
    plan : str
        Name of the plan that they come from.
    storage, network : str or None
        The device that bytes go to where a phase names none, by its name in the plan; None: the machine's own.
    devices : tuple of Attached
        All that carry bytes.
    power_w : float
        What all devices of the plan take from the ports. [W]
    """

    plan: str
    storage: str | None = None
    network: str | None = None
    devices: tuple[Attached, ...] = ()
    power_w: float = 0.0

    def device(self, name: str | None) -> Attached | None:
        """Return a device by its name; None where there is none of that name."""
        return next((one for one in self.devices if one.name == name), None)


@dataclass(frozen=True)
class Machine:
    """A configured machine in its surroundings: data sheets only, nothing that moves."""

    selector: str
    id: str
    spec: MachineSpec
    chosen: dict[str, str]
    processor: Processor
    microarchitecture: Microarchitecture
    graphics: Graphics
    graphics_architecture: GraphicsArchitecture
    memory: Memory
    memory_modules: int
    memory_gib: float
    storage: Storage
    storage_tb: float
    cooling: Cooling
    supply: PowerSupply
    panel: Panel | None
    environment: Environment
    external: External | None = None
    file: MachineFile | None = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        return f"Machine({self.selector!r})"

    @property
    def name(self) -> str:
        """The machine's name with its main choices, as tables print it."""
        chosen = [self.processor.name, f"{self.memory_gib:.4g} GB", f"{self.storage_tb:.4g} TB", self.graphics.name]
        return f"{self.spec.name}, {', '.join(chosen)}"

    @property
    def memory_channels(self) -> int:
        """Memory channels that hold a module."""
        return min(self.memory_modules, self.processor.memory_channels)

    @property
    def ambient_c(self) -> float:
        """Room temperature of a run. [degC]"""
        wanted = self.environment.ambient_c
        return self.spec.ambient_c if wanted is None else wanted

    @classmethod
    def of(cls, named: str | Path | Machine) -> Machine:
        """Return the machine that a selector names.

        Parameters
        ----------
        named : str, Path or Machine
            A selector, such as ``"imac-pro:18-core,vega-64+ambient=35C"`` or ``"my-machine.toml"``.

        Raises
        ------
        InputError
            A name is unknown, data do not hold, or parts do not fit together.

        Examples
        --------
        >>> Machine.of("imac-pro:18-core").processor.cores
        18
        """
        if isinstance(named, Machine):
            return named
        # Whoever calls it from a notebook is not held to the types.
        if not isinstance(named, str | PathLike):  # pyright: ignore[reportUnnecessaryIsInstance]
            hint = ": take its .machine" if hasattr(named, "machine") else ""
            raise InputError(f"a machine is named by a selector or a path, not by {type(named).__name__}{hint}")
        return machine(str(named))

    def at(self, settings: str) -> Machine:
        """Return this machine in another room or with other settings, the rest as it is.

        Parameters
        ----------
        settings : str
            What may stand in a selector after the plus sign: ``"ambient=35C,fan=max"``, ``"processor=18-core"``.

        Raises
        ------
        InputError
            A setting is unknown, or this machine cannot be set so.

        Examples
        --------
        >>> Machine.of("imac-pro+ambient=30C").at("fan=max").selector
        'imac-pro+ambient=30C,fan=max'
        """
        # Whoever calls it from a notebook is not held to the types.
        if not isinstance(settings, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InputError(f"settings are text, such as 'ambient=35C,fan=max', and not {type(settings).__name__}")
        wanted = parse_selector(with_settings(self.selector, settings))
        if wanted.choices != parse_selector(self.selector).choices:
            # A machine that was fitted in memory has no file that its selector names.
            built = _assembled(wanted, self.file) if self.file else machine(wanted)
            return replace(built, external=self.external)
        return replace(in_environment(self, wanted.environment), selector=wanted.text)

    def plot(self) -> Figure:
        """Return turbo clocks by busy cores and, where there are fans, noise by their speed.

        Raises
        ------
        InputError
            Matplotlib is not installed.
        """
        from spacegrey.machine.shown import draw_machine

        return draw_machine(self)

    def _repr_html_(self) -> str:
        """Return its parts as a table, for a notebook."""
        from spacegrey.machine.shown import machine_html

        return machine_html(self)


def machine(selector: str | Selector) -> Machine:
    """Put together the machine that a selector names.

    Parameters
    ----------
    selector : str or Selector
        Such as ``"imac-pro:18-core,vega-64,128GB+ambient=35C"``.

    Returns
    -------
    Machine
        Its data sheets, checked for agreement.

    Raises
    ------
    InputError
        A name is unknown, data do not hold, or parts do not fit together.

    Examples
    --------
    >>> base = machine("imac-pro")
    >>> base.processor.name, base.memory_gib
    ('Intel Xeon W-2140B', 32.0)
    """
    wanted = parse_selector(selector) if isinstance(selector, str) else selector
    return _assembled(wanted, read_machine(wanted.machine))


def _assembled(wanted: Selector, file: MachineFile) -> Machine:
    """Return the machine of a file that a selector's choices and what-ifs make."""
    chosen = choose(file.options, wanted.choices, wanted.text)
    sheets = {slot: _chosen_part(file, slot, chosen[slot]) for slot in ("processor", "graphics", "memory", "storage")}
    processor, graphics = cast("Processor", sheets["processor"]), cast("Graphics", sheets["graphics"])
    memory = file.options["memory"].choices[chosen["memory"]]
    drive = file.options["storage"].choices[chosen["storage"]]
    for slot, choice, needed in (("memory", memory, ("modules", "gib_per_module")), ("storage", drive, ("tb",))):
        for name in needed:
            if getattr(choice, name) is None:
                place = file.document.place(["options", slot, "choices", chosen[slot]])
                raise InputError(f"{place}: {slot} choice {chosen[slot]!r} needs {name}")
    modules, per_module = cast("int", memory.modules), cast("float", memory.gib_per_module)
    built = Machine(
        selector=wanted.text,
        id=file.id,
        spec=file.spec,
        chosen=chosen,
        processor=processor,
        microarchitecture=cast(
            "Microarchitecture", part("microarchitectures", processor.microarchitecture, file.parts)
        ),
        graphics=graphics,
        graphics_architecture=cast(
            "GraphicsArchitecture", part("graphics-architectures", graphics.architecture, file.parts)
        ),
        memory=cast("Memory", sheets["memory"]),
        memory_modules=modules,
        memory_gib=modules * per_module,
        storage=cast("Storage", sheets["storage"]),
        storage_tb=cast("float", drive.tb),
        cooling=cast("Cooling", part("cooling", file.spec.cooling, file.parts)),
        supply=cast("PowerSupply", part("power", file.spec.supply, file.parts)),
        panel=cast("Panel", part("displays", file.spec.panel, file.parts)) if file.spec.panel else None,
        environment=Environment(),
        file=file,
    )
    _check(built, file.document.path.name)
    return in_environment(built, wanted.environment)


def in_environment(built: Machine, environment: Environment) -> Machine:
    """Return a machine in another room or with other settings.

    Raises
    ------
    InputError
        The machine cannot be set so, or it was overclocked before and is to have another clock.

    Examples
    --------
    >>> in_environment(machine("imac-pro"), Environment(ambient_c=35.0)).ambient_c
    35.0
    """
    fans, fan = built.cooling.fans, environment.fan
    place, name = f"selector {built.selector!r}", built.spec.name
    if fan is not None and fans.count == 0:
        raise InputError(f"{place}: fan: {name} has no fan")
    if fan is not None and fan != float("inf") and not (fan == 0 or fan <= fans.automatic_maximum_rpm):
        most = fans.automatic_maximum_rpm
        raise InputError(f"{place}: fan={fan:g}rpm is outside 0 to {most:g} rpm of {name}")
    curve = environment.fan_curve
    if curve and fans.count == 0:
        raise InputError(f"{place}: fan: {name} has no fan")
    if curve and curve.high_rpm > fans.automatic_maximum_rpm:
        most = fans.automatic_maximum_rpm
        raise InputError(f"{place}: fan={curve} is outside 0 to {most:g} rpm of {name}")
    _check_voltage(built, environment.undervolt_mv, place)
    if environment.brightness is not None and built.panel is None:
        raise InputError(f"{place}: brightness: {name} has no built-in display")
    processor, clock_ghz = built.processor, environment.overclock_ghz
    if clock_ghz != built.environment.overclock_ghz:
        if clock_ghz is None or built.environment.overclock_ghz is not None:
            raise InputError(f"{place}: overclock: {name} was overclocked before")
        processor = _overclocked(processor, clock_ghz)
    return replace(built, processor=processor, environment=environment)


def _check_voltage(built: Machine, undervolt_mv: float, place: str) -> None:
    """Refuse to take so much off the voltage that hardly any would be left at the lowest clock."""
    lowest_v = built.microarchitecture.voltage_curve[0][1]
    if undervolt_mv > 1e3 * (lowest_v - LEAST_V):
        most = max(0.0, 1e3 * (lowest_v - LEAST_V))
        raise InputError(
            f"{place}: undervolt={undervolt_mv:g}mV leaves {built.processor.name} less than {LEAST_V:g} V at its "
            f"lowest clock: at most {most:.0f} mV"
        )


def _chosen_part(file: MachineFile, slot: str, name: str) -> Spec:
    choice: Choice = file.options[slot].choices[name]
    return part(PART_SLOTS[slot], cast("str", choice.part), file.parts, choice.set or None)


def _overclocked(processor: Processor, clock_ghz: float) -> Processor:
    """Return a processor whose owner fixed the clock of every core and lifted the power limits."""
    free = {
        "pl1_w": 4.0 * processor.pl2_w,
        "pl2_w": 4.0 * processor.pl2_w,
        "avx2_offset_ghz": 0.0,
        "avx512_offset_ghz": 0.0,
    }
    lowest = min(processor.base_ghz, clock_ghz)
    return processor.model_copy(update={"turbo_bins": [(processor.cores, clock_ghz)], "base_ghz": lowest, **free})


def _check(built: Machine, place: str) -> None:
    spec = built.spec
    if spec.memory_slots and built.memory_modules > spec.memory_slots:
        raise InputError(f"{place}: {built.memory_modules} memory modules do not go into {spec.memory_slots} slots")
    if built.memory_gib > built.processor.capacity_memory_gib:
        most = built.processor.capacity_memory_gib
        raise InputError(f"{place}: {built.processor.name} addresses {most:g} GiB of memory, not {built.memory_gib:g}")
