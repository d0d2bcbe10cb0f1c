"""DisplayID 1.x and 2.0 sections, as they stand in an extension block of an EDID: read, and written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spacegrey.errors import InputError
from spacegrey.parts.display.timing import Timing, checked

if TYPE_CHECKING:
    from collections.abc import Callable

Point = tuple[float, float]

LARGEST_SECTION = 121
"""Bytes of data blocks in a section that stands in an EDID extension."""


@dataclass(frozen=True)
class Tile:
    """Which part of a tiled display one link feeds.

    Attributes
    ----------
    columns, rows : int
        Tiles of the whole display, 1 to 64 each.
    column, row : int
        Place of this one, from 0.
    width, height : int
        Its pixels.
    single_enclosure : bool
        The tiles are one piece of glass.
    scales_alone : bool
        Fed alone, this tile's picture fills the whole display.
    maker, product, serial : str, int, int
        The same on every tile of one display.
    """

    columns: int
    rows: int
    column: int
    row: int
    width: int
    height: int
    single_enclosure: bool = True
    scales_alone: bool = True
    maker: str = "???"
    product: int = 0
    serial: int = 0


@dataclass(frozen=True)
class Limits:
    """Between which rates a display follows: pictures a second, lines, and pixels; None where it does not say."""

    v_min_hz: float
    v_max_hz: float
    pixel_clock_max_khz: int | None = None
    h_min_khz: float | None = None
    h_max_khz: float | None = None


@dataclass
class Section:
    """What a DisplayID section says; ``unread`` names the data blocks that are there but are not understood."""

    version: str
    width: int | None = None
    height: int | None = None
    width_mm: float | None = None
    height_mm: float | None = None
    bits_per_colour: int | None = None
    gamma: float | None = None
    primaries: tuple[Point, Point, Point, Point] | None = None
    timings: list[Timing] = field(default_factory=list[Timing])
    limits: Limits | None = None
    tile: Tile | None = None
    unread: list[str] = field(default_factory=list[str])


def read_section(data: bytes, place: str) -> Section:
    """Read one section: version, length, product type, count, data blocks, checksum.

    Parameters
    ----------
    data : bytes
        From the version byte on; what follows the section's checksum is not looked at.
    place : str
        Named in errors.

    Raises
    ------
    InputError
        Version unknown, longer than its block, checksum wrong, a data block cut off, or a timing that cannot be.
    """
    version, length = data[0] >> 4, data[1]
    if version not in {1, 2}:
        raise InputError(f"{place}: DisplayID version {version}.{data[0] & 15} is unknown; choose from: 1.x, 2.x")
    if length > LARGEST_SECTION or 5 + length > len(data):
        raise InputError(f"{place}: truncated: a DisplayID section of {length} bytes, {LARGEST_SECTION} fit")
    wrong = sum(data[: 5 + length]) % 256
    if wrong:
        raise InputError(f"{place}: the checksum of the DisplayID section is wrong (bytes add up to {wrong}, not 0)")
    section = Section(f"{version}.{data[0] & 15}")
    at, end = 4, 4 + length
    while at < end and any(data[at:end]):
        if at + 3 > end or at + 3 + data[at + 2] > end:
            raise InputError(f"{place}: truncated: DisplayID data block 0x{data[at]:02x} runs over its section")
        tag, revision, size = data[at], data[at + 1], data[at + 2]
        _read_block(section, version, tag, revision, data[at + 3 : at + 3 + size], place)
        at += 3 + size
    return section


def write_section(blocks: list[bytes], *, first: bool = True) -> bytes:
    """Return a DisplayID 1.3 section of data blocks, filled up to an EDID extension block of 128 bytes.

    ``first`` tells that it is the first of its EDID, which alone names the kind of product.

    Raises
    ------
    InputError
        The data blocks need more room than there is.
    """
    payload = b"".join(blocks)
    if len(payload) > LARGEST_SECTION:
        raise InputError(f"DisplayID: {len(payload)} bytes of data blocks, {LARGEST_SECTION} fit")
    section = bytes([0x13, len(payload), 3 if first else 0, 0]) + payload
    section += bytes([-sum(section) % 256])
    block = b"\x70" + section
    block += bytes(127 - len(block))
    return block + bytes([-sum(block) % 256])


def timing_block(timings: list[Timing]) -> bytes:
    """Return the data block of detailed timings, type I."""
    body = b"".join(_write_timing(timing) for timing in timings)
    return bytes([0x03, 0x00, len(body)]) + body


def tile_block(tile: Tile) -> bytes:
    """Return the data block of a tiled display's topology."""
    columns, rows = tile.columns - 1, tile.rows - 1
    high = (columns >> 4) << 6 | (rows >> 4) << 4 | (tile.column >> 4) << 2 | tile.row >> 4
    body = bytes([
        tile.single_enclosure << 7 | (2 if tile.scales_alone else 1),
        (columns & 15) << 4 | rows & 15,
        (tile.column & 15) << 4 | tile.row & 15,
        high,
    ])  # fmt: skip
    body += _le(tile.width - 1, 2) + _le(tile.height - 1, 2) + bytes(5)
    body += tile.maker.encode("ascii") + _le(tile.product, 2) + _le(tile.serial, 4)
    return bytes([0x12, 0x00, len(body)]) + body


