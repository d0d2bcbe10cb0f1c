"""What a module says of itself without a key: its label, written once, and its health, written again and again.

Both are JSON in a page of their own, ended by a digest. They are all of a module that is not ciphertext.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from spacegrey.errors import Refusal
from spacegrey.t2.storage.engine import PAGE
from spacegrey.t2.storage.geometry import LARGEST_BYTES, Geometry

if TYPE_CHECKING:
    from spacegrey.t2.storage.device import Device

FORMAT = 1
"""Version of the modules' layout; a later one is refused, not guessed at."""

_LABEL = b"SPACEGREY FLASH MODULE\n"
_HEALTH = b"SPACEGREY FLASH HEALTH\n"
_DIGEST = 16
_HEALTH_PAGES = (2, 3)
_MOST_MODULES = 8  # of a data sheet
_LARGEST_COUNTER = 1 << 64


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
    try:
        found: object = json.loads(body[len(magic) :].rstrip(b"\0"))
    except (ValueError, RecursionError):  # the digest is no signature: anybody can write a page that has it
        return None
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
        raise Refusal(f"{name} is not a flash module, or its label is damaged: new modules need a restore")
    if type(found.get("format")) is int and found["format"] != FORMAT:
        raise Refusal(f"{name} has format {found['format']}; this version reads format {FORMAT}")
    try:
        geometry = _geometry(**found.pop("geometry"))
        label = Label(**found, geometry=geometry)
        texts = label.pair, label.serial, label.key_check
        if not all(type(text) is str for text in texts) or (type(label.format), type(label.module)) != (int, int):
            raise TypeError  # noqa: TRY301 - said below
    except (KeyError, TypeError, ValueError):
        raise Refusal(f"{name} has a label that contradicts itself: it is damaged or not of this program") from None
    return label


def _geometry(**content: Any) -> Geometry:  # noqa: ANN401 - JSON
    """Return a geometry that a disk can have; raise TypeError or ValueError for any other."""
    made = Geometry(**content)
    numbers = {name: value for name, value in content.items() if name != "integrity"}
    if type(made.integrity) is not bool or not all(type(value) is int for value in numbers.values()):
        raise TypeError
    if min(numbers.values()) < 1 or not 1 << 20 <= made.capacity <= LARGEST_BYTES or made.modules > _MOST_MODULES:
        raise ValueError
    if made.block_pages % (made.stripe_pages * made.modules) or not made.pages < made.data_pages < 1 << 32:
        raise ValueError
    return made


def write_health(module: Device, counters: Counters) -> None:
    """Write the counters over the older of the two copies, so that a torn write leaves one."""
    page = _HEALTH_PAGES[counters.sequence % 2] * PAGE
    module.write(page, [memoryview(_sealed(_HEALTH, asdict(counters)))])


def read_health(module: Device) -> Counters:
    """Return the newest counters of a module; all zero where no copy is whole."""
    copies = [_opened(_HEALTH, _page(module, number)) for number in _HEALTH_PAGES]
    read = [counters for copy in copies if copy is not None and (counters := _counters(copy)) is not None]
    return max(read, key=lambda counters: counters.sequence, default=Counters())


def _counters(content: dict[str, Any]) -> Counters | None:
    """Return counters; None where one is no count."""
    known: dict[str, Any] = {key: type(value) for key, value in asdict(Counters()).items()}
    values = {key: value for key, value in content.items() if key in known}
    if "seconds_on" in values and type(values["seconds_on"]) is int:
        values["seconds_on"] = float(min(values["seconds_on"], _LARGEST_COUNTER))
    good = all(type(value) is known[key] and 0 <= value < _LARGEST_COUNTER for key, value in values.items())
    return Counters(**values) if good else None
