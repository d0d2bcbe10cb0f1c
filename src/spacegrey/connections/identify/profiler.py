"""Devices out of what ``system_profiler -json`` prints on a Mac."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from spacegrey.connections.identify.edid_files import add_display
from spacegrey.connections.identify.found import Found, Seen, plain, slug, title
from spacegrey.errors import InputError
from spacegrey.parts.display.edid import read_edid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Table = dict[str, Any]

DEEPEST = 12
"""Levels of devices behind devices that are followed."""

_USB = {"high_speed": "usb2", "full_speed": "usb2", "low_speed": "usb2", "super_speed": "usb3",
        "super_speed_plus": "usb3.1-gen2"}  # fmt: skip
_RATES = ["read_gbps", "write_gbps"]
_BASE_T = re.compile(r"^(\d+(?:\.\d+)?)(G?)base-?T", re.IGNORECASE)
_PIXELS = re.compile(r"^(\d{3,5}) x (\d{3,5})(?: @ ([\d.]+) ?Hz)?")


def is_profiler(data: object) -> bool:
    """Tell whether JSON is what system_profiler prints.

    Examples
    --------
    >>> is_profiler({"SPUSBDataType": []}), is_profiler([1])
    (True, False)
    """
    return isinstance(data, dict) and any(key in _READERS for key in cast("Table", data))


def read_profiler(found: Found, data: Table, source: str) -> None:
    """Add everything that the sections show.

    Raises
    ------
    InputError
        A display's EDID in it is broken.
    """
    for section, read in _READERS.items():
        for table in _tables(data.get(section)):
            read(found, table, source)


def _hardware(found: Found, table: Table, source: str) -> None:
    del source
    if "machine_model" in table:
        found.machine = found.machine or plain(table["machine_model"])


def _card(found: Found, card: Table, source: str) -> None:
    for display in _tables(card.get("spdisplays_ndrvs")):
        _display(found, display, source)


def _usb_bus(found: Found, bus: Table, source: str) -> None:
    _usb(found, _tables(bus.get("_items")), source, None, 0)


def _controller(found: Found, controller: Table, source: str) -> None:
    for drive in _tables(controller.get("_items")):
        _nvme(found, drive, source)


def _ethernet(found: Found, card: Table, source: str) -> None:
    found.left_out.append(f"{source}: Ethernet {plain(card.get('_name', 'card'))} is the machine's end of a cable")


def _tables(value: object) -> list[Table]:
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("Table", item) for item in items if isinstance(item, dict)]


def _thunderbolt_bus(found: Found, bus: Table, source: str) -> None:
    tags = [
        cast("Table", value) for key, value in bus.items() if key.startswith("receptacle_") and isinstance(value, dict)
    ]
    used = [tag for tag in tags if "no_devices" not in str(tag.get("receptacle_status_key", "no_devices"))]
    ports = [number for tag in used if (number := str(tag.get("receptacle_id_key", ""))).isdecimal()]
    for item in _tables(bus.get("_items")):
        chain = list(_chain(item, None, 0))
        for number, (device, above) in enumerate(chain):
            seen = _thunderbolt_device(device, source)
            if above is not None:
                seen.facts["via"] = above
            elif len(ports) == 1:
                seen.facts["port"] = f"thunderbolt-{int(ports[0])}"
            elif ports:
                seen.notes.append(f"in receptacle {' or '.join(ports)}: the dump does not say which")
            if number == 0 and len(used) == 1 and used[0].get("current_speed_key"):
                seen.notes.append(f"link: {plain(used[0]['current_speed_key'])}")
            found.unsure.append(seen)


def _chain(item: Table, above: str | None, depth: int) -> Iterator[tuple[Table, str | None]]:
    yield item, above
    if depth < DEEPEST:
        for inner in _tables(item.get("_items")):
            yield from _chain(inner, _thunderbolt_name(item), depth + 1)


def _thunderbolt_name(item: Table) -> str:
    vendor, name = str(item.get("vendor_name_key", "")), str(item.get("device_name_key") or item.get("_name", ""))
    return title(name if name.startswith(vendor) else f"{vendor} {name}")


def _thunderbolt_device(item: Table, source: str) -> Seen:
    seen = Seen(_thunderbolt_name(item), source, missing=["kind"])
    mode = str(item.get("mode_key", "")).lower()
    generations = {
        "thunderbolt_one": "thunderbolt1",
        "thunderbolt_two": "thunderbolt2",
        "thunderbolt_three": "thunderbolt3",
    }
    if mode in generations:
        seen.facts["link"] = generations[mode]
    else:
        seen.missing.append("link")
    return seen


def _display(found: Found, display: Table, source: str) -> None:
    name = title(display.get("_name", "display"))
    if "internal" in str(display.get("spdisplays_connection_type", "")):
        found.left_out.append(f"{source}: {name} is the machine's own panel")
        return
    encoded = display.get("_spdisplays_edid")
    if isinstance(encoded, str):
        try:
            data = bytes.fromhex(encoded.removeprefix("0x"))
        except ValueError:
            raise InputError(f"{source}: the EDID of {name} is not hexadecimal") from None
        add_display(found, read_edid(data, f"{source}: {name}"), source)
        return
    seen = Seen(name, source, {"kind": "display"})
    pixels = _PIXELS.match(str(display.get("_spdisplays_pixels", "")))
    rate = _PIXELS.match(str(display.get("_spdisplays_resolution", "")))
    if pixels:
        seen.facts |= {"width": int(pixels[1]), "height": int(pixels[2])}
        seen.notes.append("its size is that of the mode in use: the dump holds no EDID")
    else:
        seen.missing += ["width", "height"]
    if rate and rate[3]:
        seen.facts["refresh_hz"] = float(rate[3])
    else:
        seen.missing.append("refresh_hz")
    deep = str(display.get("spdisplays_depth", ""))
    if deep in {"CGSThirtyBitColor", "CGSThirtytwoBitColor"}:
        seen.facts["bits_per_colour"] = 10 if deep == "CGSThirtyBitColor" else 8
    kind = str(display.get("spdisplays_connection_type", "")).lower()
    link = next(
        (
            link
            for part, link in (("hdmi", "hdmi"), ("displayport", "displayport"), ("dp", "displayport"))
            if part in kind
        ),
        None,
    )
    if link:
        seen.facts["link"] = link
    else:
        seen.missing.append("link")
    (found.unsure if seen.missing else found.devices).append(seen)


def _usb(found: Found, items: list[Table], source: str, above: str | None, depth: int) -> None:
    for item in items:
        name = title(item.get("_name", "USB device"))
        inner = _tables(item.get("_items"))
        speed = _USB.get(str(item.get("device_speed", "")))
        if str(item.get("Built-in_Device", "")).lower() == "yes" or "built-in" in name.lower():
            found.left_out.append(f"{source}: {name} is built in")
            continue
        hub = bool(inner) or "hub" in slug(name).split("-")
        media = _tables(item.get("Media"))
        if not (hub or media):
            found.left_out.append(f"{source}: {name} is no drive, hub or display: it takes no share that counts")
            continue
        seen = Seen(name, source, {"kind": "hub" if hub else "storage"}, [] if hub else list(_RATES))
        if speed:
            seen.facts["link"] = speed
        else:
            seen.missing.append("link")
        if above is not None:
            seen.facts["via"] = above
        if hub:
            seen.missing.append("receptacles")
        found.unsure.append(seen)
        if depth < DEEPEST:
            _usb(found, inner, source, name, depth + 1)


def _nvme(found: Found, drive: Table, source: str) -> None:
    name = title(drive.get("device_model") or drive.get("_name", "NVMe drive"))
    link = f"{plain(drive.get('spnvme_linkspeed', 'unknown speed'))} {plain(drive.get('spnvme_linkwidth', ''))}"
    if str(drive.get("detachable_drive", "no")).lower() != "yes":
        found.left_out.append(f"{source}: {name} is the machine's own drive (link: {link})")
        return
    seen = Seen(name, source, {"kind": "storage"}, ["link", *_RATES], [f"its own link: {link}"])
    found.unsure.append(seen)


def _volume(found: Found, volume: Table, source: str) -> None:
    drive = volume.get("physical_drive")
    if not isinstance(drive, dict) or str(cast("Table", drive).get("is_internal_disk", "yes")).lower() != "no":
        return
    facts = cast("Table", drive)
    name = title(facts.get("device_name", "drive"))
    if any(slug(name) in slug(seen.name) or slug(seen.name) in slug(name) for seen in found.unsure):
        return
    protocol = plain(facts.get("protocol", "unknown"))
    found.unsure.append(Seen(name, source, {"kind": "storage"}, ["link", *_RATES], [f"protocol: {protocol}"]))


def _network(found: Found, service: Table, source: str) -> None:
    ethernet = service.get("Ethernet")
    medium = str(cast("Table", ethernet).get("MediaSubType", "")) if isinstance(ethernet, dict) else ""
    rate = _BASE_T.match(medium)
    if not rate:
        return
    gbit_s = float(rate[1]) * (1.0 if rate[2] else 1e-3)
    seen = Seen(
        f"network of {title(service.get('interface', service.get('_name', 'Ethernet')))}",
        source,
        {"kind": "network", "link": "ethernet", "rates_gbps": [gbit_s]},
        notes=["the rate that was agreed on; the partner may be able to do more"],
    )
    found.devices.append(seen)


_READERS: dict[str, Callable[[Found, Table, str], None]] = {
    "SPHardwareDataType": _hardware,
    "SPThunderboltDataType": _thunderbolt_bus,
    "SPDisplaysDataType": _card,
    "SPUSBDataType": _usb_bus,
    "SPNVMeDataType": _controller,
    "SPStorageDataType": _volume,
    "SPEthernetDataType": _ethernet,
    "SPNetworkDataType": _network,
}
