"""Tables: plain in a pipe and 80 columns wide, with colour on a terminal only, and with what a user looks for."""

import os
import pty
import re
import subprocess

import pytest

from spacegrey.interfaces.cli.output import bar, sparkline
from spacegrey.interfaces.cli.view import means
from spacegrey.simulation.runfile import load

BOX_DRAWING = re.compile("[\u2500-\u257f]")
COLOUR = re.compile(r"\x1b\[[0-9;]*\b(3[0-9]|4[0-9]|9[0-7])[0-9;]*m")
COMMANDS = [
    ["--help"],
    ["machines"],
    ["machines", "imac-pro:18-core"],
    ["workloads"],
    ["workloads", "cinebench-r15-loop"],
    ["run", "cinebench-r15-loop", "--on", "imac-pro"],
    ["compare", "xcode-eidolon", "blender-gpu", "--on", "imac-pro", "--on", "mac-studio-2022"],
    ["validate"],
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_pipe_gets_plain_text(installed, arguments):
    result = installed(*arguments)
    assert result.returncode == 0
    assert "\x1b" not in result.stdout
    assert not BOX_DRAWING.search(result.stdout)
    assert result.stderr in {"", "compiling the physics for this machine, once (about 10 s)...\n"}
    lines = result.stdout.splitlines()
    assert not [line for line in lines if line != line.rstrip()]
    prose = [line for line in lines if not re.match(r"[A-Z]  ", line)]  # a whole selector and name, for grep
    assert max(map(len, prose)) <= 80


def _on_a_terminal(program, arguments, **environment):
    """Return what a terminal of 80 columns gets, standard output and standard error together."""
    parent, child = pty.openpty()
    settings = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}}
    settings |= {"TERM": "xterm", "COLUMNS": "80", **environment}
    process = subprocess.Popen([program, *arguments], stdin=child, stdout=child, stderr=child, env=settings)
    os.close(child)
    seen = b""
    while True:
        try:
            read = os.read(parent, 65536)
        except OSError:  # the other side is closed: Linux says so with EIO
            break
        if not read:
            break
        seen += read
    os.close(parent)
    assert process.wait(timeout=60) == 0, seen
    return seen.decode()


def test_terminal_gets_tables_and_a_progress_bar(program):
    seen = _on_a_terminal(program, ["run", "cinebench-r15-loop", "--on", "imac-pro"])
    assert BOX_DRAWING.search(seen)
    assert COLOUR.search(seen)
    assert "100%" in seen


def test_terminal_gets_help_in_panels(program):
    seen = _on_a_terminal(program, ["--help"])
    assert "╭" in seen
    for panel in ("simulate", "data", "Examples"):
        assert panel in seen


def test_no_color_is_respected(program):
    assert not COLOUR.search(_on_a_terminal(program, ["run", "cinebench-r15-loop", "--on", "imac-pro"], NO_COLOR="1"))


def test_output_that_knows_no_unicode_is_no_error(installed):
    result = installed("machines", "imac-pro", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert result.returncode == 0
    assert re.search("^room +25 .*C in a run$", result.stdout, re.MULTILINE)


def test_run_says_what_a_user_asks(command):
    result = command("run", "cinebench-r15-loop", "--on", "imac-pro+ambient=30C,dust=0.2")
    said = result.output
    for words in (
        "Cinebench R15 looped ten times on iMac Pro (2017)", "room 30 °C, dust takes 20 % of the air",
        "higher is better", "Wh from the wall", "Limited by", "processor temperature", "fan speed",
        "limited by", "over time",
        "model: calibrated:",
    ):  # fmt: skip
        assert words in said, words
    render = re.search(r"^render +10 ", said, re.MULTILINE)
    assert render, "ten rounds are one line"


def test_run_shows_published_measurements_of_the_same_test(command):
    same = command("run", "cinebench-r15-loop", "--on", "imac-pro").output
    other = command("run", "cinebench-r15-loop", "--on", "imac-pro:18-core").output
    assert "(M0003)" in same
    assert "(M0003)" not in other


def test_phases_of_different_names_are_listed_and_many_are_cut(command, tmp_path):
    phases = "".join(
        f'[[phase]]\nname = "p{n}"\nprocessor = {{ integer_gop = {n + 1} }}\nassumed = {{ processor = "a test" }}\n'
        for n in range(30)
    )
    path = tmp_path / "many.toml"
    head = '[workload]\nname = "many"\nstands_for = "a test"\nstatus = "illustrative"\n'
    path.write_text(head + phases, encoding="utf-8")
    said = command("run", path, "--on", "imac-pro").output
    assert re.search(r"^p29 ", said, re.MULTILINE)
    assert not re.search(r"^p2 ", said, re.MULTILINE)
    assert "and 6 shorter ones" in said


def test_compare_marks_the_best_and_says_what_limits(command):
    said = command("compare", "cinebench-r15-loop", "--on", "imac-pro", "--on", "imac-pro:18-core").output
    first, second = (re.search(rf"^{letter} +[\d,.]+.*$", said, re.MULTILINE)[0].split() for letter in "AB")
    assert first[2] == "1.00x"
    assert second[1].endswith("*")
    assert second[2].endswith("x*")
    assert not first[1].endswith("*")
    assert re.search(r"^A  \d+ % processor clock: turbo bin", said, re.MULTILINE)


def test_compare_marks_nothing_where_all_are_equal(command):
    said = command("compare", "cinebench-r15", "--on", "imac-pro", "--on", "imac-pro").output
    rows = [line for line in said.splitlines() if re.match(r"[AB]   +[\d,.]+ ", line)]
    assert len(rows) == 2
    assert "*" not in "".join(rows)


def test_machine_marks_default_and_choice(command):
    said = command("machines", "imac-pro:18-core").output
    assert re.search(r"^processor +8-core \*, .*> 18-core$", said, re.MULTILINE)
    assert "18 cores, 36 threads" in said


def test_list_of_machines_has_each_on_a_line_of_its_own(command):
    from spacegrey.machine.catalog import machine_ids

    said = command("machines").output
    assert re.findall(r"^([a-z][\w-]+) ", said, re.MULTILINE)[1:] == machine_ids()


def test_validate_comes_worst_first(command):
    said = command("validate", "--kind", "power").output
    errors = [float(error) for error in re.findall(r"^M\d+ .* ([+-]?[\d.]+) %$", said, re.MULTILINE)]
    assert len(errors) > 10
    assert [abs(error) for error in errors] == sorted(map(abs, errors), reverse=True)


def test_sparkline_has_its_extremes_where_they_are():
    assert sparkline([3.0, 1.0, 2.0]) == "█▁▅"
    assert sparkline([5.0, 5.0]) == "▁▁"


def test_bar_shows_even_the_smallest_share():
    assert bar(1.0, 3) == "███"
    assert bar(1e-6, 3) != ""
    assert bar(0.0, 3) == ""


def test_means_cover_the_whole_run(saved):
    trace = load(saved).trace
    found = means(trace, "time_s", 10)
    assert len(found) == 10
    assert found == sorted(found)
    assert sum(found) / 10 == pytest.approx(trace["time_s"].mean(), rel=1e-3)
