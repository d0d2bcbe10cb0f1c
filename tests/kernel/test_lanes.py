"""Many machines in one array: each has the run that it would have alone."""

import numpy as np
import pytest

from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.kernel.advance import DONE, advance, prepare
from spacegrey.simulation.kernel.observe import TRACE_COLUMNS
from spacegrey.simulation.kernel.tick import STEP_S
from spacegrey.simulation.lowering import lower
from spacegrey.simulation.parameters import lane

# of different durations, one to thirty minutes, so that lanes end while others go on
CASES = [
    ("imac-pro", "cinebench-r15-loop"),
    ("macbook-air-m1", "idle"),
    ("imac-5k-2019", "all-out"),
    ("pc-threadripper", "office"),
    ("imac-pro:18-core,vega-64", "vr-90hz"),
    ("mac-pro-2013", "hevc-to-prores"),
    ("mac-mini-2018", "cinebench-r15"),
    ("imac-pro+fan=max,ambient=35C", "disk-sequential"),
]


def batch(machine_of, workload_of, cases):
    """Return the lane array of finished runs, shape (FIELD_COUNT, w), and when each run's last phase ended. [s]."""
    machines = [machine_of(selector) for selector, _ in cases]
    lowered = [lower(workload_of(name), built) for (_, name), built in zip(cases, machines, strict=True)]
    count = np.array([len(phases) for phases in lowered])
    first = np.cumsum(count) - count
    phases, lanes = np.concatenate(lowered), tuple(range(len(cases)))
    m = np.stack([lane(built) for built in machines], axis=1).ravel()
    ends = np.zeros(len(phases))
    prepare(m, lanes, phases, first)
    status, _ = advance(m, lanes, phases, first, count, ends, np.zeros((0, len(TRACE_COLUMNS))), 4000)
    assert status == DONE
    return m.reshape(at.FIELD_COUNT, len(cases)), ends[first + count - 1]


@pytest.mark.parametrize("width", [4, 8])
def test_a_lane_is_the_single_run(machine_of, workload_of, run_of, width):
    # 1e-12: the compiler may contract other pairs of operations into one in the wider code
    m, durations = batch(machine_of, workload_of, CASES[:width])
    for number, (selector, name) in enumerate(CASES[:width]):
        single = run_of(name, selector)
        assert m[at.WALL_J, number] / 3600.0 == pytest.approx(single.energy_wh, rel=1e-12), selector
        assert durations[number] == pytest.approx(single.duration_s, rel=1e-12), selector
        assert m[at.TIME_S, number] == pytest.approx(single.duration_s, abs=STEP_S), selector  # its clock stops with it
        assert m[at.OBSERVED_S, number] == pytest.approx(len(single.trace) * 0.1, rel=1e-9), selector


@pytest.mark.parametrize("width", [4, 8])
def test_a_lane_peaks_as_the_single_run(machine_of, workload_of, run_of, width):
    m, _ = batch(machine_of, workload_of, CASES[:width])
    for number, (selector, name) in enumerate(CASES[:width]):
        single = run_of(name, selector)
        peaks = m[[at.PEAK_CPU_K, at.PEAK_GPU_K], number] + machine_of(selector).ambient_c
        assert peaks == pytest.approx([single.peak_cpu_temp_c, single.peak_gpu_temp_c], rel=1e-12), selector


def test_the_order_of_lanes_does_not_matter(machine_of, workload_of):
    forward, _ = batch(machine_of, workload_of, CASES[:4])
    backward, _ = batch(machine_of, workload_of, CASES[3::-1])
    counted = [at.WALL_J, at.OUT_J, at.CPU_J, at.GPU_J, at.TIME_S, at.DELIVERED]
    np.testing.assert_allclose(forward[counted], backward[counted][:, ::-1], rtol=1e-12)


def test_equal_lanes_have_equal_runs(machine_of, workload_of):
    m, durations = batch(machine_of, workload_of, [CASES[0]] * 4)
    assert (m == m[:, :1]).all()
    assert len(set(durations)) == 1
