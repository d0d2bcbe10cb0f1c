"""What is wrong with the input is one line on standard error and status 2; a refusal is one and status 1."""

import os
import signal
import subprocess
import time

import psutil
import pytest

HEAD = "id,machine,cpu,cores,ram_gb,gpu,benchmark,metric,value,unit,conditions,source_url,confidence,note\n"
GOOD_ROW = "X1,iMac Pro (2017),Xeon W-2140B,8,32,Radeon Pro Vega 56 8GB,Cinebench R15,multi score,1700,points,,,high,\n"

# arguments -> what the line must say
WRONG = {
    ("machines", "imac-por"): "unknown machine 'imac-por' (did you mean 'imac-pro'?)",
    ("run", "idle", "--on", "imac-pro:19-core"): "unknown choice '19-core' (did you mean '18-core'?)",
    ("run", "idle", "--on", "imac-pro:colour=red"): "unknown option 'colour'",
    ("run", "idel", "--on", "imac-pro"): "unknown workload 'idel' (did you mean 'idle'?)",
    ("run", "idle", "--on", "imac-pro+ambeint=20C"): "unknown what-if 'ambeint'",
    ("run", "idle", "--on", "imac-pro+ambient=35X"): "unit 'X' in '35X' is not one of: C",
    ("run", "idle", "--on", "imac-pro+ambient=nan"): "'nan' is not a number",
    ("run", "idle", "--on", "imac-pro+ambient=1e999C"): "not a finite number",
    ("run", "idle", "--on", ""): "names no machine",
    ("run", "idle", "--on", "missing.toml"): "missing.toml: no such file",
    ("run", "idle"): "missing option '--on'; see 'spacegrey run --help'",
    ("run", "idle", "--on", "imac-pro", "--sav", "x"): "no such option",
    ("rnu",): "no such command 'rnu'",
    ("run", "idle", "--on", "imac-pro", "--save", "no/folder/x.parquet"): "no such folder",
    ("run", "idle", "--on", "imac-pro", "--report", "."): "not a file",
    ("run", "idle", "--on", "imac-pro", "--save", "/dev/null"): "not a file",
    ("run", "idle", "--on", "imac-pro", "--save", "one", "--report", "./one"): "name the same file",
    ("run", "first.toml", "--on", "imac-pro"): "first.toml",
    ("run", "idle", "--on", "first-machine.toml"): "extends itself",
    ("run", "nan.toml", "--on", "imac-pro"): "finite",
    ("run", "binary.toml", "--on", "imac-pro"): "binary.toml: cannot be read",
    ("compare", "idle", "--on", "imac-pro"): "at least two machines",
    ("compare", "idle", "nope", "--on", "imac-pro", "--on", "imac-pro"): "unknown workload 'nope'",
    ("show", "missing.parquet"): "missing.parquet: no such file",
    ("show", "empty.parquet"): "not a saved run",
    ("show", "cut.parquet"): "not a saved run",
    ("show", "other.parquet"): "not a saved run",
    ("diff", "cut.parquet", "empty.parquet"): "not a saved run",
    ("export", "cut.parquet", "--to", "csv"): "not a saved run",
    ("export", "good.parquet", "--to", "xml"): "'xml' is not one of 'csv', 'json', 'parquet'",
    ("export", "good.parquet", "--to", "parquet"): "needs --out FILE",
    ("export", "good.parquet", "--to", "csv", "--out", "no/folder/x.csv"): "no such folder",
    ("validate", "--kind", "speed"): "unknown kind of measurement 'speed'",
    ("validate", "--measurements", "missing.csv"): "no such file",
    ("validate", "--measurements", "columns.csv"): "columns are missing",
    ("validate", "--measurements", "number.csv"): "not a number",
    ("validate", "--measurements", "nan.csv"): "not a finite number",
    ("validate", "--measurements", "ragged.csv"): "does not have 14 fields",
    ("validate", "--measurements", "twice.csv"): "stands twice",
    ("workloads", "nope"): "unknown workload 'nope'",
}


