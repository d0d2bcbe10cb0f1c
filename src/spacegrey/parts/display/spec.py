"""The built-in panel's data sheet; a machine without one has none."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from spacegrey.sourced import Spec

Positive = Annotated[float, Field(gt=0)]
Chromaticity = tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(gt=0, le=1)]]


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
    tiles: Annotated[int, Field(ge=1, le=2)] = Field(default=1, description="links that feed it side by side")
    width_mm: Positive | None = Field(default=None, description="of the picture")
    height_mm: Positive | None = Field(default=None, description="of the picture")
    red: Chromaticity | None = Field(default=None, description="primary, CIE 1931 x and y")
    green: Chromaticity | None = Field(default=None, description="primary, CIE 1931 x and y")
    blue: Chromaticity | None = Field(default=None, description="primary, CIE 1931 x and y")
    white: Chromaticity | None = Field(default=None, description="point of full drive, CIE 1931 x and y")
    edid_maker: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = Field(
        default=None, description="three letters by which its EDID names the maker"
    )
    edid_product: Annotated[int, Field(ge=0, le=0xFFFF)] | None = Field(
        default=None, description="number of the product in its EDID"
    )
    edid_name: Annotated[str, Field(pattern=r"^[ -~]{1,12}$")] | None = Field(
        default=None, description="name in its EDID"
    )
