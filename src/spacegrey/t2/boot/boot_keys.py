"""What a key held at start does, with and without a firmware password."""

from __future__ import annotations

import functools
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import Field

from spacegrey.errors import unknown
from spacegrey.sourced import CATALOG, Spec, read_spec, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping


class Action(StrEnum):
    """What is started."""

    SYSTEM = "system"
    STARTUP_MANAGER = "startup-manager"
    TARGET_DISK = "target-disk-mode"
    RECOVERY = "recovery-os"
    INTERNET_RECOVERY = "internet-recovery"
    DIAGNOSTICS = "diagnostics"
    INTERNET_DIAGNOSTICS = "internet-diagnostics"
    SINGLE_USER = "single-user"
    VERBOSE = "verbose"
    SAFE = "safe"
    EJECT = "eject"
    RESET_VARIABLES = "reset-variables"
    NETWORK = "network"
    DFU = "dfu"


class Locked(StrEnum):
    """What a firmware password does to a key."""

    ASKS = "asks"
    IGNORED = "ignored"
    NOT_REACHED = "not-reached"
    """The key speaks to the chip before the firmware that would ask runs."""


class BootKey(Spec):
    """A key, or keys, held while the machine starts."""

    name: str = Field(description="the keys, as they are written on them")
    action: Action = Field(description="what it starts")
    locked: Locked = Field(description="what a firmware password does to it")
    only_without_security: bool = Field(default=False, description="works at No Security only")
    never: bool = Field(default=False, description="does nothing on this machine")


@functools.cache
def boot_keys() -> Mapping[str, BootKey]:
    """Return every key by the word for it.

    Examples
    --------
    >>> boot_keys()["option"].action
    <Action.STARTUP_MANAGER: 'startup-manager'>
    """
    document = read_toml(CATALOG / "t2" / "boot-keys.toml")
    return {name: read_spec(BootKey, table, document, [name]) for name, table in document.data.items()}


def boot_key(name: str) -> BootKey:
    """Return a key; its letters may be large or small.

    Raises
    ------
    InputError
        There is no such one.

    Examples
    --------
    >>> boot_key("Cmd-R") is boot_key("cmd-r")
    True
    """
    if name.lower() not in boot_keys():
        raise unknown("key", name, boot_keys())
    return boot_keys()[name.lower()]
