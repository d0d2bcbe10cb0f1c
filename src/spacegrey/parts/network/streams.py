"""How many streams of video come through: a codec's target rate against the narrowest part of the way."""

from __future__ import annotations

import math
from dataclasses import dataclass

from spacegrey.errors import InputError
from spacegrey.parts.network.laws import codec_rate_mbit_s
from spacegrey.parts.network.spec import Codec, sheet


@dataclass(frozen=True)
class Playable:
    """How many streams play at once.

    Attributes
    ----------
    streams : int
        That fit.
    each_mbit_s : float
        What one needs.
    limited_by : str
        ``link`` or ``server``.
    left_mbit_s : float
        What is left over.
    """

    streams: int
    each_mbit_s: float
    limited_by: str
    left_mbit_s: float


def playable(
    codec: str, width: int, height: int, frames_hz: float, link_mbit_s: float, server_mbit_s: float = math.inf
) -> Playable:
    """Return how many streams play at once over a link from a server.

    Parameters
    ----------
    codec : str
        Its id: ``prores-422-hq`` and others of `catalog/network/codecs.toml`.
    width, height : int
        Of a picture, each up to 16384.
    frames_hz : float
        Pictures a second, up to 240.
    link_mbit_s : float
        What the link carries of data. [Mbit/s]
    server_mbit_s : float
        What the server's drives read, where that is known. [Mbit/s]

    Returns
    -------
    Playable
        Streams, and what limits them.

    Raises
    ------
    InputError
        No such codec, or a number out of its range.

    Examples
    --------
    >>> playable("prores-422-hq", 3840, 2160, 25.0, 9415.0).streams
    12
    """
    if not (0 < width <= 16384 and 0 < height <= 16384):  # noqa: PLR2004 - larger than any picture
        raise InputError(f"picture: {width}x{height} is not within 1x1 to 16384x16384")
    if not 0.0 < frames_hz <= 240.0:  # noqa: PLR2004
        raise InputError(f"pictures a second: {frames_hz:g} is not within 0 to 240")
    for name, rate in (("link", link_mbit_s), ("server", server_mbit_s)):
        if not rate >= 0.0:
            raise InputError(f"{name}: {rate:g} Mbit/s is below 0")
    known = sheet(Codec, codec, "codec")
    each = codec_rate_mbit_s(known.mbit_s, width * height, frames_hz, known.width * known.height, known.frames_hz)
    room = min(link_mbit_s, server_mbit_s)
    if math.isinf(room):
        raise InputError("link: its rate is not finite")
    count = int(room / each + 1e-9)
    return Playable(count, each, "server" if server_mbit_s < link_mbit_s else "link", room - count * each)
