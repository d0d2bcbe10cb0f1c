"""The I/O trees of the catalog: every machine has one, and it agrees with its sheet and with what the maker says."""

import pytest

from spacegrey.connections.devices import cables, device, device_tables
from spacegrey.connections.planner import port_tree
from spacegrey.machine.assembly import machine
from spacegrey.machine.catalog import machine_ids, part, part_entries

CASES = [
    (name, number)
    for name in machine_ids()
    for number, _ in enumerate(part("ports", name).published if name in part_entries("ports") else [])
]


@pytest.mark.parametrize("name", machine_ids())
def test_every_machine_has_a_tree_with_the_ports_that_its_sheet_counts(name):
    built = machine(name)
    tree, ports = port_tree(built), built.spec.ports
    speaks = {}
    for receptacle in tree.receptacles.values():
        for protocol in receptacle.speaks:
            speaks.setdefault(protocol, []).extend([receptacle] * receptacle.count)
    thunderbolt = [one for one in {id(one): one for all_of in speaks.values() for one in all_of}.values()
                   if one.signalling_gbps("thunderbolt")]  # fmt: skip
    assert sum(one.count for one in thunderbolt) == ports.thunderbolt
    assert {one.signalling_gbps("thunderbolt") for one in thunderbolt} <= {ports.thunderbolt_gbit_s}
    usb_a = [one for one in tree.receptacles.values() if one.connector == "usb-a"]
    assert sum(one.count for one in usb_a) == ports.usb_a
    assert {one.signalling_gbps("usb") for one in usb_a} <= {ports.usb_a_gbit_s}
    ethernet = [one.rates_gbps for one in tree.receptacles.values() if one.connector == "rj45"]
    assert (sorted(ethernet[0]) if ethernet else []) == sorted(ports.ethernet_gbit_s)
    assert any(one.connector == "sd" for one in tree.receptacles.values()) == ports.sd_reader


@pytest.mark.parametrize(("name", "number"), CASES)
def test_the_planner_agrees_with_what_the_maker_says_of_displays(name, number, ask):
    case = port_tree(machine(name)).published[number]
    answer = ask(case.displays, on=name)
    if case.unproven:
        assert not answer.fits
        assert answer.unproven == case.unproven
    else:
        assert answer.fits == case.fits, answer.reasons
        assert bool(answer.reasons) != case.fits
        assert not answer.unproven


def test_the_imac_pro_s_tree_is_that_of_the_real_one():
    tree = port_tree(machine("imac-pro"))
    shown = {name: (link.to, link.generation, link.lanes) for name, link in tree.links.items() if link.generation}
    assert shown == {
        "dmi": ("host", 3, 4),
        "ssd": ("dmi", 3, 4),
        "wifi": ("dmi", 1, 1),
        "ethernet": ("host", 2, 4),
        "thunderbolt-a": ("host", 3, 4),
        "thunderbolt-b": ("host", 3, 4),
    }
    assert [tree.links[f"thunderbolt-{letter}"].display_inputs for letter in "ab"] == [2, 2]
    behind = {name: one.at for name, one in tree.receptacles.items()}
    assert behind["thunderbolt-1"] == behind["thunderbolt-2"] != behind["thunderbolt-3"] == behind["thunderbolt-4"]


@pytest.mark.parametrize("name", sorted(device_tables()))
def test_every_device_of_the_catalog_holds(name):
    assert device(name).name


def test_every_cable_of_the_catalog_holds():
    assert all(cable.length_m > 0 for cable in cables().values())
