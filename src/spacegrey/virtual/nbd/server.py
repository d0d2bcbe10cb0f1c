"""The NBD server: listens on a Unix socket or on TCP, and gives each client a thread."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import stat
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from spacegrey.errors import InputError
from spacegrey.virtual.nbd.connection import Connection, tuned
from spacegrey.virtual.nbd.negotiation import Ended, Negotiation
from spacegrey.virtual.nbd.tls import TlsServer
from spacegrey.virtual.nbd.transmission import Transmission

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from spacegrey.virtual.nbd.exports import Export

MOST_CLIENTS = 64
"""Connections at a time; a further one is closed at once."""

NBD_PORT = 10809

_PASSING = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.ECONNABORTED, errno.EINTR}
"""Why a client cannot be let in just now."""


@dataclass(frozen=True)
class Address:
    """Where the server listens: a Unix socket, or host and port."""

    path: Path | None = None
    host: str = "127.0.0.1"
    port: int = NBD_PORT

    def uri(self, name: str = "", *, tls: bool = False) -> str:
        """Return the address as NBD programs take it.

        Examples
        --------
        >>> from pathlib import Path
        >>> Address(Path("/tmp/a b")).uri(), Address(port=10810).uri("disk", tls=True)
        ('nbd+unix:///?socket=/tmp/a%20b', 'nbds://127.0.0.1:10810/disk')
        """
        scheme = "nbds" if tls else "nbd"
        if self.path:
            return f"{scheme}+unix:///{name}?socket={quote(str(self.path))}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}/{name}"


def parse_tcp(text: str) -> Address:
    """Return the address in ``HOST:PORT``.

    Raises
    ------
    InputError
        It is not one.

    Examples
    --------
    >>> parse_tcp("127.0.0.1:10809").port
    10809
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004 - the largest port
        raise InputError(f"--tcp {text}: not HOST:PORT, such as 127.0.0.1:10809")
    return Address(host=host.strip("[]"), port=int(port))


class Server:
    """Serves exports until it is stopped.

    Parameters
    ----------
    exports : sequence of Export
        What there is; names are unique.
    address : Address
        Where to listen. Port 0 takes a free one; `address` then names it.
    keys : mapping of bytes to bytes, optional
        Pre-shared keys by user: every client must then use TLS.

    Raises
    ------
    InputError
        The address cannot be used, or reaches beyond this computer without keys.
    """

    def __init__(self, exports: Sequence[Export], address: Address, keys: Mapping[bytes, bytes] | None = None) -> None:
        self._exports = {export.name: export for export in exports}
        self._tls = TlsServer(keys) if keys else None
        self._clients: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        self._stopping = False
        if address.path is None and self._tls is None and not _is_loopback(address.host):
            raise InputError(f"{address.host} can be reached from other computers: TLS is needed, with --psk-file")
        self._listener, self.address = _listen(address)

    def serve(self) -> None:
        """Accept clients until `stop`; then wait for the requests that are under way."""
        while not self._stopping:
            try:
                client, _ = self._listener.accept()
            except OSError as error:
                if self._stopping or error.errno not in _PASSING:
                    break
                time.sleep(0.05)
                continue
            with self._lock:
                if self._stopping or len(self._clients) >= MOST_CLIENTS:
                    client.close()
                    continue
                thread = threading.Thread(target=self._client, args=(client,), daemon=True, name="nbd client")
                self._clients[client] = thread
            try:
                thread.start()
            except (RuntimeError, MemoryError):  # the system gives no thread: this client is turned away
                with self._lock:
                    del self._clients[client]
                client.close()
        with self._lock:
            left = list(self._clients.values())
        for thread in left:
            thread.join(timeout=10.0)

    def start(self) -> threading.Thread:
        """Serve in a thread of its own, and return that."""
        thread = threading.Thread(target=self.serve, daemon=True, name="nbd server")
        thread.start()
        return thread

    def stop(self) -> None:
        """Take no more clients and no more requests; those under way are finished and answered."""
        self._stopping = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self.address.path:
            with suppress(OSError):
                self.address.path.unlink()
        with self._lock:
            for client in self._clients:
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RD)

    @staticmethod
    def _start_tls(tls: TlsServer, connection: Connection, client: socket.socket) -> None:
        connection.wire = tls.accept(client)

    def _client(self, client: socket.socket) -> None:
        connection = Connection(tuned(client))
        try:
            start_tls = partial(self._start_tls, self._tls, connection, client) if self._tls else None
            agreed = Negotiation(connection, self._exports, start_tls).run()
            Transmission(connection, agreed).run()
        except (Ended, OSError, MemoryError):
            pass  # a client that goes, in whatever way, or has no room here, is none of the others' business
        finally:
            with self._lock:
                self._clients.pop(client, None)
            with suppress(OSError):
                connection.wire.close()
            client.close()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(address: Address) -> tuple[socket.socket, Address]:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = None
    try:
        if address.path:
            _remove_stale(address.path)
        listener = socket.socket(socket.AF_UNIX if address.path else family)
        if address.path:
            before = os.umask(0o077)  # the socket is its owner's alone from its first moment
            try:
                listener.bind(str(address.path))
            finally:
                os.umask(before)
            found = address
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address.host, address.port))
            found = Address(None, address.host, listener.getsockname()[1])
        listener.listen(MOST_CLIENTS)
    except OSError as error:
        if listener:
            listener.close()
        where = str(address.path or f"{address.host}:{address.port}")
        choices = "name another place with --socket, or choose --tcp" if address.path else "name another with --tcp"
        raise InputError(f"cannot listen on {where}: {(error.strerror or str(error)).lower()}; {choices}") from None
    return listener, found


def _remove_stale(path: Path) -> None:
    """Remove a socket that nobody listens on any more: what a killed server leaves."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise InputError(f"{path}: there is a file already that is no socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink()
        else:
            raise InputError(f"{path}: another server listens here")
