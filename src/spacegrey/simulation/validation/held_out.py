"""``make held-out``: how well the fit of speeds predicts chips that it has not seen.

Each chip in turn is left out: the parameters are fitted to the rows of all other chips, and the rows of this one are
predicted with them. A processor is left out with every row of it, as the machine asked or as the one compared with;
in a test of graphics the chip is the graphics part.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tomli_w

from spacegrey import fits
from spacegrey.simulation.runfile import write_whole
from spacegrey.simulation.validation.comparison import HELD_OUT as FILE
from spacegrey.simulation.validation.throughput_fit import free_parameters, overlay, sensitivity, solve, stored
from spacegrey.simulation.validation.throughput_rows import SpeedRow, errors_ln, library, simulate_slowdowns, speed_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from spacegrey.machine.assembly import Machine
    from spacegrey.simulation.validation.throughput_parameters import Parameter

HEAD = (
    "# Written by `make held-out`: do not edit. Error of the speeds of each chip, predicted from all other chips.\n\n"
)

NO_SLOPE = 1e-6
"""A row does not depend on a parameter that moves it by less than this. [ln per unit of the variable]"""

HALF_NORMAL = 0.798
"""Mean absolute value of a normal variable over its standard deviation: the root of 2 over pi."""


@dataclass(frozen=True)
class Forecast:
    """A row of a chip that was left out.

    Attributes
    ----------
    id, chip, workload : str
        The row, the chip that was left out with it, and the workload.
    fitted_percent, held_out_percent : float
        Error with the row in the fit, and without its chip; the second is nan where it cannot be predicted.
    unseen : tuple of str
        Parameters that matter for the row and that no other chip tells anything about.
    """

    id: str
    chip: str
    workload: str
    fitted_percent: float
    held_out_percent: float
    unseen: tuple[str, ...]


def held_out(rows: list[SpeedRow] | None = None, workers: int = 2) -> list[Forecast]:
    """Leave each chip out, and predict it from the others.

    Parameters
    ----------
    rows : list of SpeedRow, optional
        The project's own if left out.
    workers : int
        Processes to share the work.

    Returns
    -------
    list of Forecast
        One for each row, by chip.

    Notes
    -----
    The fits start from the stored one. Clocks of the rows that are kept stay as they were with it; the rows that
    are left out are simulated anew with the numbers fitted without them. A parameter that no kept row depends on
    goes back to its start. Where the start is a mere guess (a benchmark's size), the row is not predicted. What the
    test cannot leave out is what people learned from the rows when they chose the model and the starts.
    """
    every = speed_rows() if rows is None else rows
    free = free_parameters(every)
    x = stored(free)
    simulate_slowdowns(every, overlay(free, x))
    slopes = sensitivity(free, x, every)
    fitted = errors_ln(every, overlay(free, x))
    groups = sorted({chip(row) for row in every})
    tasks = [(name, every, free, x, slopes, fitted) for name in groups]
    if workers == 1:
        return [one for task in tasks for one in _leave_out(task)]
    with ProcessPoolExecutor(workers) as pool:
        return [one for found in pool.map(_leave_out, tasks) for one in found]


def chip(row: SpeedRow) -> str:
    """Return the name of the chip that a row is a test of."""
    return _chip(row, row.machines[0])


def _chip(row: SpeedRow, built: Machine) -> str:
    return _plain(built.graphics.name) if _is_of_graphics(row) else _plain(built.processor.name)


def _is_of_graphics(row: SpeedRow) -> bool:
    return any(phase.graphics.tflop or phase.graphics.half_tflop for phase in library(row.workload).phases)


def _plain(name: str) -> str:
    # What stands after a comma or in brackets is a setting of the same chip.
    return name.partition(",")[0].partition(" (")[0]


_Task = tuple[
    str, list[SpeedRow], list["Parameter"], "NDArray[np.float64]", "NDArray[np.float64]", "NDArray[np.float64]"
]


def _leave_out(task: _Task) -> list[Forecast]:
    name, every, free, x, slopes, fitted = task
    used = np.array([name in {_chip(row, built) for built in row.machines} for row in every])
    mine = [n for n, row in enumerate(every) if chip(row) == name]
    told = np.abs(slopes[~used]).max(axis=0, initial=0.0) > NO_SLOPE
    begin = np.where(told, x, [p.to_x(p.start) for p in free])
    kept = [row for row, out in zip(every, used, strict=True) if not out]
    solved = solve(free, begin, kept, most=15)
    # Nothing but its belief holds a parameter that no row depends on.
    solved = np.where(told, solved, begin)
    left = [SpeedRow(every[n].asked, every[n].sigma, every[n].machines) for n in mine]
    values = overlay(free, solved)
    simulate_slowdowns(left, values)
    errors = errors_ln(left, values)
    found: list[Forecast] = []
    for n, row, error in zip(mine, left, errors, strict=True):
        unseen = [p for p, seen, slope in zip(free, told, slopes[n], strict=True) if not seen and abs(slope) > NO_SLOPE]
        guess = any(not p.prior_sigma for p in unseen)
        found.append(
            Forecast(
                row.asked.measurement.id,
                name,
                row.workload,
                100.0 * float(np.expm1(fitted[n])),
                float("nan") if guess else 100.0 * float(np.expm1(error)),
                tuple(p.name for p in unseen),
            )
        )
    return found


def repeats(rows: Sequence[SpeedRow]) -> list[tuple[str, str, int, float]]:
    """Return how far published speeds of one chip in one test lie from each other.

    Parameters
    ----------
    rows : sequence of SpeedRow
        All of them; ratios and the best of many uploads are left out.

    Returns
    -------
    list of (chip, workload, rows, percent)
        The mean absolute distance from the sets' medians, for sets of two and more. A model that knows the chip
        perfectly and not the circumstances cannot be nearer on average.
    """
    sets: dict[tuple[str, str, str, int], list[float]] = {}
    for row in rows:
        if row.asked.best_of or row.asked.against or row.asked.measurement.value is None:
            continue
        built = row.machines[0]
        card = f"{built.graphics.name} {built.graphics.power_cap_w} {built.graphics.dpm_states}"
        part = card if _is_of_graphics(row) else f"{built.processor.name} {built.environment}"
        key = (chip(row), row.asked.workload, part, round(built.memory_gib))
        sets.setdefault(key, []).append(row.asked.measurement.value)
    found: list[tuple[str, str, int, float]] = []
    for (name, work, _, _), values in sorted(sets.items()):
        if len(values) > 1:
            middle = float(np.median(values))
            found.append(
                (name, work, len(values), float(np.mean([abs(middle / value - 1.0) for value in values])) * 100.0)
            )
    return found


def record(found: Sequence[Forecast], rows: Sequence[SpeedRow]) -> dict[str, Any]:
    """Return what is written down: errors over all rows, for each workload, and for each chip."""
    known = [one for one in found if not np.isnan(one.held_out_percent)]
    ahead = np.abs([one.held_out_percent for one in known])
    again = repeats(rows)
    return {
        "fit": fits.digest("throughput"),
        "rows": len(found),
        "predicted": len(known),
        "chips": len({one.chip for one in known}),
        "mean_absolute_error": _short(ahead.mean()),
        "median_absolute_error": _short(np.median(ahead)),
        "fitted_mean_absolute_error": _short(np.mean([abs(one.fitted_percent) for one in known])),
        "expected_of_a_perfect_model": _short(100.0 * HALF_NORMAL * np.mean([row.sigma for row in rows])),
        "repeats": [
            {"chip": name, "workload": work, "rows": count, "percent": _short(percent)}
            for name, work, count, percent in again
        ],
        "workloads": _by(found, lambda one: one.workload),
        "chip_errors": _by(found, lambda one: one.chip),
        "not_predicted": [
            {"row": one.id, "chip": one.chip, "workload": one.workload, "unknown": list(one.unseen)}
            for one in found
            if np.isnan(one.held_out_percent)
        ],
    }


def _by(found: Sequence[Forecast], key: Callable[[Forecast], str]) -> dict[str, dict[str, float]]:
    return {name: errors([one for one in found if key(one) == name]) for name in sorted({key(one) for one in found})}


def errors(found: Sequence[Forecast]) -> dict[str, float]:
    """Return mean and median errors, in the fit and held out, of the rows that can be predicted. [%].

    Examples
    --------
    >>> errors(
    ...     [Forecast("1", "chip", "work", -2.0, 4.0, ()), Forecast("2", "chip", "work", 0.0, float("nan"), ("size",))]
    ... )
    {'rows': 2, 'predicted': 1, 'on_beliefs': 0, 'fitted_mean': 2.0, 'held_out_mean': 4.0, 'held_out_median': 4.0}
    """
    known = [one for one in found if not np.isnan(one.held_out_percent)]
    out: dict[str, float] = {"rows": len(found), "predicted": len(known)}
    out["on_beliefs"] = sum(bool(one.unseen) for one in known)
    if known:
        ahead = np.abs([one.held_out_percent for one in known])
        out["fitted_mean"] = _short(np.mean([abs(one.fitted_percent) for one in known]))
        out["held_out_mean"], out["held_out_median"] = _short(ahead.mean()), _short(np.median(ahead))
    return out


def _short(value: float | np.floating[Any]) -> float:
    return float(f"{float(value):.3g}")


def main() -> None:
    """Run the test, write its record, and print it by workload."""
    began_s = time.monotonic()
    rows = speed_rows()
    written = record(held_out(rows), rows)
    write_whole(FILE, lambda beside: beside.write_text(HEAD + tomli_w.dumps(written), encoding="utf-8"))
    out = sys.stdout.write
    out(f"{'workload':30} {'rows':>5} {'predicted':>9} {'in the fit':>11} {'held out':>9} {'median':>7}\n")
    for name, one in written["workloads"].items():
        if one["predicted"]:
            shown = f"{one['fitted_mean']:9.1f} % {one['held_out_mean']:7.1f} % {one['held_out_median']:5.1f} %"
            out(f"{name:30} {one['rows']:5} {one['predicted']:9} {shown}\n")
        else:
            out(f"{name:30} {one['rows']:5} {'none: only one chip tells its size':>39}\n")
    out(
        f"{FILE}: {written['predicted']} of {written['rows']} rows, {written['chips']} chips, "
        f"mean {written['mean_absolute_error']} %, median {written['median_absolute_error']} %, "
        f"in the fit {written['fitted_mean_absolute_error']} %; {time.monotonic() - began_s:.0f} s\n"
    )


if __name__ == "__main__":
    main()
