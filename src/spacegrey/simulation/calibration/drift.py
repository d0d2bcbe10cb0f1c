"""What changed between two fits or two logs of one machine: dust, old paste, a slower fan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.errors import Refusal
from spacegrey.logs.host import Host, contradiction
from spacegrey.simulation.calibration.data import POWERS, Course, course, joined
from spacegrey.simulation.calibration.fit import (
    FEWER_STARTS,
    FOLD_STARTS,
    OWN_AIR,
    ROOM_AIR,
    SHAPES,
    Fit,
    fit,
    known_room,
    shifted,
)
from spacegrey.simulation.calibration.machine import check_pair
from spacegrey.simulation.calibration.numbers import Z90
from spacegrey.simulation.calibration.search import Searched, bounds_of, search

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from spacegrey.logs.log import Log
    from spacegrey.simulation.calibration.file import Record

COMPARED = ("whole_resistance", "sensor_to_air", "sink_to_air")
MUCH_BETTER = 0.9
"""A larger shape must leave so much less of the squared error: each number that is free widens the band."""
WIDE = 0.3
"""A band wider than this says nothing of a machine's cooling."""
ROOMS_APART_K = 2.5
"""Standard deviation of two rooms that nobody measured: nine of ten pairs are within 4 K. Assumed. [K]"""
MOST_ROOMS_APART_K = 15.0
"""Rooms in which one machine works are seldom further apart than winter and a summer's attic. Assumed. [K]"""
MOST_CHANGE = 2.5
"""Dust and old paste change a whole resistance by no more than this factor. Assumed: half is seen at most."""
INNER = "out_of_chip"
"""What is named where it is not the way into the air that changed."""
LEAST_INNER, Z99 = 0.15, 2.576
"""Of the way out of the chip a change is told from this share on, and where it is so many standard deviations."""
MOSTLY = 0.5
"""... and makes so much of the change of the whole: how a ladder's other lumps share the rest is not the machine's."""
SAME_FAN = 0.05
"""Whole resistances are compared where the fans ran as fast, within this share."""


@dataclass(frozen=True)
class Drift:
    """How much of its cooling a machine lost.

    Attributes
    ----------
    what : str
        The number that was compared.
    before, after : float
        Its values. [K/W]
    lost, low, high : float
        Share of the conductance that is gone, and its 90 % band; below 0 it gained.
    room_k : float or None
        How much warmer the later room would have to be for the logs to show no change; None where both rooms are
        known, or no room that can be would do. [K]
    """

    what: str
    before: float
    after: float
    lost: float
    low: float
    high: float
    room_k: float | None = None

    @property
    def shown(self) -> bool:
        """Whether the logs show a change at all: the band does not hold 0."""
        return self.low > 0.0 or self.high < 0.0

    def words(self, since: str) -> str:
        """Return the drift as a sentence.

        Examples
        --------
        >>> Drift("whole_resistance", 0.60, 0.70, 0.143, 0.11, 0.18).words("March")
        'your cooling lost 14 % since March (90 % band: 11 to 18 %)'
        """
        if not self.shown:
            band = f"between {_percent(-self.high)} and {_percent(-self.low)} %"
            if self.high - self.low > WIDE:
                return f"the logs cannot tell what changed of your cooling since {since}: {band} (90 % band)"
            return f"no change of your cooling since {since} that the logs can show: {band} (90 % band)"
        verb, ends = ("lost", (self.lost, self.low, self.high))
        if self.lost < 0.0:
            verb, ends = "gained", (-self.lost, -self.high, -self.low)
        share, low, high = (f"{100.0 * one:.0f}" for one in ends)
        told = f"{verb} {share} % since {since} (90 % band: {low} to {high} %)"
        if self.what == INNER:
            return f"the way out of the chip {told}: paste, or how the sink sits, not dust"
        return f"your cooling {told}"

    def plot(self) -> Figure:
        """Return the share of the cooling that is gone, with its band, beside what would be no change.

        Raises
        ------
        InputError
            Matplotlib is not installed.
        """
        from spacegrey.simulation.calibration.plot import change

        return change(self)

    def _repr_html_(self) -> str:
        """Return the sentence, and both resistances, for a notebook."""
        numbers = f"{self.what}: {self.before:.3g} K/W before, {self.after:.3g} K/W after"
        return f"<p><b>{escape(self.words('the older log'))}</b></p><p>{escape(numbers)}</p>"


def _percent(share: float) -> str:
    """Return a share in percent with its sign; none for what rounds to 0."""
    text = f"{100.0 * share:+.0f}"
    return "0" if text in {"+0", "-0"} else text


def _drift(what: str, before: float, spread_before: float, after: float, spread_after: float) -> Drift:
    """Return the share of conductance that is gone; spreads are of the logarithms."""
    ratio = np.log(before / after)
    spread = Z90 * float(np.hypot(spread_before, spread_after))
    lost, low, high = (1.0 - float(np.exp(ratio + one)) for one in (0.0, spread, -spread))
    return Drift(what, before, after, lost, low, high)


