"""The panel's own EDID: a real decoder accepts it, and it says what the catalog says."""

import dataclasses

import pytest

from spacegrey.errors import InputError, Refusal
from spacegrey.machine.assembly import machine
from spacegrey.parts.display.edid import read_edid
from spacegrey.parts.display.panel_edid import detailed_timing, panel_edid
from spacegrey.parts.display.timing import reduced_blanking

DISPLAYPORT_1_2_GBIT_S = 4 * 5.4 * 8 / 10
"""Four lanes of HBR2 with 8b/10b coding."""


@pytest.mark.claims("X1")
@pytest.mark.parametrize("tile", [None, 0, 1])
def test_a_real_decoder_finds_nothing_wrong(panel, decode, tile):
    text = decode(panel_edid(panel, tile), "--check")
    assert "EDID conformity: PASS" in text
    assert "Warnings" not in text


def test_a_real_decoder_finds_what_is_wrong(panel, decode):
    broken = bytearray(panel_edid(panel))
    broken[20] ^= 0x70
    assert "EDID conformity: FAIL" in decode(bytes(broken), "--check")


@pytest.mark.claims("X1")
def test_the_decoder_reads_5k_60_10_bit_p3(panel, decode):
    text = decode(panel_edid(panel))
    assert "5120x2880   59.992864 Hz  16:9    177.699 kHz    938.250000 MHz" in text
    assert "Bits per primary color channel: 10" in text
    assert "Dynamic bpc native: 10" in text
    assert "Display native pixel format: 5120x2880" in text
    for line in ("Red  : 0.6796, 0.3203", "Green: 0.2646, 0.6904", "Blue : 0.1503, 0.0595", "White: 0.3125, 0.3291"):
        assert line in text
    assert "DisplayPort interface" in text
    assert "Interface Type: DisplayPort" in text


@pytest.mark.claims("X1")
@pytest.mark.parametrize("tile", [0, 1])
def test_the_decoder_reads_two_tiles_of_one_glass(panel, decode, tile):
    text = decode(panel_edid(panel, tile))
    assert "Num horizontal tiles: 2 Num vertical tiles: 1" in text
    assert f"Tile location: {tile}, 0" in text
    assert "Tile resolution: 2560x2880" in text
    assert "single physical display enclosure" in text


@pytest.mark.claims("X1")
def test_each_tile_fits_its_link_and_the_whole_does_not(panel):
    whole = read_edid(panel_edid(panel)).best()
    assert whole.gbit_s(panel.bits_per_colour) > DISPLAYPORT_1_2_GBIT_S
    for tile in (0, 1):
        part = read_edid(panel_edid(panel, tile)).tile_timing()
        assert part.gbit_s(panel.bits_per_colour) < DISPLAYPORT_1_2_GBIT_S


@pytest.mark.claims("X1")
@pytest.mark.parametrize("tile", [None, 0, 1])
def test_it_says_what_the_catalog_says(panel, tile):
    read = read_edid(panel_edid(panel, tile, serial=7, week=51, year=2016))
    assert (read.maker, read.product, read.serial) == ("APP", panel.edid_product, 7)
    assert (read.week, read.year, read.name) == (51, 2016, "iMac")
    assert read.native == (panel.width, panel.height)
    assert read.bits_per_colour == panel.bits_per_colour
    assert (read.width_mm, read.height_mm) == (panel.width_mm, panel.height_mm)
    rounding = 0.5 / 1024
    for got, wanted in zip(read.primaries, (panel.red, panel.green, panel.blue, panel.white), strict=True):
        assert got == pytest.approx(wanted, abs=rounding)
    assert read.unread == ()


def test_tiles_name_the_same_display(panel):
    left, right = (read_edid(panel_edid(panel, tile)).tile for tile in (0, 1))
    assert dataclasses.replace(left, column=1, scales_alone=False) == right
    assert left.columns * left.width == panel.width


def test_the_published_timing_comes_out(panel):
    # live framebuffer of a real one: 938,250,000 Hz, 15,639,360 pixels in all
    timing = read_edid(panel_edid(panel)).best()
    assert timing.pixel_clock_khz == 938_250
    assert timing.h_total * timing.v_total == 15_639_360


def test_a_panel_without_an_identity_is_refused():
    with pytest.raises(Refusal, match="its data sheet lacks edid_maker, edid_product, edid_name"):
        panel_edid(machine("imac-5k-2019").panel)


def test_bad_requests_are_refused(panel):
    with pytest.raises(InputError, match="no tile 2; choose from: 0, 1"):
        panel_edid(panel, 2)
    with pytest.raises(InputError, match="a serial has 32 bits"):
        panel_edid(panel, serial=1 << 32)
    with pytest.raises(InputError, match=r"clock 93825 does not fit the 16 bits"):
        detailed_timing(reduced_blanking(5120, 2880, 60), 597, 336)
