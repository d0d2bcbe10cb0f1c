"""What a log tells of its machine: processor, maker, cores and threads, out of names and notes of each tool."""

import pytest

from spacegrey.logs.host import Host, host_of
from spacegrey.logs.read import read_log


@pytest.mark.parametrize(
    ("format_", "host"),
    [
        ("hwinfo", Host("a chip", cores=2)),
        ("hardware-monitor", Host(maker="Intel", cores=1)),
        ("turbostat", Host(cores=2, threads=2, complete=True)),
        ("powermetrics", Host(maker="Intel")),
        ("energibridge", Host(threads=1)),
        ("sensors", Host(maker="Intel", cores=1, complete=True)),
        ("power-gadget", Host(maker="Intel")),
        ("spacegrey", Host()),
    ],
)
def test_each_tool_tells_what_it_can(made, format_, host):
    assert read_log(made(format_)).host == host


@pytest.mark.parametrize(
    ("format_", "names", "host"),
    [
        ("hwinfo", [f"{kind}-core {core} Clock [MHz]" for core in range(4) for kind in "PE"], Host(cores=8)),
        ("hwinfo", [f"Core {core} T{one} Usage [%]" for core in range(4) for one in (0, 1)], Host(threads=8)),
        ("hwinfo", ["CPU (Tctl/Tdie) [°C]"], Host(maker="AMD")),
        ("hardware-monitor", [f"/amdcpu/0/clock/{core} Core #{core}" for core in range(1, 7)],
         Host(maker="AMD", cores=6)),
        ("powermetrics", [f"cpu {core} frequency" for core in range(10)] + ["E-Cluster Power"],
         Host(maker="Apple", threads=10, complete=True)),
        ("powermetrics", [f"Core {core} C-state residency" for core in range(18)], Host(cores=18, complete=True)),
        ("prometheus", [f"node_cpu_seconds_total.{core}.idle" for core in range(36)], Host(threads=36)),
    ],
)  # fmt: skip
def test_names_of_columns_are_counted_once_each(format_, names, host):
    assert host_of(format_, [*names, *names, "nothing of it"]) == host


def test_prometheus_facts_name_processor_and_model(tmp_path):
    path = tmp_path / "scrape.prom"
    path.write_text(
        'node_cpu_info{cpu="0",model_name="Intel(R) Xeon(R) W-2140B CPU @ 3.20GHz"} 1\n'
        'node_dmi_info{product_name="iMacPro1,1"} 1\n'
        'node_power_supply_info{model_name="LNV-45N1"} 1\n'
        'node_cpu_seconds_total{cpu="0",mode="idle"} 5\nnode_cpu_seconds_total{cpu="1",mode="idle"} 5\n'
        'node_hwmon_temp_celsius{chip="platform_coretemp_0",sensor="temp1"} 50\n'
    )
    log = read_log(path)
    assert log.machine == "iMacPro1,1"
    assert log.host == Host("Intel(R) Xeon(R) W-2140B CPU @ 3.20GHz", "Intel", 0, 2)
