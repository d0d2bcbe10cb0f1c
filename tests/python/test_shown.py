"""What a notebook draws of each thing: whole HTML, inline SVG, no colour of its own for text, no markup of a user's."""

import re

import numpy as np
import pytest

import spacegrey
from spacegrey.errors import InputError, Refusal
from spacegrey.notebook import Line, card, drawing, duration, listed, number, table

PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def things():
    run = spacegrey.run("cinebench-r15-loop", on="imac-pro")
    return {
        "machine": spacegrey.Machine.of("imac-pro:18-core+ambient=31C,fan=max"),
        "workload": spacegrey.Workload.of("xcode-eidolon"),
        "run": run,
        "log": spacegrey.Log.of(run),
        "sweep": spacegrey.sweep(machines="imac-pro:processor=*", workloads="cinebench-r15"),
    }


@pytest.mark.parametrize("name", ["machine", "workload", "run", "log", "sweep"])
def test_everything_shows_itself(things, name, balanced):
    page = things[name]._repr_html_()
    shown = balanced(page)
    assert "table" in shown.tags
    assert ("svg" in shown.tags) == (name != "sweep")
    assert len(page) < 60_000
    # Text is in the notebook's own colour, so a dark page needs nothing else.
    assert not re.search(r"(?<!-)color:(?!#d9661f|currentColor)", page)
    assert "background:none" in page
    assert "nan" not in shown.text.lower().split()


@pytest.mark.parametrize("name", ["machine", "workload", "run", "log"])
def test_a_picture_shows_itself_without_a_screen(things, name):
    data, size = things[name].plot()._repr_png_()
    assert data.startswith(PNG)
    width = int.from_bytes(data[16:20], "big")
    assert width == pytest.approx(2 * size["width"], abs=2), "sharp on a screen with two points for each"


def test_a_forecast_and_a_fan_curve_show_themselves(balanced):
    forecast = spacegrey.forecast("all-out", on="imac-pro")
    shown = balanced(forecast._repr_html_())
    assert "settles after" in shown.text
    assert forecast.run.verdict in shown.text
    assert shown.tags.count("svg") == len(forecast.settled)
    found = spacegrey.quiet("cinebench-r15-loop", on="imac-pro", keep=0.97)
    text = balanced(found._repr_html_()).text
    assert f"fan={found.best.curve}" in text
    assert f"{found.best.noise_dba:.1f}" in text


def test_a_line_of_text_says_what_it_is(things):
    said = {name: repr(thing) for name, thing in things.items()}
    assert said["machine"] == "Machine('imac-pro:18-core+ambient=31C,fan=max')"
    assert said["workload"] == "Workload('xcode-eidolon', 2 phases)"
    assert said["run"] == "Run('cinebench-r15-loop' on 'imac-pro': 1665 points, 308.8 s)"
    assert said["sweep"] == "Sweep('a sweep', 4 runs)"
    rows = len(things["run"].trace)
    assert said["log"].startswith(f"Log('dataframe', {rows} rows over 309 s: cpu_temp_c, cpu_power_w, ")


def test_a_sweep_draws_a_column_over_another(things):
    axis = things["sweep"].plot("cpu_temp_c_max", "score").axes[0]
    assert axis.get_xlabel() == "cpu_temp_c_max"
    assert len(axis.lines) == 4
    with pytest.raises(InputError, match="did you mean 'score'"):
        things["sweep"].plot("cpu_temp_c_max", "scor")
    with pytest.raises(InputError, match="workload holds words: a picture needs numbers"):
        things["sweep"].plot("cpu_temp_c_max", "workload")


def test_a_log_tells_what_was_wrong(balanced):
    time = np.concatenate([np.arange(50.0), np.arange(500.0, 550.0)])
    log = spacegrey.Log.of({"time_s": time, "cpu_temp_c": np.where(time == 7.0, -127.0, 40.0 + time % 9), "x": time})
    text = balanced(log._repr_html_()).text
    assert "in 1 rows outside what cpu_temp_c can be" in text
    assert "1 gap, the longest of 7 min 31 s" in text
    assert "1 column not used" in text
    assert "not in it: " in text
    with pytest.raises(InputError, match="unknown column 'fan_rpm'"):
        log.plot("fan_rpm")


