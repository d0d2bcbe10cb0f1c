"""`spacegrey network`: which rate a machine's network gets, what it carries, and how many streams play over it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from spacegrey.machine.assembly import Machine

EXAMPLES = """
spacegrey network --cable cat6 --length 80
spacegrey network --partner 2.5 --play prores-422-hq --streams 3
spacegrey network --wifi 12 --walls 1 --play prores-422
spacegrey network --band 2.4 --wifi 5 --bluetooth 2 --traffic 0.33
"""

_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})@(\d{1,3}(?:\.\d{1,3})?)")


def network(
    on: Annotated[str, typer.Option("--on", metavar="SELECTOR", help="Machine.")] = "imac-pro",
    cable: Annotated[str, typer.Option(help="Category: cat5e, cat6, cat6a, cat7.")] = "cat6a",
    length: Annotated[float, typer.Option(metavar="METRES", help="Of the cable.")] = 10.0,
    partner: Annotated[str, typer.Option(metavar="GBIT", help="Rates of the other end: 1,10.")] = "1,2.5,5,10",
    frame: Annotated[int, typer.Option(metavar="BYTES", help="Payload of a frame.")] = 1500,
    wifi: Annotated[
        float | None,
        typer.Option(metavar="METRES", help="To the access point, instead of a cable.", show_default=False),
    ] = None,
    band: Annotated[str, typer.Option(help="Of Wi-Fi: 5 or 2.4 GHz.")] = "5",
    walls: Annotated[int, typer.Option(help="In between.")] = 0,
    room: Annotated[str, typer.Option(help="office or home.")] = "office",
    bluetooth: Annotated[
        float | None, typer.Option(metavar="METRES", help="To a Bluetooth device.", show_default=False)
    ] = None,
    traffic: Annotated[float, typer.Option(metavar="MBIT", help="That Bluetooth carries.")] = 0.0,
    play: Annotated[str | None, typer.Option(metavar="CODEC", help="Count streams.", show_default=False)] = None,
    size: Annotated[str, typer.Option(metavar="WxH@HZ", help="Of a stream.")] = "3840x2160@25",
    server: Annotated[
        float | None, typer.Option(metavar="GBIT", help="What the server's drives read.", show_default=False)
    ] = None,
    streams: Annotated[int, typer.Option(help="Status 1 if fewer play.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Say what Ethernet, Wi-Fi and Bluetooth carry.

    Ethernet goes by cable, length and partner, the radios go by distance and walls. With --play it counts streams of
    video.

    Ends with status 1 where there is no link, or where fewer streams play than asked for.
    """
    from spacegrey.errors import InputError
    from spacegrey.interfaces.cli.output import write_json
    from spacegrey.machine.assembly import machine

    if streams < 0 or (streams and play is None):
        raise InputError("--streams is a count of what --play names")
    built = machine(on)
    blue = _bluetooth(built, bluetooth, walls, room, wifi, band, traffic)
    if wifi is None:
        link = _ethernet(built, partner, cable, length, frame)
    else:
        link = _wifi(built, wifi, walls, room, band, blue)
    played = _played(play, size, float(link["goodput_gbit_s"]), server)
    if as_json:
        write_json({"machine": on, "link": link, "bluetooth": blue, "streams": played})
    else:
        _print(built.spec.name, link, blue, played)
    if played is not None and played["streams"] < streams:
        raise typer.Exit(1)


def _ethernet(built: Machine, partner: str, cable: str, length: float, frame: int) -> dict[str, Any]:
    from spacegrey.errors import InputError, Refusal
    from spacegrey.parts.network.ethernet import carried, negotiate

    rates = built.spec.ports.ethernet_gbit_s
    if not rates:
        raise Refusal(f"{built.spec.name} has no Ethernet port")
    try:
        other = [float(part) for part in partner.split(",")]
    except ValueError:
        raise InputError(f"--partner: {partner!r} is not a list of rates such as 1,10") from None
    agreed = negotiate(rates, other, cable, length)
    clock = built.processor.turbo_bins[0][1]
    found = carried(agreed.gbit_s, frame, clock)
    return {
        "kind": "ethernet",
        "cable": cable,
        "length_m": length,
        "line_gbit_s": agreed.gbit_s,
        "limited_by": agreed.limited_by,
        "reason": agreed.reason,
        "goodput_gbit_s": found.goodput_gbit_s,
        "header_share": found.header_share,
        "cores": found.cores,
        "frame_bytes": frame,
    }


