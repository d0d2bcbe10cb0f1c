"""A job recorded from Python: run it, look at it, and have it as a workload that runs on its host's own machine."""

from __future__ import annotations

import datetime as dt
import math
import os
import shlex
import socket
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spacegrey.errors import InputError, unknown
from spacegrey.simulation.runfile import write_whole
from spacegrey.sourced import Document
from spacegrey.units import parse_quantity
from spacegrey.workload.library import from_document
from spacegrey.workload.recording.estimate import demands
from spacegrey.workload.recording.lines import json_lines
from spacegrey.workload.recording.rated_machine import machine_text, read_rating
from spacegrey.workload.recording.rating import rate_host
from spacegrey.workload.recording.recorded_workload import workload_text
from spacegrey.workload.recording.sampling import record_command, record_process

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spacegrey.simulation.run import Run
    from spacegrey.workload.library import Workload
    from spacegrey.workload.recording.estimate import Demand
    from spacegrey.workload.recording.rating import Rating
    from spacegrey.workload.recording.sampling import Samples

KINDS = ("integer", "float")


def record(
    command: str | Sequence[str] | None = None,
    *,
    pid: int | None = None,
    seconds: str | float | None = None,
    cores: int | None = None,
    kind: str | None = None,
    out: str | Path | None = None,
    host: str | Path = "this-computer.toml",
    samples: str | Path | None = None,
) -> Workload:
    """Run a command, look at it ten times a second, and return it as a workload for every machine.

    Parameters
    ----------
    command : str or sequence of str
        What to run, in words as a shell would part them; no shell reads it. Its output goes where Python's goes.
    pid : int, optional
        A process that runs already, in place of a command; it goes on when the recording ends.
    seconds : str or float, optional
        With ``pid``: end after so long, above 0, such as ``"90s"``. [s]
    cores : int, optional
        Cores that the command may use.
    kind : {'integer', 'float'}, optional
        Of the work, if not as its threads are met: ``integer`` for builds and archives, ``float`` for renderers.
    out : str or Path, optional
        Keep the workload in this TOML file.
    host : str or Path
        This computer as a machine, in TOML; it is rated, for about ten seconds, and written where it is not there.
    samples : str or Path, optional
        Keep the samples, one JSON object a line; `Log.of` reads them.

    Returns
    -------
    Workload
        ``spec.recorded`` says on which host, how sure it is, and what could not be seen.

    Raises
    ------
    InputError
        The command is not there, options do not go together, a file cannot be written, or ``host`` is of another one.

    Examples
    --------
    >>> record("make -j8", pid=1)
    Traceback (most recent call last):
    spacegrey.errors.InputError: record: give either a command or pid=
    """
    words = _words(command)
    if bool(words) == (pid is not None):
        raise InputError("record: give either a command or pid=")
    if seconds is not None and pid is None:
        raise InputError("record: seconds goes with pid; a command is recorded until it ends")
    if cores is not None and pid is not None:
        raise InputError("record: cores goes with a command; a running process keeps its own")
    if kind is not None and kind not in KINDS:
        raise unknown("kind of work", kind, KINDS, "record")
    counts: dict[str, Any] = {"pid": pid, "cores": cores}
    for name, number in counts.items():
        if number is not None and (not isinstance(number, int) or isinstance(number, bool)):
            raise InputError(f"record: {name} is a whole number, not {number!r}")
    kept_in, rated_in, lines_in = (
        _path(name, path) for name, path in (("out", out), ("host", host), ("samples", samples))
    )
    if rated_in is None:
        raise InputError("record: host names a file that ends in .toml")
    check_places(rated_in, kept_in, lines_in)
    wanted_s = None if seconds is None else wanted(seconds, "record: seconds")
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    rating = rated(rated_in, (kept_in or rated_in).parent, today)
    taken = record_command(words, cores) if words else record_process(pid or 0, wanted_s)
    return kept(taken, rating, kind, today, kept_in, lines_in)[0]


def kept(
    taken: Samples, rating: Rating, kind: str | None, today: str, out: Path | None, lines_to: Path | None
) -> tuple[Workload, list[Demand]]:
    """Make a workload of a recording, write the files that are asked for, and return it with what each phase asks.

    Raises
    ------
    InputError
        There was nothing to see, or a file cannot be written; then none is.
    """
    found = demands(taken, rating, kind)
    if not found:
        raise InputError(f"record: {taken.command}: ended before it was looked at twice: there is nothing to keep")
    name = name_of(taken.command)
    text = workload_text(taken, found, rating, name, today)
    if lines_to:
        lines = json_lines(taken)
        write_whole(lines_to, lambda beside: beside.write_text(lines, encoding="utf-8"))
    if out:
        write_whole(out, lambda beside: beside.write_text(text, encoding="utf-8"))
    data: dict[str, Any] = tomllib.loads(text)
    return from_document(Document(out or Path(f"{name}.toml"), text, data)), found


