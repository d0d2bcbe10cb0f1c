"""Logs of every format, made here with the traps that real ones have."""

import datetime as dt
import json
import plistlib

import numpy as np
import pytest

ROWS = 90
BEGIN = dt.datetime(2024, 3, 9, 23, 59, 20, tzinfo=dt.UTC)


class Course:
    """A machine that is busy, idle and busy again: what each log must give back."""

    def __init__(self, rows=ROWS, period_s=1.0):
        self.time_s = np.arange(rows) * period_s
        on = (np.arange(rows) // 20) % 2 == 0
        self.power_w = np.where(on, 60.5, 8.25) + np.arange(rows) % 3
        self.temp_c = np.empty(rows)
        temp = 30.0
        for row in range(rows):
            temp += (30.0 + 0.8 * self.power_w[row] - temp) * 0.1 * period_s
            self.temp_c[row] = round(temp)
        self.busy = np.where(on, 0.985, 0.03) - 0.001 * (np.arange(rows) % 7)
        self.clock_mhz = np.where(on, 3900.0, 1200.0)
        self.fan_rpm = 1000.0 + np.arange(rows)

    def stamps(self):
        return [BEGIN + dt.timedelta(seconds=float(second)) for second in self.time_s]


def _hwinfo(path, course, sign=",", point="."):
    """Latin-1, a name twice, a comma at the end, and a footer with the head again and a row of devices."""
    head = ["Date", "Time", "CPU Package [°C]", "CPU Package [°C]", "CPU Package Power [W]", "Core #0 Clock [MHz]",
            "Core #1 Clock [MHz]", "Total CPU Usage [%]", "CPU [RPM]", "Core #0 Thermal Throttling [Yes/No]",
            "+12V [V]"]  # fmt: skip
    quoted = sign.join([*head[:2], *(f'"{name}"' for name in head[2:]), ""])
    lines = [quoted]
    for row, stamp in enumerate(course.stamps()):
        numbers = [course.temp_c[row], course.temp_c[row] + 1, course.power_w[row], course.clock_mhz[row] - 100,
                   course.clock_mhz[row], 100 * course.busy[row], course.fan_rpm[row]]  # fmt: skip
        fields = [f"{number:.3f}".replace(".", point) for number in numbers]
        day, moment = f"{stamp.day}.{stamp.month}.{stamp.year}", f"{stamp:%H:%M:%S}.{stamp.microsecond // 1000:03}"
        lines.append(sign.join([day, moment, *fields, "No", "12.1".replace(".", point), ""]))
    lines += [quoted, sign.join(["", "", *["CPU [#0]: a chip"] * 9, ""])]
    path.write_bytes("\r\n".join(lines).encode("latin-1"))


def _hwinfo_comma(path, course):
    _hwinfo(path, course, ";", ",")


def _power_gadget(path, course):
    """Quoted and padded, a word misspelt, hours without a day over midnight, and a summary at the end."""
    head = ["System Time", "RDTSC", "CPU Utilization(%)", "CPU Frequency_0(MHz)", "CPU Requsted Frequency_0(MHz)",
            "Processor Power_0(Watt)", "Package Temperature_0(C)"]  # fmt: skip
    lines = [",".join(f'"{name}"' for name in head)]
    for row, stamp in enumerate(course.stamps()):
        moment = f"{stamp:%H:%M:%S}:{stamp.microsecond // 1000:03}"
        fields = [moment, "1", f"  {100 * course.busy[row]:.3f}", f" {course.clock_mhz[row]:.0f}", " 1",
                  f"   {course.power_w[row]:.3f}", f" {course.temp_c[row]:.0f}"]  # fmt: skip
        lines.append(",".join(f'"{field}"' for field in fields))
    lines += ["", '"Total Elapsed Time (sec) = 90.0"', '"Average Package Power_0 (Watt) = 2.0"']
    path.write_text("\n".join(lines), encoding="utf-8")


def _hardware_monitor(path, course):
    """Two lines of head, month before day, names that repeat, a time that repeats, and a last line cut off."""
    idents = ["", "/intelcpu/0/temperature/4", "/intelcpu/0/temperature/0", "/intelcpu/0/power/0",
              "/intelcpu/0/clock/1", "/intelcpu/0/load/0", "/lpc/nct6791d/fan/1"]  # fmt: skip
    names = ["Time", "CPU Package", "CPU Core #1", "CPU Package", "CPU Core #1", "CPU Total", "CPU Fan"]
    lines = [",".join(idents), ",".join([names[0], *(f'"{name}"' for name in names[1:])])]
    for row, stamp in enumerate(course.stamps()):
        numbers = [course.temp_c[row], course.temp_c[row] - 2, course.power_w[row], course.clock_mhz[row],
                   100 * course.busy[row], course.fan_rpm[row]]  # fmt: skip
        line = ",".join([f"{stamp:%m/%d/%Y %H:%M:%S}", *(f"{number:.7g}" for number in numbers)])
        lines += [line, line] if row == 5 else [line]
    path.write_text("\r\n".join([*lines, lines[-1][:30]]), encoding="utf-8")


def _energibridge(path, course):
    """Milliseconds, energy that counts up and is set back once, a clock that is always 0, a load that stands still."""
    lines = ["Delta,Time,CPU_ENERGY (J),CPU_TEMP_0,CPU_TEMP_1,CPU_FREQUENCY_0,CPU_USAGE_0"]
    energy = 261_000.0
    for row, stamp in enumerate(course.stamps()):
        energy += course.power_w[row]
        energy -= 262_144.0 if energy > 262_144.0 else 0.0
        milliseconds = int(stamp.timestamp() * 1000)
        fields = (1000, milliseconds, f"{energy:.6f}", course.temp_c[row] - 1, course.temp_c[row], 0, 7.00001)
        lines.append(",".join(map(str, fields)))
    path.write_text("\n".join(lines), encoding="utf-8")


def _turbostat(path, course):
    """A report on the processor, and tables whose head repeats, with a line for all cores before those of each."""
    lines = ["turbostat version 2023.03.17", "cpu0: MSR_IA32_POWER_CTL: 0x0024005d (C1E auto-promotion: DISabled)"]
    head = "Core\tCPU\tTime_Of_Day_Seconds\tBusy%\tBzy_MHz\tPkgTmp\tPkgWatt"
    for row, stamp in enumerate(course.stamps()):
        values = f"{stamp.timestamp():.6f}\t{100 * course.busy[row]:.2f}\t{course.clock_mhz[row]:.0f}"
        lines += [head, f"-\t-\t{values}\t{course.temp_c[row]:.0f}\t{course.power_w[row]:.2f}"]
        lines += [f"{core}\t{core}\t{values}\t{course.temp_c[row] - 9:.0f}" for core in range(2)]
    path.write_text("\n".join([*lines, "-\t-\t17"]), encoding="utf-8")


def _powermetrics(path, course):
    """Stamps of whole seconds with a zone, spans in ms, watts on Intel; the model is named."""
    lines = ["Machine model: iMacPro1,1", "OS version: 20D80", ""]
    for row, stamp in enumerate(course.stamps()):
        lines += [
            f"*** Sampled system activity ({stamp:%a %b %d %H:%M:%S %Y} +0000) (1000.00ms elapsed) ***",
            "",
            "**** Processor usage ****",
            f"Intel energy model derived package power (CPUs+GT+SA): {course.power_w[row]:.2f}W",
            f"System Average frequency as fraction of nominal: 97.12% ({course.clock_mhz[row]:.2f} Mhz)",
            f"CPU 0 duty cycles/s: active/idle [< 16 us: 1.0/2.0] cpu 0 idle residency: {3}%",
            "**** SMC sensors ****",
            f"CPU die temperature: {course.temp_c[row]:.2f} C",
            f"Fan: {course.fan_rpm[row]:.1f} rpm",
            "GPU Power: 3 mW",
            "GPU Power: 3 mW",
        ]
    path.write_text("\n".join(lines), encoding="utf-8")


def _powermetrics_plist(path, course):
    """Property lists with zero bytes between; the last is cut off."""
    pieces = [
        plistlib.dumps({
            "elapsed_ns": 1_000_000_000,
            "timestamp": stamp.replace(tzinfo=None),
            "hw_model": "iMacPro1,1",
            "processor": {"package_watts": float(course.power_w[row]), "freq_hz": float(course.clock_mhz[row]) * 1e6},
            "smc": {"cpu_die": float(course.temp_c[row]), "fan": float(course.fan_rpm[row])},
        })
        for row, stamp in enumerate(course.stamps())
    ]  # fmt: skip
    path.write_bytes(b"\0".join([*pieces, pieces[-1][:100]]))


def _sensors(path, course):
    """No times; a sensor of -127, one of 0, degrees, and limits in brackets."""
    blocks = [
        "acpitz-acpi-0\nAdapter: ACPI interface\ntemp1:        -127.0°C\n\n"
        "coretemp-isa-0000\nAdapter: ISA adapter\n"
        f"Package id 0:  +{course.temp_c[row]:.1f}°C  (high = +86.0°C, crit = +100.0°C)\n"
        "Core 0:         +0.0°C\n\n"
        f"RAPL-virtual-0\nAdapter: Virtual device\nPackage:      {course.power_w[row]:.2f} W  (max = 95.00 W)\n\n"
        f"applesmc-isa-0300\nAdapter: ISA adapter\nExhaust  :   {course.fan_rpm[row]:.0f} RPM  (min = 900 RPM)\n---\n"
        for row in range(len(course.time_s))
    ]
    path.write_text("".join(blocks), encoding="utf-8")


def _sensors_json(path, course):
    """One object after the other, without commas, and the last cut off."""
    texts = [
        json.dumps({
            "time": stamp.timestamp(),
            "coretemp-isa-0000": {"Adapter": "ISA adapter", "Package id 0": {"temp1_input": float(course.temp_c[row])}},
            "RAPL-virtual-0": {"Package": {"power1_input": float(course.power_w[row])}},
        }, indent=1)
        for row, stamp in enumerate(course.stamps())
    ]  # fmt: skip
    path.write_text("\n".join([*texts, texts[-1][:40]]), encoding="utf-8")


def _psutil(path, course):
    """Named tuples as lists, a NaN, and a last line cut off."""
    lines = [
        json.dumps({
            "time": stamp.isoformat(),
            "cpu_percent": 100 * course.busy[row],
            "cpu_freq": {"current": course.clock_mhz[row], "min": 800.0, "max": 4500.0},
            "sensors_temperatures": {"coretemp": [["Package id 0", float(course.temp_c[row]), 86.0, 100.0]]},
            "sensors_fans": {"applesmc": [{"label": "Exhaust", "current": float(course.fan_rpm[row])}]},
            "cpu_power_w": float(course.power_w[row]),
            "disk": float("nan"),
        })
        for row, stamp in enumerate(course.stamps())
    ]  # fmt: skip
    path.write_text("\n".join([*lines, lines[-1][:50]]), encoding="utf-8")


def _prometheus(path, course):
    """Scrapes one after the other with milliseconds, labels of sensors apart, energy that counts up."""
    lines, energy = [], 0.0
    for row, stamp in enumerate(course.stamps()):
        at, energy = int(stamp.timestamp() * 1000), energy + float(course.power_w[row])
        chip = 'chip="platform_coretemp_0",sensor="temp1"'
        lines += [
            "# HELP node_hwmon_sensor_label Label for given chip and sensor",
            f'node_hwmon_sensor_label{{{chip},label="Package id 0"}} 1 {at}',
            f"node_hwmon_temp_celsius{{{chip}}} {course.temp_c[row]} {at}",
            f'node_rapl_package_joules_total{{index="0",path="/sys"}} {energy} {at}',
            f'node_hwmon_fan_rpm{{chip="x",sensor="fan1"}} {course.fan_rpm[row]} {at}',
        ]
    path.write_text("\n".join(lines), encoding="utf-8")


def _prometheus_json(path, course):
    """The answer to a range query, values as text, one of them NaN."""
    at = [stamp.timestamp() for stamp in course.stamps()]
    temps = [[one, str(value)] for one, value in zip(at, course.temp_c, strict=True)]
    temps[7][1] = "NaN"
    joules = [[one, str(value)] for one, value in zip(at, np.cumsum(course.power_w), strict=True)]
    chip = {"chip": "platform_coretemp_0", "sensor": "temp1"}
    result = [
        {"metric": {"__name__": "node_hwmon_temp_celsius", **chip}, "values": temps},
        {"metric": {"__name__": "node_rapl_package_joules_total", "index": "0", "path": "/sys"}, "values": joules},
    ]
    answer = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    path.write_text(json.dumps(answer), encoding="utf-8")


def _own_csv(path, course):
    rows = [
        f"{second},{temp},{power}"
        for second, temp, power in zip(course.time_s, course.temp_c, course.power_w, strict=True)
    ]
    path.write_text("\n".join(["time_s,cpu_temp_c,cpu_power_w", *rows]), encoding="utf-8")


def _recording(path, course):
    """Samples of `spacegrey record`: energy that counts up, cores and bytes that are no quantity of a log."""
    energy = np.concatenate([[0.0], np.cumsum(course.power_w[1:])])
    busy = 4.0 * np.concatenate([[0.0], np.cumsum(course.busy[1:])])
    rows = zip(course.time_s, energy, course.temp_c, course.clock_mhz, busy, strict=True)
    lines = [
        json.dumps({
            "time_s": float(second), "cpu_s": float(second), "wanted_s": float(second), "runnable": 2,
            "memory_b": 10**9, "package_j": float(joules), "cpu_temp_c": float(temp), "clock_ghz": mhz / 1000,
            "core_busy_s": float(share), "cores": 4,
        })
        for second, joules, temp, mhz, share in rows
    ]  # fmt: skip
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


WRITERS = {
    "hwinfo": _hwinfo,
    "hwinfo, decimal commas": _hwinfo_comma,
    "power-gadget": _power_gadget,
    "hardware-monitor": _hardware_monitor,
    "energibridge": _energibridge,
    "turbostat": _turbostat,
    "powermetrics": _powermetrics,
    "powermetrics-plist": _powermetrics_plist,
    "sensors": _sensors,
    "sensors-json": _sensors_json,
    "psutil": _psutil,
    "prometheus": _prometheus,
    "prometheus-json": _prometheus_json,
    "spacegrey": _own_csv,
    "recording": _recording,
}


@pytest.fixture
def course():
    return Course()


@pytest.fixture
def made(tmp_path, course):
    """Write a log of a format and return its path."""

    def write(name, given=course):
        path = tmp_path / "log"
        WRITERS[name](path, given)
        return path

    return write


@pytest.fixture(params=list(WRITERS))
def each(request):
    return request.param
