"""Logs as their tools' documentation and users' reports show them, each a trap that a reader fell into once."""

import datetime as dt
import json
import plistlib

import pytest

from spacegrey.interfaces.cli.log import LIKELY
from spacegrey.logs.read import read_log

BEGIN = dt.datetime(2025, 6, 3, 14, 0, tzinfo=dt.UTC)
ROWS = 4


@pytest.fixture
def kept(tmp_path):
    def keep(text):
        path = tmp_path / "log"
        path.write_bytes(text if isinstance(text, bytes) else "\n".join(text).encode())
        return path

    return keep


def sampled(row):
    at = BEGIN + dt.timedelta(seconds=row)
    return f"*** Sampled system activity ({at:%a %b %d %H:%M:%S %Y} +0000) (1000.00ms elapsed) ***"


def test_cores_that_are_switched_off_are_not_busy(kept):
    lines = []
    for row in range(ROWS):
        lines += [sampled(row), "CPU 0 active residency:  60.00% (600 MHz:   0% 972 MHz: 9.6%)"]
        lines += ["CPU 0 idle residency:  40.00%", "CPU 0 down residency:   0.00%"]
        lines += ["CPU 1 active residency:   0.00%", "CPU 1 idle residency:   0.00%", "CPU 1 down residency: 100.00%"]
    assert read_log(kept(lines))["cpu_busy"] == pytest.approx(0.3)


def test_cores_that_are_switched_off_are_not_busy_in_property_lists_and_graphics_have_megahertz(kept):
    cores = [{"cpu": 0, "idle_ratio": 0.4, "down_ratio": 0.0}, {"cpu": 1, "idle_ratio": 0.0, "down_ratio": 1.0}]
    lists = [
        plistlib.dumps({
            "timestamp": (BEGIN + dt.timedelta(seconds=row)).replace(tzinfo=None),
            "processor": {"clusters": [{"name": "P0-Cluster", "cpus": cores}]},
            "gpu": {"freq_hz": 338.0, "idle_ratio": 0.98},
        })
        for row in range(ROWS)
    ]  # fmt: skip
    log = read_log(kept(b"\0".join(lists)))
    assert log["cpu_busy"] == pytest.approx(0.3)
    assert log["gpu_clock_ghz"] == pytest.approx(0.338)


def test_intel_s_cores_are_as_busy_as_their_mean_number(kept):
    lines = []
    for row in range(ROWS):
        lines += [sampled(row), "Cores Active: 97.10%", "Avg Num of Cores Active: 2.00"]
        lines += [f"Core {core} C-state residency: 10.00% (C3: 0.00% C6: 10.00% )" for core in range(8)]
    assert read_log(kept(lines))["cpu_busy"] == pytest.approx(0.25)
    package = {"avg_cores_active": 2.0, "cores": [{"core": core, "c_state_ratio": 0.1} for core in range(8)]}
    samples = [plistlib.dumps({"elapsed_ns": 10**9, "processor": {"packages": [package]}}) for _ in range(ROWS)]
    assert read_log(kept(b"\0".join(samples)))["cpu_busy"] == pytest.approx(0.25)


def turbostat(row, head, *, timed):
    """Return a table without numbers of cores: the line for all of them, then one for each."""
    at = BEGIN.timestamp() + row
    lines = [head, f"80.00\t3400\t{60 + row}\t95.0", f"90.00\t3500\t{60 + row}\t95.0", "70.00\t3300", "80.00\t3400"]
    return lines if not timed else [head, *(f"{at + 1e-4 * place:.6f}\t{one}" for place, one in enumerate(lines[1:]))]


