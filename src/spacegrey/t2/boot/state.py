"""What the T2 remembers of policy and start: one small file, old or new at every moment.

An old copy of the file that is put back is noticed where the enclave keeps its digest (`Anchor`). The order is: the new
file beside the old one, then the digest, then the name. A cut between any two of them leaves one that is whole.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

from spacegrey.errors import InputError, Refusal
from spacegrey.t2.boot.firmware_password import FirmwarePassword, Mode
from spacegrey.t2.boot.policy import SecureBoot, Session, Source, Where

if TYPE_CHECKING:
    from spacegrey.t2.files import Files

FORMAT = 2
"""1: without ``windows``; it is read still, and written anew as 2 at the next change."""

OLDEST = 1
NAME = "state.json"
_NEXT = "state.next"
_LARGEST_FAILURE = 0xFF


class Anchor(Protocol):
    """Where the digest of the latest state is kept: the enclave's locker."""

    def bind(self, name: str, digest: str) -> None:
        """Keep a digest, durably."""
        ...

    def bound(self, name: str) -> str | None:
        """Return the digest that was kept last, None where none ever was."""
        ...


class Unanchored:
    """No enclave: an old copy of the state is not noticed."""

    def bind(self, name: str, digest: str) -> None:
        """Keep nothing."""

    def bound(self, name: str) -> str | None:
        """Return nothing."""
        del name


@dataclass(frozen=True)
class BootState:
    """What the T2 remembers.

    Attributes
    ----------
    secure_boot, external_boot
        The policies.
    windows : bool
        Whether Boot Camp Assistant let Microsoft's authority for Windows in.
    firmware_password : FirmwarePassword or None
        As it was set.
    slot : int
        Which of the two slots of firmware starts: 0 or 1.
    firmware_nonce : bytes
        Nonce of the manifest in that slot; another one is an old one that was put back.
    build : str
        Name of that firmware.
    generator : bytes
        Of the nonce of the next exchange with a signing server.
    activated : bool
        Whether there was a valid activation.
    dfu : bool
        Whether the T2 waits for a repair: in DFU mode, or in its recovery mode.
    restoring : bool
        Whether a restore began and did not end.
    pair : str or None
        The modules that the machine was set up with.
    reason : str or None
        Code with which the last start failed, for Boot Recovery Assistant.
    failure : int
        Its byte: 1 no manifest, 2 bad signature, 0x10 more at Full Security, 0xFF other, 0 none.
    session : Session
        What runs now.
    """

    secure_boot: SecureBoot = SecureBoot.FULL
    external_boot: bool = False
    windows: bool = False
    firmware_password: FirmwarePassword | None = None
    slot: int = 0
    firmware_nonce: bytes = field(default=b"", repr=False)
    build: str = ""
    generator: bytes = field(default=b"", repr=False)
    activated: bool = False
    dfu: bool = False
    restoring: bool = False
    pair: str | None = None
    reason: str | None = None
    failure: int = 0
    session: Session = field(default_factory=Session)


def encode_state(state: BootState, version: int = FORMAT) -> bytes:
    """Return a state as a file of a version holds it."""
    password = state.firmware_password
    content: dict[str, Any] = {
        "format": version,
        "secure_boot": int(state.secure_boot),
        "external_boot": state.external_boot,
        "windows": state.windows,
        "firmware_password": password
        and {
            "mode": password.mode,
            "salt": password.salt.hex(),
            "verifier": password.verifier.hex(),
            "resettable": password.resettable,
        },
        "slot": state.slot,
        "firmware_nonce": state.firmware_nonce.hex(),
        "build": state.build,
        "generator": state.generator.hex(),
        "activated": state.activated,
        "dfu": state.dfu,
        "restoring": state.restoring,
        "pair": state.pair,
        "reason": state.reason,
        "failure": state.failure,
        "session": {
            "where": state.session.where,
            "source": state.session.source,
            "form": state.session.form,
            "administrators": state.session.administrators,
        },
    }
    if version == OLDEST:
        del content["windows"]
    return json.dumps(content, indent=1).encode() + b"\n"


