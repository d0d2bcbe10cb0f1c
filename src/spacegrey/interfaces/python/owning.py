"""`spacegrey.own` and what it returns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from spacegrey.decide.availability import parse_day
from spacegrey.decide.offers import load_offers
from spacegrey.decide.own import own as owned
from spacegrey.decide.own import verdict
from spacegrey.decide.owner import Terms, Use, parse_upgrade
from spacegrey.decide.prices import parse_currency, parse_rates
from spacegrey.interfaces.owning import own_sheets
from spacegrey.interfaces.python.tables import arrow
from spacegrey.machine.assembly import Machine
from spacegrey.notebook import card, listed, paragraph, table
from spacegrey.picture import named, panels
from spacegrey.workload.library import Workload

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa
    from matplotlib.figure import Figure

    from spacegrey.decide.own import Scenario


@dataclass(frozen=True)
class Owned:
    """What machines cost over the years, one `Scenario` each.

    Attributes
    ----------
    scenarios : tuple of Scenario
        By machine: costs with bands, total, what a year and an hour of work cost.
    use : Use
        Years, hours, price of energy.
    work : str
        What the machines do.
    """

    scenarios: tuple[Scenario, ...]
    use: Use
    work: str

    def __repr__(self) -> str:
        totals = ", ".join(f"{one.selector} {one.total.value:,.0f} {one.currency}" for one in self.scenarios)
        return f"Owned({self.use.years:g} years: {totals})"

    def __len__(self) -> int:
        """Return the number of machines."""
        return len(self.scenarios)

    def __iter__(self) -> Iterator[Scenario]:
        """Return the machines one by one."""
        return iter(self.scenarios)

    def __getitem__(self, place: int) -> Scenario:
        """Return a machine by its place."""
        return self.scenarios[place]

    @property
    def verdict(self) -> str:
        """Which machine costs least, and whether the bands allow another; empty for one machine."""
        return verdict(self.scenarios)

    def to_arrow(self) -> pa.Table:
        """Return a row for each cost of each machine, with its band and where it comes from."""
        return arrow(own_sheets(self.scenarios)[0])

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:  # noqa: ANN401 - a capsule of C
        """Return the costs as an Arrow stream, which pandas, polars, DuckDB and others read as it is."""
        return cast("Any", self.to_arrow()).__arrow_c_stream__(requested_schema)

    def plot(self) -> Figure:
        """Return a bar for each machine: what is paid to the right, what comes back to the left, and the total.

        Raises
        ------
        InputError
            Matplotlib is not installed.
        """
        made, (axis,) = panels(1, height=1.2 + 0.5 * len(self))
        names = list(dict.fromkeys(cost.name for one in self for cost in one.costs))
        paid = [0.0] * len(self)
        for number, name in enumerate(names):
            amounts = [sum(cost.band.value for cost in one.costs if cost.band and cost.name == name) for one in self]
            starts = [done if amount >= 0.0 else 0.0 for done, amount in zip(paid, amounts, strict=True)]
            axis.barh(range(len(self)), amounts, left=starts, height=0.6, color=f"C{number}", label=name)
            paid = [done + max(amount, 0.0) for done, amount in zip(paid, amounts, strict=True)]
        for place, one in enumerate(self):
            ends = [[one.total.value - one.total.low], [one.total.high - one.total.value]]
            label = "total with its band" if place == 0 else None
            axis.errorbar([one.total.value], [place], xerr=ends, fmt="o", color="0.15", markersize=4, label=label)
        axis.set_yticks(range(len(self)), [one.selector for one in self])
        axis.invert_yaxis()
        axis.axvline(0.0, color="0.6", linewidth=0.8)
        axis.xaxis.set_major_formatter("{x:,.0f}")
        axis.set_xlabel(f"{self.scenarios[0].currency} over {self.use.years:g} years")
        named(axis, columns=6)
        return made

    def _repr_html_(self) -> str:
        """Return the costs beside each other, for a notebook."""
        names = list(dict.fromkeys(cost.name for one in self for cost in one.costs))
        rows: list[list[str]] = []
        for name in names:
            found = [next((cost for cost in one.costs if cost.name == name), None) for one in self]
            rows.append([
                name, *("" if cost is None else f"{cost.band.value:,.0f}" if cost.band else "unknown" for cost in found)
            ])  # fmt: skip
        rows.append(["total", *(f"{one.total.value:,.0f}{'' if one.complete else '*'}" for one in self)])
        rows.append(["between", *(f"{one.total.low:,.0f} and {one.total.high:,.0f}" for one in self)])
        rows.append(["a year", *(f"{one.per_year:,.0f}" for one in self)])
        rows.append(["an hour of work", *(f"{one.per_hour:,.2f}" for one in self)])
        use = self.use
        return card(
            f"{use.years:g} years: {self.verdict or self.scenarios[0].selector}",
            f"{use.hours_per_day:g} h on {use.days_per_week:g} days a week: {self.work}; {use.kwh:g} a kWh",
            table([self.scenarios[0].currency, *(f">{one.selector}" for one in self)], rows),
            paragraph("" if all(one.complete for one in self) else "* without what is unknown"),
            *(listed(one.selector, [f"{cost.name}: {cost.words}" for cost in one.costs], closed=True) for one in self),
        )


def own(
    machines: str | Path | Machine | Sequence[str | Path | Machine],
    *,
    years: float = 4.0,
    hours_per_day: float = 8.0,
    days_per_week: float = 5.0,
    workload: object = "office",
    kwh: float = 0.30,
    on: str | dt.date | None = None,
    applecare: bool = False,
    upgrade: str | None = None,
    labour: float = 0.0,
    resale: float | None = None,
    sell: str = "trade-in",
    currency: str = "USD",
    rates: Mapping[str, float] | None = None,
    offers: str | Path | None = None,
) -> Owned:
    """Add up what machines cost over the years.

    Parameters
    ----------
    machines : str, Path, Machine or sequence of them
        From one to four machines.
    years, hours_per_day, days_per_week : float
        How long each is kept, and how long it works.
    workload : str, Path, dataframe or Workload
        What it does in those hours, as `Workload.of` takes it.
    kwh : float
        Price of energy. [currency/kWh]
    on : str or date, optional
        Day of purchase; left out: the first possible.
    applecare : bool
        AppleCare+ is bought with it.
    upgrade : str, optional
        On the way: ``"memory=128GB@2y"``.
    labour : float
        Price of an hour of work on it; 0: your own hands. [currency/h]
    resale : float, optional
        What it brings at the end; left out: by the fitted curve. [currency]
    sell : {'trade-in', 'used', 'refurbished'}
        How it is sold.
    currency, rates, offers
        As `choose` takes them.

    Returns
    -------
    Owned
        A `Scenario` for each machine, ``verdict``; the costs as a dataframe.

    Raises
    ------
    InputError
        A name is unknown, or a number makes no sense.
    Refusal
        The machine cannot do the work, or the upgrade cannot be done.

    Examples
    --------
    >>> found = own("imac-pro", years=4, workload="idle")
    >>> found[0].costs[0].name, found[0].costs[0].band.value
    ('purchase', 4999.0)
    """
    several = [machines] if isinstance(machines, str | Path | Machine) else list(machines)
    use = Use(years, hours_per_day, days_per_week, kwh)
    exchange = parse_rates([f"{code}={worth}" for code, worth in (rates or {}).items()], currency)
    terms = Terms(
        parse_day(on, "on") if isinstance(on, str) else on, applecare, parse_upgrade(upgrade) if upgrade else None,
        resale, sell, labour, parse_currency(currency, "currency"), exchange,
    )  # fmt: skip
    work = Workload.of(workload)
    selectors = [one.selector if isinstance(one, Machine) else str(one) for one in several]
    return Owned(owned(selectors, use, work, terms, load_offers(Path(offers) if offers else None)), use, work.name)
