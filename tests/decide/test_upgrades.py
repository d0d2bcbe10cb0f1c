"""Upgrades: what can be done and what not, what it costs, and when buying enough at the start was cheaper."""

import datetime as dt
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from spacegrey.decide.offers import load_offers
from spacegrey.decide.running import Band, Breakage, running
from spacegrey.decide.upgrade_costs import Cost, Plan, sum_of
from spacegrey.decide.upgrades import base_id, better, selector_with, upgrades
from spacegrey.errors import InputError
from spacegrey.interfaces.cli import app

SOLD = dt.date(2017, 12, 14)
PLAN = Plan(SOLD, dt.date(2020, 6, 1))
HUNGRY = """memory_gib = 48
memory_touches = 20
processor = { float_gop = 5000, parallel = 0.99 }
assumed = { processor = "a test", memory_gib = "a test", memory_touches = "a test" }
"""


def command(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments], prog_name="spacegrey")


def one(selector, slot, choice, plan=PLAN, **more):
    return upgrades(selector, plan, only=(slot, choice), **more)[0]


@pytest.mark.claims("R1")
def test_memory_of_the_imac_pro_can_be_exchanged_all_four_at_a_risk():
    found = one("imac-pro", "memory", "64GB")
    assert found.possible
    assert "4 equal modules for 4 channels" in found.why
    assert "the display has to come off its adhesive" in found.why
    parts, used_up, work, risk = found.costs
    assert parts.words.startswith("4 x memory/ddr4-2666-ecc/16GB")
    assert used_up.band.value > 0.0
    assert work.band.value == 0.0
    # the chance that the display breaks, times its repair, is most of the risk
    assert risk.band.value > found.way.risks["display"] * 600.0
    assert found.total.low < found.total.value < found.total.high


@pytest.mark.claims("R1")
def test_buy_enough_at_the_start_comes_out_for_the_imac_pro():
    for slot, choice in (("graphics", "vega-64"), ("storage", "4TB"), ("processor", "18-core")):
        found = one("imac-pro", slot, choice)
        assert found.advice.startswith("buy enough at the start"), (slot, found.advice)
        assert found.cheaper_from is None
    memory = one("imac-pro", "memory", "64GB")
    assert memory.advice.startswith("buy enough at the start if you need it before ")
    assert SOLD < memory.cheaper_from < dt.date(2020, 1, 1)
    door = one("imac-5k-2017", "memory", "32GB", Plan(dt.date(2018, 1, 22), dt.date(2018, 1, 22)))
    assert door.advice.startswith("buy it elsewhere"), "behind a door the same advice would be wrong"


@pytest.mark.claims("R1")
def test_soldered_graphics_are_refused_with_the_reason():
    found = one("imac-pro", "graphics", "vega-64x")
    assert not found.possible
    assert "soldered" in found.why
    assert (found.total, found.costs) == (None, ())
    assert found.at_start == 700.0
    assert command("upgrades", "imac-pro", "graphics=vega-64x").exit_code == 1


@pytest.mark.claims("R2")
def test_new_flash_modules_need_an_apple_configurator_restore():
    found = one("imac-pro", "storage", "2TB")
    assert found.possible
    assert found.restore
    assert "Apple Configurator restore from a second Mac, which erases it" in found.why
    assert any("second Mac with Apple Configurator" in tool for tool in found.way.tools)
    put_back = [step.words for step in found.way.on if step.part == "storage"]
    assert "1 Apple Configurator restore" in put_back[0]
    assert not any("restore" in step.words for step in found.way.off)
    assert not one("imac-pro", "memory", "64GB").restore


def test_a_pc_is_upgraded_in_minutes_at_no_risk_to_a_display():
    found = one("pc-x299", "graphics", "gtx-1080-ti", Plan(dt.date(2017, 9, 1), dt.date(2018, 6, 1)))
    assert found.possible
    assert found.way.minutes < 15.0
    assert "display" not in found.way.risks
    assert found.total is not None