def read_state(data: bytes) -> BootState:
    """Return the state in a file.

    Raises
    ------
    Refusal
        It is of a newer version or damaged.
    """
    try:
        content = cast("dict[str, Any]", json.loads(data))
        version = content["format"]
        if type(version) is not int:
            raise TypeError  # noqa: TRY301 - said below
        if version > FORMAT:
            raise Refusal(
                f"the T2's boot state is of format {version}, and this program knows {OLDEST} to {FORMAT}: "
                "a newer one wrote it"
            )
        if version not in {OLDEST, FORMAT} or content["slot"] not in {0, 1}:
            raise ValueError  # noqa: TRY301 - said below
        password, session = content["firmware_password"], content["session"]
        held = password and FirmwarePassword(
            Mode(password["mode"]),
            bytes.fromhex(password["salt"]),
            bytes.fromhex(password["verifier"]),
            _truth(password["resettable"]),
        )
        found = BootState(
            secure_boot=SecureBoot(content["secure_boot"]),
            external_boot=_truth(content["external_boot"]),
            windows=version != OLDEST and _truth(content["windows"]),
            firmware_password=held,
            slot=content["slot"],
            firmware_nonce=bytes.fromhex(content["firmware_nonce"]),
            build=content["build"],
            generator=bytes.fromhex(content["generator"]),
            activated=_truth(content["activated"]),
            dfu=_truth(content["dfu"]),
            restoring=_truth(content["restoring"]),
            pair=content["pair"],
            reason=content["reason"],
            failure=content["failure"],
            session=Session(
                Where(session["where"]),
                Source(session["source"]),
                session["form"],
                _truth(session["administrators"]),
            ),
        )
        # one encoding: what another program wrote differently is not taken for ours
        if not _typed(found) or encode_state(found, version) != data:
            raise ValueError  # noqa: TRY301 - said below
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Refusal("the T2's boot state is damaged; a restore makes it anew") from None
    return found


def _typed(state: BootState) -> bool:
    """Tell whether what a file says is of the types that a state has."""
    texts = (state.build, state.session.form, *(text for text in (state.pair, state.reason) if text is not None))
    password = state.firmware_password
    return (
        all(type(text) is str for text in texts)
        and (type(state.slot), type(state.failure)) == (int, int)
        and 0 <= state.failure <= _LARGEST_FAILURE
        and (password is None or type(password) is FirmwarePassword)
    )


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


class StateFile:
    """The file of the state.

    Parameters
    ----------
    files : Files
        Where it lies.
    anchor : Anchor
        Where its digest is kept.
    """

    def __init__(self, files: Files, anchor: Anchor) -> None:
        self._files = files
        self._anchor = anchor

    def load(self) -> BootState:
        """Return the state.

        Raises
        ------
        InputError
            There is none.
        Refusal
            It is damaged, of another version, or an old copy.
        """
        bound = self._anchor.bound(NAME)
        try:
            data = self._files.read(NAME)
            if bound is not None and (data is None or _digest(data) != bound):
                data = self._files.read(_NEXT)
                if data is None or _digest(data) != bound:
                    raise Refusal(
                        "the T2's boot state was put back or changed: it is not the one that the enclave knows"
                    )
                self._files.replace(NAME, data)  # before the next change takes the other name
        except OSError as error:
            raise Refusal(f"the T2's boot state cannot be used: {(error.strerror or str(error)).lower()}") from None
        if data is None:
            raise InputError("no boot state here: the machine's folder is not whole")
        return read_state(data)

    def save(self, state: BootState) -> None:
        """Write the state, so that it is the old or the new one at every moment.

        Raises
        ------
        Refusal
            It cannot be written; the old one holds.
        """
        data = encode_state(state)
        try:
            self._files.replace(_NEXT, data)
            self._anchor.bind(NAME, _digest(data))
            self._files.replace(NAME, data)
            self._files.remove(_NEXT)
        except OSError as error:
            raise Refusal(f"the T2's boot state cannot be written: {(error.strerror or str(error)).lower()}") from None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
