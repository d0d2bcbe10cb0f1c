"""What can go wrong, as exceptions whose text is one line that helps.

``SpacegreyError``
    everything the project raises on purpose

    * ``InputError``: the user's input is wrong; the line names the thing, the place and the choices (exit status 2)
    * ``Refusal``: the input is fine, but it does not support an answer; the line says why (exit status 1)
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class SpacegreyError(Exception):
    """Base of every error that Spacegrey raises on purpose."""


class InputError(SpacegreyError):
    """The user's input is wrong: one line that names the thing, the place and the choices."""


class Refusal(SpacegreyError):  # noqa: N818 - a refusal is an answer, not a fault
    """The inputs do not support an answer: one line that says why."""


def unknown(kind: str, given: str, choices: Iterable[str], place: str = "") -> InputError:
    """Return the error for a name that is not among its choices.

    Parameters
    ----------
    kind : str
        What the name was meant to be: ``"workload"``, ``"machine"``.
    given : str
        The name as the user wrote it.
    choices : iterable of str
        Every name that would have been right.
    place : str
        File and line, or the option it came from; empty where that is plain.

    Returns
    -------
    InputError
        Ready to be raised.

    Examples
    --------
    >>> str(unknown("machine", "imac-por", ["imac-pro", "mac-pro-2019"]))
    "unknown machine 'imac-por' (did you mean 'imac-pro'?); choose from: imac-pro, mac-pro-2019"
    """
    names = sorted(choices)
    close = difflib.get_close_matches(given, names, n=1)
    hint = f" (did you mean '{close[0]}'?)" if close else ""
    where = f"{place}: " if place else ""
    listed = ", ".join(names) if names else "nothing is defined"
    return InputError(f"{where}unknown {kind} {given!r}{hint}; choose from: {listed}")
