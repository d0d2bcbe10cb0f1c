"""Change points on made-up columns, and demands on made-up samples."""

import tomllib
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacegrey.machine.assembly import machine
from spacegrey.simulation.run import simulate
from spacegrey.workload.library import workload
from spacegrey.workload.recording.clocks import ran_and_wanted
from spacegrey.workload.recording.estimate import Stretch, demand, demands, stretches
from spacegrey.workload.recording.phases import LEAST_S, MOST, change_points
from spacegrey.workload.recording.rated_machine import machine_text
from spacegrey.workload.recording.rating import Rating, bandwidth_gb_s, memory_limits_gb_s
from spacegrey.workload.recording.recorded_workload import workload_text
from spacegrey.workload.recording.sampling import Samples

HOST = Rating(
    host="desk", processor="a chip", date="2026-11-21", cores=4, threads=4, clock_ghz=4.0, all_core_ghz=3.5,
    integer=1.25, floating=1.1, smt_gain=0.0, core_gb_s=20.0, all_gb_s=50.0, latency_ns=80.0, write_gb_s=2.0,
    read_gb_s=3.0, read_latency_us=60.0, memory_gib=32.0, disk_tb=1.0, cache_mib=16.0,
)  # fmt: skip


def samples(parts, cores=4, noise=0.0):
    """Return samples of parts, each (seconds, threads that want, cores that they get, blocked, bytes/s written)."""
    rng = np.random.default_rng(1)
    rows = [(0.0,) * 7]
    for seconds, wants, gets, blocked, write in parts:
        for _ in range(round(seconds * 10)):
            last = rows[-1]
            jitter = 1.0 + noise * rng.standard_normal()
            rows.append((
                last[0] + 0.1, last[1] + 0.1 * gets * jitter, last[2] + 0.1 * wants * jitter,
                float(round(wants)), blocked, last[5] + 0.1 * write,
                # Who waits for a core does so because others have all of them.
                last[6] + 0.1 * (max(cores, gets * jitter) if wants > gets else gets * jitter),
            ))  # fmt: skip
    table = np.array(rows)
    zero, unknown = np.zeros(len(table)), np.full(len(table), np.nan)
    columns = dict(
        zip(("time_s", "cpu_s", "wanted_s", "runnable", "blocked", "write_b", "core_busy_s"), table.T, strict=True)
    )
    columns |= dict.fromkeys(("longest_s", "threads", "processes", "read_b", "network_b"), zero)
    columns |= {"memory_b": zero + 2.0**30, "ran_s": columns["cpu_s"].copy()}
    columns |= dict.fromkeys(("clock_ghz", "package_j", "cpu_temp_c", "gpu_busy", "gpu_power_w", "gpu_temp_c"), unknown)
    columns |= {"stolen_s": zero.copy(), "traffic_b": unknown, "touched_b": zero.copy(), "watched_s": zero.copy()}
    columns |= {"met": zero.copy(), "floating": zero.copy()}
    return Samples("job", columns, cores, 0.001, status=0, interrupted=False, unseen=())


@pytest.fixture(scope="module")
def replayed(tmp_path_factory):
    """Return a function from what a phase asks for to the seconds that its host's own machine takes."""
    folder = tmp_path_factory.mktemp("replayed")
    host, job = folder / "host.toml", folder / "job.toml"
    host.write_text(machine_text(HOST), encoding="utf-8")
    taken = samples([(2, 1, 1, 0, 0)])

    def seconds(asked, cores):
        job.write_text(workload_text(taken, [asked], HOST, "job", "2026-11-21"), encoding="utf-8")
        selector = f"{host}:{cores}-core" if cores < HOST.cores else str(host)
        return simulate(workload(str(job)), machine(selector)).duration_s

    return seconds


def test_a_steady_job_is_one_phase_whatever_its_noise():
    assert len(stretches(samples([(20, 2, 2, 0, 0)], noise=0.1))) == 1


def test_phases_begin_where_the_job_changes():
    found = stretches(samples([(5, 1, 1, 0, 0), (4, 4, 4, 0, 0), (3, 0, 0, 0, 0)], noise=0.03))
    assert [one.begin_s for one in found] == pytest.approx([0.0, 5.0, 9.0], abs=0.11)
    assert [one.parallel for one in found] == pytest.approx([0.0, 1.0, 0.0], abs=0.05)
    assert found[2].wait_s == pytest.approx(3.0, abs=0.1)