def test_a_machine_shows_its_settings(things, balanced):
    text = balanced(things["machine"]._repr_html_()).text
    for fact in ("fans as fast as they go", "31 °C", "4.3 GHz on one core, 3.2 on 18"):
        assert fact in text
    figure = things["machine"].plot()
    names = [line.get_label() for line in figure.axes[0].lines]
    assert names == ["ordinary code", "heavy AVX2", "heavy AVX-512", "base clock"]
    fanless = spacegrey.Machine.of("macbook-air-m1")
    assert len(fanless.plot().axes) == 1
    assert "no fan" in fanless._repr_html_()


def test_a_workload_draws_what_each_phase_asks(things):
    figure = things["workload"].plot()
    assert [axis.get_title() for axis in figure.axes] == ["10⁹ operations", "seconds at its own pace"]
    heights = [bar.get_width() for bar in figure.axes[0].patches]
    assert heights[0] > 50 * heights[1]
    assert spacegrey.Workload.of("idle").plot()


def test_what_a_user_wrote_is_text_and_no_markup():
    evil = "<script>alert(1)</script>"
    log = spacegrey.Log.of({"time_s": [0.0, 1.0], "cpu_temp_c": [40.0, 41.0], evil: [1.0, 2.0]})
    work = spacegrey.Workload.of({"name": [evil], "processor.integer_gop": [1.0]}, name=evil)
    for page in (
        log._repr_html_(),
        work._repr_html_(),
        card(evil, evil, table([evil], [[evil]]), listed(evil, [evil])),
    ):
        assert "<script>" not in page
        assert "&lt;script&gt;" in page


def test_a_drawing_is_small_whatever_it_is_of():
    many = drawing([Line(np.sin(np.arange(400_000.0)))]).html
    assert len(many) < 6000
    assert drawing([Line(np.full(5, np.nan))]).html == ""
    flat = drawing([Line(np.full(9, 0.3) + 1e-17)], height=18).html
    assert set(re.findall(r"[ML][\d.]+ ([\d.]+)", flat)) == {"9.0"}
    rising = re.findall(r"[ML][\d.]+ ([\d.]+)", drawing([Line(np.array([1.0, 2.0, 4.0]))], height=18).html)
    assert [float(one) for one in rising] == sorted((float(one) for one in rising), reverse=True), "up is more"


def test_numbers_and_times_are_for_people():
    assert [number(one) for one in (0.0, -1234.5, 94.0, 0.00001)] == ["0", "-1,234", "94", "1e-05"]
    assert duration(3599.6) == "1 h 00 min"


def test_a_workload_that_asks_for_nothing_is_not_drawn(things):
    from dataclasses import replace

    from spacegrey.workload.shown import draw_workload

    with pytest.raises(Refusal, match="nothing to draw"):
        draw_workload(replace(things["workload"], phases=()))


def test_a_forecast_and_a_fan_curve_draw_themselves():
    forecast = spacegrey.forecast("all-out", on="imac-pro")
    assert repr(forecast).startswith("Forecast('all-out' on 'imac-pro': cpu_temp_c ")
    assert len(repr(forecast)) < 200
    axes = forecast.plot().axes
    assert [axis.get_ylabel() for axis in axes] == ["°C", "rpm", "GHz", "dBA", "W"]
    level = axes[1].lines[1].get_ydata()[0]
    assert level == forecast.settled["fan_rpm"].level
    drawn = axes[1].lines[0].get_xdata()
    assert max(one.after_s for one in forecast.settled.values()) < drawn[-1] < 0.2 * forecast.run.duration_s
    assert len(forecast.plot("fan_rpm").axes) == 1
    with pytest.raises(InputError, match="did you mean 'fan_rpm'"):
        forecast.plot("fan")
    found = spacegrey.quiet("cinebench-r15-loop", on="imac-pro", keep=0.98)
    assert f"fan={found.best.curve}" in repr(found)
    assert found.machine.environment.fan_curve == found.best.curve
    curve, noise, heat = found.plot().axes
    assert curve.lines[0].get_ydata()[0] == found.best.curve.low_rpm
    own, best = (line.get_ydata().mean() for line in noise.lines)
    assert own - best == pytest.approx(found.own.noise_dba - found.best.noise_dba, abs=0.1)
    assert heat.get_xlabel() == "time, s"


def test_names_of_lines_hide_none_of_them(things):
    for picture in (things["machine"].plot(), things["sweep"].plot("cpu_temp_c_max", "score")):
        picture.canvas.draw()
        axis = picture.axes[0]
        assert axis.get_legend().get_window_extent().y0 >= axis.get_window_extent().y1 - 1.0