def name_of(command: str) -> str:
    """Return what a job is called: its program, without the folder and what follows it.

    Examples
    --------
    >>> name_of("/usr/bin/make -j8"), name_of("'/opt/my tools/render' scene"), name_of("")
    ('make', 'render', 'job')
    """
    try:
        program, *_ = shlex.split(command) or [""]
    except ValueError:  # a process may call itself what it likes
        program, *_ = command.split()
    return Path(program).name or "job"


def wanted(seconds: str | float, place: str) -> float:
    """Return how long a recording may last. [s].

    Raises
    ------
    InputError
        It is no time, or none that is longer than nothing.

    Examples
    --------
    >>> wanted("5min", "--for")
    300.0
    """
    try:
        found = parse_quantity(seconds, "time", place) if isinstance(seconds, str) else float(seconds)
    except (TypeError, ValueError):
        raise InputError(f"{place}={seconds!r} is no time: write 90 or '90s'") from None
    if not (found > 0.0 and math.isfinite(found)):
        raise InputError(f"{place}={seconds} is not longer than nothing: write 90s or 5min")
    return found


def _words(command: str | Sequence[str] | None) -> list[str]:
    """Return a command in words."""
    try:
        return shlex.split(command) if isinstance(command, str) else [str(word) for word in command or ()]
    except (ValueError, TypeError) as error:
        raise InputError(f"record: {command!r} is no command: {error}") from None


def _path(name: str, given: str | Path | None) -> Path | None:
    """Return the path of a file that a caller named."""
    try:
        return None if given is None else Path(given)
    except TypeError:
        raise InputError(f"record: {name} is a path, not {given!r}") from None


def check_places(host: Path, out: Path | None, lines_to: Path | None) -> None:
    """Refuse what cannot be written before the job has run, and not after.

    Raises
    ------
    InputError
        A name does not end as it must, two are of one file, or a folder is not there or may not be written to.
    """
    given = [path for path in (host, out, lines_to) if path]
    for path in (host, out):
        if path and path.suffix != ".toml":
            raise InputError(f"{path}: record: a machine and a workload are written to files that end in .toml")
    places = [path.resolve() for path in given]
    for number, path in enumerate(places):
        if path in places[:number]:
            raise InputError(f"{given[number]}: record: two of out, host and samples name the same file")
    for path in places:
        if not path.parent.is_dir():
            raise InputError(f"{path}: cannot be written: no such folder: {path.parent}")
        if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
            raise InputError(f"{path}: cannot be written: {'it is a folder' if path.is_dir() else 'permission denied'}")


def rated(host: Path, folder: Path, today: str, tell: Callable[[], None] = lambda: None) -> Rating:
    """Return the rating in a host's file, or rate this computer and write the file.

    Parameters
    ----------
    host : Path
        This computer as a machine.
    folder : Path
        On the drive that is rated.
    today : str
        The day that a new rating bears.
    tell : callable, optional
        Called before ten seconds of rating begin.

    Raises
    ------
    InputError
        The file is of another computer, is no rating, or cannot be written.
    """
    if host.exists():
        known = read_rating(host)
        if known.host != socket.gethostname():
            raise InputError(f"{host}: rated on {known.host!r}, and this is {socket.gethostname()!r}: name another")
        return known
    tell()
    rating = rate_host(folder, today)
    write_whole(host, lambda beside: beside.write_text(machine_text(rating), encoding="utf-8"))
    # As it stands in the file, so that the first recording and the next are alike.
    return read_rating(host)


def replayed(made: Workload, host: Path, cores: int, rating: Rating) -> Run:
    """Return a recording run on the host's own machine, with the cores that it had."""
    # The compiler is no company for a job that is being recorded.
    from spacegrey.machine.assembly import machine
    from spacegrey.simulation.run import simulate

    return simulate(made, machine(selector_of(host, cores, rating)))


def selector_of(host: Path, cores: int, rating: Rating) -> str:
    """Return the selector of a rated host with so many of its cores, or with all where it has no such choice."""
    fewer = cores < rating.cores and cores & (cores - 1) == 0
    return f"{host}:{cores}-core" if fewer else str(host)