def since(old: Record, new: Fit) -> Drift:
    """Return what changed since an older fit.

    Raises
    ------
    Refusal
        The two fits share no number that both identify, are of two machines, or followed different powers or readings.
    """
    _refuse_unlike(old, new)
    same_fan = old.fan == (new.data.fan_column or "")
    for what in COMPARED:
        one, other = old.numbers.get(what), new.number(what)
        if one is None or other is None or not (one.identified and other.identified):
            continue
        if what == "sink_to_air" and not same_fan:
            continue
        apart = abs(new.data.fan_max_rpm - old.fan_max_rpm)
        if what == "whole_resistance" and apart > SAME_FAN * max(old.fan_max_rpm, 1.0):
            continue
        spreads = [float(np.log(number.high / max(number.low, 1e-9))) / (2.0 * Z90) for number in (one, other)]
        after = other.value
        if what != "whole_resistance" and same_fan and new.data.fan_column and old.fan_max_rpm:
            # Both are stated at the highest speed of their log: bring the new one to the old one's.
            exponent = new.found.values.get("fan_exponent", 0.0)
            after *= (new.data.fan_max_rpm / old.fan_max_rpm) ** exponent
        return _drift(what, one.value, spreads[0], after, spreads[1])
    raise Refusal(
        "the two fits share no resistance that both identify: log an hour with idling and full load each time"
    )


def _refuse_unlike(old: Record, new: Fit) -> None:
    """Raise `Refusal` where two fits are of two machines or went by different inputs."""
    if old.driver != new.data.driver:
        raise Refusal(
            f"the older fit was driven by {old.driver}, this one by {new.data.driver}: they cannot be compared"
        )
    if old.sensor != new.data.sensor:
        raise Refusal(f"the older fit follows {old.sensor}, this one {new.data.sensor}: they cannot be compared")
    if old.model and new.log.machine and old.model != new.log.machine:
        raise Refusal(f"the older fit is of a {old.model}, this log of a {new.log.machine}: two machines")
    if _air(old) != new.air:
        raise Refusal(f"the older fit goes by {_air(old)}, this one by {new.air}: compare the two logs with dust-check")
    against = contradiction(new.log.host, _host(old))
    if against:
        raise Refusal(f"the older fit's log shows {against[1]} and {new.log.name} {against[0]}: two machines")


def _host(old: Record) -> Host:
    return Host(old.processor, cores=old.cores, threads=old.threads, complete=old.every_core)


def _air(old: Record) -> str:
    """Return which air a fit's resistances are over: as `Fit.air` has it."""
    room = old.numbers.get("room")
    given = room is not None and room.identified and room.low == room.high
    return ROOM_AIR if given and "air_above" not in old.numbers else OWN_AIR


def dust_check(before: Log, after: Log, *, ambient_c: float | None = None) -> tuple[Drift, Fit]:
    """Return what changed between two logs of one machine: all but the way into the air is taken to be the same.

    Parameters
    ----------
    ambient_c : float, optional
        The room of both logs; where it is not given, what each log says of it. Where a log says nothing, both rooms
        are left open, and taken to differ by no more than rooms do: nine times of ten by less than 4 K. [degC]

    Raises
    ------
    Refusal
        A log cannot be fitted, or the two are of two machines, hold different columns, or differ by more than dust can.
    """
    check_pair(before, after)
    first = fit(before, ambient_c=ambient_c)
    driver = first.data.driver
    if driver not in after:
        raise Refusal(f"{before.name} is fitted by {driver}, which {after.name} does not hold")
    kept = {
        column: values
        for column, values in after.columns.items()
        if column in before.columns and (column not in POWERS or column == driver)
    }
    data = shifted(course(replace(after, columns=kept), first.data.sensor), first.lead_s)
    if data.fan_column != first.data.fan_column:
        raise Refusal(
            f"{before.name} has {first.data.fan_column or 'no fan that moves'} and {after.name} "
            f"{data.fan_column or 'none that moves'}: more or less dust cannot be told from more or less fan"
        )
    if data.fan_column:
        scale = data.fan_max_rpm / first.data.fan_max_rpm
        data = replace(data, fan=data.fan * scale)
    rooms = [known_room(log, ambient_c).get("room") for log in (before, after)]
    fixed: dict[str, float] = {}
    if rooms[0] is not None and rooms[1] is not None:
        fixed = {"room": rooms[0], "later_room": rooms[1] - rooms[0]}
    both = joined(first.data, data)
    drift, together = _loss(both, first, fixed)
    drift = _inner_loss(first, data, together, {} if rooms[1] is None else {"room": rooms[1]}) or drift
    if not 1.0 / MOST_CHANGE < drift.before / drift.after < MOST_CHANGE:
        raise Refusal(
            f"{before.name} shows {drift.before:.2g} K/W and {after.name} {drift.after:.2g} K/W: no dust and no paste "
            f"changes so much; two machines, or a fan that nobody logged"
        )
    return drift, first


