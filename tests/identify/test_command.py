"""`spacegrey identify`: what it prints and writes, its exit status, and the keys of its JSON."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spacegrey.connections.plan import read_plan
from spacegrey.interfaces.cli import app

PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
SECTION = re.search(r"^## `spacegrey identify`$(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)[1]
DEVICE = """
[my-array]
kind = "storage"
link = "thunderbolt3"
read_gbps = 8.0
write_gbps = 6.4
assumed = { read_gbps = "measured", write_gbps = "measured" }
"""


def run(*arguments):
    return CliRunner().invoke(app, ["identify", *map(str, arguments)], prog_name="spacegrey")


def test_json_has_the_keys_of_the_page(mac):
    found = json.loads(run(mac, "--json").stdout)
    assert list(found) == re.findall(r"^\| `(\w+)` \|", SECTION, re.MULTILINE)
    for seen in found["devices"] + found["unsure"]:
        assert list(seen) == ["name", "source", "facts", "missing", "notes"]
    assert not any(seen["missing"] for seen in found["devices"])


def test_what_was_found_and_what_not_is_said(linux):
    out = run(linux).output
    assert "machine: not in the dumps" in out
    assert re.search(r"devices\n(?:.*\n)*not complete\n(?:.*\n)*left out\n(?:.*\n)*not read\n  notes\.txt", out)
    assert "  Wide 5K: display 5120x2880" in out
    assert "    missing: link\n" in out


def test_a_plan_is_written_whole(mac, tmp_path):
    result = run(mac, "--out", tmp_path / "desk.toml")
    assert result.exit_code == 0
    assert len(read_plan(tmp_path / "desk.toml").devices) == 4
    assert [path.name for path in tmp_path.iterdir() if "desk" in path.name] == ["desk.toml"]


def test_a_plan_without_a_complete_device_is_a_no(tmp_path):
    (tmp_path / "bolt.txt").write_text(" ● Example Mystery\n   └─ status:        authorized\n", encoding="utf-8")
    assert run(tmp_path).exit_code == 0
    result = run(tmp_path, "--out", tmp_path / "desk.toml")
    assert result.exit_code == 1
    assert "no plan: none of 1 devices is complete" in result.stderr
    assert not (tmp_path / "desk.toml").exists()


def test_a_plan_that_would_not_read_is_not_written(tmp_path):
    array = " ● Promise Technology, Inc. Pegasus3 R8\n   └─ status:        authorized\n"
    (tmp_path / "bolt.txt").write_text(array * 65, encoding="utf-8")
    result = run(tmp_path, "--out", tmp_path / "desk.toml")
    assert result.exit_code == 2
    assert "more than 64 devices" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bolt.txt"]


def test_a_device_of_one_s_own_is_checked(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(DEVICE, encoding="utf-8")
    assert run("--check", path).output == (
        "my-array: storage, by thunderbolt3: every key is known, and every number has its ground\n"
    )
    found = json.loads(run("--check", path, "--json").stdout)
    assert list(found) == ["file", "devices"]
    assert found["devices"][0]["facts"]["read_gbps"] == 8.0


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("read_gbps = 8.0", "read_gbps = -8.0", "mine.toml:5: read_gbps: input should be greater than"),
        ("read_gbps = 8.0", "red_gbps = 8.0", "mine.toml:5: unknown key 'red_gbps'"),
        ('read_gbps = "measured", ', "", "mine.toml:5: read_gbps has no source"),
        ('kind = "storage"', 'kind = "toaster"', "mine.toml:3: kind: input should be"),
        ("[my-array]", "[my-array", "mine.toml: not TOML"),
    ],
)
def test_a_device_that_does_not_hold_is_refused_with_its_line(tmp_path, old, new, line):
    path = tmp_path / "mine.toml"
    path.write_text(DEVICE.replace(old, new), encoding="utf-8")
    result = run("--check", path)
    assert result.exit_code == 2
    assert line in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        ((), 2, "identify needs a folder of dumps, or --check DEVICE.toml"),
        (("nowhere",), 2, "nowhere: not a folder"),
        (("--check", "a.toml", "--out", "b.toml"), 2, "--out goes with a folder of dumps"),
        (("--check", "nowhere.toml"), 2, "nowhere.toml: no such file"),
        (("dumps", "--out", "nowhere/desk.toml"), 2, "cannot be written: no such folder"),
        (("empty",), 1, "no dump in it: looked for"),
    ],
    ids=str,
)
def test_errors_are_one_line(tmp_path, monkeypatch, arguments, status, line):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == status, result.output
    assert line in result.stderr
    assert result.stderr.count("\n") == 1
