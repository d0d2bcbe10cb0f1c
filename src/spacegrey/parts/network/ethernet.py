"""Ethernet on twisted pair: which rate two ends and a cable agree on, and what TCP carries over it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spacegrey.errors import InputError, Refusal
from spacegrey.parts.network.laws import tcp_processor_share
from spacegrey.parts.network.spec import Category, Stack, sheet
from spacegrey.parts.ports.laws import ethernet_payload_gbps

if TYPE_CHECKING:
    from collections.abc import Sequence

COPPER_GBIT_S = (0.1, 1.0, 2.5, 5.0, 10.0)
"""Rates of the twisted pair standards."""

FRAMES_BYTES = (576, 9216)
"""Between which a frame's payload may be."""


@dataclass(frozen=True)
class Negotiated:
    """What two ends agreed on.

    Attributes
    ----------
    gbit_s : float
        The rate.
    limited_by : str
        ``port`` (this end's best), ``partner`` or ``cable``.
    reason : str
        The same in words.
    """

    gbit_s: float
    limited_by: str
    reason: str


@dataclass(frozen=True)
class Carried:
    """What TCP carries over a link, and what receiving it costs.

    Attributes
    ----------
    goodput_gbit_s : float
        Data in each direction.
    header_share : float
        Share of the line that headers, gaps and checksums take.
    cores : float
        Of the receiving processor.
    """

    goodput_gbit_s: float
    header_share: float
    cores: float


def negotiate(mine: Sequence[float], partner: Sequence[float], category: str, length_m: float) -> Negotiated:
    """Return the rate that two ends agree on over a cable.

    Parameters
    ----------
    mine, partner : sequence of float
        Rates that each end offers, of `COPPER_GBIT_S`. [Gbit/s]
    category : str
        Of the cable: cat5e, cat6, cat6a, cat7.
    length_m : float
        Up to 1000. [m]

    Returns
    -------
    Negotiated
        The rate and what set it.

    Raises
    ------
    InputError
        No such category, a rate that copper does not have, or a length that cannot be.
    Refusal
        No link: no rate in common, or none that the cable carries so far.

    Notes
    -----
    The highest rate of both ends, or the next lower one that the cable carries: ends that fail to train at a rate fall
    back to the next. Status: reference for the standards' reaches; a given cable may do better or worse.

    References
    ----------
    IEEE 802.3-2018, clause 28 (source ``ieee-802-3``); 802.3an-2006; 802.3bz-2016.

    Examples
    --------
    >>> negotiate([1, 2.5, 5, 10], [1, 10], "cat6", 40).gbit_s
    10.0
    >>> negotiate([1, 2.5, 5, 10], [1, 2.5, 5, 10], "cat6", 80).reason
    'Category 6 carries 10 Gbit/s up to 55 m'
    """
    cable = sheet(Category, category, "cable category")
    if not (math.isfinite(length_m) and 0.0 < length_m <= 1000.0):  # noqa: PLR2004 - of any cable
        raise InputError(f"cable length: {length_m:g} m is not within 0 to 1000 m")
    for rate in (*mine, *partner):
        if rate not in COPPER_GBIT_S:
            choices = ", ".join(f"{one:g}" for one in COPPER_GBIT_S)
            raise InputError(f"Ethernet rate {rate:g} Gbit/s is not one of: {choices}")
    both = sorted(set(map(float, mine)) & set(map(float, partner)), reverse=True)
    if not both:
        raise Refusal(f"no link: no rate in common: this end has {_list(mine)}, the partner {_list(partner)} Gbit/s")
    carried = [rate for rate in both if length_m <= cable.reach_m(rate)]
    if not carried:
        longest = max(cable.reach_m(rate) for rate in both)
        raise Refusal(f"no link: {cable.name} carries {_list(both)} Gbit/s up to {longest:g} m, not {length_m:g} m")
    best = carried[0]
    if best < both[0]:
        reach = cable.reach_m(both[0])
        far = f"up to {reach:g} m" if reach else "not at all"
        return Negotiated(best, "cable", f"{cable.name} carries {both[0]:g} Gbit/s {far}")
    if best < max(mine):
        return Negotiated(best, "partner", f"the partner offers {_list(partner)} Gbit/s")
    return Negotiated(best, "port", f"the port's best is {best:g} Gbit/s")


def carried(line_gbit_s: float, frame_bytes: int, clock_ghz: float) -> Carried:
    """Return what TCP over IPv4 carries, and what it costs the receiver.

    Parameters
    ----------
    line_gbit_s : float
        What was agreed on. [Gbit/s]
    frame_bytes : int
        Payload of a frame, 576 to 9216; 1500 is usual, 9000 is a jumbo frame. [B]
    clock_ghz : float
        Of the receiving core. [GHz]

    Returns
    -------
    Carried
        Goodput, overhead and cores.

    Raises
    ------
    InputError
        A frame of no size that Ethernet has.

    Examples
    --------
    >>> [round(carried(10.0, size, 3.9).goodput_gbit_s, 3) for size in (1500, 9000)]
    [9.415, 9.9]
    """
    least, most = FRAMES_BYTES
    if not least <= frame_bytes <= most:
        raise InputError(f"frame size: {frame_bytes} bytes is not within {least} to {most}")
    goodput = ethernet_payload_gbps(line_gbit_s, frame_bytes)
    cost = sheet(Stack, "tcp", "network stack").cycles_per_byte(frame_bytes)
    return Carried(goodput, 1.0 - goodput / line_gbit_s, tcp_processor_share(goodput, cost, clock_ghz))


def _list(rates: Sequence[float]) -> str:
    return ", ".join(f"{rate:g}" for rate in sorted(rates))
