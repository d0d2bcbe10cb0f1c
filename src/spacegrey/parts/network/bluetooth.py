"""Bluetooth 4.2, classic and low energy: rate by distance, and what it and Wi-Fi at 2.4 GHz take from each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spacegrey.errors import InputError, Refusal
from spacegrey.parts.network.laws import bluetooth_rate_mbit_s, hop_collision_share
from spacegrey.parts.network.wifi import received_dbm

if TYPE_CHECKING:
    from spacegrey.parts.network.spec import Radio

CENTRE_GHZ = 2.441
SLOT_US = 625.0

# Name of the packet -> data bytes in five slots: 1, 2 and 3 Mbit/s on the air (Core 4.2, volume 2 part B, 6.5.4).
PACKETS = {"DH5": 339, "2-DH5": 679, "3-DH5": 1021}

LE_LONG_BYTES, LE_SHORT_BYTES = 251, 27
_LE_HEADERS, _LE_AROUND, _LE_GAP_US = 7, 10, 150.0
"""Of L2CAP and the attribute protocol; preamble, address, header and checksum; between packets."""


@dataclass(frozen=True)
class BluetoothLink:
    """What a distance allows.

    Attributes
    ----------
    received_dbm : float
        Signal at the receiver.
    packet : str
        The best classic packet that it can read: ``DH5``, ``2-DH5`` or ``3-DH5``.
    classic_mbit_s, le_mbit_s : float
        Data with classic packets, and with low energy.
    collisions : float
        Share of the hops that Wi-Fi spoils.
    """

    received_dbm: float
    packet: str
    classic_mbit_s: float
    le_mbit_s: float
    collisions: float

    def air_share(self, used_mbit_s: float) -> float:
        """Return the share of the time that classic traffic takes, 1 where it is more than the link carries.

        Raises
        ------
        InputError
            A negative rate.

        Examples
        --------
        >>> round(BluetoothLink(-50.0, "3-DH5", 2.178, 0.79, 0.0).air_share(0.328), 3)
        0.151
        """
        if not used_mbit_s >= 0.0:
            raise InputError(f"Bluetooth traffic: {used_mbit_s:g} Mbit/s is below 0")
        return min(used_mbit_s / self.classic_mbit_s, 1.0)


def bluetooth_link(
    radio: Radio,
    distance_m: float,
    walls: int = 0,
    *,
    room: str = "office",
    wifi_mhz: float = 0.0,
    adaptive: bool = True,
) -> BluetoothLink:
    """Return what Bluetooth carries to a device like itself.

    Parameters
    ----------
    radio : Radio
        The machine's.
    distance_m : float
        0 to 1000. [m]
    walls : int
        In between.
    room : str
        ``office`` or ``home``.
    wifi_mhz : float
        Width of the busy Wi-Fi channels at 2.4 GHz nearby, 0 to 79. [MHz]
    adaptive : bool
        It hops around them.

    Returns
    -------
    BluetoothLink
        Signal, packet and rates.

    Raises
    ------
    InputError
        A number out of its range.
    Refusal
        Too weak.

    Notes
    -----
    A hop into a busy channel counts as lost. Status: illustrative for the range, reference for the rates.

    Examples
    --------
    >>> from spacegrey.parts.network.spec import Radio, sheet
    >>> near = bluetooth_link(sheet(Radio, "bcm4364", "radio"), 2.0)
    >>> near.packet, round(near.classic_mbit_s, 3), round(near.le_mbit_s, 3)
    ('3-DH5', 2.178, 0.791)
    """
    if not 0.0 <= wifi_mhz <= 79.0:  # noqa: PLR2004 - the band's channels
        raise InputError(f"Wi-Fi nearby: {wifi_mhz:g} MHz is not within 0 to 79")
    signal = received_dbm(radio.bluetooth_sent_dbm, radio.antennas_db, distance_m, walls, room, CENTRE_GHZ)
    needed = [radio.bluetooth_basic_dbm + more for more in (0.0, *radio.bluetooth_enhanced_db)]
    readable = [name for name, dbm in zip(PACKETS, needed, strict=True) if dbm <= signal]
    if not readable:
        raise Refusal(f"no link: {signal:.0f} dBm is too weak for Bluetooth: move closer")
    spoilt = hop_collision_share(wifi_mhz, adaptive)
    classic = bluetooth_rate_mbit_s(PACKETS[readable[-1]], 5.0 * SLOT_US, SLOT_US)
    packet = LE_LONG_BYTES if radio.le_long_packets else LE_SHORT_BYTES
    forth, back = (8.0 * (size + _LE_AROUND) + _LE_GAP_US for size in (packet, 0))
    low = bluetooth_rate_mbit_s(packet - _LE_HEADERS, forth, back)
    return BluetoothLink(signal, readable[-1], classic * (1.0 - spoilt), low * (1.0 - spoilt), spoilt)
