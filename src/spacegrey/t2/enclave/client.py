"""Talking to a machine's enclave from another process, and switching it on."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from spacegrey.errors import InputError, Refusal
from spacegrey.t2.enclave.messages import QUIET, SOCKET, Broken, Busy, Message, packed, read, run_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self

    from spacegrey.t2.enclave.channel import End, EngineHandle

SLOWEST_S = 60.0
"""How long an answer may take: a password, on a computer that has much else to do. [s]"""


class Off(Refusal):
    """There is no enclave that answers."""


class EnclaveClient:
    """A way to an enclave that is on: each message has a line of its own.

    Parameters
    ----------
    chip : Path
        The enclave's folder.

    Raises
    ------
    Refusal
        It is off: `Off`; or it cannot be reached.
    """

    def __init__(self, chip: Path) -> None:
        self._chip = chip
        _connected(chip).close()

    @property
    def held(self) -> bool:
        """Whether this process switched the enclave on for as long as it is there itself."""
        return self._chip in _lives

    def ask(self, do: str, **said: object) -> Any:  # noqa: ANN401 - JSON
        """Send a message and return the answer; bytes go as hexadecimal, None goes not at all.

        Raises
        ------
        InputError, Refusal
            What the enclave says.
        """
        try:
            with _connected(self._chip) as line:
                line.sendall(packed(_as_json({"do": do, **said})), QUIET)
                return _checked(read(line))
        except (Broken, OSError):
            raise Refusal("the enclave is gone: switch the machine on again") from None

    def authenticate(self, password: bytes | bytearray, user: str | None = None) -> str:
        """Return the user whose password this is, as `Enclave.authenticate`."""
        return str(self.ask("authenticate", password=password, user=user))

    def bind(self, name: str, digest: str) -> None:
        """Keep the digest of a file of the boot policy, so that an old copy of it is noticed."""
        self.ask("bind", name=name, digest=digest)

    def bound(self, name: str) -> str | None:
        """Return the digest that was bound last."""
        found: str | None = self.ask("bound", name=name)
        return found

    def engine(self, volume: str) -> EngineHandle:
        """Return the handle of an open volume's key, for `open_store`.

        Raises
        ------
        Refusal
            The volume is locked.
        """
        from spacegrey.t2.enclave.channel import EngineHandle  # not above: it needs the compiler

        handle = str(self.ask("handle", volume=volume))
        return EngineHandle(lambda: _channel(self._chip, handle))

    def switch_off(self) -> None:
        """Switch the enclave off: it forgets every key. Returns when its process has let go of its files."""
        try:
            self.ask("off")
        finally:
            _let_go(self._chip)
        for _ in range(1000):
            if not (run_folder(self._chip) / SOCKET).exists():
                if child := _children.pop(self._chip, None):
                    with suppress(ChildProcessError):
                        os.waitpid(child, 0)
                return
            time.sleep(0.005)
        raise Refusal("the enclave does not end")


def _as_json(said: Message) -> Message:
    shown = {key: value.hex() if isinstance(value, (bytes, bytearray)) else value for key, value in said.items()}
    return {key: value for key, value in shown.items() if value is not None}


def _checked(answer: Message) -> Any:  # noqa: ANN401 - JSON
    if answer.get("ok"):
        return answer.get("answer")
    text = str(answer.get("text"))
    kinds = {"input": InputError, "busy": Busy}
    raise kinds.get(str(answer.get("kind")), Refusal)(text)


def _connected(chip: Path) -> socket.socket:
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(SLOWEST_S)
    folder = -1
    try:
        folder = os.open(run_folder(chip), os.O_RDONLY | os.O_DIRECTORY)
        # The path of a socket is short, and a machine's folder may lie deep.
        place = f"/proc/self/fd/{folder}/{SOCKET}" if sys.platform == "linux" else str(run_folder(chip) / SOCKET)
        line.connect(place)
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        line.close()
        raise Off("the machine's enclave is off") from None
    except OSError as error:
        line.close()
        reason = (error.strerror or str(error)).lower()
        raise Refusal(f"{run_folder(chip)}: it cannot be seen whether the machine is on: {reason}") from None
    finally:
        if folder >= 0:
            os.close(folder)
    return line


def _channel(chip: Path, handle: str) -> End:
    from spacegrey.t2.enclave.channel import received

    try:
        with _connected(chip) as line:
            line.sendall(packed({"do": "channel", "handle": handle}), QUIET)
            head, files, _, _ = socket.recv_fds(line, 4, 2)
            _checked(read(line, head))
            return received(files)
    except (Refusal, Broken) as error:
        raise OSError(errno.EACCES, f"the volume is locked: {error}") from None


def is_on(chip: Path) -> bool:
    """Tell whether an enclave answers.

    Raises
    ------
    Refusal
        It cannot be told: the folder is another user's, or more clients come than it takes.
    """
    try:
        _connected(chip).close()
    except Off:
        return False
    return True


class Starting:
    """An enclave's process that was started, and is to be told how the chip starts: it loads meanwhile.

    Parameters
    ----------
    chip, disk : Path
        Folders of the enclave and of the disk.

    Raises
    ------
    Refusal
        The process cannot be started.
    """

    def __init__(self, chip: Path, disk: Path) -> None:
        self._chip, self._waits, self._held = chip, True, False
        words = [sys.executable, "-I", "-m", "spacegrey.t2.enclave.process", str(chip), str(disk)]
        try:
            self._process, self._line, self._told = _spawned(words)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise Refusal(f"the enclave's process cannot be started: {reason}") from None

    def tell(self, name: str, **how: object) -> None:
        """Say which chip it is, and how it starts: what `process.power` takes; ``held``: until this process ends."""
        self._waits, self._held = False, bool(how.get("held"))
        with suppress(OSError):
            self._line.sendall(json.dumps(_as_json({"name": name, **how})).encode() + b"\n", QUIET)
        if not self._held:
            self._line.close()

    def client(self) -> EnclaveClient:
        """Return a line to the enclave once it is on.

        Raises
        ------
        InputError, Refusal
            It does not start; the line says why.
        """
        with os.fdopen(self._told) as told:
            line = told.readline()
        try:
            self._check(line)
        except BaseException:
            self._line.close()
            raise
        _children[self._chip] = self._process
        _let_go(self._chip)  # of one that was killed
        if self._held:
            _lives[self._chip] = self._line
        return EnclaveClient(self._chip)

    def _check(self, line: str) -> None:
        if not line:
            number = os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])
            ended = f"signal {-number}" if number < 0 else f"status {number}"
            raise Refusal(f"the enclave's process ended at its start ({ended}): is there memory enough?")
        answer = json.loads(line)
        if not answer["ok"]:
            os.waitpid(self._process, 0)
        _checked(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """End a process that was told nothing."""
        if self._waits:
            self._line.close()
            os.close(self._told)
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)


def switch_on(
    chip: Path, disk: Path, name: str, meanwhile: Callable[[], object] | None = None, **how: object
) -> EnclaveClient:
    """Start the enclave's process, and return a line to it.

    Parameters
    ----------
    chip, disk : Path
        Folders of the enclave and of the disk.
    name : str
        The chip's.
    meanwhile : callable, optional
        Is called while the process starts.
    how : object
        What `Starting.tell` takes.

    Raises
    ------
    InputError, Refusal
        It does not start; the line says why.
    """
    starting = Starting(chip, disk)
    starting.tell(name, **how)
    if meanwhile:
        meanwhile()
    return starting.client()


def _spawned(words: list[str]) -> tuple[int, socket.socket, int]:
    """Start a process; return its number, a line to its standard input, and a file with its standard output."""
    ours, theirs = socket.socketpair()
    said, tells = os.pipe()
    # Secrets come by messages: it needs no password or key of the user's environment.
    own = {name: value for name, value in os.environ.items() if not name.endswith(("PASSWORD", "PASSPHRASE", "_KEY"))}
    files = [
        (os.POSIX_SPAWN_DUP2, theirs.fileno(), 0),
        (os.POSIX_SPAWN_DUP2, tells, 1),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    try:
        # No Popen: the process outlives this one.
        return os.posix_spawn(sys.executable, words, own, file_actions=files, setsid=True), ours, said
    except OSError:
        ours.close()
        os.close(said)
        raise
    finally:
        theirs.close()
        os.close(tells)


_children: dict[Path, int] = {}  # those that this process started, to be buried
_lives: dict[Path, socket.socket] = {}  # what they watch, if they are to go when it does, in whatever way


def _let_go(chip: Path) -> None:
    if line := _lives.pop(chip, None):
        line.close()
