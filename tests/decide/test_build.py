"""A machine out of parts: what goes together, what does not, and why, in words."""

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegrey.decide import checks
from spacegrey.decide.bids import boards_for, season
from spacegrey.decide.build import build, of_choices, striped
from spacegrey.decide.checks import check, fits, peak_dc_w
from spacegrey.decide.components import (
    KINDS,
    Board,
    Cooler,
    Supply,
    component,
    components,
    graphics_lengths_mm,
    of_kind,
)
from spacegrey.decide.offers import load_offers
from spacegrey.errors import InputError
from spacegrey.machine.assembly import machine
from spacegrey.machine.catalog import machine_ids, part_entries, read_machine
from spacegrey.parts.power.laws import supply_loss_w

PCS = [name for name in machine_ids() if read_machine(name).spec.components]
C422 = ("asus-ws-c422-pro-se", "corsair-h110i", "corsair-ax860", "fractal-define-r6")
X299 = ("asus-prime-x299-a", "corsair-h110i", "corsair-ax860", "fractal-define-r5")
Z270 = ("asus-prime-z270-a", "noctua-nh-d15", "evga-supernova-650-g2", "fractal-define-r5")


def _verdict(name, selector, parts, drives=1, load_w=None):
    return next(one for one in check(build(selector, parts, drives), load_w) if one.name == name)


def test_there_are_self_built_machines():
    assert len(PCS) == 5


@pytest.mark.parametrize("name", PCS)
def test_every_self_built_machine_of_the_catalog_goes_together(name, run_of):
    made = build(name)
    load_w = peak_dc_w(made.machine, run_of("all-out", name).summary["wall_power_w"].max)
    done = check(made, load_w)
    assert fits(done), [one for one in done if one.verdict == "does not fit"]
    assert {one.name for one in done} >= {"socket", "memory", "cooler", "case", "slots and lanes", "supply"}
    assert all(one.verdict != "not checked" for one in done)
    assert all(one.words for one in done)


@pytest.mark.parametrize("name", PCS)
def test_every_processor_of_a_self_built_machine_has_a_board(name):
    for choice in read_machine(name).options["processor"].choices.values():
        boards = [board for board in of_kind(Board).values() if choice.part in board.processors]
        assert boards, choice.part


@pytest.mark.parametrize(
    ("selector", "board"),
    [
        ("pc-client", "asus-prime-z270-a"),
        ("pc-client:i9-10900k", "asus-prime-z490-a"),
        ("pc-x299:i9-7980xe", "asus-prime-x299-a"),
        ("pc-x299:w-2195,128GB-ecc", "asus-ws-c422-pro-se"),
        ("pc-threadripper:32GB-ecc", "asrock-x399-taichi"),
    ],
)
def test_a_choice_that_needs_another_board_gets_it(selector, board):
    made = build(selector)
    assert made.components[0] == board
    assert fits(check(made))
    assert made.components[1:] == tuple(machine(selector).spec.components[1:])


def test_without_a_board_for_all_of_it_the_one_that_starts_the_processor_is_taken_and_said_not_to_do():
    made = build("pc-x299:w-2145")  # a Xeon W with plain modules
    assert made.components[0] == "asus-ws-c422-pro-se"
    assert [one.name for one in check(made) if one.verdict == "does not fit"] == ["memory"]


OWN_PARTS = """
extends = "pc-x299"
[machine]
name = "with a processor of my own"
[options.processor]
default = "mine"
[options.processor.choices]
mine = { part = "mine" }
[parts.processors.mine]
extends = "i9-7900x"
name = "mine"
"""


def test_whether_a_board_starts_a_processor_of_one_s_own_is_not_known(tmp_path):
    (tmp_path / "mine.toml").write_text(OWN_PARTS)
    made = build(str(tmp_path / "mine.toml"))
    assert made.components == tuple(made.machine.spec.components)
    assert [one.verdict for one in check(made) if one.name == "socket"] == ["not checked"]
    (tmp_path / "mine.toml").write_text(OWN_PARTS + 'socket = "AM4"\n')
    assert not fits(check(build(str(tmp_path / "mine.toml"))))


