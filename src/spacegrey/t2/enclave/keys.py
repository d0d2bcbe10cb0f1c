"""The UID and what is made of it: derived keys, wrapped keys, the key that a password and the UID give together.

Keys are `bytearray` where Python lets them be, and are overwritten after use; what OpenSSL copies, OpenSSL wipes.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import time
from enum import StrEnum
from typing import TYPE_CHECKING, NoReturn

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, CounterLocation
from cryptography.hazmat.primitives.kdf.kbkdf import Mode as KbkdfMode
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from spacegrey.errors import InputError, Refusal
from spacegrey.t2.enclave.drbg import draw

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

KEY_BYTES = 32
SALT_BYTES = 16

LEAST_ROUNDS = 50_000
"""Rounds of the UID-entangled chain at least (Security Target VID11348, FCS_PCC_EXT.1)."""

GOAL_S = 0.125
"""What one try of a password is calibrated to: the middle of 100 to 150 ms (same place). [s]"""

LONGEST_PASSWORD = 255
"""Bytes of a password at most (same place)."""

_CHUNK_ROUNDS = 1024  # of 32 bytes: one call of the cipher takes some 40 us
_RECOVERY_SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
RECOVERY_LENGTH = 28
"""Characters of a recovery key that stands between the dashes: seven groups of four."""


class Mode(StrEnum):
    """How the enclave was started: the lockable seed bits, which go into the keys under a password."""

    NORMAL = "normal"
    DFU = "dfu"
    DISABLED = "disabled"
    """Not at all: the SEP's Boot ROM found sepOS bad, and until the next reset it does nothing."""


class WrongKey(Exception):  # noqa: N818 - an answer: this key does not open that one
    """A wrapped key does not open: another password, another chip, another mode or an older blob."""


class Uid:
    """The chip's fused key: it derives others and is not read.

    Parameters
    ----------
    key : bytes-like
        32 bytes. A bytearray is overwritten with zeroes.

    Examples
    --------
    >>> Uid(bytes(32))
    <Uid>
    >>> Uid(bytes(32)).derive("a") == Uid(bytes(32)).derive("b")
    False
    """

    __slots__ = ("__key",)

    def __init__(self, key: bytes | bytearray) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a UID has {KEY_BYTES} bytes, not {len(key)}")
        self.__key = bytes(key)
        if isinstance(key, bytearray):
            wipe(key)

    def derive(self, label: str, context: bytes = b"", mode: Mode = Mode.NORMAL) -> bytes:
        """Return a 32-byte key of this chip.

        Parameters
        ----------
        label : str
            What it is for.
        context : bytes
            What else it depends on: a nonce.
        mode : Mode
            The seed bits: a key derived in DFU is another one.

        Notes
        -----
        Key derivation in counter mode with AES-256-CMAC under the UID. The T2's own derivation is not published.
        Status: reference.

        References
        ----------
        NIST SP 800-108r1 (2022), 4.1.
        """
        return KBKDFCMAC(
            AES, KbkdfMode.CounterMode, KEY_BYTES, 4, 4, CounterLocation.BeforeFixed,
            f"{mode} {label}".encode(), context, None,
        ).derive(self.__key)  # fmt: skip

    def __repr__(self) -> str:
        return "<Uid>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("the UID does not leave its process")


def wipe(*keys: bytearray) -> None:
    r"""Overwrite keys with zeroes.

    Examples
    --------
    >>> key = bytearray(b"secret")
    >>> wipe(key)
    >>> key
    bytearray(b'\x00\x00\x00\x00\x00\x00')
    """
    for key in keys:
        key[:] = bytes(len(key))


@contextlib.contextmanager
def wiped(*keys: bytearray) -> Generator[None]:
    """Overwrite keys with zeroes when the block ends, in whatever way."""
    try:
        yield
    finally:
        wipe(*keys)


def new_key() -> bytearray:
    """Return 32 random bytes of the chip's generator."""
    return bytearray(draw(KEY_BYTES))


def new_volume_key(drawn: Callable[[], bytearray] = new_key) -> bytearray:
    """Return a key for AES-XTS-128: two different halves; drawn again where they are equal.

    Examples
    --------
    >>> draws = iter([bytearray(32), bytearray(range(32))])
    >>> new_volume_key(lambda: next(draws)) == bytearray(range(32))
    True
    """
    key = drawn()
    while hmac.compare_digest(key[:16], key[16:]):
        key = drawn()
    return key


def wrap(under: bytes | bytearray, key: bytes | bytearray) -> bytes:
    """Return a key wrapped under another: 8 bytes longer.

    References
    ----------
    NIST SP 800-38F (2012), KW; RFC 3394 (2002).

    Examples
    --------
    >>> wrap(bytes(range(32)), bytes.fromhex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f")).hex()[
    ...     :16
    ... ]
    '28c9f404c4b810f4'
    """
    return aes_key_wrap(bytes(under), bytes(key))


