"""EDID: what a display says about itself, read strictly: a block that is broken or absurd is refused in one line.

The base block of EDID 1.3 and 1.4, with CTA-861 (`cta`) and DisplayID (`displayid`) extensions. Writing of a panel's
own EDID is in `panel_edid`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from spacegrey.errors import InputError
from spacegrey.parts.display.cta import MODES, Mode, read_cta
from spacegrey.parts.display.displayid import Limits, Point, Section, Tile, read_section, real_primaries
from spacegrey.parts.display.timing import Timing, checked

if TYPE_CHECKING:
    from pathlib import Path

    from spacegrey.parts.display.cta import Cta

BLOCK = 128
MOST_BLOCKS = 256
HEADER = b"\x00\xff\xff\xff\xff\xff\xff\x00"

INTERFACES = {1: "DVI", 2: "HDMI-a", 3: "HDMI-b", 4: "MDDI", 5: "DisplayPort"}

_DEPTHS = {1: 6, 2: 8, 3: 10, 4: 12, 5: 14, 6: 16}
_UNSAID = 0xFF
# Bits of bytes 35 to 37, the highest first.
_ESTABLISHED: tuple[Mode, ...] = (
    (720, 400, 70.0), (720, 400, 88.0), (640, 480, 60.0), (640, 480, 67.0), (640, 480, 72.0), (640, 480, 75.0),
    (800, 600, 56.0), (800, 600, 60.0), (800, 600, 72.0), (800, 600, 75.0), (832, 624, 75.0), (1024, 768, 87.0),
    (1024, 768, 60.0), (1024, 768, 70.0), (1024, 768, 75.0), (1280, 1024, 75.0), (1152, 870, 75.0),
)  # fmt: skip


@dataclass(frozen=True)
class Edid:
    """What a display says about itself.

    Attributes
    ----------
    version : str
        "1.3" or "1.4".
    maker, product, serial : str, int, int
        Three letters of the maker, and its numbers.
    week, year : int or None, int
        Made then; a model year where ``week`` is None.
    name, serial_text : str or None
        As printed on the back.
    digital, interface : bool, str or None
        The input, as far as it is said.
    width_mm, height_mm : float or None
        Of the picture.
    bits_per_colour : int or None
        Of the panel and its link, as the base block or DisplayID states them.
    deep_colour_bits : int or None
        The deepest that an HDMI input takes, whatever the panel shows.
    gamma : float or None
        Of the transfer curve.
    primaries : tuple or None
        Red, green, blue and white as CIE 1931 x, y.
    timings : tuple of Timing
        Detailed ones, in the order of the blocks, without repetition.
    modes : tuple
        Width, height and refresh of those that are named only.
    native : tuple or None
        Pixels of the whole display, where a block says so.
    limits : Limits or None
        Between which rates it follows.
    tile : Tile or None
        The part that this link feeds; None where one link feeds all.
    tmds_max_mhz : int or None
        Of an HDMI input.
    hdr : bool
        It takes HDR metadata.
    unread : tuple of str
        Blocks that are there and are not understood.
    """

    version: str
    maker: str
    product: int
    serial: int
    week: int | None
    year: int
    name: str | None
    serial_text: str | None
    digital: bool
    interface: str | None
    width_mm: float | None
    height_mm: float | None
    bits_per_colour: int | None
    deep_colour_bits: int | None
    gamma: float | None
    primaries: tuple[Point, Point, Point, Point] | None
    timings: tuple[Timing, ...]
    modes: tuple[Mode, ...]
    native: tuple[int, int] | None
    limits: Limits | None
    tile: Tile | None
    tmds_max_mhz: int | None
    hdr: bool
    unread: tuple[str, ...]

    def best(self) -> Timing | None:
        """Return the detailed timing with the most pixels a second, the preferred one where two have as many."""
        return max(self.timings, key=lambda one: (one.width * one.height * one.refresh_hz, one.preferred), default=None)

    def tile_timing(self) -> Timing | None:
        """Return the fastest timing of this link's tile; None where there is no tile, or none that fits it."""
        if self.tile is None:
            return None
        size = (self.tile.width, self.tile.height)
        fitting = [one for one in self.timings if (one.width, one.height) == size]
        return max(fitting, key=lambda one: one.refresh_hz, default=None)


