"""Wi-Fi and Bluetooth: the standards' own tables come out, and rates fall with distance, walls and neighbours."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegrey.errors import InputError, Refusal
from spacegrey.machine.assembly import machine
from spacegrey.machine.catalog import read_machine
from spacegrey.parts.network.bluetooth import PACKETS, BluetoothLink, bluetooth_link
from spacegrey.parts.network.laws import (
    aggregate_air_us,
    bluetooth_rate_mbit_s,
    hop_collision_share,
    indoor_path_loss_db,
    ofdm_rate_mbit_s,
    wifi_goodput_mbit_s,
)
from spacegrey.parts.network.spec import Radio, sheets
from spacegrey.parts.network.wifi import BANDS, goodput_mbit_s, radio_of, rates, received_dbm, wifi_link

RADIO = radio_of("imac-pro")
METRES = st.floats(0.0, 60.0)
WALLS = st.integers(0, 3)
ROUNDED = 0.05 + 1e-9
"""The standard's tables have one decimal."""

# IEEE 802.11-2020, tables 21-30 to 21-41 (width, streams, guard): rates of MCS 0 to 9, None where there is none.
TABLES = {
    (20, 1, 0.8): [6.5, 13, 19.5, 26, 39, 52, 58.5, 65, 78, None],
    (20, 3, 0.8): [19.5, 39, 58.5, 78, 117, 156, 175.5, 195, 234, 260],
    (40, 1, 0.4): [15, 30, 45, 60, 90, 120, 135, 150, 180, 200],
    (40, 3, 0.8): [40.5, 81, 121.5, 162, 243, 324, 364.5, 405, 486, 540],
    (80, 1, 0.8): [29.3, 58.5, 87.8, 117, 175.5, 234, 263.3, 292.5, 351, 390],
    (80, 2, 0.4): [65, 130, 195, 260, 390, 520, 585, 650, 780, 866.7],
    (80, 3, 0.4): [97.5, 195, 292.5, 390, 585, 780, None, 975, 1170, 1300],
}


@pytest.mark.claims("I5")
@pytest.mark.parametrize("key", TABLES, ids=str)
def test_rates_are_the_standard_s(key):
    width, streams, guard = key
    found = {
        one.scheme: one.mbit_s
        for one in rates(4, 80)
        if (one.width_mhz, one.streams, one.guard_us) == (width, streams, guard)
    }
    for number, wanted in enumerate(TABLES[key]):
        got = found.get(f"mcs{number}")
        assert (got is None) == (wanted is None), f"mcs{number}"
        if wanted is not None:
            assert got == pytest.approx(wanted, abs=ROUNDED)


def test_combinations_that_the_standard_leaves_out_are_left_out():
    there = {(one.width_mhz, one.streams, one.scheme) for one in rates(4, 80)}
    every = {(width, n, f"mcs{m}") for width in (20, 40, 80) for n in (1, 2, 3, 4) for m in range(10)}
    assert every - there == {(20, 1, "mcs9"), (20, 2, "mcs9"), (20, 4, "mcs9"), (80, 3, "mcs6")}


@pytest.mark.parametrize(
    ("width", "scheme", "dbm"),
    [(20, "mcs0", -82), (40, "mcs0", -79), (80, "mcs0", -76), (20, "mcs7", -64), (80, "mcs9", -51)],
)
def test_sensitivities_are_the_standard_s(width, scheme, dbm):
    # table 21-25, one stream
    one, three = (
        next(r.needed_dbm for r in rates(3, 80) if (r.width_mhz, r.scheme, r.streams) == (width, scheme, streams))
        for streams in (1, 3)
    )
    assert one == pytest.approx(dbm, abs=0.05)
    assert three - one == pytest.approx(4.77, abs=0.01)


def test_a_radio_that_reads_less_is_slower():
    plain = RADIO.model_copy(update={"better_db": 0.0})
    better, worse = (wifi_link(radio, 12.0, 1) for radio in (RADIO, plain))
    assert better.received_dbm == worse.received_dbm
    assert worse.rate.needed_dbm <= worse.received_dbm < better.rate.needed_dbm


