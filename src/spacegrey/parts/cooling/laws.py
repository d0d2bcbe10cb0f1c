"""How the cooling behaves: air flow by fan speed, convection by flow, the fan controller, noise."""

from __future__ import annotations

import math

from spacegrey.jit import law

AIR_HEAT_J_PER_L_K = 1.184 * 1.005
"""Heat that a litre of air takes up per kelvin at 25 degC and sea level: density in g/L times J/(g K)."""


@law
def air_flow_l_s(rpm: float, full_rpm: float, full_flow_l_s: float, natural_l_s: float) -> float:
    """Return the air through the case.

    Parameters
    ----------
    rpm, full_rpm : float
        Fan speed, and the speed at which ``full_flow_l_s`` was stated. [1/min]
    full_flow_l_s, natural_l_s : float
        Flow at full speed, and by buoyancy alone. [L/s]

    Returns
    -------
    float
        Flow. [L/s]

    Notes
    -----
    First fan law, flow by speed, plus buoyancy. Status: reference.

    References
    ----------
    .. [1] Bleier, Fan Handbook, McGraw-Hill, 1998, ch. 5 (fan laws).

    Examples
    --------
    >>> air_flow_l_s(1250.0, 2500.0, 30.0, 2.0)
    17.0
    """
    return natural_l_s + (full_flow_l_s * rpm / full_rpm if full_rpm > 0.0 else 0.0)


@law
def convection_ratio(flow_l_s: float, reference_l_s: float, exponent: float) -> float:
    """Return convective conductance relative to that at the reference flow.

    Parameters
    ----------
    flow_l_s, reference_l_s : float
        Flow, and the one at which conductances are stated. [L/s]
    exponent : float
        0.8 for turbulent, 0.5 for laminar flow over fins.

    Returns
    -------
    float
        Factor.

    Notes
    -----
    Nu ~ Re^0.8 (Dittus-Boelter). Status: reference.

    Examples
    --------
    >>> convection_ratio(30.0, 30.0, 0.8)
    1.0
    """
    ratio: float = (flow_l_s / reference_l_s) ** exponent
    return ratio


@law
def fan_power_w(rpm: float, full_rpm: float, full_w: float) -> float:
    """Return the fans' electric power: third fan law.

    Examples
    --------
    >>> fan_power_w(1250.0, 2500.0, 8.0)
    1.0
    """
    x = rpm / full_rpm if full_rpm > 0.0 else 0.0
    return full_w * x * x * x


@law
def filtered(previous: float, value: float, step_s: float, time_constant_s: float) -> float:
    """Return the next value of a first-order low-pass filter (backward Euler: stable for any step).

    Examples
    --------
    >>> filtered(0.0, 1.0, 1.0, 1.0)
    0.5
    """
    return (previous * time_constant_s + value * step_s) / (time_constant_s + step_s)


@law
def integral_rpm(integral: float, drift_rpm_per_s: float, step_s: float, span_rpm: float) -> float:
    """Return the integral part of a fan loop in the next step, held between 0 and the span of the fan.

    Examples
    --------
    >>> integral_rpm(10.0, -100.0, 1.0, 1500.0)
    0.0
    >>> integral_rpm(10.0, 5.0, 1.0, 1500.0)
    15.0
    """
    x = integral + drift_rpm_per_s * step_s
    x = max(x, 0.0)
    return min(x, span_rpm)


@law
def fan_noise_dba(
    rpm: float, reference_rpm: float, reference_dba: float, exponent_db: float, floor_dba: float
) -> float:
    """Return the sound pressure level of the fans and the floor beneath them.

    Parameters
    ----------
    rpm, reference_rpm : float
        Fan speed, and the speed of the reference level. [1/min]
    reference_dba : float
        Level of the fans alone at the reference speed. [dBA]
    exponent_db : float
        Rise per decade of speed; 50 for sound power by the fan laws, 60 for dipole sources. [dB]
    floor_dba : float
        Level without fans. [dBA]

    Returns
    -------
    float
        Level. [dBA]

    Notes
    -----
    L = 10 lg(10^(L_fan/10) + 10^(L_floor/10)), L_fan = L_ref + n lg(rpm / rpm_ref). Status: calibrated where a
    machine's noise was measured at several speeds, illustrative elsewhere.

    References
    ----------
    .. [1] Madison, Fan Engineering, Buffalo Forge, 1949 (sound laws of fans).

    Examples
    --------
    >>> round(fan_noise_dba(0.0, 1900.0, 44.4, 60.0, 32.2), 1)
    32.2
    """
    if rpm <= 0.0 or reference_dba <= 0.0:
        return floor_dba
    fans = reference_dba + exponent_db * math.log10(rpm / reference_rpm)
    return 10.0 * math.log10(10.0 ** (fans / 10.0) + 10.0 ** (floor_dba / 10.0))
