"""A machine's folder seen by the boot chain: its enclave keeps the state's digest, its modules say whose they are.

::

    DIR/t2/boot/root.der    the Boot ROM's certificate
    DIR/t2/boot/state.json  policies, firmware password, what runs
    DIR/t2/boot/firmware-*  the two slots of firmware
    DIR/t2/boot/system/     the internal volume
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from spacegrey.errors import InputError, Refusal
from spacegrey.machine.assembly import machine as built_machine
from spacegrey.t2.boot.chips import chip_sheet
from spacegrey.t2.boot.factory import open_machine, provision
from spacegrey.t2.boot.state import NAME
from spacegrey.t2.boot.volumes import LOADER, System, Volume
from spacegrey.t2.enclave.rom import BOUND, FOLDER
from spacegrey.t2.files import HostFiles
from spacegrey.t2.signer.client import SigningService
from spacegrey.t2.signer.local import LocalService
from spacegrey.virtual.instance import check_modules, restore

if TYPE_CHECKING:
    from pathlib import Path

    from spacegrey.t2.boot.machine import Machine
    from spacegrey.t2.enclave.client import EnclaveClient
    from spacegrey.virtual.instance import Instance

_WINDOWS = "bootmgfw.efi"


def boot_folder(instance: Instance) -> Path:
    """Return where a machine keeps what starts it."""
    return instance.chip / FOLDER


class Enclave:
    """The enclave, as the boot chain needs it: it keeps digests, and knows administrators.

    A file whose digest it does not know is an old one: whoever provisions a machine binds before he reads.

    Parameters
    ----------
    client : EnclaveClient
        A line to it; a restore replaces it.
    """

    def __init__(self, client: EnclaveClient) -> None:
        self.client = client

    def bind(self, name: str, digest: str) -> None:
        """Keep a digest, durably."""
        self.client.bind(BOUND + name, digest)

    def bound(self, name: str) -> str:
        """Return the digest that was kept last; an empty one, which fits no file, where there is none."""
        return self.client.bound(BOUND + name) or ""

    def authenticate(self, password: bytes | bytearray, user: str | None = None) -> str:
        """Return the administrator whose password this is; raises `Refusal`."""
        return str(self.client.ask("authenticate", password=bytes(password), user=user, place="recovery", admin=True))


class Modules:
    """The flash of a machine's folder."""

    def __init__(self, instance: Instance, enclave: Enclave, passphrase: bytes | None) -> None:
        self._instance, self._enclave, self._passphrase = instance, enclave, passphrase

    def pair(self) -> str:
        """Return which pair of modules is there; raises `Refusal` where one is missing or strange."""
        return check_modules(self._instance, self._enclave.client)

    def erase(self) -> str:
        """Destroy every key, set the modules up anew, return which pair they are."""
        before = self._enclave.client
        before.switch_off()
        restore(self._instance, self._passphrase or b"")
        self._enclave.client = self._instance.switch_on(held=before.held or None, passphrase=self._passphrase)
        return self.pair()


def open_boot(
    instance: Instance, client: EnclaveClient, url: str | None = None, passphrase: bytes | None = None
) -> tuple[Machine, Enclave]:
    """Return a machine for the boot chain, and its enclave.

    Parameters
    ----------
    instance : Instance
        The folder.
    client : EnclaveClient
        A line to its enclave, which is on.
    url : str, optional
        Where the signing server is; without it the machine has no network.
    passphrase : bytes, optional
        Of a chip that needs one; a restore switches it off and on.

    Raises
    ------
    InputError
        The machine has no firmware yet.
    """
    if not boot_folder(instance).is_dir():
        raise InputError(
            f"{instance.folder}: no firmware is installed yet; "
            "'spacegrey t2 provision DIR --signer SIGNER' does what the factory does"
        )
    enclave = Enclave(client)
    sheet = chip_sheet(built_machine(instance.file.selector).id)
    found = open_machine(
        boot_folder(instance),
        sheet,
        int(instance.file.ecid, 16),
        Modules(instance, enclave, passphrase),
        SigningService(url),
        enclave,
    )
    users = bool(client.ask("status")["users"])
    return replace(found, internal=replace(found.internal, administrators=users)), enclave


def make(instance: Instance, client: EnclaveClient, signer: Path, firmware: str, system: str) -> Machine:
    """Do for a machine what the factory does: certificate, firmware, activation, a system.

    Parameters
    ----------
    instance, client
        The machine, and a line to its enclave.
    signer : Path
        The signer's folder; its root certificate becomes the Boot ROM's.
    firmware, system : str
        Builds on its list.

    Raises
    ------
    InputError
        It was done already, or there is no such signer.
    Refusal
        The signer does not sign.
    """
    folder = boot_folder(instance)
    if folder.exists():
        raise InputError(f"{instance.folder}: the firmware is installed already; 't2 revive' installs it anew")
    service, enclave = LocalService(signer), Enclave(client)
    sheet = chip_sheet(built_machine(instance.file.selector).id)
    names = service.files(system)
    beside, before = folder.with_name(".boot"), enclave.bound(NAME)
    shutil.rmtree(beside, ignore_errors=True)
    try:
        provision(
            beside,
            sheet,
            int(instance.file.ecid, 16),
            service.root,
            Modules(instance, enclave, None),
            service,
            enclave,
            firmware,
            system,
            names,
        )
        beside.rename(folder)
    except BaseException:
        with suppress(Refusal):
            enclave.bind(NAME, before)  # there is no firmware: as it was
        raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return open_boot(instance, client)[0]


def check_idle(enclave: Enclave) -> None:
    """Raise `Refusal` where the disk is in use: a start takes it away from who uses it."""
    if enclave.client.ask("status")["connections"]:
        raise Refusal("the disk is in use; end 'disk serve' first")


def settle(client: EnclaveClient) -> None:
    """Have the enclave start anew where what the boot chain did asks for it: DFU mode, bad or new firmware."""
    with suppress(Refusal):  # it was switched off: the next start sees for itself
        client.ask("start")


def external_volume(folder: Path, form: str) -> Volume:
    """Return another disk: a folder with what lies on it.

    Raises
    ------
    InputError
        There is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    windows, macos = (folder / _WINDOWS).exists(), (folder / LOADER).exists()
    system = System.MACOS if macos else System.WINDOWS if windows else System.OTHER
    return Volume(folder.name, HostFiles(folder), external=True, form=form, system=system)
