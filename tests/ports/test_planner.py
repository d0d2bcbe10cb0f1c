"""Who gets a port, which displays run, and what is left for data."""

import itertools

import pytest

from spacegrey.connections.arrange import connect
from spacegrey.connections.plan import read_plan
from spacegrey.connections.planner import READ, WRITE, Planner, port_tree
from spacegrey.machine.assembly import machine

RAID = '[[device]]\nname = "{0}"\nkind = "storage"\nlink = "thunderbolt3"\nread_gbps = 22.0\nwrite_gbps = 20.0\n'
TWO_5K = """
[[device]]
name = "left"
kind = "display"
model = "lg-ultrafine-5k"
[[device]]
name = "right"
kind = "display"
model = "lg-ultrafine-5k"
"""


def served(answer):
    return {one.name: one for one in answer.outcome.devices}


@pytest.mark.claims("X5")
@pytest.mark.parametrize(
    "models",
    [["lg-ultrafine-5k"] * 2, ["display-4k"] * 4, ["display-4096"] * 4],
    ids=["two-5k", "four-4k", "four-4096"],
)
def test_apple_s_most_displays_fit(ask, models):
    answer = ask(models)
    assert answer.fits
    assert not answer.reasons
    assert all(one.picture for one in answer.outcome.devices)
    assert answer.complete


@pytest.mark.claims("X5")
def test_two_5k_displays_go_to_different_controllers(ask):
    ports = ask(["lg-ultrafine-5k"] * 2).outcome.ports
    assert {ports["d0"][-1], ports["d1"][-1]} in ({"1", "3"}, {"1", "4"}, {"2", "3"}, {"2", "4"})


@pytest.mark.claims("X5")
def test_a_third_5k_display_is_refused_with_the_controller_and_who_uses_it(ask):
    answer = ask(["lg-ultrafine-5k"] * 3)
    assert not answer.fits
    [reason] = answer.reasons
    for said in ("d2", "2 display streams", "controller of ports 1 and 2", "controller of ports 3 and 4", "d0", "d1"):
        assert said in reason


@pytest.mark.claims("X5")
def test_a_fifth_4k_display_is_refused_even_behind_a_dock(ask):
    [reason] = ask(["display-4k"] * 5).reasons
    assert "d4" in reason
    assert "all 4 display streams are in use" in reason
    docked = ask(
        "".join(f'[[device]]\nname = "d{n}"\nmodel = "display-4k"\nport = "thunderbolt-{n + 1}"\n' for n in range(3))
        + '[[device]]\nname = "dock"\nmodel = "caldigit-ts3-plus"\nport = "thunderbolt-4"\n'
        + '[[device]]\nname = "d3"\nmodel = "display-4k"\nvia = "dock"\nport = "displayport"\n'
        + '[[device]]\nname = "d4"\nmodel = "display-4k"\nvia = "dock"\nport = "thunderbolt"\n'
    )
    [reason] = docked.reasons
    assert "d4 needs 1 display stream; the Thunderbolt controller of ports 3 and 4 takes in 2" in reason


@pytest.mark.claims("X5")
def test_both_5k_displays_on_one_controller_are_refused_and_the_better_ports_named(ask):
    answer = ask(
        '[[device]]\nname = "left"\nmodel = "lg-ultrafine-5k"\nport = "thunderbolt-1"\n'
        '[[device]]\nname = "right"\nmodel = "lg-ultrafine-5k"\nport = "thunderbolt-2"\n'
    )
    assert not answer.fits
    [reason] = answer.reasons
    assert (
        "right needs 2 display streams; the Thunderbolt controller of ports 1 and 2 takes in 2, in use by left"
        in reason
    )
    assert answer.better.outcome.fits
    assert len(answer.better.moves) == 1
    assert [gain.name for gain in answer.better.gains if gain.fits] == ["right"]


@pytest.mark.claims("X5")
def test_10_bit_4096_by_2304_does_not_fit_one_link_and_8_bit_does(ask):
    text = '[[device]]\nname = "wide"\nmodel = "display-4096"\nbits_per_colour = {}\n'
    refused = ask(text.format(10))
    assert not refused.fits
    [reason] = refused.reasons
    for said in ("wide", "17.8 Gb/s", "HBR2 link carries 17.3", "8 bits per colour would fit (14.3 Gb/s"):
        assert said in reason
    assert ask(text.format(8)).fits
    left_open = ask(["display-4096"])
    assert left_open.fits
    assert "d0: 8 bits per colour" in left_open.chosen, "what the plan leaves open is chosen, and said"


