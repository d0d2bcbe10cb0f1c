"""What links carry: payload of PCIe, USB, DisplayPort, HDMI and Ethernet, and what a cable lets through."""

from __future__ import annotations

from types import MappingProxyType

SIGNALLING_GBPS = MappingProxyType({
    "thunderbolt1": 10.0, "thunderbolt2": 20.0, "thunderbolt3": 40.0, "thunderbolt4": 40.0,
    "usb2": 0.48, "usb3": 5.0, "usb3.1-gen2": 10.0, "sd": 2.5,
})  # fmt: skip
"""Rates by the names that plans use. SD: UHS-II in full duplex mode carries 312 MB/s."""

PCIE_GT_S = MappingProxyType({1: 2.5, 2: 5.0, 3: 8.0, 4: 16.0, 5: 32.0})
PACKET_OVERHEAD_BYTES = 24
"""Framing, sequence number, 64-bit header and CRC of a PCIe packet: 4 + 16 + 4 bytes."""

USB_EFFICIENCY = 0.93
"""What link commands and the pauses between bursts leave of USB 3: drives reach 450 MB/s at 5 Gb/s. Assumed."""

DISPLAY_GBPS = MappingProxyType({
    "hbr": 8.64, "hbr2": 17.28, "hbr3": 25.92, "hdmi1.4": 8.16, "hdmi2.0": 14.4, "hdmi2.1": 42.667,
})  # fmt: skip
"""Payload of an output: four DisplayPort lanes of 2.7, 5.4 and 8.1 Gb/s and HDMI's three channels, both coded 8b/10b;
HDMI 2.1: 48 Gb/s coded 16b/18b."""


def pcie_payload_gbps(generation: int, lanes: int, payload_bytes: int) -> float:
    """Return what a PCIe link carries of data in each direction.

    Parameters
    ----------
    generation : int
        1 to 5.
    lanes : int
        1 to 16.
    payload_bytes : int
        Data of a packet: 128, 256 or 512.

    Returns
    -------
    float
        Payload. [Gb/s]

    Notes
    -----
    lanes * rate * coding * share of the packet; coding is 8b/10b up to generation 2, then 128b/130b. Flow control and
    acknowledgements, a few percent, are not taken off. Status: reference.

    References
    ----------
    PCI-SIG, PCI Express Base Specification 3.0, 2010, sections 2.2 and 4.2 (source ``pcie-3-base``).

    Examples
    --------
    >>> round(pcie_payload_gbps(3, 4, 256), 2)
    28.81
    """
    coding = 0.8 if generation < 3 else 128.0 / 130.0
    return lanes * PCIE_GT_S[generation] * coding * pcie_payload_share(payload_bytes)


def pcie_payload_share(payload_bytes: int) -> float:
    """Return the share of a PCIe packet that is data.

    Examples
    --------
    >>> round(pcie_payload_share(128), 3)
    0.842
    """
    return payload_bytes / (payload_bytes + PACKET_OVERHEAD_BYTES)


def usb_payload_gbps(signalling_gbps: float) -> float:
    """Return what bulk transfers reach on a USB link in each direction.

    Parameters
    ----------
    signalling_gbps : float
        0.48 (USB 2), 5 or 10.

    Returns
    -------
    float
        Payload. [Gb/s]

    Notes
    -----
    USB 2: 13 packets of 512 bytes in each microframe of 125 us. USB 3: coding (8b/10b at 5 Gb/s, 128b/132b above), 1024
    bytes in a packet of 1056, and an efficiency. Status: illustrative for the efficiency, reference for the rest.

    References
    ----------
    USB Implementers Forum, USB 2.0 (2000), table 5-10; USB 3.1 (2013), chapters 6 to 8 (source ``usb-3-1``).

    Examples
    --------
    >>> round(usb_payload_gbps(5.0), 2), round(usb_payload_gbps(10.0), 2), round(usb_payload_gbps(0.48), 3)
    (3.61, 8.74, 0.426)
    """
    if signalling_gbps < 5.0:
        return signalling_gbps / 0.48 * 13 * 512 * 8 * 8000 * 1e-9
    coding = 0.8 if signalling_gbps <= 5.0 else 128.0 / 132.0
    return signalling_gbps * coding * 1024.0 / 1056.0 * USB_EFFICIENCY


