"""What a signer signs: builds with the digests of their objects, and the machines that may ask.

The list is a JSON file in the signer's folder, written whole or not at all, and read anew for every question.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from spacegrey.errors import InputError, Refusal, unknown
from spacegrey.t2.files import HostFiles

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORMAT = 1
NAME = "allowed.json"

_DIGEST = re.compile(r"[0-9a-f]{96}")
_KINDS = {"name": str, "chip": int, "board": int, "firmware": bool, "signing": bool}


@dataclass(frozen=True)
class Build:
    """A release: for which chip and board, and the SHA-384 of each object.

    Attributes
    ----------
    name : str
        What a request calls it.
    firmware : bool
        Whether its objects are the T2's own (with a nonce), or of the Intel side.
    signing : bool
        Whether it is still signed for machines that ask.
    """

    name: str
    chip: int
    board: int
    objects: Mapping[str, str]
    firmware: bool
    signing: bool = True


@dataclass(frozen=True)
class Allowed:
    """The list.

    Attributes
    ----------
    machines : tuple of int or None
        ECIDs that may ask; None for every machine.
    locked : tuple of int
        ECIDs with an Activation Lock: they get no activation.
    """

    builds: tuple[Build, ...] = ()
    machines: tuple[int, ...] | None = None
    locked: tuple[int, ...] = field(default=())

    def find(self, name: str) -> Build | None:
        """Return a build by its name."""
        return next((build for build in self.builds if build.name == name), None)

    def with_build(self, build: Build) -> Allowed:
        """Return the list with a build that is not there yet.

        Raises
        ------
        InputError
            The name is taken: what a name stands for never changes.
        """
        if self.find(build.name):
            raise InputError(f"build {build.name!r} is on the list already")
        return replace(self, builds=(*self.builds, build))

    def signing(self, name: str, *, now: bool) -> Allowed:
        """Return the list with a build signed from now on, or no longer.

        Raises
        ------
        InputError
            There is no such build.
        """
        if not self.find(name):
            raise unknown("build", name, [build.name for build in self.builds])
        builds = tuple(replace(build, signing=now) if build.name == name else build for build in self.builds)
        return replace(self, builds=builds)


def write_allowed(allowed: Allowed, folder: Path) -> None:
    """Write the list.

    Raises
    ------
    InputError
        The folder cannot be written to.
    """
    content = {"format": FORMAT, **asdict(allowed)}
    try:
        HostFiles(folder).replace(NAME, json.dumps(content, indent=1).encode() + b"\n")
    except OSError as error:
        raise InputError(f"{folder / NAME}: {(error.strerror or os.strerror(5)).lower()}") from None


def read_allowed(folder: Path) -> Allowed:
    """Return the list of a signer's folder.

    Raises
    ------
    Refusal
        It is missing, of a newer version, or damaged: a signer without its list signs nothing.
    """
    path = folder / NAME
    try:
        found: object = json.loads(path.read_text(encoding="utf-8"))
        return _allowed(cast("dict[str, Any]", found))
    except OSError as error:
        raise Refusal(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Refusal(f"{path} is damaged") from None


def _allowed(content: dict[str, Any]) -> Allowed:
    version = content["format"]
    if type(version) is int and version > FORMAT:
        raise Refusal(f"{NAME} is of format {version}, and this program knows {FORMAT}: a newer one wrote it")
    if type(version) is not int or version != FORMAT:
        raise ValueError
    builds = tuple(Build(**build) for build in content["builds"])
    for build in builds:
        digests = list(build.objects.values())
        if not all(_DIGEST.fullmatch(digest) for digest in digests):
            raise ValueError
        if any(type(getattr(build, key)) is not kind for key, kind in _KINDS.items()):
            raise ValueError
    machines = content["machines"]
    return Allowed(builds, None if machines is None else _ecids(machines), _ecids(content["locked"]))


def _ecids(found: list[Any]) -> tuple[int, ...]:
    if any(type(one) is not int for one in found):
        raise ValueError
    return tuple(found)