@pytest.mark.parametrize("timed", [False, True])
def test_turbostat_that_shows_no_numbers_of_cores_has_one_row_for_all(kept, timed):
    head = ("Time_Of_Day_Seconds\t" if timed else "") + "Busy%\tBzy_MHz\tPkgTmp\tPkgWatt"
    log = read_log(kept([line for row in range(ROWS) for line in turbostat(row, head, timed=timed)]), period_s=1.0)
    assert log["cpu_temp_c"] == pytest.approx([60.0, 61.0, 62.0, 63.0])
    assert log["cpu_busy"] == pytest.approx(0.8)
    assert not any("cut" in one or "repeat" in one for one in log.warnings)


def test_turbostat_s_summary_is_all_rows_also_where_it_was_started_twice(kept):
    part = ["Busy%\tBzy_MHz\tPkgTmp\tPkgWatt", *(f"80.00\t3400\t{60 + row}\t95.0" for row in range(ROWS))]
    assert len(read_log(kept([*part, "80.00\t34"]), period_s=1.0)) == ROWS
    log = read_log(kept([*part, *part]), period_s=1.0)
    assert len(log) == 2 * ROWS
    assert not log.warnings or "own" in log.warnings[0]


def test_turbostat_in_joules_and_of_two_processors(kept):
    lines = []
    for row in range(ROWS):
        at = f"{BEGIN.timestamp() + 2 * row:.6f}"
        lines += ["Time_Of_Day_Seconds\tPackage\tCore\tCPU\tBusy%\tPkgTmp\tPkg_J\tRAM_J"]
        lines += [f"{at}\t-\t-\t-\t50.00\t70\t300.00\t20.00"]
        lines += [f"{at}\t{socket}\t0\t{socket}\t50.00\t70\t150.00\t10.00" for socket in range(2)]
    log = read_log(kept(lines))
    assert log["cpu_power_w"] == pytest.approx(150.0)
    assert log["memory_power_w"] == pytest.approx(10.0)
    said = "2 processors: cpu_temp_c is of the hottest, cpu_power_w of all together; a fit takes them for one"
    assert log.warnings == (said,)


@pytest.mark.parametrize("head", ["Busy%\tPkgWatt", "PkgWatt", "PkgTmp\tPkg_J"])
def test_turbostat_is_known_by_whatever_it_was_told_to_show(kept, head):
    rows = ["\t".join("50" for _ in head.split()) for _ in range(ROWS)]
    assert read_log(kept([head, *rows]), period_s=1.0).format == "turbostat"


def test_the_second_of_two_processors_is_told(kept):
    lines = []
    for row in range(ROWS):
        lines += [f"{BEGIN + dt.timedelta(seconds=row):%Y-%m-%d %H:%M:%S}"]
        for socket in range(2):
            lines += [f"coretemp-isa-000{socket}", f"Package id {socket}:  +{50 + 9 * socket}.0°C", ""]
    log = read_log(kept(lines))
    assert log["cpu_temp_c"] == pytest.approx(50.0)
    assert log.warnings == ("2 processors: cpu_temp_c is of the first; a fit takes them for one",)


def test_hwinfo_with_its_units_in_a_row_of_their_own(kept):
    rows = [f"3.6.2025,14:00:0{row}.000,{60 + row},95.5,3400,1500," for row in range(ROWS)]
    head, units = "Date,Time,CPU Package,CPU Package Power,Core 0 Clock,CPU,", ",,[°C],[W],[MHz],[RPM],"
    log = read_log(kept([head, units, *rows, head, units, ",,CPU [#0]: a chip,,,,"]))
    assert log["cpu_temp_c"] == pytest.approx([60.0, 61.0, 62.0, 63.0])
    assert [log[name][0] for name in ("cpu_power_w", "cpu_clock_ghz", "fan_rpm")] == pytest.approx([95.5, 3.4, 1500.0])
    assert log.host.processor == "a chip"
    assert not any("changes" in one for one in log.warnings)
    assert "Time" not in log.unused


def test_the_die_of_a_ryzen_goes_before_what_its_board_calls_the_package(kept):
    head = "Date,Time,CPU Package [°C],CPU (Tctl/Tdie) [°C]"
    log = read_log(kept([head, *(f"3.6.2025,14:00:0{row}.000,{40 + row},{60 + row}" for row in range(ROWS))]))
    assert log["cpu_temp_c"][0] == 60.0


