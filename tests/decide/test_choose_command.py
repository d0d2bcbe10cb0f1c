"""`spacegrey choose` and the prices of `compare`: what they print, write and refuse."""

import csv
import io
import json
import re
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spacegrey.decide.outcomes import comparable_noise_dba
from spacegrey.interfaces.cli import app
from spacegrey.machine.assembly import machine
from spacegrey.machine.catalog import machine_ids

PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
TWO = ("--among", "imac-pro,imac-5k-2017", "--on", "2018-06-01")

# words of the command -> what the line must say
WRONG = {
    ("nope",): "unknown workload 'nope'",
    ("idle", "idle"): "workload 'idle' is given twice",
    ("idle", "--among", "imac-por"): "unknown machine 'imac-por' (did you mean 'imac-pro'?)",
    ("idle", "--among", "imac-pro,"): "--among has an empty name",
    ("idle", "--among", "imac-pro:19-core"): "unknown choice '19-core'",
    ("idle", "--base", "imac-por"): "unknown machine 'imac-por'",
    ("idle", "--budget", "-1"): "budget must be a number above 0, not -1",
    ("idle", "--budget", "0"): "budget must be a number above 0, not 0",
    ("idle", "--budget", "nan"): "budget must be a number above 0, not nan",
    ("idle", "--budget", "much"): "invalid value for '--budget'",
    ("idle", "--max-noise", "-3"): "max-noise must be a number above 0",
    ("idle", "--max-power", "inf"): "max-power must be a number above 0",
    ("idle", "--max-power", "1", *TWO): "max-power 1 W is below what every candidate draws when idle: the least is 4",
    ("idle", "--max-noise", "5", *TWO): "max-noise 5 dBA is below what every candidate makes when idle",
    ("idle", "--deadline", "render=20min"): "deadline: unknown workload 'render'; choose from: idle",
    ("idle", "--deadline", "20min"): "write it as WORKLOAD=VALUE, such as idle=20min",
    ("idle", "--deadline", "idle=20"): "unit '' in '20' is not one of: s, ms, min, h",
    ("idle", "--deadline", "idle=-5s"): "deadline idle must be a number above 0",
    ("idle", "--deadline", "idle=5s", "--deadline", "idle=6s"): "deadline of idle is given twice",
    ("idle", "--weight", "office=2"): "weight: unknown workload 'office'",
    ("idle", "--weight", "idle=0"): "weight of idle must be a number above 0",
    ("idle", "--must", "port=firewire>=1"): "unknown port 'firewire'; choose from: ethernet, sd, thunderbolt",
    ("idle", "--must", "colour>=1"): "unknown feature 'colour'",
    ("idle", "--must", "memory>=x"): "write it as memory>=2 GiB, with a number above 0",
    ("idle", "--must", "memory>=8", "--must", "memory>=16"): "must memory is given twice",
    ("idle", "--on", "2018-13-01"): "--on '2018-13-01' is not a day: write it as 2018-06-01",
    ("idle", "--on", "yesterday"): "--on 'yesterday' is not a day",
    ("idle", "--rate", "EUR"): "write what one EUR is worth in USD",
    ("idle", "--currency", "dollars"): "write the three letters of ISO 4217",
    ("idle", "--offers", "missing.toml"): "missing.toml: no such file",
    ("idle", "--plot", "front.gif"): "front.gif: a plot is written as .png or .html",
    ("idle", "--plot", "no/such/front.png"): "no such folder",
    ("idle", "--to", "xlsx"): "--to xlsx needs --out FILE",
    ("idle", "--to", "ods"): "'ods' is not one of 'csv', 'xlsx'",
    ("idle", "--out", "x.csv"): "--out FILE needs --to csv or --to xlsx",
    ("idle", "--to", "csv", "--json"): "--json and --to both write the answer",
    ("idle", "--to", "csv", "--out", "no/such/x.csv"): "no such folder",
}  # fmt: skip


