"""What runs until it is told to end, or as long as a command does beside it."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator
    from types import FrameType

_LOOK_S = 0.02
_TICK_S = 1.0


class Serving(Protocol):
    """A server that listens already."""

    def start(self) -> threading.Thread:
        """Answer, in a thread that is returned."""
        ...

    def stop(self) -> None:
        """Have that thread end."""
        ...


class Ending:
    """Whether this process was told to end. A signal's handler may say so at any moment.

    A `threading.Event` will not do: where the signal comes while the main thread is inside `wait`, the handler, which
    runs in the same thread, waits for the event's lock for ever.
    """

    def __init__(self) -> None:
        self._said: SimpleQueue[None] = SimpleQueue()  # its `put` may interrupt its `get`
        self._over = False

    def tell(self) -> None:
        """Say that it is to end."""
        self._said.put(None)

    def over(self) -> bool:
        """Return whether it is to end."""
        return self.wait(0.0)

    def wait(self, seconds: float | None = None) -> bool:
        """Return whether it is to end, after so many seconds at most; without them, when it is."""
        if not self._over:
            with suppress(Empty):
                self._said.get(timeout=seconds)
                self._over = True
        return self._over


@contextmanager
def told() -> Generator[Ending]:
    """Yield what is set when this process is told to end: by SIGTERM, Ctrl-C, or a terminal that is closed.

    For as long as the block takes, a client that hangs up is no reason to end.
    """
    ended = Ending()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.tell()

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


def _nothing() -> None:
    pass


def beside(ended: Ending, command: str, tick: Callable[[], object] = _nothing, **address: str) -> int:
    """Run a command for the shell until it ends, or until this process is told to; return its exit status.

    Parameters
    ----------
    ended : Ending
        From `told`.
    command : str
        The command.
    tick : callable
        Called often meanwhile.
    **address : str
        What it finds in its environment.
    """
    with subprocess.Popen(command, shell=True, env={**os.environ, **address}) as child:  # noqa: S602 - the user's own command
        while child.poll() is None:
            if ended.wait(_LOOK_S):
                child.terminate()
                break
            tick()
        return child.wait()


def until_told(
    ended: Ending, server: Serving, command: str | None, tick: Callable[[], object] = _nothing, **address: str
) -> int:
    """Serve until this process is told to end, or until a command ends.

    Parameters
    ----------
    ended : Ending
        From `told`.
    server : Serving
        Listens already.
    command : str, optional
        For the shell.
    tick : callable
        Called once a second at least.
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
            return beside(ended, command, tick, **address)
        while not ended.wait(_TICK_S):
            tick()
        return 0
    finally:
        server.stop()
        thread.join()
