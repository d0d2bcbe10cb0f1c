"""Logs of monitoring tools: each format's reader on any bytes, and what it may say of them."""

from __future__ import annotations

import re
import warnings
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np

from fuzz.found import expect
from fuzz.scratch import scratch
from spacegrey.errors import InputError
from spacegrey.logs import gather
from spacegrey.logs.gather import MOST_ROWS
from spacegrey.logs.names import FORMATS, Rule, quantities, rules
from spacegrey.logs.read import read_log

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from spacegrey.logs.log import Log

warnings.simplefilter("error", RuntimeWarning)  # what numpy prints beside an answer, a user would see

LONGEST_REFUSAL = 2000
MOST_WARNINGS = 40


# Names are the same in most inputs: each is looked at once, not once in each input.
gather.rules = cache(rules)


@lru_cache(maxsize=1 << 16)
def _fits(match: str, name: str) -> bool:
    return re.fullmatch(match, name, re.IGNORECASE) is not None


Rule.fits = lambda self, name: _fits(self.match, name)  # type: ignore[method-assign]


@cache
def _path() -> Path:
    return scratch("log") / "log"


@cache
def _units() -> Mapping[str, tuple[float, float]]:
    return {name: (sheet.low, sheet.high) for name, sheet in quantities().items()}


def _run(format_: str | None, data: bytes) -> None:
    """Read bytes as a log of a format, whatever they look like; None: as what they look like."""
    path = _path()
    path.write_bytes(data)
    try:
        found = read_log(path, format_=format_)
    except InputError as refused:
        _one_line(str(refused))
    else:
        expect(found.format == format_ or (format_ is None and found.format in FORMATS), "a log of another format")
        check(found, len(data))


def check(found: Log, size: int) -> None:
    """Raise where a log is not what its docstrings say; ``size`` is the file's. [bytes]."""
    time = found["time_s"]
    expect(0 < len(time) <= min(size, MOST_ROWS), "more rows than the file has bytes")
    expect(time[0] == 0.0 and bool(np.isfinite(time).all()), "times that are none")
    expect(bool((np.diff(time) > 0.0).all()), "times that do not rise")
    names = [one.quantity for one in found.found]
    expect(bool(names) and ["time_s", *names] == list(found.columns), "columns and what was found are not the same")
    expect(all(one.sources for one in found.found), "a quantity from nowhere")
    values = np.array([found[name] for name in names])
    known = np.isfinite(values)
    expect(values.shape == (len(names), len(time)) and not np.isinf(values).any(), "other rows, or infinite")
    rows = [one.rows for one in found.found]
    expect(0 not in rows and known.sum(axis=1).tolist() == rows, "other values than told")
    # the sum of several may be more than one can be
    low = np.array([[_units()[name][0]] for name in names])
    high = np.array([[np.inf if one.how == "sum" else _units()[one.quantity][1]] for one in found.found])
    expect(bool((((values > low) & (values <= high)) | ~known).all()), "a value outside what its quantity can be")
    expect(found.duration_s == time[-1] and found.period_s >= 0.0, "a length that is none")
    expect(all(begin < end for begin, end in found.gaps()), "a gap that is none")
    expect(len(found.warnings) <= MOST_WARNINGS, "a wall of warnings")
    for text in (*found.warnings, found.machine, *found.unused, *(name for one in found.found for name in one.sources)):
        _one_line(text)


def _one_line(text: str) -> None:
    expect(text.isprintable(), "more than a line, or signs that a terminal obeys")
    expect(len(text) < LONGEST_REFUSAL, f"{len(text)} characters are no line")


run_any = partial(_run, None)
run_powermetrics = partial(_run, "powermetrics")
run_powermetrics_plist = partial(_run, "powermetrics-plist")
run_turbostat = partial(_run, "turbostat")
run_hwinfo = partial(_run, "hwinfo")
run_power_gadget = partial(_run, "power-gadget")
run_hardware_monitor = partial(_run, "hardware-monitor")
run_energibridge = partial(_run, "energibridge")
run_sensors = partial(_run, "sensors")
run_sensors_json = partial(_run, "sensors-json")
run_psutil = partial(_run, "psutil")
run_recording = partial(_run, "recording")
run_prometheus = partial(_run, "prometheus")
run_prometheus_json = partial(_run, "prometheus-json")
run_spacegrey = partial(_run, "spacegrey")


def run_parquet(data: bytes) -> None:
    """Read a trace of ours in Parquet: the same, with the mark that the format begins with."""
    _run("spacegrey", b"PAR1" + data[4:])
