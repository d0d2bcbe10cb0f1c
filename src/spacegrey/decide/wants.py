"""What a machine has that an equal one must have too, one want for each dimension, in words and as a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from spacegrey.decide.components import comes_with
from spacegrey.errors import unknown
from spacegrey.simulation.lowering import storage_rates_gb_s

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spacegrey.machine.assembly import Machine
    from spacegrey.parts.display.spec import Panel

Group = Literal["tower", "ports", "display", "desk", "software", "service"]
GROUPS: tuple[Group, ...] = ("tower", "ports", "display", "desk", "software", "service")
SLACK = 1e-3
"""Two numbers that differ by less are equal."""

Point = tuple[float, float]

P3: tuple[Point, Point, Point] = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
"""Primaries of SMPTE EG 432-1, CIE 1931 x and y."""

WIDE, SOLD_AS_P3 = 0.95, 0.98
"""A panel that covers so much of P3 is one; what is sold as P3 covers 98 to 99 %."""

EQUIPMENT_GROUP: dict[str, Group] = {
    "camera": "desk",
    "microphone": "desk",
    "speakers": "desk",
    "keyboard": "desk",
    "mouse": "desk",
    "card-reader": "ports",
    "assembly": "service",
    "support": "service",
    "macos": "software",
}


@dataclass(frozen=True)
class Want:
    """One thing that an equal machine has.

    Attributes
    ----------
    name : str
        What ``--without`` calls it.
    group : str
        The part of the bill that it belongs to; ``--without`` takes these too.
    words : str
        What the reference has.
    least : float
        The number that an equal one reaches; 1 for what one has or has not.
    unit : str
    """

    name: str
    group: Group
    words: str
    least: float
    unit: str = ""

    def met_by(self, value: float) -> bool:
        """Whether a number is as good, to `SLACK`."""
        return value >= self.least * (1.0 - SLACK)


def wants(reference: Machine, workloads: tuple[str, ...] = ()) -> tuple[Want, ...]:
    """Return what an equal machine must have.

    Parameters
    ----------
    reference : Machine
        The machine to equal.
    workloads : tuple of str
        If given, simulated speed on each takes the place of cores, threads and peak rate.

    Examples
    --------
    >>> from spacegrey.machine.assembly import machine
    >>> [want.name for want in wants(machine("imac-pro")) if want.group == "display"]
    ['display-pixels', 'display-gamut', 'display-nits', 'display-bits']
    """
    return (*_tower(reference, workloads), *_ports(reference), *_display(reference), *_equipment(reference))


def without(wanted: tuple[Want, ...], dropped: Iterable[str]) -> frozenset[str]:
    """Return the names of the wants that are left when some, or whole groups, are given up.

    Raises
    ------
    InputError
        A name is neither a want of this machine nor a group.

    Examples
    --------
    >>> from spacegrey.machine.assembly import machine
    >>> sorted(without(wants(machine("mac-mini-m1")), ["tower", "ports", "software"]))
    ['assembly', 'support']
    """
    gone = set(dropped)
    for name in sorted(gone):
        if name not in GROUPS and name not in {want.name for want in wanted}:
            raise unknown("want", name, [*GROUPS, *(want.name for want in wanted)], "--without")
    return frozenset(want.name for want in wanted if want.name not in gone and want.group not in gone)


def graphics_tflops(machine: Machine) -> float:
    """Return the peak FP32 rate of the graphics at its highest state, by the maker's count. [TFLOPS]

    Examples
    --------
    >>> from spacegrey.machine.assembly import machine
    >>> round(graphics_tflops(machine("pc-x299:rx-vega-64")), 2)
    13.35
    """
    sheet, per_lane = machine.graphics, machine.graphics_architecture.flops_per_lane_cycle
    return per_lane * sheet.lanes * sheet.dpm_states[-1][0] * 1e-6 * sheet.count


def graphics_maker(machine: Machine) -> str:
    """Return who made the graphics, by its architecture.

    Examples
    --------
    >>> from spacegrey.machine.assembly import machine
    >>> graphics_maker(machine("imac-pro")), graphics_maker(machine("pc-x299:gtx-1080"))
    ('AMD', 'NVIDIA')
    """
    name = machine.graphics.name
    return next((maker for maker in ("AMD", "NVIDIA", "Intel", "Apple") if name.startswith(maker)), name.split()[0])


def p3_share(panel: Panel) -> float | None:
    """Return the share of the P3 gamut that a panel covers, as areas of CIE 1931 x and y; None without primaries.

    Notes
    -----
    The triangle of SMPTE EG 432-1, cut along each side of the panel's (Sutherland and Hodgman), over the whole.

    Examples
    --------
    >>> from spacegrey.machine.assembly import machine
    >>> [round(p3_share(machine(name).panel), 2) for name in ("imac-pro", "imac-5k-2014")]
    [1.0, 0.74]
    """
    if panel.red is None or panel.green is None or panel.blue is None:
        return None
    corners, shape = [panel.red, panel.green, panel.blue], [*P3]
    if _area(corners) < 0.0:
        corners.reverse()
    for number, start in enumerate(corners):
        end, kept = corners[(number + 1) % 3], list[Point]()
        sides = [_side(start, end, point) for point in shape]
        for at, point in enumerate(shape):
            before, here = sides[at - 1], sides[at]
            if (before < 0.0) != (here < 0.0):
                share = before / (before - here)
                last = shape[at - 1]
                kept.append((last[0] + share * (point[0] - last[0]), last[1] + share * (point[1] - last[1])))
            if here >= 0.0:
                kept.append(point)
        shape = kept
    return abs(_area(shape)) / abs(_area([*P3]))


def _side(start: Point, end: Point, point: Point) -> float:
    """Return a number that is positive on the left of a line."""
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])


def _area(shape: list[Point]) -> float:
    """Return the area of a polygon, positive where its corners turn left."""
    pairs = zip(shape, [*shape[1:], *shape[:1]], strict=True)
    return 0.5 * sum(one[0] * other[1] - other[0] * one[1] for one, other in pairs)


def _tower(reference: Machine, workloads: tuple[str, ...]) -> list[Want]:
    processor, graphics = reference.processor, reference.graphics
    read, write = storage_rates_gb_s(reference)
    efficient = processor.efficiency.cores if processor.efficiency else 0
    found = [Want(f"speed:{name}", "tower", "its simulated speed", 1.0, "x") for name in workloads]
    if not workloads:
        cores, tflops = processor.cores + efficient, graphics_tflops(reference)
        found = [
            Want("cores", "tower", f"{cores} cores, {processor.name}", cores),
            Want("threads", "tower", f"{processor.threads} threads", processor.threads),
            Want("graphics-rate", "tower", f"{tflops:.1f} TFLOPS, {graphics.name}", tflops, "TFLOPS"),
        ]
    if graphics.board != "shared":
        found += [
            Want("graphics-memory", "tower", f"{graphics.memory_gib:g} GiB", graphics.memory_gib, "GiB"),
            Want("graphics-maker", "tower", graphics_maker(reference), 1.0),
        ]
    found.append(Want("memory", "tower", f"{reference.memory_gib:g} GiB {reference.memory.kind}", reference.memory_gib))
    if reference.memory.ecc:
        found.append(Want("ecc", "tower", "ECC memory", 1.0))
    found += [
        Want("storage", "tower", f"{reference.storage_tb:g} TB", reference.storage_tb, "TB"),
        Want("storage-read", "tower", f"{read:.1f} GB/s", read, "GB/s"),
        Want("storage-write", "tower", f"{write:.1f} GB/s", write, "GB/s"),
    ]
    if reference.panel is not None:
        found.append(Want("one-body", "tower", f"one body with the display ({reference.spec.form})", 1.0))
    return found


def _ports(reference: Machine) -> list[Want]:
    ports = reference.spec.ports
    found: list[Want] = []
    if ports.thunderbolt:
        words = f"{ports.thunderbolt} Thunderbolt ports, {ports.thunderbolt_gbit_s:g} Gb/s"
        found.append(Want("thunderbolt", "ports", words, ports.thunderbolt))
    if ports.ethernet_gbit_s:
        rate = max(ports.ethernet_gbit_s)
        found.append(Want("ethernet", "ports", f"{rate:g} Gb/s Ethernet", rate, "Gb/s"))
    if ports.usb_a:
        found.append(Want("usb-a", "ports", f"{ports.usb_a} USB-A ports, {ports.usb_a_gbit_s:g} Gb/s", ports.usb_a))
    if ports.wifi_gbit_s:
        found.append(Want("wifi", "ports", f"{ports.wifi_gbit_s:g} Gb/s Wi-Fi", ports.wifi_gbit_s, "Gb/s"))
    if ports.sd_reader:
        found.append(Want("card-reader", "ports", "SD card reader", 1.0))
    return found


def _display(reference: Machine) -> list[Want]:
    panel = reference.panel
    if panel is None or reference.spec.form == "laptop":
        return []
    found = [Want("display-pixels", "display", f"{panel.width} x {panel.height}", panel.width * panel.height)]
    if (p3_share(panel) or comes_with(reference.id, reference.spec.form).p3_share or 0.0) > WIDE:
        found.append(Want("display-gamut", "display", "P3 wide colour", SOLD_AS_P3))
    found.append(Want("display-nits", "display", f"{panel.peak_nits:g} nits", panel.peak_nits, "nits"))
    found.append(Want("display-bits", "display", f"{panel.bits_per_colour} bits per colour", panel.bits_per_colour))
    return found


def _equipment(reference: Machine) -> list[Want]:
    words = {
        "camera": "camera, built in", "microphone": "microphones, built in", "speakers": "speakers, built in",
        "keyboard": "wireless keyboard, included", "mouse": "wireless mouse, included",
        "assembly": "comes assembled and tested", "support": "one year of support for the whole", "macos": "macOS",
        "card-reader": "SD card reader",
    }  # fmt: skip
    equipment = comes_with(reference.id, reference.spec.form).comes_with
    found = [Want(name, EQUIPMENT_GROUP[name], words[name], 1.0) for name in equipment]
    return [*found, Want("licence", "software", "a licensed operating system", 1.0)]
