"""The enclave's process: it answers messages about one machine on a private socket until it is switched off.

Started as ``python -I -m spacegrey.t2.enclave.process CHIP DISK``; how it is to start comes as a line of JSON on
standard input, and one line on standard output tells that it has.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from spacegrey.errors import InputError, Refusal
from spacegrey.jit import settle
from spacegrey.t2.enclave.anchor import Anchor, state_folder
from spacegrey.t2.enclave.attempts import Place
from spacegrey.t2.enclave.enclave import Enclave
from spacegrey.t2.enclave.hardening import harden
from spacegrey.t2.enclave.kept import manufacture
from spacegrey.t2.enclave.keys import Mode, calibrate
from spacegrey.t2.enclave.locker import LOCKER_BYTES, Locker
from spacegrey.t2.enclave.messages import SOCKET, Broken, Busy, Message, packed, read, run_folder
from spacegrey.t2.enclave.rom import BOUND, FOLDER, start_mode
from spacegrey.t2.enclave.selftest import power_on
from spacegrey.t2.enclave.uid import Protection, make_uid, open_uid, protection_of
from spacegrey.t2.storage.modules import ModuleFile

LOCKER = "locker"

TICK_S = 1.0
"""How often the process looks whether its folder is still there and a delay has passed. [s]"""

IDLE_S = 30.0
"""How long a client may say nothing before its line is cut. [s]"""

_MOST_CLIENTS = 64


def _calibrated() -> int:
    """Return the rounds for a new password, measured when nothing else here works: else they would be too few."""
    settle()
    return calibrate()


def power(chip: Path, disk: Path, how: Message) -> Enclave:
    """Switch a chip on.

    Parameters
    ----------
    chip, disk : Path
        The folders of the enclave and of the disk.
    how : dict
        ``name``, ``passphrase`` (hexadecimal), ``adopt``; for a new chip ``make``: ``protection``, ``name``,
        ``attempts``; to erase everything and begin anew ``restore``: the table of attempts; to start, disabled, even
        where its state does not open ``repair``. ``held``: on only as long as who started it is.

    Raises
    ------
    InputError, Refusal
        It does not start; the line says why.
    """
    passphrase = bytearray.fromhex(str(how.get("passphrase", "")))
    new = cast("dict[str, str] | None", how.get("make"))
    make = (lambda: make_uid(chip, Protection(new["protection"]), new["name"], passphrase)) if new else None
    uid = make() if make else open_uid(chip, passphrase)
    anchor = Anchor(state_folder() / f"{how['name']}.json")
    gone = not (chip / LOCKER).exists() and ("restore" in how or how.get("repair"))
    try:
        device = ModuleFile(chip / LOCKER, size=LOCKER_BYTES if new or gone else None)
    except Refusal as error:
        raise Busy(str(error)) from None
    locker = Locker(device, uid, anchor.advance)
    try:
        if new:
            manufacture(uid, locker, disk, new["attempts"])
        elif "restore" in how:
            _load_or_erase(locker, anchor)
            firmware = (chip / FOLDER).is_dir()
            manufacture(uid, locker, disk, str(how["restore"]), lambda name: firmware and name.startswith(BOUND))
        else:
            adopt = bool(how.get("adopt")) and anchor.remembered() is None
            locker.load((lambda _sequence, _digest: None) if adopt else anchor.check)
        return Enclave(uid, locker, disk, calibrated=_calibrated)
    except (Refusal, OSError) as error:
        if not how.get("repair"):
            device.close()
            raise
        how["lost"] = str(error)
        locker.hold()
        return Enclave(uid, locker, disk, calibrated=_calibrated)
    except BaseException:
        device.close()
        raise


def _load_or_erase(locker: Locker, anchor: Anchor) -> None:
    """Load a locker that starts over, for what it binds; one that is not the latest, or does not open, is erased."""
    try:
        locker.load(anchor.check)
    except (Refusal, OSError):
        # Where neither knows how many states there were, today's seconds are more than any chip has had.
        seen = max((anchor.remembered() or (0, ""))[0], locker.newest())
        locker.erase(after=seen or int(time.time()))


Rom = Callable[[Mode, Callable[[str], str | None]], tuple[Mode, str]]
"""As `rom.start_mode`, for one machine."""


def _no_firmware(asked: Mode, _bound: Callable[[str], str | None]) -> tuple[Mode, str]:
    return asked, ""


class Service:
    """Answers messages, one at a time.

    Parameters
    ----------
    enclave : Enclave
        The chip, which is on.
    facts : dict
        What `status` says besides what the enclave does.
    listener : socket
        Where clients come.
    rom : callable
        Says how the chip starts.
    """

    def __init__(self, enclave: Enclave, facts: Message, listener: socket.socket, rom: Rom = _no_firmware) -> None:
        self._enclave, self._facts, self.listener = enclave, facts, listener
        self._rom, self._disabled = rom, ""
        self._waker, self.woken = socket.socketpair()
        self._one = threading.Lock()
        self.off = threading.Event()
        self._operations = {**self._without_sepos(), **self._with_sepos()}

    def _without_sepos(self) -> dict[str, Callable[[Message], Any]]:
        """Return what is answered even by a chip that is disabled: what it takes to see that, and to repair it."""
        return {
            "status": lambda _said: {**self._facts, **self._enclave.status(), "disabled": self._disabled or None},
            "start": lambda said: self.start(Mode(said.get("mode", Mode.NORMAL))),
            "lock": lambda _said: self._enclave.lock(),
            "bind": lambda said: self._enclave.kept.bind(str(said["name"]), str(said["digest"])),
            "bound": lambda said: self._enclave.kept.bound(str(said["name"])),
        }

    def _with_sepos(self) -> dict[str, Callable[[Message], Any]]:
        enclave = self._enclave
        return {
            "unlock": self._unlock,
            "authenticate": lambda said: enclave.authenticate(
                _secret(said, "password"),
                _text(said, "user"),
                Place(said.get("place", Place.RECOVERY)),
                admin=bool(said.get("admin", False)),
            ),
            "password": lambda said: enclave.set_password(
                _secret(said, "old") if "old" in said else None, _secret(said, "new"), _text(said, "user")
            ),
            "add-user": lambda said: enclave.add_user(
                str(said["name"]),
                _secret(said, "new"),
                _secret(said, "password"),
                _text(said, "user"),
                admin=bool(said.get("admin", False)),
            ),
            "remove-user": lambda said: enclave.remove_user(
                str(said["name"]), _secret(said, "password"), _text(said, "user")
            ),
            "filevault": lambda said: enclave.set_filevault(
                on=bool(said["on"]), password=_secret(said, "password"), user=_text(said, "user")
            ),
            "recovery-key": lambda said: enclave.new_recovery_key(_secret(said, "password"), _text(said, "user")),
            "add-volume": lambda said: enclave.add_volume(
                str(said["volume"]), _secret(said, "password") if "password" in said else None
            ),
            "delete-volume": lambda said: enclave.delete_volume(str(said["volume"])),
            "obliterate": lambda _said: enclave.obliterate(),
            "handle": lambda said: enclave.volumes.handle(str(said["volume"])),
        }

    def start(self, asked: Mode) -> str:
        """Start the chip anew where it has to be in another mode than it is; return the mode.

        Every handle ends with a restart, as when the power goes.
        """
        mode, why = self._rom(asked, self._enclave.kept.bound)
        if (mode, why) != (self._enclave.mode, self._disabled):
            self._disabled = why
            self._enclave = self._enclave.restarted(mode)
            self._operations = {**self._without_sepos(), **self._with_sepos()}
        return str(mode)

    def _unlock(self, said: Message) -> None:
        place = Place(said.get("place", Place.LOGIN))
        if "recovery_key" in said:
            self._enclave.unlock_with_recovery_key(str(said["recovery_key"]))
        else:
            password = _secret(said, "password") if "password" in said else None
            self._enclave.unlock(password, _text(said, "user"), place)

    def close(self) -> None:
        """Forget every key, and let go of the files."""
        self.listener.close()
        with self._one:
            self._enclave.lock()
            self._enclave.close()

    def end(self) -> None:
        """Take no more messages."""
        self.off.set()
        self._waker.close()

    def answer(self, said: Message) -> Message:
        """Return the answer to one message; an error of any kind is one too."""
        with self._one:
            try:
                name = str(said.get("do"))
                operation = self._operations.get(name)
                if operation is None:
                    raise InputError("the enclave knows no such message")  # noqa: TRY301 - answered as every error is
                if self._disabled and name not in self._without_sepos():
                    raise Refusal(f"the enclave is disabled until the next start: {self._disabled}")  # noqa: TRY301 - so
                return {"ok": True, "answer": operation(said)}
            except Refusal as error:
                return {"ok": False, "kind": "refusal", "text": str(error)}
            except InputError as error:
                return {"ok": False, "kind": "input", "text": str(error)}
            except (KeyError, TypeError, ValueError):
                return {"ok": False, "kind": "input", "text": "the enclave does not understand this message"}
            except Exception as error:  # noqa: BLE001 - the chip goes on; what it held is in no message
                return {"ok": False, "kind": "input", "text": f"the enclave failed: {type(error).__name__}"}

    def tick(self) -> None:
        """Do what time asks for."""
        with self._one, suppress(Refusal):
            self._enclave.tick()

    def serve(self, line: socket.socket) -> None:
        """Answer a client until it goes."""
        line.settimeout(IDLE_S)
        with line, suppress(Broken, OSError):
            while not self.off.is_set():
                said = read(line)
                if said.get("do") == "channel":
                    self._channel(line, str(said.get("handle")))
                elif said.get("do") == "off":
                    with self._one:
                        self._enclave.lock()
                    line.sendall(packed({"ok": True, "answer": None}))
                    self.end()
                else:
                    line.sendall(packed(self.answer(said)))

    def _channel(self, line: socket.socket, handle: str) -> None:
        try:
            channel = self._enclave.volumes.channel(handle)
        except Refusal as error:
            line.sendall(packed({"ok": False, "kind": "refusal", "text": str(error)}))
            return
        try:
            socket.send_fds(line, [packed({"ok": True, "answer": None})], channel.files())
        finally:
            channel.given()


def _rom(chip: Path, how: Message) -> Rom:
    if "model" not in how or "restore" in how:
        return _no_firmware  # as it comes from the factory
    if lost := str(how.get("lost", "")):
        return lambda _asked, _bound: (Mode.DISABLED, lost)
    return lambda asked, bound: start_mode(chip, str(how["model"]), int(str(how["name"]), 16), asked, bound)


def _secret(said: Message, key: str) -> bytearray:
    return bytearray.fromhex(str(said[key]))


def _text(said: Message, key: str) -> str | None:
    found = said.get(key)
    return None if found is None else str(found)


def _listen(chip: Path) -> socket.socket:
    folder = run_folder(chip)
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / SOCKET).unlink(missing_ok=True)  # the locker's lock says that no other process serves it
    listener = socket.socket(socket.AF_UNIX)
    os.chdir(folder)  # the path of a socket is short
    before = os.umask(0o077)
    try:
        listener.bind(SOCKET)
    finally:
        os.umask(before)
    listener.listen(_MOST_CLIENTS)
    return listener


def _own(line: socket.socket) -> bool:
    """Tell whether the other end is this user, or root."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True  # the folder is closed to others
    _, user, _ = struct.unpack("3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return user in {0, os.geteuid()}


def _run(chip: Path, service: Service, life: list[socket.socket]) -> None:
    place = run_folder(chip) / SOCKET
    own = place.stat().st_ino
    while not service.off.is_set():
        service.tick()
        ready, _, _ = select.select([service.listener, service.woken, *life], [], [], TICK_S)
        if life and life[0] in ready:
            break  # who switched it on for itself has ended, in whatever way
        if not ready:
            try:
                if place.stat().st_ino != own:
                    break
            except OSError:
                break  # the machine's folder is gone: so is the machine
        if service.listener not in ready:
            continue
        line, _ = service.listener.accept()
        if _own(line) and threading.active_count() < 4 * _MOST_CLIENTS:
            threading.Thread(target=service.serve, args=(line,), daemon=True, name="client").start()
        else:
            line.close()


def _told() -> Message:
    """Return how to start; raise `InputError` where who started the process has given it up."""
    line = sys.stdin.readline()
    if not line:
        raise InputError("the enclave's process was not told how to start")
    return json.loads(line)


def main(arguments: list[str]) -> int:
    """Start, say so, and serve until switched off."""
    chip, disk = (Path(argument).absolute() for argument in arguments)
    answer: Message
    service, held = None, False
    try:
        locked = harden()
        tests = power_on()
        how = _told()
        enclave = power(chip, disk, how)
        listener = _listen(chip)
        held = bool(how.get("held"))
        facts: Message = {"on": True, "held": held, "uid": str(protection_of(chip)), "memory_locked": locked}
        facts["self_tests"] = tests
        service = Service(enclave, facts, listener, _rom(chip, how))
        service.start(Mode(str(how.get("mode", Mode.NORMAL))))
        answer = {"ok": True}
    except Refusal as error:
        answer = {"ok": False, "kind": "busy" if isinstance(error, Busy) else "refusal", "text": str(error)}
    except InputError as error:
        answer = {"ok": False, "kind": "input", "text": str(error)}
    except OSError as error:
        where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        reason = (error.strerror or str(error)).lower()
        answer = {"ok": False, "kind": "refusal", "text": f"the enclave does not start: {where}{reason}"}
    if service is None:
        sys.stdout.write(json.dumps(answer) + "\n")
        return 1

    def end(_number: int, _frame: object) -> None:
        service.end()

    signal.signal(signal.SIGTERM, end)
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    life = [socket.socket(fileno=os.dup(0))] if held else []
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    _run(chip, service, life)
    service.close()
    with suppress(OSError):
        (run_folder(chip) / SOCKET).unlink()  # the last: who waits for it may switch on again
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)  # who switches it off waits: nothing is left to do, whatever is being compiled
