"""`--json` of the verbs of sweeps prints the keys that docs/json.md names."""

import json
import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")


def section(verb):
    return re.search(rf"^## `spacegrey {verb}`$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]


def listed(verb):
    return re.findall(r"^\| `(\w+)` \|", section(verb), re.MULTILINE)


def named(verb, after):
    sentence = re.search(rf"{re.escape(after)}(.*?)\.(?:\s|$)", section(verb), re.DOTALL)[1]
    return re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", sentence, flags=re.DOTALL))


def printed(command, *words):
    result = command(*words, "--json")
    assert result.exit_code == 0, result.output
    assert result.stdout.isascii()
    return json.loads(result.stdout)


def test_sweep(command, asked, tmp_path):
    found = printed(command, "sweep", asked(), "--out", tmp_path / "out")
    assert list(found) == listed("sweep")
    assert list(found["estimate"]) == named("sweep", "The `estimate` has")
    assert list(found["run"]) == named("sweep", "The `run` has")
    assert found["varied"] == ["ambient"]
    again = printed(command, "sweep", asked(), "--out", tmp_path / "out", "--resume")
    assert (again["estimate"], again["run"]["ran"]) == (None, 0)


def test_ask(command, swept):
    found = printed(command, "ask", swept, "select row, null as nothing, score / 0 as infinite from runs limit 1")
    assert list(found) == listed("ask")
    assert found["rows"] == [[0, None, None]]


def test_plot(command, swept, tmp_path):
    words = ("--x", "energy_wh", "--y", "score", "--front", "--out", tmp_path / "p.html")
    found = printed(command, "plot", swept, *words)
    assert list(found) == listed("plot")
    assert list(found["front"][0]) == ["machine", "workload", "energy_wh", "score"]
