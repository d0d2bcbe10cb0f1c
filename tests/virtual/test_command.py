"""`spacegrey new` and `spacegrey t2` on the command line: what they print, and how they refuse in one line."""

import json
import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spacegrey.interfaces.cli import app, t2, t2_boot, t2_repair, t2_signer, t2_smc

SUBCOMMANDS = {name for room in (t2, t2_boot, t2_repair, t2_signer, t2_smc) for name in room.SUBCOMMANDS}
PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
THREATS = (Path(__file__).parents[2] / "docs" / "threat-model.md").read_text(encoding="utf-8")


def _table(verb):
    section = re.search(rf"^## `spacegrey {verb}`$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]
    first = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)[0]
    return re.findall(r"^\| `(\w+)` \|", first, re.MULTILINE)


def _run(*words, status=0, **environment):
    done = CliRunner().invoke(app, list(map(str, words)), prog_name="spacegrey", env=environment)
    assert done.exit_code == status, done.output
    return done


def _json(*words, **environment):
    return json.loads(_run(*words, "--json", **environment).stdout)


def _said(old=None, new=None):
    """Return the environment that holds passwords."""
    given = {"SPACEGREY_PASSWORD": old, "SPACEGREY_NEW_PASSWORD": new}
    return {name: value for name, value in given.items() if value}


@pytest.fixture
def studio(machine, monkeypatch):
    monkeypatch.chdir(machine.folder.parent)
    return machine.folder.name


@pytest.mark.parametrize("name", sorted(SUBCOMMANDS))
def test_every_subcommand_has_help_with_an_example_and_json(name):
    shown = _run("t2", name, "--help").output
    assert re.search(rf"Examples?:\n  spacegrey t2 {name}\b", shown)
    assert "--json" in shown
    assert max(map(len, shown.splitlines())) <= 80
    listed = next(line for line in _run("t2", "--help").output.splitlines() if line.split()[:1] == [name])
    assert not listed.endswith("...")


def test_new_has_its_documented_keys(tmp_path):
    found = _json("new", tmp_path / "fresh", "--as", "imac-pro", "--attempts", "2018")
    assert list(found) == _table("new")
    assert (found["uid"], found["attempts"], found["modules"]) == ("file", "2018", 2)


def test_a_life_of_a_machine(studio):
    assert _json("t2", "status", studio) == {"on": False, "uid": "file"}
    _run("t2", "passwd", studio, **_said(new="one"))
    found = _json("t2", "filevault", "on", studio, **_said("one"))
    assert found["filevault"] is True
    assert "locked" in _run("disk", "serve", studio, "--run", "true", status=1).stderr
    wrong = _run("t2", "unlock", studio, status=1, **_said("two"))
    assert wrong.stderr == "spacegrey: refused: wrong password: 1 failed in a row, 29 left\n"
    status = _json("t2", "unlock", studio, "--recovery-key", SPACEGREY_RECOVERY_KEY=found["recovery_key"])
    assert list(status) == _table("t2")
    assert status["unlocked"] is True
    assert _json("t2", "lock", studio) == {"on": False}
    new = _json("t2", "recovery-key", studio, **_said("one"))["recovery_key"]
    assert new != found["recovery_key"]
    _run("t2", "passwd", studio, **_said("one", "two"))
    assert _json("t2", "filevault", "off", studio, **_said("two"))["recovery_key"] is None
    _run("t2", "erase", studio, "--yes")
    assert "no volume" in _run("disk", "serve", studio, "--run", "true", status=1).stderr
    _run("t2", "restore", studio, "--yes")
    _run("disk", "serve", studio, "--run", "true")


