"""A folder of dumps of a real machine, read into devices of a plan."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from spacegrey.connections.devices import device, device_tables
from spacegrey.connections.identify.boltctl import is_boltctl, read_boltctl
from spacegrey.connections.identify.edid_files import add_display
from spacegrey.connections.identify.found import Found, Seen, printable, slug
from spacegrey.connections.identify.lspci import is_lspci, read_lspci
from spacegrey.connections.identify.profiler import is_profiler, read_profiler
from spacegrey.errors import InputError, Refusal
from spacegrey.parts.display.edid import BLOCK, HEADER, MOST_BLOCKS, read_edid

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_FILES = 2000
DEEPEST = 6
LARGEST_BYTES = 16_000_000

_HEX = set("0123456789abcdef")
_COMPANY_WORDS = {"inc", "technology", "technologies", "corp", "corporation", "ltd", "co", "the"}


def identify(folder: Path) -> Found:
    """Read every dump in a folder.

    Parameters
    ----------
    folder : Path
        Holds, in files of any name and up to six levels deep, what ``boltctl list``, ``system_profiler -json`` and
        ``lspci -vv`` print, and EDIDs as bytes or in hexadecimal, such as a copy of ``/sys/class/drm``.

    Returns
    -------
    Found
        Devices that a plan can hold, those of which something is missing, and what was left out.

    Raises
    ------
    InputError
        No folder, or an EDID in it is broken; the line names the file.
    Refusal
        No file of it is a dump that is read.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: not a folder")
    found = Found()
    for path in _files(folder):
        _read(found, path, printable(path.relative_to(folder).as_posix()))
    if not found.read:
        raise Refusal(
            f"{folder}: no dump in it: looked for boltctl list, system_profiler -json, lspci -vv and EDID files in "
            f"{len(found.not_read)} files"
        )
    _join_displays(found)
    _look_up(found)
    _name_apart(found)
    _settle_chains(found)
    for seen in [*found.devices, *found.unsure]:
        for key in [key for key in seen.facts if key.startswith("_")]:
            del seen.facts[key]
    return found


def _files(folder: Path) -> Iterator[Path]:
    count = 0
    for here, folders, names in os.walk(folder):
        folders.sort()
        if len(Path(here).relative_to(folder).parts) >= DEEPEST:
            folders.clear()
        for name in sorted(names):
            count += 1
            if count > MOST_FILES:
                raise InputError(f"{folder}: more than {MOST_FILES} files: name a folder that holds the dumps only")
            yield Path(here, name)


def _read(found: Found, path: Path, source: str) -> None:
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_BYTES:
            found.not_read.append(f"{source}: no plain file, or larger than {LARGEST_BYTES / 1e6:g} MB")
            return
        data = path.read_bytes()
    except OSError as error:
        found.not_read.append(f"{source}: {error.strerror or error}")
        return
    if data[:8] == HEADER or (path.name == "edid" and data):
        if len(data) > MOST_BLOCKS * BLOCK:
            raise InputError(f"{source}: not an EDID: more than {MOST_BLOCKS} blocks of {BLOCK} bytes")
        add_display(found, read_edid(data, source), source, path.parent.name)
        found.read.append(f"{source}: EDID")
        return
    if path.name == "edid":
        found.read.append(f"{source}: EDID of a connector that nothing is connected to")
        return
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        found.not_read.append(f"{source}: neither text nor an EDID")
        return
    _read_text(found, text, source, path.parent.name)


