"""What a module says of itself without a key: its label, written once, and its health, written again and again.

Both are JSON in a page of their own, ended by a digest. They are all of a module that is not ciphertext.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, cast

from spacegrey.errors import Refusal
from spacegrey.t2.storage.engine import PAGE
from spacegrey.t2.storage.geometry import Geometry

if TYPE_CHECKING:
    from spacegrey.t2.storage.device import Device

FORMAT = 1
"""Version of the modules' layout; a later one is refused, not guessed at."""

_LABEL = b"SPACEGREY FLASH MODULE\n"
_HEALTH = b"SPACEGREY FLASH HEALTH\n"
_DIGEST = 16
_HEALTH_PAGES = (2, 3)


@dataclass(frozen=True)
class Label:
    """Who a module is."""

    format: int
    pair: str
    """Random name of the set of modules that were made together."""
    module: int
    """Its place in the stripe."""
    serial: str
    key_check: str
    """A constant under the volume key: tells a wrong key from damage."""
    geometry: Geometry


@dataclass(frozen=True)
class Counters:
    """What the controller counts over its life, in the terms of the NVMe health log.

    References
    ----------
    NVM Express Base Specification 1.4 (2019), 5.14.1.2 SMART / Health Information.
    """

    sequence: int = 0
    clean: bool = True
    """The disk was closed in order."""
    pages_read: int = 0
    pages_written: int = 0
    pages_moved: int = 0
    """Pages that collecting garbage wrote again."""
    erasures: int = 0
    most_erasures: int = 0
    """Of one block."""
    flushes: int = 0
    power_cycles: int = 0
    unsafe_shutdowns: int = 0
    media_errors: int = 0
    blocks_lost: int = 0
    """Blocks that failed and are used no more."""
    pages_in_use: int = 0
    seconds_on: float = 0.0


def _sealed(magic: bytes, content: dict[str, Any]) -> bytes:
    body = magic + json.dumps(content, sort_keys=True).encode() + b"\n"
    page = body + bytes(PAGE - _DIGEST - len(body))
    return page + hashlib.blake2b(page, digest_size=_DIGEST).digest()


def _opened(magic: bytes, page: memoryview) -> dict[str, Any] | None:
    body = bytes(page[: PAGE - _DIGEST])
    if not body.startswith(magic) or hashlib.blake2b(body, digest_size=_DIGEST).digest() != bytes(
        page[PAGE - _DIGEST :]
    ):
        return None
    found: object = json.loads(body[len(magic) :].rstrip(b"\0"))
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def _page(module: Device, number: int) -> memoryview:
    view = memoryview(bytearray(PAGE))
    module.read(number * PAGE, [view])
    return view


def write_label(module: Device, label: Label) -> None:
    """Write a module's label; it is durable after the next sync."""
    content = {**asdict(label), "geometry": label.geometry.as_label()}
    module.write(0, [memoryview(_sealed(_LABEL, content))])


def read_label(module: Device, name: str) -> Label:
    """Read a module's label.

    Parameters
    ----------
    module : Device
        The module.
    name : str
        What to call it in a refusal.

    Raises
    ------
    Refusal
        It has none that is whole, or one of a later version.
    """
    try:
        found = _opened(_LABEL, _page(module, 0))
    except OSError:
        found = None
    if found is None:
        raise Refusal(f"{name} is not a flash module, or its label is damaged")
    if found["format"] != FORMAT:
        raise Refusal(f"{name} has format {found['format']}; this version reads format {FORMAT}")
    geometry = Geometry(**found.pop("geometry"))
    return Label(**found, geometry=geometry)


def write_health(module: Device, counters: Counters) -> None:
    """Write the counters over the older of the two copies, so that a torn write leaves one."""
    page = _HEALTH_PAGES[counters.sequence % 2] * PAGE
    module.write(page, [memoryview(_sealed(_HEALTH, asdict(counters)))])


def read_health(module: Device) -> Counters:
    """Return the newest counters of a module; all zero where no copy is whole."""
    known = {field.name for field in fields(Counters)}
    copies = [_opened(_HEALTH, _page(module, number)) for number in _HEALTH_PAGES]
    read = [Counters(**{key: value for key, value in copy.items() if key in known}) for copy in copies if copy]
    return max(read, key=lambda counters: counters.sequence, default=Counters())
