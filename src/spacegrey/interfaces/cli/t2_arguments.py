"""What subcommands of `spacegrey t2` have in common: their arguments, and what they ask before they begin."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spacegrey.errors import InputError

if TYPE_CHECKING:
    from spacegrey.interfaces.cli.passwords import Secrets
    from spacegrey.virtual.instance import Instance

Dir = Annotated[Path, typer.Argument(metavar="DIR", help="The machine's folder.")]
Fd = Annotated[
    int | None, typer.Option("--password-fd", metavar="N", help="Read passwords, one a line, from this descriptor.")
]
Network = Annotated[
    str | None, typer.Option("--network", metavar="URL", help="A signing server (default: no network).")
]
Firmware = Annotated[str, typer.Option("--firmware", metavar="BUILD", help="Which firmware.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")]


class Switch(StrEnum):
    """On or off."""

    ON = "on"
    OFF = "off"


def checked_network(url: str | None) -> None:
    """See that an address, if there is one, can be asked over HTTP; raises `InputError`."""
    if url is None:
        return
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        good = parts.scheme == "http" and parts.hostname and parts.port != 0 and url.isascii() and " " not in url
    except ValueError:  # its port or its brackets
        good = False
    if not good:
        raise InputError(f"--network {url!r}: no http address, such as http://127.0.0.1:8080")


def passphrase(instance: Instance, secrets: Secrets) -> bytes | None:
    """Return the passphrase of a chip that needs one and is off; None where none is needed."""
    from spacegrey.t2.enclave.client import is_on
    from spacegrey.t2.enclave.uid import Protection, protection_of

    if protection_of(instance.chip) is Protection.PASSPHRASE and not is_on(instance.chip):
        return secrets.ask("passphrase", "SPACEGREY_PASSPHRASE")
    return None


def sure(folder: Path, yes: bool) -> None:
    """Ask whether everything on a disk may be lost, unless that is said already; a no ends the command."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError("this erases everything; without a terminal say --yes")
    if not typer.confirm(f"Everything on the disk of {folder} will be lost. Go on?", err=True):
        raise typer.Exit(1)