@pytest.mark.claims("I5")
def test_the_best_rate_is_the_machine_s():
    assert wifi_link(RADIO, 2.0).rate.mbit_s == pytest.approx(machine("imac-pro").spec.ports.wifi_gbit_s * 1e3)


@pytest.mark.parametrize("name", sorted({name for radio in sheets(Radio).values() for name in radio.machines}))
def test_every_machine_s_radio_reaches_its_rate(name):
    radio = radio_of(name)
    assert max(one.mbit_s for one in rates(radio.streams, radio.widest_mhz)) == pytest.approx(
        read_machine(name).spec.ports.wifi_gbit_s * 1e3
    )


@pytest.mark.claims("I5")
@given(METRES, METRES, WALLS, st.sampled_from(["office", "home"]), st.sampled_from(sorted(BANDS)))
def test_farther_is_never_faster(one, other, walls, room, band):
    near, far = sorted((one, other))
    try:
        away = wifi_link(RADIO, far, walls, room=room, band=band)
    except Refusal:
        return
    assert wifi_link(RADIO, near, walls, room=room, band=band).goodput_mbit_s >= away.goodput_mbit_s


@pytest.mark.claims("I5")
@given(METRES, WALLS)
def test_a_wall_is_never_faster(metres, walls):
    try:
        behind = wifi_link(RADIO, metres, walls + 1)
    except Refusal:
        return
    assert wifi_link(RADIO, metres, walls).goodput_mbit_s >= behind.goodput_mbit_s


@given(METRES, WALLS)
def test_what_is_chosen_can_be_read_and_carries_less_than_the_air(metres, walls):
    try:
        link = wifi_link(RADIO, metres, walls)
    except Refusal:
        return
    assert link.rate.needed_dbm - RADIO.better_db <= link.received_dbm
    assert 0.0 < link.goodput_mbit_s < link.rate.mbit_s


def test_the_far_end_has_no_link():
    with pytest.raises(Refusal, match=r"no link: -\d+ dBm is too weak for Wi-Fi at 5 GHz"):
        wifi_link(RADIO, 300.0, 3)
    with pytest.raises(Refusal, match="too weak for Bluetooth"):
        bluetooth_link(RADIO, 300.0, 3)


def test_path_loss_is_the_document_s():
    # enterprise scenario by hand: 40.05 + 6.72 + 20 + 10.54 + 14
    assert indoor_path_loss_db(20.0, 5.2, 10.0, 2, 7.0) == pytest.approx(91.30, abs=0.01)
    assert indoor_path_loss_db(0.1, 2.4, 10.0, 0, 7.0) == indoor_path_loss_db(1.0, 2.4, 10.0, 0, 7.0) == 40.05
    below, above = (indoor_path_loss_db(10.0 + step, 5.2, 10.0, 0, 7.0) for step in (-1e-9, 1e-9))
    assert below == pytest.approx(above, abs=1e-6)


def test_aggregation_is_what_makes_it_fast():
    # 1448 bytes alone, at 1300 Mbit/s, are mostly waiting
    best = rates(3, 80)[-1]
    alone = wifi_goodput_mbit_s(
        1,
        1448,
        aggregate_air_us(1, 1560, best.mbit_s, 52.0, 3.6),
        aggregate_air_us(1, 112, best.mbit_s, 52.0, 3.6),
        110.5,
        48.0,
    )
    assert 20.0 * alone < goodput_mbit_s(best, BANDS["5"])


def test_air_time_is_whole_symbols():
    assert ofdm_rate_mbit_s(52, 6, 3 / 4, 1, 3.2, 0.8) == pytest.approx(58.5)
    # 54 Mbit/s, 216 bits in a symbol: 22 + 12,000 bits are 56 of them
    assert aggregate_air_us(1, 1500, 54.0, 20.0, 4.0) == 20.0 + 56 * 4.0


# --- Bluetooth ---------------------------------------------------------------


@pytest.mark.claims("I5")
@pytest.mark.parametrize(("packet", "kbit_s"), [("DH5", 723.2), ("2-DH5", 1448.5), ("3-DH5", 2178.1)])
def test_classic_rates_are_the_specification_s(packet, kbit_s):
    rate = bluetooth_rate_mbit_s(PACKETS[packet], 5 * 625.0, 625.0)
    assert rate * 1e3 == pytest.approx(kbit_s, abs=ROUNDED)


