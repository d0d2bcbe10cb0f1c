"""The quietest fan curve that keeps a wanted share of a machine's speed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from spacegrey.errors import InputError, Refusal
from spacegrey.machine.assembly import in_environment
from spacegrey.machine.selector import FanCurve
from spacegrey.simulation.batch import simulate_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pyarrow as pa
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from spacegrey.machine.assembly import Machine
    from spacegrey.simulation.batch import Table
    from spacegrey.workload.library import Workload

COLDEST_C, HOTTEST_C = 40.0, 100.0
"""Between these temperatures curves are sought. [degC]"""

LEAST_RISE_K = 2.0
"""A curve that rises faster would make fans hunt. [K] Assumed: sensors of these machines resolve 1 K."""

ROUNDS = 5
"""How often the grid is laid again around the best, at half the spacing."""

STARTS = 5
"""Around so many of the best it is laid: noise has several valleys, and the deepest is not always the first seen."""

TEMP_STEPS, SPEED_STEPS = 7, 6
"""Places of the grid on each axis of the first round; later rounds have three."""

QUIETER_DBA = 0.05
"""A smaller difference of noise is none. [dBA]"""

AS_SLOW = 1.01
"""Fans that never turn faster than so many times their least speed are as slow as they go."""


@dataclass(frozen=True)
class Quiet:
    """A machine under one work with one fan setting.

    Attributes
    ----------
    curve : FanCurve or None
        None: the machine's own controller.
    speed : float
        Work per second, over that with the machine's own controller.
    noise_dba, loudest_dba : float
        Mean over time, and the most. [dBA]
    fan_rpm, cpu_temp_c : float
        The most of each.
    """

    curve: FanCurve | None
    speed: float
    noise_dba: float
    loudest_dba: float
    fan_rpm: float
    cpu_temp_c: float


@dataclass(frozen=True)
class Quietest:
    """The quietest curve, beside what the machine does by itself.

    Attributes
    ----------
    workload, asked : Workload, Machine
        Of whom it was asked.
    own, best : Quiet
        What the machine does by itself, and the curve.
    tried : int
        Curves.
    """

    workload: Workload
    asked: Machine
    own: Quiet
    best: Quiet
    tried: int

    def __repr__(self) -> str:
        found, noise = f"fan={self.best.curve}", f"{self.own.noise_dba:.1f} to {self.best.noise_dba:.1f} dBA"
        asked = f"{self.workload.id!r} on {self.asked.selector!r}"
        return f"Quietest({asked}: {found}, {noise}, {self.best.speed:.1%} of the speed)"

    @property
    def machine(self) -> Machine:
        """The machine with the quietest curve."""
        return self.asked.at(f"fan={self.best.curve}")

    def plot(self) -> Figure:
        """Return the curve, and noise and temperature over time with it and without.

        Raises
        ------
        InputError
            Matplotlib is not installed.
        """
        from spacegrey.simulation.drawing import draw_quiet

        return draw_quiet(self)

    def to_arrow(self) -> pa.Table:
        """Return an Arrow table of two rows, the machine's own way and the curve: its fan and the fields of `Quiet`.

        Examples
        --------
        >>> import spacegrey
        >>> rows = spacegrey.quiet("cinebench-r15-loop", on="imac-pro", keep=0.97).to_arrow()
        >>> rows.column_names
        ['way', 'curve', 'speed', 'noise_dba', 'loudest_dba', 'fan_rpm', 'cpu_temp_c']
        >>> rows["way"].to_pylist()
        ['own', 'best']
        """
        import pyarrow as pa

        curves = {"own": None, "best": str(self.best.curve)}
        return pa.Table.from_pylist(
            [{"way": way} | asdict(getattr(self, way)) | {"curve": curve} for way, curve in curves.items()]
        )

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:  # noqa: ANN401 - a capsule of C
        """Return the rows as an Arrow stream, which pandas, polars, DuckDB and others read as it is."""
        return cast("Any", self.to_arrow()).__arrow_c_stream__(requested_schema)

    def _repr_html_(self) -> str:
        """Return the curve and what it brings beside the machine's own way, for a notebook."""
        from spacegrey.simulation.shown import quiet_html

        return quiet_html(self)


