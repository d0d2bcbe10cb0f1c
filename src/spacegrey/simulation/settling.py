"""Where temperatures, fans and clocks settle when a workload goes on and on, and how long that takes."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from spacegrey.simulation.lowering import lower
from spacegrey.simulation.run import check, simulate
from spacegrey.simulation.trace import COLUMNS
from spacegrey.workload.library import MAX_PHASES

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from spacegrey.machine.assembly import Machine
    from spacegrey.simulation.run import Run
    from spacegrey.workload.library import Workload

HORIZON_S = 4 * 3600.0
"""How far a forecast looks: the slowest masses of a desk-side machine take under an hour to warm. [s]"""

BAND = {"cpu_temp_c": 1.0, "gpu_temp_c": 1.0, "exhaust_temp_c": 1.0, "fan_rpm": 25.0, "cpu_clock_ghz": 0.05,
        "noise_dba": 0.5, "wall_power_w": 2.0}  # fmt: skip
"""A quantity has settled once its mean over a window stays this near to its last level."""

LEAST_WINDOW_S = 60.0
"""Means are taken over a round of the work, and at least so long: throttling swings within seconds. [s]"""


RISE = 3.0
"""A forecast is drawn so many times as long as it takes to settle ..."""
LEAST_SHOWN_S = 60.0
"""... and at least so long. [s]"""


@dataclass(frozen=True)
class Settled:
    """One quantity in the long run.

    Attributes
    ----------
    start, level : float
        At the start of the run, and its mean over the last quarter.
    low, high : float
        Between which it swings then.
    after_s : float or None
        Time after which its mean stays within the band of the level; None: it still drifts. [s]
    drift_per_h : float
        How fast its mean still moves in the second half of the run.
    """

    start: float
    level: float
    low: float
    high: float
    after_s: float | None
    drift_per_h: float


@dataclass(frozen=True)
class Forecast:
    """A workload repeated until nothing changes any more."""

    run: Run
    rounds: int
    settled: dict[str, Settled]

    def __repr__(self) -> str:
        levels = ", ".join(f"{name} {one.level:.4g}" for name, one in self.settled.items())
        return f"Forecast({self.run.workload.id!r} on {self.run.machine.selector!r}: {levels})"

    def plot(self, *names: str) -> Figure:
        """Return how the quantities settle, one panel for each unit, with their levels and when they are reached.

        Parameters
        ----------
        *names : str
            Quantities of ``settled``; all if none is named.

        Raises
        ------
        InputError
            A quantity is unknown, or matplotlib is not installed.
        """
        from spacegrey.simulation.drawing import draw_forecast

        return draw_forecast(self, names)

    def to_arrow(self) -> pa.Table:
        """Return an Arrow table with a row for each quantity: its unit and the fields of `Settled`.

        Examples
        --------
        >>> import spacegrey
        >>> rows = spacegrey.forecast("idle", on="imac-pro").to_arrow()
        >>> rows.column_names
        ['quantity', 'unit', 'start', 'level', 'low', 'high', 'after_s', 'drift_per_h']
        """
        import pyarrow as pa

        rows = [{"quantity": name, "unit": COLUMNS[name][0], **asdict(one)} for name, one in self.settled.items()]
        return pa.Table.from_pylist(rows)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:  # noqa: ANN401 - a capsule of C
        """Return the rows as an Arrow stream, which pandas, polars, DuckDB and others read as it is."""
        return cast("Any", self.to_arrow()).__arrow_c_stream__(requested_schema)

    def _repr_html_(self) -> str:
        """Return where each quantity settles and when, for a notebook."""
        from spacegrey.simulation.shown import forecast_html

        return forecast_html(self)

    @property
    def shown_s(self) -> float:
        """Time that is drawn: what comes long after everything has settled is a straight line. [s]"""
        times = [self.run.duration_s if one.after_s is None else one.after_s for one in self.settled.values()]
        return min(self.run.duration_s, max(RISE * max(times), LEAST_SHOWN_S))

    @property
    def after_s(self) -> float | None:
        """Time after which the temperatures of both chips have settled; None: one of them has not. [s]"""
        times = [self.settled[name].after_s for name in ("cpu_temp_c", "gpu_temp_c")]
        known = [time for time in times if time is not None]
        return max(known) if len(known) == len(times) else None


def forecast(workload: Workload, machine: Machine, horizon_s: float = HORIZON_S) -> Forecast:
    """Repeat a workload for hours and say where it settles.

    Parameters
    ----------
    workload : Workload
        What is asked, again and again; one that is longer than the horizon runs once.
    machine : Machine
        Who is asked. It starts as one that has idled for hours.
    horizon_s : float
        How long the run goes on at least, where the number of phases allows it. [s]

    Returns
    -------
    Forecast
        Levels and times of the quantities in `BAND`.

    Raises
    ------
    Refusal
        The machine cannot do the work.

    Examples
    --------
    >>> from spacegrey.machine.assembly import machine
    >>> from spacegrey.workload.library import workload
    >>> found = forecast(workload("all-out"), machine("imac-pro"))
    >>> found.settled["cpu_temp_c"].level > found.settled["cpu_temp_c"].start
    True
    """
    takes_s = check(workload, machine, lower(workload, machine))
    most = max(1, MAX_PHASES // len(workload.phases))
    wanted = math.ceil(horizon_s / max(takes_s, 1e-9) * workload.spec.repeat)
    rounds = min(max(wanted, workload.spec.repeat), most)
    again = replace(workload, spec=workload.spec.model_copy(update={"repeat": rounds}))
    run = simulate(again, machine)
    time_s = run.trace["time_s"]
    window_s = LEAST_WINDOW_S
    if len(workload.phases) > 1:
        # Whole rounds, or the mean would swing with what is cut off.
        round_s = run.duration_s / rounds
        window_s = math.ceil(LEAST_WINDOW_S / round_s) * round_s
    window_s = min(window_s, run.duration_s / 8)
    return Forecast(
        run, rounds, {name: _settled(time_s, run.trace[name], band, window_s) for name, band in BAND.items()}
    )


def _settled(time_s: NDArray[np.float64], values: NDArray[np.float64], band: float, window_s: float) -> Settled:
    """Return where a column settles.

    Examples
    --------
    >>> time_s = np.arange(0.0, 3600.0)
    >>> found = _settled(time_s, 80.0 - 50.0 * np.exp(-time_s / 120.0), 1.0, 60.0)
    >>> round(found.level), 400 < found.after_s < 540
    (80, True)
    """
    begin, end = float(time_s[0]), float(time_s[-1])
    # Whole windows, as many as there are: what is left at the end may be part of a round.
    count = max(1, int((end - begin) / window_s + 0.01))
    places = ((time_s - begin) / window_s).astype(np.int64)
    seen = np.bincount(places, minlength=count)[:count]
    means = np.bincount(places, values, minlength=count)[:count][seen > 0] / seen[seen > 0]
    closes = (window_s * np.arange(1, count + 1))[seen > 0]
    last = max(1, len(means) // 4)
    level = float(means[-last:].mean())
    drift = level - float(means[-2 * last : -last].mean()) if len(means) >= 2 * last else 0.0
    away = np.flatnonzero(np.abs(means - level) > band)
    first = int(away[-1]) + 1 if away.size else 0
    still = abs(drift) > band or first >= len(means) - last
    tail = values[time_s - begin >= closes[-last] - window_s]
    low, high = float(tail.min()), float(tail.max())
    # A mean of equal numbers may miss them by a last digit.
    level = min(max(level, low), high)
    return Settled(
        float(values[0]), level, low, high,
        None if still else float(closes[first - 1]) if first else 0.0,
        drift / max(last * window_s, 1e-9) * 3600.0,
    )  # fmt: skip