def _rooms_alike(found: Searched) -> Searched:
    """Return what was found with what is known of two rooms that nobody measured: they are seldom far apart.

    The numbers are moved along their covariance, as a normal prior on the difference of the rooms does.
    """
    if "later_room" not in found.names:
        return found
    place = found.names.index("later_room")
    covariance = found.covariance
    gain = covariance[:, place] / (covariance[place, place] + ROOMS_APART_K**2)
    values = dict(found.values)
    for name, step in zip(found.names, gain * found.values["later_room"], strict=True):
        low, high, logarithmic = bounds_of(name)
        moved = values[name] * float(np.exp(-step)) if logarithmic else values[name] - float(step)
        values[name] = min(max(moved, low), high)
    return replace(found, values=values, covariance=covariance - np.outer(gain, covariance[place]))


def _room_instead(found: Searched) -> float | None:
    """Return by how much a later room that is warmer would stand in for all of a loss. [K].

    Along the ridge of loss and room the logs fit alike: the other numbers follow, as their covariance has it.
    """
    if "later_room" not in found.names:
        return None
    loss, room = (found.names.index(name) for name in ("loss", "later_room"))
    together = float(found.covariance[loss, room])
    if together >= 0.0:
        return None
    instead = found.values["later_room"] - found.values["loss"] * float(found.covariance[room, room]) / together
    return instead if abs(instead) <= MOST_ROOMS_APART_K else None


def _inner_loss(first: Fit, later: Course, together: Searched, fixed: dict[str, float]) -> Drift | None:
    """Return what was lost on the first way out of the chip, where the later log does not fit the older one's."""
    order, room = first.shape.order, "room" in first.found.names
    if order == 1 or room == ("room" in fixed):
        return None  # one lump has no sink; over another air its numbers are others
    everything = np.ones(len(later.time_s), dtype=bool)
    alone = search(later, first.shape, everything, fixed=fixed, near=[first.found], starts=FOLD_STARTS, banded=True)
    rows = len(first.data.time_s), len(later.time_s)
    apart = (first.found.cost * rows[0] + alone.cost * rows[1]) / sum(rows)
    if apart > MUCH_BETTER * together.cost:
        return None
    before, after = first.found.values["r1"], alone.values["r1"]
    spreads = first.found.spread("r1"), alone.spread("r1")
    whole = sum(alone.values[f"r{one}"] - first.found.values[f"r{one}"] for one in range(1, order + 1))
    surely = Z99 * float(np.hypot(*spreads))
    if abs(float(np.log(after / before))) < max(LEAST_INNER, surely):
        return None
    if (after - before) * np.sign(whole) < MOSTLY * abs(whole):
        return None
    return _drift(INNER, before, spreads[0], after, spreads[1])


def _loss(both: Course, first: Fit, fixed: dict[str, float]) -> tuple[Drift, Searched]:
    """Return what two courses as one show: all their numbers but the way into the air and the room are the same."""
    everything = np.ones(len(both.time_s), dtype=bool)
    most, warmed = max(first.shape.order, 2), first.shape.warmed and "room" in fixed
    chosen: Searched | None = None
    able = [one for one in SHAPES if one.order <= most and not (one.rises and both.fan_max_rpm)]
    for shape in [replace(one, warmed=warmed) for one in able]:
        near = [first.found] if shape == first.shape else []
        found = search(both, shape, everything, fixed=fixed, near=near, starts=FEWER_STARTS)
        if chosen is None or found.cost < MUCH_BETTER * chosen.cost:
            chosen = found
    assert chosen is not None  # noqa: S101 - one lump is always tried
    found = search(both, chosen.shape, everything, fixed=fixed, near=[chosen], starts=FOLD_STARTS, banded=True)
    instead, found = _room_instead(found), _rooms_alike(found)
    order = chosen.shape.order
    names = [f"r{one}" for one in range(1, order + 1)]
    more = float(np.exp(found.values["loss"]))
    old = np.array([found.values[name] for name in names])
    new = np.where(np.arange(order) == order - 1, old * more, old)
    before, after = float(old.sum()), float(new.sum())
    # how the logarithm of before over after moves with each free number
    slope = np.zeros(len(found.names))
    for name, one, other in zip(names, old, new, strict=True):
        slope[found.names.index(name)] = one / before - other / after
    slope[found.names.index("loss")] = -new[-1] / after
    spread = float(np.sqrt(max(slope @ found.covariance @ slope, 0.0)))
    drift = _drift("sensor_to_air" if order == 1 else "whole_resistance", before, spread, after, 0.0)
    return replace(drift, room_k=instead), found
