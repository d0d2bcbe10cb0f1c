"""A machine's folder seen by the boot chain: its enclave keeps the state's digest, its modules say whose they are.

::

    DIR/t2/boot/root.der    the Boot ROM's certificate
    DIR/t2/boot/state.json  policies, firmware password, what runs
    DIR/t2/boot/firmware-*  the two slots of firmware
    DIR/t2/boot/system/     the internal volume
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from spacegrey.errors import InputError, Refusal
from spacegrey.machine.assembly import machine as built_machine
from spacegrey.t2.boot.chips import chip_sheet
from spacegrey.t2.boot.factory import open_machine, provision
from spacegrey.t2.boot.volumes import LOADER, System, Volume
from spacegrey.t2.files import HostFiles
from spacegrey.t2.signer.client import SigningService
from spacegrey.t2.signer.local import LocalService
from spacegrey.t2.storage.folder import open_modules
from spacegrey.virtual.instance import PAIR, restore

if TYPE_CHECKING:
    from pathlib import Path

    from spacegrey.t2.boot.machine import Machine
    from spacegrey.t2.enclave.client import EnclaveClient
    from spacegrey.virtual.instance import Instance

_WINDOWS = "bootmgfw.efi"


def boot_folder(instance: Instance) -> Path:
    """Return where a machine keeps what starts it."""
    return instance.chip / "boot"


class Enclave:
    """The enclave, as the boot chain needs it: it keeps digests, and knows administrators.

    Parameters
    ----------
    client : EnclaveClient
        A line to it; a restore replaces it.
    """

    def __init__(self, client: EnclaveClient) -> None:
        self.client = client

    def bind(self, name: str, digest: str) -> None:
        """Keep a digest, durably."""
        self.client.ask("bind", name=f"boot {name}", digest=digest)

    def bound(self, name: str) -> str | None:
        """Return the digest that was kept last."""
        found = self.client.ask("bound", name=f"boot {name}")
        return None if found is None else str(found)

    def authenticate(self, password: bytes | bytearray, user: str | None = None) -> str:
        """Return the user whose password this is; raises `Refusal`."""
        return str(self.client.ask("authenticate", password=bytes(password), user=user, place="recovery"))


class Modules:
    """The flash of a machine's folder."""

    def __init__(self, instance: Instance, enclave: Enclave, passphrase: bytes | None) -> None:
        self._instance, self._enclave, self._passphrase = instance, enclave, passphrase

    def pair(self) -> str:
        """Return which pair of modules is there; raises `Refusal` where one is missing or strange."""
        try:
            modules, label = open_modules(self._instance.disk, read_only=True)
        except InputError as error:
            raise Refusal(str(error)) from None
        for module in modules:
            module.close()
        if label.pair != self._enclave.client.ask("bound", name=PAIR):
            raise Refusal("these modules are not the ones that this machine's T2 was set up with: they need a restore")
        return label.pair

    def erase(self) -> str:
        """Destroy every key, set the modules up anew, return which pair they are."""
        self._enclave.client.switch_off()
        restore(self._instance, self._passphrase or b"")
        self._enclave.client = self._instance.switch_on(passphrase=self._passphrase)
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
    beside = folder.with_name(".boot")
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
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return open_boot(instance, client)[0]


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
