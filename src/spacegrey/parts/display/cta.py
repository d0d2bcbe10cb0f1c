"""The CTA-861 extension of an EDID: television modes, deep colour, and further detailed timings."""

from __future__ import annotations

from dataclasses import dataclass, field

from spacegrey.errors import InputError

Mode = tuple[int, int, float]

# Width, height and refresh of the video identification codes that computers' displays name (CTA-861, table 3).
MODES: dict[int, Mode] = {
    1: (640, 480, 59.94), 2: (720, 480, 59.94), 3: (720, 480, 59.94), 4: (1280, 720, 60.0), 16: (1920, 1080, 60.0),
    17: (720, 576, 50.0), 18: (720, 576, 50.0), 19: (1280, 720, 50.0), 31: (1920, 1080, 50.0), 32: (1920, 1080, 24.0),
    33: (1920, 1080, 25.0), 34: (1920, 1080, 30.0), 63: (1920, 1080, 120.0), 64: (1920, 1080, 100.0),
    93: (3840, 2160, 24.0), 94: (3840, 2160, 25.0), 95: (3840, 2160, 30.0), 96: (3840, 2160, 50.0),
    97: (3840, 2160, 60.0), 98: (4096, 2160, 24.0), 99: (4096, 2160, 25.0), 100: (4096, 2160, 30.0),
    101: (4096, 2160, 50.0), 102: (4096, 2160, 60.0), 117: (3840, 2160, 100.0), 118: (3840, 2160, 120.0),
}  # fmt: skip

_HDMI, _HDMI_FORUM = 0x000C03, 0xC45DD8
_COLOURS = ("xvYCC601", "xvYCC709", "sYCC601", "opYCC601", "opRGB", "BT2020cYCC", "BT2020YCC", "BT2020RGB")


@dataclass
class Cta:
    """What the extension says; ``timings_at`` is where its 18-byte timings begin, None where there are none."""

    revision: int
    vics: list[int] = field(default_factory=list[int])
    audio: bool = False
    bits_per_colour: int | None = None
    tmds_max_mhz: int | None = None
    colours: list[str] = field(default_factory=list[str])
    hdr: bool = False
    blocks: int | None = None
    timings_at: int | None = None
    unread: list[str] = field(default_factory=list[str])


def read_cta(block: bytes, place: str) -> Cta:
    """Read a block of 128 bytes whose tag is 2 and whose checksum holds.

    Raises
    ------
    InputError
        A data block or the timings begin outside of their room.
    """
    found, end = Cta(block[1]), block[2]
    if end and not 4 <= end <= 127:  # noqa: PLR2004 - the four bytes of the head, the last one of the block
        raise InputError(f"{place}: its timings begin at byte {end}, which is not within 4 to 127")
    found.audio = bool(block[3] & 0x40)
    at = 4
    while at < end:
        tag, size = block[at] >> 5, block[at] & 31
        if at + 1 + size > end:
            raise InputError(f"{place}: truncated: a CTA data block at byte {at} runs over its room")
        _read_block(found, tag, block[at + 1 : at + 1 + size], place)
        at += 1 + size
    found.timings_at = end or None
    return found


def _read_block(found: Cta, tag: int, body: bytes, place: str) -> None:
    if tag == 1:
        if len(body) % 3:
            raise InputError(f"{place}: truncated: {len(body)} bytes of audio formats, each needs 3")
        found.audio = True
    elif tag == 2:  # noqa: PLR2004 - the standard's tags, as below
        # 129 to 192 mark the native modes among the first 64
        found.vics += [code - 128 if 129 <= code <= 192 else code for code in body]  # noqa: PLR2004
    elif tag == 3:  # noqa: PLR2004
        _read_vendor(found, body, place)
    elif tag == 7 and body:  # noqa: PLR2004
        _read_extended(found, body[0], body[1:])
    elif tag not in {0, 4}:
        found.unread.append(f"CTA block {tag}")


def _read_vendor(found: Cta, body: bytes, place: str) -> None:
    if len(body) < 3:  # noqa: PLR2004 - an organisation's number
        raise InputError(f"{place}: truncated: a vendor's block of {len(body)} bytes names no vendor")
    vendor = int.from_bytes(body[:3], "little")
    if vendor == _HDMI and len(body) > 5:  # noqa: PLR2004 - up to the deep colour flags
        depth = 16 if body[5] & 0x40 else 12 if body[5] & 0x20 else 10 if body[5] & 0x10 else 8
        found.bits_per_colour = max(depth, found.bits_per_colour or 0)
        if len(body) > 6 and body[6]:  # noqa: PLR2004
            found.tmds_max_mhz = max(body[6] * 5, found.tmds_max_mhz or 0)
    elif vendor == _HDMI_FORUM and len(body) > 4 and body[4]:  # noqa: PLR2004
        found.tmds_max_mhz = max(body[4] * 5, found.tmds_max_mhz or 0)
    elif vendor not in {_HDMI, _HDMI_FORUM}:
        found.unread.append(f"vendor block {vendor:06x}")


def _read_extended(found: Cta, tag: int, body: bytes) -> None:
    if tag == 5 and body:  # noqa: PLR2004 - the standard's extended tags, as below
        found.colours += [name for bit, name in enumerate(_COLOURS) if body[0] >> bit & 1]
        if len(body) > 1 and body[1] & 0x80:
            found.colours.append("DCI-P3")
    elif tag == 6:  # noqa: PLR2004
        found.hdr = True
    elif tag == 0x78 and body:  # noqa: PLR2004 - HDMI Forum: how many blocks there are, where one byte cannot say
        found.blocks = body[0]
    elif tag not in {0, 14, 15}:
        found.unread.append(f"CTA extended block {tag}")
