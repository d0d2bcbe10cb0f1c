"""What the readers of a real machine's dumps find: devices, what is missing of them, and what is left out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Seen:
    """A device as a dump shows it.

    Attributes
    ----------
    name : str
        As the dump calls it.
    source : str
        The file.
    facts : dict
        Keys of a plan's device: kind, link, width, port, via and others, as far as the dump says them.
    missing : list of str
        Keys that a plan needs and no dump says.
    notes : list of str
        What else the dump says.
    """

    name: str
    source: str
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    missing: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])


@dataclass
class Found:
    """All that a folder of dumps shows.

    Attributes
    ----------
    machine : str or None
        The maker's model identifier, such as ``iMacPro1,1``.
    devices : list of Seen
        That a plan can hold as they are.
    unsure : list of Seen
        That are there, but of which something is missing.
    left_out : list of str
        What was seen and is no device of a plan, and why.
    read, not_read : list of str
        Files, with what they are, or why they were passed over.
    """

    machine: str | None = None
    devices: list[Seen] = field(default_factory=list[Seen])
    unsure: list[Seen] = field(default_factory=list[Seen])
    left_out: list[str] = field(default_factory=list[str])
    read: list[str] = field(default_factory=list[str])
    not_read: list[str] = field(default_factory=list[str])


LONGEST_NAME = 60


def plain(text: object) -> str:
    r"""Return a dump's text fit for a terminal and a plan: one line, printable, short.

    Examples
    --------
    >>> plain(" LG\tUltraFine\x1b[31m ")
    'LG UltraFine?[31m'
    """
    return printable(" ".join(str(text).split()))[:LONGEST_NAME].strip() or "unnamed"


def printable(text: str) -> str:
    r"""Return a text with a question mark for every sign that steers a terminal or ends a line.

    Examples
    --------
    >>> printable("a\nb")
    'a?b'
    """
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def title(text: object) -> str:
    """Return a dump's text fit for the name of a device, in which a plan allows no slash.

    Examples
    --------
    >>> title("Gigabit 10/100/1000")
    'Gigabit 10-100-1000'
    """
    return plain(text).replace("/", "-")


def slug(text: str) -> str:
    """Return a name as the catalog's ids are written.

    Examples
    --------
    >>> slug("DELL P2715Q")
    'dell-p2715q'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
