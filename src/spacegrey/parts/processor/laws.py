"""How a processor behaves: voltage and power by clock, limits on the clock, time for work."""

from __future__ import annotations

from spacegrey.jit import choose, exponential, law

LEAKAGE_REFERENCE_K = 333.15
IDLE_LEAKAGE = 0.25
"""Share of the leakage that cores keep when all of them sleep: gates cut most, not all. Assumed."""

IDLE_UNCORE = 0.5
"""Share of the uncore's power that is left when no core works: caches and memory controllers idle. Assumed."""

STALL_ACTIVITY = 0.5
"""Share of a busy core's dynamic power while it waits for memory: clocks run, few units switch. Assumed."""


@law
def voltage_v(clock_ghz: float, v0: float, v1: float, v2: float) -> float:
    """Return the core voltage at a clock, from a parabola through the part's voltage curve.

    Parameters
    ----------
    clock_ghz : float
        Clock. [GHz]
    v0, v1, v2 : float
        Coefficients. [V, V/GHz, V/GHz^2]

    Returns
    -------
    float
        Voltage. [V]

    Notes
    -----
    V = v0 + v1 f + v2 f^2, fitted to the curve's points by least squares. Status: calibrated.

    Examples
    --------
    >>> voltage_v(2.0, 0.5, 0.1, 0.05)
    0.9
    """
    return v0 + clock_ghz * (v1 + clock_ghz * v2)


@law
def dynamic_power_w(capacitance_nf: float, voltage: float, clock_ghz: float) -> float:
    """Return the power of switching: C V^2 f.

    Parameters
    ----------
    capacitance_nf : float
        Effective switched capacitance times activity, summed over cores. [nF]
    voltage : float
        Core voltage. [V]
    clock_ghz : float
        Clock. [GHz]

    Returns
    -------
    float
        Power. [W]

    Notes
    -----
    Status: reference. nF times GHz is 1/s per V^2, so that no factor is needed.

    References
    ----------
    .. [1] Chandrakasan, Sheng, Brodersen, Low-power CMOS digital design, IEEE JSSC 27(4), 1992, Eq. 1.

    Examples
    --------
    >>> dynamic_power_w(20.0, 1.0, 4.0)
    80.0
    """
    return capacitance_nf * voltage * voltage * clock_ghz


@law
def leakage_power_w(at_reference_w: float, voltage: float, temp_k: float, per_kelvin: float) -> float:
    """Return the static power of powered silicon.

    Parameters
    ----------
    at_reference_w : float
        At 1 V and 60 degC. [W]
    voltage : float
        Core voltage. [V]
    temp_k : float
        Junction temperature. [K]; the exponent is held within +-2.5
    per_kelvin : float
        Relative rise per kelvin. [1/K]

    Returns
    -------
    float
        Power. [W]

    Notes
    -----
    P = P0 V^2 exp(k (T - 333.15 K)): the exponential form common to thermal simulators. Status: illustrative.

    References
    ----------
    .. [1] Liao, He, Lepak, Temperature and supply voltage aware performance and power modeling, IEEE TCAD 24(7), 2005.

    Examples
    --------
    >>> leakage_power_w(10.0, 1.0, 333.15, 0.02)
    10.0
    """
    x = per_kelvin * (temp_k - LEAKAGE_REFERENCE_K)
    x = max(x, -2.5)
    x = min(x, 2.5)
    return at_reference_w * voltage * voltage * exponential(x)


@law
def power_limited_clock_ghz(
    clock_ghz: float, headroom: float, step_s: float, lowest_ghz: float, highest_ghz: float
) -> float:
    """Return the clock that the power controller allows in the next step.

    Parameters
    ----------
    clock_ghz : float
        What it allowed in this step. [GHz]
    headroom : float
        (allowed power - power) / allowed power; negative when over the limit. [1]
    step_s : float
        Control step. [s]
    lowest_ghz, highest_ghz : float
        The range of clocks. [GHz]

    Returns
    -------
    float
        Allowed clock. [GHz]

    Notes
    -----
    An integral controller: df/dt = 30 GHz/s per unit of headroom, at most 30 GHz/s either way. The real one moves in
    bins of 100 MHz about every millisecond; seen at 10 ms the two agree. Status: illustrative.

    Examples
    --------
    >>> power_limited_clock_ghz(3.9, -0.5, 0.01, 1.2, 4.2)
    3.75
    """
    h = min(headroom, 1.0)
    h = max(h, -1.0)
    f = clock_ghz + 30.0 * step_s * h
    f = max(f, lowest_ghz)
    return min(f, highest_ghz)


