"""A machine that runs: a process steps it in time, and its system manager answers on a private socket.

The simulation is stepped when somebody asks, and a few times a second besides, up to what the clock says: what a key
reads depends on when it is read and on what was written before, and on nothing else. What is written reaches the
cooling model at once, and the fans follow at their own rate.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import socket
import time
from typing import TYPE_CHECKING, Any, cast

from spacegrey.errors import InputError, Refusal
from spacegrey.t2 import smc
from spacegrey.t2.enclave.messages import QUIET, Broken, packed, read
from spacegrey.virtual import management
from spacegrey.virtual.line import SOCKET, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spacegrey.simulation.stepping import Stepped
    from spacegrey.virtual.instance import Instance

LOCK = "smc.lock"
FASTEST = 1000.0
"""Simulated seconds in one of the clock: what one core steps with room to spare."""

_FARTHEST = 1e9  # beyond any key's type; a whole number in JSON can be more than a float holds
_LOOK_S = 0.2
_PATIENCE_S = 2.0


class Manager:
    """The system manager of a machine under way.

    Parameters
    ----------
    instance : Instance
        The machine's folder.
    running : Stepped
        The machine.
    clock : callable
        Returns seconds that only grow.
    speed : float
        Simulated seconds in one of the clock's.

    Raises
    ------
    InputError
        The speed is out of range.
    """

    def __init__(self, instance: Instance, running: Stepped, clock: Callable[[], float], speed: float = 1.0) -> None:
        if not 0.0 < speed <= FASTEST:
            raise InputError(f"--speed {speed:g}: above 0, at most {FASTEST:g}")
        self.running = running
        self._instance, self._clock, self._speed = instance, clock, speed
        self._start_s = clock()

    def catch_up(self) -> None:
        """Step the machine up to now."""
        due = int((self._clock() - self._start_s) * self._speed)
        if due > self.running.seconds:
            self.running.step(due - self.running.seconds)

    def answer(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to a message.

        Parameters
        ----------
        message : mapping
            ``do``: ``read`` with ``keys``, ``write`` with ``key`` and ``value``, ``info`` with ``key``, ``at`` with
            ``index``, or ``now``.
        """
        try:
            return {"ok": True, **self._done(message)}
        except (InputError, Refusal) as error:
            status = int(error.status) if isinstance(error, smc.SmcRefused) else None
            kind = "input" if isinstance(error, InputError) else "refusal"
            return {"ok": False, "kind": kind, "status": status, "text": str(error)}
        except OSError as error:  # what was written cannot be kept: the machine goes on
            text = f"{self._instance.folder}: {(error.strerror or 'cannot be written').lower()}"
            return {"ok": False, "kind": "refusal", "status": None, "text": text}

    def _done(self, message: Mapping[str, Any]) -> dict[str, Any]:
        do, key = message.get("do"), message.get("key")
        self.catch_up()
        if do == "now":
            return {"seconds": self.running.seconds, "ended_s": self.running.ended_s}
        if do == "at":
            index = message.get("index")
            return {"key": smc.key_at(index if type(index) is int else -1)}
        if do == "read":
            keys: object = message.get("keys")
            if not isinstance(keys, list) or not all(isinstance(name, str) for name in cast("list[object]", keys)):
                raise InputError("a list of keys is read")
            now = management.sensors(self._instance, self.running)
            return {"bytes": {name: smc.read(name, now).hex() for name in cast("list[str]", keys)}}
        if not isinstance(key, str):
            raise InputError("a key has four signs")
        if do == "info":
            found = smc.smc_key(key)
            return {"length": found.length, "type": found.type, "attributes": found.attributes}
        value: object = message.get("value")
        if do != "write" or isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError("what can be done: read, write a number, info, at, now")
        if not -_FARTHEST <= value <= _FARTHEST:  # nor is a NaN
            raise InputError(f"{key[:4]!r}: no such number can be written")
        fans = self.running.machine.cooling.fans
        management.write(self._instance, key, float(value), fans)
        self.running.hold_fans(management.held_rpm(self._instance, fans))
        return {}


def serve(instance: Instance, manager: Manager, stopped: Callable[[], bool], ready: Callable[[], object]) -> None:
    """Let the machine run, and answer, until it is to stop.

    Parameters
    ----------
    instance, manager
        The machine.
    stopped : callable
        Asked a few times a second.
    ready : callable
        Called once somebody can ask.

    Raises
    ------
    Refusal
        It runs already, or its folder cannot be written to.
    """
    try:
        lock = os.open(instance.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Refusal(f"{instance.folder / LOCK}: {(error.strerror or 'cannot be written').lower()}") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refusal(f"{instance.folder}: the machine runs already") from None
        (instance.folder / SOCKET).unlink(missing_ok=True)  # of one that was killed
        with socket.socket(socket.AF_UNIX) as listening, selectors.DefaultSelector() as waiting:
            mask = os.umask(0o177)
            try:
                with place_of(instance) as place:
                    listening.bind(place)
            finally:
                os.umask(mask)
            listening.listen()
            waiting.register(listening, selectors.EVENT_READ)
            ready()
            try:
                _loop(manager, listening, waiting, stopped)
            finally:
                (instance.folder / SOCKET).unlink(missing_ok=True)
    finally:
        os.close(lock)


def _loop(
    manager: Manager, listening: socket.socket, waiting: selectors.BaseSelector, stopped: Callable[[], bool]
) -> None:
    while not stopped():
        if waiting.select(_LOOK_S):
            line, _ = listening.accept()
            attend(manager, line, time.monotonic() + _PATIENCE_S)
        manager.catch_up()


def attend(manager: Manager, line: socket.socket, until: float) -> None:
    """Answer the one message of a client, and hang up; one who speaks nonsense, leaves, or dawdles gets no answer.

    Parameters
    ----------
    manager : Manager
        The machine.
    line : socket
        The client.
    until : float
        When the message must be there: others wait, and the machine's time stands still. [s, monotonic]
    """
    with line, contextlib.suppress(Broken, OSError):
        said = read(line, until=until)
        line.settimeout(_PATIENCE_S)
        line.sendall(packed(manager.answer(said)), QUIET)
