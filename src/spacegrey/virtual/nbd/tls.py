"""TLS with a pre-shared key, by OpenSSL: Python's own `ssl` learns it in version 3.13 only.

The key file is GnuTLS's, as `psktool` writes it and other NBD programs read it: lines of ``user:hexadecimal key``.
"""

from __future__ import annotations

import ctypes
import functools
import hmac
from typing import TYPE_CHECKING, Any

from spacegrey.errors import InputError
from spacegrey.virtual.nbd.negotiation import Ended

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_LONGEST_KEY = 64
_SHORTEST_KEY = 16
_MIN_PROTOCOL, _TLS_1_2 = 123, 0x0303
_LARGEST_CALL = 1 << 30
# Ephemeral exchange first; all of them authenticate by the shared key.
_CIPHERS_1_2 = b"ECDHE-PSK-CHACHA20-POLY1305:DHE-PSK-AES256-GCM-SHA384:DHE-PSK-AES128-GCM-SHA256:PSK-AES256-GCM-SHA384"
_CIPHERS_1_3 = b"TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"  # the callback's keys go with SHA-256

_POINTER, _INT, _LONG, _TEXT = ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_char_p
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_uint, _POINTER, _TEXT, ctypes.POINTER(ctypes.c_ubyte), ctypes.c_uint)


@functools.cache
def _library() -> Any:  # noqa: ANN401 - a ctypes library
    import _ssl  # only its file is of interest: through it the linker finds libssl

    found = ctypes.CDLL(_ssl.__file__)
    if not hasattr(found, "SSL_CTX_set_psk_server_callback"):
        raise InputError("this Python hides its OpenSSL: TLS needs one that is linked with libssl")
    for name, result, arguments in (
        ("TLS_server_method", _POINTER, []),
        ("SSL_CTX_new", _POINTER, [_POINTER]),
        ("SSL_CTX_free", None, [_POINTER]),
        ("SSL_CTX_ctrl", _LONG, [_POINTER, _INT, _LONG, _POINTER]),
        ("SSL_CTX_set_cipher_list", _INT, [_POINTER, _TEXT]),
        ("SSL_CTX_set_ciphersuites", _INT, [_POINTER, _TEXT]),
        ("SSL_CTX_set_psk_server_callback", None, [_POINTER, _CALLBACK]),
        ("SSL_new", _POINTER, [_POINTER]),
        ("SSL_free", None, [_POINTER]),
        ("SSL_set_fd", _INT, [_POINTER, _INT]),
        ("SSL_accept", _INT, [_POINTER]),
        ("SSL_read", _INT, [_POINTER, _POINTER, _INT]),
        ("SSL_write", _INT, [_POINTER, _POINTER, _INT]),
        ("SSL_shutdown", _INT, [_POINTER]),
        ("SSL_get_version", _TEXT, [_POINTER]),
        ("ERR_clear_error", None, []),
    ):
        function = getattr(found, name)
        function.restype, function.argtypes = result, arguments
    return found


def read_keys(path: Path) -> dict[bytes, bytes]:
    """Return the keys of a file by user.

    Raises
    ------
    InputError
        The file cannot be read, others may read it, or a line is not ``user:hexadecimal key`` of 16 to 64 bytes.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        open_to_others = path.stat().st_mode & 0o077
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path}: no key file that can be read") from None
    if open_to_others:
        raise InputError(f"{path}: others may read this key file; make it yours alone: chmod 600 {path}")
    keys: dict[bytes, bytes] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        user, _, text = line.strip().rpartition(":")
        try:
            key = bytes.fromhex(text)
        except ValueError:
            key = b""
        if not user or not _SHORTEST_KEY <= len(key) <= _LONGEST_KEY:
            raise InputError(f"{path}:{number}: not 'user:key' with a key of 16 to 64 bytes in hexadecimal")
        keys[user.encode()] = key
    if not keys:
        raise InputError(f"{path}: holds no key")
    return keys


class TlsServer:
    """The server's side of TLS with pre-shared keys.

    Parameters
    ----------
    keys : mapping of bytes to bytes
        Key of each user.
    """

    def __init__(self, keys: Mapping[bytes, bytes]) -> None:
        self._library = _library()
        self._keys = dict(keys)
        self._context: int = self._library.SSL_CTX_new(self._library.TLS_server_method())
        if (
            not self._context
            or self._library.SSL_CTX_ctrl(self._context, _MIN_PROTOCOL, _TLS_1_2, None) != 1
            or self._library.SSL_CTX_set_cipher_list(self._context, _CIPHERS_1_2) != 1
            or self._library.SSL_CTX_set_ciphersuites(self._context, _CIPHERS_1_3) != 1
        ):
            raise InputError("OpenSSL offers no TLS with pre-shared keys")
        self._callback = _CALLBACK(self._find)  # kept: OpenSSL holds only its address
        self._library.SSL_CTX_set_psk_server_callback(self._context, self._callback)

    def _find(self, _connection: int, identity: bytes | None, room: Any, size: int) -> int:  # noqa: ANN401 - a pointer
        """Put the key of a user into OpenSSL's room and return its length, 0 for a user that is not known."""
        found = b""
        for user, key in self._keys.items():
            if hmac.compare_digest(user, identity or b""):
                found = key
        if len(found) > size:
            return 0
        ctypes.memmove(room, found, len(found))
        return len(found)

    def accept(self, client: socket.socket) -> TlsSocket:
        """Shake hands on a connected socket; raises `Ended` where that fails."""
        library = self._library
        library.ERR_clear_error()
        session = library.SSL_new(self._context)
        if not session or library.SSL_set_fd(session, client.fileno()) != 1 or library.SSL_accept(session) != 1:
            if session:
                library.SSL_free(session)
            raise Ended("the TLS handshake failed")
        return TlsSocket(library, session, client)


class TlsSocket:
    """An encrypted socket, used by one thread."""

    def __init__(self, library: Any, session: int, client: socket.socket) -> None:  # noqa: ANN401 - a ctypes library
        self._library = library
        self._session = session
        self._client = client
        self.version: str = library.SSL_get_version(session).decode()

    def recv_into(self, buffer: memoryview) -> int:
        """Receive what there is; 0 at the end, also at one that is not orderly."""
        self._library.ERR_clear_error()
        room = (ctypes.c_char * len(buffer)).from_buffer(buffer)
        return max(0, self._library.SSL_read(self._session, room, min(len(buffer), _LARGEST_CALL)))

    def sendmsg(self, buffers: Sequence[bytes | memoryview]) -> int:
        """Send all of it."""
        data = bytes(buffers[0]) if len(buffers) == 1 else b"".join(buffers)
        if data:
            self._library.ERR_clear_error()
            if self._library.SSL_write(self._session, data, len(data)) != len(data):
                raise Ended("the client is gone")
        return len(data)

    def close(self) -> None:
        """Say goodbye and close."""
        if self._session:
            self._library.SSL_shutdown(self._session)
            self._library.SSL_free(self._session)
            self._session = 0
        self._client.close()
