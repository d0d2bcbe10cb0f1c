"""`spacegrey new`: the folder of a virtual machine, with its security chip and its encrypted disk."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

EXAMPLES = """
spacegrey new studio-2 --as imac-pro:18-core,4TB
spacegrey new studio-3 --as imac-pro --attempts 2018 --json
"""


class Uid(StrEnum):
    """Where the chip's key is kept."""

    FILE = "file"
    PASSPHRASE = "passphrase"  # noqa: S105 - a kind, not one
    KEYRING = "keyring"


class Table(StrEnum):
    """Which rule of attempts the chip follows."""

    OF_2022 = "2022"
    OF_2018 = "2018"


def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The machine's folder, which is made.")],
    selector: Annotated[str, typer.Option("--as", metavar="SELECTOR", help="Which machine it is.")],
    uid: Annotated[
        Uid,
        typer.Option("--uid", help="Where the chip's key is kept: in the folder, under a passphrase, in the key ring."),
    ] = Uid.FILE,
    attempts: Annotated[
        Table, typer.Option("--attempts", help="How many passwords may be tried: Apple's text of 2022 or 2018.")
    ] = Table.OF_2022,
    integrity: Annotated[
        bool, typer.Option("--integrity", help="Keep a tag beside every page of the disk, so that changes are noticed.")
    ] = False,
    password_fd: Annotated[
        int | None, typer.Option("--password-fd", metavar="N", help="Read the passphrase from this file descriptor.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Make a virtual machine, with a software T2.

    Its encrypted disk is empty, FileVault is off and no password is set. A software chip is a file:
    docs/threat-model.md says what it protects.
    """
    from spacegrey.interfaces.cli.output import console, write_json
    from spacegrey.interfaces.cli.passwords import Secrets
    from spacegrey.t2.enclave.uid import Protection
    from spacegrey.t2.storage.folder import open_modules
    from spacegrey.virtual.instance import create

    passphrase = b""
    if uid is Uid.PASSPHRASE:
        passphrase = Secrets(password_fd).ask("passphrase", "SPACEGREY_PASSPHRASE", twice=True)
    made = create(
        folder, selector, protection=Protection(uid), passphrase=passphrase, attempts=attempts, integrity=integrity
    )
    modules, label = open_modules(made.disk, read_only=True)
    for module in modules:
        module.close()
    capacity = label.geometry.capacity
    if as_json:
        facts = {"folder": str(folder), "machine": made.file.selector, "ecid": made.file.ecid, "uid": str(uid)}
        write_json(
            {
                **facts,
                "attempts": str(attempts),
                "capacity_bytes": capacity,
                "modules": len(modules),
                "integrity": integrity,
            }
        )
        return
    out = console()
    out.print(f"{folder}: {made.file.selector}, chip {made.file.ecid}, {len(modules)} modules, {capacity / 1e12:g} TB")
    where = {
        Uid.FILE: f"in {folder / 't2' / 'uid.json'}: who can read it has the chip",
        Uid.PASSPHRASE: "under the passphrase: without it the machine cannot be switched on",
        Uid.KEYRING: "in your key ring: a copy of the folder is worthless without it",
    }
    out.print(f"The chip's key is {where[uid]}.")
    named = quote(str(folder))
    out.print(f"Next: spacegrey disk serve {named}, or spacegrey t2 passwd {named}", soft_wrap=True)
