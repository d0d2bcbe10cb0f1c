"""What was found, written as a plan: devices that are complete, and the others as comments that say what to add."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tomli_w

if TYPE_CHECKING:
    from spacegrey.connections.identify.found import Found, Seen

_WANTED = {
    "kind": "display, storage, network, capture, dock, hub, enclosure or card",
    "link": "thunderbolt3, usb3, usb3.1-gen2, displayport, hdmi, ethernet, sd or pcie",
    "read_gbps": "what it reads at most",
    "write_gbps": "what it writes at most",
    "rates_gbps": "line rates of its partner, in a list",
    "receptacles": "what can be plugged into it; or a model of the catalog",
    "width": "pixels",
    "height": "pixels",
    "refresh_hz": "pictures a second",
    "pixel_clock_mhz": "of its timing",
    "tiles": "1 or 2",
}


def plan_text(found: Found) -> str:
    """Return the plan as TOML.

    Examples
    --------
    >>> from spacegrey.connections.identify.found import Found, Seen
    >>> print(plan_text(Found(devices=[Seen("array", "bolt.txt", {"model": "promise-pegasus3-r8"})])))
    # What is plugged in, as its dumps show it.
    <BLANKLINE>
    # from bolt.txt
    [[device]]
    name = "array"
    model = "promise-pegasus3-r8"
    <BLANKLINE>
    """
    machine = f" of {found.machine}" if found.machine else ""
    parts = [f"# What is plugged in{machine}, as its dumps show it.\n"]
    parts += [_device(seen) for seen in found.devices]
    if found.unsure:
        parts.append("# Not complete: fill in what is missing and take the marks away.\n")
        parts += [_open(seen) for seen in found.unsure]
    return "\n".join(parts)


def _device(seen: Seen) -> str:
    return f"{_comments(seen)}[[device]]\n{_body(seen)}"


def _open(seen: Seen) -> str:
    lines = ["[[device]]", *_body(seen).splitlines()]
    lines += [f"{key} =   # missing: {_WANTED.get(key, 'not in the dumps')}" for key in seen.missing]
    return _comments(seen) + "".join(f"#? {line}\n" for line in lines)


def _body(seen: Seen) -> str:
    facts: dict[str, Any] = {"name": seen.name, **seen.facts}
    return tomli_w.dumps(facts)


def _comments(seen: Seen) -> str:
    return "".join(f"# {line}\n" for line in (f"from {seen.source}", *seen.notes))