def read_edid_file(path: Path) -> Edid:
    """Read a file that holds an EDID as bytes, such as ``/sys/class/drm/card0-DP-1/edid``.

    Raises
    ------
    InputError
        It cannot be read, or is no EDID.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BLOCKS * BLOCK + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    return read_edid(data, path.name)


def read_edid(data: bytes, place: str = "EDID") -> Edid:
    """Read an EDID.

    Parameters
    ----------
    data : bytes
        The base block and its extensions, 128 bytes each, at most 256 blocks.
    place : str
        Where it came from, named in errors.

    Returns
    -------
    Edid
        What it says.

    Raises
    ------
    InputError
        Not an EDID, truncated, longer than it says, a checksum that does not hold, or values that cannot be.

    References
    ----------
    VESA Enhanced EDID Standard, release A revision 2, 2006 (source ``vesa-eedid``); DisplayID 1.3 and 2.0 (source
    ``vesa-displayid``); CTA-861 (source ``cta-861``).

    Examples
    --------
    >>> read_edid(b"not one")
    Traceback (most recent call last):
      ...
    spacegrey.errors.InputError: EDID: truncated: 7 bytes, an EDID has at least 128
    """
    blocks = _blocks(data, place)
    base = _base(blocks[0], place)
    sections: list[Section] = []
    extensions: list[tuple[Cta, list[Timing]]] = []
    unread: list[str] = []
    for number, block in enumerate(blocks[1:], start=1):
        where = f"{place}: block {number}"
        if block[0] == _CTA:
            cta = read_cta(block, where)
            extensions.append((cta, _cta_timings(block, cta.timings_at, where)))
        elif block[0] == _DISPLAYID:
            sections.append(read_section(block[1:127], where))
        elif block[0] != _MAP:
            unread.append(f"extension 0x{block[0]:02x}")
    _expect_count(data, [cta for cta, _ in extensions], place)
    for cta, timings in extensions:
        base = _with_cta(base, cta, timings)
    for section in sections:
        base = _with_section(base, section)
    return replace(
        base,
        timings=tuple(dict.fromkeys(base.timings)),
        modes=tuple(dict.fromkeys(base.modes)),
        native=base.native or _native(blocks[0], base),
        unread=(*base.unread, *unread),
    )


_CTA, _DISPLAYID, _MAP = 0x02, 0x70, 0xF0
_SHORTEST_DESCRIPTOR = 18


def _blocks(data: bytes, place: str) -> list[bytes]:
    if len(data) < BLOCK:
        raise InputError(f"{place}: truncated: {len(data)} bytes, an EDID has at least {BLOCK}")
    if data[:8] != HEADER:
        raise InputError(f"{place}: not an EDID: it begins with {data[:8].hex(' ')}, not {HEADER.hex(' ')}")
    if len(data) > MOST_BLOCKS * BLOCK:
        raise InputError(f"{place}: not an EDID: more than {MOST_BLOCKS} blocks of {BLOCK} bytes")
    if len(data) % BLOCK:
        raise InputError(f"{place}: truncated: {len(data)} bytes are no whole number of blocks of {BLOCK}")
    blocks = [data[at : at + BLOCK] for at in range(0, len(data), BLOCK)]
    for number, block in enumerate(blocks):
        right = -sum(block[:127]) % 256
        if block[127] != right:
            raise InputError(f"{place}: block {number}: the checksum is 0x{block[127]:02x}, 0x{right:02x} would hold")
    return blocks


def _expect_count(data: bytes, extensions: list[Cta], place: str) -> None:
    """Compare the blocks that are there with what byte 126, or an HDMI display's own count, says."""
    said = next((cta.blocks for cta in extensions if cta.blocks is not None), data[126]) + 1
    there = len(data) // BLOCK
    if there < said:
        raise InputError(f"{place}: truncated: {there} blocks, it says that it has {said}")
    if there > said:
        raise InputError(f"{place}: {there} blocks, but it says that it has {said}")


