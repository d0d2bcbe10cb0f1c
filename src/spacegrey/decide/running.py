"""What owning costs besides the price, as data: sleep, failures, repairs, and what an upgrade can break."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from spacegrey.errors import InputError
from spacegrey.sourced import CATALOG, Spec, read_spec, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

Share = Annotated[float, Field(ge=0, le=1)]
Money = Annotated[float, Field(ge=0)]


@dataclass(frozen=True)
class Band:
    """An amount and the band it lies in."""

    value: float
    low: float
    high: float

    def __add__(self, other: Band) -> Band:
        """Return the sum, ends added to ends: the widest band that both allow."""
        return Band(self.value + other.value, self.low + other.low, self.high + other.high)

    def times(self, factor: float) -> Band:
        """Return the amount so many times; a negative factor exchanges the ends."""
        ends = sorted((self.low * factor, self.high * factor))
        return Band(self.value * factor, ends[0], ends[1])


NOTHING = Band(0.0, 0.0, 0.0)


class RunningSheet(Spec):
    """Warranty, repairs and the worth of time."""

    warranty_years: Money
    applecare_years: Money
    applecare_fee_screen_usd: Money
    applecare_fee_other_usd: Money
    repair_share: Share = Field(description="of the price when new, for one failure")
    repair_share_low: Share
    repair_share_high: Share
    failure_low: Share = Field(description="factor on the rate of failures at the low end of the band")
    failure_high: Annotated[float, Field(ge=1)]
    energy_error: Share
    hour_value_usd: Money


class Failures(Spec):
    """How many machines of a kind need a part within a year."""

    first_year: Share
    fourth_year: Share

    def in_year(self, year: int) -> float:
        """Return the share in a year of life, from 1; it grows evenly to the fourth and then stays.

        Examples
        --------
        >>> rates = Failures(first_year=0.05, fourth_year=0.12)
        >>> round(rates.in_year(1), 3), round(rates.in_year(3), 3), rates.in_year(9)
        (0.05, 0.097, 0.12)
        """
        return self.first_year + (self.fourth_year - self.first_year) * (min(max(year, 1), 4) - 1) / 3.0


class Breakage(Spec):
    """What it costs to make one thing good: an amount, or a share of the machine's price when new."""

    usd: Money = 0.0
    usd_low: Money = 0.0
    usd_high: Money = 0.0
    price_share: Share = 0.0
    price_share_low: Share = 0.0
    price_share_high: Share = 0.0

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for low, middle, high in (
            (self.usd_low, self.usd, self.usd_high),
            (self.price_share_low, self.price_share, self.price_share_high),
        ):
            if not low <= middle <= high:
                raise ValueError(f"{low:g}, {middle:g}, {high:g}: low, value and high must rise")
        return self

    def cost(self, price_new: float) -> Band:
        """Return what it costs, for a machine of that price when new. [USD]"""
        return Band(
            self.usd + self.price_share * price_new,
            self.usd_low + self.price_share_low * price_new,
            self.usd_high + self.price_share_high * price_new,
        )


class SleepSheet(Spec):
    """What a machine draws from the wall asleep, by form. [W]"""

    all_in_one: Money = Field(alias="all-in-one")
    desktop: Money
    tower: Money
    laptop: Money


@dataclass(frozen=True)
class Running:
    """Everything of ``catalog/ownership/running.toml``."""

    sheet: RunningSheet
    sleep: SleepSheet
    failures: Mapping[str, Failures]
    breakage: Mapping[str, Breakage]

    def sleep_w(self, form: str) -> float:
        """Return what a machine of that form draws asleep. [W]"""
        return float(getattr(self.sleep, form.replace("-", "_")))

    def failures_of(self, form: str) -> Failures:
        """Return how often machines of that form fail."""
        return self.failures["laptop" if form == "laptop" else "desktop"]


def dollar(currency: str, rates: Mapping[str, float] | None) -> float:
    """Return what a US dollar is worth: consumables and repairs are known in dollars.

    Raises
    ------
    InputError
        The currency is another one, and nobody said.

    Examples
    --------
    >>> dollar("USD", None), dollar("EUR", {"USD": 0.85})
    (1.0, 0.85)
    """
    if currency == "USD":
        return 1.0
    if not rates or "USD" not in rates:
        raise InputError(
            f"consumables and repairs are known in US dollars: say what one is worth in {currency} (--rate USD=...)"
        )
    return rates["USD"]


@functools.cache
def running() -> Running:
    """Return what owning costs besides the price.

    Examples
    --------
    >>> running().sleep_w("all-in-one")
    1.22
    """
    document = read_toml(CATALOG / "ownership" / "running.toml")
    data = document.data
    return Running(
        read_spec(RunningSheet, data["running"], document, ("running",)),
        read_spec(SleepSheet, data["sleep_w"], document, ("sleep_w",)),
        {name: read_spec(Failures, table, document, ("failures", name)) for name, table in data["failures"].items()},
        {name: read_spec(Breakage, table, document, ("breakage", name)) for name, table in data["breakage"].items()},
    )