def test_no_way_no_choice_of_less_and_no_days_out_of_order():
    with pytest.raises(InputError, match=r"memory=32GB is not more than its 64GB"):
        one("imac-pro:64GB", "memory", "32GB")
    with pytest.raises(InputError, match="did you mean '128GB'"):
        one("imac-pro", "memory", "129GB")
    with pytest.raises(InputError, match="unknown upgrade 'pointer'"):
        one("imac-pro", "pointer", "trackpad")
    with pytest.raises(InputError, match="an upgrade on 2017-01-01 of a machine that is bought on 2017-12-14"):
        one("imac-pro", "memory", "64GB", replace(PLAN, on=dt.date(2017, 1, 1)))
    for wrong in ({"labour": -1.0}, {"hour_value": float("nan")}, {"hours_per_year": -5.0}):
        with pytest.raises(InputError, match="not below 0"):
            one("imac-pro", "memory", "64GB", replace(PLAN, **wrong))
    with pytest.raises(InputError, match="known in US dollars"):
        one("imac-pro", "memory", "64GB", replace(PLAN, currency="EUR"))


def test_the_gain_is_simulated(own_workload, workload_of):
    paging = one("imac-pro", "memory", "64GB", workload=own_workload(HUNGRY))
    assert paging.gain > 2.0
    idle = one("imac-pro", "memory", "64GB", workload=workload_of("office"))
    assert idle.gain == pytest.approx(1.0, abs=0.005)
    assert idle.advice == "leave it: it changes nothing on this work"
    cores = one("imac-pro", "processor", "18-core", workload=workload_of("cinebench-r15"))
    assert 1.5 < cores.gain < 2.25


def test_waiting_costs_more_the_more_an_hour_is_worth(own_workload):
    work = own_workload(HUNGRY)
    days = []
    for worth in (0.0, 2.0, 10.0, 50.0):
        plan = replace(PLAN, hours_per_year=50.0, hour_value=worth)
        found = one("imac-pro", "memory", "64GB", plan, workload=work)
        days.append(found.regret_from or dt.date.max)
    assert days == sorted(days, reverse=True)
    assert days[0] == dt.date.max, "nothing is lost by waiting where time is free"
    assert SOLD < days[1] < dt.date.max, "from a day on, buying enough at the start would have been cheaper"
    assert found.advice == "buy enough at the start: waiting costs more than it saves"


def test_dearer_work_or_a_dearer_part_never_makes_an_upgrade_cheaper(tmp_path):
    totals = [one("imac-pro", "memory", "64GB", replace(PLAN, labour=float(rate))).total for rate in (0, 50, 120)]
    assert [band.value for band in totals] == sorted(band.value for band in totals)
    assert [band.high for band in totals] == sorted(band.high for band in totals)
    path = tmp_path / "dear.toml"
    path.write_text(
        '[[offer]]\nitem = "memory/ddr4-2666-ecc/16GB"\nprice = 400\ncurrency = "USD"\ndate = 2020-06-01\n'
        'kind = "street"\nassumed = { price = "a test" }\n'
    )
    dear = upgrades("imac-pro", PLAN, load_offers(path), only=("memory", "64GB"))[0]
    assert dear.costs[0].band == Band(1600.0, 1600.0, 1600.0)
    assert dear.total.value > totals[0].value


def test_another_currency_needs_a_rate_and_then_agrees():
    dollars = one("imac-pro", "memory", "64GB", replace(PLAN, on=dt.date(2018, 2, 1)))
    plan = replace(PLAN, on=dt.date(2018, 2, 1), currency="EUR", rates={"USD": 0.8})
    euros = one("imac-pro", "memory", "64GB", plan)
    for mine, theirs in zip(euros.costs[:2], dollars.costs[:2], strict=True):
        assert mine.band.value == pytest.approx(0.8 * theirs.band.value)
    # the list price of the machine is Apple's own in euros, and a board's repair is a share of it
    assert euros.total.value == pytest.approx(0.8 * dollars.total.value, rel=0.1)


