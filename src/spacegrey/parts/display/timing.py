"""A display's timing: the pixels that are seen, the blanking around them, and the clock that counts both."""

from __future__ import annotations

from dataclasses import dataclass

from spacegrey.errors import InputError

LOWEST_HZ, HIGHEST_HZ = 1.0, 1000.0
"""No display refreshes outside of this."""

LARGEST_PIXELS = 16384
"""Wider or higher than any display of one cable."""


@dataclass(frozen=True)
class Timing:
    """One mode of a display, as EDID and DisplayID describe it.

    Attributes
    ----------
    pixel_clock_khz : int
        Pixels that the link counts in a millisecond, blanking included.
    width, height : int
        Pixels that are seen; ``height`` is that of a field where ``interlaced``.
    h_front, h_sync, h_back : int
        Horizontal blanking, in pixels.
    v_front, v_sync, v_back : int
        Vertical blanking, in lines.
    h_positive, v_positive : bool
        Polarity of the sync pulses.
    interlaced : bool
        Two fields make a picture.
    preferred : bool
        The display asks for this mode.
    """

    pixel_clock_khz: int
    width: int
    height: int
    h_front: int
    h_sync: int
    h_back: int
    v_front: int
    v_sync: int
    v_back: int
    h_positive: bool = True
    v_positive: bool = False
    interlaced: bool = False
    preferred: bool = False

    @property
    def h_total(self) -> int:
        """Pixels of a line, blanking included."""
        return self.width + self.h_front + self.h_sync + self.h_back

    @property
    def v_total(self) -> int:
        """Lines of a picture (of a field where interlaced), blanking included."""
        return self.height + self.v_front + self.v_sync + self.v_back

    @property
    def refresh_hz(self) -> float:
        """Pictures (fields where interlaced) a second."""
        return self.pixel_clock_khz * 1e3 / (self.h_total * self.v_total)

    def gbit_s(self, bits_per_colour: int) -> float:
        """Return what the mode needs of a link that carries blanking too, as DisplayPort reserves it. [Gbit/s]

        Examples
        --------
        >>> round(reduced_blanking(5120, 2880, 60).gbit_s(10), 2)
        28.15
        """
        return self.pixel_clock_khz * 3 * bits_per_colour / 1e6


def checked(timing: Timing, place: str) -> Timing:
    """Return the timing if it can be, else raise InputError with what is absurd about it.

    Examples
    --------
    >>> checked(Timing(148500, 1920, 1080, 88, 44, 148, 4, 5, 36), "mine").h_total
    2200
    """
    t = timing
    for name, value, lowest in (
        ("width", t.width, 1),
        ("height", t.height, 1),
        ("horizontal sync pulse", t.h_sync, 1),
        ("vertical sync pulse", t.v_sync, 1),
        ("horizontal front porch", t.h_front, 0),
        ("horizontal back porch", t.h_back, 0),
        ("vertical front porch", t.v_front, 0),
        ("vertical back porch", t.v_back, 0),
        ("pixel clock", t.pixel_clock_khz, 1),
    ):
        if value < lowest:
            raise InputError(f"{place}: absurd timing: {name} is {value}, at least {lowest} is needed")
    if max(t.width, t.height) > LARGEST_PIXELS:
        raise InputError(f"{place}: absurd timing: {t.width}x{t.height} is beyond {LARGEST_PIXELS} pixels")
    if not LOWEST_HZ <= t.refresh_hz <= HIGHEST_HZ:
        raise InputError(
            f"{place}: absurd timing: {t.width}x{t.height} at {t.refresh_hz:.4g} Hz, "
            f"a display has {LOWEST_HZ:g} to {HIGHEST_HZ:g} Hz"
        )
    return timing


def reduced_blanking(width: int, height: int, refresh_hz: float, version: int = 1) -> Timing:
    """Return the timing that VESA's formula gives a flat panel: Coordinated Video Timings with reduced blanking.

    Parameters
    ----------
    width, height : int
        Pixels that are seen, up to 16384; the width a multiple of 8 in version 1.
    refresh_hz : float
        Pictures a second that are asked for; version 1 comes out a little lower.
    version : int
        1: 160 pixels of horizontal blanking, clock in steps of 0.25 MHz. 2: 80 pixels, steps of 1 kHz.

    Returns
    -------
    Timing
        With a vertical blanking of at least 460 us.

    Raises
    ------
    InputError
        The mode cannot be.

    Notes
    -----
    Status: reference. The formula is VESA's; the iMac Pro's own panel timing and its tile's come out of version 1 to
    the kHz.

    References
    ----------
    VESA Coordinated Video Timings Standard 1.2, 2013, sections 3.4 and 3.5 (source ``vesa-cvt``).

    Examples
    --------
    >>> reduced_blanking(5120, 2880, 60).pixel_clock_khz
    938250
    >>> round(reduced_blanking(5120, 2880, 60).refresh_hz, 3)
    59.993
    """
    if version not in {1, 2}:
        raise InputError(f"reduced blanking: unknown version {version}; choose from: 1, 2")
    if not (0 < width <= LARGEST_PIXELS and 0 < height <= LARGEST_PIXELS):
        raise InputError(f"reduced blanking: {width}x{height} is not within 1 to {LARGEST_PIXELS} pixels")
    if not LOWEST_HZ <= refresh_hz <= HIGHEST_HZ:
        raise InputError(f"reduced blanking: {refresh_hz:g} Hz is not within {LOWEST_HZ:g} to {HIGHEST_HZ:g} Hz")
    if version == 1 and width % 8:
        raise InputError(f"reduced blanking: the width {width} is not a multiple of 8")
    line_us = (1e6 / refresh_hz - _BLANK_US) / height
    if line_us <= 0.0:
        raise InputError(f"reduced blanking: {refresh_hz:g} Hz leaves no time for the picture")
    lines = int(_BLANK_US / line_us) + 1
    if version == 1:
        sync = _sync_lines(width, height)
        lines = max(lines, 3 + sync + 6)
        total = (width + 160) * (height + lines)
        clock_khz = int(refresh_hz * total / 250e3) * 250
        timing = Timing(clock_khz, width, height, 48, 32, 80, 3, sync, lines - 3 - sync)
    else:
        lines = max(lines, 1 + 8 + 6)
        total = (width + 80) * (height + lines)
        clock_khz = int(refresh_hz * total / 1e3)
        timing = Timing(clock_khz, width, height, 8, 32, 40, lines - 14, 8, 6)
    return checked(timing, "reduced blanking")


_BLANK_US = 460.0
# Version 1 tells the picture's shape by the length of the vertical sync; 10 stands for every other shape.
_SYNC_LINES = {(4, 3): 4, (16, 9): 5, (16, 10): 6, (5, 4): 7, (15, 9): 7}


def _sync_lines(width: int, height: int) -> int:
    for (across, down), lines in _SYNC_LINES.items():
        if width * down == height * across:
            return lines
    return 10
