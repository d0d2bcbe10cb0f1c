"""What owning costs: the sum of its lines, more use costs more, checked by hand, and refused where it is absurd."""

import datetime as dt
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from spacegrey.decide.own import own, verdict
from spacegrey.decide.owner import Terms, Use, parse_upgrade
from spacegrey.decide.running import Band, Failures, running
from spacegrey.decide.upgrade_costs import Cost
from spacegrey.errors import InputError, Refusal
from spacegrey.interfaces.cli import app

YEAR_H = 365.25 * 24.0
FULL = "imac-pro:18-core,128GB,4TB,vega-64"


def command(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments], prog_name="spacegrey")


def line(scenario, name):
    return next(cost for cost in scenario.costs if cost.name == name)


@pytest.fixture(scope="module")
def owned(workload_of):
    def run(*selectors, years=4.0, hours=8.0, days=5.0, kwh=0.3, workload="idle", **terms):
        return own(list(selectors), Use(years, hours, days, kwh), workload_of(workload), Terms(**terms))

    return run


@pytest.mark.parametrize("selector", ["imac-pro", FULL, "imac-5k-2017", "mac-pro-2019", "macbook-air-m1"])
def test_the_total_is_the_sum_of_its_lines(owned, selector):
    found = owned(selector)[0]
    bands = [cost.band for cost in found.costs if cost.band]
    assert found.total.value == pytest.approx(sum(band.value for band in bands))
    assert found.total.low == pytest.approx(sum(band.low for band in bands))
    assert found.total.low <= found.total.value <= found.total.high
    assert found.per_year == pytest.approx(found.total.value / 4.0)
    assert found.per_hour == pytest.approx(found.total.value / (4.0 * 365.25 * 5.0 / 7.0 * 8.0))
    assert found.complete


def test_energy_is_that_of_the_simulated_wall_power(owned, run_of):
    found = owned("imac-pro", years=1.0, hours=24.0, days=7.0, kwh=0.25)[0]
    watts = run_of("idle", "imac-pro").summary["wall_power_w"].mean
    assert found.working_w == watts
    # Apple says 64 W for the fullest one; the base has half the cores and a smaller card.
    assert watts == pytest.approx(64.0, rel=0.12)
    assert found.energy_kwh == pytest.approx(watts * YEAR_H / 1000.0)
    assert line(found, "energy").band.value == pytest.approx(found.energy_kwh * 0.25)


def test_the_rest_of_the_day_it_sleeps(owned):
    worked = owned("imac-pro", years=1.0, hours=8.0, days=7.0)[0]
    asleep = worked.energy_kwh - worked.working_w * YEAR_H / 3.0 / 1000.0
    assert asleep == pytest.approx(1.22 * YEAR_H * 2.0 / 3.0 / 1000.0)


def test_heavier_work_draws_more(owned):
    assert owned("imac-pro", workload="blender-cpu")[0].energy_kwh > 2.0 * owned("imac-pro")[0].energy_kwh


@settings(max_examples=25)
@given(st.floats(0.5, 7.0), st.floats(0.1, 24.0), st.floats(0.1, 7.0), st.floats(0.0, 2.0), st.floats(1.0, 1.3))
def test_more_use_never_costs_less_energy(years, hours, days, kwh, more):
    def euros(use):
        return use.energy_kwh(100.0, 1.0) * use.kwh

    base = Use(years, hours, days, kwh)
    grown = [
        Use(min(years * more, 15.0), hours, days, kwh), Use(years, min(hours * more, 24.0), days, kwh),
        Use(years, hours, min(days * more, 7.0), kwh), Use(years, hours, days, kwh * more),
    ]  # fmt: skip
    assert all(euros(use) >= euros(base) - 1e-9 for use in grown)
    everything = years * YEAR_H
    assert 0.0 < base.hours <= everything * (1.0 + 1e-12)
    assert everything * 1.0 <= base.energy_kwh(100.0, 1.0) * 1000.0 <= everything * 100.0 * (1.0 + 1e-12)


def test_repairs_by_hand_after_the_first_year(owned):
    # years two, three and four: 7.33, 9.67 and 12 % of desktops, a quarter of the price each
    expected = (0.05 + 0.07 / 3.0 + 0.05 + 0.14 / 3.0 + 0.12) * 0.25 * 4999.0
    assert line(owned("imac-pro")[0], "repairs").band.value == pytest.approx(expected)
    assert line(owned("imac-pro", years=1.0)[0], "repairs").band == Band(0.0, 0.0, 0.0)


def test_applecare_costs_169_and_covers_three_years(owned):
    without, with_it = owned("imac-pro")[0], owned("imac-pro", applecare=True)[0]
    assert line(with_it, "AppleCare+").band.value == 169.0
    assert line(with_it, "repairs").band.value == pytest.approx(0.12 * 0.25 * 4999.0)
    saved = line(without, "repairs").band.value - line(with_it, "repairs").band.value
    assert without.applecare == pytest.approx((169.0, saved))


