"""Fitted numbers: kept apart from the data they complete, so that anyone sees what was fitted and on what.

``catalog/fits/*.toml`` is written by ``make fit``. Its table ``values`` holds, by owner (``"workloads/blender-cpu"``,
``"microarchitectures/zen1"``), the keys that the loaders fill in.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from typing import TYPE_CHECKING, Any, cast

from spacegrey.sourced import CATALOG, Table, read_toml

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

FOLDER = CATALOG / "fits"
REASON = "fitted: see catalog/fits"

_trial: list[Mapping[str, Mapping[str, Any]]] = []


@functools.cache
def records() -> dict[str, Table]:
    """Return every fit's file by name: what was fitted, on how many rows, and the values."""
    return {path.stem: read_toml(path).data for path in sorted(FOLDER.glob("*.toml"))}


def digest(name: str) -> str:
    """Return a short mark of one fit's values, by which a record made with them is known to be current.

    Examples
    --------
    >>> len(digest("throughput"))
    12
    """
    text = json.dumps(records()[name]["values"], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def values(owner: str) -> dict[str, Any]:
    """Return the fitted numbers of one owner; empty if it has none.

    Examples
    --------
    >>> values("microarchitectures/no-such-design")
    {}
    """
    merged: dict[str, Any] = {}
    for record in records().values():
        merged |= cast("Table", record.get("values", {})).get(owner, {})
    for tried in _trial:
        merged |= tried.get(owner, {})
    return merged


@contextlib.contextmanager
def trial(overlay: Mapping[str, Mapping[str, Any]]) -> Generator[None]:
    """Let other values stand for the fitted ones while a fit tries them."""
    _trial.append(overlay)
    try:
        yield
    finally:
        _trial.pop()
