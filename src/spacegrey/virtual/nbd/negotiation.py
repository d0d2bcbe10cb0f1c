"""The handshake: a client asks what there is, switches features on, and picks an export."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spacegrey.virtual.nbd import protocol as p

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spacegrey.virtual.nbd.connection import Connection
    from spacegrey.virtual.nbd.exports import Disk, Export

PREFERRED_BLOCK = 4096


class Ended(ConnectionError):  # noqa: N818 - the client is gone, which is no error
    """The connection is over."""


@dataclass(frozen=True)
class Agreed:
    """What a client and the server agreed on."""

    export: Export
    structured: bool
    allocation: bool
    """The client wants block status in the context base:allocation."""


@dataclass
class _Wishes:
    structured: bool = False
    context_of: str | None = None
    """Name of the export that base:allocation was asked for."""


def transmission_flags(disk: Disk) -> int:
    """Return what an export can do; only what works is advertised."""
    flags = p.HAS_FLAGS | p.SEND_FLUSH | p.SEND_FUA | p.SEND_DF | p.CAN_MULTI_CONN | p.SEND_CACHE
    if disk.read_only:
        return flags | p.READ_ONLY
    return flags | p.SEND_TRIM | p.SEND_WRITE_ZEROES | p.SEND_FAST_ZERO


class Negotiation:
    """One client's handshake.

    Parameters
    ----------
    connection : Connection
        The client.
    exports : mapping of str to Export
        What there is. An empty name means the only one.
    start_tls : callable, optional
        Turns the connection into an encrypted one; nothing else is answered before that.
    """

    def __init__(
        self, connection: Connection, exports: Mapping[str, Export], start_tls: Callable[[], None] | None = None
    ) -> None:
        self._connection = connection
        self._exports = exports
        self._start_tls = start_tls
        self._wishes = _Wishes()
        self._opened: set[str] = set()

    def run(self) -> Agreed:
        """Talk until an export is chosen.

        Raises
        ------
        Ended
            The client left, or does not speak the protocol.
        """
        self._connection.send([p.GREETING, struct.pack(">H", p.FIXED_NEWSTYLE | p.NO_ZEROES)])
        (client,) = struct.unpack(">I", self._connection.receive(4))
        if client & ~(p.FIXED_NEWSTYLE | p.NO_ZEROES) or not client & p.FIXED_NEWSTYLE:
            raise Ended("unknown client flags")
        while True:
            magic, option, length = p.OPTION.unpack(self._connection.receive(p.OPTION.size))
            if magic != p.OPTION_MAGIC:
                raise Ended("not an option")
            if length > p.MAX_OPTION:
                if option == p.EXPORT_NAME:
                    raise Ended("the export's name is too long")
                self._connection.drain(length)
                self._reply(option, p.REP_ERR_TOO_BIG, b"the option is too long")
                continue
            data = bytes(self._connection.receive(length)) if length else b""
            if agreed := self._answer(option, data, padded=not client & p.NO_ZEROES):
                return agreed

    def _reply(self, option: int, kind: int, data: bytes = b"") -> None:
        self._connection.send([p.OPTION_REPLY.pack(p.OPTION_REPLY_MAGIC, option, kind, len(data)), data])

    def _answer(self, option: int, data: bytes, *, padded: bool) -> Agreed | None:
        """Answer one option; the agreement, once there is one."""
        if option == p.ABORT:
            self._reply(option, p.REP_ACK)
            raise Ended("the client aborted")
        if option == p.STARTTLS:
            self._tls(data)
        elif self._start_tls:
            if option == p.EXPORT_NAME:
                raise Ended("no TLS")
            self._reply(option, p.REP_ERR_TLS_REQD, b"this server talks over TLS only")
        elif option == p.EXPORT_NAME:
            return self._export_name(data, padded=padded)
        elif option in {p.INFO, p.GO}:
            return self._info(option, data)
        elif option == p.LIST:
            self._list(data)
        elif option == p.STRUCTURED_REPLY:
            self._wishes.structured = self._wishes.structured or not data
            self._reply(option, p.REP_ERR_INVALID if data else p.REP_ACK)
        elif option in {p.LIST_META_CONTEXT, p.SET_META_CONTEXT}:
            self._contexts(option, data)
        else:
            self._reply(option, p.REP_ERR_UNSUP, b"unknown option")
        return None

    def _tls(self, data: bytes) -> None:
        if data:
            self._reply(p.STARTTLS, p.REP_ERR_INVALID, b"STARTTLS has no data")
        elif self._start_tls is None:
            self._reply(p.STARTTLS, p.REP_ERR_POLICY, b"no TLS here, or it is on already")
        else:
            self._reply(p.STARTTLS, p.REP_ACK)
            self._start_tls()
            self._start_tls = None
            self._wishes = _Wishes()  # what was said in the clear does not count

    def _find(self, name: bytes) -> Export | None:
        try:
            text = name.decode()
        except UnicodeDecodeError:
            return None
        found = self._exports.get(text)
        if not text and len(self._exports) == 1:
            found = next(iter(self._exports.values()))
        return found if found and self._open(found) else None

    def _open(self, export: Export) -> bool:
        """Tell whether an export's disk can be used: a volume that was locked meanwhile is not exported."""
        if export.name not in self._opened:
            try:
                export.disk.room(PREFERRED_BLOCK)
            except OSError:
                return False
            self._opened.add(export.name)  # a room is this thread's for good: one is enough
        return True

    def _agree(self, export: Export) -> Agreed:
        allocation = self._wishes.context_of == export.name and self._wishes.structured
        return Agreed(export, self._wishes.structured, allocation)

    def _export_name(self, name: bytes, *, padded: bool) -> Agreed:
        export = self._find(name)
        if export is None:
            raise Ended("unknown export")
        sizes = struct.pack(">QH", export.disk.capacity, transmission_flags(export.disk))
        self._connection.send([sizes, bytes(124 if padded else 0)])
        return self._agree(export)

    def _list(self, data: bytes) -> None:
        if data:
            self._reply(p.LIST, p.REP_ERR_INVALID, b"LIST has no data")
            return
        for export in filter(self._open, self._exports.values()):
            name = export.name.encode()
            self._reply(p.LIST, p.REP_SERVER, struct.pack(">I", len(name)) + name)
        self._reply(p.LIST, p.REP_ACK)

    def _info(self, option: int, data: bytes) -> Agreed | None:
        try:
            (length,) = struct.unpack_from(">I", data)
            name = data[4 : 4 + length]
            (count,) = struct.unpack_from(">H", data, 4 + length)
            asked = struct.unpack_from(f">{count}H", data, 6 + length)
        except struct.error:
            name, length, count, asked = b"", 0, -1, ()
        if count < 0 or len(data) != 6 + length + 2 * count or length > p.MAX_NAME:
            self._reply(option, p.REP_ERR_INVALID, b"the option is malformed")
            return None
        export = self._find(name)
        if export is None:
            self._reply(option, p.REP_ERR_UNKNOWN, b"no such export, or it is locked")
            return None
        sizes = struct.pack(">HQH", p.INFO_EXPORT, export.disk.capacity, transmission_flags(export.disk))
        self._reply(option, p.REP_INFO, sizes)
        if p.INFO_NAME in asked:
            self._reply(option, p.REP_INFO, struct.pack(">H", p.INFO_NAME) + export.name.encode())
        if p.INFO_DESCRIPTION in asked and export.description:
            self._reply(option, p.REP_INFO, struct.pack(">H", p.INFO_DESCRIPTION) + export.description.encode())
        blocks = struct.pack(">HIII", p.INFO_BLOCK_SIZE, 1, PREFERRED_BLOCK, p.MAX_PAYLOAD)
        self._reply(option, p.REP_INFO, blocks)
        self._reply(option, p.REP_ACK)
        return self._agree(export) if option == p.GO else None

    def _contexts(self, option: int, data: bytes) -> None:
        if option == p.SET_META_CONTEXT:
            self._wishes.context_of = None
        parsed = _queries(data)
        if parsed is None or (option == p.SET_META_CONTEXT and not self._wishes.structured):
            self._reply(option, p.REP_ERR_INVALID, b"malformed, or without structured replies")
            return
        name, queries = parsed
        export = self._find(name)
        if export is None:
            self._reply(option, p.REP_ERR_UNKNOWN, b"no such export, or it is locked")
            return
        wanted = p.BASE_ALLOCATION in queries
        if option == p.LIST_META_CONTEXT:
            wanted = wanted or not queries or b"base:" in queries
        elif wanted:
            self._wishes.context_of = export.name
        if wanted:
            number = p.CONTEXT_ID if option == p.SET_META_CONTEXT else 0
            self._reply(option, p.REP_META_CONTEXT, struct.pack(">I", number) + p.BASE_ALLOCATION)
        self._reply(option, p.REP_ACK)


def _queries(data: bytes) -> tuple[bytes, list[bytes]] | None:
    """Take an option about contexts apart: the export's name and the queries, None where it is malformed."""
    place = 0

    def number() -> int:
        nonlocal place
        (value,) = struct.unpack_from(">I", data, place)
        place += 4
        return value

    def text() -> bytes:
        nonlocal place
        length = number()
        if length > p.MAX_NAME or place + length > len(data):
            raise ValueError("too long")
        place += length
        return data[place - length : place]

    try:
        name = text()
        queries = [text() for _ in range(min(number(), p.MAX_OPTION))]
    except (struct.error, ValueError):
        return None
    return (name, queries) if place == len(data) else None