@law
def trip_cut_ghz(
    cut_ghz: float, temp_k: float, trip_k: float, release_k: float, first_ghz: float, step_s: float
) -> float:
    """Return how much the thermal trip takes off the clock in the next step.

    Parameters
    ----------
    cut_ghz : float
        What it takes off in this step; 0 when it is not active. [GHz]
    temp_k : float
        Junction temperature. [K]
    trip_k, release_k : float
        The trip engages at the first and lets go below the second. [K]
    first_ghz : float
        The cut when it engages. [GHz]
    step_s : float
        Control step. [s]

    Returns
    -------
    float
        Cut. [GHz], >= 0

    Notes
    -----
    While the die stays above the trip after the first cut, the cut deepens by 0.5 GHz/s; between trip and release
    it is held. The first cut and both thresholds are measured for the iMac Pro (3.9 to 3.6 GHz, 94 and 92 degC).
    Status: calibrated.

    Examples
    --------
    >>> trip_cut_ghz(0.0, 367.2, 367.15, 365.15, 0.3, 0.01)
    0.3
    >>> trip_cut_ghz(0.3, 366.0, 367.15, 365.15, 0.3, 0.01)
    0.3
    >>> trip_cut_ghz(0.3, 365.0, 367.15, 365.15, 0.3, 0.01)
    0.0
    """
    hot = choose(cut_ghz > 0.0, cut_ghz + 0.5 * step_s, first_ghz)
    held = choose(temp_k >= trip_k, hot, cut_ghz)
    return choose(temp_k < release_k, 0.0, held)


@law
def usl_speedup(threads: float, contention: float, coherence: float) -> float:
    """Return the speed-up of a number of workers by the universal scalability law.

    Parameters
    ----------
    threads : float
        Workers, >= 1.
    contention : float
        Share of work that waits for others, 0 to 1.
    coherence : float
        Cost of keeping each pair of workers in step, >= 0.

    Returns
    -------
    float
        Throughput over that of one worker.

    Notes
    -----
    X(N) = N / (1 + a (N - 1) + b N (N - 1)); with b = 0 it is Amdahl's law. Status: reference.

    References
    ----------
    .. [1] Gunther, Guerrilla Capacity Planning, Springer, 2007, Eq. 4.31.

    Examples
    --------
    >>> usl_speedup(8, 0.0, 0.0)
    8.0
    >>> round(usl_speedup(8, 0.1, 0.0), 3)
    4.706
    """
    return threads / (1.0 + contention * (threads - 1.0) + coherence * threads * (threads - 1.0))


def turbo_bin_ghz(bins: list[tuple[int, float]], active_cores: float) -> float:
    """Return the turbo bin of a number of active cores.

    Parameters
    ----------
    bins : list of (int, float)
        Core counts, rising, and the clock allowed up to each. [1, GHz]
    active_cores : float
        Busy cores; a fraction counts as a whole core.

    Returns
    -------
    float
        Clock. [GHz]

    Notes
    -----
    As in MSR_TURBO_RATIO_LIMIT and its core counts. Status: reference.

    Examples
    --------
    >>> turbo_bin_ghz([(2, 4.2), (4, 4.1), (8, 3.9)], 3)
    4.1
    """
    for count, clock in bins:
        if active_cores <= count + 1e-9:
            return clock
    return bins[-1][1]


def miss_ratio(cache_mib: float, reference_mib: float) -> float:
    """Return misses relative to those with a reference cache.

    Parameters
    ----------
    cache_mib, reference_mib : float
        Cache that the thread has, and the one that the workload's number was stated for. [MiB]

    Returns
    -------
    float
        Factor on the misses.

    Notes
    -----
    The square-root rule: misses fall with the root of the cache. Status: illustrative.

    References
    ----------
    .. [1] Hartstein et al., Cache miss behavior: is it sqrt(2)?, Computing Frontiers 2006, doi:10.1145/1128022.1128064.

    Examples
    --------
    >>> miss_ratio(8.0, 2.0)
    0.5
    """
    return (reference_mib / cache_mib) ** 0.5
