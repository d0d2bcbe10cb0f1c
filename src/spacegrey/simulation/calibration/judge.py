"""How well a fit foretells minutes that it has not seen, against doing nothing, and what it lacked if it does not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from spacegrey.simulation.calibration.data import CORES, FANS, LEAST_ROWS, PACKAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from spacegrey.logs.log import Log
    from spacegrey.simulation.calibration.data import Course

HELD_RMSE_K = 2.5
"""A larger error on the held-out minutes has a reason that the tool must name. [K]"""
AHEAD = 0.25
"""Skill from which a fit is well ahead of persistence."""
BAND = 0.90
_BAND_QUANTILE = 0.95
_LEAST_STRETCHES = 4
"""Of fewer stretches so rare an error counts as is the largest of the rows that a fit needs; of one the largest."""
_JUMPS = 0.4
_MEANS_S = 30.0
UNTOLD_ROOM = (
    "the room is not known and the fan moves: other parts warm the air less the faster it goes, which looks like a "
    "better sink, in made logs by a quarter and more; tell the room with --ambient"
)
_SLOW_ROWS_S = 5.0
_FAST_ROWS_S = 0.1
_INPUTS = ("cpu_power_w", "cpu_cores_power_w", "gpu_power_w", "fan_rpm")
_FAN_NAME = re.compile(r"(?i)(^|[^a-z])fans?([^a-z].*rpm|[/ #]*\d+ )|\bfan\b.*\[rpm\]")


@dataclass(frozen=True)
class Judged:
    """A fit's errors on the held-out minutes.

    Attributes
    ----------
    rows, minutes : int, float
        What was held out.
    rmse_k : float
        Root of the mean square error. [K]
    persistence_rmse_k : float
        The same of saying that each held-out stretch stays at the last reading before it. [K]
    skill : float
        1 - rmse / persistence; 1 is perfect, 0 no better than persistence.
    cv_rmse, nmbe : float
        Error and bias as a share of the mean reading in degC (ASHRAE Guideline 14 has them for energy).
    slow_rmse_k : float
        Error of means over half a minute: what is left when readings do not jump. [K]
    foretold_k : float
        Half of the width within which nine of ten readings should lie, before any held-out one was seen. [K]
    coverage : float
        Share of the held-out readings that do.
    band_k : float
        The same half width, widened to hold nine of ten held-out readings where it did not. [K]
    """

    rows: int
    minutes: float
    rmse_k: float
    persistence_rmse_k: float
    skill: float
    cv_rmse: float
    nmbe: float
    slow_rmse_k: float
    foretold_k: float
    coverage: float
    band_k: float

    @property
    def ahead(self) -> bool:
        """Whether the fit is well ahead of persistence."""
        return self.skill >= AHEAD


def band_k(left_out: Sequence[NDArray[np.float64]]) -> float:
    """Return half the width of a 90 % band from errors on left-out tenths of the time, one by one. [K].

    Notes
    -----
    A stretch that nobody has seen errs as a whole, by a mean that scatters from tenth to tenth as Student's t has it,
    and within itself. The band holds both, and is at least the 95th percentile of all errors; of fewer than four
    stretches the 97th, which is the largest of thirty, for the largest of thousands is no nine of ten; of one stretch
    the largest.

    Examples
    --------
    >>> band_k([np.linspace(-2.0, 2.0, 201)] * 4)
    1.9
    """
    errors = np.concatenate(left_out)
    rare = 1.0 - 1.0 / LEAST_ROWS if len(left_out) > 1 and len(errors) > LEAST_ROWS else 1.0
    pooled = float(np.quantile(np.abs(errors), rare if len(left_out) < _LEAST_STRETCHES else _BAND_QUANTILE))
    means = np.array([float(one.mean()) for one in left_out])
    within = float(np.quantile(np.abs(np.concatenate([one - one.mean() for one in left_out])), BAND))
    between = 0.0
    if len(means) > 1:
        between = float(stdtrit(len(means) - 1, _BAND_QUANTILE) * means.std(ddof=1) * np.sqrt(1.0 + 1.0 / len(means)))
    # Readings are whole degrees on most machines: the band is at least one.
    return max(pooled, float(np.hypot(between, within)), 1.0)


def judge(data: Course, predicted_c: NDArray[np.float64], half_width_k: float) -> Judged:
    """Return how a prediction did on the held-out rows of a course."""
    held = data.held
    error = (predicted_c - data.temp_c)[held]
    last = persistence(data)[held] - data.temp_c[held]
    rmse, still = (float(np.sqrt(np.mean(one**2))) for one in (error, last))
    mean = float(np.mean(data.temp_c[held]))
    return Judged(
        rows=int(held.sum()),
        minutes=float(data.step_s[held].sum()) / 60.0,
        rmse_k=rmse,
        persistence_rmse_k=still,
        skill=1.0 - rmse / still if still > 0.0 else 0.0,
        cv_rmse=rmse / mean,
        nmbe=float(np.mean(error)) / mean,
        slow_rmse_k=_slow(data, predicted_c),
        foretold_k=half_width_k,
        coverage=float(np.mean(np.abs(error) <= half_width_k)),
        band_k=max(half_width_k, float(np.quantile(np.abs(error), BAND))),
    )


def persistence(data: Course) -> NDArray[np.float64]:
    """Return the last reading before each tenth of the time, held through it. [degC]."""
    still = data.temp_c.copy()
    for number in np.unique(data.block):
        rows = np.flatnonzero(data.block == number)
        still[rows] = data.temp_c[max(rows[0] - 1, 0)]
    return still


def _slow(data: Course, predicted_c: NDArray[np.float64]) -> float:
    worked = np.cumsum(data.step_s)
    error = predicted_c - data.temp_c
    place = (worked // _MEANS_S).astype(np.int64)
    means = [float(error[(place == one) & data.held].mean()) for one in np.unique(place[data.held])]
    return float(np.sqrt(np.mean(np.square(means))))


def missing_inputs(log: Log, data: Course, predicted_c: NDArray[np.float64], judged: Judged) -> tuple[str, ...]:
    """Return which inputs a log lacks that would explain what is left of the error, in words."""
    error = predicted_c - data.temp_c
    own = np.flatnonzero((data.start < 0) & (np.roll(data.start, 1) < 0))
    follows = float(np.corrcoef(error[own], error[own - 1])[0, 1]) if error.std() > 0.0 else 0.0
    large = judged.rmse_k > HELD_RMSE_K
    said = _rows(log, data, judged, follows) if large else []
    if data.driver in {"system_power_w", "wall_power_w"}:
        said.append(f"the processor's own power: {data.driver} holds the rest of the machine too, and may come late")
    if "cpu_power_w" not in log and data.driver == "cpu_cores_power_w":
        said.append("the package's power: only that of the cores is logged")
    if data.fan_column is None and (follows >= _JUMPS or not large):
        said.append(_fan(log))
    if "gpu_power_w" not in log and ("gpu_temp_c" in log or "gpu_busy" in log) and large:
        said.append("the graphics' power, which heats the same air")
    dead = [text for text in log.warnings if "dead" in text or ": always outside" in text]
    said += [f"a reading that is dead: {text}" for text in dead if any(name in text for name in _INPUTS)]
    gaps = log.gaps()
    if gaps:
        longest = max(end - begin for begin, end in gaps)
        said.append(f"what happened in {len(gaps)} gap{'s' if len(gaps) > 1 else ''}, the longest of {longest:.0f} s")
    if not judged.ahead and not large:
        said.append(
            f"a step in the held-out minutes: they hardly move (saying they stay errs by "
            f"{judged.persistence_rmse_k:.1f} °C)"
        )
    if not said:
        said.append("an input that the log does not name, such as the room's temperature or the fan of another part")
    return tuple(said)


def _rows(log: Log, data: Course, judged: Judged, follows: float) -> list[str]:
    """Return whether rows are too far apart, or readings jump between them."""
    period_s = float(np.median(data.step_s[data.start < 0]))
    if period_s >= _SLOW_ROWS_S:
        text = (
            f"faster rows: one each {period_s:.0f} s, whose power is a mean over the row and whose reading is of its "
            f"last moment, and a chip follows its power within seconds; log every second"
        )
        return [text]
    if follows >= _JUMPS:
        return []
    hot = " as the hottest core of a moment does" if data.sensor == PACKAGE else ""
    mean = "" if CORES in log else "the mean of the cores (cpu_cores_temp_c)"
    jumps = f"jumps from row to row ({judged.rmse_k:.1f} °C, over half minutes {judged.slow_rmse_k:.1f} °C){hot}"
    if log.period_s <= 2.0 * _FAST_ROWS_S:
        return [f"a steadier reading: this one {jumps}" + (f"; log {mean}" if mean else "")]
    often = f"log every {_FAST_ROWS_S:.1f} s" + (f", or {mean}" if mean else "")
    return [f"faster rows: the reading {jumps}; power is a mean over the row; {often}"]


def _fan(log: Log) -> str:
    """Return what is wrong with the fan: not logged, not named, or still."""
    if any(name in log for name in FANS):
        return "the fan that moves: the logged one never changes"
    named = [name for name in log.unused if _FAN_NAME.search(name)]
    if named:
        return f"the fan: no rule names one; if {named[0]!r} is it, say so with --names (docs/calibrate.md)"
    return "the fan: none is logged under a known name (see `spacegrey log`)"
