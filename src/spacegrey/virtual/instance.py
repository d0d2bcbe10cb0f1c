"""A machine to keep: its folder with a software T2 and two flash modules, made whole or not at all.

::

    DIR/instance.toml   which machine it is, and the chip's number
    DIR/t2/             the enclave: UID, effaceable locker, the socket while it is on
    DIR/ssd/            the flash modules, and the wrapped keys
"""

from __future__ import annotations

import importlib
import secrets
import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import tomli_w
from pydantic import Field

import spacegrey
from spacegrey.errors import InputError, Refusal, unknown
from spacegrey.sourced import CATALOG, Spec, read_settings, read_toml
from spacegrey.t2.enclave.client import EnclaveClient, Starting, switch_on
from spacegrey.t2.enclave.messages import Busy
from spacegrey.t2.enclave.uid import Protection
from spacegrey.virtual.making import whole

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from spacegrey.t2.storage.store import Store

FILE, CHIP, DISK = "instance.toml", "t2", "ssd"
FORMAT = 1

VOLUME = "data"
"""The volume of a machine's disk."""

BUSY_S = 10.0
"""How long a command waits for another one that switches the machine on or off at the same moment. [s]"""

_LOOK_S = 0.05

PAIR = "ssd pair"
"""What the locker remembers of the modules."""


class InstanceFile(Spec):
    """What stands in `instance.toml`."""

    format: Literal[1] = Field(description="version of the folder")
    selector: str = Field(description="the machine, as `--as` named it")
    ecid: str = Field(pattern="^0x[0-9A-F]{16}$", description="the chip's number")
    attempts: str = Field(description="its table of attempts")
    made_by: str = Field(description="version of Spacegrey")
    integrity: bool = Field(default=False, description="a tag beside every page of the disk")


@dataclass(frozen=True)
class Instance:
    """A machine's folder."""

    folder: Path
    file: InstanceFile

    @property
    def chip(self) -> Path:
        """The enclave's folder."""
        return self.folder / CHIP

    @property
    def disk(self) -> Path:
        """The disk's folder."""
        return self.folder / DISK

    def connect(self) -> EnclaveClient:
        """Return a line to the enclave; raise `Refusal` where it is off."""
        return EnclaveClient(self.chip)

    def switch_on(self, **how: Any) -> EnclaveClient:  # noqa: ANN401 - as `client.switch_on` takes it
        """Switch the enclave on and return a line to it.

        Raises
        ------
        Refusal
            It is on already, or does not start; the line says why.
        """
        client, own = self.reached(**how)
        if not own:
            raise Refusal(f"{self.folder}: the machine is on; switch it off with 'spacegrey t2 lock DIR'")
        return client

    def reached(self, **how: Any) -> tuple[EnclaveClient, bool]:  # noqa: ANN401 - as `client.switch_on` takes it
        """Return a line to the enclave, and whether it was off and is switched on by this.

        Raises
        ------
        Refusal
            It does not start; or another command switches it on and off all the while.
        """
        until = time.monotonic() + BUSY_S
        while True:
            with suppress(Refusal):
                client = self.connect()
                state = client.ask("status")
                # one that another command switched on for itself goes with it, perhaps at once
                if not state["held"] or client.held or state["connections"] or time.monotonic() > until:
                    return client, False
                time.sleep(_LOOK_S)
                continue
            try:
                return switch_on(self.chip, self.disk, self.file.ecid, model=self.model(), **how), True
            except Busy:
                if time.monotonic() > until:
                    raise Refusal(
                        f"{self.folder}: another command has this machine, and has not ended in {BUSY_S:.0f} s"
                    ) from None
            time.sleep(_LOOK_S)

    def model(self) -> str:
        """Return the identifier of the machine, without reading the catalog for one that stands there."""
        named = self.file.selector.partition("+")[0].partition(":")[0].strip()
        if named.isascii() and named.replace("-", "").isalnum():
            return named
        from spacegrey.machine.assembly import machine

        return machine(self.file.selector).id

    @contextmanager
    def powered(self, **how: Any) -> Generator[EnclaveClient]:  # noqa: ANN401 - as `client.switch_on` takes it
        """Yield a line to the enclave; switch it on where it was off, and off in the end, however this process ends."""
        client, own = self.reached(held=True, **how)
        if not own:
            yield client
            return
        try:
            yield client
        finally:
            client.switch_off()


def open_instance(folder: Path) -> Instance:
    """Return the machine in a folder.

    Raises
    ------
    InputError
        There is none, or its file is damaged or of another version.
    """
    path = folder / FILE
    if not path.is_file():
        raise InputError(f"{folder}: no machine here ({FILE} is missing); make one with 'spacegrey new'")
    document = read_toml(path)
    version = document.data.get("format")
    if type(version) is int and version != FORMAT:
        raise InputError(f"{path} has format {version}; this version of Spacegrey reads {FORMAT}")
    return Instance(folder.absolute(), read_settings(InstanceFile, document.data, document, []))


