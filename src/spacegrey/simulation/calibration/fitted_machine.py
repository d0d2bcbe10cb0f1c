"""The machine that a fit makes of another one: in memory, as a file, and its numbers as a table."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from spacegrey.errors import InputError, Refusal
from spacegrey.machine.assembly import machine
from spacegrey.machine.selector import parse_selector
from spacegrey.simulation.calibration.file import write_machine

if TYPE_CHECKING:
    import pyarrow as pa

    from spacegrey.machine.assembly import Machine
    from spacegrey.simulation.calibration.file import Written
    from spacegrey.simulation.calibration.fit import Fit


def write_fit(fit: Fit, path: Path) -> list[Written]:
    """Write the machine that a fit is of, with what the log identifies of it.

    Raises
    ------
    InputError
        The fit was not told which machine it is of, or the path cannot be written.
    Refusal
        The log identifies no number of the machine; nothing is written.
    """
    if not fit.on:
        raise InputError(f"{fit.log.name}: say which machine the log is of: fit(log, on='imac-pro')")
    made = write_machine(fit, fit.on, path)
    if not any(not one.why for one in made):
        why = next((one.why for one in made), "nothing was fitted")
        raise Refusal(f"{fit.log.name}: the log identifies no number of {fit.on}: {why}")
    return made


def machine_of(fit: Fit) -> Machine:
    """Return the machine that `write_fit` would write.

    Raises
    ------
    InputError
        The fit was not told which machine it is of.
    Refusal
        The log identifies no number of the machine.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fitted.toml"
        write_fit(fit, path)
        built = machine(str(path))
    # The room of the selector stays; the file holds none.
    _, plus, settings = fit.on.partition("+")
    log = re.sub(r"[:+,]", "-", Path(fit.log.name).name)  # as they part a selector
    named = replace(built, selector=f"{parse_selector(fit.on).machine} fitted to {log}")
    return named.at(settings) if plus else named


def numbers_table(fit: Fit) -> pa.Table:
    """Return the numbers of a fit as an Arrow table, a row each."""
    import pyarrow as pa

    return pa.table(
        {
            "name": [one.name for one in fit.numbers],
            "value": [one.value for one in fit.numbers],
            "low": [one.low for one in fit.numbers],
            "high": [one.high for one in fit.numbers],
            "unit": [one.unit for one in fit.numbers],
            "identified": [one.identified for one in fit.numbers],
            "meaning": [one.meaning for one in fit.numbers],
            "why": [one.why for one in fit.numbers],
        }
    )
