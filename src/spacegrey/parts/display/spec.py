"""The built-in panel's data sheet; a machine without one has none."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from spacegrey.sourced import Spec

Positive = Annotated[float, Field(gt=0)]


class Panel(Spec):
    """A built-in display as a load: what it draws by brightness."""

    name: str
    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]
    diagonal_in: Positive
    refresh_hz: Positive = 60.0
    bits_per_colour: Annotated[int, Field(ge=6, le=16)] = 8
    peak_nits: Positive
    electronics_w: Annotated[float, Field(ge=0)] = Field(description="timing controller and drivers")
    backlight_w: Annotated[float, Field(ge=0)] = Field(description="at full brightness")
    default_brightness: Annotated[float, Field(ge=0, le=1)]
