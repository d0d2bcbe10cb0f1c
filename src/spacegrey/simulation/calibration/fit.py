"""A machine fitted to a log of it: which thermal ladder, with which numbers, how sure, and how well it foretells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from spacegrey.errors import Refusal
from spacegrey.simulation.calibration.data import CORES, PACKAGE, POWERS, Course, course
from spacegrey.simulation.calibration.hottest import Hottest, hottest
from spacegrey.simulation.calibration.judge import HELD_RMSE_K, UNTOLD_ROOM, Judged, band_k, judge, missing_inputs
from spacegrey.simulation.calibration.numbers import Number, ladder_numbers
from spacegrey.simulation.calibration.power import findings
from spacegrey.simulation.calibration.search import Searched, Shape, predicted, search

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from spacegrey.logs.log import Log
    from spacegrey.machine.assembly import Machine
    from spacegrey.simulation.calibration.file import Written

# What rises with the heat is the sink's air: a single lump has no sink.
SHAPES = (
    Shape(1, rises=False),
    Shape(2, rises=False),
    Shape(3, rises=False),
    Shape(2, rises=True),
    Shape(3, rises=True),
)
WARMED = tuple(replace(shape, warmed=True) for shape in SHAPES if not shape.rises)
"""Tried besides where the room is known: the air in a machine may be warmer than it."""
ROOM_AIR, OWN_AIR = "the room's air", "the air that the cooler seems to draw"
LEADS_S = (0.0, -1.0, 1.0, 2.0, 3.0)
"""How much later than the temperature a power may be shown: some tools read a power that is slow to follow. [s]"""
JUMPY_K = 1.5
"""Where the package errs by more, as its hottest core jumps, the mean of the cores is looked at too [K] ..."""
CALMER = 0.9
"""... and followed if it errs by so much less."""
LEAD_STEP_S = 0.5
SLOW_ROWS_S = 5.0
MUCH_BETTER = 0.93
"""Another power, or one shown later, must leave so much less of the squared error ..."""
LEAST_GAIN_K2 = 0.02
"""... and gain more than readings can show. [K²]"""
BETTER = 0.975
"""A shape with more numbers must err by so much less than a simpler one ..."""
LEAST_GAIN_K = 0.05
"""... and by more than readings can show. [K]"""
NEAR_K, CLEARLY = 1.0, 0.9
"""Errors near whole degrees are beaten by chance: the squared error of the rows fitted to must fall so far too. [K]"""
FEWER_STARTS = 128
FOLD_STARTS = 32


@dataclass(frozen=True)
class Tried:
    """A shape that was tried, and how it did on minutes that it was not fitted to."""

    shape: Shape
    left_out_rmse_k: float


@dataclass(frozen=True)
class Fit:
    """What a log says of a machine.

    Attributes
    ----------
    log : Log
        What it was fitted to.
    data : Course
        What of it was used.
    found : Searched
        The ladder, fitted to every row.
    lead_s : float
        How much later than the temperature the power was found to be shown. [s]
    numbers : tuple of Number
        Every number with its band, and whether the log identifies it.
    judged : Judged
        How a fit that had not seen the held-out minutes foretold them.
    tried : tuple of Tried
        Every shape, the chosen one among them.
    hottest : Hottest or None
        How far above the mean of the cores the package reads, where that mean was followed.
    missing : tuple of str
        Which input is missing where the held-out error is larger than it should be.
    predicted_c : float64, shape (rows,)
        What the fit without the held-out minutes says at every row. [degC]
    on : str
        Selector of the machine that the log is of; empty: not told.
    """

    log: Log
    data: Course
    found: Searched
    lead_s: float
    numbers: tuple[Number, ...]
    judged: Judged
    tried: tuple[Tried, ...]
    hottest: Hottest | None
    missing: tuple[str, ...]
    predicted_c: NDArray[np.float64]
    on: str = ""

    def __repr__(self) -> str:
        judged = self.judged
        on = f" of {self.on!r}" if self.on else ""
        return f"Fit({self.log.name!r}{on}: {self.shape.words}, RMSE {judged.rmse_k:.2f} K, skill {judged.skill:.2f})"

    @property
    def shape(self) -> Shape:
        """The chosen shape."""
        return self.found.shape

    @property
    def air(self) -> str:
        """Over which air its resistances are: the room that is known, or the air that the cooler seems to draw."""
        return OWN_AIR if self.shape.warmed or "room" in self.found.names else ROOM_AIR

    @property
    def cautions(self) -> tuple[str, ...]:
        """What a log alone cannot tell apart, and how to tell it."""
        return (UNTOLD_ROOM,) if self.data.fan_column and "room" in self.found.names else ()

    @property
    def doubts(self) -> tuple[str, ...]:
        """What makes it likely that the log is of another machine than ``on``; empty where that is not told."""
        from spacegrey.machine.assembly import machine
        from spacegrey.simulation.calibration.machine import check_machine

        return tuple(check_machine(self.log, machine(self.on))) if self.on else ()

    def number(self, name: str) -> Number | None:
        """Return a number by its name; None if the fit has none of that name."""
        return next((one for one in self.numbers if one.name == name), None)

    def plot(self) -> Figure:
        """Return measured and predicted temperature over time, the held-out minutes shaded.

        Raises
        ------
        InputError
            Matplotlib is not installed.
        """
        from spacegrey.simulation.calibration.plot import overlay

        return overlay(self)

    @property
    def machine(self) -> Machine:
        """The machine ``on`` with what the log identifies of it, as `write` would write it.

        Raises
        ------
        InputError
            The fit was not told which machine it is of.
        Refusal
            The log identifies no number of the machine.
        """
        from spacegrey.simulation.calibration.fitted_machine import machine_of

        return machine_of(self)

    def write(self, path: str | Path) -> list[Written]:
        """Write the fitted machine as TOML, whole or not at all; its path is then a selector.

        Returns
        -------
        list of Written
            Every number of the machine that was set or left, and why.

        Raises
        ------
        InputError
            The fit was not told which machine it is of, or the path cannot be written.
        Refusal
            The log identifies no number of the machine.
        """
        from spacegrey.simulation.calibration.fitted_machine import write_fit

        return write_fit(self, Path(path))

    def to_arrow(self) -> pa.Table:
        """Return the numbers as an Arrow table: name, value, band, unit, whether the log identifies it."""
        from spacegrey.simulation.calibration.fitted_machine import numbers_table

        return numbers_table(self)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:  # noqa: ANN401 - a capsule of C
        """Return the numbers as an Arrow stream, which pandas, polars, DuckDB and others read as it is."""
        return cast("Any", self.to_arrow()).__arrow_c_stream__(requested_schema)

    def _repr_html_(self) -> str:
        """Return the fit beside the log, its errors and its numbers, for a notebook."""
        from spacegrey.simulation.shown import fit_html

        return fit_html(self)


def fit(log: Log, *, ambient_c: float | None = None, update: Callable[[float], None] = lambda _: None) -> Fit:
    """Fit a thermal ladder to a log, and what else of the machine the log shows.

    Parameters
    ----------
    log : Log
        At least two minutes with processor temperature, a power, and a step in both.
    ambient_c : float, optional
        The room, where it is known and not logged. [degC]
    update : callable, optional
        Is told the share of the work that is done.

    Returns
    -------
    Fit
        Numbers with bands, judged on minutes that were held out.

    Raises
    ------
    Refusal
        The log holds no step, no temperature, no power or no times, or is too short.

    Notes
    -----
    The package's reading is followed; where it jumps as the hottest core does and the mean of the cores is logged, that
    mean. Three tenths of the time (the 4th, 7th and 10th) are held out. On the rest the order is chosen by
    leaving out tenths in turn; a larger shape must err by 2.5 % less. The band of the prediction is from these errors
    and from those on the last third of the tenths by a fit to the others. Where a log starts again after a gap, its
    first reading starts the ladder; else the ladder is driven by power alone. The numbers come from all rows in the
    end.
    """
    fixed = known_room(log, ambient_c)
    one = _chosen(log, fixed, PACKAGE, update)
    if CORES in log and _rmse(one.left_out) > JUMPY_K:
        try:
            other = _chosen(log, fixed, CORES, update)
        except Refusal:
            other = one  # the mean of the cores hardly moves, or is seldom there
        one = other if _rmse(other.left_out) < CALMER * _rmse(one.left_out) else one
    data, shape = one.data, one.found.shape
    at = predicted(one.found, data)
    judged = judge(data, at, band_k([*one.left_out, *_ahead(data, one.found, fixed)]))
    everything = np.ones(len(data.time_s), dtype=bool)
    final = search(data, shape, everything, fixed=fixed, near=[one.found], starts=FEWER_STARTS, banded=True)
    update(1.0)
    numbers = (*ladder_numbers(final, data), *findings(log))
    lacks = judged.rmse_k > HELD_RMSE_K or not judged.ahead
    missing = missing_inputs(log, data, at, judged) if lacks else ()
    above = hottest(data, at) if data.sensor == CORES else None
    return Fit(log, data, final, one.lead_s, numbers, judged, one.tried, above, missing, at)


@dataclass(frozen=True)
class _Chosen:
    """A reading with the shape that foretells it best, fitted without the held-out tenths."""

    data: Course
    lead_s: float
    found: Searched
    left_out: list[NDArray[np.float64]]
    tried: tuple[Tried, ...]


def _within(one: Shape, other: Shape) -> bool:
    return one.order <= other.order and one.rises <= other.rises and one.warmed <= other.warmed


def _rmse(errors: list[NDArray[np.float64]]) -> float:
    return float(np.sqrt(np.mean(np.concatenate(errors) ** 2)))


def _chosen(log: Log, fixed: dict[str, float], sensor: str, update: Callable[[float], None]) -> _Chosen:
    """Return the shape that is chosen for one reading of a log."""
    data, lead_s = _driven(log, fixed, sensor)
    use = ~data.held
    update(0.3)
    tried, fitted = list[Tried](), dict[Shape, Searched]()
    left_out: dict[Shape, list[NDArray[np.float64]]] = {}
    # Where the fan is logged the flow is known, and nothing is left to follow the rise.
    shapes = [shape for shape in SHAPES if not (shape.rises and data.fan_max_rpm)]
    shapes += WARMED if "room" in fixed else ()
    for place, shape in enumerate(shapes):
        below = [one for other, one in fitted.items() if _within(other, shape)]
        found = fitted[shape] = search(data, shape, use, fixed=fixed, near=below[-2:])
        errors = left_out[shape] = _left_out(data, found, fixed)
        tried.append(Tried(shape, _rmse(errors)))
        update(0.3 + 0.6 * (place + 1) / len(shapes))
    shape = _simplest(tried, {one: found.cost for one, found in fitted.items()})
    return _Chosen(data, lead_s, fitted[shape], left_out[shape], tuple(tried))


def known_room(log: Log, ambient_c: float | None) -> dict[str, float]:
    """Return the room as a number that is fixed, where it is given or logged. [degC]."""
    if ambient_c is not None:
        return {"room": ambient_c}
    if "ambient_temp_c" in log:
        return {"room": float(np.nanmedian(log["ambient_temp_c"]))}
    return {}


def _driven(log: Log, fixed: dict[str, float], sensor: str) -> tuple[Course, float]:
    """Return the course by the power that explains most, and how late that power is shown."""
    courses: list[Course] = []
    refusal: Refusal | None = None
    for name in POWERS:
        left = {one for one in POWERS if one != name and (name, one) != ("cpu_power_w", "cpu_cores_power_w")}
        kept = {column: values for column, values in log.columns.items() if column not in left}
        if name not in kept:
            continue
        if courses and name in {"system_power_w", "wall_power_w"}:
            continue  # only where nothing nearer to the chip is logged
        try:
            courses.append(course(replace(log, columns=kept), sensor))
        except Refusal as error:
            refusal = refusal or error
    if not courses:
        raise refusal or _no_course(log, sensor)
    # Three lumps, so that a lump that is missing is not taken for lateness.
    shape, best, best_cost, lead = Shape(3, rises=False), courses[0], np.inf, 0.0
    for data in courses:
        # Rows further apart than the leads know nothing of them.
        waiting = list(LEADS_S) if float(np.median(data.step_s)) <= SLOW_ROWS_S else [0.0]
        while waiting:
            lead_s = waiting.pop(0)
            cost = search(
                shifted(data, lead_s), shape, ~data.held, fixed=fixed, starts=64, polished=2, most_steps=15
            ).cost
            # The log as it stands wins unless another reading of it is better by more than chance.
            if best_cost == np.inf or cost < min(MUCH_BETTER * best_cost, best_cost - LEAST_GAIN_K2):
                best, best_cost, lead = data, cost, lead_s
            if not waiting and lead == round(lead) != 0.0 and best is data:
                waiting = [lead - LEAD_STEP_S, lead + LEAD_STEP_S] if lead_s in LEADS_S else []
    return shifted(best, lead), lead


def _no_course(log: Log, sensor: str) -> Refusal:
    try:
        course(log, sensor)
    except Refusal as error:
        return error
    return Refusal(f"{log.name}: nothing to fit")


def shifted(data: Course, lead_s: float) -> Course:
    """Return a course whose power is taken from so much later."""
    if lead_s == 0.0:
        return data
    power, rest = (np.interp(data.time_s + lead_s, data.time_s, one) for one in (data.power_w, data.rest_w))
    return replace(data, power_w=power, rest_w=rest)


def _left_out(data: Course, found: Searched, fixed: dict[str, float]) -> list[NDArray[np.float64]]:
    """Return the errors on tenths that a fit to the others of the rest had not seen, one by one. [K]."""
    errors: list[NDArray[np.float64]] = []
    for fold in data.folds():
        out = np.isin(data.block, fold)
        one = search(data, found.shape, ~data.held & ~out, fixed=fixed, near=[found], starts=FOLD_STARTS, polished=1)
        wrong = predicted(one, data) - data.temp_c
        errors += [wrong[data.block == number] for number in np.unique(data.block[out])]
    return errors or [(predicted(found, data) - data.temp_c)[~data.held]]


def _ahead(data: Course, found: Searched, fixed: dict[str, float]) -> list[NDArray[np.float64]]:
    """Return the errors on the last third of the tenths by a fit to those before: what comes is not between. [K]."""
    able = np.unique(data.block[~data.held])
    out = ~data.held & np.isin(data.block, able[max(2 * len(able) // 3, 2) :])
    out &= ~np.isin(data.block, data.block[data.start >= 0])
    if not out.any():
        return []
    use = ~data.held & (data.block < data.block[out].min())
    one = search(data, found.shape, use, fixed=fixed, near=[found], starts=FOLD_STARTS, polished=1)
    wrong = predicted(one, data) - data.temp_c
    return [wrong[data.block == number] for number in np.unique(data.block[out])]


def _simplest(tried: list[Tried], costs: dict[Shape, float]) -> Shape:
    """Return the simplest shape that no larger one beats by more than chance; ``costs`` are of the rows fitted to."""
    # Air that other parts warm is there in every machine: it comes before another lump.
    ordered = sorted(tried, key=lambda one: (_size(one.shape), one.shape.rises, not one.shape.warmed))
    chosen = ordered[0]
    for one in ordered[1:]:
        # A fan that nobody logged may run as it likes: what follows the rise must gain more than another lump.
        follows = one.shape.rises and not chosen.shape.rises
        less = BETTER**2 if follows else BETTER
        if follows and chosen.left_out_rmse_k < NEAR_K and costs[one.shape] > CLEARLY * costs[chosen.shape]:
            continue
        if one.left_out_rmse_k < min(less * chosen.left_out_rmse_k, chosen.left_out_rmse_k - LEAST_GAIN_K):
            chosen = one
    return chosen.shape


def _size(shape: Shape) -> int:
    return shape.order + shape.rises + shape.warmed
