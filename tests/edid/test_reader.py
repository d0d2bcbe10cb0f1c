"""The reader agrees with an independent decoder, and refuses what is broken in one line."""

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from spacegrey.errors import InputError
from spacegrey.parts.display.displayid import Tile, tile_block, timing_block, write_section
from spacegrey.parts.display.edid import read_edid, read_edid_file
from spacegrey.parts.display.panel_edid import detailed_timing, panel_edid
from spacegrey.parts.display.timing import Timing, checked, reduced_blanking

FULL_HD = Timing(148_500, 1920, 1080, 88, 44, 148, 4, 5, 36, h_positive=True, v_positive=True)


def sealed(block):
    """Return a block of 127 bytes or more as one of 128 whose checksum holds."""
    return bytes(block[:127]) + bytes([-sum(block[:127]) % 256])


def base(timing=FULL_HD, *, extensions=0, version=4, **changed):
    """Return a base block that this test writes by itself, byte by byte."""
    block = bytearray(128)
    block[:8] = bytes.fromhex("00ffffffffffff00")
    block[8:10] = (13 << 10 | 5 << 5 | 24).to_bytes(2, "big")  # MEX
    block[16:20] = bytes([10, 28, 1, version])
    block[20:25] = bytes([0xB5, 60, 34, 120, 0x02])
    block[38:54] = b"\x01\x01" * 8
    block[54:72] = detailed_timing(timing, 600, 340)
    for at in (72, 90, 108):
        block[at + 3] = 0x10
    block[126] = extensions
    for at, value in changed.items():
        block[int(at.removeprefix("b"))] = value
    return sealed(block)


def displayid(version, blocks):
    body = b"".join(blocks)
    section = bytes([version, len(body), 3 if version < 0x20 else 2, 0]) + body
    block = b"\x70" + section + bytes([-sum(section) % 256])
    return sealed(block + bytes(127 - len(block)))


def cta(blocks=b"", timings=b""):
    return sealed((bytes([2, 3, 4 + len(blocks), 0]) + blocks + timings).ljust(127, b"\0"))


def as_tuple(t):
    return (
        t.pixel_clock_khz, t.width, t.height, t.h_front, t.h_sync, t.h_back, t.v_front, t.v_sync, t.v_back,
        t.h_positive, t.v_positive, t.interlaced,
    )  # fmt: skip


def le(value, size):
    return value.to_bytes(size, "little")


def long_form(t, step_khz):
    words = [t.width, t.h_total - t.width, t.h_front, t.h_sync, t.height, t.v_total - t.height, t.v_front, t.v_sync]
    body = [le(value - 1, 2) for value in words]
    body[2] = le(t.h_front - 1 | t.h_positive << 15, 2)
    body[6] = le(t.v_front - 1 | t.v_positive << 15, 2)
    return le(t.pixel_clock_khz // step_khz - 1, 3) + b"\x08" + b"".join(body)


def short_form(t):
    return le(t.pixel_clock_khz // 10 - 1, 3) + bytes([
        t.h_positive << 3 | t.v_positive << 2,
        t.width // 8 - 1 & 255, (t.h_total - t.width) // 8 - 1 << 1 | t.width // 8 - 1 >> 8,
        t.h_front // 8 - 1 << 4 | t.h_sync // 8 - 1,
        t.height - 1 & 255, t.height - 1 >> 8, t.v_total - t.height - 1, t.v_front - 1 << 4 | t.v_sync - 1,
    ])  # fmt: skip


