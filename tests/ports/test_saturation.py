"""Every kind of port: it carries a run's bytes, agrees on a rate with what is plugged in, and is full at some point."""

import pytest

from spacegrey.connections.arrange import connect
from spacegrey.connections.plan import read_plan
from spacegrey.connections.planner import READ
from spacegrey.connections.plugged import plugged
from spacegrey.machine.assembly import machine
from spacegrey.parts.ports.laws import ethernet_payload_gbps, pcie_payload_gbps, usb_payload_gbps
from spacegrey.simulation.run import simulate
from spacegrey.workload.library import workload

READS = """
[workload]
name = "reads"
stands_for = "a test"
status = "illustrative"
[[phase]]
name = "read"
storage = { read_gb = 100 }
assumed = { storage = "a test" }
"""
DEVICE = '[[device]]\nname = "x"\nkind = "storage"\nlink = "{link}"\nread_gbps = {gbps}\nport = "{port}"\n{more}'


@pytest.fixture
def rate(tmp_path):
    """Return what a device reads in a run [Gb/s], and what the planner says of it, with other devices beside it."""

    def measured(link, gbps, port, more="", beside=""):
        path = tmp_path / "plan.toml"
        device = DEVICE.format(link=link, gbps=gbps, port=port, more=more)
        path.write_text(f'storage = "x"\n{device}{beside}', encoding="utf-8")
        (tmp_path / "reads.toml").write_text(READS, encoding="utf-8")
        plan, built = read_plan(path), machine("imac-pro")
        run = simulate(workload(str(tmp_path / "reads.toml")), plugged(plan, built))
        [served] = [one for one in connect(plan, built).outcome.devices if one.name == "x"]
        return 800.0 / run.duration_s, served.flows[READ]

    return measured


PORTS = [
    ("usb3", "usb-a-1", usb_payload_gbps(5.0)),
    ("usb3.1-gen2", "thunderbolt-1", usb_payload_gbps(10.0)),
    ("sd", "sd", 2.5),
    ("ethernet", "ethernet", ethernet_payload_gbps(10.0, 1500)),
    ("thunderbolt3", "thunderbolt-3", 22.0),
]


@pytest.mark.claims("X4")
@pytest.mark.parametrize(("link", "port", "most"), PORTS)
def test_a_port_carries_what_is_asked_until_it_is_full(rate, link, port, most):
    for asked in (0.3 * most, 0.9 * most, 1.5 * most, 4.0 * most):
        got, flow = rate(link, asked, port)
        assert got == pytest.approx(min(asked, most), rel=2e-3), "a run ends on a step of its clock"
        assert (flow.limited_by is None) == (asked < most)


@pytest.mark.claims("X4")
@pytest.mark.parametrize(
    ("link", "port", "more", "most"),
    [
        ("usb3.1-gen2", "usb-a-1", "", usb_payload_gbps(5.0)),
        ("usb2", "usb-a-1", "", usb_payload_gbps(0.48)),
        ("usb2", "thunderbolt-1", "", usb_payload_gbps(0.48)),
        ("usb3", "usb-a-1", "cable = { length_m = 4.5 }", usb_payload_gbps(0.48)),
        ("usb3.1-gen2", "thunderbolt-1", 'cable = "usb-c-charge"', usb_payload_gbps(0.48)),
        ("usb3.1-gen2", "thunderbolt-1", 'cable = "thunderbolt3-0.5m"', usb_payload_gbps(10.0)),
        ("usb3.1-gen2", "thunderbolt-1", 'cable = "thunderbolt3-2m-active"', usb_payload_gbps(0.48)),
        ("thunderbolt2", "thunderbolt-1", "", 20.0 * 128 / 152),
        ("thunderbolt3", "thunderbolt-1", 'cable = "thunderbolt3-2m-passive"', 20.0 * 128 / 152),
        ("thunderbolt3", "thunderbolt-1", 'cable = "thunderbolt3-2m-active"', 22.0),
        ("ethernet", "ethernet", "rates_gbps = [1, 2.5]", ethernet_payload_gbps(2.5, 1500)),
        ("ethernet", "ethernet", "rates_gbps = [1, 2.5]\nframe_bytes = 9000", ethernet_payload_gbps(2.5, 9000)),
        (
            "ethernet",
            "ethernet",
            'cable = { length_m = 80, category = "cat6" }',
            ethernet_payload_gbps(5.0, 1500),
        ),
    ],
)
def test_a_port_and_a_device_agree_on_what_both_and_the_cable_can(rate, link, port, more, most):
    got, flow = rate(link, 40.0, port, more)
    assert got == pytest.approx(most, rel=2e-3)
    assert flow.got_gbps == pytest.approx(most)


@pytest.mark.claims("X4")
def test_four_usb_drives_and_a_card_do_not_fill_the_chipset_s_link_but_the_own_drive_with_them_does(rate):
    drives = (
        "".join(f'[[device]]\nname = "d{n}"\nmodel = "ssd-usb3"\nport = "usb-a-{n}"\n' for n in range(2, 5))
        + '[[device]]\nname = "card"\nmodel = "sd-uhs2"\n'
    )
    own = '[[device]]\nname = "own"\nkind = "storage"\nlink = "internal"\n'
    usb = usb_payload_gbps(5.0)
    assert rate("usb3", 9, "usb-a-1", "", drives)[0] == pytest.approx(usb, rel=2e-3)
    assert rate("usb3", 9, "usb-a-1", "", drives + own)[0] == pytest.approx(usb, rel=2e-3), "the own drive gives way"
    dmi = pcie_payload_gbps(3, 4, 256)
    assert 4 * usb + 2.5 < dmi < 4 * usb + 2.4 + 20.0
