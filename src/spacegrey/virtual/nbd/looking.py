"""Receiving from a client who is about to say something: looking a while costs less than sleeping and being woken."""

from __future__ import annotations

import os
import socket
from typing import Any

import numpy as np
from numba import types

from spacegrey.jit import kernel

LOOKS = 160
"""How often to look before sleeping: some 0.05 ms, about what waking a processor takes."""

SOON_S = 1e-4
"""A client who lets no more time pass than this is looked for the next time. [s]"""

_word: Any = types.int64
_int: Any = types.int32
_recv: Any = types.ExternalFunction("recv", _word(_int, _word, _word, _int))
_NOW: int = getattr(socket, "MSG_DONTWAIT", 0)


def can_look() -> bool:
    """Tell whether there is a processor left for the client meanwhile."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return processors > 1 and _NOW != 0


def look(file: int, room: memoryview) -> int:
    """Look for something to receive.

    Parameters
    ----------
    file : int
        A socket's.
    room : memoryview
        Where it goes, from the start on.

    Returns
    -------
    int
        How many bytes came; 0 if there was nothing yet, or nothing will come: receiving says which.
    """
    place = np.frombuffer(room, np.uint8)
    return _look(file, place.__array_interface__["data"][0], len(room), LOOKS)


@kernel
def _look(file: int, place: int, length: int, looks: int) -> int:
    for _ in range(looks):
        got = _recv(file, place, length, _NOW)
        if got >= 0:
            return got
    return 0
