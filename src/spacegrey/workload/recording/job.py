"""A job's end: to notice it, to make it, and what it took in all."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

PATIENCE_S = 5.0
"""How long an interrupted job has to end before it is killed. [s]"""


def notice_of_end(pid: int) -> int | None:
    """Return what becomes readable when a process ends; None where the system has no such thing."""
    if hasattr(os, "pidfd_open"):
        with suppress(OSError):
            return os.pidfd_open(pid)
    return None


def ended(job: subprocess.Popen[bytes]) -> bool:
    """Tell whether a job has ended, and leave it as it is: its sums are still to be read."""
    if hasattr(os, "waitid"):
        with suppress(ChildProcessError):
            return os.waitid(os.P_PID, job.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return job.poll() is not None


def stop(job: subprocess.Popen[bytes], left: Callable[[], list[int]]) -> None:
    """End an interrupted job and what is left of its group: ask, wait, and then make them.

    ``left`` tells which of the processes that it started have not ended. One that left the group goes on. A terminal
    has asked all of them already: first they have time to end as they would without a recorder.
    """
    group = _group(job.pid)

    def others() -> list[int]:
        return [pid for pid in left() if _group(pid) == group >= 0]

    terminal = any(os.isatty(number) for number in range(3))
    for number in ((None,) if terminal else ()) + (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGKILL", None)):
        if number is not None:
            with suppress(OSError):
                job.send_signal(number)
            for pid in others():
                with suppress(OSError):
                    os.kill(pid, number)
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if ended(job) and not others():
                return
            with suppress(KeyboardInterrupt):
                time.sleep(0.02)


def _group(pid: int) -> int:
    with suppress(OSError, AttributeError):
        return os.getpgid(pid)
    return -1


def waited_for(job: subprocess.Popen[bytes]) -> tuple[int, float]:
    """Wait for a job; return its exit status and the processor time that it and its children took. [1, s].

    Files of processes cut that time off to hundredths of a second; what the system charges is not cut off. Zero where
    the system does not tell it.
    """
    if not hasattr(os, "wait4"):
        return job.wait(), 0.0
    _, status, used = os.wait4(job.pid, 0)
    job.returncode = os.waitstatus_to_exitcode(status)
    return job.returncode, used.ru_utime + used.ru_stime
