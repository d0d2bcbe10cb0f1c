"""How the power supply behaves."""

from __future__ import annotations

from spacegrey.jit import law


@law
def supply_loss_w(load_w: float, standing_w: float, proportional: float, resistive_per_w: float) -> float:
    """Return what the supply turns into heat.

    Parameters
    ----------
    load_w : float
        Power it delivers. [W]
    standing_w : float
        Lost without load. [W]
    proportional : float
        Lost per W delivered. [1]
    resistive_per_w : float
        Lost per W delivered, squared. [1/W]

    Returns
    -------
    float
        Loss. [W]

    Notes
    -----
    Controller and gate charge, diode drops, conduction: a, b P, c P^2. Status: calibrated by the class of the supply.

    Examples
    --------
    >>> supply_loss_w(250.0, 5.0, 0.04, 0.0001)
    21.25
    """
    return standing_w + load_w * (proportional + resistive_per_w * load_w)
