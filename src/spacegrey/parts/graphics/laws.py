"""How a graphics processor behaves: clock and voltage by state, power, the controller of its caps."""

from __future__ import annotations

from spacegrey.jit import law


@law
def ladder(
    level: float, first: float, d1: float, d2: float, d3: float, d4: float, d5: float, d6: float, d7: float
) -> float:
    """Return a quantity at a level between the states of a ladder of eight.

    Parameters
    ----------
    level : float
        0 to 7; a fraction is a share of time in the upper of two states.
    first : float
        The quantity in state 0.
    d1, ..., d7 : float
        Its rise to each next state; 0 for states that the part does not have.

    Returns
    -------
    float
        The quantity, averaged over time.

    Notes
    -----
    A sum of clipped ramps: no branch and no table look-up. Status: reference.

    Examples
    --------
    >>> ladder(1.5, 852.0, 39.0, 65.0, 70.0, 58.0, 86.0, 30.0, 50.0)
    923.5
    """
    value = first + d1 * _unit(level)
    value += d2 * _unit(level - 1.0)
    value += d3 * _unit(level - 2.0)
    value += d4 * _unit(level - 3.0)
    value += d5 * _unit(level - 4.0)
    value += d6 * _unit(level - 5.0)
    return value + d7 * _unit(level - 6.0)


@law
def next_level(level: float, power_headroom: float, temp_headroom_k: float, step_s: float, top: float) -> float:
    """Return the DPM level that the firmware allows in the next step.

    Parameters
    ----------
    level : float
        Now, 0 to 7.
    power_headroom : float
        (cap - power) / cap. [1]
    temp_headroom_k : float
        Limit minus temperature. [K]
    step_s : float
        Control step. [s]
    top : float
        Highest level of the part.

    Returns
    -------
    float
        Level, 0 to ``top``.

    Notes
    -----
    Integral control on whichever cap is nearer: 20 levels/s per unit of power headroom, 0.5 levels/s per kelvin, at
    most 10 levels/s. Status: illustrative.

    Examples
    --------
    >>> next_level(7.0, -0.1, 20.0, 0.01, 7.0)
    6.98
    """
    rate = 20.0 * power_headroom
    thermal = 0.5 * temp_headroom_k
    rate = min(rate, thermal)
    rate = min(rate, 10.0)
    rate = max(rate, -10.0)
    value = level + rate * step_s
    value = max(value, 0.0)
    return min(value, top)


def peak_tflops(lanes: int, clock_mhz: float, flops_per_lane_cycle: float, ratio: float = 1.0) -> float:
    """Return the peak arithmetic rate.

    Parameters
    ----------
    lanes : int
        FP32 lanes.
    clock_mhz : float
        Clock. [MHz]
    flops_per_lane_cycle : float
        2 for one fused multiply-add.
    ratio : float
        2 for packed FP16.

    Returns
    -------
    float
        Peak rate. [TFLOPS]

    Examples
    --------
    >>> peak_tflops(3584, 1250, 2.0)
    8.96
    """
    return lanes * clock_mhz * flops_per_lane_cycle * ratio / 1e6


@law
def _unit(x: float) -> float:
    y = max(x, 0.0)
    return min(y, 1.0)
