"""Write the tables of rivals.md: who wins where; with ``--check`` only compare."""

# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import datetime as dt
import sys

from pages import fill, finish, table

from spacegrey.decide.gather import Market
from spacegrey.decide.rivals import Contest, contests
from spacegrey.workload.library import workload

RIVALS = ("imac-pro", "mac-pro-2013", "imac-5k-2017", "imac-5k-2020", "mac-pro-2019", "macbook-air-m1")
DAY = dt.date(2018, 6, 1)
SHORT = {
    "imac-pro": "iMac Pro", "mac-pro-2013": "Mac Pro 2013", "imac-5k-2017": "iMac 5K 2017",
    "imac-5k-2020": "iMac 5K 2020", "mac-pro-2019": "Mac Pro 2019", "macbook-air-m1": "MacBook Air M1",
}  # fmt: skip
WORKLOADS = (
    "xcode-eidolon", "xcode-eidolon-incremental", "xcodebenchmark", "geekbench-5-single", "cinebench-r23-single",
    "office", "blender-cpu", "cinebench-r23", "hash-sustained", "spherical-harmonics-forward", "cfd-usm3d", "xmrig",
    "memory-stream", "memory-latency", "blender-gpu", "ml-fp16", "witcher-3-4k", "vr-90hz", "final-cut-4k",
    "disk-sequential",
)  # fmt: skip


def regions() -> dict[str, str]:
    """Return the tables by the names of their regions."""
    asked = [workload(name) for name in WORKLOADS]
    found = contests(asked, RIVALS)
    then = contests(asked, RIVALS[:3], market=Market(on=DAY))
    return {"speeds": _speeds(found, RIVALS), "winners": _winners(found), "then": _speeds(then, RIVALS[:3])}


def _speeds(found: list[Contest], machines: tuple[str, ...]) -> str:
    rows: list[list[str]] = []
    for one in found:
        most = max(point.speed_step for point in one.best.values())
        cells = [
            f"**{100 * point.speed:.0f}**" if point.speed_step == most else f"{100 * point.speed:.0f}"
            for point in (one.best[name] for name in machines)
        ]
        rows.append([f"`{one.workload}`", *cells])
    return table(["workload", *(SHORT[name] for name in machines)], rows, "bcdefg")


def _winners(found: list[Contest]) -> str:
    rows = [
        [
            f"`{one.workload}`",
            f"`{one.fastest.selector}` (${one.fastest.price:,.0f})",
            *(SHORT[point.machine_id] for point in (one.best_value, one.thriftiest)),
        ]
        for one in found
    ]
    return table(["workload", "fastest", "speed for its price", "least energy"], rows)


def main(arguments: list[str]) -> int:
    """Fill the page's tables."""
    return finish({"rivals.md": fill("rivals.md", regions())}, check="--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
