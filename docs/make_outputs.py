"""Run what the pages show and write its output into them; with ``--check`` only see that every command works.

Three comments in a page, each before a fenced block, in the order in which a reader meets them::

    <!-- file: my-job.toml -->      the block is a file: it is written where the commands run
    <!-- run: spacegrey machines --> the block is the output of a command: it is run, and the block is written anew
    <!-- run status=2: ... -->      the same, for a command that must end with another status

``lines=1-9,14`` keeps these lines of an output and puts an ellipsis for the rest. Each page has a folder of its own.
"""

# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from pages import DOCS, finish

PAGES = (
    "start.md",
    "selectors.md",
    "what-if.md",
    "workloads.md",
    "machines.md",
    "model.md",
    "files.md",
    "python.md",
    "sweep.md",
    "connect.md",
    "network.md",
    "identify.md",
    "calibrate.md",
    "prices.md",
    "match.md",
    "own.md",
    "upgrades.md",
    "choose.md",
    "rivals.md",
    "disk.md",
    "t2.md",
    "secure-boot.md",
    "system-manager.md",
    "../CONTRIBUTING.md",
    "../README.md",
)
MARK = re.compile(
    r"^<!-- (?P<what>file|run)(?P<options>(?: \w+=[\w,-]+)*): (?P<text>.+?) -->\n\n?"
    r"```(?P<kind>\w*)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
WIDTH = "100"


def main(arguments: list[str]) -> int:
    """Fill every page, or the pages named; return 1 if a command ended otherwise than its page says."""
    check = "--check" in arguments
    named = [name for name in arguments if not name.startswith("-")] or PAGES
    wrong: list[str] = []
    pages = {name: _filled(name, wrong) for name in named if (DOCS / name).exists()}
    for line in wrong:
        sys.stderr.write(f"{line}\n")
    if wrong:
        return 1
    return 0 if check else finish(pages, check=False)


def _filled(page: str, wrong: list[str]) -> str:
    source = DOCS / page
    text = source.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:

        def act(found: re.Match[str]) -> str:
            if found["what"] == "file":
                path = Path(folder, found["text"])
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(found["body"], encoding="utf-8")
                return found[0]
            options = dict(part.split("=") for part in found["options"].split())
            status, output = _run(found["text"], Path(folder))
            if status != int(options.get("status", "0")):
                wrong.append(f"docs/{page}: `{found['text']}` ended with {status}:\n{output}")
            shown = _kept(output, options.get("lines", "")).replace(folder, "…")
            head = found[0][: found[0].index("```")]
            return f"{head}```{found['kind']}\n$ {found['text']}\n{shown}```"

        return MARK.sub(act, text)


def _run(command: str, folder: Path) -> tuple[int, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": WIDTH, "NO_COLOR": "1", "TERM": "dumb", "MPLBACKEND": "agg"}
    done = subprocess.run(  # noqa: S602 - the project's own pages, as a reader types them
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    output = "".join(f"{line.rstrip()}\n" for line in (done.stdout + done.stderr).strip("\n").splitlines())
    return done.returncode, output


def _kept(output: str, wanted: str) -> str:
    if not wanted:
        return output
    lines = output.splitlines()
    kept: list[str] = []
    last = 0
    for part in wanted.split(","):
        first, _, end = part.partition("-")
        begin, stop = int(first), int(end or first)
        if begin > last + 1:
            kept.append("…")
        kept += lines[begin - 1 : stop]
        last = stop
    if last < len(lines):
        kept.append("…")
    return "".join(f"{line}\n" for line in kept)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
