"""How long a user waits for a virtual machine: making it, unlocking it, serving its disk. Whole processes, by turns.

Run as ``python -m benchmarks.starting``: prints a table beside the aims and writes ``results/starting.json``. Of every
case the median of the rounds counts. Compiled code lies on disk already, as after the first use of a machine.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.metadata
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.quiet import Quiet
from benchmarks.start import PROGRAM, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

RESULTS = Path(__file__).parent / "results" / "starting.json"
SELECTOR, SIZE = "imac-pro:18-core,4TB", "4TB"
CREATE, NEW = f"`spacegrey disk create --size {SIZE}`", f"`spacegrey new --as {SELECTOR}`"
WARM, COLD = "unlock to first byte", "unlock to first byte, right after the enclave's start"
SERVE = "`spacegrey disk serve`, to the first byte that a client gets"
AIMS_S = {CREATE: 1.0, NEW: 1.0, WARM: 0.5, COLD: 0.5}
ROOM_BYTES, RESIDENT_BYTES = 64 << 20, 200 << 20
"""What a disk of 4 TB may take of this computer's disk, and each process of its memory. [B]"""

PASSWORD = b"benchmark"
FIRST_BYTE = """
import pathlib, sys, time
from spacegrey.virtual.instance import load_storage, open_disk, open_instance
machine = open_instance(pathlib.Path(sys.argv[1]))
load_storage()
rest_s, password = float(sys.argv[2]), bytes.fromhex(sys.argv[3])
client = machine.switch_on()
try:
    time.sleep(rest_s)
    begin = time.perf_counter()
    client.ask("unlock", password=password)
    with open_disk(machine, client, read_only=True) as store:
        assert store.read(0, 1) == b"\\x01"
        print(time.perf_counter() - begin)
finally:
    client.switch_off()
"""
OCCUPY = """
import pathlib, sys
from spacegrey.virtual.instance import open_disk, open_instance
machine = open_instance(pathlib.Path(sys.argv[1]))
with machine.powered() as client:
    with open_disk(machine, client) as store:
        store.write(0, bytes([1]) * 4096)
    if len(sys.argv) > 2:
        client.ask("password", new=bytes.fromhex(sys.argv[2]))
        client.ask("filevault", on=True, password=bytes.fromhex(sys.argv[2]))
"""


@dataclass(frozen=True)
class Took:
    """What one turn took."""

    seconds: float
    resident_bytes: int = 0
    """The most memory that a process held, of those that ended. [B]"""

    room_bytes: int = 0
    """Room that its files take. [B]"""


def _run(words: list[str], **more: object) -> Took:
    """Run a program to its end; raise `RuntimeError` where it fails."""
    begin = time.perf_counter()
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, **more) as process:
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with status {process.returncode}")
    return Took(seconds, used.ru_maxrss * 1024)


def _room(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def create(folder: Path, size: str = SIZE) -> Took:
    """Make an encrypted disk without a machine."""
    disk, key = folder / "disk", folder / "disk.key"
    took = _run([str(PROGRAM), "disk", "create", str(disk), "--size", size, "--key-file", str(key)])
    room = _room(disk)
    shutil.rmtree(disk)
    key.unlink()
    return Took(took.seconds, took.resident_bytes, room)


def new(folder: Path, selector: str = SELECTOR) -> Took:
    """Make a machine, whose enclave is a process of its own."""
    took = _run([str(PROGRAM), "new", str(folder / "new"), "--as", selector])
    room = _room(folder / "new")
    shutil.rmtree(folder / "new")
    return Took(took.seconds, took.resident_bytes, room)


def occupied(folder: Path, name: str, password: bytes | None, selector: str = SELECTOR) -> Path:
    """Make a machine that has something on its disk, and FileVault on where there is a password; return its folder."""
    made = folder / name
    _run([str(PROGRAM), "new", str(made), "--as", selector])
    _run([sys.executable, "-c", OCCUPY, str(made), *([password.hex()] if password else [])])
    return made


def first_byte(machine: Path, rest_s: float) -> Took:
    """Unlock a machine and read, ``rest_s`` after its enclave has answered for the first time; a password is tried."""
    words = [sys.executable, "-c", FIRST_BYTE, str(machine), str(rest_s), PASSWORD.hex()]
    shown = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True)
    return Took(float(shown.stdout))