def _wifi(
    built: Machine, metres: float, walls: int, room: str, band: str, blue: dict[str, Any] | None
) -> dict[str, Any]:
    from spacegrey.parts.network.wifi import radio_of, wifi_link

    busy = float(blue["air_share"]) if blue else 0.0
    found = wifi_link(radio_of(built.id), metres, walls, room=room, band=band, bluetooth=busy)
    rate = found.rate
    return {
        "kind": "wifi",
        "line_gbit_s": rate.mbit_s / 1e3,
        "received_dbm": found.received_dbm,
        "scheme": rate.scheme,
        "spatial_streams": rate.streams,
        "width_mhz": rate.width_mhz,
        "guard_us": rate.guard_us,
        "goodput_gbit_s": found.goodput_mbit_s / 1e3,
    }


def _bluetooth(
    built: Machine, metres: float | None, walls: int, room: str, wifi: float | None, band: str, traffic: float
) -> dict[str, Any] | None:
    from spacegrey.errors import InputError
    from spacegrey.parts.network.bluetooth import bluetooth_link
    from spacegrey.parts.network.wifi import BANDS, radio_of

    if metres is None:
        if traffic:
            raise InputError("--traffic goes with --bluetooth METRES")
        return None
    busy = BANDS["2.4"].widest_mhz if wifi is not None and band == "2.4" else 0
    found = bluetooth_link(radio_of(built.id), metres, walls, room=room, wifi_mhz=busy)
    return {
        "received_dbm": found.received_dbm,
        "packet": found.packet,
        "classic_mbit_s": found.classic_mbit_s,
        "le_mbit_s": found.le_mbit_s,
        "collisions": found.collisions,
        "air_share": found.air_share(traffic),
    }


def _played(play: str | None, size: str, goodput_gbit_s: float, server: float | None) -> dict[str, Any] | None:
    import math

    from spacegrey.errors import InputError
    from spacegrey.parts.network.streams import playable

    if play is None:
        return None
    parts = _SIZE.fullmatch(size)
    if not parts:
        raise InputError(f"--size: {size!r} is not a picture such as 3840x2160@25")
    drives = math.inf if server is None else server * 1e3
    found = playable(play, int(parts[1]), int(parts[2]), float(parts[3]), goodput_gbit_s * 1e3, drives)
    return {
        "codec": play,
        "size": size,
        "streams": found.streams,
        "each_mbit_s": found.each_mbit_s,
        "limited_by": found.limited_by,
        "left_mbit_s": found.left_mbit_s,
    }


def _print(name: str, link: dict[str, Any], blue: dict[str, Any] | None, played: dict[str, Any] | None) -> None:
    from spacegrey.interfaces.cli.output import console, table

    out = console()
    shown = table(out, name, "")
    data = link["goodput_gbit_s"]
    if link["kind"] == "ethernet":
        shown.add_row("Ethernet", f"{link['line_gbit_s']:g} Gbit/s: {link['reason']}")
        shown.add_row("cable", f"{link['cable']}, {link['length_m']:g} m")
        shown.add_row("data by TCP", f"{data:.3f} Gbit/s = {data * 125:.0f} MB/s in each direction")
        shown.add_row("headers", f"{link['header_share'] * 100:.1f} % with frames of {link['frame_bytes']} bytes")
        shown.add_row("processor", f"{link['cores']:.2f} cores to receive it")
    else:
        shown.add_row("Wi-Fi", f"{link['line_gbit_s'] * 1e3:.1f} Mbit/s on the air, {link['received_dbm']:.0f} dBm")
        shown.add_row(
            "modulation",
            f"{link['scheme'].upper()}, {link['spatial_streams']} streams, {link['width_mhz']} MHz, "
            f"guard {link['guard_us']:g} us",
        )
        shown.add_row("data by TCP", f"{data * 1e3:.0f} Mbit/s = {data * 125:.0f} MB/s, one direction, no neighbours")
    if blue:
        shown.add_row(
            "Bluetooth", f"{blue['classic_mbit_s']:.2f} Mbit/s ({blue['packet']}), LE {blue['le_mbit_s']:.2f}"
        )
        shown.add_row("its air time", f"{blue['air_share'] * 100:.0f} %, hops lost {blue['collisions'] * 100:.0f} %")
    if played:
        shown.add_row(
            "streams",
            f"{played['streams']} of {played['codec']} {played['size']}, {played['each_mbit_s']:.0f} Mbit/s each; "
            f"limited by the {played['limited_by']}",
        )
    out.print(shown)
