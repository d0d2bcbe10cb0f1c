"""Samples as JSON lines: one object for each look, in the words that log readers know."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacegrey.workload.recording.sampling import Samples


def json_lines(samples: Samples) -> str:
    """Return a recording's samples, a line for each look; what was not told is left out.

    Parameters
    ----------
    samples : Samples
        The recording.

    Returns
    -------
    str
        Columns as in `sampling.Samples`, and the number of cores; sums start at zero.
    """
    names = list(samples.columns)
    rows = zip(*(samples.columns[name].tolist() for name in names), strict=True)
    return "".join(
        json.dumps(
            {name: value for name, value in zip(names, row, strict=True) if math.isfinite(value)}
            | {"cores": samples.cores}
        )
        + "\n"
        for row in rows
    )