def quietest(
    workload: Workload, machine: Machine, keep: float, progress: Callable[[float], None] | None = None
) -> Quietest:
    """Find the fan curve with the least mean noise that keeps a share of the speed.

    Parameters
    ----------
    workload : Workload
        The work that is to keep its speed.
    machine : Machine
        With the fan setting to be measured against.
    keep : float
        Share of the speed, 0 to 1.
    progress : callable, optional
        Called with the share of the search that is done.

    Returns
    -------
    Quietest
        The curve and what it brings.

    Raises
    ------
    InputError
        The machine has no fan, or ``keep`` is no share.
    Refusal
        The machine cannot do the work, or no curve is quieter than what it does now.

    Notes
    -----
    A grid over the two temperatures and the upper speed, then the same at half the spacing around the five best that
    stand apart, five times, every grid as one batch. The lower speed is the machine's own. Nothing proves that no
    better curve exists between the points; the last spacing is 1 K and 10 rpm.

    Examples
    --------
    >>> from spacegrey.machine.assembly import machine
    >>> from spacegrey.workload.library import workload
    >>> found = quietest(workload("cinebench-r15-loop"), machine("imac-pro"), 0.97)
    >>> found.best.noise_dba < found.own.noise_dba and found.best.speed >= 0.97
    True
    """
    fans, name = machine.cooling.fans, machine.spec.name
    if fans.count == 0:
        raise InputError(f"quiet: {name} has no fan")
    if not 0.0 < keep <= 1.0:
        raise InputError(f"quiet: keep={keep:g} is not a share above 0 and up to 1: write 0.95 or 95%")
    own_rate, (own,) = _tried(workload, machine, [None])
    temps = np.linspace(COLDEST_C, HOTTEST_C, TEMP_STEPS)
    speeds = np.linspace(fans.minimum_rpm, fans.automatic_maximum_rpm, SPEED_STEPS)
    spacing = np.array([temps[1] - temps[0], temps[1] - temps[0], speeds[1] - speeds[0]])
    grid = [(low, high, rpm) for low in temps for high in temps for rpm in speeds]
    seen: set[FanCurve] = set()
    quick: list[Quiet] = []
    for number in range(ROUNDS + 1):
        curves = [one for one in _curves(machine, grid) if one not in seen]
        seen |= set(curves)
        quick += [one for one in _tried(workload, machine, curves, own_rate)[1] if one.speed >= keep]
        quick.sort(key=lambda one: (round(one.noise_dba, 3), one.loudest_dba, -one.speed))
        if not quick:
            break
        if progress:
            progress((number + 1) / (ROUNDS + 1))
        spacing = spacing / 2
        grid = [
            tuple(place + np.array(signs) * spacing)
            for place in _apart(quick, spacing)
            for signs in product((-1, 0, 1), repeat=3)
        ]
    best = quick[0] if quick else None
    if best is None or best.noise_dba > own.noise_dba - QUIETER_DBA:
        still = own.fan_rpm <= fans.minimum_rpm * AS_SLOW
        why = f", its fans at {own.fan_rpm:.0f} rpm, as slow as they go" if still else ""
        raise Refusal(
            f"{workload.id} on {machine.selector}: no fan curve keeps {keep:.1%} of the speed and is quieter than what "
            f"the machine does by itself ({own.noise_dba:.1f} dBA{why})"
        )
    return Quietest(workload, machine, own, best, len(seen))


def _apart(ordered: Sequence[Quiet], spacing: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return the places of the first few curves that are further apart than the spacing."""
    places: list[NDArray[np.float64]] = []
    for one in ordered:
        if one.curve and len(places) < STARTS:
            place = np.array([one.curve.low_c, one.curve.high_c, one.curve.high_rpm])
            if all((np.abs(place - other) > 1.01 * spacing).any() for other in places):
                places.append(place)
    return places


def _curves(machine: Machine, grid: Iterable[Iterable[float]]) -> list[FanCurve]:
    """Return the curves of a grid that a machine can have, in whole degrees and tens of turns."""
    fans = machine.cooling.fans
    found: dict[FanCurve, None] = {}
    for low, high, rpm in grid:
        top = min(max(round(rpm, -1), fans.minimum_rpm), fans.automatic_maximum_rpm)
        curve = FanCurve(fans.minimum_rpm, float(round(low)), float(top), float(round(high)))
        if COLDEST_C <= curve.low_c <= curve.high_c - LEAST_RISE_K and curve.high_c <= HOTTEST_C:
            found[curve] = None
    return list(found)


def _tried(
    workload: Workload, machine: Machine, curves: Sequence[FanCurve | None], own_rate: float | None = None
) -> tuple[float, list[Quiet]]:
    """Return the rate that speeds are measured against, the first of them if none is given, and what curves bring."""
    room = machine.environment
    machines = [in_environment(machine, replace(room, fan=None, fan_curve=one)) if one else machine for one in curves]
    table = simulate_batch([(workload, one) for one in machines])
    if own_rate is None and table["refusal"][0]:
        raise Refusal(str(table["refusal"][0]))
    rates = _rates(workload, table)
    measure = float(rates[0]) if own_rate is None else own_rate
    return measure, [
        Quiet(
            curve,
            float(rates[row]) / measure,
            float(table["noise_dba_mean"][row]),
            float(table["noise_dba_max"][row]),
            float(table["fan_rpm_max"][row]),
            float(table["cpu_temp_c_max"][row]),
        )
        for row, curve in enumerate(curves)
        if not table["refusal"][row]
    ]


def _rates(workload: Workload, table: Table) -> NDArray[np.float64]:
    """Return numbers that grow with the speed: the score where there is one, else work done in time per second."""
    score = workload.spec.score
    if score is None:
        return np.asarray(table["delivered"] / table["duration_s"])
    return np.asarray(table["score"] if score.better == "higher" else 1.0 / table["score"])
