"""Streams over a link: the codec's published rates come out, and a link saturates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegrey.errors import InputError
from spacegrey.parts.network.ethernet import carried, negotiate
from spacegrey.parts.network.laws import codec_rate_mbit_s
from spacegrey.parts.network.spec import Codec, sheets
from spacegrey.parts.network.streams import playable
from spacegrey.parts.network.wifi import radio_of, wifi_link

# The white paper's rows (Mbit/s): Proxy, LT, 422, HQ, 4444, XQ. The row at 29.97 is the one that the catalog holds.
ROWS = {
    (3840, 2160, 24 / 1.001): [145, 328, 471, 707, 1061, 1591],
    (3840, 2160, 25.0): [151, 342, 492, 737, 1106, 1659],
    (3840, 2160, 50.0): [303, 684, 983, 1475, 2212, 3318],
    (3840, 2160, 60 / 1.001): [363, 821, 1178, 1768, 2652, 3977],
    (4096, 2160, 24 / 1.001): [155, 350, 503, 754, 1131, 1697],
    (1920, 1080, 30 / 1.001): [45, 102, 147, 220, 330, 495],
}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_other_rows_of_the_white_paper_come_out(row):
    for (name, known), wanted in zip(sheets(Codec).items(), ROWS[row], strict=True):
        # half of the last digit of the row, and of the row that it is computed from
        rounding = 0.5 + 0.5 * wanted / known.mbit_s
        below = 0.005 * wanted if row[1] < 2160 else 0.0  # the maker's HD rows are less than a quarter of its 4K rows
        assert playable(name, *row, 1e5).each_mbit_s == pytest.approx(wanted, abs=rounding + below)


def test_bits_go_with_pixels_and_pictures():
    assert codec_rate_mbit_s(100.0, 4.0, 50.0, 1.0, 25.0) == pytest.approx(800.0)


@pytest.mark.claims("X4")
def test_the_port_saturates():
    rates = [1, 2.5, 5, 10]
    counts = []
    for rate in rates:
        line = negotiate(rates, [rate], "cat6a", 20).gbit_s
        counts.append(playable("prores-422-hq", 3840, 2160, 25.0, carried(line, 1500, 3.9).goodput_gbit_s * 1e3))
    assert [found.streams for found in counts] == [1, 3, 6, 12]
    assert all(0.0 <= found.left_mbit_s < found.each_mbit_s for found in counts)


@given(st.floats(0, 1e5), st.floats(0, 1e5), st.sampled_from(list(sheets(Codec))), st.floats(1, 120))
def test_streams_fit_and_one_more_does_not(link, server, codec, frames):
    found = playable(codec, 3840, 2160, frames, link, server)
    room = min(link, server)
    assert found.streams * found.each_mbit_s <= room * (1 + 1e-9)
    assert (found.streams + 1) * found.each_mbit_s > room * (1 - 1e-9)
    assert found.limited_by == ("server" if server < link else "link")


def test_a_slow_server_is_named():
    assert playable("prores-422", 3840, 2160, 25, 9415, 2000).limited_by == "server"


def test_wifi_plays_one_stream_near_and_none_far():
    radio = radio_of("imac-pro")
    counts = [
        playable("prores-422", 3840, 2160, 25, wifi_link(radio, metres, walls).goodput_mbit_s).streams
        for metres, walls in ((3.0, 0), (25.0, 2))
    ]
    assert counts == [1, 0]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("prores-9", 3840, 2160, 25, 1000), "unknown codec 'prores-9'"),
        (("prores-422", 0, 2160, 25, 1000), "picture: 0x2160 is not within"),
        (("prores-422", 3840, 2160, 0, 1000), "pictures a second: 0 is not within"),
        (("prores-422", 3840, 2160, float("nan"), 1000), "pictures a second: nan is not within"),
        (("prores-422", 3840, 2160, 25, -1), "link: -1 Mbit/s is below 0"),
        (("prores-422", 3840, 2160, 25, float("inf")), "link: its rate is not finite"),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments, line):
    with pytest.raises(InputError, match=line):
        playable(*arguments)
