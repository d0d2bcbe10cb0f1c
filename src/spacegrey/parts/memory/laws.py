"""How memory behaves: bandwidth by channels and by who asks, latency under load, the cost of paging."""

from __future__ import annotations


def peak_bandwidth_gb_s(transfer_mt_s: float, bytes_per_transfer: float, channels: int) -> float:
    """Return the peak bandwidth of a number of channels.

    Parameters
    ----------
    transfer_mt_s : float
        Transfers of one channel. [10^6 1/s]
    bytes_per_transfer : float
        Width of one channel. [B]
    channels : int
        Channels that hold modules.

    Returns
    -------
    float
        Peak bandwidth. [GB/s]

    Examples
    --------
    >>> round(peak_bandwidth_gb_s(2666, 8, 4), 1)
    85.3
    """
    return transfer_mt_s * bytes_per_transfer * channels / 1e3


def reachable_bandwidth_gb_s(
    peak_gb_s: float, efficiency: float, cores: float, bytes_in_flight: float, latency_ns: float
) -> float:
    """Return what a number of cores can move: what they keep in flight, or what the channels carry.

    Parameters
    ----------
    peak_gb_s : float
        Of all channels. [GB/s]
    efficiency : float
        Share of it that streams reach, 0 to 1.
    cores : float
        Cores that ask.
    bytes_in_flight : float
        What one core keeps outstanding. [B]
    latency_ns : float
        Idle latency. [ns]

    Returns
    -------
    float
        Bandwidth. [GB/s]

    Notes
    -----
    Little's law for one core, a ceiling for all, joined smoothly: B = (a^-4 + c^-4)^(-1/4), because queues form
    before the channels are full. Status: calibrated (one thread) and illustrative (the joint).

    References
    ----------
    .. [1] Little, A proof for the queuing formula L = lambda W, Operations Research 9(3), 1961.

    Examples
    --------
    >>> round(reachable_bandwidth_gb_s(85.3, 0.8, 1, 1550, 105.0), 1)
    14.8
    """
    asked = cores * bytes_in_flight / latency_ns
    ceiling = peak_gb_s * efficiency
    return (asked**-4 + ceiling**-4) ** -0.25


def loaded_latency_ns(idle_ns: float, utilisation: float) -> float:
    """Return the latency of a memory system that carries traffic.

    Parameters
    ----------
    idle_ns : float
        Latency without traffic. [ns]
    utilisation : float
        Traffic over what the channels can carry, 0 to 1; held at 0.95.

    Returns
    -------
    float
        Latency. [ns]

    Notes
    -----
    L = L0 (1 + 0.25 u / (1 - u)): the M/D/1 queue's shape with the share of the latency that is spent in the
    queue. Status: illustrative.

    Examples
    --------
    >>> loaded_latency_ns(100.0, 0.5)
    125.0
    """
    u = min(max(utilisation, 0.0), 0.95)
    return idle_ns * (1.0 + 0.25 * u / (1.0 - u))


def paged_gb(footprint_gib: float, capacity_gib: float, touches: float) -> float:
    """Return how much a job moves to and from the drive because its memory does not fit.

    Parameters
    ----------
    footprint_gib : float
        What the job touches. [GiB]
    capacity_gib : float
        What the machine has for it. [GiB]
    touches : float
        How often the job walks over its memory.

    Returns
    -------
    float
        Bytes read, and as many written. [GB]

    Notes
    -----
    A cyclic walk over more than the capacity under least-recently-used replacement misses on everything: the whole
    footprint moves once for each touch, joined linearly over the first 10 % of excess. Status: illustrative.

    Examples
    --------
    >>> paged_gb(16.0, 32.0, 10.0)
    0.0
    """
    excess = footprint_gib / capacity_gib - 1.0
    if excess <= 0.0:
        return 0.0
    return footprint_gib * min(1.0, excess / 0.1) * touches * 2.0**30 / 1e9