def display_stream_gbps(pixel_clock_mhz: float, bits_per_pixel: float) -> float:
    """Return what a display stream takes of a link: every pixel that is counted, blanking included.

    Parameters
    ----------
    pixel_clock_mhz : float
        Of the timing. [MHz]
    bits_per_pixel : float
        24 for 8 bits per colour, 30 for 10; less where the stream is compressed.

    Returns
    -------
    float
        Payload. [Gb/s]

    Notes
    -----
    Status: reference. DisplayPort stuffs its links up to the coded rate; a Thunderbolt tunnel carries the pixels only.

    Examples
    --------
    >>> display_stream_gbps(533.25, 24), round(display_stream_gbps(593.82, 30), 2)
    (12.798, 17.81)
    """
    return pixel_clock_mhz * bits_per_pixel * 1e-3


def thunderbolt_cable_gbps(length_m: float, active: bool, optical: bool) -> float:  # noqa: FBT001 - facts of a cable
    """Return what a Thunderbolt 3 cable carries in each direction.

    Parameters
    ----------
    length_m : float
        [m]
    active, optical : bool
        Amplifiers in the plugs; glass in between.

    Returns
    -------
    float
        40, 20, or 0 where no cable of the kind is so long. [Gb/s]

    Notes
    -----
    Passive copper: 40 Gb/s up to 0.8 m, 20 up to 2 m. Active copper: 40 up to 2 m. Optical: 40 up to 60 m.
    Status: illustrative: the lengths are those that certified cables were sold in.

    References
    ----------
    Intel, Thunderbolt 3 technology brief, 2016 (source ``intel-thunderbolt-3``).

    Examples
    --------
    >>> thunderbolt_cable_gbps(0.5, False, False), thunderbolt_cable_gbps(2.0, False, False)
    (40.0, 20.0)
    """
    if optical:
        return 40.0 if length_m <= 60.0 else 0.0
    if length_m <= 0.8 or (active and length_m <= 2.0):
        return 40.0
    return 20.0 if length_m <= 2.0 else 0.0


def usb_cable_gbps(length_m: float, active: bool) -> float:  # noqa: FBT001 - a fact of a cable
    """Return what a USB cable carries.

    Parameters
    ----------
    length_m : float
        [m]
    active : bool
        A repeater in it.

    Returns
    -------
    float
        10, 5, 0.48, or 0 where a cable is too long. [Gb/s]

    Notes
    -----
    Passive: 10 Gb/s up to 1 m, 5 up to 3 m, USB 2 up to 5 m; a repeater gives 5 Gb/s up to 10 m. Status: illustrative:
    the standard limits loss and not length.

    References
    ----------
    USB Implementers Forum, USB 3.1 Legacy Cable and Connector Specification, 2017 (source ``usb-3-1``).

    Examples
    --------
    >>> usb_cable_gbps(1.0, False), usb_cable_gbps(3.0, False), usb_cable_gbps(20.0, True)
    (10.0, 5.0, 0.0)
    """
    if length_m <= 1.0:
        return 10.0
    if length_m <= 3.0 or (active and length_m <= 10.0):
        return 5.0
    return 0.48 if length_m <= 5.0 else 0.0


def ethernet_payload_gbps(line_gbps: float, frame_bytes: int) -> float:
    """Return what TCP over IPv4 carries on Ethernet in each direction.

    Parameters
    ----------
    line_gbps : float
        What the two sides agreed on. [Gb/s]
    frame_bytes : int
        Payload of a frame: 1500 or 9000.

    Returns
    -------
    float
        Goodput. [Gb/s]

    Notes
    -----
    52 bytes of IP and TCP headers with a time stamp are in a frame, 38 bytes of Ethernet around it. Status: reference.

    References
    ----------
    IEEE 802.3-2018, clause 3; RFC 7323.

    Examples
    --------
    >>> round(ethernet_payload_gbps(10.0, 1500), 3), round(ethernet_payload_gbps(10.0, 9000), 3)
    (9.415, 9.9)
    """
    return line_gbps * (frame_bytes - 52) / (frame_bytes + 38)


def display_cable_gbps(length_m: float, active: bool, optical: bool) -> float:  # noqa: FBT001 - facts of a cable
    """Return what a DisplayPort or HDMI cable carries.

    Parameters
    ----------
    length_m : float
        [m]
    active, optical : bool
        Amplifiers in the plugs; glass in between.

    Returns
    -------
    float
        Payload; infinity: whatever the two ends do; 0 where a cable is too long. [Gb/s]

    Notes
    -----
    Passive: every rate up to 3 m, HBR up to 7.5 m. Active: up to 15 m; optical: up to 100 m. Status: illustrative: the
    standards limit loss and not length.

    Examples
    --------
    >>> display_cable_gbps(2.0, False, False), display_cable_gbps(5.0, False, False)
    (inf, 8.64)
    """
    longest = 100.0 if optical else 15.0 if active else 3.0
    if length_m <= longest:
        return float("inf")
    return DISPLAY_GBPS["hbr"] if length_m <= 7.5 else 0.0
