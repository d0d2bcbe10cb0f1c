"""The signing server: HTTP on this computer's loopback only.

It has no secrets to keep from who asks, and no need of TLS: what it answers is worth something only where the signature
verifies.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

from spacegrey.errors import InputError, Refusal
from spacegrey.t2.image4.verify import Chip
from spacegrey.t2.signer.allowed import read_allowed
from spacegrey.t2.signer.exchange import (
    LARGEST,
    LARGEST_FILE,
    SignerRefused,
    Status,
    encode_answer,
    encode_refusal,
    read_question,
)
from spacegrey.t2.signer.signer import activation, ticket

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from spacegrey.t2.signer.authority import Authority

SIGNING = "/TSS/controller"
ACTIVATING = "/deviceservices/deviceActivation"

CHUNK_BYTES = 10 * 10**6
"""Of a file that is asked for in chunks."""

_FILE = ("", "builds", "BUILD", "FILE")
_CHUNK_DIGITS = 6
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_PATIENCE_S = 10.0  # for a client that says nothing


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    authority: Authority
    folder: Path
    log: Callable[[str], object]


class _Handler(BaseHTTPRequestHandler):
    server_version = "spacegrey-signer/1"
    sys_version = ""
    timeout = _PATIENCE_S

    def do_POST(self) -> None:
        """Answer a question."""
        server = cast("_Server", self.server)
        place = urlsplit(self.path)
        try:
            size = int(self.headers.get("Content-Length", ""))
        except ValueError:
            self.send_error(HTTPStatus.LENGTH_REQUIRED)
            return
        if not 0 <= size <= LARGEST:
            self.close_connection = True
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        content = self.rfile.read(size)
        if place.path == SIGNING and parse_qs(place.query).get("action") == ["2"]:
            self._reply(_signed(server, content))
        elif place.path == ACTIVATING:
            self._reply(_activated(server, content))
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def do_GET(self) -> None:
        """Hand out a file of a build, or a chunk of it."""
        server = cast("_Server", self.server)
        content = _file(server.folder, self.path)
        if content is None:
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            self._reply(content, "application/octet-stream")

    def _reply(self, answer: bytes, kind: str = "text/xml; charset=utf-8") -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - as the standard library has it
        """Write nothing: what was asked and answered is logged where it is decided."""


def _file(folder: Path, asked: str) -> bytes | None:
    place = urlsplit(asked)
    words = [unquote(word) for word in place.path.split("/")]
    chunk = parse_qs(place.query).get("chunk", [""])[0]
    if len(words) != len(_FILE) or words[:2] != list(_FILE[:2]):
        return None
    number = int(chunk) if chunk.isascii() and chunk.isdigit() and len(chunk) <= _CHUNK_DIGITS else None
    return build_file(folder, words[2], words[3], number)


def build_file(folder: Path, build: str, name: str, chunk: int | None = None) -> bytes | None:
    """Return a file of a build, or one chunk of it; None where there is none.

    Names have no slash and no leading dot, so nothing else of the folder can be reached.
    """
    if not _NAME.fullmatch(build) or not _NAME.fullmatch(name):
        return None
    try:
        with (folder / "builds" / build / name).open("rb") as file:
            if chunk is None:
                return file.read(LARGEST_FILE)
            file.seek(chunk * CHUNK_BYTES)
            return file.read(CHUNK_BYTES)
    except OSError:
        return None


def _signed(server: _Server, content: bytes) -> bytes:
    try:
        question = read_question(content)
        answer = encode_answer(ticket(question, read_allowed(server.folder), server.authority))
    except SignerRefused as refused:
        server.log(f"refused, status {int(refused.status)}: {refused.message}")
        return encode_refusal(refused)
    except Refusal as error:
        server.log(f"refused: {error}")
        return encode_refusal(SignerRefused(Status.MALFORMED, "An internal error occurred"))
    server.log(f"signed {question.build} for {question.chip.ecid:016X}: {', '.join(question.digests)}")
    return answer


def _activated(server: _Server, content: bytes) -> bytes:
    try:
        chip, nonce = _read_activation(content)
        record, manifest = activation(chip, nonce, read_allowed(server.folder), server.authority)
    except SignerRefused as refused:
        server.log(f"not activated, status {int(refused.status)}: {refused.message}")
        return encode_refusal(refused)
    except Refusal as error:
        server.log(f"refused: {error}")
        return encode_refusal(SignerRefused(Status.MALFORMED, "An internal error occurred"))
    server.log(f"activated {chip.ecid:016X}")
    pair = {"record": base64.b64encode(record).decode(), "manifest": base64.b64encode(manifest).decode()}
    return json.dumps({"status": 0, **pair}).encode()


def _read_activation(content: bytes) -> tuple[Chip, bytes]:
    try:
        found = cast("dict[str, Any]", json.loads(content))
        numbers = [found[name] for name in ("ecid", "chip", "board", "security_domain")]
        nonce = base64.b64decode(found["nonce"], validate=True)
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        raise SignerRefused(Status.MALFORMED, "the request cannot be read") from None
    if any(type(number) is not int or not 0 <= number < 1 << 64 for number in numbers):
        raise SignerRefused(Status.INCOMPLETE, "the request lacks a number")
    return Chip(*cast("list[int]", numbers), certificate_epoch=0), nonce


class Signer:
    """A server that has its address already and answers while `serve` runs.

    Parameters
    ----------
    authority : Authority
        Who signs.
    folder : Path
        Where its list is.
    port : int
        Of 127.0.0.1; 0 takes a free one.
    log : callable
        Gets a line for each decision.

    Raises
    ------
    InputError
        The port cannot be had.
    """

    def __init__(self, authority: Authority, folder: Path, port: int, log: Callable[[str], object]) -> None:
        try:
            self._server = _Server(("127.0.0.1", port), _Handler)
        except (OSError, OverflowError) as error:
            raise InputError(f"port {port} of 127.0.0.1: {getattr(error, 'strerror', None) or error}") from None
        self._server.authority, self._server.folder, self._server.log = authority, folder, log

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def serve(self) -> None:
        """Answer until `stop` is called or the user interrupts."""
        with contextlib.suppress(KeyboardInterrupt):
            self._server.serve_forever(poll_interval=0.1)

    def start(self) -> threading.Thread:
        """Answer in a thread of its own, which is returned."""
        thread = threading.Thread(target=self.serve)
        thread.start()
        return thread

    def stop(self) -> None:
        """End `serve` from another thread."""
        self._server.shutdown()

    def close(self) -> None:
        """Give the port back."""
        self._server.server_close()