def test_components_name_parts_that_exist():
    for board in of_kind(Board).values():
        assert set(board.processors) <= set(part_entries("processors"))
        assert set(board.memory) <= set(part_entries("memory"))
        assert board.slots[0] == 16
    for cooler in of_kind(Cooler).values():
        assert set(cooler.stands_for) <= set(part_entries("cooling"))
        assert (cooler.height_mm is None) != (cooler.radiator_mm is None)
    for supply in of_kind(Supply).values():
        assert set(supply.stands_for) <= set(part_entries("power"))
    assert set(graphics_lengths_mm()) <= set(part_entries("graphics"))


def test_every_component_has_an_offer_that_does_not_come_before_it():
    offers = load_offers()
    assert {type(one) for one in components().values()} == set(KINDS.values())
    for name, one in components().items():
        known = offers.of(f"components/{name}")
        assert known, name
        announced = [offer for offer in known if one.available is None or offer.date >= one.available]
        assert announced, f"{name} has only offers from before it was in shops"


@pytest.mark.parametrize("name", PCS)
def test_what_stands_for_a_run_is_as_large_as_what_is_run(name):
    chosen = machine(name)
    supply = next(one for one in map(component, chosen.spec.components) if isinstance(one, Supply))
    assert supply.rated_w == pytest.approx(chosen.supply.rated_w, rel=0.02), "850 and 860 W are one class"


@pytest.mark.parametrize(
    ("question", "selector", "parts", "words"),
    [
        ("socket", "pc-client", C422, "LGA1151"),
        ("socket", "pc-x299:w-2145,32GB-ecc", X299, "does not start"),
        ("socket", "pc-x299", ("corsair-h110i",), "no mainboard"),
        ("memory", "pc-x299:w-2145,32GB", C422, "does not take"),
        ("memory", "pc-client:i9-9900k,128GB", Z270, "more than the 64 GiB"),
        ("memory", "pc-am4:128GB", ("asus-x99-a",), "does not take"),
        ("error correction", "pc-threadripper:32GB-ecc", X299, "no use"),
        ("cooler", "pc-threadripper", X299, "no bracket for TR4"),
        ("cooler", "pc-x299", ("asus-prime-x299-a",), "no cooler"),
        ("case", "pc-x299:w-2145,32GB-ecc", ("asus-ws-c422-sage-10g", "fractal-define-r5"), "CEB"),
        ("case", "pc-x299", ("asus-prime-x299-a", "corsair-h110i"), "no case"),
        ("slots and lanes", "pc-client", (*Z270, "asus-xg-c100c", "gigabyte-gc-alpine-ridge"), "2 cards"),
        ("thunderbolt", "pc-threadripper", ("asrock-x399-taichi", "gigabyte-gc-alpine-ridge"), "0 headers"),
        ("thunderbolt", "pc-x299", (*X299, "asus-thunderboltex-3", "asus-thunderboltex-3"), "1 headers"),
        ("thunderbolt", "pc-x299", (*X299, "lg-ultrafine-5k"), "over Thunderbolt only"),
        ("supply", "pc-x299", ("asus-prime-x299-a",), "no power supply"),
    ],
)
def test_what_does_not_go_together_is_said_in_words(question, selector, parts, words):
    found = _verdict(question, selector, parts)
    assert found.verdict == "does not fit"
    assert words in found.words
    assert not fits(check(build(selector, parts)))


def test_two_drives_need_two_places():
    assert _verdict("slots and lanes", "pc-x99", ("asus-x99-a",), drives=2).verdict == "does not fit"
    assert _verdict("slots and lanes", "pc-x299", X299, drives=2).verdict == "fits"


def test_a_card_longer_than_the_case_does_not_fit(monkeypatch):
    assert _verdict("case", "pc-x299", X299).verdict == "fits"
    monkeypatch.setattr(checks, "card_lengths_mm", lambda: {"rx-vega-56": 441.0})
    assert _verdict("case", "pc-x299", X299).verdict == "does not fit"
    monkeypatch.setattr(checks, "card_lengths_mm", dict)
    assert _verdict("case", "pc-x299", X299).verdict == "not checked", "an unknown length is no yes"


def test_drives_behind_the_chipset_share_its_link():
    one, two = (_verdict("slots and lanes", "pc-client", Z270, drives) for drives in (1, 2))
    assert one.verdict == "fits"
    assert two.verdict == "tight"
    assert "3.9 GB/s" in two.words


