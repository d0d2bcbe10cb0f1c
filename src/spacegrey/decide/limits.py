"""What a buyer asks of a machine: limits on price, noise, power and time, and what it must have."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.errors import InputError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from spacegrey.decide.points import Point
    from spacegrey.machine.assembly import Machine

PORT = "port="
"""May stand before the name of a port, as in ``port=thunderbolt>=2``."""


@dataclass(frozen=True)
class Feature:
    """Something that a machine must have: in words, its unit, and how much of it a machine has."""

    words: str
    unit: str
    of: Callable[[Machine], float]


FEATURES: Mapping[str, Feature] = {
    "cores": Feature("processor cores", "", lambda one: float(one.processor.cores)),
    "display": Feature("a built-in display", "", lambda one: float(one.panel is not None)),
    "ecc": Feature("memory with error correction", "", lambda one: float(one.memory.ecc)),
    "ethernet": Feature("Ethernet", "Gbit/s", lambda one: max(one.spec.ports.ethernet_gbit_s, default=0.0)),
    "graphics-memory": Feature("graphics memory", "GiB", lambda one: one.graphics.memory_gib),
    "memory": Feature("memory", "GiB", lambda one: one.memory_gib),
    "sd": Feature("an SD card reader", "", lambda one: float(one.spec.ports.sd_reader)),
    "storage": Feature("storage", "TB", lambda one: one.storage_tb),
    "thunderbolt": Feature("Thunderbolt ports", "", lambda one: float(one.spec.ports.thunderbolt)),
    "usb-a": Feature("USB-A ports", "", lambda one: float(one.spec.ports.usb_a)),
    "wifi": Feature("Wi-Fi", "Gbit/s", lambda one: one.spec.ports.wifi_gbit_s),
}
PORTS = ("ethernet", "sd", "thunderbolt", "usb-a", "wifi")


@dataclass(frozen=True)
class Limits:
    """What a buyer asks; None and empty: no such limit.

    Attributes
    ----------
    budget : float or None
        Highest price. [the currency of the question]
    max_noise_dba, max_power_w : float or None
        Highest noise and wall power at any moment of any of the workloads.
    deadlines_s : mapping of str to float
        Workload to the longest that one run of it may take. [s]
    musts : mapping of str to float
        Key of `FEATURES` to the least amount of it.

    Raises
    ------
    InputError
        A limit is not a number above zero, or nothing of that name can be asked.
    """

    budget: float | None = None
    max_noise_dba: float | None = None
    max_power_w: float | None = None
    deadlines_s: Mapping[str, float] = field(default_factory=dict[str, float])
    musts: Mapping[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        numbers = {
            "budget": self.budget,
            "max-noise": self.max_noise_dba,
            "max-power": self.max_power_w,
            **{f"deadline {name}": limit for name, limit in self.deadlines_s.items()},
            **{f"must {name}": limit for name, limit in self.musts.items()},
        }
        for name, limit in numbers.items():
            if limit is not None and not (math.isfinite(limit) and limit > 0.0):
                raise InputError(f"{name} must be a number above 0, not {limit:g}")
        for name in self.musts:
            if name not in FEATURES:
                raise unknown("feature", name, FEATURES, "must")


@dataclass(frozen=True)
class Constraint:
    """One limit, with what every point has of it.

    Attributes
    ----------
    name : str
        As the command line says it: ``max-noise``, ``deadline render``, ``must thunderbolt``.
    limit : float
        Highest value that passes; with `at_least` the lowest.
    values : array, shape (points,)
        What each point has; infinite where a price is not known.
    unit : str
        Of the limit: a currency, dBA, W, s, Gbit/s, ...
    """

    name: str
    limit: float
    values: NDArray[np.float64]
    unit: str
    at_least: bool = False

    @property
    def met(self) -> NDArray[np.bool_]:
        """Which points pass."""
        return self.values >= self.limit if self.at_least else self.values <= self.limit


def constraints(limits: Limits, points: Sequence[Point], workloads: Sequence[str], currency: str) -> list[Constraint]:
    """Return the limits one by one, in the order of the command line.

    Raises
    ------
    InputError
        A deadline is about a workload that is not there.
    """
    found: list[Constraint] = []

    def add(name: str, limit: float, values: list[float], unit: str, *, at_least: bool = False) -> None:
        found.append(Constraint(name, limit, np.array(values, dtype=np.float64), unit, at_least))

    if limits.budget is not None:
        add("budget", limits.budget, [one.sure_price for one in points], currency)
    if limits.max_noise_dba is not None:
        add("max-noise", limits.max_noise_dba, [one.noise_dba for one in points], "dBA")
    if limits.max_power_w is not None:
        add("max-power", limits.max_power_w, [one.wall_power_w for one in points], "W")
    for name, limit in limits.deadlines_s.items():
        if name not in workloads:
            raise unknown("workload", name, workloads, "deadline")
        column = workloads.index(name)
        add(f"deadline {name}", limit, [one.durations_s[column] for one in points], "s")
    for name, limit in limits.musts.items():
        add(f"must {name}", limit, [one.features[name] for one in points], FEATURES[name].unit, at_least=True)
    return found


def parse_must(text: str) -> tuple[str, float]:
    """Read what a machine must have.

    Parameters
    ----------
    text : str
        ``port=thunderbolt>=2``, ``memory>=64``, or a name alone for at least one of it: ``ecc``.

    Returns
    -------
    tuple of str and float
        Key of `FEATURES`, and the least amount in its unit.

    Raises
    ------
    InputError
        No such feature, or no amount above zero.

    Examples
    --------
    >>> parse_must("port=thunderbolt>=2"), parse_must("ecc")
    (('thunderbolt', 2.0), ('ecc', 1.0))
    """
    head, more, amount = text.partition(">=")
    name = head.strip()
    if name.startswith(PORT):
        name = name.removeprefix(PORT).strip()
        if name not in PORTS:
            raise unknown("port", name, PORTS, f"must {text!r}")
    if name not in FEATURES:
        raise unknown("feature", name, FEATURES, f"must {text!r}")
    unit = FEATURES[name].unit
    plain = amount.strip()
    for ending in (unit, unit.replace("GiB", "GB")):
        plain = plain.removesuffix(ending) if ending else plain
    try:
        value = float(plain) if more else 1.0
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0.0):
        wanted = f"{name}>=2{' ' + unit if unit else ''}"
        raise InputError(f"must {text!r}: write it as {wanted}, with a number above 0")
    return name, value
