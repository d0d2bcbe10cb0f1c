"""Receiving from a client who is about to say something: looking a while costs less than sleeping and being woken."""

from __future__ import annotations

import ctypes
import os
import socket

from spacegrey.foreign import External
from spacegrey.jit import always, early_kernel
from spacegrey.t2.storage.engine import place_of

LOOKS = 160
"""How often to look before sleeping: some 0.05 ms, about what waking a processor takes."""

GLANCES = 40
"""How often to look before sending few answers: some 0.01 ms."""

SOON_S = 1e-4
"""A client who lets no more time pass than this is looked for the next time. [s]"""

_recv = External("recv", ctypes.c_int64, ctypes.c_int32, ctypes.c_int64, ctypes.c_int64, ctypes.c_int32)
_NOW: int = getattr(socket, "MSG_DONTWAIT", 0)


def can_look() -> bool:
    """Tell whether there is a processor left for the client meanwhile."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return processors > 1 and _NOW != 0


def look(file: int, room: memoryview, looks: int = LOOKS) -> int:
    """Look for something to receive.

    Parameters
    ----------
    file : int
        A socket's.
    room : memoryview
        Where it goes, from the start on.
    looks : int
        How often.

    Returns
    -------
    int
        How many bytes came; 0 if there was nothing yet, or nothing will come: receiving says which.
    """
    place, length = place_of(room)
    return _look(file, place, length, looks)


@early_kernel(always)
def _look(file: int, place: int, length: int, looks: int) -> int:
    for _ in range(looks):
        got = _recv(file, place, length, _NOW)
        if got >= 0:
            return got
    return 0
