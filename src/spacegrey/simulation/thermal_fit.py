"""Fit of the iMac Pro's cooling: the published Cinebench cycle, idle temperatures, exhaust air.

One enclosure, one set of numbers for all its options. Run by ``make fit``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import differential_evolution

from spacegrey.machine.assembly import Machine, machine
from spacegrey.simulation.run import Run, simulate
from spacegrey.simulation.validation import dips
from spacegrey.workload.library import workload

if TYPE_CHECKING:
    from numpy.typing import NDArray

# (group, key) -> bounds; all are fitted in the logarithm
FREE: dict[tuple[str, str], tuple[float, float]] = {
    ("fans", "flow_l_s"): (9.0, 16.0),
    ("conductances", "cpu_junction_spreader"): (12.0, 40.0),
    ("conductances", "cpu_spreader_sink"): (4.0, 14.0),
    ("conductances", "cpu_sink_air"): (3.0, 25.0),
    ("conductances", "gpu_sink_air"): (3.0, 25.0),
    ("conductances", "cpu_sink_gpu_sink"): (0.5, 12.0),
    ("capacities", "cpu_junction"): (1.0, 12.0),
    ("capacities", "cpu_spreader"): (20.0, 80.0),
    ("capacities", "cpu_sink"): (50.0, 250.0),
    ("controller", "gain_rpm_per_k"): (15.0, 80.0),
    ("controller", "integral_rpm_per_k_s"): (0.0001, 0.05),
    ("controller", "cpu_target_c"): (80.0, 92.5),
}


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
    Target("dip, s", 1.5, 0.2),
    Target("period of dips, s", 10.0, 1.5),
    Target("dip clock, GHz", 3.6, 0.02),
    Target("highest, degC", 94.0, 0.3),
    Target("fan at the end over its least, rpm", 250.0, 250.0),
)


def with_values(base: Machine, values: dict[tuple[str, str], float]) -> Machine:
    """Return a machine whose cooling has other numbers."""
    cooling = base.cooling
    for group in {group for group, _ in values}:
        update = {key: value for (owner, key), value in values.items() if owner == group}
        cooling = cooling.model_copy(update={group: getattr(cooling, group).model_copy(update=update)})
    return replace(base, cooling=cooling)


def observed(loop: Run, idle: Run) -> list[float]:
    """Return what the targets speak of, from a run of the loop and one of the idle desktop."""
    seen = dips(loop)
    # The published report is of the settled cycle, after the loop has run for some minutes.
    late = [dip for dip in seen if dip.start_s > 0.5 * loop.duration_s]
    renders = [phase for phase in loop.phases if phase.name == "render"]
    first = next((p.repeat - 1 + (seen[0].start_s - p.start_s) / p.duration_s for p in renders if p.end_s > seen[0].start_s), 10.0) if seen else 10.0
    # Within one render, so that the pause between renders does not count as a period.
    gaps = [b.start_s - a.start_s for a, b in zip(late, late[1:], strict=False) if any(p.start_s <= a.start_s and b.start_s <= p.end_s for p in renders)]
    return [
        idle.summary["cpu_temp_c"].end,
        idle.summary["gpu_temp_c"].end,
        float(loop.trace["exhaust_temp_c"].max()),
        first,
        float(np.mean([dip.end_s - dip.start_s for dip in late])) if late else 0.0,
        float(np.mean(gaps)) if gaps else 30.0,
        float(np.mean([dip.clock_ghz for dip in late])) if late else 3.9,
        loop.peak_cpu_temp_c,
        loop.summary["fan_rpm"].end - loop.machine.cooling.fans.minimum_rpm,
    ]


def fit(seed: int = 2017, evaluations: int = 4000) -> tuple[dict[tuple[str, str], float], list[tuple[str, float, float]]]:
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
    base, idle_base = machine("imac-pro"), machine("imac-pro:10-core,vega-64")
    loop_work, idle_work = workload("cinebench-r15-loop"), workload("idle")
    keys = list(FREE)
    bounds = np.log(np.array([FREE[key] for key in keys]))

    def runs(x: NDArray[np.float64]) -> list[float]:
        values = dict(zip(keys, np.exp(x).tolist(), strict=True))
        return observed(
            simulate(loop_work, with_values(base, values)), simulate(idle_work, with_values(idle_base, values))
        )

    def misfit(x: NDArray[np.float64]) -> float:
        seen = runs(x)
        total = sum(np.sqrt(abs(got - t.value) / t.tolerance) for got, t in zip(seen, TARGETS, strict=True))
        return float(total + 0.02 * np.abs(x - bounds.mean(axis=1)).sum())

    size = 5
    best = differential_evolution(
        misfit, bounds, seed=seed, popsize=size, maxiter=max(1, evaluations // (size * len(keys)) - 1), polish=False, tol=1e-6
    )
    found = np.asarray(best.x)
    values = {key: float(f"{value:.4g}") for key, value in zip(keys, np.exp(found), strict=True)}
    seen = runs(np.log(np.array(list(values.values()))))
    return values, [(t.name, t.value, got) for t, got in zip(TARGETS, seen, strict=True)]
