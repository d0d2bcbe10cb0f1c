"""Ethernet adapts to the network: rate by partner and cable, data by frame size, and what it costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegrey.errors import InputError, Refusal
from spacegrey.machine.assembly import machine
from spacegrey.parts.network.ethernet import COPPER_GBIT_S, carried, negotiate
from spacegrey.parts.network.laws import tcp_processor_share
from spacegrey.parts.network.spec import Category, sheet, sheets

CATEGORIES = list(sheets(Category))
some_rates = st.lists(st.sampled_from(COPPER_GBIT_S), min_size=1, max_size=5, unique=True)


@pytest.fixture(scope="module")
def port():
    return machine("imac-pro").spec.ports.ethernet_gbit_s


@pytest.mark.claims("X4")
@pytest.mark.parametrize("rate", [1.0, 2.5, 5.0, 10.0])
def test_the_port_adapts_to_every_partner(port, rate):
    found = negotiate(port, [0.1, rate], "cat6a", 30)
    assert found.gbit_s == rate
    assert found.limited_by == ("port" if rate == max(port) else "partner")


@pytest.mark.claims("X4")
@pytest.mark.parametrize(
    ("category", "length", "rate"),
    [
        ("cat6a", 100, 10.0), ("cat6", 55, 10.0), ("cat6", 56, 5.0), ("cat6", 100, 5.0), ("cat5e", 50, 5.0),
        ("cat5e", 51, 2.5), ("cat5e", 100, 2.5),
    ],
)  # fmt: skip
def test_the_cable_sets_the_rate(port, category, length, rate):
    found = negotiate(port, port, category, length)
    assert found.gbit_s == rate
    assert found.limited_by == ("port" if rate == 10.0 else "cable")


@given(some_rates, some_rates, st.sampled_from(CATEGORIES), st.floats(0.1, 100), st.floats(0.1, 100))
def test_a_shorter_cable_is_never_slower(mine, partner, category, one, other):
    short, long = sorted((one, other))
    try:
        far = negotiate(mine, partner, category, long)
    except Refusal:
        return
    near = negotiate(mine, partner, category, short)
    assert near.gbit_s >= far.gbit_s
    assert far.gbit_s in set(mine) & set(partner)
    assert sheet(Category, category, "").reach_m(far.gbit_s) >= long


@pytest.mark.claims("X4")
def test_headers_take_exactly_their_bytes(port):
    # 1538 bytes on the wire, 12 of them a pause, for 1448 of data; 9038 for 8948
    assert carried(max(port), 1500, 3.9).goodput_gbit_s == pytest.approx(10 * 1448 / 1538, rel=1e-12)
    assert carried(max(port), 9000, 3.9).goodput_gbit_s == pytest.approx(10 * 8948 / 9038, rel=1e-12)


@pytest.mark.parametrize("rate", COPPER_GBIT_S)
def test_larger_frames_carry_more_and_cost_less_for_each_byte(rate):
    small, large = carried(rate, 1500, 3.9), carried(rate, 9000, 3.9)
    assert small.goodput_gbit_s < large.goodput_gbit_s < rate
    assert large.cores / large.goodput_gbit_s < small.cores / small.goodput_gbit_s
    assert small.header_share + small.goodput_gbit_s / rate == pytest.approx(1.0)


def test_the_cost_is_what_was_measured():
    # 42 Gbit/s fill one core of 3.4 GHz (Cai et al. 2021)
    assert tcp_processor_share(42.0, 0.65, 3.4) == pytest.approx(1.0, abs=0.01)
    assert tcp_processor_share(21.0, 0.65, 3.4) == pytest.approx(tcp_processor_share(42.0, 0.65, 3.4) / 2)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (([10], [10], "cat8", 10), "unknown cable category 'cat8'"),
        (([10], [10], "cat6", 0), "0 m is not within 0 to 1000 m"),
        (([10], [10], "cat6", -5), "-5 m is not within"),
        (([10], [10], "cat6", float("nan")), "nan m is not within"),
        (([10], [7], "cat6", 10), "rate 7 Gbit/s is not one of: 0.1, 1, 2.5, 5, 10"),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments, line):
    with pytest.raises(InputError, match=line):
        negotiate(*arguments)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (([10], [1], "cat6", 10), "no rate in common: this end has 10, the partner 1 Gbit/s"),
        (([1, 10], [1, 10], "cat6", 120), "Category 6 carries 1, 10 Gbit/s up to 100 m, not 120 m"),
    ],
)
def test_no_link_is_an_answer(arguments, line):
    with pytest.raises(Refusal, match=line):
        negotiate(*arguments)


def test_a_frame_of_no_size_is_refused():
    with pytest.raises(InputError, match="64 bytes is not within 576 to 9216"):
        carried(10.0, 64, 3.9)
