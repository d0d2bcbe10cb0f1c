"""How a built-in panel behaves as a load."""

from __future__ import annotations


def panel_power_w(electronics_w: float, backlight_w: float, brightness: float) -> float:
    """Return what the panel draws.

    Parameters
    ----------
    electronics_w : float
        Timing controller and drivers. [W]
    backlight_w : float
        Backlight at full brightness. [W]
    brightness : float
        Share of the peak luminance, 0 to 1; 0 is a panel that is off.

    Returns
    -------
    float
        Power. [W]

    Notes
    -----
    The LED backlight's current follows the luminance nearly linearly. Status: illustrative.

    Examples
    --------
    >>> panel_power_w(6.0, 34.0, 0.5)
    23.0
    """
    return electronics_w + backlight_w * brightness if brightness > 0.0 else 0.0
