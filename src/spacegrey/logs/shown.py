"""A log in a notebook: what was found, what was not, and what was wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.logs.names import quantities, words
from spacegrey.notebook import COOL, UNITS, Line, card, drawing, duration, listed, number, paragraph, table

if TYPE_CHECKING:
    from spacegrey.logs.log import Log

MOST_SOURCES = 2
"""So many columns are named where a quantity was taken from several."""


def log_html(log: Log) -> str:
    """Return a log as a notebook shows it."""
    every = f"one each {log.period_s:.3g} s" if log.timed else "without times"
    of = f" of a {log.machine}" if log.machine else ""
    of += f" ({log.host.words})" if log.host.words else ""
    under = f"{words(log.format)}{of}; {len(log):,} rows over {duration(log.duration_s)}, {every}"
    rows = [
        [
            one.quantity,
            number(float(np.nanmin(log[one.quantity]))),
            drawing([Line(log[one.quantity], COOL)]),
            number(float(np.nanmax(log[one.quantity]))),
            UNITS.get(quantities()[one.quantity].unit, quantities()[one.quantity].unit),
            f"{one.rows:,}",
            _sources(one.quantity, one.sources, one.how),
        ]
        for one in log.found
    ]
    gaps = log.gaps()
    wrong = list(log.warnings)
    if gaps:
        longest = max(end - begin for begin, end in gaps)
        wrong.append(f"{len(gaps)} gap{'s' if len(gaps) > 1 else ''}, the longest of {duration(longest)}")
    missing, unused = log.missing(), log.unused
    return card(
        Path(log.name).name,
        under,
        table(["quantity", ">least", "over time", ">most", "", ">rows", "from"], rows),
        listed("what was wrong", wrong),
        listed(
            f"{len(unused)} column{'s' if len(unused) > 1 else ''} not used",
            [", ".join(unused)] if unused else [],
            closed=True,
        ),
        paragraph(f"not in it: {', '.join(missing)}" if missing else ""),
    )


def _sources(quantity: str, names: tuple[str, ...], how: str) -> str:
    if len(names) == 1:
        return "" if names[0] == repr(quantity) else names[0]
    more = f" and {len(names) - MOST_SOURCES} more" if len(names) > MOST_SOURCES else ""
    return f"{how} of {', '.join(names[:MOST_SOURCES])}{more}"
