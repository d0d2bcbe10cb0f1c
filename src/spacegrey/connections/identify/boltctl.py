"""Thunderbolt devices out of what ``boltctl list`` prints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from spacegrey.connections.identify.found import Found, Seen, plain, title

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = re.compile(r"^\s*([●○◌])\s+(\S.*)$")
_LINE = re.compile(r"^[\s│]*[├└]─\s*([a-z ]+):\s*(.*)$")
_SPEED = re.compile(r"(\d+) Gb/s = (\d) lanes? \* (\d+) Gb/s")
_GENERATIONS = {"Thunderbolt 1": "thunderbolt1", "Thunderbolt 2": "thunderbolt2", "Thunderbolt 3": "thunderbolt3"}


def is_boltctl(text: str) -> bool:
    r"""Tell whether a text is what boltctl prints.

    Examples
    --------
    >>> is_boltctl(" ● Razer Core X\n   ├─ type:          peripheral\n")
    True
    """
    lines = text.splitlines()
    return any(_HEAD.match(line) for line in lines) and any(_LINE.match(line) for line in lines)


def read_boltctl(found: Found, text: str, source: str) -> None:
    """Add the devices that are connected; those that boltctl only remembers are left out and named."""
    for sign, head, facts in _devices(text):
        name = title(head)
        if facts.get("type", "peripheral") != "peripheral":
            continue
        if sign == "○" or facts.get("status") == "disconnected":
            found.left_out.append(f"{source}: {name} is known but not connected")
            continue
        seen = Seen(name, source)
        link = _GENERATIONS.get(facts.get("generation", ""))
        if link:
            seen.facts["link"] = link
        elif facts.get("generation"):
            seen.notes.append(f"generation {plain(facts['generation'])}")
        speed = _SPEED.search(facts.get("rx speed", ""))
        if speed:
            seen.notes.append(f"its link runs at {speed[1]} Gb/s ({speed[2]} lanes of {speed[3]})")
        seen.missing = ["kind", *([] if link else ["link"])]
        found.unsure.append(seen)


def _devices(text: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    sign, name, facts = "", "", dict[str, str]()
    for line in text.splitlines():
        head, pair = _HEAD.match(line), _LINE.match(line)
        if head:
            if name:
                yield sign, name, facts
            sign, name, facts = head[1], head[2], {}
        elif pair and name:
            facts.setdefault(pair[1].strip(), pair[2].strip())
    if name:
        yield sign, name, facts