def test_a_second_user_from_the_command_line(studio):
    early = _run("t2", "user", "add", studio, "anna", status=1, **_said("one", "two")).stderr
    assert early == (
        "spacegrey: refused: no password is set; make the first user: spacegrey t2 passwd studio --user NAME\n"
    )
    _run("t2", "passwd", studio, "--user", "paul", **_said(new="one"))
    found = _json("t2", "user", "add", studio, "anna", **_said("one", "two"))
    assert list(found) == _table("t2")
    assert (found["users"], found["administrators"]) == (["paul", "anna"], ["paul"])
    _run("t2", "filevault", "on", studio, **_said("one"))
    assert "wrong password" in _run("t2", "unlock", studio, "--user", "anna", status=1, **_said("one")).stderr
    assert _json("t2", "unlock", studio, "--user", "anna", **_said("two"))["logged_in"] == "anna"
    assert "paul (administrator), anna" in _run("t2", "status", studio).stdout
    _run("t2", "lock", studio)
    _run("t2", "passwd", studio, "--user", "anna", **_said("two", "three"))
    refused = _run("t2", "filevault", "off", studio, "--user", "anna", status=1, **_said("three")).stderr
    assert "'anna' is no administrator; those are: paul; no attempt is lost" in refused
    _run("t2", "user", "remove", studio, "anna", **_said("one"))
    assert "no user 'anna'" in _run("t2", "unlock", studio, "--user", "anna", status=1, **_said("three")).stderr
    assert "--admin belongs to add" in _run("t2", "user", "remove", studio, "paul", "--admin", status=2).stderr


def test_a_chip_that_is_on_is_started_anew_in_the_mode_that_is_asked_for(studio, machine):
    from spacegrey.virtual.instance import open_disk

    assert _json("t2", "unlock", studio)["mode"] == "normal"
    client = machine.connect()
    with open_disk(machine, client) as store:
        assert "the disk is in use" in _run("t2", "unlock", studio, "--start", "dfu", status=1).stderr
        store.write(0, b"x")
    client.ask("lock")
    assert "it is in DFU mode" in _run("t2", "unlock", studio, "--start", "dfu", status=1).stderr
    assert _json("t2", "status", studio)["mode"] == "dfu"
    assert _json("t2", "unlock", studio)["mode"] == "normal"


def test_passwords_come_line_by_line_from_a_file_descriptor(studio):
    def with_lines(text, *words, status=0):
        reading, writing = os.pipe()
        os.write(writing, text)
        os.close(writing)
        try:
            return _run(*words, "--password-fd", reading, status=status)
        finally:
            os.close(reading)

    with_lines(b"one\n", "t2", "passwd", studio)
    with_lines(b"one\ntwo\n", "t2", "passwd", studio)
    with_lines(b"two", "t2", "filevault", "on", studio)
    assert "no line is left for the password" in with_lines(b"", "t2", "unlock", studio, status=2).stderr
    assert "bad file descriptor" in _run("t2", "unlock", studio, "--password-fd", 999, status=2).stderr


def test_without_a_terminal_a_missing_password_is_one_line(studio):
    said = _run("t2", "passwd", studio, status=2).stderr
    assert said == (
        "spacegrey: error: the new password is asked for at a terminal; without one give --password-fd or "
        "$SPACEGREY_NEW_PASSWORD\n"
    )
    assert "say --yes" in _run("t2", "erase", studio, status=2).stderr


def test_no_subcommand_takes_a_password_as_an_argument():
    for name in SUBCOMMANDS:
        shown = _run("t2", name, "--help").output
        assert not re.search(r"--(password|passphrase|new-password)\b(?!-fd)", shown), name


def test_a_disk_in_use_is_not_locked_by_mistake(studio, machine):
    from spacegrey.virtual.instance import open_disk

    client = machine.switch_on()
    client.ask("unlock")
    with open_disk(machine, client) as store:
        assert "end 'disk serve' first" in _run("t2", "lock", studio, status=1).stderr
        store.write(0, b"x")
    _run("t2", "lock", studio, "--now")


