"""The one way to read a log: which tool wrote it is seen in the file, never in its name."""

from __future__ import annotations

import json
import re
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from spacegrey.errors import InputError, unknown
from spacegrey.logs import reports, samples, tables
from spacegrey.logs.gather import MOST_ROWS, Gatherer
from spacegrey.logs.host import Host
from spacegrey.logs.names import FORMATS
from spacegrey.logs.text import lines, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from spacegrey.logs.log import Log

_BY_LINE = {
    "powermetrics": reports.powermetrics,
    "turbostat": tables.turbostat,
    "hwinfo": tables.hwinfo,
    "power-gadget": tables.power_gadget,
    "hardware-monitor": tables.hardware_monitor,
    "energibridge": tables.energibridge,
    "sensors": reports.sensors,
    "psutil": samples.psutil_lines,
    "recording": samples.recording,
    "prometheus": samples.prometheus_text,
}
_WHOLE: dict[str, Callable[[Gatherer, Path], None]] = {
    "powermetrics-plist": reports.powermetrics_plist,
    "sensors-json": reports.sensors_json,
    "prometheus-json": samples.prometheus_json,
}
_DOCUMENTS = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"(status|data|run)"')
"""JSON that is one line, perhaps longer than any of a format that is read line by line."""
_JSON = re.compile(r"\s*(\{|\[\s*([{\[]|$))")
"""A line that begins JSON with objects in it; a script's [12:00:05] begins none."""
HEAD_LINES = 400
"""A turbostat that says all it knows of the processor takes more than a hundred lines for it."""
HEAD_CHARACTERS = 4 << 20
LONGEST_PERIOD_S = 86_400.0
COUNTS = ("cores", "threads")
MOST_CORES = 4096
RECORDED = {"time_s", "cpu_s", "wanted_s"}
"""Every line of a recording's samples has these."""


