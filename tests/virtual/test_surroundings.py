"""A machine on a computer that is not as it should be: no home, a folder that cannot be looked into, lost files."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spacegrey.errors import InputError, Refusal
from spacegrey.t2.enclave.anchor import state_folder
from spacegrey.t2.enclave.client import is_on
from spacegrey.t2.storage.folder import open_modules
from spacegrey.virtual.instance import restore
from spacegrey.virtual.nbd.server import Address, Server

PROGRAM = Path(sys.executable).with_name("spacegrey")


def _said(*words, **environment):
    done = subprocess.run(
        [PROGRAM, *words], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    return done.returncode, done.stdout, done.stderr


def test_what_is_remembered_lies_under_an_absolute_path_or_nowhere(monkeypatch, tmp_path):
    """Else it would be forgotten in another folder, and old states would be taken there."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for relative in ("", "state", "./state"):
        monkeypatch.setenv("XDG_STATE_HOME", relative)
        assert state_folder() == tmp_path / ".local" / "state" / "spacegrey" / "t2"
    monkeypatch.setenv("HOME", "here")
    with pytest.raises(Refusal, match=r"\$HOME is no absolute path; set it, or \$XDG_STATE_HOME"):
        state_folder()


def test_without_a_home_a_machine_is_refused_in_one_line_and_nothing_is_made(machine, tmp_path):
    lost = {"HOME": "here", "XDG_STATE_HOME": ""}
    for words in (("t2", "unlock", machine.folder), ("new", tmp_path / "other", "--as", "imac-pro")):
        status, out, error = _said(*words, **lost)
        assert (status, out, error.count("\n")) == (1, "", 1)
        assert "no absolute path" in error
    assert not (tmp_path / "other").exists()
    assert not list(tmp_path.glob(".new-*"))


def test_a_chip_that_cannot_be_reached_is_not_said_to_be_off(machine):
    """It may be on and unlocked: `lock` must not say that it is off."""
    assert not is_on(machine.chip)
    run = machine.chip / "run"
    shutil.rmtree(run)
    assert not is_on(machine.chip)
    run.symlink_to(run)  # it goes round in circles: as little to be seen as another user's
    for action in ("lock", "status"):
        status, out, error = _said("t2", action, machine.folder)
        assert (status, out) == (1, "")
        assert error == (
            f"spacegrey: refused: {run}: it cannot be seen whether the machine is on: "
            "too many levels of symbolic links\n"
        )
    run.unlink()
    assert _said("t2", "lock", machine.folder)[:2] == (0, f"{machine.folder}: off\n")


def test_a_chip_whose_wrapped_keys_are_gone_says_what_helps_and_that_helps(machine):
    next(machine.disk.glob("keybag-*.json")).unlink()
    with pytest.raises(
        Refusal, match=r"is missing: .*; put it back, or 'spacegrey t2 restore DIR' makes an empty disk"
    ):
        machine.switch_on()
    restore(machine)
    with machine.powered() as client:
        assert client.ask("status")["volumes"] == ["data"]


def test_a_restore_takes_away_what_a_killed_one_left(machine):
    (machine.disk / ".disk-abcdefgh").mkdir()
    (machine.disk / ".disk-abcdefgh" / "module-0.flash").touch()
    restore(machine)
    assert not list(machine.disk.glob(".disk-*"))


def test_a_file_is_no_disk(machine):
    with pytest.raises(InputError, match="no disk here"):
        open_modules(machine.folder / "instance.toml")


def test_a_place_where_a_server_cannot_listen_is_named_with_the_choices(tmp_path):
    with pytest.raises(InputError, match=r"cannot listen on .*/s: no such file or directory; name another place with "):
        Server([], Address(tmp_path / "nowhere" / "s"))
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot listen on .*/s: not a directory; name another place with "):
        Server([], Address(tmp_path / "file" / "s"))
    with pytest.raises(InputError, match=r"cannot listen on 192\.0\.2\.1:0: .*; name another with --tcp"):
        Server([], Address(None, "192.0.2.1", 0), {b"anna": bytes(16)})


def test_what_a_machine_that_runs_says_as_json_it_says_beside_a_command_too(machine):
    status, out, _ = _said("t2", "live", machine.folder, "--json", "--run", "echo beside")
    assert status == 0
    assert '"running": ' in out
    assert out.endswith("}\nbeside\n")
