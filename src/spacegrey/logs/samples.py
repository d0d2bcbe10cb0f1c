"""Logs of samples that programs wrote: psutil's JSON lines and Prometheus, as text and as the answer to a query."""

from __future__ import annotations

import json
import re
from collections import deque
from typing import TYPE_CHECKING, Any, cast

from spacegrey.errors import InputError
from spacegrey.logs.reports import flattened, time_of
from spacegrey.logs.text import LONGEST_NAME, NAN, number, plain, whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from spacegrey.logs.gather import Gatherer

_SERIES = re.compile(r"([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+(-?\d+))?\s*$")
# (?<!\w): else a long word is tried from each of its letters; *+ keeps no way back, which takes memory for each sign.
_LABEL = re.compile(r'(?<!\w)([A-Za-z_]\w*)="((?:[^"\\]++|\\.)*+)"')
_KEPT = ("chip", "sensor", "zone", "type", "cpu", "mode", "gpu", "index", "path")
MOST_SERIES = 5000
MOST_SCRAPED = 200_000
BUSY_OVER_S = 1.0
"""Cores are busy or not for so long. [s]"""


def psutil_lines(found: Gatherer, lines: Iterator[str]) -> None:
    """Read JSON lines with what psutil tells: ``cpu_percent``, ``cpu_freq``, ``sensors_temperatures`` and so on."""
    for table in _tables(found, lines):
        found.row(time_of(table), flattened(table))


def recording(found: Gatherer, lines: Iterator[str]) -> None:
    """Read the samples of `spacegrey record`; how busy the cores were is told over the second before each."""
    before: deque[tuple[float, float]] = deque()
    for table in _tables(found, lines):
        at, values = time_of(table), flattened(table)
        busy, cores = values.get("core_busy_s", NAN), values.get("cores", NAN)
        if at == at and busy == busy and cores > 0.0:  # noqa: PLR0124 - not NaN
            before.append((at, busy))
            # The system counts in hundredths of a second, too coarse for one look.
            while len(before) > 2 and before[1][0] <= at - BUSY_OVER_S:  # noqa: PLR2004 - the last and one before
                before.popleft()
            begin, done = before[0]
            if at > begin:
                values["busy_share"] = min(max((busy - done) / (at - begin) / cores, 0.0), 1.0)
        found.row(at, values)


