"""The encrypted disk beside other NBD servers, all in one run, by fio's NBD engine on Unix sockets.

Run as ``python -m benchmarks.disk``: prints a table with ratios and writes ``results/disk.json``. Needs fio,
qemu-utils and nbdkit. Every server holds the same 400 MB, written once before anything is timed; the cases go round the
servers, so that what else the computer does hits all of them; of each the best counts, and the median of the
rounds' ratios is told besides. All of it is done with the disks in memory, where only programs are compared, and on a
drive. Ratios are what to look at.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.quiet import Quiet
from benchmarks.report import processor

SPAN_MIB = 400
CASES = {
    "read 1 MiB, depth 16": ("read", "1m", 16),
    "write 1 MiB, depth 16": ("write", "1m", 16),
    "random read 4 KiB, depth 16": ("randread", "4k", 16),
    "random write 4 KiB, depth 16": ("randwrite", "4k", 16),
    "random read 4 KiB, depth 1": ("randread", "4k", 1),
    "random write 4 KiB, depth 1": ("randwrite", "4k", 1),
}
AIMS = (
    ("spacegrey", "qemu-nbd LUKS", "read 1 MiB, depth 16", 4.0),
    ("spacegrey", "qemu-nbd LUKS", "write 1 MiB, depth 16", 4.0),
    ("spacegrey", "qemu-nbd LUKS", "random read 4 KiB, depth 16", 2.0),
    ("spacegrey", "qemu-nbd LUKS", "random write 4 KiB, depth 16", 2.0),
    ("spacegrey", "spacegrey, plain", "read 1 MiB, depth 16", 0.5),
    ("spacegrey", "spacegrey, plain", "write 1 MiB, depth 16", 0.5),
    ("spacegrey", "spacegrey, plain", "random read 4 KiB, depth 16", 0.5),
    ("spacegrey", "spacegrey, plain", "random write 4 KiB, depth 16", 0.5),
    ("spacegrey", "nbdkit memory", "random read 4 KiB, depth 1", 0.7),
    ("spacegrey", "nbdkit memory", "random write 4 KiB, depth 1", 0.7),
)
"""Ours, the other, the case, and the least ratio that was aimed at."""

PEERS = ("fio", "qemu-nbd", "nbdkit")

MEMORY = Path("/dev/shm")  # noqa: S108 - in it nothing waits for a drive, whose writing back comes and goes

RESULTS = Path(__file__).parent / "results" / "disk.json"


@dataclass
class Served:
    process: subprocess.Popen
    socket: Path


def _wait_for(path: Path, process: subprocess.Popen) -> None:
    for _ in range(3000):
        if path.exists():
            return
        if process.poll() is not None:
            break
        time.sleep(0.01)
    raise SystemExit(f"no server came up at {path}")


def start(name: str, folder: Path) -> Served:
    """Start one of the servers on an empty disk; ours as a user does, with the key in the enclave's process."""
    folder.mkdir()
    socket, image, secret = folder / "s", folder / "image", "secret,id=key,data=benchmark"
    program = str(Path(sys.executable).with_name("spacegrey"))
    quiet = {"stdout": subprocess.DEVNULL}
    if name == "spacegrey":
        subprocess.run([program, "new", str(folder / "machine"), "--as", "imac-pro"], check=True, **quiet)
        words = [program, "disk", "serve", str(folder / "machine"), "--socket", str(socket)]
    elif name == "spacegrey, plain":
        words = [sys.executable, "-m", "benchmarks.disk_plain", str(folder / "disk"), str(socket)]
    elif name == "qemu-nbd LUKS":
        # The same cipher as ours: XTS with two AES keys of 128 bits, in qemu's sectors of 512 bytes.
        options = "key-secret=key,iter-time=10,cipher-alg=aes-128,cipher-mode=xts,ivgen-alg=plain64"
        words = ["qemu-img", "create", "-q", "-f", "luks", "--object", secret, "-o", options, str(image), "4G"]
        # qemu times its key derivation and gives up where the clock is too coarse: it may need another try.
        if not any(subprocess.run(words, check=False).returncode == 0 for _ in range(10)):
            raise SystemExit("qemu-img made no LUKS image")
        words = ["qemu-nbd", "-t", "-e", "8", "--cache=writeback", "-k", str(socket), "--object", secret]
        words += ["--image-opts", f"driver=luks,key-secret=key,file.driver=file,file.filename={image}"]
    else:
        words = ["nbdkit", "-f", "-U", str(socket), "memory", "4G"]
    process = subprocess.Popen(words, **quiet)
    _wait_for(socket, process)
    return Served(process, socket)


