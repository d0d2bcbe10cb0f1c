"""What links carry, against numbers of the standards and of published measurements."""

import math

import pytest

from spacegrey.parts.ports.laws import (
    display_cable_gbps,
    display_stream_gbps,
    ethernet_payload_gbps,
    pcie_payload_gbps,
    pcie_payload_share,
    thunderbolt_cable_gbps,
    usb_cable_gbps,
    usb_payload_gbps,
)


def test_pcie_doubles_with_lanes_and_nearly_with_generations():
    assert pcie_payload_gbps(3, 8, 256) == 2 * pcie_payload_gbps(3, 4, 256)
    for generation in (1, 2, 3, 4):
        ratio = pcie_payload_gbps(generation + 1, 4, 256) / pcie_payload_gbps(generation, 4, 256)
        assert 1.9 < ratio < 2.1


def test_fastest_drives_on_four_lanes_of_generation_3_come_within_five_percent_of_the_law():
    # 3.5 GB/s is what the makers of the fastest such drives print; flow control takes what is missing.
    assert pcie_payload_gbps(3, 4, 256) / 8 == pytest.approx(3.5, rel=0.05)


def test_larger_packets_carry_more():
    assert 0.8 < pcie_payload_share(128) < pcie_payload_share(256) < pcie_payload_share(512) < 1.0


def test_usb_drives_reach_what_reviews_measure():
    assert usb_payload_gbps(5.0) / 8 == pytest.approx(0.45, rel=0.02)
    assert usb_payload_gbps(10.0) / 8 == pytest.approx(1.05, rel=0.05)
    assert usb_payload_gbps(0.48) / 8 == pytest.approx(0.0532, rel=0.01), "13 packets in a microframe"


@pytest.mark.claims("X5")
def test_streams_of_real_displays_against_a_displayport_1_2_link():
    hbr2 = 17.28
    assert display_stream_gbps(533.25, 30) < hbr2, "4K UHD, 10 bit"
    assert display_stream_gbps(593.82, 24) < hbr2, "4096 x 2304, 8 bit"
    assert display_stream_gbps(593.82, 30) > hbr2, "4096 x 2304, 10 bit"
    assert display_stream_gbps(938.25, 24) > hbr2, "5K needs two tiles"
    assert 2 * display_stream_gbps(469.18, 30) == pytest.approx(28.2, abs=0.1), "the LG UltraFine 5K's two tiles"


def test_longer_cables_never_carry_more():
    lengths = [0.3, 0.8, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 60.0, 100.0, 101.0]
    for active in (False, True):
        for rates in (
            [thunderbolt_cable_gbps(x, active=active, optical=False) for x in lengths],
            [usb_cable_gbps(x, active=active) for x in lengths],
            [display_cable_gbps(x, active=active, optical=False) for x in lengths],
        ):
            assert rates == sorted(rates, reverse=True)
            assert rates[-1] == 0.0
    assert thunderbolt_cable_gbps(60.0, active=True, optical=True) == 40.0
    assert display_cable_gbps(100.0, active=False, optical=True) == math.inf


def test_tcp_on_ten_gigabit_ethernet():
    assert ethernet_payload_gbps(10.0, 1500) == pytest.approx(9.41, abs=0.01)
    assert ethernet_payload_gbps(10.0, 9000) > ethernet_payload_gbps(10.0, 1500)