def _tables(found: Gatherer, lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Yield the JSON object of each line; what is broken is told at the end."""
    broken = 0
    for line in lines:
        if not line.strip():
            continue
        try:
            sample = json.loads(line)
        except (ValueError, RecursionError):
            broken += 1
            continue
        if not isinstance(sample, dict):
            broken += 1
            continue
        yield cast("dict[str, Any]", sample)
    if broken:
        found.warn(f"{broken} line{'s are' if broken > 1 else ' is'} cut short or broken and left out")


def prometheus_text(found: Gatherer, lines: Iterator[str]) -> None:
    """Read what an exporter shows, scraped again and again into one file; a series that stands there again is new."""
    hosts = _Hosts()
    values: dict[str, float] = {}
    seen = set[str]()
    stamp = NAN
    for line in lines:
        if not line or line.startswith("#"):
            continue
        match = _SERIES.match(line)
        if not match:
            continue
        tags = dict(_LABEL.findall(match[2] or ""))
        labels = hosts.labels(match[1], tags)
        name = _name(match[1], tags, labels)
        if not hosts.reads(tags, wanted=found.wants(name)):
            continue
        _note(found, match[1], tags)
        at = number(match[4]) * 1e-3 if match[4] else NAN
        # Many series differ in labels that no name needs: only one that is the same in all of them is the next scrape.
        series = f"{match[1]} {match[2] or ''}"
        if series in seen or (at == at and stamp == stamp and at != stamp):  # noqa: PLR0124 - not NaN
            found.row(stamp, values)
            values, seen, stamp = {}, set[str](), NAN
        stamp = at if at == at else stamp  # noqa: PLR0124
        seen.add(series)
        if len(seen) > MOST_SCRAPED:
            raise InputError(f"{found.path}: more than {MOST_SCRAPED:,} series in one scrape: not a computer's")
        if found.wants(name):
            values.setdefault(name, number(match[3]))
    if values:
        found.row(stamp, values)
    hosts.tell(found)


class _Hosts:
    """Whose series a file holds: those of one machine are a log, the first that has something a rule names."""

    def __init__(self) -> None:
        self._read: str | None = None
        self._others: dict[str, None] = {}
        self._labels: dict[str, dict[str, str]] = {}

    @staticmethod
    def _of(tags: dict[str, str]) -> str:
        """Return a series' host; several exporters on one differ in their ports."""
        host, _, port = tags.get("instance", "").rpartition(":")
        return host if host and port.isdigit() else tags.get("instance", "")

    def labels(self, metric: str, tags: dict[str, str]) -> dict[str, str]:
        """Return what sensors and chips of a series' host are called, with what this series says of it."""
        labels = self._labels.setdefault(self._of(tags), {}) if len(self._labels) < MOST_SERIES else {}
        if metric == "node_hwmon_sensor_label" and len(labels) < MOST_SERIES:
            labels[f"{tags.get('chip')} {tags.get('sensor')}"] = tags.get("label", "")[:LONGEST_NAME]
        if metric == "node_hwmon_chip_names" and len(labels) < MOST_SERIES:
            labels[tags.get("chip", "")] = tags.get("chip_name", "")[:LONGEST_NAME]
        return labels

    def reads(self, tags: dict[str, str], *, wanted: bool) -> bool:
        """Tell whether a series is of the host that is read."""
        host = self._of(tags)
        if not host:
            return True
        if self._read is None and wanted:
            self._read = host
        if wanted and host != self._read and len(self._others) < MOST_SERIES:
            self._others[host] = None
        return host == self._read

    def tell(self, found: Gatherer) -> None:
        """Warn of hosts that are left out."""
        if self._others:
            names = [plain(one) for one in (str(self._read), *self._others)]
            more = f" and {len(names) - 4} more" if len(names) > 4 else ""  # noqa: PLR2004 - one line
            found.warn(
                f"series of {len(names)} hosts: {names[0]} is read, {', '.join(names[1:4])}{more} left out; "
                f'ask for one with {{instance="..."}}'
            )


def prometheus_json(found: Gatherer, path: Path) -> None:  # noqa: C901, PLR0912 - what may be missing is looked at
    """Read the answer to a query or a range query: series with their labels, each with times of its own."""
    try:
        answer = json.loads(whole(path))
    except (ValueError, RecursionError):
        raise InputError(f"{path}: not JSON: cut short or broken; ask for a shorter range") from None
    table = cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}
    if table.get("status") == "error":
        raise InputError(f"{path}: the server answered with an error: {plain(_word(table.get('error')))}")
    data = table.get("data")
    result = cast("dict[str, Any]", data).get("result") if isinstance(data, dict) else None
    if not isinstance(result, list):
        raise InputError(f"{path}: not the answer to a query: data.result is missing")
    series = [cast("dict[str, Any]", one) for one in cast("list[object]", result) if isinstance(one, dict)]
    if len(series) > MOST_SERIES:
        raise InputError(f"{path}: {len(series)} series, at most {MOST_SERIES}: ask for fewer")
    tags = [_tags(one.get("metric")) for one in series]
    hosts = _Hosts()
    labels = [hosts.labels(tag.get("__name__", ""), tag) for tag in tags]
    rows: dict[float, dict[str, float]] = {}
    for one, tag, called in zip(series, tags, labels, strict=True):
        name = _name(tag.get("__name__", ""), tag, called)
        if not hosts.reads(tag, wanted=found.wants(name)):
            continue
        _note(found, tag.get("__name__", ""), tag)
        if not found.wants(name):
            continue
        pairs = one.get("values", [one["value"]] if "value" in one else [])
        for pair in cast("list[object]", pairs) if isinstance(pairs, list) else []:
            if isinstance(pair, list) and len(cast("list[object]", pair)) == 2:  # noqa: PLR2004 - time and value
                at, value = (number(_word(part)) for part in cast("list[object]", pair))
                if at == at:  # noqa: PLR0124 - not NaN
                    rows.setdefault(at, {})[name] = value
    for at in sorted(rows):
        found.row(at, rows[at])
    hosts.tell(found)
    nameless = sum("__name__" not in tag for tag in tags)
    if nameless:
        how = "a rule knows a series by its name, which an expression such as rate() takes away: ask for the series"
        found.warn(f"{nameless} series without a name: {how}")
        if not rows:
            raise InputError(f"{path}: {nameless} series without a name, and no other that is known: {how}")


def _note(found: Gatherer, metric: str, tags: dict[str, str]) -> None:
    """Keep what a series of facts says in its labels: the processor's name and the maker's model."""
    if metric == "node_cpu_info":
        found.processor = found.processor or tags.get("model_name", "")[:80]
    if metric == "node_dmi_info":
        found.machine = found.machine or tags.get("product_name", "")[:80]


def _tags(metric: object) -> dict[str, str]:
    if not isinstance(metric, dict):
        return {}
    return {str(key): _word(value) for key, value in cast("dict[object, object]", metric).items()}


def _word(value: object) -> str:
    """Return text or a number as it would be written; nothing of a list, whose text may be as deep as it is."""
    return str(value) if isinstance(value, str | int | float) else ""


def _name(metric: str, tags: dict[str, str], labels: dict[str, str]) -> str:
    """Return a series' name as rules know it: the metric, and after points the labels that tell sensors apart."""
    # The kernel shows one meter in two places: what both tell is not to be added.
    parts = [f"{metric}_mmio" if "rapl-mmio" in tags.get("path", "") else metric]
    for key in _KEPT:
        if key in tags and not (key == "type" and "zone" not in tags):
            value = tags[key]
            if key == "chip" and ":" in value:  # a place on the bus: the driver's name says what it is
                value = labels.get(value) or value
            if key == "sensor":
                value = labels.get(f"{tags.get('chip')} {value}") or value
            parts.append(value)
    if len(parts) == 3 and "zone" in tags:  # noqa: PLR2004 - a thermal zone goes by its type
        parts[1:] = [tags.get("type", ""), tags["zone"]]
    return ".".join(parts)
