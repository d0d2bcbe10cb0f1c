"""Wi-Fi 802.11ac and 802.11n: which modulation a distance allows, and what TCP carries with it."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spacegrey.errors import InputError, Refusal, unknown
from spacegrey.parts.network.laws import aggregate_air_us, indoor_path_loss_db, ofdm_rate_mbit_s, wifi_goodput_mbit_s
from spacegrey.parts.network.spec import Modulation, Radio, sheets

if TYPE_CHECKING:
    from collections.abc import Mapping

# Width of a channel -> subcarriers that carry data (IEEE 802.11-2020, table 21-5).
SUBCARRIERS = {20: 52, 40: 108, 80: 234}
GUARDS_US = (0.8, 0.4)
SYMBOL_US = 3.2
ENCODER_MBIT_S = 600.0
"""One convolutional encoder codes up to here; more are put side by side."""

MOST_UNITS = 64
"""Frames that one block acknowledgement answers."""

LONGEST_US = 5484.0
"""A transmission is not longer."""

_DATA_BYTES, _SEGMENT_BYTES, _ACKNOWLEDGEMENT_BYTES = 1448, 1500, 52
_FRAME_BYTES = 8 + 26 + 16 + 4 + 4
"""Around a packet: LLC, header, encryption, checksum, and the delimiter in an aggregate."""

_SLOT_US, _MEAN_BACKOFF_SLOTS, _WAIT_SLOTS = 9.0, 7.5, 3
_LEGACY_PREAMBLE_US = 20.0
_BLOCK_ANSWER_US = 32.0
"""32 bytes at 24 Mbit/s."""


@dataclass(frozen=True)
class Band:
    """A frequency band: its carrier, its widest channel, its gap between frames, and its best modulation."""

    name: str
    ghz: float
    widest_mhz: int
    gap_us: float
    schemes: int


@dataclass(frozen=True)
class Room:
    """How a signal fades: where free space ends, and what a wall takes (TGax scenarios 1 and 2)."""

    breakpoint_m: float
    wall_db: float


BANDS = {
    "5": Band("5 GHz, 802.11ac", 5.25, 80, 16.0, 10),
    "2.4": Band("2.4 GHz, 802.11n", 2.437, 20, 10.0, 8),
}
ROOMS = {"office": Room(10.0, 7.0), "home": Room(5.0, 5.0)}


@dataclass(frozen=True)
class Rate:
    """One combination of modulation, streams, channel and guard interval.

    Attributes
    ----------
    scheme : str
        ``mcs0`` to ``mcs9``.
    streams, width_mhz, guard_us : int, int, float
        Spatial streams, channel, pause between symbols.
    mbit_s : float
        The rate on the air.
    needed_dbm : float
        Weakest signal by the standard.
    """

    scheme: str
    streams: int
    width_mhz: int
    guard_us: float
    mbit_s: float
    needed_dbm: float


@dataclass(frozen=True)
class WifiLink:
    """What a distance allows.

    Attributes
    ----------
    received_dbm : float
        Signal at the receiver.
    rate : Rate
        The best that it can read.
    goodput_mbit_s : float
        Of TCP, over a channel without neighbours.
    """

    received_dbm: float
    rate: Rate
    goodput_mbit_s: float


@functools.cache
def rates(streams: int, widest_mhz: int, schemes: int = 10) -> tuple[Rate, ...]:
    """Return every rate of the standard up to a number of streams and a width, computed from its modulations.

    Parameters
    ----------
    streams : int
        1 to 4.
    widest_mhz : int
        20, 40 or 80. [MHz]
    schemes : int
        How many of `mcs0` to `mcs9` there are: 8 in 802.11n.

    Returns
    -------
    tuple of Rate
        The slowest first.

    Notes
    -----
    Left out are those that the standard leaves out, by its own rule: the coded bits of a symbol must divide among
    encoders and code words. Status: reference.

    References
    ----------
    IEEE 802.11-2020, sections 21.3.10.5 and 21.5 (source ``ieee-802-11``).

    Examples
    --------
    >>> max(one.mbit_s for one in rates(3, 80))
    1300.0
    """
    found: list[Rate] = []
    steps: Mapping[str, Modulation] = sheets(Modulation)
    for width in (width for width in SUBCARRIERS if width <= widest_mhz):
        for number in range(1, streams + 1):
            for name, step in list(steps.items())[:schemes]:
                if not _divides(SUBCARRIERS[width], number, step):
                    continue
                # each doubling of the channel doubles the noise; each further stream shares the power that is sent
                needed = step.sensitivity_dbm + 3.0 * math.log2(width / 20) + 10.0 * math.log10(number)
                coding = step.coded[0] / step.coded[1]
                for guard in GUARDS_US:
                    rate = ofdm_rate_mbit_s(SUBCARRIERS[width], step.bits, coding, number, SYMBOL_US, guard)
                    found.append(Rate(name, number, width, guard, rate, needed))
    return tuple(sorted(found, key=lambda one: (one.mbit_s, -one.needed_dbm)))


def _divides(subcarriers: int, streams: int, step: Modulation) -> bool:
    bits = subcarriers * step.bits * streams
    above, below = step.coded
    encoders = math.ceil(bits * above / below / (SYMBOL_US + min(GUARDS_US)) / ENCODER_MBIT_S - 1e-9)
    return bits % encoders == 0 and bits // encoders % below == 0


def wifi_link(
    radio: Radio, distance_m: float, walls: int = 0, *, room: str = "office", band: str = "5", bluetooth: float = 0.0
) -> WifiLink:
    """Return what a machine's Wi-Fi carries to an access point with as many antennas.

    Parameters
    ----------
    radio : Radio
        The machine's.
    distance_m : float
        To the access point, 0 to 1000. [m]
    walls : int
        In between, 0 to 50.
    room : str
        ``office`` or ``home``.
    band : str
        ``5`` or ``2.4``. [GHz]
    bluetooth : float
        Share of the time that Bluetooth at 2.4 GHz sends, 0 to 1; it costs only there.

    Returns
    -------
    WifiLink
        Signal, modulation and goodput.

    Raises
    ------
    InputError
        A room or band that there is not, or a number out of its range.
    Refusal
        Too weak for the slowest modulation.

    Notes
    -----
    Of the rates whose weakest signal, less what the radio is better, is reached, the one that carries most is taken.
    Status: illustrative: without fading, neighbours and repetitions; a real room is 5 dB to either side.

    Examples
    --------
    >>> from spacegrey.parts.network.spec import Radio, sheet
    >>> near, far = (wifi_link(sheet(Radio, "bcm4364", "radio"), metres) for metres in (3.0, 40.0))
    >>> near.rate.mbit_s, near.goodput_mbit_s > far.goodput_mbit_s
    (1300.0, True)
    """
    if band not in BANDS:
        raise unknown("band", band, BANDS)
    if not 0.0 <= bluetooth <= 1.0:
        raise InputError(f"Bluetooth's share of the time: {bluetooth:g} is not within 0 to 1")
    there = BANDS[band]
    signal = received_dbm(radio.sent_dbm, radio.antennas_db, distance_m, walls, room, there.ghz)
    allowed = [
        one
        for one in rates(radio.streams, min(radio.widest_mhz, there.widest_mhz), there.schemes)
        if one.needed_dbm - radio.better_db <= signal
    ]
    if not allowed:
        raise Refusal(f"no link: {signal:.0f} dBm is too weak for Wi-Fi at {there.name}: move closer")
    rate = max(allowed, key=lambda one: goodput_mbit_s(one, there))
    free = 1.0 - bluetooth if band == "2.4" and radio.shares_antennas else 1.0
    return WifiLink(signal, rate, goodput_mbit_s(rate, there) * free)


def received_dbm(
    sent_dbm: float, antennas_db: float, distance_m: float, walls: int, room: str, frequency_ghz: float
) -> float:
    """Return the signal at the other end. [dBm]

    Raises
    ------
    InputError
        A room that there is not, or a number out of its range.

    Examples
    --------
    >>> round(received_dbm(18.0, 4.0, 10.0, 0, "office", 2.4), 2)
    -38.05
    """
    if room not in ROOMS:
        raise unknown("room", room, ROOMS)
    if not (math.isfinite(distance_m) and 0.0 <= distance_m <= 1000.0):  # noqa: PLR2004 - beyond any radio here
        raise InputError(f"distance: {distance_m:g} m is not within 0 to 1000 m")
    if not 0 <= walls <= 50:  # noqa: PLR2004
        raise InputError(f"walls: {walls} is not within 0 to 50")
    place = ROOMS[room]
    return (
        sent_dbm
        + antennas_db
        - indoor_path_loss_db(distance_m, frequency_ghz, place.breakpoint_m, walls, place.wall_db)
    )


def goodput_mbit_s(rate: Rate, band: Band) -> float:
    """Return what TCP carries at a rate: the longest aggregates, each answered by one of acknowledgements.

    Examples
    --------
    >>> round(goodput_mbit_s(rates(3, 80)[-1], BANDS["5"]))
    698
    """
    trainings = (1, 2, 4, 4)[rate.streams - 1]
    preamble = _LEGACY_PREAMBLE_US + 8.0 + 4.0 + 4.0 * trainings + (4.0 if band.schemes > 8 else 0.0)  # noqa: PLR2004
    symbol = SYMBOL_US + rate.guard_us
    data, answer = _padded(_SEGMENT_BYTES), _padded(_ACKNOWLEDGEMENT_BYTES)
    most = int((LONGEST_US - preamble) * rate.mbit_s / 8.0 / data)
    units = max(min(MOST_UNITS, most), 1)
    return wifi_goodput_mbit_s(
        units,
        _DATA_BYTES,
        aggregate_air_us(units, data, rate.mbit_s, preamble, symbol),
        aggregate_air_us(math.ceil(units / 2), answer, rate.mbit_s, preamble, symbol),
        band.gap_us + (_WAIT_SLOTS + _MEAN_BACKOFF_SLOTS) * _SLOT_US,
        band.gap_us + _BLOCK_ANSWER_US,
    )


def _padded(packet_bytes: int) -> int:
    return (packet_bytes + _FRAME_BYTES + 3) // 4 * 4


def radio_of(machine: str) -> Radio:
    """Return the radio of a machine of the catalog.

    Raises
    ------
    Refusal
        Its radio is not in the catalog.

    Examples
    --------
    >>> radio_of("imac-pro").streams
    3
    """
    for radio in sheets(Radio).values():
        if machine in radio.machines:
            return radio
    known = ", ".join(sorted(name for radio in sheets(Radio).values() for name in radio.machines))
    raise Refusal(f"the radio of {machine} is not in the catalog; choose from: {known}")
