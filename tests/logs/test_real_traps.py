"""Traps that logs of real machines were seen to have, each made again here."""

import datetime as dt
import json

import numpy as np
import pytest

from spacegrey.errors import InputError
from spacegrey.logs.read import read_log

BEGIN = dt.datetime(2025, 6, 5, 20, 17, 36, 401_000, tzinfo=dt.UTC)


@pytest.fixture
def kept(tmp_path):
    def keep(text, encoding="utf-8"):
        path = tmp_path / "log"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return keep


def _table(head, rows):
    return "\n".join([",".join(head), *(",".join(map(str, row)) for row in rows)])


def test_hwinfo_with_date_and_time_in_one_column_whose_milliseconds_are_not_padded(kept):
    stamps = [BEGIN + dt.timedelta(seconds=0.203 * row) for row in range(40)]
    assert any(one.microsecond < 100_000 for one in stamps)
    rows = [
        (f"{one:%Y-%m-%d %H:%M:%S}.{one.microsecond // 1000}03Z", 50 + number, 60 + number)
        for number, one in enumerate(stamps)
    ]
    head = ["Date/Time", '"CPU (Tctl/Tdie) [°C]"', '"CPU Package Power [W]"']
    log = read_log(kept(_table(head, [*rows, head, ("", "System: a board", "")]), "latin-1"))
    assert log.format == "hwinfo"
    assert log["time_s"] == pytest.approx([0.203 * row for row in range(40)], abs=0.0011)
    assert log["cpu_power_w"] == pytest.approx(np.arange(60.0, 100.0))


def test_hwinfo_in_one_column_may_write_whole_milliseconds(kept):
    rows = [(f"2025-06-05 20:17:{row:02}.{500 + row}", 50 + row) for row in range(9)]
    log = read_log(kept(_table(["Date/Time", "CPU Package [°C]"], rows)))
    assert log["time_s"] == pytest.approx([1.001 * row for row in range(9)])


def test_hwinfo_in_chinese_has_names_and_answers_in_two_encodings(kept):
    head = ["Date", "Time", '"CPU (Tctl/Tdie) [℃]"', '"CPU 封装功率 [W]"', '"核心温度 (avg) [℃]"',
            '"核心频率 (avg) [MHz]"', '"CPU 总使用率 [%]"', '"过热降频 (HTC) [Yes/No]"', '"CPU [RPM]"']  # fmt: skip
    rows = [f"22.3.2025,21:36:{row:02}.335,{50 + row},{80 + row},40,4200.0,12.5,".encode() for row in range(9)]
    text = b"\xef\xbb\xbf" + ",".join(head).encode() + b"".join(b"\r\n" + row + b"\xb7\xf1,988" for row in rows)
    log = read_log(kept(text))
    assert log["cpu_temp_c"] == pytest.approx(np.arange(50.0, 59.0))
    assert log["cpu_power_w"] == pytest.approx(np.arange(80.0, 89.0))
    assert log["cpu_cores_temp_c"] == pytest.approx(40.0)
    assert log["cpu_clock_ghz"] == pytest.approx(4.2)
    assert log["cpu_busy"] == pytest.approx(0.125)
    assert log["fan_rpm"] == pytest.approx(988.0)


@pytest.mark.parametrize("unit", ["[°C]", "[C]", "[℃]", "[Â°C]", "[\ufffdC]"])
def test_degrees_are_known_however_a_file_came_to_write_them(kept, unit):
    log = read_log(kept(f"Date,Time,CPU Package {unit}\n1.1.2025,1:00:00,45.0"))
    assert log["cpu_temp_c"][0] == 45.0


@pytest.mark.parametrize("unit", ["[°F]", "[F]", "[℉]"])
def test_fahrenheit_becomes_celsius(kept, unit):
    log = read_log(kept(f"Date,Time,CPU Package {unit}\n1.1.2025,1:00:00,113.0"))
    assert log["cpu_temp_c"][0] == pytest.approx(45.0)


def test_of_two_graphics_cards_the_columns_of_one_are_taken(kept):
    head = ["Date", "Time", "GPU Clock [MHz]", "CPU Package [°C]", "+12V [V]", "GPU Temperature [°C]", "GPU Power [W]",
            "GPU Clock [MHz]"]  # fmt: skip
    log = read_log(kept(_table(head, [("1.1.2025", "1:00:00", 300, 50, 12.1, 61, 120, 1700)])))
    assert log["gpu_clock_ghz"][0] == pytest.approx(1.7)
    assert any("'GPU Clock [MHz]' no. 2 is taken" in text for text in log.warnings)


