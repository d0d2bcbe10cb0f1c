"""Random numbers as the Secure Enclave draws them: CTR_DRBG with AES-256, from a seed that nobody knows.

The real one has 24 ring oscillators behind it. Here the operating system is the source, and it is asked anew for every
draw (prediction resistance): what leaks of a state, or a fork that copies it, says nothing of what is drawn later.
"""

from __future__ import annotations

import os
import threading

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

SEED_BYTES = 48
"""Key and counter together."""

MOST_BYTES = 1 << 16
"""Of one request (SP 800-90A, table 3)."""

_BLOCK, _KEY, _COUNTERS = 16, 32, 1 << 128


class CtrDrbg:
    """A generator without derivation function: its seed has full entropy.

    Parameters
    ----------
    entropy : bytes
        48 bytes.

    References
    ----------
    NIST SP 800-90A Rev. 1 (2015), 10.2.1. Security Target VID11348, FCS_RBG_EXT.1, names generator and cipher.

    Examples
    --------
    >>> CtrDrbg(bytes(48)).generate(4) == CtrDrbg(bytes(48)).generate(4)
    True
    """

    def __init__(self, entropy: bytes) -> None:
        self._key, self._counter = bytes(_KEY), 0
        self.reseed(entropy)

    def reseed(self, entropy: bytes) -> None:
        """Mix 48 fresh bytes in."""
        if len(entropy) != SEED_BYTES:
            raise ValueError(f"a seed has {SEED_BYTES} bytes, not {len(entropy)}")
        self._update(entropy)

    def generate(self, count: int) -> bytes:
        """Return so many bytes, 65536 at most; the state before cannot be worked out afterwards."""
        if not 0 <= count <= MOST_BYTES:
            raise ValueError(f"{count} bytes: at most {MOST_BYTES} are drawn at once")
        drawn = self._stream(count)
        self._counter = (self._counter + -(-count // _BLOCK)) % _COUNTERS
        self._update(bytes(SEED_BYTES))
        return drawn

    def _stream(self, count: int) -> bytes:
        first = ((self._counter + 1) % _COUNTERS).to_bytes(_BLOCK, "big")
        return Cipher(AES(self._key), CTR(first)).encryptor().update(bytes(count))

    def _update(self, given: bytes) -> None:
        mixed = bytes(a ^ b for a, b in zip(self._stream(SEED_BYTES), given, strict=True))
        self._key, self._counter = mixed[:_KEY], int.from_bytes(mixed[_KEY:], "big")

    def __repr__(self) -> str:
        return "<CtrDrbg>"


_one = threading.Lock()
_chip: list[CtrDrbg] = []  # made at the first draw


def draw(count: int) -> bytes:
    """Return random bytes: what keys, salts and nonces are made of.

    Parameters
    ----------
    count : int
        0 to 65536.

    Examples
    --------
    >>> len(draw(32)), draw(32) == draw(32)
    (32, False)
    """
    with _one:
        if not _chip:
            _chip.append(CtrDrbg(os.urandom(SEED_BYTES)))
        _chip[0].reseed(os.urandom(SEED_BYTES))
        return _chip[0].generate(count)
