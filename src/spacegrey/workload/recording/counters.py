"""The processor's own counters of a job, through Linux's perf events, where the system lets them be read.

Virtual machines mostly hide them; then the recording says so and goes on without.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spacegrey.workload.recording.held import FULL

if TYPE_CHECKING:
    from collections.abc import Iterable

CALLS = {"x86_64": 298, "aarch64": 241}
"""Number of the system call ``perf_event_open``, by machine."""

HARDWARE, SOFTWARE = 0, 1
CACHE_MISSES = (HARDWARE, 3)
TASK_CLOCK_NS = (SOFTWARE, 1)
INHERIT, EXCLUDE_KERNEL, EXCLUDE_HYPERVISOR = 1 << 1, 1 << 5, 1 << 6
WITH_TIMES = 3
"""Read format: the count, and for how long it was wanted and really ran, as counters may take turns."""

FIRST_VERSION = struct.Struct("=IIQQQQQIIQ")
"""``struct perf_event_attr`` in its first version, 64 bytes, which every kernel takes."""

COUNT = struct.Struct("=QQQ")


@functools.cache
def _library() -> Any:  # noqa: ANN401 - ctypes' own
    return ctypes.CDLL(None, use_errno=True)


def system_call(number: int, *arguments: Any) -> int:  # noqa: ANN401 - as C takes them
    """Return what a system call answers; negative where it, or the system, is not there."""
    with suppress(OSError, AttributeError):
        return int(_library().syscall(number, *arguments))
    return -1


@dataclass
class Counter:
    """One event of a job: of its threads and of all that they start.

    Attributes
    ----------
    event : (int, int)
        Type and number, as ``perf_event_open`` has them.
    """

    event: tuple[int, int]
    _handles: list[int] = field(default_factory=list[int])

    def follow(self, threads: Iterable[int]) -> bool:
        """Begin to count for threads; what these start is counted too. False where the system does not allow it."""
        call = CALLS.get(platform.machine())
        if call is None:
            return False
        kind, number = self.event
        flags = INHERIT | EXCLUDE_KERNEL | EXCLUDE_HYPERVISOR if kind == HARDWARE else INHERIT
        asked = FIRST_VERSION.pack(kind, FIRST_VERSION.size, number, 0, 0, WITH_TIMES, flags, 0, 0, 0)
        buffer = ctypes.create_string_buffer(asked, len(asked))
        for thread in threads:
            handle = system_call(call, buffer, thread, -1, -1, 8)  # closed when another program is started
            if handle >= 0:
                self._handles.append(handle)
            elif ctypes.get_errno() in FULL:
                self.close()  # what some of its threads count is not the job's
                break
        return bool(self._handles)

    def read(self) -> float:
        """Return the count so far, scaled up for the time in which it had no counter; NaN: not counted."""
        if not self._handles:
            return float("nan")
        total = 0.0
        for handle in self._handles:
            with suppress(OSError, struct.error):
                count, wanted_ns, ran_ns = COUNT.unpack(os.read(handle, COUNT.size))
                total += count * (wanted_ns / ran_ns if ran_ns else 0.0)
        return total

    def close(self) -> None:
        """Stop counting."""
        while self._handles:
            os.close(self._handles.pop())


def threads_of(*pids: int) -> list[int]:
    """Return the threads of processes, or a process's own number where they cannot be listed."""
    found: list[int] = []
    for pid in pids:
        try:
            found += map(int, os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208 - names only
        except OSError:
            found.append(pid)
    return found
