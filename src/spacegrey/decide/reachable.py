"""Limits that no machine could ever meet: below what every candidate draws, or makes of noise, when it does nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spacegrey.decide.outcomes import outcomes
from spacegrey.errors import InputError
from spacegrey.workload.library import workload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spacegrey.decide.limits import Limits
    from spacegrey.machine.assembly import Machine


def check_reachable(limits: Limits, machines: Sequence[Machine]) -> None:
    """Check that limits leave room for a machine that does nothing.

    Parameters
    ----------
    limits : Limits
        What the buyer asks.
    machines : sequence of Machine
        The candidates.

    Raises
    ------
    InputError
        The limit on power or on noise is below what every candidate has when idle.

    Examples
    --------
    >>> from spacegrey.decide.limits import Limits
    >>> from spacegrey.machine.assembly import machine
    >>> check_reachable(Limits(max_power_w=300.0), [machine("imac-pro")])
    """
    if not machines or (limits.max_noise_dba is None and limits.max_power_w is None):
        return
    idle = outcomes(machines, [workload("idle")])
    mean_w = (idle.energy_wh / (idle.duration_s / 3600.0))[:, 0]
    for name, limit, values, does, unit in (
        ("max-power", limits.max_power_w, mean_w, "draws", "W"),
        ("max-noise", limits.max_noise_dba, idle.noise_dba[:, 0], "makes", "dBA"),
    ):
        known = values[np.isfinite(values)]
        if limit is not None and known.size and limit < known.min():
            least = machines[int(np.nanargmin(values))].selector
            raise InputError(
                f"{name} {limit:g} {unit} is below what every candidate {does} when idle: "
                f"the least is {known.min():.1f} {unit}, of {least}"
            )
