"""Heat over time: the step's order against the closed form, and a whole run against another integrator."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from spacegrey.machine.catalog import machine_ids
from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.kernel.elimination import solve
from spacegrey.simulation.kernel.network import NODES
from spacegrey.simulation.kernel.tick import STEP_S, blow
from spacegrey.simulation.parameters import idle_power_w, lane, thermal_matrix
from spacegrey.simulation.run import simulate

SIZE = len(NODES)
HORIZON_S = 8.0
"""Some time constants of the junctions, so that what is left is smooth."""


def heated(machine):
    """Return a lane, and heat that its idle state does not have. [W]."""
    m = lane(machine)
    heat = idle_power_w(m)
    heat[[at.T_CPU_JUNCTION, at.T_GPU_JUNCTION]] += 60.0
    return m, heat


def exact(m, heat, seconds):
    """Return the rises of the network over the room under constant heat: the matrix exponential. [K]."""
    matrix = thermal_matrix(m)
    capacity = m[at.CAPACITY : at.CAPACITY + SIZE] * STEP_S
    steady = np.linalg.solve(matrix, heat)
    return steady + expm(-matrix / capacity[:, None] * seconds) @ (m[:SIZE] - steady)


def stepped(m, heat, seconds, step_s):
    """Return the same by the kernel's own factors and solve, at another step. [K]."""
    m = m.copy()
    m[at.CAPACITY : at.CAPACITY + SIZE] *= STEP_S / step_s
    blow(m, 0, 1)
    for _ in range(round(seconds / step_s)):
        right = m[at.CAPACITY : at.CAPACITY + SIZE] * m[:SIZE] + heat
        m[:SIZE] = solve(m, 0, 1, *right)
    return m[:SIZE]


@pytest.mark.parametrize("selector", ["imac-pro", "macbook-air-m1", "mac-pro-2019"])
def test_the_thermal_step_is_of_first_order(machine_of, selector):
    m, heat = heated(machine_of(selector))
    steps = HORIZON_S / np.array([100, 200, 400, 800])
    expected = exact(m, heat, HORIZON_S)
    errors = [np.abs(stepped(m, heat, HORIZON_S, step) - expected).max() for step in steps]
    slope, _ = np.polyfit(np.log(steps), np.log(errors), 1)
    assert slope == pytest.approx(1.0, abs=0.2)  # backward Euler


@pytest.mark.parametrize("selector", machine_ids())
def test_the_thermal_step_is_stable_at_any_length(machine_of, selector):
    m, heat = heated(machine_of(selector))
    matrix = thermal_matrix(m)
    steady = np.linalg.solve(matrix, heat)
    assert stepped(m, heat, 1e11, 1e10) == pytest.approx(steady, rel=1e-9)  # rounding of the solve
    warm = stepped(m, heat, 1e4, 1e3)
    assert (np.minimum(m[:SIZE], steady) - 1e-6 <= warm).all()
    assert (warm <= np.maximum(m[:SIZE], steady) + 1e-6).all()


def test_a_run_agrees_with_another_integrator(machine_of, own_workload):
    # All controls stand still: the fan is fixed, no limit is near, and leakage does not follow the temperature.
    machine = machine_of("imac-pro+fan=1500rpm")
    cool = machine.microarchitecture.model_copy(update={"leakage_per_kelvin": 0.0})
    machine = type(machine)(**{**vars(machine), "microarchitecture": cool})
    load = own_workload(
        "processor = { float_gop = 0.4, parallel = 1.0, threads = 4 }\n"
        "pace = { hz = 100, seconds = 120, drop = true }\n"
        'assumed = { processor = "test", pace = "test" }'
    )
    run = simulate(load, machine)
    trace = run.trace
    for name in ("cpu_power_w", "gpu_power_w", "wall_power_w", "fan_rpm", "cpu_clock_ghz"):
        assert np.ptp(trace[name]) <= 1e-9 * trace[name].max(), name

    m = lane(machine)
    matrix = thermal_matrix(m)
    blow(m, 0, 1)
    cpu_w, gpu_w, wall_w = (trace[name][0] for name in ("cpu_power_w", "gpu_power_w", "wall_power_w"))
    heat = dict.fromkeys(NODES, 0.0) | {
        "cpu_junction": cpu_w,
        "gpu_junction": gpu_w,
        "vrm": machine.supply.regulator_loss * (cpu_w + gpu_w),
        "memory": machine.memory.idle_w_per_module * machine.memory_modules,
        "storage": machine.storage.idle_w,
        "board": machine.supply.board_w,
        "panel": m[at.PANEL_W],
        "intake_air": m[at.FAN_W],
    }
    heat["supply"] = wall_w - sum(heat.values())
    capacity = np.array([getattr(machine.cooling.capacities, node) for node in NODES])
    source = np.array([heat[node] for node in NODES])
    other = solve_ivp(
        lambda _, temps: (source - matrix @ temps) / capacity,
        (0.0, run.duration_s + 1.0),
        m[:SIZE],
        method="LSODA",
        t_eval=trace["time_s"],
        rtol=1e-9,
        atol=1e-9,
    )
    columns = {
        "cpu_temp_c": at.T_CPU_JUNCTION,
        "gpu_temp_c": at.T_GPU_JUNCTION,
        "cpu_sink_temp_c": at.T_CPU_SINK,
        "board_temp_c": at.T_BOARD,
        "exhaust_temp_c": at.T_SINK_AIR,
    }
    for name, node in columns.items():
        # the first steps of a first-order method are its worst: a tenth of the step's own share of the rise
        away = np.abs(trace[name] - machine.ambient_c - other.y[node])
        assert away[trace["time_s"] > 5.0].max() < 0.05, name
        assert away.max() < 0.5, name
