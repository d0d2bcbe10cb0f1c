"""Draw the desks of docs/connect.md from their plans; write its lists of devices and cables and its published cases."""

# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

from pages import DOCS, fill, finish, table

from spacegrey.connections.arrange import connect
from spacegrey.connections.devices import cables, device, device_tables
from spacegrey.connections.plan import read_plan
from spacegrey.connections.planner import port_tree
from spacegrey.interfaces.wiring.svg import drawing
from spacegrey.machine.assembly import machine
from spacegrey.machine.catalog import machine_ids

PAGE = "connect.md"
FILE = re.compile(r"^<!-- file: (\S+\.toml) -->\n\n```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN = re.compile(r"^<!-- run[^:]*: spacegrey connect (\S+) --on (\S+) -->", re.MULTILINE)


def main(arguments: list[str]) -> int:
    """Write every drawing that the page shows, or with ``--check`` compare."""
    text = (DOCS / PAGE).read_text(encoding="utf-8")
    plans, pictures = dict(FILE.findall(text)), dict[str, str]()
    with tempfile.TemporaryDirectory() as folder:
        published = _published(Path(folder, "published.toml"))
        for name, selector in RUN.findall(text):
            picture = f"images/desk-{Path(name).stem}.svg"
            if picture in text:
                path = Path(folder, name)
                path.write_text(plans[name], encoding="utf-8")
                pictures[picture] = drawing(connect(read_plan(path), machine(selector)))
    names = {"devices": ", ".join(f"`{name}`" for name in sorted(device_tables()))}
    names["published"] = published
    names["cables"] = ", ".join(f"`{name}`" for name in sorted(cables()))
    for picture in pictures:
        (DOCS / picture).touch()  # the first time
    return finish({PAGE: fill(PAGE, names), **pictures}, check="--check" in arguments)


def _published(path: Path) -> str:
    """Return what makers say of displays beside what the planner says of the same."""
    rows = list[tuple[str, str, str, str]]()
    for one in machine_ids():
        built = machine(one)
        for case in port_tree(built).published:
            models = enumerate(case.displays)
            path.write_text("".join(f'[[device]]\nname = "{n}"\nmodel = "{m}"\n' for n, m in models), "utf-8")
            answer = connect(read_plan(path), built)
            says = "fits" if answer.fits else "unproven" if answer.unproven else "does not fit"
            shown = [f"{count} x {device(name).name}" for name, count in Counter(case.displays).items()]
            rows.append((built.spec.name, ", ".join(shown), "fits" if case.fits else "does not fit", says))
    return table(["machine", "displays", "maker", "planner"], rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