@pytest.mark.claims("X5")
def test_one_5k_and_three_4k_is_unproven_and_says_why(ask):
    answer = ask(["display-4k", "display-4k", "display-4k", "lg-ultrafine-5k"])
    assert not answer.fits
    assert "five display streams" in answer.unproven
    assert answer.reasons[0].startswith("unproven: Apple lists")
    assert not ask(["display-4k", "display-4k", "lg-ultrafine-5k", "lg-ultrafine-5k"]).unproven


@pytest.mark.claims("X6")
def test_two_5k_displays_and_two_arrays_each_at_its_rate(ask):
    answer = ask(TWO_5K + RAID.format("one") + RAID.format("two"))
    found = served(answer)
    assert answer.fits
    for name in ("one", "two"):
        assert found[name].flows[READ].got_gbps == 22.0
        assert found[name].flows[WRITE].got_gbps == 20.0
        assert found[name].flows[READ].limited_by is None
    assert answer.better is None


@pytest.mark.claims("X6")
def test_two_arrays_on_one_controller_share_its_uplink_and_moving_one_doubles_both(ask):
    one = RAID.format("one") + 'port = "thunderbolt-1"\n'
    answer = ask(one + RAID.format("two") + 'port = "thunderbolt-2"\n')
    assert [flow.got_gbps for device in answer.outcome.devices for flow in device.flows.values()] == [11.0] * 4
    assert (
        "Thunderbolt controller of ports 1 and 2: 22.0 Gb/s, shared with two"
        in served(answer)["one"].flows[READ].limited_by
    )
    assert {gain.name: gain.gain_gbps for gain in answer.better.gains} == {
        "one": {READ: 11.0, WRITE: 9.0}, "two": {READ: 11.0, WRITE: 9.0}
    }  # fmt: skip


@pytest.mark.claims("X6")
def test_a_5k_display_behind_an_array_slows_its_writes_and_not_its_reads(ask):
    answer = ask(
        '[[device]]\nname = "array"\nmodel = "g-speed-shuttle-ssd"\n'
        '[[device]]\nname = "screen"\nmodel = "lg-ultrafine-5k"\nvia = "array"\n'
    )
    flows = served(answer)["array"].flows
    assert answer.fits
    assert flows[READ].got_gbps == 22.0
    # 40 Gb/s less two tiles of 469.18 MHz and 30 bits, in packets of 128 bytes with 24 bytes around them.
    assert flows[WRITE].got_gbps == pytest.approx((40 - 2 * 469.18 * 30e-3) * 128 / 152)
    assert "28.2 of 40 taken by displays" in flows[WRITE].limited_by


def test_better_is_exact_over_the_four_receptacles(plan):
    """Every order of four things on four ports, tried by hand, is no better than the planner's."""
    wanted = plan(
        '[[device]]\nname = "a"\nmodel = "lg-ultrafine-5k"\n[[device]]\nname = "b"\nmodel = "g-speed-shuttle-ssd"\n'
        '[[device]]\nname = "c"\nmodel = "nvme-thunderbolt3"\n[[device]]\nname = "d"\nmodel = "promise-pegasus3-r8"\n'
    )
    built = machine("imac-pro")
    planner = Planner(wanted, built, port_tree(built))
    best = max(
        planner.outcome(dict(zip("abcd", ports, strict=True))).rank()
        for ports in itertools.permutations([f"thunderbolt-{n}" for n in range(1, 5)])
    )
    assert connect(wanted, built).outcome.rank() == best


def test_better_moves_only_what_has_to_move(ask):
    text = "".join(f'[[device]]\nname = "u{n}"\nmodel = "ssd-usb3"\nport = "usb-a-{n + 1}"\n' for n in range(1, 4))
    text += '[[device]]\nname = "drive"\nkind = "storage"\nlink = "internal"\nread_gbps = 25.0\nwrite_gbps = 25.0\n'
    answer = ask(text)
    assert answer.better
    for name, (old, new) in answer.better.moves.items():
        assert old.startswith("usb-a")
        assert new.startswith("thunderbolt"), f"{name} moves to a port that is no better"
    assert answer.better.outcome.rank() > answer.outcome.rank()


def test_better_takes_a_display_out_of_the_array_s_chain(ask):
    answer = ask(
        '[[device]]\nname = "array"\nmodel = "g-speed-shuttle-ssd"\nport = "thunderbolt-1"\n'
        '[[device]]\nname = "screen"\nmodel = "lg-ultrafine-5k"\nvia = "array"\n'
    )
    [(name, (old, new))] = answer.better.moves.items()
    assert (name, old) == ("screen", "array/thunderbolt")
    assert new in {"thunderbolt-2", "thunderbolt-3", "thunderbolt-4"}
    [gain] = answer.better.gains
    assert gain.gain_gbps == {WRITE: pytest.approx(20.0 - (40 - 28.1508) * 128 / 152)}


