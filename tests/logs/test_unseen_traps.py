"""Traps of logs that no reader had been made for when they were first read, each made again here."""

import datetime as dt
import json
import plistlib

import numpy as np
import pytest

from spacegrey.logs.read import read_log

BEGIN = dt.datetime(2025, 3, 1, 23, 59, 56, tzinfo=dt.UTC)


@pytest.fixture
def kept(tmp_path):
    def keep(text):
        path = tmp_path / "log"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return keep


@pytest.mark.parametrize(
    "stamp",
    [
        "DATE::{at:%Y-%m-%dT%H:%M:%S}-04:00",
        "[{at:%Y-%m-%d %H:%M:%S}] sample",
        "{at:%H:%M:%S}",
        "Time: {at:%H:%M:%S}",
        "{ms:.0f}",
        "{ns:.0f}",
    ],
)
def test_stamps_before_sensors_in_other_words(kept, stamp):
    blocks = []
    for row in range(4):
        at = BEGIN + dt.timedelta(seconds=2 * row)
        shown = stamp.format(at=at, ms=at.timestamp() * 1e3, ns=at.timestamp() * 1e9)
        blocks.append(f"{shown}\ncoretemp-isa-0000\nAdapter: ISA adapter\nPackage id 0:  +{50 + row}.0°C\n")
    log = read_log(kept("\n".join(blocks)))
    assert log.timed
    assert log["time_s"] == pytest.approx([0.0, 2.0, 4.0, 6.0])
    assert log["cpu_temp_c"] == pytest.approx([50.0, 51.0, 52.0, 53.0])


def test_a_reading_is_no_time_of_day(kept):
    text = "applesmc-isa-0300\nAdapter: ISA adapter\nExhaust  : 2000 RPM\nTC0D:  +50.0°C\nin0: 12\n"
    log = read_log(kept(text + text.replace("50", "51")), period_s=1.0)
    assert log["cpu_temp_c"] == pytest.approx([50.0, 51.0])


def test_energy_counted_over_two_rows_of_one_moment_is_no_power(kept):
    times = [0, 200, 400, 401, 601, 801, 1001]
    joules = [100.0, 110.0, 120.0, 121.0, 130.0, 140.0, 150.0]
    rows = "\n".join(f"{time},{1_740_000_000_000 + time},{one}" for time, one in zip(times, joules, strict=True))
    log = read_log(kept(f"Delta,Time,PACKAGE_ENERGY (J)\n{rows}"))
    power = log["cpu_power_w"]
    assert np.isnan(power[[0, 3]]).all()  # 1 J in 1 ms is not 1000 W
    assert power[[1, 2, 4, 5, 6]] == pytest.approx([50.0, 50.0, 10.0 / 0.201, 50.0, 50.0])


def test_energibridge_may_tell_the_power_of_graphics(kept):
    rows = "\n".join(f"200,{1_740_000_000_000 + 200 * row},{35_000 + row},60" for row in range(5))
    log = read_log(kept(f"Delta,Time,GPU0_POWER (mWatts),GPU0_TEMPERATURE\n{rows}"))
    assert log["gpu_power_w"] == pytest.approx([35.0, 35.001, 35.002, 35.003, 35.004])


@pytest.mark.parametrize(
    ("temp", "power"),
    [
        ("CPU 0 Package [°C]", "CPU Power [W]"),
        ("CPU (Tctl/Tdie) [°C]", "CPU+SoC Power (SVI2 TFN) [W]"),
        ("CPU Die (average) [°C]", "Core+SoC+MISC Power (SVI3 TFN) [W]"),
    ],
)
def test_hwinfo_of_amd_old_and_new(kept, temp, power):
    log = read_log(kept(f'Date,Time,"{temp}","{power}","CPU 0 [°C]"\n1.1.2025,1:00:00,61,95.5,20'))
    assert log["cpu_temp_c"][0] == 61.0
    assert log["cpu_power_w"][0] == 95.5


def test_the_package_goes_before_the_sum_of_its_rails(kept):
    head = 'Date,Time,"CPU+SoC Power (SVI2 TFN) [W]","CPU Package Power (SMU) [W]","CPU Power [W]"'
    assert read_log(kept(f"{head}\n1.1.2025,1:00:00,60,75,5"))["cpu_power_w"][0] == 75.0


def test_graphics_whose_number_is_not_nought(kept):
    heads = ",/atigpu/5/temperature/0,/atigpu/5/power/0,/atigpu/5/fan/0,/atigpu/5/clock/0,/atigpu/5/load/0"
    names = 'Time,"GPU Core","GPU Total","GPU Fan","GPU Core","GPU Core"'
    log = read_log(kept(f"{heads}\n{names}\n08/16/2025 14:25:50,51,90.5,1200,1800,50"))
    found = [log[name][0] for name in ("gpu_temp_c", "gpu_power_w", "gpu_fan_rpm", "gpu_clock_ghz", "gpu_busy")]
    assert found == pytest.approx([51.0, 90.5, 1200.0, 1.8, 0.5])


