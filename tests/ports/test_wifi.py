"""Wi-Fi in a plan: its rate is the radio's, and its bytes go the same way as those of everything behind the chipset."""

import pytest

from spacegrey.connections.planner import READ, WRITE, port_tree
from spacegrey.errors import InputError
from spacegrey.machine.assembly import machine
from spacegrey.machine.catalog import machine_ids
from spacegrey.parts.network.spec import Radio, sheets
from spacegrey.parts.network.wifi import radio_of, wifi_link

AIR = '[[device]]\nname = "air"\nkind = "network"\nlink = "wifi"\ndistance_m = {0}\n'


def flows_of(answer, name="air"):
    return next(one.flows for one in answer.outcome.devices if one.name == name)


@pytest.mark.claims("I5")
@pytest.mark.parametrize(("metres", "more", "said"), [
    (4, "", {}), (25, "walls = 2\n", {"walls": 2}), (12, 'room = "home"\nwalls = 1\n', {"room": "home", "walls": 1}),
    (9, 'band = "2.4"\n', {"band": "2.4"}),
])  # fmt: skip
def test_a_plan_s_wifi_gets_what_the_radio_s_laws_say(ask, metres, more, said):
    flow = flows_of(ask(AIR.format(metres) + more))[READ]
    assert flow.got_gbps == pytest.approx(wifi_link(radio_of("imac-pro"), metres, **said).goodput_mbit_s * 1e-3)


@pytest.mark.claims("I5")
def test_farther_is_slower_and_too_far_is_refused(ask):
    got = [flows_of(ask(AIR.format(metres)))[READ].got_gbps for metres in (2, 20, 60)]
    assert got[0] > got[1] > got[2] > 0.0
    refused = ask(AIR.format(900) + "walls = 5\n")
    assert not refused.fits
    assert "too weak for Wi-Fi" in refused.reasons[0]


def test_the_air_carries_one_direction_at_a_time(ask):
    text = (
        '[[device]]\nname = "air"\nkind = "storage"\nlink = "wifi"\ndistance_m = 3\nread_gbps = {}\nwrite_gbps = {}\n'
    )
    one_way = flows_of(ask(text.format(5, 0)))[READ].got_gbps
    both = flows_of(ask(text.format(3, 1)))
    assert both[READ].got_gbps + both[WRITE].got_gbps == pytest.approx(one_way)
    assert both[READ].got_gbps == pytest.approx(3 * both[WRITE].got_gbps)
    little = flows_of(ask(text.format(0.2, 0.1)))
    assert [little[way].limited_by for way in (READ, WRITE)] == [None, None]


def test_wifi_shares_the_chipset_s_link(ask):
    drives = (
        "".join(f'[[device]]\nname = "d{n}"\nmodel = "ssd-usb3"\nport = "usb-a-{n}"\n' for n in range(1, 5))
        + '[[device]]\nname = "own"\nkind = "storage"\nlink = "internal"\n'
    )
    alone = flows_of(ask(drives), "own")[READ].got_gbps
    air = ask(drives + AIR.format(3))
    [dmi] = [load for load in air.outcome.loads.values() if load.wire.name.startswith("DMI")]
    assert dmi.data[READ] == pytest.approx(dmi.capacity[READ])
    assert alone - flows_of(air, "own")[READ].got_gbps == pytest.approx(flows_of(air)[READ].got_gbps)


def test_a_machine_has_one_radio_and_it_is_the_catalog_s(ask):
    with_radio = {name for radio in sheets(Radio).values() for name in radio.machines}
    for name in machine_ids():
        radios = [one.radio for one in port_tree(machine(name)).receptacles.values() if one.radio]
        if name in with_radio:
            [radio] = radios
            assert sheets(Radio)[radio] == radio_of(name)
        else:
            assert not radios
    second = ask(AIR.format(3) + AIR.format(4).replace('"air"', '"second"'))
    assert "no free port for wifi" in second.reasons[0]
    assert "has: none" in ask(AIR.format(3), on="pc-client").reasons[0]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (AIR.format(3).replace("distance_m = 3", ""), "link wifi and distance_m go together"),
        (AIR.format(-1), "distance_m"),
        (AIR.format("nan"), "distance_m"),
        (AIR.format(3).replace("wifi", "ethernet"), "link wifi and distance_m go together"),
        (AIR.format(3).replace('"network"', '"dock"'), "not a dock"),
        (AIR.format(3) + "walls = 99", "walls"),
        (AIR.format(3) + 'room = "castle"', "room"),
    ],
)
def test_bad_wifi_is_refused_in_one_line(plan, text, line):
    with pytest.raises(InputError, match=line) as error:
        plan(text)
    assert "\n" not in str(error.value)
