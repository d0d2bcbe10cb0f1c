"""Help and the end of a command: Rich panels on a terminal, plain text elsewhere, one line for every error."""

from __future__ import annotations

import errno
import inspect
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias, cast

import typer
from typer.core import TyperCommand, TyperGroup

from spacegrey.errors import InputError, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

# Click's Context and HelpFormatter, and its UsageError: typer carries a click of its own that it does not show.
Context: TypeAlias = Any
Formatter: TypeAlias = Any
_USAGE_ERROR = cast("type[Exception]", typer.BadParameter.__mro__[1])

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


class Verb(TyperCommand):
    """A command whose help ends with examples."""

    def format_help(self, ctx: Context, formatter: Formatter) -> None:
        """Write the help, in panels on a terminal and as plain text elsewhere."""
        _format_help(self, super().format_help, ctx, formatter)

    def format_epilog(self, ctx: Context, formatter: Formatter) -> None:
        """Write the examples of plain help."""
        del ctx
        _write_examples(self.epilog, formatter)


class Verbs(TyperGroup):
    """The command itself: its verbs in panels, and every error as one line."""

    def format_help(self, ctx: Context, formatter: Formatter) -> None:
        """Write the help, in panels on a terminal and as plain text elsewhere."""
        _format_help(self, super().format_help, ctx, formatter)

    def format_commands(self, ctx: Context, formatter: Formatter) -> None:
        """Write the verbs of plain help, panel by panel."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            verb = cast("Verb", self.get_command(ctx, name))
            panels.setdefault(str(verb.rich_help_panel), []).append((name, verb.get_short_help_str(60)))
        for panel, verbs in panels.items():
            with formatter.section(panel):
                formatter.write_dl(verbs, col_max=12)

    def format_epilog(self, ctx: Context, formatter: Formatter) -> None:
        """Write the examples of plain help."""
        del ctx
        _write_examples(self.epilog, formatter)

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:  # noqa: ANN401 - as click has it
        """Run, and end the process with the status that the command line promises."""
        if not standalone_mode:
            return super().main(*args, standalone_mode=False, **extra)
        status, line = 0, ""
        try:
            returned = super().main(*args, standalone_mode=False, **extra)
            status = returned if isinstance(returned, int) else 0
            sys.stdout.flush()
        except InputError as error:
            status, line = 2, f"error: {error}"
        except Refusal as error:
            status, line = 1, f"refused: {error}"
        except (KeyboardInterrupt, typer.Abort):  # the second is what a prompt makes of the first, and of Ctrl-D
            status = INTERRUPTED
        except _USAGE_ERROR as error:
            status, line = 2, _usage(error)
        except OSError as error:
            status, line = 2, f"error: {_trouble(error)}"
        if line:
            with suppress(OSError):  # nobody is to be told; the status is the same
                typer.echo(f"spacegrey: {_one_line(line)}", err=True)
        for stream in (sys.stdout, sys.stderr):
            _let_go(stream)
        sys.exit(status)


def _format_help(
    verb: Verb | Verbs, write: Callable[[Context, Formatter], None], ctx: Context, formatter: Formatter
) -> None:
    if not sys.stdout.isatty():
        verb.rich_markup_mode = None
        write(ctx, formatter)
        return
    epilog, verb.epilog = verb.epilog, None
    write(ctx, formatter)
    _print_examples(epilog)


_UNWRITTEN = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.EPIPE}


def _trouble(error: OSError) -> str:
    """Return where this computer failed, and why. Verbs name their files: what has no name is the output."""
    reason = (error.strerror or str(error)).lower()
    if isinstance(error.filename, (str, bytes)):
        return f"{os.fsdecode(error.filename)}: {reason}"
    return f"the output cannot be written: {reason}" if error.errno in _UNWRITTEN else reason


def _let_go(stream: TextIO) -> None:
    """Drop what a stream does not take, or Python says so at its end, with a status of its own."""
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _usage(error: Any) -> str:  # noqa: ANN401 - click's error
    said = str(error.format_message()).rstrip(".").replace("Value error, ", "")
    where = error.ctx.command_path if error.ctx else "spacegrey"
    return f"error: {said[:1].lower()}{said[1:]}; see '{where} --help'"


def _one_line(text: str) -> str:
    """Return a text without line breaks and other signs that steer a terminal: it may quote a user's file."""
    return "".join(sign if sign.isprintable() else " " for sign in " ".join(text.split()))


def _examples(epilog: str | None) -> list[str]:
    return inspect.cleandoc(epilog or "").splitlines()


def _write_examples(epilog: str | None, formatter: Formatter) -> None:
    lines = _examples(epilog)
    if lines:
        with formatter.section("Examples" if len(lines) > 1 else "Example"):
            for line in lines:
                formatter.write(f"  {line}\n")


def _print_examples(epilog: str | None) -> None:
    from rich.console import Console
    from rich.panel import Panel
    from rich.text import Text

    lines = _examples(epilog)
    if lines:
        title = "Examples" if len(lines) > 1 else "Example"
        Console().print(Panel(Text("\n".join(lines)), title=title, title_align="left", border_style="dim"))