def run(*words):
    return CliRunner().invoke(app, ["choose", *map(str, words)], prog_name="spacegrey")


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_wrong_input_is_one_line_and_status_two(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*words)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert WRONG[words] in result.stderr
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def test_nothing_that_could_be_bought_that_day_is_the_answer_no():
    result = run("idle", "--among", "mac-studio-2022", "--on", "2018-06-01")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "nothing of mac-studio-2022 could be bought on 2018-06-01" in result.stderr
    assert "nothing of the catalog could be bought on 1999-01-01" in run("idle", "--on", "1999-01-01").stderr


def test_it_says_what_to_take_and_why():
    result = run("xcode-eidolon", "blender-cpu", *TWO, "--budget", 8000)
    assert result.exit_code == 0, result.output
    text = " ".join(result.stdout.split())
    assert re.search(r"take imac-pro:\S+ \(iMac Pro \(2017\)\)", text)
    assert "the fastest of" in text
    assert "below the budget of $8,000" in text
    assert "next step up:" in text
    assert "what could be bought on 2018-06-01, new" in text
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_without_a_day_it_says_that_prices_are_of_when_each_was_new():
    text = " ".join(run("xcode-eidolon", "--among", "imac-pro").stdout.split())
    assert "each machine at its own price when it was new" in text


def test_nothing_fits_is_status_one_with_what_to_relax():
    result = run("blender-cpu", *TWO, "--budget", 1000)
    assert result.exit_code == 1
    text = " ".join(result.stdout.split())
    assert "nothing is recommended" in text
    assert "raise budget by $1,699 to $2,699: then imac-5k-2017 fits ($2,699)" in text
    without = " ".join(run("blender-cpu", "--among", "imac-5k-2017", "--must", "ecc").stdout.split())
    assert "leave out must ecc: then imac-5k-2017" in without
    again = run("blender-cpu", *TWO, "--budget", 2699)
    assert again.exit_code == 0
    assert "take imac-5k-2017" in again.stdout


