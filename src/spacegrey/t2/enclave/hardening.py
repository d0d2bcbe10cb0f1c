"""Keeping the enclave's memory to itself: no core file, no debugger of the same user, no swap where that is allowed."""

from __future__ import annotations

import ctypes
import resource
import sys
from contextlib import suppress

_PR_SET_DUMPABLE = 4
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4


def harden() -> bool:
    """Close this process's memory to others; return whether it is locked against swapping too.

    Raises
    ------
    OSError
        The system does not forbid core files.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform != "linux":
        return False
    if library.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE)")
    # Under a limit every later allocation beyond it would fail: lock all or nothing.
    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if soft != resource.RLIM_INFINITY:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if soft != resource.RLIM_INFINITY or hard != resource.RLIM_INFINITY:
        return False
    return library.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0
