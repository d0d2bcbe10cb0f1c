"""Every format is known by its content, gives back what was logged, and says what was wrong with the file."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from spacegrey.errors import InputError
from spacegrey.logs.names import FORMATS, quantities, rules
from spacegrey.logs.read import format_of, read_log

COUNTERS = {"energibridge", "prometheus", "prometheus-json", "recording"}
# what each made log must be seen to suffer from
TRAPS = {
    "hwinfo": ["the head stands there 1 more time", "no. 2 is cpu_temp_c too and differs by up to 1"],
    "hwinfo, decimal commas": ["the head stands there 1 more time"],
    "power-gadget": [],
    "hardware-monitor": ["1 rows repeat the time", "1 row is cut short"],
    "energibridge": ["always outside what cpu_clock_ghz", "cpu_busy stands still for 90 of 90 rows"],
    "turbostat": ["1 rows are cut short"],
    "powermetrics": [],
    "powermetrics-plist": ["1 sample is cut short"],
    "sensors": ["no time stamps"],
    "sensors-json": ["cut off or broken after 90 samples"],
    "psutil": ["1 line is cut short"],
    "prometheus": [],
    "prometheus-json": [],
    "spacegrey": [],
    "recording": [],
}


def test_a_log_gives_back_what_was_logged(made, each, course):
    log = read_log(made(each))
    assert log.format == each.partition(",")[0]
    assert len(log) == len(course.time_s)
    assert log["time_s"] == pytest.approx(course.time_s, abs=1e-6)
    known = np.isfinite(log["cpu_temp_c"])
    assert known.sum() >= len(course.time_s) - 1
    assert log["cpu_temp_c"][known] == pytest.approx(course.temp_c[known])
    power = log["cpu_power_w"]
    # A counter tells nothing before its second row, nor where it was set back.
    lost = int(np.isnan(power).sum())
    assert lost == {"energibridge": 2}.get(each, 1 if each in COUNTERS else 0)
    told = np.isfinite(power)
    assert power[told] == pytest.approx(course.power_w[told], abs=0.01)


def test_a_log_says_what_was_wrong_with_it(made, each):
    warnings = read_log(made(each)).warnings
    for text in TRAPS[each]:
        assert any(text in warning for warning in warnings), (text, warnings)
    assert len(warnings) == len(TRAPS[each]) + (each == "hwinfo, decimal commas")


def test_fan_clock_and_load_are_in_units_of_their_names(made, course):
    log = read_log(made("hwinfo"))
    assert log["fan_rpm"] == pytest.approx(course.fan_rpm)
    assert log["cpu_clock_ghz"] == pytest.approx(course.clock_mhz / 1000)
    assert log["cpu_busy"] == pytest.approx(course.busy, abs=1e-4)
    assert [one.how for one in log.found if one.quantity == "cpu_clock_ghz"] == ["max"]


def test_samples_of_a_recording_tell_how_busy_the_cores_were(made, course):
    log = read_log(made("recording"))
    assert log["cpu_busy"][1:] == pytest.approx(course.busy[1:], abs=1e-9)
    assert log["cpu_clock_ghz"] == pytest.approx(course.clock_mhz / 1000)
    assert {"memory_b", "runnable"} <= set(log.unused)


def test_a_real_recording_is_a_log(tmp_path):
    import sys

    from spacegrey.workload.recording.lines import json_lines
    from spacegrey.workload.recording.sampling import record_command

    work = "import time\nend = time.time() + 1.5\nwhile time.time() < end: pass"
    path = tmp_path / "samples.jsonl"
    path.write_text(json_lines(record_command([sys.executable, "-c", work], 1)))
    log = read_log(path)
    assert log.format == "recording"
    assert 1.0 < log.duration_s < 30.0
    # One core that works all the time, whoever else is on it.
    assert np.nanmean(log["cpu_busy"][log["time_s"] > 0.5 * log.duration_s]) > 0.8


def test_what_no_rule_names_is_shown_and_left_alone(made):
    log = read_log(made("hwinfo"))
    assert "+12V [V]" in log.unused
    assert "wall_power_w" in log.missing()


def test_a_rule_of_the_user_comes_first(made, tmp_path):
    own = tmp_path / "own.toml"
    own.write_text("[[rule]]\nformat = 'hwinfo'\nmatch = '\\+12V \\[V\\]'\nquantity = 'system_power_w'\nscale = 10.0\n")
    assert read_log(made("hwinfo"), names=own)["system_power_w"] == pytest.approx(121.0)
    own.write_text("[[rule]]\nformat = 'hwinfo'\nmatch = '('\nquantity = 'cpu_temp_c'\n")
    with pytest.raises(InputError, match=r"own.toml:3: match: is not a regular expression"):
        read_log(made("hwinfo"), names=own)
    own.write_text("[[rule]]\nformat = 'hwinfo'\nmatch = 'x'\nquantity = 'cpu_tmp_c'\n")
    with pytest.raises(InputError, match="did you mean 'cpu_temp_c'"):
        read_log(made("hwinfo"), names=own)


def test_the_model_of_the_machine_is_read_where_it_stands(made):
    assert read_log(made("powermetrics")).machine == "iMacPro1,1"
    assert read_log(made("powermetrics-plist")).machine == "iMacPro1,1"


def test_a_file_without_times_takes_the_period_that_is_given(made):
    log = read_log(made("sensors"), period_s=10.0)
    assert log.timed
    assert log.period_s == 10.0
    assert not read_log(made("sensors")).timed


def test_gaps_are_found(made, course):
    course.time_s[40:] += 300.0
    log = read_log(made("turbostat"))
    assert log.gaps() == [(39.0, 340.0)]


def test_a_head_that_changes_on_the_way_is_followed(made, course):
    path = made("spacegrey")
    lines = path.read_text().splitlines()
    swapped = ["time_s,cpu_power_w,cpu_temp_c", *(f"{b[0]},{b[2]},{b[1]}" for b in (x.split(",") for x in lines[50:]))]
    path.write_text("\n".join(lines[:50] + swapped))
    log = read_log(path)
    assert log["cpu_temp_c"] == pytest.approx(course.temp_c)
    assert any("head changes after 49 rows" in warning for warning in log.warnings)


def test_rows_that_step_back_are_left_out_and_many_are_refused(made, course):
    course.time_s[10] -= 5.0
    log = read_log(made("turbostat"))
    assert len(log) == len(course.time_s) - 1
    assert any("1 rows are earlier" in warning for warning in log.warnings)
    course.time_s = course.time_s[::-1].copy()
    with pytest.raises(InputError, match="time runs backwards: 89 of 90 rows"):
        read_log(made("turbostat"))


def test_sensors_that_are_dead_are_left_out(made, course):
    course.temp_c[:] = -127.0
    with pytest.raises(InputError, match="no column is known"):
        read_log(made("sensors-json", _only_temperature(course)))


def _only_temperature(course):
    course.power_w[:] = np.nan
    return course


def test_decimal_commas_between_commas_are_refused(tmp_path):
    path = tmp_path / "log"
    path.write_text('Date,Time,"CPU Package [C]","CPU Package Power [W]","A [V]"\n1.1.2024,1:00:00,45,5,60,1,1,2,3\n')
    with pytest.raises(InputError, match="decimal commas between commas"):
        read_log(path)


def test_a_log_becomes_a_table_with_units(made, tmp_path):
    table = read_log(made("prometheus-json")).to_arrow()
    assert table.schema.field("cpu_temp_c").metadata == {
        b"unit": b"degC",
        b"meaning": b"processor package, or its hottest core",
    }
    assert table["cpu_temp_c"].null_count == 1
    pq.write_table(table, tmp_path / "log.parquet")
    again = read_log(tmp_path / "log.parquet")
    assert len(again) == len(table)


def test_a_log_draws_itself(made):
    log = read_log(made("hwinfo"))
    figure = log.plot()
    assert len(figure.axes) == len({quantities()[name].unit for name in log.columns if name != "time_s"})
    assert "cpu_temp_c" in log._repr_html_()


def test_every_format_has_rules_and_every_quantity_a_rule():
    assert all(rules(name) for name in FORMATS)
    named = {rule.quantity for name in FORMATS for rule in rules(name)}
    assert named == set(quantities())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"hello\nworld\n", "no log that is known; these are: powermetrics"),
        (b"\x00\x01\x02" * 1000, "no log that is known"),
        (b'Date,Time,"CPU Package [C]"\n', "no rows"),
        (b'{"status":"error","error":"out of range"}', "the server answered with an error: out of range"),
        (b'{"status":"success","data":{}}', "data.result is missing"),
        (b"PAR1junk", "not a saved run"),
        (b"x" * (1 << 21), "a line of more than"),
    ],
)  # fmt: skip
def test_what_is_no_log_is_one_clear_line(tmp_path, content, said):
    path = tmp_path / "log"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said) as caught:
        read_log(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_wrong_format_are_told(tmp_path, made):
    with pytest.raises(InputError, match="no such file"):
        read_log(tmp_path / "none")
    with pytest.raises(InputError, match=r"unknown format of a log 'hwinf' .did you mean 'hwinfo'"):
        read_log(made("hwinfo"), format_="hwinf")
    with pytest.raises(InputError, match="period 0 s is outside"):
        read_log(made("sensors"), period_s=0.0)


def test_the_name_of_a_file_says_nothing(made, each):
    assert format_of(made(each)) == each.partition(",")[0]
