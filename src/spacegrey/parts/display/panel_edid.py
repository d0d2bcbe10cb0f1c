"""The EDID that a machine's own panel gives: built from the catalog's facts, as its graphics read it.

A panel of two tiles gives one EDID on each link, with the topology that puts them together, and a driver that has
done so shows one with the whole picture's timing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from spacegrey.errors import InputError, Refusal
from spacegrey.parts.display.displayid import (
    Point,
    Tile,
    identity_block,
    interface_block,
    parameters_block,
    tile_block,
    timing_block,
    write_section,
)
from spacegrey.parts.display.edid import HEADER
from spacegrey.parts.display.timing import Timing, reduced_blanking

if TYPE_CHECKING:
    from spacegrey.parts.display.spec import Panel

DTD_CLOCK_KHZ = 655_350
"""A timing of the base block holds no higher clock."""

_DEPTH_CODES = {6: 1, 8: 2, 10: 3, 12: 4, 14: 5, 16: 6}
_DUMMY = bytes([0, 0, 0, 0x10]) + bytes(14)
_DISPLAYPORT_LANES = 4
_FALLBACK = (3840, 2160)


def panel_edid(panel: Panel, tile: int | None = None, *, serial: int = 0, week: int = 0, year: int = 2017) -> bytes:
    """Return the EDID of a built-in panel.

    Parameters
    ----------
    panel : Panel
        Its data sheet.
    tile : int, optional
        The tile of the link that is asked, from 0 at the left; None: the whole panel, as a driver shows it.
    serial : int
        Of this unit; 0: it does not say.
    week, year : int
        Made then; week 0: it does not say.

    Returns
    -------
    bytes
        Blocks of 128 bytes with valid checksums.

    Raises
    ------
    Refusal
        The data sheet lacks a fact that an EDID states.
    InputError
        The panel has no such tile, or a number does not fit its field.

    Notes
    -----
    The timings are those of `reduced_blanking`. Status: reference for layout, timings and topology; each real panel
    states its own measured primaries, which differ from the standard's by up to 0.012.

    Examples
    --------
    >>> from spacegrey.machine.assembly import machine
    >>> from spacegrey.parts.display.edid import read_edid
    >>> read = read_edid(panel_edid(machine("imac-pro").panel))
    >>> read.native, read.bits_per_colour, read.best().pixel_clock_khz
    ((5120, 2880), 10, 938250)
    """
    maker, product, width_mm, height_mm = _facts(panel)
    if tile is not None and not 0 <= tile < panel.tiles:
        raise InputError(f"{panel.name}: no tile {tile}; choose from: {', '.join(map(str, range(panel.tiles)))}")
    if not (0 <= serial < 1 << 32 and 0 <= week <= 53 and 2000 <= year <= 2245):  # noqa: PLR2004 - the fields' room
        raise InputError("EDID: a serial has 32 bits, a week is 0 to 53, a year 2000 to 2245")
    whole = reduced_blanking(panel.width, panel.height, panel.refresh_hz)
    part = reduced_blanking(panel.width // panel.tiles, panel.height, panel.refresh_hz) if panel.tiles > 1 else whole
    shown = whole if tile is None else part
    sections = [
        write_section([
            identity_block(maker, product, serial, week, year, panel.edid_name or ""),
            parameters_block(width_mm, height_mm, panel.width, panel.height, panel.bits_per_colour),
            interface_block(panel.bits_per_colour, _DISPLAYPORT_LANES),
            *([] if tile is not None else [timing_block([_preferred(whole)])]),
        ])
    ]  # fmt: skip
    if tile is not None and panel.tiles > 1:
        place = Tile(
            panel.tiles, 1, tile, 0, part.width, part.height, scales_alone=tile == 0,
            maker=maker, product=product, serial=serial,
        )  # fmt: skip
        sections.append(write_section([tile_block(place), timing_block([_preferred(part)])], first=False))
    if len(sections) > 1:
        sections[0] = _counting(sections[0], len(sections) - 1)
    base = _base(panel, shown, len(sections), serial, week, year)
    return base + b"".join(sections)


def _facts(panel: Panel) -> tuple[str, int, float, float]:
    facts = {
        "edid_maker": panel.edid_maker, "edid_product": panel.edid_product, "width_mm": panel.width_mm,
        "height_mm": panel.height_mm, "red": panel.red, "green": panel.green, "blue": panel.blue,
        "white": panel.white, "edid_name": panel.edid_name,
    }  # fmt: skip
    missing = [name for name, value in facts.items() if value is None]
    maker, product, width_mm, height_mm = panel.edid_maker, panel.edid_product, panel.width_mm, panel.height_mm
    if missing or maker is None or product is None or width_mm is None or height_mm is None:
        raise Refusal(f"{panel.name}: no EDID: its data sheet lacks {', '.join(missing)}")
    if panel.bits_per_colour not in _DEPTH_CODES:
        raise Refusal(f"{panel.name}: no EDID: {panel.bits_per_colour} bits per colour have no code in it")
    return maker, product, width_mm, height_mm


def _base(panel: Panel, shown: Timing, extensions: int, serial: int, week: int, year: int) -> bytes:
    maker, product, width_mm, height_mm = _facts(panel)
    fits = shown.pixel_clock_khz <= DTD_CLOCK_KHZ
    first = shown if fits else reduced_blanking(*_FALLBACK, panel.refresh_hz)
    across_mm = width_mm * shown.width / panel.width
    packed = 0
    for letter in maker:
        packed = packed << 5 | ord(letter) - ord("A") + 1
    block = HEADER + packed.to_bytes(2, "big") + product.to_bytes(2, "little") + serial.to_bytes(4, "little")
    block += bytes([week, year - 1990, 1, 4, 0x80 | _DEPTH_CODES[panel.bits_per_colour] << 4 | 5])
    # no power states besides on and off, RGB only; bit 1: the first timing is the panel's native one
    block += bytes([round(width_mm / 10), round(height_mm / 10), 120, 0x22 if fits else 0x20])
    block += _chromaticity([point for point in (panel.red, panel.green, panel.blue, panel.white) if point])
    block += bytes(3) + b"\x01\x01" * 8
    name = bytes([0, 0, 0, 0xFC, 0]) + f"{panel.edid_name}\n".encode("ascii").ljust(13)
    block += detailed_timing(first, across_mm, height_mm) + name + _DUMMY + _DUMMY + bytes([extensions])
    return block + bytes([-sum(block) % 256])


def detailed_timing(timing: Timing, width_mm: float, height_mm: float) -> bytes:
    """Return the 18 bytes of a timing in a base block or a CTA extension.

    Raises
    ------
    InputError
        A number does not fit its field.

    Examples
    --------
    >>> detailed_timing(reduced_blanking(3840, 2160, 60), 597, 336).hex(" ", -2)
    '4dd0 00a0 f070 3e80 3020 3500 5550 2100 001a'
    """
    t = timing
    h_blank, v_blank, across, down = t.h_total - t.width, t.v_total - t.height, round(width_mm), round(height_mm)
    rooms = (
        ("clock", t.pixel_clock_khz // 10, 16), ("width", t.width, 12), ("height", t.height, 12),
        ("horizontal blanking", h_blank, 12), ("vertical blanking", v_blank, 12), ("front porch", t.h_front, 10),
        ("sync pulse", t.h_sync, 10), ("vertical front porch", t.v_front, 6), ("vertical sync pulse", t.v_sync, 6),
        ("width in mm", across, 12), ("height in mm", down, 12),
    )  # fmt: skip
    for name, value, bits in rooms:
        if not 0 <= value < 1 << bits:
            raise InputError(f"EDID: {name} {value} does not fit the {bits} bits of a detailed timing")
    return (t.pixel_clock_khz // 10).to_bytes(2, "little") + bytes([
        t.width & 255, h_blank & 255, t.width >> 8 << 4 | h_blank >> 8,
        t.height & 255, v_blank & 255, t.height >> 8 << 4 | v_blank >> 8,
        t.h_front & 255, t.h_sync & 255, (t.v_front & 15) << 4 | t.v_sync & 15,
        t.h_front >> 8 << 6 | t.h_sync >> 8 << 4 | t.v_front >> 4 << 2 | t.v_sync >> 4,
        across & 255, down & 255, across >> 8 << 4 | down >> 8, 0, 0,
        t.interlaced << 7 | 0x18 | t.v_positive << 2 | t.h_positive << 1,
    ])  # fmt: skip


def _chromaticity(points: list[Point]) -> bytes:
    values = [round(value * 1024) for point in points for value in point]
    low = 0
    for value in values:
        low = low << 2 | value & 3
    return low.to_bytes(2, "big") + bytes(value >> 2 for value in values)


def _preferred(timing: Timing) -> Timing:
    return replace(timing, preferred=True)


def _counting(section: bytes, more: int) -> bytes:
    """Return a DisplayID extension block that says how many follow it."""
    length = section[2]
    head = section[1:4] + bytes([more]) + section[5 : 5 + length]
    block = b"\x70" + head + bytes([-sum(head) % 256])
    block += bytes(127 - len(block))
    return block + bytes([-sum(block) % 256])
