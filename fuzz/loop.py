"""The loop that needs nothing but Python: inputs of the corpus, changed at random, from a seed.

It does not know which branches an input reached, so it finds less in as many inputs as atheris does; it shows that the
targets hold on every computer that runs the tests, with the same inputs each time.
"""

from __future__ import annotations

import gc
import os
import random
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

LONGEST = 8192
"""Bytes of an input."""

PATIENCE_S = 10.0
"""For one input; more is a hang. [s]"""

MOST_GROWTH_MIB = 64.0
"""Of the memory, from a tenth of the inputs on; more is a leak."""

_VALUES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 63)
WORDS = (
    b"null", b"true", b"-1", b"1e999", b"1e308", b"-1e308", b"1e-320", b"[]", b"{}", b'""', b"NaN", b"9" * 30,
    b"9" * 400, b"0x" + b"f" * 300, b"[" * 40, b"\\ud800", b"\\n", b"\x1b[31m", b"\xff\xfe",
)  # fmt: skip
"""What readers trip over; atheris takes them as its dictionary."""


class Failed(Exception):  # noqa: N818 - an input and what it did
    """An input made a target raise, hang or grow."""

    def __init__(self, data: bytes, why: str) -> None:
        super().__init__(why)
        self.data = data


@dataclass(frozen=True)
class Ran:
    """A run that found nothing."""

    inputs: int
    seconds: float
    slowest_s: float
    growth_mib: float
    """Of the resident memory, from a tenth of the inputs on."""
    files: int
    """Open files more at the end than then."""


def changed(data: bytes, corpus: Sequence[bytes], draw: random.Random) -> bytes:  # noqa: C901 - one kind of change each
    """Return an input with one to eight changes.

    Examples
    --------
    >>> changed(b"abc", [b"abc"], random.Random(1)) == changed(b"abc", [b"abc"], random.Random(1))
    True
    """
    made = bytearray(data)
    for _ in range(1 << draw.randrange(4)):
        at = draw.randrange(len(made) + 1)
        how = draw.randrange(9)
        if how == 0 and made:
            made[at % len(made)] ^= 1 << draw.randrange(8)
        elif how == 1 and made:
            made[at % len(made)] = draw.randrange(256)
        elif how == 2:
            made[at:at] = draw.randbytes(draw.randint(1, 8))
        elif how == 3:
            del made[at : at + draw.randint(1, 16)]
        elif how == 4:
            size = draw.choice((1, 2, 4, 8))
            value = (draw.choice(_VALUES) + draw.randint(-2, 2)) % (1 << 8 * size)
            made[at : at + size] = value.to_bytes(size, draw.choice(("big", "little")))
        elif how == 5:
            other = draw.choice(corpus)
            start = draw.randrange(len(other) + 1)
            made[at : at + draw.choice((0, 32))] = other[start : start + draw.randint(1, 64)]
        elif how == 6:
            made[at:at] = made[at : at + draw.randint(1, 32)] * draw.randint(1, 4)
        elif how == 7:
            word = draw.choice(WORDS)
            made[at : at + draw.choice((0, len(word)))] = word
        elif not draw.randrange(8):
            del made[at:]
    return bytes(made[:LONGEST])


def run(function: Callable[[bytes], None], corpus: Sequence[bytes], inputs: int, seed: int) -> Ran:
    """Run a target on its corpus and on changed inputs.

    Raises
    ------
    Failed
        An input made it raise, hang or grow.
    """
    draw = random.Random(seed)
    signal.signal(signal.SIGALRM, _hangs)
    begin, slowest, warm = time.perf_counter(), 0.0, (0.0, 0)
    for number in range(inputs):
        data = corpus[number] if number < len(corpus) else changed(draw.choice(corpus), corpus, draw)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)
        started = time.perf_counter()
        try:
            function(data)
        except Exception as error:
            raise Failed(data, f"input {number}: {type(error).__name__}: {error}") from error
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
        slowest = max(slowest, time.perf_counter() - started)
        if number == inputs // 10:
            warm = _held()
    growth, files = (now - then for now, then in zip(_held(), warm, strict=True))
    if growth > MOST_GROWTH_MIB or files > 0:
        raise Failed(b"", f"{growth:.1f} MiB of memory and {files} files more at the end: a leak")
    return Ran(inputs, time.perf_counter() - begin, slowest, growth, int(files))


def _hangs(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError(f"more than {PATIENCE_S:.0f} s: a hang")


def _held() -> tuple[float, int]:
    """Return resident memory and open files; zeroes where the system does not tell. [MiB, 1]"""
    gc.collect()
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - not a file
            pages = int(file.read().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20), len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    except OSError:
        return 0.0, 0
