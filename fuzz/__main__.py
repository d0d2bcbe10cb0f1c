"""``python -m fuzz TARGET``: run a target; ``--help`` says more."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fuzz.loop import WORDS
from fuzz.scratch import PLACE, place
from fuzz.targets import COMPILED, INSTRUMENTED, TARGETS, target

CORPUS = Path(__file__).parent / "corpus"
FOUND = Path("fuzz-found")
"""Where an input that failed is kept."""

_LARGEST_MIB = 1024
_DONE = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_PEAK = re.compile(r"stat::peak_rss_mb:\s*(\d+)")
_SLOWEST = re.compile(r"stat::slowest_unit_time_sec:\s*(\d+)")
_GROWN = re.compile(r"#\d+\s+DONE\s+cov: (\d+) ft: \d+ corp: (\d+)/")


def seeds(name: str) -> list[bytes]:
    """Return a target's corpus, in the order of its names."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]


def by_loop(name: str, inputs: int, seed: int) -> int:
    """Run the built-in loop, and print a line of JSON."""
    from fuzz.loop import Failed, run

    try:
        ran = run(target(name), seeds(name), inputs, seed)
    except Failed as failed:
        FOUND.mkdir(exist_ok=True)
        path = FOUND / f"{name}-{seed}"
        path.write_bytes(failed.data)
        raise SystemExit(f"{name}: {failed}; the input is {path}") from failed
    print(json.dumps({"target": name, "engine": "loop", **ran.__dict__}))
    return 0


def by_atheris(name: str, inputs: int, seed: int) -> int:
    """Run atheris in a process of its own, and print a line of JSON."""
    begin = time.perf_counter()
    FOUND.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="spacegrey-fuzz-", dir=place()) as folder:
        grown, words = Path(folder, "grown"), Path(folder, "words")
        grown.mkdir()
        words.write_text("".join(f'"{_escaped(word)}"\n' for word in WORDS), "ascii")
        options = [f"-runs={inputs}", f"-seed={seed}", "-max_len=8192", "-timeout=10", f"-rss_limit_mb={_LARGEST_MIB}"]
        options += ["-print_final_stats=1", "-verbosity=1", f"-artifact_prefix={FOUND}/{name}-", f"-dict={words}"]
        command = [sys.executable, "-m", "fuzz", name, "--engine", "atheris-child", "--", *options, str(grown)]
        own = {**os.environ, PLACE: folder}
        done = subprocess.run([*command, str(CORPUS / name)], env=own, capture_output=True, text=True, check=False)
    tail = f"{done.stdout[-4000:]}\n{done.stderr[-2000:]}"  # the exception from atheris, the input from libFuzzer
    if done.returncode or not (count := _DONE.search(done.stderr)):
        raise SystemExit(f"{name}: failed; the input is under {FOUND}\n{tail}")
    found = {"target": name, "engine": "atheris", "inputs": int(count[1])}
    found["seconds"] = round(time.perf_counter() - begin, 1)
    for key, pattern in (("peak_mib", _PEAK), ("slowest_s", _SLOWEST), ("branches", _GROWN)):
        found[key] = int(match[1]) if (match := pattern.search(done.stderr)) else None
    print(json.dumps(found))
    return 0


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def _child(name: str, options: list[str]) -> int:
    import atheris  # pyright: ignore[reportMissingImports] - the extra fuzz

    with atheris.instrument_imports(include=list(INSTRUMENTED), exclude=list(COMPILED)):
        function = target(name)
    function(b"")  # what it compiles or makes first would look like a hang
    atheris.Setup(["fuzz", *options], function)
    atheris.Fuzz()
    return 0


def main() -> int:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", choices=["all", *TARGETS], default="all")
    parser.add_argument("--list", action="store_true", help="name the targets")
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=["loop", "atheris", "atheris-child"], default="loop")
    own, options = sys.argv[1:], []
    if "--" in own:
        own, options = own[: own.index("--")], own[own.index("--") + 1 :]
    asked = parser.parse_args(own)
    if asked.list:
        print(*TARGETS, sep="\n")
        return 0
    if asked.engine == "atheris-child":
        return _child(asked.target[0], options)
    for name in TARGETS if "all" in asked.target else asked.target:
        (by_loop if asked.engine == "loop" else by_atheris)(name, asked.inputs, asked.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