def sensors(chips, *, as_json):
    """Write what lm-sensors says of chips with fans, as text or as data."""
    if as_json:
        return ["\n".join(
            json.dumps({"time": row, "k10temp-pci-00c3": {"Tctl": {"temp1_input": 50.0 + row}}} | {
                chip: {name: {f"fan{place}_input": rpm} for place, (name, rpm) in enumerate(fans.items(), 1)}
                for chip, fans in chips.items()
            }) for row in range(ROWS))]  # fmt: skip
    lines = []
    for row in range(ROWS):
        lines += [
            f"{BEGIN + dt.timedelta(seconds=row):%Y-%m-%d %H:%M:%S}",
            "k10temp-pci-00c3",
            f"Tctl: +{50 + row}.0°C",
        ]
        for chip, fans in chips.items():
            lines += [chip, *(f"{name}:  {rpm} RPM  (min = 0 RPM)" for name, rpm in fans.items())]
    return lines


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    ("chips", "fan", "case"),
    [
        ({"nct6798-isa-0290": {"fan1": 800, "fan2": 1500, "fan7": 2900}}, 1500.0, 800.0),
        ({"nct6798-isa-0290": {"fan1": 800, "fan2": 1500}, "asus-isa-0000": {"cpu_fan": 1490}}, 1490.0, 800.0),
        ({"it8688-isa-0a40": {"fan1": 1500, "fan2": 700}}, 1500.0, None),
        ({"cros_ec-isa-000c": {"fan1": 2100}}, 2100.0, None),
        ({"pwmfan-isa-0000": {"fan1": 3000}}, 3000.0, None),
    ],
)
def test_the_fan_of_the_processor_is_the_one_that_the_chip_has_for_it(kept, as_json, chips, fan, case):
    log = read_log(kept(sensors(chips, as_json=as_json)))
    assert log["fan_rpm"] == pytest.approx(fan)
    assert ("case_fan_rpm" in log) == (case is not None)
    assert case is None or log["case_fan_rpm"] == pytest.approx(case)


def test_small_computers_name_their_cores(kept):
    lines = []
    for row in range(ROWS):
        lines += [f"{BEGIN + dt.timedelta(seconds=row):%Y-%m-%d %H:%M:%S}"]
        for chip, temp in (("gpu", 80), ("bigcore0", 50), ("bigcore1", 55), ("littlecore", 48)):
            lines += [f"{chip}_thermal-virtual-0", f"temp1:        +{temp}.3°C  (crit = +115.0°C)", ""]
    assert read_log(kept(lines))["cpu_temp_c"] == pytest.approx(55.3)


def test_the_fan_of_a_case_is_one(kept):
    head = [
        "/intelcpu/0/temperature/4,/lpc/nct6798d/0/fan/0,/lpc/nct6798d/0/fan/1",
        "CPU Package,Chassis Fan #1,CPU Fan",
    ]
    rows = [f"06/03/2025 14:00:0{row},50,800,1500" for row in range(ROWS)]
    log = read_log(kept([f",{head[0]}", f"Time,{head[1]}", *rows]))
    assert (log["case_fan_rpm"][0], log["fan_rpm"][0]) == (800.0, 1500.0)