def identity_block(maker: str, product: int, serial: int, week: int, year: int, name: str) -> bytes:
    """Return the data block that names the product."""
    text = name.encode("ascii")
    body = maker.encode("ascii") + _le(product, 2) + _le(serial, 4) + bytes([week, year - 2000, len(text)]) + text
    return bytes([0x00, 0x00, len(body)]) + body


def parameters_block(width_mm: float, height_mm: float, width: int, height: int, bits_per_colour: int) -> bytes:
    """Return the data block of size, native format and depth; gamma 2.2, fixed size and timing."""
    body = _le(round(width_mm * 10), 2) + _le(round(height_mm * 10), 2) + _le(width, 2) + _le(height, 2)
    depth = bits_per_colour - 1
    body += bytes([0x00, 120, round((width / height - 1.0) * 100), depth << 4 | depth])
    return bytes([0x01, 0x00, len(body)]) + body


def interface_block(bits_per_colour: int, lanes: int) -> bytes:
    """Return the data block of the link: DisplayPort 1.2 inside, RGB from 6 bits up to the given depth."""
    depths = sum(1 << bit for bit, depth in enumerate((6, 8, 10, 12, 14, 16)) if depth <= bits_per_colour)
    body = bytes([0xA0 | lanes, 0x12, depths, 0, 0, 0, 0, 0, 0, 0])
    return bytes([0x0F, 0x00, len(body)]) + body


def _read_block(section: Section, version: int, tag: int, revision: int, body: bytes, place: str) -> None:
    reader = _READERS.get((version, tag))
    if reader is None:
        section.unread.append(f"DisplayID block 0x{tag:02x}")
        return
    needed, read = reader
    if len(body) < needed:
        raise InputError(f"{place}: DisplayID data block 0x{tag:02x} has {len(body)} bytes, at least {needed} needed")
    read(section, revision, body, place)


def _parameters_1(section: Section, revision: int, body: bytes, place: str) -> None:
    del revision, place
    _size(section, body, 0.1)
    section.gamma = None if body[9] == _UNSAID else (body[9] + 100) / 100
    section.bits_per_colour = (body[11] >> 4) + 1


def _parameters_2(section: Section, revision: int, body: bytes, place: str) -> None:
    _size(section, body, 1.0 if revision & 0x80 else 0.1)
    points = [_point(body[at : at + 3]) for at in (9, 12, 15, 18)]
    section.primaries = real_primaries(points, place)
    section.bits_per_colour = {1: 6, 2: 8, 3: 10, 4: 12, 5: 16}.get(body[27] & 7)
    section.gamma = None if body[28] == _UNSAID else (body[28] + 100) / 100