@pytest.fixture
def folder(tmp_path, monkeypatch, saved, short):
    import pandas as pd

    whole = saved.read_bytes()
    files = {
        "empty.parquet": b"",
        "cut.parquet": whole[: len(whole) // 2],
        "good.parquet": whole,
        "first-machine.toml": b'extends = "second-machine.toml"\n',
        "second-machine.toml": b'extends = "first-machine.toml"\n',
        "first.toml": b'extends = "second.toml"\n',
        "binary.toml": b"\xff\xfe\x00",
        "columns.csv": b"id,value\nX1,3\n",
        "number.csv": (HEAD + GOOD_ROW.replace("1700", "many")).encode(),
        "nan.csv": (HEAD + GOOD_ROW.replace("1700", "nan")).encode(),
        "ragged.csv": (HEAD + "X1,3\n").encode(),
        "twice.csv": (HEAD + GOOD_ROW + GOOD_ROW).encode(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    short(gop="nan").rename(tmp_path / "nan.toml")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "other.parquet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("arguments", "said"), WRONG.items(), ids=" ".join)
def test_wrong_input_is_one_line_and_status_2(command, folder, arguments, said):
    before = sorted(folder.iterdir())
    result = command(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("spacegrey: error: ")
    assert result.stderr.count("\n") == 1
    assert said in result.stderr
    assert sorted(folder.iterdir()) == before, "a file was left behind"


def test_installed_command_ends_as_well(installed):
    result = installed("machines", "imac-por")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("spacegrey: error: unknown machine")
    assert "Traceback" not in result.stderr


def test_errors_quote_no_sign_that_steers_a_terminal(command):
    result = command("show", "\x1b[31mred\x07.parquet")
    assert result.exit_code == 2
    assert "\x1b" not in result.stderr
    assert "\x07" not in result.stderr


def test_unwritable_file_is_seen_before_the_run(command, tmp_path, monkeypatch):
    def never(*_):
        raise AssertionError("it ran")

    monkeypatch.setattr("spacegrey.interfaces.cli.run.simulated", never)
    for flag in ("--save", "--report"):
        result = command("run", "idle", "--on", "imac-pro", flag, tmp_path / "no" / "file")
        assert result.exit_code == 2, result.output


def _without_wifi(tmp_path):
    path = tmp_path / "copy.toml"
    path.write_text(
        """
        [workload]
        name = "copy"
        stands_for = "a test"
        status = "illustrative"
        [[phase]]
        name = "copy"
        network = { gb = 1, link = "wifi" }
        assumed = { network = "a test" }
        """,
        encoding="utf-8",
    )
    machine = tmp_path / "wired.toml"
    machine.write_text('extends = "imac-pro"\n[machine.ports]\nwifi_gbit_s = 0\n', encoding="utf-8")
    return path, machine


def test_refusal_is_one_line_and_status_1(command, tmp_path):
    workload, machine = _without_wifi(tmp_path)
    kept = tmp_path / "kept.parquet"
    result = command("run", workload, "--on", machine, "--save", kept)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("spacegrey: refused: ")
    assert "Wi-Fi" in result.stderr
    assert not kept.exists()


def test_compare_goes_on_after_a_refusal_and_ends_with_1(command, tmp_path):
    workload, machine = _without_wifi(tmp_path)
    result = command("compare", workload, "--on", "imac-pro", "--on", machine)
    assert result.exit_code == 1
    assert "B  refused: " in result.stdout
    assert "A  100 % network" in result.stdout


def test_file_that_fails_to_be_written_leaves_nothing(command, short, tmp_path, monkeypatch):
    def full(_, path, **__):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyarrow.parquet.write_table", full)
    workload = short()
    before = sorted(tmp_path.iterdir())
    result = command("run", workload, "--on", "imac-pro", "--save", tmp_path / "run.parquet")
    assert result.exit_code == 2
    assert "No space left on device" in result.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_unexpected_error_is_a_bug_and_is_not_hidden(command, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("spacegrey.interfaces.cli.run.simulated", broken)
    assert isinstance(command("run", "idle", "--on", "imac-pro").exception, ZeroDivisionError)


def test_interrupt_is_quiet(program, tmp_path):
    words = [program, "run", "cinebench-r15-loop:repeat=50000", "--on", "imac-pro", "--save", "run.parquet"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
    with subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        signal.signal(signal.SIGINT, before)
        begun = psutil.Process(process.pid)
        while process.poll() is None and sum(begun.cpu_times()[:2]) < 2.0:  # on a busy computer it takes longer
            time.sleep(0.05)
        assert process.poll() is None, "the run is too short to interrupt"
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (out, err.replace("compiling the physics for this machine, once (about 10 s)...\n", "")) == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_reader_that_has_seen_enough_is_no_error(program, saved):
    words = f"{program} export {saved} --to csv | head -1; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", words], capture_output=True, check=False, encoding="utf-8")
    assert result.stdout.startswith('"time_s"')
    assert result.returncode == 128 + signal.SIGPIPE
    assert result.stderr == ""