def test_short_phases_of_a_quiet_computer_are_found():
    # as recorded where nothing else ran: start, two threads for 0.3 s, one for 1.1 s, two for 0.5 s, and no noise
    found = stretches(samples([(0.2, 1, 1, 0, 0), (0.3, 2, 2, 0, 0), (1.1, 1, 1, 0, 0), (0.5, 2, 2, 0, 0)], cores=2))
    assert [one.begin_s for one in found] == pytest.approx([0.0, 0.2, 0.5, 1.6], abs=0.01)
    assert [one.parallel > 0.5 for one in found] == [False, True, False, True]


def test_a_short_recording_of_which_half_is_change_is_cut_all_the_same():
    # Recorded on two cores: two threads, one, two; looks that fall into a change see a part of it.
    wanted = [1.74, 2.39, 2.0, 0.96, 0.99, 1.05, 1.0, 0.99, 0.99, 1.02, 1.0, 0.98, 1.77, 2.0, 1.71, 0.97, 0.0]
    taken = samples([(0.1 * len(wanted), 1, 1, 0, 0)], cores=2)
    taken.columns["runnable"][:] = [1, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 1, 0, 0]
    taken.columns["wanted_s"][1:] = 0.1 * np.cumsum(wanted)
    for name in ("cpu_s", "ran_s"):
        taken.columns[name][1:] = 0.1 * np.cumsum(np.minimum(wanted, 2.0))
    parallel = [one.parallel > 0.5 for one in stretches(taken) if one.seen_s > 0.25]
    assert parallel == [True, False, True]


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("seed", range(5))
def test_noise_is_not_cut_into_phases(noise, seed):
    steady = samples([(30, 2, 2, 0, 0)], noise=noise)
    rng = np.random.default_rng(seed)
    for name in ("cpu_s", "ran_s", "wanted_s"):
        steps = 0.2 * (1.0 + noise * rng.standard_normal(len(steady.columns[name]) - 1))
        steady.columns[name][1:] = np.cumsum(np.maximum(steps, 0.0))
    assert len(stretches(steady)) <= 2


@pytest.mark.parametrize("seed", range(5))
def test_a_drive_that_works_in_bursts_is_few_phases(seed):
    # a job that writes, waits, and writes: each look sees a part of a burst
    rng = np.random.default_rng(seed)
    taken = samples([(6, 0.5, 0.5, 0, 0)])
    bursts = rng.choice([5e7, 4e8, 9e8, 1.2e9], size=60) * 0.1
    taken.columns["write_b"][1:] = np.cumsum(bursts)
    taken.columns["blocked"][1:] = rng.integers(0, 2, 60)
    taken.columns["runnable"][1:] = 1 - taken.columns["blocked"][1:]
    assert len(stretches(taken)) <= 5


def streaming(parts, cores=4):
    """Return samples of parts (seconds, threads, GB/s touched for each second of a core), a window each fourth look."""
    taken = samples([(seconds, threads, threads, 0, 0) for seconds, threads, _ in parts], cores=cores)
    touched, watched = [0.0], [0.0]
    for seconds, _, rate in parts:
        for look in range(round(seconds * 10)):
            window = 0.004 if look % 4 == 1 else 0.0
            touched.append(touched[-1] + rate * 1e9 * window)
            watched.append(watched[-1] + window)
    taken.columns.update(touched_b=np.array(touched), watched_s=np.array(watched))
    return taken


def test_touched_pages_tell_what_the_memory_is_to_a_phase():
    found = demands(streaming([(4, 1, 0.1), (4, 1, 19.0), (4, 4, 30.0), (4, 1, 60.0)]), HOST, "integer")
    assert [one.memory for one in found] == ["free", "limits", "limits", "scattered"]
    light, one, four, _ = found
    assert light.stream_gb == pytest.approx(0.4, rel=0.2)
    # A core copies 20 GB/s and four copy 50; near the ceiling is at the ceiling.
    assert one.stream_gb == pytest.approx(4.0 * 20.0, rel=0.06)
    assert four.stream_gb == pytest.approx(4.0 * 50.0, rel=0.06)
    # Four cores that wait for memory compute no more than the 10 s that one would take to move as much.
    assert four.gop == pytest.approx(10.0 * 3.5 * 1.25, rel=0.06)


