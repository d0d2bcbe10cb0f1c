"""What an owner says: how a machine is used, bought and sold, and what is done to it on the way."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spacegrey.errors import InputError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

DAYS_PER_YEAR = 365.25
LONGEST_YEARS = 15.0
DEAREST_KWH = 10.0
_UPGRADE = re.compile(r"(\w+)=([^@]+)@(\d+(?:\.\d+)?)y")


@dataclass(frozen=True)
class Use:
    """How a machine is used.

    Attributes
    ----------
    years : float
        How long it is kept, above 0 to 15. [year]
    hours_per_day : float
        How long it works on a day of use, above 0 to 24. [h]
    days_per_week : float
        Days of use, above 0 to 7.
    kwh : float
        Price of energy, from 0. [currency/kWh]
    """

    years: float
    hours_per_day: float
    days_per_week: float
    kwh: float

    def __post_init__(self) -> None:
        """Refuse what no owner does."""
        for name, value, most in (
            ("years", self.years, LONGEST_YEARS),
            ("hours a day", self.hours_per_day, 24.0),
            ("days a week", self.days_per_week, 7.0),
        ):
            if not 0.0 < value <= most:
                raise InputError(f"{name} {value:g}: must be above 0, at most {most:g}")
        if not 0.0 <= self.kwh <= DEAREST_KWH:
            raise InputError(f"price of a kWh {self.kwh:g}: must be from 0 to {DEAREST_KWH:g}")

    @property
    def hours(self) -> float:
        """Hours of work over all years. [h]"""
        return self.years * DAYS_PER_YEAR * self.days_per_week / 7.0 * self.hours_per_day

    def energy_kwh(self, working_w: float, sleeping_w: float) -> float:
        """Return the energy from the wall over all years. [kWh]

        Examples
        --------
        >>> round(Use(1.0, 24.0, 7.0, 0.3).energy_kwh(100.0, 1.0), 1)
        876.6
        """
        asleep = self.years * DAYS_PER_YEAR * 24.0 - self.hours
        return (working_w * self.hours + sleeping_w * asleep) / 1000.0


@dataclass(frozen=True)
class Terms:
    """How a machine is bought and sold, and what is done to it.

    Attributes
    ----------
    on : date or None
        The day of purchase; None: the first on which it could be ordered.
    applecare : bool
        Bought with it.
    upgrade : tuple or None
        Slot, choice and years after the purchase.
    resale_value : float or None
        What the owner says it brings; None: by the curve.
    way : str
        How it is sold, one of `resale.WAYS`.
    labour, currency, rates
        As in `upgrades.Plan`.
    """

    on: dt.date | None = None
    applecare: bool = False
    upgrade: tuple[str, str, float] | None = None
    resale_value: float | None = None
    way: str = "trade-in"
    labour: float = 0.0
    currency: str = "USD"
    rates: Mapping[str, float] | None = None


def parse_upgrade(text: str) -> tuple[str, str, float]:
    """Read an upgrade on the way.

    Raises
    ------
    InputError
        It is not of the form ``memory=128GB@2y``.

    Examples
    --------
    >>> parse_upgrade("memory=128GB@2y")
    ('memory', '128GB', 2.0)
    """
    found = _UPGRADE.fullmatch(text.strip())
    if not found:
        raise InputError(f"upgrade {text!r}: write it as memory=128GB@2y: option=choice@years after the purchase")
    return found[1], found[2].strip(), float(found[3])