def fio(served: Served, how: str, size: str, depth: int, seconds: float) -> dict[str, float]:
    """Return MB/s and requests a second of one case; without seconds the span is written once."""
    uri = f"nbd+unix:///?socket={served.socket}"
    words = ["fio", "--name=x", "--ioengine=nbd", f"--uri={uri}", f"--rw={how}", f"--bs={size}", f"--iodepth={depth}",
             f"--size={SPAN_MIB}m", "--output-format=json", "--randrepeat=0", "--norandommap"]  # fmt: skip
    words += ["--time_based", f"--runtime={seconds}"] if seconds else []
    processes = [served.process.pid, *(child.pid for child in psutil.Process(served.process.pid).children())]
    before = sum(map(_cpu_s, processes))
    shown = subprocess.run(words, check=True, capture_output=True, encoding="utf-8", cwd=served.socket.parent).stdout
    (job,) = json.loads(shown[shown.index("{") :])["jobs"]
    found = job["read" if "read" in how else "write"]
    cpu_us = 1e6 * (sum(map(_cpu_s, processes)) - before) / max(1, found["total_ios"])
    return {"mb_s": found["bw_bytes"] / 1e6, "requests_s": found["iops"], "server_cpu_us": cpu_us}


def _cpu_s(pid: int) -> float:
    """Return the processor time of a process, what a busy computer changes least; a server's enclave counts too."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(
    folder: Path, seconds: float, rounds: int, only: str, quiet: Quiet
) -> dict[str, dict[str, dict[str, float]]]:
    """Return the best of each server in each case."""
    names = ("spacegrey", "spacegrey, plain", "qemu-nbd LUKS", "nbdkit memory")
    servers, best = {}, {name: {} for name in names}
    try:
        for number, name in enumerate(names):
            servers[name] = start(name, folder / str(number))
            fio(servers[name], "write", "1m", 4, 0)
        for case, (how, size, depth) in CASES.items():
            if only not in case:
                continue
            for _ in range(rounds):
                quiet.wait(case)
                for name, served in servers.items():
                    found = fio(served, how, size, depth, seconds)
                    before = best[name].get(case, {"mb_s": 0.0, "rounds": []})
                    rounds_mb_s = [*before["rounds"], found["mb_s"]]
                    best[name][case] = {**max(before, found, key=lambda one: one["mb_s"]), "rounds": rounds_mb_s}
    finally:
        for served in servers.values():
            served.process.terminate()
            served.process.wait()
    return best


def ratios(best: dict[str, dict[str, dict]]) -> list[dict]:
    """Return for each aim the ratio of the best, and the median of the rounds' ratios, each within its own minute."""
    found = []
    for ours, other, case, aim in AIMS:
        if case in best[ours]:
            one, two = best[ours][case], best[other][case]
            median = statistics.median(a / b for a, b in zip(one["rounds"], two["rounds"], strict=True))
            found.append({"ours": ours, "other": other, "case": case, "aim": aim,
                          "ratio": one["mb_s"] / two["mb_s"], "median": median})  # fmt: skip
    return found


def show(place: str, best: dict[str, dict[str, dict]]) -> None:
    """Print what was found with the disks in one place."""
    print(f"{place:30}" + "".join(f"{server:>20}" for server in best))
    for case in best["spacegrey"]:
        _, size, _ = CASES[case]
        unit = "MB/s" if size == "1m" else "requests/s"
        values = [best[server][case]["mb_s" if size == "1m" else "requests_s"] for server in best]
        print(f"{case:30}" + "".join(f"{value:>20,.0f}" for value in values) + f"  {unit}")
        spent = [best[server][case]["server_cpu_us"] for server in best]
        print(f"{'  processor time':30}" + "".join(f"{value:>20,.1f}" for value in spent) + "  us a request")
    for one in ratios(best):
        met = "met" if one["ratio"] >= one["aim"] else "MISSED"
        print(f"{one['case']:30} over {one['other']:18} {one['ratio']:6.2f}   median of rounds {one['median']:.2f}   "
              f"aim {one['aim']:g}   {met}")  # fmt: skip


def version(program: str) -> str:
    """Return the first number that a program tells as its version."""
    told = subprocess.run([program, "--version"], check=True, capture_output=True, encoding="utf-8").stdout
    return re.search(r"\d[\d.]*\d", told)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help="cases with this in their name")
    parser.add_argument("--folder", type=Path, help="a folder on a drive (default: the system's for what is temporary)")
    given = parser.parse_args()
    missing = [tool for tool in (*PEERS, "qemu-img") if not shutil.which(tool)]
    if missing:
        raise SystemExit(f"these programs are missing: {', '.join(missing)}")
    load = os.getloadavg()[0]
    quiet, found = Quiet(), {}
    for place, folder in {"in memory": MEMORY, "on a drive": given.folder}.items():
        if folder is None or folder.is_dir():
            with tempfile.TemporaryDirectory(dir=folder) as name:
                found[place] = measure(Path(name), given.seconds, given.rounds, given.only or "", quiet)
            show(place, found[place])
    print(f"load before: {load:.2f} on {os.cpu_count()} processors")
    record = {
        "places": {place: {"cases": best, "ratios": ratios(best)} for place, best in found.items()},
        "rounds": given.rounds,
        "load_before": load,
        "disturbed": quiet.disturbed,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PEERS},
    }
    if not given.only:
        RESULTS.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
