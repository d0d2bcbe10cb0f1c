"""A command whose output, input or complaints go nowhere: no traceback, the right status, nothing harmed."""

import subprocess

import pytest

from spacegrey.t2.storage.engine import XtsKey
from spacegrey.t2.storage.folder import create_store, open_modules


def _sh(words, **settings):
    return subprocess.run(words, shell=True, capture_output=True, check=False, encoding="utf-8", **settings)  # noqa: S602 - ours


@pytest.mark.parametrize("words", ["--version", "--help", "machines", "machines imac-pro --json"])
def test_an_output_that_takes_nothing_is_one_line(program, words):
    done = _sh(f"{program} {words} >/dev/full")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "spacegrey: error: the output cannot be written: no space left on device\n"


@pytest.mark.parametrize("where", ["2>/dev/full", ">/dev/full 2>/dev/full", "2>&-"])
def test_the_status_is_the_same_where_nobody_can_be_told(program, where):
    assert _sh(f"{program} machines nope {where}").returncode == 2
    assert _sh(f"{program} t2 status nowhere {where}").returncode == 2


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_command_without_input_or_output_does_its_work(program, tmp_path, closed):
    done = _sh(f"{program} machines {closed}")
    assert (done.returncode, done.stderr) == (0, "")
    done = _sh(f"{program} disk create {tmp_path / 'disk'} --size 64MiB --key-file {tmp_path / 'key'} {closed}")
    assert (done.returncode, done.stderr) == (0, "")


def test_no_file_of_a_disk_takes_the_place_of_an_output_that_is_closed(program, tmp_path):
    """What is written to the output of a server, or of the command beside it, would be written on a module."""
    create_store(tmp_path / "disk", XtsKey(bytes(range(32))), 64 << 20)
    key = tmp_path / "key"
    key.write_bytes(bytes(range(32)))
    key.chmod(0o600)
    look = f"cd /proc/$PPID/fd; ls -l 0 1 2 > {tmp_path / 'seen'}; echo nonsense; echo more >&2"
    done = _sh(f"exec {program} disk serve {tmp_path / 'disk'} --key-file {key} --run '{look}' <&- >&- 2>&-")
    assert done.returncode == 0
    seen = (tmp_path / "seen").read_text().splitlines()
    assert len(seen) == 3
    assert all(line.endswith("-> /dev/null") for line in seen), seen
    for module in open_modules(tmp_path / "disk", read_only=True)[0]:
        module.close()


def test_a_name_that_no_file_can_have_is_one_line(program):
    for words in ("t2 status", "disk info"):
        done = _sh(f"{program} {words} {'n' * 300}")
        assert done.returncode == 2
        assert done.stderr.endswith("file name too long\n")
        assert done.stderr.count("\n") == 1
