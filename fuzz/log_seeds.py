"""Seeds of the logs' targets: short logs of the tests, and forms of each format that those do not have."""

from __future__ import annotations

import importlib.util
import io
import json
import plistlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parent.parent / "tests"
ROWS = 3


def seeds() -> Iterator[tuple[str, str, bytes]]:
    """Yield target, name and bytes of every seed."""
    yield from _tests()
    for target, name, text in _TEXTS:
        yield f"log-{target}", name, text.lstrip("\n").encode()
    yield "log-hwinfo", "utf-16", "Date,Time,CPU Package [°C]\n1.2.2024,1:00:00 PM,45\n".encode("utf-16")
    yield from _plists()
    yield from _parquets()
    yield "log", "unknown", b"hello\nworld\n"
    for target in ("powermetrics-plist", "sensors-json", "psutil", "prometheus-json", "spacegrey"):
        deep = b"<plist>" + b"<array>" * 1000 if target == "powermetrics-plist" else b'{"a":[' * 900
        yield f"log-{target}", "deep", deep
    panels = (TESTS / "edid" / "corpus.txt").read_text("ascii").splitlines()
    for number, line in enumerate(panels[::4]):
        yield "edid", f"kind-{number:02}", bytes.fromhex(line)


def _tests() -> Iterator[tuple[str, str, bytes]]:
    """Write the tests' own logs, a few rows long, with the traps that they have."""
    about = importlib.util.spec_from_file_location("conftest", TESTS / "logs" / "conftest.py")
    if about is None or about.loader is None:
        raise FileNotFoundError(TESTS)
    tests: Any = importlib.util.module_from_spec(about)
    about.loader.exec_module(tests)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        for name, write in tests.WRITERS.items():
            write(path, tests.Course(8 if name == "prometheus-json" else ROWS))
            target, _, form = name.partition(", decimal ")
            yield f"log-{target}", f"tests-{form}" if form else "tests", path.read_bytes()
            yield "log", name.replace(", ", "-").replace(" ", "-"), path.read_bytes()


def _plists() -> Iterator[tuple[str, str, bytes]]:
    core = {"cpu": 0, "idle_ratio": 0.25, "freq_hz": 3.2e9}
    clusters = [{"name": "P0-Cluster", "freq_hz": 3.2e9, "cpus": [core]}]
    power = {"cpu_power": 1200.0, "gpu_power": 30, "dram_power": 99, "combined_power": 1329, "clusters": clusters}
    apple = {"elapsed_ns": 1000000000, "hw_model": "Mac13,1", "processor": power, "gpu": {"idle_ratio": 0.9}}
    yield "log-powermetrics-plist", "apple", plistlib.dumps(apple) + b"\0" + plistlib.dumps(apple)
    bomb = b'<!DOCTYPE a [<!ENTITY a "a"><!ENTITY b "&a;&a;">]><plist><dict><key>&b;</key><true/></dict></plist>'
    yield "log-powermetrics-plist", "entities", bomb
    yield "log-powermetrics-plist", "binary", plistlib.dumps({"elapsed_ns": 1}, fmt=plistlib.FMT_BINARY)
    kinds = b"<plist><dict><key>elapsed_ns</key><integer>0x10</integer><key>timestamp</key>\
<date>2017-12-14T00:00:00Z</date><key>smc</key><dict><key>fan</key><real>1e3</real><key>cpu_die</key><integer>45\
</integer><key>a</key><data>QQ==</data><key>b</key><array><false/><string>x</string></array></dict></dict></plist>"
    yield "log-powermetrics-plist", "kinds", kinds