def test_a_key_file_is_not_for_a_machine(studio, tmp_path):
    said = _run("disk", "serve", studio, "--key-file", tmp_path / "k", status=2).stderr
    assert "this one's key is in its enclave" in said


def test_smc_answers_and_refuses(studio):
    rows = _json("t2", "smc", "--dir", studio)
    fans = next(row for row in rows if row["key"] == "FNum")
    assert (fans["type"], fans["bytes"], fans["value"]) == ("ui8 ", "02", 2)
    assert "no SMC key 'QQQQ' here" in _run("t2", "smc", "QQQQ", "--dir", studio, status=1).stderr
    assert "reading only" in _run("t2", "smc", "TC0c", "--dir", studio, "--set", 1, status=1).stderr
    every = {row["key"]: row for row in _json("t2", "smc", "--dir", studio, "--all")}
    assert len(every) == every["#KEY"]["value"] == 638
    assert {row["key"] for row in rows} == {key for key, row in every.items() if row["standing"] == "simulated"}
    silent = every["gP01"]
    assert (silent["standing"], silent["refused"], silent["bytes"], silent["value"]) == ("unreadable", 0xD7, None, None)
    assert "gP01 cannot be read [SMC status 0xd7]" in _run("t2", "smc", "gP01", "--dir", studio, status=1).stderr
    shown = _run("t2", "smc", "--dir", studio, "--all").stdout.splitlines()
    assert [line[:4] for line in shown[1:] if line[0] != " "] == list(every)
    assert max(map(len, shown)) <= 80
    said = _run("t2", "smc", "TC0c", "--dir", studio, "--all", status=2).stderr
    assert "--all lists every key: name none" in said


def test_every_row_of_the_threat_model_names_a_test_that_is_there():
    named = set(re.findall(r"`(test_\w+)`", THREATS))
    tests = Path(__file__).parents[1]
    text = "".join(path.read_text(encoding="utf-8") for path in tests.rglob("test_*.py"))
    assert len(named) > 15
    assert {name for name in named if f"def {name}(" not in text} == set()


def test_a_name_with_a_space_is_quoted_in_the_commands_that_are_suggested(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = _run("new", "my mac", "--as", "imac-pro").stdout
    assert "Next: spacegrey disk serve 'my mac', or spacegrey t2 passwd 'my mac'\n" in made
    unlocked = _run("t2", "unlock", "my mac").stdout
    assert unlocked == "my mac: unlocked, until you lock it: spacegrey t2 lock 'my mac'\n"
    assert "disk unlocked until 't2 lock'" in " ".join(_run("t2", "status", "my mac").stdout.split())
    _run("t2", "lock", "my mac")


def test_a_folder_too_deep_for_a_socket_is_one_line_with_what_to_do(machine):
    deep = machine.folder / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    for words in (("disk", "serve", deep), ("disk", "serve", machine.folder, "--socket", deep / "s")):
        said = _run(*words, status=2).stderr
        assert said.startswith(f"spacegrey: error: {deep}")
        assert re.search(r": \d+ bytes, and the path of a Unix socket has 10[37] at most, for clients too;", said)
        assert "--socket" in said
        assert "--tcp" in said


def test_a_machine_that_lies_deep_serves_its_disk_at_a_short_socket(machine, tmp_path):
    deep = tmp_path / ("d" * 100) / "studio"
    deep.parent.mkdir()
    machine.folder.rename(deep)
    _run("disk", "serve", deep, "--socket", tmp_path / "s", "--run", "true")


def test_a_chip_that_a_command_switched_on_for_itself_is_said_to_last_as_long(studio, machine):
    with machine.powered():
        lasts = "unlocked, until the command ends that switched the chip on"
        assert _run("t2", "unlock", studio).stdout == f"{studio}: {lasts}\n"
        assert "disk unlocked until the command ends" in " ".join(_run("t2", "status", studio).stdout.split())
        assert _json("t2", "status", studio)["held"]
    assert not _json("t2", "status", studio)["on"]
