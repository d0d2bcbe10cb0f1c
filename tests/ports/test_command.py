"""`spacegrey connect` on the command line: statuses, JSON, the drawing."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spacegrey.interfaces.cli import app

PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
SECTION = re.search(r"^## `spacegrey connect`$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]
DESK = """
name = "desk <1> & more"
[[device]]
name = "left"
kind = "display"
model = "lg-ultrafine-5k"
port = "thunderbolt-1"
[[device]]
name = "one"
kind = "storage"
link = "thunderbolt3"
read_gbps = 22.0
write_gbps = 20.0
port = "thunderbolt-2"
[[device]]
name = "two"
kind = "storage"
link = "thunderbolt3"
read_gbps = 22.0
write_gbps = 20.0
via = "dock"
[[device]]
name = "dock"
model = "caldigit-ts3-plus"
port = "thunderbolt-3"
"""


def command(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="spacegrey")


@pytest.fixture
def desk(tmp_path):
    path = tmp_path / "desk.toml"
    path.write_text(DESK, encoding="utf-8")
    return path


def test_json_has_the_keys_that_the_page_names(desk):
    result = command("connect", desk, "--on", "imac-pro", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert list(found) == re.findall(r"^\| `(\w+)` \|", SECTION, re.MULTILINE)
    assert list(found["devices"][0]) == [
        "name", "kind", "port", "fits", "wanted_gbps", "got_gbps", "limited_by", "read", "write", "bits_per_colour"
    ]  # fmt: skip
    for key in found["devices"][0]:
        assert f"`{key}`" in SECTION
    described = re.search(r"\| `links` \| (.*)", SECTION)[1]
    assert list(found["links"][0]) == re.findall(r"`(\w+_gbps|name)`", described)
    for one in found["devices"]:
        if one["got_gbps"] is not None:
            assert one["got_gbps"] <= one["wanted_gbps"]


def test_a_plan_that_does_not_fit_ends_with_1_and_its_reason(desk):
    result = command("connect", desk, "--on", "macbook-air-m1")
    assert result.exit_code == 2, "the plan names a port that this machine does not have"
    desk.write_text(DESK.replace('port = "thunderbolt-2"\n', "").replace('port = "thunderbolt-3"\n', ""))
    result = command("connect", desk, "--on", "macbook-air-m1")
    assert result.exit_code == 1
    assert "does not fit" in result.output
    found = json.loads(command("connect", desk, "--on", "macbook-air-m1", "--json").stdout)
    assert not found["fits"]
    assert found["reasons"]
    refused = [one for one in found["devices"] if not one["fits"]]
    assert refused
    assert all(one["got_gbps"] in (0.0, None) and one["limited_by"] for one in refused)


def test_text_fits_80_columns_and_names_what_suffers(desk):
    moved = DESK.replace('via = "dock"', 'port = "thunderbolt-4"').replace(
        'port = "thunderbolt-3"', 'port = "thunderbolt-2"'
    )
    desk.write_text(
        moved.replace('port = "thunderbolt-2"\n[[device]]\nname = "two"', 'via = "dock"\n[[device]]\nname = "two"')
    )
    result = command("connect", desk, "--on", "imac-pro")
    assert result.exit_code == 0, result.output
    lines = [line for line in result.output.splitlines() if "─" not in line and "│" not in line]
    assert max(map(len, lines)) <= 80


def test_the_drawing_is_one_whole_svg_with_every_device_in_it(desk, tmp_path):
    target = tmp_path / "desk.svg"
    assert command("connect", desk, "--on", "imac-pro", "--svg", target).exit_code == 0
    text = target.read_text(encoding="utf-8")
    root = ET.fromstring(text)  # noqa: S314 - our own file
    words = " ".join("".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text"))
    for said in ("desk <1> & more on iMac Pro (2017): fits", "left", "one", "two", "dock", "reads 22.0 of"):
        assert said in words, said
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    full = [node for node in root.iter() if "full" in node.get("class", "").split()]
    assert full, "the uplink of the second array's controller is full"


LONG = "a very long name of an array that stands left of the window"
CROWD = "".join(
    f'[[device]]\nname = "{name}"\nmodel = "promise-pegasus3-r8"\n' for name in (LONG, "b", "c", "d", "without a port")
)


def test_the_tree_keeps_its_shape_and_names_what_has_no_port(desk, tmp_path):
    desk.write_text(CROWD, encoding="utf-8")
    result = command("connect", desk, "--on", "imac-pro", "--svg", tmp_path / "crowd.svg")
    assert result.exit_code == 1
    tree = result.stdout[result.stdout.index("iMac Pro (2017)\n├─") :].splitlines()
    end = tree.index("└─ no port: without a port")
    assert all(line[:1] in "├│└" and len(line) <= 80 for line in tree[1 : end + 1])
    assert "no port: without a port" in (tmp_path / "crowd.svg").read_text(encoding="utf-8")


def test_full_bars_have_their_frames_on_top_and_no_limit_has_no_bar(desk, tmp_path):
    desk.write_text(DESK + '[[device]]\nname = "own"\nkind = "storage"\nlink = "internal"\n', encoding="utf-8")
    assert command("connect", desk, "--on", "imac-pro", "--svg", tmp_path / "f.svg").exit_code == 0
    root = ET.fromstring((tmp_path / "f.svg").read_text(encoding="utf-8"))  # noqa: S314 - our own
    parts = [node for node in root if node.tag.endswith(("rect", "text"))]
    kinds = [node.get("class") for node in parts]
    assert kinds[0] == "page"
    full = [number for number, kind in enumerate(kinds) if kind == "full"]
    assert full
    for number in full:
        assert kinds[number + 1] in {"full", "small"}
    own = next(number for number, node in enumerate(parts) if "".join(node.itertext()).endswith("built-in: own"))
    assert kinds[own + 1] == "small", "a link without a limit has words and no bar"


@pytest.mark.parametrize("place", ["no/folder/x.svg", "."])
def test_a_drawing_that_cannot_be_written_is_refused_before_the_work(desk, tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    result = command("connect", desk, "--on", "imac-pro", "--svg", place)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1


def test_a_run_with_a_plan_says_in_json_what_was_plugged_in(desk):
    desk.write_text('storage = "one"\n' + DESK)
    found = json.loads(command("run", "disk-sequential", "--on", "imac-pro", "--plan", desk, "--json").stdout)
    assert found["plan"]["storage"] == "one"
    attached = {one["name"]: one for one in found["plan"]["devices"]}
    assert attached["one"]["read_gb_s"] == pytest.approx(22 / 8)
    for key in found["plan"]:
        assert f"`{key}`" in re.search(r"\| `plan` \| with(.*)", PAGE)[1]
    assert json.loads(command("run", "idle", "--on", "imac-pro", "--json").stdout)["plan"] is None


def test_the_report_of_a_run_shows_what_was_plugged_in(desk, tmp_path):
    desk.write_text('storage = "one"\n' + DESK)
    for name, plan in (("with.html", ["--plan", desk]), ("without.html", [])):
        result = command("run", "disk-sequential", "--on", "imac-pro", *plan, "--report", tmp_path / name)
        assert result.exit_code == 0, result.output
    page = (tmp_path / "with.html").read_text(encoding="utf-8")
    assert "What is plugged in" in page
    assert page.count('class="wiring"') == 1
    assert "desk &lt;1&gt; &amp; more" in page
    assert 'class="wiring"' not in (tmp_path / "without.html").read_text(encoding="utf-8")