@pytest.mark.parametrize(
    "sample",
    [
        {
            "cpu_percent": 50.0,
            "cpu_freq": [3400.0, 800.0, 4500.0],
            "temps": {"k10temp": [["Tctl", 60.0, None, None], ["Tccd1", 58.0, None, None]]},
            "fans": {"nct6798": [["", 800], ["", 1500]], "asus": [["cpu_fan", 1490]], "pump": [["", 2900]]},
            "power": {"package_w": 95.0},
        },
        {
            "cpu": {"percent": 50.0, "freq": {"current": 3400.0}},
            "sensors": {
                "temperatures": {"coretemp": [{"label": "Package id 0", "current": 60.0, "high": 100.0}]},
                "fans": {"dell_smm": [{"label": "Processor Fan", "current": 1490}, {"label": "", "current": 2900}]},
            },
            "cpu_power": 95.0,
        },
    ],
)
def test_samples_of_psutil_however_a_script_has_packed_them(kept, sample):
    log = read_log(kept([json.dumps({"datetime": f"2025-06-03T14:00:0{row}", **sample}) for row in range(ROWS)]))
    assert log.timed
    found = [log[name][0] for name in ("cpu_busy", "cpu_clock_ghz", "cpu_temp_c", "fan_rpm", "cpu_power_w")]
    assert found == pytest.approx([0.5, 3.4, 60.0, 1490.0, 95.0])


def series(host, off):
    base = {"chip": "platform_coretemp_0", "instance": f"{host}:9100", "sensor": "temp1"}
    package = {"index": "0", "instance": f"{host}:9100", "path": "/sys/class/powercap/intel-rapl:0"}
    yield {"__name__": "node_hwmon_sensor_label", "label": f"Core {off}", **base}, lambda row: 1 + 0 * row
    yield {"__name__": "node_hwmon_temp_celsius", **base}, lambda row: 50 + off + row
    yield {"__name__": "node_rapl_package_joules_total", **package}, lambda row: (90 + off) * 15 * row
    gpu = {"__name__": "DCGM_FI_DEV_GPU_TEMP", "gpu": "0", "instance": f"{host}:9400"}  # another exporter, same machine
    yield gpu, lambda row: 40 + off + 0 * row


@pytest.mark.parametrize("as_text", [False, True])
def test_of_several_hosts_one_is_read_and_the_others_are_told(kept, as_text):
    every = [one for host, off in (("ws1", 0), ("ws2", 12), ("[::1]", 30)) for one in series(host, off)]
    if as_text:  # as a federation answers, each host with a moment of its own
        text = [
            "{}{{{}}} {} {}".format(
                tags["__name__"], ",".join(f'{key}="{one}"' for key, one in tags.items() if key != "__name__"),
                value(row), 1_749_000_000_000 + 15_000 * row + len(tags["instance"]),
            )
            for row in range(ROWS) for tags, value in every
        ]  # fmt: skip
        log = read_log(kept(text))
    else:
        result = [
            {"metric": tags, "values": [[1_749_000_000 + 15 * row, str(value(row))] for row in range(ROWS)]}
            for tags, value in every
        ]
        log = read_log(kept([json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})]))
    assert log["cpu_temp_c"] == pytest.approx([50.0, 51.0, 52.0, 53.0])
    assert log["cpu_power_w"][1:] == pytest.approx(90.0)
    assert log["gpu_temp_c"] == pytest.approx(40.0)
    assert any(one.startswith("series of 3 hosts: ws1 is read, ws2, [::1] left out") for one in log.warnings)


def test_series_whose_names_an_expression_took_are_told(kept):
    from spacegrey.errors import InputError

    result = [{"metric": {"instance": "ws1:9100"}, "values": [[1_749_000_000 + row, "90"] for row in range(ROWS)]}]
    with pytest.raises(InputError, match=r"1 series without a name.*such as rate\(\)"):
        read_log(kept([json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})]))


def test_columns_that_may_be_wanted_are_shown_first():
    likely = ["CPU-Gehäuse [°C]", "fan7 [RPM]", "Total Board Power", "TIN2 [C]", "VRM temperature"]
    assert all(LIKELY.search(name) for name in likely)
    assert not any(LIKELY.search(name) for name in ["Core 0 VID [V]", "Memory Clock [MHz]", "Framerate [FPS]"])


def test_a_pipe_is_no_missing_file(tmp_path):
    import os

    from spacegrey.errors import InputError

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="a pipe or device: save what it tells in a file"):
        read_log(tmp_path / "pipe")
