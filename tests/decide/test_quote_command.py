"""`spacegrey quote` prints the bill for people, for programs and for spreadsheets; bad input is one line."""

import csv
import io
import json
import math
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spacegrey.interfaces.cli import app

FULLEST = "imac-pro:18-core,128GB,4TB,vega-64"
OWN_CARD = """extends = "pc-x299"
[options.graphics]
default = "mine"
[options.graphics.choices]
mine = { part = "mine" }
[parts.graphics.mine]
extends = "gtx-1080"
name = "mine"
"""


def command(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="spacegrey")


def test_command_prints_lines_total_and_sources():
    result = command("quote", FULLEST, "--applecare")
    assert result.exit_code == 0
    assert re.search(r"^processor 18-core +2,400 +2017-12-14 +imac-pro-configurator", result.output, re.MULTILINE)
    assert re.search(r"^total +13,368", result.output, re.MULTILINE)
    assert "three years, two incidents" in result.output
    assert max(map(len, result.output.splitlines())) <= 80


def test_command_ends_with_1_where_the_machine_could_not_be_had():
    result = command("quote", "imac-pro", "--on", "2021-05-01")
    assert result.exit_code == 1
    assert "not to be had: " in result.output
    assert "4,999" in result.output


def test_command_prints_json():
    found = json.loads(command("quote", "imac-pro", "--on", "2017-08-01", "--json").stdout)
    assert (found["asked_on"], found["on"], found["available"]) == ("2017-08-01", "2017-12-14", False)
    (line,) = found["lines"]
    assert (line["item"], line["price"], line["source"]) == ("imac-pro", 4999.0, "apple-imac-pro-launch")
    assert line["source_url"].startswith("https://www.apple.com/newsroom/")


def test_json_has_the_keys_that_its_page_names():
    page = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
    section = re.search(r"^## `spacegrey quote`$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)[1]
    found = json.loads(command("quote", "pc-x299", "--on", "2018-06-01", "--trend", "--json").stdout)
    assert list(found) == [*re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE), "trend"]
    inner = {**found["lines"][0], **found["trend"], **found["trend"]["declines"][0], **found["trend"]["totals"][0]}
    assert set(inner) <= set(re.findall(r"`(\w+)`", section))


def test_command_shows_the_trend():
    moves = json.loads(command("quote", "pc-x299", "--on", "2018-06-01", "--trend", "--json").stdout)["trend"]
    assert {"graphics", "memory", "processors", "storage"} <= {one["class"] for one in moves["declines"]}
    assert [one["on"] for one in moves["totals"]][:3] == ["2018-06-01", "2019-06-01", "2020-06-01"]
    shown = command("quote", "pc-x299", "--on", "2018-06-01", "--trend").output
    assert "seen for years" in shown
    total = json.loads(command("quote", "imac-pro", "--applecare", "--trend", "--json").stdout)["trend"]["totals"][0]
    assert total["total"] == 5168.0
    ended = json.loads(command("quote", "imac-pro", "--on", "2020-02-29", "--trend", "--json").stdout)["trend"]
    assert [one["on"] for one in ended["totals"]] == ["2020-02-29"]


def test_command_writes_a_table():
    result = command("quote", FULLEST, "--to", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert rows[-1]["item"] == "total"
    assert math.fsum(float(row["price_USD"]) for row in rows[:-1]) == float(rows[-1]["price_USD"]) == 13199.0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["imac-por"], "unknown machine 'imac-por'"),
        (["imac-pro:20-core"], "unknown choice '20-core'"),
        (["imac-pro", "--on", "2017-13-01"], "--on '2017-13-01' is not a day: write it as 2018-06-01"),
        (["imac-pro", "--on", "2016-01-01"], "was not announced before 2017-06-05"),
        (["imac-pro", "--currency", "euro"], "--currency 'euro': write the three letters of ISO 4217"),
        (["imac-pro", "--currency", "CHF"], "imac-pro is offered in EUR, GBP, USD, not in CHF"),
        (["imac-pro", "--rate", "EUR"], "--rate 'EUR': write what one EUR is worth in USD: EUR=1.18"),
        (["imac-pro", "--rate", "EUR=0"], "--rate 'EUR=0': write what one EUR is worth in USD"),
        (["imac-pro", "--rate", "EUR=nan"], "--rate 'EUR=nan'"),
        (["imac-pro", "--rate", "USD=1"], "--rate 'USD=1': the answer is in USD"),
        (["imac-pro", "--rate", "EUR=1.1", "--rate", "EUR=1.2"], "--rate 'EUR=1.2': is given twice"),
        (["imac-pro", "--with", "nothing"], "unknown component 'nothing'"),
        (["pc-x299", "--applecare"], "AppleCare+ is for Apple's machines"),
        (["imac-pro", "--offers", "missing.toml"], "missing.toml: no such file"),
        (["imac-pro", "--trend", "--used"], "--trend is about new machines"),
    ],
)
def test_bad_input_is_one_clear_line(arguments, complaint):
    result = command("quote", *arguments)
    assert result.exit_code == 2
    assert complaint in result.output
    assert result.output.count("\n") == 1


def test_unknown_price_is_said_to_be_unknown(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(OWN_CARD)
    shown = command("quote", path, "--on", "2018-06-01").output
    assert "total, at least" in shown
    assert re.search(r"graphics mine\s+unknown", shown)


def test_parts_that_do_not_go_together_are_the_answer_no():
    result = command("quote", "pc-x299:w-2145")
    assert result.exit_code == 1
    assert "these parts do not go together: ASUS WS C422 PRO/SE does not take" in result.stdout
    assert json.loads(command("quote", "pc-x299:w-2145", "--json").stdout)["conflict"].startswith("ASUS WS C422")
    together = command("quote", "pc-x299:w-2145,32GB-ecc")
    assert (together.exit_code, "go together" in together.stdout) == (0, False)
