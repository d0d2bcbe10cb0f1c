"""The signing server: a question, an answer, its list, and what comes over HTTP."""

from __future__ import annotations

import io
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

from fuzz.found import expect
from fuzz.scratch import scratch
from spacegrey.errors import Refusal
from spacegrey.t2.signer import server
from spacegrey.t2.signer.allowed import Allowed, Build, read_allowed, write_allowed
from spacegrey.t2.signer.exchange import SignerRefused, encode_refusal, read_answer, read_question

CHIP, BOARD = 0x8012, 0x0A


def run_request(data: bytes) -> None:
    """Read a question (first byte 0), an answer (1), a request for activation (2) or a list (3)."""
    which, content = data[:1], data[1:]
    try:
        if which == b"\0":
            question = read_question(content)
            expect(len(question.nonce) == 32 and 0 <= question.chip.ecid < 1 << 64, "a question beyond its bounds")
            expect(all(len(digest) == 48 for digest in question.digests.values()), "a digest of another length")
        elif which == b"\1":
            expect(type(read_answer(content)) is bytes, "a ticket that is no bytes")
        elif which == b"\2":
            chip, nonce = server._read_activation(content)
            expect(type(chip.ecid) is int and type(nonce) is bytes, "an activation of other types")
        elif which == b"\3":
            _read_list(content)
    except SignerRefused as refused:
        expect(b"\n" not in encode_refusal(refused).rstrip(b"\n") or which == b"\1", "a refusal is more than a line")


def _read_list(content: bytes) -> None:
    (scratch("list") / "allowed.json").write_bytes(content)
    try:
        allowed = read_allowed(scratch("list"))
    except Refusal:
        return
    for build in allowed.builds:
        types = (build.name, str), (build.chip, int), (build.board, int), (build.firmware, bool), (build.signing, bool)
        expect(all(type(value) is kind for value, kind in types), "a build of other types")


class _Line:
    """A client's connection, in memory."""

    def __init__(self, data: bytes) -> None:
        self._data, self.sent = data, bytearray()

    def settimeout(self, _seconds: float) -> None:
        """Wait for nothing."""

    def makefile(self, *_how: Any) -> io.BytesIO:  # noqa: ANN401
        """Return what comes in."""
        return io.BytesIO(self._data)

    def sendall(self, data: bytes) -> None:
        """Keep what goes out."""
        self.sent += data


@cache
def _server() -> Any:  # noqa: ANN401 - what the handler looks at of a server
    folder = scratch("server")
    (folder / "builds" / "21A1").mkdir(parents=True)
    (folder / "builds" / "21A1" / "iBoot").write_bytes(b"an image")
    (folder / "secret").write_bytes(b"not to be handed out")
    # no machine may ask: signing itself is not what is looked at, and takes milliseconds
    builds = (Build("21A1", CHIP, BOARD, {"ibot": "00" * 48}, firmware=True),)
    write_allowed(Allowed(builds, machines=(), locked=()), folder)
    return SimpleNamespace(folder=folder, authority=None, log=lambda _line: None)


def run_http(data: bytes) -> None:
    """Let the server's handler take a connection."""
    line = _Line(data)
    server._Handler(cast("Any", line), ("127.0.0.1", 1), _server())
    expect(b"not to be handed out" not in line.sent, "a file beside the builds was handed out")