def test_laptops_fail_more_often():
    for year in range(1, 8):
        assert running().failures_of("laptop").in_year(year) > running().failures_of("tower").in_year(year)
    rates = [Failures(first_year=0.05, fourth_year=0.12).in_year(year) for year in range(1, 9)]
    assert rates == sorted(rates)
    assert rates[3:] == [0.12] * 5, "nobody counted beyond the fourth year"


def test_keeping_it_longer_costs_less_a_year(owned):
    yearly = [owned("imac-pro", years=years)[0].per_year for years in (1.0, 2.0, 4.0, 6.0)]
    assert yearly == sorted(yearly, reverse=True)


def test_what_it_brings_is_negative_or_said_or_unknown(owned):
    by_curve = line(owned("imac-pro")[0], "resale")
    assert by_curve.band.low < by_curve.band.value < by_curve.band.high < 0.0
    assert line(owned("imac-pro", resale_value=1500.0)[0], "resale").band == Band(-1500.0, -1500.0, -1500.0)
    unknown = owned("pc-x299")[0]
    assert line(unknown, "resale").band is None
    assert not unknown.complete
    assert "what it brings is not counted: say it with --resale" in unknown.notes
    said = owned("pc-x299", resale_value=500.0)[0]
    assert said.total.value == pytest.approx(unknown.total.value - 500.0)


def test_energy_of_an_upgraded_machine_is_that_of_both_times(owned):
    small, large, both = (
        owned(*one, workload="blender-cpu", **more)[0].energy_kwh
        for one, more in (
            (["imac-pro"], {}),
            (["imac-pro:18-core"], {}),
            (["imac-pro"], {"upgrade": ("processor", "18-core", 1.0)}),
        )
    )
    assert both == pytest.approx(0.25 * small + 0.75 * large)
    assert large > small


@pytest.mark.claims("R1")
def test_an_upgrade_on_the_way_stands_beside_buying_it_at_the_start(owned):
    plain, found = owned("imac-pro")[0], owned("imac-pro", upgrade=("memory", "64GB", 2.0))[0]
    assert found.later.at_start == 800.0
    assert line(found, "upgrade").band == found.later.found.total
    assert found.total.value > plain.total.value
    assert "at the start it costs 800" in found.later.words
    with pytest.raises(Refusal, match="soldered"):
        owned("imac-pro", upgrade=("graphics", "vega-64", 2.0))
    nobody = owned("imac-pro", upgrade=("storage", "4TB", 2.0))[0]
    assert line(nobody, "upgrade") == Cost("upgrade", None, nobody.later.found.advice)
    assert not nobody.complete


def test_a_machine_without_a_price_is_not_said_to_be_free(tmp_path, owned):
    path = tmp_path / "mine.toml"
    path.write_text('extends = "imac-pro"\n[machine]\nname = "mine"\n', encoding="utf-8")
    found = owned(str(path))[0]
    assert [cost.name for cost in found.costs if cost.band is None] == ["purchase", "repairs", "resale"]
    assert (found.complete, found.applecare) == (False, None)
    priced = tmp_path / "offers.toml"
    priced.write_text(
        '[[offer]]\nitem = "mine.toml"\nprice = 3000\ncurrency = "USD"\ndate = 2017-12-14\nkind = "list"\n'
        'assumed = { price = "a test" }\n'
    )
    result = command("own", path, "--offers", priced, "--workload", "idle", "--json")
    costs = {cost["name"]: cost["value"] for cost in json.loads(result.stdout)["scenarios"][0]["costs"]}
    assert costs["purchase"] == 3000.0
    assert costs["resale"] < -100.0


def test_applecare_is_not_sold_for_a_pc(owned):
    found = owned("pc-x299", applecare=True)[0]
    assert "AppleCare+ is for Apple's machines" in found.notes
    assert line(found, "repairs") == line(owned("pc-x299")[0], "repairs")


def test_up_to_four_side_by_side(owned):
    found = owned("imac-pro", "imac-5k-2017", "mac-mini-2018", "macbook-air-m1")
    assert [one.selector for one in found] == ["imac-pro", "imac-5k-2017", "mac-mini-2018", "macbook-air-m1"]
    assert found[0].total.value > found[1].total.value > found[3].total.value
    for count in (0, 5):
        with pytest.raises(InputError, match="name from one to 4"):
            owned(*["imac-pro"] * count)


def test_the_verdict_minds_the_bands(owned):
    assert verdict(owned("imac-pro")) == ""
    near = verdict(owned("imac-pro:10-core", "imac-pro"))
    assert near == "imac-pro costs least, but the bands allow imac-pro:10-core too"
    assert "nothing can be said" in verdict(owned("imac-pro", "pc-x299"))
    clear = owned("mac-pro-2019", "macbook-air-m1")
    assert verdict(clear) == "macbook-air-m1 costs least, whatever the bands"
    assert clear[1].total.high < clear[0].total.low


