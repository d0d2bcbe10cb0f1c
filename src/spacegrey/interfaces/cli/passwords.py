"""Passwords: from a file descriptor, the environment or a prompt that does not show them, never from an argument."""

from __future__ import annotations

import os
import sys

import typer

from spacegrey.errors import InputError

_LONGEST = 4096


class Secrets:
    """Gives one secret after the other to a command.

    Parameters
    ----------
    descriptor : int, optional
        A file descriptor with one secret on each line, in the order in which the command asks.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        self._lines: list[bytes] | None = None

    def ask(self, what: str, variable: str, *, twice: bool = False) -> bytes:
        """Return a secret.

        Parameters
        ----------
        what : str
            Its name in the prompt: ``"password"``.
        variable : str
            The environment variable that may hold it.
        twice : bool
            Ask at a prompt for it a second time: a new one.

        Raises
        ------
        InputError
            It is nowhere, or two answers differ.
        """
        if self._descriptor is not None:
            return self._from_descriptor(what)
        if variable in os.environ:
            return os.fsencode(os.environ[variable])
        if not sys.stdin.isatty():
            raise InputError(f"the {what} is asked for at a terminal; without one give --password-fd or ${variable}")
        asked = what[:1].upper() + what[1:]  # a user's name keeps its letters
        typed = str(typer.prompt(asked, hide_input=True, err=True))
        if twice and typer.prompt(f"{asked} again", hide_input=True, err=True) != typed:
            raise InputError("the two differ; nothing is changed")
        return typed.encode()

    def _from_descriptor(self, what: str) -> bytes:
        if self._lines is None:
            try:
                with os.fdopen(os.dup(self._descriptor or 0), "rb") as file:
                    self._lines = file.read(_LONGEST + 1).split(b"\n")
            except OSError as error:
                raise InputError(
                    f"--password-fd {self._descriptor}: {(error.strerror or 'unreadable').lower()}"
                ) from None
        if not self._lines or self._lines == [b""]:
            raise InputError(f"--password-fd {self._descriptor}: no line is left for the {what}")
        return self._lines.pop(0).removesuffix(b"\r")
