"""What a fuzzer's short inputs do not show: long lines that are right, heads that change, words that are shown."""

import json

import pytest

from spacegrey.errors import InputError
from spacegrey.logs.read import read_log

LINE = 1 << 20


def test_an_answer_of_prometheus_on_one_long_line_is_read(tmp_path):
    values = [[second, f"{900 + second % 7}.25"] for second in range(70_000)]
    result = [{"metric": {"__name__": "spacegrey_fan_rpm"}, "values": values}]
    path = tmp_path / "log"
    path.write_text(json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}))
    assert path.stat().st_size > LINE
    log = read_log(path)
    assert log.format == "prometheus-json"
    assert len(log) == 70_000


def test_an_export_of_ours_on_one_long_line_is_read(tmp_path):
    rows = 60_000
    trace = {"time_s": [0.1 * row for row in range(rows)], "cpu_temp_c": [40.0 + row % 50 for row in range(rows)]}
    path = tmp_path / "log"
    path.write_text(json.dumps({"run": {}, "trace": trace}))
    assert path.stat().st_size > LINE
    assert len(read_log(path)) == rows


def test_times_are_read_where_the_last_head_has_them(tmp_path):
    path = tmp_path / "log"
    path.write_text("x,time_s,cpu_temp_c\n1,0,40\n1,1,41\nx,cpu_temp_c,time_s\n1,42,2\n1,43,3\n")
    log = read_log(path, format_="spacegrey")
    assert log["time_s"].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert log["cpu_temp_c"].tolist() == [40.0, 41.0, 42.0, 43.0]


def test_a_word_of_a_file_is_shown_on_one_line(tmp_path):
    path = tmp_path / "log"
    path.write_text('{"time": 1, "a\\n\\u001b[31m": 2}\n')
    with pytest.raises(InputError) as refused:
        read_log(path)
    assert str(refused.value).endswith("the first are: time, a??[31m")
    path.write_text('{"time": 1, "fan_rpm": 900, "\\ud800": 2}\n')
    assert "?" in read_log(path).unused


def test_times_that_no_float_can_tell_apart_are_one(tmp_path):
    path = tmp_path / "log"
    path.write_text("time_s,cpu_temp_c\n-9e10,40\n0,41\n1e-6,42\n")
    log = read_log(path)
    assert log["time_s"].tolist() == [0.0, 9e10]
    assert any("repeat the time" in warning for warning in log.warnings)


def test_times_that_cannot_be_are_left_out(tmp_path):
    path = tmp_path / "log"
    path.write_text("time_s,cpu_temp_c\n0,40\n1e308,41\n-1e308,42\n1,43\n")
    log = read_log(path)
    assert log["cpu_temp_c"].tolist() == [40.0, 43.0]
    assert any("2 rows have no readable time" in warning for warning in log.warnings)


def test_a_log_whose_only_reading_is_dead_is_refused(tmp_path):
    path = tmp_path / "log"
    path.write_text("Bzy_MHz Busy%\n" + "0 50.00\n" * 90)
    with pytest.raises(InputError, match="every reading is dead"):
        read_log(path)


def test_a_number_with_a_line_in_it_is_none(tmp_path):
    path = tmp_path / "log"
    path.write_text("time_s,cpu_temp_c\n0,40\n1,4_1\n")
    assert read_log(path)["cpu_temp_c"].tolist()[0] == 40.0
    assert [one.rows for one in read_log(path).found] == [1]


@pytest.mark.parametrize("scale", [1, 10**3, 10**6, 10**9])
def test_times_since_1970_are_seconds_or_parts_of_them(tmp_path, scale):
    path = tmp_path / "log"
    rows = [{"time": (1_700_000_000 + second) * scale, "fan_rpm": 900 + second} for second in range(3)]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert read_log(path)["time_s"] == pytest.approx([0.0, 1.0, 2.0], abs=1e-5)