@pytest.mark.claims("I5")
def test_packets_change_with_distance():
    seen = [bluetooth_link(RADIO, float(metres), 3) for metres in range(1, 20)]
    names = [link.packet for link in seen]
    assert names == sorted(names, key=["3-DH5", "2-DH5", "DH5"].index)
    assert set(names) >= {"3-DH5", "2-DH5"}
    assert all(a.classic_mbit_s >= b.classic_mbit_s for a, b in itertools.pairwise(seen))
    assert seen[0].le_mbit_s == pytest.approx(0.79, abs=0.005)


def test_short_packets_of_low_energy_carry_less():
    # 20 bytes in 676 us, the well-known 236.7 kbit/s of Bluetooth 4.0
    assert bluetooth_link(radio_of("mac-pro-2013"), 1.0).le_mbit_s * 1e3 == pytest.approx(236.7, abs=ROUNDED)


@pytest.mark.claims("I5")
def test_hopping_around_wifi_keeps_the_rate():
    free = bluetooth_link(RADIO, 3.0)
    around = bluetooth_link(RADIO, 3.0, wifi_mhz=20)
    through = bluetooth_link(RADIO, 3.0, wifi_mhz=20, adaptive=False)
    assert around.classic_mbit_s == free.classic_mbit_s
    assert through.classic_mbit_s == pytest.approx(free.classic_mbit_s * (1 - 20 / 79))
    assert bluetooth_link(RADIO, 3.0, wifi_mhz=66).collisions == pytest.approx(7 / 20)


@given(st.floats(0, 79), st.floats(0, 79), st.booleans())
def test_more_wifi_spoils_no_fewer_hops(one, other, adaptive):
    less, more = sorted((one, other))
    assert 0.0 <= hop_collision_share(less, adaptive=adaptive) <= hop_collision_share(more, adaptive=adaptive) <= 1.0
    assert hop_collision_share(more, adaptive=True) <= hop_collision_share(more, adaptive=False)


@pytest.mark.claims("I5")
def test_bluetooth_takes_its_time_from_wifi_in_its_own_band_only():
    headphones = bluetooth_link(RADIO, 2.0).air_share(0.328)
    assert 0.1 < headphones < 0.2
    quiet, busy = (wifi_link(RADIO, 5.0, band="2.4", bluetooth=share) for share in (0.0, headphones))
    assert busy.goodput_mbit_s == pytest.approx(quiet.goodput_mbit_s * (1 - headphones))
    assert wifi_link(RADIO, 5.0, bluetooth=headphones) == wifi_link(RADIO, 5.0)


def test_more_traffic_than_the_link_carries_takes_all_the_time():
    link = BluetoothLink(-50.0, "DH5", 0.7232, 0.79, 0.0)
    assert link.air_share(2.0) == 1.0
    with pytest.raises(InputError, match="-1 Mbit/s is below 0"):
        link.air_share(-1.0)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: wifi_link(RADIO, -1.0), "distance: -1 m is not within"),
        (lambda: wifi_link(RADIO, float("nan")), "distance: nan m is not within"),
        (lambda: wifi_link(RADIO, 1.0, -1), "walls: -1 is not within"),
        (lambda: wifi_link(RADIO, 1.0, room="cave"), "unknown room 'cave'; choose from: home, office"),
        (lambda: wifi_link(RADIO, 1.0, band="6"), "unknown band '6'; choose from: 2.4, 5"),
        (lambda: wifi_link(RADIO, 1.0, bluetooth=2.0), "2 is not within 0 to 1"),
        (lambda: bluetooth_link(RADIO, 1.0, wifi_mhz=80), "80 MHz is not within 0 to 79"),
        (lambda: received_dbm(1.0, 1.0, 2000.0, 0, "office", 5.0), "2000 m is not within"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, line):
    with pytest.raises(InputError, match=line):
        call()


def test_a_machine_without_a_known_radio_is_refused():
    with pytest.raises(Refusal, match="the radio of pc-am4 is not in the catalog; choose from: imac-5k-2014"):
        radio_of("pc-am4")