def test_powermetrics_with_a_blank_before_ms(kept):
    samples = [
        f"*** Sampled system activity (Sat Mar  1 23:59:{40 + row} 2025 +0000) (1000.25 ms elapsed) ***\n"
        f"CPU Power: {900 + row} mW\n" for row in range(3)
    ]  # fmt: skip
    log = read_log(kept("\n".join(samples)))
    assert log["time_s"] == pytest.approx([0.0, 1.00025, 2.0005])
    assert log["cpu_cores_power_w"] == pytest.approx([0.9, 0.901, 0.902])


def test_a_property_list_that_tells_energy_only(kept):
    samples = [
        plistlib.dumps({"elapsed_ns": 500_000_000, "hw_model": "Macmini9,1", "timestamp": BEGIN.replace(tzinfo=None),
                        "processor": {"package_energy": 9000 + row, "cpu_energy": 8000, "gpu_energy": 500}})
        for row in range(3)
    ]  # fmt: skip
    log = read_log(kept(b"\0".join(samples)))
    assert log["cpu_power_w"] == pytest.approx([18.0, 18.002, 18.004])  # mJ over half a second
    assert log["cpu_cores_power_w"] == pytest.approx(16.0)
    assert log["gpu_power_w"] == pytest.approx(1.0)


def test_a_power_goes_before_an_energy(kept):
    table = {"elapsed_ns": 1_000_000_000, "processor": {"cpu_energy": 8000, "cpu_power": 7500.0}}
    assert read_log(kept(plistlib.dumps(table)))["cpu_cores_power_w"][0] == 7.5


def test_names_that_scripts_around_psutil_use(kept):
    rows = [{"timestamp": 1_740_000_000 + row, "cpu_usage": 50.0, "cpu_temp": 60.0 + row, "package_power_w": 44.0,
             "cpu_freq_mhz": 3400, "fan_speed_rpm": 1500} for row in range(3)]  # fmt: skip
    log = read_log(kept("\n".join(json.dumps(row) for row in rows)))
    assert log["cpu_temp_c"] == pytest.approx([60.0, 61.0, 62.0])
    found = [log[name][0] for name in ("cpu_busy", "cpu_power_w", "cpu_clock_ghz", "fan_rpm")]
    assert found == pytest.approx([0.5, 44.0, 3.4, 1500.0])


def test_an_older_node_exporter_writes_labels_small_and_cores_have_energy_of_their_own(kept):
    def scrape(row):
        return [
            'node_hwmon_sensor_label{chip="platform_coretemp_0",label="core_0",sensor="temp2"} 1',
            'node_hwmon_sensor_label{chip="platform_coretemp_0",label="package_id_0",sensor="temp1"} 1',
            'node_hwmon_sensor_label{chip="nvme_nvme0",label="composite",sensor="temp1"} 1',
            f'node_hwmon_temp_celsius{{chip="platform_coretemp_0",sensor="temp2"}} {90 + row}',
            f'node_hwmon_temp_celsius{{chip="platform_coretemp_0",sensor="temp1"}} {50 + row}',
            'node_hwmon_temp_celsius{chip="nvme_nvme0",sensor="temp1"} 42.85',
            f'node_rapl_package_joules_total{{index="0",path="intel-rapl:0"}} {60 * row}',
            f'node_rapl_package_joules_total{{index="0",path="intel-rapl-mmio:0"}} {60 * row}',
            f'node_rapl_core_joules_total{{index="0",path="intel-rapl:0:0"}} {40 * row}',
        ]

    log = read_log(kept("\n".join(line for row in range(4) for line in scrape(row))), period_s=1.0)
    assert log["cpu_temp_c"] == pytest.approx([50.0, 51.0, 52.0, 53.0])
    assert log["cpu_power_w"][1:] == pytest.approx(60.0)  # one package, shown in two places
    assert log["cpu_cores_power_w"][1:] == pytest.approx(40.0)
    assert log["storage_temp_c"][0] == pytest.approx(42.85)


def test_a_meter_that_stands_in_one_place_only_is_taken_there(kept):
    lines = [f'node_rapl_package_joules_total{{index="0",path="/sys/intel-rapl-mmio:0"}} {9 * row}' for row in range(3)]
    assert read_log(kept("\n".join(lines)), period_s=1.0)["cpu_power_w"][1:] == pytest.approx(9.0)


def test_a_range_query_holds_the_same_names(kept):
    def series(name, values, **labels):
        pairs = [[second, str(one)] for second, one in enumerate(values)]
        return {"metric": {"__name__": name, **labels}, "values": pairs}

    result = [
        series("node_hwmon_chip_names", [1], chip="0000:03:00_0", chip_name="amdgpu"),
        series("node_hwmon_power_watt", [90.5, 91.5], chip="0000:03:00_0", sensor="power1"),
        series("node_hwmon_temp_celsius", [42, 43], chip="nvme_nvme0", sensor="temp1"),
        series("node_rapl_core_joules_total", [0, 40], index="0", path="intel-rapl:0:0"),
        series("node_rapl_package_joules_total", [0, 60], index="0", path="intel-rapl:0"),
    ]
    log = read_log(kept(json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})))
    assert log["gpu_power_w"] == pytest.approx([90.5, 91.5])
    assert log["storage_temp_c"] == pytest.approx([42.0, 43.0])
    assert log["cpu_cores_power_w"][1] == pytest.approx(40.0)