def test_what_could_not_be_bought_that_day_is_refused(owned):
    with pytest.raises(Refusal, match="8-core was sold until 2020-08-03"):
        owned("imac-pro", on=dt.date(2022, 1, 1))
    with pytest.raises(InputError, match="was not announced before"):
        owned("imac-pro", on=dt.date(2016, 1, 1))


def test_parts_that_do_not_go_together_are_said_not_to(owned):
    said = owned("pc-x299:w-2145", "pc-x299")
    assert "its parts do not go together: ASUS WS C422 PRO/SE does not take DDR4-2666 modules" in said[0].notes
    assert not any("go together" in note for note in said[1].notes)


@pytest.mark.parametrize(
    "text", ["memory", "memory=128GB", "memory=128GB@2", "memory@2y", "=128GB@2y", "memory=128GB@-1y"]
)
def test_upgrades_that_are_no_upgrades_are_refused(text):
    with pytest.raises(InputError, match="write it as memory=128GB@2y"):
        parse_upgrade(text)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("imac-por",), "did you mean 'imac-pro'"),
        (("imac-pro", "--years", "0"), "years 0: must be above 0"),
        (("imac-pro", "--years", "-4"), "years -4"),
        (("imac-pro", "--years", "1e9"), "at most 15"),
        (("imac-pro", "--years", "nan"), "years nan"),
        (("imac-pro", "--hours-per-day", "25"), "hours a day 25: must be above 0, at most 24"),
        (("imac-pro", "--days-per-week", "8"), "at most 7"),
        (("imac-pro", "--kwh", "-0.1"), "price of a kWh -0.1"),
        (("imac-pro", "--kwh", "inf"), "price of a kWh inf"),
        (("imac-pro", "--labour", "-1"), "labour -1: must not be negative"),
        (("imac-pro", "--resale", "-1"), "resale -1: must not be negative"),
        (("imac-pro", "--sell", "barter"), "unknown way of selling 'barter'"),
        (("imac-pro", "--on", "2017-13-01"), "2017-13-01"),
        (("imac-pro", "--workload", "ofice"), "did you mean 'office'"),
        (("imac-pro", "--upgrade", "memory=128GB@9y"), "the machine is kept for 4"),
        (("imac-pro", "--upgrade", "memory=32GB@2y"), "is not more than its 32GB"),
        (("imac-pro", "--currency", "CHF"), "CHF"),
        (("imac-pro", "--currency", "euro"), "three letters"),
        (("imac-pro", "--currency", "EUR", "--rate", "USD=0"), "write what one USD is worth in EUR"),
        (("imac-pro", "--currency", "EUR", "--applecare"), "offered in USD, not in EUR"),
        (("imac-pro", "imac-pro", "imac-pro", "imac-pro", "imac-pro"), "name from one to 4"),
        (("imac-pro", "--json", "--to", "csv"), "choose one"),
    ],
)
def test_wrong_input_is_one_line(arguments, said):
    result = command("own", *arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert said in result.stderr


def test_json_names_what_the_page_names():
    page = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
    section = re.search(r"^## `spacegrey own`$(.*?)(?=^## )", page, re.MULTILINE | re.DOTALL)[1]

    def named(after):
        sentence = re.search(rf"{re.escape(after)}(.*?)[.;]\s", section, re.DOTALL)[1]
        return re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", sentence, flags=re.DOTALL))

    result = command("own", "imac-pro", "--workload", "idle", "--upgrade", "memory=64GB@2y", "--json")
    assert result.exit_code == 0, result.output
    assert result.stdout.isascii()
    found = json.loads(result.stdout)
    assert list(found) == re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    scenario = found["scenarios"][0]
    assert list(scenario) == named("Each of the `scenarios` has")
    assert list(scenario["costs"][0]) == named("Each of the `costs` has")
    assert scenario["total"]["value"] == pytest.approx(sum(cost["value"] for cost in scenario["costs"]))


def test_tables_and_pictures_hold_what_is_printed(tmp_path):
    path = tmp_path / "own.csv"
    assert command("own", "imac-pro", "--workload", "idle", "--to", "csv", "--out", path).exit_code == 0
    rows = path.read_text(encoding="utf-8").splitlines()
    assert rows[0] == "machine,cost,value [USD],low [USD],high [USD],note"
    assert [row.split(",")[1] for row in rows[1:]] == ["purchase", "energy", "repairs", "resale", "total"]
    shown = command("own", "imac-pro", "imac-5k-2017", "--workload", "idle").output.splitlines()
    bars = [one.count("█") for one in shown if one[:3] in {"A  ", "B  "} and "█" in one]
    # as long as the prices are
    assert bars[1] / bars[0] == pytest.approx(2699.0 / 4999.0, abs=0.05)
    assert max(map(len, shown)) <= 80