@st.composite
def timings(draw, unit=1):
    """Draw a timing that every form can hold: widths in units, a clock of 10 kHz."""
    few, some = st.integers(1, 16), st.integers(1, 60)
    t = Timing(
        draw(st.integers(2500, 65_535)) * 10, draw(st.integers(80, 4088 // 8)) * 8, draw(st.integers(480, 4000)),
        draw(few) * 8, draw(few) * 8, draw(st.integers(0, 30)) * unit, draw(few), draw(few), draw(some),
        draw(st.booleans()), draw(st.booleans()),
    )  # fmt: skip
    assume(10 < t.refresh_hz < 500)
    return t


quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(timings())
def test_detailed_timings_agree_with_the_decoder(decode, timings_of, timing):
    data = base(timing)
    assert [as_tuple(one) for one in read_edid(data).timings] == timings_of(decode(data)) == [as_tuple(timing)]


@quick
@given(timings(unit=8), timings(unit=8), timings())
def test_displayid_timings_agree_with_the_decoder(decode, timings_of, one, two, seven):
    for version, tag, body, wanted in (
        (0x13, 0x03, long_form(one, 10), one),
        (0x12, 0x04, short_form(two), two),
        (0x20, 0x22, long_form(seven, 1), seven),
    ):
        data = base(extensions=1) + displayid(version, [bytes([tag, 0, len(body)]) + body])
        read = [as_tuple(timing) for timing in read_edid(data).timings]
        assert read[-1] == as_tuple(wanted)
        decoded = timings_of(decode(data))[-1]
        if tag == 0x04:  # this decoder passes over the vertical polarity of type II
            decoded = (*decoded[:10], read[-1][10], decoded[11])
        assert decoded == read[-1]


@quick
@given(timings(), timings())
def test_timings_of_a_cta_extension_agree_with_the_decoder(decode, timings_of, first, second):
    assume(first != second)
    assume(FULL_HD not in {first, second})
    block = cta(timings=detailed_timing(first, 600, 340) + detailed_timing(second, 600, 340))
    data = base(extensions=1) + block
    read = [as_tuple(timing) for timing in read_edid(data).timings]
    assert read == timings_of(decode(data)) == [as_tuple(one) for one in (FULL_HD, first, second)]


@quick
@given(
    st.integers(40, 1000), st.integers(200, 6000), st.sampled_from([24, 30, 50, 60, 75, 120]), st.sampled_from([1, 2])
)
@example(320, 2880, 60, 1)
def test_reduced_blanking_agrees_with_the_decoder(decode, timings_of, cells, height, refresh, version):
    timing = reduced_blanking(cells * 8, height, refresh, version)
    assume(timing.v_back > 6 or version == 2)  # the shortest: 6 lines by the formula, 7 by this decoder
    text = decode(b"", "--cvt", f"w={cells * 8},h={height},fps={refresh},rb={version}")
    (decoded,) = timings_of(text)
    assert decoded[1:] == as_tuple(timing)[1:]
    assert decoded[0] == pytest.approx(timing.pixel_clock_khz, abs=version - 1)  # it rounds down once more in floats


def test_a_tile_reads_as_written(decode):
    tile = Tile(20, 3, 17, 2, 2560, 2880, single_enclosure=False, scales_alone=False, maker="MEX", product=9, serial=5)
    data = base(extensions=1) + write_section([tile_block(tile), timing_block([FULL_HD])])
    assert read_edid(data).tile == tile
    text = decode(data)
    assert "Num horizontal tiles: 20 Num vertical tiles: 3" in text
    assert "Tile location: 17, 2" in text


def test_primaries_and_depth_of_displayid_2(decode):
    points = [(0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.3127, 0.3290)]
    packed = b"".join(le(round(x * 4096) | round(y * 4096) << 12, 3) for x, y in points)
    body = le(5970, 2) + le(3360, 2) + le(5120, 2) + le(2880, 2) + b"\0" + packed + bytes(6) + bytes([3, 120])
    data = base(extensions=1) + displayid(0x20, [bytes([0x21, 0, len(body)]) + body])
    read = read_edid(data)
    assert (read.width_mm, read.height_mm, read.native) == (597.0, 336.0, (5120, 2880))
    assert read.bits_per_colour == 10
    for got, wanted in zip(read.primaries, points, strict=True):
        assert got == pytest.approx(wanted, abs=0.5 / 4096)
    text = decode(data)
    assert "597.0 mm x 336.0 mm" in text
    assert "Primary #2:  (0.264893, 0.689941)" in text


def test_range_limits_agree_with_the_decoder(decode):
    block = bytearray(base())
    block[72:90] = bytes([0, 0, 0, 0xFD, 0x0A, 48, 20, 30, 10, 60, 0, 10, 32, 32, 32, 32, 32, 32])
    data = sealed(block)
    limits = read_edid(data).limits
    assert (limits.v_min_hz, limits.v_max_hz, limits.h_min_khz, limits.h_max_khz) == (48, 275, 30, 265)
    assert limits.pixel_clock_max_khz == 600_000
    assert "48-275 Hz V, 30-265 kHz H, max dotclock 600 MHz" in decode(data)


def test_modes_that_are_only_named(decode):
    data = base(extensions=1, b35=0x21, b38=0xD1, b39=0xC0) + cta(bytes([0x44, 97, 16, 0x90, 223]))
    read = read_edid(data)
    assert read.modes == ((640, 480, 60.0), (800, 600, 60.0), (1920, 1080, 60.0), (3840, 2160, 60.0))
    assert read.unread == ("video code 223",)
    text = decode(data)
    assert "3840x2160" in text
    assert "1920x1080" in text


def test_deep_colour_and_clock_of_hdmi():
    vendor = bytes([0x67, 0x03, 0x0C, 0x00, 0x10, 0x00, 0x38, 60])
    forum = bytes([0x67, 0xD8, 0x5D, 0xC4, 0x01, 120, 0x80, 0x03])
    read = read_edid(base(extensions=1, b20=0x80) + cta(vendor + forum + bytes([0xE3, 6, 4, 1])))
    assert (read.deep_colour_bits, read.tmds_max_mhz, read.hdr) == (12, 600, True)
    assert read.bits_per_colour is None


def test_what_is_not_understood_is_named():
    data = base(extensions=2) + displayid(0x13, [bytes([0x7F, 0, 3, 1, 2, 3])]) + sealed(b"\x40".ljust(127, b"\0"))
    assert read_edid(data).unread == ("DisplayID block 0x7f", "extension 0x40")


# --- what is refused ---------------------------------------------------------

GOOD = base()
TILED = base(extensions=1) + write_section([tile_block(Tile(2, 1, 0, 0, 2560, 2880, maker="MEX"))])


def flipped(data, at, bits=1):
    changed = bytearray(data)
    changed[at] ^= bits
    return bytes(changed)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", "truncated: 0 bytes"),
        (GOOD[:127], "truncated: 127 bytes"),
        (GOOD + b"\0", "truncated: 129 bytes are no whole number of blocks"),
        (b"<html>".ljust(128), "not an EDID: it begins with 3c 68"),
        (flipped(GOOD, 40), "block 0: the checksum is 0x"),
        (flipped(TILED, 200), "block 1: the checksum is 0x"),
        (base(extensions=1), "truncated: 1 blocks, it says that it has 2"),
        (GOOD + TILED[128:], "2 blocks, but it says that it has 1"),
        (base(version=2), "EDID version 1.2 is not read; choose from: 1.3, 1.4"),
        (base(b8=0), "the maker's code 0x00b8 is no three letters"),
        (base(b56=0, b58=0), "absurd timing: width is 0"),
        (base(b59=0, b61=0), "absurd timing: height is 0"),
        (base(b57=10, b58=0x70), "absurd timing: horizontal back porch is -"),
        (base(b63=0), "absurd timing: horizontal sync pulse is 0"),
        (base(b54=1, b55=0), "absurd timing: 1920x1080 at 0.004"),
        (base(b27=255, b28=255, b30=1, b32=1, b34=1), "absurd colour: red"),
        (TILED[:128] + sealed(b"\x70\x33" + bytes(125)), "DisplayID version 3.3 is unknown"),
        (TILED[:128] + sealed(b"\x70\x13\xff" + bytes(124)), "truncated: a DisplayID section of 255 bytes"),
        (TILED[:128] + sealed(b"\x70\x13\x01\x01" + bytes(123)), "the checksum of the DisplayID section is wrong"),
        (TILED[:128] + displayid(0x13, [b"\x03\x00\x50"]), "DisplayID data block 0x03 runs over its section"),
        (TILED[:128] + displayid(0x13, [b"\x03\x00\x02\x01\x02"]), "2 bytes of DisplayID timings, each needs 20"),
        (TILED[:128] + displayid(0x13, [b"\x12\x00\x02\x01\x02"]), "0x12 has 2 bytes, at least 22 needed"),
        (TILED[:128] + sealed(b"\x02\x03\x03".ljust(127, b"\0")), "its timings begin at byte 3"),
        (TILED[:128] + cta(b"\x45\x10"), "a CTA data block at byte 4 runs over its room"),
        (TILED[:128] + cta(b"\x61\x10"), "a vendor's block of 1 bytes names no vendor"),
    ],
)
def test_broken_is_refused_in_one_line(data, line):
    with pytest.raises(InputError) as error:
        read_edid(data, "left.bin")
    assert str(error.value).startswith("left.bin: ")
    assert line in str(error.value)
    assert "\n" not in str(error.value)


