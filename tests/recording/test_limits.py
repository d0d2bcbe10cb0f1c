"""Control groups as both versions of Linux's interface write them, in folders made up for it."""

import pytest

from spacegrey.workload.recording.limits import Limits, limits


def made(tmp_path, own, files):
    groups = tmp_path / "cgroup"
    for name, text in files.items():
        (groups / name).parent.mkdir(parents=True, exist_ok=True)
        (groups / name).write_text(f"{text}\n", encoding="ascii")
    (tmp_path / "own").write_text(own, encoding="ascii")
    return limits(groups, tmp_path / "own")


@pytest.mark.parametrize(
    ("own", "files", "cores", "memory_gib"),
    [
        ("0::/\n", {"cpu.max": "max 100000", "memory.max": "max"}, None, None),
        ("0::/\n", {"cpu.max": "50000 100000", "memory.max": str(2**31)}, 0.5, 2.0),
        # the tightest on the way up
        ("0::/a/b\n", {"a/cpu.max": "150000 100000", "a/b/cpu.max": "max 100000", "cpu.max": "400000 100000"},
         1.5, None),
        ("4:memory:/x\n1:cpu,cpuacct:/x\n", {"cpu,cpuacct/x/cpu.cfs_quota_us": "200000",
         "cpu,cpuacct/x/cpu.cfs_period_us": "100000", "memory/x/memory.limit_in_bytes": str(2**30)}, 2.0, 1.0),
        ("1:cpu:/\n4:memory:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000",
         "memory/memory.limit_in_bytes": "9223372036854771712"}, None, None),
        # a container that is told the path outside
        ("0::/../../machine/x\n", {"cpu.max": "300000 100000"}, 3.0, None),
        ("nonsense\n0::\n", {"cpu.max": "nonsense", "memory.max": ""}, None, None),
    ],
)  # fmt: skip
def test_the_tightest_limit_is_found(tmp_path, own, files, cores, memory_gib):
    assert made(tmp_path, own, files) == Limits(cores, memory_gib)


@pytest.mark.parametrize(("cores", "left"), [(None, 8), (0.2, 1), (1.0, 1), (2.5, 2), (64.0, 8)])
def test_a_limit_leaves_whole_cores(cores, left):
    assert Limits(cores).of_cores(8) == left