def read_log(
    path: str | Path, *, format_: str | None = None, period_s: float | None = None, names: Path | None = None
) -> Log:
    """Read a log that a monitoring tool wrote.

    Parameters
    ----------
    path : str or Path
        The file.
    format_ : str, optional
        A key of ``names.FORMATS``; seen in the file unless given.
    period_s : float, optional
        Time between rows for a file without time stamps, above 0 and up to a day. [s]
    names : Path, optional
        A file with ``[[rule]]`` tables that come before the catalog's.

    Returns
    -------
    Log
        Its quantities over time, and what was wrong with it.

    Raises
    ------
    InputError
        Not a log that is known, empty, too large, without a known column, or with time running backwards.
    """
    path = Path(path)
    if not path.is_file():
        what = "a folder, not a file" if path.is_dir() else "no such file"
        raise InputError(f"{path}: {'a pipe or device: save what it tells in a file' if _is_stream(path) else what}")
    check_period(period_s)
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty")
    if format_ is not None and format_ not in FORMATS:
        raise unknown("format of a log", format_, FORMATS)
    format_ = format_ or format_of(path)
    found = Gatherer(path, format_, names)
    try:
        if format_ == "spacegrey":
            _own(found, path)
        elif format_ in _BY_LINE:
            _BY_LINE[format_](found, lines(path))
        else:
            _WHOLE[format_](found, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (IndexError, ValueError):
        if not found.times:
            raise InputError(f"{path}: not {FORMATS[format_]}: its head is not there") from None
        raise
    return found.log(period_s=period_s)


def _is_stream(path: Path) -> bool:
    try:
        return path.is_fifo() or path.is_char_device() or path.is_socket()
    except (OSError, ValueError):
        return False


def check_period(period_s: float | None) -> None:
    """Raise `InputError` where the time between rows is none that a log has. [s]."""
    if period_s is not None and not 0.0 < period_s <= LONGEST_PERIOD_S:
        raise InputError(f"period {period_s:g} s is outside 0 to {LONGEST_PERIOD_S:g} s")


def format_of(path: Path) -> str:  # noqa: C901, PLR0911, PLR0912 - one line for each tool
    """Return which tool wrote a file: a key of ``names.FORMATS``.

    Raises
    ------
    InputError
        None that is known.
    """
    with path.open("rb") as file:
        start = file.read(2048)
    if start.startswith(b"PAR1"):
        return "spacegrey"
    if b"<plist" in start or start.startswith(b"bplist"):
        return "powermetrics-plist"
    document = _DOCUMENTS.match(start)
    if document:
        return "spacegrey" if document[1] == b"run" else "prometheus-json"
    head = _head(path)
    text = next((line for line in head if line.strip()), "")
    if _JSON.match(text):
        return _json_format(path, text, head)
    first = text.replace('"', "").lstrip("\ufeff")
    if first.startswith("time_s,") and "cpu_temp_c" in first:
        return "spacegrey"
    if re.match(r"Date([,;\t]|/)Time[,;\t]", first):
        return "hwinfo"
    if first.startswith("System Time") and "RDTSC" in first:
        return "power-gadget"
    if re.match(r"[,;\t]/[\w-]+/", first):
        return "hardware-monitor"
    if re.match(r"Delta[,;\t]Time[,;\t]", first):
        return "energibridge"
    if any("*** Sampled system activity" in line for line in head):
        return "powermetrics"
    if any(tables.is_turbostat_head(line.split()) for line in head):
        return "turbostat"
    if any(line.startswith("Adapter:") or reports.CHIP.match(line) for line in head):
        return "sensors"
    if any(line.startswith(("# HELP", "# TYPE")) or re.match(r"\w+\{.*\} \S+", line) for line in head):
        return "prometheus"
    raise InputError(f"{path}: no log that is known; these are: {', '.join(FORMATS)}")


def _head(path: Path) -> list[str]:
    """Return a file's first lines: enough of them to know every tool."""
    head: list[str] = []
    for line in islice(lines(path), HEAD_LINES):
        head.append(line)
        if sum(map(len, head)) > HEAD_CHARACTERS:
            break
    return head


def _json_format(path: Path, first: str, head: list[str]) -> str:
    text = "\n".join(head)
    if re.search(r'"(temp|fan|in|power)\d+_(input|average)"', text):
        return "sensors-json"
    try:
        alone: object = json.loads(first)
    except (ValueError, RecursionError):
        alone = None
    if isinstance(alone, dict):
        return "recording" if alone.keys() >= RECORDED else "psutil"
    raise InputError(f"{path}: JSON, but neither lines of psutil, sensors -j nor an answer of Prometheus")


def _own(found: Gatherer, path: Path) -> None:
    """Read a trace of ours: the Parquet file of a run, or what `spacegrey export` made of one."""
    with path.open("rb") as file:
        start = file.read(4)
    if start == b"PAR1":
        columns = _parquet(found, path)
    elif start[:1] == b"{":
        from spacegrey.logs.text import whole

        try:
            kept: Any = json.loads(whole(path))
            columns = {str(name): list(values) for name, values in kept["trace"].items()}
            found.told = _own_host(kept)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise InputError(f"{path}: not a trace that spacegrey exported") from None
    else:
        tables.own_csv(found, lines(path))
        return
    times = columns.pop("time_s", [])
    wanted = {name: values for name, values in columns.items() if found.wants(name)}
    for number, time_s in enumerate(times):
        if not isinstance(time_s, int | float):
            raise InputError(f"{path}: not a trace that spacegrey exported: time_s is not a number")
        row = {name: values[number] for name, values in wanted.items() if number < len(values)}
        found.row(
            reports.as_float(time_s),
            {name: reports.as_float(one) for name, one in row.items() if isinstance(one, int | float)},
        )


def _kept(metadata: dict[bytes, bytes] | None) -> object:
    """Return the record of a saved run; None where there is none."""
    try:
        return json.loads((metadata or {})[b"spacegrey"])
    except (KeyError, ValueError, RecursionError):
        return None


def _own_host(kept: object) -> Host | None:
    """Return the processor that a run was simulated with."""
    chip: object = kept
    for key in ("inputs", "processor"):
        chip = cast("dict[str, object]", chip).get(key) if isinstance(chip, dict) else None
    if not isinstance(chip, dict):
        return None
    sheet = cast("dict[str, object]", chip)
    cores, threads = (one if type(one) is int and 0 < one < MOST_CORES else 0 for one in map(sheet.get, COUNTS))
    name = sheet.get("name")
    return Host(plain(name)[:80] if isinstance(name, str) else "", "", cores, threads, complete=True)


def _parquet(found: Gatherer, path: Path) -> dict[str, list[Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, list[Any]] = {}
    try:
        with pq.ParquetFile(path) as file:
            schema: Any = file.schema_arrow
            found.told = _own_host(_kept(schema.metadata))
            kinds: dict[str, Any] = {field.name: field.type for field in schema}
            if "time_s" not in kinds:
                raise InputError(f"{path}: a Parquet file without time_s is not a trace")
            # Only numbers that a rule names, and not all at once: a packed file's size says nothing of its content's.
            wanted = [name for name in kinds if name == "time_s" or found.wants(name)]
            names = [name for name in wanted if pa.types.is_floating(kinds[name]) or pa.types.is_integer(kinds[name])]
            batches: Any = file.iter_batches(columns=names, use_threads=False)
            for batch in batches:
                for name in names:
                    columns.setdefault(name, []).extend(batch.column(name).to_pylist())
                if max(map(len, columns.values()), default=0) > MOST_ROWS:
                    raise InputError(f"{path}: too long: at most {MOST_ROWS:,} rows")
    except (pa.ArrowException, OSError, ValueError, LookupError, MemoryError):
        raise InputError(f"{path}: not a saved run (empty, cut short, or another kind of file)") from None
    return columns
