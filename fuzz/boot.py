"""The boot state's file: as it is, or made of a state that was changed, so that the reader's rules are reached."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from fuzz.found import expect
from spacegrey.errors import InputError, Refusal
from spacegrey.t2.boot.firmware_password import FirmwarePassword, Mode
from spacegrey.t2.boot.policy import SecureBoot, Session, Source, Where
from spacegrey.t2.boot.state import FORMAT, NAME, OLDEST, BootState, StateFile, encode_state, read_state

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAIN = BootState(firmware_nonce=bytes(32), build="21A1", generator=bytes(8), activated=True)
RICH = replace(
    PLAIN, firmware_password=FirmwarePassword(Mode.FULL, bytes(16), bytes(32)), slot=1, pair="00" * 16,
    reason="digest", failure=2,
)  # fmt: skip
NEXT = "state.next"
MOST_FAILURE = 0xFF

_WORDS = [*Mode, *Where, *Source, "", "00", "0", "é", "zz", "\n", "\ud800", "9" * 400]
_VALUES: list[Any] = [
    None, True, False, 0, 1, 2, -1, 3, 255, 256, 1 << 64, 1.0, 2.0, 1e400, [], [1], {}, *map(str, _WORDS), *SecureBoot,
]  # fmt: skip


def run_state(data: bytes) -> None:
    """Read a state (first byte 0), or one that is made of the bytes and lies in a folder with others, bound or not."""
    if not data or data[0] == 0:
        _read(data[1:])
        return
    given = iter(data[1:])
    made = _made(given)
    found = _read(made)
    _load(given, made, found)


def _read(data: bytes) -> BootState | None:
    """Read; what is taken is what the program itself would write, and of the right types."""
    try:
        found = read_state(data)
    except Refusal as refused:
        expect("\n" not in str(refused), "a refusal is more than a line")
        return None
    expect(any(encode_state(found, one) == data for one in range(OLDEST, FORMAT + 1)), "a state has two encodings")
    _typed(found, PLAIN, RICH)
    expect(0 <= found.failure <= MOST_FAILURE, "a failure that is no byte")
    return found


def _typed(found: Any, *known: Any) -> None:  # noqa: ANN401 - a state, or a part of one
    """Raise where a field is of a type that it has in no state that is known."""
    for field in fields(found):
        value, others = getattr(found, field.name), [getattr(one, field.name) for one in known if one is not None]
        expect(type(value) in set(map(type, others)), f"{field.name} is of another type")
        if is_dataclass(value):
            _typed(value, *(one for one in others if one is not None))


def _made(given: Iterator[int]) -> bytes:
    """Return a state's file with up to seven changes, as the program writes it or nearly so."""
    form, version = next(given, 0), OLDEST + next(given, 0) % (FORMAT - OLDEST + 1)
    content: dict[str, Any] = json.loads(encode_state(RICH if form & 1 else PLAIN, version))
    for _ in range(next(given, 0) % 8):
        table: dict[str, Any] = content
        inside = [key for key, value in content.items() if isinstance(value, dict)]
        where = next(given, 0)
        if where & 0x80 and inside:
            table = content[inside[where % len(inside)]]
        names = list(table)
        if not names:
            continue
        name, how = names[where % len(names)], next(given, 0)
        if how == len(_VALUES):
            del table[name]
        elif how == len(_VALUES) + 1:
            table["more"] = None
        elif how > len(_VALUES):
            table[name] = bytes([how, next(given, 0)]).hex()[: how % 5]
        else:
            table[name] = _VALUES[how]
    if form & 2:
        return json.dumps(content).encode("utf-8", "surrogatepass")
    text = json.dumps(dict(sorted(content.items())) if form & 4 else content, indent=1)
    return text.encode() + b"\n" * (not form & 8)


class _Folder:
    """Files and digests in memory."""

    def __init__(self, files: dict[str, bytes | None], bound: str | None) -> None:
        self.files, self.digest = files, bound

    def read(self, name: str) -> bytes | None:
        """Return a file."""
        return self.files.get(name)

    def replace(self, name: str, content: bytes) -> None:
        """Write a file."""
        self.files[name] = content

    def remove(self, name: str) -> None:
        """Remove a file."""
        self.files[name] = None

    def bind(self, name: str, digest: str) -> None:
        """Keep a digest."""
        del name
        self.digest = digest

    def bound(self, name: str) -> str | None:
        """Return what is kept."""
        del name
        return self.digest


def _load(given: Iterator[int], made: bytes, found: BootState | None) -> None:
    """Put files under both names and a digest into the enclave: only the state that it knows may be loaded."""
    other = encode_state(replace(PLAIN, session=Session(Where.MACOS)))
    choices = (None, made, other, made[:-1])
    files: dict[str, bytes | None] = {name: choices[next(given, 0) % 4] for name in (NAME, NEXT)}
    known = choices[next(given, 0) % 4]
    folder = _Folder(files, None if known is None else hashlib.sha256(known).hexdigest())
    before = dict(files)
    file = StateFile(folder, folder)
    try:
        loaded = file.load()
    except (InputError, Refusal) as refused:
        expect("\n" not in str(refused), "a refusal is more than a line")
        return
    expect(
        folder.files[NAME] is not None and read_state(folder.files[NAME] or b"") == loaded, "another state than said"
    )
    expect(known is None or (known in before.values() and folder.files[NAME] == known), "a state that was put back")
    expect(loaded == found or folder.files[NAME] != made, "one file, two states")
    file.save(RICH)
    expect(file.load() == RICH and folder.files[NEXT] is None, "a state that was saved is not the one that is loaded")
