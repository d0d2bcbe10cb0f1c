"""The effaceable locker: the few bytes of the chip that can really be erased, and all that it must not forget.

Two slots of a file, written in turn: a torn write leaves the other one. The older slot is overwritten with zeroes
before a change is answered, so that what was there (a media key, a nonce) is gone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import struct
from typing import TYPE_CHECKING, Any, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from spacegrey.errors import Refusal
from spacegrey.t2.enclave.drbg import draw

if TYPE_CHECKING:
    from collections.abc import Callable

    from spacegrey.t2.enclave.keys import Uid
    from spacegrey.t2.storage.device import Device

FORMAT = 1
"""Version of the locker; another one is refused, not guessed at."""

SLOT_BYTES = 16384
LOCKER_BYTES = 2 * SLOT_BYTES

_MAGIC = b"SGLOCKER"
_HEAD = struct.Struct(">8sIQ12sI")  # magic, format, sequence, AES-GCM nonce, bytes of ciphertext

Content = dict[str, Any]

NONCE_BYTES = 32
"""Of the anti-replay nonce, which changes with every change of the keybag."""


def blank(profile: str) -> Content:
    """Return what a new chip's locker holds."""
    return {
        "generation": 1,
        "nonce": draw(NONCE_BYTES).hex(),
        "failed": 0,
        "delay": False,
        "exhausted": False,
        "profile": profile,
        "recovery_sha256": None,
        "media": {},
        "bound": {},
    }


class Locker:
    """What the chip keeps, sealed under a key of its UID.

    Parameters
    ----------
    device : Device
        32 KiB, at least; a `ModuleFile`, or a test's layers above one.
    uid : Uid
        The chip's.
    committed : callable
        Is told sequence and digest of each state once it is durable, and returns when it has made them so too.

    Attributes
    ----------
    sequence : int
        How many states there were; 0: none yet.
    content : dict
        The state. Change a copy and `commit` it.
    held : bool
        Whether it is in memory only.
    """

    def __init__(self, device: Device, uid: Uid, committed: Callable[[int, str], None]) -> None:
        self._device = device
        self._key = uid.derive("locker")
        self._committed = committed
        self._failed = False
        self.held = False
        self.sequence = 0
        self.content: Content = {}
        self.digest = ""

    def load(self, acceptable: Callable[[int, str], None]) -> None:
        """Read the newest whole slot, and erase what the other one holds.

        Parameters
        ----------
        acceptable : callable
            Is told sequence and digest, and raises `Refusal` where a later state is known.

        Raises
        ------
        Refusal
            No slot opens: another chip's locker, or a damaged one.
        """
        slots = [self._read(slot) for slot in (0, 1)]
        found = [(slot[0], number) for number, slot in enumerate(slots) if slot]
        if not found:
            raise Refusal(self._why())
        newest = max(found)[1]
        sequence, digest, content = cast("tuple[int, str, Content]", slots[newest])
        acceptable(sequence, digest)
        self.sequence, self.digest, self.content = sequence, digest, content
        if any(self._raw(1 - newest)):
            self._zero(1 - newest)
        self._committed(sequence, digest)

    def hold(self) -> None:
        """Go on without a state that opens: from here on nothing is written, and what is committed ends with this run.

        It is what a repair needs before it erases.
        """
        self.held, self.content = True, blank("2022")

    def commit(self, content: Content) -> None:
        """Make a new state the only one; it is durable, and the old one gone, when this returns.

        Raises
        ------
        Refusal
            The file could not be written; nothing is promised of either state until the chip is started again.
        """
        if self.held:
            self.content = content
            return
        if self._failed:
            raise Refusal("the enclave's memory failed before: switch the machine off and on")
        try:
            self._commit(content)
        except OSError as error:
            self._failed = True
            where = f"{error.filename}: " if error.filename else ""  # else it is the locker's own file
            raise Refusal(f"the enclave's memory cannot be written: {where}{error.strerror or error}") from None

    def _commit(self, content: Content) -> None:
        sequence = self.sequence + 1
        nonce = draw(12)
        plain = json.dumps(content, sort_keys=True).encode()
        head = _HEAD.pack(_MAGIC, FORMAT, sequence, nonce, len(plain) + 16)
        sealed = AESGCM(self._key).encrypt(nonce, plain, head)
        slot = head + sealed
        if len(slot) > SLOT_BYTES:
            raise Refusal("the enclave's memory is full: there are too many volumes")
        number = sequence % 2
        self._device.write(number * SLOT_BYTES, [memoryview(slot + bytes(SLOT_BYTES - len(slot)))])
        self._device.sync()
        self.sequence, self.content, self.digest = sequence, json.loads(plain), _digest(slot)
        self._zero(1 - number)
        self._committed(sequence, self.digest)

    def erase(self, after: int) -> None:
        """Overwrite both slots with zeroes, durably; the next state gets a number above ``after``.

        Raises
        ------
        Refusal
            The file cannot be written.
        """
        try:
            self._zero(0)
            self._zero(1)
        except OSError as error:
            raise Refusal(f"the enclave's memory cannot be written: {error.strerror or error}") from None
        self.sequence, self.content = after, {}

    def newest(self) -> int:
        """Return the highest number among the states that open, whether the latest or not; 0 where none does."""
        with contextlib.suppress(Refusal, OSError):
            return max((slot[0] for slot in map(self._read, (0, 1)) if slot), default=0)
        return 0

    def close(self) -> None:
        """Let go of the file."""
        self._device.close()

    def _zero(self, number: int) -> None:
        self._device.write(number * SLOT_BYTES, [memoryview(bytes(SLOT_BYTES))])
        self._device.sync()

    def _raw(self, number: int) -> bytes:
        view = memoryview(bytearray(SLOT_BYTES))
        self._device.read(number * SLOT_BYTES, [view])
        return bytes(view)

    def _read(self, number: int) -> tuple[int, str, Content] | None:
        raw = self._raw(number)
        magic, version, sequence, nonce, length = _HEAD.unpack_from(raw)
        if magic != _MAGIC or length > SLOT_BYTES - _HEAD.size:
            return None
        if version != FORMAT:
            raise Refusal(f"the enclave's memory has format {version}; this version of Spacegrey reads {FORMAT}")
        head, sealed = raw[: _HEAD.size], raw[_HEAD.size : _HEAD.size + length]
        try:
            plain = AESGCM(self._key).decrypt(nonce, sealed, head)
        except InvalidTag:
            return None
        return sequence, _digest(head + sealed), json.loads(plain)

    def _why(self) -> str:
        if any(self._raw(number).startswith(_MAGIC) for number in (0, 1)):
            return "the enclave's memory is another chip's, or damaged: only a restore, which erases, helps"
        return "the enclave's memory is empty or damaged: only a restore, which erases, helps"


def _digest(slot: bytes) -> str:
    return hashlib.sha256(slot).hexdigest()
