"""`--json` prints the keys that docs/json.md names, and nothing else on standard output."""

import json
import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")


def _section(verb):
    return re.search(rf"^## `spacegrey {verb}`$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]


def _table(verb):
    return re.findall(r"^\| `(\w+)` \|", _section(verb), re.MULTILINE)


def _named(verb, after):
    """Return the keys that the text names after some words, up to the end of the sentence."""
    sentence = re.search(rf"{re.escape(after)}(.*?)\.(?:\s|$)", _section(verb), re.DOTALL)[1]
    return re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", sentence, flags=re.DOTALL))


def _json(command, *arguments):
    result = command(*arguments, "--json")
    assert result.exit_code in {0, 1}, result.output
    assert result.stdout.isascii()
    return json.loads(result.stdout, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_run(command):
    found = _json(command, "run", "cinebench-r15-loop", "--on", "imac-pro")
    assert list(found) == _table("run")
    assert list(found["summary"]) == _named("run", "The quantities of `summary` are")
    for values in found["summary"].values():
        assert list(values) == ["min", "mean", "max", "end"]
        rounding = 1e-9 * abs(values["max"])
        assert values["min"] - rounding <= values["mean"] <= values["max"] + rounding
        assert values["min"] - rounding <= values["end"] <= values["max"] + rounding
    assert set(found["score"]) == {"value", "unit", "better"}
    assert set(found["phases"][0]) == {"name", "repeat", "start_s", "end_s", "duration_s"}
    assert sum(limit["share"] for limit in found["limits"]) == pytest.approx(1.0)
    described = re.search(r"\| `published` \| (.*)", _section("run"))[1].partition(";")[0]
    assert set(found["published"][0]) == set(re.findall(r"`(\w+)`", described))
    assert found["score"]["value"] > 0


def test_run_without_a_score(command):
    assert _json(command, "run", "idle", "--on", "imac-pro")["score"] is None


def test_show_prints_what_run_printed(command, saved):
    shown = _json(command, "show", saved)
    ran = _json(command, "run", "cinebench-r15-loop", "--on", "imac-pro")
    assert list(shown) == list(ran)
    assert {**shown, "published": None} == {**ran, "published": None}


def test_compare(command):
    found = _json(command, "compare", "xcode-eidolon", "--on", "imac-pro", "--on", "imac-pro:18-core")
    assert list(found) == _table("compare")
    runs = found["workloads"][0]["runs"]
    assert list(runs[0]) == _named("compare", "Each of the `runs` has")
    assert runs[0]["relative_speed"] == runs[0]["relative_energy"] == 1.0
    scores = [run["score"]["value"] for run in runs]
    assert runs[1]["relative_speed"] == pytest.approx(scores[0] / scores[1]), "a time: less is better"
    assert found["overall_relative_speed"] == pytest.approx([1.0, runs[1]["relative_speed"]])


def test_validate(command):
    found = _json(command, "validate")
    assert list(found) == _table("validate")
    row_keys = _named("validate", "Each of the `rows` has")
    assert list(found["rows"][0]) == row_keys
    described = re.search(r"\| `summary` \| (.*) \|", _section("validate"))[1]
    assert list(found["summary"]) == re.findall(r"`(\w+)`", described)
    assert list(found["summary"]["kinds"]["power"]) == _named("validate", "Each of `summary.kinds` has")


def test_validate_one_kind(command):
    rows = _json(command, "validate", "--kind", "noise")["rows"]
    assert {row["kind"] for row in rows} == {"noise"}


def test_machines(command):
    found = _json(command, "machines")
    assert list(found[0]) == _table("machines")
    pro = next(one for one in found if one["id"] == "imac-pro")
    assert (pro["year"], pro["processors"][0]) == (2017, "8-core")


def test_list_of_machines_is_what_the_loader_says(command):
    from spacegrey.machine.catalog import machine_ids, read_machine

    listed = {one["id"]: one for one in _json(command, "machines")}
    assert list(listed) == machine_ids()
    for name, one in listed.items():
        file = read_machine(name)
        assert (one["name"], one["status"]) == (file.spec.name, file.spec.status)
        assert one["processors"] == list(file.options["processor"].choices)


def test_one_machine(command):
    found = _json(command, "machines", "imac-pro:18-core,vega-64")
    assert list(found) == [key for key in _named("machines", "With a selector one machine:") if key in found]
    assert found["options"]["processor"]["default"] == "8-core"
    assert found["options"]["processor"]["chosen"] == "18-core"
    assert found["facts"]["cores"] == 18
    assert found["facts"]["graphics_tflops"] == pytest.approx(11.0, rel=0.01)


def test_workloads(command):
    from spacegrey.workload.library import workload_ids

    found = _json(command, "workloads")
    assert list(found[0]) == _table("workloads")
    assert [one["id"] for one in found] == workload_ids()


def test_one_workload(command):
    found = _json(command, "workloads", "cinebench-r15-loop")
    assert list(found) == _named("workloads", "With a name one workload:")
    assert found["repeat"] == 10
    assert [phase["name"] for phase in found["phases"]] == ["render", "start again"]


def test_diff(command, saved, saved_at_full_fan):
    found = _json(command, "diff", saved, saved_at_full_fan)
    assert list(found) == _table("diff")
    assert found["same"] is False
    assert {"name": "fan", "a": None, "b": "max"} in found["environment"]
    assert "summary.fan_rpm.mean" in [one["name"] for one in found["results"]]
    assert _json(command, "diff", saved, saved)["same"] is True


def test_export(command, saved):
    result = command("export", saved, "--to", "json")
    found = json.loads(result.stdout)
    assert list(found) == _table("export")
    assert list(found["run"]) == _table("run")
    assert list(found["trace"]) == _named("export", "The columns are")


def test_forecast(command):
    found = _json(command, "forecast", "imac-pro", "all-out")
    assert list(found) == _table("forecast")
    settled = found["settled"]
    assert sorted(settled) == sorted(_named("forecast", "The quantities of `settled` are"))
    said = set(_named("forecast", "Each has"))
    for one in settled.values():
        assert set(one) == said
        assert one["low"] <= one["level"] + one["band"]
        assert one["level"] <= one["high"] + one["band"]
    assert found["after_s"] == max(settled[name]["after_s"] for name in ("cpu_temp_c", "gpu_temp_c"))
    assert found["duration_s"] >= 4 * 3600


def test_quiet(command):
    found = _json(command, "quiet", "cinebench-r15-loop", "--on", "imac-pro", "--keep", "95%")
    assert list(found) == _table("quiet")
    section = re.search(r"^`own` and `best` have (.*)", _section("quiet"), re.MULTILINE | re.DOTALL)[1]
    outer = re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", section, flags=re.DOTALL))
    for one in (found["own"], found["best"]):
        assert list(one) == outer
    inner = re.findall(r"`(\w+)`", re.search(r"`curve` \((.*?)\)", section, re.DOTALL)[1])
    assert [*found["best"]["curve"], "null"] == inner
    assert found["own"]["curve"] is None
    assert found["best"]["speed"] >= found["keep"] == 0.95
    assert found["best"]["noise_dba"] < found["own"]["noise_dba"]
    again = _json(command, "run", "cinebench-r15-loop", "--on", found["selector"])
    assert again["summary"]["noise_dba"]["mean"] == pytest.approx(found["best"]["noise_dba"])
