"""The data sheet of a whole machine: which parts it has, and which of them may be chosen."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import Field

from spacegrey.parts.ports.spec import Ports
from spacegrey.sourced import Spec

Status = Literal["reference", "calibrated", "illustrative"]

# The slots of a machine that name a part, and the folder of the catalog that holds such parts.
PART_SLOTS = {
    "processor": "processors",
    "graphics": "graphics",
    "memory": "memory",
    "storage": "storage",
    "cooling": "cooling",
    "supply": "power",
    "panel": "displays",
    "io": "ports",
}


class Choice(Spec):
    """One choice of an option: a part, how much of it, and what this machine sets differently on it."""

    part: str | None = Field(default=None, description="id of the part; absent for accessories")
    modules: Annotated[int, Field(ge=1, le=16)] | None = Field(default=None, description="memory modules")
    gib_per_module: Annotated[float, Field(gt=0)] | None = None
    tb: Annotated[float, Field(gt=0)] | None = Field(default=None, description="capacity of the drive in TB")
    available: dt.date | None = Field(
        default=None, description="first day it could be ordered, where later than the machine"
    )
    withdrawn: dt.date | None = Field(default=None, description="first day on which it could no longer be ordered")
    defaults: dict[str, str] = Field(
        default_factory=dict[str, str], description="choices of other options that come with this one unless chosen"
    )
    set: dict[str, Any] = Field(default_factory=dict, description="keys of the part that differ in this machine")


class Option(Spec):
    """One thing to choose: its choices by the name that a selector uses."""

    default: str
    choices: dict[str, Choice] = Field(min_length=1)


class MachineSpec(Spec):
    """A machine's head data and its fixed parts."""

    name: str
    model: str = Field(default="", description="the maker's model identifier")
    form: Literal["all-in-one", "desktop", "tower", "laptop"]
    announced: dt.date | None = None
    on_sale: dt.date | None = None
    delivered: dt.date | None = Field(default=None, description="day of the first deliveries, where known")
    withdrawn: dt.date | None = Field(default=None, description="first day on which it could no longer be ordered")
    status: Status
    validated: str = Field(default="", description="what of this machine is checked against measurements, in words")
    cooling: str
    supply: str
    panel: str | None = None
    io: str | None = Field(default=None, description="id of the I/O tree behind the ports, for plans of devices")
    memory_slots: Annotated[int, Field(ge=0, le=16)] = 0
    ambient_c: Annotated[float, Field(ge=-20, le=60)] = Field(
        default=25.0, description="room that a run assumes unless told"
    )
    ports: Ports = Field(default_factory=Ports)
    components: list[str] = Field(
        default_factory=list[str], description="what else a self-built machine is made of: ids of catalog/components"
    )