def test_a_tile_outside_of_its_display_is_refused():
    outside = Tile(2, 1, 2, 0, 2560, 2880, maker="MEX")
    data = base(extensions=1) + write_section([tile_block(outside)])
    with pytest.raises(InputError, match="absurd tile: column 2, row 0 of 2 x 1 tiles"):
        read_edid(data)


def test_a_section_that_is_too_long_is_not_written():
    with pytest.raises(InputError, match="145 bytes of data blocks, 121 fit"):
        write_section([timing_block([FULL_HD] * 7) + bytes(2)])


@pytest.mark.parametrize("refresh", [0.0, -60.0, 1e9, float("nan")])
def test_reduced_blanking_refuses_a_refresh_that_cannot_be(refresh):
    with pytest.raises(InputError, match="Hz is not within 1 to 1000"):
        reduced_blanking(1920, 1080, refresh)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((0, 1080, 60), "0x1080 is not within"),
        ((20_000, 1080, 60), "20000x1080 is not within"),
        ((1921, 1080, 60), "the width 1921 is not a multiple of 8"),
        ((1920, 1080, 60, 3), "unknown version 3"),
    ],
)
def test_reduced_blanking_refuses(arguments, line):
    with pytest.raises(InputError, match=line):
        reduced_blanking(*arguments)