def _base(block: bytes, place: str) -> Edid:
    version = f"{block[18]}.{block[19]}"
    if version not in {"1.3", "1.4"}:
        raise InputError(f"{place}: EDID version {version} is not read; choose from: 1.3, 1.4")
    digital, newer = bool(block[20] & 0x80), version == "1.4"
    timings: list[Timing] = []
    texts: dict[int, str] = {}
    limits: Limits | None = None
    unread: list[str] = []
    for number, at in enumerate(range(54, 126, 18), start=1):
        part, where = block[at : at + 18], f"{place}: descriptor {number}"
        if part[0] or part[1]:
            timings.append(_detailed(part, where, preferred=number == 1 and (newer or bool(block[24] & 2))))
        elif part[3] in {0xFC, 0xFE, 0xFF}:
            texts[part[3]] = _text(part[5:])
        elif part[3] == 0xFD:  # noqa: PLR2004 - the standard's tag
            limits = _limits(part, where)
        elif part[3] > 0x10:  # noqa: PLR2004 - 0x10 is a dummy, and below it is the maker's own
            unread.append(f"descriptor 0x{part[3]:02x}")
    return Edid(
        version=version,
        maker=_maker(block, place),
        product=block[10] | block[11] << 8,
        serial=int.from_bytes(block[12:16], "little"),
        week=None if block[16] in {0, _UNSAID} else block[16],
        year=1990 + block[17],
        name=texts.get(0xFC),
        serial_text=texts.get(0xFF),
        digital=digital,
        interface=INTERFACES.get(block[20] & 15) if digital and newer else None,
        width_mm=block[21] * 10.0 if block[21] and block[22] else None,
        height_mm=block[22] * 10.0 if block[21] and block[22] else None,
        bits_per_colour=_DEPTHS.get(block[20] >> 4 & 7) if digital and newer else None,
        deep_colour_bits=None,
        gamma=None if block[23] == _UNSAID else (block[23] + 100) / 100,
        primaries=_primaries(block, place),
        timings=tuple(timings),
        modes=(*_established(block), *_standard(block)),
        native=None,
        limits=limits,
        tile=None,
        tmds_max_mhz=None,
        hdr=False,
        unread=tuple(unread),
    )


def _native(block: bytes, read: Edid) -> tuple[int, int] | None:
    """Return the whole display's pixels, which the first timing of a base block may be marked to have."""
    if read.tile:
        return read.tile.columns * read.tile.width, read.tile.rows * read.tile.height
    marked = read.version == "1.4" and block[24] & 2 and (block[54] or block[55])
    return (read.timings[0].width, read.timings[0].height) if marked else None


def _maker(block: bytes, place: str) -> str:
    packed = block[8] << 8 | block[9]
    letters = [packed >> shift & 31 for shift in (10, 5, 0)]
    if packed & 0x8000 or not all(1 <= letter <= 26 for letter in letters):  # noqa: PLR2004 - A to Z
        raise InputError(f"{place}: the maker's code 0x{packed:04x} is no three letters")
    return "".join(chr(ord("A") - 1 + letter) for letter in letters)


def _primaries(block: bytes, place: str) -> tuple[Point, Point, Point, Point] | None:
    low = block[25] << 8 | block[26]
    values = [(block[27 + number] << 2 | low >> (14 - 2 * number) & 3) / 1024 for number in range(8)]
    return real_primaries([(values[at], values[at + 1]) for at in range(0, 8, 2)], place)


def _established(block: bytes) -> list[Mode]:
    bits = block[35] << 16 | block[36] << 8 | block[37]
    return [mode for number, mode in enumerate(_ESTABLISHED) if bits >> (23 - number) & 1]


