"""Fit of the iMac Pro's cooling: the published Cinebench cycle, idle temperatures, exhaust air.

One enclosure, one set of numbers for all its options. Run by ``make fit``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import Bounds, differential_evolution

from spacegrey.machine.assembly import Machine, machine
from spacegrey.simulation.run import PhaseResult, Run, simulate
from spacegrey.simulation.validation.comparison import Dip, dips, quantity
from spacegrey.workload.library import workload

if TYPE_CHECKING:
    from numpy.typing import NDArray

# (group, key) -> where the search starts; it may go 15 % either way (targets of the controller: 2 K), and a fit that
# ends at an edge is started anew from there
START: dict[tuple[str, str], float] = {
    ("fans", "flow_l_s"): 7.6,
    ("conductances", "cpu_junction_spreader"): 26.49,
    ("conductances", "cpu_spreader_sink"): 5.6,
    ("conductances", "cpu_sink_air"): 6.9,
    ("conductances", "gpu_sink_air"): 6.759,
    ("conductances", "cpu_sink_gpu_sink"): 0.647,
    ("capacities", "cpu_junction"): 1.618,
    ("capacities", "cpu_spreader"): 18.33,
    ("capacities", "cpu_sink"): 54.27,
    ("controller", "gain_rpm_per_k"): 95.0,
    ("controller", "gpu_target_c"): 86.36,
    ("controller", "cpu_target_c"): 85.6,
}
SPAN = 0.15
SPAN_TARGET = 0.025

WORST = 12.0
"""Misfit of one target, in tolerances, beyond which it is as bad as can be."""


@dataclass(frozen=True)
class Target:
    """What was published of the test, and how far off one unit of misfit is."""

    name: str
    value: float
    tolerance: float


TARGETS = (
    Target("idle processor, degC", 39.5, 1.0),
    Target("idle graphics, degC", 40.0, 1.5),
    Target("exhaust in the loop, degC", 47.0, 2.0),
    Target("first dip, in runs", 2.5, 0.25),
    Target("dip, s", 1.5, 0.1),
    Target("rendering between dips, s", 10.0, 0.7),
    Target("dip clock, GHz", 3.6, 0.02),
    Target("highest, degC", 94.0, 0.3),
    Target("fan at the end over its least, rpm", 250.0, 150.0),
    Target("18 cores at full power, W at the wall", 370.0, 12.0),
    Target("graphics beside all cores, share of its clock", 0.97, 0.03),
)


def with_values(base: Machine, values: dict[tuple[str, str], float]) -> Machine:
    """Return a machine whose cooling has other numbers."""
    cooling = base.cooling
    for group in {group for group, _ in values}:
        update = {key: value for (owner, key), value in values.items() if owner == group}
        cooling = cooling.model_copy(update={group: getattr(cooling, group).model_copy(update=update)})
    return replace(base, cooling=cooling)


def observed(loop: Run, idle: Run, full: Run, both: Run) -> list[float]:
    """Return what the targets speak of, from runs of the loop, the idle desktop, Apple's power test and all at once."""
    seen = dips(loop)
    # The published report is of the settled cycle, after the loop has run for some minutes.
    late = [dip for dip in seen if dip.start_s > 0.5 * loop.duration_s]
    renders = [phase for phase in loop.phases if phase.name == "render"]
    rendering_s = sum(min(one.duration_s, max(0.0, one.end_s - 0.5 * loop.duration_s)) for one in renders)
    return [
        idle.summary["cpu_temp_c"].end,
        idle.summary["gpu_temp_c"].end,
        float(loop.trace["exhaust_temp_c"].max()),
        _first_dip(seen, renders),
        float(np.median([dip.end_s - dip.start_s for dip in late])) if late else 0.0,
        rendering_s / max(len(late), 1),
        float(np.mean([dip.clock_ghz for dip in late])) if late else 3.9,
        loop.peak_cpu_temp_c,
        loop.summary["fan_rpm"].end - loop.machine.cooling.fans.minimum_rpm,
        quantity(full, "trace.wall_power_w.peak"),
        both.summary["gpu_clock_ghz"].end / (both.machine.graphics.dpm_states[-1][0] * 1e-3),
    ]


def _first_dip(seen: list[Dip], renders: list[PhaseResult]) -> float:
    """Return when the first dip begins, in renders from the start; 10 if it never does."""
    if not seen:
        return 10.0
    start_s = seen[0].start_s
    return next(
        (one.repeat - 1 + (start_s - one.start_s) / one.duration_s for one in renders if one.end_s > start_s), 10.0
    )


def fit(
    seed: int = 2017, evaluations: int = 720
) -> tuple[dict[tuple[str, str], float], list[tuple[str, float, float]]]:
    """Fit the free numbers.

    Parameters
    ----------
    seed : int
        Of the population.
    evaluations : int
        Runs of the loop that may be tried.

    Returns
    -------
    dict, list
        Values by group and key, and for each target its name, published value and fitted value.
    """
    tests = [
        (machine(selector), workload(name))
        for selector, name in (
            ("imac-pro", "cinebench-r15-loop"),
            ("imac-pro:10-core,vega-64", "idle"),
            ("imac-pro:18-core,vega-64,128GB,4TB", "apple-cpu-max"),
            ("imac-pro", "all-out"),
        )
    ]
    keys = list(START)
    start = np.log(np.array(list(START.values())))
    span = np.array([SPAN_TARGET if key.endswith("_target_c") else SPAN for _, key in keys])
    bounds = Bounds(start - span, start + span)

    def runs(x: NDArray[np.float64]) -> list[float]:
        values = dict(zip(keys, np.exp(x).tolist(), strict=True))
        return observed(*(simulate(work, with_values(base, values)) for base, work in tests))

    def misfit(x: NDArray[np.float64]) -> float:
        seen = runs(x)
        errors = np.array([abs(got - t.value) / t.tolerance for got, t in zip(seen, TARGETS, strict=True)])
        return float(np.sqrt(1.0 + np.minimum(errors, WORST) ** 2).sum())

    size = 3
    best = differential_evolution(
        misfit,
        bounds,
        x0=start,
        seed=seed,
        popsize=size,
        maxiter=max(1, evaluations // (size * len(keys)) - 1),
        polish=False,
        tol=1e-6,
    )
    found = np.asarray(best.x)
    values = {key: float(f"{value:.4g}") for key, value in zip(keys, np.exp(found), strict=True)}
    seen = runs(np.log(np.array(list(values.values()))))
    return values, [(t.name, t.value, got) for t, got in zip(TARGETS, seen, strict=True)]
