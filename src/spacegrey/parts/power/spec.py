"""The power supply's data sheet, and the steady loads that belong to no other part."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from spacegrey.sourced import Spec

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class PowerSupply(Spec):
    """Losses are a polynomial of the load: standing, proportional and resistive."""

    name: str
    rated_w: Positive
    standing_loss_w: NotNegative
    proportional_loss: Annotated[float, Field(ge=0, lt=1)]
    resistive_loss_per_w: NotNegative = Field(description="loss in W is this times the square of the load in W")
    board_w: NotNegative = Field(description="chipset, security chip, network, Thunderbolt and sound, always on")
    regulator_loss: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.1, description="of the processor's and graphics' own supply"
    )
    port_budget_w: NotNegative = Field(default=0.0, description="what the ports may give to devices")
