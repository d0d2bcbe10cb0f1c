"""How radios and network cards behave: path loss, noise, rates of modulations, what a medium's rules leave for data."""

from __future__ import annotations

import math


def indoor_path_loss_db(
    distance_m: float, frequency_ghz: float, breakpoint_m: float, walls: float, wall_db: float
) -> float:
    """Return how much weaker a signal is at the other end.

    Parameters
    ----------
    distance_m : float
        Between the antennas; below 1 m counts as 1 m. [m]
    frequency_ghz : float
        Of the carrier, 2.4 to 6. [GHz]
    breakpoint_m : float
        Up to here as in free space, beyond with the power 3.5: 10 in an office, 5 in a home. [m]
    walls : float
        Walls in between.
    wall_db : float
        What one of them takes. [dB]

    Returns
    -------
    float
        Loss. [dB]

    Notes
    -----
    L = 40.05 + 20 log10(f / 2.4) + 20 log10(min(d, b)) + 35 log10(d / b) beyond b + walls. Without shadow fading, whose
    standard deviation is 3 to 5 dB. Status: illustrative for a given room, reference for the formula.

    References
    ----------
    IEEE 802.11-14/0980r16, TGax Simulation Scenarios, 2015, scenarios 1 and 2 (source ``tgax-scenarios``); the slopes
    are those of the TGn channel models B and D, IEEE 802.11-03/940r4.

    Examples
    --------
    >>> indoor_path_loss_db(10.0, 2.4, 10.0, 0, 7.0)
    60.05
    >>> round(indoor_path_loss_db(20.0, 5.2, 10.0, 1, 7.0), 2)
    84.3
    """
    distance = max(distance_m, 1.0)
    loss = 40.05 + 20.0 * math.log10(frequency_ghz / 2.4) + 20.0 * math.log10(min(distance, breakpoint_m))
    return loss + 35.0 * max(math.log10(distance / breakpoint_m), 0.0) + walls * wall_db


def ofdm_rate_mbit_s(
    subcarriers: float, bits: float, coding: float, streams: float, symbol_us: float, guard_us: float
) -> float:
    """Return the rate of an OFDM modulation.

    Parameters
    ----------
    subcarriers : float
        That carry data: 52, 108 or 234 in 20, 40 or 80 MHz of 802.11ac.
    bits : float
        Of one subcarrier: 1 (BPSK) to 8 (256-QAM).
    coding : float
        Share of the bits that is data, 1/2 to 5/6.
    streams : float
        Spatial ones.
    symbol_us, guard_us : float
        3.2 and 0.4 or 0.8. [us]

    Returns
    -------
    float
        Rate. [Mbit/s]

    Notes
    -----
    Status: reference.

    References
    ----------
    IEEE 802.11-2020, section 21.5 (source ``ieee-802-11``).

    Examples
    --------
    >>> ofdm_rate_mbit_s(234, 8, 5 / 6, 3, 3.2, 0.4)
    1300.0
    """
    return subcarriers * bits * coding * streams / (symbol_us + guard_us)


def aggregate_air_us(
    units: float, unit_bytes: float, rate_mbit_s: float, preamble_us: float, symbol_us: float
) -> float:
    """Return how long a frame of frames is on the air.

    Parameters
    ----------
    units : float
        Frames in it.
    unit_bytes : float
        Of one, with its own headers. [B]
    rate_mbit_s : float
        Of the modulation. [Mbit/s]
    preamble_us, symbol_us : float
        Before the data, and the steps in which data are sent. [us]

    Returns
    -------
    float
        Time. [us]

    Notes
    -----
    16 service and 6 tail bits, then whole symbols. Status: reference.

    Examples
    --------
    >>> aggregate_air_us(1, 1500, 54.0, 20.0, 4.0)
    244.0
    """
    symbols = math.ceil((22.0 + 8.0 * units * unit_bytes) / (rate_mbit_s * symbol_us) - 1e-9)
    return preamble_us + symbols * symbol_us


def wifi_goodput_mbit_s(
    units: float, payload_bytes: float, data_us: float, reply_us: float, wait_us: float, answer_us: float
) -> float:
    """Return what TCP carries over a channel that one sender has for itself.

    Parameters
    ----------
    units : float
        Segments in an aggregate.
    payload_bytes : float
        Data of a segment. [B]
    data_us, reply_us : float
        Air time of the aggregate, and of the one that brings back TCP's acknowledgements. [us]
    wait_us : float
        Before each of them: a gap and the mean random wait. [us]
    answer_us : float
        After each of them: a gap and the block acknowledgement. [us]

    Returns
    -------
    float
        Goodput. [Mbit/s]

    Notes
    -----
    One aggregate of acknowledgements answers one of data. Status: illustrative: no losses, no neighbours.

    Examples
    --------
    >>> wifi_goodput_mbit_s(10, 1448, 800.0, 100.0, 100.0, 50.0)
    96.5333
    """
    return 8.0 * units * payload_bytes / (data_us + reply_us + 2.0 * (wait_us + answer_us))


