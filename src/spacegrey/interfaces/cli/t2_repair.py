"""Subcommands of `spacegrey t2` of the factory and the workshop: provision, revive, restore, activate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacegrey.errors import Refusal
from spacegrey.interfaces.cli.passwords import Secrets
from spacegrey.interfaces.cli.t2_arguments import AsJson, Dir, Fd, Firmware, Network, Yes, passphrase, sure
from spacegrey.interfaces.cli.t2_boot import opened, show


def provision(
    folder: Dir,
    signer: Annotated[Path, typer.Option("--signer", help="The signer whose root certificate the Boot ROM gets.")],
    firmware: Firmware = "bridge-1",
    system: Annotated[str, typer.Option("--system", metavar="BUILD", help="Which system.")] = "macos-1",
    password_fd: Fd = None,
    as_json: AsJson = False,
) -> None:
    """Do what the factory does.

    Root certificate, signed firmware, activation and a system, once for each machine.
    """
    from spacegrey.virtual.instance import open_instance
    from spacegrey.virtual.starting import make

    secrets, instance = Secrets(password_fd), open_instance(folder)
    with instance.powered(passphrase=passphrase(instance, secrets)) as client:
        machine = make(instance, client, signer, firmware, system)
        show(machine.state.load(), as_json)


def revive(
    folder: Dir,
    network: Network = None,
    firmware: Firmware = "bridge-1",
    password_fd: Fd = None,
    as_json: AsJson = False,
) -> None:
    """Install firmware and recoveryOS anew; the disk is kept.

    `t2 boot DIR --hold dfu` first.
    """
    from spacegrey.t2.boot.repair import revive as repair

    with opened(folder, Secrets(password_fd), network) as (machine, _):
        show(repair(machine, firmware), as_json)


def restore(
    folder: Dir,
    yes: Yes = False,
    network: Network = None,
    firmware: Firmware = "bridge-1",
    password_fd: Fd = None,
    as_json: AsJson = False,
) -> None:
    """Erase everything and set the machine up anew.

    It is what new modules need, and keys that are lost. A machine with firmware needs a signing server for it.
    """
    from spacegrey.interfaces.cli.output import console, write_json
    from spacegrey.t2.boot.repair import restore as repair
    from spacegrey.virtual.instance import open_instance
    from spacegrey.virtual.instance import restore as anew
    from spacegrey.virtual.starting import boot_folder

    secrets, instance = Secrets(password_fd), open_instance(folder)
    sure(folder, yes)
    if boot_folder(instance).is_dir():
        if network is None:
            raise Refusal("no network: a restore needs a signing server (--network URL); nothing is erased")
        with opened(folder, secrets, network, repair=True) as (machine, _):
            state = repair(machine, firmware)
        show(state, as_json)
        return
    anew(instance, passphrase(instance, secrets) or b"")
    if as_json:
        write_json({"on": False, "restored": True})
    else:
        console().print(f"{folder}: restored; the disk is empty, FileVault is off and no password is set")


def install(
    folder: Dir,
    network: Network = None,
    system: Annotated[str, typer.Option("--system", metavar="BUILD", help="Which system.")] = "macos-1",
    password_fd: Fd = None,
    as_json: AsJson = False,
) -> None:
    """Install a system: anew, or another one.

    It is done in recoveryOS or macOS (`t2 boot`), and needs the network: the server signs the system for this machine.
    """
    from spacegrey.t2.boot.factory import check_installer, install_system
    from spacegrey.t2.boot.volumes import system_files

    with opened(folder, Secrets(password_fd), network) as (machine, _):
        check_installer(machine.state.load())
        install_system(machine, system, system_files(machine.sheet.model))
        show(machine.state.load(), as_json)


def activate(folder: Dir, network: Network = None, password_fd: Fd = None, as_json: AsJson = False) -> None:
    """Ask the network for an activation.

    A restored machine needs one.
    """
    from spacegrey.t2.boot.repair import activate as ask

    with opened(folder, Secrets(password_fd), network) as (machine, _):
        show(ask(machine), as_json)


SUBCOMMANDS = {
    "provision": (provision, "spacegrey t2 provision my-mac --signer my-signer"),
    "revive": (revive, "spacegrey t2 revive my-mac --network http://127.0.0.1:8080"),
    "restore": (restore, "spacegrey t2 restore my-mac --yes"),
    "install": (install, "spacegrey t2 install my-mac --network http://127.0.0.1:8080"),
    "activate": (activate, "spacegrey t2 activate my-mac --network http://127.0.0.1:8080"),
}