def _read_text(found: Found, text: str, source: str, folder: str) -> None:
    digits = "".join(line for line in text.lower().splitlines() if not line.startswith("#"))
    digits = "".join(digits.split())
    if digits.startswith(HEADER.hex()) and not set(digits) - _HEX:
        if len(digits) % 2:
            raise InputError(f"{source}: truncated: {len(digits)} hexadecimal digits are no whole number of bytes")
        add_display(found, read_edid(bytes.fromhex(digits), source), source, folder)
        found.read.append(f"{source}: EDID in hexadecimal")
    elif text.lstrip()[:1] in {"{", "["}:
        try:
            profile: Any = json.loads(text)
        except (ValueError, RecursionError):
            found.not_read.append(f"{source}: broken JSON")
            return
        if is_profiler(profile):
            read_profiler(found, cast("dict[str, Any]", profile), source)
            found.read.append(f"{source}: system_profiler")
        else:
            found.not_read.append(f"{source}: JSON that system_profiler did not print")
    elif is_boltctl(text):
        read_boltctl(found, text, source)
        found.read.append(f"{source}: boltctl")
    elif is_lspci(text):
        read_lspci(found, text, source)
        found.read.append(f"{source}: lspci")
    else:
        found.not_read.append(f"{source}: no dump that is known")


def _join_displays(found: Found) -> None:
    """Join a display's EDID with the Thunderbolt device of its name, where there is exactly one of each."""
    every = [*found.devices, *found.unsure]
    for display in [seen for seen in every if seen.facts.get("kind") == "display" and "width" in seen.facts]:
        same = [
            seen
            for seen in found.unsure
            if "kind" in seen.missing and slug(display.name) in slug(seen.name) and seen.facts.get("link")
        ]
        twins = [seen for seen in every if slug(seen.name) == slug(display.name)]
        if len(same) == 1 and len(twins) == 1:
            display.facts |= {key: same[0].facts[key] for key in ("link", "port", "via") if key in same[0].facts}
            display.notes += [f"the Thunderbolt device {same[0].name} of {same[0].source}", *same[0].notes]
            found.unsure.remove(same[0])
            if display.missing == ["link"]:
                display.missing = []
                found.unsure.remove(display)
                found.devices.append(display)


def _look_up(found: Found) -> None:
    """Give what the catalog holds by the same name its model: then nothing is missing."""
    known = {slug(str(table.get("name", ""))): name for name, (table, _) in device_tables().items()}
    known |= {name: name for name in device_tables()}
    for seen in list(found.unsure):
        model = known.get(_short(seen.name))
        kind = seen.facts.get("kind")
        if model is None or (kind is not None and kind != device_tables()[model][0].get("kind")):
            continue
        seen.facts = {"model": model} | {key: seen.facts[key] for key in ("port", "via") if key in seen.facts}
        seen.missing = []
        found.unsure.remove(seen)
        found.devices.append(seen)
    for seen in found.devices:
        model = known.get(_short(seen.name))
        if seen.facts.get("kind") == "display" and model is not None:
            sheet = device(model)
            if (sheet.width, sheet.height) == (seen.facts["width"], seen.facts["height"]):
                own = {key: value for key, value in seen.facts.items() if getattr(sheet, key) != value}
                seen.facts = {"model": model} | own


def _short(name: str) -> str:
    return "-".join(part for part in slug(name).split("-") if part not in _COMPANY_WORDS)


def _name_apart(found: Found) -> None:
    """Give devices of one name a number: a plan tells its devices apart by name."""
    every = [*found.devices, *found.unsure]
    names = [seen.name for seen in every]
    for seen in every:
        if names.count(str(seen.facts.get("via"))) > 1:
            seen.notes.append(f"behind one of the devices called {seen.facts.pop('via')}: the dump does not say which")
    taken: set[str] = set()
    for seen in every:
        name, number = seen.name, 2
        while name in taken:
            name, number = f"{seen.name} {number}", number + 1
        seen.name = name
        taken.add(name)


def _settle_chains(found: Found) -> None:
    """Take out of the plan what hangs on a device that is not complete, or that has no port for it."""
    changed = True
    while changed:
        changed = False
        able = {seen.name for seen in found.devices if _has_ports(seen)}
        for seen in [seen for seen in found.devices if seen.facts.get("via", "") and seen.facts["via"] not in able]:
            seen.notes.append(f"complete, but {seen.facts['via']}, which it hangs on, is not or has no port for it")
            found.devices.remove(seen)
            found.unsure.append(seen)
            changed = True


def _has_ports(seen: Seen) -> bool:
    model = seen.facts.get("model")
    return "receptacles" in seen.facts or (model is not None and "receptacles" in device_tables()[model][0])
