"""What runs until it is told to end, or as long as a command does beside it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import FrameType

_LOOK_S = 0.02


class Serving(Protocol):
    """A server that listens already."""

    def start(self) -> threading.Thread:
        """Answer, in a thread that is returned."""
        ...

    def stop(self) -> None:
        """Have that thread end."""
        ...


@contextmanager
def told() -> Generator[threading.Event]:
    """Yield what is set when this process is told to end: by SIGTERM, Ctrl-C, or a terminal that is closed.

    For as long as the block takes, a client that hangs up is no reason to end.
    """
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # else: under nohup
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, end)
    if hasattr(signal, "SIGPIPE"):
        before[signal.SIGPIPE] = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def beside(ended: threading.Event, command: str, **address: str) -> int:
    """Run a command for the shell until it ends, or until this process is told to; return its exit status.

    Parameters
    ----------
    ended : threading.Event
        From `told`.
    command : str
        The command.
    **address : str
        What it finds in its environment.
    """
    with subprocess.Popen(command, shell=True, env={**os.environ, **address}) as child:  # noqa: S602 - the user's own command
        while child.poll() is None:
            if ended.wait(_LOOK_S):
                child.terminate()
                break
        return child.wait()


def until_told(ended: threading.Event, server: Serving, command: str | None, **address: str) -> int:
    """Serve until this process is told to end, or until a command ends.

    Parameters
    ----------
    ended : threading.Event
        From `told`.
    server : Serving
        Listens already.
    command : str, optional
        For the shell.
    **address : str
        Where the server is: what the command finds in its environment.

    Returns
    -------
    int
        Exit status of the command; 0 without one.
    """
    thread = server.start()
    try:
        if command is not None:
            return beside(ended, command, **address)
        ended.wait()
        return 0
    finally:
        server.stop()
        thread.join()
