"""Fuzz the EDID reader, guided by coverage: `pip install atheris`, then `python tests/edid/fuzz.py FOLDER`.

FOLDER holds inputs to begin with and keeps what is found; libFuzzer's options follow, such as ``-max_total_time=600``.
Every input is tried as it is, and with its header and checksums mended.
"""

import sys

from spacegrey.errors import InputError


def mended(data: bytes) -> bytes:
    block = bytearray(data)
    block[:8] = bytes.fromhex("00ffffffffffff00")
    if len(block) >= 256 and block[128] == 0x70 and 5 + block[130] <= 122:
        end = 133 + block[130]
        block[end] = -sum(block[129:end]) % 256
    for at in range(0, len(block) - 127, 128):
        block[at + 127] = -sum(block[at : at + 127]) % 256
    return bytes(block)


def one(data: bytes) -> None:
    from spacegrey.parts.display.edid import read_edid

    for tried in (data, mended(data)):
        line, read = "fuzz: ", None
        try:
            read = read_edid(tried, "fuzz")
        except InputError as error:
            line = str(error)
        assert line.startswith("fuzz: ")
        assert "\n" not in line
        if read is not None:
            assert all(1.0 <= timing.refresh_hz <= 1000.0 for timing in read.timings)
            if read.tile is not None:
                read.tile_timing()


if __name__ == "__main__":
    import atheris

    with atheris.instrument_imports(include=["spacegrey.parts.display"]):
        import spacegrey.parts.display.edid  # noqa: F401 - so that its branches are followed
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
