"""EDID: what a display says about itself."""

from __future__ import annotations

from fuzz.found import expect
from spacegrey.errors import InputError
from spacegrey.parts.display.edid import BLOCK, HEADER, read_edid

_DISPLAYID = 0x70
_LONGEST_SECTION = 122


def run_edid(data: bytes) -> None:
    """Read an EDID as it is, and with its header and checksums mended: anybody can make those."""
    for tried in (data, mended(data)):
        try:
            read = read_edid(tried, "fuzz")
        except InputError as refused:
            line = str(refused)
            expect(line.startswith("fuzz: ") and "\n" not in line, "a refusal is more than a line, or names no place")
            continue
        expect(all(1.0 <= timing.refresh_hz <= 1000.0 for timing in read.timings), "a refresh rate that cannot be")
        expect(len(read.timings) + len(read.modes) < 256 * 64, "more timings than the blocks have room for")
        expect(read.best() in (*read.timings, None), "a best timing that is none of them")
        if read.tile is not None:
            expect(read.tile_timing() in (*read.timings, None), "a tile's timing that is none of them")


def mended(data: bytes) -> bytes:
    """Return an EDID whose header, checksums and DisplayID section's checksum hold."""
    block = bytearray(data)
    block[: len(HEADER)] = HEADER
    if len(block) >= 2 * BLOCK and block[BLOCK] == _DISPLAYID and 5 + block[130] <= _LONGEST_SECTION:
        end = 133 + block[130]
        block[end] = -sum(block[129:end]) % 256
    for at in range(0, len(block) - BLOCK + 1, BLOCK):
        block[at + BLOCK - 1] = -sum(block[at : at + BLOCK - 1]) % 256
    return bytes(block)
