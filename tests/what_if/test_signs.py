"""Every what-if moves every machine the right way, or not at all; energy closes wherever it goes.

The work is the processor's alone: where the graphics shares the air, less heat of one is more speed of the other.
"""

import numpy as np
import pytest

from spacegrey.machine.assembly import machine
from spacegrey.machine.catalog import machine_ids
from spacegrey.simulation.batch import simulate_batch
from spacegrey.simulation.run import simulate
from spacegrey.workload.library import workload

WORKS = ("cinebench-r15-loop", "xcode-eidolon")
STEPS = {
    "ambient": [f"ambient={room}C" for room in (10, 20, 30, 40)],
    "power-limit": [f"power-limit={watts}W" for watts in (20, 40, 80, 160)],
    "undervolt": [f"undervolt={mv}mV" for mv in (60, 40, 20, 0)],
    "dust": [f"dust={share}" for share in (0.0, 0.2, 0.4, 0.6, 0.8)],
    "fan": [f"fan={rpm}rpm" for rpm in (2000, 1800, 1600, 1400)],
}
"""Each from the coolest to the warmest."""

MOST_RPM = 2000.0
"""Fans of every machine that is asked turn so fast."""

HUNTING_K = 0.3
"""So much a mean may differ where a chip is held at its limit by clocks that step."""


def table(what_if):
    """Return a row for each machine and work and a column for each step, by quantity."""
    steps, jobs = STEPS[what_if], []
    for name in machine_ids():
        if what_if == "fan" and machine(name).cooling.fans.automatic_maximum_rpm < MOST_RPM:
            continue
        jobs += [(workload(work), machine(f"{name}+{step}")) for work in WORKS for step in steps]
    found = simulate_batch(jobs)
    assert not any(found["refusal"])
    return {
        name: found[name].reshape(-1, len(steps))
        for name in ("cpu_temp_c_mean", "cpu_temp_c_max", "duration_s", "noise_dba_mean", "cpu_power_w_mean")
    }


@pytest.mark.parametrize("what_if", list(STEPS))
def test_warmer_steps_are_never_cooler_on_any_machine(what_if):
    temps = table(what_if)["cpu_temp_c_mean"]
    assert (np.diff(temps) > -HUNTING_K).all()
    rose = temps[:, -1] - temps[:, 0]
    assert (rose > 0.1).mean() > 0.7, "and most are warmer"


@pytest.mark.parametrize("what_if", ["ambient", "dust", "undervolt", "fan"])
def test_warmer_steps_are_never_faster_nor_quieter(what_if):
    found = table(what_if)
    seconds = found["duration_s"]
    assert (np.diff(seconds) > -1e-3 * seconds[:, :1]).all()
    if what_if != "fan":
        assert (np.diff(found["noise_dba_mean"]) > -0.05).all()


def test_a_higher_power_limit_is_never_slower():
    found = table("power-limit")
    seconds = found["duration_s"]
    assert (np.diff(seconds) < 1e-3 * seconds[:, :1]).all()
    assert (seconds[:, -1] < 0.98 * seconds[:, 0]).mean() > 0.5


@pytest.mark.parametrize("wish", [
    "", "+ambient=40C", "+dust=0.7", "+fan=max", "+fan=1100rpm@60C..2500rpm@90C", "+power-limit=60W", "+undervolt=80mV",
    "+brightness=0", "+processor=18-core,ambient=35C",
])  # fmt: skip
@pytest.mark.parametrize("work", ["all-out", "cinebench-r15-loop"])
def test_energy_closes_on_a_machine_that_was_fitted(fitted, wish, work):
    run = simulate(workload(work), machine(f"{fitted}{wish}"))
    assert run.energy_balance_error < 1e-9
