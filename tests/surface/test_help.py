"""Help says what there is, every example in it runs, and it comes at once."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spacegrey.interfaces.cli.application import EXAMPLES, PANELS

DOCS = Path(__file__).parents[2] / "docs"
VERBS = {
    module.__name__.rpartition(".")[2].replace("_", "-"): module for modules in PANELS.values() for module in modules
}
ALL_EXAMPLES = [
    line for text in (EXAMPLES, *(module.EXAMPLES for module in VERBS.values())) for line in text.strip().splitlines()
]
MEASUREMENTS = """\
id,machine,cpu,cores,ram_gb,gpu,benchmark,metric,value,unit,conditions,source_url,confidence,note
X1,iMac Pro (2017),Xeon W-2140B,8,32,Radeon Pro Vega 56 8GB,Cinebench R15,multi score,1700,points,mine,,high,
"""
DUMP = " ● Promise Technology, Inc. Pegasus3 R8\n   ├─ generation:    Thunderbolt 3\n   └─ status:        authorized\n"
OWN_DEVICE = """
[my-array]
kind = "storage"
link = "thunderbolt3"
read_gbps = 8.0
write_gbps = 6.0
assumed = { read_gbps = "measured once", write_gbps = "measured once" }
"""
DESK = """
storage = "raid"

[[device]]
name = "screen"
model = "lg-ultrafine-5k"

[[device]]
name = "raid"
model = "promise-pegasus3-r8"
"""


def heated():
    """Return a log of ten minutes, as this program exports them: power up and down, and a chip on a sink."""
    rows, sink = ["time_s,cpu_temp_c,cpu_power_w,fan_rpm"], 25.0
    for second in range(600):
        power = 100.0 if second % 200 < 120 else 10.0
        fan = 1100.0 + 5.0 * (second % 200)
        sink += (power - (sink - 25.0) * (fan / 2100.0) ** 0.8 / 0.3) / 150.0
        rows.append(f"{second},{sink + 0.2 * power:.2f},{power + second % 3:.2f},{fan:.0f}")
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(command, verb):
    result = command(verb, "--help")
    assert result.exit_code == 0
    assert re.search(rf"Examples?:\n  spacegrey {verb}\b", result.output)
    assert max(map(len, result.output.splitlines())) <= 80


def test_help_names_every_verb_in_its_panel(command):
    lines = command("--help").output.splitlines()
    for panel, modules in PANELS.items():
        first = lines.index(f"{panel}:") + 1
        listed = [line.split()[0] for line in lines[first : first + len(modules)]]
        assert listed == [name for name, module in VERBS.items() if module in modules]
    assert not [line for line in lines[1:] if line.endswith("...")], "a line of help is cut off"


def test_help_without_a_verb_and_with_h_is_the_same(command):
    assert command().output == command("-h").output == command("--help").output
    assert command().exit_code == 0


def test_documentation_has_a_section_for_every_verb():
    headed = re.findall(r"^## `spacegrey ([\w-]+)`$", (DOCS / "json.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headed) == sorted(VERBS)


def test_every_verb_with_an_answer_prints_json(command):
    for verb in set(VERBS) - {"export"}:
        assert "--json" in command(verb, "--help").output, verb


@pytest.mark.parametrize("example", ALL_EXAMPLES)
def test_every_example_runs(command, example, tmp_path, monkeypatch, saved, saved_at_full_fan, swept, short):
    shutil.copytree(swept, tmp_path / "runs")
    shutil.copy(swept / "sweep.toml", tmp_path / "my-sweep.toml")
    short().rename(tmp_path / "my-job.toml")
    (tmp_path / "my-machine.toml").write_text('extends = "imac-pro"\n[machine]\nname = "mine"\n', encoding="utf-8")
    (tmp_path / "mine.csv").write_text(MEASUREMENTS, encoding="utf-8")
    (tmp_path / "dumps").mkdir()
    (tmp_path / "dumps" / "bolt.txt").write_text(DUMP, encoding="utf-8")
    (tmp_path / "desk.toml").write_text(DESK, encoding="utf-8")
    (tmp_path / "my-device.toml").write_text(OWN_DEVICE, encoding="utf-8")
    for name, source in (("run", saved), ("before", saved), ("after", saved_at_full_fan)):
        shutil.copy(source, tmp_path / f"{name}.parquet")
    for name in ("hwinfo.csv", "turbostat.txt", "march.csv", "november.csv"):
        (tmp_path / name).write_text(heated(), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    if " disk " in example:
        command("disk", "create", "studio", "--size", "64MiB", "--key-file", "studio.key")
    if "my-mac" in example:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
        assert command("new", "my-mac", "--as", "imac-pro").exit_code == 0
    line, _, rest = example.partition("|")
    words = shlex.split(line)
    assert words[0] == "spacegrey"
    result = command(*words[1:])
    assert result.exit_code == (1 if words[1] == "diff" else 0), result.output
    for flag in ("--save", "--report", "--out"):
        if flag in words and "--dry-run" not in words:
            assert (tmp_path / words[words.index(flag) + 1]).stat().st_size > 1000
    if rest:
        piped = subprocess.run(
            ["bash", "-c", f"PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; {example}"],
            capture_output=True,
            check=True,
            encoding="utf-8",
        )
        assert piped.stdout.count("\n") == 3
        assert piped.stderr == ""


def test_version_is_the_package_s(installed):
    import spacegrey

    assert installed("--version").stdout == f"spacegrey {spacegrey.__version__}\n"


def _imported(program, *arguments):
    shown = subprocess.run(
        [sys.executable, "-X", "importtime", program, *arguments], capture_output=True, check=True, encoding="utf-8"
    )
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in shown.stderr.splitlines()}


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_imports_nothing_heavy(program, argument):
    imported = _imported(program, argument)
    assert "typer" in imported
    assert not imported & {"numpy", "numba", "pydantic", "pyarrow", "scipy", "rich"}


@pytest.mark.parametrize("arguments", [["machines"], ["workloads"], ["run", "--help"]])
def test_lists_and_help_of_verbs_import_no_numbers(program, arguments):
    imported = _imported(program, *arguments)
    assert "typer" in imported
    assert not imported & {"numpy", "numba", "pyarrow", "scipy"}