def test_a_20_gbit_cable_is_too_little_for_5k_and_says_which_would_do(ask):
    text = '[[device]]\nname = "screen"\nmodel = "lg-ultrafine-5k"\ncable = "{}"\n'
    [reason] = ask(text.format("thunderbolt3-2m-passive")).reasons
    assert "the link of thunderbolt-1 carries 20" in reason
    assert "a 40 Gb/s cable would do" in reason
    assert ask(text.format("thunderbolt3-2m-active")).fits
    slow = ask(RAID.format("raid") + "cable = { length_m = 2, gbps = 10 }\n")
    assert served(slow)["raid"].flows[READ].got_gbps == pytest.approx(10 * 128 / 152)


def test_a_display_that_names_no_link_is_what_the_machine_can_feed(ask):
    text = '[[device]]\nname = "screen"\nkind = "display"\nwidth = 5120\nheight = 2880\n'
    [at_mac] = ask(text).outcome.devices
    [at_pc] = ask(text, on="pc-x299").outcome.devices
    assert (at_mac.planned.device.link, len(at_mac.picture.streams)) == ("thunderbolt3", 2)
    assert (at_pc.planned.device.link, len(at_pc.picture.streams)) == ("displayport", 1)
    assert at_pc.picture.gbps == pytest.approx(938.25 * 24e-3), "one stream of DisplayPort 1.4"


def test_a_card_needs_a_slot_or_an_enclosure(ask):
    assert ask(["card-10g"], on="mac-pro-2019").fits
    [reason] = ask(["card-10g"], on="mac-pro-2013").reasons
    assert "a slot in a Thunderbolt enclosure would do" in reason


def test_where_ports_run_out_a_chain_is_named(ask):
    answer = ask(["g-speed-shuttle-ssd"] * 5)
    [reason] = answer.reasons
    assert "d4: no free port for thunderbolt3" in reason
    assert 'd0 has a port for it (via = "d0")' in reason


def test_two_displays_behind_one_slow_link_do_not_both_fit(ask):
    text = '[[device]]\nname = "dock"\nmodel = "caldigit-ts3-plus"\n{}' + "".join(
        f'[[device]]\nname = "{name}"\nmodel = "dell-p2715q"\nvia = "dock"\nport = "{port}"\n'
        for name, port in (("first", "displayport"), ("second", "thunderbolt"))
    )
    assert ask(text.format("")).fits
    [reason] = ask(text.format('cable = "thunderbolt3-2m-passive"\n')).reasons
    assert "second" in reason
    assert "the link of thunderbolt-1 carries 20, in use by first (12.8)" in reason
    assert "a 40 Gb/s cable would do" in reason


def test_what_the_dock_s_ports_share(ask):
    answer = ask(
        '[[device]]\nname = "dock"\nmodel = "caldigit-ts3-plus"\n'
        '[[device]]\nname = "fast"\nmodel = "ssd-usb-gen2"\nvia = "dock"\nport = "usb-c-gen2"\n'
        '[[device]]\nname = "slow"\nmodel = "ssd-usb3"\nvia = "dock"\nport = "usb-a-1"\n'
        '[[device]]\nname = "net"\nmodel = "network-10g"\nvia = "dock"\n'
    )
    found = served(answer)
    assert answer.fits
    assert found["net"].flows[READ].got_gbps == pytest.approx(0.94, abs=0.01), "the dock's Ethernet is Gigabit"
    assert sum(one.flows[READ].got_gbps for one in found.values() if one.flows) == pytest.approx(8.7)
    assert "USB chip of the dock" in found["fast"].flows[READ].limited_by


@pytest.mark.claims("X4")
def test_every_port_carries_traffic_at_once_and_the_chipset_s_own_share_dmi(ask):
    answer = ask(
        '[[device]]\nname = "drive"\nkind = "storage"\nlink = "internal"\nread_gbps = 28\nwrite_gbps = 28\n'
        '[[device]]\nname = "card"\nmodel = "sd-uhs2"\n[[device]]\nname = "net"\nmodel = "network-10g"\n'
        + "".join(f'[[device]]\nname = "u{n}"\nmodel = "ssd-usb3"\nport = "usb-a-{n}"\n' for n in range(1, 5))
    )
    found = served(answer)
    assert answer.fits
    assert found["net"].flows[READ].got_gbps == pytest.approx(9.41, abs=0.01)
    behind_dmi = [one.flows[READ].got_gbps for name, one in found.items() if name != "net"]
    assert sum(behind_dmi) == pytest.approx(port_tree(machine("imac-pro")).links["dmi"].payload_gbps)
    assert "DMI" in found["drive"].flows[READ].limited_by
    assert found["u1"].flows[READ].got_gbps == pytest.approx(3.61, abs=0.01), "each USB port is full by itself"