def _standard(block: bytes) -> list[Mode]:
    modes: list[Mode] = []
    for at in range(38, 54, 2):
        first, second = block[at], block[at + 1]
        if first and (first, second) != (1, 1):
            width = (first + 31) * 8
            across, down = ((16, 10), (4, 3), (5, 4), (16, 9))[second >> 6]
            modes.append((width, width * down // across, float((second & 63) + 60)))
    return modes


def _detailed(part: bytes, place: str, *, preferred: bool) -> Timing:
    width, h_blank = part[2] | (part[4] & 0xF0) << 4, part[3] | (part[4] & 15) << 8
    height, v_blank = part[5] | (part[7] & 0xF0) << 4, part[6] | (part[7] & 15) << 8
    h_front, h_sync = part[8] | (part[11] & 0xC0) << 2, part[9] | (part[11] & 0x30) << 4
    v_front, v_sync = part[10] >> 4 | (part[11] & 0x0C) << 2, part[10] & 15 | (part[11] & 3) << 4
    separate = part[17] & 0x18 == 0x18  # noqa: PLR2004 - else the sync is composite, and these bits mean others
    return checked(
        Timing(
            (part[0] | part[1] << 8) * 10,
            width,
            height,
            h_front,
            h_sync,
            h_blank - h_front - h_sync,
            v_front,
            v_sync,
            v_blank - v_front - v_sync,
            separate and bool(part[17] & 2),
            separate and bool(part[17] & 4),
            bool(part[17] & 0x80),
            preferred,
        ),
        place,
    )


def _cta_timings(block: bytes, start: int | None, place: str) -> list[Timing]:
    timings: list[Timing] = []
    for at in range(start or BLOCK, BLOCK - _SHORTEST_DESCRIPTOR, _SHORTEST_DESCRIPTOR):
        part = block[at : at + _SHORTEST_DESCRIPTOR]
        if not (part[0] or part[1]):
            break
        timings.append(_detailed(part, place, preferred=False))
    return timings


def _limits(part: bytes, place: str) -> Limits:
    more = part[4]
    v_min = part[5] + (255 if more & 3 == 3 else 0)  # noqa: PLR2004 - both ends are 255 more
    v_max = part[6] + (255 if more & 2 else 0)
    h_min = part[7] + (255 if more >> 2 & 3 == 3 else 0)  # noqa: PLR2004
    h_max = part[8] + (255 if more & 8 else 0)
    if v_min > v_max or h_min > h_max:
        raise InputError(f"{place}: absurd range: from {v_min} to {v_max} Hz, {h_min} to {h_max} kHz")
    clock = part[9] * 10_000 if part[9] not in {0, _UNSAID} else None
    return Limits(v_min, v_max, clock, h_min, h_max)


def _text(part: bytes) -> str:
    text = part.split(b"\n", 1)[0].decode("latin-1").rstrip()
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _with_cta(base: Edid, cta: Cta, timings: list[Timing]) -> Edid:
    known = [MODES[vic] for vic in cta.vics if vic in MODES]
    unknown = [f"video code {vic}" for vic in cta.vics if vic not in MODES]
    return replace(
        base,
        timings=(*base.timings, *timings),
        modes=(*base.modes, *known),
        deep_colour_bits=_larger(base.deep_colour_bits, cta.bits_per_colour),
        tmds_max_mhz=_larger(base.tmds_max_mhz, cta.tmds_max_mhz),
        hdr=base.hdr or cta.hdr,
        unread=(*base.unread, *cta.unread, *unknown),
    )


def _with_section(base: Edid, section: Section) -> Edid:
    native = (section.width, section.height) if section.width and section.height else base.native
    return replace(
        base,
        width_mm=section.width_mm or base.width_mm,
        height_mm=section.height_mm or base.height_mm,
        bits_per_colour=_larger(base.bits_per_colour, section.bits_per_colour),
        gamma=section.gamma or base.gamma,
        primaries=section.primaries or base.primaries,
        timings=(*base.timings, *section.timings),
        native=native,
        limits=section.limits or base.limits,
        tile=section.tile or base.tile,
        unread=(*base.unread, *section.unread),
    )


def _larger(one: int | None, other: int | None) -> int | None:
    return max((value for value in (one, other) if value is not None), default=None)