def test_the_file_says_what_memory_was_to_each_phase():
    taken = streaming([(4, 1, 0.1), (4, 1, 19.0), (4, 1, 60.0)], cores=1)
    text = workload_text(taken, demands(taken, HOST, "integer"), HOST, "job", "2026-11-21")
    kept = tomllib.loads(text)
    words = [phase["assumed"]["processor"] for phase in kept["phase"]]
    for told, says in zip(words, ("less than", "holds it up", "scattered reads"), strict=True):
        assert says in told
    assert "19 GB for each second of a core (touched pages, " in words[1]
    doubts = kept["workload"]["recorded"]["doubts"]
    assert [one for one in doubts if "memory holds up 4.0 s" in one]
    assert kept["workload"]["recorded"]["confidence"] == "medium"
    # On all of the host's cores nothing was carried over from a rating.
    taken = streaming([(8, 4, 12.0)])
    text = workload_text(taken, demands(taken, HOST, "integer"), HOST, "job", "2026-11-21")
    assert tomllib.loads(text)["workload"]["recorded"]["doubts"] == []


@pytest.mark.parametrize(("core_gb_s", "says"), [(20.0, False), (12.0, True)])
def test_a_rating_of_a_slower_moment_is_named(core_gb_s, says):
    # The job moves 19 GB in each second.
    host, taken = replace(HOST, core_gb_s=core_gb_s), streaming([(8, 1, 19.0)], cores=4)
    text = workload_text(taken, demands(taken, host, "integer"), host, "job", "2026-11-21")
    doubts = tomllib.loads(text)["workload"]["recorded"]["doubts"]
    assert any("move 152 GB where the memory was rated at 96 GB" in words for words in doubts) == says


@settings(max_examples=25, deadline=None)
@given(
    threads=st.integers(1, 8),
    shares=st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0)),
    cores=st.sampled_from([1, 2, 4]),
    rate=st.floats(0.0, 70.0),
    written=st.just(0.0) | st.floats(1e-9, 4.0),  # a byte at least
)
def test_what_a_phase_asks_for_takes_as_long_as_the_phase_did(replayed, threads, shares, cores, rate, written):
    parallel, drive, wait = shares
    busy_s = 2.0
    pace = 1.0 / ((1.0 - parallel) + parallel / min(threads, cores)) if threads > 1 else 1.0
    cpu_s = busy_s * pace
    seen = Stretch(
        begin_s=0.0, end_s=busy_s + drive + wait, alone_s=busy_s + drive + wait, cpu_s=cpu_s, busy_s=busy_s,
        drive_s=drive if written > 0.0 else 0.0, wait_s=wait + (0.0 if written > 0.0 else drive),
        parallel=parallel if threads > 1 else 0.0, threads=threads if parallel > 0.0 else 1, memory_gib=0.5,
        read_gb=0.0, write_gb=written, others=0.0, stolen=0.0, looks=40, gpu_busy=float("nan"),
        traffic_gb=rate * cpu_s, watched_s=0.1,
    )  # fmt: skip
    asked = demand(seen, HOST, cores, HOST.integer)
    assert replayed(asked, cores) == pytest.approx(seen.alone_s, rel=0.05)


def test_time_that_no_look_found_idle_is_not_waiting():
    # The threads' clocks lose two hundredths; 400 looks would have met that much of idleness eight times.
    (one,) = demands(samples([(40, 0.98, 0.98, 0, 1e6)]), HOST, "integer")
    assert one.stretch.drive_s + one.stretch.wait_s < 0.31
    (one,) = demands(samples([(40, 0.4, 0.4, 0, 1e6)]), HOST, "integer")
    assert one.stretch.drive_s + one.stretch.wait_s == pytest.approx(24.0, rel=0.01)


@pytest.mark.parametrize("threads", [1, 2])
def test_waiting_that_is_written_down_late_is_put_where_it_was(threads):
    # Linux adds what a thread waited for a core when it gets one: here at every fourth look, for a quarter of the time.
    taken = samples([(12, threads, threads / 4, 0, 0)], cores=1)
    lumps = np.arange(len(taken.columns["time_s"])) // 4 * 4 * 0.1 * threads
    taken.columns["wanted_s"][:] = lumps
    taken.columns["cpu_s"][:] = taken.columns["ran_s"][:] = lumps / threads / 4
    taken.columns["runnable"][60] = 0.0  # between two pieces of work
    (one,) = stretches(taken)
    assert one.alone_s == pytest.approx(3.0, rel=0.04)
    assert one.parallel == pytest.approx(threads - 1.0, abs=0.05)


def parts_of(found):
    """Return what phases ask for in s of one core of the host, and how long they say that the job was busy."""
    return sum(one.gop for one in found) / (4.0 * 1.25), sum(one.stretch.busy_s for one in found)


