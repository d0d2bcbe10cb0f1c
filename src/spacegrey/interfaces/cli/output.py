"""Where commands write: tables that fit 80 columns, plain text in a pipe, progress on a terminal only."""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from spacegrey.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Generator

PLAIN_WIDTH = 80
BAR_CELLS = 24
_BLOCKS = "▁▂▃▄▅▆▇█"
_EIGHTHS = " ▏▎▍▌▋▊▉█"


class _Plain(Console):
    """Standard output that is no terminal: no signs that steer one, and no blanks at the ends of lines."""

    def print(self, *objects: Any, **settings: Any) -> None:  # noqa: ANN401 - as rich has it
        with self.capture() as captured:
            super().print(*objects, **settings)
        typer.echo("\n".join(line.rstrip() for line in captured.get().split("\n")), nl=False)


def console() -> Console:
    """Return standard output: as wide as the terminal, 80 columns and without a colour elsewhere."""
    terminal = sys.stdout.isatty()
    kind, width = (Console, None) if terminal else (_Plain, PLAIN_WIDTH)
    return kind(force_terminal=terminal, width=width, markup=False, highlight=False, emoji=False)


def table(out: Console, *columns: str, title: str | None = None) -> Table:
    """Return an empty table.

    Parameters
    ----------
    out : Console
        Where it will be printed: only a terminal gets a line under the head.
    columns : str
        Heads of the columns; one that begins with ``>`` is set to the right, as numbers are, one that begins with ``|``
        is never broken into lines.
    title : str, optional
        A line above.
    """
    made = Table(
        box=box.SIMPLE_HEAD if out.is_terminal else None,
        title=Text(title, style="bold") if title else None,
        title_justify="left",
        pad_edge=False,
        show_edge=False,
        padding=(0, 1 if out.is_terminal else 2, 0, 0),
        header_style="bold" if out.is_terminal else "",
    )
    for head in columns:
        right, whole = head.startswith(">"), head.startswith((">", "|"))
        made.add_column(head.lstrip(">|"), justify="right" if right else "left", no_wrap=whole, overflow="fold")
    return made


def bar(share: float, cells: int = BAR_CELLS) -> str:
    """Return a share as a bar of blocks.

    Examples
    --------
    >>> bar(0.5, 4)
    '██'
    """
    eighths = round(share * cells * 8)
    full, rest = divmod(max(eighths, 1 if share > 0.0 else 0), 8)
    return ("█" * full + _EIGHTHS[rest]).rstrip()


def sparkline(values: list[float]) -> str:
    """Return values as a row of blocks from the least to the most of them.

    Examples
    --------
    >>> sparkline([0.0, 1.0, 2.0, 7.0])
    '▁▂▃█'
    """
    low, high = min(values), max(values)
    if high - low <= 1e-9 * max(abs(high), 1.0):
        return _BLOCKS[0] * len(values)
    return "".join(_BLOCKS[min(int((value - low) / (high - low) * 8.0), 7)] for value in values)


def write_json(data: object) -> None:
    """Print data as JSON: ASCII, keys in the order of docs/json.md, null for what is not a number."""
    typer.echo(json.dumps(_finite(data), indent=2, allow_nan=False))


def _finite(data: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in cast("dict[str, Any]", data).items()}
    if isinstance(data, list):
        return [_finite(value) for value in cast("list[Any]", data)]
    return data


def writable(path: Path | None) -> Path | None:
    """Return a path that a file can be written to, before work is done that would be lost.

    Raises
    ------
    InputError
        Its folder is missing or cannot be written to, or the path is something else than a file.
    """
    if path is None:
        return None
    place = Path(os.path.realpath(path))
    if not place.parent.is_dir():
        raise InputError(f"{path}: cannot be written: no such folder: {place.parent}")
    if place.exists() and not place.is_file():
        raise InputError(f"{path}: cannot be written: it is not a file")
    try:
        tempfile.TemporaryFile(dir=place.parent).close()
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
    return place


class Update(Protocol):
    """Moves a progress bar: the share that is done, and a note."""

    def __call__(self, share: float, /, note: str = "") -> None:
        """Move the bar."""
        ...


@contextmanager
def progress(doing: str) -> Generator[Update]:
    """Show a progress bar on standard error while a block runs, on a terminal only.

    Yields
    ------
    Update
        Moves the bar.
    """
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    err = Console(stderr=True, markup=False, highlight=False, force_terminal=sys.stderr.isatty())
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as shown:
        task = shown.add_task(doing, total=1.0, note="")

        def update(share: float, /, note: str = "") -> None:
            shown.update(task, completed=share, note=note)

        yield update


def say_when_compiling() -> None:
    """Tell on standard error that the first run on a machine compiles the physics."""
    from spacegrey.compiled import is_compiled

    if not is_compiled():
        typer.echo("compiling the physics for this machine, once (about 10 s)...", err=True)


def flat(data: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested tables as one: ``{"a": {"b": 1}}`` as ``{"a.b": 1}``.

    Examples
    --------
    >>> flat({"fans": {"count": 2}, "vent": "rear"})
    {'fans.count': 2, 'vent': 'rear'}
    """
    found: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")  # pyright: ignore[reportUnknownArgumentType]
        else:
            found[prefix + key] = value
    return found
