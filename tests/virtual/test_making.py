"""A machine's folder is made whole or not at all: in an empty folder too, and where its maker is killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spacegrey.errors import InputError
from spacegrey.virtual.making import whole

PARTS = ("one", "two", "mark")


def _nothing():
    pass


def _make(folder, meanwhile=_nothing):
    with whole(folder, PARTS) as beside:
        for name in PARTS:
            (beside / name).write_text(name)
        meanwhile()


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_in_an_empty_folder_it_is_made_where_somebody_stands(tmp_path):
    (tmp_path / "here").mkdir(mode=0o755)
    before = (tmp_path / "here").stat().st_ino
    _make(tmp_path / "here")
    assert _names(tmp_path / "here") == sorted(PARTS)
    assert (tmp_path / "here").stat().st_ino == before
    assert (tmp_path / "here").stat().st_mode & 0o777 == 0o700
    assert _names(tmp_path) == ["here"]


def test_a_machine_is_made_in_the_folder_in_which_one_is(machines, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    made = machines("here")
    assert Path("instance.toml").is_file()
    with made.powered() as client:
        assert client.ask("status")["on"]


def test_behind_a_name_for_an_empty_folder_it_is_made_in_that_and_behind_one_for_nothing_not(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "name").symlink_to(tmp_path / "real")
    _make(tmp_path / "name")
    assert _names(tmp_path / "real") == sorted(PARTS)
    (tmp_path / "nothing").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="there is something already"):
        _make(tmp_path / "nothing")


@pytest.mark.parametrize("there", [True, False])
def test_where_it_fails_nothing_is_left(tmp_path, monkeypatch, there):
    folder = tmp_path / "here"
    if there:
        folder.mkdir()

    def full():
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match="here: cannot be made: no space left"):
        _make(folder, full)
    rename, done = Path.rename, []

    def fails_late(path, to):
        done.append(path)
        if len(done) == 2 or not there:
            raise OSError(5, "Input/output error")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", fails_late)
    with pytest.raises(InputError, match="here: cannot be made: input/output error"):
        _make(folder)
    assert _names(tmp_path) == (["here"] if there else [])
    assert not there or _names(folder) == []


def test_a_name_that_cannot_be_and_a_quicker_maker_are_one_line(tmp_path):
    with pytest.raises(InputError, match="cannot be made: file name too long"):
        _make(tmp_path / ("n" * 300))

    def quicker():
        (tmp_path / "x").mkdir()
        (tmp_path / "x" / "quick").touch()

    with pytest.raises(InputError, match="there is something already; name a new folder"):
        _make(tmp_path / "x", quicker)
    assert _names(tmp_path) == ["x"]


MAKER = """
import sys
from pathlib import Path
from spacegrey.virtual.making import whole

with whole(Path(sys.argv[1]), ("one", "two", "mark")) as beside:
    (beside / "one").mkdir()
    (beside / "one" / "key").touch()
    print("under way", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("there", [True, False])
def test_what_a_killed_maker_left_goes_with_the_next_and_what_is_under_way_does_not(tmp_path, there):
    if there:
        (tmp_path / "killed").mkdir()
    for name in (".new-mine", ".new-abcdefgh"):  # a user's own: of another length, and with something else in it
        (tmp_path / name).mkdir()
    (tmp_path / ".new-abcdefgh" / "letter").touch()
    words = [sys.executable, "-c", MAKER, str(tmp_path / "killed")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as maker:
        assert maker.stdout.readline() == "under way\n"
        inside = tmp_path / "killed" if there else tmp_path
        left = [path for path in inside.glob(".new-????????") if (path / "one" / "key").exists()]
        assert len(left) == 1
        _make(tmp_path / "beside")
        assert left[0].exists()
        maker.kill()
        maker.wait()
    _make(tmp_path / "killed")
    assert not left[0].exists()
    assert _names(tmp_path) == [".new-abcdefgh", ".new-mine", "beside", "killed"]
    assert _names(tmp_path / "killed") == sorted(PARTS)


def test_a_folder_that_is_swept_away_before_it_is_locked_is_made_anew(tmp_path, monkeypatch):
    opened, gone = os.open, []

    def swept(path, *how, **more):
        if not gone and Path(path).name.startswith(".new-"):
            gone.append(Path(path))
            Path(path).rmdir()
        return opened(path, *how, **more)

    monkeypatch.setattr(os, "open", swept)
    _make(tmp_path / "x")
    assert gone
    assert _names(tmp_path) == ["x"]