def test_a_process_s_coarse_clock_adds_nothing_to_short_phases():
    # As recorded on two cores: the process's clock is cut off to hundredths, for the user's part and the kernel's.
    host = replace(HOST, cores=2, threads=2, all_core_ghz=4.0)
    for begun in np.arange(0.0, 0.03, 0.0025):
        taken = samples([(0.2, 1, 1, 0, 0), (0.9, 2, 2, 0, 0), (0.2, 1, 1, 0, 0)], cores=2)
        taken.columns["cpu_s"][:] = np.floor((taken.columns["ran_s"] + begun) / 0.03) * 0.03
        found = demands(taken, host, "integer")
        assert len(found) == 3
        for one, seen_s in zip(found, (0.2, 0.9, 0.2), strict=True):
            assert one.stretch.cpu_s <= one.stretch.threads * seen_s + 1e-9
        asked_s, busy_s = parts_of(found)
        assert asked_s == pytest.approx(2.2, abs=0.031), "and nothing is lost over all of it"
        assert busy_s == pytest.approx(1.3, abs=0.016)


def test_what_threads_ran_unseen_before_they_ended_counts_once():
    # Two threads end between two looks: their own clocks go with them, the process's clock keeps what they ran.
    taken = samples([(1.0, 2, 2, 0, 0), (1.0, 1, 1, 0, 0)], cores=2)
    for name in ("ran_s", "wanted_s"):
        taken.columns[name][10:] -= 0.16
    asked_s, busy_s = parts_of(demands(taken, replace(HOST, all_core_ghz=4.0), "integer"))
    assert (asked_s, busy_s) == (pytest.approx(3.0, rel=0.01), pytest.approx(2.0, rel=0.01))


@pytest.mark.parametrize("known", [True, False])
def test_time_that_nobody_else_had_is_the_job_s_own(known):
    # Looks met two threads that run, and they got 1.6 cores; nobody else ran, so they were not always two.
    taken = samples([(6, 2, 1.6, 0, 0)], cores=2)
    taken.columns["core_busy_s"][:] = taken.columns["cpu_s"]
    if not known:  # threads that live for less than a look take their clocks with them
        for name in ("ran_s", "wanted_s"):
            taken.columns[name] *= 0.1
    found = stretches(taken)
    assert sum(one.alone_s for one in found) == pytest.approx(6.0, rel=0.03)
    assert sum(one.cpu_s for one in found) == pytest.approx(9.6, rel=0.001)
    shared = [one.cpu_s * (1.0 - one.parallel * 0.5) for one in found]
    assert sum(shared) == pytest.approx(sum(one.busy_s for one in found), rel=0.001), "parallel share and time agree"
    # Beside programs that keep both cores busy the same looks say that the job alone had been faster.
    beside = samples([(6, 2, 1.6, 0, 0)], cores=2)
    assert sum(one.alone_s for one in stretches(beside)) == pytest.approx(4.8, rel=0.03)


def test_in_a_container_with_a_share_of_a_core_waiting_needs_nobody_else():
    taken = samples([(6, 1, 0.5, 0, 0)], cores=1)
    taken.columns["core_busy_s"][:] = taken.columns["cpu_s"]
    assert sum(one.alone_s for one in stretches(replace(taken, throttled=True))) == pytest.approx(3.0, rel=0.03)
    assert sum(one.alone_s for one in stretches(taken)) > 5.5


def test_what_children_ran_unseen_was_wanted_too():
    taken = samples([(4, 2, 2, 0, 0)], cores=2)
    for name in ("ran_s", "wanted_s"):
        taken.columns[name] *= 0.85
    (one,) = stretches(taken)
    assert (one.cpu_s, one.busy_s, one.parallel) == (pytest.approx(8.0), pytest.approx(4.0), pytest.approx(1.0))


def test_what_children_ran_unseen_on_a_core_that_they_shared_was_wanted_too():
    taken = samples([(4, 2, 1, 0, 0)], cores=1)
    for name in ("ran_s", "wanted_s"):
        taken.columns[name] *= 0.85
    assert all(one.parallel > 0.8 for one in stretches(taken))


def test_what_a_child_ran_is_not_all_of_the_moment_in_which_it_is_told():
    # One core, always busy; of a second's work 0.15 s are in no thread's clock and come with the child's end.
    taken = samples([(4, 1, 1, 0, 0)], cores=1)
    hidden = 0.015 * np.arange(len(taken.columns["time_s"]))
    taken.columns["ran_s"] -= hidden
    taken.columns["wanted_s"] -= hidden
    taken.columns["cpu_s"] -= hidden % 0.15
    found = stretches(taken)
    assert sum(one.busy_s for one in found) == pytest.approx(4.0, rel=0.01)
    assert sum(one.cpu_s for one in found) == pytest.approx(4.0, rel=0.01)
    assert max(one.parallel for one in found) < 0.02


