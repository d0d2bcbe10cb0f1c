"""The host as a machine: what is rated, written and read back."""

import errno
import os
import subprocess
import sys
import tomllib
from dataclasses import fields, replace

import pytest

from spacegrey.errors import InputError, Refusal
from spacegrey.machine.assembly import machine
from spacegrey.machine.catalog import part
from spacegrey.simulation.lowering import memory_ceiling_gb_s, storage_rates_gb_s
from spacegrey.simulation.run import simulate
from spacegrey.workload.recording import rating as rating_module
from spacegrey.workload.recording.bandwidth import copied_gb_s
from spacegrey.workload.recording.limits import Limits
from spacegrey.workload.recording.loops import CLOCKS_PER_STEP, shift_chain
from spacegrey.workload.recording.rated_machine import machine_text, read_rating
from spacegrey.workload.recording.rating import Rating, loops, rate_host

BIG = Rating(
    host='desk "two"', processor="a chip of 64 cores", date="2026-11-21", cores=64, threads=128, clock_ghz=4.5,
    all_core_ghz=3.1, integer=1.25, floating=1.1, smt_gain=0.25, core_gb_s=20.0, all_gb_s=180.0, latency_ns=120.0,
    write_gb_s=2.0, read_gb_s=3.0, read_latency_us=60.0, memory_gib=256.0, disk_tb=2.0, cache_mib=256.0,
    unseen=("this", "that"),
)  # fmt: skip
ONE = replace(BIG, cores=1, threads=1, clock_ghz=2.0, all_core_ghz=2.0, smt_gain=0.0, all_gb_s=20.0, unseen=())


def written(tmp_path, rating):
    path = tmp_path / "host.toml"
    path.write_text(machine_text(rating), encoding="utf-8")
    return path


@pytest.mark.parametrize("rating", [BIG, ONE], ids=["64 cores", "one core"])
def test_a_rating_comes_back_out_of_its_machine(tmp_path, rating):
    back = read_rating(written(tmp_path, rating))
    for field in fields(Rating):
        now, then = getattr(rating, field.name), getattr(back, field.name)
        assert then == (pytest.approx(now, rel=0.02) if isinstance(now, float) else now), field.name


@pytest.mark.parametrize("rating", [BIG, ONE], ids=["64 cores", "one core"])
def test_the_machine_has_the_rated_speeds(tmp_path, rating):
    built = machine(str(written(tmp_path, rating)))
    assert storage_rates_gb_s(built) == pytest.approx((3.0, 2.0), rel=1e-3)
    assert memory_ceiling_gb_s(built, 1) == pytest.approx(20.0, rel=0.01)
    assert memory_ceiling_gb_s(built, rating.cores) == pytest.approx(rating.all_gb_s, rel=0.02)


def test_its_assumed_cooler_never_slows_the_replay(tmp_path, own_workload):
    work = own_workload('processor = { integer_gop = 60000 }\nassumed = { processor = "ten minutes" }')
    for rating in (BIG, ONE):
        built = machine(str(written(tmp_path, rating)))
        run = simulate(work, built)
        assert run.duration_s > 60.0
        assert run.limits[0].share == pytest.approx(1.0, abs=0.01)
        assert "turbo" in run.limits[0].name


def test_fewer_cores_are_a_choice(tmp_path):
    path = written(tmp_path, BIG)
    assert machine(f"{path}:16-core").processor.cores == 16
    with pytest.raises(InputError, match="choose from: 1-core, 16-core"):
        machine(f"{path}:48-core")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a rated host"),
        ('extends = "imac-pro"\n', "not a rated host"),
        ("[machine]\nname = 3\n", "not a rated host"),
        ("[machine\n", "not TOML"),
    ],
)
def test_another_file_is_no_rating(tmp_path, text, says):
    path = tmp_path / "other.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=says):
        read_rating(path)


def test_the_rating_of_this_computer_is_possible(host):
    path, rating = host
    assert 0.5 < rating.all_core_ghz <= rating.clock_ghz < 7.0
    assert 0.1 < rating.integer < 5.0
    assert 0.1 < rating.floating < 5.0
    assert 1.0 < rating.core_gb_s <= 1.03 * rating.all_gb_s
    assert 30.0 < rating.latency_ns < 1000.0
    assert tomllib.loads(path.read_text(encoding="utf-8"))["machine"]["status"] == "illustrative"
    assert machine(str(path)).memory_gib == pytest.approx(rating.memory_gib)


def test_a_full_drive_is_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    def full(_handle, _block):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(Refusal, match=r"cannot be rated in .* 128 MiB: No space left on device"):
        rate_host(tmp_path, "2026-11-21")
    assert not list(tmp_path.iterdir())


def test_a_container_s_limits_are_in_the_rating(tmp_path, monkeypatch):
    monkeypatch.setattr(rating_module, "limits", lambda: Limits(cores=1.0, memory_gib=0.5))
    rated = rate_host(tmp_path, "2026-11-21")
    assert (rated.cores, rated.threads, rated.memory_gib) == (1, 1, 0.5)
    if len(os.sched_getaffinity(0)) > 1:
        assert [words for words in rated.unseen if "a control group leaves 1 of" in words]


def test_memory_is_rated_beside_other_programs():
    # A neighbour takes a core most of the time: what it leaves is measured, and not that it was there.
    quiet = copied_gb_s(1)
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        assert copied_gb_s(len(os.sched_getaffinity(0))) > 0.7 * quiet
    finally:
        other.kill()
        other.wait()


def test_the_unit_of_work_is_the_catalog_s():
    # The catalog's fit may move a little; the rating's unit must not stay behind.
    core, unit = part("microarchitectures", "zen3"), loops()
    assert unit.integer_rate == pytest.approx(core.rate_integer, rel=0.05)
    assert unit.float_rate == pytest.approx(core.rate_float, rel=0.05)
    assert unit.source == {"newer": "pcgamer-zen4-ipc"}
    assert "25 %" in machine_text(BIG)
    assert "1.13 times" in machine_text(BIG)


def test_the_chain_of_shifts_is_not_shortened_by_the_compiler():
    x = 88172645463325252
    for _ in range(1000):
        x = (x ^ x << 13) & 2**64 - 1
        # shifts to the right keep the sign, as the compiled loop's whole numbers do
        signed = x - 2**64 if x >> 63 else x
        x = (signed ^ signed >> 7) & 2**64 - 1
        x = (x ^ x << 17) & 2**64 - 1
    assert shift_chain(1000) & 2**64 - 1 == x
    assert CLOCKS_PER_STEP == 6
