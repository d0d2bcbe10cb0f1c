"""The fuzzers' targets hold on their corpus and some thousand changed inputs, the same each time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from spacegrey.logs.names import FORMATS

ROOT = Path(__file__).parent.parent.parent

# beside the name: inputs, so that each takes a second at most
INPUTS = {
    "der": 3000,
    "manifest": 1000,
    "certificate": 5000,
    "request": 4000,
    "http": 4000,
    "negotiation": 5000,
    "transmission": 3000,
    "module": 2000,
    "map": 1000,
    "enclave": 1500,
    "engine": 2000,
    "boot-state": 3000,
    "smc": 2000,
    "edid": 5000,
}
LOG_INPUTS = 600


def run(*arguments, cwd=ROOT):
    command = [sys.executable, "-m", "fuzz", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.claims("T4")
@pytest.mark.parametrize("name", INPUTS)
def test_no_input_crashes_hangs_or_leaks(name):
    done = run(name, "--inputs", str(INPUTS[name]), "--seed", "6")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["inputs"] == INPUTS[name]


def logs():
    return [name for name in run("--list").stdout.split() if name.partition("-")[0] == "log"]


def test_no_log_crashes_hangs_or_leaks_or_is_believed():
    done = run(*logs(), "--inputs", str(LOG_INPUTS), "--seed", "6")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["target"] for line in done.stdout.splitlines()] == logs()


def test_every_format_of_a_log_has_a_target():
    assert {name.removeprefix("log-") for name in logs()} == {*FORMATS, "log", "parquet"}


def test_no_log_takes_more_than_its_size_is_worth():
    """A file of one or two MiB that once took minutes or gigabytes, or that was made to."""
    done = subprocess.run([sys.executable, "-m", "fuzz.large"], cwd=ROOT, capture_output=True, text=True, check=True)
    took = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(took) >= 20
    for one in took:
        assert one["answer"].startswith("refused: ") or one["answer"] == "1 rows", one
        assert one["answer"].isprintable()
        assert one["seconds"] < 15.0, one
        assert one["mib"] < 160.0 + 20.0 * one["bytes"] / (1 << 20), one


def test_every_target_is_run_here_and_has_a_corpus():
    listed = run("--list").stdout.split()
    assert sorted(listed) == sorted([*INPUTS, *logs()])
    for name in listed:
        assert 2 <= len(list((ROOT / "fuzz" / "corpus" / name).iterdir())) <= 60


def test_the_loop_notices_a_crash_a_hang_and_a_leak(tmp_path):
    """A loop that never fails would show nothing: three targets that are wrong, each in its own way."""
    program = """
import sys, time
sys.path.insert(0, sys.argv[1])
from fuzz import loop
loop.PATIENCE_S = 0.2
kept = []
wrong = {
    "raise": lambda data: [][len(data)],
    "hang": lambda data: time.sleep(5),
    "leak": lambda data: kept.append(b"x" * (1 << 20)),
    "files": lambda data: kept.append(open("/dev/null")),
}
for name, function in wrong.items():
    try:
        loop.run(function, [b"seed"], 200, 1)
    except loop.Failed as failed:
        print(name, str(failed).partition(":")[2].strip() or failed)
"""
    command = [sys.executable, "-c", program, str(ROOT)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["raise", "hang", "leak", "files"]
    assert "IndexError" in lines[0]
    assert "a hang" in lines[1]
    assert all("a leak" in line for line in lines[2:])


# beside the target: what makes its reader wrong without a crash
WRONG = {
    "der": "from spacegrey.t2.image4.der import Reader; Reader.end = lambda self: None",
    "manifest": """
from spacegrey.t2.image4 import certificates, verify
verify.verify_chain = lambda manifest, root: certificates.Constraints({}, {})""",
    "http": """
from spacegrey.t2.signer import server
server.build_file = lambda folder, build, name, chunk: (folder / "builds" / build / name).read_bytes()""",
    "negotiation": """
from spacegrey.virtual.nbd import negotiation, protocol as p
negotiation.Negotiation._reply = lambda self, option, kind, data=b"": self._connection.send(
    [p.OPTION_REPLY.pack(p.OPTION_REPLY_MAGIC, option, kind, len(data) + 1), data])""",
    "transmission": """
from spacegrey.virtual.nbd.transmission import Transmission
Transmission._check = lambda self, command, flags, offset, length: None""",
    "module": "from spacegrey.t2.storage import labels; labels._geometry = labels.Geometry",
    "map": "from spacegrey.t2.storage import mapping; mapping.recount = lambda *arrays: 0",
    "boot-state": "from spacegrey.t2.boot import state; state._typed = lambda found: True",
    "engine": "from spacegrey.t2.enclave import channel; channel.Channel._tag = lambda self: 0",
    "smc": """
from spacegrey.virtual import line
line.key_bytes = lambda answer, names: {name: bytes.fromhex(answer["bytes"][name]) for name in names}""",
    "log-psutil": "from spacegrey.logs import gather; gather.plain = lambda text: text",
    "log-turbostat": "from spacegrey.logs import gather; gather._together = lambda take, columns: columns[0] * 1e9",
    "log-spacegrey": "from spacegrey.logs.gather import Gatherer; Gatherer._rising = lambda self, time: time == time",
    "log-prometheus-json": "from spacegrey.logs import gather; gather.LATEST_S = float('inf')",
    "log-powermetrics-plist": "from spacegrey.logs import reports; reports.as_float = float",
    "edid": "from spacegrey.parts.display import edid; edid._expect_count = edid.checked = lambda *found: found[0]",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_target_notices_a_reader_that_is_wrong(tmp_path, name):
    program = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
{WRONG[name]}
from fuzz.__main__ import seeds
from fuzz.loop import Failed, run
from fuzz.targets import target
try:
    run(target({name!r}), seeds({name!r}), 3000, 6)
except Failed as failed:
    print(failed)
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("input ")