def bluetooth_rate_mbit_s(payload_bytes: float, forth_us: float, back_us: float) -> float:
    """Return what a master sends where packets of data and short answers take turns.

    Parameters
    ----------
    payload_bytes : float
        Of a packet. [B]
    forth_us, back_us : float
        Its time, and that of the answer, gaps included. [us]

    Returns
    -------
    float
        Rate. [Mbit/s]

    Notes
    -----
    Status: reference: the specification's own table comes out.

    References
    ----------
    Bluetooth SIG, Core Specification 4.2, 2014, volume 2 part B, table 6.10 (source ``bluetooth-4-2``).

    Examples
    --------
    >>> round(bluetooth_rate_mbit_s(1021, 5 * 625.0, 625.0), 4)
    2.1781
    """
    return 8.0 * payload_bytes / (forth_us + back_us)


def hop_collision_share(wifi_mhz: float, adaptive: bool) -> float:  # noqa: FBT001 - a fact of a radio
    """Return the share of Bluetooth's hops that fall into a Wi-Fi channel at 2.4 GHz.

    Parameters
    ----------
    wifi_mhz : float
        Width of the channels in use there, all together. [MHz]
    adaptive : bool
        The radio leaves out the channels that it finds in use, as every Bluetooth since 1.2 may.

    Returns
    -------
    float
        0 to 1.

    Notes
    -----
    79 channels of 1 MHz, of which at least 20 stay in use. Status: reference for the counting; that every hop into a
    busy channel is lost is the worst case.

    References
    ----------
    Bluetooth SIG, Core Specification 4.2, 2014, volume 2 part B, section 2.6 (source ``bluetooth-4-2``).

    Examples
    --------
    >>> round(hop_collision_share(20, False), 3), hop_collision_share(20, True), round(hop_collision_share(66, True), 2)
    (0.253, 0.0, 0.35)
    """
    busy = min(max(wifi_mhz, 0.0), 79.0)
    if not adaptive:
        return busy / 79.0
    return max(20.0 - (79.0 - busy), 0.0) / 20.0


def tcp_processor_share(goodput_gbit_s: float, cycles_per_byte: float, clock_ghz: float) -> float:
    """Return how much of one core the network stack takes.

    Parameters
    ----------
    goodput_gbit_s : float
        Received. [Gbit/s]
    cycles_per_byte : float
        About 0.65 with all offloads and frames of 9000 bytes.
    clock_ghz : float
        Of the core. [GHz]

    Returns
    -------
    float
        Cores; above 1 one core is not enough for one connection.

    Notes
    -----
    Status: illustrative.

    References
    ----------
    Cai, Chaudhary, Vuppalapati, Hwang, Agarwal: Understanding Host Network Stack Overheads, SIGCOMM 2021,
    doi:10.1145/3452296.3472888, section 3.1 (source ``cai-2021``): 42 Gbit/s on one core of 3.4 GHz.

    Examples
    --------
    >>> round(tcp_processor_share(9.9, 0.65, 3.9), 3)
    0.206
    """
    return goodput_gbit_s / 8.0 * cycles_per_byte / clock_ghz


def codec_rate_mbit_s(
    reference_mbit_s: float, pixels: float, frames_hz: float, reference_pixels: float, reference_hz: float
) -> float:
    """Return a codec's target rate: as many bits for each pixel of each picture as at the size and rate that are known.

    Parameters
    ----------
    reference_mbit_s, reference_pixels, reference_hz : float
        The known rate, and the size and pictures a second that it is of.
    pixels : float
        Of a picture.
    frames_hz : float
        Pictures a second.

    Returns
    -------
    float
        Rate. [Mbit/s]

    Notes
    -----
    Status: reference. The maker's rows of 3840 x 2160 and 4096 x 2160 come out within their rounding, those of
    1920 x 1080 are half a percent lower.

    References
    ----------
    Apple, Apple ProRes White Paper, 2020, pages 23 to 25 (source ``apple-prores-white-paper``).

    Examples
    --------
    >>> round(codec_rate_mbit_s(884, 3840 * 2160, 25, 3840 * 2160, 30 / 1.001))
    737
    """
    return reference_mbit_s * pixels / reference_pixels * frames_hz / reference_hz