def _parquets() -> Iterator[tuple[str, str, bytes]]:
    columns = {"time_s": [0.0, 0.1, 0.2], "cpu_temp_c": [40.0, 41.0, None], "cpu_power_w": [5.0, 50.0, 60.0]}
    kinds: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("plain", columns, {"compression": "none", "use_dictionary": False}),
        ("packed", columns, {"compression": "zstd"}),
        ("odd", {"time_s": [0, 1, 2], "cpu_temp_c": ["a", "b", "c"], "fan_rpm": [[1.0], [2.0], None]}, {}),
    ]
    for name, table, settings in kinds:
        held = io.BytesIO()
        pq.write_table(pa.table(table), held, **settings)
        yield "log-parquet", name, held.getvalue()
    yield "log-spacegrey", "json", json.dumps({"run": "x", "trace": columns}).encode()


_TEXTS = (
    ("powermetrics", "apple", """
Machine model: Macmini9,1
*** Sampled system activity (Tue Mar  5 10:20:30 2024 +0100) (1004.21ms elapsed) ***
**** Processor usage ****
E-Cluster HW active frequency: 1017 MHz
P-Cluster HW active frequency: 3204 MHz
cpu 4 idle residency:  12.50%
cpu 5 idle residency:  99.10%
DRAM Power: 105 mW
Clusters Total Power: 3200 mW
Package Power: 3400 mW
**** GPU usage ****
GPU active frequency: 396 MHz
GPU active residency:   1.20%
*** Sampled system activity (Tue Mar  5 10:20:31 2024 +0100) (1003.00ms elapsed) ***
Combined Power (CPU + GPU + ANE): 1234 mW
CPU Power: 900 mW
"""),
    ("turbostat", "no-times", """
turbostat version 2022.07.28
Avg_MHz	Busy%	Bzy_MHz	TSC_MHz	CoreTmp	PkgTmp	GFXMHz	PkgWatt	CorWatt	GFXWatt	RAMWatt	SysWatt
812	25.00	3250	2904	61	63	300	25.42	20.10	0.25	1.50	60
80	2.00	1200	2904	40	41	300	3.42	2.10	0.05	0.90	30
"""),
    ("hwinfo", "american", """
Date,Time,"Core 0 [°C]","Core 1 [°C]","Core Clocks (avg) [MHz]","CPU PPT [W]","Ambient [°C]","PL1 Power Limit [W]",
3/31/2024,11:59:59.900 PM,45,46,3900,65.1,21,65,
4/1/2024,12:00:01 AM,45,46,3900,65.1,21,65,
"""),
    ("hwinfo", "year-first", """
Date;Time;Core 0 [C];GPU Fan [RPM];Drive Temperature [C]
2024-02-29;23:59:59;45,5;900;33
2024-03-01;00:00:00;46,5;901;33
"""),
    ("power-gadget", "windows", """
System Time,RDTSC,Elapsed Time (sec), CPU Utilization(%),CPU Frequency_0(MHz),Processor Power_0(Watt),IA Power_0(Watt)
17:49:33:588,1,0.118,  6.000,1200,   2.767,0.5
17:49:33:689,2,0.219,  12.000,2600,   12.767,9.5

Total Elapsed Time (sec) = 10.1
"""),
    ("hardware-monitor", "open", """
;/amdcpu/0/temperature/0;/amdcpu/0/power/0;/amdcpu/0/clock/0;/nvidiagpu/0/temperature/0;/hdd/0/temperature/0
Time;CPU Package;CPU Cores;CPU Core #1;GPU Core;Temperature
03/09/2024 23:59:59;61,5;20,25;3900;50;33
03/10/2024 00:00:00;62,5;21,25;3900;51;33
;/amdcpu/0/temperature/0;/amdcpu/0/power/0
Time;CPU Package;CPU Package
03/10/2024 00:00:01;63;30
"""),
    ("energibridge", "windows", """
Delta,Time,CPU_FREQUENCY_0,CPU_USAGE_0,CPU_TEMP_0,DRAM_ENERGY (J),PACKAGE_ENERGY (J),PP0_ENERGY (J),GPU0_ENERGY (mJ)
0,1700000000000,3200,10.5,45,100,1000.5,900,5000
100,1700000000100,3300,20.5,46,101,1005.5,903,6000
"""),
    ("sensors", "stamped", """
2024-03-05T10:20:30
coretemp-isa-0000
Adapter: ISA adapter
Core 0:        +45.0 C  (high = +80.0 C)
Core 1:        +46.0 C

applesmc-isa-0300
Adapter: ISA adapter
Main :      2000 RPM  (min = 2000 RPM)
TA0P:        +28.0 C
amdgpu-pci-0100
Adapter: PCI adapter
edge:         +50.0°C
PPT:           950.00 mW

1709634031.5
coretemp-isa-0000
Core 0:        +47.0 C
"""),
    ("sensors-json", "list", """
[{"timestamp": 1709634030123, "k10temp-pci-00c3": {"Tctl": {"temp1_input": 45.5}},
 "amdgpu-pci-0100": {"PPT": {"power1_average": 35.0}, "edge": {"temp1_input": 50}, "fan1": {"fan1_input": 900}}},
 {"timestamp": 1709634031123, "k10temp-pci-00c3": {"Tctl": {"temp1_input": 46.5}}, "x": null}]
"""),
    ("psutil", "rich", """
{"ts": 1709634030.5, "cpu_percent": [10.0, 20.5], "cpu_freq": [{"current": 3900.0}], "energy": {"package-0": 100}}
{"ts": "1709634031.5", "temperatures": {"k10temp": [{"label": "Tctl", "current": 45.5}]}, "fans": {"a": [["", 900]]}}
{"time_s": 1e999, "cpu_busy": true, "energy": {"package-0": 123456789012345678901234567890}}
"""),
    ("recording", "plain", """
{"time_s": 0.1, "cpu_s": 0.1, "wanted_s": 0.3, "clock_ghz": 3.9, "package_j": 100.5, "cpu_temp_c": 45}
{"time_s": 0.2, "cpu_s": 0.2, "wanted_s": 0.4, "clock_ghz": 3.8, "package_j": 103.5, "cpu_temp_c": 46}
"""),
    ("recording", "cut", """
{"time_s": 0.1, "cpu_s": 0.1, "wanted_s": 0.3, "gpu_busy": 0.5, "gpu_temp_c": 50}
{"time_s": 0.2, "cpu"""),
    ("prometheus", "plain", """
# TYPE node_thermal_zone_temp gauge
node_thermal_zone_temp{type="x86_pkg_temp",zone="2"} 45
node_cpu_seconds_total{cpu="0",mode="idle"} 1.5e+03
node_cpu_scaling_frequency_hertz{cpu="0"} 3.9e+09
DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="a\\"b"} +Inf
spacegrey_fan_rpm 1200
node_thermal_zone_temp{type="x86_pkg_temp",zone="2"} 46
node_cpu_seconds_total{cpu="0",mode="idle"} 1.6e+03
"""),
    ("prometheus", "two-packages", """
node_rapl_package_joules_total{index="0",path="a"} 100 1700000000000
node_rapl_package_joules_total{index="1",path="b"} 200 1700000000000
node_rapl_package_joules_total{index="0",path="a"} 160 1700000001000
node_rapl_package_joules_total{index="1",path="b"} 270 1700000001000
"""),
    ("prometheus-json", "vector", """
{"status":"success","data":{"resultType":"vector","result":[
{"metric":{"__name__":"node_hwmon_sensor_label","chip":"c","sensor":"temp1","label":"Tdie"},"value":[1700000000,"1"]},
{"metric":{"__name__":"node_hwmon_temp_celsius","chip":"c","sensor":"temp1"},"value":[1700000000.5,"45.5"]},
{"metric":{"__name__":"node_thermal_zone_temp","type":"x86_pkg_temp","zone":"0"},"values":[[1,"NaN"],[2,"+Inf"]]}]}}
"""),
    ("spacegrey", "head-changes", """
time_s,cpu_temp_c,cpu_power_w,gpu_temp_c
0.0,40,5,30
0.1,41,50,31
time_s,gpu_temp_c,fan_rpm
0.2,32,1200
"""),
)  # fmt: skip
