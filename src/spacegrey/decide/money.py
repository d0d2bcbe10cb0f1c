"""Amounts of money as people write them."""

from __future__ import annotations

SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}
CENT = 0.005


def money(value: float, currency: str) -> str:
    """Return an amount with its currency, in whole units.

    Examples
    --------
    >>> money(4999.0, "USD"), money(5499.0, "EUR"), money(99.5, "CHF")
    ('$4,999', '€5,499', '100 CHF')
    """
    sign = SIGNS.get(currency, "")
    return f"{sign}{amount(value)}" + ("" if sign else f" {currency}")


def amount(value: float | None, *, cents: bool = False) -> str:
    """Return an amount alone; empty where it is not known.

    Parameters
    ----------
    value : float or None
        In any currency.
    cents : bool
        Write cents where there are some.

    Examples
    --------
    >>> amount(13199.0), amount(328.79), amount(328.79, cents=True), amount(13199.0, cents=True), amount(None)
    ('13,199', '329', '328.79', '13,199', '')
    """
    if value is None:
        return ""
    return f"{value:,.2f}" if cents and abs(value - round(value)) >= CENT else f"{value:,.0f}"
