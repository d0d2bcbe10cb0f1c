"""The drive's data sheet."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from spacegrey.sourced import Spec

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class Storage(Spec):
    """A drive family: a controller with a ceiling, and flash whose speed grows with the number of dies."""

    name: str
    modules: Annotated[int, Field(ge=1, le=4)] = Field(description="modules striped together")
    link_gb_s: Positive = Field(description="payload ceiling of the link to the host")
    read_ceiling_gb_s: Positive = Field(description="what the controller reads at most")
    write_ceiling_gb_s: Positive = Field(description="what the controller writes at most")
    read_gb_s_per_tb: Positive = Field(description="flash read rate per TB of capacity, below the ceiling")
    write_gb_s_per_tb: Positive = Field(description="flash write rate per TB of capacity, below the ceiling")
    latency_us: Positive = Field(description="of a 4 KiB read at queue depth 1")
    cache_share: NotNegative = Field(
        default=0.0, description="share of the capacity that takes writes at full rate before folding"
    )
    folded_write_ratio: Positive = Field(
        default=1.0, description="write rate after the cache is full, over the rate before"
    )
    idle_w: NotNegative
    active_w: NotNegative = Field(description="added at full rate")
    temperature_limit_c: Positive = 85.0
    rotating: bool = False
