"""A server that runs until it is told to end, or as long as a command does."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

    from spacegrey.virtual.nbd.server import Server


def until_told(server: Server, command: str | None, uri: str) -> int:
    """Serve until SIGTERM or Ctrl-C, or until a command ends.

    Parameters
    ----------
    server : Server
        Listens already.
    command : str, optional
        For the shell, which finds the address in ``$uri``.
    uri : str
        The address.

    Returns
    -------
    int
        Exit status of the command; 0 without one.
    """
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    if hasattr(signal, "SIGPIPE"):  # a client that hangs up is no reason to end
        before[signal.SIGPIPE] = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    thread = server.start()
    try:
        if command is None:
            ended.wait()
            return 0
        with subprocess.Popen(command, shell=True, env={**os.environ, "uri": uri}) as child:  # noqa: S602 - the user's own command
            while child.poll() is None:
                if ended.wait(0.02):
                    child.terminate()
                    break
            return child.wait()
    finally:
        server.stop()
        thread.join()
        for number, handler in before.items():
            signal.signal(number, handler)
