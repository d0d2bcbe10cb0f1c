"""`spacegrey disk` on the command line: what it makes, shows, and refuses in one line."""

# ruff: noqa: ARG001 - the fixture `studio` makes the disk that commands name

import json
import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
SECTION = re.search(r"^## `spacegrey disk`$(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)[1]


@pytest.fixture
def studio(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    made = command("disk", "create", "studio", "--size", "64MiB", "--key-file", "studio.key")
    assert made.exit_code == 0, made.output
    return tmp_path / "studio"


def _keys(after):
    return re.findall(r"`(\w+)`", re.search(rf"{re.escape(after)}(.*?)\.\n", SECTION, re.DOTALL)[1])


def _json(command, *words, status=0):
    done = command("disk", *words, "--json")
    assert done.exit_code == status, done.output
    return json.loads(done.stdout)


def test_info_has_its_documented_keys(command, studio):
    found = _json(command, "info", "studio")
    assert list(found) == re.findall(r"^\| `(\w+)` \|", SECTION, re.MULTILINE)
    assert found["capacity_bytes"] == 64 << 20
    assert [set(module) for module in found["modules"]] == [{"module", "serial", "bytes", "bytes_on_host"}] * 2


def test_health_has_its_documented_keys(command, studio):
    found = _json(command, "health", "studio")
    assert sorted(found) == sorted(_keys("`health` prints"))
    assert found["good"]


def test_verify_reads_it_all(command, studio):
    assert _json(command, "verify", "studio", "--key-file", "studio.key") == {
        "good": True, "pages": 0, "bad": [], "tags_checked": False,
    }  # fmt: skip
    assert _keys("`verify` prints") == ["good", "pages", "bad", "tags_checked"]


@pytest.mark.claims("R2")
def test_a_module_that_was_pulled_is_missed_and_one_of_another_machine_refused(command, studio):
    said = _json(command, "pull", "studio", "--module", "1", "--file", "blade")
    assert list(said) == _keys("`pull` and `swap` print")
    assert not said["opens"]
    refused = command("disk", "verify", "studio", "--key-file", "studio.key")
    assert refused.exit_code == 1
    assert "module 1" in refused.stderr
    assert "not in its slot" in refused.stderr
    assert command("disk", "create", "other", "--size", "64MiB", "--key-file", "studio.key").exit_code == 0
    said = _json(command, "swap", "studio", "--module", "1", "--file", "other/module-1.flash")
    assert "belongs to another machine" in said["reason"]
    assert "restore" in command("disk", "info", "studio").stderr
    said = _json(command, "swap", "studio", "--module", "1", "--file", "blade")
    assert said == {"module": 1, "file": "blade", "opens": True, "reason": None}
    assert command("disk", "info", "studio").exit_code == 0


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("info", "nowhere"), "no disk here"),
        (("create", "studio", "--size", "1GB", "--key-file", "studio.key"), "there is a disk already"),
        (("create", "x", "--size", "100B", "--key-file", "studio.key"), "capacity"),
        (("create", "x", "--size", "1GB"), "--key-file is missing"),
        (("info", "studio", "--key-file", "k"), "does not take --key-file"),
        (("verify", "studio", "--key-file", "nokey"), "no such file"),
        (("serve", "studio", "--key-file", "studio.key", "--tcp", "0.0.0.0:10809"), "TLS is needed"),
        (("serve", "studio", "--key-file", "studio.key", "--tcp", "nonsense"), "HOST:PORT"),
        (("serve", "studio", "--key-file", "studio.key", "--tcp", "127.0.0.1:1", "--socket", "s"), "not both"),
        (("pull", "studio", "--module", "7", "--file", "blade"), "choose from: 0, 1"),
        (("swap", "studio", "--module", "0", "--file", "nothing"), "no module there"),
    ],
)
def test_wrong_input_is_one_line_that_says_why(command, studio, words, text):
    done = command("disk", *words)
    assert done.exit_code == 2, done.output
    assert text in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_wrong_or_shared_key_is_refused(command, studio, tmp_path):
    (tmp_path / "wrong").write_bytes(bytes(range(32)))
    (tmp_path / "wrong").chmod(0o600)
    done = command("disk", "verify", "studio", "--key-file", "wrong")
    assert (done.exit_code, "the key does not open this disk" in done.stderr) == (1, True)
    (tmp_path / "studio.key").chmod(0o644)
    done = command("disk", "verify", "studio", "--key-file", "studio.key")
    assert (done.exit_code, "chmod 600" in done.stderr) == (2, True)


def test_a_key_is_new_private_and_never_overwritten(command, studio, tmp_path):
    key = tmp_path / "studio.key"
    assert key.stat().st_mode & 0o777 == 0o600
    content = key.read_bytes()
    assert len(content) == 32
    command("disk", "create", "second", "--size", "1GB", "--key-file", "studio.key")
    assert key.read_bytes() == content
    failed = command("disk", "create", "third", "--size", "3", "--key-file", "new.key")
    assert failed.exit_code == 2
    assert not (tmp_path / "new.key").exists()


def test_serve_runs_a_command_and_ends_with_its_status(command, studio, tmp_path):
    done = command("disk", "serve", "studio", "--key-file", "studio.key", "--run", 'echo "$uri" > said; exit 3')
    assert done.exit_code == 3, done.output
    assert (tmp_path / "said").read_text(encoding="utf-8").startswith("nbd+unix:///disk?socket=")
    assert not (studio / "disk.sock").exists()