def _size(section: Section, body: bytes, unit_mm: float) -> None:
    section.width_mm, section.height_mm = _word(body, 0) * unit_mm or None, _word(body, 2) * unit_mm or None
    section.width, section.height = _word(body, 4) or None, _word(body, 6) or None


def _point(packed: bytes) -> Point:
    return (packed[0] | (packed[1] & 15) << 8) / 4096, (packed[1] >> 4 | packed[2] << 4) / 4096


def real_primaries(points: list[Point], place: str) -> tuple[Point, Point, Point, Point] | None:
    """Return red, green, blue and white, None where the display leaves them out.

    Raises
    ------
    InputError
        A point lies outside of the chromaticity diagram: x + y is above 1.

    Examples
    --------
    >>> real_primaries([(0.64, 0.33), (0.3, 0.6), (0.15, 0.06), (0.3127, 0.329)], "mine")[0]
    (0.64, 0.33)
    """
    if not all(point[1] for point in points):
        return None
    for name, (x, y) in zip(("red", "green", "blue", "white"), points, strict=True):
        if x + y > 1.0 + 2.0 / 1024.0:  # both coordinates may be rounded up
            raise InputError(f"{place}: absurd colour: {name} at ({x:.4f}, {y:.4f}) is no colour: x + y is above 1")
    return points[0], points[1], points[2], points[3]


def _timings_1(section: Section, revision: int, body: bytes, place: str) -> None:
    del revision
    _many(section, body, 20, lambda part: _long_timing(part, 10), place)


def _timings_7(section: Section, revision: int, body: bytes, place: str) -> None:
    _many(section, body, 20 + (revision >> 4 & 7), lambda part: _long_timing(part, 1), place)


def _timings_2(section: Section, revision: int, body: bytes, place: str) -> None:
    del revision
    _many(section, body, 11, _short_timing, place)


def _many(section: Section, body: bytes, size: int, read: Callable[[bytes], Timing], place: str) -> None:
    if len(body) % size:
        raise InputError(f"{place}: truncated: {len(body)} bytes of DisplayID timings, each needs {size}")
    section.timings += [checked(read(body[at : at + size]), place) for at in range(0, len(body), size)]


def _long_timing(body: bytes, step_khz: int) -> Timing:
    width, h_blank, h_front, h_sync, height, v_blank, v_front, v_sync = (_word(body, at) for at in range(4, 20, 2))
    front, top = (h_front & 0x7FFF) + 1, (v_front & 0x7FFF) + 1
    return Timing(
        (int.from_bytes(body[:3], "little") + 1) * step_khz,
        width + 1,
        height + 1,
        front,
        h_sync + 1,
        h_blank + 1 - front - h_sync - 1,
        top,
        v_sync + 1,
        v_blank + 1 - top - v_sync - 1,
        bool(h_front & 0x8000),
        bool(v_front & 0x8000),
        bool(body[3] & 0x10),
        bool(body[3] & 0x80),
    )


def _short_timing(body: bytes) -> Timing:
    width, h_blank = ((body[4] | (body[5] & 1) << 8) + 1) * 8, ((body[5] >> 1) + 1) * 8
    h_front, h_sync = ((body[6] >> 4) + 1) * 8, ((body[6] & 15) + 1) * 8
    height, v_blank = (body[7] | (body[8] & 15) << 8) + 1, body[9] + 1
    v_front, v_sync = (body[10] >> 4) + 1, (body[10] & 15) + 1
    return Timing(
        (int.from_bytes(body[:3], "little") + 1) * 10,
        width,
        height,
        h_front,
        h_sync,
        h_blank - h_front - h_sync,
        v_front,
        v_sync,
        v_blank - v_front - v_sync,
        bool(body[3] & 0x08),
        bool(body[3] & 0x04),
        bool(body[3] & 0x10),
        bool(body[3] & 0x80),
    )


