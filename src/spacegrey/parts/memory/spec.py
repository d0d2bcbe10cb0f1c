"""The memory's data sheet."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from spacegrey.sourced import Spec

Positive = Annotated[float, Field(gt=0)]


class Memory(Spec):
    """One kind of memory module and how well its channels are used."""

    name: str
    kind: str = Field(description="DDR3, DDR4, LPDDR4X")
    transfer_mt_s: Positive
    bytes_per_transfer: Positive = Field(default=8.0, description="data width of one channel")
    efficiency: Annotated[float, Field(gt=0, le=1)] = Field(description="share of the peak that streaming code reaches")
    ecc: bool
    idle_w_per_module: Annotated[float, Field(ge=0)]
    active_w_per_gb_s: Annotated[float, Field(ge=0)] = Field(description="power per GB/s moved")
