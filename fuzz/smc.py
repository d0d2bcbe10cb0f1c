"""The line to a machine that runs: what a client says to its system manager, what it answers, and what is kept."""

from __future__ import annotations

import json
import math
import struct
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from fuzz.found import expect
from fuzz.scratch import scratch
from spacegrey.errors import InputError, Refusal
from spacegrey.t2 import smc
from spacegrey.t2.enclave.messages import LARGEST, packed
from spacegrey.virtual import line, live, management
from spacegrey.virtual.instance import FORMAT, Instance, InstanceFile

if TYPE_CHECKING:
    import socket
    from typing import Self

_LENGTH = struct.Struct(">I")
_ASKED = ("#KEY", "TC0c", "F0Tg", "RPlt")
_MOST_LINES = 400
"""Signs of what is said to a user."""


class _Still:
    """A machine under way whose time stands still, so that every input finds the same one."""

    def __init__(self, instance: Instance) -> None:
        started = management.started(instance)
        started.step(1)
        state, self.machine = started.state(), started.machine
        self.state = lambda: state
        self.seconds, self.ended_s, self.held = 1, None, cast("float | None", None)

    def hold_fans(self, rpm: float | None) -> None:
        """Remember what the cooling model is told."""
        self.held = rpm


@cache
def _manager() -> tuple[Instance, _Still, live.Manager]:
    file = InstanceFile(format=FORMAT, selector="imac-pro", ecid=f"0x{7:016X}", attempts="2022", made_by="0")
    instance = Instance(scratch("smc"), file)
    still = _Still(instance)
    return instance, still, live.Manager(instance, cast("Any", still), lambda: 0.0)


class _Line:
    """A client that has said what is there, and then hears."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0
        self.heard = b""

    def recv(self, count: int) -> bytes:
        """Give some."""
        some = self._data[self._at : self._at + min(count, 1000)]
        self._at += len(some)
        return some

    def sendall(self, data: bytes, _flags: int = 0) -> None:
        """Hear."""
        self.heard += data

    def settimeout(self, _seconds: float) -> None:
        """Nothing here waits."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        pass


def run_smc(data: bytes) -> None:
    """Read what the first byte says.

    0 a message, 1 whatever comes over the socket, 2 an answer that a client reads, 3 the file of what was written.
    """
    which, content = data[0] % 4 if data else 0, data[1:]
    if which == 3:
        _kept(content)
        return
    (_manager()[0].folder / management.FILE).unlink(missing_ok=True)
    if which == 2:
        _answer(content)
    else:
        _asked(_LENGTH.pack(len(content)) + content if which == 0 else content)


def _asked(content: bytes) -> None:
    """Answer a client; the answer is whole, a client takes it, and the fans are held where they can turn."""
    instance, still, manager = _manager()
    client = _Line(content)
    live.attend(manager, cast("socket.socket", client), math.inf)
    if not client.heard:
        return
    expect(len(client.heard) - 4 == _LENGTH.unpack(client.heard[:4])[0] <= LARGEST, "an answer is not whole")
    answer: dict[str, Any] = json.loads(client.heard[4:])
    expect(type(answer["ok"]) is bool, "an answer that is none")
    if answer["ok"]:
        for name, raw in answer.get("bytes", {}).items():
            expect(len(bytes.fromhex(raw)) == smc.smc_key(name).length, "a key has other bytes than its type")
    else:
        _line_of(answer["text"])
        expect(answer["status"] is None or answer["status"] in set(smc.Status), "a status that is none")
    limits = still.machine.cooling.fans
    held = management.held_rpm(instance, limits)
    expect(held is None or limits.minimum_rpm <= held <= limits.maximum_rpm, "a fan is held where it cannot turn")


def _answer(content: bytes) -> None:
    """Read an answer as a client does: bytes for all that it asked for, or a line."""
    try:
        found: object = json.loads(content)
    except (ValueError, RecursionError):
        return
    if not isinstance(found, dict):
        return
    said = cast("dict[str, Any]", found)
    packed(said)
    try:
        values = line.key_bytes(line.checked(said), list(_ASKED))
    except (InputError, Refusal):
        return  # what it says is shown on one line, whatever it is
    for name, raw in values.items():
        expect(len(raw) == smc.smc_key(name).length, "a key has other bytes than its type")
        smc.shown(name, raw)


def _kept(content: bytes) -> None:
    """Read what was written to the fans; they are left alone, or held at a number."""
    instance, _still, manager = _manager()
    (instance.folder / management.FILE).write_bytes(content)
    answer = manager.answer({"do": "read", "keys": ["F0Md", "F0Tg"]})
    if not answer["ok"]:
        _line_of(answer["text"])
        return
    values = {name: smc.shown(name, bytes.fromhex(raw)) for name, raw in answer["bytes"].items()}
    limits = manager.running.machine.cooling.fans
    held = management.held_rpm(instance, limits)
    expect(values["F0Md"] == (held is not None), "the mode is not the file's")
    expect(held is None or limits.minimum_rpm <= held <= limits.maximum_rpm, "a fan is held where it cannot turn")


def _line_of(text: object) -> None:
    expect(isinstance(text, str) and text.isprintable() and len(text) < _MOST_LINES, "a refusal is more than a line")
