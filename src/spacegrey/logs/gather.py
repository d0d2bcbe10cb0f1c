"""Rows of any reader become a log: columns picked by the rules, dead sensors and bad times taken out and told."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.errors import InputError
from spacegrey.logs.host import Host, host_of
from spacegrey.logs.log import Found, Log
from spacegrey.logs.names import DATAFRAME, quantities, rules, words
from spacegrey.logs.text import LONGEST_NAME, plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from spacegrey.logs.names import Rule

MOST_ROWS = 1_000_000
"""A log of more rows is refused: eleven days at one row a second."""
MOST_VALUES = 50_000_000
"""Rows times columns that are kept; 400 MB."""
MOST_HOLES = 20_000_000
"""Of those, without a value: a file of few values in many columns stays as small as it looks."""
MOST_NAMES = 20_000
LATEST_S = 1e11
"""Later than any time since 1970 that is one, by three thousand years. [s]"""
STILL_ROWS = 60
"""A reading that should move and does not for so many rows is dead."""
STILL_CHANGE = 1e-4
LEAST_STEP = 0.1
"""A counter's rise over a shorter share of a log's usual step is not taken for a rate."""
MOVES = 1.5
"""A power that rises by this factor has a load that rises too."""
NAN = float("nan")
TIMES = {"time", "time_of_day_seconds", "elapsed time (sec)", "rdtsc", "elapsed_ns", "time_s", "timestamp", "ts", "t"}
"""Columns that tell when a row was taken."""
TWICE = "#"
"""Stands between a name and its number where a file has the name more than once."""


class Gatherer:
    """Takes the rows of a file as its reader finds them; only columns that a rule names are kept."""

    def __init__(self, path: Path, format_: str, own_names: Path | None = None, first: tuple[Rule, ...] = ()) -> None:
        self.path = path
        self.format = format_
        self.rules = (*first, *rules(format_, own_names))
        self.times: array[float] = array("d")
        self.values: dict[str, array[float]] = {}
        self.rule_of: dict[str, int | None] = {}
        self.beside: dict[str, frozenset[int]] = {}
        self.warnings: list[str] = []
        self._given = 0
        self.machine = ""
        self.processor = ""
        self.told: Host | None = None

    def wants(self, name: str) -> bool:
        """Tell whether a rule names a column; a column that none does is noted."""
        if len(name) > LONGEST_NAME:
            self.warn(f"columns with names of more than {LONGEST_NAME} characters are left out")
            return False
        if name not in self.rule_of:
            if len(self.rule_of) >= MOST_NAMES:
                raise InputError(f"{self.path}: more than {MOST_NAMES} columns")
            base = name.split(TWICE + TWICE, maxsplit=1)[0]
            fitting = [place for place, rule in enumerate(self.rules) if rule.fits(base)]
            self.rule_of[name] = next((place for place in fitting if not self.rules[place].beside), None)
            self.beside[name] = frozenset(place for place in fitting if self.rules[place].beside)
        return self.rule_of[name] is not None or bool(self.beside[name])

    def row(self, time_s: float, values: Mapping[str, float]) -> None:
        """Add a row; names that no rule knows are left out."""
        number = len(self.times)
        if number >= MOST_ROWS or number * len(self.values) > MOST_VALUES:
            raise self._too_long()
        if number * len(self.values) - self._given > MOST_HOLES:
            raise InputError(f"{self.path}: {len(self.values):,} columns that are hardly ever there: not a log")
        self.times.append(time_s)
        for name, value in values.items():
            if not self.wants(name):
                continue
            column = self.values.get(name)
            if column is None:
                column = self.values[name] = array("d")
            if len(column) < number:
                column.extend([NAN] * (number - len(column)))
            if len(column) == number:
                column.append(value)
                self._given += 1

    def columns(self, times: array[float], values: Mapping[str, array[float]]) -> None:
        """Take whole columns, for a log that is a table already; all of them are wanted and of one length."""
        if len(times) > MOST_ROWS or len(times) * len(values) > MOST_VALUES:
            raise self._too_long()
        self.times, self.values = times, dict(values)

    def _too_long(self) -> InputError:
        most = MOST_VALUES // MOST_ROWS
        return InputError(f"{self.path}: too long: at most {MOST_ROWS:,} rows of {most} columns")

    def warn(self, text: str) -> None:
        """Note what was wrong with the file."""
        if text not in self.warnings and len(self.warnings) < 40:  # noqa: PLR2004 - a wall of warnings is not read
            self.warnings.append(text)

    def log(self, *, period_s: float | None = None) -> Log:
        """Return the log.

        Parameters
        ----------
        period_s : float, optional
            Time between rows, for a file that tells none. [s]

        Raises
        ------
        InputError
            No row, no column that a rule names, or times that run backwards.
        """
        rows = len(self.times)
        what = words(self.format)
        if rows == 0:
            raise InputError(f"{self.path}: no rows ({what})")
        time = np.array(self.times, dtype=np.float64)
        timed, option = bool(np.isfinite(time).any()), "period=" if self.format == DATAFRAME else "--period"
        if not timed:
            time = np.arange(rows, dtype=np.float64) * (period_s or 1.0)
            if period_s is None:
                self.warn(f"no time stamps: rows are counted as seconds; give the time between rows with {option}")
        elif period_s is not None:
            self.warn(f"has time stamps of its own: {option} is not used")
        time[np.abs(time) > LATEST_S] = NAN
        known = np.flatnonzero(np.isfinite(time))
        if not len(known):
            raise InputError(f"{self.path}: no row has a time that can be ({what})")
        time -= time[known[0]]  # before they are compared: a step may be lost in it
        keep = self._rising(time)
        time = time[keep]
        raw = {
            name: np.concatenate([np.array(column), np.full(rows - len(column), NAN)])[keep]
            for name, column in self.values.items()
        }
        columns, found, used = self._choose(raw, time)
        if not columns:
            seen = ", ".join(plain(name) for name in list(self.rule_of)[:6])
            how = "; say which is which: columns={'cpu_temp_c': ...}" if self.format == DATAFRAME else ""
            raise InputError(f"{self.path}: no column is known ({what}); the first are: {seen or 'none'}{how}")
        if self.format != "spacegrey":
            for name, column in columns.items():
                self._bury(name, column)
            self._contradict(columns)
        columns = {name: column for name, column in columns.items() if np.isfinite(column).any()}
        if not columns:
            raise InputError(f"{self.path}: every reading is dead ({what}): {self.warnings[-1]}")
        found = [
            Found(one.quantity, one.sources, one.how, int(np.isfinite(columns[one.quantity]).sum()))
            for one in found
            if one.quantity in columns
        ]
        unused = tuple(
            plain(name.replace(TWICE + TWICE, " no. "))
            for name in self.rule_of
            if name not in used and name.lower() not in TIMES
        )
        host = self._host()
        self._tell_sockets(host, found)
        return Log(
            str(self.path), self.format, {"time_s": time, **columns}, tuple(found), unused, tuple(self.warnings),
            timed or period_s is not None, plain(self.machine), host,
        )  # fmt: skip

    def _host(self) -> Host:
        """Return what the file tells of its machine: what its reader was told, or what its columns' names say."""
        names = (name.split(TWICE + TWICE, maxsplit=1)[0] for name in self.rule_of)
        return self.told or host_of(self.format, names, plain(self.processor)[:80])

    def _tell_sockets(self, host: Host, found: list[Found]) -> None:
        """Warn of two processors in one machine: a fit takes what is read for one."""
        how = {one.quantity: one.how for one in found}
        if host.sockets < 2 or "cpu_temp_c" not in how:  # noqa: PLR2004 - one is told nothing of
            return
        both = self.format == "turbostat"  # its line for all cores
        temp = "of the hottest" if both else "of the first"
        power = "of all together" if both or how.get("cpu_power_w") == "sum" else "of the first"
        powered = f", cpu_power_w {power}" if "cpu_power_w" in how else ""
        self.warn(f"{host.sockets} processors: cpu_temp_c is {temp}{powered}; a fit takes them for one")

    def _rising(self, time: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which rows come after every row before them."""
        finite = np.isfinite(time)
        reached = np.maximum.accumulate(np.where(finite, time, -np.inf))
        before = np.concatenate([[-np.inf], reached[:-1]])
        keep = finite & (time > before)
        same, back = int((finite & (time == before)).sum()), int((finite & (time < before)).sum())
        if back > len(time) // 10 and back > 1:
            raise InputError(
                f"{self.path}: time runs backwards: {back} of {len(time)} rows are earlier than one before them"
            )
        if same:
            self.warn(f"{same} rows repeat the time of the row before and are left out")
        if back:
            self.warn(f"{back} rows are earlier than the row before and are left out")
        if not finite.all():
            self.warn(f"{int((~finite).sum())} rows have no readable time and are left out")
        return keep

    def _choose(
        self, raw: dict[str, NDArray[np.float64]], time: NDArray[np.float64]
    ) -> tuple[dict[str, NDArray[np.float64]], list[Found], set[str]]:
        columns: dict[str, NDArray[np.float64]] = {}
        found: list[Found] = []
        used: set[str] = set()
        for place, rule in enumerate(self.rules):
            if rule.quantity in columns:
                continue
            sheet = quantities()[rule.quantity]
            live: dict[str, NDArray[np.float64]] = {}
            outside: dict[str, list[str]] = {}
            for name, values in raw.items():
                if self.rule_of[name] == place or place in self.beside[name]:
                    seen = _in_units(rule, values, time)
                    inside = (seen > sheet.low) & (seen <= sheet.high)
                    out = int((np.isfinite(seen) & ~inside).sum())
                    if out:
                        outside.setdefault("always" if not inside.any() else f"in {out} rows", []).append(_shown(name))
                    if inside.any():
                        live[name] = np.where(inside, seen, NAN)
            for share, names in outside.items() if not rule.beside else ():
                others = f" and {len(names) - 1} more" if len(names) > 1 else ""
                self.warn(f"{names[0]}{others}: {share} outside what {rule.quantity} can be: left out there")
            if not live:
                continue
            live = self._nearest(rule, live, found)
            if rule.take == "first" and len(live) > 1:
                self._tell_twins(rule, live)
            names = tuple(live)[:1] if rule.take == "first" else tuple(live)
            columns[rule.quantity] = _together(rule.take, [live[name] for name in names])
            found.append(Found(rule.quantity, tuple(_shown(name) for name in names), rule.take, 0))
            used |= set(names)
        order = {name: place for place, name in enumerate(quantities())}
        found.sort(key=lambda one: order[one.quantity])
        return {one.quantity: columns[one.quantity] for one in found}, found, used

    def _nearest(
        self, rule: Rule, live: dict[str, NDArray[np.float64]], found: list[Found]
    ) -> dict[str, NDArray[np.float64]]:
        """Return columns with those first that stand nearest to another: two devices have columns of one name."""
        to = next((one.sources[0] for one in found if one.quantity == rule.near), None)
        if to is None or len(live) < 2:  # noqa: PLR2004 - one has no order
            return live
        place = {_shown(name): number for number, name in enumerate(self.rule_of)}
        return dict(sorted(live.items(), key=lambda one: abs(place[_shown(one[0])] - place[to])))

    def _tell_twins(self, rule: Rule, live: dict[str, NDArray[np.float64]]) -> None:
        first, *others = live
        for name in others:
            both = np.isfinite(live[first]) & np.isfinite(live[name])
            apart = np.abs(live[first] - live[name])[both]
            if apart.size and float(apart.max()) > 0.0:
                self.warn(
                    f"{_shown(name)} is {rule.quantity} too and differs by up to {float(apart.max()):.3g}; "
                    f"{_shown(first)} is taken"
                )

    def _bury(self, name: str, column: NDArray[np.float64]) -> None:
        """Take out stretches in which a reading that should move stands still."""
        sheet = quantities()[name]
        if sheet.still_above is None or len(column) < STILL_ROWS:
            return
        with np.errstate(invalid="ignore"):
            same = np.abs(np.diff(column)) <= STILL_CHANGE * np.abs(column[1:])
            same &= (column[1:] > sheet.still_above) & (column[1:] < sheet.still_below)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], same.astype(np.int8), [0]])))
        dead = 0
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            if end - start >= STILL_ROWS:
                column[start : end + 1] = NAN
                dead += int(end - start) + 1
        if dead > len(column) // 2:
            column[:] = NAN
        if dead:
            self.warn(f"{name} stands still for {dead} of {len(column)} rows: a dead reading, left out there")

    def _contradict(self, columns: dict[str, NDArray[np.float64]]) -> None:
        """Take out a load that never changes while the power does."""
        busy, power = (columns.get(name, np.empty(0)) for name in ("cpu_busy", "cpu_power_w"))
        told, drawn = busy[np.isfinite(busy)], power[np.isfinite(power)]
        if len(told) < STILL_ROWS or len(drawn) < STILL_ROWS or float(np.ptp(told)) > STILL_CHANGE:
            return
        low, high = (float(one) for one in np.percentile(drawn, [5, 95]))
        if high > MOVES * low:
            busy[:] = NAN
            self.warn(f"cpu_busy never changes while the power goes from {low:.3g} to {high:.3g} W: a dead reading")


def numbered(names: list[str]) -> list[str]:
    """Return the names of a head with a number behind each that stands there again.

    Examples
    --------
    >>> numbered(["CPU", "Fan", "CPU"])
    ['CPU', 'Fan', 'CPU##2']
    """
    times: dict[str, int] = {}
    given: list[str] = []
    for name in names:
        times[name] = times.get(name, 0) + 1
        given.append(name if times[name] == 1 else f"{name}{TWICE}{TWICE}{times[name]}")
    return given


def _shown(name: str) -> str:
    base, twice, number = name.partition(TWICE + TWICE)
    return f"{plain(base)!r} no. {number}" if twice else repr(plain(base))


def _in_units(rule: Rule, values: NDArray[np.float64], time: NDArray[np.float64]) -> NDArray[np.float64]:
    if rule.counter:
        values = _rise(values, time)
    if rule.each_step:
        steps = np.diff(time, prepend=NAN)
        values = values / np.where(np.isfinite(steps), steps, np.median(np.diff(time)) if len(time) > 1 else NAN)
    values = values * rule.scale + rule.offset
    return 1.0 - values if rule.idle else values


def _rise(values: NDArray[np.float64], time: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rise of a counter each second over the step before a row; NaN where it was set back."""
    rate = np.full(len(values), NAN)
    known = np.flatnonzero(np.isfinite(values))
    if len(known) > 2:  # noqa: PLR2004 - one step is not short
        # Two rows of one moment: the clock's last digit is as long as the step. The next row tells the rise of both.
        lasts = np.diff(time[known])
        known = known[np.concatenate([[True], lasts >= LEAST_STEP * float(np.median(lasts))])]
    with np.errstate(over="ignore"):  # what is infinite then is no reading
        steps = np.diff(values[known])
        rate[known[1:]] = np.where(steps >= 0.0, steps / np.diff(time[known]), NAN)
    return rate


def _together(take: str, columns: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    if len(columns) == 1:
        return columns[0]
    stacked = np.array(columns)
    known = np.isfinite(stacked)
    count = known.sum(axis=0)
    if take == "max":
        joined = np.where(known, stacked, -np.inf).max(axis=0)
    elif take == "sum":
        joined = np.where(known, stacked, 0.0).sum(axis=0)
    else:
        joined = np.where(known, stacked, 0.0).sum(axis=0) / np.maximum(count, 1)
    return np.where(count > 0, joined, NAN)
