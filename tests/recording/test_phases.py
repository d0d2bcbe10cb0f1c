"""Change points on made-up columns, and demands on made-up samples."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegrey.workload.recording.estimate import demands, stretches
from spacegrey.workload.recording.phases import LEAST_S, MOST, change_points
from spacegrey.workload.recording.rating import Rating, bandwidth_gb_s, memory_limits_gb_s
from spacegrey.workload.recording.sampling import Samples

HOST = Rating(
    host="desk", processor="a chip", date="2026-11-21", cores=4, threads=4, clock_ghz=4.0, all_core_ghz=3.5,
    integer=1.25, floating=1.1, smt_gain=0.0, core_gb_s=20.0, all_gb_s=50.0, latency_ns=80.0, write_gb_s=2.0,
    read_gb_s=3.0, read_latency_us=60.0, memory_gib=32.0, disk_tb=1.0, cache_mib=16.0,
)  # fmt: skip


def samples(parts, cores=4, noise=0.0):
    """Return samples of parts, each (seconds, threads that want, cores that they get, blocked, bytes/s written)."""
    rng = np.random.default_rng(1)
    rows = [(0.0,) * 6]
    for seconds, wants, gets, blocked, write in parts:
        for _ in range(round(seconds * 10)):
            last = rows[-1]
            jitter = 1.0 + noise * rng.standard_normal()
            rows.append((
                last[0] + 0.1, last[1] + 0.1 * gets * jitter, last[2] + 0.1 * wants * jitter,
                float(round(wants)), blocked, last[5] + 0.1 * write,
            ))  # fmt: skip
    table = np.array(rows)
    zero, unknown = np.zeros(len(table)), np.full(len(table), np.nan)
    columns = dict(zip(("time_s", "cpu_s", "wanted_s", "runnable", "blocked", "write_b"), table.T, strict=True))
    columns |= dict.fromkeys(("longest_s", "threads", "processes", "read_b", "network_b"), zero)
    columns |= {"memory_b": zero + 2.0**30, "core_busy_s": columns["cpu_s"].copy()}
    columns |= dict.fromkeys(("clock_ghz", "package_j", "cpu_temp_c", "gpu_busy", "gpu_power_w", "gpu_temp_c"), unknown)
    return Samples("job", columns | {"traffic_b": unknown}, cores, 0.001, status=0, interrupted=False, unseen=())


def test_a_steady_job_is_one_phase_whatever_its_noise():
    assert len(stretches(samples([(20, 2, 2, 0, 0)], noise=0.1))) == 1


def test_phases_begin_where_the_job_changes():
    found = stretches(samples([(5, 1, 1, 0, 0), (4, 4, 4, 0, 0), (3, 0, 0, 0, 0)], noise=0.03))
    assert [one.begin_s for one in found] == pytest.approx([0.0, 5.0, 9.0], abs=0.11)
    assert [one.parallel for one in found] == pytest.approx([0.0, 1.0, 0.0], abs=0.05)
    assert found[2].wait_s == pytest.approx(3.0, abs=0.1)


def test_what_others_took_is_put_right():
    # four threads want to run and get two of four cores, because others have the other two
    crowded = samples([(10, 4, 2, 0, 0)])
    crowded.columns["core_busy_s"] *= 2.0
    (one,) = stretches(crowded)
    assert one.alone_s == pytest.approx(5.0, rel=0.01)
    assert one.others == pytest.approx(2.0, rel=0.01)


def test_threads_on_one_core_are_parallel_work_all_the_same():
    (one,) = stretches(samples([(10, 2, 1, 0, 0)], cores=1))
    assert (one.parallel, one.threads, one.alone_s) == (pytest.approx(1.0), 2, pytest.approx(10.0))


def test_work_is_time_times_clock_times_rate():
    (one,) = demands(samples([(10, 1, 1, 0, 0)]), HOST, "integer")
    assert one.gop == pytest.approx(10.0 * 4.0 * 1.25, rel=1e-6)
    (one,) = demands(samples([(10, 4, 4, 0, 0)]), HOST, "float")
    assert one.gop == pytest.approx(40.0 * 3.5 * 1.1, rel=1e-6)


def test_writing_into_memory_and_waiting_for_the_drive_is_one_phase():
    (one,) = demands(samples([(2, 1, 1, 0, 2e9), (3, 0, 0, 1, 0)]), HOST, "integer")
    # 4 GB take 2 s at the rated speed, and the job waited for 3 s after 2 s of its own work: the drive was slower
    assert one.stretch.drive_s == pytest.approx(3.0, abs=0.15)
    assert one.write_gb == pytest.approx(6.0, rel=0.05)
    assert one.serial_order == pytest.approx(1.0, abs=0.05)


def test_a_drive_that_works_beside_the_processor_overlaps():
    (one,) = demands(samples([(4, 1, 1, 0, 1e9)]), HOST, "integer")
    assert (one.write_gb, one.serial_order) == (pytest.approx(4.0), pytest.approx(0.0, abs=1e-6))


def test_traffic_that_was_counted_is_asked_for_and_never_more_than_fits():
    taken = samples([(10, 1, 1, 0, 0)])
    taken.columns["traffic_b"] = taken.columns["time_s"] * 5e9
    assert demands(taken, HOST, "integer")[0].stream_gb == pytest.approx(50.0)
    taken.columns["traffic_b"] = taken.columns["time_s"] * 5e12
    assert demands(taken, HOST, "integer")[0].stream_gb == pytest.approx(10.0 * 20.0, rel=1e-3)


@pytest.mark.parametrize("all_gb_s", [20.0, 35.0, 60.0, 80.0])
def test_the_memory_law_gives_back_what_was_rated(all_gb_s):
    host = replace(HOST, all_gb_s=all_gb_s)
    assert bandwidth_gb_s(host, 1) == pytest.approx(20.0, rel=0.01)
    assert bandwidth_gb_s(host, 4) == pytest.approx(all_gb_s, rel=0.03)
    assert min(memory_limits_gb_s(host)) > 0.0


@given(st.lists(st.floats(-50, 50, allow_nan=False), min_size=1, max_size=300))
def test_any_column_is_cut_into_phases_that_cover_it(values):
    count = len(values)
    time_s = np.arange(1, count + 1) * 0.1
    cuts = change_points(time_s, np.array(values)[:, None])
    assert cuts[0] == 0
    assert cuts[-1] == count
    assert cuts == sorted(set(cuts))
    assert len(cuts) <= MOST + 1
    assert all(b - a >= LEAST_S / 0.1 - 1 for a, b in pairwise(cuts)) or len(cuts) == 2