def test_what_is_better_is_more_and_never_its_own(machine_of):
    assert better(machine_of("imac-pro"), "memory") == ["64GB", "128GB", "256GB"]
    assert better(machine_of("imac-pro"), "processor") == ["10-core", "14-core", "18-core"]
    assert better(machine_of("imac-pro:vega-64"), "graphics") == ["vega-64x"]
    assert better(machine_of("imac-pro:4TB"), "storage") == []
    assert "i7-7820x" not in better(machine_of("pc-x299"), "processor")


@given(st.sampled_from(["64GB", "128GB", "256GB"]), st.sampled_from(["", "+fan=max"]), st.sampled_from(["", ",4TB"]))
def test_a_selector_with_another_choice_keeps_the_rest(choice, room, drive):
    found = selector_with(f"imac-pro:18-core,32GB{drive}{room}", "memory", choice)
    assert found == f"imac-pro:18-core{drive},memory={choice}{room}"


def test_a_machine_of_ones_own_comes_apart_as_what_it_extends(tmp_path):
    (tmp_path / "mine.toml").write_text('extends = "imac-pro"\n[machine]\nname = "mine"\n', encoding="utf-8")
    (tmp_path / "his.toml").write_text('extends = "mine.toml"\n[machine]\nname = "his"\n', encoding="utf-8")
    assert base_id(f"{tmp_path / 'his.toml'}:18-core") == "imac-pro"


def test_a_sum_with_an_unknown_part_is_unknown():
    known = Cost("work", Band(2.0, 1.0, 3.0), "")
    assert sum_of((known, Cost("parts", None, ""))) is None
    assert sum_of(()) == Band(0.0, 0.0, 0.0)


def test_everything_that_a_way_can_break_has_a_repair():
    from spacegrey.decide.disassembly import holds

    broken = {hold.breaks for hold in holds().values() if hold.damage}
    assert broken <= set(running().breakage)
    with pytest.raises(ValueError, match="must rise"):
        Breakage(usd=1.0, usd_low=2.0, usd_high=3.0)


def test_json_names_what_the_page_names():
    import re
    from pathlib import Path

    page = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
    section = re.search(r"^## `spacegrey upgrades`$(.*?)(?=^## )", page, re.MULTILINE | re.DOTALL)[1]
    result = command("upgrades", "imac-pro", "memory=64GB", "--on", "2020-06-01", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert list(found) == re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    sentence = re.search(r"Each of the `upgrades` has(.*?)\.\s", section, re.DOTALL)[1]
    assert list(found["upgrades"][0]) == re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", sentence, flags=re.DOTALL))
    assert found["repairability"]["published"] == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("imac-por",), "did you mean 'imac-pro'"),
        (("imac-pro", "memory"), "write it as memory=128GB"),
        (("imac-pro", "memory=64GB", "--on", "yesterday"), "yesterday"),
        (("imac-pro", "memory=64GB", "--bought", "2016-01-01"), "not announced"),
        (("imac-pro", "--hours-per-day", "25"), "at most 24"),
        (("imac-pro", "--days-per-week", "0"), "above 0"),
        (("imac-pro", "--labour", "-3"), "not below 0"),
        (("imac-pro", "--workload", "idel"), "did you mean 'idle'"),
        (("imac-pro", "--to", "xlsx"), "needs --out FILE"),
    ],
)
def test_wrong_input_is_one_line(arguments, said):
    result = command("upgrades", *arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert said in result.stderr


def test_a_workbook_has_a_sheet_for_the_steps(tmp_path):
    import zipfile

    path = tmp_path / "upgrades.xlsx"
    assert command("upgrades", "imac-pro", "--to", "xlsx", "--out", path).exit_code == 0
    with zipfile.ZipFile(path) as book:
        assert b'name="steps"' in book.read("xl/workbook.xml")


def test_tables_hold_what_is_printed(tmp_path):
    path = tmp_path / "upgrades.csv"
    assert command("upgrades", "imac-pro", "--to", "csv", "--out", path).exit_code == 0
    rows = path.read_text(encoding="utf-8").splitlines()
    assert rows[0].startswith("part,to,possible,minutes,restore,cost [USD]")
    assert sum(row.startswith("memory,") for row in rows) == 3