@pytest.mark.claims("X4")
@pytest.mark.parametrize(("rates", "got"), [([0.1, 1], 0.9415), ([1, 2.5], 2.354), ([1, 2.5, 5], 4.707), ([10], 9.415)])
def test_ethernet_runs_at_the_best_rate_that_both_sides_know(ask, rates, got):
    answer = ask(f'[[device]]\nname = "net"\nkind = "network"\nlink = "ethernet"\nrates_gbps = {rates}\n')
    assert served(answer)["net"].flows[READ].got_gbps == pytest.approx(got, abs=1e-3)


@pytest.mark.claims("X4")
def test_a_cable_of_category_6_carries_10_gigabit_up_to_55_m(ask):
    text = '[[device]]\nname = "net"\nmodel = "network-10g"\ncable = {{ category = "cat6", length_m = {} }}\n'
    near, far = (served(ask(text.format(length)))["net"].flows[READ].got_gbps for length in (50, 60))
    assert near == pytest.approx(9.415, abs=1e-3)
    assert far == pytest.approx(4.707, abs=1e-3)
    [reason] = ask(text.format(150)).reasons
    assert "no link" in reason


def test_a_port_gives_15_w_and_no_more(ask):
    text = RAID.format("raid") + "power_w = {}\n"
    assert ask(text.format(15)).fits
    [reason] = ask(text.format(15.1)).reasons
    assert "raid takes 15.1 W; thunderbolt-1 gives 15 W" in reason


def test_what_hangs_on_a_hub_without_a_supply_counts_for_its_port(ask):
    text = '[[device]]\nname = "hub"\nmodel = "{}"\nport = "usb-a-1"\n' + "".join(
        f'[[device]]\nname = "s{n}"\nmodel = "ssd-usb3"\nvia = "hub"\n' for n in (1, 2)
    )
    [reason] = ask(text.format("usb3-hub-bus-powered")).reasons
    assert "hub takes 6.5 W with what hangs on it; usb-a-1 gives 4.5 W" in reason
    assert ask(text.format("usb3-hub")).fits


def test_usb_carries_no_display(ask):
    answer = ask(
        '[[device]]\nname = "hub"\nmodel = "usb3-hub"\n'
        'receptacles.dp = { connector = "displayport", speaks = ["displayport"] }\n'
        '[[device]]\nname = "screen"\nmodel = "display-4k"\nvia = "hub"\n'
    )
    assert "no output for a display" in answer.reasons[0] or "carries no display" in answer.reasons[0]


def test_a_chain_of_six_works_and_shares_one_link(ask):
    text = RAID.format("a1") + 'receptacles.next = { connector = "usb-c", speaks = ["thunderbolt3"] }\n'
    for n in range(2, 7):
        text += (
            RAID.format(f"a{n}")
            + f'via = "a{n - 1}"\nreceptacles.next = {{ connector = "usb-c", speaks = ["thunderbolt3"] }}\n'
        )
    answer = ask(text)
    assert answer.fits
    assert [one.flows[READ].got_gbps for one in answer.outcome.devices] == pytest.approx([22 / 6] * 6)


def test_old_thunderbolt_goes_through_an_adapter_at_its_own_rate(ask):
    answer = ask('[[device]]\nname = "old"\nkind = "storage"\nlink = "thunderbolt2"\nread_gbps = 30\n')
    assert answer.fits
    assert served(answer)["old"].flows[READ].got_gbps == pytest.approx(20 * 128 / 152)
    assert any("adapter" in line for line in answer.chosen)


def test_a_machine_of_one_s_own_without_a_tree_is_refused(plan):
    from spacegrey.errors import Refusal

    wanted = plan(RAID.format("raid"))
    built = machine("imac-pro")
    bare = built.__class__(**{**vars(built), "spec": built.spec.model_copy(update={"io": None})})
    with pytest.raises(Refusal, match="names no I/O tree"):
        connect(wanted, bare)


def test_a_machine_of_one_s_own_may_bring_its_tree(tmp_path, plan):
    path = tmp_path / "mine.toml"
    path.write_text(
        'extends = "imac-pro"\n[machine]\nname = "mine"\nio = "wide"\n[parts.ports.wide]\nextends = "imac-pro"\n'
        "[parts.ports.wide.links.thunderbolt-a]\nat_most_gbps = 30\n", encoding="utf-8"
    )  # fmt: skip
    wanted = plan(RAID.format("raid").replace("22.0", "30.0") + 'port = "thunderbolt-1"\n')
    assert served(connect(wanted, machine(str(path))))["raid"].flows[READ].got_gbps > 25


def test_reading_is_the_same_twice(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text(TWO_5K, encoding="utf-8")
    assert read_plan(path) == read_plan(path)