def unwrap(under: bytes | bytearray, wrapped: bytes) -> bytearray:
    """Return the key that was wrapped.

    Raises
    ------
    WrongKey
        It was wrapped under another key, or is damaged.
    """
    try:
        return bytearray(aes_key_unwrap(bytes(under), wrapped))
    except (InvalidUnwrap, ValueError):
        raise WrongKey from None


def entangle(engine: bytes, password: bytes | bytearray, salt: bytes, rounds: int) -> bytearray:
    """Return the key that a password gives on this chip only.

    Parameters
    ----------
    engine : bytes
        The AES-256 key derived from the UID.
    password : bytes-like
        Up to 255 bytes of any value, as given.
    salt : bytes
        16 bytes.
    rounds : int
        Chained encryptions of 32 bytes each, at least 1.

    Returns
    -------
    bytearray
        32 bytes.

    Notes
    -----
    D = PBKDF2-HMAC-SHA-256(password, salt, 1 iteration); the key is the last 32 bytes of AES-256-CBC(engine, IV 0,
    D ‖ D ‖ … ‖ D), ``rounds`` times D. Each block needs the one before, so the chain cannot be cut or shared among
    cores, and without the UID not begun. How the T2 chains is not published; the Security Target names the parts, the
    floor and the time. Status: illustrative.

    References
    ----------
    Security Target "macOS 13 Ventura: FileVault", VID11348, FCS_PCC_EXT.1.

    Examples
    --------
    >>> a = entangle(bytes(32), b"letmein", bytes(16), 1)
    >>> len(a), a == entangle(bytes(32), b"letmein", bytes(16), 2)
    (32, False)
    """
    derived = bytearray(hashlib.pbkdf2_hmac("sha256", password, salt, 1, KEY_BYTES))
    message = derived * min(rounds, _CHUNK_ROUNDS)
    out = bytearray(len(message) + 15)
    chain = Cipher(AES(engine), CBC(bytes(16))).encryptor()
    with wiped(derived, message, out):
        whole, rest = divmod(rounds - 1, _CHUNK_ROUNDS)
        for _ in range(whole):
            chain.update_into(message, out)
        end = (rest + 1) * KEY_BYTES
        chain.update_into(memoryview(message)[:end], out)
        return out[end - KEY_BYTES : end]


def calibrate(clock: Callable[[], float] = time.thread_time, goal_s: float = GOAL_S) -> int:
    """Return how many rounds take the wanted time on this computer, at least 50,000.

    Parameters
    ----------
    clock : callable
        Seconds; by default of this thread on a processor, so that a busy computer does not lower the count.
    goal_s : float
        Time for one try. [s]
    """
    sample = LEAST_ROUNDS
    spent: list[float] = []
    for _ in range(5):
        start = clock()
        entangle(bytes(KEY_BYTES), b"", bytes(SALT_BYTES), sample)
        spent.append(clock() - start)
    best = max(min(spent), 1e-9)  # the computer may be busy with other things: the fastest try is nearest the truth
    return max(LEAST_ROUNDS, int(sample * goal_s / best))


def check_password(password: bytes | bytearray) -> None:
    """Raise `InputError` where a password is empty or longer than the chip takes."""
    if not password:
        raise InputError("the password is empty")
    if len(password) > LONGEST_PASSWORD:
        raise InputError(f"the password has {len(password)} bytes; at most {LONGEST_PASSWORD} are taken")


def new_recovery_key() -> str:
    """Return a random recovery key: 28 characters from 32 (140 bits), in seven groups.

    Examples
    --------
    >>> key = new_recovery_key()
    >>> len(key), key.count("-"), len(recovery_bytes(key))
    (34, 6, 28)
    """
    signs = "".join(_RECOVERY_SIGNS[byte % len(_RECOVERY_SIGNS)] for byte in draw(RECOVERY_LENGTH))  # 32 divides 256
    return "-".join(signs[k : k + 4] for k in range(0, RECOVERY_LENGTH, 4))


def recovery_bytes(text: str) -> bytearray:
    """Return a recovery key without what people put between the groups, as the chip takes it.

    Raises
    ------
    Refusal
        It is no recovery key; no attempt is counted.

    Examples
    --------
    >>> recovery_bytes("abcd EFGH-2345 ABCD-EFGH 2345-ABCD").decode()
    'ABCDEFGH2345ABCDEFGH2345ABCD'
    """
    signs = "".join(sign for sign in text.upper() if sign not in "- ")
    if len(signs) != RECOVERY_LENGTH or set(signs) - set(_RECOVERY_SIGNS):
        raise Refusal(
            "that is no recovery key: it has 28 letters and digits, without I, O, 0 and 1; no attempt is lost"
        )
    return bytearray(signs.encode())