def test_the_power_of_a_board_goes_before_that_of_graphics_on_the_processor(kept):
    head = ["Date", "Time", "GPU Temperature [°C]", "GPU ASIC Power [W]", "Total Board Power (TBP) [W]"]
    log = read_log(kept(_table(head, [("1.1.2025", "1:00:00", 61, 35, 290)])))
    assert log["gpu_power_w"][0] == 290.0


def test_a_scrape_of_many_series_is_one_row(kept):
    def scrape(row):
        return [
            'node_disk_read_bytes_total{device="sda"} 5',
            'node_disk_read_bytes_total{device="sdb"} 6',
            'node_hwmon_chip_names{chip="pci0000:00_0000:00:18_3",chip_name="k10temp"} 1',
            'node_hwmon_sensor_label{chip="pci0000:00_0000:00:18_3",label="Tctl",sensor="temp1"} 1',
            f'node_hwmon_temp_celsius{{chip="pci0000:00_0000:00:18_3",sensor="temp1"}} {50 + row}',
            f'node_rapl_package_joules_total{{index="0",path="/sys/0"}} {60 * row}',
            f'node_rapl_package_joules_total{{index="1",path="/sys/1"}} {9 * row}',
        ]

    log = read_log(kept("\n".join(line for row in range(5) for line in scrape(row))), period_s=1.0)
    assert log["cpu_temp_c"] == pytest.approx(np.arange(50.0, 55.0))
    assert log["cpu_power_w"][1:] == pytest.approx(69.0)


def test_a_processor_without_labels_goes_by_the_name_of_its_driver(kept):
    chip = {"chip": "pci0000:00_0000:00:18_3"}
    names = {"metric": {"__name__": "node_hwmon_chip_names", "chip_name": "k10temp", **chip}, "values": [[5, "1"]]}
    temps = [[second, str(50 + second)] for second in range(5)]
    metric = {"__name__": "node_hwmon_temp_celsius", "sensor": "temp1", **chip}
    result = [{"metric": metric, "values": temps}, names]
    log = read_log(kept(json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})))
    assert log["cpu_temp_c"] == pytest.approx(np.arange(50.0, 55.0))


SENSORS = "{at}\ncoretemp-isa-0000\n{adapter}Package id 0:  {temp}  (high = +86.0°C, crit = +100.0°C)\n"


@pytest.mark.parametrize(
    "stamp",
    [
        "{at:%a %b %d %H:%M:%S} UTC {at:%Y}",
        "{at:%a %d %b %Y %I:%M:%S %p} CEST",
        "=== {at:%Y-%m-%d %H:%M:%S} ===",
        "Timestamp: {at:%Y-%m-%dT%H:%M:%S}Z",
        "Every 1.0s: sensors      desk: {at:%a %b %d %H:%M:%S %Y}",
        " {at:%H:%M:%S} up 15:26,  1 user,  load average: 0.63, 0.91, 1.07",
        "{at.timestamp:.0f}",
    ],
)
def test_a_script_that_prints_the_time_before_sensors_has_timed_it(kept, stamp):
    begin = dt.datetime(2025, 6, 22, 23, 59, 50, tzinfo=dt.UTC)
    blocks = []
    for row in range(4):
        at = begin + dt.timedelta(seconds=10 * row)
        shown = f"{at.timestamp():.0f}" if stamp.startswith("{at.t") else stamp.format(at=at)
        blocks.append(SENSORS.format(at=shown, adapter="Adapter: ISA adapter\n", temp=f"+{50 + row}.0°C"))
    log = read_log(kept("\n".join(blocks)))
    assert log.timed
    assert log["time_s"] == pytest.approx([0.0, 10.0, 20.0, 30.0])
    assert log["cpu_temp_c"] == pytest.approx([50.0, 51.0, 52.0, 53.0])


