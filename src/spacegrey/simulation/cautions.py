"""What in a run no real machine would do, in words: heat that switches it off, a power limit that cannot be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from spacegrey.machine.assembly import Machine
    from spacegrey.simulation.trace import Trace

BEYOND_K = 30.0
"""So far above its sheet's limit a chip has switched itself off: sheets say that it does and not where. Assumed. [K]"""

OVER = 1.05
"""A limit is kept up to this, as it holds a mean over seconds ..."""
OFTEN = 0.02
"""... and is not kept when it is passed for longer than this share of the run."""


def cautions(machine: Machine, trace: Trace) -> str:
    """Return what of a run must not be taken at its word, as sentences; nothing if it may.

    Parameters
    ----------
    machine : Machine
        What ran.
    trace : Trace
        Its temperatures, clocks and power over time.

    Returns
    -------
    str
        Empty for a run that a real machine could have done.

    Notes
    -----
    A chip that passes its limit by `BEYOND_K` is computed on as if it went on; a real one switches off. Status:
    illustrative, as is every temperature up there.

    Examples
    --------
    >>> from spacegrey.machine.assembly import machine
    >>> from spacegrey.simulation.run import simulate
    >>> from spacegrey.workload.library import workload
    >>> cautions(machine("imac-pro"), simulate(workload("idle"), machine("imac-pro")).trace)
    ''
    """
    return " ".join(said for said in (_too_hot(machine, trace), _over_the_limit(machine, trace)) if said)


def _too_hot(machine: Machine, trace: Trace) -> str:
    chips = (
        ("processor", float(trace["cpu_temp_c"].max()), machine.processor.tj_max_c),
        ("graphics", float(trace["gpu_temp_c"].max()), machine.graphics.temperature_limit_c),
    )
    hot = [f"the {name} at {most:.0f} °C (limit {limit:.0f} °C)" for name, most, limit in chips
           if most > limit + BEYOND_K]  # fmt: skip
    return f"No real machine goes so far: {' and '.join(hot)} would have switched itself off." if hot else ""


def _over_the_limit(machine: Machine, trace: Trace) -> str:
    limit_w = machine.environment.power_limit_w
    if limit_w is None:
        return ""
    power_w = trace["cpu_power_w"]
    over = power_w > OVER * limit_w
    share = float(np.mean(over))
    if share <= OFTEN:
        return ""
    lowest_ghz = float(trace["cpu_clock_ghz"][over].min())
    return (
        f"The limit of {limit_w:g} W is not kept in {100.0 * share:.0f} % of the time: even at {lowest_ghz:.2f} GHz "
        f"the processor takes {float(power_w[over].mean()):.0f} W."
    )