@pytest.mark.parametrize("known", [True, False])
def test_an_interval_holds_no_more_than_its_core_could_run(known):
    # The clock of the third tenth of a second is late, and is told with the fourth.
    taken = samples([(0.5, 1, 1, 0, 0)], cores=1)
    late = np.array([0.0, 0.1, 0.2, 0.2, 0.4, 0.5])
    taken.columns.update(cpu_s=late, ran_s=late.copy(), wanted_s=late * (1.0 if known else 0.1))
    taken.columns["runnable"][:] = 2.0
    ran_s, wanted = ran_and_wanted(taken)
    assert ran_s == pytest.approx([0.1] * 5)
    assert (wanted >= ran_s / 0.1 - 1e-9).all()


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.tuples(*[st.floats(0.0, 0.3)] * 3, st.integers(0, 5)), min_size=2, max_size=40),
    cores=st.integers(1, 3),
    known=st.booleans(),
)
def test_whatever_clocks_tell_the_work_of_a_phase_fits_into_its_time(rows, cores, known):
    taken = samples([(len(rows) / 10, 1, 1, 0, 0)], cores=cores)
    coarse, ran, waited, runnable = np.array(rows).T
    # On so many cores no more can have been run, but an interval's clock may be late.
    scale = min(1.0, 0.1 * cores * len(rows) / max(float(np.maximum(coarse, ran).sum()), 1e-9))
    for name, steps in (("cpu_s", coarse * scale), ("ran_s", ran * scale), ("wanted_s", ran * scale + waited)):
        taken.columns[name][1:] = np.cumsum(steps)
    taken.columns["wanted_s"] *= 1.0 if known else 1e-3
    taken.columns["runnable"][1:] = runnable
    for one in stretches(taken):
        pace = 1.0 / (1.0 - one.parallel + one.parallel / min(one.threads, cores))
        assert 0.0 <= one.alone_s <= one.seen_s + 1e-9
        assert (one.threads == 1) == (one.parallel == 0.0)
        # What is late from the very beginning has nowhere to go.
        if one.begin_s > 0.0:
            assert one.cpu_s <= 1.03 * pace * one.seen_s + 1e-9


def test_processes_that_live_for_less_than_a_look_are_counted_by_their_states():
    # Two of them at a time share one core, and their clocks are hardly ever met.
    taken = samples([(4, 2, 1, 0, 0)], cores=1)
    for name in ("ran_s", "wanted_s"):
        taken.columns[name] *= 0.3
    taken.columns["runnable"][0] = 2.0
    (one,) = stretches(taken)
    assert (one.cpu_s, one.busy_s) == (pytest.approx(4.0), pytest.approx(4.0))
    assert one.parallel == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(("ran", "threads"), [(2.0, 2), (1.5, 3)])
def test_a_thread_that_is_met_now_and_then_does_not_make_the_others_wait(ran, threads):
    # Two threads keep two cores busy, and looks sometimes meet a third; three that take turns could not.
    taken = samples([(4, 2, ran, 0, 0)], cores=2)
    taken.columns["runnable"][2::4] = 3.0
    (one,) = stretches(taken)
    assert (one.threads, one.busy_s) == (threads, pytest.approx(4.0, rel=0.01))
    pace = 1.0 / (1.0 - one.parallel / 2.0)
    assert one.cpu_s == pytest.approx(pace * one.busy_s, rel=0.01), "the work fits into the time that it took"


def test_time_that_a_neighbour_s_machine_took_is_not_waiting():
    # Of each tenth of a second 0.03 are stolen: no thread's clock moves, and no look finds it idle.
    taken = samples([(0.4, 0.7, 0.7, 0, 0)], cores=1)
    taken.columns["runnable"][:] = 1.0
    taken.columns["stolen_s"] = 0.3 * taken.columns["time_s"]
    taken.columns["core_busy_s"] = taken.columns["cpu_s"] + taken.columns["stolen_s"]
    found = demands(taken, HOST, "integer")
    assert sum(one.stretch.alone_s for one in found) == pytest.approx(0.28, rel=0.01)
    text = workload_text(taken, found, HOST, "job", "2026-11-21")
    doubts = tomllib.loads(text)["workload"]["recorded"]["doubts"]
    assert [words for words in doubts if "other virtual machines took 0.30 cores" in words]


def test_a_job_without_a_window_on_its_memory_asks_for_none():
    (one,) = demands(samples([(10, 1, 1, 0, 0)]), HOST, "integer")
    assert (one.memory, one.stream_gb) == ("unseen", 0.0)


def test_what_others_took_is_put_right():
    # four threads want to run and get two of four cores, because others have the other two
    crowded = samples([(10, 4, 2, 0, 0)])
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