def serve(machine: Path) -> Took:
    """Serve a machine that is off, and read a byte as a client does that comes as soon as it can."""
    with tempfile.TemporaryDirectory() as name:
        place, begin = Path(name) / "s", time.perf_counter()
        words = [str(PROGRAM), "disk", "serve", str(machine), "--socket", str(place)]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL) as server:
            try:
                if _asked(place, server) != b"\x01":
                    raise RuntimeError("the server gave another byte")
                seconds = time.perf_counter() - begin
            finally:
                server.send_signal(signal.SIGTERM)
                _, status, used = os.wait4(server.pid, 0)
                server.returncode = os.waitstatus_to_exitcode(status)
    return Took(seconds, used.ru_maxrss * 1024)


def _asked(place: Path, server: subprocess.Popen[bytes]) -> bytes:
    """Return the first byte of the only export, by the oldest words of the protocol."""
    while True:
        try:
            line = socket.socket(socket.AF_UNIX)
            line.connect(str(place))
            break
        except OSError:
            line.close()
            if server.poll() is not None:
                raise RuntimeError("no server came up") from None
            time.sleep(0.001)
    with line, line.makefile("rb") as said:
        said.read(18)
        line.sendall(struct.pack(">I8sII", 3, b"IHAVEOPT", 1, 4) + b"disk")  # no zeroes, NBD_OPT_EXPORT_NAME
        said.read(10)
        line.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 0, 0, 0, 1))
        said.read(16)
        byte = said.read(1)
        line.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 2, 0, 0, 0))
    return byte


def measure(rounds: int) -> dict[str, list[Took]]:
    """Return what each turn of each case took, after one that is not counted."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["XDG_STATE_HOME"] = str(folder / "state")  # where a chip's last state is remembered
        locked, open_one = occupied(folder, "locked", PASSWORD), occupied(folder, "open", None)
        cases: dict[str, Callable[[], Took]] = {
            CREATE: lambda: create(folder),
            NEW: lambda: new(folder),
            WARM: lambda: first_byte(locked, 3.0),
            COLD: lambda: first_byte(locked, 0.0),
            SERVE: lambda: serve(open_one),
        }
        found: dict[str, list[Took]] = {case: [] for case in cases}
        for number in range(rounds + 1):
            for case, run in cases.items():
                took = run()
                if number:
                    found[case].append(took)
    return found


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    load, quiet = os.getloadavg()[0], Quiet()
    quiet.wait("starting")
    found = measure(given.rounds)
    # Not above: what this process holds is counted for those that it starts.
    from benchmarks.report import processor
    from spacegrey.simulation.runfile import write_whole

    rows = []
    for name, turns in found.items():
        seconds = statistics.median(took.seconds for took in turns)
        resident, room = max(took.resident_bytes for took in turns), max(took.room_bytes for took in turns)
        kept = seconds < AIMS_S.get(name, seconds + 1) and resident < RESIDENT_BYTES and room < ROOM_BYTES
        aim = f"aim {AIMS_S[name]:g} s" if name in AIMS_S else ""
        memory = f"{resident / 2**20:5.0f} MiB" if resident else ""
        on_disk = f"{room / 1024:5.0f} KiB on disk" if room else ""
        print(f"{name:62} {seconds:6.3f} s  {aim:10} {memory:9} {on_disk:18} {'' if kept else 'MISSED'}")
        rows.append({"what": name, "median_s": seconds, "aim_s": AIMS_S.get(name), "resident_bytes": resident,
                     "room_bytes": room, "turns": [asdict(took) for took in turns]})  # fmt: skip
    print(f"aims besides: {RESIDENT_BYTES >> 20} MiB of memory, {ROOM_BYTES >> 20} MiB on disk; load before {load:.2f}")
    record = {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "load_before": load,
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in ("spacegrey", "numba", "numpy", "cryptography")},
        "rows": rows,
        "disturbed": quiet.disturbed,
    }
    write_whole(RESULTS, lambda path: path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8"))


if __name__ == "__main__":
    main()
