"""A name that says another kind of file is refused before anything is done, and what was there stays."""

import pytest

import spacegrey
from spacegrey.errors import InputError


@pytest.fixture
def saved(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    assert command("run", "cinebench-r15-loop", "--on", "imac-pro", "--save", "log.parquet").exit_code == 0
    return tmp_path / "log.parquet"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("calibrate", "log.parquet", "--on", "imac-pro", "--out", "log.parquet"), "written as .toml"),
        (("calibrate", "log.parquet", "--on", "imac-pro", "--record", "log.parquet"), "written as .toml"),
        (("calibrate", "log.parquet", "--ambient", "200C"), "outside -20 to 60"),
        (("calibrate", "folder"), "folder: a folder, not a file"),
        (("log", "folder"), "folder: a folder, not a file"),
        (("show", "folder"), "folder: a folder, not a file"),
        (("run", "idle", "--on", "imac-pro", "--save", "log.csv"), "log.csv: a run is written as .parquet"),
    ],
)
def test_it_is_refused_and_nothing_is_lost(saved, command, words, line):
    before = saved.read_bytes()
    (saved.parent / "folder").mkdir()
    (saved.parent / "log.csv").write_text("needed")
    done = command(*words)
    assert done.exit_code == 2
    assert line in done.stderr
    assert done.stderr.count("\n") == 1
    assert saved.read_bytes() == before
    assert (saved.parent / "log.csv").read_text() == "needed"


def test_python_is_refused_too(saved):
    before = saved.read_bytes()
    with pytest.raises(InputError, match=r"written as \.parquet"):
        spacegrey.run("idle").write(saved.with_suffix(".toml"))
    with pytest.raises(InputError, match=r"written as \.toml"):
        spacegrey.fit(saved, on="imac-pro").write(saved)
    assert saved.read_bytes() == before
