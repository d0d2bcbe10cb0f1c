"""PCI devices out of what ``lspci -vv`` prints: the tree, the links' state, and what hangs behind Thunderbolt."""

from __future__ import annotations

import re
from dataclasses import dataclass

from spacegrey.connections.identify.found import Found, Seen, plain, title

_HEAD = re.compile(r"^((?:[0-9a-f]{4}:)?([0-9a-f]{2}):[0-9a-f]{2}\.[0-7])\s+([^:]+?):\s+(.+)$")
_BUS = re.compile(r"Bus: primary=([0-9a-f]{2}), secondary=([0-9a-f]{2}), subordinate=([0-9a-f]{2})")
_LINK = re.compile(r"Lnk(Cap|Sta):.*?Speed ([\d.]+)\s?GT/s[^,]*, Width x(\d+)")
_THUNDERBOLT = re.compile(r"thunderbolt|alpine ridge|titan ridge|DSL\d{4}|JHL\d{4}", re.IGNORECASE)
_KINDS = {
    "Ethernet controller": "network",
    "Non-Volatile memory controller": "storage",
    "SATA controller": "storage",
    "RAID bus controller": "storage",
    "Multimedia video controller": "capture",
}
_GENERATIONS = {2.5: 1, 5.0: 2, 8.0: 3, 16.0: 4, 32.0: 5}

LONGEST_LINE = 1000
"""lspci prints no longer one; what follows is not looked at, for a search could take long."""


@dataclass
class Function:
    """One PCI function.

    Attributes
    ----------
    address, bus : str
        ``3b:00.0`` and ``3b``.
    kind, name : str
        Class and device, in words.
    secondary : str or None
        The bus behind a bridge.
    able, runs : tuple or None
        Speed and width that its link can do, and has. [GT/s, lanes]
    """

    address: str
    bus: str
    kind: str
    name: str
    secondary: str | None = None
    able: tuple[float, int] | None = None
    runs: tuple[float, int] | None = None

    @property
    def thunderbolt(self) -> bool:
        """It is a part of a Thunderbolt controller."""
        return bool(_THUNDERBOLT.search(self.name))


def is_lspci(text: str) -> bool:
    """Tell whether a text is what lspci prints.

    Examples
    --------
    >>> is_lspci("00:00.0 Host bridge: Intel Corporation Sky Lake-E DMI3 Registers (rev 04)")
    True
    """
    return any(_HEAD.match(line[:LONGEST_LINE]) for line in text.splitlines()[:200])


def functions(text: str) -> list[Function]:
    """Return the functions that a text lists, in its order.

    Examples
    --------
    >>> functions("3b:00.0 Ethernet controller: Aquantia Corp. AQC107 [1d6a:07b1] (rev 02)")[0].name
    'Aquantia Corp. AQC107'
    """
    listed: list[Function] = []
    for whole in text.splitlines():
        line = whole[:LONGEST_LINE]
        head = _HEAD.match(line)
        if head:
            kind = re.sub(r"\s*\[[0-9a-f]{4}\]$", "", head[3])
            listed.append(
                Function(head[1], head[2], kind, re.sub(r"\s*\[[0-9a-f:]{9}\]|\s*\(rev [^)]*\)", "", head[4]))
            )
            continue
        if not listed:
            continue
        bus, link = _BUS.search(line), _LINK.search(line)
        if bus:
            listed[-1].secondary = bus[2]
        if link:
            value = (float(link[2]), int(link[3]))
            if link[1] == "Cap":
                listed[-1].able = listed[-1].able or value
            else:
                listed[-1].runs = listed[-1].runs or value
    return listed


def read_lspci(found: Found, text: str, source: str) -> None:
    """Add what hangs behind Thunderbolt, and say which links run slower than they could."""
    listed = functions(text)
    bridges: dict[str, Function] = {one.secondary: one for one in listed if one.secondary}
    for one in listed:
        if one.able and one.runs and one.runs < one.able and one.runs[1]:
            (speed, width), (best, most) = one.runs, one.able
            slow = f"runs at {speed:g} GT/s x{width}, could do {best:g} GT/s x{most}"
            found.left_out.append(f"{source}: {one.address} {plain(one.name)} {slow}")
        if one.secondary or one.thunderbolt or not _behind_thunderbolt(one, bridges):
            continue
        seen = Seen(
            title(one.name), source, {"link": "thunderbolt3"}, notes=[f"PCI function {one.address} ({one.kind})"]
        )
        kind = _KINDS.get(one.kind)
        if kind:
            seen.facts["kind"] = kind
        else:
            seen.missing.append("kind")
        if one.runs:
            seen.notes.append(f"its PCIe link runs at generation {_GENERATIONS.get(one.runs[0], '?')} x{one.runs[1]}")
        seen.missing += _needed(kind)
        found.unsure.append(seen)


def _needed(kind: str | None) -> list[str]:
    return (
        ["read_gbps", "write_gbps"] if kind in {"storage", "capture"} else ["rates_gbps"] if kind == "network" else []
    )


def _behind_thunderbolt(one: Function, bridges: dict[str, Function]) -> bool:
    seen: set[str] = set()
    bus = one.bus
    while bus in bridges and bus not in seen:
        seen.add(bus)
        if bridges[bus].thunderbolt:
            return True
        bus = bridges[bus].bus
    return False
