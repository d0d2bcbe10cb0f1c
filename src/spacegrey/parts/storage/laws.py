"""How a drive behaves: sequential rate by capacity, random access by queue depth, slowing when hot."""

from __future__ import annotations

from spacegrey.jit import law


def sequential_rate_gb_s(capacity_tb: float, per_tb_gb_s: float, ceiling_gb_s: float, link_gb_s: float) -> float:
    """Return the sequential rate of a striped flash drive.

    Parameters
    ----------
    capacity_tb : float
        Capacity. [TB]
    per_tb_gb_s : float
        What the flash dies of one TB deliver together. [GB/s]
    ceiling_gb_s, link_gb_s : float
        What the controller and the link carry. [GB/s]

    Returns
    -------
    float
        Rate. [GB/s]

    Notes
    -----
    Dies work in parallel until the controller is full: r = (a^-4 + c^-4)^(-1/4) with a = rate of the dies, c = the
    lower ceiling. Checked on one controller at four capacities. Status: calibrated.

    Examples
    --------
    >>> round(sequential_rate_gb_s(0.128, 5.1, 3.0, 3.4), 2)
    0.65
    """
    flash = capacity_tb * per_tb_gb_s
    ceiling = min(ceiling_gb_s, link_gb_s)
    return (flash**-4 + ceiling**-4) ** -0.25


def random_rate_gb_s(latency_us: float, queue_depth: float, block_kib: float, ceiling_gb_s: float) -> float:
    """Return the rate of random access at a queue depth.

    Parameters
    ----------
    latency_us : float
        Of one access. [us]
    queue_depth : float
        Accesses outstanding, >= 1.
    block_kib : float
        Size of one access. [KiB]
    ceiling_gb_s : float
        Sequential rate. [GB/s]

    Returns
    -------
    float
        Rate. [GB/s]

    Notes
    -----
    Little's law under the sequential ceiling. Status: illustrative.

    Examples
    --------
    >>> round(random_rate_gb_s(90.0, 1, 4, 2.5), 4)
    0.0455
    """
    asked = queue_depth * block_kib * 1024.0 / latency_us / 1e3
    return (asked**-4 + ceiling_gb_s**-4) ** -0.25


@law
def hot_slowdown(temp_k: float, limit_k: float) -> float:
    """Return by how much a hot drive stretches its work.

    Parameters
    ----------
    temp_k : float
        Drive temperature. [K]
    limit_k : float
        Where it starts to slow down. [K]

    Returns
    -------
    float
        1 when cool, up to 4 when 10 K over the limit.

    Notes
    -----
    Linear ramp. Status: illustrative.

    Examples
    --------
    >>> hot_slowdown(300.0, 358.15)
    1.0
    """
    x = 1.0 + 0.3 * (temp_k - limit_k)
    x = max(x, 1.0)
    return min(x, 4.0)