def test_a_deadline_of_a_file_is_named_by_its_stem(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("render.toml").write_text(
        '[workload]\nname = "r"\nstands_for = "a test"\nstatus = "illustrative"\n\n[[phase]]\nname = "work"\n'
        'processor = { float_gop = 1000 }\nassumed = { processor = "a test" }\n',
        encoding="utf-8",
    )
    found = json.loads(run("render.toml", *TWO, "--deadline", "render=30s", "--json").stdout)
    assert found["rule"] == "cheapest"
    assert found["recommendation"]["durations_s"]["render.toml"] <= 30.0


OFFER = """
[[offer]]
item = "imac-pro/processor/18-core"
price = {price}
currency = "{currency}"
date = 2018-06-01
kind = "street"
assumed = {{ price = "a test" }}
"""


def test_own_offers_count(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(OFFER.format(price=1, currency="USD"), encoding="utf-8")
    words = ("blender-cpu", "--among", "imac-pro", "--on", "2018-06-01", "--budget", 5000)
    assert "take imac-pro (" in run(*words).stdout
    assert "take imac-pro:18-core (" in run(*words, "--offers", path).stdout


def test_other_currencies_need_a_rate():
    words = ("blender-cpu", "--among", "imac-pro", "--currency", "EUR", "--json")
    alone = json.loads(run(*words).stdout)
    assert alone["candidates_simulated"] < 144
    assert "say what one USD is worth in EUR" in alone["left_out"][0]["reason"]
    converted = json.loads(run(*words, "--rate", "USD=0.85").stdout)
    assert converted["candidates_simulated"] == 144
    assert converted["currency"] == "EUR"
    by = {one["selector"]: one["price"] for one in [*converted["pareto"], converted["recommendation"]]}
    assert by["imac-pro:18-core"] == pytest.approx(5499 + 0.85 * 2400)


def test_after_the_end_of_sale_only_refurbished_ones_are_left():
    words = ("blender-cpu", "--among", "imac-pro", "--on", "2022-07-04")
    new = run(*words)
    assert new.exit_code == 1
    assert "nothing of imac-pro could be bought on 2022-07-04" in new.stderr
    found = json.loads(run(*words, "--used", "--json").stdout)
    assert 1 < found["candidates_simulated"] < 20
    assert found["prices"] == "what could be bought on 2022-07-04, used and refurbished ones too"
    by = {one["selector"]: one["price"] for one in found["pareto"]}
    assert by["imac-pro"] == 3249.0, "the cheapest refurbished one that day, M0477"
    assert all(one["price_complete"] for one in found["pareto"])


class TestJson:
    def _section(self, verb):
        return re.search(rf"^## `spacegrey {verb}`$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]

    def test_keys_are_those_of_the_page(self):
        result = run("xcode-eidolon", *TWO, "--budget", 8000, "--json")
        assert result.stdout.isascii()
        found = json.loads(result.stdout)
        assert list(found) == re.findall(r"^\| `(\w+)` \|", self._section("choose"), re.MULTILINE)
        sentence = re.search(r"Each configuration has (.*?)`price_basis`", self._section("choose"), re.DOTALL)[0]
        named = re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", sentence, flags=re.DOTALL))
        best = dict(found["recommendation"])
        assert best.pop("reasons")
        assert sorted(best) == sorted({*named, "name"})
        assert found["candidates_simulated"] == 72 + 24
        assert 0 < found["runs_simulated"] < found["candidates_simulated"]
        assert found["cheaper"]["words"].endswith("of the price")
        assert found["no_fit"] == found["relax"] == []

    def test_nothing_fits(self):
        result = run("blender-cpu", *TWO, "--budget", 1000, "--max-noise", 30, "--json")
        found = json.loads(result.stdout)
        assert result.exit_code == 1
        assert found["recommendation"] is found["step_up"] is found["cheaper"] is None
        assert found["pareto"] == []
        assert found["relax"] == [
            {"name": "budget", "limit": 1000.0, "to": 2699.0, "unit": "USD", "selector": "imac-5k-2017"}
        ]

    def test_compare_prices(self):
        words = [
            "compare",
            "xcode-eidolon",
            "--on",
            "imac-pro",
            "--on",
            "imac-pro:10-core",
            "--on",
            "imac-pro:10-core,64GB",
        ]
        found = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
        named = re.search(r"Each of the `prices` has(.*?)\n\n", self._section("compare"), re.DOTALL)[1]
        named = re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", named, flags=re.DOTALL))
        assert list(found["prices"][0]) == named
        prices = [one["price"] for one in found["prices"]]
        assert prices[0] == 4999.0
        assert prices == sorted(set(prices)), "an option more, a price more"
        first, second = found["prices"][:2]
        speed = found["overall_relative_speed"][1]
        assert first["relative_speed_for_price"] == 1.0
        assert second["relative_speed_for_price"] == pytest.approx(speed * prices[0] / prices[1])


def test_compare_prints_prices_and_says_where_there_is_none(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('extends = "imac-pro"\n[machine]\nname = "mine"\nmodel = "Mine1,1"\n', encoding="utf-8")
    words = ["compare", "idle", "--on", "imac-pro", "--on", str(path)]
    text = CliRunner().invoke(app, words).stdout
    assert re.search(r"^A +\$4,999 +1.00x +bill of 2017-12-14$", text, re.MULTILINE)
    assert re.search(r"^B +- +-  ", text, re.MULTILINE)


def test_compare_takes_the_prices_of_a_day():
    words = ["compare", "idle", "--on", "imac-pro", "--on", "mac-pro-2013", "--on", "mac-pro-2019"]
    text = CliRunner().invoke(app, [*words, "--price-on", "2018-06-01"]).stdout
    assert "price on 2018-06-01" in text
    assert re.search(r"^A +\$4,999 +1.00x +bill of 2018-06-01$", text, re.MULTILINE)
    assert re.search(r"^B +\$2,999 +- +not to be had: processor e5-1620v2 was sold until", text, re.MULTILINE)
    assert re.search(r"^C +- +- +Mac Pro \(2019\) was not announced before", text, re.MULTILINE)
    euros = CliRunner().invoke(app, [*words, "--currency", "EUR", "--rate", "USD=0.8", "--json"])
    assert [one["price"] for one in json.loads(euros.stdout)["prices"]][:2] == [5499.0, pytest.approx(0.8 * 2999)]
    assert CliRunner().invoke(app, [*words, "--price-on", "someday"]).exit_code == 2


def test_compare_states_noise_at_one_distance_and_in_one_room():
    words = ["compare", "idle", "--on", "imac-pro", "--on", "mac-pro-2013", "--json"]
    (row,) = json.loads(CliRunner().invoke(app, words).stdout)["workloads"]
    here, old = row["runs"]
    assert here["noise_dba_mean"] == pytest.approx(here["summary"]["noise_dba"]["mean"], abs=0.01)
    assert here["noise_dba_max"] == pytest.approx(here["summary"]["noise_dba"]["max"], abs=1e-9)
    assert old["summary"]["noise_dba"]["mean"] > 32.2
    assert (
        old["noise_dba_mean"]
        <= old["noise_dba_max"]
        == pytest.approx(comparable_noise_dba(machine("mac-pro-2013"), old["summary"]["fan_rpm"]["max"]), abs=1e-6)
    )


class TestFiles:
    def test_a_table_of_every_candidate(self, tmp_path):
        out = tmp_path / "all.csv"
        assert run("xcode-eidolon", *TWO, "--budget", 8000, "--to", "csv", "--out", out).exit_code == 0
        rows = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8"))))
        assert len(rows) == 72 + 24
        [best] = [row for row in rows if row["recommended"] == "true"]
        assert best["pareto"] == best["meets_limits"] == "true"
        assert float(best["price_usd"]) <= 8000.0
        assert any(row["meets_limits"] == "false" for row in rows)

    def test_the_same_on_the_screen(self):
        text = run("xcode-eidolon", *TWO, "--to", "csv").stdout
        assert len(text.splitlines()) == 1 + 72 + 24

    def test_a_workbook_has_a_sheet_for_candidates_front_and_answer(self, tmp_path):
        import openpyxl

        out = tmp_path / "all.xlsx"
        assert run("xcode-eidolon", *TWO, "--budget", 8000, "--to", "xlsx", "--out", out).exit_code == 0
        book = openpyxl.load_workbook(out)
        assert book.sheetnames == ["candidates", "pareto", "answer"]
        assert book["candidates"].max_row == 1 + 72 + 24
        assert 1 < book["pareto"].max_row < 40
        assert "recommendation" in [row[0] for row in book["answer"].iter_rows(values_only=True)]

    @pytest.mark.parametrize(("name", "begins"), [("front.png", b"\x89PNG"), ("front.html", b"<!doctype html>")])
    def test_a_plot_of_speed_and_price(self, tmp_path, name, begins):
        out = tmp_path / name
        result = run("xcode-eidolon", *TWO, "--budget", 8000, "--plot", out)
        assert result.exit_code == 0, result.output
        assert f"saved: {out}" in result.stdout.replace("\n", "")
        assert out.read_bytes().startswith(begins)
        assert out.stat().st_size > 5000

    def test_the_page_holds_every_point_with_a_price(self, tmp_path):
        out = tmp_path / "front.html"
        run("xcode-eidolon", *TWO, "--budget", 8000, "--plot", out)
        text = re.search(r'id="data">(.*?)</script>', out.read_text(encoding="utf-8"))[1]
        data = json.loads(text)
        assert "imac-pro:18-core" in data["machines"]
        assert sorted(data["words"]) == ["imac-5k-2017", "imac-pro"]
        assert data["front"]
        best = sorted((data["x"][number], data["y"][number]) for number in data["front"])
        assert [speed for _, speed in best] == sorted(speed for _, speed in best), "dearer only where it is faster"
        assert all(
            speed <= max(y for x, y in best if x <= price)
            for price, speed in zip(data["x"], data["y"], strict=True)
            if price <= 8000.0 and price >= best[0][0]
        )
        assert data["named"][0][1].startswith("imac")


@pytest.mark.slow
def test_ten_machines_answer_in_ten_seconds_of_processor_time():
    # compiled before; the claim is 10 s on two cores, and this counts both
    names = ",".join(["imac-pro", *(name for name in machine_ids() if name != "imac-pro")][:10])
    run("xcode-eidolon", "--among", names)
    begin = time.process_time()
    result = run("xcode-eidolon", "blender-cpu", "cinebench-r15-loop", "--among", names)
    assert result.exit_code == 0
    assert time.process_time() - begin < 20.0
