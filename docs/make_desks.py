"""Draw the desks of docs/connect.md from their plans, and write its lists of devices and cables."""

# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from pages import DOCS, fill, finish

from spacegrey.connections.arrange import connect
from spacegrey.connections.devices import cables, device_tables
from spacegrey.connections.plan import read_plan
from spacegrey.interfaces.wiring.svg import drawing
from spacegrey.machine.assembly import machine

PAGE = "connect.md"
FILE = re.compile(r"^<!-- file: (\S+\.toml) -->\n\n```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN = re.compile(r"^<!-- run[^:]*: spacegrey connect (\S+) --on (\S+) -->", re.MULTILINE)


def main(arguments: list[str]) -> int:
    """Write every drawing that the page shows, or with ``--check`` compare."""
    text = (DOCS / PAGE).read_text(encoding="utf-8")
    plans, pictures = dict(FILE.findall(text)), dict[str, str]()
    with tempfile.TemporaryDirectory() as folder:
        for name, selector in RUN.findall(text):
            picture = f"images/desk-{Path(name).stem}.svg"
            if picture in text:
                path = Path(folder, name)
                path.write_text(plans[name], encoding="utf-8")
                pictures[picture] = drawing(connect(read_plan(path), machine(selector)))
    names = {"devices": ", ".join(f"`{name}`" for name in sorted(device_tables()))}
    names["cables"] = ", ".join(f"`{name}`" for name in sorted(cables()))
    for picture in pictures:
        (DOCS / picture).touch()  # the first time
    return finish({PAGE: fill(PAGE, names), **pictures}, check="--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
