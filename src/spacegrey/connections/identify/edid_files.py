"""Displays out of EDID files, such as a copy of ``/sys/class/drm``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spacegrey.connections.identify.found import Found, Seen, title

if TYPE_CHECKING:
    from spacegrey.parts.display.edid import Edid
    from spacegrey.parts.display.timing import Timing

_BUILT_IN = ("edp", "lvds", "dsi")
_PANEL_NAMES = ("iMac", "Color LCD")


def add_display(found: Found, edid: Edid, source: str, connector: str = "") -> None:
    """Add the display that an EDID describes: the second tile of one joins the first.

    Parameters
    ----------
    found : Found
        Is added to.
    edid : Edid
        As read.
    source : str
        The file.
    connector : str
        Name of the folder that it lay in: ``card0-DP-1``; that of a built-in panel is told by it.
    """
    name = title(edid.name or f"{edid.maker} {edid.product:04X}")
    if any(part in connector.lower() for part in _BUILT_IN) or (edid.maker == "APP" and edid.name in _PANEL_NAMES):
        found.left_out.append(f"{source}: {name} is the machine's own panel")
        return
    if edid.tile and (one := edid.best()) and (one.width, one.height) == edid.native and not edid.tile_timing():
        edid = replace(edid, tile=None)  # one link feeds it all: Display Stream Compression
    timing = edid.tile_timing() if edid.tile else edid.best()
    if timing is None:
        seen = Seen(name, source, {"kind": "display"}, ["width", "height", "pixel_clock_mhz"])
        seen.notes.append("its EDID names no detailed timing that fits it")
        found.unsure.append(seen)
        return
    facts = _facts(edid, timing)
    key = (edid.maker, edid.product, edid.tile.serial if edid.tile else None)
    if edid.tile and edid.tile.columns * edid.tile.rows > 1 and _joined(found, key, edid, source):
        return
    seen = Seen(name, source, facts, notes=_notes(edid))
    if edid.tile:
        facts["_tile"] = (key, {(edid.tile.column, edid.tile.row)})
        if edid.tile.columns * edid.tile.rows != 2:  # noqa: PLR2004 - as a plan has it
            seen.missing.append("tiles")
    if "link" not in facts:
        seen.missing.append("link")
    (found.unsure if seen.missing else found.devices).append(seen)


def _notes(edid: Edid) -> list[str]:
    notes: list[str] = []
    if edid.tile:
        notes = [
            f"tile {edid.tile.column} of {edid.tile.columns} x {edid.tile.rows}",
            "its EDID does not tell a Thunderbolt cable from two DisplayPort cables",
        ]
    if edid.bits_per_colour:
        notes.append(f"takes up to {edid.bits_per_colour} bits per colour; bits_per_colour in a plan insists on them")
    if edid.unread:
        codes = sum(item.startswith("video code") for item in edid.unread)
        items = [f"{codes} video codes"] if codes else []
        items += [item for item in dict.fromkeys(edid.unread) if not item.startswith("video code")]
        notes.append(f"not understood in its EDID: {', '.join(items)}")
    return notes


def _facts(edid: Edid, timing: Timing) -> dict[str, Any]:
    tiles = edid.tile.columns * edid.tile.rows if edid.tile else 1
    facts: dict[str, Any] = {
        "kind": "display",
        "width": timing.width * (edid.tile.columns if edid.tile else 1),
        "height": timing.height * (edid.tile.rows if edid.tile else 1),
        "refresh_hz": round(timing.refresh_hz, 2),
        "pixel_clock_mhz": timing.pixel_clock_khz / 1e3,
    }
    if tiles == 2:  # noqa: PLR2004 - as a plan has it
        facts["tiles"] = 2
    if tiles > 1:
        return facts
    if edid.interface == "DisplayPort":
        facts["link"] = "displayport"
    elif (edid.interface or "").startswith("HDMI") or edid.tmds_max_mhz:
        facts["link"] = "hdmi"
    return facts


def _joined(found: Found, key: tuple[str, int, int | None], edid: Edid, source: str) -> bool:
    """Join a tile to the display of which another tile was seen; tell whether there is one."""
    tile = edid.tile
    for seen in [*found.devices, *found.unsure]:
        other = seen.facts.get("_tile")
        if tile and other and other[0] == key and (tile.column, tile.row) not in other[1]:
            other[1].add((tile.column, tile.row))
            seen.notes.append(f"tile {tile.column} in {source}")
            return True
    return False