def test_one_time_at_the_top_times_no_samples(kept):
    blocks = [SENSORS.format(at="2025-06-22 15:00:00" if row == 0 else "", adapter="Adapter: ISA adapter\n",
                             temp=f"+{50 + row}.0°C") for row in range(6)]  # fmt: skip
    log = read_log(kept("\n".join(blocks)), period_s=10.0)
    assert log["time_s"] == pytest.approx([0.0, 10.0, 20.0, 30.0, 40.0, 50.0])
    assert any("only 1 of 6 samples tell a time" in text for text in log.warnings)


def test_a_word_between_samples_is_no_chip(kept):
    block = SENSORS.format(at="", adapter="Adapter: ISA adapter\n", temp="+50.0°C")
    log = read_log(kept(f"--- LOAD ---\n[START of stress]\n{block}\n[END of stress]\n{block}"))
    assert len(log) == 2
    assert not any("stress" in name for name in log.unused)


def test_sensors_without_adapters_in_fahrenheit_and_raw(kept):
    plain = SENSORS.format(at="", adapter="", temp="+113.0°F")
    assert read_log(kept(plain))["cpu_temp_c"][0] == pytest.approx(45.0)
    raw = (
        "coretemp-isa-0000\nAdapter: ISA adapter\nPackage id 0:\n  temp1_input: 45.000\n  temp1_max: 86.000\n\n"
        "dell_smm-isa-0000\nAdapter: ISA adapter\nProcessor Fan:\n  fan1_input: 2100.000\n"
    )
    log = read_log(kept(raw + raw.replace("45.0", "46.0")))
    assert log["cpu_temp_c"] == pytest.approx([45.0, 46.0])
    assert log["fan_rpm"] == pytest.approx([2100.0, 2100.0])


def test_the_power_of_a_ryzen_is_that_of_its_cores_and_the_rest_of_the_chip(kept):
    text = "zenpower-pci-00c3\nAdapter: PCI adapter\nTdie:  +50.0°C\nSVI2_P_Core:  40.50 W\nSVI2_P_SoC:  9.25 W\n"
    log = read_log(kept(text))
    assert log["cpu_power_w"][0] == pytest.approx(49.75)
    assert log["cpu_cores_power_w"][0] == pytest.approx(40.5)


@pytest.mark.parametrize(("share", "watts", "left"), [(0.0, 60.0, False), (100.0, 60.0, False), (100.0, 9.0, True)])
def test_a_load_that_never_changes_while_the_power_does_is_dead(kept, share, watts, left):
    rows = [
        ("1.1.2025", f"1:{row // 60:02}:{row % 60:02}", 50, 8.0 if row % 40 < 20 else watts, share)
        for row in range(200)
    ]
    head = ["Date", "Time", "CPU Package [°C]", "CPU Package Power [W]", "Total CPU Usage [%]"]
    log = read_log(kept(_table(head, rows)))
    assert ("cpu_busy" in log) is left
    assert any("cpu_busy never changes" in text for text in log.warnings) is not left


def test_memory_that_takes_no_power_is_not_measured(kept):
    head = ["Date", "Time", "CPU Package [°C]", "Total DRAM Power [W]"]
    log = read_log(kept(_table(head, [("1.1.2025", f"1:00:{row:02}", 50, 0.0) for row in range(9)])))
    assert "memory_power_w" not in log


def test_the_clock_of_a_core_stands_in_for_one_that_is_always_nought(kept):
    head = ["Delta", "Time", "CORE0_FREQ (MHZ)", "CORE10_FREQ (MHZ)", "CPU_ENERGY (J)", "CPU_FREQUENCY_0"]
    log = read_log(kept(_table(head, [(1000, 1000 * row, 4250, 3600, 50.0 * row, 0) for row in range(9)])))
    assert log["cpu_clock_ghz"] == pytest.approx(4.25)


def test_an_older_turbostat_is_known(kept):
    text = "  CPU Avg_MHz   %Busy Bzy_MHz TSC_MHz  PkgTmp PkgWatt\n    -      24    1.48    1609    2294   45   9.50\n"
    log = read_log(kept(text))
    assert log["cpu_busy"][0] == pytest.approx(0.0148)
    assert log["cpu_temp_c"][0] == 45.0


def test_too_many_series_in_one_scrape_are_refused(kept, monkeypatch):
    monkeypatch.setattr("spacegrey.logs.samples.MOST_SCRAPED", 20)
    text = "\n".join(f'node_x{{device="{number}"}} 1' for number in range(21))
    with pytest.raises(InputError, match="more than 20 series in one scrape"):
        read_log(kept(text))