def test_a_second_card_halves_the_graphics_of_am4():
    parts = ("asrock-x570-taichi", "asus-xg-c100c")
    assert _verdict("slots and lanes", "pc-am4", parts).verdict in {"fits", "tight"}
    assert "graphics card runs with 8" not in _verdict("slots and lanes", "pc-am4", parts).words
    both = _verdict("slots and lanes", "pc-am4", (*parts, "gigabyte-gc-titan-ridge"))
    assert both.verdict == "tight"
    assert "graphics card runs with 8" in both.words


def test_a_full_5k_picture_needs_a_card_with_two_inputs():
    single = _verdict("thunderbolt", "pc-x299", (*X299, "lg-ultrafine-5k", "gigabyte-gc-alpine-ridge"))
    double = _verdict("thunderbolt", "pc-x299", (*X299, "lg-ultrafine-5k", "gigabyte-gc-titan-ridge"))
    assert (single.verdict, double.verdict) == ("tight", "fits")
    assert "4096 x 2304" in single.words


@pytest.mark.parametrize(
    ("load_w", "verdict"), [(500.0, "fits"), (521.0, "tight"), (651.0, "does not fit"), (None, "not checked")]
)
def test_head_room_of_the_supply_comes_from_the_simulated_load(load_w, verdict):
    assert _verdict("supply", "pc-client", Z270, load_w=load_w).verdict == verdict


def test_a_hot_processor_is_said_to_slow_down_under_a_small_cooler():
    parts = ("asus-prime-x299-a", "noctua-nh-d15", "corsair-ax860", "fractal-define-r5")
    assert _verdict("cooler", "pc-x299:i7-7820x", parts).verdict == "fits"
    found = _verdict("cooler", "pc-x299:i9-7980xe", parts)
    assert (found.verdict == "tight") == (machine("pc-x299:i9-7980xe").processor.pl1_w > 220)


@given(st.sampled_from(PCS), st.floats(20.0, 900.0))
def test_direct_current_and_losses_sum_to_the_wall(name, wall_w):
    sheet = _machine(name).supply
    load_w = peak_dc_w(_machine(name), wall_w)
    loss_w = supply_loss_w(load_w, sheet.standing_loss_w, sheet.proportional_loss, sheet.resistive_loss_per_w)
    assert load_w + loss_w == pytest.approx(wall_w)


_machine = functools.cache(machine)


@pytest.mark.parametrize("name", PCS)
def test_many_at_a_time_are_the_same_machines_as_one_by_one(name):
    options = read_machine(name).options
    for slot, option in options.items():
        for choice_name, choice in option.choices.items():
            if not choice.set:
                made = of_choices(name, {slot: choice_name})
                if made.memory_gib <= made.processor.capacity_memory_gib:
                    assert made == machine(made.selector)


def test_two_drives_work_as_one_stripe():
    one, two = machine("pc-x299:512GB"), striped(machine("pc-x299:512GB"), 2)
    assert two.storage_tb == 2 * one.storage_tb
    assert two.storage.write_ceiling_gb_s == 2 * one.storage.write_ceiling_gb_s
    assert two.storage.read_gb_s_per_tb == one.storage.read_gb_s_per_tb, "per TB, so it grows with the capacity"


def test_a_bill_counts_modules_and_drives():
    items = dict(build("pc-x299:w-2145,32GB-ecc,512GB", C422, 2).items)
    assert items["memory/ddr4-2666-ecc/8GB"] == 4
    assert items["storage/samsung-960-pro/512GB"] == 2
    assert items["components/corsair-ax860"] == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: build("pc-x299", ["asus-prime-x299"]), "did you mean 'asus-prime-x299-a'"),
        (lambda: build("imac-pro"), "is not built from components"),
        (lambda: build("pc-x299", X299, 3), "3 drives"),
        (lambda: build("pc-x300", X299), "unknown machine"),
    ],
)
def test_bad_builds_are_refused_in_one_line(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_shelves_are_the_same_between_two_changes():
    import datetime as dt

    days = [dt.date(2017, 1, 1) + dt.timedelta(days=step) for step in range(0, 1500, 7)]
    for day in days:
        assert dict(boards_for("w-2145", day)) == dict(boards_for("w-2145", season(day)))