def _limits_1(section: Section, revision: int, body: bytes, place: str) -> None:
    del revision
    clock = (int.from_bytes(body[3:6], "little") + 1) * 10
    section.limits = _real(Limits(body[10], body[11], clock, body[6], body[7]), place)


def _limits_2(section: Section, revision: int, body: bytes, place: str) -> None:
    highest = body[7] | ((body[8] & 3) << 8 if revision & 7 else 0)
    section.limits = _real(Limits(body[6], highest, int.from_bytes(body[3:6], "little") + 1), place)


def _real(limits: Limits, place: str) -> Limits:
    if limits.v_min_hz > limits.v_max_hz:
        raise InputError(f"{place}: absurd range: from {limits.v_min_hz:g} to {limits.v_max_hz:g} Hz")
    return limits


def _tile(section: Section, revision: int, body: bytes, place: str) -> None:
    del revision
    columns = (body[1] >> 4 | (body[3] >> 6) << 4) + 1
    rows = (body[1] & 15 | (body[3] >> 4 & 3) << 4) + 1
    column, row = body[2] >> 4 | (body[3] >> 2 & 3) << 4, body[2] & 15 | (body[3] & 3) << 4
    if column >= columns or row >= rows:
        raise InputError(f"{place}: absurd tile: column {column}, row {row} of {columns} x {rows} tiles")
    section.tile = Tile(
        columns,
        rows,
        column,
        row,
        _word(body, 4) + 1,
        _word(body, 6) + 1,
        bool(body[0] & 0x80),
        body[0] & 7 == 2,  # noqa: PLR2004 - the standard's code of "scaled to the whole display"
        "".join(chr(sign) if chr(sign).isalnum() and sign < 128 else "?" for sign in body[13:16]),  # noqa: PLR2004
        _word(body, 16),
        int.from_bytes(body[18:22], "little"),
    )


def _known(section: Section, revision: int, body: bytes, place: str) -> None:
    """Pass over a block that tells nothing which a plan needs: names, containers, links."""
    del section, revision, body, place


def _write_timing(timing: Timing) -> bytes:
    t = timing
    shapes = {(1, 1): 0, (5, 4): 1, (4, 3): 2, (15, 9): 3, (16, 9): 4, (16, 10): 5}
    shape = next((code for (across, down), code in shapes.items() if t.width * down == t.height * across), 8)
    body = _le(t.pixel_clock_khz // 10 - 1, 3) + bytes([t.preferred << 7 | t.interlaced << 4 | shape])
    for value, high in (
        (t.width, False), (t.h_total - t.width, False), (t.h_front, t.h_positive), (t.h_sync, False),
        (t.height, False), (t.v_total - t.height, False), (t.v_front, t.v_positive), (t.v_sync, False),
    ):  # fmt: skip
        body += _le(value - 1 | high << 15, 2)
    return body


def _word(body: bytes, at: int) -> int:
    return body[at] | body[at + 1] << 8


def _le(value: int, size: int) -> bytes:
    return value.to_bytes(size, "little")


_UNSAID = 0xFF
# (version, tag) -> bytes that it must have, and its reader
_READERS: dict[tuple[int, int], tuple[int, Callable[[Section, int, bytes, str], None]]] = {
    (1, 0x00): (12, _known),
    (1, 0x01): (12, _parameters_1),
    (1, 0x03): (0, _timings_1),
    (1, 0x04): (0, _timings_2),
    (1, 0x09): (15, _limits_1),
    (1, 0x0F): (10, _known),
    (1, 0x12): (22, _tile),
    (2, 0x20): (12, _known),
    (2, 0x21): (29, _parameters_2),
    (2, 0x22): (0, _timings_7),
    (2, 0x25): (9, _limits_2),
    (2, 0x26): (9, _known),
    (2, 0x28): (22, _tile),
}
