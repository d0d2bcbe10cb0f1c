"""`spacegrey network`: what it prints, its exit status, and the keys of its JSON."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spacegrey.interfaces.cli import app

PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
SECTION = re.search(r"^## `spacegrey network`$(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)[1]
NAMED = set(re.findall(r"`(\w+)`", SECTION))


def run(*arguments):
    return CliRunner().invoke(app, ["network", *arguments], prog_name="spacegrey")


def data(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code in {0, 1}, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--wifi", "5"),
        ("--band", "2.4", "--wifi", "5", "--bluetooth", "2"),
        ("--play", "prores-422", "--server", "3"),
    ],
    ids=str,
)
def test_the_page_names_every_key(arguments):
    found = data(*arguments)
    assert list(found) == ["machine", "link", "bluetooth", "streams"]
    inner = {key for part in ("link", "bluetooth", "streams") if found[part] for key in found[part]}
    assert inner <= NAMED
    assert re.findall(r"^\| `(\w+)` \|", SECTION, re.MULTILINE) == list(found)


@pytest.mark.claims("X4")
@pytest.mark.parametrize(("partner", "rate"), [("0.1,1", 1.0), ("2.5", 2.5), ("5", 5.0), ("1,10", 10.0)])
def test_the_port_adapts_to_the_network(partner, rate):
    assert data("--partner", partner)["link"]["line_gbit_s"] == rate


def test_fewer_streams_than_asked_for_is_a_no():
    enough, too_many = (run("--play", "prores-422-hq", "--streams", str(count)) for count in (12, 13))
    assert (enough.exit_code, too_many.exit_code) == (0, 1)
    assert "12 of prores-422-hq" in too_many.output


def test_what_is_not_told_is_said():
    assert "cat6a, 10 m" in run().output


def test_bluetooth_costs_wifi_its_time_at_2_4_only():
    quiet = data("--band", "2.4", "--wifi", "5")["link"]["goodput_gbit_s"]
    busy = data("--band", "2.4", "--wifi", "5", "--bluetooth", "2", "--traffic", "1")
    assert busy["link"]["goodput_gbit_s"] == pytest.approx(quiet * (1 - busy["bluetooth"]["air_share"]))
    assert 0.4 < busy["bluetooth"]["air_share"] < 0.5


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (("--cable", "cat9"), 2, "unknown cable category 'cat9' (did you mean"),
        (("--length", "-3"), 2, "cable length: -3 m is not within 0 to 1000 m"),
        (("--partner", "fast"), 2, "--partner: 'fast' is not a list of rates"),
        (("--frame", "70000"), 2, "frame size: 70000 bytes is not within 576 to 9216"),
        (("--wifi", "5", "--band", "6"), 2, "unknown band '6'; choose from: 2.4, 5"),
        (("--wifi", "inf"), 2, "distance: inf m is not within 0 to 1000 m"),
        (("--play", "mp3"), 2, "unknown codec 'mp3'"),
        (("--play", "prores-422", "--size", "big"), 2, "--size: 'big' is not a picture such as 3840x2160@25"),
        (("--play", "prores-422", "--server", "-1"), 2, "server: -1000 Mbit/s is below 0"),
        (("--streams", "3"), 2, "--streams is a count of what --play names"),
        (("--traffic", "1"), 2, "--traffic goes with --bluetooth METRES"),
        (("--bluetooth", "2", "--traffic", "nan"), 2, "Bluetooth traffic: nan Mbit/s is below 0"),
        (("--on", "imac-por"), 2, "unknown machine 'imac-por'"),
        (("--length", "300"), 1, "no link: Category 6A carries"),
        (("--wifi", "500"), 1, "too weak for Wi-Fi"),
        (("--on", "pc-am4", "--wifi", "5"), 1, "the radio of pc-am4 is not in the catalog"),
    ],
    ids=str,
)
def test_errors_are_one_line(arguments, status, line):
    result = run(*arguments)
    assert result.exit_code == status, result.output
    assert line in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