def test_a_timing_of_absurd_size_is_refused():
    with pytest.raises(InputError, match="20000x1080 is beyond 16384 pixels"):
        checked(Timing(1_500_000, 20_000, 1080, 8, 8, 8, 1, 1, 1), "mine")


def test_a_file_is_read_only_as_far_as_an_edid_goes(tmp_path):
    path = tmp_path / "edid"
    with path.open("wb") as file:
        file.truncate(200_000_000)
    tracemalloc.start()
    with pytest.raises(InputError, match="not an EDID"):
        read_edid_file(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_edid_file(tmp_path / "edid")


# --- fuzz --------------------------------------------------------------------

SEEDS = [GOOD, TILED, base(extensions=1) + cta(bytes([0x43, 97, 16, 31])), base(extensions=1) + displayid(
    0x20, [bytes([0x22, 0, 20]) + long_form(FULL_HD, 1), bytes([0x25, 0, 9]) + bytes(9)])]  # fmt: skip


def survives(data):
    read, line = None, ""
    try:
        read = read_edid(data, "fuzz")
    except InputError as error:
        line = str(error)
    assert "\n" not in line
    if read is None:
        assert line.startswith("fuzz: ")
        return
    assert all(1.0 <= timing.refresh_hz <= 1000.0 for timing in read.timings)
    assert len(read.timings) + len(read.modes) < 256 * 64


CORPUS = [bytes.fromhex(line) for line in Path(__file__).with_name("corpus.txt").read_text("ascii").splitlines()]
"""What a coverage-guided fuzzer found in ten minutes: one of each kind of answer."""


def test_what_a_fuzzer_found_is_read_or_refused():
    answers = set()
    for data in CORPUS:
        survives(data)
        try:
            answers.add(("read", bool(read_edid(data).unread), read_edid(data).tile is None))
        except InputError as error:
            answers.add("".join(sign for sign in str(error) if not sign.isdigit()))
    assert len(answers) >= 40, "the corpus still reaches every kind of answer"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=700))
def test_any_bytes_are_read_or_refused(data):
    survives(data)
    survives(GOOD[:8] + data)


@settings(max_examples=1500, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(8, 255), st.integers(0, 255)), min_size=1, max_size=24),
    st.booleans(),
)
def test_any_damage_is_read_or_refused(seed, changes, mended):
    data = bytearray(seed)
    for at, value in changes:
        data[at % len(data)] = value
    if mended:
        if len(data) > 128 and data[128] == 0x70 and 5 + data[130] <= 122:
            end = 129 + 4 + data[130]
            data[end] = -sum(data[129:end]) % 256
        for at in range(0, len(data), 128):
            data[at + 127] = -sum(data[at : at + 127]) % 256
    survives(bytes(data))


def test_the_panel_survives_every_single_flip(panel):
    whole = panel_edid(panel, 0)
    for at in range(len(whole)):
        with pytest.raises(InputError):
            read_edid(flipped(whole, at, 0x55))