def create(
    folder: Path,
    selector: str,
    *,
    protection: Protection = Protection.FILE,
    passphrase: bytes | bytearray = b"",
    attempts: str = "2022",
    integrity: bool = False,
) -> Instance:
    """Make a machine: its chip, its keys and its empty encrypted disk. FileVault is off and no password is set.

    Parameters
    ----------
    folder : Path
        Where to; nothing may be there, or an empty folder.
    selector : str
        The machine: one whose flash is described (`catalog/t2/flash.toml`).
    protection : Protection
        Where the chip's UID is kept.
    passphrase : bytes-like
        For a UID that is kept under a passphrase.
    attempts : str
        The table of attempts.
    integrity : bool
        Keep a tag beside every page of the disk, so that changes are noticed; a restore keeps to it.

    Returns
    -------
    Instance

    Raises
    ------
    InputError
        The folder is taken or cannot be written, or the machine has no T2 that is described.
    """
    folder = folder.absolute()
    with whole(folder, (CHIP, DISK, FILE)) as beside:
        for part in (beside / CHIP, beside / DISK):
            part.mkdir(mode=0o700)
        with Starting(beside / CHIP, beside / DISK) as starting:  # it loads while the machine is looked up
            made, capacity = _described(beside, selector, attempts, integrity=integrity)
            ecid = made.file.ecid
            how = {"protection": str(protection), "name": ecid, "attempts": attempts}
            starting.tell(ecid, held=True, model=made.model(), make=how, passphrase=bytes(passphrase) or None)
            load_storage()
            client = starting.client()
        try:
            _format(made, client, capacity)
        finally:
            client.switch_off()
        content = made.file.model_dump(exclude={"source", "assumed"})
        (beside / FILE).write_text(tomli_w.dumps(content), encoding="utf-8")
    return Instance(folder, made.file)


def _described(folder: Path, selector: str, attempts: str, *, integrity: bool) -> tuple[Instance, int]:
    """Return a machine that is to be made in a folder, and how large its disk is; raises `InputError`."""
    from spacegrey.machine.assembly import machine
    from spacegrey.t2.enclave.attempts import attempts as table

    table(attempts)
    built = machine(selector)
    file = InstanceFile(
        format=FORMAT,
        selector=built.selector,
        ecid=f"0x{secrets.randbits(52):016X}",
        attempts=attempts,
        made_by=spacegrey.__version__,
        integrity=integrity,
    )
    return Instance(folder, file), _capacity(built.id, built.storage_tb)


def load_storage() -> None:
    """Import what works on a disk, while the enclave's process starts."""
    importlib.import_module("spacegrey.t2.storage.folder")
    importlib.import_module("spacegrey.t2.enclave.channel")


def _capacity(identifier: str, storage_tb: float) -> int:
    described = read_toml(CATALOG / "t2" / "flash.toml").data
    if identifier not in described:
        raise unknown("machine with a T2", identifier, described)
    return int(storage_tb * 1e12) // 4096 * 4096


def _format(made: Instance, client: EnclaveClient, capacity: int) -> None:
    from spacegrey.t2.storage.folder import create_store, paired

    client.ask("add-volume", volume=VOLUME)
    create_store(made.disk, client.engine(VOLUME), capacity, integrity=made.file.integrity)
    client.ask("bind", name=PAIR, digest=paired(made.disk)[0])


def restore(instance: Instance, passphrase: bytes | bytearray = b"") -> None:
    """Erase everything, and set the machine up anew with fresh modules: what new modules, and lost keys, need.

    Raises
    ------
    Refusal
        The machine is on, or its modules are in use.
    """
    from spacegrey.machine.assembly import machine
    from spacegrey.t2.storage.folder import PAIRING
    from spacegrey.t2.storage.modules import ModuleFile

    built = machine(instance.file.selector)
    capacity = _capacity(built.id, built.storage_tb)
    for module in instance.disk.glob("module-*"):
        ModuleFile(module).close()  # refuses one in use
    client = instance.switch_on(held=True, restore=instance.file.attempts, passphrase=bytes(passphrase) or None)
    try:
        (instance.disk / PAIRING).unlink(missing_ok=True)
        for module in instance.disk.glob("module-*"):
            module.unlink()
        for left in instance.disk.glob(".disk-*"):  # by a restore that was killed
            shutil.rmtree(left, ignore_errors=True)
        _format(instance, client, capacity)
    finally:
        client.switch_off()


def open_disk(instance: Instance, client: EnclaveClient, *, read_only: bool = False) -> Store:
    """Open a machine's disk with the key that its enclave holds.

    Raises
    ------
    Refusal
        The disk is locked, or its modules are not this machine's; the line says which.
    """
    from spacegrey.t2.storage.folder import open_store

    state = client.ask("status")
    if not state["unlocked"] and not state["filevault"]:
        client.ask("unlock")
    check_modules(instance, client)
    return open_store(instance.disk, client.engine(VOLUME), read_only=read_only)


def check_modules(instance: Instance, client: EnclaveClient) -> str:
    """Return which pair of modules is there, once it is the one that the enclave knows.

    Raises
    ------
    Refusal
        One is missing, strange, damaged or in the wrong slot, or the T2 was set up with others.
    """
    from spacegrey.t2.storage.folder import open_modules

    try:
        modules, label = open_modules(instance.disk, read_only=True)
    except InputError as error:
        raise Refusal(str(error)) from None
    for module in modules:
        module.close()
    if label.pair != client.bound(PAIR):
        raise Refusal("these modules are not the ones that this machine's T2 was set up with: they need a restore")
    return label.pair
