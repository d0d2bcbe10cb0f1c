"""A client's connection, in the clear or under TLS: whole receives, gathered sends."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Protocol

from spacegrey.virtual.nbd.looking import GLANCES, SOON_S, can_look, look
from spacegrey.virtual.nbd.negotiation import Ended

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_MOST_PARTS = 1000  # of one sendmsg; Linux takes 1024


class Wire(Protocol):
    """What both kinds of socket can do."""

    def recv_into(self, buffer: memoryview, /) -> int:
        """Receive what there is, at least a byte; 0 at the end."""
        ...

    def sendmsg(self, buffers: Sequence[bytes | memoryview], /) -> int:
        """Send what fits, and return how much that was."""
        ...

    def close(self) -> None:
        """Close."""
        ...


class Connection:
    """Whole messages over a wire."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._may_look = can_look()
        self._quick = False

    def receive(self, length: int) -> memoryview:
        """Return exactly so many bytes; raise `Ended` where the client stops before."""
        room = memoryview(bytearray(length))
        got = 0
        while got < length:
            more = self.wire.recv_into(room[got:])
            if not more:
                raise Ended("the client is gone")
            got += more
        return room

    def receive_some(self, room: memoryview, idle: Callable[[], None]) -> int:
        """Receive what there is, at least a byte; 0 at the end.

        Who was quick is looked for first; ``idle`` is called before it may take longer.
        """
        if self._quick and isinstance(self.wire, socket.socket) and (got := look(self.wire.fileno(), room)):
            return got
        idle()
        before = time.monotonic()
        got = self.wire.recv_into(room)
        self._quick = self._may_look and time.monotonic() - before < SOON_S
        return got

    def glance(self, room: memoryview) -> int:
        """Receive what comes within a moment from a client who was quick; 0 if nothing did."""
        if self._quick and isinstance(self.wire, socket.socket):
            return look(self.wire.fileno(), room, GLANCES)
        return 0

    def drain(self, length: int) -> None:
        """Receive so many bytes and forget them."""
        room = memoryview(bytearray(min(length, 1 << 18)))
        while length:
            more = self.wire.recv_into(room[: min(length, len(room))])
            if not more:
                raise Ended("the client is gone")
            length -= more

    def send(self, parts: Sequence[bytes | memoryview]) -> None:
        """Send everything, in order."""
        for first in range(0, len(parts), _MOST_PARTS):
            some = parts[first : first + _MOST_PARTS]
            total = sum(map(len, some))
            sent = self.wire.sendmsg(some)
            while sent < total:
                rest: list[bytes | memoryview] = []
                for part in some:
                    if sent < len(part):
                        rest.append(memoryview(part)[sent:] if sent else part)
                    sent = max(0, sent - len(part))
                some, total = rest, sum(map(len, rest))
                sent = self.wire.sendmsg(some)


def tuned(client: socket.socket) -> socket.socket:
    """Give a socket large buffers, and TCP no waiting."""
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        client.setsockopt(socket.SOL_SOCKET, option, 4 << 20)
    if client.family != socket.AF_UNIX:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client
